"""The description: frozen, typed models of what a user may choose. No I/O."""

from __future__ import annotations

from kgen.describe.kernel import (
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
from kgen.describe.section import Fault, Section

__all__ = [
    "Buddy",
    "Compiler",
    "Console",
    "Cpu",
    "Debug",
    "Fault",
    "Features",
    "Kernel",
    "Kmalloc",
    "Layout",
    "Memblock",
    "Ram",
    "Section",
    "Slab",
    "User",
    "Vmalloc",
    "Zone",
]
