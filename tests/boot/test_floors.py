"""The floors of the kernel's C: a file uses its own floor and those below, nothing else.

The folder says the floor. The uses of a file are read twice: from the symbols of its object, so
that no macro hides a call, and from the headers that it includes, so that no inline function does.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.descriptions import WITHOUT_USER_SPACE
from tests.tools import binutil, i386

from kgen.paths import templates_dir
from kgen_qemu import load_manifest

FLOORS = ("base", "arch", "mm", "user", "kernel")
"""From the ground up."""

FOLDERS = {
    "base": "base",
    "arch": "arch",
    "mm": "mm",
    "user": "user",
    "boot": "kernel",
    "entry": "kernel",
    "kernel": "kernel",
    "test": "kernel",
    "bench": "kernel",
    "generated": "base",
}
"""The floor of a folder; ``boot`` and ``entry`` are doors to the top floor, tests look at all."""

PROGRAMS = ("program/", "programs/")
"""Folders of what runs in ring 3: on no floor, and linked to none."""

KERNEL_HEADERS = {
    **dict.fromkeys(
        ("bits", "cmdline", "console", "fail", "ktest", "panic", "printk", "string", "types"),
        "base",
    ),
    "boot_info": "mm",
}
"""Headers of ``include/kernel`` for lower floors: their names are the kernel's API."""

KERNELS: Mapping[str, tuple[str, ...]] = {
    "default": (),
    "plain": (WITHOUT_USER_SPACE,),
    "debug": ("debug.fail=true", "debug.leaks=true", "debug.trace=true", "debug.quarantine=16"),
    "fail": ("debug.fail=true", "kmalloc.mapping=direct", "buddy.index=bitmaps"),
    "bench": ("features.bench=true", "features.tests=false", "console.vga=true"),
}


def floor_of(path: str) -> int:
    """The floor of a source or header, by its path below ``src``."""
    parts = path.removeprefix("include/").split("/")
    floor = FOLDERS[parts[0]]
    if path.startswith("include/kernel/"):
        floor = KERNEL_HEADERS.get(Path(path).stem, "kernel")
    return FLOORS.index(floor)


def symbols(folder: Path) -> tuple[dict[str, str], dict[str, set[str]]]:
    """Where each symbol is defined, and what each source uses, of all objects below ``folder``."""
    defined: dict[str, str] = {}
    used: dict[str, set[str]] = {}
    objects = [
        str(path)
        for path in sorted(folder.rglob("*.o"))
        if not path.relative_to(folder).as_posix().startswith(PROGRAMS)
    ]
    output = subprocess.run(
        [binutil("nm"), "--print-file-name", "-g", *objects],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for name, kind, symbol in re.findall(
        r"^(.+)\.o:[0-9a-f ]{8} (\w) (\S+)$", output, re.MULTILINE
    ):
        source = Path(name).relative_to(folder).as_posix()
        if kind == "U":
            used.setdefault(source, set()).add(symbol)
        else:
            defined[symbol] = source
    return defined, used


def upward_references(defined: dict[str, str], used: dict[str, set[str]]) -> Iterator[str]:
    """Each use of a symbol of a higher floor."""
    for source, names in used.items():
        for name in sorted(names & defined.keys()):
            if floor_of(defined[name]) > floor_of(source):
                yield f"{source} uses {name} of {defined[name]}"


def upward_includes(templates: Path) -> Iterator[str]:
    """Each include of a header of a higher floor."""
    for path in sorted(templates.rglob("*")):
        name = path.relative_to(templates).as_posix().removesuffix(".j2")
        if not name.endswith((".c", ".h", ".S")) or name.startswith(("loader/", *PROGRAMS)):
            continue
        for header in re.findall(r"^#include <(\w+/\S+)>", path.read_text(), re.MULTILINE):
            if floor_of(f"include/{header}") > floor_of(name):
                yield f"{name} includes {header}"


@pytest.mark.parametrize("kind", KERNELS)
def test_nothing_refers_to_a_floor_above(kind: str, kernels: Kernels) -> None:
    """By the symbols of kernels that have all that there is between them."""
    folder = kernels.user(sets=KERNELS[kind]) if KERNELS[kind] else kernels.default()
    objects = folder / "build/obj"
    defined, used = symbols(objects)
    has_user = "user_space" in load_manifest(folder).features
    assert has_user == (kind == "default")
    assert {floor_of(source) for source in used} == {0, 1, 2, 4} | ({3} if has_user else set())
    assert list(upward_references(defined, used)) == []


def test_nothing_includes_a_floor_above() -> None:
    """Of all templates, whatever the description."""
    assert list(upward_includes(templates_dir())) == []


def test_a_reference_upwards_is_seen(kernels: Kernels, tmp_path: Path) -> None:
    """An object of the ground floor that calls kmalloc(), a header that includes its header."""
    objects = tmp_path / "obj"
    (objects / "base").mkdir(parents=True)
    (objects / "mm").mkdir()
    for file in (kernels.default() / "build/obj/mm").glob("*.o"):
        (objects / "mm" / file.name).symlink_to(file)
    source = tmp_path / "low.c"
    source.write_text("void *kmalloc(unsigned); void *low(void) { return kmalloc(1); }\n")
    target = objects / "base/low.c.o"
    subprocess.run([i386().compiler, "-m32", "-c", str(source), "-o", str(target)], check=True)
    found = list(upward_references(*symbols(objects)))
    assert len(found) == 1
    assert re.fullmatch(r"base/low\.c uses kmalloc of mm/\w+\.c", found[0])
    (tmp_path / "base").mkdir()
    (tmp_path / "base/low.c").write_text("#include <mm/kmalloc.h>\n")
    assert list(upward_includes(tmp_path)) == ["base/low.c includes mm/kmalloc.h"]
