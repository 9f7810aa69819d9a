"""A tree of processes that share what they do not write.

    kgen build examples/fork/kernel.py && kgen boot

README.md, beside it, shows what comes of it.
"""

from kgen import Kernel

kernel = Kernel(name="fork", programs=("fork.c",))
