"""Instructions newer than ``cpu.minimum`` are found, and guards are checked from both sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kgen.derive import Derived
from kgen.errors import KgenError
from kgen.verify import Finding, facts, findings

from .conftest import Build

Described = Callable[[str], Derived]


def found(build: Build, derived: Derived, assembly: str) -> list[Finding]:
    """Findings on a kernel with ``assembly`` in a function of its own."""
    function = f"\t.type extra, @function\nextra:\n{assembly}\n\tret\n\t.size extra, . - extra\n"
    return findings(facts(build(append=f"\n\t.text\n{function}")), derived)


OLD = [
    "leal 0(%esi), %esi",
    "rep; nop",
    "movl %cr0, %eax",
    "movl %eax, %cr3",
    "movl %cr2, %eax",
    "lgdt (%eax)",
    "ud2",
    "bsfl %eax, %ecx",
    "bts %eax, (%ecx)",
    "xchgb %al, (%edx)",
    "lock; addl $1, (%esp)",
    "movl %eax, %db7",
    "int3",
    "popal",
    ".balign 16",
    "outb %al, $0xf4",
    "lldt %ax",
    "ltr %ax",
    "shldl $3, %eax, %edx",
    "iret",
]

NEW = [
    ("invlpg (%eax)", "486"),
    ("bswap %eax", "486"),
    ("cmpxchgl %edx, (%ecx)", "486"),
    ("lock; xaddl %eax, (%ecx)", "486"),
    ("wbinvd", "486"),
    ("invd", "486"),
    ("cpuid", "pentium"),
    ("rdtsc", "pentium"),
    ("rdmsr", "pentium"),
    ("wrmsr", "pentium"),
    ("movl %eax, %cr4", "pentium"),
    ("movl %cr4, %eax", "pentium"),
    ("cmpxchg8b (%eax)", "pentium"),
    ("cmovel %eax, %ecx", "pentiumpro"),
    (".byte 0x0f, 0x1f, 0x40, 0x00", "pentiumpro"),
    ("endbr32", "pentiumpro"),
    ("rdpmc", "pentiumpro"),
]

OPTIONAL = [
    "fninit",
    "fldz",
    "fcomi %st(1), %st",
    "emms",
    "paddb %mm0, %mm1",
    "addps %xmm0, %xmm1",
    "lfence",
    "popcntl %eax, %ecx",
    "tzcntl %eax, %ecx",
    "sysenter",
    "fxsave (%eax)",
    "rdtscp",
]

LADDER = ("386", "486", "pentium", "pentiumpro")
FAMILY = {"386": 3, "486": 4, "pentium": 5, "pentiumpro": 6}


def test_what_a_386_has_passes(build: Build, default: Derived) -> None:
    assert found(build, default, "\n\t".join(OLD)) == []


@pytest.mark.parametrize(("instruction", "first"), NEW)
def test_an_instruction_needs_its_first_cpu(
    instruction: str, first: str, build: Build, described: Described
) -> None:
    for minimum in LADDER:
        wrong = found(build, described(minimum), instruction)
        if FAMILY[minimum] >= FAMILY[first]:
            assert wrong == []
        else:
            (finding,) = wrong
            assert finding.rule == "instructions"
            assert f"needs a {first}" in finding.elf
            assert finding.expected == f"cpu.minimum is {minimum}"
            assert f"set cpu.minimum to '{first}'" in finding.hint


@pytest.mark.parametrize("instruction", OPTIONAL)
def test_what_no_family_promises_is_refused_on_all(
    instruction: str, build: Build, described: Described
) -> None:
    for minimum in LADDER:
        (finding,) = found(build, described(minimum), instruction)
        assert finding.rule == "instructions"


def test_a_finding_names_instruction_address_function_and_line(
    build: Build, default: Derived
) -> None:
    elf = build(start={"\tcli\n": "\tcli\n\tbswap %ecx\n"})
    (finding,) = findings(facts(elf), default)
    line = 1 + elf.with_name("start.S").read_text().splitlines().index("\tbswap %ecx")
    assert "`bswap ecx` at 0xc010000d in _start+0x1 (" in finding.elf
    assert f"start.S:{line})" in finding.elf


GUARD = (
    "{label}:\t{code}\n\t.pushsection .kgen.guard\n\t.long {label}b{off}, {family}\n\t.popsection"
)


def guard(code: str, family: int, off: str = "") -> str:
    """``code`` with an entry in the guard table."""
    return GUARD.format(label=9, code=code, family=family, off=off)


@pytest.mark.parametrize(("instruction", "first"), NEW)
def test_a_guarded_instruction_passes(
    instruction: str, first: str, build: Build, default: Derived
) -> None:
    assert found(build, default, guard(instruction, FAMILY[first])) == []


def test_a_guard_covers_its_instruction_alone(build: Build, default: Derived) -> None:
    (finding,) = found(build, default, guard("invlpg (%eax)", 4) + "\n\tinvlpg (%eax)")
    assert finding.rule == "instructions"


@pytest.mark.parametrize(
    ("code", "family", "off", "rules"),
    [
        ("movl %eax, %ecx", 4, "", ["guards"]),  # a 386 has it
        ("invlpg (%eax)", 5, "", ["guards"]),  # another family
        ("cpuid", 4, "", ["guards"]),
        ("invlpg (%eax)", 4, " + 1", ["instructions", "guards"]),  # beside it
        ("invlpg (%eax)", 0, "", ["guards"]),
    ],
)
def test_a_stale_guard_is_a_finding(
    code: str, family: int, off: str, rules: list[str], build: Build, default: Derived
) -> None:
    assert [item.rule for item in found(build, default, guard(code, family, off))] == rules


def test_a_guard_table_cut_short_is_an_error(build: Build, default: Derived) -> None:
    with pytest.raises(KgenError, match="guard"):
        found(build, default, "\t.pushsection .kgen.guard\n\t.long 1\n\t.popsection")


def test_bytes_that_are_no_instruction_are_refused(build: Build, default: Derived) -> None:
    (finding,) = found(build, default, "\t.byte 0xff, 0xff")
    assert "the bytes ff ff" in finding.elf
    assert "no instruction" in finding.elf


def test_data_in_text_passes_if_it_says_so(build: Build, default: Derived) -> None:
    table = "\tret\n\t.type table, @object\ntable: .byte 0xff, 0xff, 0x0f\n\t.size table, 3\n\tnop"
    assert found(build, default, table) == []


def test_every_function_is_decoded_from_its_own_start(build: Build, default: Derived) -> None:
    """An instruction cut short in front of a symbol does not swallow the next one."""
    wrong = found(
        build, default, "\t.byte 0xb8\n\t.type second, @function\nsecond:\n\tinvlpg (%eax)"
    )
    assert [item.elf.split("`")[1] for item in wrong if "`" in item.elf] == ["invlpg [eax]"]


@pytest.mark.parametrize("alignment", [8192, 65536])
def test_the_stack_is_not_aligned_past_its_guard(
    build: Build, default: Derived, alignment: int
) -> None:
    (finding,) = found(build, default, f"andl $-{alignment}, %esp")
    assert finding.rule == "stack-alignment"
    assert f"aligned to {alignment} bytes" in str(finding)
    assert " in extra" in str(finding)


def test_what_may_be_aligned(build: Build, default: Derived) -> None:
    code = "andl $-16, %esp\n\tandl $-4096, %esp\n\tmovl $0xe000e481, %eax\n\tandl $-8192, %ecx"
    assert found(build, default, code) == []
