"""Running ninja: all errors at once, progress as it goes, nothing left running."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from kgen.build.environment import environment
from kgen.build.folder import Folder
from kgen.errors import Exit, KgenError

_STATUS = re.compile(r"\[(\d+)/(\d+)\] (.*)")
_STATUS_FORMAT = "[%f/%t] "
_GRACE = 5.0
"""Seconds that ninja gets to stop its compilers after an interrupt."""


@dataclass(frozen=True)
class Outcome:
    """What ninja did: whether all succeeded, and what the tools printed."""

    ok: bool
    output: str


def run_ninja(
    folder: Folder, *, lock: int, on_step: Callable[[int, int, str], None] | None = None
) -> Outcome:
    """Build everything that is out of date, and go on after an error to find the others.

    ``on_step`` hears of each finished step: how many are done, how many there are, which it was.
    The lock's descriptor is inherited, so the folder stays locked until the last compiler ends.
    """
    process = subprocess.Popen(
        [*_command(folder), "-k", "0"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="surrogateescape",  # names of files among it
        env=environment(NINJA_STATUS=_STATUS_FORMAT),
        pass_fds=(lock,),
    )
    lines: list[str] = []
    try:
        assert process.stdout is not None
        for line in process.stdout:
            step = _STATUS.match(line)
            if step:
                if on_step:
                    on_step(int(step[1]), int(step[2]), step[3])
            else:
                lines.append(line)
        status = process.wait()
    except BaseException:
        _stop(process)
        raise
    return Outcome(status == 0, "".join(lines))


def _command(folder: Folder) -> list[str]:
    return [_ninja(), "-C", str(folder.root), "-f", "build/build.ninja"]


def _ninja() -> str:
    """ninja beside this Python, where its wheel puts it, else the one on PATH."""
    beside = Path(sys.executable).with_name("ninja")
    found = str(beside) if beside.is_file() else which("ninja")
    if found is None:
        raise KgenError("ninja is missing", "install it: pip install ninja", exit_code=Exit.BUILD)
    return found


def _stop(process: subprocess.Popen[str]) -> None:
    """Ask ninja to stop (it ends its compilers and removes their halves), then insist."""
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
