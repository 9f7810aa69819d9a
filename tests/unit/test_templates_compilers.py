"""Templates say in one place what not every compiler knows."""

from __future__ import annotations

import re

import pytest

from kgen.paths import templates_dir

GCC_ONLY = ("optimize", "no_reorder", "noipa", "noclone", "externally_visible", "target_clones")
"""Attributes that clang refuses, as warnings are errors."""

HOME = "include/kernel/types.h"


def used(text: str) -> set[str]:
    """Attributes of GCC_ONLY in C, each where clang would see it."""
    found: set[str] = set()
    for attributes in re.findall(r"__attribute__\s*\(\((.*?)\)\)", text, re.DOTALL):
        found |= set(GCC_ONLY) & set(re.findall(r"\w+", re.sub(r'".*?"', "", attributes)))
    return found


def asked_for(text: str) -> set[str]:
    """Attributes that are used only after a test that they exist."""
    return set(re.findall(r"#if __has_attribute\((\w+)\)", text))


def test_what_is_gccs_alone_is_seen() -> None:
    assert used('void f(void) __attribute__((hot, optimize("O0")));') == {"optimize"}
    assert used('int x __attribute__((section("noipa"))); /* noclone */') == set()


@pytest.mark.parametrize("suffix", ["c", "h", "j2"])
def test_what_is_gccs_alone_stands_in_one_header(suffix: str) -> None:
    folder = templates_dir()
    for path in folder.rglob(f"*.{suffix}"):
        name = path.relative_to(folder).as_posix()
        text = path.read_text()
        assert used(text) <= (asked_for(text) if name == HOME else set()), name


BITS = r"__builtin_(?:ctz|clz|ffs|popcount)|\b(?:bsf|bsr|bts|btr)l?\s"
"""Ways to look for a bit or to change one, in C and in inline assembly."""


def test_bits_are_looked_for_in_one_header() -> None:
    folder = templates_dir()
    paths = [path for suffix in ("c", "h") for path in folder.rglob(f"*.{suffix}")]
    code = {path: re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL) for path in paths}
    found = [path.relative_to(folder).as_posix() for path in paths if re.search(BITS, code[path])]
    kernel = [name for name in found if not name.startswith("program/")]  # no kernel headers there
    assert kernel == ["include/kernel/bits.h"]
