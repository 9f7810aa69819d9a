"""KTAP as other kernels print it, and tests that print what looks like it.

The situations are those of Linux's KTAP document and of the logs that its parser is tested with.
"""

import pytest

from kgen_qemu.ktap import MAX_ANNOUNCED, Announced, CaseResult, KtapReader


def read(text: str) -> KtapReader:
    reader = KtapReader()
    for line in text.splitlines():
        reader.line(line)
    reader.finish()
    return reader


def outcomes(reader: KtapReader) -> dict[str, str]:
    return {test.name: test.outcome for test in reader.tests}


@pytest.mark.parametrize("result", ["ok", "not ok"])
@pytest.mark.parametrize("directive", ["# SKIP", "# SKIP no such device", "# skip", "#SKIP"])
def test_a_skip_is_one_whatever_stands_before_it(result: str, directive: str) -> None:
    reader = read(f"KTAP version 1\n1..1\n{result} 1 disk {directive}\n")
    assert outcomes(reader) == {"disk": "skip"}
    assert reader.problems == []


def test_skipped_tests_are_no_failures_of_their_suite() -> None:
    reader = read(
        "KTAP version 1\n1..2\n"
        "  KTAP version 1\n  1..2\n  not ok 1 a # SKIP\n  ok 2 b\nok 1 some\n"
        "  KTAP version 1\n  1..1\n  not ok 1 c # SKIP\nnot ok 2 all # SKIP nothing to try\n"
    )
    assert outcomes(reader) == {"some.a": "skip", "some.b": "ok", "all.c": "skip"}
    assert reader.problems == []


def test_a_skipped_suite_hides_no_failure() -> None:
    reader = read("KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n  not ok 1 a\nok 1 s # SKIP\n")
    assert outcomes(reader) == {"s.a": "fail"}
    assert reader.problems == ["suite 's': reported 'ok' with 1 failed tests"]


@pytest.mark.parametrize("directive", ["# TO" + "DO later", "# XFAIL", "# TIMEOUT 30 s", "# ERROR"])
def test_no_other_directive_changes_a_result(directive: str) -> None:
    """The document: with a directive that a parser does not support it goes by ok and not ok."""
    reader = read(f"KTAP version 1\n1..2\nnot ok 1 a {directive}\nok 2 b # code=0\n")
    assert outcomes(reader) == {"a": "fail", "b": "ok"}
    assert reader.tests[1].message == ("code=0",)


TREE = """\
KTAP version 1
1..2
>KTAP version 1
># Subtest: net
>1..2
>ok 1 - up
>not ok 2 - down
not ok 1 - net
># Subtest: disk
>1..1
>>KTAP version 1
>>1..1
>>ok 1 - read
>ok 1 - sector
ok 2 - disk
"""
FOUND = {"net.up": "ok", "net.down": "fail", "disk.sector.read": "ok"}


@pytest.mark.parametrize("indent", ["  ", "    ", "\t"])
@pytest.mark.parametrize(
    "prefix",
    ["", "[    0.060000] ", "[   12.345678][    T1] ", "[  1.5][   C0] ", "<6>[    0.060000] "],
)
def test_tabs_indent_and_a_time_may_stand_in_front(indent: str, prefix: str) -> None:
    text = TREE.replace(">", indent)
    reader = read("".join(f"{prefix}{line}\n" for line in text.splitlines()))
    assert outcomes(reader) == FOUND
    assert reader.problems == []


@pytest.mark.parametrize("indent", ["  ", "\t", " \t"])
def test_a_failure_below_a_pass_is_not_hidden(indent: str) -> None:
    text = TREE.replace("not ok 1 - net", "ok 1 - net").replace(">", indent)
    reader = read(text)
    assert outcomes(reader) == FOUND
    assert reader.problems == ["suite 'net': reported 'ok' with 1 failed tests"]


def test_a_result_without_its_header_is_not_hidden() -> None:
    reader = read("KTAP version 1\n1..1\n  KTAP version 1\n  1..1\n\tnot ok 1 deep\nok 1 top\n")
    assert "fail" in outcomes(reader).values()
    assert reader.problems


def test_another_programs_report_in_diagnostics_is_no_report() -> None:
    """As kselftest quotes its programs' output."""
    reader = read(
        "TAP version 13\n1..1\n# TAP version 13\n# 1..2\n# ok 1 a\n# not ok 2 b\nok 1 programs\n"
    )
    assert outcomes(reader) == {"programs": "ok"}
    assert reader.problems == []


def test_what_is_no_ktap_does_not_matter() -> None:
    """Unknown lines, indented or not, whatever they have in common with a result."""
    noise = "foo bar\t#\n  okay 1 x\n\tnot okay\nok\nok one\n[ok 1 x]\n 1 ok\nPASS\n\n"
    text = "".join(line + noise for line in TREE.replace(">", "  ").splitlines(keepends=True))
    reader = read(text)
    assert outcomes(reader) == FOUND
    assert reader.problems == []


# A kernel that announces its tests.

PRINTED = [
    "ok 4 drivers answered",
    "1..3",
    "Bail out! of the window",
    "KTAP version 1",
    "    TAP version 13",
    "  ok 1 something else",
    "  not ok 1 something else",
    "  ok 2 splits",
    "ok 1 splits",
    "    ok 1 splits",
    "not ok 1 buddy",
    "# Subtest: other",
]


def announced(printed: list[str], result: str = "ok", *, name: str = "splits") -> KtapReader:
    reader = KtapReader()
    for line in ("KTAP version 1", "1..1", "  KTAP version 1", "  # Subtest: buddy", "  1..1"):
        reader.line(line)
    reader.announced(Announced(1, "buddy", name))
    for line in printed:
        assert not reader.line(line), f"{line!r} was taken for a report"
    assert reader.line(f"  {result} 1 splits")
    assert reader.line(f"{result.removesuffix(' # SKIP')} 1 buddy")
    reader.finish()
    return reader


@pytest.mark.parametrize(("result", "outcome"), [("ok", "ok"), ("not ok", "fail")])
@pytest.mark.parametrize("printed", [*([line] for line in PRINTED), PRINTED])
def test_what_a_test_prints_is_no_report(printed: list[str], result: str, outcome: str) -> None:
    """Neither is a pass spoilt by it, nor a failure mended."""
    reader = announced(printed, result)
    assert outcomes(reader) == {"buddy.splits": outcome}
    assert reader.problems == []
    assert reader.bail_out is None
    assert reader.running is None


def test_a_test_that_imitates_its_own_result_gains_nothing() -> None:
    """The kernel's own then comes a second time."""
    reader = KtapReader()
    for line in ("KTAP version 1", "1..1", "  KTAP version 1", "  # Subtest: buddy", "  1..1"):
        reader.line(line)
    reader.announced(Announced(1, "buddy", "splits"))
    for line in ("  ok 1 splits", "  not ok 1 splits", "not ok 1 buddy"):
        reader.line(line)
    reader.finish()
    assert "fail" in [test.outcome for test in reader.tests]
    assert reader.problems


def test_a_result_that_never_came_is_missed() -> None:
    reader = KtapReader()
    for line in ("KTAP version 1", "1..1", "  KTAP version 1", "  1..1"):
        reader.line(line)
    reader.announced(Announced(1, "buddy", "splits"))
    reader.line("ok 1 buddy")
    reader.finish()
    assert str(reader.running) == "buddy.splits"
    assert len(reader.problems) == 2


@pytest.mark.parametrize(
    ("name", "line"), [("a" * MAX_ANNOUNCED, "a" * 200), ("gr????e", "größe"), ("ma$h", "ma$h")]
)
def test_names_that_the_announcement_can_not_have(name: str, line: str) -> None:
    reader = KtapReader()
    for text in ("KTAP version 1", "1..1"):
        reader.line(text)
    reader.announced(Announced(1, "s", name))
    assert not reader.line("ok 1 a")
    assert reader.line(f"ok 1 {line}")
    reader.finish()
    assert reader.tests == [CaseResult(line, "ok")]
    assert reader.problems == []
