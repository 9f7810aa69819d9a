"""Deliberate faults in the kernel below kmalloc, and what must come of each on a boot.

Those of kmalloc and what it stands on are in :mod:`tests.boot.kmalloc_mutants`;
:mod:`tests.boot.test_mutants` runs them all.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.mutation import Edit

from kgen.build.folder import Folder
from kgen.build.ident import identified
from kgen.build.run import run_ninja
from kgen_qemu.errors import Exit


def build_broken(sound: Path, out: Path, faults: Iterable[Edit]) -> None:
    """Make ``out`` a copy of a sound kernel's output folder with faults, its image unverified."""
    folder = Folder(out)
    shutil.copytree(sound, folder.root)
    for fault in faults:
        source = folder.src / fault.file
        source.write_text(fault.apply(source.read_text()))
    with folder.locked(lambda: None) as lock:
        outcome = run_ninja(folder, lock=lock)
    assert outcome.ok, outcome.output
    image, build_id = identified(folder.candidate.read_bytes())
    folder.candidate.write_bytes(image)
    manifest = json.loads(folder.manifest.read_text()) | {
        "image": folder.candidate.relative_to(folder.root).as_posix(),
        "build": build_id,
        "image_size": len(image),
        "image_sha256": hashlib.sha256(image).hexdigest(),
    }
    folder.manifest.write_text(json.dumps(manifest))


@dataclass(frozen=True)
class Mutant:
    """One fault: ``old`` becomes ``new`` in ``source``; what must come of it, on which boot.

    ``caught`` is a pattern that one of the verdict's reasons must match; ``expect`` is what a sound
    kernel prints on this boot. ``module`` is the size of a Multiboot module, None for none. With a
    ``trip``, the kernel is tests/kernels/faults.c, and makes this mistake.
    """

    name: str
    source: str
    old: str
    new: str
    exit_code: Exit
    caught: str
    append: str = ""
    expect: str = ""
    cpu: str = "qemu32"
    module: int | None = None
    trip: str = ""

    @property
    def edit(self) -> Edit:
        """What is changed."""
        return Edit(self.source, self.old, self.new)


def unnoticed(name: str, source: str, old: str, new: str, trip: str, panic: str) -> Mutant:
    """A fault that leaves a mistake of faults.c without the panic that it deserves."""
    return Mutant(
        name,
        source,
        old,
        new,
        Exit.FAIL,
        "--expect .* was not found",
        expect=panic,
        trip=trip,
    )


BUDDY = "mm/buddy.c"
MEMBLOCK = "mm/memblock.c"
MEMMAP = "mm/memmap.c"
EARLY = "mm/early.c"
PAGE = "mm/page.c"
PAGING = "arch/i386/paging.c"
KSPACE = "mm/kspace.c"
TLB = "arch/i386/tlb.c"
FAIL, PANIC, PROTOCOL = Exit.FAIL, Exit.PANIC, Exit.PROTOCOL

PAGE_MUTANTS = [
    # --- one for each in-kernel test that no other mutant on a boot tries ---
    Mutant(
        "merge_skipped",
        BUDDY,
        "\tif (buddy_is_free(b, frame, order))\n\t\tmerge(b, frame, order);",
        "\tif (!b)\n\t\tmerge(b, frame, order);",
        FAIL,
        "buddy.merges_completely",
    ),
    Mutant(
        "free_pages_miscounted",
        BUDDY,
        "pages += b->free_count[order] << order;",
        "pages += b->free_count[order] + order;",
        FAIL,
        "buddy.splits",
    ),
    Mutant(
        "profile_without_the_hot_frames",
        PAGE,
        "{\n\tpages_drain();\n\tfor (",
        "{\n\tfor (",
        FAIL,
        "page.profile_is_complete",
    ),
    Mutant(
        "no_fallback",
        PAGE,
        "for (; zone >= zones; zone--) {",
        "for (const struct zone *lowest = zone; zone >= lowest; zone--) {",
        FAIL,
        "kmalloc.fills_the_arena",
    ),
    Mutant(
        "available_rounded_outwards",
        MEMMAP,
        "if (entry->type == MEMORY_AVAILABLE) {",
        "if (entry->type == MEMORY_BAD) {",
        FAIL,
        "memmap.rounds_to_the_safe_side",
    ),
    # --- the others ---
    # --- buddy ---
    Mutant(
        "double_free_accepted",
        BUDDY,
        "b->map[frame] != (BUDDY_ALLOCATED | order))",
        "(b->map[frame] & ~BUDDY_FREE) != order)",
        FAIL,
        "buddy.refuses_wrong_frees",
    ),
    # --- the hot list ---
    unnoticed(
        "free_block_asks_nobody",
        PAGE,
        "if (state != (BUDDY_ALLOCATED | order) || addr",
        "if ((state && !order) || addr",
        "free_wrong_order",
        r"free_pages\(0x\w+, 1\), zone normal: the block has another order",
    ),
    # --- memory map, memblock ---
    Mutant(
        "map_stride_of_24",
        "mm/multiboot.c",
        "at += entry.size + sizeof(entry.size);",
        "at += 24;",
        FAIL,
        "memmap.walks_entries_of_any_size",
    ),
    Mutant(
        "reserved_ignored",
        MEMMAP,
        "rank(entry->type) > rank(strictest->type)",
        "rank(entry->type) < rank(strictest->type)",
        FAIL,
        "memmap.reserved_wins",
    ),
    Mutant(
        "page_0_handed_out",
        MEMBLOCK,
        "(struct memblock_region){ 0, PAGE_SIZE };",
        "(struct memblock_region){ 0, 1 };",
        PANIC,
        "BUG at src/kernel/main.c",
    ),
    Mutant(
        "memblock_left_open",
        PAGE,
        "memblock.closed = true;",
        "",
        FAIL,
        "memblock.is_closed_now",
    ),
    Mutant(
        "bss_over_modules",
        EARLY,
        "\treserve_modules();\n",
        "\t(void)reserve_modules;\n",
        FAIL,
        "page.every_frame_is_usable",
        module=300_000,
    ),
    Mutant(
        "image_not_reserved",
        EARLY,
        '\treserve("the image", image, image_end);\n',
        "",
        PANIC,
        "page fault: write to 0xc0100000: read-only text",
    ),
    Mutant(
        "early_memory_wasted",
        EARLY,
        "memblock_alloc(&memblock, size, align, boot_mapped_end())",
        "memblock_alloc(&memblock, size + 64, align, boot_mapped_end())",
        FAIL,
        "accounting: mem.early is ",
    ),
    Mutant(
        "pages_lost_at_hand_over",
        MEMBLOCK,
        "out->end = ALIGN_DOWN(end, PAGE_SIZE);",
        "out->end = ALIGN_DOWN(end - 1, PAGE_SIZE);",
        FAIL,
        "accounting: mem.free is ",
    ),
    # --- page tables, TLB ---
    Mutant(
        "identity_map_left",
        PAGING,
        "\tmemset(boot_page_directory, 0, KERNEL_PDE * sizeof(uint32_t));\n",
        "",
        PANIC,
        "BUG at src/arch/i386/paging.c",
    ),
    Mutant(
        "unmap_forgotten",
        PAGING,
        "\t\t*page_entry(directory, virt) = 0;\n",
        "\t\t(void)directory;\n",
        PANIC,
        "BUG at src/test/paging.c:.*: map_page",
    ),
    Mutant(
        "invlpg_left_out",
        TLB,
        '__asm__ volatile(CPU_GUARD(4) "invlpg (%0)" : : "r"(virt) : "memory");',
        "(void)virt;",
        FAIL,
        "vmalloc.purging_flushes",
    ),
    Mutant(
        # The command line is read through stale translations: not even cpu=386 is heeded.
        "cr3_not_reloaded",
        TLB,
        "write_cr3(read_cr3());",
        "",
        FAIL,
        "policy=cr3 reason=forced' was not found",
        append="cpu=386",
        expect="policy=cr3 reason=forced",
    ),
    Mutant(
        "unmap_does_not_flush",
        PAGING,
        "\tif (frame)\n\t\tflush_tlb_page(virt);\n",
        "",
        FAIL,
        "paging.unmapping_flushes",
    ),
    Mutant(
        "fixmap_does_not_flush",
        "arch/i386/fixmap.c",
        "if (old & PTE_PRESENT)",
        "if (!slot && !entry && old == 1)",
        FAIL,
        "page.every_frame_is_usable",
    ),
    Mutant(
        "map_over_a_mapping",
        PAGING,
        "\tif (*pte & PTE_PRESENT)\n\t\treturn -EEXIST;\n",
        "",
        FAIL,
        "paging.maps_and_unmaps",
    ),
    Mutant(
        "direct_map_off_by_a_page",
        KSPACE,
        "end = MIN(end, direct_end);",
        "end = MIN(end, direct_end) - PAGE_SIZE;",
        PANIC,
        "direct-map hole: physical 0x3fffff8",
        cpu="486",
    ),
    Mutant(
        "text_left_writable",
        KSPACE,
        "*direct_pte(phys) &= ~(uint32_t)PTE_WRITE;",
        "(void)phys;",
        PANIC,
        "page of the image has the wrong protection",
    ),
    Mutant(
        "write_protection_left_off",
        "arch/i386/cpu.c",
        "write_cr0(read_cr0() | CR0_WP);",
        "write_cr0(read_cr0());",
        FAIL,
        "paging.write_protection_follows_the_cpu",
    ),
    # --- the log ---
    Mutant(
        "stage_not_announced",
        "kernel/main.c",
        "\tstage_done(STAGE_BUDDY);\n",
        "",
        PROTOCOL,
        "stages never reached: buddy",
    ),
]
