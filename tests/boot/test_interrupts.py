"""Signals at moments other than when QEMU runs: kgen ends with 130 and leaves nothing behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.boot.conftest import NOTE, Emulator, alive
from tests.tools import needs_grub

from kgen import scratch

pytestmark = pytest.mark.boot

KGEN = [sys.executable, "-c", "from kgen.cli import main; main()"]

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]

# As the real one: it keeps temporary files of its own, and has another program do the work.
MKRESCUE = f"""\
#!/bin/sh
{NOTE}
touch "${{TMPDIR:-/tmp}}/grub.of-its-own"
sh -c '{NOTE}; exec sleep 60' &
touch "$PIDS.ready"
wait
"""


class Boot:
    """``kgen boot --via grub`` in the middle of making the disc."""

    def __init__(self, folder: Path, out: Path) -> None:
        self.temporary = folder / "tmp"
        self.temporary.mkdir()
        self.pids = folder / "pids"
        program = folder / "bin" / "grub-mkrescue"
        program.parent.mkdir()
        program.write_text(MKRESCUE)
        program.chmod(0o755)
        path = f"{program.parent}:{os.environ['PATH']}"
        told = {"PATH": path, "TMPDIR": str(self.temporary), "PIDS": str(self.pids)}
        self.process = subprocess.Popen(
            [*KGEN, "boot", "-o", str(out), "--via", "grub"],
            env={**os.environ, **told},
            stderr=subprocess.PIPE,
        )
        ready = Path(f"{self.pids}.ready")
        deadline = time.monotonic() + 60
        while not ready.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert ready.exists()

    def end(self) -> tuple[int, bytes]:
        """Its exit code, and what it said on standard error."""
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        return self.process.wait(20), said

    def left(self) -> list[object]:
        """Files and processes that are still there."""
        pids = [int(pid) for pid in self.pids.read_text().split()]
        return [*self.temporary.rglob("*"), *(pid for pid in pids if alive(pid))]


@pytest.fixture
def making(default: Path, own: Callable[[Path], Path], tmp_path: Path) -> Iterator[Boot]:
    needs_grub()  # which a stand-in replaces only once it was found
    boot = Boot(tmp_path, own(default))
    yield boot
    boot.process.kill()
    boot.process.wait()


@pytest.mark.parametrize("number", SIGNALS)
def test_while_a_disc_is_made(making: Boot, number: signal.Signals) -> None:
    making.process.send_signal(number)
    code, said = making.end()
    assert (code, said.strip()) == (130, b"kgen: interrupted")
    assert making.left() == []


@pytest.mark.parametrize("delay", [0.0, 0.003, 0.01])
def test_again_while_it_cleans_up(making: Boot, delay: float) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        making.process.send_signal(number)
        time.sleep(delay)
    code, said = making.end()
    assert (code, said.strip()) == (130, b"kgen: interrupted")
    assert making.left() == []


def test_a_folder_whose_removal_is_interrupted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The signal comes in the very middle of removing it; it is swept when Python ends."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    plain = shutil.rmtree

    def interrupted(*_path: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", interrupted)
    with pytest.raises(KeyboardInterrupt), scratch.scratch("kgen-test-") as folder:
        (folder / "file").touch()
    assert list(tmp_path.iterdir()) == [folder]
    monkeypatch.setattr(shutil, "rmtree", plain)
    scratch.sweep()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("stream", ["1", "2"])
@pytest.mark.parametrize("where", ["&-", "/dev/full"])
def test_streams_that_take_nothing(
    default: Path, own: Callable[[Path], Path], stream: str, where: str
) -> None:
    """The verdict is the exit code, or standard output is named; never a traceback."""
    folder = own(default)
    line = f'"$@" {stream}>{where}'
    good = ["sh", "-c", line, "-", *KGEN, "boot", "-o", str(folder)]
    bad = [*good, "--memory", "1M"]
    done = subprocess.run(good, capture_output=True, text=True, timeout=60)
    full = (stream, where) == ("1", "/dev/full")
    assert done.returncode == (2 if full else 0), done.stderr
    assert ("standard output cannot be written" in done.stderr) == full
    assert "Traceback" not in done.stderr
    done = subprocess.run(bad, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert done.stdout == ""


def test_a_reader_that_goes_away_does_not_change_the_verdict(emulator: Emulator) -> None:
    """The report is the first output: nothing was printed before."""
    command = [*KGEN, "boot", "-o", str(emulator("exit 3"))]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as boot:
        assert boot.stdout is not None
        assert boot.stderr is not None
        boot.stdout.close()
        assert boot.stderr.read() == b""
        assert boot.wait(60) == 6
