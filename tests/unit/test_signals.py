"""Tests that end a child by a signal do so however they themselves were started."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest
from tests.conftest import signals_for_children

WAITS = "import time; print(flush=True); time.sleep(30)"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_an_ignored_signal_is_not_inherited(number: signal.Signals) -> None:
    """As with ``make test &`` in a script, or ``nohup make test``."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with signals_for_children():
            signal.raise_signal(number)  # ignored as before
            child = subprocess.Popen([sys.executable, "-c", WAITS], stdout=subprocess.PIPE)
        assert signal.getsignal(number) == signal.SIG_IGN
    finally:
        signal.signal(number, before)
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(number)
    child.communicate(timeout=20)
    assert child.returncode == -number
