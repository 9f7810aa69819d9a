"""Which firmware a machine starts with.

SeaBIOS is a whole BIOS, and what QEMU takes by itself. qboot only finds RAM and
loads the kernel, which halves the time to boot; QEMU ships it for ``pc``. The
memory maps that the two report differ.
"""

from pathlib import Path

from kgen_qemu.errors import BootError, Exit, did_you_mean, usage
from kgen_qemu.machine import find_qboot

NAMES = ("auto", "seabios", "qboot")


def is_file(path: Path) -> bool:
    """Whether ``path`` is one; a name that is too long, or leads in circles, is not one."""
    try:
        return path.is_file()
    except OSError:
        return False


def firmware(name: str, *, machine: str, via: str, binary: str) -> Path | None:
    """The file for QEMU's ``-bios``, None for QEMU's own choice.

    ``name`` is ``seabios``, ``qboot``, a file, or ``auto``: qboot where it serves
    and is there. Raises BootError for a file that is missing or unusable.
    """
    if name == "seabios":
        return None
    if name == "auto":
        return find_qboot(binary) if machine == "pc" and via == "multiboot" else None
    if name == "qboot":
        if via != "multiboot":
            raise usage(f"--firmware qboot reads no disks, as --via {via} must", "use seabios")
        found = find_qboot(binary)
        if found is None:
            what = "qboot.rom is not among this QEMU's files"
            raise BootError(Exit.EMULATOR, what, "leave --firmware out, or give the file's path")
        return found
    path = Path(name)
    if not is_file(path):
        raise usage(f"--firmware {name}: no such file", did_you_mean(name, NAMES))
    return path.resolve()
