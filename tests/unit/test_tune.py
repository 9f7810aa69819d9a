"""kgen tune: traces read, and classes that no others of the same number beat."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen.cli import run as kgen
from kgen.describe import Kernel
from kgen.errors import Exit, KgenError
from kgen.load import load, prove
from kgen.tune import STEP, best_classes, efficiency, propose, read_trace
from kgen.units import align_up


def trace(tmp_path: Path, text: str) -> dict[int, float]:
    path = tmp_path / "trace.txt"
    path.write_text(text)
    return read_trace(path)


# --- traces ---------------------------------------------------------------------------


def test_a_histogram_counts_as_it_says(tmp_path: Path) -> None:
    assert trace(tmp_path, "64 1200 # many\n\n24 3\n64 1\n") == {64: 1201, 24: 3}


def test_without_frees_each_allocation_counts_once(tmp_path: Path) -> None:
    assert trace(tmp_path, "a 40 1\na 40 2\na 100\n") == {40: 2, 100: 1}


def test_with_frees_sizes_weigh_as_long_as_they_live(tmp_path: Path) -> None:
    # Four moments: 40 lives for one of them, 100 for three, 24 for two.
    found = trace(tmp_path, "a 40 1\nf 1\na 24 x\nf x\n")
    assert found == {40: 0.25, 24: 0.25}
    assert trace(tmp_path, "a 100 1\na 24\nf 1\na 8\n") == {100: 0.5, 24: 0.75, 8: 0.25}


def test_a_name_serves_again_when_it_is_free(tmp_path: Path) -> None:
    assert trace(tmp_path, "a 8 1\nf 1\na 16 1\nf 1\n") == {8: 0.25, 16: 0.25}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a 40 1\na 8 1\n", "trace.txt:2: 1 is allocated already"),
        ("f 9\n", "trace.txt:1: 9 is not allocated"),
        ("a 0 1\n", "'0' is not a positive number"),
        ("a -4\n", "'-4' is not a positive number"),
        ("a 1.5\n", "'1.5' is not a positive number"),
        ("64 many\n", "'many' is not a positive number"),
        ("f\n", "`f` is no event"),
        ("a 1 2 3\n", "`a 1 2 3` is no event"),
        ("a 4294967296 1\n", "1: 4294967296 bytes are more than an i386 has addresses for"),
        ("4294967296 1\n", "1: 4294967296 bytes are more"),
        ("a " + 5000 * "9", "1: '" + 40 * "9" + "…' is not a positive number"),
        (50 * "x" + " y z\n", "1: `" + 40 * "x" + "…` is no event"),
        ("\x1b[2J\n", "1: `?[2J` is no event"),
        ("\x7fELF\0\1\n", " is not text"),
        ("# nothing\n", "no allocation in it"),
        ("", "no allocation in it"),
    ],
)
def test_what_is_no_trace(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(KgenError) as found:
        trace(tmp_path, text)
    assert why in found.value.what
    assert found.value.exit_code == Exit.USAGE


# --- logs -----------------------------------------------------------------------------

HELLO = "# kgen:hello proto=1 name=k build=b base=i386\n"


def test_a_log_has_the_events_of_its_trace_lines(tmp_path: Path) -> None:
    log = (
        f"noise\r\n{HELLO}higher half: 64 1200\r\n# kgen:trace i=0 ops=64,400,-1,24\r\n"
        "a 9 9\r\n# kgen:stat k=x v=1\r\n# kgen:trace i=4 ops=-4,7\r\n\xff\n"
    )
    same = "a 64 0\na 400 1\nf 1\na 24 3\nf 0\na 7 5\n"
    assert trace(tmp_path, log) == trace(tmp_path, same)
    assert trace(tmp_path, log)[64] == 4 / 6


def test_the_trace_lines_alone_are_a_log(tmp_path: Path) -> None:
    assert trace(tmp_path, "# kgen:trace i=0 ops=64,24\n") == {64: 1, 24: 1}


@pytest.mark.parametrize(
    ("lines", "why", "hint"),
    [
        (
            "# kgen:trace i=0 ops=64\n# kgen:trace i=2 ops=64\n",
            "3: event 2 where 1 should be",
            "boot",
        ),
        ("# kgen:trace i=0 ops=64,-2\n", "2: -1 is not allocated", "boot"),
        ("# kgen:trace i=0 ops=64,-1,-2\n", "2: 0 is not allocated", "boot"),
        ("# kgen:trace i=0 ops=64,-0\n", "2: '0' is not a positive number", "boot"),
        ("# kgen:trace i=0 ops=64,x\n", "2: 'x' is not a positive number", "boot"),
        ("# kgen:trace i=0 ops=64,4294967296\n", "2: 4294967296 bytes are more", "boot"),
        ("# kgen:trace i=0 ops=64,40", " ends in the middle of a trace line", "boot"),
        ("64 1200\n", "no allocation in it", "--set debug.trace=true"),
    ],
)
def test_what_is_wrong_with_a_log(tmp_path: Path, lines: str, why: str, hint: str) -> None:
    with pytest.raises(KgenError) as found:
        trace(tmp_path, HELLO + lines)
    assert why in found.value.what
    assert hint in found.value.hint


def test_a_trace_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KgenError, match="there is no such trace"):
        read_trace(tmp_path / "gone")
    with pytest.raises(KgenError, match="is a folder"):
        read_trace(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(KgenError, match="cannot be read: Not a directory"):
        read_trace(tmp_path / "file" / "trace")


# --- classes --------------------------------------------------------------------------


def taken(weights: dict[int, float], classes: Sequence[int]) -> float:
    """Bytes of the classes that serve these sizes."""
    return sum(weight * classes[bisect_left(classes, size)] for size, weight in weights.items())


def least(weights: dict[int, float], most: int) -> float:
    """The same for the best of all choices there are, by trying each."""
    top = align_up(max(weights), STEP)
    others = range(STEP, top, STEP)
    return min(
        taken(weights, (*some, top))
        for count in range(most)
        for some in combinations(others, count)
    )


@given(
    st.dictionaries(st.integers(1, 72), st.sampled_from([0.0, 0.5, 1.0, 3.0]), min_size=1),
    st.integers(1, 5),
)
def test_no_other_classes_are_better(weights: dict[int, float], most: int) -> None:
    classes = best_classes(weights, most)
    assert sorted({*classes}) == list(classes)
    assert len(classes) <= most
    assert classes[-1] == align_up(max(weights), STEP)
    assert all(size % STEP == 0 for size in classes)
    assert taken(weights, classes) == pytest.approx(least(weights, most))


def test_no_more_classes_than_help() -> None:
    assert best_classes({8: 5.0, 64: 1.0}, 10) == (8, 64)
    assert best_classes({1: 1.0, 8: 1.0, 3: 1.0}, 10) == (8,)


def test_the_largest_class_stays() -> None:
    found = propose({40: 10.0, 100: 1.0, 1000: 1.0}, (16, 64, 512), 3)
    assert found.classes == (40, 104, 512)
    assert found.before == (16, 64, 512)
    assert found.larger == pytest.approx(1000 / 1500)


def test_efficiency_is_asked_for_over_taken() -> None:
    assert efficiency({40: 10.0, 100: 1.0}, (64, 128)) == pytest.approx(500 / 768)
    assert efficiency({}, (64,)) == 1.0
    found = propose({40: 10.0, 100: 1.0}, (64, 128), 3)
    assert found.efficiency_before == pytest.approx(500 / 768)
    assert found.efficiency == pytest.approx(500 / 504)


# --- the verb -------------------------------------------------------------------------


def test_the_verb_proposes_what_a_description_takes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "trace.txt").write_text("a 40 1\na 100 2\nf 1\na 3000 3\n")
    assert kgen(["tune", str(tmp_path / "trace.txt"), "--set", "kmalloc.classes=64,128,512"]) == 0
    text = capfd.readouterr().out
    *_, pasted, setting = text.splitlines()
    assert setting.strip() == "kmalloc.classes=40,104,512"
    assert pasted.strip() == "Kmalloc(classes=(40, 104, 512))"
    assert "above 512" in text
    assert prove(load(None, [setting.strip()])).kernel.kmalloc.classes == (40, 104, 512)


def test_the_verb_in_json(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trace.txt").write_text("24 10\n")
    assert kgen(["tune", str(tmp_path / "trace.txt"), "--classes", "1", "--json"]) == 0
    data = json.loads(capfd.readouterr().out)
    assert data["schema"] == 1
    assert data["before"] == list(Kernel().kmalloc.classes)
    assert data["classes"] == [data["before"][-1]]
    assert data["efficiency"] == round(24 / data["before"][-1], 4)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["gone.txt"], "there is no such trace"),
        (["trace.txt", "--classes", "0"], "--classes"),
        (["trace.txt", "--set", "kmalloc.classes="], "has no size classes"),
    ],
)
def test_the_verbs_errors(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    why: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("trace.txt").write_text("24 10\n")
    assert kgen(["tune", *words]) == Exit.USAGE
    assert why in capfd.readouterr().err
