"""Messages about symbols that nothing defines: with the real gcc and ld, and by their names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgen.build.missing import PLAIN, hint
from kgen.errors import Exit

from .conftest import DESCRIPTION, Ran, write

Kgen = Callable[..., Ran]

START = "#include <kernel.h>\n"


def built(kgen: Kgen, here: Path, code: str, *options: str) -> Ran:
    """A kernel whose source has ``code`` in front of its kernel_main()."""
    write(here / "kernel.py", DESCRIPTION)
    write(here / "hello.c", f"{START}{code}\nvoid kernel_main(void) {{ f(); }}\n")
    return kgen("build", *options)


ATOMIC = {
    size: f"static _Atomic {kind} n;\nvolatile int i;\nstatic void f(void) {{ i = (int)++n; }}"
    for size, kind in ((1, "char"), (2, "short"), (4, "int"), (8, "long long"))
}


@pytest.mark.parametrize("size", [1, 2, 4])
def test_what_is_said_of_atomics_helps(kgen: Kgen, here: Path, small: Path, size: int) -> None:
    refused = built(kgen, here, ATOMIC[size])
    assert refused.code == Exit.BUILD
    assert f"--set cpu.minimum=486 if you may, or {PLAIN}" in refused.err
    assert built(kgen, here, ATOMIC[size], "--set", "cpu.minimum=486").code == 0
    plain = ATOMIC[size].replace("_Atomic", "volatile")
    assert built(kgen, here, plain).code == 0


@pytest.mark.parametrize("cpu", ["386", "486", "pentium", "pentiumpro"])
def test_no_processor_is_promised_for_eight_bytes(
    kgen: Kgen, here: Path, small: Path, cpu: str
) -> None:
    refused = built(kgen, here, ATOMIC[8], "--set", f"cpu.minimum={cpu}")
    assert refused.code == Exit.BUILD
    assert "no cpu.minimum has atomics of more than 4 bytes" in refused.err
    assert PLAIN in refused.err


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("volatile long long n; static void f(void) { n = n / n; }", "signed 64-bit"),
        ("volatile long long n; static void f(void) { n = n % n; }", "signed 64-bit"),
        ("volatile float n; static void f(void) { n = n * n; }", "floating point"),
        ("volatile double n; volatile int i; static void f(void) { n = i; }", "floating point"),
        ("volatile double n; volatile int i; static void f(void) { i = n < 1; }", "floating point"),
        ("volatile long double n; static void f(void) { n = n + 1; }", "floating point"),
        (
            "volatile unsigned n; static void f(void) { n = __builtin_popcount(n); }",
            "count the bit",
        ),
        ('int printf(const char *, ...); static void f(void) { printf("%d", 1); }', "printk()"),
        ("void *malloc(unsigned); void *p; static void f(void) { p = malloc(9); }", "kmalloc()"),
        ("int nowhere(void); static void f(void) { nowhere(); }", "in one of your sources"),
    ],
)
def test_a_call_that_gcc_makes_is_told_by_its_place_in_c(
    kgen: Kgen, here: Path, small: Path, code: str, advice: str
) -> None:
    ran = built(kgen, here, code)
    assert ran.code == Exit.BUILD
    assert advice in ran.err
    assert "avoid the arithmetic" not in ran.err


def test_a_users_header_is_named_as_it_lies(kgen: Kgen, here: Path, small: Path) -> None:
    write(here / "lib/deep.h", "int nowhere(void);\nstatic inline void f(void) { nowhere(); }\n")
    ran = built(kgen, here, '#include "lib/deep.h"')
    assert "nowhere  used at lib/deep.h:2\n" in ran.err
    assert "kernel_out/user" not in ran.err


def test_a_header_beside_a_source_elsewhere(kgen: Kgen, here: Path, small: Path) -> None:
    """A source outside of the description's folder stands below `user`, too."""
    away = here / "away"
    write(away / "near.h", "int nowhere(void);\nstatic inline void f(void) { nowhere(); }\n")
    write(away / "hello.c", f'{START}#include "near.h"\nvoid kernel_main(void) {{ f(); }}\n')
    write(here / "mine/kernel.py", DESCRIPTION.replace("hello.c", "../away/hello.c"))
    ran = kgen("build", "mine/kernel.py")
    assert "nowhere  used at mine/../away/near.h:2\n" in ran.err


@pytest.mark.parametrize("name", ["__clzdi2", "__ctzdi2", "__ffsdi2"])
def test_who_counts_zeros_asks_each_half(name: str) -> None:
    """gcc 12 makes a call of it; gcc 16 writes the instructions itself."""
    assert "of each half" in hint([name], "386", users=True)


def test_each_cause_is_told_once() -> None:
    text = hint(["__divdi3", "__moddi3", "__atomic_load_8", "__floatsidf"], "386", users=True)
    assert text.count("signed 64-bit") == text.count("floating point") == 1
    assert "4 bytes" in text


def test_a_486_is_not_told_to_be_one() -> None:
    """gcc calls nobody there for 4 bytes; whoever does so himself is told what is left."""
    assert "cpu.minimum=486" in hint(["__atomic_fetch_add_4"], "386", users=True)
    assert "cpu.minimum=486" not in hint(["__atomic_fetch_add_4"], "486", users=True)


def test_other_names_of_gccs() -> None:
    assert "define it in a source of yours" in hint(["__whatever"], "386", users=True)
    assert hint(["helper"], "386", users=False) == ""
