"""Reports live beside their subject, and kmain() is a list of steps."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "templates"
STAT = re.compile(r'kgen_stat\([^;]*?"([a-z]+)\.', re.DOTALL)


def printed() -> dict[str, set[str]]:
    """The files that print counters, by the first word of their keys."""
    files: dict[str, set[str]] = {}
    for path in ROOT.rglob("*.c"):
        for word in STAT.findall(path.read_text(encoding="utf-8")):
            files.setdefault(word, set()).add(path.relative_to(ROOT).as_posix())
    return files


def test_the_counters_of_a_subject_are_printed_in_one_place() -> None:
    files = printed()
    assert {"mem", "page", "slab", "heap", "arena", "vmalloc", "kmalloc", "tlb"} <= set(files)
    assert {word: found for word, found in files.items() if len(found) > 1} == {}
    assert [name for found in files.values() for name in found if name.startswith("kernel/")] == []


def test_every_report_is_asked_for() -> None:
    """By the boot, or by the report on memory."""
    header = (ROOT / "include/mm/report.h").read_text(encoding="utf-8")
    users = "".join((ROOT / f"kernel/{name}.c").read_text() for name in ("main", "meminfo"))
    reports = re.findall(r"^void (\w+_(?:report|print))\(", header, re.MULTILINE)
    assert len(reports) > 10
    assert [name for name in reports if f"{name}(" not in users] == []


def test_kmain_is_a_list_of_steps() -> None:
    """One call to a line, each with a comment; what a kernel lacks is left to headers."""
    text = (ROOT / "kernel/main.c").read_text(encoding="utf-8")
    assert "//%" not in text
    body = text[text.index("void kmain(") :].split("{\n", 1)[1].split("\n}\n")[0]
    steps = re.findall(r"^\t(?:passed = )?(\w+\(.*)$", body, re.MULTILINE)
    assert len(steps) > 20
    plain = [step for step in steps if not step.endswith("*/")]
    assert plain == [
        'kgen_line("hello proto=%d name=%s build=%s base=i386", PROTO_VERSION, KERNEL_NAME,',
        "stage_done(STAGE_ALLOCATE);",
    ]


USES = {"kmem": "kmem_use", "heap": "heap_use", "arena": "arena_use"}
USES |= {"pages": "free_profile_read", "kmalloc": "kmalloc_stats_read"}


@pytest.mark.parametrize("name", USES)
def test_a_subsystem_has_a_report_a_table_and_its_figures(name: str) -> None:
    """``NAME_report()``, ``NAME_print()`` and ``NAME_use()``, declared once each."""
    headers = "".join(path.read_text() for path in (ROOT / "include/mm").glob("*.h"))
    for function in (f"{name}_report", f"{name}_print", USES[name]):
        assert len(re.findall(rf"^\S.*\b{function}\(", headers, re.MULTILINE)) == 1, function


def files_with(pattern: str) -> list[str]:
    """The allocators' files in which the pattern occurs."""
    paths = sorted((ROOT / "mm").glob("*.c"))
    return [path.name for path in paths if re.search(pattern, path.read_text())]


def test_pages_of_the_tiers_have_one_home() -> None:
    """One file lends blocks to slabs and heap, counts their pages, and says whose a block is."""
    assert files_with(r"(?m)^\w.*\bkblock_\w+\([^;]*\)\n\{") == ["kblock.c"]
    assert files_with(r"alloc_pages\(ZONE_DIRECT") == ["kblock.c"]
    assert files_with(r"live_pages [-+]=.*") == ["kblock.c", "vmalloc.c"]  # and of mappings
