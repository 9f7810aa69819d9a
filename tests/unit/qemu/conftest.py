"""What the tests of the boot session share: recorded logs, and a manifest on disk."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgen_qemu.transcript import Transcript, TranscriptParser

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def recorded() -> Callable[[str], Transcript]:
    """The transcript of a recorded log, by its name."""

    def parse(name: str) -> Transcript:
        parser = TranscriptParser()
        parser.feed((DATA / f"{name}.log").read_bytes())
        return parser.finish()[0]

    return parse


@pytest.fixture
def built(tmp_path: Path) -> Callable[..., Path]:
    """An output folder as ``kgen build`` leaves it; keywords replace keys of the manifest."""

    def make(image: bytes = b"an image", **changes: Any) -> Path:
        (tmp_path / "build").mkdir(exist_ok=True)
        (tmp_path / "build" / "kernel.elf").write_bytes(image)
        manifest: dict[str, Any] = {
            "schema": 1,
            "name": "default",
            "image": "build/kernel.elf",
            "image_sha256": hashlib.sha256(image).hexdigest(),
            "image_size": len(image),
            "build": "0123456789ab",
            "stages": ["one", "two"],
            "features": ["tests"],
            "ram": {"minimum": 2 << 20, "maximum": 4 << 30},
            "cpu": {"minimum": "386"},
            "unheard_of": True,
        }
        (tmp_path / "manifest.json").write_text(json.dumps(manifest | changes))
        return tmp_path

    return make
