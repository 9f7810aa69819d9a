"""The figures of process 1 at its start, predicted from its file."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from kgen_qemu.process_one import PAGE, STACK_PAGES, predict, promised
from kgen_qemu.request import Request
from kgen_qemu.transcript import Exit

ENDED = Exit(pid=1, status=0)
NOTHING = {"user.frames": 0, "user.tables": 0}


def elf(*segments: tuple[int, int, int], kind: int = 2, machine: int = 3) -> bytes:
    """An ELF file with segments (address, bytes in memory, flags), and nothing in them."""
    header = struct.pack(
        *("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01" + bytes(9), kind, machine, 1),
        *(0x08048000, 52, 0, 0, 52, 32, len(segments), 40, 0, 0),
    )
    table = (
        struct.pack("<8I", 1, 0, start, start, 0, size, flags, PAGE)
        for start, size, flags in segments
    )
    return header + b"".join(table)


def request(folder: Path, append: str = "", modules: tuple[str, ...] = ()) -> Request:
    manifest = SimpleNamespace(programs=("first", "second"), directory=folder)
    return cast(
        Request,
        SimpleNamespace(manifest=manifest, machine=SimpleNamespace(append=append, modules=modules)),
    )


@pytest.mark.parametrize(
    ("segments", "pages"),
    [
        ([(0x08048000, 5 * PAGE, 5)], 0),  # nobody writes to it
        ([(0x08048000, PAGE, 5), (0x08049000, PAGE, 6)], 1),
        ([(0x08049F40, 0x102C, 6)], 2),  # begins and ends within pages
        ([(0x08049000, 0, 6)], 0),
        ([(0x08049000, 1, 6), (0x0804B000, PAGE + 1, 7)], 3),
    ],
)
def test_writable_pages_are_promised(
    tmp_path: Path, segments: list[tuple[int, int, int]], pages: int
) -> None:
    file = tmp_path / "program"
    file.write_bytes(elf(*segments))
    assert promised(file) == STACK_PAGES + pages


@pytest.mark.parametrize(
    "content", [b"", b"#!/busybox sh\n", elf()[:40], elf(kind=1), elf(machine=62), bytes(5000)]
)
def test_a_file_that_is_no_program_of_an_i386_predicts_nothing(
    tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "program"
    file.write_bytes(content)
    assert promised(file) is None


def test_it_is_the_program_that_the_boot_names(tmp_path: Path) -> None:
    built = tmp_path / "build/programs"
    built.mkdir(parents=True)
    for pages, name in enumerate(("first", "second"), 1):
        (built / name).write_bytes(elf((0x08048000, pages * PAGE, 6)))
    (tmp_path / "third").write_bytes(elf((0x08048000, 9 * PAGE, 6)))

    def committed(**how: Any) -> int:
        return predict(request(tmp_path, **how), ENDED)["user.start.committed"] - STACK_PAGES

    assert committed() == 1
    assert committed(append="init=second cpu=386") == 2
    assert committed(append="init=second init=third", modules=("third with arguments",)) == 9


def test_without_a_program_only_its_end_is_predicted(tmp_path: Path) -> None:
    assert predict(request(tmp_path), None) == {}
    assert predict(request(tmp_path, append="init=nothing"), ENDED) == NOTHING
    built = tmp_path / "build/programs"
    built.mkdir(parents=True)
    (built / "first").write_bytes(elf((0x08048000, PAGE, 6)))
    assert predict(request(tmp_path), replace(ENDED, status=127 << 8)) == NOTHING
    assert predict(request(tmp_path), replace(ENDED, status=11)) != NOTHING
