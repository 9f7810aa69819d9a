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

INIT = "init"
"""The option of a kernel with user space that names the file which process 1 is."""


def arguments_of(text: str) -> list[str]:
    """The words of a program's arguments, as such a kernel takes them apart (kernel/init.c).

    Blanks are between words but for those inside of ``"…"`` and ``'…'``; a backslash takes the
    next character as it is, but inside of ``'…'``. ValueError has a quote that does not close.
    """
    words: list[str] = []
    quote, inside, taken = "", False, False
    for char in text:
        begins = not inside and char != " "
        if begins:
            words.append("")
        inside = begins or (inside and (char != " " or bool(quote) or taken))
        if taken or (char == " " and inside):
            words[-1] += char
            taken = False
        elif char == "\\" and quote != "'":
            taken = True
        elif char == quote:
            quote = ""
        elif not quote and char in ("'", '"'):
            quote = char
        elif inside:
            words[-1] += char
    if quote:
        raise ValueError(quote)
    return words
