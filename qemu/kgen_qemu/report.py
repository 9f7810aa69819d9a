"""The verdict in words, for people.

Plain text when piped or when NO_COLOR is set; colour on a terminal, and rich
is imported only then.
"""

import os
import shutil
import sys
from typing import TextIO

from kgen_qemu.result import Result
from kgen_qemu.sites import amount

MAX_REASONS = 12
MAX_LEAKS = 8  # call sites shown

_COLOURS = {"pass": "bold green", "fail": "bold red", "note": "dim", "bad": "red"}


def print_report(result: Result, file: TextIO | None = None) -> None:
    """Print the verdict on ``file`` (stdout)."""
    file = file or sys.stdout
    if file is None:  # standard output is closed: kgen boot >&-
        return
    lines = report_lines(result)
    if not file.isatty() or os.environ.get("NO_COLOR"):
        file.writelines(f"{text}\n" for _, text in lines)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=file, width=max(shutil.get_terminal_size().columns, 80))
    for style, text in lines:
        console.print(Text(text, style=_COLOURS.get(style, "")), soft_wrap=True)


def report_lines(result: Result) -> list[tuple[str, str]]:
    """(style, text) of each line: verdict, reasons, what passed, what failed, how to repeat it."""
    style = "pass" if result.verdict == "pass" else "fail"
    lines = [(style, f"{result.verdict.upper()}: {_summary(result)}")]
    reasons = result.reasons[:MAX_REASONS]
    lines += [("bad", f"  {reason}") for reason in reasons]
    if len(result.reasons) > len(reasons):
        lines.append(("bad", f"  … and {len(result.reasons) - len(reasons)} more"))
    lines += _failed_tests(result)
    lines += _panic(result)
    lines += _leaks(result)
    lines += _examined(result)
    if result.stale:
        lines.append(("bad", f"  stale    {result.stale}: run kgen build"))
    lines.append(("note", f"  log      {result.log}"))
    lines.append(("note", f"  repeat   {result.command}"))
    return lines


def _summary(result: Result) -> str:
    said = result.transcript
    skipped = said.count("skip")
    parts = [
        f"{len(said.stages)} stages",
        f"{said.count('ok')} tests passed",
        f"{said.count('fail')} failed",
    ]
    if skipped:
        parts.append(f"{skipped} skipped")
    return ", ".join(parts) + f", {result.seconds:.2f} s"


def _failed_tests(result: Result) -> list[tuple[str, str]]:
    lines = []
    for test in result.transcript.tests:
        if test.outcome == "fail":
            lines.append(("bad", f"  not ok {test.name}"))
            lines += [("", f"    {text}") for text in test.message]
    return lines


def _examined(result: Result) -> list[tuple[str, str]]:
    """What was looked at beyond the log."""
    lines = []
    if result.audit is not None:
        audit = result.audit
        newer = f" (beyond a 386: {', '.join(audit.newer)})" if audit.newer else ""
        text = f"{audit.distinct} instructions ran, none newer than a {audit.newest}{newer}"
        lines.append(("note", f"  audit    {text}: {audit.file}"))
    if result.accounting is not None and not result.accounting.mismatches:
        lines.append(("note", f"  memory   {result.accounting.checked} figures as predicted"))
    return lines


def _panic(result: Result) -> list[tuple[str, str]]:
    panic = result.transcript.panic
    if panic is None:
        return []
    facts = [("vector", panic.vector, ""), ("error", panic.error, "#x")]
    facts += [("eip", panic.eip, "#010x"), ("cr2", panic.cr2, "#010x")]
    words = [f"{name} {value:{form}}" for name, value, form in facts if value is not None]
    lines = [("", f"  {', '.join(words)}")] if words else []
    lines += [("", f"  {site}") for site in result.sites]
    return lines + [("", f"  #{level} {frame}") for level, frame in enumerate(result.frames)]


def _leaks(result: Result) -> list[tuple[str, str]]:
    """Leaks, by call site. They are reported, but are no failure by themselves."""
    leaks = result.leaks
    if not leaks:
        return []
    count, size = sum(leak.count for leak in leaks), sum(leak.bytes for leak in leaks)
    lines = [("bad", f"  leaked   {amount(count, size)}, not freed at the end")]
    lines += [("", f"    {leak}") for leak in leaks[:MAX_LEAKS]]
    if len(leaks) > MAX_LEAKS:
        lines.append(("", f"    … and {len(leaks) - MAX_LEAKS} more call sites"))
    return lines
