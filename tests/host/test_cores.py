"""memmap, memblock, arena and the buddy with either index against their models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.host.buddy_model import BUDDY_TALKS
from tests.host.models import Talk, arena_talk, map_talk, memblock_talk
from tests.host.native import Pipe, Program, Workshop

CORES = ("mm/memmap.c", "mm/memblock.c", "mm/arena.c", "mm/buddy.c", "mm/buddy_unrolled.c")

MAP_ROOM = 8
MEMBLOCK_ROOM = 16
"""Entries of the tables in the small kernel, which the models must know."""

TALKS: dict[str, Callable[[Random], Talk]] = {
    "memmap": lambda random: map_talk(random, room=MAP_ROOM, count=1),
    "memblock": lambda random: memblock_talk(random, room=MEMBLOCK_ROOM, calls=60),
    "arena": lambda random: arena_talk(random, calls=40),
    **BUDDY_TALKS,
}


@lru_cache(maxsize=8)
def talks(name: str, seed: int, count: int) -> tuple[Talk, ...]:
    """Random conversations; the same for every mutant."""
    random = Random(seed)
    return tuple(TALKS[name](random) for _ in range(count))


def disagreement(program: Program, name: str, *, seed: int, count: int, seconds: float = 60) -> str:
    """The first wrong answer in ``count`` random conversations; empty if there is none."""
    said = talks(name, seed, count)
    lines = "\n".join(line for talk in said for line in talk.lines)
    done = program.run(stdin=f"{lines}\n", seconds=seconds)
    answers = done.stdout.split("\n")
    at = 0
    for talk in said:
        end = at + len(talk.lines)
        if tuple(answers[at:end]) != talk.answers:
            return explain(talk, answers[at:end])
        at = end
    return f"status {done.returncode}" if done.returncode else ""


def explain(talk: Talk, answers: list[str]) -> str:
    """The conversation up to its first wrong answer."""
    for i, (expected, actual) in enumerate(zip(talk.answers, answers, strict=False)):
        if expected != actual:
            said = "\n".join(talk.lines[: i + 1])
            return f"{said}\nexpected: {expected}\nactual:   {actual}"
    return "it ended early:\n" + "\n".join(answers)


@pytest.fixture(scope="module", params=TALKS)
def name(request: pytest.FixtureRequest) -> str:
    """What is talked about."""
    return str(request.param)


@pytest.fixture(scope="module")
def cores(name: str, small_src: Path, bitmaps_src: Path, workshop: Workshop) -> Program:
    """The driver with the cores of the small kernel, under the sanitizers."""
    return workshop.program(bitmaps_src if name == "bitmaps" else small_src, "cores.c", CORES)


@pytest.fixture(scope="module")
def pipe(cores: Program) -> Iterator[Pipe]:
    """The driver, started once and asked again and again."""
    with cores.open() as pipe:
        yield pipe


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(random=st.randoms(use_true_random=False))
def test_it_does_what_its_model_does(name: str, pipe: Pipe, random: Random) -> None:
    """A failing conversation is shrunk to the shortest one that fails."""
    talk = TALKS[name](random)
    answers = pipe.ask(talk.lines)
    assert tuple(answers) == talk.answers, explain(talk, answers)


COUNTS = {"memmap": 10_000, "memblock": 200, "arena": 500, "lists": 1000, "bitmaps": 1000}


def test_it_does_what_its_model_does_for_long(name: str, cores: Program) -> None:
    """Many conversations at once, the same in each session."""
    assert not disagreement(cores, name, seed=1, count=COUNTS[name])


@pytest.mark.parametrize("seed", range(2, 11))
def test_a_hundred_thousand_maps(seed: int, small_src: Path, workshop: Workshop) -> None:
    """With the ten thousand above, in parts that workers share."""
    cores = workshop.program(small_src, "cores.c", CORES)
    assert not disagreement(cores, "memmap", seed=seed, count=COUNTS["memmap"])


@pytest.mark.campaign
@pytest.mark.timeout(3600)
def test_it_does_what_its_model_does_for_a_hundred_times_as_long(name: str, cores: Program) -> None:
    """A million maps."""
    for seed in range(2, 102):
        wrong = disagreement(cores, name, seed=seed, count=COUNTS[name])
        assert not wrong, f"seed {seed}"
