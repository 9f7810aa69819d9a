r"""What a kernel said on its serial line: bytes in, facts out. Pure; no I/O, no clock.

The serial protocol, version 1, mixes two kinds of line. Human lines are free
text. Machine lines are KTAP diagnostics that begin ``# kgen:``, then a word,
then ``key=value`` fields (integers decimal or 0x, ``msg`` last and quoted):

    # kgen:hello proto=1 name=default build=0123456789ab base=i386
    # kgen:stage i=5 of=8 name=buddy
    # kgen:panic vec=14 err=0x2 eip=0xc0100432 cr2=0x0 msg="page fault"
    # kgen:bt 0xc0100432 0xc0100018
    # kgen:exit pid=1 status=0
    # kgen:end status=pass ok=41 fail=0 skip=2

Output before ``hello`` is firmware noise, wherever on its line hello begins. Text is
UTF-8; bytes that are not UTF-8 or not printable are shown as ``\x1b``. A guest may say
anything, so nothing here raises, memory is bounded however much comes, and a machine line
that cannot be read is a *problem* on record. Machine words that this version does not
know are left alone: they may be added freely.

A line counts when its newline has come. The exception is a panic: a machine
that dies while saying so has still panicked.
"""

import re
from dataclasses import dataclass, field, replace
from typing import TypeVar

from kgen_qemu.ktap import MAX_PROBLEMS, Announced, CaseResult, KtapReader

MAX_MACHINE_LINE = 200  # bytes, from the protocol
MAX_LINE = 4096  # bytes kept of any line; the rest of it is dropped
MAX_FRAMES = 64  # addresses kept of a backtrace
MAX_FACTS = 4000  # stages, map entries or counters kept of each; 256 size classes have 1536

_MACHINE = re.compile(r"\s*# kgen:(\S*)(?: (.*))?$")
_HELLO = re.compile(r"# kgen:hello .*$")
_FIELD = re.compile(r" *([A-Za-z_][\w.]*)=([^\s\"]+)(?= |$)")
_MESSAGE = re.compile(r' *msg="(.*?)("?)$')
_INTEGER = re.compile(r"-?(?:0[xX][0-9a-fA-F]{1,16}|\d{1,20})$")


_T = TypeVar("_T")


@dataclass(frozen=True)
class Hello:
    """Who speaks: the protocol's version, the kernel's name and build id."""

    proto: int
    name: str
    build: str


@dataclass(frozen=True)
class Cpu:
    """The CPU as the kernel found it, how it flushes its TLB, and if it has large pages."""

    family: int
    policy: str
    reason: str
    pse: bool = False


@dataclass(frozen=True)
class Region:
    """An entry of the memory map: bytes, and Multiboot's type (1 is RAM)."""

    base: int
    length: int
    kind: int


@dataclass(frozen=True)
class Module:
    """A Multiboot module: where it lies (``end`` is one past it), and its name with arguments."""

    start: int
    end: int
    name: str


@dataclass(frozen=True)
class Stage:
    """A step of the boot that the kernel says it has completed."""

    index: int
    of: int
    name: str


@dataclass(frozen=True)
class Leak:
    """Allocations of the code that returns to ``site``, never freed."""

    site: int
    count: int
    bytes: int


@dataclass(frozen=True)
class Measurement:
    """What a workload of ``kgen bench`` took: its name, and its numbers by theirs."""

    name: str
    values: dict[str, int]


@dataclass(frozen=True)
class Panic:
    """The kernel's panic. Fields that it did not give are None."""

    message: str
    vector: int | None = None
    error: int | None = None
    eip: int | None = None
    cr2: int | None = None
    backtrace: tuple[int, ...] = ()


@dataclass(frozen=True)
class Exit:
    """How a process ended that was to be heard of: ``status`` is as wait(2) gives it.

    ``words`` are the line of text before that: the last that anybody said of it, or it itself.
    """

    pid: int
    status: int
    words: str = ""

    @property
    def how(self) -> str:
        """In words: ``exited with status 1``."""
        number = self.status & 0x7F
        if number:
            return f"was killed by {SIGNALS.get(number, f'signal {number}')}"
        return f"exited with status {self.status >> 8 & 0xFF}"


_SIGNALS = (
    "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP"
)
SIGNALS = {number: f"SIG{name}" for number, name in enumerate(_SIGNALS.split(), 1)}
"""Signals that may end a process, by Linux's numbers for i386."""


@dataclass(frozen=True)
class End:
    """The end marker: the kernel's own verdict and test counts."""

    status: str
    ok: int
    fail: int
    skip: int


@dataclass(frozen=True)
class Transcript:
    """Everything that a judge or a report needs of one boot."""

    hello: Hello | None = None
    cpu: Cpu | None = None
    memory_map: tuple[Region, ...] = ()
    modules: tuple[Module, ...] = ()
    stages: tuple[Stage, ...] = ()
    stats: dict[str, int] = field(default_factory=dict)
    leaks: tuple[Leak, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    tests: tuple[CaseResult, ...] = ()
    has_report: bool = False
    bail_out: str | None = None
    running: Announced | None = None
    panic: Panic | None = None
    exit: Exit | None = None
    end: End | None = None
    problems: tuple[str, ...] = ()
    last_line: str = ""

    def count(self, outcome: str) -> int:
        """How many tests ended ``ok``, ``fail`` or ``skip``."""
        return sum(test.outcome == outcome for test in self.tests)


@dataclass(frozen=True)
class Line:
    """One line as text that is safe to print; ``machine`` if it is the protocol's."""

    text: str
    machine: bool


class TranscriptParser:
    """``feed()`` bytes as they come, in pieces of any size; ``finish()`` once at the end.

    ``feed`` gives back the lines that it completed, from ``hello`` on.
    """

    def __init__(self) -> None:
        self._partial = bytearray()
        self._clipped = False
        self._ktap = KtapReader()
        self._announces = False  # the kernel says where its report and each test begin
        self._problems: list[str] = []
        self._hello: Hello | None = None
        self._hello_line = ""
        self._restarted = False
        self._cpu: Cpu | None = None
        self._map: list[Region] = []
        self._modules: list[Module] = []
        self._stages: list[Stage] = []
        self._stats: dict[str, int] = {}
        self._leaks: list[Leak] = []
        self._measurements: list[Measurement] = []
        self._panic: Panic | None = None
        self._exit: Exit | None = None
        self._end: End | None = None
        self._last_line = ""
        self._last_text = ""

    @property
    def ended(self) -> bool:
        """The end marker has come: the kernel has nothing more to say."""
        return self._end is not None

    @property
    def restarted(self) -> bool:
        """A second ``hello`` has come: the machine reset itself, and boots once more."""
        return self._restarted

    def feed(self, data: bytes) -> list[Line]:
        """Take the next bytes of the serial line."""
        lines: list[Line] = []
        *whole, rest = data.split(b"\n")
        for piece in whole:
            self._keep(piece)
            self._take_line(lines)
        self._keep(rest)
        return lines

    def finish(self) -> tuple[Transcript, list[Line]]:
        """End of the serial line. Returns the transcript, and a line that was cut short."""
        lines: list[Line] = []
        if self._partial:
            self._take_cut_line(lines)
        self._ktap.finish()
        transcript = Transcript(
            hello=self._hello,
            cpu=self._cpu,
            memory_map=tuple(self._map),
            modules=tuple(self._modules),
            stages=tuple(self._stages),
            stats=dict(self._stats),
            leaks=tuple(self._leaks),
            measurements=tuple(self._measurements),
            tests=tuple(self._ktap.tests),
            has_report=self._ktap.started,
            bail_out=self._ktap.bail_out,
            running=self._ktap.running,
            panic=self._panic,
            exit=self._exit,
            end=self._end,
            problems=(*self._problems, *self._ktap.problems),
            last_line=self._last_line,
        )
        return transcript, lines

    # Bytes to lines.

    def _keep(self, piece: bytes) -> None:
        room = MAX_LINE - len(self._partial)
        self._clipped |= len(piece) > room
        self._partial += piece[:room]

    def _drain(self) -> tuple[str, str]:
        """The line so far, a character for each byte sent, and as text safe to print.

        CRs at its end are left out, and NULs: a line that comes up or breaks yields them at will.
        """
        line = bytes(self._partial).replace(b"\0", b"").rstrip(b"\r")
        self._partial.clear()
        safe = _printable(line)
        if safe.strip():
            self._last_line = safe.removeprefix("\\x0d")  # GRUB ends lines with LF CR
        return line.decode("latin-1"), safe

    def _take_line(self, lines: list[Line]) -> None:
        clipped, self._clipped = self._clipped, False
        if self._hello is None and b"# kgen:hello" not in self._partial:
            self._drain()
            return
        raw, safe = self._drain()
        if self._hello is None:
            match = _HELLO.search(raw)
            raw = safe = match[0] if match else ""
        elif raw != self._hello_line and raw.endswith(self._hello_line):
            self._take_restart(self._hello_line)  # the reset cut a line short
        machine = _MACHINE.match(raw)
        if machine is not None and machine[1] == "panic":
            self._take_panic(machine[2] or "")  # however damaged the line may be
        if machine is None:
            self._text_line(safe)
        elif clipped or len(raw) > MAX_MACHINE_LINE:
            self._problem(f"machine line longer than {MAX_MACHINE_LINE} bytes: {safe}")
        elif safe != raw:
            self._problem(f"machine line with unprintable bytes: {safe}")
        else:
            self._machine_line(machine[1], machine[2] or "", safe)
        if self._hello is not None:
            lines.append(Line(safe, machine is not None))

    def _take_cut_line(self, lines: list[Line]) -> None:
        raw, safe = self._drain()
        if self._hello is None:
            return
        machine = _MACHINE.match(raw)
        if machine is not None:
            self._problem(f"the log stops in the middle of a machine line: {safe}")
            if machine[1] == "panic":
                self._take_panic(machine[2] or "")
        lines.append(Line(safe, machine is not None))

    # Lines to facts.

    def _text_line(self, text: str) -> None:
        self._last_text = text if text.strip() else self._last_text
        if self._ktap.line(text) and self._end is not None:
            self._problem(f"after the end marker: {text}")

    def _machine_line(self, word: str, rest: str, text: str) -> None:
        if self._end is not None:
            self._problem(f"after the end marker: {text}")
            return
        if word == "bt":
            self._backtrace(rest, text)
            return
        fields, whole = _fields(rest)
        if not whole:
            self._problem(f"malformed machine line: {text}")
            return
        try:
            self._fact(word, fields, text)
        except (KeyError, ValueError):
            self._problem(f"malformed machine line: {text}")

    def _fact(self, word: str, fields: dict[str, str], text: str) -> None:
        """Record one machine line; KeyError or ValueError for a field missing or not a number."""
        match word:
            case "hello":
                hello = Hello(_int(fields["proto"]), fields["name"], fields["build"])
                if self._hello is None:
                    self._hello, self._hello_line = hello, text
                else:
                    self._take_restart(text)
            case "cpu":
                pse = _int(fields.get("pse", "0")) != 0
                self._cpu = Cpu(_int(fields["family"]), fields["policy"], fields["reason"], pse)
            case "mmap":
                region = Region(_int(fields["base"]), _int(fields["len"]), _int(fields["type"]))
                self._bounded(self._map, region, "memory map entries")
            case "module":
                module = Module(_int(fields["start"]), _int(fields["end"]), fields["msg"])
                self._bounded(self._modules, module, "modules")
            case "stage":
                stage = Stage(_int(fields["i"]), _int(fields["of"]), fields["name"])
                self._bounded(self._stages, stage, "stages")
            case "stat":
                key, value = fields["k"], _int(fields["v"])
                if key in self._stats or len(self._stats) < MAX_FACTS:
                    self._stats[key] = value
            case "leak":
                leak = Leak(_int(fields["site"]), _int(fields["count"]), _int(fields["bytes"]))
                self._bounded(self._leaks, leak, "leaks")
            case "bench":
                name = fields.pop("name")
                taken = Measurement(name, {key: _int(value) for key, value in fields.items()})
                self._bounded(self._measurements, taken, "measurements")
            case "exit":
                self._take_exit(_int(fields["pid"]), _int(fields["status"]))
            case "tests":
                self._tests_begin()
            case "test":
                self._ktap.announced(Announced(_int(fields["i"]), fields["suite"], fields["name"]))
            case "end":
                counts = (_int(fields[key]) for key in ("ok", "fail", "skip"))
                self._end = End(fields["status"], *counts)
            case "":
                raise ValueError("no word after kgen:")

    def _tests_begin(self) -> None:
        """The kernel's own report follows: what looked like one before was the user's text."""
        if not self._announces:
            self._ktap = KtapReader()
            self._announces = True

    def _take_exit(self, pid: int, status: int) -> None:
        if self._exit is not None:
            self._problem(f"process {self._exit.pid} ended already, and process {pid} ends the run")
        self._exit = Exit(pid, status, self._last_text)

    def _take_panic(self, rest: str) -> None:
        """The first panic stands; one that follows is its echo."""
        if self._panic is None:
            fields, _ = _fields(rest)
            number = {key: _int(value) for key, value in fields.items() if _is_int(value)}
            self._panic = Panic(
                message=fields.get("msg", "no message"),
                vector=number.get("vec"),
                error=number.get("err"),
                eip=number.get("eip"),
                cr2=number.get("cr2"),
            )

    def _backtrace(self, rest: str, text: str) -> None:
        words = rest.split()
        if not all(map(_is_int, words)):
            self._problem(f"malformed machine line: {text}")
        elif (panic := self._panic) is not None:
            frames = (*panic.backtrace, *map(_int, words))[:MAX_FRAMES]
            self._panic = replace(panic, backtrace=frames)

    def _bounded(self, records: list[_T], record: _T, what: str) -> None:
        if len(records) < MAX_FACTS:
            records.append(record)
        else:
            self._problem(f"more than {MAX_FACTS} {what}; the rest is not kept")

    def _take_restart(self, hello: str) -> None:
        self._restarted = True
        self._problem(f"the kernel started again: {hello}")

    def _problem(self, text: str) -> None:
        if len(self._problems) < MAX_PROBLEMS:
            self._problems.append(text[: MAX_MACHINE_LINE + 100])


def _fields(rest: str) -> tuple[dict[str, str], bool]:
    """``key=value …`` as a dictionary, and whether all of the text could be read so."""
    fields: dict[str, str] = {}
    position = 0
    while match := _FIELD.match(rest, position):
        fields[match[1]] = match[2]
        position = match.end()
    if message := _MESSAGE.match(rest, position):
        fields["msg"] = re.sub(r"\\(.)", r"\1", message[1])
        return fields, bool(message[2])
    return fields, not rest[position:].strip()


def _printable(line: bytes) -> str:
    """A line as text: tabs and what can be printed as they are, bytes escaped otherwise."""
    text = line.decode("utf-8", "backslashreplace")
    if text.isascii() and text.isprintable():
        return text
    return "".join(char if char == "\t" or char.isprintable() else _escape(char) for char in text)


def _escape(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode())


def _is_int(text: str) -> bool:
    return _INTEGER.match(text) is not None


def _int(text: str) -> int:
    """Decimal or 0x, as the protocol has it; ValueError for anything else."""
    if not _is_int(text):
        raise ValueError(text)
    return int(text, 16 if "x" in text.lower() else 10)
