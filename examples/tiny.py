"""A kernel for machines with 2 to 4 MiB of RAM, as a 386 had when it was new.

    kgen build examples/tiny.py && kgen boot --cpu 486 --memory 2M

Each number below buys memory that a small machine does not have to spare:

- ``ram`` says which machines there will be. The boot page tables are sized for the largest of
  them, so a bound of 4 MiB instead of 4 GiB makes the image smaller, too.
- ``direct_map_limit`` is all the RAM there can be, and so there is no high memory: two zones
  would be empty, and one is left.
- ``arena_size`` bounds the addresses of kmalloc. Its bitmap is part of the image: 4 MiB of
  addresses take 128 bytes, the default's 104 MiB take 3.3 KiB.
- ``max_order`` 6 makes 256 KiB the largest block. On so small a machine no larger one is likely
  to be free for long.
"""

from kgen import Buddy, Kernel, KiB, Layout, Memblock, MiB, Ram, Zone

kernel = Kernel(
    name="tiny",
    ram=Ram(minimum=2 * MiB, maximum=4 * MiB),
    layout=Layout(direct_map_limit=4 * MiB, arena_size=4 * MiB, stack_size=8 * KiB),
    buddy=Buddy(max_order=6, zones=(Zone(name="all", limit="direct"),)),
    memblock=Memblock(regions=32, map_entries=16, modules=2),
)
