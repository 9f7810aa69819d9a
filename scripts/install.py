"""Install kgen and its libraries into the .venv whose Python runs this, with pip.

pip takes options from PIP_* variables and from its configuration files. Of those this heeds only
what says how to reach an index. The others (user, target, no-deps, constraint, …) were set with
other installations in mind: they would put kgen elsewhere, or leave out half of it.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping

REACH = frozenset(
    [
        "cache-dir",
        "cert",
        "client-cert",
        "default-timeout",
        "extra-index-url",
        "find-links",
        "index-url",
        "keyring-provider",
        "no-cache-dir",
        "no-index",
        "no-input",
        "proxy",
        "retries",
        "timeout",
        "trusted-host",
        "use-deprecated",
        "use-feature",
    ]
)
"""pip's options that say how to reach an index."""

KEPT = frozenset(("PYTHONUTF8", "PYTHONIOENCODING", "PYTHONDONTWRITEBYTECODE"))
"""Of Python's variables those that change neither what is imported nor where from."""

OURS = {
    "PIP_CONFIG_FILE": os.devnull,  # so pip reads none
    # Relative: pip splits a variable's value at blanks, and the checkout's path may have some.
    "PIP_CONSTRAINT": "constraints.txt",
    "PIP_BUILD_CONSTRAINT": "constraints.txt",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}


def configured(lines: Iterable[str]) -> dict[str, str]:
    """Options by name from what ``pip config list`` prints: ``global.timeout='60'``."""
    found: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for line in lines:
        name, equals, value = line.partition("=")
        section, _, option = name.partition(".")
        if equals and section in found and option in REACH:
            found[section][option] = str(ast.literal_eval(value))
    return {**found["global"], **found["install"]}


def environment(given: Mapping[str, str], options: Mapping[str, str]) -> dict[str, str]:
    """The variables for pip: those ``given`` that concern it, and ``options`` of its files."""
    kept = {name: value for name, value in given.items() if not _speaks_to_python(name)}
    kept |= {_variable(option): value for option, value in options.items()}
    named = {_variable(option) for option in REACH}
    kept |= {name: value for name, value in given.items() if name in named and value}
    return kept | OURS


def _variable(option: str) -> str:
    return "PIP_" + option.upper().replace("-", "_")


def _speaks_to_python(name: str) -> bool:
    return name.startswith("PIP_") or (name.startswith("PYTHON") and name not in KEPT)


def _options_of_files() -> dict[str, str]:
    """What pip's configuration files say; nothing if they cannot be read."""
    ours = {name: value for name, value in os.environ.items() if not _speaks_to_python(name)}
    if "PIP_CONFIG_FILE" in os.environ:
        ours["PIP_CONFIG_FILE"] = os.environ["PIP_CONFIG_FILE"]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"],
        env=ours,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    return configured(done.stdout.splitlines())


def main() -> None:
    """Become pip."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--editable", ".[dev]"]
    os.execve(sys.executable, command, environment(os.environ, _options_of_files()))


if __name__ == "__main__":
    main()
