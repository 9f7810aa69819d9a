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
them up. Indentation alone says which level a line belongs to, two spaces or
four. Diagnostics (``# …``) belong to the result that follows them.

Nothing here raises: a report that contradicts itself yields ``problems``, for
the caller to judge. The grammar is Documentation/dev-tools/ktap.rst in Linux.
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

_HEADER = re.compile(r"(?:K?TAP) version \d+$")
_SUBTEST = re.compile(r"# Subtest: (.+)$")
_PLAN = re.compile(r"1\.\.(\d{1,9})(?: *# *SKIP.*)?$", re.IGNORECASE)
_RESULT = re.compile(r"(ok|not ok) (\d{1,9})(?: -)?(?: ([^#]*[^# ]))? *(?:# *(.*))?$")
_BAIL_OUT = re.compile(r"Bail out!\s*(.*)$")


@dataclass(frozen=True)
class CaseResult:
    """One leaf: ``name`` is ``suite.test``; ``message`` what was said of it."""

    name: str
    outcome: Outcome
    message: tuple[str, ...] = ()


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
        self._levels: list[_Level] = []
        self._message: list[str] = []
        self._count = 0

    def line(self, text: str) -> bool:
        """Take one line; true if it says something of tests, and is not a mere remark.

        Before the first header nothing does: ``ok 3`` may be prose.
        """
        body = text.lstrip(" ")
        indent = len(text) - len(body)
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

    def finish(self) -> None:
        """Close whatever is still open and check the outermost plan."""
        while self._levels:
            self._close()

    def count(self, outcome: Outcome) -> int:
        """How many leaves ended so."""
        return sum(test.outcome == outcome for test in self.tests)

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
        failed = match[1] == "not ok"
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
            self._leaf(level, name, failed, (match[4] or "").strip()[:MAX_MESSAGE])
        self._message.clear()

    def _leaf(self, level: _Level, name: str, failed: bool, directive: str) -> None:
        self._count += 1
        if self._count > MAX_RECORDS:
            if self._count == MAX_RECORDS + 1:
                self._problem(f"more than {MAX_RECORDS} test results; the rest is not kept")
            return
        skipped = directive.upper().startswith("SKIP")
        outcome: Outcome = "fail" if failed else "skip" if skipped else "ok"
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


def _called(level: _Level) -> str:
    return f"suite {level.name!r}" if level.name else "the test report"
