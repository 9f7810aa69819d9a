"""A tree of processes that share what they do not write.

    kgen build examples/fork/kernel.py && kgen boot
"""

from kgen import Kernel

kernel = Kernel(name="fork", programs=("fork.c",))
