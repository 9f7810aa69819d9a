"""What the user asked of a boot, checked before anything starts.

``boot_request()`` takes the command's options as typed and gives a ``Request``,
or raises BootError: usage (exit 2) for what cannot be, emulator (exit 6) when
there is no emulator. A Request is complete: nothing later consults the user.
"""

import os
import re
import shlex
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from kgen_qemu import cpus, words
from kgen_qemu.errors import BootError, Exit, did_you_mean, usage
from kgen_qemu.firmware import firmware as find_firmware
from kgen_qemu.machine import (
    ACCELS,
    ENGINES,
    LOADERS,
    MACHINES,
    RAM_STEP,
    Machine,
    parse_size,
    size_text,
)
from kgen_qemu.manifest import Manifest, load_manifest
from kgen_qemu.maps import ROOM, Entry, load_map, memory_for, write_module
from kgen_qemu.trace import Trace, trace

BINARY = "qemu-system-i386"
DEFAULT_MEMORY = 64 << 20
DEFAULT_TIMEOUT = 30.0
INSTALL = (
    "install it: apt-get install qemu-system-x86, dnf install qemu-system-x86 or brew install qemu"
)


@dataclass(frozen=True)
class Request:
    """One boot: a kernel, a machine, what must and must not be seen, and for how long.

    ``timeout`` is seconds from start to end. ``answers`` are what to type on the
    serial line, as a script of (regex, text): when the first regex has appeared
    its text is sent, then the second is waited for, and so on. ``trace`` is what
    to audit, None for nothing.
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


@dataclass(frozen=True)
class Options:
    """What may be asked of a boot: the options of ``kgen boot``, as typed.

    ``memory`` is a SIZE such as ``64M``; None is 64 MiB, or what ``map`` (a JSON
    file) takes, or the nearest that the kernel admits. ``cpu`` None is a 386 for
    DOSBox-X and qemu32 for QEMU. ``audit`` None is on for a 386 and off for
    others. Each of ``modules`` is ``FILE`` or ``FILE ARGUMENTS…``.
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
    modules: Sequence[str | Path] = ()
    map: Path | None = None
    expect: Sequence[str] = ()
    forbid: Sequence[str] = ()
    timeout: float = DEFAULT_TIMEOUT
    answers: Sequence[tuple[str, str]] = ()


def boot_request(directory: Path = Path("kernel_out"), **options: Any) -> Request:
    """Check ``Options`` and make them a Request for the kernel in ``directory``."""
    asked = Options(**options)
    _check(asked)
    manifest = load_manifest(directory)
    entries = _map(asked, manifest)
    size = _memory(asked.memory, manifest, entries)
    asked = replace(asked, cpu=asked.cpu or _default_cpu(asked.engine))
    binary, machine = (_dosbox if asked.engine == "dosbox-x" else _qemu)(asked, manifest, size)
    replayed = [write_module(entries, directory)] if entries else []
    modules = tuple(_module(str(module), directory) for module in (*asked.modules, *replayed))
    words.check(machine.append, manifest)
    watched = None
    if asked.engine == "qemu":
        watched = trace(
            asked.audit, cpu=machine.cpu, accel=asked.accel, manifest=manifest, binary=binary
        )
    return Request(
        manifest=manifest,
        machine=replace(machine, modules=modules),
        binary=binary,
        expect=tuple(asked.expect),
        forbid=tuple(asked.forbid),
        timeout=asked.timeout,
        answers=tuple(asked.answers),
        trace=watched,
        command=_command(asked, directory, size),
    )


def _check(asked: Options) -> None:
    """What can be told of the options by themselves."""
    _one_of("--engine", asked.engine, ENGINES)
    _one_of("--accel", asked.accel, ACCELS)
    _one_of("--via", asked.via, LOADERS)
    _board(asked.machine)
    _timeout(asked.timeout)
    for option, patterns in (("--expect", asked.expect), ("--forbid", asked.forbid)):
        for pattern in patterns:
            _regex(option, pattern)
    for pattern, _ in asked.answers:
        _regex("answers", pattern)


def _default_cpu(engine: str) -> str:
    return cpus.I386.name if engine == "dosbox-x" else cpus.DEFAULT


def _qemu(asked: Options, manifest: Manifest, size: int) -> tuple[str, Machine]:
    """QEMU's program, and the machine that it is asked for."""
    binary = _find_binary()
    assert asked.cpu is not None
    board = _board(asked.machine)
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
    )


def _dosbox(asked: Options, manifest: Manifest, size: int) -> tuple[str, Machine]:
    """DOSBox-X's program, and the machine that it is asked for."""
    from kgen_qemu import dosbox

    assert asked.cpu is not None
    for name in ("machine", "accel", "firmware", "audit"):
        if getattr(asked, name) != getattr(Options(), name):
            what = f"--{name} {getattr(asked, name)} is for --engine qemu"
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
    """``kgen boot`` as one would type it; CPU, memory and machine are said in any case."""
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
        option = "--module" if field.name == "modules" else f"--{field.name}"
        several = value if isinstance(value, (list, tuple)) else [value]
        for one in several:
            typed += [option, f"{one:g}" if isinstance(one, float) else str(one)]
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


def _timeout(seconds: float) -> None:
    # Written so that NaN is refused as well.
    if not 0 < seconds < float("inf"):
        raise usage(f"--timeout {seconds:g}: must be more than 0 seconds", "for example 2.5")


def _regex(option: str, pattern: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in pattern):  # bytes that were no characters
        raise usage(
            f"{option} {pattern!r} is not text in this locale's encoding",
            "the log is read as UTF-8: run kgen in a UTF-8 locale (LC_ALL=C.UTF-8)",
        )
    try:
        re.compile(pattern)
    except re.error as error:
        raise usage(
            f"{option} {pattern!r} is not a regular expression: {error}",
            "escape characters such as ( [ * + ? with a backslash to mean themselves",
        ) from None


def _map(asked: Options, manifest: Manifest) -> tuple[Entry, ...]:
    """The map to replay, if this kernel has room for it and for its module."""
    path, modules = asked.map, len(asked.modules)
    if path is None:
        return ()
    if manifest.memory is None:
        raise usage(
            f"--map: the manifest of {manifest.name!r} does not say how large a map it keeps",
            f"run: {manifest.build_command}",
        )
    if modules >= manifest.memory.modules:
        raise usage(
            f"--map {path}: it needs a module, and this kernel keeps {manifest.memory.modules}",
            f"build it with --set memblock.modules={modules + 1}",
        )
    return load_map(path, manifest.memory.map_entries - ROOM)


def _memory(text: str | None, manifest: Manifest, entries: tuple[Entry, ...]) -> int:
    """SIZE to bytes, within what the kernel was built for."""
    low, high = manifest.ram_minimum, manifest.ram_maximum
    if text is None:
        wanted = memory_for(entries) if entries else DEFAULT_MEMORY
        return min(max(wanted, low), high)
    try:
        size = parse_size(text)
    except ValueError:
        raise usage(f"--memory {text}: not a size", "write 64M, 1G, 2048K or bytes") from None
    if size < low:
        raise usage(
            f"--memory {text}: {manifest.name!r} needs at least {size_text(low)}"
            + _no_room(size, manifest),
            f"use --memory {size_text(low)} or more",
        )
    if size > high:
        raise usage(
            f"--memory {text}: {manifest.name!r} was built for {size_text(high)} at most",
            f"use --memory {size_text(high)} or less",
        )
    if size % RAM_STEP:
        raise usage(
            f"--memory {text}: QEMU gives RAM in steps of {size_text(RAM_STEP)}",
            f"use --memory {size_text(size - size % RAM_STEP)}",
        )
    return size


def _no_room(size: int, manifest: Manifest) -> str:
    """Why a machine with so little RAM would never start the kernel, if that is so."""
    memory = manifest.memory
    if memory is None or size >= memory.image_end:
        return ""
    start, end = size_text(memory.image_start), size_text(memory.image_end)
    return f", and no machine can load it that has no RAM from {start} to {end}"


def _module(text: str, directory: Path) -> str:
    """``FILE ARGUMENTS…`` with FILE as seen from ``directory``, where QEMU runs.

    The kernel is handed this text. A relative path keeps the log the same in
    every checkout.
    """
    name, space, arguments = text.partition(" ")
    if not Path(name).is_file():
        if Path(text).is_file():
            raise usage(f"--module {text!r}: QEMU ends a module's path at a space", "rename it")
        raise usage(f"--module {name}: no such file")
    return os.path.relpath(name, directory) + space + arguments


def _find_binary() -> str:
    binary = shutil.which(BINARY)
    if binary is None:
        raise BootError(Exit.EMULATOR, f"{BINARY} is not installed (not on PATH)", INSTALL)
    return str(Path(binary).absolute())
