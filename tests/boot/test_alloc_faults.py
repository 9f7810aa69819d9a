"""Bad input to the allocators: each misuse of each tier is named, by what is there to name it.

tests/kernels/alloc_faults.c makes one mistake a boot; the command line says which, and on what.
Two tests for each row of the table: a sound kernel ends with the message, and one without the
detector does not. That is a kernel whose description does not ask for it or, for the checks that
every kernel has, one in which they are taken out of the sources (``BLIND``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.mutation import Edit

from kgen_qemu.errors import Exit
from kgen_qemu.result import Result
from kgen_qemu.symbols import symbolise

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]


@dataclass(frozen=True)
class Misuse:
    """In a kernel with ``setting``, doing ``what`` to ``tier`` ends with the panic ``message``."""

    setting: str
    what: str
    tier: str
    message: str
    origin: str = ""

    def __str__(self) -> str:
        name = f"{self.what}-{self.tier}" + (f"-{self.origin}" if self.origin else "")
        return f"{self.setting or 'release'}-{name}"

    @property
    def words(self) -> str:
        """The kernel's command line."""
        return f"do={self.what} on={self.tier} from={self.origin}"


BLIND = (
    Edit(
        "mm/kmalloc_check.c",
        "\tenum kheap_error error = KHEAP_ERR_NOT_HEAP;\n\n",
        "\tenum kheap_error error = 0;\n\n\tif (kblock_stats.peak_pages)\n"
        "\t\treturn (struct lookup){ in_slab(pointer) ? TIER_SLAB :\n"
        "\t\t\tlarge_owns(pointer) ? TIER_PAGES : TIER_HEAP, NULL };\n",
    ),
    Edit(
        "mm/kheap.c",
        "unlikely(*tail_before(block_after(block, granules)) != (KHEAP_LIVE | granules))) {",
        "unlikely(!block)) {",
    ),
    Edit("mm/kheap.c", "if (unlikely(block->size > KHEAP_MAX) ||", "if (unlikely(!granules) ||"),
    Edit("mm/kmem.c", "\tif (!error)\n\t\treturn;\n\ttier_describe", "\treturn;\n\ttier_describe"),
    Edit("mm/vmalloc.c", "\tif (!is_start(virt, VM_ALLOC))\n", "\tif (!virt)\n"),
    Edit("mm/page.c", "\tif (error)\n\t\tpanic(", "\tif (error > 99)\n\t\tpanic("),
)
"""With this edit a kernel notices nothing: pointers are not checked."""

BLIND_WATCH = Edit(
    "mm/kdebug.c",
    "\tif (!fault)\n\t\treturn;\n\twatch",
    "\tif (!fault || kblock_stats.peak_pages)\n\t\treturn;\n\twatch",
)

# --- what lies at an address ---------------------------------------------------------

SMALL = r"\(kmalloc-112, {} bytes into an object of 112 bytes\)"
MIDDLE = r"\(heap, {} bytes into a {} block of \d+ bytes\)"
MAPPED = r"\(inside a kmalloc mapping of 13 pages at 0xf88\w{5}\)"
PAIR = r"\(pair, {} bytes into an object of 48 bytes\)"
NO_MAGIC = "its header does not have the magic: overwritten, or not a start"

KFREE = r"kfree\(0x\w{8}\): "
OBJECT = r"kmem_cache_free\(pair, 0x\w{8}\): "
VFREE = r"vfree\(0x\w{8}\): "
FRAMES = r"free_pages\(0x\w{8}, 2\), zone \w+: "

RELEASE = [
    Misuse("", "twice", "slab", KFREE + "it is free already " + SMALL.format(0)),
    Misuse("", "twice", "heap", KFREE + "it is free already " + MIDDLE.format(0, "free")),
    Misuse("", "twice", "pages", KFREE + r"unmapped already \(freed .* of 13 pages at 0xf88\w+\)"),
    Misuse("", "twice", "cache", OBJECT + "it is free already " + PAIR.format(0)),
    Misuse(
        "",
        "twice",
        "vmalloc",
        VFREE + r"unmapped already \(freed vmalloc mapping of 13 pages at .*\)",
    ),
    Misuse("", "twice", "frames", FRAMES + "it is free already"),
    Misuse("", "middle", "slab", KFREE + "not the start of an object " + SMALL.format(32)),
    Misuse("", "middle", "heap", KFREE + "not the start of .* " + MIDDLE.format(32, "live")),
    Misuse("", "middle", "pages", KFREE + f"{NO_MAGIC} {MAPPED}"),
    Misuse("", "middle", "cache", OBJECT + "not the start of an object " + PAIR.format(32)),
    Misuse(
        "", "middle", "vmalloc", VFREE + r"not the start of a mapping \(inside .* 13 pages at .*\)"
    ),
    Misuse("", "middle", "frames", FRAMES + "not a page frame of this zone"),
    Misuse("", "page", "heap", KFREE + "not the start of .* " + MIDDLE.format(4096, "live")),
    Misuse("", "page", "pages", KFREE + f"not the start of a mapping {MAPPED}"),
    Misuse(
        "", "page", "vmalloc", VFREE + r"not the start of a mapping \(inside .* 13 pages at .*\)"
    ),
    Misuse("", "page", "frames", FRAMES + "it lies inside an allocated block"),
    *(
        Misuse("", what, tier, call + fault + place)
        for what, place in (
            ("stack", r" \(the kernel's own data\)"),
            ("text", r" \(read-only text\)"),
        )
        for tier, call, fault in (
            ("slab", KFREE, "not an address of kmalloc's"),
            ("cache", OBJECT, "not an object of any cache"),
        )
    ),
    *(
        Misuse("", what, tier, message)
        for what in ("stack", "text")
        for tier, message in (
            (
                "vmalloc",
                VFREE + r"not an address of the arena \((?:the kernel's own|read-only).*\)",
            ),
            ("frames", FRAMES + "not a page frame of this zone"),
        )
    ),
    # written to, before or after it
    Misuse("", "before", "slab", KFREE + f"{NO_MAGIC} " + SMALL.format(0)),
    Misuse("", "before", "heap", KFREE + r"its header has an impossible size: over.* \(heap\)"),
    Misuse("", "before", "pages", KFREE + f"{NO_MAGIC} {MAPPED}"),
    Misuse("", "far_behind", "slab", KFREE + f"{NO_MAGIC} " + SMALL.format(0)),
    Misuse("", "far_behind", "heap", KFREE + r"its header has an impossible size: over.* \(heap\)"),
    # headers that are right, but not there
    Misuse("", "copied", "heap", KFREE + "not the start of .* " + MIDDLE.format(32, "live")),
    Misuse("", "copied", "pages", KFREE + f"not the start of an allocation {MAPPED}"),
    # of somebody else
    Misuse(
        "", "foreign", "slab", KFREE + r"it belongs to a cache: use .* \(other, 0 .* 64 bytes\)"
    ),
    Misuse("", "foreign", "slab", KFREE + r"it is vmalloc\(\)'s: use vfree.* 13 .*", "vmalloc"),
    Misuse(
        "", "foreign", "slab", KFREE + r"not an address.* 4 allocated pages at 0x\w+\)", "frames"
    ),
    Misuse(
        "", "foreign", "cache", OBJECT + r"it belongs to another cache \(other, 0 .* 64 bytes\)"
    ),
    Misuse("", "foreign", "cache", OBJECT + "it belongs to another .*" + SMALL.format(0), "slab"),
    Misuse("", "foreign", "cache", OBJECT + "not an .*" + MIDDLE.format(0, "live"), "heap"),
    Misuse("", "foreign", "cache", OBJECT + f"not an object of any cache {MAPPED}", "pages"),
    Misuse("", "foreign", "vmalloc", VFREE + "not an address of the arena.*", "slab"),
    Misuse("", "foreign", "vmalloc", VFREE + "not the start of a mapping.*", "pages"),
]

DIRECT = "kmalloc.mapping=direct"
BLOCK = r" \({} bytes into 16 {} pages at 0x\w{{5}}000\)"
HEADERLESS = "kmalloc.header=false"

OTHER_TIERS = [
    Misuse(DIRECT, "twice", "pages", KFREE + "nothing is .*already\\?" + BLOCK.format(8, "free")),
    Misuse(DIRECT, "middle", "pages", KFREE + NO_MAGIC + BLOCK.format(40, "allocated")),
    Misuse(
        DIRECT, "page", "pages", KFREE + "not an .* kmalloc's" + BLOCK.format(4104, "allocated")
    ),
    Misuse(DIRECT, "before", "pages", KFREE + NO_MAGIC + BLOCK.format(8, "allocated")),
    Misuse(DIRECT, "copied", "pages", KFREE + "not the start .*" + BLOCK.format(40, "allocated")),
    Misuse(DIRECT, "foreign", "slab", KFREE + r"it is vmalloc\(\)'s: use vfree.* 13 .*", "vmalloc"),
    Misuse(HEADERLESS, "twice", "slab", KFREE + "it is free already " + SMALL.format(0)),
    Misuse(HEADERLESS, "middle", "slab", KFREE + "not the start of an object " + SMALL.format(32)),
    Misuse(HEADERLESS, "copied", "slab", KFREE + "not the start of an object " + SMALL.format(32)),
    Misuse(HEADERLESS, "foreign", "slab", KFREE + "it belongs to a cache: use .* 64 bytes.*"),
    Misuse(HEADERLESS, "stack", "slab", KFREE + r"not an .* \(the kernel's own data\)"),
]

# --- who did it, in kernels that know --------------------------------------------------

TRACK = "debug.track=true"
SIZES = {"slab": 100, "heap": 5000, "pages": 50000}
GETS = {"slab": "get_small", "heap": "get_middle", "pages": "get_large"}


def known(tier: str, freed: bool = False) -> str:
    """The end of a message about an allocation whose call sites are known."""
    who = ", freed from 0xc01\\w{5}" if freed else ""
    return rf" \({SIZES[tier]} bytes at 0x\w{{8}}, allocated from 0xc01\w{{5}}{who}\)"


TRACKED = [
    Misuse(TRACK, "twice", "slab", KFREE + "it is free already" + known("slab", freed=True)),
    Misuse(TRACK, "twice", "heap", KFREE + "it is free already" + known("heap", freed=True)),
    Misuse(TRACK, "foreign", "slab", KFREE + "it belongs to a cache: use .* 64 bytes.*"),
    Misuse(TRACK, "stack", "slab", KFREE + r"not an .* \(the kernel's own data\)"),
    *(
        Misuse(TRACK, what, tier, KFREE + fault + known(tier))
        for tier in SIZES
        for what, fault in (
            ("middle", "not the start of an allocation"),
            ("copied", "not the start of an allocation"),
            ("before", "its header was overwritten"),
        )
    ),
]

QUARANTINE = "debug.quarantine=32"

POISON = "debug.poison=true"
STALE = r"free memory was written at 0x\w{8}: now 0x01 "

CHOSEN = [
    *(
        Misuse("debug.redzone=true", "past", tier, KFREE + "bytes past its end.*" + known(tier))
        for tier in SIZES
    ),
    *(
        Misuse(
            QUARANTINE, "stale", tier, r"quarantine.* it was written after.*" + known(tier, True)
        )
        for tier in SIZES
    ),
    # here the tier's free slot begins where the watch does
    Misuse(f"{TRACK} {HEADERLESS}", "twice", "slab", KFREE + "it is free .*" + known("slab", True)),
    Misuse(QUARANTINE, "twice", "pages", KFREE + "it is free already" + known("pages", freed=True)),
    *(
        Misuse(POISON, "stale", tier, STALE + place)
        for tier, place in (
            ("slab", SMALL.format(40)),
            ("heap", MIDDLE.format(40, "free")),
            ("cache", PAIR.format(40)),
        )
    ),
    Misuse(POISON, "stale_first", "heap", STALE + MIDDLE.format(0, "free")),
    Misuse(
        f"{POISON} {HEADERLESS}",
        "stale_second",
        "slab",
        STALE + r"\(kmalloc-\d+, 4 bytes into an object of \d+ bytes\)",
    ),
    Misuse("debug.magic=derived", "copied", "slab", KFREE + "not the start .*" + SMALL.format(32)),
    Misuse("debug.magic=derived", "copied", "pages", KFREE + f"{NO_MAGIC} {MAPPED}"),
]
"""Detectors that a description chooses: the kernel without is that of the release."""

MISUSES = [*RELEASE, *OTHER_TIERS, *TRACKED, *CHOSEN]


def kernel(kernels: Kernels, setting: str) -> Path:
    return kernels.user("alloc_faults.c", sets=["features.tests=false", *setting.split()])


def without_the_detector(kernels: Kernels, misuse: Misuse) -> Path:
    if misuse in CHOSEN:
        return kernel(kernels, "")
    blind = [*BLIND, BLIND_WATCH] if misuse.setting == TRACK else BLIND
    return kernels.broken(kernel(kernels, misuse.setting), blind)


def is_named(result: Result, misuse: Misuse) -> bool:
    panic = result.transcript.panic
    return panic is not None and re.fullmatch(misuse.message, panic.message) is not None


@pytest.mark.parametrize("misuse", MISUSES, ids=str)
def test_misuse_is_named(kernels: Kernels, boot: Boot, misuse: Misuse) -> None:
    folder = kernel(kernels, misuse.setting)
    result = boot(folder, append=misuse.words)
    assert result.exit_code == Exit.PANIC, result.reasons
    assert is_named(result, misuse), result.reasons
    sites = re.findall(r"(allocated|freed) from (0x\w+)", result.reasons[0])
    for what, site in sites:
        [frame] = symbolise(folder / "build/kernel.elf", [int(site, 16)], first_exact=False)
        assert frame.function == ("give" if what == "freed" else GETS[misuse.tier])


@pytest.mark.parametrize("misuse", MISUSES, ids=str)
def test_without_the_detector_it_is_not(kernels: Kernels, boot: Boot, misuse: Misuse) -> None:
    folder = without_the_detector(kernels, misuse)
    result = boot(folder, append=misuse.words, timeout=15)
    assert len(result.transcript.stages) >= 7, result.log.read_text()  # it did get that far
    assert not is_named(result, misuse), result.reasons


# --- what is asked for ------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """``what`` ends well, and each of ``lines`` is in the log; not so with ``change``."""

    what: str
    lines: tuple[str, ...]
    failures: int
    change: Edit


SITE = r", from 0xc01\w{5}"

NOTHING_FREE = r"free blocks from order 0 on: dma 0(,0)* normal 0(,0)*"

REQUESTS = [
    Request(
        "zero",
        (
            r"kmalloc\(0\): zero, 0 failed",
            r"kmalloc_aligned\(0, 64\): zero, 0 failed",
            r"kcalloc\(0, 5\): zero, 0 failed",
            r"krealloc\(pointer, 0\): zero, 0 failed",
            r"vmalloc\(0\): NULL, 0 failed",
            r"kmem_cache_create\(none, 0, 0\): an object has no bytes",
        ),
        0,
        Edit(
            "mm/kmalloc.c",
            "return size ? alloc_large(size, KMALLOC_ALIGNMENT) : ZERO_SIZE_PTR;",
            "return alloc_large(size, KMALLOC_ALIGNMENT);",
        ),
    ),
    Request(
        "too_large",
        (
            r"kmalloc\(4294967295\): more than there are addresses, failure 1",
            r"kmalloc\(huge - PAGE_SIZE\): NULL, 1 failed",
            r"kmalloc\(huge / 2\): NULL, 1 failed",
            r"kcalloc\(1, huge\): NULL, 1 failed",
            r"kmalloc_aligned\(huge - 7, 16\): NULL, 1 failed",
            r"kmalloc_aligned\(100, huge / 2 \+ 1\): NULL, 1 failed",
            r"krealloc\(pointer, huge\): NULL, 1 failed",
            r"vmalloc\(huge\): NULL, 0 failed",
            r"kmem_cache_create\(huge, 4294967295, 0\): two objects do not fit into a slab",
            r"\(void \*\)alloc_pages\(ZONE_ANY, MAX_ORDER \+ 1\): NULL, 0 failed",
            "still there: 1",
        ),
        9,
        Edit("mm/kmalloc_check.c", "\tkmalloc_failures++;\n", ""),
    ),
    Request(
        "product",
        (
            r"kcalloc\(65536, 65537\): the product overflows 32 bits, failure 1" + SITE,
            r"kcalloc\(0x10000, 0x10001\): NULL, 1 failed",
            r"kcalloc\(huge, huge\): NULL, 1 failed",
            r"kcalloc\(2, huge / 2 \+ 1\): NULL, 1 failed",
        ),
        3,
        Edit(
            "mm/krealloc.c",
            "if (__builtin_mul_overflow(n, size, &bytes))",
            "if (bytes = n * size, !n && size == 1)",
        ),
    ),
    Request(
        "alignment",
        (
            r"kmalloc_aligned\(100, 24\): the alignment is not a power of two, failure 1" + SITE,
            r"kmalloc_aligned\(100, 0\): NULL, 1 failed",
            r"kmalloc_aligned\(5000, 3\): NULL, 1 failed",
            r"kmalloc_aligned\(50000, 4097\): NULL, 1 failed",
            r"kmem_cache_create\(askew, 16, 24\): the alignment is not a power of two",
        ),
        4,
        Edit("mm/kmalloc.c", "if (!align || (align & (align - 1)))", "if (align == 5)"),
    ),
    Request(
        "no_memory",
        (
            rf"kmalloc\(100\): no memory, failure \d+({SITE})?; {NOTHING_FREE}",
            r"kmalloc\(100\): NULL, 1 failed",
            r"kmalloc\(5000\): NULL, 1 failed",
            rf"vmalloc\(5000\): no memory or no addresses, failure \d+; {NOTHING_FREE}",
            r"vmalloc\(5000\): NULL, 0 failed",
            rf"cache pair: no memory, failure \d+; {NOTHING_FREE}",
            r"kmem_cache_alloc\(pairs\): NULL, 0 failed",
        ),
        2,
        Edit("include/kernel/printk.h", "return !(times & (times - 1));", "return times > 2;"),
    ),
]


def is_answered(result: Result, request: Request) -> bool:
    return (
        result.verdict == "pass"
        and all(one.holds for one in result.assertions)
        and result.transcript.stats["kmalloc.failures"] == request.failures
    )


def asked(boot: Boot, folder: Path, request: Request) -> Result:
    expect = [f"^{line}" for line in request.lines]
    return boot(folder, append=f"do={request.what}", expect=expect)


@pytest.mark.parametrize("setting", ["", TRACK, DIRECT])
@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.what)
def test_requests_that_cannot_be_met(
    kernels: Kernels, boot: Boot, request_: Request, setting: str
) -> None:
    result = asked(boot, kernel(kernels, setting), request_)
    assert is_answered(result, request_), result.reasons


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.what)
def test_without_the_check_they_go_wrong(kernels: Kernels, boot: Boot, request_: Request) -> None:
    folder = kernels.broken(kernel(kernels, ""), [request_.change])
    assert not is_answered(asked(boot, folder, request_), request_)


@pytest.mark.parametrize("setting", ["", DIRECT, HEADERLESS, TRACK, QUARANTINE])
def test_null_is_fine_and_nothing_else_is_noticed(
    kernels: Kernels, boot: Boot, setting: str
) -> None:
    folder = kernel(kernels, setting)
    for tier in ("slab", "heap", "pages", "cache", "vmalloc"):
        result = boot(folder, append=f"do=null on={tier}", expect=['nobody minds "null"'])
        assert result.verdict == "pass", result.reasons
