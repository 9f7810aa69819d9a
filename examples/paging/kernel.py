"""Demand paging, frame by frame: paging.c touches memory and says what came.

    kgen build examples/paging/kernel.py && kgen boot

The program beside it says what happens.
"""

from kgen import Kernel

kernel = Kernel(name="paging", programs=("paging.c",))
