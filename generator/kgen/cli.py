"""The command line: verbs, their help, and what becomes of errors. The work is done elsewhere.

Whatever a verb needs is imported when it runs, so that ``kgen --help`` and a build with nothing to
do cost little more than Python itself. Exit codes are the contract's (:class:`kgen.errors.Exit`).
"""

from __future__ import annotations

import re
import signal
import sys
from inspect import cleandoc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

import kgen
from kgen.errors import Exit, KgenError
from kgen.progress import progress, say, say_error

if TYPE_CHECKING:
    from kgen.load import Loaded
    from kgen.pipeline import Built


class _AsWritten:
    """Help text in the lines that its author wrote: examples are to be copied."""

    help: str | None

    def format_help_text(self, _context: Any, formatter: Any) -> None:
        for line in ["", *cleandoc(self.help or "").splitlines()]:
            formatter.write(f"  {line}".rstrip() + "\n")


class _Group(_AsWritten, TyperGroup):
    pass


class _Verb(_AsWritten, TyperCommand):
    pass


_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

app = typer.Typer(
    name="kgen",
    cls=_Group,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_CONTEXT,
)

Description = Annotated[
    Path | None,
    typer.Argument(
        metavar="DESCRIPTION",
        show_default=False,
        help="Python file that binds `kernel`; left out: kernel.py here, else the default kernel.",
    ),
]
Sets = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        show_default=False,
        help="Override one field, e.g. buddy.max_order=8. May be repeated.",
    ),
]
Out = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Output folder.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        say(f"kgen {kgen.__version__}")
        raise typer.Exit


@app.callback()
def _kgen(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Describe an i386 kernel's memory subsystem in Python; build it, verify it, boot it.

        kgen build                       the default kernel, into kernel_out/
        kgen boot                        boot it under QEMU and judge what it says
        kgen describe                    every field that a description may set
        kgen build --set buddy.max_order=8 && kgen boot --memory 16M

    Exit codes:  0 pass        1 test failed   2 usage or description   3 build or verification
                 4 panic       5 timeout       6 emulator               7 protocol
                 8 reset     130 interrupted
    """


@app.command(cls=_Verb, context_settings=_CONTEXT)
def build(
    description: Description = None,
    out: Out = Path("kernel_out"),
    sets: Sets = [],  # noqa: B006 (typer copies it)
    toolchain: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="i686-elf-gcc, i686-linux-gnu-gcc, gcc, or auto: the first of them that works.",
        ),
    ] = "auto",
) -> None:
    """Build kernel.elf from a description, and verify it.

        kgen build                              kernel.py here, or the default kernel
        kgen build examples/tiny.py -o out      a description and an output folder
        kgen build --set cpu.minimum=486 --set features.tests=false

    A description is Python:
        from kgen import Buddy, Kernel
        kernel = Kernel(name="tiny", buddy=Buddy(max_order=8), sources=["hello.c"])

    All problems of a description are reported at once, and nothing is written before they are
    mended. A failed build leaves the former kernel.elf whole.
    """
    from kgen.pipeline import Request
    from kgen.pipeline import build as run

    shower = progress()
    try:
        built = run(Request(description, tuple(sets), out, toolchain), shower)
    finally:
        shower.close()
    _report(built)


def _report(built: Built) -> None:
    from kgen.files import shown
    from kgen.units import KiB

    if built.warnings:
        say_error(built.warnings)
    where = f"{shown(built.image)}, {-(-built.size // KiB)} KiB"
    if built.changed:
        say(f"kgen: built {where}, in {built.seconds:.1f} s")
    else:
        say(f"kgen: nothing to redo: {where} is up to date")


@app.command(cls=_Verb, context_settings=_CONTEXT)
def check(description: Description = None, sets: Sets = []) -> None:  # noqa: B006
    """Prove a description sound, and build nothing.

        kgen check
        kgen check examples/tiny.py --set layout.kernel_base=0x80000000

    The proof holds for every RAM size that it admits. Prints the address map that follows, or all its problems (exit code 2).
    """
    from kgen.load import load, prove
    from kgen.units import show_address

    loaded = load(description, sets)
    derived = prove(loaded)
    say(f"kgen: {loaded.origin}: sound. Virtual addresses, from the top down:\n")
    for area in derived.address_map:
        span = f"{show_address(area.start)}-{show_address(area.end - 1)}"
        say(f"  {span}  {area.name:<11} {area.size:>10}  {area.note}")


@app.command(cls=_Verb, context_settings=_CONTEXT)
def describe(description: Description = None, sets: Sets = []) -> None:  # noqa: B006
    """List every field that a description may set.

        kgen describe                           the default kernel
        kgen describe examples/tiny.py          values of a description; changed ones are marked *

    Each line has the path that --set takes, the value, and its meaning with its unit.
    """
    from kgen.load import load
    from kgen.reference import reference

    loaded: Loaded = load(description, sets)
    for line in reference(loaded.kernel):
        say(line)


@app.command(cls=_Verb, context_settings=_CONTEXT)
def boot(
    out: Out = Path("kernel_out"),
    cpu: Annotated[
        str, typer.Option(metavar="NAME", help="QEMU's name: 486, pentium, pentium3, qemu32, max.")
    ] = "qemu32",
    memory: Annotated[
        str | None,
        typer.Option(metavar="SIZE", show_default="64M", help="RAM: 64M, 1G, 2048K."),
    ] = None,
    machine: Annotated[str, typer.Option(metavar="NAME", help="pc, q35 or isapc.")] = "pc",
    accel: Annotated[str, typer.Option(metavar="NAME", help="tcg or kvm.")] = "tcg",
    via: Annotated[
        str, typer.Option(metavar="NAME", help="Who loads the kernel: multiboot or grub.")
    ] = "multiboot",
    append: Annotated[
        str,
        typer.Option(metavar="TEXT", show_default=False, help="The kernel's command line."),
    ] = "",
    module: Annotated[
        list[str],
        typer.Option(metavar="FILE", show_default=False, help="Multiboot module. Repeatable."),
    ] = [],  # noqa: B006
    expect: Annotated[
        list[str],
        typer.Option(metavar="REGEX", show_default=False, help="A line that must appear."),
    ] = [],  # noqa: B006
    forbid: Annotated[
        list[str],
        typer.Option(metavar="REGEX", show_default=False, help="A line that must not appear."),
    ] = [],  # noqa: B006
    timeout: Annotated[
        float, typer.Option(metavar="SECONDS", help="For the whole boot; may be fractional.")
    ] = 30.0,
    json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object and nothing else.")
    ] = False,
) -> None:
    """Boot what was built, show its log, and judge it.

        kgen boot                               64 MiB, QEMU's default 32-bit CPU
        kgen boot --cpu 486 --memory 4M
        kgen boot --expect 'buddy: .* free' --forbid 'BUG' --timeout 2.5
        kgen boot --append 'cpu=386' --json | jq .stats

    A pass needs every stage in order, a complete test plan, no panic, every --expect and no
    --forbid; otherwise the exit code says what went wrong.
    """
    import kgen_qemu

    request = kgen_qemu.boot_request(
        out,
        cpu=cpu,
        memory=memory,
        machine=machine,
        accel=accel,
        via=via,
        append=append,
        modules=module,
        expect=expect,
        forbid=forbid,
        timeout=timeout,
    )
    result = kgen_qemu.boot(request, on_line=None if json else say)
    if json:
        from json import dumps

        say(dumps(result.to_json()))
    else:
        kgen_qemu.print_report(result)
    raise typer.Exit(int(result.exit_code))


# --- what becomes of errors -----------------------------------------------------


def main() -> NoReturn:
    """The ``kgen`` command: run the verb, end with the contract's exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run the command with ``arguments``; its exit code. Errors are printed, none is raised."""
    try:
        code: Any = app(arguments or ["--help"], prog_name="kgen", standalone_mode=False)
        return int(code or Exit.PASS) if arguments else Exit.USAGE
    except KgenError as error:
        _complain(error.what, error.hint)
        return error.exit_code
    except typer.TyperException as error:
        _complain(re.sub(r" \(Possible options: .*\)$", "", error.format_message()), _hint(error))
        return Exit.USAGE
    except (KeyboardInterrupt, typer.Abort):
        say_error("kgen: interrupted")
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.PASS
    except Exception as error:
        return _unforeseen(error)


def _interrupt(_signal: int, _frame: object) -> NoReturn:
    """End as Ctrl-C does, with everything cleaned up, when someone else ends us."""
    raise KeyboardInterrupt


def _complain(what: str, hint: str) -> None:
    say_error(f"kgen: error: {what}")
    if hint:
        say_error(f"    {hint}")


def _hint(error: typer.TyperException) -> str:
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    verb = context.command_path if context else "kgen"
    suggestion = f"did you mean {' or '.join(sorted(near))}? " if near else ""
    return f"{suggestion}`{verb} --help` lists what there is"


def _unforeseen(error: Exception) -> int:
    """An exception that nobody planned for; a boot's own errors pass here as well."""
    code, what = getattr(error, "exit_code", None), getattr(error, "what", None)
    if code is not None and what is not None:
        _complain(str(what), str(getattr(error, "hint", "")))
        return int(code)
    from traceback import format_exception

    say_error("".join(format_exception(error)).rstrip())
    _complain(
        f"this is a bug in kgen, not in your description: {type(error).__name__}: {error}",
        f"please report it with the lines above, your description and: kgen {kgen.__version__}",
    )
    return Exit.BUILD
