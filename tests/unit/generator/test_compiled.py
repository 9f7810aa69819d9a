"""The cache that tests put in the compiler's place changes no kernel, and hides no complaint."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.compiled import in_place_of
from tests.tools import i386

from kgen.errors import KgenError
from kgen.pipeline import Built

from .conftest import write

Build = Callable[..., Built]

SOURCE = '#include <kernel.h>\n#include "own.h"\n\nvoid kernel_main(void)\n{\n\tanswer = OWN;\n}\n'
BLOB = '__asm__(".section .rodata\\n\\t.incbin \\"own.bin\\"\\n\\t.text\\n");\n'


@pytest.fixture
def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Put the cache in place; how often it had something compiled since it was last asked."""
    tools = i386()
    count, real = tmp_path / "count", tmp_path / "real"
    write(
        real, f'#!/bin/sh\ncase "$*" in *" -c "*" -E "*) ;; *" -Wa,--MD"*) echo >>{count} ;; esac\n'
    )
    with real.open("a") as script:
        script.write(f'exec {tools.compiler} "$@"\n')
    real.chmod(0o755)
    in_place_of(str(real), tools.name, tmp_path / "compiler")
    monkeypatch.setenv("PATH", str(tmp_path / "compiler"), prepend=os.pathsep)

    def ask() -> int:
        lines = count.read_text().splitlines() if count.exists() else []
        count.unlink(missing_ok=True)
        return len(lines)

    return ask


def described(source: str, own: str = "#define OWN 1\n") -> Path:
    """A description with one source of the user's, in the current folder."""
    write(Path("mine.c"), source)
    write(Path("own.h"), own)
    return write(
        Path("kernel.py"), 'from kgen import Kernel\nkernel = Kernel(sources=["mine.c"])\n'
    )


def test_another_folder_gets_the_same_objects(
    built: Build, here: Path, compiled: Callable[[], int], monkeypatch: pytest.MonkeyPatch
) -> None:
    described(SOURCE)
    built(out=here / "first")
    assert compiled() > 1
    built(out=here / "second")
    assert compiled() == 0
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(os.pathsep)[2])
    built(out=here / "plain")
    assert compiled() == 0
    made = [path.relative_to(here / "plain") for path in (here / "plain").rglob("*.o")]
    rules = [path.with_suffix(".o.d") for path in made]
    for name in (*made, *rules, Path("build/kernel.elf")):
        assert (here / "second" / name).read_bytes() == (here / "plain" / name).read_bytes()


def test_what_differs_is_compiled(built: Build, here: Path, compiled: Callable[[], int]) -> None:
    """A header, an option."""
    described(SOURCE)
    built(out=here / "first")
    everything = compiled()
    described(SOURCE, "#define OWN 2\n")
    built(out=here / "second")
    assert compiled() == 1
    built(out=here / "third", sets=("compiler.optimize=0",))
    assert compiled() == everything


def test_warnings_and_errors_are_told_each_time(
    built: Build, here: Path, compiled: Callable[[], int]
) -> None:
    described(SOURCE + "static int idle;\n")
    for out in ("first", "second"):
        assert "idle" in built(out=here / out).warnings
        assert compiled() >= 1
    described(SOURCE + "int broken(void) { return missing; }\n")
    for out in ("third", "fourth"):
        with pytest.raises(KgenError, match="missing"):
            built(out=here / out)
        assert compiled() >= 1


def test_what_the_assembler_reads_is_read_again(
    built: Build, here: Path, compiled: Callable[[], int]
) -> None:
    blob = write(here / "own.bin", "one")
    described(SOURCE + BLOB.replace("own.bin", str(blob)))
    for out, text in (("first", "one"), ("second", "two")):
        blob.write_text(text)
        image = built(out=here / out).image
        assert text.encode() in image.read_bytes()
