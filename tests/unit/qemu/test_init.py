"""Process 1: how it is chosen, what of that is refused, and what its end is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.unit.qemu.test_maps import MEMORY
from tests.unit.qemu.test_report import result
from tests.unit.qemu.test_verdict import EXPECTED

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.protocol import arguments_of
from kgen_qemu.request import boot_request
from kgen_qemu.transcript import Exit as Ended
from kgen_qemu.transcript import Transcript, TranscriptParser
from kgen_qemu.verdict import Ending, Verdict, judge

Built = Callable[..., Path]
Recorded = Callable[[str], Transcript]

USER = {"features": ["tests", "user_space"], "programs": ["hello"], "memory": MEMORY}

HELLO = b"# kgen:hello proto=1 name=default build=0123456789ab base=i386\n"


@pytest.fixture(autouse=True)
def qemu(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    binary = tmp_path_factory.mktemp("bin") / "qemu-system-i386"
    binary.write_text("#!/bin/sh\n")
    binary.chmod(0o755)
    monkeypatch.setenv("PATH", str(binary.parent), prepend=":")


@pytest.fixture
def shell(tmp_path: Path) -> Path:
    path = tmp_path / "sh"
    path.write_bytes(b"elf")
    return path


def refused(folder: Path, **options: object) -> BootError:
    with pytest.raises(BootError) as caught:
        boot_request(folder, **options)
    assert caught.value.exit_code == Exit.USAGE
    return caught.value


# --- the request ------------------------------------------------------------------


def test_init_is_the_first_module_and_a_word(built: Built, shell: Path, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"x")
    request = boot_request(
        built(**USER),
        init=f"{shell} -c 'echo a'",
        modules=[tmp_path / "data"],
        append="stats",
        icount=True,
    )
    assert request.machine.modules == ("sh -c 'echo a'", "data")
    assert request.machine.append == "stats init=sh"
    assert request.machine.icount
    assert "--icount" in request.command.split()
    assert f"--init '{shell} -c '\"'\"'echo a'\"'\"''" in request.command


def test_without_init_nothing_is_said(built: Built) -> None:
    machine = boot_request(built(**USER)).machine
    assert (machine.append, machine.modules, machine.icount) == ("", (), False)
    assert boot_request(built(**USER), append="init=hello").machine.append == "init=hello"


def test_a_kernel_without_user_space_runs_nothing(built: Built, shell: Path) -> None:
    for options in ({"init": str(shell)}, {"append": "init=hello"}):
        error = refused(built(), **options)
        assert "was built without user space" in error.what
        assert "--set features.user_space=true" in error.hint


def test_what_its_line_would_cut_is_refused(built: Built, shell: Path) -> None:
    folder = built(**USER)
    boot_request(folder, init=f"{shell} {'x' * 60}")
    assert "64 bytes" in refused(folder, init=f"{shell} {'x' * 61}").what


def test_two_files_of_one_name(built: Built, shell: Path, tmp_path: Path) -> None:
    folder = built(**USER)
    other = tmp_path / "other" / "sh"
    other.parent.mkdir()
    other.write_bytes(b"x")
    assert "rename one of the two" in refused(folder, init=str(shell), modules=[other]).hint
    error = refused(folder, init=str(shell), modules=[shell])
    assert "which --init brings along" in error.what
    assert "leave it out" in error.hint
    for name, what in (("hello", "a program of 'default' itself"), ("tmp", "of the kernel's own")):
        (tmp_path / "other" / name).write_bytes(b"x")
        assert what in refused(folder, modules=[tmp_path / "other" / name]).what
    boot_request(built(), modules=[shell, other])  # without user space they are no files


def test_names_are_no_matter_without_user_space(built: Built, tmp_path: Path) -> None:
    (tmp_path / "tmp").write_bytes(b"x")
    boot_request(built(), modules=[tmp_path / "tmp"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  a  b ", ["a", "b"]),
        ("'a b' c", ["a b", "c"]),
        ("\"a 'b'\"c d", ["a 'b'c", "d"]),
        ("''", [""]),
        (r"a\ b \' \\", ["a b", "'", "\\"]),
        (r"'\' \"\"\"", ["\\", '"""']),
    ],
)
def test_arguments_are_taken_apart(text: str, words: list[str]) -> None:
    """As templates/kernel/init.c does; tests/boot/test_user_init.py asks that."""
    assert arguments_of(text) == words


@pytest.mark.parametrize(
    ("arguments", "quote"),
    [
        ("", ""),
        ("a 'b c' \"d\"", ""),
        ("'", "'"),
        ('a"b', '"'),
        (r"\'", ""),
        (r"'\'", ""),
        (r'"\"', '"'),
    ],
)
def test_quotes_close(built: Built, shell: Path, arguments: str, quote: str) -> None:
    if not quote:
        arguments_of(arguments)
    else:
        assert "does not close" in refused(built(**USER), init=f"{shell} {arguments}").what


def test_counting_needs_tcg(built: Built) -> None:
    assert "--icount" in refused(built(**USER), icount=True, accel="kvm").what
    error = refused(built(**USER), icount=True, engine="dosbox-x")
    assert error.what == "--icount is for --engine qemu"


# --- the transcript -----------------------------------------------------------------


def parse(text: bytes) -> Transcript:
    parser = TranscriptParser()
    parser.feed(HELLO + text)
    return parser.finish()[0]


def test_an_exit_has_the_last_words() -> None:
    said = parse(b"hello\ninit: no memory\n\n# kgen:stat k=a v=1\n# kgen:exit pid=1 status=256\n")
    assert said.exit == Ended(1, 256, "init: no memory")
    assert said.problems == ()


def test_two_exits_or_none_that_can_be_read() -> None:
    twice = b"# kgen:exit pid=1 status=0\n" * 2
    assert parse(twice).problems
    assert parse(b"# kgen:exit pid=1\n").problems
    assert parse(b"# kgen:exit pid=1\n").exit is None


@pytest.mark.parametrize(
    ("status", "how"),
    [
        (0, "exited with status 0"),
        (0x300, "exited with status 3"),
        (11, "was killed by SIGSEGV"),
        (137, "was killed by SIGKILL"),
        (33, "was killed by signal 33"),
    ],
)
def test_a_wait_status_in_words(status: int, how: str) -> None:
    assert Ended(1, status).how == how


# --- the verdict --------------------------------------------------------------------

PROCESS = replace(EXPECTED, process=True)


def judged(said: Transcript, status: int = 33) -> Verdict:
    return judge(said, Ending(status), PROCESS)


def test_process_1_must_end_and_end_well(recorded: Recorded) -> None:
    said = recorded("pass")
    found = judged(said)
    assert found.name == "protocol"
    assert "no exit line: process 1 never ended" in found.reasons[0]
    assert judged(replace(said, exit=Ended(1, 0))).name == "pass"


def test_a_process_that_fails_is_a_boot_that_fails(recorded: Recorded) -> None:
    said = recorded("pass")
    assert said.end is not None
    failed = replace(
        said, exit=Ended(1, 11, "a[1]: page fault"), end=replace(said.end, status="fail")
    )
    found = judged(failed, 35)
    assert (found.name, found.exit_code) == ("fail", 1)
    assert found.reasons == (
        "process 1 was killed by SIGSEGV",
        "its last line: a[1]: page fault",
    )


def test_a_kernel_that_passes_over_it_is_not_believed(recorded: Recorded) -> None:
    found = judged(replace(recorded("pass"), exit=Ended(1, 256)))
    assert found.name == "protocol"
    assert "status=pass, and process 1 exited with status 1" in found.reasons[0]


def test_json_has_it(recorded: Recorded) -> None:
    said = replace(recorded("pass"), exit=Ended(1, 256))
    assert result(said, 33).to_json()["exit"] == {"pid": 1, "status": 256}
    assert result(recorded("pass"), 33).to_json()["exit"] is None
