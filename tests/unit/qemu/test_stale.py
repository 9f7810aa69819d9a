"""Reports on a kernel whose sources changed, and on folders that cannot be written."""

import errno
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from kgen_qemu import load_manifest
from kgen_qemu.files import unwritable
from kgen_qemu.stale import CURRENT, Stale, staleness

Built = Callable[..., Path]


@pytest.mark.parametrize(
    ("stale", "text"),
    [
        (Stale(("a.c",)), "a.c changed since this kernel was built"),
        (Stale(tuple("abcde")), "a, b, c and 2 more changed since this kernel was built"),
        (
            Stale(("a.c",), unfinished=True),
            "a.c changed; a build failed or is under way since this kernel was built",
        ),
    ],
)
def test_one_line_says_it(stale: Stale, text: str) -> None:
    assert stale
    assert str(stale) == text


def test_a_manifest_without_inputs_says_nothing(built: Built) -> None:
    assert staleness(load_manifest(built())) == CURRENT
    assert not CURRENT


def test_what_is_unreadable_or_gone_has_changed(built: Built, tmp_path: Path) -> None:
    names = ("src/a.c", "src/b.c", "src/c.c")
    folder = built(inputs={name: sha256(name.encode()).hexdigest() for name in names})
    assert staleness(load_manifest(folder)) == CURRENT  # all gone: it was taken elsewhere
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    assert staleness(load_manifest(folder)) == CURRENT
    (folder / "src/a.c").unlink()
    (folder / "src/b.c").unlink()
    (folder / "src/b.c").mkdir()
    changed = staleness(load_manifest(folder)).changed
    assert [Path(name).name for name in changed] == ["a.c", "b.c"]


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "free some space"),
        (errno.EACCES, "make the folder writable"),
        (errno.EIO, ""),
    ],
)
def test_the_remedy_fits_the_reason(number: int, words: str) -> None:
    told = unwritable("it", OSError(number, "why")).hint
    assert words in told
    assert ("space" in told) == (number == errno.ENOSPC)
