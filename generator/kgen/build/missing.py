"""Hints for undefined symbols: the caller, and the replacement.

gcc calls its run-time library for what a processor has no instruction for. The library is not
linked (the distribution's begins its functions with ENDBR32), so such a call is an error here,
and the symbol's name says of what in the source.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

PLAIN = "use a plain variable: the kernel has one CPU and keeps interrupts off"

PLAIN_IN_PROGRAM = "use a plain variable: a process has one thread"

_FLOATS = r"__\w*(?:sf|df|xf|tf|sc|dc|xc)(?:[a-z]{2})?\d?"

_ATOMIC = re.compile(r"__(?:atomic|sync)_\w+?(?:_(?P<bytes>\d+))?")

_CALLS = (
    (
        r"__(?:div|mod|divmod)di[34]",
        "`/` and `%` of signed 64-bit numbers: divide as uint64_t, which the kernel can, and give "
        "the result its sign yourself",
    ),
    (
        _FLOATS,
        "floating point: the kernel saves no FPU state; compute in integers, in thousandths say",
    ),
    (
        r"__(?:popcount|parity)[sd]i2",
        "__builtin_popcount() and __builtin_parity(): count the bits in a loop",
    ),
    (
        r"__(?:clz|ctz|ffs)di2",
        "counting zeros in 64 bits: ask __builtin_clz() or __builtin_ctz() of each half",
    ),
    (r"_*tls_get_addr", "thread-local variables: there are no threads, so drop __thread"),
    (r"__stack_chk_\w+", "a stack protector: drop the attribute or pragma that asks for it"),
)
"""A symbol of gcc's, and what in the source calls it."""

_LIBRARY = {
    "printf": "printk()",
    "puts": "printk()",
    "putchar": "printk()",
    "sprintf": "snprintf()",
    "malloc": "kmalloc()",
    "calloc": "kcalloc()",
    "realloc": "krealloc()",
    "free": "kfree()",
    "aligned_alloc": "kmalloc_aligned()",
    "abort": "panic()",
    "exit": "panic()",
    "__assert_fail": "BUG_ON()",
}
"""Functions of a C library, and what the kernel has in their place."""


def hint(symbols: Sequence[str], cpu: str, *, users: bool) -> str:
    """What to do; ``cpu`` is the description's minimum, ``users`` whether it has sources."""
    atomics = [match for name in symbols if (match := _ATOMIC.fullmatch(name))]
    advice = [_atomic({match["bytes"] for match in atomics}, cpu)] if atomics else []
    for name in symbols:
        advice += [text for pattern, text in _CALLS if re.fullmatch(pattern, name)]
        if name in _LIBRARY:
            advice.append(f"there is no C library: the kernel has {_LIBRARY[name]} for {name}()")
    if advice:
        return "\n    ".join(dict.fromkeys(advice))
    if any(name.startswith("__") for name in symbols):
        return (
            "gcc calls it for what the CPU has no instruction for, and its run-time library is "
            "not linked: define it in a source of yours"
        )
    return "declare and define it in one of your sources" if users else ""


def program_hint(symbols: Sequence[str], cpu: str) -> str:
    """What to do about symbols that a user program lacks."""
    floats = [name for name in symbols if re.fullmatch(_FLOATS, name)]
    atomics = [match for name in symbols if (match := _ATOMIC.fullmatch(name))]
    advice = []
    if floats:
        advice.append(
            "floating point: --set cpu.fpu=x87 compiles programs for one, or compute in integers"
        )
    if atomics:
        advice.append(_atomic({match["bytes"] for match in atomics}, cpu, PLAIN_IN_PROGRAM))
    if len(floats) + len(atomics) < len(symbols):
        advice.append(
            "programs are linked with kgen's own runtime alone; what it has is in "
            "src/program/include of the output folder"
        )
    return "\n    ".join(advice)


def _atomic(sizes: set[str | None], cpu: str, plain: str = PLAIN) -> str:
    """Up to 4 bytes a 486 has the instructions; for 8, gcc calls its library on every processor."""
    if sizes <= {"1", "2", "4"} and cpu == "386":
        return f"a 386 has no such atomic instruction: --set cpu.minimum=486 if you may, or {plain}"
    return f"no cpu.minimum has atomics of more than 4 bytes: use 4 with 486 or newer, or {plain}"
