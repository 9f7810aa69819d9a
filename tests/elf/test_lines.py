"""Source lines are found in both versions of DWARF's line tables, in included files as well."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.tools import i386

from kgen.verify import facts
from kgen.verify.lines import lines

HEADER = "/* one */\n\nstatic inline int twice(int x)\n{\n\treturn x + x;\n}\n"
SOURCE = '#include "sub/twice.h"\n\nint main_function(int x)\n{\n\treturn twice(x);\n}\n'


@pytest.mark.parametrize("version", [4, 5])
def test_a_line_in_a_source_and_in_a_header(version: int, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/twice.h").write_text(HEADER)
    (tmp_path / "main.c").write_text(SOURCE)
    flags = ("-m32", "-O0", "-ffreestanding", "-fno-pic", f"-gdwarf-{version}", "-nostdlib")
    link = ("-static", "-Wl,-e,main_function", "-Wl,-Ttext=0x100000", "-o", "out.elf")
    subprocess.run([i386().compiler, *flags, *link, "main.c"], cwd=tmp_path, check=True)
    elf = tmp_path / "out.elf"
    found = facts(elf)
    main, twice = found.address_of("main_function"), found.address_of("twice")
    assert main is not None
    assert twice is not None
    places = lines(elf, [main, twice, 0x1000, main + 0x1000])
    assert places[main].endswith("main.c:4")
    assert places[twice].endswith("sub/twice.h:4")
    assert set(places) == {main, twice}
    assert found.function_at(main) == "main_function"
    assert found.function_at(main + 3) == "main_function+0x3"


def test_without_debug_information_there_are_none(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text("int main_function(void) { return 1; }\n")
    flags = ("-m32", "-nostdlib", "-static", "-Wl,-e,main_function")
    subprocess.run([i386().compiler, *flags, "main.c", "-o", "out.elf"], cwd=tmp_path, check=True)
    assert lines(tmp_path / "out.elf", [facts(tmp_path / "out.elf").entry]) == {}
