"""Rules: their form, their registry, and the run of all rules on a description.

A rule makes one claim. It is a function that names the fields which it reads and yields a
:class:`Problem` for each place where the claim does not hold. It runs only if all of these fields
are valid by themselves, so that one mistake is not reported twice. (A rule that looks at fields
one by one names none.) A *proof* computes with many fields at once; it also waits until the other
rules have nothing against any of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kgen.describe import Kernel
from kgen.errors import Problem

Claim = Callable[[Kernel], Iterator[Problem]]


@dataclass(frozen=True)
class Rule:
    """A claim, the fields that it reads (``layout.kernel_base``), and whether it is a proof."""

    claim: Claim
    fields: tuple[str, ...]
    proof: bool

    @property
    def name(self) -> str:
        """What the claim is called."""
        return self.claim.__name__


RULES: list[Rule] = []
"""All rules, as they register themselves."""


def rule(*fields: str) -> Callable[[Claim], Claim]:
    """Register a rule that reads ``fields``, or whole sections."""
    return _register(fields, proof=False)


def proof(*fields: str) -> Callable[[Claim], Claim]:
    """Register a rule that takes ``fields`` to be sound by all other rules."""
    return _register(fields, proof=True)


def _register(fields: tuple[str, ...], *, proof: bool) -> Callable[[Claim], Claim]:
    def register(claim: Claim) -> Claim:
        RULES.append(Rule(claim, fields, proof))
        return claim

    return register


def check(kernel: Kernel) -> list[Problem]:
    """Everything that is wrong with ``kernel``, in the order of its fields; empty if sound."""
    problems = [Problem(f.path, f.value, f.why, f.change, f.where) for f in kernel.faults]
    for proofs in (False, True):
        faulty = {problem.path for problem in problems}
        for one in RULES:
            if one.proof == proofs and not any(_concerns(path, one.fields) for path in faulty):
                problems += [found for found in one.claim(kernel) if found.path not in faulty]
    order = [*type(kernel).model_fields]
    return sorted(problems, key=lambda problem: _rank(problem.path, order))


def _concerns(path: str, fields: tuple[str, ...]) -> bool:
    """Whether a fault at ``path`` touches one of ``fields`` (or a whole section of them)."""
    return any(
        path == field or path.startswith((f"{field}.", f"{field}[")) or field.startswith(f"{path}.")
        for field in fields
    )


def _rank(path: str, order: list[str]) -> int:
    section = path.split(".")[0].split("[")[0]
    return order.index(section) if section in order else len(order)
