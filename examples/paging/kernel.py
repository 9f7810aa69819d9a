"""Demand paging, frame by frame: paging.c touches memory and says what came.

    kgen build examples/paging/kernel.py && kgen boot

README.md, beside it, shows what comes of it.
"""

from kgen import Kernel

kernel = Kernel(name="paging", programs=("paging.c",))
