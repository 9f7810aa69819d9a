"""Deliberate faults in kmalloc's tiers and in vmalloc: the walk of ``heap.c`` notices each.

:mod:`tests.host.test_mutants` runs them.
"""

from __future__ import annotations

from tests.mutation import Edit

KMALLOC_C, CHECK_C, KREALLOC_C, KBLOCK_C, SLAB_C, KHEAP_C, KHEAP_CHECK_C, LARGE_C = (
    f"mm/{name}.c"
    for name in (
        *("kmalloc", "kmalloc_check", "krealloc", "kblock", "slab", "kheap", "kheap_check"),
        "large_vmap",
    )
)
VMALLOC_C = "mm/vmalloc.c"
VMALLOC_CHECK_C = "mm/vmalloc_check.c"
RECLAIM_C = "mm/reclaim.c"
SLAB_H = "include/mm/slab.h"
KHEAP_BLOCK_H = "include/mm/kheap_block.h"
KBLOCK_H = "include/mm/kblock.h"

_EDITS = {
    # --- slabs
    "slab: one slot too many": Edit(
        SLAB_C, "cache->slots = (SLAB_SIZE - first)", "cache->slots = SLAB_SIZE"
    ),
    "slab: objects not aligned": Edit(
        SLAB_C,
        "first = ALIGN_UP(sizeof(struct slab) + front, align) - front;",
        "first = sizeof(struct slab);",
    ),
    "slab: constructor not called": Edit(SLAB_C, "cache->ctor((char *)slot + cache->front);", ";"),
    "slab: a full one never comes back": Edit(
        SLAB_C, "ring_append(&cache->partial, &slab->partial); return;", "return;"
    ),
    "slab: an empty one stays partial": Edit(
        SLAB_C, "if (slab->partial.next) ring_remove(&slab->partial);", ""
    ),
    "slab: spare forgotten": Edit(SLAB_C, "cache->spare = slab;", ";"),
    "slab: spare handed out and kept": Edit(
        SLAB_C, "cache->spare = NULL; for (unsigned i = 0;", "for (unsigned i = 0;"
    ),
    "slab: double free accepted": Edit(
        SLAB_C, "return SLAB_ERR_DOUBLE; return SLAB_OK;", "return SLAB_OK; return SLAB_OK;"
    ),
    "slab: middle of an object accepted": Edit(
        SLAB_H, "return i < cache->slots && i * cache->slot_size == offset;", "return true;"
    ),
    "slab: another cache's object accepted": Edit(
        SLAB_C, "if (unlikely(slab->cache != cache))", "if (0)"
    ),
    "slab: current slab not held": Edit(SLAB_H, "slab->used += SLAB_HELD + 1;", "slab->used += 1;"),
    "slab: lent slab stays in its list": Edit(SLAB_H, "cache->partial.next = link->next;", ""),
    "slab: current one never returned": Edit(SLAB_C, "cache->current->used == SLAB_HELD", "0"),
    # --- the heap
    "kheap: not merged with the block after it": Edit(
        KHEAP_C, "if (tag_is_free(tag) && likely(", "if (0 && likely("
    ),
    "kheap: not merged with the block before": Edit(
        KHEAP_C, "if (tag_is_free(before) && likely(", "if (0 && likely("
    ),
    "kheap: merged block stays in its list": Edit(
        KHEAP_C, "granules += tag & GRANULES_MASK; take(next);", "granules += tag & GRANULES_MASK;"
    ),
    "kheap: tag at the end forgotten": Edit(
        KHEAP_C, "*tail_before(rest) = KHEAP_LIVE | granules;", ""
    ),
    "kheap: list of a size too small": Edit(
        KHEAP_C, "((granules + (1u << ignored) - 1) >> ignored)", "(granules >> ignored)"
    ),
    "kheap: rest of a block lost": Edit(
        KHEAP_C, "if (have != granules) insert(rest, have - granules);", ""
    ),
    "kheap: no room for the tag": Edit(
        KHEAP_BLOCK_H,
        "size + 3 * sizeof(uint32_t) + KHEAP_GRANULE - 1",
        "size + 2 * sizeof(uint32_t) + KHEAP_GRANULE - 1",
    ),
    "kheap: an emptied list's bit believed": Edit(KHEAP_C, "if (likely(block)) break;", "break;"),
    "kheap: rows of lists not looked through": Edit(
        KHEAP_C,
        "list = likely(bits) ? list + lowest_bit(bits) : list_beyond(list);",
        "list = bits ? list + lowest_bit(bits) : 0;",
    ),
    "kheap: smaller ones of the same row taken": Edit(
        KHEAP_C, "(UINT32_MAX << 1 << (list / 32))", "(UINT32_MAX << (list / 32))"
    ),
    "kheap: empty chunks kept": Edit(KHEAP_C, "if (granules == CHUNK_GRANULES)", "if (0)"),
    "kheap: spare chunk not returned": Edit(
        KHEAP_C, "if (kheap.spare && is_empty(kheap.spare)) return_chunk(kheap.spare);", ""
    ),
    "kheap: neighbour's chunk link left": Edit(KHEAP_C, "chunk->next->prev = chunk->prev;", ";"),
    "kheap: grows over what is live": Edit(
        KHEAP_C, "if (granules > have + room) return false;", ""
    ),
    "kheap: what shrinking leaves is lost": Edit(
        KHEAP_C, "merge_and_put(block_after(block, granules), have - granules);", ""
    ),
    "kheap: what lies before an aligned block is lost": Edit(
        KHEAP_C, "insert(kheap_block_of(pointer), (aligned - pointer) / KHEAP_GRANULE);", ""
    ),
    "kheap: large alignment ignored": Edit(
        KHEAP_C, "aligned = (char *)ALIGN_UP((uintptr_t)pointer, align);", "aligned = pointer;"
    ),
    "kheap: bytes past the end unchecked": Edit(
        KHEAP_CHECK_C, "if (unlikely(*tail_before(next) != (KHEAP_LIVE | granules)))", "if (0)"
    ),
    "kheap: magic unchecked": Edit(
        KHEAP_CHECK_C,
        "if (unlikely(block->magic != kmalloc_magic(pointer, block->size)))",
        "if (0)",
    ),
    "slab: an empty one beside the spare is forgotten": Edit(
        SLAB_C,
        "if (cache->spare) return_slab(slab); else cache->spare = slab;",
        "cache->spare = slab;",
    ),
    # --- kmalloc
    "kmalloc: magic unchecked when a slab's is freed": Edit(
        CHECK_C,
        "if (header_of(pointer)->magic != kmalloc_magic(pointer, header_of(pointer)->size))",
        "if (0)",
    ),
    "kmalloc: size unchecked when a slab's is freed": Edit(
        CHECK_C, "if (header_of(pointer)->size - 1 >= cache->size)", "if (0)"
    ),
    "kmalloc: class too small": Edit(
        KMALLOC_C, "if ((i + 1) * CLASS_STEP > sizes[class])", "if (i * CLASS_STEP > sizes[class])"
    ),
    "kmalloc: no pages for what finds no chunk": Edit(
        KMALLOC_C,
        "void *kheap_exhausted(size_t size) { return fall_back(size);",
        "void *kheap_exhausted(size_t size) { return out_of_memory(size, NULL);",
    ),
    "kmalloc: gives up before shrinking": Edit(
        RECLAIM_C, "*step < RECLAIM_COSTS && !gave", "*step < RECLAIM_SLABS && !gave"
    ),
    "kmalloc: an emptied slab is not settled": Edit(
        KMALLOC_C,
        "if (unlikely(!--slab->used) || unlikely(!next)) slab_settle(slab);",
        "slab->used--; if (unlikely(!next)) slab_settle(slab);",
    ),
    "kmalloc: shrinks without the caches": Edit(
        KMALLOC_C, "reclaim_register(RECLAIM_SLABS, kmem_shrink);", ""
    ),
    "kmalloc: memory not cleared": Edit(
        KREALLOC_C, "if (pointer && size) memset(pointer, 0, size);", ""
    ),
    "kmalloc: content not moved": Edit(
        KREALLOC_C, "memcpy(moved, pointer, MIN(size, room(pointer, tier)));", ""
    ),
    "kmalloc: old block kept": Edit(
        KREALLOC_C,
        "MIN(size, room(pointer, tier))); kfree(pointer);",
        "MIN(size, room(pointer, tier)));",
    ),
    "kmalloc: overflow of calloc": Edit(
        KREALLOC_C, "if (__builtin_mul_overflow(n, size, &bytes))", "bytes = n * size; if (0)"
    ),
    "kmalloc: a slot grows": Edit(KREALLOC_C, "if (size > room ||", "if ("),
    "kblock: any block of pages is a slab": Edit(
        KBLOCK_H, "if (addr - KERNEL_BASE >= DIRECT_MAP_LIMIT) return false;", "return true;"
    ),
    "kblock: pages not counted": Edit(KBLOCK_C, "kblock_account(-(1l << order));", ""),
    # --- pages of their own
    "large: a page too few": Edit(
        LARGE_C, "(size % PAGE_SIZE + offset + PAGE_SIZE - 1)", "(size % PAGE_SIZE + offset)"
    ),
    "large: no guard page": Edit(
        LARGE_C, "offset / PAGE_SIZE, KMALLOC_GUARD_PAGES)", "offset / PAGE_SIZE, 0)"
    ),
    "large: alignment ignored": Edit(LARGE_C, "MAX(align / PAGE_SIZE, (size_t)1)", "1"),
    "large: the first page aligned, not the second": Edit(
        LARGE_C, "offset / PAGE_SIZE, KMALLOC_GUARD_PAGES)", "0, KMALLOC_GUARD_PAGES)"
    ),
    "large: magic unchecked": Edit(
        LARGE_C,
        "if (header_of(pointer)->magic != kmalloc_magic(pointer, header_of(pointer)->size))",
        "if (0)",
    ),
    "large: size unchecked": Edit(LARGE_C, "!= vm_locate(virt).pages)", "== 0)"),
    "large: grows beyond its pages": Edit(
        LARGE_C,
        "if (pages_of(pointer, size) != pages_of(pointer, header_of(pointer)->size)) return false;",
        "",
    ),
    "large: pages not counted": Edit(LARGE_C, "kblock_account(-(long)pages);", ""),
    # --- vmalloc
    "vmalloc: frames freed without a flush": Edit(VMALLOC_C, "flush(); for", "for"),
    "vmalloc: flushed in part": Edit(
        VMALLOC_C,
        "for (size_t i = vm.lazy.count; i; i--) flush_tlb_range",
        "for (size_t i = vm.lazy.count; i > 1; i--) flush_tlb_range",
    ),
    "vmalloc: never flushed": Edit(
        VMALLOC_C,
        "if (vm.lazy.count == VMALLOC_LAZY) vm_purge();",
        "",
    ),
    "vmalloc: more wait than are remembered": Edit(
        VMALLOC_C,
        "if (vm.lazy.count == VMALLOC_LAZY) vm_purge();",
        "if (vm.lazy.count == 2 * VMALLOC_LAZY) vm_purge();",
    ),
    "vmalloc: frames lost": Edit(VMALLOC_C, "if (frame) free_pages(frame, 0);", ""),
    "vmalloc: guards lost": Edit(
        VMALLOC_C, "vm.entries[page + reach] == ENTRY_GUARD) reach++;", "0) reach++;"
    ),
    "vmalloc: spare addresses stay spare": Edit(
        VMALLOC_C, "reclaim_register(RECLAIM_ADDRESSES, shrink_spares);", ""
    ),
    "vmalloc: a spare range handed out twice": Edit(
        VMALLOC_C, "vm.spare[reach] = vm.entries[found - 1] >> ENTRY_NEXT_SHIFT;", ""
    ),
    "vmalloc: a link passes for a frame": Edit(
        VMALLOC_C, "vm.entries[found - 1] = ENTRY_SPARE; /* a link", "/* a link"
    ),
    "vmalloc: spare addresses for any alignment": Edit(VMALLOC_C, "if (align == 1) found", "found"),
    "vmalloc: half a mapping stays": Edit(
        VMALLOC_C, "retire((struct vm_range){ page_of(virt), done, pages + guard, kind });", ""
    ),
    "vmalloc: frames that wait are not waited for": Edit(
        VMALLOC_C, "reclaim_register(RECLAIM_FLUSH, shrink_lazy);", ""
    ),
    "vmalloc: a device's frames freed": Edit(
        VMALLOC_C, "range.kind == VM_IO ? 0 : PTE_FRAME", "PTE_FRAME"
    ),
    "vmalloc: middle of a mapping accepted": Edit(
        VMALLOC_CHECK_C, "if (!entry_kind(vm.entries[page]) || virt % PAGE_SIZE)", "if (0)"
    ),
    "vmalloc: others' mappings accepted": Edit(
        VMALLOC_C,
        "entry_kind(vm.entries[page_of(virt)]) == kind;",
        "entry_kind(vm.entries[page_of(virt)]);",
    ),
}

HEAP_MUTANTS = {name: ("heap", edit) for name, edit in _EDITS.items()}

ALWAYS = frozenset(
    (
        "kmalloc: class too small",
        "kmalloc: content not moved",
        "kmalloc: old block kept",
        "kmalloc: memory not cleared",
        "kmalloc: overflow of calloc",
        "kmalloc: magic unchecked when a slab's is freed",
        "kmalloc: size unchecked when a slab's is freed",
        "slab: one slot too many",
        "slab: middle of an object accepted",
        "slab: a full one never comes back",
        "slab: an empty one stays partial",
        "slab: another cache's object accepted",
        "slab: an empty one beside the spare is forgotten",
        "kheap: not merged with the block after it",
        "kheap: not merged with the block before",
        "kheap: tag at the end forgotten",
        "kheap: rest of a block lost",
        "kheap: magic unchecked",
        "kheap: bytes past the end unchecked",
        "kheap: large alignment ignored",
        "large: magic unchecked",
        "large: alignment ignored",
        "large: no guard page",
        "vmalloc: frames lost",
        "vmalloc: frames that wait are not waited for",
        "vmalloc: a link passes for a frame",
        "vmalloc: more wait than are remembered",
    )
)
"""Their changes once had a boot each. The walk stands for it, so it is in every run."""

FOR_CAMPAIGNS = frozenset(
    name
    for prefix in ("slab", "kheap", "kmalloc", "large", "vmalloc")
    for name in [name for name in HEAP_MUTANTS if name.startswith(f"{prefix}:")][5:]
    if name not in ALWAYS
)
"""All but the first of each tier and ALWAYS: with a second for each, too many for every run."""
