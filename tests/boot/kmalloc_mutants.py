"""Deliberate faults in kmalloc and in what it stands on, and what must come of each on a boot.

:mod:`tests.boot.test_mutants` runs them, and says how.
"""

from __future__ import annotations

from tests.boot.mutants import FAIL, PANIC, Mutant, unnoticed

KMALLOC = "mm/kmalloc.c"
KREALLOC = "mm/krealloc.c"
CHECK = "mm/kmalloc_check.c"
SLAB = "mm/slab.c"
SLAB_HEADER = "include/mm/slab.h"
HEAP = "mm/kheap.c"
HEAP_CHECK = "mm/kheap_check.c"
LARGE = "mm/large_vmap.c"
VMALLOC = "mm/vmalloc.c"

_NO_MAGIC = r"kfree\(0x\w+\): its header does not have the magic"

KMALLOC_MUTANTS = [
    # --- one for each in-kernel test that no other mutant on a boot tries ---
    Mutant(
        "kzalloc_does_not_clear",
        KREALLOC,
        "\t\tmemset(pointer, 0, size);\n",
        "\t\t(void)0;\n",
        FAIL,
        "kmalloc.clears_and_multiplies",
    ),
    Mutant(
        "kcalloc_overflows",
        KREALLOC,
        "if (__builtin_mul_overflow(n, size, &bytes))",
        "if (bytes = n * size, !n)",
        FAIL,
        "kmalloc.exhaustion_gives_null",
    ),
    Mutant(
        "heap_alignment_forgotten",
        HEAP,
        "aligned = (char *)ALIGN_UP((uintptr_t)pointer, align);",
        "aligned = (char *)ALIGN_UP((uintptr_t)pointer, MIN(align, 16ul));",
        FAIL,
        "kmalloc.aligns",
    ),
    Mutant(
        "no_guard",
        LARGE,
        "\t\t\t\tKMALLOC_GUARD_PAGES);",
        "\t\t\t\t0);",
        FAIL,
        "kmalloc.leaves_a_guard_behind",
    ),
    Mutant(
        "waiting_pages_are_not_had",
        VMALLOC,
        "reclaim_register(RECLAIM_FLUSH, shrink_lazy);",
        "(void)shrink_lazy;",
        FAIL,
        "vmalloc.any_request_gets_what_waits",
    ),
    # --- the others ---
    # --- in front of all ---
    unnoticed(
        "kfree_ignores_the_magic",
        KMALLOC,
        "unlikely(front->header.magic != kmalloc_magic(pointer, front->header.size))) {",
        "unlikely(!front)) {",
        "free_bad_magic",
        _NO_MAGIC,
    ),
    Mutant(
        "krealloc_forgets_the_new_size",
        KREALLOC,
        "\t*header_of(pointer) = (block_header_t){ size, kmalloc_magic(pointer, size) };\n",
        "",
        FAIL,
        "kmalloc.reallocates",
    ),
    # --- slabs ---
    Mutant(
        "freed_slot_not_marked",
        KMALLOC,
        "\tfront->slot.mark = SLOT_FREE;\n",
        "",
        FAIL,
        "kmalloc.keeps_its_allocations_apart",
    ),
    Mutant(
        "slab_not_given_back",
        SLAB,
        "\tkblock_free(slab, SLAB_ORDER);\n",
        "",
        FAIL,
        "accounting: page.init",
    ),
    unnoticed(
        "object_freed_twice",
        SLAB,
        "if (unlikely(slot->mark == SLOT_FREE) && slot_is_free(slab, slot))",
        "if (!slot && slot_is_free(slab, slot))",
        "free_object_twice",
        r"kmem_cache_free\(pair, 0x\w+\): it is free already",
    ),
    # --- the heap ---
    unnoticed(
        "heap_tail_unchecked_by_kfree",
        HEAP,
        "unlikely(*tail_before(block_after(block, granules)) != (KHEAP_LIVE | granules))) {",
        "unlikely(!granules)) {",
        "write_past",
        r"kfree\(0x\w+\): the bytes past its end were overwritten",
    ),
    Mutant(
        "chunk_not_given_back",
        HEAP,
        "\tkblock_free(chunk, KHEAP_ORDER);\n",
        "",
        FAIL,
        "all_memory_is_free_again",
    ),
    # --- large ones: pages of their own ---
    Mutant(
        "large_size_unchecked",
        LARGE,
        "if (pages_of(pointer, header_of(pointer)->size) != vm_locate(virt).pages)",
        "if (!pointer)",
        FAIL,
        "kmalloc.checks_the_header",
    ),
    unnoticed(
        "large_magic_kept_by_kfree",
        LARGE,
        "\theader_of(pointer)->magic = 0;\n",
        "",
        "free_stale",
        _NO_MAGIC,
    ),
    # --- mappings ---
    Mutant(
        "addresses_not_freed",
        VMALLOC,
        "\t\tBUG_ON(!arena_free(&vm.arena, address_of(range->page), range->reach));",
        "\t\t(void)0;",
        FAIL,
        "vmalloc.gives_pages_that_hold_data",
    ),
    Mutant(
        "spare_addresses_not_kept",
        VMALLOC,
        "\t\tput_spare(range->page, range->reach);\n",
        "\t\t(void)put_spare;\n",
        FAIL,
        "vmalloc.gives_pages_that_hold_data",
    ),
    Mutant(
        "guard_not_freed",
        VMALLOC,
        "\t\tBUG_ON(!arena_free(&vm.arena, address_of(range->page), range->reach));",
        "\t\tBUG_ON(!arena_free(&vm.arena, address_of(range->page), range->pages));",
        FAIL,
        "vmalloc.gives_pages_that_hold_data",
    ),
    Mutant(
        "guard_mapped",
        VMALLOC,
        "done = populate(page_of(virt), pages, kind);",
        "done = populate(page_of(virt), pages + guard, kind) - guard;",
        PANIC,
        "kfree.*: the size in its header does not match its pages",
    ),
    Mutant(
        "mapping_without_a_guard",
        VMALLOC,
        "\tsize_t reach = pages + guard;\n\tsize_t found",
        "\tsize_t reach = pages;\n\tsize_t found",
        PANIC,
        r"BUG at src/mm/vmalloc.c:\d+: !arena_free",
    ),
    Mutant(
        "still_mapped_after_kfree",
        VMALLOC,
        "vm.entries[i] = (vm.entries[i] & keep) | ENTRY_STALE;",
        "vm.entries[i] = (vm.entries[i] & keep) | ENTRY_STALE | PTE_PRESENT;",
        FAIL,
        "kmalloc.unmaps_on_free",
    ),
    Mutant(
        "unmapped_is_reused_at_once",
        VMALLOC,
        "\tvm.lazy.count++;\n\tvm.lazy.pages += range.pages;\n",
        "\tfree_flushed(&range);\n",
        PANIC,
        "kfree.*: its header does not have the magic",
    ),
    Mutant(
        "many_pages_are_not_gathered",
        VMALLOC,
        "if (vm.lazy.count == VMALLOC_LAZY)",
        "if (vm.lazy.count == VMALLOC_LAZY || vm.lazy.pages >= 1024)",
        FAIL,
        "vmalloc.one_flush_serves_many",
    ),
    Mutant(
        "flushes_though_addresses_are_spare",
        VMALLOC,
        "\treclaim_register(RECLAIM_ADDRESSES, shrink_spares);\n",
        "(void)shrink_spares;",
        FAIL,
        "vmalloc.spare_addresses_cost_no_flush",
    ),
    Mutant(
        "failed_mapping_leaks",
        VMALLOC,
        "\tif (virt) {\n\t\tretire((struct vm_range)",
        "\tif (!pages) {\n\t\tretire((struct vm_range)",
        PANIC,
        "free_pages.*: it is free already",
    ),
]
