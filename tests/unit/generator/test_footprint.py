"""Predicted sizes of the allocators' own data, against sums done by hand."""

from __future__ import annotations

from typing import Any

import pytest

from kgen import Kernel, footprint
from kgen.units import GiB, KiB, MiB


def kernel(**fields: Any) -> Kernel:
    return Kernel.model_validate(fields)


LISTS = {"index": "lists"}
BITMAPS = {"index": "bitmaps"}


@pytest.mark.parametrize(
    ("pages", "buddy", "expected"),
    [
        (0, LISTS, 0),
        (1, LISTS, 8),
        (4096, LISTS, 32768),  # two pointers each
        (4096, {**LISTS, "max_order": 0}, 32768),
        (0, BITMAPS, 0),
        # A word of bits, and one in each of the three levels above.
        (1, {**BITMAPS, "max_order": 0}, 4 * 4),
        (32, {**BITMAPS, "max_order": 0}, 4 * 4),
        (33, {**BITMAPS, "max_order": 0}, (2 + 1 + 1 + 1) * 4),
        # Order 0 has a bit for two frames, the largest order one for each block of its own.
        (64, {**BITMAPS, "max_order": 1}, (1 + 1 + 1 + 1) * 4 * 2),
        (65, {**BITMAPS, "max_order": 1}, (2 + 1 + 1 + 1) * 4 * 2),
        # 16 MiB: 64, 32, 16, 8, 4, 2 words for orders 0 to 5, then 1; one bit of 32 above them.
        (
            4096,
            BITMAPS,
            (
                (64 + 2 + 1 + 1)
                + sum(words + 1 + 1 + 1 for words in (32, 16, 8, 4, 2))
                + 5 * (1 + 1 + 1 + 1)
            )
            * 4,
        ),
        # 4 GiB of single pages: 2^20 bits, 2^15 words, 2^10 above, then 2^5 and 1.
        (1 << 20, {**BITMAPS, "max_order": 0}, (32768 + 1024 + 32 + 1) * 4),
    ],
)
def test_the_index(pages: int, buddy: dict[str, Any], expected: int) -> None:
    assert footprint.index_bytes(pages, kernel(buddy=buddy)) == expected


@pytest.mark.parametrize(
    ("ram", "order", "expected"),
    [
        (2 * MiB, 10, 4096),  # a page of it at least
        (16 * MiB, 10, 4096),
        (16 * MiB + 4 * KiB, 10, 8192),
        (1 * GiB, 10, 262144),
        (64 * MiB, 15, 32768),  # whole largest blocks
        (8 * GiB, 10, 1 << 20),  # nothing above 4 GiB
    ],
)
def test_the_page_map(ram: int, order: int, expected: int) -> None:
    # The zones need not be sound for that.
    assert footprint.page_map_bytes(kernel(buddy={"max_order": order}), ram) == expected


@pytest.mark.parametrize(
    ("ram", "expected"),
    [
        (16 * MiB, 4096 + 4096 * 8),
        (64 * MiB, 16384 + (4096 + 12288) * 8),
        (1 * GiB, 262144 + 262144 * 8),
        (8 * GiB, (1 << 20) + (1 << 20) * 8),
    ],
)
def test_metadata_with_lists(ram: int, expected: int) -> None:
    """A byte and a node for each frame, in whichever zone it is."""
    default = kernel()
    assert footprint.metadata(default, ram) == expected
    assert footprint.metadata(default, ram) / min(ram, 4 * GiB) * MiB <= 2400


def test_metadata_with_bitmaps() -> None:
    """Each zone has bitmaps of its own."""
    bitmaps = kernel(buddy=BITMAPS)
    zones = [4096, 12288]
    expected = 16384 + sum(footprint.index_bytes(pages, bitmaps) for pages in zones)
    assert footprint.metadata(bitmaps, 64 * MiB) == expected
    assert expected / 64 <= 320  # bytes per MiB


def test_page_tables() -> None:
    """The directory, a table for each 4 MiB of direct map, and for four times the RAM of arena."""
    default = kernel()
    assert footprint.page_tables(default, 2 * MiB) == 1 + 1 + 2
    assert footprint.page_tables(default, 16 * MiB) == 1 + 4 + 16
    assert footprint.page_tables(default, 64 * MiB) == 1 + 16 + 26  # all of the arena's 104 MiB
    assert footprint.page_tables(default, 2 * GiB) == 1 + 224 + 26


@pytest.mark.parametrize(
    ("order", "room"),
    [
        (0, 4096 - 64 - 8),
        (1, 8192 - 64 - 8),
        (2, 16384 - 80 - 8),  # lists 64 bytes apart; 16 for header and end of chunk
        (4, 65536 - 272 - 8),
    ],
)
def test_room_in_a_chunk(order: int, room: int) -> None:
    assert footprint.heap_room(kernel(), order) == room


def test_limits_of_zones() -> None:
    default = kernel()
    assert [footprint.zone_limit(default, i) for i in range(3)] == [16 * MiB, 896 * MiB, 4 * GiB]


@pytest.mark.parametrize(
    ("minimum", "direct", "expected"),
    [
        (2 * MiB, 896 * MiB, 1152 * KiB),  # a quarter may be the firmware's
        (16 * MiB, 16 * MiB, 11904 * KiB),
        (16 * MiB, 4 * MiB, 2688 * KiB),  # past the last zone RAM is nobody's
        (4 * GiB, 896 * MiB, 672 * MiB - 384 * KiB),
    ],
)
def test_the_least_that_zones_get(minimum: int, direct: int, expected: int) -> None:
    small = kernel(
        ram={"minimum": minimum, "maximum": max(minimum, 4 * GiB)},
        layout={"direct_map_limit": direct},
        buddy={"zones": [{"name": "all", "limit": "direct"}]},
    )
    assert footprint.least_available(small) == expected


def test_the_least_of_more_than_4_gib() -> None:
    assert footprint.least_available(kernel(ram={"minimum": 8 * GiB, "maximum": 8 * GiB})) == (
        3 * GiB - 384 * KiB
    )


def test_orders_are_no_larger_than_the_largest_block() -> None:
    small = kernel(buddy={"max_order": 1})
    assert (footprint.slab_order(small), footprint.heap_order(small)) == (
        min(small.slab.order, 1),
        1,
    )


def test_early_data_is_aligned_piece_by_piece() -> None:
    """The page map, each zone's nodes, then directory and tables on pages of their own."""
    default = kernel()
    assert footprint.early_bytes(default, 2 * MiB) == 4096 + 512 * 8 + 4 * 4096
    assert footprint.early_bytes(default, 2 * MiB + 4 * KiB) == 4096 + 2 * 4096 + 5 * 4096
    bitmaps = kernel(buddy=BITMAPS)
    early = 4096 + footprint.index_bytes(512, bitmaps)
    assert early % 4096
    assert footprint.early_bytes(bitmaps, 2 * MiB) == -(-early // 4096) * 4096 + 4 * 4096


def test_the_image_may_take_what_is_left() -> None:
    """All RAM but early data, room to work, and what is below 1 MiB; tightest past 2 MiB."""
    default = kernel()
    tight = 2 * MiB + 4 * KiB
    assert footprint.tightest(default) == tight
    early = footprint.early_bytes(default, tight)
    assert footprint.image_limit(default) == tight - early - 1 * MiB - 256 * KiB


def test_boot_tables_map_themselves() -> None:
    """A table maps 4 MiB, one page of which is its own."""
    default = kernel(ram={"maximum": 2 * MiB})
    early, span = footprint.early_bytes(default, 2 * MiB), 4 * MiB - 4096
    assert footprint.boot_tables(default, span - early) == 1
    assert footprint.boot_tables(default, span - early + 1) == 2
    assert footprint.boot_tables(default, 30 * span - early) == 30


@pytest.mark.parametrize(
    ("image", "maximum", "expected"),
    [
        (300 * KiB, 4 * GiB, 2 * MiB),
        (741 * KiB, 4 * GiB, 3 * MiB),
        (744 * KiB, 2 * MiB, 2 * MiB),
        (745 * KiB, 2 * MiB, 3 * MiB),  # more than any machine admitted has
        (200 * MiB, 4 * GiB, 202 * MiB),
        (896 * MiB, 4 * GiB, None),
    ],
)
def test_a_minimum_that_suffices(image: int, maximum: int, expected: int | None) -> None:
    described = kernel(ram={"maximum": maximum})
    found = footprint.sufficient_minimum(described, image)
    assert found == expected
    if found:
        enough = footprint.with_minimum(described, found)
        assert footprint.image_limit(enough) >= image
        assert enough.ram.maximum >= enough.ram.minimum


def test_a_direct_map_that_other_memory_fills() -> None:
    """No minimum helps: the nodes of what lies beyond need the room."""
    fields: dict[str, Any] = {
        "layout": {"direct_map_limit": 4 * MiB},
        "buddy": {"zones": [{"name": "low", "limit": "direct"}, {"name": "high"}]},
    }
    assert footprint.sufficient_minimum(kernel(**fields), 4 * KiB) is None
