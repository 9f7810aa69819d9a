"""Each protection stops the access that it is there for, and names it; without it, nothing does.

tests/kernels/protection.c makes one wrong access a boot. A kernel whose protection was taken out
(one replacement in its rendered source) must not say what the sound one says: so these boots show
that the protection works, and that the test would notice if it did not.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.boot.mutants import FAIL, Mutant
from tests.boot.test_mutants import built

from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]

KSPACE, GDT, TRAP = "mm/kspace.c", "arch/i386/gdt.c", "entry/trap.c"
VMALLOC = "mm/vmalloc.c"


@dataclass(frozen=True)
class Protection:
    """What ``trip`` meets: the panic's ``message``, and the code that makes the difference."""

    trip: str
    message: str
    source: str
    old: str
    new: str
    options: str = ""

    @property
    def name(self) -> str:
        return "-".join([self.trip, *self.options.replace("=", "").split()])


PROTECTIONS = (
    Protection(
        "null",
        r"page fault: write to 0x10: null page",
        KSPACE,
        "memset(directory, 0, PAGE_SIZE);",
        "memcpy(directory, boot_page_directory, PAGE_SIZE); directory[0] = directory[KERNEL_PDE];",
    ),
    Protection(
        "text",
        r"page fault: write to 0xc0100000: read-only text",
        KSPACE,
        "protect(_kernel_start, _etext);",
        "",
    ),
    Protection(
        "text",
        r"read-only text or data was overwritten",
        "arch/i386/text.c",
        "if (!cpu.wp && checksum_all() != sealed)",
        "if (cpu.wp && checksum_all() != sealed)",
        "cpu=386",
    ),
    Protection(
        "jump",
        r"general protection: jump to 0x\w+, outside the text",
        GDT,
        "describe(0, text_last_page, ACCESS_CODE, FLAGS_PAGES)",
        "describe(0, text_last_page | 0xfffff, ACCESS_CODE, FLAGS_PAGES)",
    ),
    Protection(
        "stack",
        r"stack overflow: 0x\w+: guard below the boot stack",
        KSPACE,
        "*direct_pte(VIRT_TO_PHYS((uintptr_t)page)) = 0;",
        "continue;",
    ),
    Protection(
        "stack",
        r"stack overflow: 0x\w+: guard below the boot stack",
        TRAP,
        "idt[TRAP_DOUBLE_FAULT] = (struct gate){ 0, TASK_DOUBLE_FAULT, 0, GATE_TASK, 0 };",
        "",
        "gate=interrupt",
    ),
    Protection(
        "past",
        r"page fault: read from 0x\w+: guard after a vmalloc mapping of 2 pages at 0x",
        VMALLOC,
        "for (; done < pages; done++) {",
        "for (; done <= pages; done++) {",
    ),
    Protection(
        "freed",
        r"page fault: write to 0x\w+: freed vmalloc mapping of 2 pages at 0x",
        VMALLOC,
        "vm.entries[i] = (vm.entries[i] & keep) | ENTRY_STALE;",
        "vm.entries[i] = (vm.entries[i] & (keep | 0xfff)) | ENTRY_STALE;",
    ),
    Protection(
        "hole",
        r"page fault: write to 0xc0000000: direct-map hole: physical 0x0 is not mapped",
        KSPACE,
        "map_direct(PAGE_SIZE, FIRST_MIB);",
        "map_direct(0, FIRST_MIB);",
    ),
)


def boot_with(boot: Boot, folder: Path, protection: Protection) -> Result:
    return boot(folder, append=f"trip={protection.trip} {protection.options}".strip(), timeout=10)


def names_it(result: Result, protection: Protection) -> bool:
    panic = result.transcript.panic
    return panic is not None and re.search(protection.message, panic.message) is not None


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_what_is_wrong_is_stopped_and_named(
    user_kernel: UserKernel, boot: Boot, protection: Protection
) -> None:
    result = boot_with(boot, user_kernel("protection.c"), protection)
    assert result.verdict == "panic"
    assert names_it(result, protection), result.reasons


@pytest.mark.parametrize("protection", PROTECTIONS, ids=lambda protection: protection.name)
def test_without_the_protection_it_is_not(
    user_kernel: UserKernel, boot: Boot, tmp_path: Path, protection: Protection
) -> None:
    fault = Mutant(protection.name, protection.source, protection.old, protection.new, FAIL, "")
    result = boot_with(boot, built(user_kernel("protection.c"), tmp_path, fault), protection)
    assert not names_it(result, protection), result.reasons
