"""How verbs look: their help as written, options that several share, and what no option may be."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from inspect import cleandoc
from pathlib import Path
from typing import Any

import click

CONTEXT: dict[str, Any] = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

Body = Callable[..., None]


class AsWritten(click.Command):
    """A command whose help keeps the lines that its author wrote: examples are to be copied."""

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for line in ["", *cleandoc(self.help or "").splitlines()]:
            formatter.write(f"  {line}".rstrip() + "\n")

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        for word in args:
            if "\0" in word:
                raise click.UsageError(f"{word!r} holds a NUL, which no argument can", ctx)
        if not ctx.resilient_parsing:
            self._refuse_twice(ctx, args)
        return super().parse_args(ctx, args)

    def _refuse_twice(self, ctx: click.Context, args: list[str]) -> None:
        """The last of two values would win, and nobody would hear of the other."""
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for option in dict.fromkeys(given):
            alone = isinstance(option, click.Option) and not (option.multiple or option.is_flag)
            if alone and given.count(option) > 1:
                raise click.BadOptionUsage(
                    option.name or "", f"{option.opts[-1]} is given twice and has one value", ctx
                )


class Verbs(AsWritten, click.Group):
    """The group of verbs, listed in the order in which people use them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


class FileName(click.Path):
    """A path that the system may know.

    An empty one comes of a shell variable that is not set, and would mean `.` here.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path)

    def convert(
        self,
        value: str | os.PathLike[str],
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> Any:
        if not os.fspath(value):
            self.fail("the name is empty.", param, ctx)
        try:
            Path(value).stat()
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
                self.fail(f"{error.strerror}.", param, ctx)
        return super().convert(value, param, ctx)


def described(verb: Body) -> Body:
    """Add the argument and the option that say which kernel is meant."""
    verb = click.option(
        "--set",
        "sets",
        metavar="KEY=VALUE",
        multiple=True,
        help="Override one field, e.g. buddy.max_order=8. Repeatable.",
    )(verb)
    return click.argument("description", required=False, type=FileName(), metavar="[DESCRIPTION]")(
        verb
    )


def output(verb: Body) -> Body:
    """Add the option that names the output folder."""
    return click.option(
        "-o",
        "--output",
        "out",
        metavar="DIR",
        type=FileName(),
        default=Path("kernel_out"),
        show_default=True,
        help="Output folder.",
    )(verb)


def told(verb: Body) -> Body:
    """Add the options for a kernel's command line and modules."""
    verb = click.option(
        "--init",
        metavar="FILE",
        help="Process 1: a program, FILE or 'FILE ARGUMENTS'; it becomes a module.",
    )(verb)
    verb = click.option(
        "--module",
        "modules",
        metavar="FILE",
        multiple=True,
        help="Multiboot module, FILE or 'FILE ARGUMENTS'. Repeatable.",
    )(verb)
    return click.option(
        "--append",
        metavar="TEXT",
        multiple=True,
        callback=lambda _ctx, _option, words: " ".join(words),
        help="The kernel's command line. Repeatable: a space goes between.",
    )(verb)


def answering(verb: Body) -> Body:
    """Add the option that wants an answer for programs."""
    return click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="Print one JSON object and nothing else; for an error, too.",
    )(verb)
