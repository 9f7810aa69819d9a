"""The index of a file's pages agrees with an array, whatever memory there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.host.native import SANITIZED, Workshop
from tests.mutation import Edit

INDEX_C = "user/page_index.c"


@pytest.fixture(scope="module")
def src(workshop: Workshop) -> Path:
    return workshop.sources(features={"user_space": True})


def fault(workshop: Workshop, src: Path, edit: Edit | None) -> str:
    """What the walk complains of, or a sanitizer."""
    program = workshop.program(src, "page_index.c", (INDEX_C,), SANITIZED, edit)
    for seed in range(3):
        done = program.run(seed, 4000)
        if done.returncode:
            return done.stdout or f"status {done.returncode}"
    return ""


def test_it_agrees_with_an_array(workshop: Workshop, src: Path) -> None:
    assert fault(workshop, src, None) == ""


MUTANTS = {
    "the array's new end is not cleared": Edit(
        INDEX_C, "for (uint32_t i = index->leaf_count; i < count; i++) leaves[i] = NULL;", ""
    ),
    "a leaf is freed though pages before the cut are in it": Edit(
        INDEX_C, "if (!from) {", "if (1) {"
    ),
    "a leaf that is empty stays": Edit(INDEX_C, "kfree(places); index->leaves[leaf] = NULL;", ""),
    "every leaf is cut from its first page": Edit(
        INDEX_C, "leaf == first / INDEX_LEAF ? first % INDEX_LEAF : 0", "0"
    ),
    "near pages are not cut": Edit(INDEX_C, "release_one(&index->near[page], release);", ";"),
    "a frame released is not forgotten": Edit(INDEX_C, "*place = PHYS_NONE;", ""),
    "the array stays": Edit(
        INDEX_C, "kfree(index->leaves); index->leaves = NULL; index->leaf_count = 0;", ""
    ),
    "a missing leaf is not looked for": Edit(
        INDEX_C,
        "if (leaf >= index->leaf_count || !index->leaves[leaf])",
        "if (leaf >= index->leaf_count)",
    ),
    "the walk skips a leaf too many": Edit(
        INDEX_C,
        "from = (from / INDEX_LEAF + 1) * INDEX_LEAF;",
        "from = (from / INDEX_LEAF + 2) * INDEX_LEAF;",
    ),
    "the walk forgets the near pages": Edit(INDEX_C, "if (index->near[from]) return from;", ";"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_noticed(workshop: Workshop, src: Path, name: str) -> None:
    assert fault(workshop, src, MUTANTS[name])
