"""Half of the addresses for the kernel: 2 GiB each, instead of 3 for programs and 1 for it.

    kgen build examples/split_2g.py && kgen boot --memory 2G

With the customary base of 0xc0000000 the kernel owns 1 GiB of addresses, of which 896 MiB can
map RAM one to one. Any RAM beyond is high memory: it must be mapped before each use.
A base of 0x80000000 leaves room to map 1792 MiB directly; programs pay with addresses. Linux
knows the same choice as VMSPLIT_2G.

Only two numbers are chosen freely here, base and limit. The rest follows from them, which is
what makes a description in Python handy. ``kgen check examples/split_2g.py`` draws the map.
"""

from kgen import Kernel, Layout, MiB

BASE = 0x8000_0000
DIRECT = 1792 * MiB
GAP = 8 * MiB  # unmapped: a pointer that runs off the direct map faults
ARENA = BASE + DIRECT + GAP
FIXMAP = 0xFFC0_0000

kernel = Kernel(
    name="split-2g",
    layout=Layout(
        kernel_base=BASE,
        direct_map_limit=DIRECT,
        arena_base=ARENA,
        arena_size=FIXMAP - 12 * MiB - ARENA,
        fixmap_base=FIXMAP,
    ),
)
