"""The judge: each rule alone, and which of two wins. One good boot, spoiled a little at a time."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from kgen_qemu.ktap import Announced
from kgen_qemu.transcript import Panic, Transcript
from kgen_qemu.verdict import Assertion, Ending, Expected, Verdict, Watch, judge

STAGES = (
    *("boot-paging", "higher-half", "multiboot", "memblock"),
    *("buddy", "paging", "kmalloc", "allocate"),
)
EXPECTED = Expected(stages=STAGES, build="0123456789ab")

Recorded = Callable[[str], Transcript]


def verdict(said: Transcript, status: int | None = 33, **ending: Any) -> Verdict:
    return judge(said, Ending(status, **ending), EXPECTED)


@pytest.mark.parametrize(
    ("log", "status", "name", "code", "reason"),
    [
        ("pass", 33, "pass", 0, None),
        ("crlf", 33, "pass", 0, None),
        ("noise_before_hello", 33, "pass", 0, None),
        ("fail", 35, "fail", 1, "test failed: buddy.merge"),
        ("panic", 37, "panic", 4, 'the kernel panicked: page fault: write to "nowhere"'),
        ("panic_mid_line", 37, "panic", 4, "the kernel panicked: double fa"),
        ("refused", 39, "panic", 4, "boot refused: no memory map"),
        ("truncated_plan", 33, "protocol", 7, "suite 'buddy': plan 1..4, but 3 results"),
        ("lies", 33, "protocol", 7, "the end marker says ok=41, the report has 5"),
        ("lies", 33, "protocol", 7, "the end marker says fail=0, the report has 1"),
        ("fail", 33, "protocol", 7, "the end marker says status=fail, the exit code says pass"),
        ("pass", 35, "protocol", 7, "the end marker says status=pass, the exit code says fail"),
        ("no_end", 33, "protocol", 7, "no end marker, after stage allocate (8 of 8)"),
        ("after_end", 33, "protocol", 7, "after the end marker: not ok 4 afterthought"),
        ("bail_out", 35, "protocol", 7, "the tests were given up: buddy is corrupt"),
        ("pass", 65, "protocol", 7, "exit code 0x20 is not one of the protocol's"),
        ("pass", 1, "protocol", 7, "exit code 0x0 is not one of the protocol's"),
        ("pass", 0, "emulator", 6, "QEMU ended with status 0 and did not say why"),
        ("pass", -9, "emulator", 6, "QEMU was ended by signal 9, after stage allocate (8 of 8)"),
    ],
)
def test_recorded_logs(
    recorded: Recorded, log: str, status: int, name: str, code: int, reason: str | None
) -> None:
    found = verdict(recorded(log), status)
    assert (found.name, found.exit_code) == (name, code)
    assert reason in found.reasons if reason else found.reasons == ()


@pytest.mark.parametrize("log", ["garbage", "restarted", "crash_mid_line"])
def test_other_damaged_logs_are_protocol(recorded: Recorded, log: str) -> None:
    assert verdict(recorded(log)).name == "protocol"


def test_status_zero_is_never_success(recorded: Recorded) -> None:
    for shutdown in (None, "guest-reset", "guest-shutdown", "host-signal", "host-qmp-quit"):
        assert verdict(recorded("pass"), 0, shutdown=shutdown).exit_code != 0


@pytest.mark.parametrize(("log", "status"), [("pass", 33), ("fail", 35), ("panic", 37)])
def test_leaving_through_the_exit_port_may_be_a_shutdown(
    recorded: Recorded, log: str, status: int
) -> None:
    """From QEMU 9.1 on it is one, and the status says which; before, QMP said nothing."""
    said = recorded(log)
    assert verdict(said, status, shutdown="guest-shutdown") == verdict(said, status)
    assert verdict(said, status).name == log


def test_a_shutdown_without_a_code_is_protocol(recorded: Recorded) -> None:
    found = verdict(recorded("pass"), 0, shutdown="guest-shutdown")
    assert (found.name, found.exit_code) == ("protocol", 7)
    assert found.reasons == ("the machine was switched off, and no exit code given",)
    unknown = verdict(recorded("pass"), 65, shutdown="guest-shutdown")
    assert unknown.reasons == ("exit code 0x20 is not one of the protocol's",)


def test_the_test_that_was_running_is_named(recorded: Recorded) -> None:
    """Where the kernel panicked, stood still, or was ended."""
    said = replace(recorded("no_end"), running=Announced(3, "buddy", "splits"))
    assert any("(8 of 8), in test buddy.splits" in text for text in verdict(said).reasons)
    timeout = verdict(said, None, timed_out=True, timeout=2.0)
    assert (
        "no end within 2 s, after stage allocate (8 of 8), in test buddy.splits" in timeout.reasons
    )
    panicked = verdict(replace(said, panic=Panic("page fault")), 37)
    assert panicked.reasons == ("the kernel panicked: page fault", "in test buddy.splits")


# What wins. Each pair is a kernel or a machine with two things wrong.


def test_a_panic_beats_all_else(recorded: Recorded) -> None:
    said = recorded("panic")
    for ending in (
        Ending(0, shutdown="guest-reset"),
        Ending(None, timed_out=True, timeout=1),
        Ending(-9),
        Ending(33),
    ):
        assert judge(said, ending, EXPECTED).name == "panic"
    hung = judge(said, Ending(None, timed_out=True, timeout=1), EXPECTED)
    assert "stood still" in hung.reasons[1]
    fell = judge(said, Ending(0, shutdown="guest-reset"), EXPECTED)
    assert "fault in the panic handler" in fell.reasons[1]


def test_the_exit_code_for_panic_needs_no_line() -> None:
    assert verdict(Transcript(), 37).reasons == (
        "the kernel left with the exit code for panic and no panic line, "
        "before its serial line was up",
    )
    assert verdict(Transcript(), 39).name == "panic"


def test_a_pass_that_panicked_is_a_panic(recorded: Recorded) -> None:
    assert verdict(replace(recorded("pass"), panic=Panic("late"))).name == "panic"


def test_a_reset_beats_a_missing_end(recorded: Recorded) -> None:
    found = verdict(recorded("no_end"), 0, shutdown="guest-reset", place="0x1 f+0x0")
    assert (found.name, found.exit_code) == ("reset", 8)
    assert found.reasons[1] == "it was at 0x1 f+0x0"


def test_a_timeout_beats_failed_tests(recorded: Recorded) -> None:
    found = verdict(recorded("fail"), None, timed_out=True, timeout=2.5)
    assert (found.name, found.exit_code) == ("timeout", 5)
    assert found.reasons[0].startswith("no end within 2.5 s")


def test_a_contradiction_beats_a_failed_test(recorded: Recorded) -> None:
    said = recorded("fail")
    assert said.end is not None
    assert verdict(replace(said, end=replace(said.end, ok=9)), 35).name == "protocol"


@pytest.mark.parametrize("status", ["pass", "fail"])
def test_a_status_that_its_own_counts_deny(recorded: Recorded, status: str) -> None:
    said = recorded("fail" if status == "pass" else "pass")
    assert said.end is not None
    lying = replace(said, end=replace(said.end, status=status))
    found = verdict(lying, 33 if status == "pass" else 35)
    assert found.name == "protocol"
    assert f"status={status} with fail=" in found.reasons[-1]


# Stages, identity, tests.


def test_stages(recorded: Recorded) -> None:
    said = recorded("pass")
    stages = said.stages
    missing = replace(said, stages=stages[:4] + stages[5:])
    assert verdict(missing).reasons == ("stages never reached: buddy",)
    swapped = replace(said, stages=(stages[1], stages[0], *stages[2:]))
    assert verdict(swapped).reasons[0].startswith("stages out of order: higher-half boot-paging")
    twice = replace(said, stages=(*stages, stages[-1]))
    assert verdict(twice).reasons[0].startswith("stages out of order")
    misnumbered = replace(said, stages=(replace(stages[0], index=2), *stages[1:]))
    assert verdict(misnumbered).reasons == ("stage boot-paging says 2 of 8, is 1 of 8",)


def test_identity(recorded: Recorded) -> None:
    said = recorded("pass")
    assert said.hello is not None
    newer = replace(said, hello=replace(said.hello, proto=2))
    assert "speaks protocol 2" in verdict(newer).reasons[0]
    other = replace(said, hello=replace(said.hello, build="ffffffffffff"))
    assert verdict(other).reasons == ("hello says build ffffffffffff, the manifest 0123456789ab",)
    assert "no hello line" in verdict(Transcript()).reasons[0]


def test_tests_are_demanded_only_of_a_kernel_that_has_them(recorded: Recorded) -> None:
    said = recorded("pass")
    assert said.end is not None
    bare = replace(said, tests=(), has_report=False, end=replace(said.end, ok=0, skip=0))
    assert verdict(bare).reasons == ("no test report, though this kernel was built with tests",)
    assert judge(bare, Ending(33), replace(EXPECTED, tests=False)).name == "pass"


# QEMU's own failures.


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Ending(1, stderr="could not open disk\n"), "QEMU: could not open disk"),
        (Ending(1), "it said nothing"),
        (Ending(127, stderr="sh: not found"), "QEMU: sh: not found"),
        (Ending(1, stderr="x" * 5000), f"QEMU: {'x' * 200}"),
        (Ending(None, deaf=True), "QEMU closed the serial line and did not end, before hello"),
        (
            Ending(0, shutdown="host-signal"),
            "QEMU was ended from outside (host-signal), before hello",
        ),
    ],
)
def test_the_emulator_failed(ending: Ending, reason: str) -> None:
    found = judge(Transcript(), ending, EXPECTED)
    assert (found.name, found.exit_code) == ("emulator", 6)
    assert reason in found.reasons


def test_an_internal_error_of_qemu_in_mid_run(recorded: Recorded) -> None:
    assert verdict(recorded("no_end"), 1, stderr="KVM internal error").name == "emulator"


def test_a_warning_on_stderr_spoils_nothing(recorded: Recorded) -> None:
    assert verdict(recorded("pass"), stderr="warning: TCG lacks a feature").name == "pass"


def test_the_end_marker_alone_will_do_where_there_is_no_exit_port(recorded: Recorded) -> None:
    said = recorded("pass")
    assert "never left" in verdict(said, None).reasons[0]
    without = replace(EXPECTED, exit_device=False)
    assert judge(said, Ending(None), without).name == "pass"
    assert judge(recorded("fail"), Ending(None), without).name == "fail"


def test_one_that_closes_the_line_after_the_end_marker(recorded: Recorded) -> None:
    """The log is complete: only the exit code is missing."""
    assert verdict(recorded("no_end"), None, deaf=True).name == "emulator"
    assert "never left" in verdict(recorded("pass"), None, deaf=True).reasons[0]


# Assertions.


def test_expect_and_forbid(recorded: Recorded) -> None:
    watch = Watch(expect=("a+b", "never"), forbid=("x$", "unseen"))
    for line in ("caab", "ab", "xy", "yx"):
        watch.line(line)
    found = watch.result()
    assert found == (
        Assertion("a+b", True, "caab"),
        Assertion("never", True),
        Assertion("x$", False, "yx"),
        Assertion("unseen", False),
    )
    assert [one.holds for one in found] == [True, False, False, True]
    judged = judge(recorded("pass"), Ending(33), EXPECTED, found)
    assert (judged.name, judged.exit_code) == ("fail", 1)
    assert judged.reasons == (
        "--expect 'never' was not found",
        "--forbid 'x$' was found: yx",
    )
