"""A kernel for a 386 with 2 to 4 MiB of RAM, as it was when it was new. There are no slabs.

    kgen build examples/tiny.py && kgen boot --cpu 386 --memory 2M

Each number below buys memory that a small machine does not have to spare:

- ``ram`` says which machines there will be. The boot page tables are sized for the largest of
  them, so a bound of 4 MiB instead of 4 GiB makes the image smaller, too.
- ``direct_map_limit`` is all the RAM there can be, and so there is no high memory: two zones
  would be empty, and one is left.
- ``arena_size`` bounds the addresses of vmalloc and large allocations. The tables for them are
  made in advance: 4 MiB of addresses take one page table and 128 bytes.
- ``index`` is bitmaps, with an eighth of the lists' metadata; ``hot`` is off, so that a freed
  frame is merged at once.
- ``max_order`` 6 makes 256 KiB the largest block. On so small a machine no larger one is likely
  to be free for long.
- ``classes`` is empty: small sizes come from the heap as well. Each of 21 classes would keep a
  slab of 8 KiB for itself, the heap keeps one chunk of 16 KiB for all, packed without gaps.
- ``user_space`` is off: programs would want the memory that this kernel is to leave.
- ``optimize`` "s" asks gcc for the shorter instead of the faster code.

``--set features.tests=false`` leaves the in-kernel tests out: then a third of the image goes.
"""

from kgen import Buddy, Compiler, Features, Kernel, KiB, Kmalloc, Layout, Memblock, MiB, Ram, Zone

kernel = Kernel(
    name="tiny",
    ram=Ram(minimum=2 * MiB, maximum=4 * MiB),
    layout=Layout(direct_map_limit=4 * MiB, arena_size=4 * MiB, stack_size=8 * KiB),
    memblock=Memblock(regions=32, map_entries=16, modules=2),
    buddy=Buddy(index="bitmaps", hot=False, max_order=6, zones=(Zone(name="all", limit="direct"),)),
    kmalloc=Kmalloc(classes=(), heap_limit=4 * KiB, heap_order=2),
    features=Features(user_space=False),
    compiler=Compiler(optimize="s"),
)
