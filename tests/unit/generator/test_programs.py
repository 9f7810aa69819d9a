"""User programs: compiled with the runtime, embedded, made anew when what they are made of changes.

The kernel is the small one, with kgen's own runtime; programs that need nothing of this machine's
are run here, if it is a Linux on an x86.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.unit.generator.conftest import Ran, write
from tests.unit.generator.test_inputs import older

from kgen.errors import DescriptionError, Exit, KgenError
from kgen.load import load
from kgen.paths import templates_dir
from kgen.pipeline import Built
from kgen_qemu import load_manifest, staleness

Build = Callable[..., Built]

TEMPLATES = templates_dir()

SHARED = ("base/div64.c", "base/string.c", "base/vsnprintf.c")
HEADERS = ("types.h", "string.h", "printk.h")

PROGRAM = """\
#include <stdio.h>
#include "own.h"

int main(int argc, char **argv)
{
	printf("%s %d %d\\n", argc > 1 ? argv[1] : "none", argc, SEVEN);
	return SEVEN;
}
"""


@pytest.fixture
def project(here: Path, small: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A description with a program, and the small kernel with all that programs take."""
    monkeypatch.setattr("kgen.load.load", load)  # descriptions as they are
    shutil.copytree(TEMPLATES / "program", small / "program")
    (small / "user").mkdir()
    (small / "base").mkdir()
    shutil.copy(TEMPLATES / "user/programs.S.j2", small / "user")
    for name in SHARED:
        shutil.copy(TEMPLATES / name, small / "base")
    for name in HEADERS:
        (small / "include/kernel").mkdir(exist_ok=True)
        shutil.copy(TEMPLATES / "include/kernel" / name, small / "include/kernel")
    write(here / "own.h", "#define SEVEN 7\n")
    write(here / "tell.c", PROGRAM)
    describe("tell.c")
    return here


def describe(*programs: str, more: str = "") -> None:
    Path("kernel.py").write_text(
        "from kgen import Compiler, Cpu, Kernel, User\n"
        f"kernel = Kernel(name='mine', programs={programs!r}{more})\n"
    )


def elf(name: str) -> Path:
    return Path("kernel_out/build/programs", name).resolve()


def run(program: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            [str(program), *arguments], capture_output=True, text=True, check=False
        )
    except OSError as error:
        pytest.skip(f"this machine runs no 32-bit programs of Linux: {error}")


def refused(built: Build) -> KgenError:
    with pytest.raises(KgenError) as caught:
        built()
    assert caught.value.exit_code == Exit.BUILD
    return caught.value


def test_a_program_is_linked_and_embedded(built: Build, project: Path) -> None:
    image = built().image.read_bytes()
    embedded = Path("kernel_out/build/obj/programs/tell.elf").read_bytes()
    assert embedded in image
    assert b".debug_info" not in embedded
    assert b".debug_info" in elf("tell").read_bytes()
    assert load_manifest(Path("kernel_out")).programs == ("tell",)
    done = run(elf("tell"), "words")
    assert (done.stdout, done.returncode) == ("words 2 7\n", 7)


def test_without_programs_there_is_one(built: Build, project: Path) -> None:
    describe()
    built()
    assert load_manifest(Path("kernel_out")).programs == ("init",)
    done = run(elf("init"))
    assert "3 more came" in done.stdout
    assert done.returncode == 0


def test_without_user_space_there_is_nothing_of_it(built: Build, project: Path) -> None:
    (project / "kernel.py").unlink()
    built(sets=("features.user_space=false",))
    assert not Path("kernel_out/src/program").exists()
    assert not Path("kernel_out/src/user").exists()
    assert load_manifest(Path("kernel_out")).programs == ()


def test_the_order_is_the_descriptions(built: Build, project: Path) -> None:
    write(project / "also.S", "\t.globl _start\n_start:\n\tud2\n")
    describe("tell.c", "also.S")
    built()
    assert load_manifest(Path("kernel_out")).programs == ("tell", "also")


@pytest.mark.parametrize("name", ["own.h", "tell.c"])
def test_what_a_program_is_made_of_counts_by_its_content(
    built: Build, project: Path, name: str
) -> None:
    image = built().image.read_bytes()
    assert not built().changed
    former = (project / name).read_bytes()
    older(
        project / name,
        former.replace(b"7", b"8") if name == "own.h" else former.replace(b"none", b"nine"),
    )
    assert [Path(file).name for file in staleness(load_manifest(Path("kernel_out"))).changed] == [
        name
    ]
    assert built().changed
    assert built().image.read_bytes() != image
    older(project / name, former)
    assert built().image.read_bytes() == image


def test_the_runtime_counts_as_well(built: Build, project: Path, small: Path) -> None:
    image = built().image.read_bytes()
    path = small / "program/stdio.c"
    path.write_text(path.read_text().replace("*text", "*(text)"))
    assert built().changed
    write(path, path.read_text().replace("BUFSIZ]", "BUFSIZ + 8]"))
    assert built().image.read_bytes() != image


def test_an_elf_that_somebody_else_wrote_is_made_anew(built: Build, project: Path) -> None:
    image = built().image.read_bytes()
    for path in (elf("tell"), Path("kernel_out/build/obj/programs/tell.elf")):
        path.write_bytes(b"something else")
        assert built().changed
        assert built().image.read_bytes() == image


def test_two_places_make_one_kernel(built: Build, project: Path) -> None:
    """Programs name no folder of this machine."""
    first = built().image.read_bytes()
    assert str(project).encode() not in elf("tell").read_bytes()
    assert built(out=Path("other")).image.read_bytes() == first


# --- what is wrong with a program ------------------------------------------------------


def test_a_compile_error_names_the_users_file(built: Build, project: Path) -> None:
    write(project / "tell.c", "int main(void) { return x; }\n")
    error = refused(built)
    assert "the compiler refused 1 file\n" in error.what
    assert "\ntell.c:1:25: error: 'x' undeclared" in error.what


def test_what_the_runtime_lacks_is_told_with_its_place(built: Build, project: Path) -> None:
    write(project / "tell.c", "void scanf(void);\nint main(void)\n{\n\tscanf();\n\treturn 0;\n}\n")
    error = refused(built)
    assert error.what == "program tell: nothing defines\n  scanf  used at tell.c:4"
    assert "src/program/include" in error.hint


def test_floating_point_says_what_to_set(built: Build, project: Path) -> None:
    text = "volatile double x = 1;\nint main(void) { x = x * 3; return 0; }\n"
    write(project / "tell.c", text)
    assert "--set cpu.fpu=x87" in refused(built).hint
    describe("tell.c", more=", cpu=Cpu(fpu='x87')")
    built()


def test_an_instruction_that_the_oldest_cpu_lacks(built: Build, project: Path) -> None:
    write(
        project / "tell.c", 'int main(void)\n{\n\t__asm__("cmovel %eax, %ebx");\n\treturn 0;\n}\n'
    )
    error = refused(built)
    assert error.what.startswith("tell.c, built as ")
    assert "cmove" in error.what
    assert "tell.c:3" in error.what
    assert "cpu_guard.h" in error.what
    describe("tell.c", more=", cpu=Cpu(minimum='pentiumpro')")
    built()


def test_a_guarded_instruction_is_admitted(built: Build, project: Path) -> None:
    text = (
        '#include <cpu_guard.h>\nint main(void) { __asm__("1: rdtsc" CPU_GUARD(5)); return 0; }\n'
    )
    write(project / "tell.c", text)
    built()


def test_a_program_too_large_for_its_addresses(built: Build, project: Path) -> None:
    text = "char one[0x60000000], other[0x60000000];\n"
    write(project / "tell.c", text + "int main(void)\n{\n\treturn one[0] + other[0];\n}\n")
    assert "program-size" in refused(built).what


def test_what_a_program_defines_itself_it_gets(built: Build, project: Path) -> None:
    """Also functions of the runtime that others of it call."""
    text = PROGRAM + (
        "#include <unistd.h>\n"
        "ssize_t write(int fd, const void *from, size_t n)\n"
        "{\n\t(void)fd;\n\t(void)from;\n\treturn (ssize_t)n;\n}\n"
    )
    write(project / "tell.c", text)
    built()
    done = run(elf("tell"))
    assert (done.stdout, done.returncode) == ("", 7)


def test_constructors_run_and_exit_functions_do(built: Build, project: Path) -> None:
    write(
        project / "tell.c",
        "#include <stdio.h>\n#include <stdlib.h>\n"
        '__attribute__((constructor)) static void first(void) { printf("first "); }\n'
        'static void last(void) { printf("last\\n"); }\n'
        'int main(void) { atexit(last); printf("main "); exit(0); }\n',
    )
    built()
    assert run(elf("tell")).stdout == "first main last\n"


def test_files_are_looked_at_before_anything_is_built(built: Build, project: Path) -> None:
    describe("none.c", "tell.c")
    with pytest.raises(DescriptionError, match=r"'none.c': there is no file none\.c"):
        built()


def test_the_command_line_may_name_programs(kgen: Callable[..., Ran], project: Path) -> None:
    (project / "kernel.py").unlink()
    ran = kgen("build", "--set", "programs=tell.c", "--set", "features.user_space=false")
    assert ran.code == Exit.USAGE
    assert "set features.user_space to true" in ran.err
    ran = kgen("build", "--set", "programs=tell.c")
    assert ran.code == 0, ran.err
    assert load_manifest(Path("kernel_out")).programs == ("tell",)
