"""A disc that boots through GRUB 2: from CD, or written to a USB stick.

``grub-mkrescue`` puts GRUB for PC BIOSes, the kernel and a configuration into an ISO 9660 image
(through xorriso) that BIOSes also take for a hard disk. The same cargo gives the same image, bit
for bit: all dates are one date.

GRUB hands on neither the kernel's own path nor a module's: a module's line is the text after the
file. It splits a line into words and joins them by single spaces, and puts a backslash before
quotes and backslashes. A word with a blank it puts into double quotes: which is how a kernel with
user space reads the arguments of process 1.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from shutil import which

from kgen.errors import Exit, KgenError
from kgen.image.cargo import Cargo, File
from kgen.scratch import run_tool, scratch
from kgen_qemu.protocol import EXIT_PORT, EXITS, arguments_of

GRUB = Path("/usr/lib/grub/i386-pc")
"""GRUB's parts for PC BIOSes, where Debian, Fedora and Arch alike put them."""

DATE = "1980010100000000"
"""Of every file and the image itself, in place of today: YYYYMMDDhhmmsscc."""

_PROGRAMS = (
    (("grub-mkrescue", "grub2-mkrescue"), "grub-common", "grub2-tools-extra"),
    (("xorriso",), "xorriso", "xorriso"),
)
"""A program under its names, then its package in Debian and in Fedora."""

_MODULES = "biosdisk iso9660 multiboot normal echo iorw serial terminal"
"""GRUB's modules that a disc needs; all of them would be 8 MB."""


_SPEAK = """\
function speak {
serial --unit=0 --speed=115200
terminal_output --append serial
echo "kgen: GRUB cannot load the kernel; it says:"
}
"""
_LEAVE = f"terminal_output console\noutb {EXIT_PORT:#x} {EXITS['refused']:#x}\n"


def make_iso(cargo: Cargo) -> bytes:
    """The image; KgenError (exit 3) if GRUB's tools are missing or fail."""
    program = find_grub()
    with scratch("kgen-iso-") as folder:
        tree, image = folder / "tree", folder / "image.iso"
        (tree / "boot/grub").mkdir(parents=True)
        (tree / "boot/kernel.elf").write_bytes(cargo.bare_elf)
        for number, module in enumerate(cargo.modules, 1):
            (tree / f"boot/module{number}").write_bytes(module.data)
        (tree / "boot/grub/grub.cfg").write_text(grub_config(cargo))
        _run(program, tree, image)
        return image.read_bytes()


def grub_config(cargo: Cargo) -> str:
    """grub.cfg: load and boot at once. If that fails, say why on COM1 and leave, as kernels do.

    GRUB speaks on the serial line only then: its terminal codes are no part of a kernel's log.
    Its reason is lost by then, so the command that failed is tried once more. A new QEMU lets it
    run on for a moment after it has left, and what it says then is not for the serial line.
    """
    loads = [f"multiboot /boot/kernel.elf {_words(cargo.append)}".rstrip()]
    loads += [
        f"module /boot/module{number} {_module_words(module)}"
        for number, module in enumerate(cargo.modules, 1)
    ]
    lines = [*(f"if {load}; then" for load in loads), "boot", "speak", "boot"]
    for load in reversed(loads):
        lines += ["else", "speak", load, "fi"]
    return "\n".join(["set timeout=0", _SPEAK, *lines, _LEAVE])


def _module_words(module: File) -> str:
    """A module's line: GRUB quotes arguments as kernels read them, if it has each as a word."""
    name, _, arguments = module.line.partition(" ")
    return _quoted([name, *arguments_of(arguments)]) if module.program else _words(module.line)


def _words(line: str) -> str:
    """The words of ``line``."""
    return _quoted(line.split())


def _quoted(words: Sequence[str]) -> str:
    """Each word quoted, so that nothing in it means anything to GRUB."""
    return " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)


def _run(program: str, tree: Path, image: Path) -> None:
    command = [program, "-d", str(GRUB), "-o", str(image), str(tree)]
    command += [f"--install-modules={_MODULES}", "--fonts=", "--locales=", "--themes="]
    command += [f"--modification-date={DATE}", "--set_all_file_dates", DATE]
    # Its own temporary files are in our folder, too: they end with it.
    told = {
        "LC_ALL": "C",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": "315532800",
        "TMPDIR": str(tree.parent),
    }
    done = run_tool(command, environment={**os.environ, **told})
    if done.returncode or not image.is_file():
        raise KgenError(
            f"grub-mkrescue failed:\n{done.stderr.rstrip()}",
            "see above; what there was before is still whole",
            exit_code=Exit.BUILD,
        )


def find_grub() -> str:
    """grub-mkrescue, when all that it needs is there."""
    paths = [next(filter(None, map(which, names)), None) for names, _, _ in _PROGRAMS]
    missing = [packages for path, (_, *packages) in zip(paths, _PROGRAMS, strict=True) if not path]
    if not (GRUB / "multiboot.mod").is_file():
        missing.append(["grub-pc-bin", "grub2-pc-modules"])
    program = paths[0]
    if missing or program is None:
        debian, fedora = (" ".join(names) for names in zip(*missing, strict=True))
        raise KgenError(
            f"an ISO image takes GRUB's tools, and these packages are missing: {debian}",
            f"apt-get install {debian}, or dnf install {fedora}",
            exit_code=Exit.BUILD,
        )
    return program
