"""Temporary folders and the tools that work in them: both are gone when we are.

An interrupt may come at any moment, in the middle of removing a folder, too. So a folder's name is
noted before it exists and struck out when it is gone, and what still stands in the list when Python
ends is removed then. Only SIGKILL leaves one.
"""

from __future__ import annotations

import atexit
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from kgen.errors import Exit, KgenError

_standing: set[Path] = set()


@contextmanager
def scratch(prefix: str) -> Iterator[Path]:
    """A temporary folder for the length of the block."""
    path = Path(tempfile.gettempdir(), prefix + secrets.token_hex(6))
    _standing.add(path)
    try:
        try:
            path.mkdir(mode=0o700)
        except OSError as error:
            raise KgenError(
                f"no temporary folder can be made: {path}: {error.strerror}",
                "TMPDIR says where they are made",
                exit_code=Exit.BUILD,
            ) from error
        yield path
    finally:
        _remove(path)


@atexit.register
def sweep() -> None:
    """Remove what an interrupt has left."""
    for path in tuple(_standing):
        _remove(path)


def _remove(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    _standing.discard(path)


def run_tool(
    command: Sequence[str], *, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A tool's output and status; interrupted, it ends with all that it has started."""
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        process_group=0,
    )
    try:
        out, err = process.communicate()
    except BaseException:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    return subprocess.CompletedProcess(command, process.returncode, out, err)
