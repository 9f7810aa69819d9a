"""Every mistake that a kernel can notice ends in a panic that says what, and where in whose code.

The mistakes are tests/kernels/faults.c and the files that it names; the command line chooses one.
All of them are one kernel, so each costs a boot and no build.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.boot.conftest import Kernels

from kgen.derive import TRAPS
from kgen_qemu.errors import Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]

PUSHES_ERROR = {8, 10, 11, 12, 13, 14, 17, 21}
"""Intel SDM vol. 3, table 6-1."""


@pytest.fixture(scope="module")
def faults(kernels: Kernels) -> Path:
    return kernels.faults()


def trip(boot: Boot, folder: Path, name: str, **options: Any) -> Result:
    result = boot(folder, append=f"trip={name}", **options)
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC), result.log.read_text()
    assert len(result.transcript.stages) == 7  # all before `allocate`
    assert result.transcript.end is not None
    assert result.transcript.end.status == "panic"
    return result


CPU_FAULTS = [
    # trip, vector, error code, message
    ("divide", 0, 0, "divide error"),
    ("single_step", 1, 0, "debug"),
    ("breakpoint", 3, 0, "breakpoint"),
    ("overflow", 4, 0, "overflow"),
    ("bound", 5, 0, "bound range exceeded"),
    ("invalid_opcode", 6, 0, "invalid opcode"),
    ("no_coprocessor", 7, 0, "device not available"),
    ("overflow_stack", 8, 0, r"stack overflow: 0x\w+: guard below the boot stack"),
    ("large_frame", 8, 0, r"stack overflow: 0x\w+: guard below the boot stack"),
    ("absent_segment", 11, 0x18, "segment not present"),
    ("absent_stack", 12, 0x18, "stack-segment fault"),
    ("wild_segment", 13, 0x1230, "general protection"),
    ("no_such_vector", 13, 0x80 * 8 + 2, "general protection"),
    ("read_null", 14, 0, "page fault: read from 0x0: null page"),
    ("call_null", 14, 0, "page fault: .* 0x0: null page"),
    ("write_text", 14, 3, "page fault: write to 0xc0100000: read-only text"),
    ("write_rodata", 14, 3, r"page fault: write to 0xc01\w+: read-only data"),
    ("write_below", 14, 2, "page fault: write to 0x100004: user space"),
    ("write_guard", 14, 2, r"page fault: write to 0xc01\w+: guard below the boot stack"),
    (
        "read_past",
        14,
        0,
        "page fault: read from 0xf880d000: guard after .* 50000 bytes at 0xf88000",
    ),
    ("write_freed", 14, 2, "page fault: write to 0xf8800008: freed .* of 13 pages at 0xf8800000"),
    ("coprocessor_error", 16, 0, "x87 floating-point error"),
]


@pytest.mark.parametrize(("name", "vector", "error", "message"), CPU_FAULTS)
def test_exceptions(
    faults: Path, boot: Boot, name: str, vector: int, error: int, message: str
) -> None:
    result = trip(boot, faults, name)
    panic = result.transcript.panic
    assert panic is not None
    assert (panic.vector, panic.error) == (vector, error)
    assert re.match(message, panic.message), panic.message
    shown = result.to_json()["panic"]
    assert shown["message"] == panic.message
    assert shown["eip"] == panic.eip
    assert shown["backtrace"][0]["address"] == panic.eip
    address = re.search(r"0x\w+", message.replace(r"\w+", "")) if vector == 14 else None
    if address and "*" not in message:
        assert f"{panic.cr2:#x}".startswith(address[0])


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap.vector)
def test_all_vectors(faults: Path, boot: Boot, trap: Any) -> None:
    """The gate of each vector leads to the stub that knows its number and its name."""
    panic = trip(boot, faults, f"int{trap.vector}").transcript.panic
    assert panic is not None
    assert panic.vector == trap.vector
    assert panic.message.startswith(trap.name)
    if trap.vector not in PUSHES_ERROR:  # else INT, which pushes none, leaves a frame off by one
        assert (panic.error, (panic.eip or 0) >> 20) == (0, 0xC01)


@pytest.mark.parametrize("vector", sorted(PUSHES_ERROR - {8}))
def test_vectors_with_an_error_code(faults: Path, boot: Boot, vector: int) -> None:
    panic = trip(boot, faults, f"error{vector}").transcript.panic
    assert panic is not None
    assert (panic.vector, panic.error) == (vector, 0xE44)
    assert (panic.eip or 0) >> 20 == 0xC01


REFUSED = [
    # trip, message, function in which it happened
    # small: in a slab
    ("free_twice", r"kfree\(0xc3\w+8\): it is free already \(kmalloc-112, 0 bytes into", ""),
    ("free_inside", r"kfree\(0xc3\w+\): not the start of an object \(kmalloc-112, 64 bytes", ""),
    ("free_unaligned", r"kfree\(0xc3\w+9\): not the start of an allocation \(kmalloc-112, 1 ", ""),
    (
        "free_overwritten",
        r"kfree\(0xc3\w+\): its header does not have the magic: .*kmalloc-112",
        "",
    ),
    ("free_bad_magic", r"kfree\(0xc3\w+\): its header does not have the magic: .*kmalloc-112", ""),
    ("free_resized", r"kfree\(0xc3\w+\): its header has a size that its slot does not", ""),
    ("realloc_freed", r"krealloc\(0xc3\w+\): it is free already \(kmalloc-112", ""),
    # middle: in the heap
    ("free_middle_twice", r"kfree\(0xc3\w+\): it is free already \(heap", ""),
    ("free_middle_inside", r"kfree\(0xc3\w+\): not the start of an allocation \(heap", ""),
    ("free_middle_overwritten", r"kfree\(0xc3\w+\): its header has an impossible size: over", ""),
    (
        "free_middle_resized",
        r"kfree\(0xc3\w+\): the bytes past its end were overwritten \(heap",
        "",
    ),
    ("write_past", r"kfree\(0xc3\w+\): the bytes past its end were overwritten \(heap", ""),
    # large: mapped
    ("free_large_twice", r"kfree\(0xf8800008\): unmapped already \(freed .* of 13 pages", ""),
    ("free_large_late", r"kfree\(0xf8800008\): nothing is mapped there: unmapped already\?", ""),
    ("free_large_inside", r"kfree\(0xf8800048\): its header does not have the magic: .*13", ""),
    ("free_large_overwritten", r"kfree\(0xf88\w+\): its header does not have the magic", ""),
    ("free_large_resized", r"kfree\(0xf88\w+\): the size in its header does not match", ""),
    ("free_stale", r"kfree\(0xf\w+008\): its header does not have the magic", ""),
    # nobody's
    ("free_stack", r"kfree\(0xc0\w+\): not .* \(the kernel's own data\)", ""),
    ("free_static", r"kfree\(0xc0\w+\): not .* \(the kernel's own data\)", ""),
    # objects of a cache
    ("free_object_twice", r"kmem_cache_free\(pair, 0xc3\w+\): it is free already", ""),
    ("free_object_inside", r"kmem_cache_free\(pair, 0xc3\w+\): not the start of an object", ""),
    ("free_foreign_object", r"kmem_cache_free\(pair, 0xc3\w+\): it belongs to another cache", ""),
    ("free_no_object", r"kmem_cache_free\(pair, 0xc0\w+\): not an object of any cache", ""),
    (
        "kfree_object",
        r"kfree\(0xc3\w+\): it belongs to a cache: use kmem_cache_free\(\) \(pair",
        "",
    ),
    ("destroy_with_objects", r"kmem_cache_destroy\(pair\): 1 objects are still allocated", ""),
    # pages
    (
        "free_wrong_order",
        r"free_pages\(0x\w+, 1\), zone normal: the block has another order",
        "",
    ),
    ("free_pages_twice", r"free_pages\(0x\w+, 2\), zone normal: it is free already", ""),
    ("free_page_twice", r"free_pages\(0x\w+, 0\), zone normal: it is free already", ""),
    (
        "free_inside_block",
        r"free_pages\(0x\w+, 0\), .*: it lies inside an allocated block",
        "",
    ),
    (
        "free_image",
        r"free_pages\(0x00100000, 0\), zone dma: the allocator never had it",
        "",
    ),
    (
        "free_nowhere",
        r"free_pages\(0xfffff000, 0\), .*: not a page frame of this zone",
        "",
    ),
    ("free_unaligned_page", r"free_pages\(0x\w+8, 0\), .*: not a page frame", ""),
    ("bug", r"BUG at user/.*faults.c:\d+: zero == 0", ""),
    ("say_odd", r"tab\?here, bell\?, newline\?and \?\?", ""),
    ("panic_mid_line", "the rest", ""),
    ("backtrace", "deep down", "third"),
]


@pytest.mark.parametrize(("name", "message", "function"), REFUSED)
def test_panics(faults: Path, boot: Boot, name: str, message: str, function: str) -> None:
    result = trip(boot, faults, name)
    panic = result.transcript.panic
    assert panic is not None
    assert panic.vector is None
    assert re.match(message, panic.message), panic.message
    names = [(frame.function or "").split(".")[0] for frame in result.frames]
    # A caller of free_pages() is named, though the functions in between have no frames.
    assert (function or name) in names
    assert "kmain" in names
    ours = [frame for frame in result.frames if (frame.file or "").endswith("faults.c")]
    assert ours
    assert all(frame.line for frame in ours)


def test_the_backtrace_names_every_caller(faults: Path, boot: Boot) -> None:
    result = trip(boot, faults, "backtrace")
    names = [frame.function for frame in result.frames]
    assert names[:5] == ["third", "second", "first", "kernel_main", "kmain"]
    lines = Path(__file__).parents[1].joinpath("kernels/faults.c").read_text().splitlines()
    for frame, text in zip(result.frames, ["panic(", "third(", "second("], strict=False):
        assert frame.file == "user/tests/kernels/faults.c"
        assert frame.line is not None
        assert text in lines[frame.line - 1]


def test_a_leaf_function_is_named(faults: Path, boot: Boot) -> None:
    """gcc gives no frame to a function that neither calls nor pushes: its caller may be missing."""
    names = [frame.function for frame in trip(boot, faults, "read_null").frames]
    assert names[0] == "read_null"
    assert "kmain" in names


def test_a_long_message_is_cut_and_its_quotes_are_harmless(faults: Path, boot: Boot) -> None:
    result = trip(boot, faults, "say_much")
    panic = result.transcript.panic
    assert panic is not None
    assert panic.message.startswith("she said 'no' and ")
    assert 100 < len(panic.message) < 200
    assert set(panic.message[-80:]) == {"x"}
    assert result.transcript.problems == ()


def test_without_wp_a_386_writes_its_text(faults: Path, boot: Boot) -> None:
    """Ring 0 of a 386 ignores read-only pages; a checksum finds it out, at the end."""
    result = boot(faults, append="cpu=386 trip=write_text", expect=["survived trip"])
    assert (result.verdict, result.exit_code) == ("panic", Exit.PANIC)
    assert "read-only text or data was overwritten" in result.reasons[0]
    assert all(one.holds for one in result.assertions)


def test_no_trip_is_a_pass(faults: Path, boot: Boot) -> None:
    """The control: what trips is the mistake, not the kernel around it."""
    assert boot(faults, expect=['survived trip ""']).verdict == "pass"
