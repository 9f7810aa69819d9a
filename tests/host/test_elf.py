"""What the kernel makes of an ELF file's headers, against a model that knows no 32 bits.

The model says everything that is wrong with a file, with numbers that can't wrap. The kernel
says the first thing it comes to: that must be one of them, and nothing if there is nothing.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.host.native import QUICK, SANITIZED, Kind, Workshop
from tests.mutation import Edit

ELF_C = "user/elf.c"

PAGE = 0x1000
READ = 1 << 13
"""Bytes of a file that are told; the rest are zeros."""

BASE, LIMIT = 0x8012_3000, 0xC000_0000
LOAD, INTERP, NOTE, TLS, STACK = 1, 3, 4, 7, 0x6474_E551
EXEC, DYN = 2, 3

ENOENT, ENOEXEC, EINVAL = -2, -8, -22

WORDS = {
    "magic": (ENOEXEC, "not an ELF file"),
    "class": (ENOEXEC, "not an ELF file of 32 bits, little-endian, version 1"),
    "machine": (ENOEXEC, "for another machine than an i386"),
    "type": (ENOEXEC, "an ELF file, but not an executable"),
    "headers": (ENOEXEC, "its program headers are not in the file, or not of their size"),
    "interpreter": (ENOENT, "wants an interpreter: link it with -static"),
    "nothing": (ENOEXEC, "has no segment to load"),
    "many": (ENOEXEC, "has more segments than 16"),
    "file": (ENOEXEC, "a segment is not in the file"),
    "size": (EINVAL, "a segment has more bytes in the file than in memory"),
    "wrap": (EINVAL, "a segment runs over the end of addresses"),
    "align": (EINVAL, "a segment's address and offset differ modulo a page"),
    "null": (EINVAL, "a segment is in page 0"),
    "kernel": (EINVAL, "a segment is in the kernel's half"),
    "overlap": (EINVAL, "segments overlap"),
    "entry": (EINVAL, "its entry is in no segment"),
}


@dataclass(frozen=True)
class Segment:
    """A program header."""

    type: int = LOAD
    offset: int = 0
    address: int = 0x0804_8000
    filesz: int = 0x1000
    memsz: int = 0x1000
    flags: int = 5
    align: int = PAGE

    def pack(self) -> bytes:
        fields = (self.type, self.offset, self.address, self.address, self.filesz, self.memsz)
        return struct.pack("<8I", *fields, self.flags, self.align)


@dataclass(frozen=True)
class File:
    """An ELF file: its size, the fields of its header, its program headers."""

    segments: tuple[Segment, ...] = (Segment(),)
    size: int = 0x10000
    ident: bytes = b"\x7fELF\x01\x01\x01"
    type: int = EXEC
    machine: int = 3
    entry: int = 0x0804_8000
    phoff: int = 52
    phentsize: int = 32
    phnum: int = field(default=-1)

    @property
    def count(self) -> int:
        return len(self.segments) if self.phnum < 0 else self.phnum

    def pack(self) -> bytes:
        head = self.ident.ljust(16, b"\0") + struct.pack(
            "<HHIIIIIHHHHHH",
            *(self.type, self.machine, 1, self.entry, self.phoff, 0, 0, 52),
            *(self.phentsize, self.count, 40, 0, 0),
        )
        assert len(head) == 52
        table = b"".join(segment.pack() for segment in self.segments)
        at = min(self.phoff, READ - len(table))  # what lies further on reads as zeros
        assert at >= 0
        whole = bytearray(max(len(head), at + len(table)))
        whole[at : at + len(table)] = table
        whole[: len(head)] = head
        return bytes(whole)

    def read(self) -> list[Segment]:
        """The program headers as they are in the file, which may be anything."""
        data = self.pack().ljust(READ, b"\0")
        found = []
        for i in range(self.count):
            at = self.phoff + 32 * i
            words = struct.unpack("<8I", data[at : at + 32].ljust(32, b"\0"))
            kind, offset, address, _, filesz, memsz, flags, align = words
            found.append(Segment(kind, offset, address, filesz, memsz, flags, align))
        return found

    def line(self) -> str:
        return f"{self.size} {BASE:x} {LIMIT:x} {self.pack().hex()}"


# --- the model ------------------------------------------------------------------------


def header_faults(file: File) -> set[str]:
    if file.size < 4 or file.ident[:4] != b"\x7fELF":
        return {"magic"}
    if file.size < 52 or file.ident[4:7] != b"\x01\x01\x01":
        return {"class"}
    faults = set()
    if file.machine != 3:
        faults.add("machine")
    if file.type not in (EXEC, DYN):
        faults.add("type")
    if file.count == 0:
        faults.add("nothing")
    elif file.phentsize != 32 or file.count > 64 or file.phoff + 32 * file.count > file.size:
        faults.add("headers")
    return faults


def move(file: File, segments: list[Segment]) -> int:
    """How far a file that is position-independent moves."""
    if file.type == EXEC:
        return 0
    aligns = [s.align for s in segments if s.type == LOAD and s.align.bit_count() == 1]
    align = max([PAGE, *(align for align in aligns if align <= 4 << 20)])
    return -(-BASE // align) * align


def segment_faults(segment: Segment, start: int, size: int) -> set[str]:
    end = start + segment.memsz
    tests = {
        "size": segment.filesz > segment.memsz,
        "wrap": end >= 1 << 32,
        "file": segment.offset + segment.filesz > size,
        "align": (start - segment.offset) % PAGE != 0,
        "null": start < PAGE or start >= 1 << 32,  # what wraps begins anywhere
        "kernel": end > LIMIT,
    }
    return {name for name, is_so in tests.items() if is_so}


def collide(low: Segment, high: Segment) -> bool:
    """Whether neighbours have a byte of both, or a page that can't show both."""
    end = low.address + low.memsz
    if end > high.address:
        return True
    if (end - 1) // PAGE != high.address // PAGE:
        return False
    same_page_of_file = low.address - low.offset == high.address - high.offset
    return not (same_page_of_file and low.filesz == low.memsz and high.filesz > 0)


def expected(file: File) -> tuple[set[str], str]:
    """What is wrong with a file; if nothing is, how it is laid out."""
    faults = header_faults(file)
    if faults:
        return faults, ""
    headers = file.read()
    shift = move(file, headers)
    loads = [s for s in headers if s.type == LOAD and s.memsz]
    placed = [replace(s, address=s.address + shift) for s in loads]
    if any(s.type == INTERP for s in headers):
        faults.add("interpreter")
    if not loads:
        faults.add("nothing")
    if len(loads) > 16:
        faults.add("many")
    for segment in placed:
        faults |= segment_faults(segment, segment.address, file.size)
    placed.sort(key=lambda s: s.address)
    if any(collide(low, high) for low, high in pairwise(placed)):
        faults.add("overlap")
    entry = file.entry + shift
    if not any(s.address <= entry % 2**32 < s.address + s.memsz for s in placed):
        faults.add("entry")
    if faults:
        return faults, ""
    return set(), layout(file, headers, placed, entry % 2**32)


def layout(file: File, headers: list[Segment], placed: list[Segment], entry: int) -> str:
    first, last = file.phoff, file.phoff + 32 * file.count
    shown = [s for s in placed if s.offset <= first and last <= s.offset + s.filesz]
    at = shown[0].address + first - shown[0].offset if shown else 0
    stacks = [s.flags & 1 for s in headers if s.type == STACK]
    parts = [f"{entry:x} {at:x} {file.count} {placed[-1].address + placed[-1].memsz:x}"]
    parts[0] += f" {stacks[-1] if stacks else 1}"
    for s in placed:
        prot = (s.flags >> 2 & 1) | (s.flags & 2) | (s.flags & 1) << 2
        ends = f"{s.address + s.filesz:x} {s.address + s.memsz:x}"
        parts.append(f"{s.address:x} {ends} {s.offset:x} {prot:x}")
    return " | ".join(parts)


# --- files ----------------------------------------------------------------------------

CODE = Segment(address=0x0804_8000, filesz=0x2345, memsz=0x2345)
DATA = Segment(offset=0x3F10, address=0x0804_CF10, filesz=0x120, memsz=0x5000, flags=6)
MUSL = (CODE, DATA, Segment(STACK, 0, 0, 0, 0, 6, 16))
"""As musl's static programs are: data begins in the middle of a page, and bss follows."""

PIE = tuple(replace(s, address=s.address - 0x0804_8000 if s.type == LOAD else 0) for s in MUSL)

GOOD = {
    "one segment": File(),
    "musl": File(MUSL),
    "static pie": File(PIE, type=DYN, entry=0x100),
    "aligned pie": File((replace(PIE[0], align=1 << 21), PIE[1]), type=DYN, entry=0),
    "most aligned pie": File((replace(PIE[0], align=4 << 20), PIE[1]), type=DYN, entry=0),
    "huge alignment": File((replace(PIE[0], align=1 << 31), PIE[1]), type=DYN, entry=0),
    "odd alignment": File((replace(PIE[0], align=0x3000), PIE[1]), type=DYN, entry=0),
    "out of order": File((DATA, CODE)),
    "only zeros": File((CODE, Segment(filesz=0, address=0x0900_0000, memsz=0x1234, flags=6))),
    "empty segments": File((CODE, Segment(memsz=0, filesz=0, address=0xFFFF_F000, offset=1))),
    "one page for two": File(
        (CODE, Segment(offset=0x2345, address=0x0804_A345, filesz=16, memsz=64, flags=6))
    ),
    "up to the limit": File((Segment(address=LIMIT - PAGE),), entry=LIMIT - 1),
    "from page 1": File((Segment(address=PAGE),), entry=PAGE),
    "headers elsewhere": File((replace(CODE, offset=0x1000),), phoff=0x800),
    "sixteen": File(tuple(Segment(address=(i + 1) << 20) for i in range(16)), entry=1 << 20),
    "whole file": File((Segment(filesz=0x10000, memsz=0x10000),)),
    "nobody may read": File((replace(CODE, flags=0),)),
    "no word about the stack": File((CODE,)),
    "code on the stack": File((CODE, Segment(STACK, 0, 0, 0, 0, 7, 16))),
    "sixty-four headers": File((CODE, *[Segment(NOTE)] * 63)),
}

BAD = {
    "empty": ("magic", File(size=0)),
    "text": ("magic", File(ident=b"#!/bin/sh")),
    "another letter": ("magic", File(ident=b"\x7fEOF\x01\x01\x01")),
    "one letter": ("magic", File(ident=b"\x7fELG\x01\x01\x01")),
    "cut": ("class", File(size=51)),
    "64 bits": ("class", File(ident=b"\x7fELF\x02\x01\x01")),
    "big-endian": ("class", File(ident=b"\x7fELF\x01\x02\x01")),
    "version 0": ("class", File(ident=b"\x7fELF\x01\x01\x00")),
    "x86-64": ("machine", File(machine=62)),
    "ARM": ("machine", File(machine=40)),
    "object": ("type", File(type=1)),
    "core": ("type", File(type=4)),
    "no headers": ("nothing", File(phnum=0)),
    "no loads": ("nothing", File((Segment(NOTE),))),
    "nothing in memory": ("nothing", File((Segment(memsz=0, filesz=0),))),
    "headers of 56 bytes": ("headers", File(phentsize=56)),
    "65 headers": ("headers", File((Segment(NOTE),) * 65)),
    "headers past the end": ("headers", File(size=52 + 31)),
    "headers far away": ("headers", File(phoff=0xFFFF_FFF0)),
    "interpreter": ("interpreter", File((Segment(INTERP), CODE))),
    "seventeen": (
        "many",
        File(tuple(Segment(address=(i + 1) << 20) for i in range(17)), entry=1 << 20),
    ),
    "past the file": ("file", File((replace(CODE, filesz=0x2345, offset=0xE000),))),
    "offset past the file": ("file", File((replace(CODE, offset=0xFFFF_F000),))),
    "shrinks": ("size", File((replace(CODE, memsz=0x2344),))),
    "wraps": ("wrap", File((replace(CODE, address=0xFFFF_F000, memsz=0x2345),))),
    "to the very end": ("wrap", File((Segment(address=0xFFFF_F000),))),
    "wraps when moved": ("wrap", File((replace(CODE, address=0x9000_0000),), type=DYN)),
    "unaligned": ("align", File((replace(CODE, address=0x0804_8001),))),
    "page 0": ("null", File((Segment(address=0),), entry=0)),
    "in page 0": ("null", File((Segment(offset=16, address=16),), entry=16)),
    "kernel's text": ("kernel", File((Segment(address=0xC010_0000),), entry=0xC010_0000)),
    "kernel": ("kernel", File((Segment(address=LIMIT),), entry=LIMIT)),
    "into the kernel": (
        "kernel",
        File((Segment(address=LIMIT - PAGE, memsz=PAGE + 1),), entry=LIMIT - PAGE),
    ),
    "moved into the kernel": ("kernel", File((Segment(address=0x4000_0000),), type=DYN)),
    "overlap": ("overlap", File((CODE, replace(CODE, address=0x0804_A000)))),
    "same": ("overlap", File((CODE, CODE))),
    "inside": ("overlap", File((replace(CODE, memsz=0x10000), DATA))),
    "one page, other bytes": (
        "overlap",
        File((CODE, Segment(offset=0x1345, address=0x0804_A345, filesz=16, memsz=64))),
    ),
    "one page, zeros below": (
        "overlap",
        File(
            (
                replace(CODE, memsz=0x2350),
                Segment(offset=0x2350, address=0x0804_A350, filesz=16, memsz=64),
            )
        ),
    ),
    "one page, zeros above": (
        "overlap",
        File((CODE, Segment(offset=0x2345, address=0x0804_A345, filesz=0, memsz=64))),
    ),
    "entry below": ("entry", File(entry=0x0804_7FFF)),
    "entry above": ("entry", File(entry=0x0804_9000)),
    "entry in the kernel": ("entry", File(entry=0xC010_0000)),
}

WORDS_32 = (
    *(0, 1, 2, 3, 4, 16, 51, 52, 53, 0xFFF, 0x1000, 0x1001, 0x2345, 0x3F10, 0xFFFF, 0x10000),
    *(0x0804_7FFF, 0x0804_8000, 0x0804_A345, 0x0804_C000, 0x4000_0000, 0x7FFF_FFFF, 0x8000_0000),
    *(LIMIT - PAGE, LIMIT - 1, LIMIT, LIMIT + 1, 0xFFFF_0000, 0xFFFF_F000, 0xFFFF_FFFF),
)


def spoil(file: File, random: Random) -> File:
    """The file with a field changed: to an odd value, or by a little."""

    def changed(value: int, bits: int) -> int:
        near = (value + random.choice((-PAGE, -1, 1, 16, PAGE)), random.choice(WORDS_32))
        return int(random.choice((*near, random.getrandbits(32)))) & ((1 << bits) - 1)

    if random.random() < 0.3:
        name = random.choice(("size", "type", "machine", "entry", "phoff", "phnum"))
        if name == "size":
            return replace(file, size=random.choice((0, 3, 4, 51, 52, 84, 0x5000, 0x10000)))
        if name == "phnum":
            return replace(file, phnum=random.choice((0, 1, 2, 3, 16, 17, 64, 65, 0xFFFF)))
        bits = 16 if name in ("type", "machine") else 32
        new: Any = {name: changed(getattr(file, name), bits)}
        return replace(file, **new)
    index = random.randrange(len(file.segments))
    name = random.choice(("type", "offset", "address", "filesz", "memsz", "flags", "align"))
    segment = file.segments[index]
    new = {name: changed(getattr(segment, name), 32)}
    spoilt = replace(segment, **new)
    return replace(file, segments=(*file.segments[:index], spoilt, *file.segments[index + 1 :]))


def files(count: int) -> list[File]:
    """All that are named, and as many that are spoilt in up to four places."""
    random = Random(11)
    found = [*GOOD.values(), *(file for _, file in BAD.values())]
    whole = list(GOOD.values())
    for _ in range(count):
        file = random.choice(whole)
        for _ in range(random.choice((1, 1, 2, 4))):
            file = spoil(file, random)
        found.append(file)
    return found


def difference(
    workshop: Workshop, src: Path, kind: Kind, count: int, edit: Edit | None = None
) -> str:
    """The first file about which kernel and model disagree; empty if there is none."""
    program = workshop.program(src, "elfs.c", (ELF_C,), kind, edit)
    asked = files(count)
    done = program.run(stdin="\n".join(file.line() for file in asked) + "\n")
    answers = done.stdout.splitlines()
    if done.returncode or len(answers) != len(asked):
        return f"status {done.returncode} after {len(answers)} files: {done.stdout[-2000:]}"
    named = {file: {reason} for reason, file in BAD.values()}
    for file, answer in zip(asked, answers, strict=True):
        faults, laid_out = expected(file)
        faults = named.get(file, faults)
        allowed = {"refused {} {}".format(*WORDS[fault]) for fault in faults} or {laid_out}
        if answer not in allowed:
            return f"{file}\n{answer}\nnot one of {allowed}"
    return ""


@pytest.fixture
def user_src(workshop: Workshop) -> Path:
    return workshop.sources(features={"user_space": True})


@pytest.mark.parametrize("name", GOOD)
def test_a_good_one_is_good_to_the_model(name: str) -> None:
    assert expected(GOOD[name])[0] == set()


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_bad_for_its_reason(name: str, workshop: Workshop, user_src: Path) -> None:
    """And for no other, or the kernel says the first of several."""
    reason, file = BAD[name]
    assert reason in expected(file)[0]
    program = workshop.program(user_src, "elfs.c", (ELF_C,), SANITIZED)
    assert program.check(stdin=file.line() + "\n") == "refused {} {}\n".format(*WORDS[reason])


def test_kernel_and_model_agree(workshop: Workshop, user_src: Path) -> None:
    assert difference(workshop, user_src, SANITIZED, 5000) == ""


def test_enough_of_the_spoilt_are_good() -> None:
    """Else the search would show refusals only; and each reason to refuse comes up alone."""
    found = [expected(file)[0] for file in files(5000)]
    assert sum(not faults for faults in found) > 1000
    alone = {next(iter(faults)) for faults in found if len(faults) == 1}
    assert alone == set(WORDS) - {"wrap"}  # what wraps is past the limit, too


MUTANTS = {
    "no magic": Edit(ELF_C, "file_size < 4 || ", "0 || "),
    "half a magic": Edit(ELF_C, "header->magic[2] != 'L' ||", ""),
    "a cut header": Edit(ELF_C, "file_size < sizeof(*header) ||", ""),
    "any byte order": Edit(ELF_C, "header->data != DATA_LITTLE ||", ""),
    "any machine": Edit(ELF_C, "if (header->machine != MACHINE_386)", "if (0)"),
    "no position-independent ones": Edit(ELF_C, "&& header->type != TYPE_DYN", ""),
    "headers of any size": Edit(
        ELF_C, "header->program_header_size != sizeof(struct elf_program_header) ||", ""
    ),
    "many headers": Edit(ELF_C, "header->program_header_count > ELF_HEADERS_MAX ||", ""),
    "headers outside": Edit(ELF_C, "header->program_headers > file_size ||", ""),
    "headers cut": Edit(ELF_C, "headers > file_size - header->program_headers", "0"),
    "every base is good": Edit(ELF_C, "align = MAX(align, wanted);", ";"),
    "an executable moves": Edit(ELF_C, "if (header->type == TYPE_EXEC)", "if (0)"),
    "odd alignments count": Edit(ELF_C, "!(wanted & (wanted - 1)) &&", ""),
    "huge alignments count": Edit(ELF_C, "&& wanted <= ALIGN_MAX", ""),
    "segments shrink": Edit(ELF_C, "if (header->file_size > header->memory_size)", "if (0)"),
    "start wraps": Edit(ELF_C, "start < base ||", ""),
    "end wraps": Edit(ELF_C, "|| header->memory_size > ~start", ""),
    "offset outside": Edit(ELF_C, "header->offset > file_size ||", ""),
    "segment cut": Edit(ELF_C, "|| header->file_size > file_size - header->offset", ""),
    "unaligned": Edit(ELF_C, "if ((start - header->offset) % PAGE_SIZE)", "if (0)"),
    "page 0": Edit(ELF_C, "if (start < PAGE_SIZE)", "if (!start)"),
    "begins in the kernel": Edit(ELF_C, "start >= limit || ", ""),
    "ends in the kernel": Edit(ELF_C, "|| header->memory_size > limit - start", ""),
    "one byte in the kernel": Edit(
        ELF_C, "header->memory_size > limit - start", "header->memory_size > limit - start + 1"
    ),
    "write is execute": Edit(ELF_C, "header->flags & PF_W ? WRITE : 0", "0"),
    "in the file's order": Edit(
        ELF_C, "i && program->segments[i - 1].start > segment.start", "0 && i"
    ),
    "bytes of two": Edit(ELF_C, "if (high->start < low->end)", "if (0)"),
    "a page of two": Edit(
        ELF_C, "return low->file_end != low->end || high->file_end == high->start ||", "return"
    ),
    "a page of two, zeros above": Edit(ELF_C, "high->file_end == high->start ||", ""),
    "a page of two, zeros below": Edit(ELF_C, "low->file_end != low->end ||", ""),
    "a page of two places": Edit(
        ELF_C, "low->start - low->offset != high->start - high->offset", "0"
    ),
    "any entry": Edit(ELF_C, "return entry ? ELF_OK : ELF_ERR_ENTRY;", "return ELF_OK;"),
    "entry at the end": Edit(
        ELF_C, "< segment->end - segment->start;", "<= segment->end - segment->start;"
    ),
    "headers shown in part": Edit(ELF_C, "shown >= size &&", ""),
    "headers shown elsewhere": Edit(ELF_C, "return segment->start + at;", "return at;"),
    "interpreters are fine": Edit(ELF_C, "if (each->type == PT_INTERP)", "if (0)"),
    "stacks are data": Edit(ELF_C, ".stack_is_code = true,", ".stack_is_code = false,"),
    "seventeen": Edit(
        ELF_C, "program->count == ELF_SEGMENTS_MAX", "program->count == ELF_SEGMENTS_MAX - 1"
    ),
    "empty ones count": Edit(ELF_C, "|| !each->memory_size", ""),
    "nothing is fine": Edit(ELF_C, "if (!program->count)", "if (0)"),
    "the entry stays": Edit(ELF_C, ".entry = header->entry + move,", ".entry = header->entry,"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_model_notices(name: str, workshop: Workshop, user_src: Path) -> None:
    assert difference(workshop, user_src, QUICK, 1000, MUTANTS[name])
