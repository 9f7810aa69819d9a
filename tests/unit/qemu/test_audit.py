"""The audit, on logs in every format that QEMU writes, whole and damaged."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgen_qemu import i386
from kgen_qemu.audit import Audit, audit, blocks
from kgen_qemu.trace import Trace, qemu_version

BASE = 0xC0000000
NOWHERE = Path("/nonexistent/kernel.elf")

# As QEMU 7.2 writes it; the second instruction has more than eight bytes.
WITH_TEXT = b"""----------------
IN: main
0xc0100432:  0f 01 38                 invlpg   (%eax)
0xc0100435:  c7 80 00 10 00 00 01 00  movl     $1, 0x1000(%eax)
0xc010043d:  00 00
0xc010043f:  c3                       retl

----------------
IN:
0x00100500:  0f c8                    bswapl   %eax
0x00100502:  ea                       .byte    0xea
"""

# Where QEMU has no disassembler.
WITHOUT_TEXT = b"""----------------
IN:
0xc0100432:
OBJD-T: 0f0138c78000100000010000
OBJD-T: 00c3

----------------
IN:
0x00100500:
OBJD-T: 0fc8ea
"""

BLOCKS = [
    (0xC0100432, bytes.fromhex("0f0138 c7800010000001000000 c3")),
    (0x00100500, bytes.fromhex("0fc8 ea")),
]


def audited(tmp_path: Path, text: bytes, limit: int | None = 3) -> Audit:
    file = tmp_path / "boot.asm"
    file.write_bytes(text)
    return audit(file, NOWHERE, BASE, Trace(((0, 1),), limit))


@pytest.mark.parametrize("text", [WITH_TEXT, WITHOUT_TEXT], ids=["with_text", "without_text"])
def test_both_formats(text: bytes) -> None:
    assert list(blocks(text)) == BLOCKS


@pytest.mark.parametrize("text", [WITH_TEXT, WITHOUT_TEXT], ids=["with_text", "without_text"])
def test_what_is_found(tmp_path: Path, text: bytes) -> None:
    found = audited(tmp_path, text)
    assert found.instructions == found.distinct == 5
    assert found.newest == "486"
    assert found.newer == ("bswap", "invlpg")
    assert [(site.text.split()[0], site.family) for site in found.violations] == [
        ("bswap", 4),  # it ran before paging was on: its address is the physical one
        ("ea", 0),
        ("invlpg", 4),
    ]
    assert [site.frame.address for site in found.violations] == [0xC0100500, 0xC0100502, 0xC0100432]
    assert found.reasons[0] == "`bswap eax` ran at 0xc0100500 and needs a 486"
    assert found.reasons[1] == "`ea` ran at 0xc0100502 and is no instruction"


def test_blocks_that_touch_are_decoded_each_from_its_start(tmp_path: Path) -> None:
    """The first ends with an invalid instruction; the second begins right after it."""
    text = b"IN:\n0xc0100000:  0f ff                    ud0\nIN:\n0xc0100002:  c3       retl\n"
    found = audited(tmp_path, text)
    assert [site.frame.address for site in found.violations] == [0xC0100000]
    assert found.distinct == 2


def test_a_site_that_runs_often_is_named_once(tmp_path: Path) -> None:
    found = audited(tmp_path, WITH_TEXT * 10)
    assert found.distinct == 5
    assert found.instructions == 50
    assert len(found.violations) == 3


def test_the_limit(tmp_path: Path) -> None:
    text = WITH_TEXT.replace(b"0x00100502:  ea                       .byte    0xea\n", b"")
    assert len(audited(tmp_path, text, 3).violations) == 2
    assert audited(tmp_path, text, 4).violations == ()
    assert audited(tmp_path, text, None).violations == ()


@pytest.mark.parametrize("text", [b"", b"----------------\nIN:\n\n", b"qemu: could not\n"])
def test_an_empty_log_is_a_failure(tmp_path: Path, text: bytes) -> None:
    found = audited(tmp_path, text)
    assert found.newest is None
    assert "the audit saw no instruction" in found.reasons[0]


def test_no_log_is_a_failure(tmp_path: Path) -> None:
    found = audit(tmp_path / "none.asm", NOWHERE, BASE, Trace((), None))
    assert found.reasons


def test_a_log_of_a_386_is_none(tmp_path: Path) -> None:
    found = audited(tmp_path, b"IN:\n0xc0100000:  fa                       cli\n")
    assert (found.newest, found.newer, found.reasons) == ("386", (), ())


@given(st.integers(0, len(WITH_TEXT)))
def test_a_log_cut_anywhere_gives_what_came_before(end: int) -> None:
    whole = WITH_TEXT[:end]
    joined = b"".join(code for _, code in blocks(whole))
    assert b"".join(code for _, code in BLOCKS).startswith(joined)


@given(st.binary(max_size=400))
def test_noise_does_no_harm(noise: bytes) -> None:
    list(blocks(noise))


# --- where a log ends -----------------------------------------------------------------------

LEAVING = b"""----------------
IN: machine_exit
0xc01030fc:  88 d8                    movb     %bl, %al
0xc01030fe:  e6 f4                    outb     %al, $0xf4
"""
LEAVING_BARE = b"----------------\nIN:\n0xc01030fc:\nOBJD-T: 88d8e6f4\n"
AFTER = b"""
----------------
IN: machine_exit
0xc0103100:  fa                       cli
0xc0103101:  f4                       hlt
"""
NOT_LEAVING = b"""----------------
IN:
0xc0100000:  b8 e6 f4 00 00           movl     $0xf4e6, %eax
0xc0100005:  e6 80                    outb     %al, $0x80
"""


@pytest.mark.parametrize("leaving", [LEAVING, LEAVING_BARE], ids=["with_text", "without_text"])
@pytest.mark.parametrize("after", [b"", AFTER, AFTER * 2, AFTER[:60]])
def test_nothing_counts_after_the_exit(tmp_path: Path, leaving: bytes, after: bytes) -> None:
    """QEMU 9.1 and newer run on for a moment. Both the counts and the log are the same always."""
    found = audited(tmp_path, WITH_TEXT + leaving + after)
    assert (found.instructions, found.distinct) == (7, 7)
    assert (tmp_path / "boot.asm").read_bytes() == WITH_TEXT + leaving


def test_a_block_that_a_fault_left_is_not_the_end(tmp_path: Path) -> None:
    """It was logged with its OUT and never came to it; the last such block is the end."""
    text = LEAVING + WITH_TEXT + LEAVING.replace(b"0xc01030f", b"0xc01040f")
    found = audited(tmp_path, text + AFTER)
    assert (found.instructions, len(found.violations)) == (9, 3)
    assert (tmp_path / "boot.asm").read_bytes() == text


def test_other_ports_and_other_bytes_are_no_exit(tmp_path: Path) -> None:
    assert audited(tmp_path, NOT_LEAVING + AFTER).distinct == 4


# --- which CPU has what -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "family"),
    [
        ("0f ba e0 01", 3),  # bt
        ("f3 90", 3),  # pause is a nop to those that do not know it
        ("0f 20 c0", 3),  # mov eax, cr0
        ("0f c8", 4),  # bswap
        ("0f b1 0a", 4),  # cmpxchg
        ("0f c1 02", 4),  # xadd
        ("0f 01 38", 4),  # invlpg
        ("0f 09", 4),  # wbinvd
        ("0f a2", 5),  # cpuid
        ("0f 31", 5),  # rdtsc
        ("0f 20 e0", 5),  # mov eax, cr4
        ("0f 22 e0", 5),  # mov cr4, eax
        ("0f c7 0a", 5),  # cmpxchg8b
        ("0f 44 c1", 6),  # cmove
        ("f3 0f 1e fb", 6),  # endbr32
        ("d9 e8", i386.OPTIONAL),  # fld1
        ("da c1", i386.OPTIONAL),  # fcmovb: of the Pentium Pro's, and of an FPU
        ("0f 77", i386.OPTIONAL),  # emms
    ],
)
def test_families(tmp_path: Path, code: str, family: int) -> None:
    found = audited(tmp_path, f"IN:\n0xc0100000:  {code}            text\n".encode())
    assert found.families == {family: 1}


# --- how QEMU is told -----------------------------------------------------------------------


def test_a_plain_trace() -> None:
    trace = Trace(((0x100000, 0x11FFFF), (0xC0100000, 0xC011FFFF)))
    assert trace.accel == ""
    assert trace.argv(Path("x.asm")) == [
        *("-d", "in_asm", "-D", "x.asm"),
        *("-dfilter", "0x100000..0x11ffff,0xc0100000..0xc011ffff"),
    ]


def test_a_plain_trace_asks_for_no_more_of_a_new_qemu() -> None:
    assert Trace(((0, 1),), version=(9, 0)).accel == ""


@pytest.mark.parametrize(
    ("version", "accel", "option"),
    [((7, 2), "", True), ((8, 0), "", True), ((8, 1), ",one-insn-per-tb=on", False)],
)
def test_an_exact_trace(version: tuple[int, int], accel: str, option: bool) -> None:
    trace = Trace(((0, 1),), exact=True, version=version)
    assert trace.accel == accel
    assert ("-singlestep" in trace.argv(Path("x.asm"))) == option


def test_the_version_is_asked_once(tmp_path: Path) -> None:
    binary, count = tmp_path / "qemu", tmp_path / "count"
    noted = shlex.quote(str(count))
    binary.write_text(f"#!/bin/sh\necho x >>{noted}\necho QEMU emulator version 10.0.2 '(x)'\n")
    binary.chmod(0o755)
    assert [qemu_version(str(binary)) for _ in range(3)] == [(10, 0)] * 3
    assert count.read_text() == "x\n"
    assert qemu_version("/nonexistent/qemu") is None
