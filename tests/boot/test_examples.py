"""The examples are what people start from: each is built and booted as its text says.

They go through the command line, as a reader would go, each into a folder of its own.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
KGEN = str(Path(sys.executable).with_name("kgen"))

pytestmark = pytest.mark.boot


def build(example: str, out: Path) -> None:
    """``kgen build`` of one example; nothing on stderr, so no warning either."""
    command = [KGEN, "build", str(EXAMPLES / example), "-o", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def boot(out: Path, *options: str) -> dict[str, Any]:
    """The JSON of ``kgen boot`` with ``options``, run in the repository's folder."""
    command = [KGEN, "boot", "-o", str(out), "--json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    result: dict[str, Any] = json.loads(done.stdout)
    assert done.returncode == result["exit_code"]
    return result


def built_and_booted(example: str, out: Path, *options: str) -> dict[str, Any]:
    build(example, out)
    result = boot(out, *options)
    assert result["reasons"] == []
    assert result["verdict"] == "pass"
    return result


def log(result: dict[str, Any]) -> str:
    return Path(result["log"]).read_text(encoding="ascii")


def test_minimal(tmp_path: Path) -> None:
    result = built_and_booted("minimal.py", tmp_path)
    assert "name=minimal" in log(result)
    assert result["tests"]["passed"] > 50


def test_tiny_serves_2_to_4_mib(tmp_path: Path) -> None:
    result = built_and_booted("tiny.py", tmp_path, "--cpu", "386", "--memory", "2M")
    free = result["stats"]["buddy.all.free_pages"]
    # More than half of 512 pages is left: what the example's text is about.
    assert 256 < free < 512
    assert not any(key.startswith("buddy.highmem") for key in result["stats"])
    assert max(int(key.rpartition(".o")[2]) for key in result["stats"] if ".init.all." in key) == 6
    # No slabs: of all caches only those of the tests.
    assert not any(key.startswith("slab.kmalloc-") for key in result["stats"])

    largest = boot(tmp_path, "--memory", "4M")
    assert largest["verdict"] == "pass"
    assert largest["stats"]["paging.direct_pages"] == 1020  # all but frame 0 and three guards


def test_split_2g_maps_2_gib_but_256_mib(tmp_path: Path) -> None:
    result = built_and_booted("split_2g.py", tmp_path, "--memory", "2G")
    assert re.search(r"higher half: eip=0x801[0-9a-f]{5} ", log(result))
    assert result["stats"]["buddy.highmem.free_pages"] == (2048 - 1792) * 256


def test_pentium_asks_for_nothing_and_refuses_older_cpus(tmp_path: Path) -> None:
    result = built_and_booted("pentium.py", tmp_path, "--cpu", "pentium")
    assert "# kgen:cpu family=5 policy=invlpg" in log(result)
    assert "cpu.invlpg" not in (tmp_path / "src/arch/i386/tlb.c").read_text()
    refused = boot(tmp_path, "--cpu", "486")
    assert refused["verdict"] == "panic"
    assert "needs a pentium" in refused["panic"]["message"]


def test_server_has_4_gib_and_maps_what_it_can(tmp_path: Path) -> None:
    result = built_and_booted("server.py", tmp_path, "--memory", "4G")
    stats = result["stats"]
    assert re.search(r"higher half: eip=0x801[0-9a-f]{5} ", log(result))
    assert stats["buddy.highmem.free_pages"] > 1024 * 256  # beyond the direct map
    assert stats["paging.large_pages"] > 350  # 1536 MiB, in steps of 4 MiB
    assert "# kgen:cpu family=6" in log(result)
    metadata = stats["mem.early"] - stats["paging.tables"] * 4096
    assert metadata < 1.5 * 2**20  # a byte for each frame, and bitmaps for the free ones
    refused = boot(tmp_path, "--cpu", "pentium", "--memory", "1G")
    assert refused["verdict"] == "panic"
    assert "needs a pentiumpro" in refused["panic"]["message"]


def test_debug_finds_nothing_where_nothing_is_wrong(tmp_path: Path) -> None:
    result = built_and_booted("debug.py", tmp_path)
    assert result["stats"]["leaks.count"] == 0
    failing = boot(tmp_path, "--append", "fail.nth=1")
    assert failing["stats"]["kmalloc.failures"] == result["stats"]["kmalloc.failures"] + 1


def test_hello_uses_command_line_and_module(tmp_path: Path) -> None:
    options = ("--append", "who=reader", "--module", "README.md")
    result = built_and_booted("hello/kernel.py", tmp_path, *options)
    readme = (ROOT / "README.md").read_bytes()
    lines = readme.count(b"\n")
    assert "hello, reader\n" in log(result)
    assert f"README.md has {len(readme)} bytes, {lines} lines" in log(result)
    assert result["stats"]["hello.module_bytes"] == len(readme)
    assert {"hello.counts_lines", "hello.kmalloc_wastes_little"} <= {*result["tests"]["names"]}


def test_classroom_sweeps(tmp_path: Path) -> None:
    """The table has a row a value; free memory is scattered at first and whole at the end."""
    sweep = str(EXAMPLES / "classroom/sweep.py")
    command = [sys.executable, sweep, "--values", "2", "10"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    head, *rows = (line.split() for line in done.stdout.splitlines())
    assert head[0] == "buddy.max_order"
    assert [row[0] for row in rows] == ["2", "10"]
    for row in rows:
        quarter, half, three_quarters, seven_eighths, all_free = map(int, row[-5:])
        assert quarter < half < three_quarters < seven_eighths < all_free
        assert 5 <= half <= 20  # 12.5 % is expected, see examples/README.md
        assert all_free >= 95
    assert int(rows[0][2]) > int(rows[1][2])  # blocks to begin with
    assert list(tmp_path.iterdir()) == []


def shares(result: dict[str, Any]) -> list[int]:
    """The experiment's outcome: percentages by eighths."""
    return [result["stats"][f"class.large_percent.{eighth}"] for eighth in range(1, 9)]


def test_classroom_heeds_its_seed(tmp_path: Path) -> None:
    first = built_and_booted("classroom/kernel.py", tmp_path, "--memory", "16M")
    again = boot(tmp_path, "--memory", "16M")
    other = boot(tmp_path, "--memory", "16M", "--append", "seed=7")
    assert first["stats"] == again["stats"]
    assert shares(first) != shares(other)


# --- programs ---------------------------------------------------------------------------


def after(result: dict[str, Any], words: str) -> tuple[int, ...]:
    """The numbers of the first line of the log that has these words."""
    line = next(line for line in log(result).splitlines() if words in line)
    return tuple(int(number) for number in re.findall(r"[-+]?\d+", line.partition(words)[2]))


def test_paging_gives_a_frame_for_a_touch(tmp_path: Path) -> None:
    result = built_and_booted("paging/kernel.py", tmp_path)
    assert after(result, "64 pages are promised")[1] == 0
    assert after(result, "that all share")[1] == 0
    for page in range(4):
        assert after(result, f"page {page} is written: a frame of its own, zeroed")[1] == 1
    assert after(result, "written again: it is there")[1] == 0
    assert 16 <= after(result, "of stack are used: it has grown")[1] <= 20
    assert after(result, "not needed any more")[1] == -2
    assert "page 0 reads 0 again" in log(result)


def test_fork_shares_what_nobody_writes(tmp_path: Path) -> None:
    result = built_and_booted("fork/kernel.py", tmp_path)
    assert after(result, "256 pages are filled:")[0] in (256, 257)
    assert after(result, "6 processes more:")[1] < 20
    assert after(result, "16 pages written by each:")[1] == 16
    back, theirs = after(result, "all have ended:")
    assert 6 * 16 <= back <= theirs


def test_a_hog_dies_alone(tmp_path: Path) -> None:
    result = built_and_booted("hog/kernel.py", tmp_path, "--memory", "16M")
    assert "the hog was ended by a signal: killed" in log(result)
    assert "what was ours is ours: 7" in log(result)


def test_sort_takes_what_it_touches(tmp_path: Path) -> None:
    result = built_and_booted("sort/kernel.py", tmp_path, "--memory", "16M")
    (frames,) = after(result, "50000 numbers counted, in")
    assert frames < 400  # of 16384 pages
    assert after(result, "all 64 MiB read,")[0] == frames
    assert "50000 numbers in order" in log(result)


def test_linux_runs_what_it_is_given(tmp_path: Path) -> None:
    """A program built by kgen is a static Linux binary as well."""
    build("paging/kernel.py", tmp_path / "other")
    build("linux/kernel.py", tmp_path)
    program = tmp_path / "other/build/programs/paging"
    result = boot(tmp_path, "--init", str(program))
    assert result["verdict"] == "pass", result["reasons"]
    assert result["exit"] == {"pid": 1, "status": 0}
    assert "paging: page by page" in log(result)


def test_every_example_is_tried() -> None:
    files = {path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.rglob("*.py")}
    tried = set(re.findall(r'"((?:\w+/)?\w+\.py)"', Path(__file__).read_text()))
    assert files == tried
