"""DOSBox-X in QEMU's place: a machine that *is* a 386, in software.

With ``cputype=386, core=normal`` it has no INVLPG, AC and ID do not toggle, and CR0.WP is
without effect. So the kernel's own detection of a 386 is tested here; under QEMU it is
bypassed (``cpus``). The differences from a boot under QEMU:

    loading     from a floppy: DOSBox-X knows no Multiboot
    serial      COM1 writes to a "file", which is a pipe of ours
    the end     there is no exit port: the verdict comes from the end marker
    watching    no monitor; a machine that resets itself starts over, and is
                ended at its second ``hello``

DOSBox-X boots what its autoexec says, without a window (SDL's dummy drivers).
The options are as in its reference configuration (2026.01.02) and wiki. By default its
floppy is as slow as a real one, which takes half the time of a boot; ours is not.
"""

import os
import shutil
from pathlib import Path

from kgen_qemu.errors import BootError, Exit, usage
from kgen_qemu.machine import Machine, size_text

BINARY = "dosbox-x"
INSTALL = "install it: apt-get install dosbox-x (from Debian 13 on), or see https://dosbox-x.com"

CPU_TYPES = {"386": "386", "486": "486", "pentium": "pentium"}
"""DOSBox-X's cputype for each CPU of the ladder that it has."""

MEMORY_STEP = 1 << 20  # bytes; memsize counts these

_SERIAL_FD = 3
# Standard output becomes COM1's file, and what DOSBox-X says itself goes where errors go.
_WRAPPER = f'exec "$0" "$@" {_SERIAL_FD}>&1 >&2'

_CONFIG = """\
# Made by kgen boot --engine dosbox-x.
[sdl]
output=surface
showmenu=false
waitonerror=false

[dosbox]
memsize={memory}
fastbioslogo=true
startbanner=false
quit warning=false

[dos]
floppy drive data rate limit=0

[cpu]
cputype={cpu}
core=normal
cycles=max

[mixer]
nosound=true

[serial]
serial1=file file:/dev/fd/{fd}

[autoexec]
boot {medium}
"""


def check(*, cpu: str, memory: int) -> None:
    """Raise BootError (usage) for a machine that DOSBox-X cannot be."""
    if cpu not in CPU_TYPES:
        raise usage(f"--cpu {cpu}: DOSBox-X has no such CPU", f"known: {', '.join(CPU_TYPES)}")
    if memory % MEMORY_STEP:
        less = size_text(memory - memory % MEMORY_STEP)
        raise usage("--memory: DOSBox-X gives RAM in steps of 1M", f"use --memory {less}")


def find_binary() -> str:
    """The program's path. Raises BootError (emulator) if it is not installed."""
    binary = shutil.which(BINARY)
    if binary is None:
        raise BootError(Exit.EMULATOR, f"{BINARY} is not installed (not on PATH)", INSTALL)
    return str(Path(binary).absolute())


def configuration(machine: Machine, folder: Path) -> str:
    """DOSBox-X's configuration for a machine whose ``medium`` is a floppy's image.

    ``folder`` is where it runs. Paths are relative to that: it splits lines at
    spaces, and an output folder may have some in its path.
    """
    assert machine.medium is not None
    return _CONFIG.format(
        memory=machine.memory // MEMORY_STEP,
        cpu=CPU_TYPES[machine.cpu],
        fd=_SERIAL_FD,
        medium=os.path.relpath(machine.medium, folder),
    )


def command(binary: str, config: Path) -> list[str]:
    """What starts it, with COM1 on standard output."""
    drivers = ["env", "SDL_VIDEODRIVER=dummy", "SDL_AUDIODRIVER=dummy"]
    options = ["-defaultconf", "-conf", str(config), "-fastlaunch", "-nogui", "-nomenu"]
    return [*drivers, "sh", "-c", _WRAPPER, binary, *options]
