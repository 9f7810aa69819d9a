"""kernel.elf and its manifest in, a verdict out.

This package knows nothing of descriptions or templates: what it must know of a
kernel stands in ``manifest.json`` beside the image. A boot goes through these
modules, each about one thing:

    request     what the user asked for, checked          (exit 2 when it is wrong)
    machine     which PC that is, as QEMU's arguments     (pure)
    view        the folder in which QEMU runs: one kernel, whatever is built meanwhile
    session     QEMU runs (process, leash, monitor), its serial line is read, answered and logged
    transcript  serial bytes → what the kernel said       (pure)
    audit       every instruction that ran, and the CPU that brought it
    accounting  the memory map → every figure that the kernel should give  (pure)
    verdict     what it said, how it ended → pass or why not  (pure)
    report      the verdict for people;  ``Result.to_json()`` is the one for programs

``maps``, ``modules``, ``firmware`` and ``trace`` are parts of a request, ``dosbox`` an emulator
in QEMU's place, ``stale`` what changed since a kernel was built; ``i386`` says
which CPU has which instruction, ``protocol`` what a kernel and whoever boots it
agree on. ``logs`` are a boot's files, ``former`` those of boots before it,
``run`` what a result says of its own boot.

Everything is imported on first use, so that ``import kgen_qemu`` costs nothing
to a command that boots nothing.
"""

# As type checkers understand it; importing typing would cost 3 ms.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from kgen_qemu.errors import BootError
    from kgen_qemu.manifest import Manifest, load_manifest
    from kgen_qemu.report import print_report
    from kgen_qemu.request import Request, boot_request
    from kgen_qemu.result import Result
    from kgen_qemu.session import boot
    from kgen_qemu.stale import staleness

__all__ = [
    "BootError",
    "Manifest",
    "Request",
    "Result",
    "boot",
    "boot_request",
    "load_manifest",
    "print_report",
    "staleness",
]

_HOME = {
    "BootError": "errors",
    "Manifest": "manifest",
    "Request": "request",
    "Result": "result",
    "boot": "session",
    "boot_request": "request",
    "load_manifest": "manifest",
    "print_report": "report",
    "staleness": "stale",
}


def __getattr__(name: str) -> object:
    """Import the module that holds ``name`` when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
