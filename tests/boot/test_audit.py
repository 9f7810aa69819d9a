"""``kgen boot --cpu 386``: what ran is looked at, and nothing newer than a 386 gets by.

The kernels here run what a 386 lacks in the two ways that can happen: a check of the CPU that is
wrong (a mutant), and code that never asked (tests/kernels/newer.c). That nothing of the sort is
found in the default kernel means something only because of these.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels
from tests.boot.test_machines import SIZES
from tests.descriptions import WITHOUT_USER_SPACE

import kgen_qemu
from kgen.paths import templates_dir
from kgen.pipeline import Request as Build
from kgen.pipeline import build
from kgen.progress import Progress
from kgen_qemu.errors import Exit
from kgen_qemu.report import report_lines
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]


@pytest.fixture(scope="session")
def newer(kernels: Kernels) -> Path:
    """A kernel that runs BSWAP, CMPXCHG and XADD if told to."""
    return kernels.user("newer.c")


@pytest.fixture(scope="session")
def plain(kernels: Kernels) -> Path:
    """A kernel without tests, which ends soon."""
    return kernels.user(sets=["features.tests=false"])


# --- a kernel that keeps to a 386 -----------------------------------------------


@pytest.mark.parametrize("memory", SIZES)
def test_the_default_kernel_is_one_for_a_386(default: Path, boot: Boot, memory: str) -> None:
    result = boot(default, cpu="386", memory=memory)
    assert result.verdict == "pass", result.reasons
    assert result.audit is not None
    assert result.audit.newest == "386"
    assert result.audit.distinct > 5000
    cpu = result.transcript.cpu
    assert cpu is not None
    assert (cpu.family, cpu.policy, cpu.reason) == (3, "cr3", "forced")
    assert result.transcript.stats["tlb.flush_page"] == 0


@pytest.mark.parametrize("options", [{"machine": "isapc"}, {"firmware": "seabios"}])
def test_on_other_machines(default: Path, boot: Boot, options: dict[str, str]) -> None:
    assert boot(default, cpu="386", **options).verdict == "pass"


def test_exactly(plain: Path, boot: Boot) -> None:
    """One instruction a block: as many as in the plain form, but for those after a fault.

    Without user space: its timer's ticks come when they come, so two boots run different code.
    """
    blocks = boot(plain, cpu="386", memory="2M")
    exact = boot(plain, cpu="386", memory="2M", audit="exact", timeout=100)
    assert exact.verdict == "pass", exact.reasons
    assert blocks.audit is not None
    assert exact.audit is not None
    assert exact.audit.exact
    assert blocks.audit.distinct - 50 < exact.audit.distinct <= blocks.audit.distinct


@pytest.mark.parametrize("mode", ["on", "exact"])
def test_two_boots_give_one_audit(plain: Path, boot: Boot, mode: str) -> None:
    """The same instructions, in a log that ends with the one that leaves, whatever QEMU it is."""
    logs = []
    for _ in range(3):
        result = boot(plain, cpu="486", memory="2M", audit=mode)
        assert result.audit is not None
        logs.append((result.audit.instructions, result.audit.file.read_bytes()))
    assert logs[0] == logs[1] == logs[2]
    assert mode == "on" or logs[0][1].endswith(b"$0xf4\n")


def test_a_486_is_seen_to_run_what_it_has(default: Path, boot: Boot) -> None:
    """The same audit sees INVLPG where it is allowed, so it would have seen it on a 386."""
    result = boot(default, cpu="486", audit="on")
    assert result.verdict == "pass"
    assert result.audit is not None
    assert "invlpg" in result.audit.newer
    assert result.audit.newest != "386"
    assert result.audit.violations == ()


def test_without_an_audit(default: Path, boot: Boot) -> None:
    assert boot(default, cpu="486").audit is None
    assert boot(default, cpu="386", audit="off").audit is None


# --- kernels that do not ------------------------------------------------------------


def test_one_invlpg_without_asking(boot: Boot, tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    shutil.copytree(templates_dir(), templates)
    tlb = templates / "arch" / "i386" / "tlb.c"
    asks, forgets = "if (!cpu.invlpg)\n", "if (0)\n"
    text = tlb.read_text()
    assert text.count(asks) == 1
    tlb.write_text(text.replace(asks, forgets))

    request = Build(sets=(WITHOUT_USER_SPACE,), out=tmp_path / "out", templates=templates)
    build(request, Progress())
    result = boot(tmp_path / "out", cpu="386")
    assert (result.verdict, result.exit_code) == ("fail", Exit.FAIL)
    assert result.audit is not None
    assert all(site.text.startswith("invlpg ") for site in result.audit.violations)
    assert any(
        "`invlpg [" in reason and "tlb.c:" in reason and "needs a 486" in reason
        for reason in result.reasons
    )


def test_what_asks_nobody_is_named(newer: Path, boot: Boot) -> None:
    """Mnemonic, address, function, file and line, each site once; nothing of it when not run."""
    assert boot(newer, cpu="386").verdict == "pass"
    result = boot(newer, cpu="386", append="run=all")
    assert (result.verdict, result.exit_code) == ("fail", Exit.FAIL)
    assert result.audit is not None
    lines = (Path(__file__).parents[1] / "kernels" / "newer.c").read_text().splitlines()
    for mnemonic in ("bswap", "cmpxchg", "xadd"):
        (site,) = (s for s in result.audit.violations if s.text.split()[0] == mnemonic)
        assert site.frame.function == "kernel_main"  # the compiler inlines what is static
        assert site.frame.file is not None
        assert site.frame.file.endswith("newer.c")
        assert site.frame.line is not None
        assert f'"{mnemonic} ' in lines[site.frame.line - 1]
        (reason,) = (reason for reason in result.reasons if mnemonic in reason)
        assert f"{site.frame.address:#010x} kernel_main+" in reason
    assert len(result.audit.violations) == len(result.reasons) == 3


def test_other_cpus_may_run_it(newer: Path, boot: Boot) -> None:
    result = boot(newer, cpu="pentium", append="run=all", audit="on")
    assert result.verdict == "pass"
    assert result.audit is not None
    assert {"bswap", "cmpxchg", "xadd", "invlpg", "cpuid"} <= set(result.audit.newer)


def test_behind_a_fault(newer: Path, boot: Boot) -> None:
    """The rest of a block that a fault leaves is logged with it; the exact form has none of it."""
    found = []
    for mode in ("on", "exact"):
        result = boot(newer, cpu="386", append="run=fault", audit=mode, memory="2M", timeout=100)
        assert result.verdict == "panic"
        assert result.audit is not None
        found.append([site.text.split()[0] for site in result.audit.violations])
    assert found == [["bswap"], []]


def test_an_audit_that_saw_nothing_is_a_failure(default: Path) -> None:
    request = kgen_qemu.boot_request(default, cpu="386")
    assert request.trace is not None
    elsewhere = replace(request.trace, ranges=((0x2000, 0x2FFF),))
    result = kgen_qemu.boot(replace(request, trace=elsewhere))
    assert (result.verdict, result.exit_code) == ("fail", Exit.FAIL)
    assert "the audit saw no instruction of the kernel" in result.reasons[0]


# --- reports -----------------------------------------------------------------------------


def test_json_and_report(newer: Path, boot: Boot) -> None:
    result = boot(newer, cpu="386", append="run=all")
    told = json.loads(json.dumps(result.to_json()))
    assert told["cpu"] == "386"
    audit = told["audit"]
    assert Path(audit["log"]).is_file()
    assert audit["newest"] == "486"
    assert audit["newer"] == ["bswap", "cmpxchg", "xadd"]
    assert audit["instructions"] >= audit["distinct"] > 5000
    assert {site["function"] for site in audit["violations"]} == {"kernel_main"}
    text = "\n".join(line for _, line in report_lines(result))
    assert f"{audit['distinct']} instructions ran" in text
    assert audit["log"] in text
