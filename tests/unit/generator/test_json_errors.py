"""Under ``--json`` every verb answers with one object, errors too, and with the same exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgen.cli import app
from kgen.errors import Exit
from kgen_qemu.errors import VERDICTS, failure

from .conftest import DESCRIPTION, HELLO, Ran, write

Kgen = Callable[..., Ran]

SCHEMA = {
    "schema": int,
    "verdict": str,
    "exit_code": int,
    "reasons": list,
    "error": {"what": str, "hint": str, "problems": list},
}
"""What docs/exit-codes.md promises of an error."""


def fits(value: Any, schema: Any) -> bool:
    if isinstance(schema, dict):
        return {*value} == {*schema} and all(fits(value[key], schema[key]) for key in schema)
    return type(value) is schema


def answer(ran: Ran) -> dict[str, Any]:
    """The one object on standard output, held against what every error has."""
    found: dict[str, Any] = json.loads(ran.out)
    assert ran.out.count("\n") == 1
    assert fits(found, SCHEMA)
    assert found["exit_code"] == ran.code
    assert found["reasons"] == [found["error"]["what"]]
    return found


def both(kgen: Kgen, *arguments: str) -> dict[str, Any]:
    """The answer, after people were told the same, and with the same exit code as without."""
    plain, wanted = kgen(*arguments), kgen(*arguments, "--json")
    assert (plain.code, plain.out) == (wanted.code, "")
    assert wanted.err == plain.err
    found = answer(wanted)
    assert f"kgen: error: {found['error']['what']}" in plain.err
    return found


WRONG = [
    *([verb, "--no-such-option"] for verb in app.commands),
    *([verb, "gone.py"] for verb in ("build", "check", "describe", "bench")),
    ["boot"],
    ["boot", "--timeout", "soon"],
    ["image"],
    ["image", "--format", "floppy"],
    ["tune"],
    ["tune", "gone"],
    ["bench", "--against", "gone.json"],
    ["nothing"],
]


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_usage_errors(kgen: Kgen, here: Path, arguments: list[str]) -> None:
    found = both(kgen, *arguments)
    assert (found["verdict"], found["exit_code"]) == ("usage", Exit.USAGE)
    assert found["error"]["problems"] == []


@pytest.mark.parametrize("verb", ["build", "check", "bench", "tune"])
def test_problems_of_a_description_one_by_one(kgen: Kgen, here: Path, verb: str) -> None:
    write(here / "kernel.py", "from kgen import *\nkernel = Kernel(buddy=Buddy(max_order=40))\n")
    write(here / "trace", "64 1\n")
    line = [verb, "trace"] if verb == "tune" else [verb]
    found = both(kgen, *line, "--set", "kmalloc.alignment=9")
    problems = {problem["path"]: problem for problem in found["error"]["problems"]}
    assert {*problems} == {"buddy.max_order", "kmalloc.alignment"}
    assert problems["buddy.max_order"] == {
        "path": "buddy.max_order",
        "value": "40",
        "why": "it must be at most 15",
        "change": "meaning: order of the largest block: 2^max_order pages of 4 KiB",
        "where": "kernel.py:2",
    }


def test_a_failed_build(kgen: Kgen, here: Path, small: Path) -> None:
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", "void kernel_main(void) { x; }\n")
    found = both(kgen, "build")
    assert (found["verdict"], found["exit_code"]) == ("build", Exit.BUILD)


def test_an_interrupt(kgen: Kgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("kgen.load.load", interrupted)
    assert answer(kgen("check", "--json"))["verdict"] == "interrupted"


def test_a_bug(kgen: Kgen, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("kgen.load.load", broken)
    assert "this is a bug in kgen" in answer(kgen("check", "--json"))["error"]["what"]


def test_an_error_after_the_answer_adds_no_second_one(
    kgen: Kgen, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.unit.bench_runs import RUN

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kgen.bench.command.measure", lambda *_: RUN)
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    ran = kgen("bench", "--json", "--save")
    assert ran.code == Exit.BUILD
    assert json.loads(ran.out)["results"]
    assert "No space left on device" in ran.err


def test_an_option_that_comes_after_two_hyphens_is_none(kgen: Kgen, here: Path) -> None:
    assert kgen("check", "--", "--json").out == ""


def test_every_exit_code_has_its_word() -> None:
    assert {*VERDICTS} == {*Exit} - {Exit.PASS}
    for code in VERDICTS:
        assert fits(failure(code, "what"), SCHEMA)


# --- and without an error -----------------------------------------------------------------


def test_every_verb_has_the_option() -> None:
    without = [
        verb
        for verb, command in app.commands.items()
        if not any("--json" in parameter.opts for parameter in command.params)
    ]
    assert without == []


def test_what_build_check_and_describe_answer(kgen: Kgen, here: Path, small: Path) -> None:
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", "static int idle;\n" + HELLO)
    built = json.loads(kgen("build", "--json").out)
    assert (built["schema"], built["changed"]) == (1, True)
    assert Path(built["image"]).stat().st_size == built["size"]
    assert "hello.c:1:12: warning" in built["warnings"]
    checked = json.loads(kgen("check", "--json").out)
    assert checked["origin"] == "kernel.py"
    spans = [(area["start"], area["end"]) for area in checked["address_map"]]
    assert spans[0][1] == 1 << 32
    assert [start for start, _ in spans[:-1]] == [end for _, end in spans[1:]]
    described = json.loads(kgen("describe", "--json", "--set", "ram.minimum=4M").out)
    assert described["kernel"]["ram"]["minimum"] == 4 << 20
