"""Rules on user space: the programs that are built in, and room for what they may have.

Whether the files are there is asked when they are: ``kgen.load``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from kgen.areas import PROGRAM_BASE
from kgen.check.registry import rule
from kgen.describe import Kernel
from kgen.errors import Problem
from kgen.units import TABLE_SPAN, MiB, align_up, show_address, show_size

TREE = ("dev", "proc", "tmp")
"""Folders of the tree of files, whatever the description says (``user/node.h``)."""

LEAST_ROOM = 48 * MiB
"""Bytes between a program's first address and the lowest of its stack: for code, heap, mappings."""


@rule("programs", "features.user_space")
def programs_have_user_space(kernel: Kernel) -> Iterator[Problem]:
    if kernel.programs and not kernel.features.user_space:
        yield Problem(
            "programs",
            ",".join(kernel.programs),
            "programs run in user space, which features.user_space leaves out",
            "set features.user_space to true, or leave them out",
        )


@rule("programs")
def programs_are_c_or_assembly(kernel: Kernel) -> Iterator[Problem]:
    for name in kernel.programs:
        if not name.endswith((".c", ".S")):
            yield Problem(
                "programs", repr(name), "programs are C or assembly files", "use .c or .S"
            )


@rule("programs")
def programs_are_called_plainly(kernel: Kernel) -> Iterator[Problem]:
    """A boot loader's command line, and a log, can carry the name."""
    for file, name in zip(kernel.programs, kernel.program_names, strict=False):
        if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,30}", name):
            yield Problem(
                "programs",
                repr(file),
                "the program is named after its file: 1 to 31 letters of ASCII, digits and ._+-, "
                "the first no sign",
                "rename the file",
            )


@rule("programs")
def programs_have_names_of_their_own(kernel: Kernel) -> Iterator[Problem]:
    named = sorted(zip(kernel.program_names, kernel.programs, strict=False))
    for (one, first), (other, second) in pairwise(named):
        if one == other:
            yield Problem(
                "programs",
                repr(second),
                f"{first!r} becomes /{one}, too",
                "list it once" if first == second else "rename one of the files",
            )


@rule("programs")
def programs_leave_the_trees_names(kernel: Kernel) -> Iterator[Problem]:
    for file, name in zip(kernel.programs, kernel.program_names, strict=False):
        if name in TREE:
            yield Problem(
                "programs",
                repr(file),
                f"/{name} is a folder of the kernel's own",
                "rename the file",
            )


@rule("layout.kernel_base", "user.stack_limit", "features.user_space")
def programs_have_room(kernel: Kernel) -> Iterator[Problem]:
    base, stack = kernel.layout.kernel_base, kernel.user.stack_limit
    need = PROGRAM_BASE + LEAST_ROOM + stack
    if not kernel.features.user_space or base >= need:
        return
    room = max(base - PROGRAM_BASE - LEAST_ROOM, 0)
    lower = room - room % MiB
    yield Problem(
        "layout.kernel_base",
        show_address(base),
        f"programs begin at {show_address(PROGRAM_BASE)}, and below the kernel they have a stack "
        f"of up to {show_size(stack)} and {show_size(LEAST_ROOM)} for all else",
        f"use at least {show_address(align_up(need, TABLE_SPAN))}"
        + (f", or lower user.stack_limit to {show_size(lower)}" if lower else "")
        + ", or set features.user_space to false",
    )


USER_SLOTS = 6
"""Slots of the fixmap in a kernel that runs programs: ``enum fixmap_slot`` in arch/fixmap.h."""


@rule("layout.fixmap_slots", "features.user_space")
def fixmap_has_slots_for_programs(kernel: Kernel) -> Iterator[Problem]:
    slots = kernel.layout.fixmap_slots
    if kernel.features.user_space and slots < USER_SLOTS:
        yield Problem(
            "layout.fixmap_slots",
            str(slots),
            f"user space sees files and new pages through the fixmap, which needs {USER_SLOTS}",
            f"use at least {USER_SLOTS}, or set features.user_space to false",
        )
