"""Deliberate faults in the cores: the tests of this folder notice each.

A mutant that survives says what the tests do not look at. One whose text is not found, or found
twice, fails as well: then the source has changed, and the mutant must follow it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from subprocess import TimeoutExpired

import pytest
from _pytest.mark import ParameterSet
from tests.host.buddy_mutants import BITMAP_MUTANTS, BUDDY_MUTANTS, LIST_MUTANTS
from tests.host.heap_mutants import FOR_CAMPAIGNS, HEAP_MUTANTS
from tests.host.native import BARE, QUICK, SANITIZED, Kind, Workshop
from tests.host.page_mutants import PAGE_MUTANTS
from tests.host.test_buddy import CORES as BUDDY
from tests.host.test_buddy import SMALL
from tests.host.test_cores import CORES, disagreement
from tests.host.test_heap import CORES as HEAP_CORES
from tests.host.test_heap import HEAP, LAYOUT
from tests.host.test_lib import misprint, own_misprint
from tests.host.test_pages import CORES as PAGE_CORES
from tests.host.test_pages import PAGES, RAM, settings, walk_of
from tests.mutation import Edit

SECONDS = 10
"""Many times what a search takes that ends. A mutant that hangs is noticed by that."""

MEMMAP_C, MEMBLOCK_C, ARENA_C = (f"mm/{name}.c" for name in ("memmap", "memblock", "arena"))
STRING_C, PRINTF_C, DIV_C = (f"base/{name}.c" for name in ("string", "vsnprintf", "div64"))

QUICK_BARE = replace(BARE, compile=(*BARE.compile, "-Wno-error"))
QUICK_PAGES = replace(PAGES, compile=(*PAGES.compile, "-Wno-error"))
QUICK_HEAP = replace(HEAP, compile=(*HEAP.compile, "-Wno-error"))


def search(workshop: Workshop, src: Path, edit: Edit | None) -> str:
    """The search of all states of small buddies; what it complains of."""
    program = workshop.program(src, "buddy_states.c", BUDDY, QUICK, edit)
    for case in SMALL:
        done = program.run(*case, seconds=SECONDS)
        if done.returncode:
            return done.stdout or f"status {done.returncode}"
    return ""


def corruption(kind: Kind) -> Callable[[Workshop, Path, Edit | None], str]:
    """Every fault that buddy_check() must see; the ones that it does not."""

    def run(workshop: Workshop, src: Path, edit: Edit | None) -> str:
        done = workshop.program(src, "buddy_corrupt.c", BUDDY, kind, edit).run(seconds=SECONDS)
        return done.stdout or f"status {done.returncode}" if done.returncode else ""

    return run


def talk(name: str, count: int) -> Callable[[Workshop, Path, Edit | None], str]:
    """Random conversations with a core; the first wrong answer."""

    def run(workshop: Workshop, src: Path, edit: Edit | None) -> str:
        program = workshop.program(src, "cores.c", CORES, QUICK, edit)
        return disagreement(program, name, seed=1, count=count, seconds=SECONDS)

    return run


def printing(workshop: Workshop, src: Path, edit: Edit | None) -> str:
    """vsnprintf() against the C library's and our own words; the first difference."""
    program = workshop.program(src, "format.c", (), QUICK_BARE, edit)
    return misprint(program, 4000) or own_misprint(program)


def library(workshop: Workshop, src: Path, edit: Edit | None) -> str:
    """Memory, strings and division against plain loops."""
    done = workshop.program(src, "lib.c", (), QUICK_BARE, edit).run(seconds=SECONDS)
    return done.stdout or str(done.returncode) if done.returncode else ""


def heap(workshop: Workshop, src: Path, edit: Edit | None) -> str:
    """A walk through kmalloc with plenty of memory, and one with too little."""
    src = workshop.sources(layout=LAYOUT)
    program = workshop.program(src, "heap.c", HEAP_CORES, QUICK_HEAP, edit)
    for line in ("6144 5900 1600\n", "700 8192 1600\n"):
        done = program.run(stdin=line, seconds=SECONDS)
        if done.returncode:
            return done.stdout or f"status {done.returncode}"
    return ""


def pages(*, hot: bool) -> Callable[[Workshop, Path, Edit | None], str]:
    """Walks through zones of several machines; what the first that fails complains of."""

    def run(workshop: Workshop, src: Path, edit: Edit | None) -> str:
        src = workshop.sources(**settings("lists", hot=hot))
        program = workshop.program(src, "pages.c", PAGE_CORES, QUICK_PAGES, edit)
        for ram in RAM.values():
            text = walk_of(ram, seed=1, rounds=1500, hot=hot)
            done = program.run(stdin=text, seconds=SECONDS)
            if done.returncode:
                return done.stdout or f"status {done.returncode}"
            if hot and "refills 0" in done.stdout:
                return "the hot list was not in use"
        return ""

    return run


TESTS = {
    "search": search,
    "corruption": corruption(QUICK),
    "access": corruption(SANITIZED),
    "search bitmaps": search,
    "corruption bitmaps": corruption(QUICK),
    "access bitmaps": corruption(SANITIZED),
    "memmap": talk("memmap", 1000),
    "memblock": talk("memblock", 40),
    "arena": talk("arena", 200),
    "printing": printing,
    "library": library,
    "heap": heap,
    "pages": pages(hot=True),
    "plain pages": pages(hot=False),
}

SOURCES = {
    "printing": "bare_src",
    "library": "bare_src",
    "heap": "bare_src",
    "pages": "bare_src",
    "plain pages": "bare_src",
    "search bitmaps": "bitmaps_src",
    "corruption bitmaps": "bitmaps_src",
    "access bitmaps": "bitmaps_src",
}
"""The fixture of each test's sources; the others have the small kernel's."""

MUTANTS = {
    **BUDDY_MUTANTS,
    **LIST_MUTANTS,
    **BITMAP_MUTANTS,
    # --- memmap
    "available wins over reserved": (
        "memmap",
        Edit(
            MEMMAP_C, "case MEMORY_RESERVED:\n\t\treturn 2;", "case MEMORY_RESERVED:\n\t\treturn 0;"
        ),
    ),
    "unknown types yield": ("memmap", Edit(MEMMAP_C, "return 4;", "return 0;")),
    "available rounded outwards": (
        "memmap",
        Edit(MEMMAP_C, "if (entry->type == MEMORY_AVAILABLE) {", "if (0) {"),
    ),
    "end beyond 2^64 wraps": ("memmap", Edit(MEMMAP_C, "end = UINT64_MAX;", ";")),
    "start wraps in the last page": (
        "memmap",
        Edit(
            MEMMAP_C,
            "range.start < range.end ? range.start + unit : range.end",
            "range.start + unit",
        ),
    ),
    "neighbours of a type not joined": (
        "memmap",
        Edit(MEMMAP_C, "last && last->end == start && last->type == type", "0"),
    ),
    "neighbours joined across a gap": (
        "memmap",
        Edit(MEMMAP_C, "last->end == start && last->type", "last->type"),
    ),
    "reserved dropped from a full table": (
        "memmap",
        Edit(MEMMAP_C, "if (type == MEMORY_AVAILABLE)\n\t\t\treturn;", "return;"),
    ),
    "ends not sorted": ("memmap", Edit(MEMMAP_C, "ends[at - 1] > value)", "0)")),
    "bytes counted beyond the end": (
        "memmap",
        Edit(MEMMAP_C, "uint64_t to = MIN(range->end, end);", "uint64_t to = range->end;"),
    ),
    "an empty entry takes memory away": (
        "memmap",
        Edit(
            MEMMAP_C,
            "MAX(range.start, start) < MIN(range.end, end)",
            "range.start < end && start < range.end",
        ),
    ),
    "a claim on the first byte alone counts": (
        "memmap",
        Edit(MEMMAP_C, "MAX(range.start, start) < MIN(range.end, end)", "range.start == start"),
    ),
    "entries are looked at in one order": (
        "memmap",
        Edit(MEMMAP_C, "at = range.end;\n\t\t\t\tmoved = true;", "at = range.end;"),
    ),
    # --- memblock
    "hand-over ignores what is reserved": (
        "memblock",
        Edit(
            MEMBLOCK_C,
            "*taken = reserved_above(mb, start);",
            "*taken = start ? NULL : reserved_above(mb, start);",
        ),
    ),
    "reserved ignored": (
        "memblock",
        Edit(MEMBLOCK_C, "if (!taken || taken->start >= aligned + size)", "if (1)"),
    ),
    "limit ignored": (
        "memblock",
        Edit(MEMBLOCK_C, "limit ? MIN(region->end, limit) : region->end", "region->end"),
    ),
    "cursor stays": ("memblock", Edit(MEMBLOCK_C, "mb->cursor = found + size;", "")),
    "never from the bottom again": (
        "memblock",
        Edit(MEMBLOCK_C, "found = find(mb, 0, size, align, limit);", ";"),
    ),
    "touching regions not joined": (
        "memblock",
        Edit(MEMBLOCK_C, "regions[last].start <= end", "regions[last].start < end"),
    ),
    "page 0 free": (
        "memblock",
        Edit(MEMBLOCK_C, "mb->reserved.count = 1;", "mb->reserved.count = 0;"),
    ),
    "one entry less": (
        "memblock",
        Edit(
            MEMBLOCK_C,
            "if (table->count == MEMBLOCK_REGIONS)\n\t\t\treturn",
            "if (table->count == MEMBLOCK_REGIONS - 1)\n\t\t\treturn",
        ),
    ),
    "pages handed over that are free in part": (
        "memblock",
        Edit(
            MEMBLOCK_C,
            "out->start = ALIGN_UP(start, PAGE_SIZE);",
            "out->start = ALIGN_DOWN(start, PAGE_SIZE);",
        ),
    ),
    "grows when closed": (
        "memblock",
        Edit(MEMBLOCK_C, "mb->closed ? MEMBLOCK_ERR_CLOSED : join(&mb->memory", "join(&mb->memory"),
    ),
    # --- arena
    "a child's run is not the parent's": (
        "arena",
        Edit(ARENA_C, "best = MAX(best, pair[1].best);", ""),
    ),
    "a run across two children is not seen": (
        "arena",
        Edit(ARENA_C, "(size_t)pair[0].tail + pair[1].head", "0"),
    ),
    "a free child does not lengthen the head": (
        "arena",
        Edit(ARENA_C, "head += pair[1].head;", ";"),
    ),
    "a free child does not lengthen the tail": (
        "arena",
        Edit(ARENA_C, "tail += pair[0].tail;", ";"),
    ),
    "only one of two paths is summed up": (
        "arena",
        Edit(ARENA_C, "if (left != right) sum_up(arena, right, span);", ""),
    ),
    "sums end too soon": (
        "arena",
        Edit(
            ARENA_C,
            "changed = sum_up(arena, left, span);",
            "changed = sum_up(arena, left, span) && span < 64;",
        ),
    ),
    "nothing is handed down": (
        "arena",
        Edit(ARENA_C, "if (best && best != 2 * span) continue;", "continue;"),
    ),
    "only what is taken is handed down": (
        "arena",
        Edit(ARENA_C, "if (best && best != 2 * span) continue;", "if (best) continue;"),
    ),
    "what lies between the ends is not marked": (
        "arena",
        Edit(
            ARENA_C,
            "if ((left ^ right) > 1 && !(left & 1)) fill(arena, left + 1, span, taken);",
            "",
        ),
    ),
    "what hangs on a path's outside is marked": (
        "arena",
        Edit(
            ARENA_C, "if ((left ^ right) > 1 && (right & 1))", "if (left != right && (right & 1))"
        ),
    ),
    "the higher run is taken": (
        "arena",
        Edit(ARENA_C, "if (nodes[node].best >= pages) continue;", ""),
    ),
    "alignment of page numbers, not of addresses": (
        "arena",
        Edit(ARENA_C, "size_t base = arena->base / PAGE_SIZE;", "size_t base = 0;"),
    ),
    "skew ignored": (
        "arena",
        Edit(
            ARENA_C,
            "ALIGN_UP(base + page + skew, align) - skew - base",
            "ALIGN_UP(base + page, align) - base",
        ),
    ),
    "a hole that fits by luck is overlooked": (
        "arena",
        Edit(ARENA_C, "page = find_aligned(arena, pages, align, skew);", ";"),
    ),
    "run before the word forgotten": (
        "arena",
        Edit(ARENA_C, "if (run + next->head >= pages)", "if (next->head >= pages)"),
    ),
    "a run through a whole node forgotten": (
        "arena",
        Edit(ARENA_C, "next->best == span ? run + span : next->tail", "next->tail"),
    ),
    "double free accepted": (
        "arena",
        Edit(ARENA_C, "if (!all_taken(arena, page, page + pages)) return false;", ""),
    ),
    "double free in the middle accepted": (
        "arena",
        Edit(ARENA_C, "if (!(left & 1) && arena->nodes[left + 1].best) return false;", ""),
    ),
    "free beyond the end": (
        "arena",
        Edit(ARENA_C, "|| pages > arena->pages - page)", ")"),
    ),
    "longest run of a word one too short": (
        "arena",
        Edit(ARENA_C, "eight & eight >> 8", "eight"),
    ),
    **HEAP_MUTANTS,
    **PAGE_MUTANTS,
    # --- library
    "rest of a copy forgotten": ("library", Edit(STRING_C, '"rep movsb"', '""')),
    "rest of a fill forgotten": ("library", Edit(STRING_C, '"rep stosb"', '""')),
    "overlapping move upwards": (
        "library",
        Edit(STRING_C, "if (to <= from || to >= from + n)", "if (1)"),
    ),
    "bytes compared as signed": (
        "library",
        Edit(STRING_C, "return *x - *y;", "return (signed char)*x - (signed char)*y;"),
    ),
    "division loses its lowest bit": ("library", Edit(DIV_C, "bit >= 0; bit--", "bit > 0; bit--")),
    "buffer overrun by one": (
        "printing",
        Edit(PRINTF_C, "size ? size - 1 : 0", "size"),
    ),
    "zeros before the sign": (
        "printing",
        Edit(
            PRINTF_C,
            "put_bytes(out, sign, strlen(sign)); put_times(out, '0', zeros);",
            "put_times(out, '0', zeros);\nput_bytes(out, sign, strlen(sign));",
        ),
    ),
    "high word dropped": (
        "printing",
        Edit(PRINTF_C, "value = value >> 32 ? value / base : low / base;", "value = low / base;"),
    ),
    "width ignored to the left": (
        "printing",
        Edit(
            PRINTF_C,
            "if (spec->left) put_times(out, ' ', room - zeros);",
            "if (0)\nput_times(out, ' ', room - zeros);",
        ),
    ),
    "zeros though there is a precision": (
        "printing",
        Edit(
            PRINTF_C,
            "if (spec->zero && !spec->left && spec->precision < 0)",
            "if (spec->zero && !spec->left)",
        ),
    ),
    "zeros to the right": (
        "printing",
        Edit(
            PRINTF_C,
            "if (spec->zero && !spec->left && spec->precision < 0)",
            "if (spec->zero && spec->precision < 0)",
        ),
    ),
    "no octal zero": (
        "printing",
        Edit(PRINTF_C, "base == 8) *--at = '0';", "base == 8)\n;"),
    ),
    "0x before nothing": (
        "printing",
        Edit(PRINTF_C, "base == 16 && value", "base == 16"),
    ),
    "a short is not cut": (
        "printing",
        Edit(PRINTF_C, "value = (short)value;", ";"),
    ),
    "an unsigned char has a sign": (
        "printing",
        Edit(PRINTF_C, "value = (unsigned char)value;", "value = (signed char)value;"),
    ),
    "a negative width stays": (
        "printing",
        Edit(
            PRINTF_C,
            "spec->left = true; spec->width = spec->width == INT32_MIN ? INT32_MAX : -spec->width;",
            "spec->left = true;",
        ),
    ),
    "intmax_t is a word": (
        "printing",
        Edit(PRINTF_C, "case 'j':", "case 'k':"),
    ),
    "a double is left among the arguments": (
        "printing",
        Edit(
            PRINTF_C,
            "(void)va_arg(*args, uint64_t); /* a double is as wide */",
            "(void)va_arg(*args, uint32_t);",
        ),
    ),
    "a long double is a double": (
        "printing",
        Edit(PRINTF_C, "if (extended)", "if (0)"),
    ),
    "the argument of %n is left": (
        "printing",
        Edit(PRINTF_C, "case 'n': /* nothing is written to where it points */", "case 'N':"),
    ),
    "arguments are read after an unknown directive": (
        "printing",
        Edit(PRINTF_C, "return percent + strlen(percent);", "return at + 1;"),
    ),
    "text is read beyond its precision": (
        "printing",
        Edit(PRINTF_C, "while (length != spec->precision && text[length])", "while (text[length])"),
    ),
    "a precision wraps": (
        "printing",
        Edit(PRINTF_C, "*number = INT32_MAX;", ";"),
    ),
}


def complaint(test: str, edit: Edit | None, request: pytest.FixtureRequest) -> str:
    """What the test says; empty if it passes."""
    src = request.getfixturevalue(SOURCES.get(test, "small_src"))
    try:
        return TESTS[test](request.getfixturevalue("workshop"), src, edit)
    except TimeoutExpired:
        return "it hangs"


@pytest.mark.parametrize("test", TESTS)
def test_the_sound_source_passes(test: str, request: pytest.FixtureRequest) -> None:
    """Else each mutant would be noticed for no reason of its own."""
    assert not complaint(test, None, request)


def _cases() -> Iterator[ParameterSet]:
    for name in MUTANTS:
        marks = [pytest.mark.campaign] if name in FOR_CAMPAIGNS else []
        yield pytest.param(name, id=name, marks=marks)


@pytest.mark.parametrize("mutant", list(_cases()))
def test_a_fault_is_noticed(mutant: str, request: pytest.FixtureRequest) -> None:
    """By the test that is there for it, in its short form."""
    test, edit = MUTANTS[mutant]
    assert complaint(test, edit, request), f"nobody noticed: {mutant}"
