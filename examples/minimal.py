"""The smallest description: a kernel in which everything is as it comes.

    kgen build examples/minimal.py && kgen boot

A description is a Python file that binds ``kernel``. Fields that it leaves out have defaults:
``kgen describe examples/minimal.py`` lists every field, and docs/description.md explains them.
"""

from kgen import Kernel

kernel = Kernel(name="minimal")
