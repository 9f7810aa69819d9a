"""Ctrl-C, SIGTERM and SIGHUP: each ends us in good order, once.

A signal becomes an exception, so that every block that has something to clean up is
left. Later signals are ignored: the first one has been handled, and a second one during
the clean-up would leave things. SIGKILL ends kgen at once.

A signal that was ignored when we were started stays ignored: that is what ``nohup``
does with SIGHUP, and a shell with the SIGINT of what it runs in the background.
"""

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType

TERMINATION = (signal.SIGTERM, signal.SIGHUP)


class Terminated(KeyboardInterrupt):
    """One of the signals; its text is the signal's name, ``Ctrl-C`` for SIGINT."""


class _Once:
    """A handler that raises for the first signal alone."""

    def __init__(self) -> None:
        self.raised = False

    def __call__(self, number: int, _frame: FrameType | None) -> None:
        if self.raised:
            return
        self.raised = True
        raise Terminated("Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name)


def handle(numbers: Sequence[signal.Signals] = (signal.SIGINT, *TERMINATION)) -> None:
    """Have these signals raise Terminated from now on, for the whole process."""
    handler = _Once()
    for number in numbers:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


@contextmanager
def termination_raises() -> Iterator[None]:
    """Within the block SIGTERM and SIGHUP raise Terminated, where they would kill us.

    A signal that is handled or ignored already is left alone. Only the main thread can do
    this; elsewhere the block changes nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadly = [number for number in TERMINATION if signal.getsignal(number) == signal.SIG_DFL]
    handle(deadly)
    try:
        yield
    finally:
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)
