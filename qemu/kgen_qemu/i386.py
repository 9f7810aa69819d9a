"""Which CPU brought an instruction: the generations of the i386, as data.

Families are numbered as CPUID does: 3 a 386, 4 a 486, 5 a Pentium, 6 a Pentium
Pro. 7 stands for features that no family promises: floating point, MMX, SSE, and all
others with a CPUID flag of their own.

iced-x86 tags each decoded instruction with the feature that introduced it;
``FAMILY`` says which family has that feature. Two readers rest on it: the
verifier, which decodes all that is in an image, and the audit of a boot, which
decodes what ran.
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from iced_x86 import Instruction

NAMES = {3: "386", 4: "486", 5: "pentium", 6: "pentiumpro"}
"""The families that a description and the kernel's command line may name."""

OPTIONAL = 7
"""The family of instructions that no CPU named here promises."""

FAMILY = {
    "INTEL8086": 3,
    "INTEL186": 3,
    "INTEL286": 3,
    "INTEL386": 3,
    "PAUSE": 3,  # REP NOP: older CPUs ignore the prefix
    "INTEL486": 4,  # BSWAP CMPXCHG XADD INVD INVLPG WBINVD
    "CPUID": 5,  # some late 486s have it; EFLAGS.ID tells
    "CX8": 5,
    "MSR": 5,
    "SMM": 5,
    "TSC": 5,
    "CMOV": 6,
    "RDPMC": 6,
    "MULTIBYTENOP": 6,
    "CET_IBT": 6,  # ENDBR32 lies among the Pentium Pro's no-operations; older CPUs fault
}
"""First family with each feature (Intel SDM vol. 2, AP-485); features not here are OPTIONAL."""

X87 = ("FPU", "FPU287", "FPU387")
"""Features of the x87, which a program may use: a 387 has them all."""

CR4_FAMILY = 5
"""MOV to and from CR4 came with the Pentium; iced-x86 tags each MOV to CRn as the 386's."""


def first_family(instruction: "Instruction", *, x87: bool = False) -> int:
    """The first family that has this instruction; 0 if the bytes are not one.

    With ``x87`` the machine is taken to have one.
    """
    if instruction.is_invalid:
        return 0
    features = tuple(instruction.cpuid_features())
    family = _of_features(_without_x87(features) if x87 else features)
    return CR4_FAMILY if family == 3 and _touches_cr4(instruction) else family


def cpu(family: int) -> str:
    """``a 486``; for what no family promises, just that."""
    return f"a {NAMES[family]}" if family in NAMES else "what no cpu.minimum promises"


@cache
def _of_features(features: tuple[int, ...]) -> int:
    names = (_feature_names()[feature] for feature in features)
    return max((FAMILY.get(name, OPTIONAL) for name in names), default=3)


@cache
def _without_x87(features: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(feature for feature in features if _feature_names()[feature] not in X87)


@cache
def _feature_names() -> dict[int, str]:
    """iced-x86's feature numbers with their names."""
    from iced_x86 import CpuidFeature

    return {number: name for name, number in vars(CpuidFeature).items() if name.isupper()}


@cache
def _cr_moves() -> tuple[int, int, int]:
    from iced_x86 import Code, Register

    return Code.MOV_R32_CR, Code.MOV_CR_R32, Register.CR4


def _touches_cr4(instruction: "Instruction") -> bool:
    load, store, cr4 = _cr_moves()
    if instruction.code == load:
        return instruction.op1_register == cr4
    return instruction.code == store and instruction.op0_register == cr4
