"""The command line: verbs, their help, and what becomes of errors. The work is done elsewhere.

The modules of a verb are imported when it runs, so that ``kgen --help`` and a build with nothing
to do cost little more than Python itself. Exit codes are the contract's
(:class:`kgen.errors.Exit`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

import kgen
import kgen_command
from kgen.errors import DescriptionError, Exit, KgenError, Problem
from kgen.options import CONTEXT, AsWritten, FileName, Verbs, answering, described, output, told
from kgen.progress import answer, await_answer, printing, progress, say, say_error

if TYPE_CHECKING:
    import kgen_qemu
    from kgen.pipeline import Built


@click.group(cls=Verbs, context_settings=CONTEXT)
@click.version_option(
    kgen.__version__, prog_name="kgen", message=f"%(prog)s %(version)s ({kgen.__distribution__})"
)
def app() -> None:
    """Describe an i386 kernel's memory subsystem in Python; build it, verify it, boot it.

        kgen build                       the default kernel, into kernel_out/
        kgen boot                        boot it under QEMU and judge what it says
        kgen describe                    every field that a description may set
        kgen build --set buddy.max_order=8 && kgen boot --memory 16M

    Exit codes:  0 pass        1 test failed   2 usage or description   3 build or verification
                 4 panic       5 timeout       6 emulator               7 protocol
                 8 reset     130 interrupted
    """


@app.command(cls=AsWritten, context_settings=CONTEXT)
@described
@output
@click.option(
    "--toolchain",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="i686-elf-gcc, i686-linux-gnu-gcc, gcc, clang, or auto: the first of them that works.",
)
@answering
def build(
    description: Path | None, sets: tuple[str, ...], out: Path, toolchain: str, as_json: bool
) -> None:
    """Build kernel.elf from a description, and verify it.

        kgen build                              kernel.py here, or the default kernel
        kgen build examples/tiny.py -o out      a description and an output folder
        kgen build --set cpu.minimum=486 --set features.tests=false

    A description is Python:
        from kgen import Buddy, Kernel
        kernel = Kernel(name="tiny", buddy=Buddy(max_order=8), sources=("hello.c",))

    All problems of a description are reported at once, and nothing is written before they are
    mended. A failed build leaves the former kernel.elf whole.
    """
    from kgen.pipeline import Request
    from kgen.pipeline import build as run_build

    shower = progress()
    try:
        built = run_build(Request(description, sets, out, toolchain), shower)
    finally:
        shower.close()
    _report(built, as_json)


def _report(built: Built, as_json: bool) -> None:
    from kgen.files import shown
    from kgen.units import KiB

    if built.warnings:
        say_error(built.warnings)
    if as_json:
        return _answer_with(
            image=str(built.image),
            size=built.size,
            changed=built.changed,
            seconds=round(built.seconds, 3),
            warnings=built.warnings,
        )
    where = f"{shown(built.image)}, {-(-built.size // KiB)} KiB"
    if built.changed:
        say(f"kgen: built {where}, in {built.seconds:.1f} s")
    else:
        say(f"kgen: nothing to redo: {where} is up to date")
    return None


def _answer_with(**values: object) -> None:
    """The object of ``--json`` of a verb that has no result type for it."""
    _answer({"schema": 1, **values})


def _answer(value: dict[str, Any]) -> None:
    import json

    answer(json.dumps(value))


@app.command(cls=AsWritten, context_settings=CONTEXT)
@described
@answering
def check(description: Path | None, sets: tuple[str, ...], as_json: bool) -> None:
    """Prove a description sound, and build nothing.

        kgen check
        kgen check examples/tiny.py --set layout.kernel_base=0x80000000

    The proof holds for every RAM size that it admits. Prints the address map that follows, or all
    problems (exit code 2). Only a build knows the size of the image: its limit is printed.
    """
    from kgen.load import load, prove
    from kgen.units import KiB, show_address

    loaded = load(description, sets)
    derived = prove(loaded)
    if as_json:
        return _answer_with(
            origin=loaded.origin, address_map=[asdict(area) for area in derived.address_map]
        )
    say(f"kgen: {loaded.origin}: sound. Virtual addresses, from the top down:\n")
    for area in derived.address_map:
        span = f"{show_address(area.start)}-{show_address(area.end - 1)}"
        say(f"  {span}  {area.name:<11} {area.size:>10}  {area.note}")
    room, floor = derived.image_limit // KiB, -(-derived.image_floor // KiB)
    say(f"\nThe image may take {room} KiB. It takes {floor} KiB or more; a build tells how much.")
    return None


@app.command(cls=AsWritten, context_settings=CONTEXT)
@described
@answering
def describe(description: Path | None, sets: tuple[str, ...], as_json: bool) -> None:
    """List every field that a description may set.

        kgen describe                           the default kernel
        kgen describe examples/tiny.py          values of a description; changed ones are marked *

    Each line has the path that --set takes, the value, and its meaning with its unit.
    """
    from kgen.load import load
    from kgen.reference import reference

    loaded = load(description, sets)
    if as_json:
        return _answer_with(origin=loaded.origin, kernel=loaded.kernel.model_dump())
    for line in reference(loaded.kernel):
        say(line)
    return None


@app.command(cls=AsWritten, context_settings=CONTEXT)
@output
@click.option(
    "--engine",
    metavar="NAME",
    default="qemu",
    show_default=True,
    help="Who plays the PC: qemu, or dosbox-x, which has a real 386 (docs/cpu386.md).",
)
@click.option(
    "--cpu",
    metavar="NAME",
    show_default="qemu32; for dosbox-x 386",
    help="386 (docs/cpu386.md), or QEMU's name: 486, pentium, pentium3, qemu32, max.",
)
@click.option("--memory", metavar="SIZE", show_default="64M", help="RAM: 64M, 1G, 2048K.")
@click.option(
    "--machine",
    metavar="NAME",
    default="pc",
    show_default=True,
    help="pc, q35 or isapc, with properties of QEMU's if need be: pc,max-ram-below-4g=1G.",
)
@click.option(
    "--firmware",
    metavar="NAME",
    default="auto",
    show_default=True,
    help="seabios, qboot, a file, or auto: qboot for pc where QEMU has it, as it is quicker.",
)
@click.option(
    "--audit",
    metavar="MODE",
    show_default="on for a 386, else off",
    help="Look at every instruction that runs: off, on, or exact (one at a time, slow).",
)
@click.option("--accel", metavar="NAME", default="tcg", show_default=True, help="tcg or kvm.")
@click.option(
    "--via",
    metavar="NAME",
    default="multiboot",
    show_default=True,
    help="Who loads the kernel: multiboot (QEMU does), grub (on a disc), floppy (kgen's loader).",
)
@told
@click.option(
    "--icount",
    is_flag=True,
    help="Count instructions exactly: RDTSC gives one for each, the same on every run.",
)
@click.option(
    "--map",
    metavar="FILE",
    type=FileName(),
    help="Replay another machine's memory map (JSON; see examples/maps). RAM is what it takes.",
)
@click.option(
    "--expect", metavar="REGEX", multiple=True, help="Must be found in a line. Repeatable."
)
@click.option(
    "--forbid", metavar="REGEX", multiple=True, help="Must not be found in any line. Repeatable."
)
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    default=30.0,
    show_default=True,
    help="For the whole boot; may be fractional.",
)
@answering
def boot(out: Path, as_json: bool, **options: Any) -> None:
    """Boot what was built, show its log, and judge it.

        kgen boot                               64 MiB, QEMU's default 32-bit CPU
        kgen boot --cpu 486 --memory 4M
        kgen boot --expect 'buddy: .* free' --forbid BUG --timeout 2.5
        kgen boot --cpu 386 --json | jq .audit
        kgen boot --init './hello world' --module ./data

    A pass needs every stage in order, a complete test plan, no panic, memory accounts as predicted
    from the map, every --expect and no --forbid; otherwise the exit code says what went wrong.
    """
    import kgen_qemu

    request = replace(kgen_qemu.boot_request(out, **options), kgen=kgen.__version__)
    with inserted(request) as request:
        result = kgen_qemu.boot(request, on_line=None if as_json else say)
    if as_json:
        _answer(result.to_json())
    else:
        with printing():
            kgen_qemu.print_report(result)
    raise click.exceptions.Exit(int(result.exit_code))


@contextmanager
def inserted(request: kgen_qemu.Request) -> Iterator[kgen_qemu.Request]:
    """The request with the medium that it boots from, if it boots from one."""
    machine, manifest = request.machine, request.manifest
    if machine.via == "multiboot":
        yield request
        return
    from kgen import image
    from kgen.build.folder import Folder
    from kgen_qemu.modules import named

    modules = [named(text) for text in machine.modules]
    cargo = image.gather(manifest, machine.append, modules, manifest.directory)
    form = "iso" if machine.via == "grub" else "floppy"
    with image.lent(cargo, form, Folder(manifest.directory.resolve())) as medium:
        yield replace(request, machine=replace(machine, medium=medium))


@app.command(cls=AsWritten, context_settings=CONTEXT)
@output
@click.option(
    "--format",
    "form",
    type=click.Choice(["iso", "floppy"]),
    required=True,
    help="iso: GRUB, for CD and USB sticks. floppy: 1.44 MB, kgen's own loader, for any 386.",
)
@told
@click.option(
    "--to",
    metavar="FILE",
    type=FileName(),
    help="Where to write it.  [default: DIR/image/NAME.iso or .img]",
)
@answering
def image(
    out: Path,
    form: str,
    append: str,
    init: str | None,
    modules: tuple[str, ...],
    to: Path | None,
    as_json: bool,
) -> None:
    """Make an image of a disc or floppy that boots what was built, on a real PC, too.

        kgen image --format iso                 write it to a CD or, with dd, to a USB stick
        kgen image --format floppy --append cpu=386 --to boot.img
        kgen boot --via floppy                  try it under QEMU

    Command line and modules are on the image. docs/images.md says how to write one to a medium.
    """
    import kgen_qemu
    from kgen import image
    from kgen.build.folder import Folder
    from kgen.files import shown
    from kgen_qemu import words
    from kgen_qemu.modules import check_lines, check_names, first, parted, with_init

    manifest = kgen_qemu.load_manifest(out)
    stale = kgen_qemu.staleness(manifest)
    if stale:
        say_error(f"kgen: {stale}: the image holds it all the same")
    given = (*first(init), *modules)
    check_names(given, manifest, init)
    append = with_init(append, init)
    words.check(append, manifest)
    cargo = image.gather(manifest, append, [parted(text) for text in given])
    check_lines([file.line for file in cargo.modules], manifest)
    path = image.write(cargo, form, Folder(out.resolve()), to)
    size = path.stat().st_size
    if as_json:
        return _answer_with(image=str(path), size=size)
    say(f"kgen: made {shown(path)}, {size:,} bytes")
    return None


@app.command(cls=AsWritten, context_settings=CONTEXT)
@described
@output
@click.option(
    "--index",
    type=click.Choice(["lists", "bitmaps", "both"]),
    default="both",
    show_default=True,
    help="How the buddy finds free blocks.",
)
@click.option(
    "--march",
    type=click.Choice(["i386", "i686", "both"]),
    default="both",
    show_default=True,
    help="The processor to compile for: cpu.minimum 386 or pentiumpro.",
)
@click.option(
    "--workload", "workloads", metavar="NAME", multiple=True, help="Only this one. Repeatable."
)
@click.option("--cpu", metavar="NAME", default="pentium3", show_default=True, help="QEMU's name.")
@click.option("--memory", metavar="SIZE", default="256M", show_default=True, help="RAM.")
@click.option(
    "--timeout",
    metavar="SECONDS",
    type=float,
    default=120.0,
    show_default=True,
    help="For each boot; may be fractional.",
)
@click.option("--host", is_flag=True, help="As a native program as well: nanoseconds per call.")
@click.option("--save", is_flag=True, help="Keep this run; later ones are shown beside it.")
@click.option(
    "--against",
    metavar="FILE",
    type=FileName(),
    help="An earlier run: exit 1 if a figure is worse.",
)
@click.option(
    "--tolerance",
    metavar="RATIO",
    type=float,
    default=1.0,
    show_default=True,
    help="How many times worse is no regression yet.",
)
@click.option(
    "--plot",
    metavar="FILE",
    type=FileName(),
    help="Draw it: .png or .svg (needs matplotlib).",
)
@answering
def bench(**options: Any) -> None:
    """Measure the allocators and user space in the booted kernel, in instructions per call.

        kgen bench                              all workloads, both indexes, both processors
        kgen bench --index lists --march i686 --workload page.hot --workload kmalloc.mix2k
        kgen bench --save                       the next one is shown beside it, with ratios
        kgen bench --json > before.json         and when the code has changed:
        kgen bench --against before.json --tolerance 1.02

    QEMU counts the instructions, so the figures are exact, and the same on every machine. A kernel
    is built for each variant, in DIR/bench. docs/bench.md explains workloads and columns.
    """
    from kgen.bench.command import Options
    from kgen.bench.command import bench as run_bench

    shower = progress()
    try:
        code = run_bench(Options(**options), shower)
    finally:
        shower.close()
    raise click.exceptions.Exit(int(code))


@app.command(cls=AsWritten, context_settings=CONTEXT)
@click.argument("trace", type=FileName(), metavar="TRACE")
@described
@click.option(
    "--classes",
    "most",
    metavar="COUNT",
    type=click.IntRange(min=1),
    help="The most classes to propose.  [default: the present number]",
)
@answering
def tune(
    trace: Path, description: Path | None, sets: tuple[str, ...], most: int | None, as_json: bool
) -> None:
    """Propose kmalloc's size classes for a recorded trace of allocations.

        kgen build --set debug.trace=true && kgen boot
        kgen tune kernel_out/boot/pc-qemu32-64M.log
        kgen tune trace.txt examples/server.py --classes 12

    TRACE is the log of a kernel with debug.trace, or text with lines `a SIZE ID` (allocated), `f
    ID` (freed), or `SIZE COUNT` (that many live); # begins a remark. The proposal wastes least
    inside objects of all choices with at most that number of classes.
    """
    from kgen.tune import report

    text = report(trace, description, sets, most, as_json=as_json)
    (answer if as_json else say)(text)


# --- what becomes of errors -----------------------------------------------------


def main() -> NoReturn:
    """The ``kgen`` command, which starts outside of this package."""
    kgen_command.main()


def run(arguments: list[str]) -> int:
    """Run the command with ``arguments``; its exit code. Errors are printed, none is raised."""
    await_answer()
    failed = Failed(kgen_command.wants_json(arguments))
    try:
        _current_folder()
        code = app.main(arguments or ["--help"], prog_name="kgen", standalone_mode=False)
        return int(code or Exit.PASS) if arguments else Exit.USAGE
    except KgenError as error:
        problems = error.problems if isinstance(error, DescriptionError) else ()
        return failed.because(error.exit_code, error.what, error.hint, problems)
    except click.ClickException as error:
        return failed.because(Exit.USAGE, error.format_message(), _hint(error))
    except (KeyboardInterrupt, click.Abort):
        return failed.interrupted()
    except BrokenPipeError:
        return Exit.PASS
    except Exception as error:
        return _unforeseen(error, failed)


def _current_folder() -> None:
    try:
        Path.cwd()
    except OSError as error:
        what = f"the current folder cannot be found: {error.strerror}"
        raise KgenError(what, "it was removed, or renamed: cd to one that is there") from None


def _hint(error: click.ClickException) -> str:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"`{context.command_path if context else 'kgen'} --help` lists what there is"


def _unforeseen(error: Exception, failed: Failed) -> int:
    """An exception that nobody planned for; a boot's own errors pass here as well."""
    code, what = getattr(error, "exit_code", None), getattr(error, "what", None)
    if code is not None and what is not None:
        return failed.because(int(code), str(what), str(getattr(error, "hint", "")))
    from traceback import format_exception

    say_error("".join(format_exception(error)).rstrip())
    return failed.because(
        Exit.BUILD,
        f"this is a bug in kgen, not in your description: {type(error).__name__}: {error}",
        f"please report it with the lines above, your description and: kgen {kgen.__version__}",
    )


def _to_be_seen(text: str) -> str:
    """``text`` without anything that a terminal would obey: somebody typed it, or a file has it."""
    return "".join(
        char
        if char.isprintable() or char in "\n\t" or "\udc80" <= char <= "\udcff"
        else repr(char)[1:-1]
        for char in text
    )


@dataclass(frozen=True)
class Failed:
    """How a command says that it failed: to people, and if that was wanted to programs, too."""

    as_json: bool

    def because(
        self, exit_code: int, what: str, hint: str = "", problems: Sequence[Problem] = ()
    ) -> int:
        """Say so; ``exit_code`` again."""
        say_error(f"kgen: error: {_to_be_seen(what)}")
        if hint:
            say_error(f"    {_to_be_seen(hint)}")
        self._answer(exit_code, what, hint, problems)
        return exit_code

    def interrupted(self) -> int:
        """Say that someone ended us, which is no error; its exit code."""
        say_error("kgen: interrupted")
        self._answer(Exit.INTERRUPTED, "interrupted", "", ())
        return Exit.INTERRUPTED

    def _answer(self, exit_code: int, what: str, hint: str, problems: Sequence[Problem]) -> None:
        if not self.as_json:
            return
        from kgen_qemu.errors import failure

        # Standard output may be what failed.
        with suppress(KgenError):
            _answer(failure(exit_code, what, hint, [asdict(one) for one in problems]))
