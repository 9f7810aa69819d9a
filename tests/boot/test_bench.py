"""kgen bench measures what it says, to the instruction, and the same each time."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection
from iced_x86 import Decoder, Mnemonic

from kgen.bench.measure import Plan, Variant, measure, workloads
from kgen.bench.results import Result
from kgen.cli import run as kgen
from kgen.errors import Exit, KgenError
from kgen.paths import templates_dir
from kgen.progress import Progress

pytestmark = pytest.mark.boot

SOME = ("page.hot", "kmalloc.pair64", "vm.map386", "boot")

Measure = Callable[..., tuple[Result, ...]]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An output folder whose kernel all tests of this file share."""
    return tmp_path_factory.mktemp("bench")


def results(out: Path, *names: str, **machine: str) -> dict[str, Result]:
    """What `kgen bench` finds for these workloads of one variant."""
    plan = Plan(
        out=out,
        variants=(Variant("lists", "i386"),),
        workloads=workloads(names),
        **machine,  # type: ignore[arg-type]
    )
    return {one.workload: one for one in measure(plan, Progress()).results}


def test_two_runs_find_the_same(out: Path) -> None:
    first, second = (results(out, *SOME) for _ in range(2))
    assert first == second
    assert {*first} >= {"page.hot", "kmalloc.pair64", "vm.map386", "boot.buddy", "boot.paging"}


def test_figures_apply_where_they_should(out: Path) -> None:
    found = results(out, *SOME)
    hot, boot = found["page.hot"], found["boot.buddy"]
    assert hot.alloc
    assert hot.free
    assert hot.metadata_per_mib
    assert hot.efficiency is None
    assert found["kmalloc.pair64"].metadata_per_mib is None
    assert boot.alloc
    assert boot.free is None
    mix = results(out, "kmalloc.mix64k")["kmalloc.mix64k"]
    assert mix.efficiency
    assert 0.1 < mix.efficiency < 1


def test_a_workload_costs_the_same_whatever_else_is_measured(out: Path) -> None:
    alone = results(out, "kmalloc.pair64")["kmalloc.pair64"]
    assert alone == results(out, *SOME)["kmalloc.pair64"]


def straight(image: Path, function: str) -> int:
    """Instructions of a function up to its first return, with no jump taken."""
    with image.open("rb") as file:
        elf = ELFFile(file)
        table = elf.get_section_by_name(".symtab")
        assert isinstance(table, SymbolTableSection)
        symbol = (table.get_symbol_by_name(function) or [])[0]
        text = elf.get_section(symbol["st_shndx"])
        start = symbol["st_value"] - text["sh_addr"]
        code = Decoder(32, text.data()[start : start + symbol["st_size"]])
        return next(at for at, one in enumerate(code, 1) if one.mnemonic == Mnemonic.RET)


def test_a_figure_is_the_number_of_instructions(out: Path) -> None:
    """The hot list's two functions run straight through as long as it is neither empty nor full."""
    hot = results(out, "page.hot")["page.hot"]
    image = out / "bench/lists-i386/build/kernel.elf"
    assert hot.alloc == straight(image, "alloc_page_hot")
    assert hot.free == straight(image, "free_page_hot")


def slower(templates: Path, function: str, instructions: int) -> None:
    """Put so many instructions at the start of a function of the page allocator."""
    page = templates / "mm/page.c"
    text = page.read_text()
    start = text.index("{\n", text.index(f"\n{function}")) + 2
    nops = '\t__asm__ volatile("' + "nop\\n\\t" * instructions + '");\n'
    page.write_text(text[:start] + nops + text[start:])


def test_one_instruction_more_is_seen_and_is_a_regression(
    out: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    words = ["bench", "-o", str(out), "--index", "lists", "--march", "i386"]
    words += ["--workload", "page.hot"]
    assert kgen([*words, "--save"]) == 0
    before = results(out, "page.hot")["page.hot"]
    templates = tmp_path / "templates"
    shutil.copytree(templates_dir(), templates)
    slower(templates, "void free_page_hot", 1)
    slower(templates, "phys_addr_t alloc_page_hot", 5)
    monkeypatch.setattr("kgen.pipeline.templates_dir", lambda: templates)
    saved = str(out / "bench" / "saved.json")
    capfd.readouterr()
    assert kgen([*words, "--against", saved]) == Exit.FAIL
    printed = capfd.readouterr()
    assert printed.err.count("kgen: regression: page.hot (lists, i386)") == 2
    assert kgen([*words, "--against", saved, "--tolerance", "2"]) == Exit.PASS
    after = results(out, "page.hot")["page.hot"]
    assert (before.alloc, before.free) != (None, None)
    assert after.alloc == pytest.approx((before.alloc or 0) + 5, abs=0.001)
    assert after.free == pytest.approx((before.free or 0) + 1, abs=0.001)


@pytest.mark.parametrize(
    ("machine", "log"),
    [
        ({"memory": "32M"}, "bench: page.drain: not enough memory"),
        ({"cpu": "486"}, "bench: this CPU has no RDTSC"),
    ],
)
def test_a_machine_that_cannot_do_it_is_an_error(
    out: Path, machine: dict[str, str], log: str
) -> None:
    with pytest.raises(KgenError, match=r"page\.drain: the kernel gave no figures") as found:
        results(out, "page.drain", **machine)
    assert log in Path(found.value.hint.rpartition("log: ")[2]).read_text()
