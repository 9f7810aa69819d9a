"""The ``kgen`` command's first step: signals and streams are set right, then ``kgen.cli`` runs.

It stands outside of the package ``kgen``, and imports little, for two reasons. Ctrl-C may come
while everything else is still being imported, and ends the command by the contract (exit 130)
all the same. And PyPI has another distribution with a package ``kgen``; where that one lies over
ours, or in front of it, somebody must be left to say so.
"""

from __future__ import annotations

import codecs
import os
import signal
import sys
from contextlib import suppress

# As type checkers understand it; nothing is listening for signals while typing is imported.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType
    from typing import Any, NoReturn

DISTRIBUTION = "kgen-i386"
"""What pip knows us by: ``importlib.metadata.version(DISTRIBUTION)``. `kgen` is somebody else's."""

INTERRUPTED = 130
USAGE = 2

# Written out, since a signal may come before anything that could make it is there.
INTERRUPTED_JSON = (
    '{"schema": 1, "verdict": "interrupted", "exit_code": 130, "reasons": ["interrupted"], '
    '"error": {"what": "interrupted", "hint": "", "problems": []}}'
)

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> NoReturn:
    """Run what ``sys.argv`` asks for, and end with the contract's exit code."""
    _open_streams()
    stop = Stop()
    stop.arm()
    command = _command()
    _write_anything()
    code = stop.during(lambda: command(sys.argv[1:]))
    sys.exit(code)


def wants_json(arguments: list[str]) -> bool:
    """Whether ``--json`` is among the options; what does not parse is an error that needs to know.

    A word after an option may be its value, ``--append --json``: nobody means that.
    """
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return "--json" in options


class Stop:
    """What SIGINT, SIGTERM and SIGHUP do, unless whoever started us has them ignored.

    Before and after the work there is nothing to put away, so they end the process at once.
    During the work the first becomes a KeyboardInterrupt, so that everything is cleaned up; the
    second is passed over, as that is under way; the third is for those who will not wait.
    """

    def __init__(self) -> None:
        self._working = False
        self._seen = 0

    def arm(self) -> None:
        """Listen from now on."""
        for number in _SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._on_signal)

    def during(self, work: Callable[[], int]) -> int:
        """The exit code of ``work``, or 130 if a signal came meanwhile."""
        sys.unraisablehook = _unraisable
        try:
            self._working = True
            code = work()
        except KeyboardInterrupt:  # between two lines of those that catch it
            code = INTERRUPTED
        self._working = False
        if self._seen and code != INTERRUPTED:
            # It struck where Python can't raise, in a destructor say. Nobody may build on this.
            os.write(2, b"kgen: interrupted\n")
            return INTERRUPTED
        return code

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        self._seen += 1
        if not self._working or self._seen > 2:
            _leave()
        if self._seen == 1:
            name = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
            raise KeyboardInterrupt(name)


def _leave() -> NoReturn:
    """End at once. A stream that is closed is not written to."""
    texts = [(2, "kgen: interrupted\n")]
    if wants_json(sys.argv[1:]):
        texts.append((1, INTERRUPTED_JSON + "\n"))
    for descriptor, text in texts:
        with suppress(OSError):
            os.write(descriptor, text.encode())
    os._exit(INTERRUPTED)


def _unraisable(unraisable: Any) -> None:
    """An interrupt that Python could not raise is reported in the end, and not by a traceback."""
    if not isinstance(unraisable.exc_value, KeyboardInterrupt):
        sys.__unraisablehook__(unraisable)


def _open_streams() -> None:
    """Give 0, 1 and 2 something to lead to: else the next file that is opened becomes one."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(descriptor, True)
    os.close(descriptor)


def _write_anything() -> None:
    """Make characters that the terminal lacks, and undecodable bytes of a name, no error."""
    codecs.register_error("kgen", _as_far_as_possible)
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="kgen")


def _as_far_as_possible(error: UnicodeError) -> tuple[str | bytes, int]:
    """Bytes of a file's name as they are, so that it can be pasted; all else with a backslash."""
    assert isinstance(error, UnicodeEncodeError)
    text = error.object[error.start : error.end]
    if all("\udc80" <= char <= "\udcff" for char in text):
        return os.fsencode(text), error.end
    return text.encode("ascii", "backslashreplace"), error.end


# --- whose package it is --------------------------------------------------------------


def _command() -> Callable[[list[str]], int]:
    """``kgen.cli.run``, if the package ``kgen`` is ours and whole."""
    try:
        import kgen
    except Exception as error:  # a stranger's package may lack what it needs
        _somebody_elses(str(error))
    if kgen.__file__ is None:  # uninstalling another's takes ours along
        _not_whole(f"there is no __init__.py in {', '.join(kgen.__path__)}")
    if getattr(kgen, "__distribution__", "") != DISTRIBUTION:
        _somebody_elses(kgen.__file__)
    try:
        from kgen.cli import run
    except ModuleNotFoundError as error:
        _not_whole(str(error))
    return run


def _not_whole(what: str) -> NoReturn:
    hint = f"`make setup` in a checkout, else pip install --force-reinstall {DISTRIBUTION}"
    _refuse(f"kgen is not whole: {what}", hint)


def _somebody_elses(found: str) -> NoReturn:
    """Say whose the package ``kgen`` is."""
    from importlib import metadata

    owners = metadata.packages_distributions().get("kgen", [])
    others = [name for name in dict.fromkeys(owners) if name != DISTRIBUTION]
    named = ", ".join(f"{name} {metadata.version(name)}" for name in others) or "not pip's"
    first = others[0] if others else "that one"
    _refuse(
        f"the package `kgen` that Python finds is not {DISTRIBUTION}'s but another's ({named}):"
        f" {found}",
        f"one environment has room for one: pip uninstall {first}, then pip install"
        f" --force-reinstall {DISTRIBUTION}; or make a venv for each",
    )


def _refuse(what: str, hint: str) -> NoReturn:
    from kgen_qemu.errors import failure

    if sys.stderr is not None:
        print(f"kgen: error: {what}\n    {hint}", file=sys.stderr)
    if wants_json(sys.argv[1:]):
        import json

        print(json.dumps(failure(USAGE, what, hint)))
    sys.exit(USAGE)
