"""kgen: describe an i386 kernel's memory subsystem in Python; build it, verify it, boot it.

A description imports its words from here::

    from kgen import Buddy, Kernel, MiB, Ram

    kernel = Kernel(name="tiny", buddy=Buddy(max_order=8), ram=Ram(maximum=64 * MiB))

They are loaded on first use, so that ``import kgen`` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from kgen.units import GiB, KiB, MiB

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
        Vmalloc,
        Zone,
    )

__version__ = "0.1.0"

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
    "Vmalloc",
    "Zone",
]


def __getattr__(name: str) -> object:
    if name in __all__:
        return getattr(import_module("kgen.describe"), name)
    raise AttributeError(f"module 'kgen' has no attribute {name!r}")
