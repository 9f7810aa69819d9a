"""One boot sees one kernel, and its modules, whatever else happens to the output folder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.boot.conftest import Kernels

import kgen_qemu
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot


def install(source: Path, folder: Path) -> None:
    """Put what was built in ``source`` into ``folder``, as a build does."""
    for name in ("build/kernel.elf", "manifest.json"):
        partial = folder / f"{name}.new"
        partial.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, partial)
        partial.replace(folder / name)


@pytest.fixture(scope="module")
def faults(kernels: Kernels) -> Path:
    return kernels.faults()


def test_a_build_between_manifest_and_emulator_changes_nothing(
    default: Path, faults: Path, tmp_path: Path, boot: Callable[..., Result]
) -> None:
    """Also not the names that a panic's addresses get."""
    install(faults, tmp_path)
    request = kgen_qemu.boot_request(tmp_path, append="trip=backtrace")
    install(default, tmp_path)
    result = kgen_qemu.boot(request)
    assert result.verdict == "panic"
    assert result.transcript.hello is not None
    assert result.transcript.hello.build == request.manifest.build
    plain = boot(faults, append="trip=backtrace")
    assert [str(frame) for frame in result.frames] == [str(frame) for frame in plain.frames]
    assert result.log.read_bytes() == plain.log.read_bytes()
    left = {path.name for path in (tmp_path / "boot").iterdir()}
    assert left == {result.log.name, result.log.with_suffix(".json").name}


def test_a_medium_is_made_of_what_was_read(default: Path, faults: Path, tmp_path: Path) -> None:
    install(faults, tmp_path)
    request = kgen_qemu.boot_request(tmp_path)
    install(default, tmp_path)
    from kgen.image import gather

    cargo = gather(request.manifest, "", ())
    assert cargo.elf == (faults / "build/kernel.elf").read_bytes()


@pytest.mark.parametrize("where", ["link to another disk", "another folder"])
def test_modules_are_found(
    where: str,
    user_kernel: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through an output folder that is a link, and past a folder with a space in its name."""
    here = tmp_path / "a folder"
    (here / "data").mkdir(parents=True)
    (here / "data/one").write_bytes(b"1" * 5000)
    (here / "two").symlink_to("data/one")
    out = tmp_path / "some/disk/out"
    out.mkdir(parents=True)
    install(user_kernel("modules.c"), out)
    monkeypatch.chdir(here)
    if where == "link to another disk":
        Path("kernel_out").symlink_to(out)
        out = Path("kernel_out")
    results: list[Result] = []
    for _ in range(2):  # the second finds the links of the first
        request = kgen_qemu.boot_request(out, modules=["data/one with arguments", "two"])
        results.append(kgen_qemu.boot(request))
    assert [result.verdict for result in results] == ["pass"] * 2, results[0].reasons
    stats = results[1].transcript.stats
    assert stats["module.count"] == 2
    assert stats["module.0.first"] == stats["module.1.first"]
    log = results[1].log.read_text()
    assert '/one with arguments"\n' in log
    assert '/two"\n' in log
