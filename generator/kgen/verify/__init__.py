"""Verification: compares the linked ELF with the description.

A build can succeed and still be wrong. A linker script places a stray section in front of the
Multiboot header; a compiler's default emits CMOV, which a 386 does not have; a note becomes a
segment and shifts the code after it. None of that is an error to gcc or ld. So the artifact
itself is read once (:func:`facts`), and each rule compares one of its facts with the derived
model. A rule that fails names both sides and what to change; all rules run, so all that is
wrong is reported at once::

    from kgen.verify import verify

    verify(Path("kernel_out/build/kernel.elf"), derived)  # KgenError, exit code 3, if not sound

``facts`` reads the file, ``layout`` holds the rules on headers, segments and symbols, ``cpu``
the rules on instructions, ``lines`` finds source lines for its messages.
"""

from __future__ import annotations

from pathlib import Path

from kgen.derive import Derived
from kgen.errors import Exit, KgenError
from kgen.verify import cpu, layout
from kgen.verify.facts import Facts, facts
from kgen.verify.finding import Finding, Rule

__all__ = ["RULES", "Facts", "Finding", "facts", "findings", "verify"]

RULES: tuple[Rule, ...] = (*layout.RULES, cpu.instructions, cpu.stack_alignment)
"""Every rule, in the order in which their findings are reported."""


def findings(found: Facts, derived: Derived) -> list[Finding]:
    """All that is wrong with the kernel; empty if it is sound.

    A file that is not a 32-bit i386 executable is reported as just that: no other rule would make
    sense.
    """
    wrong_kind = list(layout.identity(found, derived))
    return wrong_kind or [finding for rule in RULES for finding in rule(found, derived)]


def verify(elf: Path, derived: Derived) -> Facts:
    """The facts of ``elf``; KgenError with all findings if it is not what ``derived`` predicts."""
    found = facts(elf)
    wrong = findings(found, derived)
    if wrong:
        count = "1 rule fails" if len(wrong) == 1 else f"{len(wrong)} findings"
        lines = "\n".join(f"  {finding}" for finding in wrong)
        raise KgenError(f"{elf}: {count}\n{lines}", exit_code=Exit.BUILD)
    return found
