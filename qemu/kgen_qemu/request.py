"""The user's request for a boot, checked before anything starts.

``boot_request()`` takes the command's options as typed and gives a ``Request``,
or raises BootError: usage (exit 2) for what cannot be, emulator (exit 6) when
there is no emulator. A Request is complete: nothing later consults the user.
"""

import re
import shlex
import shutil
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kgen_qemu import cpus, modules, words
from kgen_qemu.errors import BootError, Exit, did_you_mean, usage
from kgen_qemu.firmware import firmware as find_firmware
from kgen_qemu.machine import (
    ACCELS,
    ENGINES,
    LOADERS,
    MACHINES,
    RAM_STEP,
    SPLITS,
    Machine,
    parse_size,
    size_text,
)
from kgen_qemu.manifest import Manifest, load_manifest
from kgen_qemu.maps import ROOM, Entry, check_size, load_map, memory_for, write_module
from kgen_qemu.trace import Trace, qemu_version, trace

BINARY = "qemu-system-i386"
DEFAULT_MEMORY = 64 << 20
DEFAULT_TIMEOUT = 30.0
MOST_MODULES = 64
"""The largest memblock.modules that a description may say (``kgen.describe``)."""

INSTALL = (
    "install it: apt-get install qemu-system-x86, dnf install qemu-system-x86 or brew install qemu"
)


@dataclass(frozen=True)
class Request:
    """One boot: a kernel, a machine, what must and must not be seen, and for how long.

    ``timeout`` is seconds from start to end. ``answers`` are what to type on the
    serial line, as a script of (regex, text): when the first regex has appeared
    its text is sent, then the second is waited for, and so on. ``trace`` is what
    to audit, None for nothing. ``kgen`` is the version of the command that asks.
    """

    manifest: Manifest
    machine: Machine
    binary: str = BINARY
    expect: tuple[str, ...] = ()
    forbid: tuple[str, ...] = ()
    timeout: float = DEFAULT_TIMEOUT
    answers: tuple[tuple[str, str], ...] = ()
    trace: Trace | None = None
    command: str = "kgen boot"
    kgen: str = ""


@dataclass(frozen=True)
class Options:
    """A request for a boot: the options of ``kgen boot``, as typed.

    ``memory`` is a SIZE such as ``64M``; None is 64 MiB, or what ``map`` (a JSON
    file) takes, or the nearest that the kernel admits. ``cpu`` None is a 386 for
    DOSBox-X and qemu32 for QEMU. ``audit`` None is on for a 386 and off for
    others. Each of ``modules`` is ``FILE`` or ``FILE ARGUMENTS…``, as is ``init``, which is to be
    process 1. ``icount`` counts instructions exactly.
    """

    engine: str = "qemu"
    cpu: str | None = None
    memory: str | None = None
    machine: str = "pc"
    accel: str = "tcg"
    via: str = "multiboot"
    firmware: str = "auto"
    audit: str | None = None
    append: str = ""
    init: str | None = None
    modules: Sequence[str | Path] = ()
    icount: bool = False
    map: Path | None = None
    expect: Sequence[str] = ()
    forbid: Sequence[str] = ()
    timeout: float = DEFAULT_TIMEOUT
    answers: Sequence[tuple[str, str]] = ()


def boot_request(directory: Path = Path("kernel_out"), **options: Any) -> Request:
    """Check ``Options`` and make them a Request for the kernel in ``directory``."""
    asked = Options(**options)
    check(asked)
    manifest = load_manifest(directory)
    entries = _map(asked, manifest)
    size = _memory(asked.memory, manifest, entries)
    asked = replace(asked, cpu=asked.cpu or _default_cpu(asked.engine))
    binary, machine = (_dosbox if asked.engine == "dosbox-x" else _qemu)(asked, manifest, size)
    replayed = [write_module(entries, directory)] if entries else []
    given = tuple(str(module) for module in (*modules.first(asked.init), *asked.modules))
    modules.check_names(given, manifest, asked.init)
    loaded = tuple(modules.as_seen(text, directory) for text in (*given, *map(str, replayed)))
    machine = replace(machine, append=modules.with_init(machine.append, asked.init))
    modules.check_lines([modules.told(text, machine.via) for text in loaded], manifest)
    modules.check_room(loaded, directory, manifest, size)
    words.check(machine.append, manifest)
    watched = None
    if asked.engine == "qemu":
        watched = trace(
            asked.audit, cpu=machine.cpu, accel=asked.accel, manifest=manifest, binary=binary
        )
    return Request(
        manifest=manifest,
        machine=replace(machine, modules=loaded),
        binary=binary,
        expect=tuple(asked.expect),
        forbid=tuple(asked.forbid),
        timeout=asked.timeout,
        answers=tuple(asked.answers),
        trace=watched,
        command=_command(asked, directory, size),
    )


def check(asked: Options) -> None:
    """Raise BootError (usage) for options that are wrong by themselves."""
    _one_of("--engine", asked.engine, ENGINES)
    _one_of("--accel", asked.accel, ACCELS)
    _one_of("--via", asked.via, LOADERS)
    _board(asked.machine)
    _timeout(asked.timeout)
    if asked.icount and asked.accel != "tcg":
        raise usage(
            f"--icount: --accel {asked.accel} counts no instructions", "leave out one of the two"
        )
    if asked.memory is not None:
        _size(asked.memory)
    for option, patterns in (("--expect", asked.expect), ("--forbid", asked.forbid)):
        for pattern in patterns:
            _regex(option, pattern)
    for pattern, _ in asked.answers:
        _regex("answers", pattern)


def _default_cpu(engine: str) -> str:
    return cpus.I386.name if engine == "dosbox-x" else cpus.DEFAULT


def _qemu(asked: Options, manifest: Manifest, size: int) -> tuple[str, Machine]:
    """QEMU's program, and the machine that it is asked for."""
    binary = find_binary()
    assert asked.cpu is not None
    board = _board(asked.machine)
    _board_holds(board, size, binary)
    rom = find_firmware(asked.firmware, machine=board, via=asked.via, binary=binary)
    return binary, Machine(
        kernel=manifest.image,
        cpu=cpus.check(asked.cpu, binary),
        memory=size,
        machine=asked.machine,
        accel=asked.accel,
        append=cpus.told(asked.cpu, asked.append),
        firmware=rom,
        via=asked.via,
        icount=asked.icount,
    )


def _dosbox(asked: Options, manifest: Manifest, size: int) -> tuple[str, Machine]:
    """DOSBox-X's program, and the machine that it is asked for."""
    from kgen_qemu import dosbox

    assert asked.cpu is not None
    for name in ("machine", "accel", "firmware", "audit", "icount"):
        if getattr(asked, name) != getattr(Options(), name):
            what = f"--{name} {getattr(asked, name)} is for --engine qemu".replace(" True", "")
            raise usage(what, "leave it out with dosbox-x")
    if asked.via == "grub":
        raise usage("--via grub: DOSBox-X boots from a floppy here", "leave it out")
    dosbox.check(cpu=asked.cpu, memory=size)
    return dosbox.find_binary(), Machine(
        kernel=manifest.image,
        cpu=asked.cpu,
        memory=size,
        append=asked.append,
        via="floppy",
        exit_device=False,
        engine="dosbox-x",
    )


def _command(asked: Options, directory: Path, size: int) -> str:
    """``kgen boot`` as one would type it, always with CPU, memory and machine."""
    plain = Options()
    always = {"cpu", "memory", "machine"} if asked.engine == "qemu" else {"cpu", "memory"}
    typed = ["kgen", "boot"]
    if directory != Path("kernel_out"):
        typed += ["-o", str(directory)]
    for field in fields(Options):
        value = size_text(size) if field.name == "memory" else getattr(asked, field.name)
        if field.name == "answers" or (
            field.name not in always and value == getattr(plain, field.name)
        ):
            continue
        if value is True:
            typed.append(f"--{field.name}")
            continue
        option = "--module" if field.name == "modules" else f"--{field.name}"
        several = value if isinstance(value, (list, tuple)) else [value]
        for one in several:
            typed += [option, f"{one:.15g}" if isinstance(one, float) else str(one)]
    return shlex.join(typed)


def _one_of(option: str, word: str, known: tuple[str, ...]) -> None:
    if word not in known:
        raise usage(f"{option} {word}: not known here", did_you_mean(word, known))


def _board(machine: str) -> str:
    """The board's name without the properties that may follow it: ``pc,max-ram-below-4g=1G``."""
    name, *properties = machine.split(",")
    _one_of("--machine", name, MACHINES)
    for text in properties:
        if not re.fullmatch(r"[a-z0-9-]+=[\w./-]+", text):
            raise usage(
                f"--machine {machine}: {text!r} is not NAME=VALUE",
                f"properties are QEMU's: {BINARY} -machine {name},help",
            )
    return name


def _board_holds(board: str, size: int, binary: str) -> None:
    """QEMU 11 ends its isapc where older ones went on above 4 GiB. Asked only there: 35 ms."""
    most = SPLITS["isapc"]
    if board == "isapc" and size > most and (qemu_version(binary) or (0, 0)) >= (11, 0):
        raise usage(
            f"--memory {size_text(size)}: this QEMU's isapc has {size_text(most)} at most",
            f"use --memory {size_text(most)} or less, or --machine pc",
        )


def _timeout(seconds: float) -> None:
    # Written so that NaN is refused as well.
    if not 0 < seconds < float("inf"):
        raise usage(
            f"--timeout {seconds:g}: must be a number of seconds above 0", "for example 2.5"
        )


def _regex(option: str, pattern: str) -> None:
    if not pattern:
        raise usage(f"{option} '': an empty expression is found in every line", "leave it out")
    if any("\ud800" <= char <= "\udfff" for char in pattern):  # bytes that were no characters
        raise usage(
            f"{option} {pattern!r} is not text in this locale's encoding",
            "the log is read as UTF-8: run kgen in a UTF-8 locale (LC_ALL=C.UTF-8)",
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise usage(
            f"{option} {pattern!r} is not a regular expression: {error}",
            "escape characters such as ( [ * + ? with a backslash to mean themselves",
        ) from None


def _map(asked: Options, manifest: Manifest) -> tuple[Entry, ...]:
    """The map to replay, if this kernel has room for it and for its module."""
    path, others = asked.map, len(asked.modules)
    if path is None:
        return ()
    if manifest.memory is None:
        raise usage(
            f"--map: the manifest of {manifest.name!r} does not say how large a map it keeps",
            f"run: {manifest.build_command}",
        )
    if others >= manifest.memory.modules:
        raise usage(
            f"--map {path}: it needs a module, and this kernel keeps {manifest.memory.modules}",
            f"build it with --set memblock.modules={others + 1}"
            if others < MOST_MODULES
            else f"no kernel keeps more than {MOST_MODULES}: leave one of yours out",
        )
    entries = load_map(path, manifest.memory.map_entries - ROOM)
    check_size(entries, path, manifest)
    return entries


def _memory(text: str | None, manifest: Manifest, entries: tuple[Entry, ...]) -> int:
    """SIZE to bytes, within what the kernel was built for and in the emulator's steps."""
    low = -(-manifest.ram_minimum // RAM_STEP) * RAM_STEP
    high = manifest.ram_maximum // RAM_STEP * RAM_STEP
    if low > high:
        raise usage(
            f"{manifest.name!r} was built for {size_text(manifest.ram_minimum)} to "
            f"{size_text(manifest.ram_maximum)}, and QEMU gives RAM in steps of "
            f"{size_text(RAM_STEP)}",
            f"build it with --set ram.maximum={size_text(low)}",
        )
    if text is None:
        wanted = memory_for(entries) if entries else DEFAULT_MEMORY
        return min(max(wanted, low), high)
    size = _size(text)
    if size < manifest.ram_minimum:
        meant = _unit_left_out(text, low, high)
        raise usage(
            f"--memory {text}: {manifest.name!r} needs at least {size_text(manifest.ram_minimum)}"
            + _no_room(size, manifest),
            (meant and f"{text} is bytes; did you mean --memory {meant}?")
            or f"use --memory {size_text(low)} or more",
        )
    if size > manifest.ram_maximum:
        most = size_text(manifest.ram_maximum)
        raise usage(
            f"--memory {text}: {manifest.name!r} was built for {most} at most",
            f"use --memory {size_text(high)} or less",
        )
    if size % RAM_STEP:
        raise usage(
            f"--memory {text}: QEMU gives RAM in steps of {size_text(RAM_STEP)}",
            f"use --memory {size_text(max(low, size - size % RAM_STEP))}",
        )
    return size


def _size(text: str) -> int:
    try:
        return parse_size(text)
    except ValueError:
        raise usage(f"--memory {text}: not a size", "write 64M, 1G, 2048K or bytes") from None


def _unit_left_out(text: str, low: int, high: int) -> str:
    """``64M`` for ``64``, where that is a size from ``low`` to ``high`` bytes; else nothing."""
    for unit in "MGK":
        if text.isdigit() and low <= parse_size(f"{text}{unit}") <= high:
            return f"{text}{unit}"
    return ""


def _no_room(size: int, manifest: Manifest) -> str:
    """Why a machine with so little RAM would never start the kernel, if that is so."""
    memory = manifest.memory
    if memory is None or size >= memory.image_end:
        return ""
    start, end = size_text(memory.image_start), size_text(memory.image_end)
    return f", and no machine can load it that has no RAM from {start} to {end}"


def find_binary() -> str:
    """QEMU's path. Raises BootError (emulator) if it is not installed."""
    binary = shutil.which(BINARY)
    if binary is None:
        raise BootError(Exit.EMULATOR, f"{BINARY} is not installed (not on PATH)", INSTALL)
    return str(Path(binary).absolute())
