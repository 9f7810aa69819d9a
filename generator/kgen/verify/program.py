"""The rules on user programs that are built in: what the kernel can load, on every CPU admitted."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from kgen.derive import Derived
from kgen.errors import Exit, KgenError
from kgen.units import PAGE_SIZE, show_address
from kgen.verify.cpu import program_instructions
from kgen.verify.facts import Facts, facts
from kgen.verify.finding import Finding, Rule
from kgen.verify.layout import identity


def static(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Nothing is left for a dynamic linker to do."""
    for segment in facts.segments:
        if segment.kind in ("PT_INTERP", "PT_DYNAMIC"):
            yield Finding(
                "static",
                f"there is a {segment.kind} segment at {show_address(segment.vaddr)}",
                "programs are linked statically: the kernel has no dynamic linker",
                "drop what asks for it: a section .interp, or -shared in a pragma",
            )


def below_the_stack(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Code and data lie from page 1 to below the stack."""
    kernel = derived.kernel
    limit = kernel.layout.kernel_base - kernel.user.stack_limit
    for segment in facts.loads:
        if segment.memsz and not PAGE_SIZE <= segment.vaddr <= segment.end <= limit:
            yield Finding(
                "program-size",
                f"a segment lies from {show_address(segment.vaddr)} to {show_address(segment.end)}",
                f"below the kernel's base and a stack there is room to {show_address(limit)}",
                "take large memory from malloc() or mmap(), which promise and do not reserve",
            )


def entry(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Execution begins in code."""
    if not any(
        segment.executable and segment.vaddr <= facts.entry < segment.end for segment in facts.loads
    ):
        yield Finding(
            "entry",
            f"the entry point {show_address(facts.entry)} is in no executable segment",
            "a program begins at _start, the runtime's or its own",
            "keep _start in .text",
        )


RULES: tuple[Rule, ...] = (static, below_the_stack, entry, program_instructions)
"""Every rule, in the order in which their findings are reported."""


def verify_program(elf: Path, file: str, derived: Derived) -> None:
    """KgenError with all that is wrong with a program made from ``file``."""
    found = facts(elf)
    wrong = list(identity(found, derived)) or [
        finding for rule in RULES for finding in rule(found, derived)
    ]
    if wrong:
        count = "1 rule fails" if len(wrong) == 1 else f"{len(wrong)} findings"
        lines = "\n".join(f"  {finding}" for finding in wrong)
        raise KgenError(f"{file}, built as {elf}: {count}\n{lines}", exit_code=Exit.BUILD)
