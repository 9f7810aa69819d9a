"""kgen bench --host: the kernel's allocators as a native program."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.tools import needs_i386

from kgen.bench.host import compile_program, measure_host
from kgen.bench.measure import Plan, Variant, workloads
from kgen.errors import Exit, KgenError


def plan(out: Path, *names: str) -> Plan:
    """A plan of one variant."""
    return Plan(out=out, variants=(Variant("lists", "i686"),), workloads=workloads(names))


def test_every_workload_runs_without_a_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_i386()
    which = shutil.which
    monkeypatch.setattr(
        "kgen.bench.host.shutil.which", lambda name: None if name == "valgrind" else which(name)
    )
    monkeypatch.setattr("kgen.bench.host.RUNS", 2)
    found = measure_host(plan(tmp_path))
    names = [one.workload for one in found]
    assert {"page.hot", "page.mix", "kmalloc.pair64", "kmalloc.mix64k"} <= {*names}
    assert not any(name.startswith(("vm.", "boot")) for name in names)
    assert all(one.alloc_ns < 1e6 and one.free_ns < 1e6 for one in found)
    drain = found[names.index("page.drain_random")]
    assert drain.free_ns > 0
    assert (drain.alloc, drain.free) == (None, None)


def test_a_program_that_dies_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '#!/bin/sh\necho "panic: no room"\nexit 1\n'

    def broken(*_: object) -> Path:
        program = tmp_path / "host"
        program.write_text(text)
        program.chmod(0o755)
        return program

    monkeypatch.setattr("kgen.bench.host.compile_program", broken)
    with pytest.raises(KgenError, match=r"--host: page\.hot: panic: no room") as found:
        measure_host(plan(tmp_path, "page.hot"))
    assert found.value.exit_code == Exit.FAIL


def test_no_compiler_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(KgenError, match="no compiler for an i386 kernel") as found:
        compile_program(plan(tmp_path), Variant("lists", "i686"))
    assert found.value.exit_code == Exit.BUILD
