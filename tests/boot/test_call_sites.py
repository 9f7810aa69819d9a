"""Call sites: numbers in the kernel, functions and lines in what people and programs get."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest

from kgen_qemu.report import print_report
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]

SOURCE = Path(__file__).parents[1] / "kernels" / "debugging.c"


def line_of(text: str) -> int:
    """Number of the source's line that has this text."""
    (number,) = (n for n, line in enumerate(SOURCE.read_text().splitlines(), 1) if text in line)
    return number


def shown(result: Result) -> str:
    file = io.StringIO()
    print_report(result, file)
    return file.getvalue()


def test_leaks_name_function_and_line(user_kernel: UserKernel, boot: Boot) -> None:
    folder = user_kernel("debugging.c", sets=["debug.leaks=true"])
    result = boot(folder, append="trip=forgotten")
    assert result.verdict == "pass", result.reasons  # a leak is reported; --forbid makes it fail
    (leak,) = result.to_json()["leaks"]
    assert (leak["count"], leak["bytes"], leak["function"]) == (1, 123, "forget")
    assert leak["file"].endswith("tests/kernels/debugging.c")
    assert leak["line"] == line_of("kmalloc(123)")
    text = shown(result)
    assert "leaked   123 bytes in 1 allocation, not freed at the end" in text
    assert f"tests/kernels/debugging.c:{leak['line']}\n" in text


def test_a_leak_fails_where_it_is_forbidden(user_kernel: UserKernel, boot: Boot) -> None:
    folder = user_kernel("debugging.c", sets=["debug.leaks=true"])
    forbidden = {"forbid": ("^# kgen:leak ",)}
    assert boot(folder, append="trip=forgotten", **forbidden).verdict == "fail"
    clean = boot(folder, append="trip=none", **forbidden)
    assert clean.verdict == "pass", clean.reasons
    assert clean.to_json()["leaks"] == []
    assert "leaked" not in shown(clean)


def test_a_panic_names_who_allocated(user_kernel: UserKernel, boot: Boot) -> None:
    folder = user_kernel("debugging.c", sets=["debug.redzone=true"])
    result = boot(folder, append="trip=past")
    assert result.verdict == "panic"
    (site,) = result.to_json()["panic"]["sites"]
    assert (site["function"], site["line"]) == ("write_behind", line_of("kmalloc(61)"))
    known = f"{site['relation']} {site['address']:#010x}"
    assert known in result.to_json()["panic"]["message"]
    assert f"  {known} write_behind+" in shown(result)


def test_who_ends_with_a_call_is_its_site(user_kernel: UserKernel, boot: Boot) -> None:
    """Without a frame of its own it would leave its caller's address, and another line."""
    (leak,) = boot(user_kernel("wrapper.c", sets=["debug.leaks=true"])).to_json()["leaks"]
    assert (leak["count"], leak["bytes"], leak["function"]) == (2, 300, "wrapper")
