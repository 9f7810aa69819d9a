"""A kernel that asks for a Pentium: no code for older processors is built, none boots.

    kgen build examples/pentium.py && kgen boot --cpu pentium
    kgen boot --cpu 486                      is refused: exit code 4

A kernel for everything asks the CPU before each use of what a 386 lacks. ``cpu.minimum`` says
what need not be asked: the compiler may use the Pentium's instructions (gcc's -march), INVLPG
is there without a test (compare ``flush_tlb_range`` in kernel_out/src/arch/i386/tlb.c of both
kernels), and the verifier admits in the ELF what a Pentium has, no more.
"""

from kgen import Cpu, Kernel

kernel = Kernel(name="pentium", cpu=Cpu(minimum="pentium"))
