"""The command's first step: signals at any moment, closed streams, somebody else's kgen."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

import kgen
import kgen_command
from kgen.errors import Exit
from kgen_qemu.errors import failure

ROOT = Path(__file__).resolve().parents[3]

COMMAND = "import sys, kgen_command; kgen_command.main()"

STRIKE = """
import os, signal, sys
number, moment = signal.Signals[sys.argv[1]], int(sys.argv[2])
count = 0
def hook(event, arguments):
    global count
    if event == "import":
        count += 1
        if count == moment:
            os.kill(os.getpid(), number)
del sys.argv[1:3]
import kgen_command
sys.addaudithook(hook)
try:
    kgen_command.main()
finally:
    if os.environ.get("COUNT"):
        print(count, file=sys.stderr)
"""
"""The command, struck by a signal at its n-th import."""


def heed_signals() -> None:
    """In a new process: what started the tests may have had signals ignored (``make test &``)."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def command(
    *arguments: str | bytes, code: str = COMMAND, **options: object
) -> subprocess.CompletedProcess[bytes]:
    """Run the command in a process of its own."""
    line = [sys.executable, "-c", code, *arguments]
    settings = {"capture_output": True, "timeout": 60, "preexec_fn": heed_signals, **options}
    return subprocess.run(line, **settings)  # type: ignore[call-overload, no-any-return]


# --- signals --------------------------------------------------------------------------


def imports(*arguments: str) -> int:
    """How many imports the command has, once everything is compiled: that takes some, too."""
    environment = {**os.environ, "COUNT": "1"}
    command(*arguments)
    done = command("SIGINT", "0", *arguments, code=STRIKE, env=environment)
    assert done.returncode == 0
    return int(done.stderr.split()[-1])


def struck(here: Path, number: str, moment: int, *arguments: str) -> None:
    """The command must end by the contract when the signal comes at that import."""
    done = command(number, str(moment), *arguments, code=STRIKE, cwd=here)
    assert done.returncode == Exit.INTERRUPTED, (moment, done.stderr.decode())
    assert done.stderr.decode().strip() == "kgen: interrupted", moment
    if "--json" in arguments:
        assert json.loads(done.stdout)["verdict"] == "interrupted", moment


@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_while_everything_is_still_being_imported(here: Path, number: str) -> None:
    last = imports("check", "--json")
    assert last > 100
    few = (1, last // 2)
    many = (*few, 2, 3, 5, 10, 30, last // 4, last * 3 // 4, last - 1)
    for moment in many if number == "SIGINT" else few:
        struck(here, number, moment, "check", "--json")


@pytest.mark.campaign
@pytest.mark.parametrize("number", ["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("verb", ["check", "describe"])
def test_a_signal_at_every_import(here: Path, number: str, verb: str) -> None:
    for moment in range(1, imports(verb) + 1):
        struck(here, number, moment, verb)


def test_a_signal_that_is_ignored_stays_so(here: Path) -> None:
    """What a shell's ``make test &`` and nohup start must not die of it."""
    done = subprocess.run(
        [
            "sh",
            "-c",
            'trap "" INT TERM HUP; exec "$@"',
            "sh",
            sys.executable,
            "-c",
            STRIKE,
            "SIGINT",
            "20",
            "check",
        ],
        cwd=here,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_answer_of_one_who_is_struck_early_is_the_usual() -> None:
    assert json.loads(kgen_command.INTERRUPTED_JSON) == failure(130, "interrupted")


def test_clean_up_is_not_interrupted_and_the_third_signal_is_obeyed(here: Path) -> None:
    code = """
import os, signal, kgen_command
def work():
    try:
        os.kill(os.getpid(), signal.SIGINT)
    finally:
        for again in range({times}):
            os.kill(os.getpid(), signal.SIGTERM)
        print("cleaned up", flush=True)
stop = kgen_command.Stop()
stop.arm()
raise SystemExit(stop.during(work))
"""
    once, thrice = (command(code=code.format(times=times), cwd=here) for times in (1, 2))
    assert (once.returncode, once.stdout) == (130, b"cleaned up\n")
    assert (thrice.returncode, thrice.stdout) == (130, b"")


def test_an_interrupt_that_python_swallows_is_none_the_less_one(here: Path) -> None:
    code = """
import os, signal, kgen_command
class Gone:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
def work():
    Gone()
    return 0
stop = kgen_command.Stop()
stop.arm()
raise SystemExit(stop.during(work))
"""
    done = command(code=code, cwd=here)
    assert (done.returncode, done.stderr) == (130, b"kgen: interrupted\n")


# --- streams --------------------------------------------------------------------------


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(
    ("arguments", "code"), [("check", 0), ("boot", 2), ("check gone.py --json", 2), ("build", 2)]
)
def test_closed_streams_change_no_exit_code(
    here: Path, closed: str, arguments: str, code: int
) -> None:
    """``build`` has a description that is wrong; nobody waits for gcc here."""
    settings = "--set buddy.max_order=99" if arguments == "build" else ""
    line = f'exec "$@" {arguments} {settings} {closed}'
    done = subprocess.run(
        ["sh", "-c", line, "sh", sys.executable, "-c", COMMAND],
        cwd=here,
        capture_output=True,
        check=False,
    )
    assert done.returncode == code
    assert b"Traceback" not in done.stderr
    if "2>&-" in closed and "json" not in arguments and code:
        assert done.stdout == b""  # errors must not end up where results go


@pytest.mark.parametrize("closed", ["<&-", ">&-", "<&- >&- 2>&-"])
def test_no_file_is_taken_for_a_closed_stream(here: Path, closed: str) -> None:
    """The output would end up in the file that is opened next: a log, a kernel."""
    code = "import os, sys, kgen_command; kgen_command._open_streams(); "
    code += "sys.exit(os.open('file', os.O_CREAT))"
    line = f'exec "$@" {closed}'
    done = subprocess.run(["sh", "-c", line, "sh", sys.executable, "-c", code], cwd=here)
    assert done.returncode == 3


def test_what_the_encoding_lacks_is_written_somehow(here: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = command(b"build", b"Gr\xc3\xb6\xc3\x9fe\xff.py", cwd=here, env=environment)
    assert done.returncode == Exit.USAGE
    assert b"Gr\\xf6\\xdfe\xff.py: there is no such description" in done.stderr


def test_a_current_folder_that_is_gone(here: Path) -> None:
    code = f"import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone'); {COMMAND}"
    done = command("check", code=code, cwd=here)
    assert done.returncode == Exit.USAGE
    assert b"the current folder cannot be found" in done.stderr
    assert b"Traceback" not in done.stderr


# --- whose package it is --------------------------------------------------------------


def test_the_distribution_has_one_name() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert {project["name"], kgen.__distribution__, kgen_command.DISTRIBUTION} == {"kgen-i386"}
    assert metadata.version("kgen-i386") == kgen.__version__


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """A folder of packages with somebody else's kgen in it, as pip leaves one."""
    site = tmp_path / "site"
    (site / "kgen").mkdir(parents=True)
    (site / "kgen/__init__.py").write_text("def calc_K(k): ...\n")
    (site / "Kgen-1.1.0.dist-info").mkdir()
    (site / "Kgen-1.1.0.dist-info/METADATA").write_text(
        "Metadata-Version: 2.1\nName: Kgen\nVersion: 1.1.0\n"
    )
    (site / "Kgen-1.1.0.dist-info/RECORD").write_text("kgen/__init__.py,,\n")
    return site


INSTALLED = f"import sys; sys.path.insert(0, sys.argv.pop(1)); {COMMAND}"


def test_somebody_elses_kgen_is_named(here: Path, theirs: Path) -> None:
    done = command(str(theirs), "check", "--json", code=INSTALLED, cwd=here)
    assert done.returncode == Exit.USAGE
    first, hint = done.stderr.decode().splitlines()
    assert "`kgen`" in first
    assert "not kgen-i386's but another's (Kgen 1.1.0)" in first
    assert str(theirs / "kgen/__init__.py") in first
    assert "pip uninstall Kgen, then pip install --force-reinstall kgen-i386" in hint
    assert json.loads(done.stdout)["error"]["what"] in first


def test_somebody_elses_kgen_that_lies_over_ours(here: Path, theirs: Path) -> None:
    """pip lets one overwrite the other's files; theirs then lacks what it imports."""
    (theirs / "kgen/__init__.py").write_text("import a_library_of_theirs\n")
    (theirs / "kgen/cli.py").write_text("raise AssertionError\n")
    done = command(str(theirs), "check", code=INSTALLED, cwd=here)
    assert done.returncode == Exit.USAGE
    assert b"another's (Kgen 1.1.0): No module named 'a_library_of_theirs'" in done.stderr
    assert b"Traceback" not in done.stderr


def test_ours_after_theirs_was_uninstalled(here: Path, theirs: Path) -> None:
    """After pip a folder of ours is left, without the files that make it a package."""
    (theirs / "kgen/__init__.py").unlink()
    (theirs / "kgen/cli.py").touch()
    source = (ROOT / "generator/kgen_command.py").read_text()
    (theirs / "kgen_command.py").write_text(source)
    without = "import sys; sys.path[:] = [one for one in sys.path if 'generator' not in one]"
    script = f"{without}; {INSTALLED}"
    done = command(str(theirs), "check", code=script, cwd=here)
    assert done.returncode == Exit.USAGE
    assert b"kgen is not whole: there is no __init__.py in " in done.stderr
    assert b"pip install --force-reinstall kgen-i386" in done.stderr


def test_both_can_be_told_apart(theirs: Path) -> None:
    code = (
        f"import sys; sys.path.append({str(theirs)!r}); from importlib.metadata import version\n"
        "print(version('kgen'), version('kgen-i386'))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1.1.0", kgen.__version__]


def test_a_library_that_is_missing_is_named(here: Path, tmp_path: Path) -> None:
    code = f"import sys; sys.modules['click'] = None; {COMMAND}"
    done = command("check", code=code, cwd=here)
    assert done.returncode == Exit.USAGE
    assert b"pip install --force-reinstall kgen-i386" in done.stderr
    assert b"Traceback" not in done.stderr


def test_what_can_be_imported_is_listed() -> None:
    assert {*kgen.__all__} <= {*dir(kgen)}
    done = subprocess.run(
        [sys.executable, "-c", "import kgen; print(*dir(kgen)); kgen.MiB; kgen.Kernel"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert {"Kernel", "MiB", "Zone", "__version__"} <= {*done.stdout.split()}
