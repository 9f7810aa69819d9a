"""kgen: describe an i386 kernel's memory subsystem in Python; build it, verify it, boot it.

A description imports its words from here::

    from kgen import Buddy, Kernel, MiB, Ram

    kernel = Kernel(name="tiny", buddy=Buddy(max_order=8), ram=Ram(maximum=64 * MiB))

They are loaded on first use, so that ``import kgen`` costs nothing.
"""

from __future__ import annotations

# As type checkers understand it; importing typing would cost 3 ms.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from kgen.describe import (
        Buddy,
        Compiler,
        Console,
        Cpu,
        Debug,
        Features,
        Kernel,
        Kmalloc,
        Layout,
        Memblock,
        Ram,
        Slab,
        User,
        Vmalloc,
        Zone,
    )
    from kgen.units import GiB, KiB, MiB

__version__ = "0.1.0"

__distribution__ = "kgen-i386"
"""What pip knows us by. PyPI's distribution `kgen` is somebody else's, and so is its package."""

__all__ = [
    "Buddy",
    "Compiler",
    "Console",
    "Cpu",
    "Debug",
    "Features",
    "GiB",
    "Kernel",
    "KiB",
    "Kmalloc",
    "Layout",
    "Memblock",
    "MiB",
    "Ram",
    "Slab",
    "User",
    "Vmalloc",
    "Zone",
]


_UNITS = ("GiB", "KiB", "MiB")


def __getattr__(name: str) -> object:
    """Import what holds ``name`` when it is first asked for (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module 'kgen' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module("kgen.units" if name in _UNITS else "kgen.describe"), name)


def __dir__() -> list[str]:
    """What can be imported from here, loaded or not."""
    return sorted({*globals(), *__all__})
