"""What the tests of kgen bench share: an empty folder, and measurements that are given."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.bench_runs import RUN, Measured

from kgen.bench.results import Run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder: an empty one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> Measured:
    """Let a measurement find what it is given."""

    def find(run: Run) -> None:
        monkeypatch.setattr("kgen.bench.command.measure", lambda *_: run)

    find(RUN)
    return find


@pytest.fixture
def unmeasured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A measurement fails the test: what is wrong must be found before."""

    def never(*_: object) -> Run:
        raise AssertionError("measured")

    monkeypatch.setattr("kgen.bench.command.measure", never)
