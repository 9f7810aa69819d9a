"""Four habits that make sentences hard to read are refused in comments, documents and messages.

1. An indefinite clause as the subject: "What is unmapped waits for a flush". A noun comes first:
   "Unmapped pages wait for a flush". A question, a heading ("What it costs") and a condition
   ("Where it is off, nothing is compiled in") are no such sentences.
2. "none" as a predicate: "an address that is none". Write "invalid", "not an address".
3. "behind" for "after", "past the end", "one past the last".
4. Passives of other languages: "memory is had back", "the two are told apart", "said of a kernel".
   Write "reclaimed", "distinguished", "reported". (A compiler may be told something.)

No parser of English is at work here: a clause as the subject is noticed by its second finite verb.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

FOLDERS = ("templates", "generator", "qemu", "docs", "scripts", "tests", "benchmarks", "examples")
DOCUMENTS = ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md", "Makefile")

EXEMPT = {Path(__file__).relative_to(ROOT).as_posix()}
"""This file quotes what it refuses."""

ALLOWED = (
    # To leave something behind is to leave it when going away.
    r"\b(?:leave|leaves|leaving|left)\b[^.;:]{0,40}? behind\b",
    # A network's mirror or proxy stands between a machine and the rest.
    r"\bbehind (?:a|any|the) (?:mirror|proxy|firewall)\b",
)

# --- the sentences of a file ---------------------------------------------------------


@dataclass(frozen=True)
class Text:
    """A comment, a string, or a paragraph; ``line`` is its first."""

    line: int
    words: str


C_TEXT = re.compile(r'/\*(.*?)\*/|//(?!%)([^\n]*)|"((?:[^"\\\n]|\\.)*)"|\{#(.*?)#\}', re.DOTALL)
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def of_c(source: str) -> Iterator[Text]:
    """Comments and strings of C, assembly and templates of them."""
    for match in C_TEXT.finditer(source):
        words = next(group for group in match.groups() if group is not None)
        words = re.sub(r"^[ \t]*\* ?", "", words, flags=re.MULTILINE)
        yield from paragraphs(words, source.count("\n", 0, match.start()) + 1)


def of_shell(source: str) -> Iterator[Text]:
    """Comments that begin with #, those of neighbouring lines together."""
    kept = [
        match[1] if (match := re.match(r"\s*#(?!!|%)\s?(.*)", line)) else ""
        for line in source.split("\n")
    ]
    yield from paragraphs("\n".join(kept), 1)


def of_markdown(source: str) -> Iterator[Text]:
    """Paragraphs, items of lists, headings and cells of tables, without blocks of code."""
    source = FENCE.sub(lambda match: "\n" * match[0].count("\n"), source)
    yield from paragraphs(re.sub(r"\*\*", "", source), 1)


def of_python(source: str) -> Iterator[Text]:
    """Comments, and strings as their parts were joined."""
    kept = [""] * (source.count("\n") + 1)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            kept[token.start[0] - 1] = token.string.lstrip("#! ")
    yield from paragraphs("\n".join(kept), 1)
    within: set[ast.AST] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            within |= set(ast.walk(node))
            parts = [
                str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values
            ]
            yield from paragraphs("".join(parts), node.lineno)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in within:
            yield from paragraphs(node.value, node.lineno)


READERS = {
    **dict.fromkeys((".c", ".h", ".S", ".ld", ".j2"), of_c),
    **dict.fromkeys((".sh", ".toml", ".yml", "Makefile"), of_shell),
    ".md": of_markdown,
    ".py": of_python,
}


def paragraphs(words: str, line: int) -> Iterator[Text]:
    """Parts of ``words``, which begins at ``line``, that empty lines, bullets or cells divide."""
    start, part = line, ""
    for number, row in enumerate(words.split("\n"), line):
        begins = re.match(r"\s*(?:[-*|]|#+|\d+\.) ", row)
        if (begins or not row.strip()) and part:
            yield Text(start, part)
            part = ""
        cells = re.split(r"(?<!\\)\|", row) if row.lstrip().startswith("|") else [row]
        for cell in cells[:-1]:
            yield Text(number, cell.strip())
        plain = re.sub(r"^\s*(?:[-*]|#+|\d+\.) ", "", cells[-1]).strip()
        if plain and not part:
            start = number
        part = f"{part} {plain}".strip()
    if part:
        yield Text(start, part)


# --- the three habits ------------------------------------------------------------------

VERB = (
    r"(?:is|are|was|were|has|have|had|does|do|did|can|cannot|may|might|must|will|would|should|could"
    r"|isn't|aren't|wasn't|can't|won't|doesn't|don't|needn't|needs|waits|comes|goes|gets|lies|lets"
    r"|meets|says|speaks|takes|gives|looks|writes|stays|stands|fails|holds|makes|keeps|asks|knows"
    r"|becomes|follows|depends|belongs|remains|means|decides|applies|survives|greps|falls|leads"
    r"|begins|changes|finds|reads|sees|pays|tells|works|wants|forgets|frees|allocates|serves|fits"
    r"|costs|counts|ends|starts|uses|calls|shows|leaves|returns|reaches|appears|misses|lacks|wins"
    r"|names|prints|passes|merges|maps|exceeds|differs|publishes|touches"
    r"|(?<!is )(?<!are )(?<!was )(?<!were )(?<!be )(?<!been )(?:expected|allocated|freed|asked))"
)
SENTENCE = re.compile(
    r"(?:^|(?<=[.!?:;] )|(?<=[(\"]))((?:What|Who|Whose|Where|Which)(?:ever)?\b.*?)"
    r"(?=[.:;!?](?:[ \")]|$)|$)"
)
FIRST = re.compile(rf"^(What|Who|Whatever|Whoever) (?!{VERB}\b)\w+(?:s|ed)\b")
"""A verb or a noun; with a verb after it, either is a clause."""
SUBORDINATE = re.compile(
    rf"\b(?:(?:that|which|who|whom|whose|when|if|where|while|unless|until|because|what)"
    rf"(?: (?!{VERB}\b)[\w'-]+){{0,4}}|as(?: [\w'-]+)?) {VERB}\b(?: (?:not|be|been) )?"
)
CONDITION = re.compile(rf"^(?:Where|Wherever|Whatever|Whichever)\b([^,]*), (?!{VERB}\b)\w")


def verbs(clause: str) -> int:
    """Finite verbs of ``clause``, without those of clauses within."""
    return len(re.findall(rf"\b{VERB}\b", SUBORDINATE.sub(" ", FIRST.sub(r"\1 is", clause))))


def clause_as_subject(words: str) -> Iterator[int]:
    for match in SENTENCE.finditer(words):
        condition = CONDITION.match(match[1])
        if words[match.end() :].startswith("?") or (condition and verbs(condition[1]) < 2):
            continue
        if verbs(match[1]) > 1:
            yield match.start(1)


NONE = re.compile(
    r"(?<!here )(?<!here may )(?<!here can )(?<!here must )(?<!here should )"
    r"\b(?:is|are|was|were|be|been|being) none\b(?! of\b)"
)
BEHIND = re.compile(r"\bbehind\b", re.IGNORECASE)
CALQUE = re.compile(
    r"\b(?:had back|told apart|told of|last words)\b"
    r"|\b(?:is|are|was|were|be|been) (?:had|said)\b",
    re.IGNORECASE,
)


def none_as_predicate(words: str) -> Iterator[int]:
    yield from (match.start() for match in NONE.finditer(words))


def behind(words: str) -> Iterator[int]:
    yield from (match.start() for match in BEHIND.finditer(words))


def calque(words: str) -> Iterator[int]:
    yield from (match.start() for match in CALQUE.finditer(words))


HABITS = {
    "a clause as the subject: put a noun first": clause_as_subject,
    "none as a predicate: invalid, or not one": none_as_predicate,
    "behind: write after, or past the end": behind,
    "a calqued passive: reported, reclaimed, distinguished": calque,
}


def hits(habit: str, words: str) -> list[int]:
    """Where the habit shows in ``words``, without code and idioms."""
    words = re.sub(r"``.*?``|`[^`]*`", lambda code: "x" * len(code[0]), words)
    for allowed in ALLOWED:
        words = re.sub(allowed, lambda idiom: "x" * len(idiom[0]), words, flags=re.IGNORECASE)
    return list(HABITS[habit](words))


def files(root: Path) -> Iterator[Path]:
    """The files below ``root`` that this test reads."""
    found = [root / name for name in DOCUMENTS]
    for folder in FOLDERS:
        found += sorted((root / folder).rglob("*"))
    for path in found:
        name = path.relative_to(root).as_posix()
        if (path.suffix or path.name) in READERS and path.is_file() and name not in EXEMPT:
            yield path


def texts(name: str, source: str) -> Iterator[Text]:
    """The texts of a file of this name."""
    yield from READERS[Path(name).suffix or name](source)


def findings(root: Path) -> Iterator[tuple[str, str]]:
    """Each habit in the tree below ``root``, and ``file:line: words`` of where it shows."""
    for path in files(root):
        name = path.relative_to(root).as_posix()
        for text in texts(path.name, path.read_text(encoding="utf-8")):
            for habit in HABITS:
                for at in hits(habit, text.words):
                    yield habit, f"{name}:{text.line}: {text.words[at : at + 90]}"


@cache
def found_here() -> tuple[tuple[str, str], ...]:
    return tuple(findings(ROOT))


@pytest.mark.parametrize("habit", HABITS)
def test_sentences_are_plain(habit: str) -> None:
    found = [place for kind, place in found_here() if kind == habit]
    assert not found, f"{len(found)} times {habit}\n" + "\n".join(found)


BAD = {
    "a clause as the subject: put a noun first": (
        "Where the free blocks of an order are, is the index's business: add, remove, take one.",
        "Where the free blocks of an order are says one of two indexes, linked lists or bitmaps.",
        "Whose a pointer is, is asked from the outside in: the page map knows it.",
        "It speaks for all below it. Who needs those lets it hand down what it knows.",
        "The ring is full. What is unmapped waits for a flush.",
        "What exceeds an int counts as the largest one.",
        "What a test expected does not count while requests fail.",
        "Who mistypes an option would see a boot that passes.",
        "Which files a kernel has is one table, CONDITIONS.",
        "Whoever would fail calls reclaim() until its request succeeds.",
        "What tests print, in whatever form, is never believed.",
        "What fails is shrunk.",
    ),
    "none as a predicate: invalid, or not one": (
        "Exit 0 takes every part; QEMU's status 0 is none, as a triple fault gives it.",
        "so a header that was copied elsewhere, or whose size was changed, is none.",
        "a byte of the map is none, or a block is not aligned",
        "false at the end or at what is none",
        "Instructions that a 386 lacks, and bytes that are none.",
    ),
    "behind: write after, or past the end": (
        'One behind the word "from" is a return address and gets the line of the call.',
        "the page behind the mapping",
        "Behind each mapping is a guard.",
    ),
    "a calqued passive: reported, reclaimed, distinguished": (
        "Memory is had back under pressure anyway, so the limit is gone.",
        "... are had by whoever needs them before anyone is told that there are none.",
        "bytes: sizes are told apart so finely",
        "A tier's last words.",
        "What is said of a kernel whose sources changed.",
    ),
}
GOOD = (
    "A separate index records which blocks of each order are free.",
    "Unmapped pages wait for a flush.",
    "What a boot leaves in its folder.",
    "What does a 386 do with it?",
    "What it proves, and what not",
    "Where all is off, none of this is compiled in.",
    "Whatever a loader says, the kernel passes.",
    "the address, or 0 if there is none",
    "There may be none. Three segments, none of them writable; they are none of our business.",
    "The result is None where nothing was measured.",
    "a boot leaves nothing behind; it works behind any mirror",
    "one past the last byte; pages after the end",
    "the compiler is told to use another assembler",
)


@pytest.mark.parametrize("habit", HABITS)
def test_a_habit_is_noticed(habit: str) -> None:
    missed = [words for words in BAD[habit] if not list(hits(habit, words))]
    assert missed == []


@pytest.mark.parametrize("words", GOOD)
def test_a_plain_sentence_passes(words: str) -> None:
    assert [habit for habit in HABITS if list(hits(habit, words))] == []


@pytest.mark.parametrize(
    ("name", "source", "line"),
    [
        ("a.c", "int a;\n/*\n * First.\n *\n * What is\n * wrong waits.\n */\n", 5),
        ("a.c", '\tpanic("%s: what is none: pages that are none", name);\n', 1),
        ("a.S", "\tnop /* what lies behind it */\n", 1),
        ("a.sh", "set -e\n# The first,\n# and those behind it.\n", 2),
        ("a.md", "# Title\n\n```\nbehind\n```\n\n- One.\n- What is\n  kept goes.\n", 8),
        ("a.md", "| a | b |\n|---|---|\n| pages | those behind |\n", 3),
        ("a.py", 'x = 1\n\n\ndef f() -> None:\n    """What is kept goes."""\n', 5),
        ("a.py", 'x = 1\n# those\n# behind it\ny = f"a {x} behind"\n', 2),
        ("a.py", 'x = (\n    "those that "\n    f"are {1} "\n    "behind it"\n)\n', 2),
    ],
)
def test_every_kind_of_file_is_read(name: str, source: str, line: int) -> None:
    found = [text.line for text in texts(name, source) if any(hits(h, text.words) for h in HABITS)]
    assert found[:1] == [line]


def test_the_whole_tree_is_read() -> None:
    read = {path.relative_to(ROOT).parts[0] for path in files(ROOT)}
    assert read == {*FOLDERS, *DOCUMENTS}
    assert len(list(files(ROOT))) > 300


if __name__ == "__main__":  # counts of any tree: python tests/unit/test_english.py [FOLDER]
    import sys

    listed = list(findings(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
    print("\n".join(f"{habit[:6]} {place}" for habit, place in listed))
    print(Counter(habit for habit, _ in listed))
