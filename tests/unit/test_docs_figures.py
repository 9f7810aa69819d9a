"""Figures in the documents that follow from the sources are compared with them, exactly.

A count of tests goes stale with each test that is added. So what a page shows of a boot of the
default kernel must have as many tests as that kernel has, in each suite and altogether.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.unit.test_docs import CODE_BLOCK, ROOT, documents, read

from kgen.derive import derive
from kgen.describe import Kernel
from kgen.paths import templates_dir
from kgen.render import render

SUMMARY = re.compile(
    r"(?P<stages>\d+) stages, (?P<passed>\d+) tests passed, (?P<failed>\d+) failed"
    r"(?:, (?P<skipped>\d+) skipped)?"
)
TOTAL = re.compile(
    r"^pass: (?P<passed>\d+) tests passed, (?P<failed>\d+) failed, (?P<skipped>\d+) skipped", re.M
)


@cache
def suites() -> Counter[str]:
    """How many tests each suite of the default kernel has."""
    tree = render(derive(Kernel()), templates_dir())
    code = "".join(file.data.decode() for file in tree.files if file.output.path.endswith(".c"))
    return Counter(re.findall(r"^KTEST(?:_FINAL)?\((\w+), \w+\)", code, re.MULTILINE))


def summaries() -> Iterator[tuple[str, re.Match[str]]]:
    """Each summary of a boot that went through all stages, by document."""
    stages = str(len(derive(Kernel()).stages))
    for name in documents():
        for pattern in (SUMMARY, TOTAL):
            for match in pattern.finditer(read(name)):
                if match.groupdict().get("stages", stages) == stages:
                    yield name, match


def test_the_tests_are_counted() -> None:
    assert suites().total() > 100
    assert suites()["buddy"] > 5
    assert suites()["end"] > 3


def test_boots_in_documents_have_all_tests() -> None:
    found = list(summaries())
    assert {"README.md", "docs/memory.md", "docs/cpu386.md"} <= {name for name, _ in found}
    wrong = [
        f"{name}: `{match[0]}` where the kernel has {suites().total()} tests"
        for name, match in found
        if sum(int(match[key] or 0) for key in ("passed", "failed", "skipped")) != suites().total()
    ]
    assert wrong == []


def test_the_readmes_boot_has_the_suites() -> None:
    boot = next(block for block in CODE_BLOCK.findall(read("README.md")) if "KTAP" in block)
    plan, first, of_it = re.search(  # type: ignore[union-attr]
        r"^1\.\.(\d+)\n  KTAP version 1\n  # Subtest: (\w+)\n  1\.\.(\d+)$", boot, re.MULTILINE
    ).groups()
    assert int(plan) == len(suites())
    assert int(of_it) == suites()[first]
    last, name = re.search(r"^ok (\d+) (\w+)\npass: ", boot, re.MULTILINE).groups()  # type: ignore[union-attr]
    assert (int(last), name) == (len(suites()), "end")
    shown = re.findall(r"^  ok (\d+) (\w+)$", boot, re.MULTILINE)
    assert int(shown[-1][0]) == suites()["end"]


def test_nobody_is_sent_to_a_page_that_is_not_here() -> None:
    """The outline that the kernel was begun from is named where decisions speak of it alone."""
    outline = re.compile(r"\b[Tt]he\s+(?:\W\s+)?seed\b(?! of the generator)")
    folders = ("generator", "qemu", "templates", "examples", "docs")
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.is_file()]
    files += [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md"]
    kinds = {".md", ".py", ".c", ".h", ".S", ".j2"}
    decisions = ROOT / "docs/decisions"
    said = [
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix in kinds
        and not path.is_relative_to(decisions)
        and outline.search(path.read_text(encoding="utf-8"))
    ]
    assert said == []
    assert '"The seed", in these pages, is' in (decisions / "README.md").read_text()


def test_no_document_promises_seconds_for_a_sweep() -> None:
    """How long it takes is a matter of the machine, and of how many tests there are by now."""
    page = Path(ROOT / "docs/failure-injection.md").read_text(encoding="utf-8")
    assert not re.search(r"\b(?:few|some|\d+)\s+(?:seconds|minutes)\b", page)
