"""What all tests share: long searches run with ``--campaign`` only, and signals reach children."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import settings

# How long one example takes says nothing on a busy machine; pytest-timeout bounds the whole.
settings.register_profile("kgen", deadline=None)
settings.load_profile("kgen")


@contextmanager
def signals_for_children() -> Iterator[None]:
    """Let processes that are started here heed the signals that this one was told to ignore.

    ``make test &`` in a script has an ignored SIGINT, ``nohup make test`` an ignored SIGHUP, and
    whatever is started inherits that. A handler is not inherited; this one does nothing, so the
    tests themselves go on ignoring the signal.
    """
    ignored = [
        number
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        if signal.getsignal(number) == signal.SIG_IGN
    ]
    for number in ignored:
        signal.signal(number, lambda *_: None)
    try:
        yield
    finally:
        for number in ignored:
            signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def _children_heed_signals() -> Iterator[None]:
    with signals_for_children():
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this run that all xdist workers have in common."""
    base = tmp_path_factory.getbasetemp()
    # xdist gives each worker a folder of its own; what they share lies above those.
    return base.parent if "PYTEST_XDIST_WORKER" in os.environ else base


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--campaign",
        action="store_true",
        help="run the long form of searches, too (tests marked `campaign`)",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Of ``-n auto``: one more than processors, as a test that waits for a deadline needs none."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) + 1
    return (os.cpu_count() or 1) + 1


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--campaign"):
        return
    long = [item for item in items if item.get_closest_marker("campaign")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]
