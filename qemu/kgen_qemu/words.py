"""The kernel's command line: checks of it before the boot.

A kernel ignores words that it does not know, and keeps no more than it has room for. With
a mistyped option, or one that the kernel was built without, a boot would pass and prove
nothing; so the ``fail.`` options, which are kgen's, are checked here.
"""

from kgen_qemu.errors import BootError, did_you_mean, usage
from kgen_qemu.manifest import Manifest
from kgen_qemu.protocol import CMDLINE_MAX, FAIL_WORDS, INIT

MOST = CMDLINE_MAX - 1
"""Characters that a kernel keeps."""

FAILURES = tuple(f"fail.{word}" for word in FAIL_WORDS)
"""Options of kernels with ``debug.fail`` (base/fail.c, kernel/sweep.c)."""

FEATURE = "fail"
"""What the manifest of such a kernel has among its features."""

USER_SPACE = "user_space"
"""And of one that runs programs."""


def check(append: str, manifest: Manifest) -> None:
    """Refuse (usage) what the kernel would cut off, or pass over in silence."""
    for char in append:
        if not char.isprintable() and not "\udc80" <= char <= "\udcff":
            raise usage(
                f"--append {append!r}: {char!r} would break the line of the log that shows it",
                "put spaces between words, and nothing else that cannot be seen",
            )
    whole = len(f"{manifest.image} {append}".encode("utf-8", "surrogateescape"))
    if whole > MOST:
        raise usage(
            f"--append: the kernel would cut a command line of {whole} bytes, it keeps {MOST}",
            f"shorten it by {whole - MOST}",
        )
    for word in append.split():
        if word.startswith("fail."):
            _failure(word, manifest)
        if word.startswith(f"{INIT}=") and USER_SPACE not in manifest.features:
            raise no_user_space(f"--append {word}", manifest)


def no_user_space(asked: str, manifest: Manifest) -> BootError:
    """The error for who asks a kernel to run a program that cannot."""
    return usage(
        f"{asked}: {manifest.name!r} was built without user space",
        f"run: {manifest.build_command} --set features.user_space=true",
    )


def _failure(word: str, manifest: Manifest) -> None:
    name, equals, _ = word.partition("=")
    if name not in FAILURES:
        raise usage(f"--append {word}: there is no option {name}", did_you_mean(name, FAILURES))
    if not equals:
        raise usage(f"--append {word}: there is no value", f"write {name}=VALUE")
    if FEATURE not in manifest.features:
        raise usage(
            f"--append {word}: {manifest.name!r} was built without failure injection",
            f"run: {manifest.build_command} --set debug.fail=true",
        )
