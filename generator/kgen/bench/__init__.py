"""``kgen bench``: the standard workloads, measured inside booted kernels.

A run measures *variants* of one description: each index of the buddy's free blocks, each
processor to compile for. Every workload gets a boot of its own, so its figures depend on nothing
that another left, and the clock is QEMU's count of guest instructions, so they are the
same on every machine, to the instruction.

    command   the verb
    measure   builds the variants, boots each workload, collects
    rows      what user space costs: read from what a program in ring 3 prints (user/rows.c)
    results   what came out: JSON, and one run held against another
    table     the same for people;  plot  as a picture
    host      the workloads as a native program, in nanoseconds

Only this package and the command line know both kgen and ``kgen_qemu``.
"""
