"""A proof at a few RAM sizes is a proof for all: compared with every page of RAM.

The oracle does at each size what the kernel does, one early allocation after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import HealthCheck, assume, given, settings
from tests.descriptions import descriptions

from kgen import Kernel, footprint
from kgen.check import check
from kgen.units import FOUR_GIB, MiB

from .check_cases import Fields, at_a_step, beyond

PAGE = 4096


def indexes(kernel: Kernel, ram: int) -> Iterator[int]:
    """Bytes of each zone's index: zones_reserve() in mm/page.c, buddy_index_size()."""
    first, order = 0, kernel.buddy.max_order
    for number in range(len(kernel.buddy.zones)):
        end = min(footprint.zone_limit(kernel, number), ram)
        if end <= first:
            continue
        pages, first = (end - first) // PAGE, end
        if kernel.buddy.index == "lists":
            yield 8 * pages
            continue
        total = 0
        for k in range(order + 1):
            bits = -(-pages // 2 ** min(k + 1, order))
            for _level in range(4):
                words = -(-bits // 32)
                total, bits = total + 4 * words, words
        yield total


def handed_out(kernel: Kernel, ram: int) -> int:
    """Where memblock's cursor ends, from 0 on: the size and the alignment of each request."""
    ram = min(ram, FOUR_GIB)
    frames, block, layout = ram // PAGE, 2**kernel.buddy.max_order, kernel.layout
    page_map = -(-frames // block) * block
    arena = min(-(-frames * 4 // 1024) * 1024, layout.arena_size // PAGE)
    direct = -(-min(ram, layout.direct_map_limit) // (1024 * PAGE))
    requests = [(-(-page_map // PAGE) * PAGE, PAGE)]
    requests += [(size, 8) for size in indexes(kernel, ram)]
    requests += [(PAGE, PAGE), ((direct + arena // 1024) * PAGE, PAGE)]
    cursor = 0
    for size, alignment in requests:
        cursor = -(-cursor // alignment) * alignment + size
    return cursor


def room(kernel: Kernel, ram: int) -> int:
    """Bytes for the image, with 256 KiB to work with."""
    end = min(ram, kernel.layout.direct_map_limit)
    return end - handed_out(kernel, ram) - kernel.layout.load_address - 256 * 1024


def assert_proved(kernel: Kernel, sizes: Sequence[int]) -> None:
    assert footprint.image_limit(kernel) == min(room(kernel, ram) for ram in sizes)
    early = footprint.early_bytes(kernel, kernel.ram.maximum)
    assert early == max(handed_out(kernel, ram) for ram in sizes)


def every_page(kernel: Kernel) -> Sequence[int]:
    low, high = kernel.ram.minimum, min(kernel.ram.maximum, FOUR_GIB)
    return [*range(low, high, PAGE), high]


SAMPLE: dict[str, Fields] = {
    "the default": {"ram": {"maximum": 48 * MiB}},
    "not at a step": {"ram": {"minimum": 2 * MiB + 5 * PAGE, "maximum": 20 * MiB}},
    "a page past a step": at_a_step(16 * 1024),
    "bitmaps, large blocks": {
        "buddy": {
            "index": "bitmaps",
            "max_order": 13,
            "zones": [{"name": "low", "limit": "direct"}, {"name": "high"}],
        },
        "ram": {"minimum": 14 * MiB, "maximum": 40 * MiB},
        "layout": {"direct_map_limit": 32 * MiB, "arena_size": 40 * MiB},
    },
    "many zones": {
        "buddy": {
            "index": "bitmaps",
            "max_order": 0,
            "zones": [
                {"name": f"z{n}", "limit": n * 3 * MiB + PAGE if n < 7 else "direct"}
                for n in range(1, 8)
            ],
        },
        "ram": {"minimum": 3 * MiB, "maximum": 30 * MiB},
    },
    "beyond the direct map": beyond(40 * MiB),
    "a small arena": {
        "layout": {"arena_size": 8 * MiB},
        "ram": {"maximum": 24 * MiB},
    },
}


@pytest.mark.parametrize("name", SAMPLE)
def test_at_every_page(name: str) -> None:
    kernel = Kernel.model_validate(SAMPLE[name])
    assert check(kernel) == []
    assert_proved(kernel, every_page(kernel))


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("index", ["lists", "bitmaps"])
@pytest.mark.parametrize("limit", [896 * MiB, 64 * MiB])
def test_at_every_page_of_4_gib(index: str, limit: int) -> None:
    fields = {"buddy": {"index": index}, "layout": {"direct_map_limit": limit}}
    kernel = Kernel.model_validate(fields)
    assert_proved(kernel, every_page(kernel))


SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def is_proved(fields: Fields) -> None:
    """At some thousand sizes, and on both sides of each MiB."""
    kernel = Kernel.model_validate(fields)
    assume(check(kernel) == [])
    low, high = kernel.ram.minimum, min(kernel.ram.maximum, FOUR_GIB)
    step = max(1, (high - low) // PAGE // 1000) * PAGE
    edges = [at + page for at in range(0, high, MiB) for page in (0, PAGE)]
    edges = [ram for ram in edges if low <= ram <= high]
    assert_proved(kernel, [*range(low, high, step), *edges, high])


@settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW
)
@given(descriptions())
def test_random_descriptions(fields: Fields) -> None:
    is_proved(fields)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@settings(
    max_examples=1000, deadline=None, derandomize=True, database=None, suppress_health_check=SLOW
)
@given(descriptions())
def test_many_random_descriptions(fields: Fields) -> None:
    is_proved(fields)
