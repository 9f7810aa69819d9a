"""What kgen bench measures: its workloads, the kernels that it builds, figures from their logs."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from kgen.bench.host import per_call
from kgen.bench.measure import (
    BOOT,
    INDEXES,
    PROCESSORS,
    USER,
    Variant,
    collected,
    variants,
    workloads,
)
from kgen.bench.results import Result
from kgen.bench.rows import PROGRAMS, rows
from kgen.describe import Kernel
from kgen.errors import Exit, KgenError
from kgen.load import load, prove
from kgen.paths import templates_dir
from kgen.workloads import NAMES, PARAMETERS, POINTS, USER_ROWS, WORKLOADS, log_uniform
from kgen_qemu.machine import Machine
from kgen_qemu.transcript import Measurement, TranscriptParser

# --- what is measured -----------------------------------------------------------------


def test_the_contracts_workloads_are_there() -> None:
    contract = "page.hot page.drain page.mix kmalloc.pair64 kmalloc.mix2k kmalloc.fifo256"
    assert {*contract.split(), "kmalloc.mix64k"} <= {*NAMES}


def test_the_kernel_has_the_same_workloads() -> None:
    source = (templates_dir() / "bench/bench.c").read_text()
    assert tuple(re.findall(r'\{ "([\w.]+)", bench_', source)) == NAMES


@pytest.mark.parametrize(("low", "high"), [(8, 2048), (1024, 65536)])
def test_sizes_are_log_uniform(low: int, high: int) -> None:
    sizes = log_uniform(low, high)
    assert len(sizes) == POINTS
    assert sorted(sizes) == list(sizes)
    assert low <= sizes[0]
    assert sizes[-1] <= high
    octaves = (high // low).bit_length() - 1
    for octave in range(octaves):
        inside = [size for size in sizes if low << octave <= size < low << (octave + 1)]
        assert abs(len(inside) - POINTS / octaves) < POINTS / octaves / 8


def test_tables_hold_every_point_and_indexes_fit() -> None:
    for table in (PARAMETERS.sizes_2k, PARAMETERS.sizes_64k):
        assert sum(map(len, table)) == POINTS


def test_variants_are_proved_like_any_description() -> None:
    both = variants("both", "both")
    assert {(one.index, one.march) for one in both} == {
        (index, march) for index in INDEXES for march in PROCESSORS
    }
    for variant in both:
        kernel = prove(load(None, variant.sets)).kernel
        assert kernel.features.bench
        assert not kernel.features.tests
        assert kernel.buddy.index == variant.index
        assert kernel.cpu.minimum == PROCESSORS[variant.march]
        assert not kernel.features.user_space
        kernel = prove(load(None, variant.user_sets)).kernel
        assert (kernel.features.user_space, kernel.features.bench) == (True, False)
        assert kernel.program_names == ("rows", "first")
    assert variants("lists", "i686") == (Variant("lists", "i686"),)


def test_policies_of_old_processors_need_code_for_them() -> None:
    forced = [workload for workload in WORKLOADS if workload.policy]
    assert forced
    assert all(Variant("lists", "i386").runs(one) for one in WORKLOADS)
    assert not any(Variant("lists", "i686").runs(one) for one in forced)
    assert forced[0].option == "bench=vm.map386 cpu=386"


def test_a_workload_that_is_not_there() -> None:
    assert workloads([]) == (*WORKLOADS, BOOT, USER)
    assert [one.name for one in workloads(["page.mix", "boot"])] == ["page.mix", "boot"]
    with pytest.raises(KgenError, match=r"--workload page\.hott: there is none") as found:
        workloads(["page.hott"])
    assert found.value.hint == "did you mean page.hot?"


def test_a_kernel_has_workloads_only_if_it_asks() -> None:
    assert not Kernel().features.bench


# --- the machine ----------------------------------------------------------------------


def test_a_machine_counts_instructions_if_asked() -> None:
    plain = Machine(kernel=Path("k"))
    assert "-icount" not in plain.argv("qemu", 7)
    counting = replace(plain, icount=True).argv("qemu", 7)
    assert counting[counting.index("-icount") + 1] == "shift=0,sleep=off"


def test_what_a_kernel_measured_is_on_record() -> None:
    parser = TranscriptParser()
    parser.feed(b"# kgen:hello proto=1 name=x build=0 base=i386\n")
    parser.feed(b"# kgen:bench name=page.hot ops=2 alloc=22 free=0x14\n")
    parser.feed(b"# kgen:bench ops=2\n# kgen:bench name=page.mix ops=many\n")
    said, _ = parser.finish()
    assert said.measurements == (Measurement("page.hot", {"ops": 2, "alloc": 22, "free": 20}),)
    assert len(said.problems) == 2


def measurement(**values: int) -> Measurement:
    plain = {"ops": 4, "alloc": 50, "free": 42, "metadata": 512, "managed": 256, "left": 0}
    return Measurement("page.hot", {**plain, **values})


def test_figures_are_sums_divided_by_calls() -> None:
    (found,) = collected(Variant("lists", "i686"), WORKLOADS[0], [measurement()])
    assert found == Result("page.hot", "lists", "i686", 12.5, 10.5, None, 512.0)
    (found,) = collected(
        Variant("lists", "i686"),
        WORKLOADS[6],
        [replace(measurement(efficiency_ppm=912345), name="kmalloc.mix2k")],
    )
    assert (found.efficiency, found.metadata_per_mib) == (0.9123, None)


def test_pages_that_stay_away_are_a_failure() -> None:
    with pytest.raises(
        KgenError, match=r"page\.hot \(lists, i686\): 3 page frames were not"
    ) as found:
        list(collected(Variant("lists", "i686"), WORKLOADS[0], [measurement(left=3)]))
    assert found.value.exit_code == Exit.FAIL


def test_blocks_that_are_not_merged_are_a_failure() -> None:
    with pytest.raises(KgenError, match=r"page\.hot \(lists, i686\): 2 orders have more") as found:
        list(collected(Variant("lists", "i686"), WORKLOADS[0], [measurement(changed=2)]))
    assert found.value.exit_code == Exit.FAIL


# --- the rows of user space ---------------------------------------------------------------

PRINTED = "".join(
    f"R {row.name:<22} n=  2000 per=     4 min=        40 med={8 * at + 4:10} mean=        90\r\n"
    for at, row in enumerate(USER_ROWS)
)


def test_rows_are_medians_for_one_operation(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("init: R is no row\n" + PRINTED + "R user.other n=1\n")
    found = [*rows(log, "lists", "i686")]
    assert found == [
        Result(row.name, "lists", "i686", 2.0 * at + 1) for at, row in enumerate(USER_ROWS)
    ]


def test_a_row_that_lacks_is_a_failure(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(PRINTED.replace("user.copy", "user.cope"))
    with pytest.raises(
        KgenError, match=r"user\.copy \(lists, i686\): the program gave no"
    ) as found:
        list(rows(log, "lists", "i686"))
    assert found.value.exit_code == Exit.FAIL


def test_the_program_prints_every_row() -> None:
    source = PROGRAMS[0].read_text()
    printed = re.findall(r'(?:row|print|forked)\("(user\.\w+)"', source)
    assert {*printed} == {row.name for row in USER_ROWS}
    assert len(printed) == len(USER_ROWS)


# --- callgrind --------------------------------------------------------------------------

PROFILE = """\
# callgrind format
positions: line
events: Ir
fn=(1) bench_pair64
10 5
cfn=(2) timed_kmalloc
calls=4 20
11 400
cfn=(3) timed_kfree
calls=4 30
+1 300
fn=(2)
20 40
cfn=(4) kmalloc
calls=3 40
21 60
cfi=(2) kmalloc.c
cfn=(5) kmalloc_slow
calls=1 50
21 140
+2 8
fn=(3)
30 12
cfn=(6) kfree
calls=4 60
31 88
fn=(7) empty_kmalloc
40 4
cfn=(8) bench_nothing
calls=64 70
41 64
totals: 1000
"""


def test_callgrinds_costs_of_measured_calls() -> None:
    assert per_call(PROFILE) == (50.0, 22.0)
