"""A kernel that looks for mistakes with memory: every detector is on.

    kgen build examples/debug.py && kgen boot

Start here when a kernel crashes in strange places, and take out what is not needed: each costs
something. docs/debugging.md has the costs, and the message that each ends with.
"""

from kgen import Debug, Kernel, Kmalloc, Vmalloc

kernel = Kernel(
    name="debug",
    debug=Debug(
        # A header says for which address and size it was made: a copy of one is no header.
        magic="derived",
        # Free memory is filled, and looked at when it is used again: who wrote there meanwhile?
        poison=True,
        # A byte too many is noticed when the memory is freed.
        redzone=True,
        # The last 256 freed allocations are not used again yet: stale pointers hit nobody, and
        # what they wrote is seen. On a machine with little memory take less.
        quarantine=256,
        # Each message names the call sites that allocated and freed.
        track=True,
        # At the end of the boot: what is still allocated, by whom.
        leaks=True,
        # Nothing happens until the command line asks: kgen boot --append fail.nth=5
        fail=True,
    ),
    # More guard pages after each mapping catch what strides past the first one.
    kmalloc=Kmalloc(guard_pages=4),
    vmalloc=Vmalloc(guard_pages=4),
)
