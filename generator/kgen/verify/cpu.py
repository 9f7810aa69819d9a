"""The rules on instructions: none that the oldest CPU lacks, none that passes the stack's guard.

A compiler told ``-march=i386`` emits no newer instruction, but assembly, inline assembly and
somebody else's objects may, and QEMU, which has no 386, would run them without a word. So every
executable section is decoded from end to end, and each instruction's first CPU is looked up in
:mod:`kgen_qemu.i386`, which numbers the families: 3 a 386, 4 a 486, 5 a Pentium, 6 a Pentium Pro.

A kernel may still *use* a newer instruction after asking the CPU. Such a place is a guard: code
that emits the instruction also emits an entry into the section ``.kgen.guard``, which is not
loaded (``CPU_GUARD`` in ``arch/cpu.h``), as in::

    1:      invlpg (%eax)
            .pushsection .kgen.guard
            .long 1b, 4             /* address, family that it needs: a 486 */
            .popsection

The table is checked from both sides: an entry that points at anything else is stale, and a
finding as well.

A stack's guard works because gcc touches each page of a frame before the next
(``-fstack-clash-protection``). One step it does not touch: where a local variable is aligned
to more than a page, ``andl $-ALIGNMENT, %esp`` passes over what lies between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from kgen.derive import Derived
from kgen.units import PAGE_SIZE, show_address
from kgen.verify.facts import Code, Facts
from kgen.verify.finding import Finding
from kgen_qemu.i386 import NAMES, cpu, first_family

if TYPE_CHECKING:
    from iced_x86 import Decoder, Instruction


@dataclass(frozen=True)
class Newer:
    """An instruction newer than a 386, or bytes that are not one: ``family`` 0."""

    address: int
    text: str
    family: int


def instructions(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """No instruction is newer than ``cpu.minimum`` unless guarded, and no guard is stale."""
    yield from _wrong(newer(facts), facts, derived, "arch/cpu.h")


def program_instructions(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """The same of a user program, which may use the x87: the kernel sees to that."""
    yield from _wrong(newer(facts, x87=True), facts, derived, "cpu_guard.h")


def _wrong(
    found: Sequence[Newer], facts: Facts, derived: Derived, header: str
) -> Iterator[Finding]:
    yield from _unguarded(found, facts, derived, header)
    yield from _stale(found, facts)


def _unguarded(
    found: Sequence[Newer], facts: Facts, derived: Derived, header: str
) -> Iterator[Finding]:
    guarded = {guard.address for guard in facts.guards}
    wrong = [
        item
        for item in found
        if not item.family or (item.family > derived.cpu_family and item.address not in guarded)
    ]
    places = _places(facts, [item.address for item in wrong])
    for item in wrong:
        if item.family:
            yield Finding(
                "instructions",
                f"`{item.text}` {places[item.address]} needs {cpu(item.family)}",
                f"cpu.minimum is {derived.kernel.cpu.minimum}",
                _remedy(item.family, header),
            )
        else:
            yield Finding(
                "instructions",
                f"the bytes {item.text} {places[item.address]} are no instruction",
                "everything in an executable section is decoded",
                "mark data there with .type NAME, @object and .size, or move it to .rodata",
            )


def _stale(found: Sequence[Newer], facts: Facts) -> Iterator[Finding]:
    """Entries of the guard table that do not point at an instruction needing just that family."""
    needs = {item.address: item for item in found}
    stale = [
        guard
        for guard in facts.guards
        if guard.address not in needs or needs[guard.address].family != guard.family
    ]
    places = _places(facts, [guard.address for guard in stale])
    for guard in stale:
        item = needs.get(guard.address)
        there = f"`{item.text}` needs {cpu(item.family)}" if item else "a 386 has what is there"
        yield Finding(
            "guards",
            f"a guard for {cpu(guard.family)} stands {places[guard.address]}, and {there}",
            "a guard marks an instruction that needs just that CPU",
            "remove the entry in .kgen.guard, or set its label and family right",
        )


_AND_ESP = bytes.fromhex("81e4")
"""``andl $CONSTANT, %esp`` with a constant of 32 bits, which follows."""


def stack_alignment(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """No function aligns its stack pointer to more than a page."""
    found = {
        address: alignment
        for code in facts.code
        for address, alignment in _stack_alignments(facts, code)
        if alignment > PAGE_SIZE
    }
    places = _places(facts, list(found))
    for address, alignment in found.items():
        yield Finding(
            "stack-alignment",
            f"a local variable is aligned to {alignment} bytes {places[address]}",
            "beyond a page, 4096, the step that aligns the stack may pass over the guard below it",
            "make the variable static, or take its memory from kmalloc_aligned()",
        )


def _stack_alignments(facts: Facts, code: Code) -> Iterator[tuple[int, int]]:
    from iced_x86 import Decoder

    for start, end in _stops(facts, code):
        data = code.data[start - code.address : end - code.address]
        if _AND_ESP not in data:  # nearly always
            continue
        for instruction in Decoder(32, data, ip=start):
            at = instruction.ip32 - start
            if data[at : at + 2] == _AND_ESP:
                mask = int.from_bytes(data[at + 2 : at + 6], "little")
                yield instruction.ip32, (1 << 32) - mask


def newer(facts: Facts, *, x87: bool = False) -> tuple[Newer, ...]:
    """Every instruction that a 386 lacks (one with an ``x87``), in the order of addresses."""
    return tuple(item for code in facts.code for item in _newer(code, _stops(facts, code), x87))


def _newer(code: Code, pieces: list[tuple[int, int]], x87: bool) -> Iterator[Newer]:
    from iced_x86 import Decoder

    for start, end in pieces:
        data = code.data[start - code.address : end - code.address]
        decoder = Decoder(32, data, ip=start)
        for instruction in decoder:
            family = first_family(instruction, x87=x87)
            if family != 3:
                yield _item(instruction, family, data, decoder)


def _item(instruction: Instruction, family: int, data: bytes, decoder: Decoder) -> Newer:
    text = str(instruction)
    if family == 0:
        at = instruction.ip32 - (decoder.ip - decoder.position)
        text = data[at : at + 8].hex(" ")
    return Newer(instruction.ip32, text, family)


def _stops(facts: Facts, code: Code) -> list[tuple[int, int]]:
    """The section cut at its symbols, where decoding starts anew, without its data objects."""
    end = code.address + len(code.data)
    inside = [s for s in facts.symbols if s.in_section and code.address <= s.address < end]
    data = [(s.address, s.address + s.size) for s in inside if s.kind == "STT_OBJECT"]
    cuts = sorted({code.address, end, *(s.address for s in inside), *(stop for _, stop in data)})
    return [
        (start, stop)
        for start, stop in pairwise(cuts)
        if not any(first <= start < last for first, last in data)
    ]


def _remedy(family: int, header: str) -> str:
    guard = f"ask the CPU first and mark the place with CPU_GUARD() of {header}"
    if family in NAMES:
        return f"avoid it, {guard}, or set cpu.minimum to {NAMES[family]!r}"
    return f"compile with -mno-80387 -mno-mmx -mno-sse and no -march of your own, or {guard}"


def _places(facts: Facts, addresses: list[int]) -> dict[int, str]:
    """``at ADDRESS in FUNCTION (FILE:LINE)`` for each; DWARF is read only if there are any."""
    if not addresses:
        return {}
    from kgen.verify.lines import lines

    known = lines(facts.path, addresses)
    return {
        address: f"at {show_address(address)} in {facts.function_at(address)}"
        + (f" ({known[address]})" if address in known else "")
        for address in addresses
    }
