"""One verdict from the kernel's log and the end of the machine. Pure.

A pass is the conjunction of everything: QEMU's status for pass, ``status=pass``,
every stage in order, a complete plan, no panic, every ``--expect`` seen and no
``--forbid``. Where several things went wrong at once the first of these wins,
being the nearest to a cause:

    panic     the kernel says it panicked or refuses to boot, by a line or by its exit code
    reset     the machine reset itself: a triple fault
    emulator  QEMU could not start, failed, or was killed
    timeout   the deadline passed
    protocol  the log is incomplete, or contradicts itself or the exit code
    fail      a test failed, --expect was not seen or --forbid was; process 1 ended with anything
              but status 0; an instruction ran that this CPU lacks; the accounts are wrong
    pass

So a panic whose handler then hangs is still a panic, and a kernel that says
``pass`` but counts a failure is not believed in either direction (protocol).
"""

import re
from dataclasses import dataclass
from typing import Literal

from kgen_qemu.errors import Exit
from kgen_qemu.protocol import STATUS, VERSION
from kgen_qemu.transcript import Hello, Stage, Transcript

Name = Literal["pass", "fail", "panic", "timeout", "emulator", "protocol", "reset"]


@dataclass(frozen=True)
class Ending:
    """How QEMU ended.

    ``status`` is its exit status, negative for a signal, None if we had to end
    it. ``shutdown`` is QMP's reason, where it gave one. ``timed_out`` if the
    deadline of ``timeout`` seconds passed, ``deaf`` if it had closed the serial
    line and lived on. ``stderr`` is QEMU's own complaint,
    ``place`` where in the kernel the machine was at the last, empty if not known.
    ``emulator`` is its name.
    """

    status: int | None
    shutdown: str | None = None
    timed_out: bool = False
    deaf: bool = False
    timeout: float = 0.0
    stderr: str = ""
    place: str = ""
    emulator: str = "QEMU"


@dataclass(frozen=True)
class Expected:
    """The part of a kernel's manifest that a verdict needs.

    ``process``: it runs process 1, and reports how that ended.
    """

    stages: tuple[str, ...]
    build: str | None = None
    tests: bool = True
    process: bool = False
    exit_device: bool = True


@dataclass(frozen=True)
class Assertion:
    """One ``--expect`` (``wanted``) or ``--forbid``, and the first line that it matched."""

    pattern: str
    wanted: bool
    line: str | None = None

    @property
    def holds(self) -> bool:
        """Seen as wanted, or unseen as forbidden."""
        return (self.line is not None) == self.wanted


@dataclass(frozen=True)
class Verdict:
    """The outcome, and in words why it is not a pass (empty for one)."""

    name: Name
    exit_code: Exit
    reasons: tuple[str, ...] = ()


class Watch:
    """Matches assertions against lines as they come, so that no log need be kept."""

    def __init__(self, expect: tuple[str, ...] = (), forbid: tuple[str, ...] = ()) -> None:
        patterns = [(text, True) for text in expect] + [(text, False) for text in forbid]
        self._compiled = [re.compile(text) for text, _ in patterns]
        self._state = [Assertion(text, wanted) for text, wanted in patterns]

    def line(self, text: str) -> None:
        """Look at one line of the log."""
        for index, pattern in enumerate(self._compiled):
            if self._state[index].line is None and pattern.search(text):
                old = self._state[index]
                self._state[index] = Assertion(old.pattern, old.wanted, text)

    def result(self) -> tuple[Assertion, ...]:
        """Every assertion with what it has seen so far."""
        return tuple(self._state)


def judge(
    said: Transcript,
    ending: Ending,
    expected: Expected,
    assertions: tuple[Assertion, ...] = (),
    findings: tuple[str, ...] = (),
) -> Verdict:
    """The verdict on one boot; its reasons are those of the first kind in the order above.

    ``findings`` are what an audit of the boot, or of its accounts, has against it.
    """
    checks: tuple[tuple[Name, Exit, list[str]], ...] = (
        ("panic", Exit.PANIC, _panic(said, ending)),
        ("reset", Exit.RESET, _reset(said, ending)),
        ("emulator", Exit.EMULATOR, _emulator(said, ending)),
        ("timeout", Exit.TIMEOUT, _timeout(said, ending)),
        ("protocol", Exit.PROTOCOL, _protocol(said, ending, expected)),
        ("fail", Exit.FAIL, [*_fail(said, assertions), *findings]),
    )
    for name, code, reasons in checks:
        if reasons:
            return Verdict(name, code, tuple(reasons))
    return Verdict("pass", Exit.PASS)


def _panic(said: Transcript, ending: Ending) -> list[str]:
    if said.panic is not None:
        reasons = [f"the kernel panicked: {said.panic.message}"]
        if said.panic.message.startswith("boot refused"):
            reasons = [said.panic.message]
        if said.running:
            reasons.append(f"in test {said.running}")
        if ending.timed_out:
            reasons.append("and then stood still, instead of leaving with the code for panic")
        if ending.shutdown == "guest-reset":
            reasons.append("and then the machine reset itself: a fault in the panic handler")
        return reasons
    way = STATUS.get(ending.status or 0)
    if way == "panic":
        where = _progress(said) if said.hello else "before its serial line was up"
        return [f"the kernel left with the exit code for panic and no panic line, {where}"]
    if way == "refused":
        if said.hello is None and said.last_line:  # a loader, which does not speak the protocol
            return [f"boot refused before the kernel ran: {said.last_line[:200]}"]
        return ["the kernel refused to boot and gave no reason"]
    return []


def _reset(said: Transcript, ending: Ending) -> list[str]:
    if ending.shutdown != "guest-reset":
        return []
    return [f"the machine reset itself (triple fault), {_progress(said)}", *_where(ending)]


def _emulator(said: Transcript, ending: Ending) -> list[str]:
    status, detail, name = ending.status, ending.stderr.strip(), ending.emulator
    complaint = [f"{name}: {line[:200]}" for line in detail.splitlines()[:8]]
    if ending.deaf and said.end is None:
        return [f"{name} closed the serial line and did not end, {_progress(said)}", *complaint]
    if status is None:
        return []
    if status < 0:
        return [f"{name} was ended by signal {-status}, {_progress(said)}", *complaint]
    if (ending.shutdown or "").startswith("host-"):
        return [f"{name} was ended from outside ({ending.shutdown}), {_progress(said)}", *complaint]
    unheard = said.hello is None and ending.shutdown is None
    if (unheard and status not in STATUS) or (status == 1 and detail):
        return [f"{name} failed with status {status}", *(complaint or ["it said nothing"])]
    if status % 2 == 0 and ending.shutdown is None:
        return [f"{name} ended with status {status} and did not say why", *complaint]
    return []


def _where(ending: Ending) -> list[str]:
    return [f"it was at {ending.place}"] if ending.place else []


def _timeout(said: Transcript, ending: Ending) -> list[str]:
    if not ending.timed_out:
        return []
    reasons = [f"no end within {ending.timeout:g} s, {_progress(said)}", *_where(ending)]
    if said.last_line:
        reasons.append(f"last line: {said.last_line[:200]}")
    return reasons


def _fail(said: Transcript, assertions: tuple[Assertion, ...]) -> list[str]:
    reasons = [f"test failed: {test.name}" for test in said.tests if test.outcome == "fail"]
    if said.exit is not None and said.exit.status:
        reasons.append(f"process {said.exit.pid} {said.exit.how}")
        if said.exit.words:
            reasons.append(f"its last line: {said.exit.words[:200]}")
    for one in assertions:
        if not one.holds:
            seen = f"--forbid {one.pattern!r} was found: {one.line}"
            reasons.append(f"--expect {one.pattern!r} was not found" if one.wanted else seen)
    return reasons


def _protocol(said: Transcript, ending: Ending, expected: Expected) -> list[str]:
    if said.hello is None:
        return ["no hello line: nothing that speaks this protocol was heard"]
    reasons = [*_identity(said.hello, expected), *said.problems]
    if said.bail_out is not None:
        reasons.append(f"the tests were given up: {said.bail_out}")
    if said.end is None:
        reasons.append(f"no end marker, {_progress(said)}")
    reasons += _leaving(said, ending, expected)
    reasons += _stages(said.stages, expected.stages)
    if expected.process and said.exit is None:
        reasons.append(f"no exit line: process 1 never ended, {_progress(said)}")
    if expected.tests and not said.has_report:
        reasons.append("no test report, though this kernel was built with tests")
    return reasons + _counts(said)


def _identity(hello: Hello, expected: Expected) -> list[str]:
    if hello.proto != VERSION:
        return [f"the kernel speaks protocol {hello.proto}, this version reads {VERSION}"]
    if expected.build is not None and hello.build != expected.build:
        return [f"hello says build {hello.build}, the manifest {expected.build}"]
    return []


def _leaving(said: Transcript, ending: Ending, expected: Expected) -> list[str]:
    """Does the exit code exist, and agree with the end marker?"""
    if ending.status is None:
        if said.end is not None and expected.exit_device:
            return ["the end marker came, but the kernel never left through the exit port"]
        return []
    if ending.shutdown == "guest-shutdown" and ending.status == 0:
        return ["the machine was switched off, and no exit code given"]
    code = STATUS.get(ending.status)
    if code is None:
        return [f"exit code {ending.status >> 1:#x} is not one of the protocol's"]
    if said.end is not None and said.end.status != code:
        return [f"the end marker says status={said.end.status}, the exit code says {code}"]
    return []


def _stages(seen: tuple[Stage, ...], names: tuple[str, ...]) -> list[str]:
    """Each stage once, in order, numbered from 1 of all."""
    reasons = []
    missing = [name for name in names if name not in {stage.name for stage in seen}]
    if missing:
        reasons.append(f"stages never reached: {', '.join(missing)}")
    elif tuple(stage.name for stage in seen) != names:
        order = " ".join(stage.name for stage in seen[:64])
        reasons.append(f"stages out of order: {order}; expected {' '.join(names)}")
    for place, stage in enumerate(seen, 1):
        if not missing and (stage.index, stage.of) != (place, len(names)):
            reasons.append(
                f"stage {stage.name} says {stage.index} of {stage.of}, is {place} of {len(names)}"
            )
            break
    return reasons


def _counts(said: Transcript) -> list[str]:
    """The end marker's counts against the results that were seen."""
    end = said.end
    if end is None:
        return []
    reasons = []
    for name, claimed, outcome in (
        ("ok", end.ok, "ok"),
        ("fail", end.fail, "fail"),
        ("skip", end.skip, "skip"),
    ):
        counted = said.count(outcome)
        if claimed != counted:
            reasons.append(f"the end marker says {name}={claimed}, the report has {counted}")
    if end.status == "pass" and end.fail:
        reasons.append(f"the end marker says status=pass with fail={end.fail}")
    if end.status == "fail" and not end.fail and not (said.exit and said.exit.status):
        reasons.append("the end marker says status=fail with fail=0")
    if end.status == "pass" and said.exit and said.exit.status:
        reasons.append(
            f"the end marker says status=pass, and process {said.exit.pid} {said.exit.how}"
        )
    return reasons


def _progress(said: Transcript) -> str:
    """How far it got, as the tail of a sentence."""
    if said.hello is None:
        return "before hello"
    if not said.stages:
        return "before the first stage"
    last = said.stages[-1]
    within = f", in test {said.running}" if said.running else ""
    return f"after stage {last.name} ({last.index} of {last.of}){within}"
