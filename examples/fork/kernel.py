"""A tree of processes that share what they do not write.

    kgen build examples/fork/kernel.py && kgen boot
"""

from kgen import Features, Kernel

kernel = Kernel(name="fork", features=Features(user_space=True), programs=("fork.c",))
