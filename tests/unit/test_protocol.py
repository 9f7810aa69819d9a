"""The protocol of kernel and boot session is defined in one place, and rendered from there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from kgen.derive import derive
from kgen.describe import Debug, Kernel
from kgen.image import Cargo
from kgen.image.iso import grub_config
from kgen.image.plan import Plan
from kgen.render import Output, Renderer, render
from kgen_qemu import protocol, words
from kgen_qemu.errors import Exit
from kgen_qemu.transcript import Transcript
from kgen_qemu.verdict import Ending, Expected, judge

ROOT = Path(__file__).resolve().parents[2]
DEFINE = re.compile(r"^#define (\w+)\s+(\S+)", re.MULTILINE)


def test_it_is_rendered_into_the_kernel() -> None:
    tree = render(derive(Kernel(debug=Debug(fail=True))), ROOT / "templates")
    (config,) = (one for one in tree.files if one.output.path == "include/generated/config.h")
    defined = dict(DEFINE.findall(config.text))
    assert int(defined["PROTO_VERSION"]) == protocol.VERSION
    assert int(defined["EXIT_PORT"], 16) == protocol.EXIT_PORT
    exits = {name: int(value, 16) for name, value in defined.items() if name.startswith("EXIT_")}
    for word, code in protocol.EXITS.items():
        assert exits[f"EXIT_{word.upper()}"] == code
    assert int(defined["CMDLINE_MAX"]) == words.MOST + 1
    options = {value for name, value in defined.items() if name.startswith("OPTION_FAIL_")}
    assert options == {f'"{name}"' for name in words.FAILURES}


def test_a_loader_leaves_as_a_kernel_does() -> None:
    refused = protocol.EXITS["refused"]
    cargo = Cargo("name", "build", b"", "", ())
    assert f"\noutb {protocol.EXIT_PORT:#x} {refused:#x}\n" in grub_config(cargo)
    plan = Plan("", "", 0, "", (), (), exit_port=0xAB, exit_refused=0xCD)
    output = Output("loader.h", "loader/loader.h.j2")
    header = Renderer(ROOT / "templates", {"plan": plan}).render(output)
    assert Plan.exit_port == protocol.EXIT_PORT
    assert Plan.exit_refused == refused
    defined = dict(DEFINE.findall(header.text))
    assert (defined["EXIT_PORT"], defined["EXIT_REFUSED"]) == ("0xab", "0xcd")


@pytest.mark.parametrize(
    ("word", "name", "code"),
    [
        ("panic", "panic", Exit.PANIC),
        ("refused", "panic", Exit.PANIC),
        ("pass", "protocol", Exit.PROTOCOL),
        ("fail", "protocol", Exit.PROTOCOL),
    ],
)
def test_the_judge_reads_the_same_codes(word: str, name: str, code: Exit) -> None:
    """A kernel that leaves without a word: only its code says how it ended."""
    status = 2 * protocol.EXITS[word] + 1
    assert protocol.STATUS[status] == word
    found = judge(Transcript(), Ending(status), Expected(("one",)))
    assert (found.name, found.exit_code) == (name, code)


@pytest.mark.parametrize(
    ("folders", "pattern", "home"),
    [
        (("qemu", "generator", "templates"), r"\b0xf4\b", "qemu/kgen_qemu/protocol.py"),
        (("templates",), r'option\("fail\.', ""),
        (("templates",), r"define\s+CMDLINE_MAX", "templates/include/generated/config.h.j2"),
        (("qemu", "generator", "templates"), r"\b(?:33|35|37|39)\b: ", ""),
    ],
)
def test_it_is_written_nowhere_else(folders: tuple[str, ...], pattern: str, home: str) -> None:
    found = set()
    for folder in folders:
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in (".py", ".c", ".h", ".S", ".j2"):
                text = path.read_text(encoding="utf-8")
                if re.search(pattern, text, re.IGNORECASE):
                    found.add(str(path.relative_to(ROOT)))
    assert found == {home} - {""}
