"""What the host tests share: a workshop, and the sources of three kernels."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.host.native import Workshop
from tests.tools import needs_i386

SMALL_MEMBLOCK = {"regions": 16, "map_entries": 8, "modules": 0}


@pytest.fixture(scope="session")
def workshop(shared: Path) -> Workshop:
    """One folder of programs for the session, shared by all xdist workers."""
    folder = shared / "host"
    folder.mkdir(exist_ok=True)
    return Workshop(folder)


@pytest.fixture(scope="session")
def src(workshop: Workshop) -> Path:
    """The sources of the default kernel."""
    return workshop.sources()


@pytest.fixture(scope="session")
def small_src(workshop: Workshop) -> Path:
    """The sources of a kernel whose tables are as small as they may be: they fill up soon."""
    return workshop.sources(memblock=SMALL_MEMBLOCK, buddy={"max_order": 6})


@pytest.fixture(scope="session")
def bitmaps_src(workshop: Workshop) -> Path:
    """The same with bitmaps as the buddy's index."""
    return workshop.sources(memblock=SMALL_MEMBLOCK, buddy={"max_order": 6, "index": "bitmaps"})


@pytest.fixture(scope="session")
def bare_src(src: Path) -> Path:
    """The sources of the default kernel, if this machine runs 32-bit programs."""
    needs_i386()
    return src
