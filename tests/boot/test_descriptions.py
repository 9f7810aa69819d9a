"""Random descriptions: what ``check`` admits builds, verifies and boots; else nothing is written.

A description is a draw of ``tests/descriptions.py``, and so is the machine: memory, CPU, board,
firmware, modules and a map to replay. The size of an image is not known before it is linked, so a
build may be refused for that, and then the remedy that it names must help.

The short form is what lies at edges of ``kgen.check``, and a few draws; ``pytest --campaign`` tries
hundreds. A failing description is printed as fields, to be pasted into
``Kernel.model_validate()``.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from random import Random

import pytest
from tests.descriptions import Fields, KiB, Machine, MiB, drawn, emulated, machine

import kgen_qemu
from kgen import Kernel, footprint
from kgen.check import check
from kgen.errors import DescriptionError, Exit, KgenError
from kgen.pipeline import Request, build
from kgen.progress import Progress
from kgen.units import parse_size

pytestmark = pytest.mark.boot

REMEDY = re.compile(r"raise ram\.minimum to ([0-9]+ [KMG]iB)")
NO_REMEDY = re.compile(r"raise layout\.direct_map_limit|identity-map")


def described(folder: Path, fields: Fields) -> Path:
    path = folder / "kernel.py"
    path.write_text(f"from kgen import Kernel\nkernel = Kernel.model_validate({fields!r})\n")
    return path


def refusal_writes_nothing(fields: Fields, folder: Path) -> None:
    out = folder / "out"
    with pytest.raises(DescriptionError) as caught:
        build(Request(described(folder, fields), out=out), Progress())
    assert caught.value.exit_code == Exit.USAGE
    assert all(problem.path and problem.why and problem.change for problem in caught.value.problems)
    assert not out.exists()


def built(fields: Fields, folder: Path) -> Kernel | None:
    """The kernel of a sound description, in ``out``; None if it takes another layout to fit."""
    refused = _refused(fields, folder)
    if refused:
        assert refused.exit_code == Exit.BUILD
        remedy = REMEDY.search(str(refused))
        if not remedy:
            assert NO_REMEDY.search(str(refused)), refused
            return None
        minimum = parse_size(remedy[1])
        ram = {"minimum": minimum, "maximum": max(minimum, fields["ram"]["maximum"])}
        fields = {**fields, "ram": ram}
        assert _refused(fields, folder) is None
    return Kernel.model_validate(fields)


def _refused(fields: Fields, folder: Path) -> KgenError | None:
    try:
        done = build(Request(described(folder, fields), out=folder / "out"), Progress())
    except KgenError as error:
        return error
    assert not done.warnings
    return None


def image_size(out: Path) -> int:
    memory = json.loads((out / "manifest.json").read_text())["memory"]
    return int(memory["image_end"] - memory["image_start"])


def boots(machine: Machine, folder: Path) -> None:
    modules = []
    for number, size in enumerate(machine.modules):
        module = folder / f"module{number}"
        with module.open("wb") as file:
            file.truncate(size)
        modules.append(f"{module} words of {number}")
    options = {**machine.options, "modules": modules, "timeout": 100}
    if machine.map:
        options["map"] = folder / "map.json"
        options["map"].write_text(json.dumps(machine.map))
    result = kgen_qemu.boot(kgen_qemu.boot_request(folder / "out", **options))
    text = result.log.read_text(errors="replace")
    assert result.verdict == "pass", (result.command, result.reasons, text[-3000:])
    assert result.accounting is not None
    assert result.accounting.mismatches == ()
    assert len(result.transcript.modules) == len(modules) + bool(machine.map)


def holds(fields: Fields, rng: Random, folder: Path) -> None:
    """What is claimed of one description, in an empty folder."""
    if check(Kernel.model_validate(fields)):
        refusal_writes_nothing(fields, folder)
        return
    kernel = built(fields, folder)
    if kernel is None:
        return
    image = image_size(folder / "out")
    assert footprint.image_floor(kernel) <= image <= footprint.image_limit(kernel)
    if not emulated(kernel):
        with pytest.raises(kgen_qemu.BootError, match="QEMU gives RAM in steps of 8K"):
            boots(Machine({}), folder)
        return
    for _ in range(2):
        boots(machine(rng, kernel, image), folder)


EDGES: dict[str, tuple[Fields, tuple[str, ...]]] = {
    "the image is loaded at 56 MiB": (
        {"layout": {"load_address": 56 * MiB}, "ram": {"minimum": 128 * MiB}},
        ("128M", "2G"),
    ),
    "a stack as small as the map admits, without optimisation": (
        {
            "layout": {"stack_size": 4 * KiB},
            "memblock": {"map_entries": 128},
            "compiler": {"optimize": "0"},
            "ram": {"minimum": 2052 * KiB, "maximum": 4108 * KiB},
        },
        ("2056K", "4104K"),
    ),
    "the largest class": ({"kmalloc": {"classes": (64, 4072)}}, ("2M", "64M")),
}


@pytest.mark.parametrize("name", EDGES)
def test_at_edges(tmp_path: Path, name: str) -> None:
    fields, sizes = EDGES[name]
    assert check(Kernel.model_validate(fields)) == []
    assert built(fields, tmp_path) == Kernel.model_validate(fields)
    for memory in sizes:
        boots(Machine({"memory": memory}), tmp_path)


DRAWS = 40
"""Descriptions of the seed whose draws the short form has."""


@pytest.mark.parametrize("place", [23, 34])
def test_some_random_descriptions(tmp_path: Path, place: int) -> None:
    holds(drawn(1, DRAWS)[place], Random(f"1 {place}"), tmp_path)


@pytest.mark.campaign
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("number", range(1, 16))
def test_many_random_descriptions(tmp_path: Path, number: int) -> None:
    failed = []
    for place, fields in enumerate(drawn(number, DRAWS)):
        folder = tmp_path / str(place)
        folder.mkdir()
        try:
            holds(fields, Random(f"{number} {place}"), folder)
        except (AssertionError, KgenError, kgen_qemu.BootError) as error:
            failed.append(f"{number} {place}: {fields}\n{error}")
        shutil.rmtree(folder)
    assert failed == [], "\n\n".join(failed)
