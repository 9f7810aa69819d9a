"""What QEMU finds where it runs: one kernel and its modules, and nobody else's doing.

QEMU opens a kernel by its name, some time after its manifest was read, and passes
that name on; a build may have installed another meanwhile. So each boot has a
folder of its own, in which the kernel that was read stands under the same name,
and links to the modules stand under theirs.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from kgen_qemu.files import unwritable
from kgen_qemu.machine import Machine
from kgen_qemu.manifest import Manifest
from kgen_qemu.modules import named


@contextmanager
def view(manifest: Manifest, machine: Machine, folder: Path) -> Iterator[Path]:
    """Make ``folder`` that place for the length of the block; yields where QEMU is to run."""
    if machine.via != "multiboot" or machine.engine != "qemu":
        yield manifest.directory  # the kernel is on a medium, made from what was read
        return
    if machine.kernel.is_absolute():
        yield manifest.directory  # it is not the manifest's, and nobody installs another there
        return
    names = [os.path.normpath(named(text)[0]) for text in machine.modules]
    # Names may begin with as many ".." as there are folders above the output folder.
    depth = max((name.split("/").count("..") for name in names), default=0)
    place = folder.joinpath(*["in"] * depth)
    try:
        shutil.rmtree(folder, ignore_errors=True)  # of a boot that was killed
        kernel = place / machine.kernel
        kernel.parent.mkdir(parents=True)
        kernel.write_bytes(manifest.image_data)
        for name in names:
            _link(Path(os.path.normpath(place / name)), manifest.directory / name)
    except OSError as error:
        raise unwritable(str(folder), error) from error
    try:
        yield place
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _link(path: Path, target: Path) -> None:
    """Let ``path`` lead to ``target``; the same module may be named twice, or be the kernel."""
    if not os.path.lexists(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target.resolve())
