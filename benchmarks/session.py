"""The cost of a session with kgen, as ratios to the unavoidable cost.

    .venv/bin/python benchmarks/session.py            five runs of each
    .venv/bin/python benchmarks/session.py -n 15 --json

Times differ from machine to machine and from hour to hour, ratios less. So everything that is
compared is run in one go, one of each in turn, and medians are taken. On a busy machine ratios
differ as well, by a factor of two from run to run: use a quiet one, or show several runs. Nothing
is judged here: it is a measurement, not a test. docs/benchmarks.md explains the rows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from kgen import Kernel
from kgen.build.flags import compile_flags
from kgen.build.toolchain import discover
from kgen_qemu.machine import find_qboot

HERE = Path(__file__).resolve().parent
KGEN = str(Path(sys.executable).with_name("kgen"))
QEMU = "qemu-system-i386"
PASSED = 0x10 * 2 + 1  # QEMU's exit status for a pass


@dataclass(frozen=True)
class Ratio:
    """``name``: ``what`` over ``base``, both by their names in the measurements."""

    name: str
    what: str
    base: str


RATIOS = (
    Ratio("boot over bare QEMU", "boot with kgen", "bare QEMU, kernel that exits at once"),
    Ratio("boot without tests", "boot with kgen, no tests", "bare QEMU, kernel that exits at once"),
    Ratio("boot, same kernel in both", "boot with kgen", "bare QEMU, default kernel"),
    Ratio("boot without tests, likewise", "boot with kgen, no tests", "bare QEMU, no tests"),
    Ratio("4 GiB over 16 MiB", "boot with kgen, 4 GiB", "boot with kgen, 16 MiB"),
    Ratio("build with nothing to do", "build with kgen, nothing to do", "python -c pass"),
    Ratio("cold build over ninja", "build with kgen, cold", "ninja, same files"),
)


@dataclass(frozen=True)
class Task:
    """A command to be timed: arguments, what to do before (untimed), the status it ends with."""

    argv: tuple[str, ...]
    before: Callable[[], None] = lambda: None
    status: int = 0

    def seconds(self) -> float:
        """Time it once. Ends the benchmark if it does not end as it should."""
        self.before()
        start = time.perf_counter()
        done = subprocess.run(self.argv, capture_output=True, text=True, check=False)
        taken = time.perf_counter() - start
        if done.returncode != self.status:
            sys.exit(f"{' '.join(self.argv)}: status {done.returncode}\n{done.stdout}{done.stderr}")
        return taken


def prepare(folder: Path) -> dict[str, Task]:
    """Build what is to be booted, below ``folder``; the tasks by name."""
    out, plain, cold = (folder / name for name in ("default", "plain", "cold"))
    run(KGEN, "build", "-o", str(out))
    run(KGEN, "build", "-o", str(plain), "--set", "features.tests=false")
    run(KGEN, "build", "-o", str(cold))
    boot = (KGEN, "boot", "-o", str(out))
    leave = bare_qemu(exit_kernel(folder))
    whole = bare_qemu(out / "build/kernel.elf")
    ninja = str(Path(sys.executable).with_name("ninja"))
    return {
        "python -c pass": Task((sys.executable, "-c", "pass")),
        "build with kgen, nothing to do": Task((KGEN, "build", "-o", str(out))),
        "bare QEMU, kernel that exits at once": Task(leave, status=PASSED),
        "bare QEMU, default kernel": Task(whole, status=PASSED),
        "bare QEMU, no tests": Task(bare_qemu(plain / "build/kernel.elf"), status=PASSED),
        "boot with kgen": Task(boot),
        "boot with kgen, no tests": Task((KGEN, "boot", "-o", str(plain))),
        "boot with kgen, 16 MiB": Task((*boot, "--memory", "16M")),
        "boot with kgen, 4 GiB": Task((*boot, "--memory", "4G")),
        "build with kgen, cold": Task(
            (KGEN, "build", "-o", str(cold)), lambda: shutil.rmtree(cold, ignore_errors=True)
        ),
        "ninja, same files": Task(
            (ninja, "-C", str(cold), "-f", "build/build.ninja"), lambda: without_objects(cold)
        ),
    }


def run(*argv: str) -> None:
    """Run a command that the measurement needs first."""
    Task(argv).seconds()


def exit_kernel(folder: Path) -> Path:
    """A kernel that exits at once."""
    elf = folder / "exit.elf"
    gcc = discover("auto", compile_flags(Kernel()), folder / "toolchain.json").compiler
    run(
        *(gcc, "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none"),
        *("-Wl,-Ttext-segment=0x100000", "-o", str(elf), str(HERE / "exit.S")),
    )
    return elf


def bare_qemu(kernel: Path) -> tuple[str, ...]:
    """QEMU with the machine and firmware of ``kgen boot``, and nobody listening."""
    binary = shutil.which(QEMU)
    if binary is None:
        sys.exit(f"{QEMU} is not installed; `make setup` installs it")
    firmware = find_qboot(binary)
    bios = ("-bios", str(firmware)) if firmware else ()
    return (
        *(binary, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"),
        *("-machine", "pc", "-accel", "tcg", "-cpu", "qemu32", "-m", "64M", *bios),
        *("-chardev", "null,id=com1", "-serial", "chardev:com1"),
        *("-device", "isa-debug-exit,iobase=0xf4,iosize=0x04", "-kernel", str(kernel)),
    )


def without_objects(out: Path) -> None:
    """Remove what ninja makes in an output folder, its own records included."""
    shutil.rmtree(out / "build/obj")
    for name in ("unverified.elf", "unverified.map", ".ninja_log", ".ninja_deps"):
        (out / "build" / name).unlink(missing_ok=True)


def measure(tasks: Mapping[str, Task], runs: int) -> dict[str, float]:
    """Median seconds of each task over ``runs`` rounds of all."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(runs):
        for name, task in tasks.items():
            seconds[name].append(task.seconds())
    return {name: median(taken) for name, taken in seconds.items()}


def table(seconds: Mapping[str, float], runs: int) -> str:
    """Both tables, for people."""
    lines = [f"{'median of ' + str(runs):<40} {'ms':>8}"]
    lines += [f"{name:<40} {taken * 1000:>8.0f}" for name, taken in seconds.items()]
    lines += ["", f"{'ratio':<40} {'':>8}"]
    lines += [f"{one.name:<40} {value(one, seconds):>8.2f}" for one in RATIOS]
    return "\n".join(lines)


def value(ratio: Ratio, seconds: Mapping[str, float]) -> float:
    """The ratio as measured."""
    return seconds[ratio.what] / seconds[ratio.base]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("-n", "--runs", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    if given.runs < 1:
        parser.error("at least one run")
    with tempfile.TemporaryDirectory(prefix="kgen-benchmark-") as folder:
        seconds = measure(prepare(Path(folder)), given.runs)
    if not given.json:
        print(table(seconds, given.runs))
        return
    ratios = [{**asdict(one), "ratio": round(value(one, seconds), 3)} for one in RATIOS]
    rounded = {name: round(taken, 4) for name, taken in seconds.items()}
    print(json.dumps({"runs": given.runs, "seconds": rounded, "ratios": ratios}))


if __name__ == "__main__":
    main()
