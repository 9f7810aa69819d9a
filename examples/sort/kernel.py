"""64 MiB are promised on a machine with 16 MiB, and touched where there is something to count.

    kgen build examples/sort/kernel.py && kgen boot --memory 16M

The program beside it says what happens.
"""

from kgen import Kernel, User

kernel = Kernel(
    name="sort",
    user=User(overcommit="always"),  # 'heuristic' refuses what is more than all memory
    programs=("sort.c",),
)
