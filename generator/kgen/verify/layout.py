"""The rules on headers, segments, sections and symbols: one function each."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from kgen import footprint
from kgen.derive import Derived
from kgen.describe import Kernel
from kgen.units import PAGE_SIZE, KiB, show_address, show_size
from kgen.verify.facts import GUARD_SECTION, MULTIBOOT_SEARCH, Facts, Section
from kgen.verify.finding import Finding, Rule

MULTIBOOT_MAGIC = 0x1BADB002
MULTIBOOT_FLAGS = 0x3
"""PAGE_ALIGN (modules start on pages) and MEMORY_INFO (a memory map is asked for)."""

_HEADER = struct.Struct("<III")  # magic, flags, checksum

SECTIONS = frozenset(
    f".multiboot .text .rodata .data .bss {GUARD_SECTION} .symtab .strtab .shstrtab".split()
)
"""Every section that templates/linker/kernel.ld.j2 makes, besides ``.debug_*``."""

SEGMENTS = frozenset(("PT_LOAD", "PT_GNU_STACK"))
"""The program headers that a kernel has. GNU_STACK is a wish to the loader that none reads."""

RELOCATIONS = frozenset(("SHT_REL", "SHT_RELA", "SHT_RELR", "SHT_DYNAMIC", "SHT_DYNSYM"))

PAGE_ALIGNED = ("boot_page_directory", "boot_page_tables", "fixmap_table", "boot_stack")
"""Symbols of what the CPU or the page tables address by page."""


def identity(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """ELF32, little-endian, i386, executable: all that a Multiboot loader accepts."""
    found = (facts.bits, facts.little_endian, facts.machine, facts.kind)
    if found != (32, True, "EM_386", "ET_EXEC"):
        order = "little" if facts.little_endian else "big"
        yield Finding(
            "identity",
            f"it is ELF{facts.bits}, {order}-endian, {facts.machine}, {facts.kind}",
            "a Multiboot kernel is ELF32, little-endian, EM_386, ET_EXEC",
            "compile with -m32, link with -m elf_i386, not -r, -shared or -pie",
        )


def multiboot(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """A valid Multiboot 1 header, whole and 4-aligned, in the first 8 KiB of the file."""
    last = min(len(facts.head), MULTIBOOT_SEARCH) - _HEADER.size
    words = (_HEADER.unpack_from(facts.head, at) for at in range(0, last + 1, 4))
    headers = [header for header in words if header[0] == MULTIBOOT_MAGIC]
    if not headers:
        yield Finding(
            "multiboot",
            f"no 4-aligned {MULTIBOOT_MAGIC:#x} stands in the first 8 KiB of the file",
            "a loader looks for the header nowhere else",
            "keep .multiboot first in the linker script, inside KEEP(), and aligned to 4",
        )
        return
    valid = [header for header in headers if sum(header) % (1 << 32) == 0]
    if not valid:
        _, flags, checksum = headers[0]
        yield Finding(
            "multiboot",
            f"the header's checksum is {checksum:#010x}",
            f"magic, flags and checksum add up to 0, which takes "
            f"{-(MULTIBOOT_MAGIC + flags) % (1 << 32):#010x}",
            "write it as -(MAGIC + FLAGS)",
        )
    elif valid[0][1] != MULTIBOOT_FLAGS:
        yield Finding(
            "multiboot",
            f"the header's flags are {valid[0][1]:#x}",
            f"kgen's kernels need {MULTIBOOT_FLAGS:#x}: modules on pages, and a memory map",
            "mend the header in templates/boot",
        )


def load_addresses(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Each segment's physical address is its virtual one minus kernel_base; the first is right."""
    base, load = derived.kernel.layout.kernel_base, derived.kernel.layout.load_address
    for segment in facts.loads:
        if segment.paddr != segment.vaddr - base:
            yield Finding(
                "load-addresses",
                f"the segment at {show_address(segment.vaddr)} is loaded at physical "
                f"{show_address(segment.paddr)}",
                f"layout.kernel_base {show_address(base)} puts it at "
                f"{show_address(segment.vaddr - base)}",
                "give its sections AT(ADDR(…) - KERNEL_BASE) in the linker script",
            )
    first = min((segment.paddr for segment in facts.loads), default=None)
    if first != load:
        yield Finding(
            "load-addresses",
            "nothing is loaded" if first is None else f"the image begins at {show_address(first)}",
            f"layout.load_address is {show_address(load)}",
            "begin the linker script at kernel_base + load_address, with nothing in front",
        )


def sections(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Only the sections that the linker script names: an orphan is placed where ld likes."""
    for section in facts.sections:
        known = section.name in SECTIONS or section.name.startswith(".debug_")
        if not known and not _is_note(section) and section.kind not in RELOCATIONS:
            yield Finding(
                "sections",
                f"there is a section {section.name!r} of {show_size(section.size)} at "
                f"{show_address(section.address)}",
                "the linker script does not name it, so ld put it anywhere",
                _section_hint(section.name, derived),
            )


_FROM_C = (
    (
        ("init_array", "ctors", "preinit_array"),
        "nobody calls constructors here: drop the "
        "attribute, and call the function from kernel_main()",
    ),
    (
        ("fini_array", "dtors"),
        "nobody calls destructors here: drop the attribute; a kernel does not end",
    ),
    (("tbss", "tdata"), "there are no threads: drop __thread or _Thread_local"),
    (
        ("eh_frame", "gcc_except_table"),
        "nobody unwinds the stack here: drop -fexceptions and its like",
    ),
)
"""Sections by what in C, or in an option, makes them, and what to do about it."""


def _section_hint(name: str, derived: Derived) -> str:
    """The hint for a user's C file, or for the linker script if a template is at fault."""
    kind = name.lstrip(".").split(".")[0]
    for kinds, text in _FROM_C:
        if kind in kinds:
            return text
    if derived.kernel.sources:
        return (
            f'drop __attribute__((section("{name}"))), or .section {name} in assembly, or name '
            "yours .text.NAME, .rodata.NAME, .data.NAME or .bss.NAME, which the script gathers"
        )
    return (
        "keep code and data in .text, .rodata, .data and .bss, or name it in "
        "templates/linker/kernel.ld.j2 and kgen.verify.layout.SECTIONS"
    )


def notes(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """No note: a build-id becomes a segment of its own in front of .text and shifts it."""
    for section in facts.sections:
        if _is_note(section):
            yield Finding(
                "notes",
                f"there is a note {section.name!r} at {show_address(section.address)}",
                "a kernel carries none; it would be loaded, too, and shift what follows",
                "link with --build-id=none; discard .note and .note.* in the linker script",
            )


def _is_note(section: Section) -> bool:
    return section.kind == "SHT_NOTE" or section.name.startswith(".note")


def relocations(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Nothing is left to relocate or to link at run time: nobody would do it."""
    left = [section.name for section in facts.sections if section.kind in RELOCATIONS]
    known = SEGMENTS | {"PT_TLS"}  # the rule on sections reports its sections
    left += [segment.kind for segment in facts.segments if segment.kind not in known]
    for name in left:
        yield Finding(
            "relocations",
            f"there is {name}",
            "no loader relocates a kernel or links it dynamically",
            "compile with -fno-pic -fno-pie, link static and without --emit-relocs",
        )


def undefined(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Every symbol is defined."""
    for symbol in facts.symbols:
        if not symbol.defined:
            yield Finding(
                "undefined",
                f"the symbol {symbol.name!r} is used and not defined",
                "a kernel has no library to find it in",
                "define it, or link without asking for it",
            )


def write_xor_execute(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """No segment is both writable and executable."""
    for segment in facts.loads:
        if segment.writable and segment.executable:
            yield Finding(
                "write-xor-execute",
                f"the segment at {show_address(segment.vaddr)} is writable and executable",
                "data that can be executed turns an overrun into code",
                "give code and data segments of their own: PHDRS in the linker script",
            )


def entry(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """The entry point is ``_start``, inside an executable segment, by its virtual address."""
    inside = any(load.executable and load.vaddr <= facts.entry < load.end for load in facts.loads)
    if not inside:
        yield Finding(
            "entry",
            f"the entry point is {show_address(facts.entry)}, in no executable segment",
            "GRUB refuses that, even where it is the right physical address",
            "ENTRY(_start) in the linker script, with _start in .text at its virtual address",
        )
    elif facts.entry != facts.address_of("_start"):
        yield Finding(
            "entry",
            f"the entry point is {show_address(facts.entry)}, in {facts.function_at(facts.entry)}",
            "the loader must jump to _start",
            "ENTRY(_start) in the linker script; see that _start is global",
        )


def symbols(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """The image's landmarks are where the description predicted them."""
    layout = derived.kernel.layout
    for name in ("_kernel_start", "_end", "_boot_mapped_end", "boot_stack_top", *PAGE_ALIGNED):
        if facts.address_of(name) is None:
            yield Finding(
                "symbols",
                f"nothing defines {name}",
                "the kernel's start-up and this verifier rely on it",
                "define it in templates/linker/kernel.ld.j2",
            )
    start = facts.address_of("_kernel_start")
    if start is not None and start != derived.kernel_start:
        yield Finding(
            "symbols",
            f"_kernel_start is {show_address(start)}",
            f"layout.kernel_base + layout.load_address is {show_address(derived.kernel_start)}",
            "begin the linker script there",
        )
    for name in PAGE_ALIGNED:
        address = facts.address_of(name)
        if address is not None and address % PAGE_SIZE:
            yield Finding(
                "symbols",
                f"{name} is {show_address(address)}",
                "it must start on a page, a multiple of 4 KiB",
                "put . = ALIGN(4096) in front of it",
            )
    stack, top = facts.address_of("boot_stack"), facts.address_of("boot_stack_top")
    if stack is not None and top is not None and top - stack != layout.stack_size:
        yield Finding(
            "symbols",
            f"from boot_stack to boot_stack_top there are {show_size(top - stack)}",
            f"layout.stack_size is {show_size(layout.stack_size)}",
            "reserve that much between them",
        )


def image_end(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """Nothing is loaded past ``_end``, from where memory is handed out."""
    end = facts.address_of("_end")
    past = [load for load in facts.loads if end is not None and load.end > end]
    for load in past:
        yield Finding(
            "image-end",
            f"the segment at {show_address(load.vaddr)} reaches {show_address(load.end)}",
            f"_end is {show_address(end or 0)}, and memblock hands out what lies past it",
            "define _end after everything in the linker script",
        )


def image_size(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """The image leaves room for the allocators' data on every machine admitted."""
    end, kernel = facts.address_of("_end"), derived.kernel
    image = 0 if end is None else end - derived.kernel_start
    if image > derived.image_limit:
        tight = footprint.tightest(kernel)
        yield Finding(
            "image-size",
            f"the image takes {-(-image // KiB)} KiB",
            f"with {show_size(tight)} of RAM it may take {derived.image_limit // KiB} KiB",
            _more_room(kernel, image),
        )


def _more_room(kernel: Kernel, image: int) -> str:
    """What to change so that ``image`` bytes fit."""
    enough = footprint.sufficient_minimum(kernel, image)
    if enough is None:
        return "raise layout.direct_map_limit, lower ram.maximum, or build less into the kernel"
    both = ", and ram.maximum with it" if enough > kernel.ram.maximum else ""
    return f"raise ram.minimum to {show_size(enough)}{both}, or build less into the kernel"


def boot_mapping(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """The boot page tables map the image and the early data of the largest machine after it."""
    end, mapped = facts.address_of("_end"), facts.address_of("_boot_mapped_end")
    if end is None or mapped is None:
        return
    # An address just below 4 GiB may be followed by 0: the mapping then ends at 4 GiB.
    if (mapped - derived.kernel_start) % (
        1 << 32
    ) < end + derived.early_bytes - derived.kernel_start:
        yield Finding(
            "boot-mapping",
            f"the boot page tables map up to {show_address(mapped)}",
            f"past _end ({show_address(end)}), early data takes up to "
            f"{derived.early_bytes // KiB} KiB with ram.maximum "
            f"{show_size(derived.kernel.ram.maximum)}",
            "reserve more boot page tables in the linker script, or lower ram.maximum",
        )


def identity_map(facts: Facts, derived: Derived) -> Iterator[Finding]:
    """While booting, what is mapped at its physical address ends below the kernel's half."""
    mapped, base = facts.address_of("_boot_mapped_end"), derived.kernel.layout.kernel_base
    if mapped is not None and (mapped - base) % (1 << 32) > base:
        yield Finding(
            "identity-map",
            f"the boot page tables map {show_size((mapped - base) % (1 << 32))} from 0 on",
            f"layout.kernel_base is {show_address(base)}",
            "raise it, or lower layout.load_address or ram.maximum",
        )


RULES: tuple[Rule, ...] = (
    multiboot,
    load_addresses,
    sections,
    notes,
    relocations,
    undefined,
    write_xor_execute,
    entry,
    symbols,
    image_end,
    image_size,
    boot_mapping,
    identity_map,
)
"""The rules here, for an ELF whose :func:`identity` is right."""
