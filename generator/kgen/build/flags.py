"""How a freestanding i386 kernel is compiled and linked, and why each flag is there."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kgen.describe import Kernel

ARCHITECTURES = {"386": "i386", "486": "i486", "pentium": "pentium", "pentiumpro": "pentiumpro"}
"""gcc's -march for each ``cpu.minimum``. Left alone, distributions' gcc emits i686 code (CMOV)."""

_TARGET = (
    "-m32",
    "-std=gnu11",
    "-mtune=i386",  # -march says what may be used; tuning for newer ones splits DECL on memory
    "-mregparm=3",  # the first three arguments in registers, as in Linux: assembly heeds it
    "-ffreestanding",  # no hosted library to assume
    "-fno-pic",  # the kernel is linked at one address
    "-fno-pie",
    "-fcf-protection=none",  # ENDBR32 faults on a real 386 and 486
    "-mno-sse",  # the kernel saves no vector or FPU state
    "-mno-mmx",
    "-mno-80387",
    "-fstack-clash-protection",  # a frame touches each of its pages: none jumps over the guard
    "-fno-stack-protector",  # its canary lives in thread storage
    "-fno-asynchronous-unwind-tables",  # nobody reads .eh_frame
    "-fno-omit-frame-pointer",  # a panic walks the frames
    "-fno-common",
    "-g",
    "-gno-record-gcc-switches",  # they would put host paths into the ELF
)

# A call site is a return address; who jumps to kmalloc(), as its last act, would leave none.
_WATCHED = ("-fno-optimize-sibling-calls",)

_WARNINGS = (
    "-Wall",
    "-Wextra",
    "-Wstrict-prototypes",
    "-Wmissing-prototypes",
    "-Wundef",
    "-Wvla",
)

OWN_WARNINGS = (*_WARNINGS, "-Werror")
"""For the kernel's own sources."""

USER_WARNINGS = _WARNINGS
"""For the user's: shown, never fatal."""

LINK = (
    "-m",
    "elf_i386",
    "--build-id=none",  # its note would become a segment of its own
    "-z",
    "noexecstack",
    "-z",
    "max-page-size=4096",
    "--no-undefined",
)
"""The linker's flags. No library: the distribution's libgcc begins its functions with ENDBR32."""


BEFORE_CPU_CHECK = (
    "base/*",
    "arch/*",
    "boot/*",
    "entry/*",
    "kernel/*",
    "mm/memmap.c",
    "mm/multiboot.c",
)
"""Sources that run before the kernel has looked at its CPU, and those that say why it refuses
one (patterns of paths below ``src``): for a 386, whatever ``cpu.minimum`` says."""


_PROGRAM = (
    "-m32",
    "-std=gnu11",
    "-mtune=i386",
    "-ffreestanding",  # the runtime is all the library there is
    "-fno-pic",  # a program is linked at one address
    "-fno-pie",
    "-fcf-protection=none",
    "-mno-sse",  # the kernel switches no vector state
    "-mno-mmx",
    "-fstack-clash-protection",  # a frame touches each of its pages: none jumps over the gap
    "-fno-stack-protector",
    "-fno-asynchronous-unwind-tables",
    "-fno-common",
    "-ffunction-sections",  # a program has of the runtime what it uses
    "-fdata-sections",
    "-g",
    "-gno-record-gcc-switches",
)

PROGRAM_LINK = (
    "-m",
    "elf_i386",
    "-static",
    "--build-id=none",
    "--gc-sections",
    "-z",
    "muldefs",  # the first definition counts: the program's own, then the runtime's
    "-z",
    "noexecstack",
    "-z",
    "max-page-size=4096",
    "--no-undefined",
)
"""The linker's flags for a program: of two definitions of a name the runtime's gives way, as
from a library. No library that the distribution has: see LINK."""

PROGRAM_STRIP = ("--strip-debug",)
"""And for the one that is embedded. Names of functions stay: the kernel may tell them."""


def program_flags(kernel: Kernel) -> tuple[str, ...]:
    """Flags for every source of programs, the runtime's included, without CPU, paths, warnings."""
    fpu = () if kernel.cpu.fpu == "x87" else ("-mno-80387",)
    return (*_PROGRAM, *fpu, f"-O{kernel.compiler.optimize}")


def compile_flags(kernel: Kernel) -> tuple[str, ...]:
    """Flags for every C and assembly file of ``kernel``, without CPU, paths and warnings."""
    watched = _WATCHED if kernel.debug.watched else ()
    return (*_TARGET, *watched, f"-O{kernel.compiler.optimize}")


_BOUNDS = ("-fsanitize=bounds", "-fsanitize-undefined-trap-on-error")
"""An index beyond an array of known size becomes an invalid opcode, so that a test which is not
made for some description ends in a panic that names it, and not in what it writes over."""


def bounds_flags(source: str) -> tuple[str, ...]:
    """Checks of array indices: for the kernel's own tests, whose speed is nobody's."""
    return _BOUNDS if source.startswith("src/test/") else ()


def cpu_flag(minimum: str, source: str) -> str:
    """gcc's -march for ``source``: a path below ``src``, or the user's file by any name."""
    early = any(fnmatchcase(source, f"src/{pattern}") for pattern in BEFORE_CPU_CHECK)
    return f"-march={ARCHITECTURES['386' if early else minimum]}"
