"""Kernels that misbehave on purpose, and a QEMU that does: each must get its own verdict.

The kernels are built here from tests/boot/bad, one image for each -DFAULT, and
owe nothing to kgen's templates. Every boot must have the exit code of the contract, in the time
given, the log kept, and no QEMU left behind.
"""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.tools import i386

import kgen_qemu
from kgen_qemu import cpus
from kgen_qemu.errors import BootError, Exit
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

SOURCES = Path(__file__).parent / "bad"
CFLAGS = """
-m32 -march=i386 -std=gnu11 -O1 -g -Wall -Wextra -Wno-implicit-fallthrough -Werror
-ffreestanding -fno-pic -fno-pie -no-pie -fcf-protection=none -fno-stack-protector
-fno-asynchronous-unwind-tables -fno-omit-frame-pointer -mno-sse -mno-mmx -nostdlib
-Wl,--build-id=none -Wl,-Ttext=0x100000 -Wl,-e,_start
"""

Kernels = Callable[..., Path]


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The image of a fault, compiled when it is first asked for."""
    folder = tmp_path_factory.mktemp("bad")

    def image(fault: str) -> Path:
        path = folder / f"{fault}.elf"
        if not path.exists():
            sources = [str(SOURCES / name) for name in ("start.S", "kernel.c")]
            command = [i386().compiler, *CFLAGS.split(), f"-DFAULT={fault}", *sources]
            subprocess.run([*command, "-o", str(path)], check=True)
        return path

    return image


@pytest.fixture
def built(tmp_path: Path, images: Callable[[str], Path]) -> Kernels:
    """An output folder with the kernel of a fault; keywords replace keys of the manifest."""

    def make(fault: str, **changes: Any) -> Path:
        folder = tmp_path / fault.lower()
        folder.mkdir(exist_ok=True)
        data = images(fault).read_bytes()
        (folder / "kernel.elf").write_bytes(data)
        manifest: dict[str, Any] = {
            "schema": 1,
            "name": "bad",
            "image": "kernel.elf",
            "image_sha256": hashlib.sha256(data).hexdigest(),
            "image_size": len(data),
            "build": "0123456789ab",
            "stages": ["one", "two"],
            "features": ["tests"],
            "ram": {"minimum": 2 << 20, "maximum": 4 << 30},
            "cpu": {"minimum": "386"},
        }
        (folder / "manifest.json").write_text(json.dumps(manifest | changes))
        return folder

    return make


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The pids of the QEMUs that a test starts; at its end not one may be left."""
    pids: list[int] = []
    plain = subprocess.Popen

    class Recorded(plain):  # type: ignore[misc, valid-type]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            boots = any("qemu-system-i386" in word for word in self.args)
            if boots and "--version" not in self.args:
                pids.append(self.pid)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    yield pids
    assert [pid for pid in pids if Path(f"/proc/{pid}").exists()] == []


def boot(folder: Path, **options: Any) -> Result:
    return kgen_qemu.boot(kgen_qemu.boot_request(folder, **options))


VERDICTS = [
    # fault, verdict, exit code, what a reason must say, timeout in seconds
    ("FAIL", "fail", 1, "test failed: suite.second", 20),
    ("TRIPLE", "reset", 8, r"it was at 0x0010\w+ \w+\+0x\w+ at .*kernel.c:\d+", 20),
    (
        "HANG",
        "timeout",
        5,
        r"after stage two \(2 of 2\) it was at 0x0010\w+ \w+\+0x\w+ at .*c:\d+",
        2,
    ),
    ("SILENT", "timeout", 5, "no end within 0.5 s, before hello", 0.5),
    ("EARLY_PANIC", "panic", 4, "before its serial line was up", 20),
    ("PANIC", "panic", 4, 'the kernel panicked: page fault: write to "nowhere"', 20),
    ("REFUSED", "panic", 4, "boot refused: no memory map", 20),
    ("HALF_HANG", "timeout", 5, "last line: # kgen:stat k=half v=1", 2),
    ("HALF_EXIT", "protocol", 7, "stops in the middle of a machine line: # kgen:end", 20),
    ("BABBLE", "timeout", 5, "last line: all work", 2),
    ("NO_END", "protocol", 7, r"no end marker, after stage two \(2 of 2\)", 20),
    ("END_HANG", "protocol", 7, "never left through the exit port", 20),
    ("SHORT_PLAN", "protocol", 7, r"plan 1\.\.3, but 2 results", 20),
    ("LIE_PASS", "protocol", 7, "status=pass, the exit code says fail", 20),
    ("LIE_FAIL", "protocol", 7, "status=fail, the exit code says pass", 20),
    ("LIE_COUNT", "protocol", 7, "says ok=41, the report has 1", 20),
    ("SKIP_STAGE", "protocol", 7, "stages never reached: two", 20),
    ("WILD", "protocol", 7, "malformed machine line: # kgen:stage i=banana", 20),
    ("ODD_CODE", "protocol", 7, "exit code 0x20 is not one of the protocol's", 20),
    ("SWITCH_OFF", "protocol", 7, "switched off", 20),
]


@pytest.mark.parametrize(("fault", "verdict", "code", "reason", "timeout"), VERDICTS)
def test_each_fault_gets_its_verdict(
    built: Kernels,
    started: list[int],
    fault: str,
    verdict: str,
    code: int,
    reason: str,
    timeout: float,
) -> None:
    folder = built(fault)
    result = boot(folder, timeout=timeout)
    assert (result.verdict, result.exit_code) == (verdict, code), result.reasons
    assert re.search(reason, " ".join(result.reasons)), result.reasons
    assert result.seconds < min(timeout, 10) + 3
    assert result.log.is_file()
    assert (b"kgen:hello" in result.log.read_bytes()) == (fault not in ("SILENT", "EARLY_PANIC"))
    assert len(started) == 1


@pytest.mark.parametrize("machine", ["pc", "q35", "isapc"])
@pytest.mark.parametrize("memory", ["2M", "64M", "4G"])
def test_the_control_passes(built: Kernels, started: list[int], machine: str, memory: str) -> None:
    lines: list[str] = []
    folder = built("PASS")
    request = kgen_qemu.boot_request(folder, machine=machine, memory=memory)
    result = kgen_qemu.boot(request, on_line=lines.append)
    assert result.verdict == "pass", result.reasons
    assert "bad kernel, fault as ordered" in lines
    assert not any("kgen:" in line for line in lines)
    assert result.to_json()["tests"] == {
        "passed": 1,
        "failed": 0,
        "skipped": 1,
        "names": ["suite.first", "suite.second"],
    }
    record = result.log.with_suffix(".json")
    assert {path.name for path in (folder / "boot").iterdir()} == {result.log.name, record.name}
    assert json.loads(record.read_bytes()) == result.to_json()
    assert len(started) == 1


def test_qboot_and_seabios_both_boot(built: Kernels) -> None:
    request = kgen_qemu.boot_request(built("PASS"))
    assert request.machine.firmware is not None
    seabios = replace(request, machine=replace(request.machine, firmware=None))
    for one in (request, seabios):
        assert kgen_qemu.boot(one).verdict == "pass"


@pytest.mark.parametrize("cpu", cpus.LADDER, ids=lambda cpu: cpu.name)
def test_the_ladder_says_what_the_machine_says(built: Kernels, cpu: cpus.Cpu) -> None:
    result = boot(built("CPUID"), cpu=cpu.name)
    stats = result.transcript.stats
    edx = stats["cpuid.edx"]
    assert (cpu.family, cpu.pse, cpu.pge) == (
        stats["cpuid.family"],
        bool(edx >> 3 & 1),
        bool(edx >> 13 & 1),
    )


def test_50_megabytes_are_read_to_the_deadline_and_kept(built: Kernels) -> None:
    """QEMU gives about 1 MB/s, so the flood outlasts any sane deadline; the log has what came."""
    result = boot(built("FLOOD"), timeout=2)
    assert result.verdict == "timeout"
    assert result.seconds < 5
    size = result.log.stat().st_size
    assert size > 50_000
    assert result.log.read_bytes().count(b"all work and no play") >= size // 64 - 10


def test_a_long_log_is_kept_whole(built: Kernels) -> None:
    result = boot(built("LONG"))
    assert result.verdict == "pass", result.reasons
    assert result.log.read_bytes().count(b"a line of 64 bytes.\n") == 200_000 // 64


def test_command_line_and_modules_arrive(built: Kernels, tmp_path: Path) -> None:
    comma = tmp_path / "a,b"
    comma.write_text("first")
    plain = tmp_path / "plain"
    plain.write_text("second")
    result = boot(
        built("LOADED"),
        append="cpu=386 x,y",
        modules=[comma, f"{plain} with args, and a comma"],
        expect=[
            r"^cmdline: kernel.elf cpu=386 x,y$",
            r"^module: \.\./a,b: first$",
            r"^module: \.\./plain with args, and a comma: second$",
        ],
    )
    assert result.verdict == "pass", (result.reasons, result.log.read_text())


def test_the_serial_line_is_answered_in_order(built: Kernels) -> None:
    result = boot(
        built("ASK"),
        answers=[(r"name\? \[", "Ada\n"), (r"\? \[", "London\n"), ("never", "asked")],
        expect=[r"name\? \[Ada\] noted", r"place\? \[London\] noted"],
        timeout=20,
    )
    assert result.verdict == "pass", result.reasons


def test_the_end_is_noticed_while_an_answer_is_pending(built: Kernels) -> None:
    result = boot(built("END_HANG"), answers=[("never asked", "")], timeout=20)
    assert result.verdict == "protocol"
    assert result.seconds < 5


def test_expect_and_forbid(built: Kernels) -> None:
    folder = built("PASS")
    good = boot(folder, expect=["fault as ordered", r"stage i=2"], forbid=["panic"])
    assert good.verdict == "pass"
    bad = boot(folder, expect=["never said"], forbid=["as ordered", "unsaid"])
    assert (bad.verdict, bad.exit_code) == ("fail", 1)
    assert bad.reasons == (
        "--expect 'never said' was not found",
        "--forbid 'as ordered' was found: bad kernel, fault as ordered",
    )


def test_a_panic_is_symbolised(built: Kernels) -> None:
    result = boot(built("PANIC"))
    (frame,) = result.frames
    assert frame.function == "bad_main"
    assert frame.file is not None
    assert frame.file.endswith("kernel.c")
    panic = result.to_json()["panic"]
    assert panic["cr2"] == 0xDEADBEEF
    assert panic["backtrace"][0]["address"] == panic["eip"]


def test_a_machine_without_the_exit_port_is_judged_by_the_end_marker(built: Kernels) -> None:
    request = kgen_qemu.boot_request(built("PASS"))
    result = kgen_qemu.boot(replace(request, machine=replace(request.machine, exit_device=False)))
    assert result.verdict == "pass", result.reasons


def test_another_build_is_speaking(built: Kernels) -> None:
    result = boot(built("PASS", build="ba9876543210"))
    assert result.reasons == ("hello says build 0123456789ab, the manifest ba9876543210",)
    assert result.exit_code == 7


# A QEMU that dies, and one that cannot be started.


@pytest.mark.parametrize(("number", "reason"), [(9, "signal 9"), (15, "host-signal")])
def test_qemu_ended_from_outside(
    built: Kernels, started: list[int], number: int, reason: str
) -> None:
    def shoot(_line: str) -> None:
        with suppress(ProcessLookupError):  # a line cut short by the first shot comes, too
            os.kill(started[0], number)

    request = kgen_qemu.boot_request(built("HANG"), timeout=20)
    result = kgen_qemu.boot(request, on_line=shoot)
    assert (result.verdict, result.exit_code) == ("emulator", 6)
    assert reason in result.reasons[0]


def fake_qemu(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = folder / "qemu-system-i386"
    binary.write_text(f"#!/bin/sh\n{script}\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("echo 'no such thing' >&2; exit 1", "QEMU: no such thing"),
        ("exit 3", "QEMU failed with status 3"),
        ("exit 0", "QEMU failed with status 0"),
        ("echo 'QEMU emulator version 4.2.1'; exit 1", "this QEMU is 4.2; 5.2 or later is needed"),
    ],
)
def test_a_qemu_that_fails(
    built: Kernels,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    reason: str,
) -> None:
    fake_qemu(tmp_path, script, monkeypatch)
    result = boot(built("PASS"), timeout=20)
    assert (result.verdict, result.exit_code) == ("emulator", 6)
    assert reason in result.reasons


def test_a_qemu_that_stands_still(
    built: Kernels, started: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_qemu(tmp_path, "exec sleep 60", monkeypatch)
    assert boot(built("PASS"), timeout=0.5).exit_code == 5
    assert len(started) == 1


def test_a_file_that_is_no_program(
    built: Kernels, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_qemu(tmp_path, "", monkeypatch)
    (tmp_path / "qemu-system-i386").write_bytes(b"\x7fELF no program")
    with pytest.raises(BootError, match="cannot be started") as caught:
        boot(built("PASS"), timeout=20)
    assert caught.value.exit_code == Exit.EMULATOR


def test_no_qemu_at_all(built: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = built("PASS")
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(BootError, match="apt-get install") as caught:
        kgen_qemu.boot_request(folder)
    assert caught.value.exit_code == Exit.EMULATOR


def test_bad_cpu_flag_is_qemus_complaint(built: Kernels) -> None:
    result = boot(built("PASS"), cpu="pentium,+nonsense")
    assert result.exit_code == 6
    assert any("nonsense" in reason for reason in result.reasons)
    assert "nonsense" in result.log.with_suffix(".stderr").read_text()


# We die, or are told to.


PARENT = """
import sys
from pathlib import Path
import kgen_qemu
request = kgen_qemu.boot_request(Path(sys.argv[1]), timeout=60)
try:
    kgen_qemu.boot(request, on_line=lambda line: print(line, flush=True))
except kgen_qemu.BootError as error:
    print(error.what)
    sys.exit(error.exit_code)
"""


@pytest.mark.parametrize(
    ("number", "status", "said"),
    [
        (signal.SIGINT, 130, b"interrupted"),
        (signal.SIGTERM, 130, b"interrupted (SIGTERM)"),
        (signal.SIGHUP, 130, b"interrupted (SIGHUP)"),
        (signal.SIGKILL, -9, b""),
    ],
)
def test_no_qemu_survives_us(
    built: Kernels, number: signal.Signals, status: int, said: bytes
) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(built("HANG"))], stdout=subprocess.PIPE
    )
    assert parent.stdout is not None
    try:
        assert b"fault as ordered" in parent.stdout.readline()
        (qemu,) = (pid for pid in children(parent.pid) if is_qemu(pid))
        parent.send_signal(number)
        rest = parent.communicate(timeout=20)[0]
    finally:
        parent.kill()
    assert parent.returncode == status
    assert said in rest
    assert gone_within(qemu, 5)


def children(pid: int) -> list[int]:
    words = [Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return [int(word) for line in words for word in line]


def is_qemu(pid: int) -> bool:
    return b"qemu-system-i386" in Path(f"/proc/{pid}/cmdline").read_bytes()


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_an_exception_in_the_callers_code_ends_qemu(built: Kernels, started: list[int]) -> None:
    def broken(line: str) -> None:
        raise BrokenPipeError(line)

    with pytest.raises(BrokenPipeError):
        kgen_qemu.boot(kgen_qemu.boot_request(built("HANG")), on_line=broken)
    assert len(started) == 1


@pytest.mark.parametrize(("fault", "blocks", "what"), [("HANG", 0, ".run"), ("FLOOD", 512, "log")])
def test_a_full_disk_is_named(built: Kernels, fault: str, blocks: int, what: str) -> None:
    """No file may grow beyond a size, which is a full disk to whoever writes one."""
    script = f'ulimit -f {blocks}; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "-", sys.executable, "-c", PARENT, built(fault), ""],
        capture_output=True,
        text=True,
        timeout=20,
    )
    assert done.returncode == 2
    assert what in done.stdout
    assert "cannot be written: File too large" in done.stdout


def test_boots_at_the_same_time_keep_their_logs(built: Kernels) -> None:
    folder = built("HANG")
    results: list[Result] = []
    threads = [
        threading.Thread(target=lambda: results.append(boot(folder, timeout=3))) for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = sorted(result.log.name for result in results)
    assert names == ["pc-qemu32-64M-2.log", "pc-qemu32-64M-3.log", "pc-qemu32-64M.log"]
    assert {result.verdict for result in results} == {"timeout"}
    assert len({result.log.read_bytes() for result in results}) == 1
    assert boot(folder, timeout=0.5).log.name == "pc-qemu32-64M.log"


def test_the_printed_command_and_the_log_are_the_same_each_time(built: Kernels) -> None:
    folder = built("PASS")
    first, second = boot(folder), boot(folder)
    assert first.command == second.command
    text = first.log.read_bytes()
    assert text == second.log.read_bytes()
    other = folder.parent / "elsewhere"
    shutil.copytree(folder, other)
    assert boot(other).log.read_bytes() == text
