"""A kernel with C code of one's own: hello.c beside this file.

    kgen build examples/hello/kernel.py && kgen boot --append "who=reader" --module README.md

``sources`` lists C files, relative to this one. One of them defines ``kernel_main()``, which
runs as the eighth stage, before programs do. They may use all of the kernel's headers and register
tests, which run with the kernel's own. This is how a kernel of yours starts.
"""

from kgen import Kernel

kernel = Kernel(name="hello", sources=("hello.c",))
