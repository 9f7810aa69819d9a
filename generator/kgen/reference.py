"""The reference of a description, from the models themselves: path, value, meaning, unit."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic.fields import FieldInfo

from kgen.describe import Kernel, Section
from kgen.units import show_address, show_size


def reference(kernel: Kernel) -> Iterator[str]:
    """Lines that list every field of ``kernel``; a ``*`` marks values that are not the default."""
    yield from _section(kernel, "")


def _section(section: Section, prefix: str) -> Iterator[str]:
    for name, field in type(section).model_fields.items():
        value, path = getattr(section, name), f"{prefix}{name}"
        if isinstance(value, Section):
            yield f"\n{path}: {field.description}"
            yield from _section(value, f"{path}.")
        else:
            mark = " " if value == field.default else "*"
            yield f"{mark} {f'{path} = {_shown(value, field)}':<46}  {field.description}"
            yield from _items(value, path)


def _items(value: object, path: str) -> Iterator[str]:
    """The sections inside a list, one line each: they have fields, but no path for --set."""
    if not isinstance(value, tuple):
        return
    for index, item in enumerate(value):
        if isinstance(item, Section):
            fields = type(item).model_fields.items()
            words = [f"{name}={_shown(getattr(item, name), field)}" for name, field in fields]
            yield f"    {path}[{index}]: {', '.join(words)}"


def _shown(value: object, field: FieldInfo) -> str:
    """A value in the unit that its field's meaning names."""
    meaning = field.description or ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        if meaning.startswith("bytes of") or (meaning.startswith("physical") and value):
            return show_size(value)
        if "address" in meaning or "32-bit" in meaning:
            return show_address(value)
    if isinstance(value, tuple):
        plain = [str(item) for item in value if not isinstance(item, Section)]
        return ",".join(plain) if plain or not value else f"{len(value)} of them:"
    return str(value)
