"""Reports live beside their subject, and kmain() is a list of steps."""

from __future__ import annotations

import re
from pathlib import Path

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
