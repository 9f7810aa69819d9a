"""How QEMU is told to log the instructions of a kernel, for ``audit`` to read.

``-d in_asm`` logs a block when it is translated, ``-dfilter`` keeps it to the
kernel's addresses: the physical ones, where its first instructions run, and the
virtual ones. To log every instruction as it comes, and none that did not run,
blocks are cut to one instruction. That option has changed its name.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kgen_qemu import cpus
from kgen_qemu.errors import did_you_mean, usage
from kgen_qemu.leash import answer
from kgen_qemu.manifest import Manifest

MODES = ("off", "on", "exact")

X87 = "x87"
"""The manifest has it among the features of a kernel that saves an FPU's registers."""

ONE_INSN_PER_TB = (8, 1)  # the QEMU in which -singlestep became an option of -accel tcg


@dataclass(frozen=True)
class Trace:
    """What to log. ``ranges`` are linear addresses, ends included.

    ``exact``: one instruction a block, as the QEMU of ``version`` would have it
    said. ``limit`` is the newest CPU family allowed, None if none is forbidden;
    ``x87``: floating point is allowed in any case.
    """

    ranges: tuple[tuple[int, int], ...]
    limit: int | None = None
    exact: bool = False
    version: tuple[int, int] = (0, 0)
    x87: bool = False

    @property
    def accel(self) -> str:
        """What follows ``-accel tcg``."""
        modern = self.exact and self.version >= ONE_INSN_PER_TB
        return ",one-insn-per-tb=on" if modern else ""

    def argv(self, file: Path) -> list[str]:
        """QEMU's further arguments; ``file`` gets the log."""
        ranges = ",".join(f"{first:#x}..{last:#x}" for first, last in self.ranges)
        argv = ["-d", "in_asm", "-D", str(file), "-dfilter", ranges]
        return [*argv, "-singlestep"] if self.exact and not self.accel else argv


def trace(
    mode: str | None, *, cpu: str, accel: str, manifest: Manifest, binary: str
) -> Trace | None:
    """The trace that ``--audit`` asks for; without it (None) a 386 is audited and no other.

    Raises BootError (usage) where there can be none.
    """
    limit = cpus.I386.family if cpu == cpus.I386.name else None
    if mode is None:
        mode = "off" if limit is None else "on"
    if mode not in MODES:
        raise usage(f"--audit {mode}: not known here", did_you_mean(mode, MODES))
    if mode == "off":
        return None
    if accel != "tcg":
        raise usage(f"--audit {mode} needs --accel tcg", f"{accel} runs the code unseen")
    memory = manifest.memory
    if memory is None:
        raise usage(
            f"{manifest.name!r} cannot be audited: its manifest does not say where it lies",
            f"run: {manifest.build_command}",
        )
    last = memory.image_end - 1
    return Trace(
        ranges=(
            (memory.image_start, last),
            (memory.kernel_base + memory.image_start, memory.kernel_base + last),
        ),
        limit=limit,
        exact=mode == "exact",
        version=(qemu_version(binary) or (0, 0)) if mode == "exact" else (0, 0),
        x87=X87 in manifest.features,
    )


@cache
def qemu_version(binary: str) -> tuple[int, int] | None:
    """Major and minor version of a QEMU (costs a start of it, 35 ms); None if it does not say."""
    try:
        _, text = answer([binary, "--version"], seconds=5)
    except OSError:
        return None
    match = re.search(rb"version (\d+)\.(\d+)", text)
    return (int(match[1]), int(match[2])) if match else None
