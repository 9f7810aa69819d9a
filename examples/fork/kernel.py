"""A tree of processes that share what they do not write.

    kgen build examples/fork/kernel.py && kgen boot

The program beside it says what happens.
"""

from kgen import Kernel

kernel = Kernel(name="fork", programs=("fork.c",))
