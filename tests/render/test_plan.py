"""Which outputs there are."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgen.describe import Features, Kernel
from kgen.errors import Exit, KgenError
from kgen.render import plan


def make(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x\n")


def paths(kernel: Kernel, folder: Path) -> list[str]:
    return [output.path for output in plan(kernel, folder)]


def test_outputs_are_the_templates_in_order_without_their_suffix(templates: Path) -> None:
    make(templates, "mm/b.c", "mm/a.h.j2", "boot/s.S", "README.md", "mm/README.md", ".hidden")
    assert paths(Kernel(), templates) == ["boot/s.S", "mm/a.h", "mm/b.c"]


def test_tests_and_demo_are_conditional(templates: Path) -> None:
    make(templates, "kernel/demo.c", "kernel/main.c", "test/a.c", "test/deep/b.c", "lib/test.c")
    everything = ["kernel/demo.c", "kernel/main.c", "lib/test.c", "test/a.c", "test/deep/b.c"]
    assert paths(Kernel(), templates) == everything
    bare = Kernel(features=Features(tests=False), sources=["hello.c"])
    assert paths(bare, templates) == ["kernel/main.c", "lib/test.c"]


def test_two_writers_of_one_file_are_refused(templates: Path) -> None:
    make(templates, "mm/a.c", "mm/a.c.j2")
    with pytest.raises(KgenError, match=r"mm/a\.c and templates/mm/a\.c\.j2 both") as caught:
        plan(Kernel(), templates)
    assert caught.value.exit_code == Exit.BUILD


def test_a_file_of_no_known_kind_is_refused(templates: Path) -> None:
    make(templates, "boot/start.s")
    with pytest.raises(KgenError, match=r"templates/boot/start\.s: neither code"):
        plan(Kernel(), templates)


def test_no_templates_is_an_error(templates: Path) -> None:
    with pytest.raises(KgenError, match="no templates"):
        plan(Kernel(), templates)
