"""Modules of a request: their files, their command lines, and the checks that they fit.

A kernel keeps a limited number of bytes of a module's command line, and would cut the
rest; a loader may pass addresses without RAM. Both boots could pass and prove nothing, so
they are refused here.
"""

import hashlib
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kgen_qemu.errors import usage
from kgen_qemu.firmware import is_file
from kgen_qemu.machine import size_text
from kgen_qemu.manifest import Manifest
from kgen_qemu.protocol import INIT, arguments_of
from kgen_qemu.words import USER_SPACE, no_user_space

PAGE = 4096
MiB = 1 << 20
FOUR_GIB = 1 << 32

FIELD = "memblock.module_line"
MOST = 144
"""The description's field that says what is kept, and its largest value."""


TREE = ("dev", "proc", "tmp")
"""Folders that the tree of files has at its root, beside modules and programs."""


def first(init: str | None) -> tuple[str, ...]:
    """The module that process 1 is made from, if there is one."""
    return () if init is None else (init,)


def base_name(text: str) -> str:
    """What a kernel with user space calls the module ``FILE ARGUMENTS…``."""
    return Path(parted(text)[0]).name


def with_init(append: str, init: str | None) -> str:
    """The command line that makes ``init`` process 1: the last ``init=`` counts."""
    return append if init is None else f"{append} {INIT}={base_name(init)}".strip()


def check_names(given: Iterable[str], manifest: Manifest, init: str | None) -> None:
    """Refuse (usage) modules that a kernel with user space could not tell apart by their names.

    The first is ``init``, if there is one.
    """
    if init is not None and USER_SPACE not in manifest.features:
        raise no_user_space(f"--init {init}", manifest)
    if USER_SPACE not in manifest.features:
        return
    if init is not None:
        try:
            arguments_of(parted(init, "--init")[1])
        except ValueError as error:
            what = f"--init {init!r}: {error} opens and does not close"
            raise usage(what, f"close it, or write \\{error}") from None
    files: dict[str, str] = {}
    for text in given:
        option = "--init" if text == init else "--module"
        file = parted(text, option)[0]
        name = Path(file).name
        if not name:
            raise usage(f"{option} {text!r}: it is no name for a file", "rename it")
        if name in TREE:
            raise usage(f"{option} {file}: /{name} is a folder of the kernel's own", "rename it")
        if name in manifest.programs:
            raise usage(
                f"{option} {file}: /{name} is a program of {manifest.name!r} itself", "rename it"
            )
        if name in files:
            raise usage(
                f"{option} {file}: /{name} is {files[name]} already"
                + (", which --init brings along" if files[name] == file and init else ""),
                "leave it out" if files[name] == file else "rename one of the two",
            )
        files[name] = file


def as_seen(text: str, directory: Path) -> str:
    """``FILE ARGUMENTS…`` with FILE as seen from ``directory``, where QEMU runs.

    The kernel is handed this text. A relative path keeps the log the same in
    every checkout.
    """
    name, arguments = parted(text)
    return _name(directory, Path(name)) + arguments


def parted(text: str, option: str = "--module") -> tuple[str, str]:
    """FILE and what follows it in ``FILE ARGUMENTS…``.

    FILE ends at the first space in front of which it is the name of a file: the folders above
    may have spaces in their names. Its own name may not, as loaders end it there.
    """
    spaces = [place for place, letter in enumerate(text) if letter == " "]
    for end in (*spaces, len(text)):
        file = Path(text[:end])
        if is_file(file):
            if " " in file.name:
                raise usage(f"{option} {text!r}: QEMU ends a module's path at a space", "rename it")
            return text[:end], text[end:]
    if spaces:
        raise usage(f"{option} {text!r}: no such file, whole or up to one of its spaces")
    raise usage(f"{option} {text}: no such file")


def named(text: str) -> tuple[str, str]:
    """The same of what :func:`as_seen` gave, where the file's path has no space."""
    name, space, arguments = text.partition(" ")
    return name, space + arguments


def _name(directory: Path, file: Path) -> str:
    """A name for ``file`` that leads there from where ``directory`` truly is, without a space."""
    folder = file.parent.resolve()
    name = os.path.relpath(folder / file.name, directory.resolve())
    if " " not in name:
        return name
    # The way there leads through folders with spaces in their names: a link goes around them.
    way = f"boot/from-{hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]}"
    try:
        (directory / "boot").mkdir(exist_ok=True)
        with suppress(FileExistsError):
            (directory / way).symlink_to(folder)
    except OSError as error:
        raise usage(f"--module {file}: no link to it can be made: {error.strerror}") from error
    return f"{way}/{file.name}"


def told(text: str, via: str) -> str:
    """A module's command line, as the kernel gets it from that loader."""
    if via == "multiboot":
        return text
    name, arguments = named(text)
    return Path(name).name + arguments


def check_lines(lines: Iterable[str], manifest: Manifest) -> None:
    """Refuse (usage) a command line of which the kernel would keep a part."""
    memory = manifest.memory
    if memory is None:
        return
    most = memory.module_line - 1  # and a NUL
    for line in lines:
        length = len(line.encode())
        if length > most:
            raise usage(
                f"--module {line!r}: {length} bytes, and {manifest.name!r} keeps {most} of a "
                "module's command line",
                f"shorten it by {length - most}"
                + (f", or build with --set {FIELD}={length + 1}" if length < MOST else ""),
            )


def check_room(modules: Iterable[str], directory: Path, manifest: Manifest, memory: int) -> None:
    """Refuse (usage) modules for which a machine has no RAM, wherever a loader puts them.

    Loaders put them past the kernel, each on a page of its own.
    """
    model = manifest.memory
    if model is None:
        return
    end = model.image_end
    for text in modules:
        end = -(-end // PAGE) * PAGE + _size(directory / named(text)[0])
    if end <= min(memory, FOUR_GIB):
        return
    enough = (-(-end // MiB) + 1) * MiB  # one for the firmware, and what the loader says of them
    raise usage(
        f"--module: the kernel's image ends at {size_text(-(-model.image_end // PAGE) * PAGE)}, "
        f"and with the modules past it at {end >> 10} KiB; "
        f"this machine has {size_text(memory)} of RAM",
        f"use --memory {size_text(enough)} or more"
        if enough <= min(manifest.ram_maximum, FOUR_GIB)
        else "load less",
    )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise usage(f"--module {path}: cannot be read: {error.strerror}") from None
