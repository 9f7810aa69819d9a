"""``kgen build`` and ``kgen boot`` as people type them, with C sources of their own."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.boot

ROOT = Path(__file__).parents[2]
KERNELS = ROOT / "tests/kernels"
DESCRIPTION = """\
from kgen import Kernel

kernel = Kernel(name="greeter", sources=["hello.c"])
"""


def kgen(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from kgen.cli import main; main()", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def greeter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's folder: kernel.py, hello.c, and what ``kgen build`` made of them."""
    folder = tmp_path_factory.mktemp("greeter")
    shutil.copy(KERNELS / "hello.c", folder)
    (folder / "kernel.py").write_text(DESCRIPTION)
    done = kgen(folder, "build")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("kgen: built kernel_out/build/kernel.elf")
    return folder


def test_a_users_source_runs_and_brings_its_tests(greeter: Path) -> None:
    options = ("--expect", "hello from user/hello.c, memory is free", "--timeout", "3000000")
    done = kgen(greeter, "boot", *options)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert "hello from user/hello.c, memory is free" in lines
    assert "  ok 2 obeys_the_command_line" in lines
    assert "  ok 3 has_nothing_to_say # SKIP nobody asked" in lines
    assert any(line.startswith("PASS: 9 stages, ") and "1 skipped" in line for line in lines)
    for page in ("README.md", "docs/cpu386.md"):
        (accounts,) = re.findall(r"^  memory   .*$", (ROOT / page).read_text(), re.MULTILINE)
        assert accounts in lines
    assert lines[-1].endswith(
        "kgen boot --cpu qemu32 --memory 64M --machine pc "
        "--expect 'hello from user/hello.c, memory is free' --timeout 3000000"
    )


def test_a_boot_after_an_edit_says_that_the_kernel_is_from_before(greeter: Path) -> None:
    source = (greeter / "hello.c").read_text()
    (greeter / "hello.c").write_text(source + "\n")
    done = kgen(greeter, "boot")
    (greeter / "hello.c").write_text(source)
    lines = done.stdout.splitlines()
    assert "  stale    hello.c changed since this kernel was built: run kgen build" in lines
    assert done.returncode == 0  # the verdict is on the kernel that ran


def test_a_users_failing_test_is_named(greeter: Path) -> None:
    done = kgen(greeter, "boot", "--append", "hello=fail")
    assert done.returncode == 1
    assert "test failed: hello.obeys_the_command_line" in done.stdout
    assert "expected wish[0] != 'f' at user/hello.c:" in done.stdout


def test_json_is_one_object_and_nothing_else(greeter: Path) -> None:
    done = kgen(greeter, "boot", "--json", "--cpu", "486", "--memory", "16M")
    assert done.returncode == 0
    assert done.stderr == ""
    result = json.loads(done.stdout)
    assert result["verdict"] == "pass"
    assert (result["cpu"], result["memory"], result["machine"]) == ("486", 16 << 20, "pc")
    assert [stage["index"] for stage in result["stages"]] == list(range(1, 10))
    assert [stage["name"] for stage in result["stages"][7:]] == ["allocate", "user"]
    assert result["tests"]["skipped"] == 1
    assert "hello.remembers_what_main_wrote" in result["tests"]["names"]
    assert result["stats"]["hello.size"] == 64
    assert result["panic"] is None
    assert Path(greeter, result["log"]).is_file()


def test_the_repeated_command_repeats(greeter: Path) -> None:
    first = json.loads(kgen(greeter, "boot", "--json", "--append", "a 'b' $c").stdout)
    log = (greeter / first["log"]).read_bytes()
    again = subprocess.run(
        f"{shlex.quote(sys.executable)} -c 'from kgen.cli import main; main()' "
        + first["command"].removeprefix("kgen "),
        shell=True,
        cwd=greeter,
        capture_output=True,
        check=True,
    )
    assert b"a 'b' $c" in again.stdout
    assert (greeter / first["log"]).read_bytes() == log


def test_too_little_memory_names_the_minimum(greeter: Path) -> None:
    done = kgen(greeter, "boot", "--memory", "1M")
    assert done.returncode == 2
    assert "needs at least 2M" in done.stderr


def test_a_changed_source_changes_the_kernel(greeter: Path) -> None:
    source = greeter / "hello.c"
    text = source.read_text()
    source.write_text(text.replace("hello from %s", "good day from %s"))
    assert kgen(greeter, "build").returncode == 0
    done = kgen(greeter, "boot")
    source.write_text(text)
    assert kgen(greeter, "build").returncode == 0
    assert "good day from user/hello.c" in done.stdout
    assert done.returncode == 1  # its own test misses the hello
    assert "test failed: hello.remembers_what_main_wrote" in done.stdout
