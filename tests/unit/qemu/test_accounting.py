"""The prediction of a boot's accounts, on recorded boots: it holds, and nothing else would."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_qemu import accounting
from kgen_qemu.accounting import account, predict, size, subtract, union, within
from kgen_qemu.manifest import MemoryModel, Zone
from kgen_qemu.transcript import Transcript, TranscriptParser

RECORDED = Path(__file__).parents[2] / "data" / "accounting"
BOOTS = sorted(path.stem for path in RECORDED.glob("*.log"))


def model() -> MemoryModel:
    data = json.loads((RECORDED / "memory.json").read_text())
    return MemoryModel(**data | {"zones": tuple(Zone(**zone) for zone in data["zones"])})


def said(name: str) -> Transcript:
    parser = TranscriptParser()
    parser.feed((RECORDED / f"{name}.log").read_bytes())
    transcript, _ = parser.finish()
    assert not transcript.problems
    return transcript


def test_there_are_recorded_boots() -> None:
    assert len(BOOTS) >= 4


@pytest.mark.parametrize("name", BOOTS)
def test_a_recorded_boot_is_as_predicted(name: str) -> None:
    accounts = account(said(name), model())
    assert accounts is not None
    assert accounts.mismatches == ()
    assert accounts.checked > 40


@pytest.mark.parametrize("name", BOOTS)
def test_every_figure_is_looked_at(name: str) -> None:
    """One off by one, or missing, is found and named, whichever it is."""
    transcript = said(name)
    predicted = predict(transcript, model())
    assert predicted is not None
    kinds = ("mem.", "memblock.", "paging.", "buddy.", "page.init.")
    assert {key for key in transcript.stats if key.startswith(kinds)} == set(predicted)
    for key, value in predicted.items():
        for observed in (value + 1, None):
            stats = {other: n for other, n in transcript.stats.items() if other != key}
            if observed is not None:
                stats[key] = observed
            accounts = account(replace(transcript, stats=stats), model())
            assert accounts is not None
            wrong = {mismatch.key: mismatch for mismatch in accounts.mismatches}
            assert wrong[key].predicted == value
            assert wrong[key].observed == observed
            assert key in str(wrong[key])
            assert str(value) in str(wrong[key])


def test_figures_that_agree_with_the_prediction_also_add_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The sum is checked for itself: it would hold a wrong prediction to account."""
    transcript = said(BOOTS[0])
    stats = {**transcript.stats, "mem.early": transcript.stats["mem.early"] + 4096}
    monkeypatch.setattr(accounting, "predict", lambda *_: {"mem.early": stats["mem.early"]})
    accounts = account(replace(transcript, stats=stats), model())
    assert accounts is not None
    (wrong,) = accounts.mismatches
    assert wrong.key.startswith("mem.available")
    assert (wrong.predicted or 0) - (wrong.observed or 0) == 4096


def test_a_boot_that_ended_before_the_last_figures() -> None:
    """Free blocks are printed at the end: a kernel that panics in between owes none."""
    whole = said(BOOTS[0])
    early = {key: n for key, n in whole.stats.items() if not key.startswith("page.")}
    accounts = account(replace(whole, stats=early, end=None), model())
    assert accounts is not None
    assert accounts.mismatches == ()
    assert accounts.checked > 10
    early["paging.tables"] += 1
    accounts = account(replace(whole, stats=early, end=None), model())
    assert accounts is not None
    assert [mismatch.key for mismatch in accounts.mismatches] == ["paging.tables"]


def test_nothing_is_claimed_without_a_model_or_before_kmalloc() -> None:
    whole = said(BOOTS[0])
    assert account(whole, None) is None
    stages = tuple(stage for stage in whole.stages if stage.name != "kmalloc")
    assert account(replace(whole, stages=stages), model()) is None
    assert account(replace(whole, memory_map=()), model()) is None


@pytest.mark.parametrize(
    "changed",
    [
        {"image_end": 0x200000},
        {"boot_mapped_end": 0x400000, "arena_pages": 1 << 18},
        {"direct_map_limit": 32 << 20},
        {"arena_pages": 1024},
        {"arena_per_ram": 1},
        {"max_order": 3},
        {"node_size": 12},
        {"index": "bitmaps"},
        {"regions": 1},
    ],
)
def test_every_number_of_the_model_matters(changed: dict[str, Any]) -> None:
    name = "64M_pentium_modules"
    accounts = account(said(name), replace(model(), **changed))
    assert accounts is None or accounts.mismatches


def test_large_pages_need_a_cpu_that_has_them() -> None:
    transcript = said("64M_pentium_modules")
    assert transcript.cpu is not None
    accounts = account(replace(transcript, cpu=replace(transcript.cpu, pse=False)), model())
    assert accounts is not None
    assert "paging.large_pages" in {mismatch.key for mismatch in accounts.mismatches}


def test_page_0_is_in_no_large_page() -> None:
    """Were RAM without a hole and the image elsewhere: all but its own large page and the first."""
    elsewhere = replace(model(), image_start=16 << 20, image_end=17 << 20)
    memory = [(0, 64 << 20)]
    paging = accounting._Paging.of(elsewhere, memory, 64 << 20, large=True)
    assert paging.large_pages == 14


# --- ranges ---------------------------------------------------------------------------

RANGES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], sum(pair)))
)


def members(ranges: list[tuple[int, int]]) -> set[int]:
    return {at for start, end in ranges for at in range(start, end)}


def is_canonical(ranges: list[tuple[int, int]]) -> bool:
    gaps = all(one[1] < other[0] for one, other in pairwise(ranges))
    return gaps and all(start < end for start, end in ranges)


@given(RANGES, RANGES, st.integers(0, 70), st.integers(0, 70))
def test_ranges_are_sets(
    one: list[tuple[int, int]], other: list[tuple[int, int]], start: int, end: int
) -> None:
    joined, left, part = union(one), subtract(one, other), within(one, start, end)
    assert members(joined) == members(one)
    assert members(left) == members(one) - members(other)
    assert members(part) == members(one) & set(range(start, end))
    assert all(map(is_canonical, (joined, left, part)))
    assert size(joined) == len(members(one))


@given(st.integers(0, 300), st.integers(0, 300), st.integers(0, 6))
def test_blocks_are_those_that_merging_leaves(first: int, count: int, max_order: int) -> None:
    """Free every frame of a range singly and merge: the same blocks come out."""
    merged = {(0, frame) for frame in range(first, first + count)}
    for order in range(max_order):
        for frame in range(0, first + count, 2 << order):
            pair = {(order, frame), (order, frame + (1 << order))}
            if pair <= merged:
                merged = merged - pair | {(order + 1, frame)}
    orders = sorted(order for order, _ in merged)
    assert sorted(accounting._decompose(first, first + count, max_order)) == orders


def test_figures_of_programs_are_compared_too() -> None:
    whole = said(BOOTS[0])
    stats = whole.stats | {"user.frames": 1}
    accounts = account(replace(whole, stats=stats), model(), {"user.frames": 0})
    assert accounts is not None
    assert [str(one) for one in accounts.mismatches] == [
        "accounting: user.frames is 1, predicted 0"
    ]
    before = account(whole, model())
    assert before is not None
    assert accounts.checked == before.checked + 1
