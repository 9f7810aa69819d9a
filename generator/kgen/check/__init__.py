"""Proof of a description, before anything is built: all that is wrong with it, at once.

``registry`` says what a rule is and when it runs. The rules stand by subject: ``layout`` (the two
address spaces), ``memory`` (what must fit, whatever the machine's RAM), ``allocators`` (zones,
slabs, heap, arena), ``programs`` and ``sources`` (the user's files).
``tests/unit/generator/check_cases.py`` has a description just inside and one just outside of each.

``_Static_assert``s in the rendered ``generated/layout.h`` mirror the rules on addresses.
"""

from __future__ import annotations

from kgen.check import allocators, layout, memory, programs, sources
from kgen.check.registry import RULES, Rule, check

__all__ = ["RULES", "Rule", "allocators", "check", "layout", "memory", "programs", "sources"]
