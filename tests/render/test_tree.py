"""The rendered tree: its identity, and what it does to a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kgen.describe import Compiler, Kernel
from kgen.errors import KgenError
from kgen.render import Tree
from kgen.render.tree import _build_id

from .conftest import Render

TWO = {"a.c": "int a;\n", "b/b.c": "int b;\n"}


class Target:
    """An output folder with its record."""

    def __init__(self, root: Path) -> None:
        self.src, self.record = root / "src", root / "rendered.json"

    def take(self, tree: Tree) -> bool:
        return tree.write(self.src, self.record)

    def files(self) -> list[str]:
        return sorted(p.relative_to(self.src).as_posix() for p in self.src.rglob("*"))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_two_renders_are_identical(rendered: Render) -> None:
    files = {**TWO, "include/generated/build.h.j2": "{{ build_id }}\n"}
    assert rendered(files) == rendered(files)


def test_build_id_is_in_its_header_alone_and_covers_the_rest(rendered: Render) -> None:
    files = {**TWO, "include/generated/build.h.j2": "id {{ build_id }}\n"}
    tree = rendered(files)
    assert len(tree.build_id) == 12
    assert f"id {tree.build_id}\n" in tree.files[2].text
    assert rendered({**files, "a.c": "int c;\n"}).build_id != tree.build_id
    assert rendered(files, None, **{"hello.c": b"x"}).build_id != tree.build_id
    with pytest.raises(KgenError, match="'build_id' is undefined"):
        rendered({"a.h.j2": "{{ build_id }}\n"})


def test_build_id_covers_flags_and_keeps_neighbours_apart(rendered: Render) -> None:
    files = rendered(TWO).files
    assert _build_id(files, {}, ["-O2"]) != _build_id(files, {}, ["-Os"])
    assert _build_id(files, {"a": b"bc"}, []) != _build_id(files, {"ab": b"c"}, [])


def test_a_description_without_effect_on_outputs_has_the_same_id(rendered: Render) -> None:
    assert rendered(TWO).build_id == rendered(TWO, Kernel(compiler=Compiler(optimize="s"))).build_id


def test_only_what_changed_is_written(rendered: Render, target: Target) -> None:
    assert target.take(rendered(TWO))
    for path in (target.src / "a.c", target.src / "b/b.c"):
        os.utime(path, ns=(1, 1))
    assert not target.take(rendered(TWO))
    assert target.take(rendered({**TWO, "a.c": "int aa;\n"}))
    assert (target.src / "a.c").stat().st_mtime_ns != 1
    assert (target.src / "b/b.c").stat().st_mtime_ns == 1


def test_stale_outputs_go_with_their_empty_folders(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    assert target.take(rendered({"a.c": TWO["a.c"]}))
    assert target.files() == ["a.c"]


def test_what_kgen_did_not_write_stays(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    mine = target.src / "b/mine.c"
    mine.write_text("int mine;\n")
    copy = target.src / "b/copy.c"
    copy.write_bytes((target.src / "b/b.c").read_bytes())
    target.take(rendered({"a.c": TWO["a.c"]}))
    assert target.files() == ["a.c", "b", "b/copy.c", "b/mine.c"]


def test_a_foreign_file_in_the_way_is_refused(rendered: Render, target: Target) -> None:
    mine = target.src / "b/b.c"
    mine.parent.mkdir(parents=True)
    mine.write_text("int mine;\n")
    with pytest.raises(KgenError, match=r"b/b\.c is in the way"):
        target.take(rendered(TWO))
    assert mine.read_text() == "int mine;\n"
    assert target.files() == ["b", "b/b.c"]


def test_a_replaced_output_is_not_deleted_as_stale(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    (target.src / "b/b.c").write_text("int mine;\n")
    target.take(rendered({"a.c": TWO["a.c"]}))
    assert (target.src / "b/b.c").read_text() == "int mine;\n"


def test_edited_outputs_are_restored(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    path = target.src / "a.c"
    path.write_text(path.read_text() + "int more;\n")
    assert target.take(rendered(TWO))
    assert "more" not in path.read_text()


def test_a_lost_record_is_no_obstacle(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    target.record.unlink()
    assert not target.take(rendered(TWO))
    target.record.write_text("{ nonsense")
    target.take(rendered({**TWO, "a.c": "int aa;\n"}))
    assert json.loads(target.record.read_text()) == ["a.c", "b/b.c"]


def test_a_fault_midway_orphans_nothing(
    rendered: Render, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file written before the fault is known to the next run, which may have to delete it."""
    real = Path.replace

    def failing(self: Path, goal: Path) -> Path:
        if goal.name == "b.c":
            raise OSError(28, "No space left on device")
        return real(self, goal)

    tree = rendered(TWO)
    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(KgenError, match=r"cannot write .*b\.c: No space left") as caught:
        target.take(tree)
    assert "disk is full" in caught.value.hint
    monkeypatch.undo()
    assert target.files() == ["a.c", "b"]
    target.take(rendered({"c.c": "int c;\n"}))
    assert target.files() == ["b", "c.c"]
