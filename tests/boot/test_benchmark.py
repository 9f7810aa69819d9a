"""The benchmark measures what it says: its bare kernel boots and leaves, and its ratios add up."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/session.py"

pytestmark = pytest.mark.boot


@pytest.fixture
def session() -> dict[str, Any]:
    """Everything that the script defines."""
    return runpy.run_path(str(SCRIPT))


def test_the_bare_kernel_leaves_with_the_status_for_pass(
    session: dict[str, Any], tmp_path: Path
) -> None:
    task = session["Task"](session["bare_qemu"](session["exit_kernel"](tmp_path)), status=33)
    assert 0 < task.seconds() < 30


def test_a_command_that_fails_ends_the_benchmark(session: dict[str, Any]) -> None:
    with pytest.raises(SystemExit, match="status 1"):
        session["Task"](("false",)).seconds()


def test_rounds_are_interleaved_and_medians_taken(session: dict[str, Any]) -> None:
    order: list[str] = []

    class Fake:
        def __init__(self, name: str, *seconds: float) -> None:
            self.name, self.left = name, list(seconds)

        def seconds(self) -> float:
            order.append(self.name)
            return self.left.pop()

    found = session["measure"]({"a": Fake("a", 1.0, 9.0, 2.0), "b": Fake("b", 4.0, 4.0, 4.0)}, 3)
    assert "".join(order) == "ababab"
    assert found == {"a": 2.0, "b": 4.0}


def test_every_ratio_is_of_two_measured_tasks(
    session: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare = session["prepare"]
    monkeypatch.setitem(prepare.__globals__, "run", lambda *argv: None)  # builds nothing
    names = list(prepare(tmp_path))
    for ratio in session["RATIOS"]:
        assert {ratio.what, ratio.base} <= {*names}
    seconds = {name: float(number) for number, name in enumerate(names, 1)}
    assert all(one.name in session["table"](seconds, 1) for one in session["RATIOS"])
