"""The type of a rule, and of its findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from kgen.derive import Derived
from kgen.verify.facts import Facts


@dataclass(frozen=True)
class Finding:
    """One disagreement: ``rule`` broken, what the ELF says, what was expected, what to change."""

    rule: str
    elf: str
    expected: str
    hint: str

    def __str__(self) -> str:
        return f"{self.rule}: {self.elf}; {self.expected}\n      {self.hint}"


Rule = Callable[[Facts, Derived], Iterator[Finding]]
"""A rule yields its findings, none if the ELF keeps it."""
