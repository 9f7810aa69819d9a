"""Memory maps from JSON: what is right is written as the kernel reads it, all else refused."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.maps import Entry, load_map, memory_for, write_module
from kgen_qemu.request import boot_request

MiB = 1 << 20
EXAMPLES = Path(__file__).parents[3] / "examples" / "maps"
GOOD = {"base": "0x100000", "length": 63 * MiB, "type": 1}

Built = Callable[..., Path]

MEMORY: dict[str, Any] = {
    "kernel_base": 0xC0000000,
    "image_start": MiB,
    "image_end": 0x120000,
    "boot_mapped_end": 12 * MiB,
    "direct_map_limit": 896 * MiB,
    "arena_pages": 26624,
    "arena_per_ram": 4,
    "least_available": 1152 << 10,
    "map_entries": 12,
    "regions": 128,
    "modules": 2,
    "module_line": 64,
    "max_order": 10,
    "index": "lists",
    "node_size": 8,
    "zones": [{"name": "all", "first_page": 0, "end_page": 1 << 20}],
}


def written(folder: Path, content: object) -> Path:
    path = folder / "map.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_a_list_and_an_object_say_the_same(tmp_path: Path) -> None:
    entries = [GOOD, {"base": 0, "length": "0x9fc00", "type": "0x2"}]
    expected = (Entry(MiB, 63 * MiB, 1), Entry(0, 0x9FC00, 2))
    assert load_map(written(tmp_path, entries), 60) == expected
    object_ = {"name": "a PC", "source": "here", "entries": entries, "more": None}
    assert load_map(written(tmp_path, object_), 60) == expected


def test_the_largest_numbers(tmp_path: Path) -> None:
    most = {"base": (1 << 64) - 1, "length": "0xffffffffffffffff", "type": (1 << 32) - 1}
    entry = Entry((1 << 64) - 1, (1 << 64) - 1, (1 << 32) - 1)
    assert load_map(written(tmp_path, [most]), 60) == (entry,)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.json")), ids=lambda path: path.stem)
def test_examples_fit_the_default_kernel_and_say_whence_they_are(path: Path) -> None:
    entries = load_map(path, 60)
    assert any(entry.kind == 1 for entry in entries)
    assert "not captured" in json.loads(path.read_text())["source"]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[", "not JSON"),
        ("\xff", "not JSON"),
        ("3", "neither a list nor an object with `entries`"),
        ({"name": "x"}, "neither a list nor an object with `entries`"),
        ([], "no entries"),
        ([GOOD, 7], "entry 1 is 7, not an object"),
        ([{"base": 0}], "entry 0 has no length and no type"),
        ([GOOD | {"base": -1}], "entry 0: base is -1"),
        ([GOOD | {"base": 1 << 64}], f"entry 0: base is {1 << 64}"),
        ([GOOD, GOOD | {"length": "lots"}], "entry 1: length is 'lots'"),
        ([GOOD | {"length": 1.5}], "entry 0: length is 1.5"),
        ([GOOD | {"type": True}], "entry 0: type is True"),
        ([GOOD | {"type": 1 << 32}], f"entry 0: type is {1 << 32}"),
        ([GOOD | {"type": None}], "entry 0: type is None"),
    ],
)
def test_refusals(tmp_path: Path, content: object, what: str) -> None:
    path = written(tmp_path, content)
    with pytest.raises(BootError) as caught:
        load_map(path, 60)
    assert caught.value.exit_code == Exit.USAGE
    assert f"--map {path}: " in caught.value.what
    assert what in caught.value.what


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BootError, match="cannot be read"):
        load_map(tmp_path / "none.json", 60)


def test_more_entries_than_the_kernel_keeps(tmp_path: Path) -> None:
    path = written(tmp_path, [GOOD] * 9)
    assert len(load_map(path, 9)) == 9
    with pytest.raises(BootError, match=r"9 entries.*keeps 8") as caught:
        load_map(path, 8)
    assert "memblock.map_entries=13" in caught.value.hint


def test_more_entries_than_any_kernel_keeps(tmp_path: Path) -> None:
    """A hint must not name a value that would be refused: the field has a maximum."""
    path = written(tmp_path, [GOOD] * 253)
    with pytest.raises(BootError, match="keeps 60") as caught:
        load_map(path, 60)
    assert "no kernel keeps more than 252: join neighbours of one type" in caught.value.hint
    fits = written(tmp_path, [GOOD] * 252)
    with pytest.raises(BootError, match="keeps 60") as caught:
        load_map(fits, 60)
    assert "memblock.map_entries=256" in caught.value.hint
    assert len(load_map(fits, 252)) == 252


@pytest.mark.parametrize(
    ("entries", "size"),
    [
        ([(0, 0x9FC00, 1), (MiB, 31 * MiB, 1)], 33 * MiB),
        ([(MiB, 31 * MiB + 1, 1)], 34 * MiB),
        ([(MiB, MiB, 1), (512 * MiB, MiB, 2)], 3 * MiB),
        ([(MiB, MiB, 1), (4096 * MiB, 1024 * MiB, 1)], 3 * MiB),
        ([(MiB, 8192 * MiB, 1)], 4097 * MiB),
        ([(MiB, 0, 1), (512 * MiB, 0, 1)], MiB),
    ],
)
def test_ram_is_what_the_map_takes(entries: list[tuple[int, int, int]], size: int) -> None:
    assert memory_for(tuple(Entry(*entry) for entry in entries)) == size


def test_the_module_is_as_the_kernel_reads_it(tmp_path: Path) -> None:
    entries = (Entry(0, 0x9FC00, 1), Entry((1 << 64) - 1, 1 << 20, 4_000_000_000))
    path = write_module(entries, tmp_path)
    assert path.name == "kgen.map"
    assert path.read_text() == "0x0 0x9fc00 1\n0xffffffffffffffff 0x100000 4000000000\n"
    assert write_module(entries, tmp_path) == path
    assert write_module(entries[:1], tmp_path) != path
    assert [other.name for other in path.parent.iterdir()] == ["kgen.map"]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "boot").write_text("in the way")
    with pytest.raises(BootError, match=r"the map /.*/kgen.map cannot be written") as caught:
        write_module((Entry(0, 1, 1),), tmp_path)
    assert caught.value.exit_code == Exit.USAGE


# --- as an option -----------------------------------------------------------------------


@pytest.fixture(autouse=True)
def qemu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path_factory.mktemp("bin") / "qemu-system-i386"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(binary.parent), prepend=":")


def test_the_request_has_the_module_last_and_ram_to_match(built: Built, tmp_path: Path) -> None:
    folder = built(memory=MEMORY)
    disk = tmp_path / "disk"
    disk.touch()
    path = written(tmp_path, [GOOD])
    request = boot_request(folder, map=path, modules=[disk])
    assert request.machine.memory == 65 * MiB
    first, last = request.machine.modules
    assert first == "disk"
    assert last.endswith("/kgen.map")
    assert (folder / last).read_text() == "0x100000 0x3f00000 1\n"
    words = shlex.split(request.command)
    assert words[words.index("--map") + 1] == str(path)
    assert boot_request(folder, map=path, memory="16M").machine.memory == 16 * MiB


def test_too_little_ram_says_what_cannot_be_loaded(built: Built) -> None:
    with pytest.raises(BootError, match="no machine can load it that has no RAM from 1M to 1152K"):
        boot_request(built(memory=MEMORY), memory="1M")
    with pytest.raises(BootError, match=r"needs at least 2M\n"):
        boot_request(built(memory=MEMORY), memory="1536K")


def test_kernels_that_cannot_keep_it(built: Built, tmp_path: Path) -> None:
    path = written(tmp_path, [GOOD] * 9)
    with pytest.raises(BootError, match="keeps 8 of a replayed map"):
        boot_request(built(memory=MEMORY), map=path)
    with pytest.raises(BootError, match="does not say how large a map it keeps"):
        boot_request(built(), map=path)
    for name in ("a", "b"):
        (tmp_path / name).touch()
    with pytest.raises(BootError, match="needs a module, and this kernel keeps 2") as caught:
        boot_request(built(memory=MEMORY), map=path, modules=[tmp_path / "a", tmp_path / "b"])
    assert "memblock.modules=3" in caught.value.hint


@pytest.mark.parametrize(
    ("kept", "given", "hint"),
    [
        (2, 2, "memblock.modules=3"),
        (64, 64, "no kernel keeps more than 64: leave one of yours out"),
    ],
)
def test_a_map_is_a_module_too(built: Built, kept: int, given: int, hint: str) -> None:
    folder = built(memory={**MEMORY, "modules": kept})
    with pytest.raises(BootError, match="it needs a module, and this kernel keeps") as caught:
        boot_request(folder, map=Path("map.json"), modules=["disk"] * given)
    assert hint in caught.value.hint


# --- maps of machines that are too small -----------------------------------------------------


@pytest.mark.parametrize(
    ("entries", "offered"),
    [
        ([(0, 0x9FC00, 1)], 639),
        ([(0, 0x9FC00, 1), (4096 * MiB, 1024 * MiB, 1)], 639),
        ([(MiB, 1 << 16, 1)], 64),
        ([(0, 2 * MiB, 1), (MiB, 700 << 10, 2)], 640 + 324),
        ([(0x80000, MiB, 1)], 128 + 512),  # the hole does not count
        ([(0, 0xA0000, 1), (0, 0xA0000, 1), (MiB, 511 << 10, 1)], 1151),
        ([(MiB, 16 * MiB, 2)], 0),
        ([(0, 4095, 1)], 3),
    ],
)
def test_too_small_a_machine(
    built: Built, tmp_path: Path, entries: list[tuple[int, int, int]], offered: int
) -> None:
    path = written(
        tmp_path, [dict(zip(("base", "length", "type"), e, strict=True)) for e in entries]
    )
    with pytest.raises(BootError) as caught:
        boot_request(built(memory=MEMORY), map=path)
    assert caught.value.exit_code == Exit.USAGE
    assert f"--map {path}: {offered} KiB are available below 640 KiB" in caught.value.what
    assert "'default' is for machines with 2M, which offer 1152 KiB or more" in caught.value.what


def test_the_smallest_machine(built: Built, tmp_path: Path) -> None:
    entries = [
        {"base": 0, "length": 640 << 10, "type": 1},
        {"base": MiB, "length": 512 << 10, "type": 1},
    ]
    path = written(tmp_path, entries)
    assert boot_request(built(memory=MEMORY), map=path).machine.memory == 3 * MiB
