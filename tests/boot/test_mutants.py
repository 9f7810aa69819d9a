"""Deliberate faults: each, put into the rendered kernel, must make the boot fail as stated.

This tests the tests: those in the kernel, its own checks, and the judge around it. A mutant is
one replacement in one source. If its text is not there exactly once the test fails (the template
has changed: change the mutant with it); if it survives, the kernel's tests have a hole.

To be quick, a mutant starts as a copy of the default kernel's output folder: ninja compiles one
file and links, and the image is booted unverified.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from kgen.build.folder import Folder
from kgen.build.run import run_ninja
from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]


@dataclass(frozen=True)
class Mutant:
    """One fault: ``old`` becomes ``new`` in ``source``; what must come of it, on which boot.

    ``caught`` is a pattern that one of the verdict's reasons must match; ``expect`` is what a sound
    kernel prints on this boot. ``module`` is the size of a Multiboot module, None for none.
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


BUDDY = "mm/buddy.c"
MEMBLOCK = "mm/memblock.c"
MEMMAP = "mm/memmap.c"
EARLY = "mm/early.c"
KMALLOC = "mm/kmalloc.c"
ARENA = "mm/arena.c"
PAGE = "mm/page.c"
PAGING = "arch/i386/paging.c"
TLB = "arch/i386/tlb.c"
FAIL, PANIC, PROTOCOL = Exit.FAIL, Exit.PANIC, Exit.PROTOCOL

MUTANTS = [
    # --- buddy ---
    Mutant(
        "merge_skipped",
        BUDDY,
        "while (order < b->max_order && !toggle_pair(b, frame, order)) {",
        "while (order < b->max_order && !toggle_pair(b, frame, order) && !b) {",
        FAIL,
        "buddy.merges_completely",
    ),
    Mutant(
        "wrong_buddy",
        BUDDY,
        "size_t buddy = frame ^ (size_t)1 << order;",
        "size_t buddy = frame + ((size_t)1 << order);",
        PANIC,
        "free_pages.*: it is free already",
    ),
    Mutant(
        "pair_not_toggled_by_alloc",
        BUDDY,
        "\tif (from < b->max_order)\n\t\ttoggle_pair(b, frame, from);\n",
        "",
        PANIC,
        "page fault: write to 0x1: null page",
    ),
    Mutant(
        "pair_not_toggled_by_split",
        BUDDY,
        "\t\tpush(b, frame + ((size_t)1 << from), from);\n\t\ttoggle_pair(b, frame, from);\n",
        "\t\tpush(b, frame + ((size_t)1 << from), from);\n",
        PANIC,
        "page fault: write to 0x1: null page",
    ),
    Mutant(
        "head_left_behind",
        BUDDY,
        "clear_head(b, frame | buddy);",
        "(void)clear_head;",
        FAIL,
        "buddy.merges_completely",
    ),
    Mutant(
        "splits_off_the_lower_half",
        BUDDY,
        "push(b, frame + ((size_t)1 << from), from);",
        "push(b, frame, from);",
        PANIC,
        "page fault: write to 0x0: null page",
    ),
    Mutant(
        "wrong_order_accepted",
        BUDDY,
        "if (b->nodes[frame].allocated != allocated_mark(order))",
        "if (order > b->max_order)",
        FAIL,
        "buddy.refuses_wrong_frees",
    ),
    Mutant(
        "double_free_accepted",
        BUDDY,
        "if (!is_head(b, frame) || !is_allocated(&b->nodes[frame]))",
        "if (!is_head(b, frame))",
        FAIL,
        "buddy.refuses_wrong_frees",
    ),
    Mutant(
        "blocks_not_aligned",
        BUDDY,
        "while (order < b->max_order && IS_ALIGNED(frame, (size_t)2 << order) &&",
        "while (order < b->max_order &&",
        PANIC,
        "BUG at src/mm|BUG at src/kernel/main.c",
    ),
    Mutant(
        "free_pages_miscounted",
        BUDDY,
        "b->free_pages += (size_t)1 << order;",
        "b->free_pages += order + 1;",
        FAIL,
        "buddy.refuses_wrong_frees",
    ),
    # --- memory map, memblock ---
    Mutant(
        "map_stride_of_24",
        "kernel/multiboot.c",
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
        "out of early memory",
    ),
    Mutant(
        "hand_over_ignores_reserved",
        MEMBLOCK,
        "*taken = reserved_above(mb, start);",
        "*taken = start ? NULL : reserved_above(mb, start);",
        FAIL,
        "page.every_frame_is_usable|memblock.hands_over",
    ),
    Mutant(
        "page_0_not_reserved",
        MEMBLOCK,
        "mb->reserved.count = 1;",
        "mb->reserved.count = 0;",
        PANIC,
        "out of early memory",
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
        FAIL,
        "page.every_frame_is_usable",
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
        "\t\t*walk(virt) = 0;\n\t\tflush_tlb_page(virt);\n",
        "\t\tflush_tlb_page(virt);\n",
        PANIC,
        "BUG at src/test/paging.c:.*: map_page",
    ),
    Mutant(
        "unmap_of_many_forgotten",
        PAGING,
        "\t\t*pte = 0;\n\t\trelease(frame);\n",
        "\t\t*pte = frame | PTE_PRESENT;\n\t\trelease(frame);\n",
        PANIC,
        "BUG at src/mm/kmalloc.c:.*: map_page",
    ),
    Mutant(
        "invlpg_left_out",
        TLB,
        '__asm__ volatile(CPU_GUARD(4) "invlpg (%0)" : : "r"(virt) : "memory");',
        "(void)virt;",
        PANIC,
        "kfree.*: its header does not have the magic",
    ),
    Mutant(
        "cr3_not_reloaded",
        TLB,
        "write_cr3(read_cr3());",
        "",
        FAIL,
        "--expect .* was not found",
        append="cpu=386",
        expect="policy=cr3 reason=forced",
    ),
    Mutant(
        "unmap_does_not_flush",
        PAGING,
        "\t\tflush_tlb_page(virt);\n",
        "",
        FAIL,
        "paging.unmapping_flushes",
    ),
    Mutant(
        "unmap_of_many_does_not_flush",
        PAGING,
        "\tflush_tlb_range(virt, pages);\n",
        "",
        PANIC,
        "kfree.*: its header does not have the magic",
    ),
    Mutant(
        "freed_before_the_flush",
        PAGING,
        "\tflush_tlb_range(virt, pages);\n"
        "\tfor (size_t i = 0; i < pages; i++) {\n"
        "\t\tuint32_t *pte = walk(virt + i * PAGE_SIZE);\n"
        "\t\tphys_addr_t frame = pte ? *pte : PHYS_NONE;\n\n"
        "\t\tif (!frame)\n\t\t\tcontinue;\n\t\t*pte = 0;\n\t\trelease(frame);\n\t}\n",
        "\tfor (size_t i = 0; i < pages; i++) {\n"
        "\t\tuint32_t *pte = walk(virt + i * PAGE_SIZE);\n"
        "\t\tphys_addr_t frame = pte ? *pte : PHYS_NONE;\n\n"
        "\t\tif (!frame)\n\t\t\tcontinue;\n\t\t*pte = 0;\n\t\trelease(frame);\n\t}\n"
        "\tflush_tlb_range(virt, pages);\n",
        FAIL,
        "paging.frames_are_released_after_the_flush",
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
        PAGING,
        "end = MIN(end, direct_end);",
        "end = MIN(end, direct_end) - PAGE_SIZE;",
        FAIL,
        "accounting: paging.direct_pages is ",
        cpu="486",
    ),
    Mutant(
        "text_left_writable",
        PAGING,
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
    # --- kmalloc ---
    Mutant(
        "magic_unchecked",
        KMALLOC,
        "if (header_of(pointer)->magic != KMALLOC_MAGIC)",
        "if (!pointer)",
        FAIL,
        "kmalloc.checks_the_header",
    ),
    Mutant(
        "size_unchecked",
        KMALLOC,
        '\t    virt_to_phys((void *)(virt + pages * PAGE_SIZE)))\n\t\treturn "its header',
        '\t    !pointer)\n\t\treturn "its header',
        FAIL,
        "kmalloc.checks_the_header",
    ),
    Mutant(
        "magic_kept_by_kfree",
        KMALLOC,
        "\theader_of(pointer)->magic = 0;\n",
        "",
        FAIL,
        "kmalloc.forgets_freed_headers",
    ),
    Mutant(
        "addresses_not_freed",
        KMALLOC,
        "BUG_ON(!arena_free(&arena, virt, pages + KMALLOC_GUARD_PAGES));",
        "",
        FAIL,
        "end.kmalloc_is_sound",
    ),
    Mutant(
        "guard_not_freed",
        KMALLOC,
        "BUG_ON(!arena_free(&arena, virt, pages + KMALLOC_GUARD_PAGES));",
        "BUG_ON(!arena_free(&arena, virt, pages));",
        FAIL,
        "end.kmalloc_is_sound",
    ),
    Mutant(
        "guard_mapped",
        KMALLOC,
        "if (!populate(virt, pages)) {",
        "if (!populate(virt, reach)) {",
        PANIC,
        "kfree.*: its header has a size that its pages do not",
    ),
    Mutant(
        "no_guard",
        KMALLOC,
        "\tsize_t reach = pages + KMALLOC_GUARD_PAGES;\n",
        "\tsize_t reach = pages;\n",
        PANIC,
        "BUG at src/mm/kmalloc.c:.*: !arena_free",
    ),
    Mutant(
        "header_forgotten_in_the_size",
        KMALLOC,
        "(size % PAGE_SIZE + offset + PAGE_SIZE - 1) / PAGE_SIZE;",
        "(size % PAGE_SIZE + PAGE_SIZE - 1) / PAGE_SIZE;",
        PANIC,
        "kfree.*: its header has a size that its pages do not",
    ),
    Mutant(
        "krealloc_forgets_to_copy",
        KMALLOC,
        "\t\tmemcpy(moved, pointer, MIN(size, ksize(pointer)));\n",
        "",
        FAIL,
        "kmalloc.reallocates",
    ),
    Mutant(
        "krealloc_leaks",
        KMALLOC,
        "MIN(size, ksize(pointer)));\n\t\tkfree(pointer);\n",
        "MIN(size, ksize(pointer)));\n",
        FAIL,
        "all_memory_is_free_again",
    ),
    Mutant(
        "kzalloc_does_not_clear",
        KMALLOC,
        "\t\tmemset(pointer, 0, size);\n",
        "\t\t(void)0;\n",
        FAIL,
        "kmalloc.clears_and_multiplies",
    ),
    Mutant(
        "kcalloc_overflows",
        KMALLOC,
        "if (__builtin_mul_overflow(n, size, &bytes)) {",
        "if (bytes = n * size, !n) {",
        FAIL,
        "kmalloc.exhaustion_gives_null",
    ),
    Mutant(
        "alignment_of_the_page_only",
        KMALLOC,
        "MAX(align / PAGE_SIZE, (size_t)1), offset / PAGE_SIZE);",
        "1, offset / PAGE_SIZE);",
        FAIL,
        "kmalloc.aligns",
    ),
    # --- zones, the log ---
    Mutant(
        "no_fallback",
        PAGE,
        "for (int i = zone; i >= 0; i--) {",
        "for (int i = zone; i == (int)zone; i--) {",
        PANIC,
        "BUG at src/kernel/main.c:.*: !first",
    ),
    Mutant(
        "stage_not_announced",
        "kernel/main.c",
        "\tstage_done(STAGE_BUDDY);\n",
        "",
        PROTOCOL,
        "stages never reached: buddy",
    ),
]


def built(default: Path, folder: Path, mutant: Mutant) -> Path:
    """The default kernel with the fault in it: an output folder."""
    out = Folder(folder / mutant.name)
    shutil.copytree(default, out.root)
    source = out.src / mutant.source
    text = source.read_text()
    found = text.count(mutant.old)
    assert found == 1, f"{mutant.source} has this text {found} times: {mutant.old!r}"
    source.write_text(text.replace(mutant.old, mutant.new))
    with out.locked(lambda: None) as lock:
        outcome = run_ninja(out, lock=lock)
    assert outcome.ok, outcome.output
    image = out.candidate.read_bytes()
    manifest = json.loads(out.manifest.read_text()) | {
        "image": out.candidate.relative_to(out.root).as_posix(),
        "image_size": len(image),
        "image_sha256": hashlib.sha256(image).hexdigest(),
    }
    out.manifest.write_text(json.dumps(manifest))
    return out.root


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(default: Path, boot: Boot, tmp_path: Path, mutant: Mutant) -> None:
    folder = built(default, tmp_path, mutant)
    modules = []
    if mutant.module is not None:
        modules.append(tmp_path / "module")
        modules[0].write_bytes(b"m" * mutant.module)
    expect = [mutant.expect] if mutant.expect else []
    machine = {"append": mutant.append, "cpu": mutant.cpu, "modules": modules}
    result = boot(folder, **machine, expect=expect, timeout=10)
    assert result.verdict != "pass", f"{mutant.name} survives"
    assert result.exit_code == mutant.exit_code, (result.verdict, result.reasons)
    assert any(re.search(mutant.caught, text) for text in result.reasons), result.reasons


def test_a_copy_without_a_fault_passes(default: Path, boot: Boot, tmp_path: Path) -> None:
    """The control: it is the fault that is caught, not the copy nor what is expected of it."""
    harmless = Mutant("none", BUDDY, "#include <mm/buddy.h>", "\n#include <mm/buddy.h>", FAIL, "")
    folder = built(default, tmp_path, harmless)
    for append, expect in sorted({(mutant.append, mutant.expect) for mutant in MUTANTS}):
        assert boot(folder, append=append, expect=[expect]).verdict == "pass"


def test_names_are_given_once() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))
