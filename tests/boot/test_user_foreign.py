"""Unmodified static Linux binaries run: musl's hello, a malloc stress, Lua, busybox's shell."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Boot
from tests.boot.foreign import Foreign, programs

pytestmark = pytest.mark.boot

SETS = ("features.user_space=true", "cpu.fpu=x87", "features.tests=false")


@pytest.fixture(scope="module")
def foreign() -> Foreign:
    return programs()


@pytest.fixture
def kernel(user_kernel: Callable[..., Path]) -> Path:
    return user_kernel(sets=SETS)


def said(boot: Boot, kernel: Path, init: str, **options: object) -> list[str]:
    """What a program printed on a boot that passes."""
    result = boot(kernel, init=init, **options)
    assert result.verdict == "pass", result.reasons
    text = result.log.read_text()
    after = text.partition("stage i=8 of=9 name=allocate\n")[2]
    program, _, _ = after.partition("# kgen:exit ")
    lines = [line for line in program.splitlines() if not line.startswith("# kgen:")]
    assert not any("ENOSYS" in line for line in lines), lines
    return lines


@pytest.mark.parametrize(("cpu", "memory"), [("486", "8M"), ("qemu32", "64M"), ("max", "1G")])
def test_a_hello_of_musls(
    boot: Boot, kernel: Path, foreign: Foreign, cpu: str, memory: str
) -> None:
    lines = said(boot, kernel, f"{foreign.hello} one 'two  words'", cpu=cpu, memory=memory)
    assert lines == ["one two  words", "hello from musl, pi is 3.14159"]


def test_a_malloc_stress(boot: Boot, kernel: Path, foreign: Foreign) -> None:
    lines = said(boot, kernel, str(foreign.stress), timeout=60)
    assert lines == ["stress: 30000 steps, every block as it was left"]


def test_lua(boot: Boot, kernel: Path, foreign: Foreign, tmp_path: Path) -> None:
    script = tmp_path / "work.lua"
    script.write_text(
        "local t = {}\n"
        "for i = 1, 20000 do t[i] = string.format('%05d', (i * 7919) % 20011) end\n"
        "table.sort(t)\n"
        "print(#t, t[1], t[#t], math.sqrt(2), 2^0.5 == math.sqrt(2), #table.concat(t))\n"
        "local f = io.open('/tmp/x', 'w'); f:write('kept'); f:close()\n"
        "print(io.open('/tmp/x'):read('a'), collectgarbage('count') > 100)\n"
    )
    lines = said(boot, kernel, f"{foreign.lua} /work.lua", modules=[script], timeout=60)
    assert lines == ["20000\t00001\t20010\t1.4142135623731\ttrue\t100000", "kept\ttrue"]


SCRIPT = """\
set -e
mkdir /tmp/d
cd /tmp/d
for i in 3 1 2; do echo "line $i" >> f; done
sort f | while read -r a b; do echo "$b:$a"; done
echo "$(cat f | wc -l) lines, $((6 * 7))"
[ -e /script ] && ls / | grep -c .
ln -s f g 2>/dev/null && readlink g
(exit 3) || echo "status $?"
f() { [ "$1" -gt 0 ] && f $(($1 - 1)) || echo deep; }
f 50
trap 'echo caught' USR1
kill -USR1 $$
sed -n 's/line 1/one/p' f | tr a-z A-Z
find /tmp/d -type f | head -1
rm -r /tmp/d
sleep 0.05
"""


def test_a_script_of_busyboxs_shell(
    boot: Boot, kernel: Path, foreign: Foreign, tmp_path: Path
) -> None:
    script = tmp_path / "script"
    script.write_text(SCRIPT)
    lines = said(boot, kernel, f"{foreign.busybox} ash /script", modules=[script], timeout=60)
    assert [line for line in lines if not re.fullmatch(r"\d+", line)] == [
        *("1:line", "2:line", "3:line", "3 lines, 42"),
        *("f", "status 3", "deep", "caught", "ONE", "/tmp/d/f"),
    ]


def test_an_archive_is_a_tree(boot: Boot, kernel: Path, foreign: Foreign, tmp_path: Path) -> None:
    """A cpio archive, made here by busybox itself."""
    tree = tmp_path / "tree"
    (tree / "etc").mkdir(parents=True)
    (tree / "etc" / "motd").write_text("good morning\n")
    archive = tmp_path / "initrd.cpio"
    names = "etc\netc/motd\n"
    done = subprocess.run(
        [str(foreign.busybox), "cpio", "-o", "-H", "newc"],
        input=names.encode(),
        cwd=tree,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        pytest.skip("this machine runs no busybox for i386")
    archive.write_bytes(done.stdout)
    lines = said(boot, kernel, f"{foreign.busybox} cat /etc/motd", modules=[archive])
    assert lines == ["good morning"]
