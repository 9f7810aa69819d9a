"""An experiment on fragmentation, with a parameter to turn.

    .venv/bin/python examples/classroom/sweep.py      builds and boots it with several values

workload.c is the ``kernel_main()``: it fills the memory with single pages, frees them one by one
in random order, and measures after each eighth the largest block that can be allocated. The random
numbers come from a fixed seed and no clock is read, so each boot of one kernel gives the same
numbers.

Try also ``--set kmalloc.guard_pages=4``, another seed (``--append seed=7``), or a strategy of
your own in workload.c.
"""

from kgen import Buddy, Features, Kernel, Layout, MiB, Ram, Zone

kernel = Kernel(
    name="classroom",
    ram=Ram(minimum=4 * MiB, maximum=64 * MiB),
    layout=Layout(direct_map_limit=64 * MiB),
    buddy=Buddy(max_order=10, zones=(Zone(name="all", limit="direct"),)),
    features=Features(tests=False, user_space=False),  # only the experiment counts
    sources=("workload.c",),
)
