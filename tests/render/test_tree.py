"""The rendered tree: its identity, and what it does to a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kgen.describe import Compiler, Kernel
from kgen.errors import KgenError
from kgen.render import Tree
from kgen.render.tree import Written

from .conftest import Render

TWO = {"a.c": "int a;\n", "b/b.c": "int b;\n"}


class Target:
    """An output folder with its record."""

    def __init__(self, root: Path) -> None:
        self.src, self.record = root / "src", root / "rendered.json"

    def write(self, tree: Tree) -> Written:
        return tree.write(self.src, self.record)

    def take(self, tree: Tree) -> bool:
        return self.write(tree).changed

    def files(self) -> list[str]:
        return sorted(p.relative_to(self.src).as_posix() for p in self.src.rglob("*"))


@pytest.fixture
def target(tmp_path: Path) -> Target:
    return Target(tmp_path)


def test_two_renders_are_identical(rendered: Render) -> None:
    assert rendered(TWO) == rendered(TWO)


def test_the_digest_covers_names_and_contents_and_keeps_neighbours_apart(rendered: Render) -> None:
    trees = [TWO, {"a.c": TWO["a.c"]}, {**TWO, "a.c": "int c;\n"}, {"c.c": TWO["a.c"]}]
    assert len({rendered(files).digest for files in trees}) == len(trees)
    assert rendered(TWO).digest == rendered(TWO, Kernel(compiler=Compiler(optimize="s"))).digest


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


def test_edited_outputs_are_restored_and_the_edits_kept(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    path = target.src / "a.c"
    ours = path.read_text()
    for number, name in enumerate(("a.c.orig", "a.c.orig-2")):
        path.write_text(f"{ours}int more{number};\n")
        aside = target.src / name
        # Also where the template changed meanwhile.
        assert target.write(
            rendered(TWO if number == 0 else {**TWO, "a.c": "int z;\n"})
        ) == Written(True, ((path, aside),))
        assert "more" not in path.read_text()
        assert aside.read_text() == f"{ours}int more{number};\n"
    assert target.write(rendered({**TWO, "a.c": "int z;\n"})) == Written(False)


def test_an_edited_output_that_is_stale_is_kept(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    path = target.src / "b/b.c"
    path.write_text(path.read_text() + "int more;\n")
    written = target.write(rendered({"a.c": TWO["a.c"]}))
    assert written.kept == ((path, target.src / "b/b.c.orig"),)
    assert target.files() == ["a.c", "b", "b/b.c.orig"]


def test_what_another_kgen_recorded_is_no_edit(rendered: Render, target: Target) -> None:
    """Its record is a list of names, without hashes."""
    target.take(rendered(TWO))
    target.record.write_text('["a.c", "b/b.c"]')
    assert target.write(rendered({**TWO, "a.c": "int z;\n"})) == Written(True)


def test_a_lost_record_is_no_obstacle(rendered: Render, target: Target) -> None:
    target.take(rendered(TWO))
    target.record.unlink()
    assert not target.take(rendered(TWO))
    target.record.write_text("{ nonsense")
    target.take(rendered({**TWO, "a.c": "int aa;\n"}))
    assert json.loads(target.record.read_text()).keys() == {"a.c", "b/b.c"}


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
    assert target.write(rendered({"c.c": "int c;\n"})).kept == ()
    assert target.files() == ["b", "c.c"]
