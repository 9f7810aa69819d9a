"""What gcc and ld print, in terms of what a person can change.

The compiler speaks of rendered files. Each of its places is followed by the template's line, from
the source map; places in the user's own files stay as they are. The linker speaks of symbols and
sizes: those that have a known cause become the name of what to change.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgen.build import missing
from kgen.errors import Exit, KgenError
from kgen.files import exists, shown

_PLACE = re.compile(
    r"^(?:[^\s:]+\.o:)?"  # ld names the object before a place in data
    r"(?P<file>[^\s:][^:\n]*):(?P<line>\d+)(?P<column>:\d+)?:"
    r"(?:\([^()\s]+\+0x[0-9a-f]+\):)? (?P<text>.*)$"  # ld 2.44: (.text+0x1):
)
_INCLUDED = re.compile(r"(?P<before>(?:In file included |\s+)from )(?P<file>[^:\n]+):(?P<line>\d+)")
_WITHIN = re.compile(r"^(?P<file>[^\s:][^:\n]*)(?=: (?:In function|At top level|in function))")
_FAILED = re.compile(r"^FAILED: (?:\[code=\d+\] )?(?P<output>\S+)")
_UNDEFINED = re.compile(r"undefined reference to [`'](?P<symbol>[^`']+)'")
_DOUBLE = re.compile(r"multiple definition of [`'](?P<symbol>[^`']+)'")
_OVERFLOW = re.compile(r"region [`'](?P<region>[^`']+)' overflowed by (?P<bytes>\d+) bytes?")
_LINKER = re.compile(r"^\S*\bld(?:\.bfd)?: ")
_PROGRAMS = "build/programs/"
_OWN = re.compile(r"\bkgen: (?P<text>.+?)\s*$")
_NO_SPACE = "No space left on device"
_NO_ACCESS = re.compile(
    r"(?:can't create|can't open|opening dependency file|cannot open output file) "
    r"(?P<file>build/[^:\n]+): "
    r"(?P<why>Permission denied|Operation not permitted|Read-only file system)"
)


@dataclass(frozen=True)
class Sources:
    """Where the compiler's places come from: the output folder, the map, the user's files.

    ``folder`` is the description's, from which headers are included, too; ``cpu`` the oldest
    processor that it admits; ``programs`` are the files of the user's programs.
    """

    root: Path
    source_map: Mapping[str, Mapping[str, Any]]
    users: Sequence[Path] = ()
    folder: Path | None = None
    cpu: str = "386"
    programs: Sequence[Path] = ()

    def place(self, file: str, line: int, column: str = "") -> str:
        """``kernel_out/src/mm/buddy.c:12``, and the template's line if it is a rendered file."""
        name = Path(file).as_posix()
        text = f"{shown(self._path(name))}:{line}{column}"
        template = self._template(name, line)
        return f"{text} ({template})" if template else text

    def file(self, file: str) -> str:
        """``kernel_out/src/mm/buddy.c`` for what the tools call ``src/mm/buddy.c``."""
        return shown(self._path(Path(file).as_posix()))

    def _path(self, name: str) -> Path:
        """The file that ``name`` means; debug information says ``user/`` for the user's own."""
        if not name.startswith("user/"):
            return self.root / name
        below = name.removeprefix("user/")
        files = [*self.users, *self.programs]
        folders = ([self.folder] if self.folder else []) + [path.parent for path in files]
        near = [folder / below for folder in folders]
        likely = [path for path in files if path.as_posix().endswith(f"/{below}")]
        return next((path for path in near if exists(path)), (likely or near or [Path(name)])[0])

    def _template(self, name: str, line: int) -> str:
        """``templates/mm/buddy.c:14``, the origin of a rendered line, or nothing."""
        entry = self.source_map.get(name.removeprefix("src/")) if name.startswith("src/") else None
        if entry is None or not 0 < line <= len(entry["lines"]):
            return ""
        return f"templates/{entry['template']}:{entry['lines'][line - 1]}"


def explain(output: str, sources: Sources) -> KgenError:
    """The error (exit 3) that explains ninja's ``output``."""
    blocks = list(_blocks(output))
    links = [text for target, text in blocks if target.startswith("build/unverified.")]
    programs = [block for block in blocks if block[0].startswith(_PROGRAMS)]
    if _NO_SPACE in output:
        return _error("the disk is full", "free some space; what was built before is still whole")
    denied = _NO_ACCESS.search(output)
    if denied:
        return _error(
            f"cannot write {sources.file(denied['file'])}: {denied['why']}",
            "perhaps another user built here; choose a folder that you may write to with -o DIR",
        )
    if links:
        return _link_error(links[0], sources)
    if programs and len(programs) == len(blocks):
        return _program_error(programs, sources)
    blocks = [block for block in blocks if block not in programs]
    text = "\n".join(_each_once([located(text, sources) for _, text in blocks])) or output.strip()
    count = "1 file" if len(blocks) == 1 else f"{len(blocks)} files"
    hint = "places in (…) are the templates' lines" if "(templates/" in text else ""
    return _error(f"the compiler refused {count}\n{text}" if blocks else text, hint)


def _each_once(texts: Sequence[str]) -> Iterator[str]:
    """Texts without repetition: a compiler that cannot run says so for each file."""
    for text, times in Counter(texts).items():
        yield text if times == 1 else f"{text}\n(the same for {times - 1} more)"


def located(text: str, sources: Sources) -> str:
    """Compiler output with each place as :meth:`Sources.place` shows it."""
    return "\n".join(_located_line(line, sources) for line in text.splitlines())


def warnings(output: str, sources: Sources) -> str:
    """What the tools printed though they succeeded: warnings about the user's files."""
    lines = [line for line in output.splitlines() if not line.startswith("ninja: ")]
    return located("\n".join(lines), sources).strip("\n")


def _located_line(line: str, sources: Sources) -> str:
    included = _INCLUDED.match(line)
    if included:
        place = sources.place(included["file"], int(included["line"]))
        return f"{included['before']}{place}{line[included.end() :]}"
    within = _WITHIN.match(line)
    if within:
        return f"{sources.file(within['file'])}{line[within.end() :]}"
    match = _PLACE.match(_LINKER.sub("", line))
    if not match:
        return line
    place = sources.place(match["file"], int(match["line"]), match["column"] or "")
    return f"{place}: {match['text']}"


def _blocks(output: str) -> Iterator[tuple[str, str]]:
    """For each failed command its target and what it printed, without ninja's own lines."""
    target, lines = "", list[str]()
    skip = False
    for line in output.splitlines():
        failed = _FAILED.match(line)
        if failed or line.startswith("ninja: "):
            if target:
                yield target, "\n".join(lines)
            target, lines = (failed["output"] if failed else ""), []
            skip = failed is not None
        elif skip:
            skip = False  # ninja repeats the command line, which tells a reader nothing.
        elif target:
            lines.append(line)
    if target:
        yield target, "\n".join(lines)


def _link_error(text: str, sources: Sources) -> KgenError:
    own = [match["text"] for line in text.splitlines() if (match := _OWN.search(line))]
    if own:
        return _error("\n".join(dict.fromkeys(own)))
    undefined = sorted({match["symbol"] for match in _UNDEFINED.finditer(text)})
    if "kernel_main" in undefined:
        return _no_kernel_main(sources)
    overflow = _OVERFLOW.search(text)
    if overflow:
        return _error(
            f"the kernel is {overflow['bytes']} bytes too large for {overflow['region']}",
            "raise ram.minimum, or set compiler.optimize to 's'",
        )
    if undefined:
        return _error(
            f"nothing defines\n{_uses(text, sources)}",
            missing.hint(undefined, sources.cpu, users=bool(sources.users)),
        )
    places = "\n".join(_LINKER.sub("", line) for line in located(text, sources).splitlines())
    double = sorted({match["symbol"] for match in _DOUBLE.finditer(text)})
    if double:
        hint = "the kernel has its own; rename yours" if sources.users else ""
        return _error(f"defined twice: {', '.join(double)}\n{places}", hint)
    return _error(f"the linker failed\n{places}")


def _program_error(blocks: Sequence[tuple[str, str]], sources: Sources) -> KgenError:
    """What the linker has against programs: mostly that the runtime lacks a function."""
    told: list[str] = []
    symbols: list[str] = []
    for target, text in blocks:
        undefined = sorted({match["symbol"] for match in _UNDEFINED.finditer(text)})
        symbols += undefined
        name = target.removeprefix(_PROGRAMS)
        uses = _uses(text, sources) if undefined else located(text, sources)
        told.append(f"program {name}: " + (f"nothing defines\n{uses}" if undefined else uses))
    hint = missing.program_hint(symbols, sources.cpu) if symbols else ""
    return _error("\n".join(told), hint)


def _uses(text: str, sources: Sources) -> str:
    """Each undefined symbol with the first place that uses it."""
    first: dict[str, str] = {}
    for line in text.splitlines():
        match = _UNDEFINED.search(line)
        if match:
            place = _PLACE.match(_LINKER.sub("", line))
            where = sources.place(place["file"], int(place["line"])) if place else line
            first.setdefault(match["symbol"], where)
    width = max(map(len, first))
    return "\n".join(f"  {name:<{width}}  used at {where}" for name, where in sorted(first.items()))


def _no_kernel_main(sources: Sources) -> KgenError:
    names = [shown(path) for path in sources.users]
    if not names:
        return _error("nothing defines kernel_main", "the templates lack kernel/demo.c")
    who = (
        f"{names[0]} does not define" if len(names) == 1 else f"none of {', '.join(names)} defines"
    )
    return _error(
        f"{who} void kernel_main(void)",
        "it is what the kernel calls at stage `allocate`; define it, not static, in one of them",
    )


def _error(what: str, hint: str = "") -> KgenError:
    return KgenError(what, hint, exit_code=Exit.BUILD)
