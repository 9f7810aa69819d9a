"""What a kernel and whoever boots it agree on: the one home of these numbers and words.

Python reads them here; for C they are rendered into ``generated/config.h`` (by way of
``kgen.derive``), for the floppy's loader into ``loader.h``.
"""

VERSION = 1
"""Of the serial protocol; the kernel says it in ``hello``."""

EXIT_PORT = 0xF4
"""Where a kernel writes its code when it is done: QEMU's isa-debug-exit."""

EXITS = {"pass": 0x10, "fail": 0x11, "panic": 0x12, "refused": 0x13}
"""The code for each way to end, by the word that the end marker has for it."""

STATUS = {2 * code + 1: word for word, code in EXITS.items()}
"""QEMU's exit status for each code, which it doubles and makes odd; by that, the word."""

CMDLINE_MAX = 256
"""Bytes of its command line that a kernel keeps, with the NUL; what is longer is cut."""

FAIL_WORDS = ("of", "nth", "times", "site", "rate", "seed", "until", "sweep", "suite")
"""Options of a kernel with ``debug.fail``: ``fail.of=`` and so on."""
