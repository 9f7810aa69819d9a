"""A kernel for programs of others: static i386 Linux binaries, floating point included.

    kgen build examples/linux/kernel.py
    kgen boot --init './busybox ash'

README.md beside this file says where to get one.
"""

from kgen import Cpu, Features, Kernel

kernel = Kernel(name="linux", cpu=Cpu(fpu="x87"), features=Features(tests=False))
