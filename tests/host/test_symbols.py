"""Functions in a program's symbol table, as nm has them; and tables that are no tables."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.boot.plain_programs import compiled
from tests.host.native import QUICK, SANITIZED, Workshop
from tests.mutation import Edit
from tests.tools import binutil

SYMBOL_C = "user/symbol.c"


@pytest.fixture
def user_src(workshop: Workshop) -> Path:
    return workshop.sources(features={"user_space": True})


def functions(elf: Path) -> list[tuple[int, int, str]]:
    """Address, size and name of each, of those that have a size."""
    nm = subprocess.run([binutil("nm"), "-S", str(elf)], capture_output=True, text=True, check=True)
    rows = [line.split() for line in nm.stdout.splitlines()]
    return sorted(
        (int(row[0], 16), int(row[1], 16), row[3])
        for row in rows
        if len(row) == 4 and row[2] in "tT"
    )


def questions(elf: Path) -> tuple[list[int], list[str]]:
    """Addresses, and what is there: the first and last byte of each function, and one inside."""
    asked, wanted = [0, 0x1000], ["-", "-"]
    for start, size, name in functions(elf):
        for offset in (0, size // 2, size - 1):
            asked.append(start + offset)
            wanted.append(f"{name}+0x{offset:x}")
    return asked, wanted


def answers(
    workshop: Workshop, src: Path, elf: Path, asked: list[int], edit: Edit | None = None
) -> list[str]:
    program = workshop.program(src, "symbols.c", (SYMBOL_C,), QUICK, edit)
    return program.run(elf, stdin="\n".join(f"{a:x}" for a in asked)).stdout.splitlines()


def test_each_function_is_found(workshop: Workshop, user_src: Path, tmp_path: Path) -> None:
    elf = compiled("file_calls", tmp_path)
    asked, wanted = questions(elf)
    assert len(asked) > 40
    assert answers(workshop, user_src, elf, asked) == wanted


def test_a_stripped_one_has_none(workshop: Workshop, user_src: Path, tmp_path: Path) -> None:
    elf = compiled("tree", tmp_path)
    asked, _ = questions(elf)
    subprocess.run([binutil("strip"), str(elf)], check=True)
    assert set(answers(workshop, user_src, elf, asked)) == {"-"}


def test_what_is_no_table_ends_the_search(
    workshop: Workshop, user_src: Path, tmp_path: Path
) -> None:
    """The sanitizers see what is read beside."""
    elf = compiled("tree", tmp_path)
    asked, _ = questions(elf)
    program = workshop.program(user_src, "symbols.c", (SYMBOL_C,), SANITIZED)
    for seed in range(60):
        lines = program.check(elf, seed, stdin="\n".join(f"{a:x}" for a in asked)).splitlines()
        assert len(lines) == len(asked)


MUTANTS = {
    "any type": Edit(SYMBOL_C, "(type != TYPE_FUNCTION && type != TYPE_NONE) ||", ""),
    "functions never end": Edit(
        SYMBOL_C, "|| (symbol->size && addr - symbol->value >= symbol->size)", ""
    ),
    "the first will do": Edit(SYMBOL_C, "|| symbol->value > best->value", ""),
    "half of the table": Edit(SYMBOL_C, "at < table->size;", "at < table->size / 2;"),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_names_notice(name: str, workshop: Workshop, user_src: Path, tmp_path: Path) -> None:
    elf = compiled("file_calls", tmp_path)
    asked, wanted = questions(elf)
    beyond = [start + size for start, size, _ in functions(elf)][-1] + 64
    after = answers(workshop, user_src, elf, [beyond])
    found = answers(workshop, user_src, elf, [*asked, beyond], MUTANTS[name])
    assert found != [*wanted, *after]
