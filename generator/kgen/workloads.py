"""The standard workloads of ``kgen bench``, in numbers: the kernel and its reader share this table.

``templates/bench/`` implements them; their parameters reach C through ``generated/bench.h`` and
``bench/sizes.c``, so a count is stated here and nowhere else. Nothing in them depends on a clock
or on chance: sizes are drawn from a rendered table by a seeded generator, so every run of a kernel
makes the same calls in the same order.

A *log-uniform* size is as likely to lie between 8 and 16 as between 1024 and 2048 bytes: kernels
ask for many small things and a few large ones. Its distribution function is inverted here, at
1024 equally likely points, because the kernel has no floating point to do it with.
"""

from __future__ import annotations

from dataclasses import dataclass

from kgen.units import PAGE_SIZE, KiB, MiB

POINTS = 1024
"""Entries of a table of sizes: a power of two, so that ten random bits choose one."""

_ROW = 12


@dataclass(frozen=True)
class Workload:
    """One workload: ``name`` as ``--json`` prints it, ``about`` for people.

    ``alloc`` and ``free`` say what is counted in the two columns; an empty one is not counted.
    ``policy`` is the CPU whose way of flushing the TLB is forced, empty for the machine's own.
    """

    name: str
    about: str
    alloc: str = "alloc"
    free: str = "free"
    policy: str = ""

    @property
    def option(self) -> str:
        """What the kernel is told on its command line to run just this."""
        return f"bench={self.name}" + (f" cpu={self.policy}" if self.policy else "")


@dataclass(frozen=True)
class Parameters:
    """Counts (calls of each kind), sizes in bytes, and the seed of the generator."""

    seed: int = 2463534242  # Marsaglia, Xorshift RNGs (2003)
    hot_pairs: int = 20_000
    cold_pairs: int = 2_000
    drain_pages: int = 64 * MiB // PAGE_SIZE
    mix_pages: int = 1_000
    mix_ops: int = 50_000
    pairs: int = 20_000
    objects_2k: int = 10_000
    ops_2k: int = 100_000
    fifo_length: int = 1_000
    fifo_ops: int = 50_000
    objects_64k: int = 200
    ops_64k: int = 20_000
    map_pairs: int = 4_096
    sample_every: int = 500
    points: int = POINTS

    @property
    def sizes_2k(self) -> tuple[tuple[int, ...], ...]:
        """8 to 2048 bytes, log-uniform, in rows for print."""
        return rows(log_uniform(8, 2 * KiB))

    @property
    def sizes_64k(self) -> tuple[tuple[int, ...], ...]:
        """1 to 64 KiB, log-uniform, in rows for print."""
        return rows(log_uniform(KiB, 64 * KiB))


PARAMETERS = Parameters()

WORKLOADS = (
    Workload("page.hot", "order-0 pairs"),
    Workload("page.cold", "order-0 pairs, the hot list drained before each call"),
    Workload("page.drain", "64 MiB of order 0 taken, then freed in the order of addresses"),
    Workload("page.drain_random", "the same, freed in random order"),
    Workload("page.mix", "1,000 blocks live, orders geometric, replaced at random"),
    Workload("kmalloc.pair64", "pairs of 64 bytes"),
    Workload("kmalloc.mix2k", "10,000 objects live, 8 B to 2 KiB log-uniform, replaced at random"),
    Workload("kmalloc.fifo256", "a queue of 1,000 objects of 256 bytes"),
    Workload("kmalloc.mix64k", "200 objects live, 1 to 64 KiB log-uniform, replaced at random"),
    Workload("vm.map386", "vmalloc() and vfree() of a page, as on a 386", policy="386"),
    Workload("vm.map486", "the same as on a 486", policy="486"),
)
"""All workloads, in the order of tables. ``boot.STAGE`` comes from every boot besides."""

NAMES = tuple(workload.name for workload in WORKLOADS)


@dataclass(frozen=True)
class UserRow:
    """A row of the workload ``user``: what one operation costs a program, and its goal.

    ``goal`` is the most that the median of its readings may be, in instructions.
    """

    name: str
    about: str
    goal: int


USER_ROWS = (
    UserRow("user.getpid", "getpid(), by INT 0x80", 60),
    UserRow("user.zero", "write fault: a zeroed page, 1,025 of it the zeroing", 1250),
    UserRow("user.read", "read fault: the zero page", 220),
    UserRow("user.copy", "write fault after fork(): a copy", 1320),
    UserRow("user.owner", "the same by the last owner", 190),
    UserRow("user.touch", "64 MiB touched in order, per page", 1280),
    UserRow("user.unmap", "64 MiB unmapped, per page", 90),
    UserRow("user.fork", "fork(), exit(), wait(), 10 pages more resident", 15_000),
    UserRow("user.fork_page", "what each further resident page adds to that", 60),
    UserRow("user.map", "mmap() and munmap() of an untouched page", 900),
    UserRow("user.map256", "mmap(), touch, munmap() of 256 pages, per page", 1400),
    UserRow("user.brk", "brk() by a page, and its touch", 1700),
    UserRow("user.protect", "mprotect() of a page to read, and back", 1200),
    UserRow("user.yield", "sched_yield() to another and back: two switches", 500),
    UserRow("user.pipe", "a byte to another process and back", 1700),
    UserRow("user.efault", "write() from a bad pointer: EFAULT", 340),
    UserRow("user.tick", "a timer's tick without a switch", 250),
    UserRow("user.signal", "from a fault to the handler of SIGSEGV", 1000),
    UserRow("user.return", "and back to the instruction after it", 1500),
    UserRow("user.exec", "from execve() to the first instruction", 30_000),
    UserRow("user.stack", "write fault below the stack", 1350),
)
"""The rows that ``bench/user/rows.c`` measures, in the order of tables; it has another order."""


def log_uniform(low: int, high: int, points: int = POINTS) -> tuple[int, ...]:
    """``points`` sizes of ``[low, high]`` in ascending order, equally likely on a log scale."""
    ratio = high / low
    return tuple(round(low * ratio ** ((at + 0.5) / points)) for at in range(points))


def rows(values: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """``values`` cut into lines of a C initialiser."""
    return tuple(values[at : at + _ROW] for at in range(0, len(values), _ROW))
