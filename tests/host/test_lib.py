"""The kernel's library, run as 32-bit code: text, memory, division."""

from __future__ import annotations

import ctypes
from itertools import product
from pathlib import Path

import pytest
from tests.host.native import BARE, Program, Workshop

from kgen import Kernel, footprint

LIBC = ctypes.CDLL(None)

WORDS = (0, 1, 7, 9, 10, 123456789, 2**31 - 1, 2**31, 2**32 - 1)
QUADS = (*WORDS, 2**32, 10**10, 2**63 - 1, 2**63, 2**64 - 1)
TEXTS = ("", "a", "hello", "x" * 40)
WIDTHS = ("", "1", "2", "5", "05", "010", "-5", "-010", "0", "25", "024", "-24")
SIZES = (0, 1, 2, 6, 300)

Case = tuple[int, str, object, str]
"""Size of the buffer, how the value is passed (see format.c), the value, the format."""


def cases() -> list[Case]:
    """Every conversion that printk.h names, with each width, value and size."""
    found: list[Case] = []
    for size, width in product(SIZES, WIDTHS):
        for conversion, value in product(("d", "i", "u", "x", "lu", "ld", "lx", "zu"), WORDS):
            found.append((size, "w", value, f"[%{width}{conversion}]"))
        for conversion, value in product(("lld", "lli", "llu", "llx"), QUADS):
            found.append((size, "q", value, f"a%{width}{conversion}"))
        if "0" not in width.replace("10", ""):  # 0 means nothing for text
            found += [(size, "s", text, f"<%{width}s>") for text in TEXTS]
        found.append((size, "w", ord("k"), "c=%c!"))
        found.append((size, "-", "-", "100%% sure"))
    return found


def expected(case: Case) -> str:
    """What this machine's own snprintf makes of it, as an i386's would."""
    size, kind, value, form = case
    # There, long and size_t have 32 bits, as int has here.
    form = form if kind == "q" else form.replace("l", "").replace("z", "")
    buffer = ctypes.create_string_buffer(512)
    argument: object = None
    if isinstance(value, int):
        argument = ctypes.c_uint64(value) if kind == "q" else ctypes.c_uint32(value)
    elif kind == "s":
        argument = str(value).encode()
    length = LIBC.snprintf(buffer, ctypes.c_size_t(size), form.encode(), argument)
    return f"{length} |{buffer.value.decode() if size else ''}|"


def lines(requests: list[Case]) -> str:
    """What format.c reads."""
    return "".join(f"{size} {kind} {value} {form}\n" for size, kind, value, form in requests)


def misprint(program: Program) -> str:
    """The first case in which vsnprintf() differs from the C library; empty if none does."""
    requests = cases()
    done = program.run(stdin=lines(requests))
    if done.returncode:
        return done.stdout or f"status {done.returncode}"
    answers = done.stdout.splitlines()
    assert len(answers) == len(requests) > 7000
    for request, answer in zip(requests, answers, strict=True):
        if answer != (right := expected(request)):
            return f"{request}: {answer}, not {right}"
    return ""


def test_formatted_text_is_that_of_the_c_library(bare_src: Path, workshop: Workshop) -> None:
    """Width, padding, sign, 64 bits, and a buffer of any size, never written beyond."""
    assert not misprint(workshop.program(bare_src, "format.c", (), BARE))


def test_formats_of_our_own(bare_src: Path, workshop: Workshop) -> None:
    """Where C leaves it open, or nothing is passed that could be shown."""
    requests: list[Case] = [
        (99, "w", 0xC0100000, "%p"),
        (99, "w", 0x10, "%p"),
        (99, "n", 0, "%s"),
        (99, "n", 0, "%8s"),
        (99, "-", "-", "50%"),
    ]
    program = workshop.program(bare_src, "format.c", (), BARE)
    answers = program.check(stdin=lines(requests)).splitlines()
    assert answers == ["10 |0xc0100000|", "10 |0x00000010|", "6 |(null)|", "8 |  (null)|", "2 |50|"]


def test_memory_strings_and_division(bare_src: Path, workshop: Workshop) -> None:
    """20 000 rounds of each, against loops in C."""
    assert workshop.program(bare_src, "lib.c", (), BARE).check() == "20000 rounds\n"


@pytest.mark.parametrize("order", [0, 3, 10])
@pytest.mark.parametrize("index", ["lists", "bitmaps"])
def test_an_index_takes_what_kgen_predicts(
    index: str, order: int, bare_src: Path, workshop: Workshop
) -> None:
    """In the kernel's own words of 32 bits, for any number of pages."""
    assert bare_src
    src = workshop.sources(buddy={"index": index})
    kernel = Kernel.model_validate({"buddy": {"index": index, "max_order": order}})
    program = workshop.program(src, "sizes.c", ("mm/buddy.c", "mm/buddy_unrolled.c"), BARE)
    pages = [*range(70), 1023, 1024, 1025, 4096, 28672, 229376, (1 << 20) - 1]
    answers = program.check(stdin="".join(f"{count} {order}\n" for count in pages)).split()
    assert [int(a) for a in answers] == [footprint.index_bytes(p, kernel) for p in pages]
