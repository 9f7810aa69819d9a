"""Emulators that misbehave: scripts in QEMU's place that close, hang, flood, lie, fork and die.

Whatever they do, a boot ends within its deadline with the verdict that fits, in bounded memory, and
leaves no process behind. Each script notes the processes that it starts in the file ``pids``.
"""

from __future__ import annotations

import json
import resource
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from tests.boot.conftest import NOTE, Emulator, alive

import kgen_qemu
from kgen_qemu import cpus, listen
from kgen_qemu.errors import BootError, Exit
from kgen_qemu.leash import answer
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

DATA = Path(__file__).parents[1] / "data"
PASS = shlex.quote(str(DATA / "pass.log"))

# Nothing here runs for longer than a minute, even where all of us are killed at once.
STAY = "sh -c 'echo $$ >> \"$PIDS\"; exec sleep 60'"
BREED = r'for i in $(seq 500); do sh -c "echo \$\$ >> \$PIDS; sleep 9" & sleep 0.02; done'


def boot(folder: Path, **options: Any) -> Result:
    return kgen_qemu.boot(kgen_qemu.boot_request(folder, **options))


# --- the end ----------------------------------------------------------------------


def test_the_control_passes(emulator: Emulator) -> None:
    """A script that says what a kernel says and leaves as one does."""
    result = boot(emulator(f"cat {PASS}; exit 33"))
    assert result.verdict == "pass", result.reasons


def test_one_that_closes_its_output_and_lives_on(
    emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listen, "LINGER", 0.3)
    result = boot(emulator("echo boot; exec >&- 2>&-; sleep 60"), timeout=20)
    assert (result.verdict, result.exit_code) == ("emulator", 6)
    assert "QEMU closed the serial line and did not end, before hello" in result.reasons
    assert result.seconds < 10


def test_one_that_closes_its_output_has_no_longer_than_the_deadline(emulator: Emulator) -> None:
    result = boot(emulator("exec >&- 2>&-; sleep 60"), timeout=0.5)
    assert (result.verdict, result.exit_code) == ("timeout", 5)
    assert result.seconds < 4


def test_one_that_closes_its_output_and_ends_a_moment_later(emulator: Emulator) -> None:
    result = boot(emulator(f"cat {PASS}; exec >&- 2>&-; sleep 0.5; exit 33"))
    assert result.verdict == "pass", result.reasons


@pytest.mark.parametrize(
    "script",
    [
        f"{STAY} & wait",
        f"{STAY}; exit 33",
        f"trap '' HUP INT QUIT TERM; {STAY} & wait",
        f"setsid {STAY} & wait",
        f"(setsid {STAY} >/dev/null 2>&1 </dev/null &) ; sleep 60",
        f"setsid sh -c '{NOTE}; {BREED}' & wait",
    ],
    ids=["child", "foreground", "ignores signals", "own session", "daemon", "breeds"],
)
def test_the_deadline_ends_all_that_it_started(emulator: Emulator, script: str) -> None:
    result = boot(emulator(script), timeout=0.7)
    assert (result.verdict, result.exit_code) == ("timeout", 5)
    assert result.seconds < 5


@pytest.mark.parametrize(
    "stay", [STAY, f"setsid {STAY}", f"setsid {STAY} >/dev/null 2>&1 </dev/null"]
)
def test_one_that_ends_and_leaves_somebody_behind(emulator: Emulator, stay: str) -> None:
    """Its status counts, at once, though the line and the monitor are still open."""
    result = boot(emulator(f"cat {PASS}; {stay} & exit 33"), timeout=20)
    assert result.verdict == "pass", result.reasons
    result = boot(emulator(f"{stay} & exit 3"), timeout=20)
    assert (result.verdict, result.exit_code) == ("emulator", 6)
    assert result.seconds < 10


def test_what_is_left_behind_may_flood_the_line(emulator: Emulator) -> None:
    folder = emulator("(echo $$ >> $PIDS; yes) & sleep 0.2; exit 3")
    result = boot(folder, timeout=20)
    assert (result.verdict, result.exit_code) == ("emulator", 6)
    assert result.seconds < 10


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGTERM])
def test_one_that_dies_by_a_signal(emulator: Emulator, number: signal.Signals) -> None:
    result = boot(emulator(f"kill -{number:d} $$"), timeout=20)
    assert (result.verdict, result.exit_code) == ("emulator", 6)
    assert f"signal {number:d}" in result.reasons[0]


def test_binary_is_no_protocol(emulator: Emulator) -> None:
    result = boot(emulator("head -c 200000 /dev/urandom; exit 33"), timeout=20)
    assert (result.verdict, result.exit_code) == ("protocol", 7)
    assert result.log.stat().st_size == 200000


def test_one_that_reads_nothing(emulator: Emulator) -> None:
    """The typed text is larger than a pipe's buffer."""
    folder = emulator(f"echo name; sleep 0.5; cat {PASS}; exit 33")
    result = boot(folder, answers=[("name", "x" * 1_000_000)], timeout=20)
    assert result.verdict == "pass", result.reasons


# --- what it says -----------------------------------------------------------------


def test_a_flood_of_complaints(emulator: Emulator) -> None:
    """50 MB on QEMU's stderr, as one line and as many: the ends are kept, and no more read."""
    folder = emulator(
        "echo first >&2; yes | head -c 50000000 | tr '\\n' y >&2; echo last >&2; exit 1"
    )
    code = (
        "import sys, json; from pathlib import Path; import kgen_qemu;"
        "result = kgen_qemu.boot(kgen_qemu.boot_request(Path(sys.argv[1])));"
        # Not ru_maxrss: that begins with what the process had that started this one.
        "print(Path('/proc/self/status').read_text().split('VmHWM:')[1].split()[0]);"
        "print(json.dumps(result.to_json()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True
    )
    size, text = done.stdout.splitlines()
    assert int(size) < 100 << 10  # KiB
    told = json.loads(text)
    assert (told["verdict"], told["exit_code"]) == ("emulator", 6)
    assert "QEMU: first" in told["reasons"]
    assert len(text) < 20_000
    complaint = Path(told["log"]).with_suffix(".stderr").read_bytes()
    assert len(complaint) < 100_000
    assert complaint.startswith(b"first\n")
    assert complaint.endswith(b"last\n")
    assert b"kgen left out 499" in complaint


def test_a_flood_without_a_newline(emulator: Emulator) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    result = boot(emulator("exec cat /dev/zero"), timeout=1)
    assert (result.verdict, result.exit_code) == ("timeout", 5)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < before + (64 << 10)
    assert len(json.dumps(result.to_json())) < 20_000


QMP = """\
import os, re, socket, sys, threading, time
fd = re.search(r"fd=(\\d+)", " ".join(sys.argv))
channel = socket.socket(fileno=int(fd[1]))
said = {said}
threading.Thread(target=lambda: channel.sendall(said), daemon=True).start()
time.sleep({wait})
sys.stdout.buffer.write(open({log!r}, "rb").read())
sys.stdout.flush()
os._exit(33)
"""


@pytest.mark.parametrize(
    "said",
    [
        "b'[]\\n'",
        "b'5\\n\"x\"\\nnull\\n'",
        'b\'{"event": "SHUTDOWN"}\\n\'',
        'b\'{"event": "SHUTDOWN", "data": 5}\\n\'',
        'b\'{"event": "SHUTDOWN", "data": {"reason": []}}\\n\'',
        'b\'{"QMP": 5}\\n{"QMP": {"version": []}}\\n{"QMP": {"version": {"qemu": 7}}}\\n[]\\n\'',
        "b'[' * 100000 + b'\\n'",
        "b'x' * (8 << 20)",
        "b'\\xff\\xfe\\n'",
        "b'9' * 10000 + b'\\n'",
    ],
)
def test_nonsense_on_the_monitor(
    emulator: Emulator, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It changes no verdict, and when there is a failure to explain it is shown."""
    raised: list[object] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    script = QMP.format(said=said, wait=0.2, log=str(DATA / "pass.log"))
    result = boot(emulator(script, sys.executable), timeout=20)
    assert result.verdict == "pass", result.reasons
    assert raised == []
    script = QMP.format(said=said, wait=60, log=str(DATA / "pass.log"))
    result = boot(emulator(script, sys.executable), timeout=1)
    assert result.verdict == "timeout"
    assert "said on its monitor what is no QMP" in result.reasons[-1]
    assert all(len(reason) < 300 for reason in result.reasons)
    assert raised == []


# --- what it is asked before a boot -----------------------------------------------


def test_one_that_does_not_answer(emulator: Emulator, tmp_path: Path) -> None:
    emulator(f"{STAY} & wait")
    binary = str(tmp_path / "bin" / "qemu-system-i386")
    start = time.monotonic()
    assert answer([binary, "--version"], seconds=0.5) == (None, b"")
    assert time.monotonic() - start < 5


def test_one_that_answers_and_leaves_somebody_behind(emulator: Emulator, tmp_path: Path) -> None:
    emulator(f"echo Available CPUs:; echo 'x86 strange'; setsid {STAY} & exit 0")
    start = time.monotonic()
    assert cpus.check("strange", str(tmp_path / "bin" / "qemu-system-i386")) == "strange"
    assert time.monotonic() - start < 5


def test_one_that_answers_without_end(emulator: Emulator, tmp_path: Path) -> None:
    emulator("exec yes")
    binary = str(tmp_path / "bin" / "qemu-system-i386")
    status, said = answer([binary], seconds=20, most=100_000)
    assert (status, len(said)) != (0, 0)
    assert len(said) == 100_000


def test_one_that_fails_when_asked(emulator: Emulator, tmp_path: Path) -> None:
    emulator("exit 1")
    with pytest.raises(BootError, match="-cpu help: ended with status 1") as caught:
        cpus.check("strange", str(tmp_path / "bin" / "qemu-system-i386"))
    assert caught.value.exit_code == Exit.EMULATOR


# --- we are killed, or told to end ------------------------------------------------

PARENT = """
import os, signal, subprocess, sys
from pathlib import Path
import kgen_qemu

if sys.argv[2] == "aimed":
    plain = subprocess.Popen.__init__

    def aimed(self, args, **options):
        if any("qemu-system-i386" in str(word) for word in args):
            # The child is a copy of us that has not yet become anything.
            options["preexec_fn"] = lambda: os.kill(os.getppid(), signal.SIGKILL)
        plain(self, args, **options)

    subprocess.Popen.__init__ = aimed
request = kgen_qemu.boot_request(Path(sys.argv[1]), timeout=60)
try:
    result = kgen_qemu.boot(request, on_line=lambda line: print(line, flush=True))
except kgen_qemu.BootError as error:
    print(error.what)
    sys.exit(error.exit_code)
sys.exit(result.exit_code)
"""


def parent(folder: Path, how: str = "") -> subprocess.Popen[bytes]:
    command = [sys.executable, "-c", PARENT, str(folder), how]
    return subprocess.Popen(command, stdout=subprocess.PIPE)


def test_killed_between_fork_and_exec(emulator: Emulator, pids: Path) -> None:
    """The emulator is started by nobody's child, and is ended all the same."""
    folder = emulator("sleep 60 & wait")  # silent, as a halted QEMU: writing would end it
    for _ in range(3):
        with parent(folder, "aimed") as ours:
            assert ours.wait(20) == -signal.SIGKILL
        time.sleep(0.3)
    for pid in pids.read_text().split() if pids.exists() else []:
        assert not alive(int(pid))


def test_killed_at_any_moment(emulator: Emulator, pids: Path) -> None:
    """Nothing that a wrapper script starts outlives us, whenever we are killed."""
    folder = emulator(f"setsid {STAY} & {STAY} & head -3 {PASS}; wait")
    for delay in (0.0, 0.002, 0.005, 0.01, 0.02):
        with parent(folder) as ours:
            assert ours.stdout is not None
            if delay == 0.02:
                ours.stdout.readline()
            else:
                wait_for(folder / "boot")
            time.sleep(delay)
            ours.kill()
        time.sleep(0.1)
    for pid in pids.read_text().split():
        assert not alive(int(pid))


def wait_for(path: Path) -> None:
    for _ in range(2000):
        if path.exists():
            return
        time.sleep(0.005)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_twice(emulator: Emulator, number: signal.Signals) -> None:
    """The second signal comes while we clean up after the first."""
    folder = emulator(f"trap '' INT TERM HUP; setsid {STAY} & head -3 {PASS}; wait")
    with parent(folder) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline().startswith(b"kgen default")
        ours.send_signal(signal.SIGTERM)
        time.sleep(0.002)
        ours.send_signal(number if number != signal.SIGINT else signal.SIGTERM)
        assert b"interrupted (SIGTERM)" in ours.stdout.read()
        assert ours.wait(20) == 130
    record = json.loads((folder / "boot" / "pc-qemu32-64M.json").read_text())
    assert record["verdict"] is None
    assert record["run"]["kernel"]["build"] == "0123456789ab"


def test_an_ignored_hangup_stays_ignored(emulator: Emulator) -> None:
    """``nohup kgen boot``: the terminal goes, and the boot goes on."""
    folder = emulator(f"head -3 {PASS}; sleep 0.5; tail -n +4 {PASS}; exit 33")
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "-"]
    command += [sys.executable, "-c", PARENT, str(folder), ""]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as ours:
        assert ours.stdout is not None
        assert ours.stdout.readline().startswith(b"kgen default")
        ours.send_signal(signal.SIGHUP)
        ours.stdout.read()
        assert ours.wait(20) == 0
