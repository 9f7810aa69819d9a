"""What gcc, ld and ninja say, retold: outputs of gcc 12, binutils 2.40 to 2.47 and ninja 1.13."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgen.build.diagnostics import Sources, explain, warnings
from kgen.errors import Exit

MAP = {
    "mm/buddy.c": {"template": "mm/buddy.c", "lines": [0, 0, 1, 5, 9]},
    "entry/vectors.S": {"template": "entry/vectors.S.j2", "lines": [0, 0, 7]},
}

LD = "/usr/bin/ld: "
FAILED = "FAILED: [code=1] "
END = "ninja: build stopped: cannot make progress due to previous errors.\n"


@pytest.fixture
def sources(here: Path) -> Sources:
    return Sources(here / "out", MAP, (here / "hello.c", here / "lib/util.c"))


def compile_failure(name: str, *lines: str) -> str:
    return "\n".join((f"{FAILED}build/obj/{name}.o ", f"gcc -c src/{name}", *lines, ""))


def link_failure(*lines: str) -> str:
    head = f"{FAILED}build/unverified.elf build/unverified.map "
    return "\n".join((head, "ld -o build/unverified.elf", *lines, END))


def test_rendered_places_name_the_template(sources: Sources) -> None:
    output = compile_failure(
        "mm/buddy.c",
        "In file included from src/mm/buddy.c:3,",
        "                 from src/entry/vectors.S:3:",
        "src/mm/buddy.c: In function 'split':",
        "src/mm/buddy.c:4:7: error: 'x' undeclared",
        "    4 |   x = 1;",
    )
    error = explain(output + END, sources)
    assert error.exit_code == Exit.BUILD
    assert error.what.splitlines() == [
        "the compiler refused 1 file",
        "In file included from out/src/mm/buddy.c:3 (templates/mm/buddy.c:1),",
        "                 from out/src/entry/vectors.S:3 (templates/entry/vectors.S.j2:7):",
        "out/src/mm/buddy.c: In function 'split':",
        "out/src/mm/buddy.c:4:7 (templates/mm/buddy.c:5): error: 'x' undeclared",
        "    4 |   x = 1;",
    ]


def test_all_files_are_told_and_the_users_are_theirs(sources: Sources, here: Path) -> None:
    output = compile_failure("mm/buddy.c", "src/mm/buddy.c:5:1: error: one")
    output += compile_failure("user/hello.c", f"{here}/hello.c:2:9: fatal error: two")
    what = explain(output + END, sources).what
    assert what.startswith("the compiler refused 2 files\n")
    assert "(templates/mm/buddy.c:9): error: one" in what
    assert "\nhello.c:2:9: fatal error: two" in what


def test_a_line_beyond_the_map_has_no_template(sources: Sources) -> None:
    what = explain(compile_failure("mm/buddy.c", "src/mm/buddy.c:9:1: error: x"), sources).what
    assert "out/src/mm/buddy.c:9:1: error: x" in what


def test_no_kernel_main_names_the_users_files(sources: Sources, here: Path) -> None:
    output = link_failure(
        f"{LD}build/obj/kernel/main.c.o: in function `kmain':",
        "./src/mm/buddy.c:4: undefined reference to `kernel_main'",
    )
    error = explain(output, sources)
    assert error.what == "none of hello.c, lib/util.c defines void kernel_main(void)"
    assert error.exit_code == Exit.BUILD
    alone = explain(output, Sources(here / "out", MAP, (here / "hello.c",)))
    assert alone.what == "hello.c does not define void kernel_main(void)"


def test_undefined_symbols_are_listed_once_with_their_first_use(sources: Sources) -> None:
    output = link_failure(
        f"{LD}build/obj/mm/buddy.c.o: in function `split':",
        "./src/mm/buddy.c:4: undefined reference to `memove'",
        f"{LD}./src/mm/buddy.c:5: undefined reference to `memove'",
        f"{LD}build/obj/own/util.c.o: in function `f':",
        "./user/lib/util.c:8: undefined reference to `sqrt'",
        f"{LD}build/obj/boot.S.o:(.text+0x1): undefined reference to `kmain'",
    )
    lines = explain(output, sources).what.splitlines()
    assert lines[0] == "nothing defines"
    assert lines[2:] == [
        "  memove  used at out/src/mm/buddy.c:4 (templates/mm/buddy.c:5)",
        "  sqrt    used at lib/util.c:8",
    ]
    assert lines[1].startswith("  kmain   used at ")


@pytest.mark.parametrize("offset", ["", "(.text.split+0x7):"], ids=["ld 2.40", "ld 2.44"])
def test_places_of_every_linker_are_read(sources: Sources, offset: str) -> None:
    """From 2.44 on it says the offset as well as the line."""
    output = link_failure(
        f"{LD}build/obj/mm/buddy.c.o: in function `split':",
        f"src/mm/buddy.c:4:{offset} undefined reference to `memove'",
        f"{LD}build/obj/own/util.c.o:./user/lib/util.c:8:{offset} undefined reference to `table'",
    )
    assert explain(output, sources).what.splitlines()[1:] == [
        "  memove  used at out/src/mm/buddy.c:4 (templates/mm/buddy.c:5)",
        "  table   used at lib/util.c:8",
    ]
    twice = link_failure(f"user/hello.c:3:{offset} multiple definition of `kmalloc'")
    assert "\nhello.c:3: multiple definition" in explain(twice, sources).what


@pytest.mark.parametrize(
    ("symbol", "hint"),
    [
        ("__atomic_fetch_add_4", "no such atomic instruction"),
        ("__divdi3", "signed 64-bit"),
        ("__floatsidf", "floating point"),
        ("__tls_get_addr", "no threads"),
        ("__other", "run-time library"),
        ("helper", "one of your sources"),
    ],
)
def test_undefined_symbols_have_causes(sources: Sources, symbol: str, hint: str) -> None:
    output = link_failure(f"src/mm/buddy.c:4: undefined reference to `{symbol}'")
    assert hint in explain(output, sources).hint


def test_what_the_linker_script_asserts_is_the_error(sources: Sources) -> None:
    text = "kgen: the image does not fit: raise ram.minimum (2 MiB)"
    assert explain(link_failure(LD + text), sources).what == text.removeprefix("kgen: ")


def test_an_overflowing_region_names_settings(sources: Sources) -> None:
    output = link_failure(
        f"{LD}build/unverified.elf section `.bss' will not fit in region `low'",
        f"{LD}region `low' overflowed by 4096 bytes",
    )
    error = explain(output, sources)
    assert error.what == "the kernel is 4096 bytes too large for low"
    assert "ram.minimum" in error.hint


def test_double_definitions_place_both(sources: Sources) -> None:
    output = link_failure(
        f"{LD}build/obj/own/hello.c.o: in function `kmalloc':",
        "./user/hello.c:3: multiple definition of `kmalloc'; build/obj/mm/buddy.c.o:"
        "src/mm/buddy.c:5: first defined here",
    )
    error = explain(output, sources)
    assert error.what.startswith("defined twice: kmalloc\n")
    assert "\nhello.c:3: multiple definition" in error.what
    assert "rename yours" in error.hint


def test_other_linker_errors_are_shown_whole(sources: Sources) -> None:
    what = explain(link_failure(f"{LD}cannot find -lm: No such file"), sources).what
    assert what == "the linker failed\ncannot find -lm: No such file"


def test_a_full_disk_is_called_so(sources: Sources) -> None:
    line = "{standard input}: Fatal error: can't write 12 bytes: No space left on device"
    error = explain(compile_failure("mm/buddy.c", line), sources)
    assert error.what == "the disk is full"


def test_ninjas_own_errors_are_not_swallowed(sources: Sources) -> None:
    output = "ninja: error: build.ninja:7: unexpected EOF\n"
    assert "unexpected EOF" in explain(output, sources).what


def test_warnings_of_a_good_build_are_placed(sources: Sources, here: Path) -> None:
    output = f"{here}/hello.c:2:9: warning: unused variable 'x'\nninja: Entering directory `x'\n"
    assert warnings(output, sources) == "hello.c:2:9: warning: unused variable 'x'"


def test_what_all_files_have_in_common_is_told_once(sources: Sources) -> None:
    """A compiler that cannot start says the same for each file."""
    broken = (
        "cc1: error while loading shared libraries: libmpc.so.3: cannot open shared object file"
    )
    failures = [compile_failure(f"mm/{number}.c", broken) for number in range(52)]
    error = explain(
        "".join((*failures, compile_failure("x.c", "x.c:1:1: error: no"), END)), sources
    )
    assert error.what.splitlines() == [
        "the compiler refused 53 files",
        broken,
        "(the same for 51 more)",
        "out/x.c:1:1: error: no",
    ]


def test_a_users_header_is_named_as_it_lies(here: Path) -> None:
    for name in ("own.h", "far/deep.h", "far/util.c"):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).touch()
    sources = Sources(here / "out", MAP, (here / "hello.c", here / "far/util.c"), here)
    output = link_failure(
        f"{LD}./user/own.h:3: undefined reference to `a'",
        f"{LD}./user/deep.h:4: undefined reference to `b'",
    )
    assert explain(output, sources).what.splitlines()[1:] == [
        "  a  used at own.h:3",
        "  b  used at far/deep.h:4",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{standard input}: Fatal error: can't create build/obj/mm/buddy.c.o: Permission denied",
        "src/mm/buddy.c:1: fatal error: opening dependency file build/obj/mm/buddy.c.d: Permission"
        " denied",
    ],
)
def test_a_folder_of_somebody_elses_is_called_so(sources: Sources, line: str) -> None:
    error = explain(compile_failure("mm/buddy.c", line), sources)
    assert error.what.startswith("cannot write out/build/obj/mm/buddy.c.")
    assert error.what.endswith(": Permission denied")
    assert "another user" in error.hint
    assert "space" not in error.hint
