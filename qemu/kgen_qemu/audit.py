"""Every instruction that ran in the kernel, and the CPU that brought it.

QEMU has no 386. The kernel is told that QEMU's 486 is a 386, and its instructions are
recorded: ``-d in_asm`` writes each block of instructions to a file when it is about to be
run for the first time, with its raw bytes. Those are decoded here (not the text beside
them, which depends on how QEMU was built) and looked up in ``i386``.

A block ends at the first jump; an exception may leave it earlier. So instructions after
the faulting one of a block are logged, but did not run. The exact form makes every
instruction a block of its own. (How QEMU is told: ``trace``.)

A log in QEMU's formats, with a disassembler and without::

    IN:                                                IN:
    0xc0100432:  0f 01 38   invlpg   (%eax)            0xc0100432:
    0xc0100435:  c3         retl                       OBJD-T: 0f0138c3

An instruction of more than eight bytes goes on in a line of its own, with an
address and no text. In all formats a block's bytes are contiguous; the parser relies on
nothing else.

A kernel leaves through the exit port, and there its log ends. From QEMU 9.1 on the
machine runs on for a moment after that, sometimes long enough for another block. These
blocks are cut off, so that two runs give the same log.
"""

import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from kgen_qemu import i386
from kgen_qemu.protocol import EXIT_PORT
from kgen_qemu.symbols import Frame, symbolise
from kgen_qemu.trace import Trace

_LINE = re.compile(
    rb"^(?:(?P<block>IN:)"
    rb"|0x(?P<address>[0-9a-f]+):(?P<bytes>  ?[0-9a-f]{2}(?: [0-9a-f]{2})*(?=\s))?"
    rb"|OBJD-T: (?P<hex>[0-9a-f]+)"
    rb").*\n",
    re.MULTILINE,
)

Block = tuple[int, bytes]
"""Linear address of the first instruction, and the bytes from there on."""


@dataclass(frozen=True)
class Site:
    """An instruction newer than the CPU audited for; ``family`` 0 if the bytes are not one."""

    family: int
    text: str
    frame: Frame

    def __str__(self) -> str:
        need = f"needs {i386.cpu(self.family)}" if self.family else "is no instruction"
        return f"`{self.text}` ran at {self.frame} and {need}"


@dataclass(frozen=True)
class Audit:
    """The result of reading a log.

    ``instructions`` were logged, at ``distinct`` addresses; ``families`` counts
    those by the family that brought them, ``newer`` are the names of all that a
    386 lacks; ``violations`` are the sites beyond the trace's limit, each once,
    by address.
    """

    file: Path
    exact: bool
    instructions: int
    families: dict[int, int]
    newer: tuple[str, ...]
    violations: tuple[Site, ...]

    @property
    def distinct(self) -> int:
        """How many different instructions of the kernel ran."""
        return sum(self.families.values())

    @property
    def newest(self) -> str | None:
        """The oldest CPU that has all of them, by name; None where none was logged."""
        newest = max(self.families, default=None)
        return None if newest is None else i386.NAMES.get(newest, "later")

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why this audit fails; empty if it does not."""
        if not self.instructions:
            return (f"the audit saw no instruction of the kernel: {self.file} has none",)
        return tuple(map(str, self.violations))


def audit(file: Path, image: Path | bytes, kernel_base: int, trace: Trace) -> Audit:
    """Decode the log ``file`` of a boot of ``image``; a log that is not there is an empty one.

    ``kernel_base`` is what lies between the image's virtual addresses and the
    physical ones at which its first instructions run. The file is cut off where the
    kernel left.
    """
    try:
        ran = _until_exit(file)
    except OSError:
        ran = []
    found: dict[int, tuple[int, str]] = {}
    instructions = 0
    for block, times in Counter(ran).items():
        here = dict(_decode(block, trace.x87))
        instructions += times * len(here)
        found |= here
    newer = {at: what for at, what in sorted(found.items()) if what[0] != 3}
    limit = i386.OPTIONAL if trace.limit is None else trace.limit
    wrong = {at: what for at, what in newer.items() if not 0 < what[0] <= limit}
    return Audit(
        file=file,
        exact=trace.exact,
        instructions=instructions,
        families=dict(sorted(Counter(family for family, _ in found.values()).items())),
        newer=tuple(sorted({text.split()[0] for family, text in newer.values() if family})),
        violations=_sites(wrong, image, kernel_base),
    )


def blocks(text: bytes) -> Iterator[Block]:
    """The blocks of a log, as often as they were logged."""
    return (block for block, _ in _placed(text))


def _placed(text: bytes) -> Iterator[tuple[Block, int]]:
    """Each block, and where in the log its last line ends."""
    start, code, end = 0, bytearray(), 0
    for line in _LINE.finditer(text):
        if line["hex"]:
            code += bytes.fromhex(line["hex"].decode())
            end = line.end()
            continue
        address = start + len(code) if line["block"] else int(line["address"], 16)
        if line["block"] or address != start + len(code):
            if code:
                yield (start, bytes(code)), end
            start, code = address, bytearray()
        code += bytes.fromhex((line["bytes"] or b"").decode())
        end = line.end()
    if code:
        yield (start, bytes(code)), end


def _until_exit(file: Path) -> list[Block]:
    """The blocks up to the last that writes to the exit port, where the file is cut off.

    The last, as a fault may have taken an earlier one before it came to that.
    """
    placed = list(_placed(file.read_bytes()))
    for last in range(len(placed) - 1, -1, -1):
        block, end = placed[last]
        if _leaves(block):
            os.truncate(file, end)
            del placed[last + 1 :]
            break
    return [block for block, _ in placed]


def _leaves(block: Block) -> bool:
    """Whether a block has ``out`` to the exit port, the port in the instruction itself."""
    from iced_x86 import Decoder, Mnemonic, OpKind

    start, code = block
    if not any(bytes((out, EXIT_PORT)) in code for out in (0xE6, 0xE7)):
        return False
    return any(
        instruction.mnemonic == Mnemonic.OUT
        and instruction.op0_kind == OpKind.IMMEDIATE8
        and instruction.immediate8 == EXIT_PORT
        for instruction in Decoder(32, code, ip=start)
    )


def _decode(block: Block, x87: bool) -> Iterator[tuple[int, tuple[int, str]]]:
    """(address, (family, text)) of each instruction; no text where a 386 has it."""
    from iced_x86 import Decoder

    start, code = block
    for instruction in Decoder(32, code, ip=start):
        family = i386.first_family(instruction, x87=x87)
        if not family:
            at = instruction.ip32 - start
            yield instruction.ip32, (0, code[at : at + 8].hex(" "))
            return  # where the next one would begin is not known
        yield instruction.ip32, (family, "" if family == 3 else str(instruction))


def _sites(
    wrong: dict[int, tuple[int, str]], image: Path | bytes, kernel_base: int
) -> tuple[Site, ...]:
    """With names: an instruction is exact, and one that ran before paging has its name above."""
    linked = [at if at >= kernel_base else at + kernel_base for at in wrong]
    frames = (symbolise(image, [address])[0] for address in linked)
    return tuple(
        Site(family, text, frame)
        for (family, text), frame in zip(wrong.values(), frames, strict=True)
    )
