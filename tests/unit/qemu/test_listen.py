"""Waiting for the serial line."""

import os
import threading
import time

import pytest
from pexpect.fdpexpect import fdspawn

from kgen_qemu import listen


def test_a_wait_of_many_days() -> None:
    """poll() takes milliseconds in an int; beyond 24 days they do not fit."""
    reader, writer = os.pipe()
    console = fdspawn(reader, use_poll=True)
    threading.Timer(0.05, os.close, [writer]).start()
    assert listen._await(console, [], 3_000_000.0) == listen._EOF
    os.close(reader)


def test_a_wait_that_is_cut_in_pieces_is_as_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listen, "_LONGEST_WAIT", 0.01)
    reader, writer = os.pipe()
    console = fdspawn(reader, use_poll=True)
    before = time.monotonic()
    assert listen._await(console, [], 0.1) == listen._TIMEOUT
    assert time.monotonic() - before >= 0.1
    threading.Timer(0.05, os.write, [writer, b"x"]).start()
    assert listen._await(console, [listen._ANYTHING], 60.0) == listen._FOUND
    os.close(writer)
    os.close(reader)
