"""Messages about values that a field does not admit: kgen's words, whatever the value is.

Every field of every section is given what no field admits, or few do. pydantic must not be heard
in what comes of it, nor a regular expression, nor a value of endless length.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

import kgen.describe as sections
from kgen.describe import Kernel, Ram, Section, Zone
from kgen.describe.section import Fault
from kgen.load import load

VALUES: tuple[Any, ...] = (
    *("", "y", '"y"', "-1", "0", "1e9", "nan", "\n", "x" * 500, "9" * 30, "0x", "0x_", "1,,2"),
    *("a\0b", -1, 0, 1.5, float("nan"), float("inf"), None, True, b"x", [], {}, (1, 2, "x")),
    *(10**30, [1], ["a"] * 300, [8] * 300, "9" * 5000, (Zone(),) * 9, ({"name": 1},), [None]),
    *(object(), {"max_order": 3}, ["a\udcffb"], "1__0", "1_", [True], [1.5], Kernel, Ram()),
)

PYDANTICS = (
    *("Input should", "String should", "Tuple should", "validation", "pydantic", "Value error"),
    *("parse", "valid ", "instance of", "match pattern", "^[", "invalid literal", "base 1"),
)

CLASSES = [
    one
    for one in vars(sections).values()
    if isinstance(one, type) and issubclass(one, Section) and one is not Section
]


@pytest.mark.parametrize("section", CLASSES, ids=lambda one: str(one.__name__))
def test_a_fault_is_told_in_our_words(section: type[Section]) -> None:
    seen = 0
    for name in section.model_fields:
        for value in VALUES:
            for fault in section(**{name: value}).faults:
                seen += 1
                said = f"{fault.why} {fault.change}"
                heard = [words for words in PYDANTICS if words in said]
                assert heard == [], f"{name}={value!r}: {said}"
                assert len(fault.value) < 100
                assert re.match(r"(item \d+ of it: )?(it|'|a zone|there)", fault.why), fault.why
    assert seen > 10


def fault(section: Section) -> Fault:
    (only,) = section.faults
    return only


def test_a_name_is_told_its_rule() -> None:
    """``--set name='"y"'``, as shells make it of too many quotes."""
    only = fault(load(None, ['name="y"']).kernel)
    assert only.why.startswith("it must be 1 to 32 letters of ASCII, digits, dots")
    assert "small letters" in fault(Zone(name="Y")).why


@pytest.mark.parametrize(
    ("value", "meant"),
    [(64, "did you mean 64M?"), ("64", "did you mean 64M?"), (4096, "did you mean 4096K?")],
)
def test_a_unit_that_was_left_out_is_asked_for(value: Any, meant: str) -> None:
    only = fault(Ram(minimum=value))
    assert only.why == "it must be at least 2 MiB"
    assert only.change == f"{meant} meaning: bytes of the smallest machine"


@pytest.mark.parametrize("value", [0, -1, "-1", "0"])
def test_none_is_asked_for_where_it_makes_no_sense(value: Any) -> None:
    assert "did you mean" not in fault(Ram(minimum=value)).change


def test_the_item_of_a_list_is_named() -> None:
    only = fault(sections.Kmalloc(classes=(8, "x", 24)))
    assert (only.path, only.value) == ("classes", "'x'")
    assert only.why.startswith("item 2 of it: 'x' is not a size")
