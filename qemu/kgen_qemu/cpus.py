"""The CPU ladder: which processors a boot may name, and what each can do.

What matters to a memory subsystem, oldest first:

    INVLPG  drop one page from the TLB (486); without it CR3 is reloaded and all go
    WP      ring 0 obeys read-only pages (486)
    CPUID   the CPU says what it is (late 486)
    PSE     4 MiB pages (Pentium)
    PGE     global pages, which survive a CR3 reload (Pentium Pro)

The table states what QEMU's models *do*, which is not what the silicon did:
its 486 has CPUID and announces PSE. The boot tests hold the table to the
machine. QEMU has no 386 at all.
"""

from dataclasses import dataclass

from kgen_qemu.errors import BootError, Exit, did_you_mean, usage

DEFAULT = "qemu32"


@dataclass(frozen=True)
class Cpu:
    """A model by QEMU's name; ``family`` is CPUID's."""

    name: str
    family: int
    pse: bool
    pge: bool
    invlpg: bool = True
    wp: bool = True
    cpuid: bool = True


LADDER = (
    Cpu("486", family=4, pse=True, pge=False),
    Cpu("pentium", family=5, pse=True, pge=False),
    Cpu("pentium2", family=6, pse=True, pge=True),
    Cpu("pentium3", family=6, pse=True, pge=True),
    Cpu("qemu32", family=6, pse=True, pge=True),
    Cpu("max", family=6, pse=True, pge=True),
)

# Names that people will type and QEMU lacks, each with the reason.
REFUSED = {
    "386": (
        "QEMU has no 386 model (its oldest is the 486), and this version does not stand in for one",
        "use --cpu 486; a 386 differs by the lack of INVLPG, CR0.WP, CPUID and CR4",
    ),
}


def names() -> tuple[str, ...]:
    """The models of the ladder, oldest first."""
    return tuple(cpu.name for cpu in LADDER)


def check(name: str, binary: str) -> str:
    """Return ``name`` if QEMU can be given it; it may carry flags, ``pentium,-pse``.

    The ladder's names are known here. Any other is looked up in what ``binary``
    lists, which costs a QEMU start (about 35 ms). Raises BootError: usage for a
    name that is not there, emulator when QEMU does not answer.
    """
    model = name.split(",", 1)[0]
    if model in REFUSED:
        raise usage(f"--cpu {model}: {REFUSED[model][0]}", REFUSED[model][1])
    if model not in names():
        every = _listed(binary)
        if model not in every:
            hint = did_you_mean(model, (*names(), *every))
            if hint.startswith("known"):
                hint = f"known: {', '.join(names())}; all: {binary} -cpu help"
            raise usage(f"--cpu {name}: no such CPU model", hint)
    return name


def _listed(binary: str) -> tuple[str, ...]:
    """Every model that this QEMU offers, from the lines ``x86 NAME  …`` of its help."""
    import subprocess

    try:
        done = subprocess.run(
            [binary, "-cpu", "help"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise BootError(Exit.EMULATOR, f"{binary} -cpu help: {error}") from None
    found = (line.split() for line in done.stdout.splitlines() if line.startswith("x86 "))
    return tuple(words[1] for words in found if len(words) > 1)
