"""A program that wants more memory than there is dies, and dies alone.

    kgen build examples/hog/kernel.py && kgen boot --memory 16M

The program beside it says what happens.
"""

from kgen import Kernel, User

kernel = Kernel(
    name="hog",
    user=User(overcommit="always"),
    programs=("hog.c",),
)
