"""The ordered structure of areas, and the account of promises, against their models."""

from __future__ import annotations

from contextlib import suppress
from math import log2
from pathlib import Path
from random import Random
from subprocess import TimeoutExpired

import pytest
from tests.host.native import FAST, QUICK, SANITIZED, Kind, Program, Workshop
from tests.mutation import Edit

AREA_C, HOLES_C, COMMIT_C = "user/area.c", "user/area_holes.c", "user/commit.c"
TREE_H = "include/user/area_tree.h"

STEPS = Kind(("-O1", "-g", "-fsanitize-coverage=trace-pc"))

POLICIES = ("never", "heuristic", "always")


@pytest.fixture(scope="module")
def user_src(workshop: Workshop) -> Path:
    """The sources of a kernel that runs programs."""
    return workshop.sources(features={"user_space": True})


def areas(workshop: Workshop, src: Path, kind: Kind, edit: Edit | None = None) -> Program:
    return workshop.program(src, "areas.c", (AREA_C, HOLES_C), kind, edit)


def test_every_state_of_small_spaces(workshop: Workshop, user_src: Path) -> None:
    """Every tree that any sequence of operations leads to; every hole, from every limit."""
    assert areas(workshop, user_src, SANITIZED).check("states", 5) == "1303 states\n"


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_every_state_of_larger_spaces(workshop: Workshop, user_src: Path) -> None:
    assert areas(workshop, user_src, FAST).check("states", 7, seconds=3000).endswith(" states\n")


@pytest.mark.parametrize("seed", range(1, 4))
def test_a_long_walk(seed: int, workshop: Workshop, user_src: Path) -> None:
    """Up to hundreds of areas: trees of many levels, each kind of rotation."""
    areas(workshop, user_src, SANITIZED).check("walk", seed, 20_000, seconds=100)


def steps(workshop: Workshop, src: Path, count: int, edit: Edit | None = None) -> list[int]:
    """Basic blocks of the longest search, insertion and removal among ``count`` areas."""
    program = areas(workshop, src, STEPS, edit)
    return [int(word) for word in program.check("steps", count).split()]


def excess(workshop: Workshop, src: Path, edit: Edit | None = None) -> float:
    """Growth of the steps from 64 areas to 4096, over that of the levels."""
    small, large = (steps(workshop, src, count, edit) for count in (64, 4096))
    return max(b / a for a, b in zip(small, large, strict=True)) / (log2(4096) / log2(64))


def test_steps_grow_with_the_logarithm(workshop: Workshop, user_src: Path) -> None:
    assert excess(workshop, user_src) <= 1.25


MUTANTS = {
    "no rotation to the right": Edit(
        AREA_C, "if (unlikely(left > right + 1)) {", "if (left > right + 2) {"
    ),
    "no rotation to the left": Edit(
        AREA_C, "if (unlikely(right > left + 1)) {", "if (right > left + 2) {"
    ),
    "a left-right case is rotated once": Edit(
        AREA_C, "if (height_of(area->left->left) < height_of(area->left->right))", "if (0)"
    ),
    "a right-left case is rotated once": Edit(
        AREA_C, "if (height_of(area->right->right) < height_of(area->right->left))", "if (0)"
    ),
    "the guard is forgotten in a hole's size": Edit(
        TREE_H, "return room > area->guard ? room - area->guard : 0;", "return room;"
    ),
    "the guard is forgotten at a hole's end": Edit(
        TREE_H, "area->start > area->guard ? area->start - area->guard : 0", "area->start"
    ),
    "the next one's hole is not measured on insertion": Edit(
        AREA_C,
        "if (area->next) area->next->hole = measure(area->next); settle(",
        "settle(",
    ),
    "the next one's hole is not measured on removal": Edit(
        AREA_C,
        "if (area->next) area->next->hole = measure(area->next); if (areas->recent",
        "if (areas->recent",
    ),
    "the next one's hole is not measured on a change": Edit(
        AREA_C, "if (next) measure_again(next);", "(void)next;"
    ),
    "an area's own hole is not measured on a change": Edit(
        AREA_C, "area->start = start; measure_again(area);", "area->start = start;"
    ),
    "the walk up ends early": Edit(AREA_C, "else area = until; } }", "else break; } }"),
    "a larger hole is not noted above": Edit(
        AREA_C,
        "for (; area && area->best < hole; area = area->parent) area->best = hole;",
        "area->best = MAX(area->best, hole);",
    ),
    "a smaller hole is not noted above": Edit(
        AREA_C, "if (area->best == best) break; area->best = best;", "area->best = best; break;"
    ),
    "an heir has its own height": Edit(AREA_C, "heir->height = area->height;", ""),
    "an heir has its own best": Edit(AREA_C, "heir->best = area->best;", ""),
    "a removed area is still the recent one": Edit(
        AREA_C, "if (areas->recent == area) areas->recent = NULL;", ""
    ),
    "the recent one answers for all below it": Edit(
        AREA_C, "addr < found->end && addr >= hole_start(found)", "addr < found->end"
    ),
    "an offset does not follow the start": Edit(
        AREA_C, "area->use.offset += start / PAGE_SIZE - area->start / PAGE_SIZE;", ""
    ),
    "the upper part has the lower one's offset": Edit(
        AREA_C, "upper->use.offset += (at - area->start) / PAGE_SIZE;", ""
    ),
    "the upper part has no guard": Edit(AREA_C, "upper->guard = area->guard;", "upper->guard = 0;"),
    "an upper limit cuts nothing": Edit(
        HOLES_C,
        "fit_high(MAX(low, hole_start(area)), MIN(high, hole_end(area)), size);",
        "fit_high(MAX(low, hole_start(area)), hole_end(area), size);",
    ),
    "a lower limit cuts nothing": Edit(
        HOLES_C,
        "return fit_high(MAX(low, hole_start(area)), hole_end(area), size);",
        "return fit_high(hole_start(area), hole_end(area), size);",
    ),
    "the highest is not the highest": Edit(
        HOLES_C,
        "if (best_of(at->right) >= size) at = at->right; else if (at->hole >= size) "
        "return at; else at = at->left;",
        "if (best_of(at->left) >= size) at = at->left; else if (at->hole >= size) "
        "return at; else at = at->right;",
    ),
    "the climb passes a parent over": Edit(
        HOLES_C,
        "if (at->parent->hole >= size) return at->parent; if (best_of(at->parent->left)",
        "if (best_of(at->parent->left)",
    ),
    "the climb passes a subtree over": Edit(
        HOLES_C,
        "if (best_of(at->parent->right) >= size) return lowest(at->parent->right, size);",
        "",
    ),
    "the hole past the last one is missed": Edit(
        HOLES_C,
        "return fit_low(MAX(low, areas->last ? areas->last->end : 0), high, size);",
        "return 0;",
    ),
    "an area ends a byte later": Edit(AREA_C, "if (at->end <= addr) {", "if (at->end < addr) {"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_states_notice(name: str, workshop: Workshop, user_src: Path) -> None:
    program = areas(workshop, user_src, QUICK, MUTANTS[name])
    for arguments in (("states", 4), ("walk", 1, 5000), ("states", 6)):  # the cheapest first
        with suppress(TimeoutExpired):  # a mutant that never ends is noticed, too
            if not program.run(*arguments, seconds=50).returncode:
                continue
        return
    pytest.fail("no test noticed")


LINEAR = {
    "looks at area after area": Edit(
        HOLES_C,
        "const struct area *area = area_above(areas, low);",
        "const struct area *area = areas->first; while (area && area->end <= low) "
        "area = area->next;",
    ),
    "does not balance": Edit(
        AREA_C, "if (unlikely(right > left + 1)) {", "if (right > left + 100000) {"
    ),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_one_is_noticed(name: str, workshop: Workshop, user_src: Path) -> None:
    assert excess(workshop, user_src, LINEAR[name]) > 1.25


# --- promises -----------------------------------------------------------------------


class Account:
    """What an account should say."""

    def __init__(self, policy: str) -> None:
        self.policy = policy
        self.limit = self.committed = self.peak = 0

    def answer(self, what: str, pages: int) -> str:
        granted = True
        if what == "init":
            self.limit, self.committed, self.peak = pages, 0, 0
        elif what == "release":
            self.committed -= pages
        else:
            most = {"never": self.limit - self.committed, "heuristic": self.limit}
            granted = pages <= most.get(self.policy, pages)
            self.committed += pages * granted
            self.peak = max(self.peak, self.committed)
        return f"{'yes' if granted else 'no'} {self.committed} {self.peak}"


def conversation(account: Account, random: Random, calls: int) -> tuple[list[str], list[str]]:
    """Random requests, near the limit and far from it, and their answers."""
    limit = random.choice((0, 1, 100, 786_432))
    lines = [f"init {limit}"]
    answers = [account.answer("init", limit)]
    for _ in range(calls):
        near = (0, 1, limit - account.committed, limit - account.committed + 1, limit, limit + 1)
        pages = max(0, random.choice((*near, random.randrange(limit + 2))))
        what = "charge"
        if account.committed and random.random() < 0.4:
            what, pages = "release", random.randrange(account.committed + 1)
        if account.committed + pages < 2**31:
            lines.append(f"{what} {pages}")
            answers.append(account.answer(what, pages))
    return lines, answers


def account_errs(workshop: Workshop, policy: str, kind: Kind, edit: Edit | None = None) -> bool:
    src = workshop.sources(features={"user_space": True}, user={"overcommit": policy})
    program = workshop.program(src, "commits.c", (COMMIT_C,), kind, edit)
    for seed in range(20):
        lines, answers = conversation(Account(policy), Random(seed), 200)
        if program.check(stdin="\n".join(lines) + "\n").splitlines() != answers:
            return True
    return False


@pytest.mark.parametrize("policy", POLICIES)
def test_promises_are_counted_exactly(policy: str, workshop: Workshop) -> None:
    assert not account_errs(workshop, policy, SANITIZED)


PROMISE_MUTANTS = {
    "never: one page too many": (
        "never",
        Edit(
            COMMIT_C,
            "pages > account->limit - account->committed",
            "pages > account->limit - account->committed + 1",
        ),
    ),
    "never: only the request counts": (
        "never",
        Edit(COMMIT_C, "pages > account->limit - account->committed", "pages > account->limit"),
    ),
    "heuristic: all of memory is too much": (
        "heuristic",
        Edit(COMMIT_C, "if (pages > account->limit)", "if (pages >= account->limit)"),
    ),
    "always: nothing is counted": ("always", Edit(COMMIT_C, "account->committed += pages;", "")),
    "heuristic: releases are forgotten": (
        "heuristic",
        Edit(COMMIT_C, "account->committed -= pages;", ""),
    ),
    "never: the peak falls": (
        "never",
        Edit(
            COMMIT_C,
            "account->peak = MAX(account->peak, account->committed);",
            "account->peak = account->committed;",
        ),
    ),
}


@pytest.mark.parametrize("name", PROMISE_MUTANTS)
def test_the_account_notices(name: str, workshop: Workshop) -> None:
    policy, edit = PROMISE_MUTANTS[name]
    assert account_errs(workshop, policy, QUICK, edit)
