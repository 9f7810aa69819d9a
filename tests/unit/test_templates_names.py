"""Names that mean one thing: each was defined several times, with different meanings.

Local helpers may share a plain word (``find``, ``put``); these stand in headers, or were confused.
"""

from __future__ import annotations

import re

import pytest

from kgen.paths import templates_dir

DEFINITION = r"(?m)^[A-Za-z_][\w \t*]*?\b\**{name}\([^;{{}}]*\)\n\{{"

ONCE = ("header_of", "is_free", "release", "block_after", "page_of", "range_back", "slab_of")


def homes(name: str) -> list[str]:
    """Files that define a function of that name."""
    folder = templates_dir()
    pattern = re.compile(DEFINITION.format(name=name))
    paths = sorted(path for suffix in ("c", "h") for path in folder.rglob(f"*.{suffix}"))
    return [str(path.relative_to(folder)) for path in paths if pattern.search(path.read_text())]


@pytest.mark.parametrize("name", ONCE)
def test_a_name_has_one_meaning(name: str) -> None:
    assert len(homes(name)) <= 1


def test_several_homes_are_seen() -> None:
    assert len(homes("put")) > 1
    assert homes("header_of") == ["include/mm/tiers.h"]
