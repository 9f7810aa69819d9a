"""KTAP version 1, read one line at a time.

KTAP is the text in which a kernel reports its own tests: a header, a plan, and
one result a line. A result may stand for a whole suite, whose own report comes
just before it, indented:

    KTAP version 1
    1..1
      KTAP version 1
      # Subtest: buddy
      1..2
      ok 1 split
      # merge: expected 8, got 4 (mm/buddy_test.c:61)
      not ok 2 merge
    not ok 1 buddy

The leaves are ``buddy.split`` and ``buddy.merge``; ``not ok 1 buddy`` only sums
them up. Indentation alone says which level a line belongs to: two spaces, four
or a tab. Diagnostics (``# …``) belong to the result that follows them. Linux may
put the time before each line, ``[    0.060000] ``, and the CPU or task after it.

A test may print anything, other tests' reports too. A kernel that announces its tests
avoids misreadings: after ``announced()`` all lines are the test's own output, until a
result with the expected indentation, number and name.

Nothing here raises: a report that contradicts itself yields ``problems``, for
the caller to judge. The grammar is Documentation/dev-tools/ktap.rst in Linux; where it
leaves a choice, this parser is strict: a plan is required, and of the directives only
SKIP changes the meaning of ``ok`` and ``not ok``.
"""

import re
from dataclasses import dataclass, field
from typing import Literal

Outcome = Literal["ok", "fail", "skip"]

# A kernel gone wild may print results for ever; this many of anything is enough
# to judge it, and bounds what a log can make us hold.
MAX_RECORDS = 10_000
MAX_PROBLEMS = 100
MAX_MESSAGE_LINES = 20
MAX_MESSAGE = 200  # characters of one such line
MAX_DEPTH = 8
MAX_ANNOUNCED = 90  # bytes of a test's name in the line that announces it: NAME_SHOWN in ktest.c

_TIME = re.compile(r"(?:<\d{1,3}>)?\[ *\d+\.\d+\](?:\[ *[CT]\d+\])* ?")
_HEADER = re.compile(r"(?:K?TAP) version \d+ *$")
_SUBTEST = re.compile(r"# Subtest: (.+)$")
_PLAN = re.compile(r"1\.\.(\d{1,9})(?: *# *SKIP.*)?$", re.IGNORECASE)
_RESULT = re.compile(r"(ok|not ok) (\d{1,9})(?: -)?(?: ([^#]*[^# ]))? *(?:# *(.*))?$")
_BAIL_OUT = re.compile(r"Bail out!\s*(.*)$")


@dataclass(frozen=True)
class CaseResult:
    """One leaf: ``name`` is ``suite.test``; ``message`` the text about it."""

    name: str
    outcome: Outcome
    message: tuple[str, ...] = ()


@dataclass(frozen=True)
class Announced:
    """A test that has begun: its number in its suite, and both their names.

    A name of MAX_ANNOUNCED bytes may be cut, and one has a ``?`` for a byte that is not ASCII.
    """

    number: int
    suite: str
    name: str

    def __str__(self) -> str:
        return f"{self.suite}.{self.name}"


@dataclass
class _Level:
    """A report under way: results at one indentation."""

    indent: int
    name: str = ""
    plan: int | None = None
    results: int = 0
    failures: int = 0
    tests: list[CaseResult] = field(default_factory=list)


class KtapReader:
    """Feed it lines with ``line()``; call ``finish()`` once, then read the fields."""

    def __init__(self) -> None:
        self.tests: list[CaseResult] = []
        self.problems: list[str] = []
        self.bail_out: str | None = None
        self.started = False
        self.running: Announced | None = None
        self._levels: list[_Level] = []
        self._message: list[str] = []
        self._count = 0

    def line(self, text: str) -> bool:
        """Take one line; true if it says something of tests, and is not a mere remark.

        Before the first header nothing does: ``ok 3`` may be prose.
        """
        if time := _TIME.match(text):
            text = text[time.end() :]
        body = text.lstrip(" \t")
        indent = len(text[: len(text) - len(body)].expandtabs())
        if self.running is not None:
            return self._within(self.running, indent, body)
        if _HEADER.match(body):
            self._open(indent)
            return True
        if not self.started:
            return False
        if match := _RESULT.match(body):
            self._result(indent, match)
        elif match := _PLAN.match(body):
            self._plan(indent, int(match[1]))
        elif match := _SUBTEST.match(body):
            self._at(indent).name = match[1].strip()[:MAX_MESSAGE]
        elif match := _BAIL_OUT.match(body):
            self.bail_out = match[1] or "no reason given"
        elif body.startswith("#"):
            self._remark(body[1:].strip())
            return False
        else:
            return False
        return True

    def announced(self, test: Announced) -> None:
        """A test begins."""
        self.running = test

    def finish(self) -> None:
        """Close whatever is still open and check the outermost plan."""
        while self._levels:
            self._close()

    def count(self, outcome: Outcome) -> int:
        """How many leaves ended so."""
        return sum(test.outcome == outcome for test in self.tests)

    def _within(self, test: Announced, indent: int, body: str) -> bool:
        """A line while a test runs: its result, or something that it prints."""
        match = _RESULT.match(body)
        due = bool(self._levels) and indent == self._levels[-1].indent
        if match and due and int(match[2]) == test.number:
            name = _folded(match[3] or "")
            if name == test.name or name[:MAX_ANNOUNCED] == test.name:
                self.running = None
                self._result(indent, match)
                return True
        if body.startswith("#"):
            self._remark(body[1:].strip())
        return False

    def _remark(self, text: str) -> None:
        if text and len(self._message) < MAX_MESSAGE_LINES:
            self._message.append(text[:MAX_MESSAGE])

    def _open(self, indent: int) -> None:
        """A header: a new report, which ends any at its own depth or deeper."""
        while self._levels and self._levels[-1].indent >= indent:
            self._close()
        self.started = True
        self._message.clear()
        self._push(indent)

    def _at(self, indent: int) -> _Level:
        """The level of an indentation; one without a header is opened silently."""
        while len(self._levels) > 1 and self._levels[-1].indent > indent:
            self._close()
        if not self._levels or self._levels[-1].indent < indent:
            self._push(indent)
        return self._levels[-1]

    def _push(self, indent: int) -> None:
        if len(self._levels) < MAX_DEPTH:
            self._levels.append(_Level(indent))
        else:
            self._problem(f"reports nested more than {MAX_DEPTH} deep")

    def _plan(self, indent: int, number: int) -> None:
        level = self._at(indent)
        if level.plan is not None:
            self._problem(f"{_called(level)}: a second plan, 1..{number} after 1..{level.plan}")
        level.plan = number

    def _result(self, indent: int, match: re.Match[str]) -> None:
        deeper = bool(self._levels) and self._levels[-1].indent > indent
        name = (match[3] or f"test {match[2]}").strip()[:MAX_MESSAGE]
        child = self._levels[-1] if deeper else None
        if child is not None:
            child.name = child.name or name
        level = self._at(indent)
        level.results += 1
        directive = (match[4] or "").strip()[:MAX_MESSAGE]
        skipped = directive.upper().startswith("SKIP")
        failed = match[1] == "not ok" and not skipped
        level.failures += failed
        if int(match[2]) != level.results:
            self._problem(
                f"{_called(level)}: result {name!r} is numbered {match[2]}, not {level.results}"
            )
        if child is not None:
            if failed != (child.failures > 0):
                self._problem(
                    f"{_called(child)}: reported {match[1]!r} with {child.failures} failed tests"
                )
        else:
            self._leaf(level, name, "skip" if skipped else "fail" if failed else "ok", directive)
        self._message.clear()

    def _leaf(self, level: _Level, name: str, outcome: Outcome, directive: str) -> None:
        self._count += 1
        if self._count > MAX_RECORDS:
            if self._count == MAX_RECORDS + 1:
                self._problem(f"more than {MAX_RECORDS} test results; the rest is not kept")
            return
        message = (*self._message, *([directive] if directive else []))
        level.tests.append(CaseResult(name, outcome, message))

    def _close(self) -> None:
        """End the innermost level: check its plan, hand its tests to the next one out."""
        level = self._levels.pop()
        if level.plan is None:
            self._problem(f"{_called(level)}: no plan (1..N)")
        elif level.plan != level.results:
            self._problem(f"{_called(level)}: plan 1..{level.plan}, but {level.results} results")
        prefix = f"{level.name}." if level.name else ""
        tests = [CaseResult(prefix + test.name, test.outcome, test.message) for test in level.tests]
        (self._levels[-1].tests if self._levels else self.tests).extend(tests)

    def _problem(self, text: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(text)


def _folded(name: str) -> str:
    """A name as the line that announces its test has it."""
    return "".join(chr(byte) if byte < 0x80 else "?" for byte in name.encode())


def _called(level: _Level) -> str:
    return f"suite {level.name!r}" if level.name else "the test report"
