"""Running a description, overriding its fields, and the messages when either goes wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kgen.describe import Kernel
from kgen.errors import DescriptionError, Exit, KgenError
from kgen.load import load, paths, prove

from .conftest import write


def refused(description: Path | None = None, *sets: str) -> KgenError:
    with pytest.raises(KgenError) as caught:
        load(description, sets)
    assert caught.value.exit_code == Exit.USAGE
    return caught.value


def problems(description: Path | None = None, *sets: str) -> DescriptionError:
    with pytest.raises(DescriptionError) as caught:
        prove(load(description, sets))
    assert caught.value.exit_code == Exit.USAGE
    return caught.value


# --- which description --------------------------------------------------------------


def test_without_a_file_the_default_serves(here: Path) -> None:
    loaded = load(None)
    assert loaded.kernel == Kernel()
    assert loaded.origin == "the built-in default"
    assert loaded.folder == here


def test_kernel_py_of_the_current_folder_is_taken(here: Path) -> None:
    write(here / "kernel.py", "from kgen import Kernel\nkernel = Kernel(name='local')\n")
    assert load(None).kernel.name == "local"


def test_a_named_file_wins_over_kernel_py(here: Path) -> None:
    write(here / "kernel.py", "raise SystemExit\n")
    other = write(here / "sub/other.py", "from kgen import Kernel\nkernel = Kernel(name='other')\n")
    loaded = load(Path("sub/other.py"))
    assert loaded.kernel.name == "other"
    assert loaded.folder == other.parent
    assert loaded.origin == "sub/other.py"


def test_neighbours_can_be_imported_and_leave_nothing(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for folder, order in (("one", 3), ("two", 5)):
        write(here / folder / "neighbour.py", f"ORDER = {order}\n")
        text = "from kgen import *\nimport neighbour\n"
        text += "kernel = Kernel(buddy=Buddy(max_order=neighbour.ORDER))\n"
        write(here / folder / "kernel.py", text)
    before = list(sys.path)
    orders = [load(Path(name, "kernel.py")).kernel.buddy.max_order for name in ("one", "two")]
    assert orders == [3, 5]
    assert sys.path == before
    assert "neighbour" not in sys.modules
    assert not list(here.rglob("__pycache__"))


def test_a_description_may_define_dataclasses(here: Path) -> None:
    text = "from __future__ import annotations\nfrom dataclasses import dataclass, field\n"
    text += "from typing import ClassVar\nfrom kgen import Kernel\n"
    text += "@dataclass\nclass Plan:\n    n: ClassVar[int] = 1\n    name: str = 'planned'\n"
    text += "kernel = Kernel(name=Plan().name)\n"
    assert load(write(here / "k.py", text)).kernel.name == "planned"


# --- a file that cannot be used -------------------------------------------------------


def test_a_missing_file_is_named_with_its_likeness(here: Path) -> None:
    write(here / "tiny.py", "")
    error = refused(Path("tinny.py"))
    assert error.what == "tinny.py: there is no such description"
    assert error.hint == "did you mean tiny.py?"
    assert "built-in default" in refused(Path("nowhere/x.py")).hint


def test_a_folder_is_no_description(here: Path) -> None:
    write(here / "sub/kernel.py", "")
    error = refused(Path("sub"))
    assert "is a folder" in error.what
    assert error.hint == "did you mean sub/kernel.py?"


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = 1\nkernel = Kernel(\n", "k.py:2: '(' was never closed"),
        ("x = 1\n\n1 / 0\n", "k.py:3: the description raised ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(0)\n", "k.py:2: the description raised SystemExit: 0"),
        ("import nothere\n", "k.py:1: the description raised ModuleNotFoundError: No module"),
        ("\nimport bad\n", "bad.py:2: the description raised SyntaxError"),
        ("import raises\nraises.now()\n", "raises.py:2: the description raised ValueError: now"),
        ("import json\n\njson.loads('{')\n", "k.py:3: the description raised json"),
        ("from kgen import Budy\n", "k.py:1: the description raised ImportError"),
        ("x = 'a\0b'\n", "k.py"),
        ("x = 1\n", "k.py: binds no `kernel`"),
        ("kernel = 5\n", "k.py: `kernel` is of type int, not a Kernel"),
        ("from kgen import Kernel\nkernel = Kernel\n", "k.py: `kernel` is the class Kernel"),
    ],
)
def test_a_file_that_fails_is_placed(here: Path, text: str, what: str) -> None:
    write(here / "bad.py", "ok = 1\nx = = 2\n")
    write(here / "raises.py", "def now():\n    raise ValueError('now')\n")
    assert refused(write(here / "k.py", text)).what.startswith(what)


def test_an_unknown_name_of_kgen_lists_what_there_is(here: Path) -> None:
    assert "Buddy, " in refused(write(here / "k.py", "from kgen import Budy\n")).hint


def test_a_kernel_under_another_name_is_found(here: Path) -> None:
    path = write(here / "k.py", "from kgen import Kernel\nkernal = Kernel()\n")
    assert refused(path).hint == "it binds a Kernel to `kernal`: rename it"


# --- --set ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "path", "value"),
    [
        ("name=tiny", "name", "tiny"),
        ("buddy.max_order=8", "buddy.max_order", 8),
        ("layout.stack_size=32K", "layout.stack_size", 32768),
        ("layout.kernel_base=0x80000000", "layout.kernel_base", 0x8000_0000),
        ("features.tests=false", "features.tests", False),
        ("cpu.minimum=486", "cpu.minimum", "486"),
        ("compiler.optimize=s", "compiler.optimize", "s"),
        ("sources=a.c, b.c", "sources", ("a.c", "b.c")),
    ],
)
def test_one_field_is_overridden(here: Path, setting: str, path: str, value: object) -> None:
    kernel = load(None, [setting]).kernel
    found: object = kernel
    for key in path.split("."):
        found = getattr(found, key)
    assert found == value
    assert not kernel.faults
    others = [other for other in paths(kernel) if other != path]
    default = Kernel()
    for other in others:
        mine: object = kernel
        theirs: object = default
        for key in other.split("."):
            mine, theirs = getattr(mine, key), getattr(theirs, key)
        assert mine == theirs


def test_the_last_of_two_settings_wins(here: Path) -> None:
    assert load(None, ["buddy.max_order=3", "buddy.max_order=4"]).kernel.buddy.max_order == 4


@pytest.mark.parametrize(
    ("setting", "what", "hint"),
    [
        ("buddy.max_ordr=8", "there is no field buddy.max_ordr", "did you mean buddy.max_order?"),
        ("max_order=8", "there is no field max_order", "did you mean buddy.max_order?"),
        (
            "vmalloc.lazy_pages=8",
            "there is no field vmalloc.lazy_pages",
            "did you mean vmalloc.lazy?",
        ),
        ("minimum=8", "there is no field minimum", "did you mean ram.minimum or cpu.minimum?"),
        ("name.x=8", "there is no field name.x", ""),
        ("=8", "there is no field (empty)", ""),
        ("buddy.max_order", "there is no `=`", "write --set buddy.max_order=VALUE"),
        ("buddy=8", "buddy is a whole section", "name a field: buddy.max_order, buddy.index"),
        ("buddy.zones=8", "buddy.zones is a list of sections", "write it in a description file"),
    ],
)
def test_a_setting_that_names_no_field(here: Path, setting: str, what: str, hint: str) -> None:
    error = refused(None, setting)
    assert error.what == f"--set {setting}: {what}"
    assert hint in error.hint


# --- all problems at once -------------------------------------------------------------


def test_problems_of_file_settings_layout_and_sources_come_together(here: Path) -> None:
    text = "from kgen import *\nkernel = Kernel(\n    buddy=Buddy(max_order=40),\n"
    text += "    kmalloc=Kmalloc(alignmnt=16),\n    sources=['no.c', 'sub'],\n)\n"
    (here / "sub").mkdir()
    path = write(here / "k.py", text)
    error = problems(path, "layout.kernel_base=0xC0001000", "memblock.regions=3")
    found = {(problem.path, problem.where) for problem in error.problems}
    assert found == {
        ("layout.kernel_base", ""),
        ("memblock.regions", "--set memblock.regions=3"),
        ("buddy.max_order", "k.py:3"),
        ("kmalloc.alignmnt", "k.py:4"),
        ("sources", "k.py"),
        ("sources", ""),
    }
    assert "there is no file no.c" in error.what
    assert "it is a folder" in error.what
    assert error.what.startswith("k.py: 7 problems")


def test_overriding_a_faulty_field_mends_it_and_no_other(here: Path) -> None:
    text = "from kgen import *\nkernel = Kernel(buddy=Buddy(max_order=40, order=1))\n"
    path = write(here / "k.py", text)
    faults = load(path, ["buddy.max_order=8"]).kernel.faults
    assert [fault.path for fault in faults] == ["buddy.order"]


def test_sources_are_relative_to_the_description(here: Path) -> None:
    write(here / "sub/hello.c", "")
    write(here / "sub/k.py", "from kgen import Kernel\nkernel = Kernel(sources=['hello.c'])\n")
    loaded = load(Path("sub/k.py"))
    assert loaded.sources == (here / "sub/hello.c",)
    assert prove(loaded).kernel is loaded.kernel


def test_a_source_that_is_missing_is_one_problem(here: Path) -> None:
    error = problems(None, "sources=gone.c")
    assert [problem.path for problem in error.problems] == ["sources"]
    assert "there is no file gone.c" in error.what


def test_a_source_that_cannot_be_read_says_why(here: Path) -> None:
    (here / "loop.c").symlink_to("loop.c")
    assert "it cannot be read: Too many levels" in problems(None, "sources=loop.c").what


def test_settings_that_name_no_field_are_told_with_all_other_problems(here: Path) -> None:
    (here / "kernel.py").write_text("from kgen import *\nkernel = Kernel(name='a b')\n")
    with pytest.raises(KgenError) as caught:
        load(None, ["buddy.maxorder=3", "kmalloc.magic=zz", "layout"])
    said = str(caught.value)
    assert said.startswith("kernel.py: 4 problems\n")
    for part in ("buddy.maxorder", "did you mean buddy.max_order?", "kmalloc.magic = 'zz'"):
        assert part in said
    for part in ("--set layout: there is no `=`", "name = 'a b'"):
        assert part in said
