"""``kgen boot --engine dosbox-x``: its configuration, and the verdicts on its behaviour.

A script stands in for the program: it reads its configuration as DOSBox-X would, looks at the
floppy, and writes a recorded log to the "file" that COM1 was given. The real program is run where
it is installed.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import kgen_qemu
from kgen.cli import run
from kgen_qemu.errors import BootError, Exit

pytestmark = pytest.mark.boot

FLOPPY = 80 * 2 * 18 * 512

PLAYER = """\
#!/usr/bin/env python3
import json, pathlib, sys, time
words = sys.argv[1:]
assert words[0] == "-defaultconf", words
lines = pathlib.Path(words[words.index("-conf") + 1]).read_text().splitlines()
settings = dict(line.split("=", 1) for line in lines if "=" in line and line[0] != "#")
(boot,) = [line.split(" ", 1)[1] for line in lines if line.startswith("boot ")]
image = pathlib.Path(boot)
assert image.stat().st_size == {floppy}, image
kind, file = settings["serial1"].split(" ")
assert kind == "file" and file.startswith("file:"), settings["serial1"]
seen = dict(settings=settings, found=image.read_bytes().count(b"root=7"))
pathlib.Path("seen").write_text(json.dumps(seen))
print("LOG: DOSBox-X says hello on its own output", flush=True)
with open(file.removeprefix("file:"), "wb", buffering=0) as serial:
    for byte in pathlib.Path("{log}").read_bytes():
        serial.write(bytes([byte]))
    {then}
"""


@pytest.fixture
def player(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a ``dosbox-x`` on PATH that plays a log and then does something."""

    def install(log: bytes, then: str = "time.sleep(60)") -> None:
        recorded = tmp_path / "played.log"
        recorded.write_bytes(log)
        program = tmp_path / "bin" / "dosbox-x"
        program.parent.mkdir(exist_ok=True)
        program.write_text(PLAYER.format(floppy=FLOPPY, log=recorded, then=then))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    return install


@pytest.fixture(scope="session")
def recorded(default: Path, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What the default kernel says when it takes itself for a 386, from a floppy."""
    out = tmp_path_factory.mktemp("recorded") / "out"
    out.mkdir()
    for name in ("build", "manifest.json"):
        (out / name).symlink_to(default / name)
    result = kgen_qemu.boot(kgen_qemu.boot_request(out, cpu="386", memory="16M"))
    assert result.verdict == "pass"
    return result.log.read_bytes().replace(b"reason=forced", b"reason=detected")


def boot(
    capsys: pytest.CaptureFixture[str], out: Path, *options: str
) -> tuple[int, dict[str, object]]:
    """The exit code and the object of ``kgen boot --engine dosbox-x --json``."""
    code = run(["boot", "-o", str(out), "--engine", "dosbox-x", "--json", *options])
    return code, json.loads(capsys.readouterr().out)


@pytest.fixture
def out(default: Path, own: Callable[[Path], Path]) -> Path:
    """The default kernel's folder, with logs of its own."""
    return own(default)


Player = Callable[..., None]
Capture = pytest.CaptureFixture[str]


def test_a_pass(player: Player, out: Path, capsys: Capture, recorded: bytes) -> None:
    """The verdict comes from the end marker: nobody leaves through a port."""
    player(recorded)
    start = time.monotonic()
    code, told = boot(capsys, out, "--memory", "16M", "--append", "root=7")
    assert (code, told["verdict"], told["engine"]) == (0, "pass", "dosbox-x"), told["reasons"]
    assert told["cpu"] == "386"
    assert told["audit"] is None
    assert told["accel"] is None  # there is no such choice here
    assert time.monotonic() - start < 20  # it was ended, though it would have gone on for a minute
    assert Path(str(told["log"])).read_bytes() == recorded
    seen = json.loads((out / "seen").read_text())
    settings = seen["settings"]
    assert settings["cputype"] == "386"
    assert settings["core"] == "normal"
    assert settings["memsize"] == "16"
    assert settings["floppy drive data rate limit"] == "0"
    assert seen["found"] == 1, "the command line is not on the floppy"


def test_detection_is_left_to_the_kernel(player: Player, default: Path) -> None:
    player(b"")
    request = kgen_qemu.boot_request(default, engine="dosbox-x", append="quiet")
    assert request.machine.cpu == "386"
    assert request.machine.append == "quiet"
    assert kgen_qemu.boot_request(default, cpu="386").machine.append == "cpu=386"


@pytest.mark.parametrize(
    ("change", "then", "verdict"),
    [
        ((b"ok 1 ", b"not ok 1 "), "time.sleep(60)", "protocol"),
        ((b"status=pass", b"status=fail"), "time.sleep(60)", "protocol"),
        ((b"# kgen:end", b"# the end"), "sys.exit(0)", "emulator"),
        ((b"# kgen:end", b"# the end"), "sys.exit('no display')", "emulator"),
        ((b"# kgen:end", b"# the end"), "time.sleep(60)", "timeout"),
        ((b"k=mem.free v=", b"k=mem.free v=1"), "time.sleep(60)", "fail"),
    ],
    ids=["test", "contradiction", "left early", "failed", "hangs", "accounts"],
)
def test_what_goes_wrong(
    player: Player,
    out: Path,
    capsys: Capture,
    recorded: bytes,
    change: tuple[bytes, bytes],
    then: str,
    verdict: str,
) -> None:
    assert change[0] in recorded
    player(recorded.replace(*change), then)
    code, told = boot(capsys, out, "--timeout", "5")
    assert told["verdict"] == verdict, told["reasons"]
    assert code != 0
    assert "QEMU" not in str(told["reasons"])


def test_a_machine_that_starts_over(
    player: Player, out: Path, capsys: Capture, recorded: bytes
) -> None:
    """DOSBox-X resets on a triple fault and boots the floppy once more, for ever.

    The reset may cut a line short. The second hello ends the boot, long before the deadline.
    """
    once = recorded[: recorded.index(b"# kgen:stage i=5") + 9]
    player(once, f"while True: serial.write({once!r})")
    code, told = boot(capsys, out, "--timeout", "60")
    assert (code, told["verdict"]) == (int(Exit.PROTOCOL), "protocol")
    assert "the kernel started again" in str(told["reasons"])
    assert float(str(told["seconds"])) < 30


def test_its_own_words_are_kept_apart(
    player: Player, out: Path, capsys: Capture, recorded: bytes
) -> None:
    player(recorded)
    told = boot(capsys, out)[1]
    log = Path(str(told["log"]))
    assert b"DOSBox-X says hello" not in log.read_bytes()
    assert b"DOSBox-X says hello" in log.with_suffix(".stderr").read_bytes()


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"cpu": "max"}, "--cpu max: DOSBox-X has no such CPU"),
        ({"memory": "2056K"}, "steps of 1M"),
        ({"machine": "q35"}, "--machine q35 is for --engine qemu"),
        ({"accel": "kvm"}, "--accel kvm is for --engine qemu"),
        ({"firmware": "seabios"}, "--firmware seabios is for --engine qemu"),
        ({"audit": "on"}, "--audit on is for --engine qemu"),
        ({"via": "grub"}, "boots from a floppy"),
        ({"engine": "dosbox"}, "--engine dosbox"),
    ],
)
def test_refusals(player: Player, default: Path, options: dict[str, str], what: str) -> None:
    player(b"")
    with pytest.raises(BootError, match=what) as caught:
        kgen_qemu.boot_request(default, **{"engine": "dosbox-x", **options})
    assert caught.value.exit_code == Exit.USAGE


def test_not_installed(default: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BootError, match="dosbox-x is not installed") as caught:
        kgen_qemu.boot_request(default, engine="dosbox-x")
    assert caught.value.exit_code == Exit.EMULATOR
    assert "Debian 13" in caught.value.hint


real = pytest.mark.skipif(shutil.which("dosbox-x") is None, reason="DOSBox-X is not installed")

RESETS = """\
void kernel_main(void);
void kernel_main(void)
{
	static const unsigned char none[6];

	__asm__ volatile("lidt %0; ud2" : : "m"(none));
}
"""


def built(folder: Path, text: str) -> Path:
    """The output folder of a kernel that is described by ``text``."""
    (folder / "described.py").write_text(text)
    assert run(["build", str(folder / "described.py"), "-o", str(folder / "out")]) == 0
    return folder / "out"


@real
def test_the_real_program_at_two_mebibytes(tmp_path: Path, capsys: Capture) -> None:
    out = built(tmp_path, (Path(__file__).parents[2] / "examples/tiny.py").read_text())
    capsys.readouterr()
    code, told = boot(capsys, out, "--memory", "2M", "--timeout", "100")
    assert (code, told["verdict"]) == (0, "pass"), told["reasons"]


@real
def test_the_real_program_starts_over(tmp_path: Path, capsys: Capture) -> None:
    """A triple fault boots the floppy once more; its second hello is the end."""
    (tmp_path / "resets.c").write_text(RESETS)
    described = 'kernel = Kernel(name="resets", sources=["resets.c"])\n'
    out = built(tmp_path, f"from kgen import Kernel\n\n{described}")
    capsys.readouterr()
    code, told = boot(capsys, out, "--memory", "16M", "--timeout", "100")
    assert (code, told["verdict"]) == (int(Exit.PROTOCOL), "protocol"), told["reasons"]
    assert "the kernel started again" in str(told["reasons"])
    assert float(str(told["seconds"])) < 90


@real
@pytest.mark.parametrize("memory", ["4M", "16M", "64M"])
def test_the_real_program(out: Path, capsys: Capture, memory: str) -> None:
    """A 386 that the kernel finds out for itself, and passes on."""
    code, told = boot(capsys, out, "--memory", memory, "--timeout", "100")
    assert (code, told["verdict"]) == (0, "pass"), told["reasons"]
    text = Path(str(told["log"])).read_text()
    assert "family=3 policy=cr3 reason=detected" in text
