"""The kernel's reader of cpio archives believes nothing that it can't check.

Archives are made, then spoilt: cut, stretched, with bytes and numbers changed. A model in
Python says what is to come out of each; sanitizers see what is read outside.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from tests.host.archives import DIRECTORY, LINK, Entry, archive, reading
from tests.host.native import QUICK, SANITIZED, Program, Workshop
from tests.mutation import Edit

CPIO_C = "user/cpio.c"

NAMES = (
    *(b"a", b"bin/sh", b"./etc/rc", b"/abs", b"a//b/./c/", b".", b"", b"/", b"...", b"..x"),
    *(b"..", b"../x", b"a/../b", b"a/..", b"x" * 300, b"d/" * 400, b"y" * 1023, b"z" * 1024),
    *(b"with blank", b"TRAILER!!", b"TRAILER!!!!", b"in\0side"),
)
NUMBERS = (0, 1, 2, 109, 110, 111, 0x7FFFFFFF, 0x80000000, 0xFFFFFF00, 0xFFFFFFFC, 0xFFFFFFFF)


def entry(draw: random.Random) -> Entry:
    """Any entry; most are sound."""
    odd = draw.random() < 0.2
    return Entry(
        name=draw.choice(NAMES),
        content=draw.randbytes(draw.choice((0, 1, 3, 4, 5, 100, 4096))),
        mode=draw.choice((0o100644, 0o100755, DIRECTORY, LINK, 0, 0o60600, 0xFFFFFFFF)),
        inode=draw.choice(NUMBERS),
        links=draw.choice((0, 1, 2, 0xFFFFFFFF)),
        size=draw.choice(NUMBERS) if odd and draw.random() < 0.5 else None,
        name_size=draw.choice(NUMBERS) if odd and draw.random() < 0.5 else None,
    )


def spoilt(draw: random.Random, data: bytes) -> bytes:
    """An archive as a bad disk or a bad friend hands it over."""
    changed = bytearray(data)
    for _ in range(draw.choice((0, 0, 1, 3))):
        at = draw.randrange(len(changed))
        changed[at] = draw.choice((0, 0xFF, ord("0"), ord("f"), ord("g"), ord("/"), ord(".")))
    if draw.random() < 0.3:
        del changed[draw.randrange(len(changed)) :]
    if draw.random() < 0.1:
        changed += draw.randbytes(draw.randrange(200))
    return bytes(changed)


def archives(seed: int, count: int) -> list[bytes]:
    """So many of all kinds."""
    draw = random.Random(seed)
    whole = [archive(entry(draw) for _ in range(draw.randrange(5))) for _ in range(count)]
    return [data if draw.random() < 0.3 else spoilt(draw, data) for data in whole]


def cuts() -> list[bytes]:
    """A small archive, cut at each of its bytes."""
    entries = [Entry(b"a/b", b"12345"), Entry(b"a/c", b"", DIRECTORY), Entry(b"l", b"a", LINK)]
    whole = archive(entries)
    return [whole[:size] for size in range(len(whole) + 1)]


def misreading(program: Program, given: list[bytes]) -> str:
    """The first archive that is not read as the model reads it, or what a sanitizer says."""
    text = "".join(data.hex() + "\n" for data in given)
    done = program.run(stdin=text)
    if done.returncode:
        return done.stdout[-2000:] or f"status {done.returncode}"
    for data, answer in zip(given, done.stdout.splitlines(), strict=True):
        if answer != reading(data):
            return f"{data[:400]!r}\n{answer[:300]!r}, not {reading(data)[:300]!r}"
    return ""


@pytest.fixture(scope="module")
def src(workshop: Workshop) -> Path:
    return workshop.sources(features={"user_space": True})


def test_archives_are_read_as_far_as_they_can_be(workshop: Workshop, src: Path) -> None:
    program = workshop.program(src, "cpio.c", (CPIO_C,), SANITIZED)
    given = archives(seed=1, count=1500)
    assert misreading(program, given) == ""
    ends = {reading(data).rpartition(" ")[2] for data in given}
    assert ends == {"END", "CUT", "HEADER"}, "the archives are all of a kind"


def test_an_archive_cut_at_each_byte(workshop: Workshop, src: Path) -> None:
    program = workshop.program(src, "cpio.c", (CPIO_C,), SANITIZED)
    assert misreading(program, cuts()) == ""


MUTANTS = {
    "the name's length is not compared": Edit(
        CPIO_C, "if (fields[NAME_SIZE] > cpio->size - name)", "if (0)"
    ),
    "the name's length is added first": Edit(
        CPIO_C,
        "if (fields[NAME_SIZE] > cpio->size - name)",
        "if (name + fields[NAME_SIZE] > cpio->size)",
    ),
    "the content's length is added first": Edit(
        CPIO_C,
        "if (fields[SIZE] > cpio->size - content)",
        "if (content + fields[SIZE] > cpio->size)",
    ),
    "a header may be cut": Edit(CPIO_C, "if (cpio->size - cpio->next < HEADER_SIZE)", "if (0)"),
    "a name may be as long as it likes": Edit(
        CPIO_C, "if (!size || size > CPIO_NAME_MAX)", "if (!size)"
    ),
    "a name may be empty, its NUL too": Edit(
        CPIO_C, "if (!size || size > CPIO_NAME_MAX)", "if (size > CPIO_NAME_MAX)"
    ),
    "a name need not end": Edit(
        CPIO_C, "if (!name[i] != (i == size - 1)) {", "if (!name[i] && i != size - 1) {"
    ),
    "a name may end early": Edit(
        CPIO_C, "if (!name[i] != (i == size - 1)) {", "if (name[i] && i == size - 1) {"
    ),
    ".. is a name": Edit(
        CPIO_C, "if (length == 2 && start[0] == '.' && start[1] == '.')", "if (0)"
    ),
    "all names of two dots and more are refused": Edit(
        CPIO_C, "if (length == 2 && start[0] == '.'", "if (length >= 2 && start[0] == '.'"
    ),
    ". is a name": Edit(
        CPIO_C, "if (length == 0 || (length == 1 && start[0] == '.'))", "if (!length)"
    ),
    "capitals are no digits": Edit(CPIO_C, "if (c >= 'A' && c <= 'F')", "if (0)"),
    "g is a digit": Edit(CPIO_C, "c <= 'f'", "c <= 'g'"),
    "the filling is counted from the header": Edit(
        CPIO_C,
        "content = filled(cpio, name + fields[NAME_SIZE]);",
        "content = name + fields[NAME_SIZE];",
    ),
    "the filling must be there": Edit(
        CPIO_C,
        "return offset + MIN(left, -offset % 4);",
        "(void)left; return offset + -offset % 4;",
    ),
    "a bad name ends the archive": Edit(
        CPIO_C, "if (error == CPIO_END) return CPIO_END;", "if (error) return error;"
    ),
    "any magic will do": Edit(
        CPIO_C, "memcmp(text, CPIO_MAGIC, CPIO_MAGIC_LENGTH) != 0", "text[0] != '0'"
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_fault_is_noticed(workshop: Workshop, src: Path, name: str) -> None:
    kind = SANITIZED if "added first" in name or "not compared" in name else QUICK
    program = workshop.program(src, "cpio.c", (CPIO_C,), kind, MUTANTS[name])
    assert misreading(program, [*archives(seed=2, count=600), *cuts()])
