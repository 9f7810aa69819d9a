"""Rendering one template, with the way back from each rendered line to the template's.

There are two kinds. A *code* template is C or assembly that stays legal while it is one: whole
lines that begin with ``//%`` are statements (``//% if features.tests`` … ``//% endif``), lines
that begin with ``//#`` are remarks to its readers, and braces mean nothing (``{{1, 2}}`` is an
initialiser). A *value* template (``*.j2``) is Jinja as usual: ``{{ layout.kernel_base|hex }}``.

The way back is exact because it is carried through the rendering: a Jinja extension puts a mark
with its line number before each piece of the template's text, and the marks are taken out of the
result. Removed sections, loops and macros need no special care.
"""

from __future__ import annotations

import difflib
import re
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateError
from jinja2.exceptions import TemplateSyntaxError
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from kgen.errors import Exit, KgenError
from kgen.render.plan import Output
from kgen.units import KiB, MiB, show_size

# Delimiters of code templates: control characters, which C source never holds.
_BLOCK, _BLOCK_END, _VALUE, _VALUE_END, _REMARK, _REMARK_END = "\x01\x02\x03\x04\x05\x06"
_MARK, _MARK_END = "\x0e", "\x0f"

_STATEMENT = re.compile(r"^[ \t]*//%[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_COMMENT = re.compile(r"^[ \t]*//#.*$", re.MULTILINE)
_MARKED = re.compile(f"{_MARK}([^{_MARK_END}]*):([0-9]+){_MARK_END}")
_C_LIKE = (".c", ".S", ".h", ".ld", ".inc")
_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_BANNER = "Rendered by kgen from templates/{}; change the template, not this file."

OURS = "Rendered by kgen from templates/"
"""What the first line of every rendered file holds."""


@dataclass(frozen=True)
class Rendered:
    """A rendered file: its text, and for each line the template's line (0: kgen's own)."""

    output: Output
    text: str
    lines: tuple[int, ...]

    @property
    def data(self) -> bytes:
        """The bytes on disk."""
        return self.text.encode()


def to_hex(value: int, digits: int = 8) -> str:
    """``0xc0000000``: at least ``digits`` digits, lower case."""
    return f"0x{value:0{digits}x}"


def to_left(value: object, width: int) -> str:
    """``value`` padded with blanks to ``width`` columns, for tables in comments."""
    return f"{value!s:<{width}}"


def to_kib(value: int) -> str:
    """``value`` bytes as a number of KiB, with a fraction if it has one."""
    return f"{value / KiB:.12g}"


def to_mib(value: int) -> str:
    """``value`` bytes as a number of MiB, with a fraction if it has one."""
    return f"{value / MiB:.12g}"


def to_ident(value: str) -> str:
    """``value`` as a C constant's name: ``boot-paging`` is ``BOOT_PAGING``."""
    return re.sub(r"\W", "_", value).upper()


FILTERS: dict[str, Callable[..., object]] = {
    "hex": to_hex,
    "ident": to_ident,
    "kib": to_kib,
    "left": to_left,
    "length": len,
    "mib": to_mib,
    "size": show_size,
}
"""All filters. Any other computation belongs in ``kgen.derive``."""


class _Marks(Extension):
    """Puts the template's line number before each piece of its text."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        name = stream.name or ""
        for token in stream:
            if token.type == "data":
                yield Token(token.lineno, "data", _marked(name, token.value, token.lineno))
                continue
            if token.type == "variable_begin":
                yield Token(token.lineno, "data", _mark(name, token.lineno))
            yield token


class _CommentStatements(Extension):
    """Turns the comment statements of a code template into Jinja's, line by line."""

    def preprocess(self, source: str, _name: str | None, _filename: str | None = None) -> str:
        source = _COMMENT.sub(f"{_REMARK}{_REMARK_END}", source)
        return _STATEMENT.sub(lambda match: f"{_BLOCK} {match[1]} {_BLOCK_END}", source)


class _Suggesting(StrictUndefined):
    """Undefined names and attributes fail, and say what was probably meant."""

    __slots__ = ()

    @property
    def _undefined_message(self) -> str:
        message, name = super()._undefined_message, str(self._undefined_name)
        if self._undefined_obj is None or not hasattr(self._undefined_obj, "__class__"):
            return message
        known = [word for word in dir(self._undefined_obj) if not word.startswith("_")]
        return message + _meant(name, known)


def _mark(name: str, line: int) -> str:
    return f"{_MARK}{name}:{line}{_MARK_END}"


def _marked(name: str, text: str, line: int) -> str:
    pieces = _LINE.findall(text)
    return "".join(f"{_mark(name, line + index)}{piece}" for index, piece in enumerate(pieces))


def _meant(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f"; did you mean {near[0]!r}?" if near else ""


class Renderer:
    """Renders the templates of one folder with one set of names."""

    def __init__(self, folder: Path, names: Mapping[str, Any]) -> None:
        self._folder, self._names = folder, names
        loader = FileSystemLoader(folder, encoding="utf-8")
        common: dict[str, Any] = {
            "loader": loader,
            "undefined": _Suggesting,
            "trim_blocks": True,
            "lstrip_blocks": True,
            "keep_trailing_newline": True,
            "auto_reload": False,
        }
        self._values = Environment(extensions=[_Marks], **common)
        self._code = Environment(
            extensions=[_CommentStatements, _Marks],
            block_start_string=_BLOCK,
            block_end_string=_BLOCK_END,
            variable_start_string=_VALUE,
            variable_end_string=_VALUE_END,
            comment_start_string=_REMARK,
            comment_end_string=_REMARK_END,
            **common,
        )
        for environment in (self._values, self._code):
            environment.filters = dict(FILTERS)
            environment.globals = {"range": range}

    def render(self, output: Output, **extra: object) -> Rendered:
        """``output`` as text; KgenError (exit 3) names template and line of what is wrong."""
        environment = self._code if output.is_code else self._values
        names = {**self._names, **extra}
        try:
            marked = environment.get_template(output.template).render(names)
        except Exception as error:
            raise self._located(output.template, error, names) from error
        return _finished(output, marked)

    def _located(self, template: str, error: Exception, names: Mapping[str, Any]) -> KgenError:
        """The error with the template's name and line; any exception here is a template's bug."""
        line: int | None = None
        if isinstance(error, TemplateSyntaxError):
            template, line = error.name or template, error.lineno
        else:
            for frame in traceback.extract_tb(error.__traceback__):
                # Jinja rewrites tracebacks so that a template's frames have its file and line.
                if Path(frame.filename).is_relative_to(self._folder):
                    template = Path(frame.filename).relative_to(self._folder).as_posix()
                    line = frame.lineno
        text = (
            str(error) if isinstance(error, TemplateError) else f"{type(error).__name__}: {error}"
        )
        undefined = re.fullmatch(r"'(\w+)' is undefined", text)
        if undefined:
            text += _meant(undefined[1], names)
        place = f"templates/{template}" + (f":{line}" if line else "")
        return KgenError(
            f"{place}: {text}",
            "the template is at fault, not the description",
            exit_code=Exit.BUILD,
        )


def _finished(output: Output, marked: str) -> Rendered:
    """Marks taken out, blank lines that removed sections left collapsed, banner put on."""
    texts, lines = [_banner(output), ""], [0, 0]
    at = 0
    for row in marked.split("\n"):
        # Lines of a macro from elsewhere belong to the line that calls it.
        own = (int(line) for name, line in _MARKED.findall(row) if name == output.template)
        at = next(own, at)
        text = _MARKED.sub("", row).rstrip()
        if text or texts[-1]:
            texts.append(text)
            lines.append(at)
    while not texts[-1]:
        texts.pop()
        lines.pop()
    return Rendered(output, "\n".join(texts) + "\n", tuple(lines))


def _banner(output: Output) -> str:
    text = _BANNER.format(output.template)
    return f"/* {text} */" if output.path.endswith(_C_LIKE) else f"# {text}"
