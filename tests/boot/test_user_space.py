"""Address spaces on a boot: their in-kernel tests on several machines, swept, and with faults."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.boot.conftest import Boot, Kernels
from tests.boot.mutants import FAIL, PANIC, Mutant
from tests.boot.test_mutants import built

pytestmark = pytest.mark.boot

SETS = ("features.user_space=true",)

FAULT, PAGES, SPACE, MAP, CHANGE, SHARED, FRAMES_H = (
    *(f"user/{name}.c" for name in ("fault", "pages", "space", "space_map", "space_change")),
    "user/shared.c",
    "include/user/frames.h",
)


def failing(name: str, source: str, old: str, new: str, test: str) -> Mutant:
    """A fault that the in-kernel test ``test`` notices."""
    return Mutant(name, source, old, new, FAIL, rf"user_space\.{test}\b")


def ending(name: str, source: str, old: str, new: str) -> Mutant:
    """A fault that is noticed when a space ends, and has pages that it should not."""
    return Mutant(name, source, old, new, PANIC, r"BUG at src/user/space\.c")


MUTANTS = [
    failing(
        "user-fork-leaves-the-parent-writable",
        PAGES,
        "*from = value; } else {",
        "} else {",
        "copies_on_write",
    ),
    failing(
        "user-fork-does-not-flush",
        SPACE,
        "if (from == space_active) flush_tlb_all();",
        "",
        "copies_on_write",
    ),
    failing(
        "user-unmap-does-not-flush",
        PAGES,
        "if (any) flush(space, start, end);",
        "(void)any;",
        "forgets_what_was_mapped",
    ),
    failing(
        "user-protect-does-not-flush",
        PAGES,
        "if (changed) flush(space, start, end);",
        "(void)changed;",
        "forgets_what_was_mapped",
    ),
    failing(
        "user-protect-writes-to-what-is-shared",
        PAGES,
        "!shared && frame_counts[FRAME_NUMBER(entry)] == 1",
        "!shared",
        "protection_and_fork",
    ),
    failing(
        "user-guard-forgotten",
        FAULT,
        "page - previous->end < STACK_GUARD",
        "page < previous->end",
        "stack_grows_to_its_limit",
    ),
    failing(
        "user-stack-without-limit",
        FAULT,
        "|| area->end - page > USER_STACK_LIMIT ||",
        "||",
        "stack_grows_to_its_limit",
    ),
    failing(
        "user-reads-what-is-denied",
        FAULT,
        "return area->use.prot && !(error & PF_PRESENT);",
        "return area->use.prot;",
        "forbids_what_areas_forbid",
    ),
    ending(
        "user-fixed-leaves-what-was-there",
        MAP,
        "if (flags & MAP_FIXED) range_clear(space, *addr, *addr + whole);",
        "",
    ),
    failing(
        "user-heap-keeps-its-pages",
        MAP,
        "if (page < old && space_unmap(space, page, old - page))",
        "if (0)",
        "heap_grows_and_shrinks",
    ),
    ending(
        "user-empty-table-stays",
        PAGES,
        "if (!*count) table_unhook(space, pde); } if (any)",
        "} if (any)",
    ),
    failing(
        "user-shared-memory-is-not",
        FAULT,
        "if (*slot) {",
        "if (0) {",
        "shared_memory_stays_shared",
    ),
    failing(
        "user-a-child-gets-what-it-should-not",
        SPACE,
        "if ((area->use.flags & AREA_NO_FORK) || clone_area(",
        "if (clone_area(",
        "advice_is_heeded",
    ),
    ending(
        "user-moved-pages-do-not-move",
        CHANGE,
        "pages_move(space, addr, target, old_size);",
        "",
    ),
]


@pytest.fixture(scope="module")
def kernel(kernels: Kernels) -> Path:
    return kernels.user(sets=SETS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_is_caught(kernel: Path, boot: Boot, tmp_path: Path, mutant: Mutant) -> None:
    result = boot(built(kernel, tmp_path, mutant), timeout=20)
    assert result.verdict != "pass", f"{mutant.name} survives"
    assert result.exit_code == mutant.exit_code, (result.verdict, result.reasons)
    assert any(re.search(mutant.caught, text) for text in result.reasons), result.reasons


@pytest.mark.parametrize(("cpu", "memory"), [("386", "4M"), ("486", "16M"), ("max", "4G")])
def test_machines(kernel: Path, boot: Boot, cpu: str, memory: str) -> None:
    result = boot(kernel, cpu=cpu, memory=memory)
    assert result.verdict == "pass", result.reasons


@pytest.mark.parametrize("policy", ["never", "always"])
def test_other_policies(kernels: Kernels, boot: Boot, policy: str) -> None:
    folder = kernels.user(sets=(*SETS, f"user.overcommit={policy}"))
    result = boot(folder, memory="16M")  # a whole stack may be promised
    assert result.verdict == "pass", result.reasons


SWEEP = "fail.sweep=short fail.suite=user_space"


def test_no_request_that_fails_breaks_anything(kernels: Kernels, boot: Boot) -> None:
    """Out of memory at each place: in the middle of a fork, a fault, a move; all is undone."""
    folder = kernels.user(sets=(*SETS, "debug.fail=true"))
    result = boot(folder, append=SWEEP, memory="8M", timeout=200)
    assert result.verdict == "pass", result.reasons
    assert result.log.read_text().count("of them failed in turn") >= 16


LEAKS = [
    ending(
        "user-fault-leaves-an-empty-table",
        FAULT,
        "if (unlikely(result != FAULT_RESOLVED)) table_settle(space, page);",
        "",
    ),
    ending(
        "user-fork-leaves-a-child",
        SPACE,
        "space_put(space); space = NULL; break;",
        "space = NULL; break;",
    ),
]


@pytest.mark.parametrize("mutant", LEAKS, ids=lambda mutant: mutant.name)
def test_the_sweep_notices(kernels: Kernels, boot: Boot, tmp_path: Path, mutant: Mutant) -> None:
    folder = kernels.user(sets=(*SETS, "debug.fail=true"))
    result = boot(built(folder, tmp_path, mutant), append=SWEEP, memory="8M", timeout=200)
    assert result.verdict != "pass", f"{mutant.name} survives"
    assert result.exit_code == mutant.exit_code, (result.verdict, result.reasons)
    assert any(re.search(mutant.caught, text) for text in result.reasons), result.reasons
