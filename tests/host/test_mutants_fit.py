"""Every mutant's text is in the sources just once: seen in each run, whoever runs the mutant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.boot import test_alloc_faults, test_failure_sweep, test_mutants
from tests.boot.test_protection import PROTECTIONS
from tests.host.native import Workshop
from tests.host.test_arena import LINEAR
from tests.host.test_mutants import MUTANTS, SOURCES
from tests.mutation import Edit


def on_the_host() -> Iterator[tuple[str, str, Edit]]:
    """The sources' fixture, the mutant's name, and what it changes."""
    for name, (test, edit) in MUTANTS.items():
        yield SOURCES.get(test, "small_src"), name, edit
    for name, edit in LINEAR.items():
        yield "small_src", name, edit


def booted() -> Iterator[tuple[str, Edit]]:
    for mutant in [*test_mutants.MUTANTS, *test_failure_sweep.MUTANTS]:
        yield mutant.name, mutant.edit
    for edit in test_alloc_faults.BLIND:
        yield "blind", edit
    for request in test_alloc_faults.REQUESTS:
        yield str(request), request.change
    for one in PROTECTIONS:
        yield one.name, Edit(one.source, one.old, one.new)


def misfits(src: Path, edits: list[tuple[str, Edit]]) -> list[str]:
    found = []
    for name, edit in edits:
        try:
            edit.apply((src / edit.file).read_text())
        except (AssertionError, FileNotFoundError) as error:
            found.append(f"{name}: {error}")
    return found


@pytest.mark.parametrize("fixture", sorted({fixture for fixture, *_ in on_the_host()}))
def test_a_host_mutant_has_its_place(fixture: str, request: pytest.FixtureRequest) -> None:
    edits = [(name, edit) for source, name, edit in on_the_host() if source == fixture]
    assert not misfits(request.getfixturevalue(fixture), edits)


def test_a_booted_mutant_has_its_place(workshop: Workshop) -> None:
    assert not misfits(workshop.sources(), list(booted()))
    watched = workshop.sources(debug={"track": True})
    assert not misfits(watched, [("blind watch", test_alloc_faults.BLIND_WATCH)])


def test_a_text_that_is_not_there_or_there_twice_is_a_misfit(small_src: Path) -> None:
    file = "mm/buddy.c"
    wrong = [("absent", Edit(file, "no such text", "")), ("twice", Edit(file, "return", ""))]
    assert len(misfits(small_src, wrong)) == len(wrong)


def shares_text(one: Edit, other: Edit) -> bool:
    """Whether one changes a text in which the other's is."""
    texts = [" ".join(edit.old.split()) for edit in (one, other)]
    return one.file == other.file and (texts[0] in texts[1] or texts[1] in texts[0])


def test_a_boot_is_for_what_the_host_does_not_show() -> None:
    """Where a host mutant changes the same, the boot's is there for an in-kernel test or a panic.

    The test is to catch something, by its name; the panic is one that a kernel's mistake deserves.
    """
    host = [edit for *_, edit in on_the_host()]
    twice = [
        mutant.name
        for mutant in test_mutants.MUTANTS
        if any(shares_text(mutant.edit, edit) for edit in host)
        and not (mutant.trip or re.fullmatch(r"\w+\.\w+", mutant.caught))
    ]
    assert twice == []
