"""Multiboot modules, as QEMU loads them: named, reserved, and whole at the end of the boot.

The kernel of tests/kernels/modules.c sums each module at the start, fills all memory that it can
get, lets the tests run, and sums each once more.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from kgen_qemu.errors import BootError
from kgen_qemu.result import Result

pytestmark = pytest.mark.boot

Boot = Callable[..., Result]
UserKernel = Callable[..., Path]
MiB = 1 << 20


@pytest.fixture(scope="module")
def summing(user_kernel: UserKernel) -> Path:
    """The kernel that sums its modules."""
    return user_kernel("modules.c")


def file(folder: Path, name: str, size: int) -> Path:
    path = folder / name
    path.write_bytes(random.Random(name).randbytes(size))
    return path


def boot_with(boot: Boot, folder: Path, files: Sequence[Path], **options: Any) -> Result:
    """Boot with modules and hold each one that the kernel keeps against its file."""
    result = boot(folder, modules=files, **options)
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
    stats = result.transcript.stats
    kept = files[: stats["module.count"]]
    assert stats["module.count"] + stats["module.dropped"] == len(files)
    for number, path in enumerate(kept):
        wanted = zlib.adler32(path.read_bytes())
        assert (stats[f"module.{number}.first"], stats[f"module.{number}.last"]) == (wanted,) * 2
    return result


def test_no_module(summing: Path, boot: Boot) -> None:
    result = boot_with(boot, summing, [])
    assert result.transcript.stats["mem.modules"] == 0


def test_one_module(summing: Path, boot: Boot, tmp_path: Path) -> None:
    path = file(tmp_path, "one", 10_000)
    result = boot_with(boot, summing, [path])
    assert result.transcript.stats["mem.modules"] == 3 * 4096
    assert re.search(r'module start=0x\w+000 end=0x\w+ msg="\S*/one"', result.log.read_text())


def test_several_with_odd_sizes_and_names(summing: Path, boot: Boot, tmp_path: Path) -> None:
    sizes = {"a,b": 1, "plain": 4096, "x=y": 4097, "o'clock": 65_536, "empty": 0}
    files = [file(tmp_path, name, size) for name, size in sizes.items()]
    result = boot_with(boot, summing, files)
    assert result.transcript.stats["module.count"] == len(files)
    log = result.log.read_text()
    for name in sizes:
        assert f'/{name}"\n' in log


def test_arguments_behind_the_name(summing: Path, boot: Boot, tmp_path: Path) -> None:
    file(tmp_path, "data", 100)
    result = boot(summing, modules=[f'{tmp_path / "data"} root=1, say="hi" \\'])
    assert result.verdict == "pass", result.reasons
    assert '/data root=1, say="hi" \\"\n' in result.log.read_text()


def test_as_much_of_a_command_line_as_the_description_says(
    user_kernel: UserKernel, boot: Boot, tmp_path: Path
) -> None:
    """The longest there may be, whole on its line of the protocol; `kgen boot` refuses one more."""
    folder = user_kernel("modules.c", sets=["memblock.module_line=144"])
    path = file(tmp_path, "data", 100)
    result = boot(folder, modules=[path])
    (name,) = re.findall(r'module start=.* msg="(.*)"', result.log.read_text())
    line = f"{path} {'x' * (143 - len(name) - 2)}y"
    result = boot(folder, modules=[line])
    assert result.verdict == "pass"
    (said,) = (module.name for module in result.transcript.modules)
    assert (len(said), said[-2:]) == (143, "xy")
    with pytest.raises(BootError, match=r"144 bytes, and .* keeps 143"):
        boot(folder, modules=[f"{line}z"])


@pytest.mark.parametrize("count", [16, 17, 40])
def test_more_modules_than_are_kept(summing: Path, boot: Boot, tmp_path: Path, count: int) -> None:
    """Modules that are not kept are reserved all the same, and the log says what to change."""
    files = [file(tmp_path, f"m{number}", 5000) for number in range(count)]
    result = boot_with(boot, summing, files)
    stats = result.transcript.stats
    assert stats["module.count"] == 16
    hint = f"{count - 16} modules not kept (raise memblock.modules)"
    assert (hint in result.log.read_text()) == (count > 16)


def test_a_large_module(summing: Path, boot: Boot, tmp_path: Path) -> None:
    """20 MiB of 64: the module takes all that the boot page tables map past the image."""
    boot_with(boot, summing, [file(tmp_path, "large", 20 * MiB)])


def test_early_data_behind_a_large_module(default: Path, boot: Boot, tmp_path: Path) -> None:
    """With 2 GiB, early data needs more than low memory has: the boot mapping must grow."""
    large = file(tmp_path, "large", 20 * MiB)
    result = boot(default, modules=[large], memory="2G")
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
    log = result.log.read_text()
    (mapped,) = re.findall(r"physical 0-(0x\w+) mapped", log)
    (end,) = re.findall(r"module start=.* end=(0x\w+)", log)
    (early,) = re.findall(
        r"memblock: .* handed out for page tables and metadata, the last below (0x\w+)", log
    )
    assert int(end, 16) > int(mapped, 16)
    assert int(early, 16) > int(end, 16) + MiB


def test_modules_that_fill_all_memory(default: Path, boot: Boot, tmp_path: Path) -> None:
    """Low memory and the last page tables' worth are left; a machine with less is refused."""
    module = file(tmp_path, "all", 62 * MiB)
    assert boot(default, modules=[module], memory="64M").verdict == "pass"
    with pytest.raises(BootError, match="this machine has 63M of RAM"):
        boot(default, modules=[module], memory="63M")
