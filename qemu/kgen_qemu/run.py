"""Which boot a result is of: the kernel, who booted it, on what, and how it was asked for.

A log says none of this: it is the same, byte for byte, for one kernel on one machine,
whoever boots it and when. So it stands beside the log, in ``MACHINE.json``: first as
what is being tried, then with all that ``--json`` prints.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kgen_qemu.request import Request

_DOSBOX = re.compile(r"DOSBox-X version ([\w.+-]{1,40})")


@dataclass(frozen=True)
class Run:
    """One boot. ``argv`` is what was started, ``version`` the emulator's, None if it said none.

    ``kgen`` is the version of the command, empty for who calls ``boot()`` from Python;
    ``started`` is UTC.
    """

    kernel: str
    build: str
    image_sha256: str
    kgen: str
    emulator: str
    version: str | None
    argv: tuple[str, ...]
    append: str
    modules: tuple[str, ...]
    via: str
    started: str

    def with_version(self, greeting: str | None, complaint: str) -> "Run":
        """The same, with what the emulator has said of itself: over QMP, or on its stderr."""
        own = _DOSBOX.search(complaint)
        return replace(self, version=greeting or (own and own[1]))

    def to_json(self) -> dict[str, Any]:
        """Plain JSON types."""
        return {
            "started": self.started,
            "kgen": self.kgen or None,
            "kernel": {
                "name": self.kernel,
                "build": self.build,
                "image_sha256": self.image_sha256,
            },
            "emulator": {
                "name": self.emulator,
                "version": self.version,
                "argv": list(self.argv),
            },
            "append": self.append,
            "modules": list(self.modules),
            "via": self.via,
        }


def run_of(request: Request, argv: list[str]) -> Run:
    """The Run of a request that is about to be carried out."""
    manifest, machine = request.manifest, request.machine
    return Run(
        kernel=manifest.name,
        build=manifest.build,
        image_sha256=manifest.image_sha256,
        kgen=request.kgen,
        emulator="QEMU" if machine.engine == "qemu" else "DOSBox-X",
        version=None,
        argv=tuple(argv),
        append=machine.append,
        modules=machine.modules,
        via=machine.via,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
    )
