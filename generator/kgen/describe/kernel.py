"""The fields of a description.

Sizes and addresses are bytes; both may be written as ``64 * MiB``, ``"64M"`` or ``0x100000``.
A field's own range stands here; what several fields must satisfy together is proved in
``kgen.check``. Names are the field's: page frame, order, zone, direct map, arena, fixmap.
"""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from kgen.describe.section import Section
from kgen.units import FOUR_GIB, GiB, KiB, MiB, parse_size


def _size(value: object) -> object:
    return parse_size(value) if isinstance(value, str) else value


def _words(value: object) -> object:
    """``"a.c,b.c"`` (from ``--set``) as ``("a.c", "b.c")``."""
    if isinstance(value, str):
        return tuple(word.strip() for word in value.split(",") if word.strip())
    return value


def _limit(value: object) -> object:
    """A zone's end: a size, or one of the two ends that follow from the layout."""
    if value in ("direct", "end"):
        return value
    if isinstance(value, str):
        return parse_size(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("a zone ends at a size, at 'direct' or at 'end'")


def _spelt(pattern: str, rule: str) -> AfterValidator:
    """Text that ``pattern`` matches as a whole; ``rule`` is the pattern in words."""

    def check(text: str) -> str:
        if not re.fullmatch(pattern, text):
            raise ValueError(rule)
        return text

    return AfterValidator(check)


KernelName = Annotated[
    str,
    _spelt(
        r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}",
        "it must be 1 to 32 letters of ASCII, digits, dots, underscores and hyphens, "
        "and begin with a letter or digit",
    ),
]
ZoneName = Annotated[
    str,
    _spelt(
        r"[a-z][a-z0-9_]{0,11}",
        "it must be 1 to 12 small letters of ASCII, digits and underscores, and begin with a "
        "letter",
    ),
]

Bytes = Annotated[int, BeforeValidator(_size), Field(ge=0, strict=True)]
Address = Annotated[int, BeforeValidator(_size), Field(ge=0, lt=FOUR_GIB, strict=True)]
Word = Annotated[int, BeforeValidator(_size), Field(ge=0, lt=1 << 32, strict=True)]
Names = Annotated[tuple[str, ...], BeforeValidator(_words)]

Sizes = Annotated[tuple[Bytes, ...], BeforeValidator(_words)]

ZoneLimit = Annotated[int | Literal["direct", "end"], BeforeValidator(_limit)]
CpuName = Literal["386", "486", "pentium", "pentiumpro"]


class Layout(Section):
    """Where things are in the two address spaces."""

    kernel_base: Address = Field(
        default=0xC000_0000,
        description="virtual address at which physical 0 appears; the kernel owns all above it",
    )
    load_address: Address = Field(
        default=1 * MiB,
        description="physical address of the image's first byte; the loader puts it there",
    )
    direct_map_limit: Bytes = Field(
        default=896 * MiB,
        description="bytes of physical memory, from 0, mapped permanently at kernel_base",
    )
    arena_base: Address = Field(
        default=0xF880_0000, description="first virtual address that kmalloc and vmalloc may map"
    )
    arena_size: Bytes = Field(
        default=104 * MiB, description="bytes of virtual addresses that kmalloc and vmalloc share"
    )
    page_map_base: Address = Field(
        default=0xFF40_0000,
        description="virtual address of the page map, a byte for each of the 2^20 page frames",
    )
    fixmap_base: Address = Field(
        default=0xFFC0_0000, description="virtual address of the fixmap's first slot"
    )
    fixmap_slots: int = Field(
        default=8,
        ge=2,
        le=1023,
        description="pages in the fixmap: slots that map any frame for a moment",
    )
    stack_size: Bytes = Field(
        default=16 * KiB, ge=4 * KiB, le=1 * MiB, description="bytes of the boot stack"
    )


class Ram(Section):
    """The memory sizes on which the kernel must work; every layout rule is proved for all."""

    minimum: Bytes = Field(default=2 * MiB, ge=2 * MiB, description="bytes of the smallest machine")
    maximum: Bytes = Field(
        default=4 * GiB,
        le=64 * GiB,
        description="bytes of the largest machine (what is above 4 GiB idles)",
    )


class Memblock(Section):
    """The bootstrap allocator: tables of fixed size, used until the buddy takes over."""

    regions: int = Field(
        default=128,
        ge=16,
        le=1024,
        description="entries in each of its tables, memory and reserved",
    )
    map_entries: int = Field(
        default=64, ge=8, le=256, description="entries of the loader's memory map that are kept"
    )
    modules: int = Field(default=16, ge=0, le=64, description="Multiboot modules that are kept")
    module_line: int = Field(
        default=144,
        ge=32,
        le=144,
        description="bytes of a module's command line that are kept, with the NUL at its end: its "
        "file's name, and arguments; `kgen boot` refuses a longer one",
    )


class Zone(Section):
    """A range of page frames with a buddy allocator of its own; it starts where the last ends."""

    name: ZoneName = Field(default="all", description="the zone's name")
    limit: ZoneLimit = Field(
        default="end",
        description="physical address at which it ends: bytes, 'direct' (the direct map's "
        "limit) or 'end' (4 GiB)",
    )


class Buddy(Section):
    """The page allocator."""

    max_order: int = Field(
        default=10,
        ge=0,
        le=15,
        description="order of the largest block: 2^max_order pages of 4 KiB",
    )
    index: Literal["lists", "bitmaps"] = Field(
        default="lists",
        description="how free blocks are found: linked 'lists' (fast), or 'bitmaps' "
        "(lowest address first; an eighth of the metadata)",
    )
    hot: bool = Field(
        default=True, description="keep up to 64 freed single frames at hand before merging them"
    )
    zones: tuple[Zone, ...] = Field(
        default=(
            Zone(name="dma", limit=16 * MiB),
            Zone(name="normal", limit="direct"),
            Zone(name="highmem", limit="end"),
        ),
        description="zones in ascending order",
        min_length=1,
        max_length=8,
    )


class Slab(Section):
    """Objects of one size each, carved out of aligned blocks of pages."""

    order: int = Field(
        default=1,
        ge=0,
        le=5,
        description="order of a slab of any cache: 2^order pages of 4 KiB; no more than "
        "buddy.max_order is used",
    )


CLASSES = (
    *(16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 216, 240),
    *(264, 288, 328),
)
"""kmalloc's default size classes, bytes: with their headers, the larger ones fill a slab evenly."""


class Kmalloc(Section):
    """Allocations of any size: small ones from slabs, middle ones from a heap, others as pages."""

    alignment: int = Field(
        default=8,
        ge=8,
        le=4096,
        description="bytes to which every result is aligned, a power of two",
    )
    magic: Word = Field(
        default=0xB10C_4EAD, ge=1, description="32-bit number in each live header; kfree checks it"
    )
    classes: Sizes = Field(
        default=CLASSES,
        max_length=256,
        description="sizes of slab objects in bytes, ascending multiples of 8; the last is the "
        "largest size that comes from slabs; none: no slabs",
    )
    header: bool = Field(
        default=True,
        description="put the header {size, magic} in front of objects in slabs, too; "
        "without, they are 8 bytes smaller and their slab alone knows them",
    )
    heap_limit: Bytes = Field(
        default=16 * KiB,
        description="bytes of the largest size that comes from the heap; 0: no heap: "
        "what slabs do not serve has pages of its own",
    )
    heap_order: int = Field(
        default=3,
        ge=0,
        le=5,
        description="order of a heap's chunk: 2^heap_order pages of 4 KiB; no more than "
        "buddy.max_order is used",
    )
    mapping: Literal["vmap", "direct"] = Field(
        default="vmap",
        description="where larger sizes are: 'vmap' (single frames, mapped in the "
        "arena, with a guard after them) or 'direct' (a contiguous block in the direct map)",
    )
    guard_pages: int = Field(
        default=1, ge=1, le=16, description="unmapped pages after each mapping, to catch overruns"
    )


class Vmalloc(Section):
    """Mappings in the arena, and the number of unmapped ones for each flush of the TLB."""

    guard_pages: int = Field(
        default=1, ge=1, le=16, description="unmapped pages after each mapping, to catch overruns"
    )
    lazy: int = Field(
        default=64,
        ge=1,
        le=1024,
        description="mappings that are unmapped before one TLB flush frees what they held, unless "
        "frames or virtual pages run out first: a 386 can only flush everything",
    )


class Debug(Section):
    """Detection of mistakes with memory. Each option costs time or memory, so all are off."""

    magic: Literal["constant", "derived"] = Field(
        default="constant",
        description="what headers hold: 'constant' (kmalloc.magic) or 'derived' (from that, the "
        "address and the size: a copied header is caught; 6 instructions more per call)",
    )
    poison: bool = Field(
        default=False,
        description="fill free memory of slabs and heap, and compare it when it is used again: "
        "some 5 instructions for each byte that is allocated",
    )
    redzone: bool = Field(
        default=False,
        description="guard the bytes past the end of each request, checked when it is freed "
        "and by kmalloc_check(); 8 to 15 bytes and the bookkeeping of `track`",
    )
    quarantine: int = Field(
        default=0,
        ge=0,
        le=4096,
        description="freed allocations that are held back, filled and checked before they may "
        "be used again, unless memory runs out; at most a sixteenth of it",
    )
    track: bool = Field(
        default=False,
        description="remember who allocated what, and name them when something is wrong; 32 "
        "bytes, some 130 instructions to allocate and 420 to free",
    )
    leaks: bool = Field(
        default=False,
        description="report at the end what is still allocated, by call site; costs what `track` "
        "does",
    )
    trace: bool = Field(
        default=False,
        description="record what is allocated and freed until the tests begin, for `kgen tune`; "
        "costs what `track` does and about 5 bytes of the log an event",
    )
    fail: bool = Field(
        default=False,
        description="make requests for memory fail as the command line says: fail.nth=K and "
        "others, or fail.sweep=short, which tries all that the tests make; costs a call per "
        "request",
    )

    @property
    def watched(self) -> bool:
        """Whether a layer of bookkeeping stands between kmalloc() and the tiers that serve it."""
        return bool(self.redzone or self.quarantine or self.track or self.leaks or self.trace)


class Console(Section):
    """Where the log goes besides the serial line."""

    vga: bool = Field(default=False, description="also write the log to the VGA text screen")


class Cpu(Section):
    """The oldest processor that the kernel must run on."""

    minimum: CpuName = Field(
        default="386",
        description="oldest CPU; code for older ones is left out, and such a CPU refused",
    )
    fpu: Literal["none", "x87"] = Field(
        default="none",
        description="floating point for programs: 'none' (a program that uses it is ended), or "
        "'x87' (detected, and switched with processes)",
    )


class User(Section):
    """User space: what programs may have."""

    overcommit: Literal["never", "heuristic", "always"] = Field(
        default="heuristic",
        description="how much memory may be promised: 'never' more than there is, 'heuristic' "
        "(refuse what is more than all memory at once), or 'always'",
    )
    stack_limit: Bytes = Field(
        default=8 * MiB,
        ge=64 * KiB,
        le=512 * MiB,
        description="bytes of stack that a program may have",
    )
    processes: int = Field(
        default=1024, ge=1, le=32768, description="processes that there may be at once"
    )


DEFAULT_PROGRAM = "init"
"""The program of a kernel that has user space and names none (templates/program/init.c)."""


class Features(Section):
    """Parts that a kernel may have or not."""

    tests: bool = Field(
        default=True, description="build the in-kernel tests and run them at each boot"
    )
    bench: bool = Field(
        default=False,
        description="build the standard workloads; `kgen bench` does, and reads the figures",
    )
    user_space: bool = Field(
        default=True, description="run programs in ring 3, with memory on demand"
    )


class Compiler(Section):
    """How the compiler is called."""

    optimize: Literal["0", "1", "2", "s"] = Field(
        default="2", description="the level that follows gcc's -O"
    )


class Kernel(Section):
    """A whole kernel."""

    name: KernelName = Field(
        default="default",
        description="the kernel's name, printed in the `hello` line",
    )
    layout: Layout = Field(default=Layout(), description="the address map")
    ram: Ram = Field(default=Ram(), description="the memory sizes admitted")
    memblock: Memblock = Field(default=Memblock(), description="the bootstrap allocator")
    buddy: Buddy = Field(default=Buddy(), description="the page allocator")
    slab: Slab = Field(default=Slab(), description="the allocator of objects of one size")
    kmalloc: Kmalloc = Field(default=Kmalloc(), description="the allocators that serve kmalloc()")
    vmalloc: Vmalloc = Field(default=Vmalloc(), description="mappings in the arena")
    debug: Debug = Field(default=Debug(), description="checks of how memory is used")
    console: Console = Field(default=Console(), description="the log's other outputs")
    cpu: Cpu = Field(default=Cpu(), description="the processors admitted")
    features: Features = Field(default=Features(), description="optional parts")
    user: User = Field(default=User(), description="user space")
    compiler: Compiler = Field(default=Compiler(), description="how to compile")
    sources: Names = Field(
        default=(),
        description="the user's C files, relative to the description; one has kernel_main()",
    )
    programs: Names = Field(
        default=(),
        description="C files of user programs, relative to the description; each becomes /NAME",
    )

    @property
    def program_names(self) -> tuple[str, ...]:
        """What the kernel calls the programs: their files' names without folder and suffix."""
        return tuple(PurePosixPath(name).stem for name in self.programs) or (DEFAULT_PROGRAM,)
