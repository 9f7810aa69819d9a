"""The parser on recorded logs, on every way of cutting them up, and on noise."""

import itertools
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_qemu.transcript import (
    MAX_LINE,
    Hello,
    Leak,
    Line,
    Panic,
    Region,
    Transcript,
    TranscriptParser,
)

DATA = Path(__file__).parents[2] / "data"
LOGS = sorted(path.stem for path in DATA.glob("*.log"))
STAGES = [
    "boot-paging",
    "higher-half",
    "multiboot",
    "memblock",
    "buddy",
    "paging",
    "kmalloc",
    "allocate",
]
HELLO = b"# kgen:hello proto=1 name=k build=b base=i386\n"

Recorded = Callable[[str], Transcript]


def parse(data: bytes) -> Transcript:
    parser = TranscriptParser()
    parser.feed(data)
    return parser.finish()[0]


def test_leaks() -> None:
    said = parse(HELLO + b"# kgen:leak site=0xc0112844 count=2 bytes=246\n")
    assert said.leaks == (Leak(0xC0112844, 2, 246),)
    assert not said.problems
    assert parse(HELLO + b"# kgen:leak site=0xc0112844 count=2\n").problems


def test_pass(recorded: Recorded) -> None:
    said = recorded("pass")
    assert said.hello == Hello(1, "default", "0123456789ab")
    assert said.cpu is not None
    assert (said.cpu.family, said.cpu.policy, said.cpu.reason) == (6, "invlpg", "detected")
    assert said.memory_map[2] == Region(0x100000, 0x3EE0000, 1)
    assert [stage.name for stage in said.stages] == STAGES
    assert [stage.index for stage in said.stages] == list(range(1, 9))
    assert said.stats == {"tlb.flush_all": 3, "buddy.free_pages": 0x3EBF}
    assert [test.name for test in said.tests] == [
        "memblock.bump",
        "memblock.never_page_zero",
        "buddy.split",
        "buddy.merge",
        "buddy.double_free",
        "paging.map_unmap",
        "paging.invlpg",
    ]
    assert (said.count("ok"), said.count("fail"), said.count("skip")) == (6, 0, 1)
    assert said.end is not None
    assert (said.end.status, said.end.ok, said.end.fail, said.end.skip) == ("pass", 6, 0, 1)
    assert said.panic is None
    assert said.problems == ()


def test_fail_carries_what_was_said_of_it(recorded: Recorded) -> None:
    said = recorded("fail")
    (failed,) = [test for test in said.tests if test.outcome == "fail"]
    assert failed.name == "buddy.merge"
    assert failed.message == (
        "merge: expected 8, got 4 (mm/buddy_test.c:61)",
        "merge: buddy_check() says 3",
    )
    assert said.problems == ()


def test_panic(recorded: Recorded) -> None:
    assert recorded("panic").panic == Panic(
        message='page fault: write to "nowhere"',
        vector=14,
        error=2,
        eip=0xC0100432,
        cr2=0xDEADBEEF,
        backtrace=(0xC0100432, 0xC0100018, 0xC010000C),
    )


def test_a_panic_cut_short_is_still_one(recorded: Recorded) -> None:
    said = recorded("panic_mid_line")
    assert said.panic is not None
    assert said.panic.message == "double fa"
    assert said.panic.eip == 0xC0100432


def test_an_end_marker_cut_short_is_none() -> None:
    assert parse(HELLO + b"# kgen:end status=pass ok=0 fail=0 skip=0").end is None
    assert parse(HELLO + b"# kgen:end status=pass ok=0 fail=0 skip=0\n").end is not None


def test_crash_in_the_middle_of_a_line(recorded: Recorded) -> None:
    said = recorded("crash_mid_line")
    assert said.stats == {}
    assert "stops in the middle of a machine line: # kgen:stat k=memblock.regi" in said.problems[0]
    assert "suite 'memblock': plan 1..2, but 1 results" in said.problems


@pytest.mark.parametrize("name", ["noise_before_hello", "crlf"])
def test_what_a_line_adds_does_not_matter(recorded: Recorded, name: str) -> None:
    assert recorded(name) == recorded("pass")


def test_truncated_plan(recorded: Recorded) -> None:
    assert recorded("truncated_plan").problems == ("suite 'buddy': plan 1..4, but 3 results",)


def test_garbage_costs_only_the_lines_it_hits(recorded: Recorded) -> None:
    said = recorded("garbage")
    assert [stage.name for stage in said.stages] == STAGES
    assert said.stats == {"buddy.free_pages": 0x3EBF}
    heads = [problem.split(":")[0] for problem in said.problems]
    assert heads == [
        "malformed machine line",
        "malformed machine line",
        "machine line with unprintable bytes",
        "machine line longer than 200 bytes",
        "malformed machine line",
    ]


def test_lines_after_the_end(recorded: Recorded) -> None:
    assert recorded("after_end").problems == (
        "after the end marker: not ok 4 afterthought",
        "after the end marker: # kgen:stage i=9 of=8 name=more",
        "the test report: plan 1..3, but 4 results",
    )


def test_a_second_hello_is_a_restart(recorded: Recorded) -> None:
    assert recorded("restarted").problems[0].startswith("the kernel started again")


@pytest.mark.parametrize("cut", [b"", b"# kgen:sta", b"ok 1 fo"])
def test_a_reset_may_cut_a_line_short(cut: bytes) -> None:
    hello = b"# kgen:hello proto=1 name=default build=0123456789ab base=i386"
    parser = TranscriptParser()
    parser.feed(hello + b"\nfree text\n" + cut + hello[:-1])
    assert not parser.restarted
    parser.feed(hello[-1:] + b"\n")
    assert parser.restarted
    assert parser.finish()[0].problems[0] == f"the kernel started again: {hello.decode()}"


def test_bail_out(recorded: Recorded) -> None:
    assert recorded("bail_out").bail_out == "buddy is corrupt"


def test_nothing_counts_before_hello() -> None:
    said = parse(b'# kgen:panic vec=1 msg="x"\n# kgen:stage i=1 of=1 name=a\n')
    assert said == Transcript(last_line="# kgen:stage i=1 of=1 name=a")


def test_lines_are_given_back_printable_from_hello_on() -> None:
    parser = TranscriptParser()
    assert parser.feed(b"noise\n" + HELLO[:20]) == []
    lines = parser.feed(HELLO[20:] + b"\x1b[31mred\x00\r\nrest")
    assert lines == [Line(HELLO.decode().rstrip(), True), Line("\\x1b[31mred", False)]
    assert parser.finish()[1] == [Line("rest", False)]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("Größe: 5 €".encode(), "Größe: 5 €"),
        (b"a\tb", "a\tb"),
        ("Größe".encode("latin-1"), "Gr\\xf6\\xdfe"),
        (b"cut \xc3", "cut \\xc3"),
        # Neither control characters, nor what turns text around, nor what ends a line elsewhere.
        ("\x9b31m \u202e \u2028".encode(), "\\xc2\\x9b31m \\xe2\\x80\\xae \\xe2\\x80\\xa8"),
        (b"\xed\xa0\x80", "\\xed\\xa0\\x80"),
    ],
)
def test_text_is_utf_8(sent: bytes, shown: str) -> None:
    parser = TranscriptParser()
    parser.feed(HELLO)
    assert parser.feed(sent + b"\n") == [Line(shown, False)]


def test_machine_lines_are_ascii() -> None:
    said = parse(HELLO + "# kgen:stat k=größe v=1\n".encode())
    assert said.stats == {}
    assert said.problems == ("machine line with unprintable bytes: # kgen:stat k=größe v=1",)


REPORT = b"""\
# kgen:tests suites=1 cases=2
KTAP version 1
1..1
  KTAP version 1
  # Subtest: s
  1..2
# kgen:test i=1 suite=s name=a
  ok 1 a
# kgen:test i=2 suite=s name=b
ok 7 lines printed
  ok 2 b
ok 1 s
# kgen:end status=pass ok=2 fail=0 skip=0
"""


def test_a_report_is_the_kernels_own_where_it_says_so() -> None:
    """Whatever kernel_main() printed before, and a test meanwhile."""
    said = parse(HELLO + b"TAP version 13\n1..3\nnot ok 1 lua\nBail out!\n" + REPORT)
    assert [test.name for test in said.tests] == ["s.a", "s.b"]
    assert said.bail_out is None
    assert said.problems == ()
    assert said.running is None


def test_the_test_that_was_running() -> None:
    said = parse(HELLO + REPORT[: REPORT.index(b"  ok 2")])
    assert str(said.running) == "s.b"


def test_a_second_report_does_not_undo_the_first() -> None:
    """A kernel_main() may run the tests, too, and their failures count."""
    first = REPORT.replace(b"  ok 1 a", b"  not ok 1 a").partition(b"# kgen:end")[0]
    said = parse(HELLO + first + REPORT)
    assert [test.outcome for test in said.tests] == ["fail", "ok", "ok", "ok"]


@pytest.mark.parametrize("word", ["panic", "panic vec=x", 'panic vec=14 msg="', "panic \xff"])
def test_a_malformed_panic_line_is_still_a_panic(word: str) -> None:
    said = parse(HELLO + f"# kgen:{word}\n".encode("latin-1"))
    assert said.panic is not None


def test_a_message_without_its_last_quote_is_malformed() -> None:
    said = parse(HELLO + b'# kgen:panic vec=14 msg="page fa\n')
    assert said.problems == ('malformed machine line: # kgen:panic vec=14 msg="page fa',)


def test_the_first_panic_stands() -> None:
    said = parse(HELLO + b'# kgen:panic vec=1 msg="first"\n# kgen:panic vec=2 msg="second"\n')
    assert said.panic is not None
    assert said.panic.message == "first"


@pytest.mark.parametrize(("text", "value"), [("010", 10), ("0x1F", 31), ("-3", -3)])
def test_integers_are_decimal_or_hexadecimal(text: str, value: int) -> None:
    assert parse(HELLO + f"# kgen:stat k=a v={text}\n".encode()).stats == {"a": value}


@pytest.mark.parametrize("text", ["", "0b1", "1_000", "1e3", "0x", "ten", "1 2"])
def test_anything_else_is_malformed(text: str) -> None:
    said = parse(HELLO + f"# kgen:stat k=a v={text}\n".encode())
    assert said.stats == {}
    assert len(said.problems) == 1


@given(st.sampled_from(LOGS), st.lists(st.integers(0, 3000), max_size=12))
def test_how_the_bytes_are_cut_does_not_matter(name: str, cuts: list[int]) -> None:
    data = (DATA / f"{name}.log").read_bytes()
    parser = TranscriptParser()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    for start, end in itertools.pairwise(places):
        parser.feed(data[start:end])
    assert parser.finish()[0] == parse(data)


_KEYS = st.sampled_from(["proto", "i", "of", "name", "k", "v", "status", "ok", "msg", "base"])
_WORDS = st.sampled_from(
    ["hello", "cpu", "mmap", "stage", "stat", "panic", "bt", "end", "", "other"]
)
_FIELDS = st.tuples(_KEYS, st.text(max_size=8)).map("=".join)
_MACHINE = st.tuples(_WORDS, st.lists(_FIELDS, max_size=5)).map(
    lambda line: f"# kgen:{line[0]} {' '.join(line[1])}"
)
_REMARKABLE = """
KTAP version 1|1..2|1..0|ok 1 a|not ok 2 b # SKIP|ok 7|# Subtest: s|Bail out!|# remark|ok x
1..99999999999|ok 1 # # #|not ok|not ok 1  -  #|TAP version 13|KTAP version 1 2
"""
_KTAP = st.tuples(
    st.integers(0, 20).map(lambda width: " " * width),
    st.sampled_from(_REMARKABLE.strip().replace("\n", "|").split("|")),
).map("".join)
_LINES = st.lists(st.one_of(_MACHINE, _KTAP, st.text(max_size=40)), max_size=40)


@given(_LINES, st.binary(max_size=60))
def test_nothing_that_a_guest_says_raises(lines: list[str], tail: bytes) -> None:
    said = parse(HELLO + "\n".join(lines).encode("utf-8", "replace") + tail)
    assert said.hello is not None
    assert len(said.tests) <= len(lines) + tail.count(b"\n") + 1


@pytest.mark.parametrize(
    "line",
    [
        b"x" * 1000,
        b"no newline, ever\n"[:-1],
        b"ok 1 t\n",
        b"# kgen:stat k= v=\n",
        b"# kgen:mmap base=0 len=0 type=1\n",
    ],
)
@pytest.mark.parametrize("head", [b"", HELLO, HELLO + b"KTAP version 1\n"])
def test_memory_is_bounded(head: bytes, line: bytes) -> None:
    """The memory that a flood takes does not grow with it, once the limits are reached."""
    parser = TranscriptParser()
    parser.feed(head)
    chunk = line * (100_000 // len(line))
    tracemalloc.start()
    try:
        parser.feed(chunk)
        parser.feed(chunk)
        before = tracemalloc.get_traced_memory()[0]
        parser.feed(chunk)
        growth = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert growth < 1000
    assert len(parser.finish()[0].last_line) <= 4 * MAX_LINE
