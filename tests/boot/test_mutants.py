"""Deliberate faults: each, put into the rendered kernel, must make the boot fail as stated.

This tests the tests: those in the kernel, its own checks, and the judge around it. A mutant is
one replacement in one source. If its text is not there exactly once the test fails (the template
has changed: change the mutant with it); if it survives, the kernel's tests have a hole.

To be quick, a mutant starts as a copy of an output folder, the default kernel's or that of
tests/kernels/faults.c: ninja compiles what the file is part of and links, and the image is booted
unverified.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.boot.kmalloc_mutants import KMALLOC_MUTANTS
from tests.boot.mutants import BUDDY, FAIL, PAGE_MUTANTS, Mutant, build_broken

from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]

MUTANTS = [*PAGE_MUTANTS, *KMALLOC_MUTANTS]


def built(sound: Path, folder: Path, mutant: Mutant) -> Path:
    """A sound kernel with the fault put into it: an output folder."""
    out = folder / mutant.name
    build_broken(sound, out, [mutant.edit])
    return out


def on_the_command_line(mutant: Mutant) -> str:
    return f"trip={mutant.trip}" if mutant.trip else mutant.append


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(
    plain: Path, kernels: Kernels, boot: Boot, tmp_path: Path, mutant: Mutant
) -> None:
    folder = built(kernels.faults() if mutant.trip else plain, tmp_path, mutant)
    modules = []
    if mutant.module is not None:
        modules.append(tmp_path / "module")
        modules[0].write_bytes(b"m" * mutant.module)
    expect = [mutant.expect] if mutant.expect else []
    machine = {"append": on_the_command_line(mutant), "cpu": mutant.cpu, "modules": modules}
    result = boot(folder, **machine, expect=expect, timeout=10)
    assert result.verdict != "pass", f"{mutant.name} survives"
    if result.verdict == "timeout":
        return  # a mutant past its time limit is noticed by that
    assert result.exit_code == mutant.exit_code, (result.verdict, result.reasons)
    assert any(re.search(mutant.caught, text) for text in result.reasons), result.reasons


def test_a_copy_without_a_fault_passes(plain: Path, boot: Boot, tmp_path: Path) -> None:
    """The control: it is the fault that is caught, not the copy nor what is expected of it."""
    harmless = Mutant("none", BUDDY, "#include <mm/buddy.h>", "\n#include <mm/buddy.h>", FAIL, "")
    folder = built(plain, tmp_path, harmless)
    boots = {(mutant.append, mutant.expect) for mutant in MUTANTS if not mutant.trip}
    for append, expect in sorted(boots):
        assert boot(folder, append=append, expect=[expect] if expect else []).verdict == "pass"


@pytest.mark.parametrize(
    ("trip", "expect"),
    sorted({(mutant.trip, mutant.expect) for mutant in MUTANTS if mutant.trip}),
)
def test_mistakes_are_noticed_without_a_fault(
    kernels: Kernels, boot: Boot, trip: str, expect: str
) -> None:
    """The same control for the kernel that makes mistakes: a sound one says what is expected."""
    result = boot(kernels.faults(), append=f"trip={trip}", expect=[expect] if expect else [])
    assert result.verdict == "panic"
    assert all(one.holds for one in result.assertions)


def test_names_are_given_once() -> None:
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len(set(names))
