"""The CPU ladder: which processors a boot may name, and what each can do.

The features that matter to a memory subsystem, oldest first:

    INVLPG  drop one page from the TLB (486); without it CR3 is reloaded and all go
    WP      ring 0 obeys read-only pages (486)
    CPUID   the CPU says what it is (late 486)
    PSE     4 MiB pages (Pentium)
    PGE     global pages, which survive a CR3 reload (Pentium Pro)

The table states what QEMU's models *do*, which is not what the silicon did:
its 486 has CPUID and announces PSE. The boot tests hold the table to the
machine.

QEMU has no 386 at all. The 486 plays it: the kernel's command line says that it
is one, and an audit (``kgen_qemu.audit``) verifies that no instruction runs which a 386
lacks.
"""

from dataclasses import dataclass
from functools import cache

from kgen_qemu.errors import BootError, Exit, did_you_mean, usage

DEFAULT = "qemu32"


@dataclass(frozen=True)
class Cpu:
    """A model by QEMU's name; ``family`` is CPUID's, ``lines`` its address lines in QEMU."""

    name: str
    family: int
    pse: bool
    pge: bool
    invlpg: bool = True
    wp: bool = True
    cpuid: bool = True
    lines: int = 36


LADDER = (
    Cpu("486", family=4, pse=True, pge=False, lines=32),
    Cpu("pentium", family=5, pse=True, pge=False, lines=32),
    Cpu("pentium2", family=6, pse=True, pge=True),
    Cpu("pentium3", family=6, pse=True, pge=True),
    Cpu("qemu32", family=6, pse=True, pge=True),
    Cpu("max", family=6, pse=True, pge=True),
)

I386 = Cpu("386", family=3, pse=False, pge=False, invlpg=False, wp=False, cpuid=False)

_PLAYED_BY = {I386.name: LADDER[0].name}


def names() -> tuple[str, ...]:
    """What a boot may name, oldest first."""
    return (I386.name, *(cpu.name for cpu in LADDER))


def model(name: str, *, above_4g: bool = False) -> str:
    """QEMU's name for the CPU, with its flags; a 386 is played by another.

    ``above_4g`` says that the machine has RAM there. From QEMU 8.2 on it must be
    within reach of the CPU's address lines, and ``pse36`` is the flag that lends
    those of 32 lines four more. Nothing else here depends on that flag.
    """
    model = _PLAYED_BY.get(name, name)
    base, _, flags = model.partition(",")
    short = any(cpu.name == base and cpu.lines < 36 for cpu in LADDER)
    return f"{model},pse36=on" if above_4g and short and "pse36" not in flags else model


def told(name: str, append: str) -> str:
    """The kernel's command line ``append``, with the word for its CPU."""
    return f"{append} cpu={name}".lstrip() if name in _PLAYED_BY else append


def check(name: str, binary: str) -> str:
    """Return ``name`` if QEMU can be given it; it may carry flags, ``pentium,-pse``.

    The ladder's names are known here. Any other is looked up in what ``binary``
    lists, which costs a QEMU start (about 35 ms). Raises BootError: usage for a
    name that is not there, emulator when QEMU does not answer.
    """
    base, flags, _ = name.partition(",")
    if base in _PLAYED_BY and flags:
        raise usage(f"--cpu {name}: QEMU has no {base} whose flags could be set", f"--cpu {base}")
    if base not in names():
        every = _listed(binary)
        if base not in every:
            hint = did_you_mean(base, (*names(), *every))
            if hint.startswith("known"):
                hint = f"known: {', '.join(names())}; all: {binary} -cpu help"
            raise usage(f"--cpu {name}: no such CPU model", hint)
    return name


@cache
def _listed(binary: str) -> tuple[str, ...]:
    """Every model that this QEMU offers, from the lines ``x86 NAME  …`` of its help."""
    from kgen_qemu.leash import answer

    try:
        status, text = answer([binary, "-cpu", "help"], seconds=20)
    except OSError as error:
        raise BootError(Exit.EMULATOR, f"{binary} -cpu help: {error}") from None
    if status != 0:
        how = "did not end" if status is None else f"ended with status {status}"
        raise BootError(Exit.EMULATOR, f"{binary} -cpu help: {how}")
    lines = text.decode("utf-8", "replace").splitlines()
    found = (line.split() for line in lines if line.startswith("x86 "))
    return tuple(words[1] for words in found if len(words) > 1)
