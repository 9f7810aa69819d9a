"""Do what ``kgen.check`` says is to be done, and ask it again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.descriptions import Fields

from kgen import Kernel
from kgen.check import RULES, Rule, check
from kgen.errors import Problem

REMEDY = re.compile(r"use (?:at least |at most )?(0x[0-9a-f]+|[0-9]+ [KMG]iB|[0-9]+)(?: at most)?")
"""A value to write into the field at once; what follows is an alternative."""


def broken(kernel: Kernel) -> Iterator[tuple[Rule, Problem]]:
    """Rules that have something against a description, as ``check`` asks them."""
    told = check(kernel)
    for rule in RULES:
        for problem in rule.claim(kernel) if told else ():
            if problem in told:
                yield rule, problem


def mended(fields: Fields, problem: Problem) -> Fields | None:
    """The description as the remedy says; None where it takes more thought."""
    remedy, (section, _, name) = REMEDY.match(problem.change), problem.path.partition(".")
    if remedy is None or "[" in problem.path or problem.path == "kmalloc.classes":
        return None
    text = remedy[1].replace(" ", "")
    value: Any = int(text, 0) if text.isdigit() else text
    changed = {**fields.get(section, {}), name: value}
    if "and as much for ram.maximum" in problem.change:
        changed["maximum"] = value
    return {**fields, section: changed}


def assert_remedies_help(fields: Fields) -> int:
    """A rule whose remedy was followed has nothing against that field any more; how many were."""
    followed = 0
    for rule, problem in broken(Kernel.model_validate(fields)):
        better = mended(fields, problem)
        if better is None:
            continue
        kernel = Kernel.model_validate(better)
        assert kernel.faults == (), problem  # a remedy is a value that the field may have
        left = [(found.name, other.path) for found, other in broken(kernel)]
        assert (rule.name, problem.path) not in left, problem
        followed += 1
    return followed
