"""Each rule on headers, segments and symbols: a sound kernel keeps it, a broken one trips it."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgen import Buddy, GiB, Kernel, Layout, MiB, Ram, Zone
from kgen.derive import Derived, derive
from kgen.errors import Exit, KgenError
from kgen.verify import facts, findings, verify

from .conftest import Build


def broken(elf: Path, derived: Derived) -> set[str]:
    """Names of the rules that ``elf`` breaks."""
    return {finding.rule for finding in findings(facts(elf), derived)}


def test_a_sound_kernel_keeps_every_rule(build: Build, default: Derived) -> None:
    elf = build()
    assert findings(facts(elf), default) == []
    verify(elf, default)


HEADER = "header:\t.long\t0x1badb002"

BAD_STARTS = {
    "no magic": ({"header:\t.long\t0x1badb002": "header:\t.long\t0x1badb003"}, {"multiboot"}),
    "unaligned": ({HEADER: "\t.byte\t0\n" + HEADER, "\t.balign\t4\n": ""}, {"multiboot"}),
    "checksum": ({"-(0x1badb002 + 0x3)": "-0x1badb002"}, {"multiboot"}),
    "flags": ({"0x3": "0x2"}, {"multiboot"}),
    "too far": ({HEADER: "\t.skip\t4096\n" + HEADER}, {"multiboot"}),
    "orphan": ({"\t.data\n": '\t.section .odd, "aw"\n\t.long 1\n\t.data\n'}, {"sections"}),
    "note": (
        {"\t.data\n": '\t.section .note.odd, "", @note\n\t.long 4, 0, 1, 0\n\t.data\n'},
        {"notes"},
    ),
    "no _start": ({"_start": "other"}, {"entry", "undefined"}),
}


@pytest.mark.parametrize("name", BAD_STARTS)
def test_a_bad_source_breaks_its_rule_alone(name: str, build: Build, default: Derived) -> None:
    edits, rules = BAD_STARTS[name]
    assert broken(build(start=edits), default) == rules


@pytest.mark.parametrize(
    ("section", "hint"),
    [
        (".init_array", "call the function from kernel_main()"),
        (".ctors.65535", "call the function from kernel_main()"),
        (".fini_array", "a kernel does not end"),
        (".tdata", "drop __thread"),
        (".eh_frame", "drop -fexceptions"),
        (".odd", 'drop __attribute__((section(".odd")))'),
    ],
)
def test_a_section_of_a_users_is_told_by_what_made_it(
    section: str, hint: str, build: Build
) -> None:
    """The author of a C file has no linker script to change."""
    users = derive(Kernel(sources=("hello.c",)))
    elf = build(start={"\t.data\n": f'\t.section {section}, "aw"\n\t.long 1\n\t.data\n'})
    (finding,) = findings(facts(elf), users)
    assert hint in finding.hint
    assert "templates" not in finding.hint


BAD_SCRIPTS = {
    "physical": ({"ADDR(.rodata) - KERNEL_BASE": "0x300000"}, {"load-addresses"}),
    "place": (
        {
            "_kernel_start = .;": "",
            ". = 0xc0100000;": "_kernel_start = 0xc0100000; . = 0xc0101000;",
        },
        {"load-addresses"},
    ),
    "start": ({"_kernel_start = .;": "_kernel_start = . + 4;"}, {"symbols"}),
    "entry physical": (
        {"ENTRY(_start)": "ENTRY(low)", "KERNEL_BASE = ": "low = 0x10000c;\nKERNEL_BASE = "},
        {"entry"},
    ),
    "entry in data": ({"ENTRY(_start)": "ENTRY(count)"}, {"entry"}),
    "entry elsewhere": ({"ENTRY(_start)": "ENTRY(halt)"}, {"entry"}),
    "writable code": ({"FLAGS(5)": "FLAGS(7)"}, {"write-xor-execute"}),
    "no end": ({"_end = .;": "", "_boot_mapped": "_boot_mapped"}, {"symbols"}),
    "end early": ({". += 0x10000;\n\t\t_end = .;": "_end = .; . += 0x10000;"}, {"image-end"}),
    "stack size": ({"0x4000;": "0x2000;"}, {"symbols"}),
    "directory": ({"boot_page_directory = .;": "boot_page_directory = . + 16;"}, {"symbols"}),
    "mapping": ({"0x4000000": "0x400000"}, {"boot-mapping"}),
}


@pytest.mark.parametrize("name", BAD_SCRIPTS)
def test_a_bad_linker_script_breaks_its_rule_alone(
    name: str, build: Build, default: Derived
) -> None:
    edits, rules = BAD_SCRIPTS[name]
    assert broken(build(script=edits), default) == rules


@pytest.mark.parametrize(("symbol", "why"), [("count", "no executable"), ("halt", "in halt")])
def test_an_entry_is_told_by_its_place(
    symbol: str, why: str, build: Build, default: Derived
) -> None:
    (finding,) = findings(facts(build(script={"ENTRY(_start)": f"ENTRY({symbol})"})), default)
    assert why in finding.elf


def test_an_undefined_symbol_is_refused(build: Build, default: Derived) -> None:
    assert broken(build(link=("--undefined=nobody",)), default) == {"undefined"}


def test_a_build_id_is_refused(build: Build, default: Derived) -> None:
    place = {"\t.kgen.guard 0": "\t.note.gnu.build-id : { *(.note.*) } :rodata\n\t.kgen.guard 0"}
    elf = build(script=place, link=("--build-id=sha1",))
    assert "notes" in broken(elf, default)


@pytest.mark.parametrize("option", ["--emit-relocs", "-pie"])
def test_what_is_left_to_relocate_is_refused(option: str, build: Build, default: Derived) -> None:
    assert "relocations" in broken(build(link=(option,)), default)


@pytest.mark.parametrize("option", ["-r", "-shared"])
def test_what_is_no_executable_is_reported_as_just_that(
    option: str, build: Build, default: Derived
) -> None:
    assert broken(build(link=(option,)), default) == {"identity"}


def test_a_64_bit_kernel_is_none(build: Build, default: Derived, tmp_path: Path) -> None:
    damaged = tmp_path / "wide.elf"
    damaged.write_bytes(build().read_bytes())
    with damaged.open("r+b") as file:
        file.seek(18)
        file.write((62).to_bytes(2, "little"))  # e_machine: EM_X86_64
    assert broken(damaged, default) == {"identity"}


BAD_DESCRIPTIONS = {
    "stack": (Kernel(layout=Layout(stack_size=32 * 1024)), {"symbols"}),
    "load address": (
        Kernel(layout=Layout(load_address=2 * MiB), ram=Ram(minimum=16 * MiB)),
        {"load-addresses", "symbols"},
    ),
    "base": (
        Kernel(layout=Layout(kernel_base=0x8000_0000)),
        {"load-addresses", "symbols", "image-size"},
    ),
}


@pytest.mark.parametrize("name", BAD_DESCRIPTIONS)
def test_a_kernel_for_another_description_is_refused(name: str, build: Build) -> None:
    kernel, rules = BAD_DESCRIPTIONS[name]
    assert broken(build(), derive(kernel)) == rules


def test_an_image_too_large_for_the_smallest_machine(build: Build) -> None:
    kernel = Kernel(ram=Ram(minimum=2 * MiB, maximum=16 * MiB), buddy=Buddy(max_order=8))
    tight = derive(kernel)
    elf = build(script={". += 0x10000;": f". += {tight.image_limit:#x};"})
    (finding,) = findings(facts(elf), tight)
    assert finding.rule == "image-size"
    assert finding.hint == "raise ram.minimum to 3 MiB, or build less into the kernel"
    roomy = derive(Kernel(ram=Ram(minimum=1 * GiB)))
    assert "image-size" not in broken(elf, roomy)


def test_an_image_that_no_minimum_helps(build: Build) -> None:
    """Page map and nodes of 1100 MiB take their room in the direct map."""
    zones = (Zone(name="low", limit="direct"), Zone(name="high"))
    full = derive(
        Kernel(
            ram=Ram(minimum=4 * MiB, maximum=1100 * MiB),
            layout=Layout(direct_map_limit=4 * MiB),
            buddy=Buddy(zones=zones),
        )
    )
    elf = build(script={". += 0x10000;": ". += 0x40000;", "0x4000000": "0x800000"})
    (finding,) = findings(facts(elf), full)
    assert finding.rule == "image-size"
    assert "with 1100 MiB of RAM it may take" in finding.expected
    assert finding.hint.startswith("raise layout.direct_map_limit, lower ram.maximum, or")


def test_boot_tables_that_reach_the_kernels_half(build: Build, default: Derived) -> None:
    edits = {"0x4000000);": "0x4000000 * 0x31);"}  # 3136 MiB below 0xc0000000
    assert broken(build(script=edits), default) == {"identity-map"}
    edits = {"0x4000000);": "0x4000000 * 0x30);"}
    assert broken(build(script=edits), default) == set()


def test_all_findings_come_at_once_with_both_sides(build: Build, default: Derived) -> None:
    elf = build(start={"0x3": "0x2"}, script={"FLAGS(5)": "FLAGS(7)"})
    with pytest.raises(KgenError) as caught:
        verify(elf, default)
    assert caught.value.exit_code == Exit.BUILD
    text = str(caught.value)
    assert "2 findings" in text
    assert "flags are 0x2" in text
    assert "need 0x3" in text
    assert "write-xor-execute" in text


def test_no_elf_file_is_an_error_with_a_name(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"no ELF file at all"):
        path = tmp_path / "kernel.elf"
        path.write_bytes(content)
        with pytest.raises(KgenError, match=r"kernel\.elf: no ELF file, or a damaged one"):
            facts(path)
    with pytest.raises(KgenError, match="cannot be read"):
        facts(tmp_path / "missing.elf")


def test_a_truncated_file_never_passes(build: Build, default: Derived) -> None:
    elf = build()
    whole = elf.read_bytes()
    for length in range(0, len(whole), 509):
        elf.write_bytes(whole[:length])
        with pytest.raises(KgenError) as caught:
            verify(elf, default)
        assert caught.value.exit_code == Exit.BUILD


@pytest.mark.parametrize(
    ("section", "flags", "remedy"),
    [
        (".init_array", "aw", "kernel_main()"),
        (".tdata", "awT", "__thread"),
        (".mine", "aw", ".data.NAME"),
    ],
)
def test_a_users_section_is_told_in_the_users_terms(
    section: str, flags: str, remedy: str, build: Build
) -> None:
    derived = derive(Kernel(sources=("hello.c",)))
    elf = build(append=f'\n\t.section {section}, "{flags}"\n\t.long 1\n')
    (finding,) = findings(facts(elf), derived)
    assert remedy in str(finding)
    assert "templates/" not in str(finding)
