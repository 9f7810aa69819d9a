"""A kernel for a machine with much memory: 1 to 4 GiB, and a Pentium Pro at least.

    kgen build examples/server.py && kgen boot --memory 4G

On such a machine addresses and the TLB are scarce, not memory:

- ``kernel_base`` 0x80000000 gives the kernel half of the addresses, and so 1536 MiB of RAM are
  mapped directly, with 4 MiB pages that are global (``minimum``: a Pentium Pro has them).
- ``mapping`` "direct" serves large sizes from there, too: no page table changes and no TLB entry
  is flushed when they come and go, and the memory is contiguous, fit for a device. The price is
  rounding to a power of two, and that ``max_order`` 13, 32 MiB, is the largest size.
- ``index`` is bitmaps: lists would take 8 bytes for each of a million page frames.
- The arena is left to vmalloc and ioremap: 384 MiB, so that high memory has a use.
- ``ram.minimum`` says that no machine will have less than 1 GiB: what the layout needs is proved
  for those from there on.
"""

from kgen import Buddy, Cpu, GiB, Kernel, Kmalloc, Layout, MiB, Ram, Zone

BASE = 0x8000_0000
DIRECT = 1536 * MiB
GAP = 8 * MiB  # unmapped: a pointer that runs off the direct map faults
ARENA = BASE + DIRECT + GAP

kernel = Kernel(
    name="server",
    ram=Ram(minimum=1 * GiB, maximum=4 * GiB),
    cpu=Cpu(minimum="pentiumpro"),
    layout=Layout(
        kernel_base=BASE, direct_map_limit=DIRECT, arena_base=ARENA, arena_size=384 * MiB
    ),
    buddy=Buddy(
        index="bitmaps",
        max_order=13,
        zones=(
            Zone(name="dma", limit=32 * MiB),
            Zone(name="normal", limit="direct"),
            Zone(name="highmem", limit="end"),
        ),
    ),
    kmalloc=Kmalloc(mapping="direct"),
)
