"""Failure injection: every request for memory fails once, and nothing breaks or leaks.

Two phases. Of the boot itself, each request fails on a boot of its own, by ``fail.nth``. Of the
tests, each request of each test fails within one boot, by ``fail.sweep`` (kernel/sweep.c), in
several kernels. Its short form tries some requests of the longest tests, a campaign tries all.

A search that finds nothing might not be looking. So tests/kernels/sweep.c has a test for each
way of being wrong, and kernels with a fault put into them must be caught as well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.boot.kmalloc_mutants import LARGE, VMALLOC
from tests.boot.mutants import FAIL, PANIC, Mutant
from tests.boot.test_debugging import EVERYTHING
from tests.boot.test_mutants import built

from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]

INJECTED = "debug.fail=true"
MEMORY = "8M"

KERNELS = {
    "default": (),
    "everything": tuple(f"debug.{one}" for one in EVERYTHING),
    "direct": ("kmalloc.mapping=direct", "buddy.index=bitmaps", "buddy.hot=false"),
    "bare": ("kmalloc.classes=", "kmalloc.heap_limit=0", "vmalloc.lazy=1"),
    "headless": ("kmalloc.header=false", "debug.poison=true"),
}


def swept(boot: Boot, folder: Path, form: str, more: str = "", timeout: float = 200) -> Result:
    return boot(folder, append=f"fail.sweep={form} {more}".strip(), memory=MEMORY, timeout=timeout)


def tried(result: Result) -> dict[str, tuple[int, int]]:
    """Test → (requests that it makes, requests that failed in turn), as the log says."""
    line = re.compile(
        r"  # (\w+\.\w+): (\d+) requests, (\d+) of them failed in turn$", re.MULTILINE
    )
    said = line.findall(result.log.read_text())
    return {name: (int(requests), int(failed)) for name, requests, failed in said}


# --- the tests ----------------------------------------------------------------------


@pytest.mark.parametrize("name", KERNELS)
def test_no_request_of_a_test_breaks_anything(
    user_kernel: UserKernel, boot: Boot, name: str
) -> None:
    result = swept(boot, user_kernel(sets=[INJECTED, *KERNELS[name]]), "short")
    assert result.verdict == "pass", result.reasons
    counts = tried(result)
    assert sum(requests for requests, _ in counts.values()) > 5000
    for requests, failed in counts.values():
        assert failed == requests if requests <= 16 else failed >= 16


@pytest.mark.campaign
@pytest.mark.parametrize("name", KERNELS)
def test_every_single_request_of_every_test(user_kernel: UserKernel, boot: Boot, name: str) -> None:
    folder = user_kernel(sets=[INJECTED, *KERNELS[name]])
    result = swept(boot, folder, "full", timeout=3000)
    assert result.verdict == "pass", result.reasons
    assert all(failed == requests for requests, failed in tried(result).values())


# --- the boot -----------------------------------------------------------------------


def free_blocks(result: Result, when: str) -> dict[str, int]:
    """Zone and order → free blocks."""
    stats = result.transcript.stats
    start = f"page.{when}."
    return {key.removeprefix(start): stats[key] for key in stats if key.startswith(start)}


@pytest.mark.parametrize("times", [1, 0], ids=["alone", "and all after it"])
def test_no_request_of_the_boot_breaks_anything(
    user_kernel: UserKernel, boot: Boot, times: int
) -> None:
    """The tests that follow pass, so nothing is broken; and memory is as after a sound boot."""
    folder = user_kernel(sets=[INJECTED])

    def boots(nth: int) -> Result:
        options = f"fail.of=all fail.until=tests fail.times={times} fail.nth={nth}"
        result = boot(folder, append=options, memory=MEMORY)
        assert result.verdict == "pass", (nth, result.reasons)
        assert free_blocks(result, "end") == free_blocks(result, "init"), nth
        return result

    sound = boots(0)
    assert free_blocks(sound, "init")
    requests = sound.transcript.stats["fail.requests"]
    assert requests > 8
    for nth in range(1, requests + 1):
        result = boots(nth)
        assert result.transcript.stats["fail.injected"] > 0, nth
        assert free_blocks(result, "init") == free_blocks(sound, "init"), nth
    assert boots(requests + 1).transcript.stats["fail.injected"] == 0


# --- under pressure -------------------------------------------------------------------


def test_quarantined_memory_is_had_when_there_is_no_other(
    user_kernel: UserKernel, boot: Boot
) -> None:
    """Without a failure on demand: 500 freed allocations are more than this machine has."""
    folder = user_kernel(sets=["debug.quarantine=500", "kmalloc.mapping=direct"])
    result = boot(folder, memory="4M")
    assert result.verdict == "pass", result.reasons


# --- options ------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["kmalloc", "page", "address", "all"])
def test_kinds_of_requests_fail_by_themselves(
    user_kernel: UserKernel, boot: Boot, kind: str
) -> None:
    folder = user_kernel("vmalloc.c", sets=[INJECTED])
    options = f"fail.of={kind} fail.nth=1 fail.until=tests"
    result = boot(folder, append=options, memory=MEMORY)
    assert result.transcript.stats.get("fail.injected") == 1, result.reasons


NUMBER = "it must be a number of 32 bits, such as 5 or 0xc0100000"


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ("fail.of=heap", "fail.of=heap: it must be kmalloc, cache, page, address or all"),
        ("fail.nth=abc", f"fail.nth=abc: {NUMBER}"),
        ("fail.nth=", f"fail.nth=: {NUMBER}"),
        ("fail.times=-1", f"fail.times=-1: {NUMBER}"),
        ("fail.rate=4294967296", f"fail.rate=4294967296: {NUMBER}"),
        ("fail.site=c0112e8c", f"fail.site=c0112e8c: {NUMBER}"),
        ("fail.seed=0x", f"fail.seed=0x: {NUMBER}"),
        ("fail.until=morning", "fail.until=morning: it must be tests"),
        ("fail.sweep=full fail.suite=x", "fail.suite=x: there is no such suite of tests"),
        ("fail.sweep=long", "fail.sweep=long: it must be short or full"),
    ],
)
def test_what_an_option_cannot_be_is_refused(
    user_kernel: UserKernel, boot: Boot, option: str, message: str
) -> None:
    result = boot(user_kernel(sets=[INJECTED]), append=option, memory=MEMORY)
    assert result.reasons == (f"boot refused: {message}",)


# --- a sweep that looks ----------------------------------------------------------------


@dataclass(frozen=True)
class Mistake:
    """``trip`` in tests/kernels/sweep.c, how a boot ends with it, and what the log says."""

    trip: str
    exit_code: int
    says: str


MISTAKES = (
    Mistake("forget", FAIL, r"request \d failed.*: kmalloc has other objects than before"),
    Mistake("forget_frame", FAIL, r"request 2 failed: not all pages are back in the same blocks"),
    Mistake("forget_view", FAIL, r"request 2 failed: there are other mappings than before"),
    Mistake("trust", PANIC, r"sweep: in mine\.one_request_fails, with request 3 failing\n"),
    Mistake("free_twice", PANIC, r"sweep: in mine\.one_request_fails, with request 3 failing\n"),
    Mistake("spoil", FAIL, r"request \d failed: what must hold even then does not"),
)


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda mistake: mistake.trip)
def test_a_mistake_is_found_with_test_and_request(
    user_kernel: UserKernel, boot: Boot, mistake: Mistake
) -> None:
    folder = user_kernel("sweep.c", sets=[INJECTED])
    assert boot(folder, append=f"trip={mistake.trip}", memory=MEMORY).verdict == "pass"
    result = swept(boot, folder, "full", f"fail.suite=mine trip={mistake.trip}")
    assert result.exit_code == mistake.exit_code, result.reasons
    log = result.log.read_text()
    assert re.search(mistake.says, log), mistake.trip
    if mistake.exit_code == FAIL:
        failed = [test.name for test in result.transcript.tests if test.outcome == "fail"]
        assert failed[0] == "mine.one_request_fails"


IN_A_TEST = r"sweep: in \w+\.\w+, with request \d+ failing"

MUTANTS = [
    Mutant(
        "kblock_alloc_trusts_the_buddy",
        "mm/kblock.c",
        "\tif (!block)\n\t\treturn NULL;\n",
        "",
        PANIC,
        IN_A_TEST,
    ),
    Mutant(
        "kblock_alloc_counts_what_it_did_not_get",
        "mm/kblock.c",
        "\tif (!block)\n\t\treturn NULL;\n\tkblock_account(1l << order);\n",
        "\tkblock_account(1l << order);\n\tif (!block)\n\t\treturn NULL;\n",
        FAIL,
        "kmalloc has other pages than before",
    ),
    Mutant(
        "kmem_cache_create_trusts_its_cache",
        "mm/kmem.c",
        "\tif (!cache)\n\t\treturn no_memory(name);\n\tif (!slab_cache_init",
        "\tif (!slab_cache_init",
        PANIC,
        IN_A_TEST,
    ),
    Mutant(
        "make_slab_trusts_kblock_alloc",
        "mm/slab.c",
        "\tif (!slab)\n\t\treturn NULL;\n\t*slab",
        "\t*slab",
        PANIC,
        IN_A_TEST,
    ),
    Mutant(
        "large_alloc_trusts_vm_map",
        LARGE,
        "\tif (!virt)\n\t\treturn NULL;\n",
        "",
        PANIC,
        IN_A_TEST,
    ),
    Mutant(
        "a_mapping_that_failed_keeps_its_frames",
        VMALLOC,
        "\tif (virt) {\n\t\tretire(",
        "\tif (!pages) {\n\t\tretire(",
        PANIC,
        r"kheap\.\w+: request \d+ failed",
    ),
    Mutant(
        "a_mapping_counts_what_it_did_not_get",
        VMALLOC,
        "\tvmalloc_stats.live_pages += done;\n",
        "\tvmalloc_stats.live_pages += pages;\n",
        FAIL,
        r"request \d+ failed",
    ),
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_a_fault_of_the_kernel_is_found(
    user_kernel: UserKernel, boot: Boot, tmp_path: Path, mutant: Mutant
) -> None:
    folder = built(user_kernel(sets=[INJECTED]), tmp_path, mutant)
    result = swept(boot, folder, "short")
    if result.verdict == "timeout":
        return  # a mutant past its time limit is noticed by that
    assert result.exit_code == mutant.exit_code, (result.verdict, result.reasons)
    assert re.search(mutant.caught, result.log.read_text()), result.reasons
