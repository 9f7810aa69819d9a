"""Each function of a public header is defined once, under its name.

So ``grep`` and a debugger lead to the code, in the default kernel. Kernels that watch allocations
or make requests fail rename some (``mm/tier_names.h``), and define the public names elsewhere.
"""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.tools import binutil

PROTOTYPE = re.compile(r"^[a-z][\w \t*]*?\b\**(\w+)\((?![^;{]*\{)[^;{]*\)[^;{]*;", re.MULTILINE)
"""A declaration at the left margin that ends without a body."""

BODY = re.compile(r"^(?!static)[A-Za-z].*?\b(\w+)\([^;{}]*\)\n\{", re.MULTILINE)

LABEL = re.compile(r"^[ \t]*\.globa?l[ \t]+(\w+)", re.MULTILINE)
"""In assembly: what other files may call."""

PROGRAMS = ("program", "programs")
"""Folders of what runs in ring 3, and has nothing to do with the kernel's names."""


def declared(header: str) -> set[str]:
    """Functions that a header declares, those that it defines itself left out."""
    text = re.sub(r"/\*.*?\*/", "", header, flags=re.DOTALL)
    text = re.sub(r"^#.*?(?<!\\)$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = re.sub(r"^static\b[^{;]*\{.*?^\}", "", text, flags=re.MULTILINE | re.DOTALL)
    return set(PROTOTYPE.findall(lines)) - {"__attribute__"}


def files(folder: Path, pattern: str) -> list[Path]:
    """The kernel's files below a folder."""
    found = sorted(folder.rglob(pattern))
    return [path for path in found if path.relative_to(folder).parts[0] not in PROGRAMS]


def in_assembly(sources: Path) -> set[str]:
    """Labels that assembly offers to others."""
    return {name for path in files(sources, "*.S") for name in LABEL.findall(path.read_text())}


def defined(objects: Path) -> Counter[str]:
    """Global functions of all objects below a folder, and how many objects define each."""
    found: Counter[str] = Counter()
    for object_ in files(objects, "*.o"):
        output = subprocess.run(
            [binutil("nm"), "-g", "--defined-only", str(object_)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        found.update(re.findall(r"^[0-9a-f]{8} [TW] (\S+)$", output, re.MULTILINE))
    return found


def written(sources: Path) -> Counter[str]:
    """Functions with a body at the left margin, by how often there is one."""
    found: Counter[str] = Counter()
    for source in files(sources, "*.c"):
        text = source.read_text()
        found.update(
            re.findall(r"^(?!static)[A-Za-z].*?\b(\w+)\([^;{}]*\)\n\{", text, re.MULTILINE)
        )
    return found


def public(sources: Path) -> dict[str, str]:
    """Each function of a header, and the header; those of the tests' own machinery, too."""
    headers = sorted((sources / "include").rglob("*.h"))
    return {
        name: header.relative_to(sources).as_posix()
        for header in headers
        for name in declared(header.read_text())
    }


@pytest.fixture(scope="module")
def folder(kernels: Kernels) -> Path:
    return kernels.default()


def test_a_public_function_is_defined_once_under_its_name(folder: Path) -> None:
    names = public(folder / "src")
    assert {"kmalloc", "kfree", "ksize", "vmalloc", "free_block", "printk"} <= names.keys()
    assert len(names) > 150
    assert misnamed(names, folder) == {}


def misnamed(names: dict[str, str], folder: Path) -> dict[str, tuple[int, int]]:
    """How many objects and how many sources define a function, where that is not one of each."""
    linked, source = defined(folder / "build/obj"), written(folder / "src")
    assembly = in_assembly(folder / "src")
    return {
        f"{header}: {name}": (linked[name], source[name])
        for name, header in names.items()
        if (linked[name], source[name]) != (1, name not in assembly)
    }


def test_another_name_is_noticed(folder: Path, kernels: Kernels) -> None:
    """A kernel that watches allocations has ``kmalloc()`` in another file, and two of its text."""
    watched = kernels.user(sets=("debug.track=true",))
    found = misnamed(public(folder / "src"), watched)
    assert "include/mm/kmalloc.h: kmalloc" in found
