"""docs/page-fault.md names what is there, and its counts are those of docs/bench.md.

That the counts are measured ones: tests/boot/test_page_fault.py.
"""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/page-fault.md").read_text("utf-8")
STEPS = re.findall(r"^\| [^|]+ \| `(\w+)` \| `([\w/.]+)` \| (\d+) \|$", PAGE, re.MULTILINE)


def template(name: str) -> str:
    path = ROOT / "templates" / name
    return (path if path.exists() else path.with_name(path.name + ".j2")).read_text("utf-8")


def test_every_step_is_in_its_file() -> None:
    assert len(STEPS) == 10
    for function, name, _ in STEPS:
        label = re.sub(r"_14$", "_{{ trap.vector }}", function)
        defined = rf"^{re.escape(label)}:|^(?!\s|static).*\b{label}\("
        assert re.search(defined, template(name), re.MULTILINE), (function, name)


def test_functions_that_the_text_names_exist() -> None:
    sources = "".join(
        path.read_text("utf-8") for path in (ROOT / "templates").rglob("*.[chS]*") if path.is_file()
    )
    for name in re.findall(r"`(\w+)\(\)`", PAGE):
        assert re.search(rf"\b{name}\(|^{name}:", sources, re.MULTILINE), name
    places = re.findall(r"`(\w+)`(?:,\s`\w+`)* (?:in|\() ?`((?:user|arch|entry)/[\w/.]+)`", PAGE)
    places += re.findall(r"`(\w+)\(\)` \(`((?:user|arch|entry)/[\w/.]+)`\)", PAGE)
    assert len(places) >= 3
    for name, file in places:
        assert re.search(rf"\b{name}\(|^{name}:", template(file), re.MULTILINE), (name, file)


def test_counts_add_up_to_what_a_program_sees() -> None:
    total = sum(int(count) for _, _, count in STEPS)
    stated = re.search(r"\*\*in the kernel\*\* \| \| \| \*\*(\d+)\*\*", PAGE)
    assert stated
    assert int(stated[1]) == total
    bench = (ROOT / "docs/bench.md").read_text("utf-8")
    row = re.search(r"^\| `user\.zero` \| ([\d,]+) \|", bench, re.MULTILINE)
    assert row
    assert int(row[1].replace(",", "")) == total + 1  # and the write itself
    assert f"one more: {total + 1}, the row `user.zero`" in PAGE


def test_the_answers_are_the_kernels() -> None:
    faults = re.search(
        r"struct space_faults \{(.*?)\}", template("include/user/space.h"), re.DOTALL
    )
    assert faults
    answers = re.findall(
        r"^\| (?:nothing|present)[^|]*\|[^|]*\|[^|]*\| `(\w+)` \|$", PAGE, re.MULTILINE
    )
    assert {*answers} == {*re.findall(r"uint32_t (\w+);", faults[1])}
