"""``kgen.check``: each rule at its edge, and no rule that could be left out.

The table is ``check_cases.py``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Sequence
from textwrap import dedent

import pytest

from kgen import Kernel, footprint
from kgen.check import RULES, Rule, check
from kgen.errors import Problem
from kgen.units import KiB, MiB

from .check_cases import CASES, Case, Fields
from .remedies import assert_remedies_help

NAMES = sorted(rule.name for rule in RULES)


def described(fields: Fields) -> Kernel:
    kernel = Kernel.model_validate(fields)
    assert kernel.faults == ()  # else it is a field's range that was tried
    return kernel


def found(case: Case, rules: Sequence[Rule], monkeypatch: pytest.MonkeyPatch) -> list[Problem]:
    """What these rules have against the description outside."""
    with monkeypatch.context() as patch:
        patch.setattr("kgen.check.registry.RULES", list(rules))
        return check(described(case.outside))


def expected(case: Case, problems: Sequence[Problem]) -> bool:
    return (case.path, case.change) in [(problem.path, problem.change) for problem in problems]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_just_inside_is_sound(case: Case) -> None:
    assert check(described(case.inside)) == []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_just_outside_is_told_with_field_and_remedy(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    (rule,) = (rule for rule in RULES if rule.name == case.rule)
    problems = found(case, RULES, monkeypatch)
    assert expected(case, problems), problems
    (problem,) = rule.claim(described(case.outside))
    assert problem.why
    others = [rule for rule in RULES if rule.name in case.also]
    also = [problem for rule in others for problem in rule.claim(described(case.outside))]
    assert len(also) >= len(case.also)
    assert [found for found in problems if found not in also] == [problem]


def test_remedies_lead_inside() -> None:
    """Most remedies name a value; the others name alternatives."""
    followed = {case.rule for case in CASES if assert_remedies_help(case.outside)}
    assert len(followed) >= 12


@pytest.mark.parametrize("name", NAMES)
def test_each_rule_is_needed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it, a case of the table fails."""
    rest = [rule for rule in RULES if rule.name != name]
    unnoticed = [case for case in CASES if not expected(case, found(case, rest, monkeypatch))]
    assert {case.rule for case in unnoticed} == {name}


def test_each_rule_makes_one_claim() -> None:
    """So that leaving the rule out is leaving the claim out."""
    assert len(NAMES) == len(set(NAMES))
    for rule in RULES:
        tree = ast.parse(dedent(inspect.getsource(rule.claim)))
        yields = [node for node in ast.walk(tree) if isinstance(node, ast.Yield)]
        assert len(yields) == 1, rule.name


def test_one_mistake_is_told_once() -> None:
    """A bad field keeps rules and proofs quiet that would compute with it."""
    fields: Fields = {"layout": {"direct_map_limit": "890M"}, "kmalloc": {"alignment": 24}}
    paths = [problem.path for problem in check(Kernel.model_validate(fields))]
    assert paths == ["layout.direct_map_limit", "kmalloc.alignment"]
    refused = Kernel.model_validate({"buddy": {"max_order": 40}, "layout": {"arena_size": "9M"}})
    assert [problem.path for problem in check(refused)] == ["layout.arena_size", "buddy.max_order"]


@pytest.mark.parametrize("load", [2 * MiB - 64 * KiB, 2 * MiB - 4 * KiB])
def test_no_room_is_less_than_none(load: int) -> None:
    """An image that begins so high leaves less than tables and metadata take."""
    kernel = described({"layout": {"load_address": load}})
    assert footprint.room(kernel, 2 * MiB) < 0
    (problem,) = check(kernel)
    assert " leave 0 KiB of directly mapped memory for the image" in problem.why
