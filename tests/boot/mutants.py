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
from typing import Protocol

from kgen.build.folder import Folder
from kgen.build.ident import identified
from kgen.build.run import run_ninja
from kgen_qemu.errors import Exit


class Replacement(Protocol):
    """A change to one rendered source: ``old``, which must be there once, becomes ``new``."""

    @property
    def source(self) -> str: ...

    @property
    def old(self) -> str: ...

    @property
    def new(self) -> str: ...


def build_broken(sound: Path, out: Path, faults: Iterable[Replacement]) -> None:
    """Make ``out`` a copy of a sound kernel's output folder with faults, its image unverified."""
    folder = Folder(out)
    shutil.copytree(sound, folder.root)
    for fault in faults:
        source = folder.src / fault.source
        text = source.read_text()
        found = text.count(fault.old)
        assert found == 1, f"{fault.source} has this text {found} times: {fault.old!r}"
        source.write_text(text.replace(fault.old, fault.new))
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
INDEX = "include/mm/buddy_index.h"
MEMBLOCK = "mm/memblock.c"
MEMMAP = "mm/memmap.c"
EARLY = "mm/early.c"
PAGE = "mm/page.c"
PAGING = "arch/i386/paging.c"
KSPACE = "mm/kspace.c"
TLB = "arch/i386/tlb.c"
FAIL, PANIC, PROTOCOL = Exit.FAIL, Exit.PANIC, Exit.PROTOCOL

PAGE_MUTANTS = [
    # --- buddy ---
    Mutant(
        "merge_skipped",
        BUDDY,
        "\tif (buddy_is_free(b, frame, order))\n\t\tmerge(b, frame, order);",
        "\tif (!b)\n\t\tmerge(b, frame, order);",
        FAIL,
        "buddy.merges_completely",
    ),
    Mutant(
        "merged_once_only",
        BUDDY,
        "} while (buddy_is_free(b, frame, order));",
        "} while (!b);",
        FAIL,
        "buddy.merges_completely",
    ),
    Mutant(
        "wrong_buddy",
        BUDDY,
        "b->map[frame ^ block_pages(order)] ==",
        "b->map[frame + block_pages(order)] ==",
        PANIC,
        "page fault: write to 0xa5a5a5a5",
    ),
    Mutant(
        "allocated_block_not_marked",
        BUDDY,
        "\tframe = index_take(b, order);\n\tb->map[frame] = BUDDY_ALLOCATED | order;\n",
        "\tframe = index_take(b, order);\n",
        PANIC,
        r"free_pages\(0x\w+, \d+\).*: it is free already",
    ),
    Mutant(
        "halved_block_not_marked",
        BUDDY,
        "\t} while (from > order);\n\tb->map[frame] = BUDDY_ALLOCATED | order;\n",
        "\t} while (from > order);\n",
        PANIC,
        r"free_pages\(0x\w+, 1\).*: it is free already",
    ),
    Mutant(
        "freed_block_not_marked",
        INDEX,
        "b->map[frame] = BUDDY_FREE | order;",
        "(void)frame;",
        PANIC,
        r"BUG at src/kernel/main.c:\d+: pages_check",
    ),
    Mutant(
        "upper_half_left_behind",
        BUDDY,
        "map[frame | buddy] = BUDDY_NOTHING;",
        "(void)map;",
        FAIL,
        "buddy.merges_completely",
    ),
    Mutant(
        "splits_off_the_lower_half",
        BUDDY,
        "add_free(b, frame + block_pages(from), from);",
        "add_free(b, frame, from);",
        PANIC,
        r"free_pages\(0x\w+, 0\).*: it is free already",
    ),
    Mutant(
        "wrong_order_accepted",
        BUDDY,
        "b->map[frame] != (BUDDY_ALLOCATED | order))",
        "b->map[frame] & ~BUDDY_ORDER_MASK)",
        FAIL,
        "buddy.refuses_wrong_frees",
    ),
    Mutant(
        "double_free_accepted",
        BUDDY,
        "b->map[frame] != (BUDDY_ALLOCATED | order))",
        "(b->map[frame] & ~BUDDY_FREE) != order)",
        FAIL,
        "buddy.refuses_wrong_frees",
    ),
    Mutant(
        "blocks_not_aligned",
        BUDDY,
        "while (order < b->max_order && IS_ALIGNED(frame, block_pages(order + 1)) &&",
        "while (order < b->max_order &&",
        PANIC,
        r"BUG at src/kernel/main.c:\d+: pages_check",
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
        "free_blocks_miscounted",
        BUDDY,
        "\tframe = index_take(b, from);\n\tb->free_count[from]--;\n",
        "\tframe = index_take(b, from);\n",
        PANIC,
        "page fault: read from 0x0: null page",
    ),
    Mutant(
        "node_not_linked_back",
        INDEX,
        "\t*node->link = next;\n\tif (next)\n\t\tnext->link = node->link;\n",
        "\t*node->link = next;\n",
        PANIC,
        "page fault: write to|free_pages.*: it is free already",
    ),
    # --- the hot list ---
    Mutant(
        "frame_freed_twice",
        PAGE,
        "*state = BUDDY_CACHED;",
        "(void)state;",
        PANIC,
        "page fault: read from 0x0: null page",
        trip="free_page_twice",
    ),
    unnoticed(
        "free_block_asks_nobody",
        PAGE,
        "if (state != (BUDDY_ALLOCATED | order) || addr",
        "if ((state && !order) || addr",
        "free_wrong_order",
        r"free_pages\(0x\w+, 1\), zone normal: the block has another order",
    ),
    Mutant(
        "hot_frame_stays_free",
        PAGE,
        "page_map[addr / PAGE_SIZE] = BUDDY_ALLOCATED;",
        "(void)addr;",
        PANIC,
        "free_pages.*: it is free already",
    ),
    Mutant(
        "drained_frames_lost",
        PAGE,
        "buddy_give_cached(&hot_zone->buddy, hot.frames, count);",
        ";",
        FAIL,
        "all_memory_is_free_again",
    ),
    Mutant(
        "drained_frames_kept",
        PAGE,
        "memmove(hot.frames, hot.frames + count, hot.count * sizeof(hot.frames[0]));",
        "",
        PANIC,
        "free_pages.*: it is free already",
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
        "available_rounded_outwards",
        MEMMAP,
        "if (entry->type == MEMORY_AVAILABLE) {",
        "if (entry->type == MEMORY_BAD) {",
        FAIL,
        "memmap.rounds_to_the_safe_side",
    ),
    Mutant(
        "memblock_ignores_reserved",
        MEMBLOCK,
        "if (!taken || taken->start >= aligned + size)",
        "if (taken || aligned)",
        PANIC,
        "boot refused: no memory for page tables",
    ),
    Mutant(
        "hand_over_ignores_reserved",
        MEMBLOCK,
        "*taken = reserved_above(mb, start);",
        "*taken = start ? NULL : reserved_above(mb, start);",
        PANIC,
        "page fault: write to 0xc0100000: read-only text",
    ),
    Mutant(
        "page_0_not_reserved",
        MEMBLOCK,
        "mb->reserved.count = 1;",
        "mb->reserved.count = 0;",
        PANIC,
        "boot refused: no memory for page tables",
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
        "cr3_not_reloaded",
        TLB,
        "write_cr3(read_cr3());",
        "",
        PANIC,
        "kfree.*: its header does not have the magic",
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
