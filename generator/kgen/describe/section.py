"""A section of a description: a frozen pydantic model that never raises.

A description is a Python file. If ``Buddy(max_order=40)`` raised where it stands, the user
would see that mistake alone and meet the next one after mending it. So a section keeps what
is wrong with it (:attr:`Section.faults`), holds the default in place of each bad value, and
``kgen.check`` reports the faults of all sections together with what the layout rules find.
"""

from __future__ import annotations

import difflib
import sys
from dataclasses import dataclass, replace
from types import FrameType
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from kgen.units import parse_size, show_address, show_size

_OWN_MODULES = ("kgen.describe", "pydantic")


@dataclass(frozen=True)
class Fault:
    """A value that its field does not admit: relative ``path``, value, reason, remedy, place."""

    path: str
    value: str
    why: str
    change: str
    where: str = ""

    def below(self, prefix: str) -> Fault:
        """The same fault seen from the section that holds this one as ``prefix``."""
        return replace(self, path=f"{prefix}.{self.path}")


class Section(BaseModel):
    """Base of every model in a description."""

    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="forbid")

    _faults: tuple[Fault, ...] = PrivateAttr(default=())

    def __init__(self, **data: Any) -> None:
        try:
            super().__init__(**data)
        except ValidationError as error:
            faults = tuple(_fault(type(self), item, _caller()) for item in error.errors())
            bad = {str(item["loc"][0]) for item in error.errors()}
            super().__init__(**{key: value for key, value in data.items() if key not in bad})
            self._faults = faults

    def replaced(self, name: str, value: Any, where: str) -> Self:
        """This section with another ``value`` in field ``name``; other fields keep their faults.

        ``where`` says who wrote the value (``--set buddy.max_order=40``), for its own faults.
        """
        data = {field: getattr(self, field) for field in type(self).model_fields}
        changed = type(self)(**(data | {name: value}))
        kept = tuple(fault for fault in self._faults if fault.path != name)
        changed._faults = kept + tuple(replace(fault, where=where) for fault in changed._faults)
        return changed

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Everything wrong with this section's values and with those of sections inside it."""
        found = list(self._faults)
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Section):
                found += [fault.below(name) for fault in value.faults]
            elif isinstance(value, tuple):
                for index, item in enumerate(value):
                    if isinstance(item, Section):
                        found += [fault.below(f"{name}[{index}]") for fault in item.faults]
        return tuple(found)


def _fault(section: type[Section], item: Any, where: str) -> Fault:
    """pydantic's account of one bad value, in kgen's words."""
    name = str(item["loc"][0])
    fields = section.model_fields
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(name, fields, 1)
        meant = f"did you mean {near[0]}? " if near else ""
        known = ", ".join(fields)
        return Fault(
            name, _short(item["input"]), "there is no such field", f"{meant}known: {known}", where
        )
    meaning = fields[name].description or ""
    change = f"meaning: {meaning}"
    meant = _unit_left_out(item, meaning)
    if meant:
        change = f"did you mean {meant}? {change}"
    return Fault(name, _short(item["input"]), _why(item, meaning), change, where)


_WORDS = {
    "string_type": "it must be text",
    "model_type": "it must be a {class_name}(…)",
    "tuple_type": "it must be a list or a tuple",
    "int_type": "it must be a whole number",
    "int_parsing": "it must be a whole number",
    "int_parsing_size": "it must be a whole number, and a smaller one",
    "int_from_float": "it must be a whole number",
    "finite_number": "it must be a whole number",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "less_than": "it must be below {lt}",
    "literal_error": "it must be {expected}",
    "bool_type": "it must be true or false",
    "bool_parsing": "it must be true or false",
    "too_short": "it must have {min_length} or more items, and has {actual_length}",
    "too_long": "it must have {max_length} items or fewer, and has {actual_length}",
}
"""What pydantic's kinds of errors mean to somebody who knows kernels; ``{…}`` is its context."""

_LONGEST = 60
"""Characters of a wrong value that a message repeats."""


def _why(item: Any, meaning: str) -> str:
    """What is wrong with a value, or with one of several."""
    context = {key: _shown(value, meaning) for key, value in item.get("ctx", {}).items()}
    if item["type"] in _WORDS:
        why = _WORDS[item["type"]].format(**context)
    else:  # our own validators speak for themselves
        why = item["msg"].removeprefix("Value error, ")
    places = [place for place in item["loc"][1:] if isinstance(place, int)]
    return f"item {places[0] + 1} of it: {why}" if places else why


def _shown(limit: object, meaning: str) -> object:
    """A limit in the unit that the field's meaning names."""
    if not isinstance(limit, int):
        return limit
    if "bytes" in meaning:
        return show_size(limit)
    return show_address(limit) if "address" in meaning or "32-bit" in meaning else limit


def _unit_left_out(item: Any, meaning: str) -> str:
    """``64M`` for 64 bytes where that is too few; nothing where it can't be meant."""
    text = str(item["input"])
    if item["type"] == "greater_than_equal" and "bytes" in meaning and text.isdigit():
        for unit in ("K", "M", "G"):
            if int(text) and parse_size(f"{text}{unit}") >= item["ctx"]["ge"]:
                return f"{text}{unit}"
    return ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _caller() -> str:
    """``file:line`` of the code that is building a section, for people to jump to."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if not frame.f_globals.get("__name__", "").startswith(_OWN_MODULES):
            return f"{frame.f_code.co_filename}:{frame.f_lineno}"
        frame = frame.f_back
    return ""
