"""Which PC a kernel boots on, and that PC as QEMU's arguments. Pure.

Of QEMU's many devices a machine here has four: RAM, a CPU, COM1 and a port to
leave by. ``isa-debug-exit`` ends QEMU with status ``code * 2 + 1`` (``protocol``), so
every status that a kernel gives is odd; an even one is QEMU's own.

The serial line is QEMU's stdin and stdout, which are pipes. (A socketpair works
too, but QEMU writes one byte at a time, and a pipe took those 3 to 6 times
faster.) Nothing else is on that line: the monitor, the display and all default
devices are off. A second channel, QMP on an inherited socket, says how a machine
ended; ``-S`` holds the CPU until QMP has been answered, so no end goes unheard.

qboot is firmware that only finds RAM and loads the kernel, and halves the time
to boot. SeaBIOS is a whole BIOS; the memory maps they report differ.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from kgen_qemu import cpus
from kgen_qemu.protocol import EXIT_PORT

MachineName = Literal["pc", "q35", "isapc"]
Accel = Literal["tcg", "kvm"]

MACHINES: tuple[str, ...] = ("pc", "q35", "isapc")
ACCELS: tuple[str, ...] = ("tcg", "kvm")
ENGINES: tuple[str, ...] = ("qemu", "dosbox-x")
LOADERS: tuple[str, ...] = ("multiboot", "grub", "floppy")

SPLITS = {"pc": 3584 << 20, "q35": 2816 << 20, "isapc": 3584 << 20}
"""The bytes of RAM from which on a board has a part of it above 4 GiB."""

RAM_STEP = 8192  # bytes; QEMU silently rounds RAM up to this


@dataclass(frozen=True)
class Machine:
    """A PC with a kernel in it.

    ``engine`` emulates it: QEMU, or DOSBox-X (``kgen_qemu.dosbox``), for which
    there is no ``argv()``. ``machine`` is QEMU's name, with properties of its own
    after a comma if any.
    ``memory`` is in bytes. ``kernel`` and the modules' paths are as QEMU will
    open them, in the folder where it runs; a module is ``path arguments…``.
    ``firmware`` is a file for ``-bios``, None for the machine's own (SeaBIOS).
    ``via`` says who loads the kernel: QEMU itself (multiboot), or the loader on
    ``medium``, an image of a disc (grub) or floppy that kernel, ``append`` and
    modules are on. ``icount`` makes virtual time, hence RDTSC, count the guest's
    instructions: one a nanosecond, the same on every run.
    """

    kernel: Path
    cpu: str = "qemu32"
    memory: int = 64 << 20
    machine: str = "pc"
    accel: str = "tcg"
    append: str = ""
    modules: tuple[str, ...] = ()
    firmware: Path | None = None
    via: str = "multiboot"
    medium: Path | None = None
    engine: str = "qemu"
    exit_device: bool = True
    icount: bool = False

    @property
    def above_4g(self) -> bool:
        """Whether a part of the RAM may lie above 4 GiB."""
        board, _, properties = self.machine.partition(",")
        return self.memory >= SPLITS[board] or "max-ram-below-4g" in properties

    def argv(self, binary: str, qmp_fd: int) -> list[str]:
        """The command that starts this machine, halted until QMP says ``cont``."""
        argv = [binary, "-nodefaults", "-no-user-config", "-display", "none", "-S"]
        argv += ["-no-reboot", "-no-shutdown"]
        argv += ["-machine", self.machine, "-accel", self.accel]
        argv += ["-cpu", cpus.model(self.cpu, above_4g=self.above_4g)]
        argv += ["-m", f"{self.memory >> 10}K"]
        if self.icount:
            argv += ["-icount", "shift=0,sleep=off"]
        if self.firmware is not None:
            argv += ["-bios", str(self.firmware)]
        argv += ["-chardev", "stdio,id=com1,signal=off", "-serial", "chardev:com1"]
        argv += ["-chardev", f"socket,id=qmp,fd={qmp_fd}", "-qmp", "chardev:qmp"]
        if self.exit_device:
            argv += ["-device", f"isa-debug-exit,iobase={EXIT_PORT:#x},iosize=0x04"]
        return argv + (self._kernel() if self.via == "multiboot" else self._medium())

    def _kernel(self) -> list[str]:
        """QEMU loads the kernel."""
        argv = ["-kernel", str(self.kernel)]
        if self.append:
            argv += ["-append", self.append]
        if self.modules:
            # QEMU splits the list at commas; a doubled comma is a comma.
            argv += ["-initrd", ",".join(text.replace(",", ",,") for text in self.modules)]
        return argv

    def _medium(self) -> list[str]:
        """The firmware starts what is on ``medium``; ValueError if there is none."""
        if self.medium is None:
            raise ValueError(f"a boot via {self.via} takes a medium (kgen image makes one)")
        file = str(self.medium).replace(",", ",,")
        kind, order = {"grub": ("ide,index=2,media=cdrom", "d"), "floppy": ("floppy", "a")}[
            self.via
        ]
        drive = f"file={file},format=raw,readonly=on,if={kind}"
        return ["-drive", drive, "-boot", f"order={order}"]


def size_text(size: int) -> str:
    """Bytes in the largest unit that divides them: ``64M``, ``1G``, ``2056K``."""
    for unit, shift in (("G", 30), ("M", 20), ("K", 10)):
        if size % (1 << shift) == 0:
            return f"{size >> shift}{unit}"
    return str(size)


def parse_size(text: str) -> int:
    """``64M``, ``1G``, ``2048K`` or plain bytes, as bytes. ValueError for anything else."""
    shift = {"K": 10, "M": 20, "G": 30}.get(text[-1:].upper(), 0)
    digits = text[:-1] if shift else text
    if not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{text!r} is not a size")
    return int(digits) << shift


def find_qboot(binary: str) -> Path | None:
    """qboot as shipped with this QEMU: in the share folder beside its bin folder."""
    for prefix in (Path(binary).resolve().parent.parent, Path("/usr"), Path("/usr/local")):
        rom = prefix / "share" / "qemu" / "qboot.rom"
        if rom.is_file():
            return rom
    return None
