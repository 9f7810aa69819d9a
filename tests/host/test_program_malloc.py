"""malloc() of the runtime of user programs: walks against a model, and faults put in on purpose.

It is a program of 32 bits with that runtime, run on this machine's Linux; the kernel's part (brk,
mmap) is played by the driver, which refuses, and looks at what is asked of it.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from tests.host.native import Kind, Program, Workshop
from tests.mutation import Edit
from tests.tools import i386, needs_i386

from kgen import Kernel
from kgen.build.flags import program_flags

MALLOC_C = "program/malloc.c"

MiB = 1 << 20


def kind(src: Path, *more: str) -> Kind:
    """As programs are compiled, with traps where behaviour is undefined."""
    traps = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
    headers = ("-nostdinc", "-isystem", i386().headers, "-I", str(src / "program/include"))
    link = ("-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none")
    return Kind(
        (*program_flags(Kernel()), "-march=i386", *traps, *headers, *more),
        (*link, "-Wl,-z,muldefs", "-Wl,--gc-sections"),
        kernel=("base/string.c", "base/vsnprintf.c", "base/div64.c"),
    )


@pytest.fixture(scope="module")
def src(workshop: Workshop) -> Path:
    needs_i386()
    return workshop.sources(features={"user_space": True})


def built(workshop: Workshop, src: Path, edit: Edit | None = None) -> Program:
    names = sorted(path.name for path in (src / "program").glob("*.[cS]"))
    runtime = tuple(f"program/{name}" for name in names if name != "init.c")
    more = ("-Wno-error",) if edit else ()
    return workshop.program(src, "program_malloc.c", runtime, kind(src, *more), edit)


WALKS = (
    (1, 20_000, 8 * MiB, 0),
    (2, 20_000, 8 * MiB, 1),
    (3, 10_000, MiB, 0),
    (4, 10_000, 200_000, 1),
)
"""Seed, steps, all the memory that there is (plenty, too little, hardly any), others' part."""

LEAST_USED = 0.90
"""Of the memory that it has from the kernel, so much is in blocks when those are most."""


def misbehaviour(program: Program) -> str:
    """What the first walk that fails complains of."""
    for walk in WALKS:
        done = program.run(*walk, seconds=20)
        if done.returncode:
            return done.stdout or f"status {done.returncode}"
        if share(done.stdout) < LEAST_USED and walk == WALKS[0]:
            return "memory is wasted"
    return ""


def share(output: str) -> float:
    """Bytes in blocks, of each that the kernel gave, when they were most."""
    found = re.fullmatch(r"live (\d+) footprint (\d+) left \d+\n", output)
    assert found
    return int(found[1]) / int(found[2])


@pytest.mark.parametrize("walk", WALKS, ids=str)
def test_walks(workshop: Workshop, src: Path, walk: tuple[int, int, int, int]) -> None:
    used = share(built(workshop, src).check(*walk))
    assert used > LEAST_USED or walk != WALKS[0]


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(10, 30))
def test_long_walks(workshop: Workshop, src: Path, seed: int) -> None:
    program = built(workshop, src)
    for limit in (300_000, 2 * MiB, 8 * MiB):
        program.check(seed, 100_000, limit, seed % 2, seconds=100)


MUTANTS = {
    "not merged with the chunk in front": Edit(
        MALLOC_C,
        "if (!(chunk->head & BEFORE_IN_USE)) { struct chunk *front",
        "if (0) { struct chunk *front",
    ),
    "not merged with the chunk after it": Edit(
        MALLOC_C, "if ((uint8_t *)next != heap.top && !(next->head & IN_USE)) {", "if (0) {"
    ),
    "merged chunk stays in its bin": Edit(
        MALLOC_C,
        "take(next); chunk->head += size_of(next); next = after(chunk);",
        "chunk->head += size_of(next); next = after(chunk);",
    ),
    "size not written at the end": Edit(MALLOC_C, "((uint32_t *)after(chunk))[-1] = size;", ""),
    "next chunk not told": Edit(MALLOC_C, "tell_next(chunk, false);", ""),
    "a chunk that is too small": Edit(
        MALLOC_C, "if (size_of(at) >= size && (!best", "if (size_of(at) + 8 >= size && (!best"
    ),
    "rest of a chunk lost": Edit(MALLOC_C, "if (rest < LEAST) return;", "return;"),
    "rest too small for a chunk": Edit(MALLOC_C, "if (rest < LEAST)", "if (rest < UNIT)"),
    "bin's bit stays": Edit(MALLOC_C, "heap.map[bin / 32] &= ~(1u << bin % 32);", ";"),
    "no room for the header": Edit(
        MALLOC_C, "(n + HEADER + UNIT - 1) & ~(UNIT - 1)", "(n + UNIT - 1) & ~(UNIT - 1)"
    ),
    "calloc clears too little": Edit(
        MALLOC_C,
        "memset(block, 0, used < n ? used : n);",
        "memset(block, 0, (used < n ? used : n) / 2);",
    ),
    "what was trimmed counts as dirty no more": Edit(
        MALLOC_C,
        "heap.clean = (uint8_t *)after(chunk); return block_of(chunk);",
        "; return block_of(chunk);",
    ),
    "never trimmed": Edit(MALLOC_C, "if ((size_t)(heap.end - heap.top) < TRIM)", "if (1)"),
    "trimmed though others follow": Edit(MALLOC_C, "sbrk(0) != heap.end || ", ""),
    "merged with what others have": Edit(MALLOC_C, "if (from == heap.end) {", "if (heap.start) {"),
    "mapping never given back": Edit(MALLOC_C, "unmap_block(block); return;", "return;"),
    "mapping not aligned": Edit(MALLOC_C, "#define MAP_FRONT UNIT", "#define MAP_FRONT HEADER"),
    "realloc copies what was not there": Edit(
        MALLOC_C, "memcpy(block, old, had < n ? had : n);", "memcpy(block, old, n / 2);"
    ),
    "realloc keeps the old block": Edit(
        MALLOC_C,
        "memcpy(block, old, had < n ? had : n); free(old);",
        "memcpy(block, old, had < n ? had : n);",
    ),
    "grown into a chunk in use": Edit(
        MALLOC_C,
        "if (next->head & IN_USE || size_of(next) < lacking)",
        "if (size_of(next) < lacking)",
    ),
    "grown, and the next is not told": Edit(
        MALLOC_C,
        "take(next); chunk->head += size_of(next); tell_next(chunk, true); split",
        "take(next); chunk->head += size_of(next); split",
    ),
    "double free accepted": Edit(MALLOC_C, "if (!(chunk->head & IN_USE)) fail(", "if (0) fail("),
    "odd addresses accepted": Edit(MALLOC_C, "if ((uintptr_t)block % UNIT)", "if (0)"),
    "any address accepted": Edit(
        MALLOC_C, "if (!heap.start || at < heap.start || at >= heap.top)", "if (0)"
    ),
    "wild sizes accepted": Edit(
        MALLOC_C,
        "if (size_of(chunk) < LEAST || size_of(chunk) > (size_t)(heap.top - at))",
        "if (0)",
    ),
    "sizes wrap": Edit(MALLOC_C, "if (n > PTRDIFF_MAX - PAGE) return 0;", ""),
    "products wrap": Edit(
        MALLOC_C,
        "if (__builtin_mul_overflow(count, size, &n)) return no_memory();",
        "n = count * size;",
    ),
    "alignment heeded up to 32 bytes": Edit(
        MALLOC_C,
        "(uintptr_t)block + alignment - 1) & ~(alignment - 1)",
        "(uintptr_t)block + 31) & ~31u",
    ),
    "front of an aligned block lost": Edit(
        MALLOC_C, "free(block); chunk = other;", "chunk = other;"
    ),
    "refusal ignored": Edit(MALLOC_C, "if (from == (void *)-1) return false;", ""),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_noticed(workshop: Workshop, src: Path, name: str) -> None:
    with suppress(TimeoutExpired):  # it hangs: that is noticed, too
        assert misbehaviour(built(workshop, src, MUTANTS[name]))
