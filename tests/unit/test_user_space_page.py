"""docs/user-space.md lists the system calls that there are, and draws addresses as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kgen.areas import PROGRAM_BASE
from kgen.describe import Kernel

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/user-space.md").read_text("utf-8")


def template(name: str) -> str:
    return (ROOT / "templates" / name).read_text("utf-8")


LIST = template("include/user/syscall_list.h")


def calls(group: str) -> list[str]:
    """The names in a macro of the list, in the order of their numbers."""
    (body,) = re.findall(rf"#define SYSCALLS_{group}\(CALL\)(.*?)\n\n", LIST, re.DOTALL)
    return re.findall(r"CALL\(\d+, (\w+), \d\)", body)


@pytest.mark.parametrize(
    ("row", "group"),
    [("memory", "MEMORY"), ("processes, signals, time", "PROCESS"), ("files", "FILE")],
)
def test_the_calls_are_those_that_there_are(row: str, group: str) -> None:
    (cell,) = re.findall(rf"^\| {row} \| (.*) \|$", PAGE, re.MULTILINE)
    assert re.findall(r"`(\w+)`", cell) == calls(group)


def test_calls_that_are_not_there_are_not_there() -> None:
    there = {*calls("MEMORY"), *calls("PROCESS"), *calls("FILE")}
    missing = PAGE[PAGE.index("## Not there") : PAGE.index("## Executing")]
    named = {"ptrace", "setitimer", "alarm", "mlock"}
    assert all(f"`{name}`" in missing for name in named)
    assert not named & there
    fork = template("user/fork.c")
    (known,) = re.findall(r"#define CLONE_KNOWN(.*?)\n\n", fork, re.DOTALL)
    assert not re.search(r"CLONE_(THREAD|SIGHAND)\b", known)


def test_the_drawing_is_the_layout() -> None:
    assert Kernel().layout.kernel_base == 0xC0000000
    assert Kernel().user.stack_limit == 8 << 20
    assert f"kgen links at 0x{PROGRAM_BASE:08x}" in PAGE
    state = template("include/user/space_state.h")
    assert "#define STACK_GUARD (256 * PAGE_SIZE)" in state  # 1 MiB
    assert "#define MAPPINGS_END (USER_END - USER_STACK_LIMIT - STACK_GUARD)" in state
    assert "#define TIMER_HZ 100 " in template("include/arch/timer.h")
    assert "100 times a second" in PAGE.replace("\n", " ")


def test_kinds_of_areas_are_the_kernels() -> None:
    (kinds,) = re.findall(r"enum area_kind \{(.*?)\}", template("include/user/space.h"), re.DOTALL)
    names = [name.lower().replace("map", "mapping") for name in re.findall(r"AREA_(\w+),", kinds)]
    (said,) = re.findall(r"one kind: ([\w\s,]+)\.", PAGE)
    assert sorted(re.split(r",\s+", said)) == sorted(names)
