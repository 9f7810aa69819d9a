"""Rules on physical memory: what must fit, on every machine that the description admits.

:mod:`kgen.footprint` says why a few RAM sizes prove it for all. The size of the image is not known
before it is linked: the rules here use the part that follows from the description
(``footprint.image_floor``), and the verifier compares the rest.
"""

from __future__ import annotations

from collections.abc import Iterator

from kgen import footprint
from kgen.check.registry import proof, rule
from kgen.describe import Kernel
from kgen.errors import Problem
from kgen.units import PAGE_SIZE, TABLE_SPAN, KiB, align_up, show_address, show_size


@rule()
def ram_has_whole_pages(kernel: Kernel) -> Iterator[Problem]:
    for name, value in (("minimum", kernel.ram.minimum), ("maximum", kernel.ram.maximum)):
        if value % PAGE_SIZE:
            yield Problem(
                f"ram.{name}",
                show_size(value),
                "memory comes in pages of 4 KiB",
                f"use {show_size(value - value % PAGE_SIZE)}",
            )


@rule("ram.minimum", "ram.maximum")
def ram_has_a_range(kernel: Kernel) -> Iterator[Problem]:
    if kernel.ram.minimum > kernel.ram.maximum:
        yield Problem(
            "ram.minimum",
            show_size(kernel.ram.minimum),
            f"it is larger than ram.maximum, {show_size(kernel.ram.maximum)}",
            "exchange them",
        )


@rule("layout.load_address", "layout.direct_map_limit", "ram.minimum")
def image_starts_in_memory(kernel: Kernel) -> Iterator[Problem]:
    load, end = kernel.layout.load_address, footprint.lowmem(kernel, kernel.ram.minimum)
    if load >= end:
        ends = {
            "ram.minimum": kernel.ram.minimum,
            "layout.direct_map_limit": kernel.layout.direct_map_limit,
        }
        short = " and ".join(field for field, at in ends.items() if at <= load)
        yield Problem(
            "layout.load_address",
            show_address(load),
            f"the smallest machine's directly mapped memory ends at {show_address(end)}",
            f"lower it, or raise {short}",
        )


_SIZES = ("layout", "ram", "buddy", "memblock", "debug.quarantine")


@proof(*_SIZES)
def image_and_tables_fit(kernel: Kernel) -> Iterator[Problem]:
    ram = footprint.tightest(kernel)
    room, need = footprint.room(kernel, ram), footprint.image_floor(kernel)
    if need > room and kernel.layout.load_address < footprint.lowmem(kernel, ram):
        path, value, change = _more_memory(kernel, ram, need - room)
        yield Problem(
            path,
            value,
            f"with {show_size(ram)} of RAM, page tables and allocator metadata leave "
            f"{max(0, room) // KiB} KiB of directly mapped memory for the image, which takes "
            f"{-(-need // KiB)} KiB or more, {show_size(kernel.layout.stack_size)} of it the stack",
            change,
        )


def _more_memory(kernel: Kernel, ram: int, short: int) -> tuple[str, str, str]:
    """The field to raise where machines with ``ram`` lack ``short`` bytes, its value, a remedy."""
    limit, sizes = kernel.layout.direct_map_limit, kernel.ram
    least = footprint.sufficient_minimum(kernel, footprint.image_floor(kernel))
    if ram >= limit or least is None:
        # Each 4 MiB more take a page table.
        enough = limit + align_up(short + short // 512 + PAGE_SIZE, TABLE_SPAN)
        other = ", or lower ram.maximum" if ram > sizes.minimum else ""
        change = f"use at least {show_size(enough)}{other}"
        return "layout.direct_map_limit", show_size(limit), change
    more = ", and as much for ram.maximum" if least > sizes.maximum else ""
    return "ram.minimum", show_size(sizes.minimum), f"use at least {show_size(least)}{more}"


@proof(*_SIZES)
def boot_tables_end_below_the_kernel(kernel: Kernel) -> Iterator[Problem]:
    base, load = kernel.layout.kernel_base, kernel.layout.load_address
    mapped = footprint.boot_tables_floor(kernel) * TABLE_SPAN
    if mapped > base:
        yield Problem(
            "layout.load_address",
            show_address(load),
            f"while booting, image and early data are mapped at their physical addresses, up to "
            f"{show_address(mapped)}, and layout.kernel_base is {show_address(base)}",
            "lower it, or ram.maximum, or raise layout.kernel_base",
        )
