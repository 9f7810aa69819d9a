"""Each function of a header is defined once, under the name by which it is declared.

Readers grep for ``kmalloc()``. A header may rename functions for the files that include
it, as ``mm/tier_names.h`` does in kernels that watch allocations: not in the default kernel.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest

from kgen.derive import derive
from kgen.describe import Buddy, Cpu, Debug, Kernel, Kmalloc
from kgen.paths import templates_dir
from kgen.render import render

COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
DIRECTIVE = re.compile(r"^[ \t]*#(?:.*\\\n)*.*$", re.MULTILINE)
ATTRIBUTE = re.compile(r"__attribute__\(\((?:[^()]|\([^()]*\))*\)\)")
HEAD = re.compile(r"^(?!typedef\b)[A-Za-z_][\w \t*]*[ *](\w+)\(", re.MULTILINE)
LABEL = re.compile(r"^\s*\.globa?l\s+(\w+)", re.MULTILINE)
ALIAS = re.compile(r"^#define (\w+) (\w+)$", re.MULTILINE)
RENAMES = "include/mm/tier_names.h"

USERS = frozenset({"kernel_main"})
"""Functions that a kernel's own sources may define."""

KERNELS = {
    "default": Kernel(),
    "386": Kernel(cpu=Cpu(minimum="386"), buddy=Buddy(index="bitmaps", hot=False)),
    "direct": Kernel(kmalloc=Kmalloc(mapping="direct", header=False)),
    "fail": Kernel(debug=Debug(fail=True)),
    "watched": Kernel(debug=Debug(leaks=True, quarantine=16, trace=True)),
    "both": Kernel(debug=Debug(fail=True, poison=True, redzone=True)),
}


def rendered(kernel: Kernel) -> dict[str, str]:
    """The sources of ``kernel`` by path, without comments, and without those of programs."""
    tree = render(derive(kernel), templates_dir())
    return {
        file.output.path: COMMENT.sub("", file.data.decode())
        for file in tree.files
        if not file.output.path.startswith("program/")  # in ring 3, linked to none of it
    }


def functions(text: str) -> Iterator[tuple[str, bool]]:
    """Each function at the left margin that other files can call; whether its body is there."""
    text = ATTRIBUTE.sub("", DIRECTIVE.sub("", text))
    for match in HEAD.finditer(text):
        end = re.compile(r"[;{]").search(text, match.end())
        if end and ("static" not in match[0] or end[0] == "{"):
            yield match[1], end[0] == "{"


def declared(files: Mapping[str, str]) -> set[str]:
    """Names of functions in headers."""
    return {
        name
        for path, text in files.items()
        if path.endswith(".h") and path != RENAMES
        for name, _ in functions(text)
    }


def definitions(files: Mapping[str, str]) -> Counter[str]:
    """How often each name is defined: in C, in assembly, inline in a header."""
    found: Counter[str] = Counter()
    aliases = dict(ALIAS.findall(files.get(RENAMES, "")))
    for path, text in files.items():
        if path.endswith(".S"):
            found.update(name for name in LABEL.findall(text) if f"\n{name}:" in f"\n{text}")
        own = aliases if f"#include <{RENAMES.removeprefix('include/')}>" in text else {}
        if path.endswith((".c", ".h")):
            found.update(
                own.get(name, name)
                for name, has_body in functions(text)
                if has_body
                and (path.endswith(".h") or not re.search(rf"^static\b.*\b{name}\(", text, re.M))
            )
    return found


def pairs_of_cases(files: Mapping[str, str]) -> list[str]:
    """Functions of headers whose name in capitals is a macro that has nothing to do with them."""
    text = "\n".join(files.values())
    wrong = []
    for name in declared(files):
        macro = re.search(rf"^#define {name.upper()}\((?:.*\\\n)*.*$", text, re.MULTILINE)
        body = re.search(
            rf"^\w[^;{{}}]*\b{name}\([^;{{}}]*\)\n{{.*?^}}", text, re.MULTILINE | re.DOTALL
        )
        if macro and name not in macro[0] and not (body and f"{name.upper()}(" in body[0]):
            wrong.append(name)
    return sorted(wrong)


def problems(files: Mapping[str, str]) -> list[str]:
    """Declared functions that are not defined just once under their name."""
    count = definitions(files)
    wrong = [
        f"{name}: {count[name]} definitions"
        for name in sorted(declared(files) - USERS)
        if count[name] != 1
    ]
    for path, text in files.items():
        if path != RENAMES:
            wrong += [
                f"{path}: #define {name}"
                for name in re.findall(r"^#define (\w+)\b", text, re.MULTILINE)
                if name in declared(files)
            ]
    return wrong


@pytest.mark.parametrize("kind", KERNELS)
def test_every_declared_function_is_defined_once(kind: str) -> None:
    files = rendered(KERNELS[kind])
    assert len(declared(files)) > 200
    assert problems(files) == []


def test_names_that_differ_by_case_alone_are_one_thing() -> None:
    """As ``phys_to_virt()`` is ``PHYS_TO_VIRT`` with a pointer for a result."""
    files = rendered(KERNELS["both"])
    assert pairs_of_cases(files) == []
    for path, text in files.items():
        files[path] = text.replace("slow_virt_to_phys", "virt_to_phys")
    assert pairs_of_cases(files) == ["virt_to_phys"]


def test_the_default_kernel_renames_nothing() -> None:
    files = rendered(KERNELS["default"])
    assert RENAMES not in files
    assert "\nvoid *kmalloc(size_t size)\n{" in files["mm/kmalloc.c"]
    assert "\nvoid kfree(void *pointer)\n{" in files["mm/kmalloc.c"]
    assert RENAMES in rendered(KERNELS["watched"])


@pytest.mark.parametrize(
    ("path", "old", "new", "found"),
    [
        ("mm/kmalloc.c", "void kfree(", "void tier_free(", ["kfree: 0 definitions"]),
        (
            "mm/krealloc.c",
            "void *kcalloc(",
            "void *kzalloc(",
            ["kcalloc: 0 definitions", "kzalloc: 2 definitions"],
        ),
        (
            "mm/kmalloc.c",
            "void *kmalloc(",
            "#define kmalloc other\nvoid *kmalloc(",
            ["mm/kmalloc.c: #define kmalloc"],
        ),
    ],
)
def test_another_name_is_noticed(path: str, old: str, new: str, found: list[str]) -> None:
    files = rendered(KERNELS["default"])
    assert old in files[path]
    files[path] = files[path].replace(old, new)
    assert problems(files) == found
