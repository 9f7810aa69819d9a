"""Every number that a template prints, computed once from a checked description.

Templates do no arithmetic: whatever a header, the linker script or a table needs stands here
under the name that it has in the rendered code. The kernel measures the same things at boot,
and ``_Static_assert``s in ``generated/layout.h`` hold the two together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from kgen import footprint
from kgen.areas import PROGRAM_BASE, areas
from kgen.check import check
from kgen.describe import Kernel
from kgen.errors import DescriptionError
from kgen.units import FOUR_GIB, PAGE_SIZE, TABLE_SPAN, show_size
from kgen.workloads import PARAMETERS, Parameters
from kgen_qemu import protocol
from kgen_qemu.i386 import NAMES

STAGES = (
    "boot-paging",
    "higher-half",
    "multiboot",
    "memblock",
    "buddy",
    "paging",
    "kmalloc",
    "allocate",
)
"""The eight steps of each boot, in order, as the serial protocol names them."""

USER_STAGE = "user"
"""The step that follows them in a kernel with user space: process 1 has run and ended."""

FAMILIES = {name: family for family, name in NAMES.items()}
"""CPU families by the description's names, as CPUID numbers them (Intel AP-485)."""


@dataclass(frozen=True)
class Trap:
    """An exception vector (Intel SDM vol. 3, table 6-1)."""

    vector: int
    name: str
    has_error: bool


_TRAP_NAMES = {
    0: "divide error",
    1: "debug",
    2: "non-maskable interrupt",
    3: "breakpoint",
    4: "overflow",
    5: "bound range exceeded",
    6: "invalid opcode",
    7: "device not available",
    8: "double fault",
    9: "coprocessor segment overrun",
    10: "invalid TSS",
    11: "segment not present",
    12: "stack-segment fault",
    13: "general protection",
    14: "page fault",
    16: "x87 floating-point error",
    17: "alignment check",
    18: "machine check",
    19: "SIMD floating-point exception",
    20: "virtualization exception",
    21: "control protection exception",
}
_TRAPS_WITH_ERROR = frozenset({8, 10, 11, 12, 13, 14, 17, 21})

TRAPS = tuple(
    Trap(vector, _TRAP_NAMES.get(vector, "reserved exception"), vector in _TRAPS_WITH_ERROR)
    for vector in range(32)
)
"""All 32 exception vectors."""


@dataclass(frozen=True)
class Span:
    """A range of virtual addresses ``[start, end)`` in the address map; a gap has no name."""

    name: str
    start: int
    end: int
    note: str

    @property
    def size(self) -> str:
        """The size for people."""
        return show_size(self.end - self.start)


@dataclass(frozen=True)
class ZoneSpan:
    """A zone's range of physical addresses ``[start, end)``; the last may end at 4 GiB."""

    index: int
    name: str
    start: int
    end: int
    mapped: bool

    @property
    def end_page(self) -> int:
        """One past the zone's last page frame, as a number: fits 32 bits where ``end`` may not."""
        return self.end // PAGE_SIZE

    @property
    def first_page(self) -> int:
        """Number of the zone's first page frame."""
        return self.start // PAGE_SIZE


@dataclass(frozen=True)
class Program:
    """A program that is built in: /``name`` in the tree of files."""

    name: str

    @property
    def file(self) -> str:
        """Its ELF file, as embedded: relative to the output folder, where assemblers run."""
        return f"build/obj/programs/{self.name}.elf"


@dataclass(frozen=True)
class Derived:
    """The numbers that follow from one description: bytes, unless they say pages."""

    kernel: Kernel

    page_size: int = PAGE_SIZE
    table_span: int = TABLE_SPAN
    traps: tuple[Trap, ...] = TRAPS
    proto: int = protocol.VERSION
    exit_port: int = protocol.EXIT_PORT
    exits: tuple[tuple[str, int], ...] = tuple(protocol.EXITS.items())
    cmdline_max: int = protocol.CMDLINE_MAX
    fail_words: tuple[str, ...] = protocol.FAIL_WORDS
    boot_span: int = footprint.BOOT_SPAN
    node_size: int = footprint.NODE_SIZE
    arena_per_ram: int = footprint.ARENA_PER_RAM
    bench: Parameters = PARAMETERS

    @property
    def stages(self) -> tuple[str, ...]:
        """The steps of this kernel's boot, in order."""
        return (*STAGES, USER_STAGE) if self.kernel.features.user_space else STAGES

    @property
    def programs(self) -> tuple[Program, ...]:
        """The programs that are built in, in the description's order; the first is process 1."""
        if not self.kernel.features.user_space:
            return ()
        return tuple(Program(name) for name in self.kernel.program_names)

    @property
    def program_base(self) -> int:
        """Virtual address at which kgen links programs."""
        return PROGRAM_BASE

    @property
    def cpu_family(self) -> int:
        """CPUID family of the oldest CPU admitted: 3 for a 386."""
        return FAMILIES[self.kernel.cpu.minimum]

    @property
    def invlpg_always(self) -> bool:
        """Whether every CPU admitted has INVLPG (486 and later)."""
        return self.cpu_family >= 4

    @property
    def kernel_start(self) -> int:
        """Virtual address of the image's first byte."""
        return self.kernel.layout.kernel_base + self.kernel.layout.load_address

    @property
    def kernel_pde(self) -> int:
        """Index of the first page-directory entry that belongs to the kernel."""
        return self.kernel.layout.kernel_base // TABLE_SPAN

    @property
    def direct_map_end(self) -> int:
        """Virtual address one past the direct map; 4 GiB at most."""
        return self.kernel.layout.kernel_base + self.kernel.layout.direct_map_limit

    @property
    def arena_end(self) -> int:
        """Virtual address one past the arena."""
        return self.kernel.layout.arena_base + self.kernel.layout.arena_size

    @property
    def arena_pages(self) -> int:
        """Pages in the arena."""
        return self.kernel.layout.arena_size // PAGE_SIZE

    @property
    def arena_leaves(self) -> int:
        """Leaves of the arena's tree: words of 32 pages, rounded up to a power of two."""
        return footprint.arena_leaves(self.kernel)

    @property
    def fixmap_end(self) -> int:
        """Virtual address one past the fixmap's last slot."""
        return self.kernel.layout.fixmap_base + self.kernel.layout.fixmap_slots * PAGE_SIZE

    @property
    def fixmap_pde(self) -> int:
        """Index of the fixmap's page-directory entry."""
        return self.kernel.layout.fixmap_base // TABLE_SPAN

    @property
    def page_map_size(self) -> int:
        """Bytes of the page map's area: one for each page frame below 4 GiB."""
        return footprint.PAGE_MAP_SIZE

    @property
    def page_map_pde(self) -> int:
        """Index of the page map's page-directory entry."""
        return self.kernel.layout.page_map_base // TABLE_SPAN

    @property
    def early_bytes(self) -> int:
        """Bytes that the boot mapping holds beyond the image: early data on the largest machine."""
        return footprint.early_bytes(self.kernel, self.kernel.ram.maximum)

    @property
    def least_available(self) -> int:
        """Bytes of memory with less of which a machine is refused."""
        return footprint.least_available(self.kernel)

    @property
    def image_limit(self) -> int:
        """Bytes that the image may take so that every admitted machine boots."""
        return footprint.image_limit(self.kernel)

    @property
    def image_floor(self) -> int:
        """Bytes that the image takes at least."""
        return footprint.image_floor(self.kernel)

    @cached_property
    def zones(self) -> tuple[ZoneSpan, ...]:
        """The zones in ascending order."""
        spans, start = [], 0
        for index, zone in enumerate(self.kernel.buddy.zones):
            end = footprint.zone_limit(self.kernel, index)
            mapped = end <= self.kernel.layout.direct_map_limit
            spans.append(ZoneSpan(index, zone.name, start, end, mapped))
            start = end
        return tuple(spans)

    @property
    def zone_any(self) -> int:
        """Index of the highest zone: an allocation that starts there may fall back to all."""
        return len(self.zones) - 1

    @property
    def zone_direct(self) -> int:
        """Index of the highest zone inside the direct map."""
        return max(zone.index for zone in self.zones if zone.mapped)

    @property
    def largest_block(self) -> int:
        """Bytes of the buddy's largest block."""
        return PAGE_SIZE << self.kernel.buddy.max_order

    @property
    def slab_order(self) -> int:
        """Order of a slab."""
        return footprint.slab_order(self.kernel)

    @property
    def slab_size(self) -> int:
        """Bytes of a slab."""
        return PAGE_SIZE << self.slab_order

    @property
    def slab_limit(self) -> int:
        """Largest size that kmalloc takes from slabs; 0 without."""
        return max(self.kernel.kmalloc.classes, default=0)

    @property
    def heap_order(self) -> int:
        """Order of a heap's chunk."""
        return footprint.heap_order(self.kernel)

    @property
    def heap_chunk(self) -> int:
        """Bytes of a heap's chunk."""
        return PAGE_SIZE << self.heap_order

    @property
    def heap_limit(self) -> int:
        """Largest size that kmalloc takes from the heap; 0 without."""
        limit = min(
            self.kernel.kmalloc.heap_limit, footprint.heap_room(self.kernel, self.heap_order)
        )
        return limit if limit > self.slab_limit else 0

    @property
    def slab_front(self) -> int:
        """Bytes in front of kmalloc's objects in slabs."""
        return footprint.slab_front(self.kernel)

    @property
    def quick(self) -> bool:
        """Whether kmalloc takes slots from slabs by itself, without slab_alloc()'s checks."""
        return not self.kernel.debug.poison

    @property
    def watched(self) -> bool:
        """Whether a layer stands between kmalloc() and the tiers that serve it."""
        return self.kernel.debug.watched

    @cached_property
    def address_map(self) -> tuple[Span, ...]:
        """The kernel's virtual address space from top to bottom, gaps included."""
        user = "user programs"
        if not self.kernel.features.user_space:
            user += "; nothing is mapped yet"
        filled = [Span("user", 0, self.kernel.layout.kernel_base, user)]
        for area in sorted(areas(self.kernel.layout), key=lambda area: area.start):
            at = filled[-1].end
            if area.start > at:
                filled.append(Span("", at, area.start, "unmapped"))
            filled.append(Span(area.name, area.start, area.end, area.note))
        if filled[-1].end < FOUR_GIB:
            filled.append(Span("", filled[-1].end, FOUR_GIB, "unmapped"))
        return tuple(reversed(filled))

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the optional parts that this kernel has."""
        flags = self.kernel.features
        names = [name for name in type(flags).model_fields if getattr(flags, name)]
        if self.kernel.debug.fail:
            names.append("fail")
        if self.kernel.features.user_space and self.kernel.cpu.fpu == "x87":
            names.append("x87")
        return tuple(names)


def derive(kernel: Kernel, origin: str = "description") -> Derived:
    """The numbers that follow from ``kernel``; DescriptionError with all problems if unsound."""
    problems = check(kernel)
    if problems:
        raise DescriptionError(problems, origin)
    return Derived(kernel)
