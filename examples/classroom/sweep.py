"""Build and boot one experiment with several values of a parameter, and print a table.

    .venv/bin/python examples/classroom/sweep.py
    .venv/bin/python examples/classroom/sweep.py --field buddy.max_order --values 0 4 8 --memory 16M

It uses kgen as anybody can: ``kgen build --set FIELD=VALUE``, then ``kgen boot --json``, whose
``stats`` are all the ``# kgen:stat`` lines that the kernel printed. Everything is built in a
temporary folder. Exit code: that of the first command that fails.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
KGEN = Path(sys.executable).with_name("kgen")
COLUMNS = {
    "memblock.allocated": "metadata B",
    "class.initial_blocks": "blocks",
    **{f"class.large_percent.{eighth}": f"{eighth}/8" for eighth in (2, 4, 6, 7, 8)},
}
"""Keys of ``stats``, and the table's heads for them."""


def measure(field: str, value: str, memory: str, out: Path) -> dict[str, int]:
    """``stats`` of one boot with ``field`` set to ``value``."""
    subprocess.run(
        [KGEN, "build", HERE / "kernel.py", "-o", out, "--set", f"{field}={value}"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    boot = [KGEN, "boot", "-o", out, "--memory", memory, "--json"]
    done = subprocess.run(boot, check=True, stdout=subprocess.PIPE, text=True)
    stats: dict[str, int] = json.loads(done.stdout)["stats"]
    return stats


def main() -> None:
    """Print a row for each value."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--field", default="buddy.max_order")
    parser.add_argument("--values", nargs="+", default=["0", "2", "4", "6", "8", "10"])
    parser.add_argument("--memory", default="16M")
    given = parser.parse_args()
    print(f"{given.field:>16}", *(f"{head:>10}" for head in COLUMNS.values()))
    with tempfile.TemporaryDirectory() as folder:
        for value in given.values:
            try:
                stats = measure(given.field, value, given.memory, Path(folder))
            except subprocess.CalledProcessError as error:
                sys.exit(error.returncode)
            print(f"{value:>16}", *(f"{stats.get(key, '-'):>10}" for key in COLUMNS), flush=True)


if __name__ == "__main__":
    main()
