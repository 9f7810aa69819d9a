"""All processes of an emulator end with its boot, and with us, however either ends.

An emulator may be a script that starts the real one. It may fork, ignore signals, and
leave others when it ends; and we may be killed at any moment, with no time
to clean up. So a boot has a *watcher*: a shell that does nothing but read from a pipe of
ours. The pipe closes when we close it, or when we die; the watcher then kills all that
belongs to the boot, and itself. There is no gap: a child of ours that has not yet become
the emulator holds the pipe's end as well.

Two things say what belongs to a boot:

    a process group   the watcher leads it, and the emulator is started in it; so its
                      number cannot be given to anybody else before we have the watcher back
    a mark            a variable in the environment, which children inherit: it finds
                      those that made a session of their own (Linux, which shows it)

Only a process that leaves the group *and* drops its environment escapes: a container's
daemon, or a machine started over ssh.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

MARK = "KGEN_BOOT"
PATIENCE = 5.0
"""Seconds that the kernel gets to end what was killed; it needs milliseconds."""

# Some of what is found may fork before it is killed: look again until nothing is found.
_WATCH = """\
trap '' HUP INT TERM
read -r _
for _ in 1 2 3 4 5 6 7 8 9 10; do
    files=$(grep -lsF "$0" /proc/[0-9]*/environ)
    [ "$files" ] || break
    for file in $files; do
        file=${file%/environ}
        kill -KILL "${file#/proc/}"
    done
done
kill -KILL 0
"""


class Leash:
    """Holds all processes of one boot; ``end()`` ends them."""

    def __init__(self) -> None:
        self._mark = os.urandom(8).hex()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._watcher = subprocess.Popen(
            ["/bin/sh", "-c", _WATCH, f"{MARK}={self._mark}"],
            cwd="/",
            env={"PATH": "/usr/bin:/bin"},
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            process_group=0,
        )

    def start(self, argv: Sequence[str], **options: Any) -> "subprocess.Popen[bytes]":
        """Start a program; ``options`` are Popen's. OSError if it cannot be started."""
        process = subprocess.Popen(
            argv,
            env={**os.environ, MARK: self._mark},
            process_group=self._watcher.pid,
            **options,
        )
        self._processes.append(process)
        return process

    def end(self) -> None:
        """Kill all of them, and wait until they are gone; harmless when they are."""
        try:
            self._end()
        except BaseException:  # an interrupt, while we waited
            self._end()
            raise

    def _end(self) -> None:
        for process in self._processes:
            process.kill()
        assert self._watcher.stdin is not None
        self._watcher.stdin.close()
        for process in (self._watcher, *self._processes):
            # One that the kernel cannot end, being stuck in a driver, is left to it.
            with suppress(subprocess.TimeoutExpired):
                process.wait(PATIENCE)


@contextmanager
def leash() -> Iterator[Leash]:
    """A Leash for the length of the block: nothing started with it outlives that."""
    held = Leash()
    try:
        yield held
    finally:
        held.end()


def answer(argv: Sequence[str], seconds: float, most: int = 1 << 20) -> tuple[int | None, bytes]:
    """The output of a program, up to a limit, and its exit status.

    No status (None) if it has not ended after ``seconds``. OSError if it cannot be started.
    """
    deadline = time.monotonic() + seconds
    with leash() as held:
        null = subprocess.DEVNULL
        process = held.start(argv, stdin=null, stdout=subprocess.PIPE, stderr=null)
        assert process.stdout is not None
        with process.stdout:
            said = _read(process, process.stdout.fileno(), deadline, most)
        left = max(deadline - time.monotonic(), 0.01)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(left), said
        return None, said


def _read(process: "subprocess.Popen[bytes]", fd: int, deadline: float, most: int) -> bytes:
    """All that comes until the pipe closes, the program ends, or time is up."""
    import select

    ready = select.poll()
    ready.register(fd, select.POLLIN)
    said = b""
    while len(said) < most and time.monotonic() < deadline:
        ended = process.poll() is not None  # before we look: nothing comes after
        if ready.poll(0 if ended else 50):
            piece = os.read(fd, most - len(said))
            if not piece:
                break
            said += piece
        elif ended:
            break
    return said
