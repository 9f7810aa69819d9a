"""What people and programs are shown of a boot."""

import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from kgen_qemu.report import print_report
from kgen_qemu.result import Result
from kgen_qemu.sites import CodeSite, LeakSite
from kgen_qemu.symbols import Frame
from kgen_qemu.transcript import Transcript
from kgen_qemu.verdict import Assertion, Ending, Expected, judge

STAGES = (
    *("boot-paging", "higher-half", "multiboot", "memblock"),
    *("buddy", "paging", "kmalloc", "allocate"),
)

Recorded = Callable[[str], Transcript]


def result(
    said: Transcript,
    status: int,
    frames: tuple[Frame, ...] = (),
    assertions: tuple[Assertion, ...] = (),
    sites: tuple[CodeSite, ...] = (),
    leaks: tuple[LeakSite, ...] = (),
) -> Result:
    verdict = judge(said, Ending(status), Expected(STAGES), assertions)
    return Result(
        verdict=verdict.name,
        exit_code=verdict.exit_code,
        reasons=verdict.reasons,
        cpu="486",
        memory=64 << 20,
        machine="pc",
        accel="tcg",
        transcript=said,
        assertions=assertions,
        frames=frames,
        sites=sites,
        leaks=leaks,
        seconds=0.12345,
        log=Path("kernel_out/boot/pc-486-64M.log"),
        command="kgen boot --cpu 486",
    )


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(one: Result, file: io.StringIO | None = None) -> str:
    file = file or io.StringIO()
    print_report(one, file)
    return file.getvalue()


def test_a_standard_output_that_is_closed(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``kgen boot >&-``: the verdict is the exit code."""
    monkeypatch.setattr("sys.stdout", None)
    print_report(result(recorded("pass"), 33))


def test_pass(recorded: Recorded) -> None:
    assert shown(result(recorded("pass"), 33)) == (
        "PASS: 8 stages, 6 tests passed, 0 failed, 1 skipped, 0.12 s\n"
        "  log      kernel_out/boot/pc-486-64M.log\n"
        "  repeat   kgen boot --cpu 486\n"
    )


def test_fail_names_the_test_and_what_it_said(recorded: Recorded) -> None:
    text = shown(result(recorded("fail"), 35))
    assert text.startswith("FAIL: 8 stages, 5 tests passed, 1 failed, 1 skipped")
    assert "  not ok buddy.merge\n    merge: expected 8, got 4 (mm/buddy_test.c:61)\n" in text


def test_panic_in_words(recorded: Recorded) -> None:
    frames = (Frame(0xC0100432, "buddy_free", 0x12, "mm/buddy.c", 142), Frame(0xC0100018))
    assert (
        '  the kernel panicked: page fault: write to "nowhere"\n'
        "  vector 14, error 0x2, eip 0xc0100432, cr2 0xdeadbeef\n"
        "  #0 0xc0100432 buddy_free+0x12 at mm/buddy.c:142\n"
        "  #1 0xc0100018\n"
    ) in shown(result(recorded("panic"), 37, frames))


def test_a_panics_call_sites_are_named(recorded: Recorded) -> None:
    frame = Frame(0xC0112844, "forget", 0x10, "user/hello.c", 12)
    sites = (CodeSite(frame, "freed from"), CodeSite(frame))
    text = shown(result(recorded("panic"), 37, sites=sites))
    assert "  freed from 0xc0112844 forget+0x10 at user/hello.c:12\n" in text
    assert "  code at 0xc0112844 forget+0x10 at user/hello.c:12\n" in text


def leak(number: int) -> LeakSite:
    frame = Frame(0xC0100000 + number, "forget", number, "user/hello.c", 12)
    return LeakSite(frame, number, 100 * number)


def test_leaks_are_shown_though_they_fail_nothing(recorded: Recorded) -> None:
    text = shown(result(recorded("pass"), 33, leaks=(leak(2), leak(1))))
    assert text.startswith("PASS")
    assert (
        "  leaked   300 bytes in 3 allocations, not freed at the end\n"
        "    200 bytes in 2 allocations from 0xc0100002 forget+0x2 at user/hello.c:12\n"
        "    100 bytes in 1 allocation from 0xc0100001 forget+0x1 at user/hello.c:12\n"
    ) in text


def test_many_leaks_are_cut(recorded: Recorded) -> None:
    text = shown(result(recorded("pass"), 33, leaks=tuple(map(leak, range(20, 0, -1)))))
    assert "from 0xc010000d" in text
    assert "from 0xc010000c" not in text
    assert "… and 12 more call sites" in text
    assert "21000 bytes in 210 allocations" in text


def test_many_reasons_are_cut(recorded: Recorded) -> None:
    many = tuple(Assertion(f"pattern {number}", True) for number in range(40))
    text = shown(result(recorded("pass"), 33, assertions=many))
    assert "--expect 'pattern 11' was not found" in text
    assert "pattern 12" not in text
    assert "… and 28 more" in text


def test_colour_on_a_terminal_only(recorded: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    one = result(recorded("pass"), 33)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert "\x1b[" in shown(one, Terminal())
    assert "\x1b[" not in shown(one)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in shown(one, Terminal())


def test_json_has_the_contracts_keys(recorded: Recorded) -> None:
    data = result(recorded("fail"), 35, assertions=(Assertion("x", True, "xy"),)).to_json()
    assert json.loads(json.dumps(data)) == data
    assert list(data) == [
        "schema",
        "verdict",
        "exit_code",
        "reasons",
        "engine",
        "cpu",
        "memory",
        "machine",
        "accel",
        "stages",
        "stats",
        "tests",
        "panic",
        "exit",
        "leaks",
        "expect",
        "audit",
        "accounting",
        "stale",
        "seconds",
        "log",
        "command",
        "run",
    ]
    assert data["schema"] == 1
    assert (data["verdict"], data["exit_code"]) == ("fail", 1)
    assert type(data["exit_code"]) is int
    assert data["stages"][4] == {"index": 5, "name": "buddy"}
    assert data["stats"]["tlb.flush_all"] == 3
    tests = data["tests"]
    assert (tests["passed"], tests["failed"], tests["skipped"]) == (5, 1, 1)
    assert tests["names"][3] == "buddy.merge"
    assert data["panic"] is None
    assert data["seconds"] == 0.123
    assert data["expect"] == [{"pattern": "x", "wanted": True, "line": "xy", "holds": True}]


def test_json_of_a_panic(recorded: Recorded) -> None:
    frame = Frame(0xC0100432, "f", 1, "f.c", 2)
    panic = result(recorded("panic"), 37, (frame,), sites=(CodeSite(frame, "from"),)).to_json()[
        "panic"
    ]
    place = {"address": 0xC0100432, "function": "f", "file": "f.c", "line": 2}
    assert panic == {
        "message": 'page fault: write to "nowhere"',
        "eip": 0xC0100432,
        "cr2": 0xDEADBEEF,
        "backtrace": [place],
        "sites": [{"relation": "from", **place}],
    }


def test_json_of_leaks(recorded: Recorded) -> None:
    assert result(recorded("pass"), 33).to_json()["leaks"] == []
    assert result(recorded("pass"), 33, leaks=(leak(2),)).to_json()["leaks"] == [
        {
            "count": 2,
            "bytes": 200,
            "site": 0xC0100002,
            "function": "forget",
            "file": "user/hello.c",
            "line": 12,
        }
    ]


def test_json_of_a_panic_without_a_line() -> None:
    panic = result(Transcript(), 37).to_json()["panic"]
    assert "before its serial line was up" in panic["message"]
    assert (panic["eip"], panic["cr2"], panic["backtrace"]) == (None, None, [])


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys; before = set(sys.modules); import kgen_qemu; print(*set(sys.modules) - before)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["kgen_qemu"]


def test_the_package_exports_what_it_says() -> None:
    import kgen_qemu

    for name in kgen_qemu.__all__:
        assert getattr(kgen_qemu, name).__name__ == name
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kgen_qemu.nonsense  # noqa: B018
