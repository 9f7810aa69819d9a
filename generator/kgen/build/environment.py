"""The environment in which compiler and linker run: the same for the probe and for the build.

Variables that a program needs to start at all stay (a cross compiler may find its libraries by
LD_LIBRARY_PATH alone). Those that would change its output or its messages are removed.
"""

from __future__ import annotations

import os

DROPPED = frozenset(
    {
        *("CPATH", "C_INCLUDE_PATH"),  # headers from somewhere else
        *("GNUTARGET", "LDEMULATION"),  # ld would read or write another format
        *("DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "GCC_COMPARE_DEBUG"),
        *("CCC_OVERRIDE_OPTIONS", "CCC_ADD_ARGS"),  # clang's: options that nobody sees
        *("GCC_COLORS", "NINJAFLAGS"),
    }
)

DECISIVE = ("LD_LIBRARY_PATH", "LD_PRELOAD", "GCC_EXEC_PREFIX", "COMPILER_PATH")
"""Whether a compiler works may depend on these."""


def environment(**more: str) -> dict[str, str]:
    """Ours without DROPPED, with the messages of the tools in the form that we read."""
    kept = {name: value for name, value in os.environ.items() if name not in DROPPED}
    return {**kept, "LC_ALL": "C", "TERM": "dumb", **more}


def decisive() -> list[list[str | None]]:
    """The values of DECISIVE now."""
    return [[name, os.environ.get(name)] for name in DECISIVE]
