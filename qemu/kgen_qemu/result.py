"""The outcome of one boot, for programs (``to_json``) and for the report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen_qemu.accounting import Accounting
from kgen_qemu.audit import Audit
from kgen_qemu.errors import SCHEMA
from kgen_qemu.run import Run
from kgen_qemu.sites import CodeSite, LeakSite
from kgen_qemu.stale import CURRENT, Stale
from kgen_qemu.symbols import Frame
from kgen_qemu.transcript import Panic, Transcript
from kgen_qemu.verdict import Assertion, Name


@dataclass(frozen=True)
class Result:
    """Everything about one boot. ``memory`` is bytes, ``seconds`` from start to end of QEMU.

    ``frames`` are the panic's addresses as functions and lines, where known, ``sites``
    those in its message, ``leaks`` who leaked, worst first. ``audit`` and ``accounting``
    are None where none took place, ``accel`` where the engine has no such choice. ``run``
    says which boot it was, ``stale`` what changed since the kernel was built.
    """

    verdict: Name
    exit_code: int
    reasons: tuple[str, ...]
    cpu: str
    memory: int
    machine: str
    accel: str | None
    transcript: Transcript
    assertions: tuple[Assertion, ...]
    frames: tuple[Frame, ...]
    seconds: float
    log: Path
    command: str
    audit: Audit | None = None
    accounting: Accounting | None = None
    engine: str = "qemu"
    sites: tuple[CodeSite, ...] = ()
    leaks: tuple[LeakSite, ...] = ()
    run: Run | None = None
    stale: Stale = CURRENT

    def to_json(self) -> dict[str, Any]:
        """The object that ``kgen boot --json`` prints, schema 1; plain JSON types only."""
        said = self.transcript
        return {
            "schema": SCHEMA,
            "verdict": self.verdict,
            "exit_code": int(self.exit_code),
            "reasons": list(self.reasons),
            "engine": self.engine,
            "cpu": self.cpu,
            "memory": self.memory,
            "machine": self.machine,
            "accel": self.accel,
            "stages": [{"index": stage.index, "name": stage.name} for stage in said.stages],
            "stats": dict(said.stats),
            "tests": {
                "passed": said.count("ok"),
                "failed": said.count("fail"),
                "skipped": said.count("skip"),
                "names": [test.name for test in said.tests],
            },
            "panic": self._panic(said.panic),
            "exit": said.exit and {"pid": said.exit.pid, "status": said.exit.status},
            "leaks": [
                {"count": leak.count, "bytes": leak.bytes, **_place(leak.frame, "site")}
                for leak in self.leaks
            ],
            "expect": [
                {"pattern": one.pattern, "wanted": one.wanted, "line": one.line, "holds": one.holds}
                for one in self.assertions
            ],
            "audit": self.audit and self._audit(self.audit),
            "accounting": self.accounting
            and {
                "checked": self.accounting.checked,
                "mismatches": [vars(mismatch) for mismatch in self.accounting.mismatches],
            },
            "stale": {"changed": list(self.stale.changed), "unfinished": self.stale.unfinished},
            "seconds": round(self.seconds, 3),
            "log": str(self.log),
            "command": self.command,
            "run": self.run and self.run.to_json(),
        }

    def _audit(self, audit: Audit) -> dict[str, Any]:
        return {
            "exact": audit.exact,
            "instructions": audit.instructions,
            "distinct": audit.distinct,
            "newest": audit.newest,
            "newer": list(audit.newer),
            "violations": [
                {"instruction": site.text, "family": site.family, **vars(site.frame)}
                for site in audit.violations
            ],
            "log": str(audit.file),
        }

    def _panic(self, panic: Panic | None) -> dict[str, Any] | None:
        """The panic line; one without a line (too early for it) still has a message."""
        if self.verdict != "panic":
            return None
        panic = panic or Panic(self.reasons[0])
        return {
            "message": panic.message,
            "eip": panic.eip,
            "cr2": panic.cr2,
            "backtrace": [_place(frame) for frame in self.frames],
            "sites": [{"relation": site.relation, **_place(site.frame)} for site in self.sites],
        }


def _place(frame: Frame, address: str = "address") -> dict[str, Any]:
    """An address, under the key ``address``, and its names."""
    return {
        address: frame.address,
        "function": frame.function,
        "file": frame.file,
        "line": frame.line,
    }
