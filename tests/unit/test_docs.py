"""The documents say what is: links lead somewhere, commands parse, defaults are the models'.

A document cannot be run as a whole, but much of what goes stale in one can be held against the
thing itself: every relative link and every path between backticks, every ``kgen`` command in a
code block, and each row of the reference of descriptions.
"""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from annotated_types import Le

from kgen.cli import app
from kgen.derive import STAGES
from kgen.describe import Debug, Kernel, Memblock, Zone
from kgen.errors import Exit
from kgen.reference import reference
from kgen_qemu.errors import Exit as SessionExit
from kgen_qemu.maps import MOST_ENTRIES
from kgen_qemu.request import MOST_MODULES

ROOT = Path(__file__).resolve().parents[2]

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE_BLOCK = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE_WORD = re.compile(r"`([^`\n]+)`")
ROW = re.compile(r"^\| `([A-Za-z_.]+)` \|([^|\n]*)\|([^|\n]*)\|", re.MULTILINE)
FOLDERS = "generator|qemu|templates|tests|docs|examples|benchmarks|scripts|kernel_out"


def documents() -> list[str]:
    """Every document under version control."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\0") if (ROOT / name).is_file()]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def prose(name: str) -> str:
    """A document without its code blocks."""
    return CODE_BLOCK.sub("", read(name))


def anchors(path: Path) -> set[str]:
    """What ``#…`` may follow a link to this document, by GitHub's rule for headings."""
    headings = re.findall(r"^#+ (.*)$", CODE_BLOCK.sub("", path.read_text("utf-8")), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}


# --- links and paths --------------------------------------------------------------


@pytest.mark.parametrize("name", documents())
def test_links_lead_somewhere(name: str) -> None:
    broken = []
    for link in LINK.findall(prose(name)):
        target, _, anchor = link.partition("#")
        if "://" in target:
            continue
        path = (ROOT / name).parent / target if target else ROOT / name
        if not path.exists() or (anchor and anchor not in anchors(path)):
            broken.append(link)
    assert broken == []


def named_paths(name: str) -> Iterator[str]:
    """Words between backticks that begin like a path in the repository."""
    for word in CODE_WORD.findall(prose(name)):
        if re.fullmatch(rf"(?:{FOLDERS})/[\w./-]*", word):
            yield word


def is_made(path: str) -> bool:
    """Whether a build makes it, so that a fresh clone lacks it."""
    return re.match(r"kernel_out/(?!README)", path) is not None


@pytest.mark.parametrize("name", documents())
def test_paths_exist(name: str) -> None:
    gone = [path for path in named_paths(name) if not is_made(path) and not (ROOT / path).exists()]
    assert gone == []


# --- commands -----------------------------------------------------------------------


def commands(name: str) -> list[list[str]]:
    """The words of every ``kgen`` command in the document, in code blocks and between backticks."""
    lines = [word for word in CODE_WORD.findall(prose(name)) if word.startswith("kgen ")]
    for block in CODE_BLOCK.findall(read(name)):
        lines += block.replace("\\\n", " ").splitlines()
    found = []
    for line in lines:
        if re.match(r"(?:\$ )?(?:\.venv/bin/)?kgen \w", line):
            found += split(line.removeprefix("$ "))
    return found


def split(line: str) -> list[list[str]]:
    """The ``kgen`` commands in a line of shell: ``kgen build && kgen boot | head > log``."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    parts: list[list[str]] = [[]]
    for word in lexer:
        if set(word) <= set("&|;<>"):
            parts.append([])
        else:
            parts[-1].append(word)
    return [words for words in parts if words and words[0].endswith("kgen")]


def parse(words: list[str]) -> None:
    """Parse a command as kgen would, and run nothing; click's error if it does not parse."""
    _, verb, *arguments = words
    command = app.commands[verb]
    if arguments:  # else the text speaks of the verb as such
        command.make_context(verb, arguments)


def test_readme_shows_commands() -> None:
    assert len(commands("README.md")) > 5


@pytest.mark.parametrize("name", documents())
def test_commands_parse(name: str) -> None:
    for command in commands(name):
        try:
            parse(command)
        except (click.ClickException, KeyError) as error:
            pytest.fail(f"{name}: `{' '.join(command)}`: {error}", pytrace=False)


@pytest.mark.parametrize("command", ["kgen boot --mem 64M", "kgen bild", "kgen build a b"])
def test_a_wrong_command_does_not_parse(command: str) -> None:
    with pytest.raises((click.ClickException, KeyError)):
        parse(command.split())


def test_descriptions_named_in_commands_exist() -> None:
    named = {
        word
        for name in documents()
        for command in commands(name)
        for word in command
        if word.startswith("examples/")
    }
    assert named
    assert [word for word in sorted(named) if not (ROOT / word).is_file()] == []


# --- the reference of descriptions ------------------------------------------------------


def models_rows() -> dict[str, tuple[str, str]]:
    """Path → (default, meaning) of every field, as ``kgen describe`` shows them."""
    rows = {}
    for line in reference(Kernel()):
        field = re.match(r" {2}([a-z_.]+) = (.*?) {2,}(\S.*)$", line)
        if field:
            rows[field[1]] = (field[2].strip(), field[3])
    for name, info in Zone.model_fields.items():
        rows[f"Zone.{name}"] = (str(info.default), info.description or "")
    return rows


def documented_rows() -> dict[str, tuple[str, str]]:
    """The same, as docs/description.md has them."""
    rows = ROW.findall(read("docs/description.md"))
    return {path: (default.strip().strip("`"), meaning.strip()) for path, default, meaning in rows}


def test_every_field_is_documented_as_it_is() -> None:
    models, documented = models_rows(), documented_rows()
    zones = models.pop("buddy.zones")
    assert len(models) > 20
    assert documented.pop("buddy.zones") == ("3 zones", zones[1])
    assert documented == models


# --- the serial protocol ------------------------------------------------------------------


def said_by_templates(pattern: str) -> set[str]:
    """What ``pattern`` finds in the kernel's C, with every format and placeholder as ``*``."""
    sources = sorted((ROOT / "templates").rglob("*.c"))
    found = (word for path in sources for word in re.findall(pattern, path.read_text()))
    return {re.sub(r"%\w+", "*", word) for word in found}


def documented_words(heading: str) -> set[str]:
    """First column of the table below ``heading`` in ARCHITECTURE, placeholders as ``*``."""
    _, _, below = read("ARCHITECTURE.md").partition(f"\n{heading}\n")
    section = re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]
    return {re.sub(r"[A-Z]+", "*", word) for word in re.findall(r"^\| `(.+?)` \|", section, re.M)}


def test_every_counter_is_documented() -> None:
    counters = said_by_templates(r'kgen_stat\([^"{]*"([^"]+)"')
    assert len(counters) > 10
    assert documented_words("### Counters") == counters


def test_every_machine_line_is_documented() -> None:
    lines = said_by_templates(r'kgen_line\("([a-z]+)')
    assert len(lines) > 5
    assert documented_words("## Serial protocol, version 1") == lines


# --- what a kernel says -----------------------------------------------------------------


def test_messages_about_misuse_are_what_boots_say() -> None:
    """Each panic that the page on debugging shows is one that a boot test expects."""
    from tests.boot.test_alloc_faults import MISUSES, REQUESTS

    patterns = [misuse.message for misuse in MISUSES]
    patterns += [line for request in REQUESTS for line in request.lines]
    blocks = "".join(CODE_BLOCK.findall(read("docs/debugging.md")))
    shown = [line for line in blocks.splitlines() if re.match(r"\w+\(|free memory", line)]
    assert len(shown) > 15
    assert [line for line in shown if not any(re.fullmatch(one, line) for one in patterns)] == []


def test_every_detector_is_explained() -> None:
    headings = re.findall(r"^### `debug\.(\w+)`$", read("docs/debugging.md"), re.MULTILINE)
    assert headings == list(Debug.model_fields)


# --- tables that repeat what code says ----------------------------------------------


def test_exit_codes_of_the_readme_are_the_contracts() -> None:
    rows = re.findall(r"^\| (\d+) \| ([a-z]+)", read("README.md"), re.MULTILINE)
    assert sorted(int(number) for number, _ in rows) == sorted(Exit)


def test_boot_sessions_exit_codes_are_the_contracts() -> None:
    """kgen_qemu imports nothing of kgen, so it numbers them once more."""
    assert {code.name: code.value for code in SessionExit}.items() <= {
        code.name: code.value for code in Exit
    }.items()


@pytest.mark.parametrize(
    ("field", "most"), [("map_entries", MOST_ENTRIES), ("modules", MOST_MODULES)]
)
def test_boot_sessions_limits_are_the_descriptions(field: str, most: int) -> None:
    (bound,) = (item.le for item in Memblock.model_fields[field].metadata if isinstance(item, Le))
    assert bound == most


def test_readme_tours_every_stage() -> None:
    text = read("README.md")
    assert [stage for stage in STAGES if f"`{stage}`" not in text] == []


def test_changelog_has_the_version() -> None:
    import kgen

    assert f"## [{kgen.__version__}]" in read("CHANGELOG.md")


def test_every_decision_is_listed() -> None:
    pages = sorted(path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md"))
    listed = re.findall(r"\(([0-9]{4}-[\w-]+\.md)\)", read("docs/decisions/README.md"))
    assert pages
    assert pages == listed
