"""``manifest.json``: all that ``kgen boot`` knows of a kernel. Written last, so it vouches for all.

Schema 1. ``image`` is relative to the output folder; its size and hash tell a boot whether the
image is still the one that was built. Sizes are bytes.
"""

from __future__ import annotations

import hashlib
import json

from kgen.derive import Derived

SCHEMA = 1


def manifest(derived: Derived, *, image: str, content: bytes, build_id: str) -> bytes:
    """The manifest of the kernel whose ELF at ``image`` holds ``content``."""
    kernel = derived.kernel
    entries = {
        "schema": SCHEMA,
        "name": kernel.name,
        "image": image,
        "image_sha256": hashlib.sha256(content).hexdigest(),
        "image_size": len(content),
        "build": build_id,
        "stages": list(derived.stages),
        "features": list(derived.features),
        "ram": {"minimum": kernel.ram.minimum, "maximum": kernel.ram.maximum},
        "cpu": {"minimum": kernel.cpu.minimum},
    }
    return (json.dumps(entries, indent=2) + "\n").encode()
