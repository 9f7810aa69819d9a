"""KTAP's nesting, names, plans and contradictions."""

import pytest

from kgen_qemu.ktap import MAX_RECORDS, CaseResult, KtapReader


def read(text: str) -> KtapReader:
    reader = KtapReader()
    for line in text.splitlines():
        reader.line(line)
    reader.finish()
    return reader


def test_nesting_by_four_spaces_and_no_subtest_line() -> None:
    """As KUnit prints it: a suite may be named by its own result alone."""
    reader = read(
        "KTAP version 1\n1..1\n"
        "    KTAP version 1\n    1..2\n    ok 1 - a\n    ok 2 b b # SKIP why\n"
        "ok 1 suite\n"
    )
    assert reader.tests == [
        CaseResult("suite.a", "ok"),
        CaseResult("suite.b b", "skip", ("SKIP why",)),
    ]
    assert reader.problems == []


def test_three_levels() -> None:
    reader = read(
        "KTAP version 1\n1..1\n"
        "  KTAP version 1\n  1..1\n"
        "    KTAP version 1\n    1..1\n    ok 1 c\n"
        "  ok 1 b\n"
        "ok 1 a\n"
    )
    assert [test.name for test in reader.tests] == ["a.b.c"]
    assert reader.problems == []


def test_a_test_may_stand_outside_any_suite() -> None:
    reader = read("KTAP version 1\n1..2\nok 1 alone\nnot ok 2 lonely\n")
    assert reader.tests == [CaseResult("alone", "ok"), CaseResult("lonely", "fail")]


def test_prose_before_the_header_is_prose() -> None:
    reader = read("ok 1 bottle\n1..3\nnot ok 2\n")
    assert reader.tests == []
    assert reader.problems == []
    assert not reader.started


def test_a_remark_belongs_to_the_result_that_follows() -> None:
    reader = read("KTAP version 1\n1..2\n# of a\nok 1 a\n# of b\nnot ok 2 b\n")
    assert [test.message for test in reader.tests] == [("of a",), ("of b",)]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("1..2\nok 1 a\n", "the test report: plan 1..2, but 1 results"),
        ("1..1\nok 1 a\nok 2 b\n", "the test report: plan 1..1, but 2 results"),
        ("ok 1 a\n", "the test report: no plan (1..N)"),
        ("1..1\nok 2 a\n", "the test report: result 'a' is numbered 2, not 1"),
        ("1..1\n1..1\nok 1 a\n", "the test report: a second plan, 1..1 after 1..1"),
        (
            "1..1\n  KTAP version 1\n  1..1\n  not ok 1 a\nok 1 s\n",
            "suite 's': reported 'ok' with 1 failed tests",
        ),
        (
            "1..1\n  KTAP version 1\n  1..1\n  ok 1 a\nnot ok 1 s\n",
            "suite 's': reported 'not ok' with 0 failed tests",
        ),
    ],
)
def test_contradictions_are_on_record(text: str, problem: str) -> None:
    assert read(f"KTAP version 1\n{text}").problems == [problem]


def test_results_without_end_are_not_all_kept() -> None:
    reader = KtapReader()
    reader.line("KTAP version 1")
    for number in range(1, MAX_RECORDS + 10):
        reader.line(f"ok {number} t")
    reader.finish()
    assert len(reader.tests) == MAX_RECORDS
    assert any("is not kept" in problem for problem in reader.problems)


def test_depth_is_bounded() -> None:
    reader = KtapReader()
    for depth in range(100):
        reader.line(" " * depth + "KTAP version 1")
    assert any("nested more than" in problem for problem in reader.problems)
