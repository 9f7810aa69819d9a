"""``manifest.json``: all that a boot knows of a kernel that was built.

``kgen build`` writes it beside the image, last of all, so where it stands a
build succeeded. Keys that are not read here are left alone.
"""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from kgen_qemu.errors import usage

SCHEMA = 1

_TRIES = 40
_PAUSE = 0.01  # seconds


@dataclass(frozen=True)
class Zone:
    """A zone's name, first page frame, and one past its last."""

    name: str
    first_page: int
    end_page: int


@dataclass(frozen=True)
class MemoryModel:
    """A kernel's layout and limits, for those who predict what it does with memory.

    Addresses are physical but for ``kernel_base``; sizes are bytes unless they
    say pages. A map with less memory than ``least_available`` is of a machine below
    the kernel's minimum. The image ends before ``image_end``; at first the kernel reaches
    what lies below ``boot_mapped_end``. ``map_entries``, ``regions`` and
    ``modules`` are how many of each it keeps, ``module_line`` how many bytes of a
    module's command line, with the NUL. ``guards`` are pages of the
    image, below its stacks, that are mapped nowhere.
    """

    kernel_base: int
    image_start: int
    image_end: int
    boot_mapped_end: int
    direct_map_limit: int
    arena_pages: int
    arena_per_ram: int
    least_available: int
    map_entries: int
    regions: int
    modules: int
    module_line: int
    max_order: int
    index: str
    node_size: int
    zones: tuple[Zone, ...]
    guards: int = 1


@dataclass(frozen=True)
class Manifest:
    """A kernel and what to expect of it.

    ``directory`` holds the manifest, ``image`` is relative to it; RAM bounds
    are bytes, both inclusive; ``build`` is the id that the kernel says in
    ``hello``; ``stages`` are in order. ``memory`` is None where the manifest
    does not tell. ``inputs`` are the files that the kernel was made from, by
    names as seen from ``directory``, with their SHA-256; ``unfinished`` is there
    while a build is under way, and after one that failed. ``image_data`` is the
    image itself, as it was when the manifest was read: a build may replace the
    file at any time.
    """

    directory: Path
    name: str
    image: Path
    image_sha256: str
    image_size: int
    build: str
    stages: tuple[str, ...]
    features: tuple[str, ...]
    ram_minimum: int
    ram_maximum: int
    cpu_minimum: str
    memory: MemoryModel | None = None
    programs: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict, repr=False)
    unfinished: Path | None = None
    image_data: bytes = field(default=b"", repr=False)

    @property
    def image_path(self) -> Path:
        """Where the image is, as seen from here."""
        return self.directory / self.image

    @property
    def build_command(self) -> str:
        """The command that makes this anew."""
        return build_command(self.directory)


def build_command(directory: Path) -> str:
    """``kgen build`` for one output folder, as typed."""
    import shlex

    name = str(directory)
    return "kgen build" if name == "kernel_out" else f"kgen build -o {shlex.quote(name)}"


def load_manifest(directory: Path) -> Manifest:
    """Read ``directory/manifest.json`` and make sure that its image is the one it describes.

    Raises BootError (usage) with the command to run when nothing was built,
    the manifest cannot be read, or the image is gone or is another one.
    """
    for _ in range(_TRIES):
        manifest = _read(directory)
        fault, data = _image(manifest)
        if not fault:
            return replace(manifest, image_data=data)
        # A build that installs its kernel has replaced the image, and the manifest not yet.
        time.sleep(_PAUSE)
    raise usage(fault, f"run: {build_command(directory)}")


def _read(directory: Path) -> Manifest:
    path = directory / "manifest.json"
    hint = f"run: {build_command(directory)}"
    try:
        if path.exists() and not path.is_file():  # reading from a pipe would not end
            raise usage(f"{path} cannot be read: it is not a file", "move it away")
        data = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        raise usage(f"nothing is built in {directory}", hint) from None
    except OSError as error:
        raise usage(f"{path} cannot be read: {error.strerror}", hint) from None
    except (ValueError, RecursionError) as error:
        raise usage(f"{path} cannot be read: {error}", hint) from None
    try:
        return _parse(directory, data)
    except KeyError as error:
        what = f"{path} is another version's, or damaged: {error} is missing"
        raise usage(what, hint) from None
    except (TypeError, ValueError) as error:
        raise usage(f"{path} is malformed: {error}", hint) from None


def _parse(directory: Path, data: Any) -> Manifest:
    """JSON to Manifest; KeyError, TypeError or ValueError says what does not fit."""
    if not isinstance(data, dict):
        raise TypeError("not an object")
    if data.get("schema") != SCHEMA:
        raise ValueError(f"schema {data.get('schema')!r}, this version reads {SCHEMA}")
    ram = _typed(data, "ram", dict)
    return Manifest(
        directory=directory,
        name=_typed(data, "name", str),
        image=Path(_typed(data, "image", str)),
        image_sha256=_typed(data, "image_sha256", str),
        image_size=_typed(data, "image_size", int),
        build=_typed(data, "build", str),
        stages=_strings(data, "stages"),
        features=_strings(data, "features"),
        ram_minimum=_typed(ram, "minimum", int),
        ram_maximum=_typed(ram, "maximum", int),
        cpu_minimum=_typed(_typed(data, "cpu", dict), "minimum", str),
        memory=_memory(_typed(data, "memory", dict)) if "memory" in data else None,
        programs=_strings(data, "programs") if "programs" in data else (),
        inputs=_typed(data, "inputs", dict) if "inputs" in data else {},
        unfinished=Path(_typed(data, "unfinished", str)) if "unfinished" in data else None,
    )


def _memory(data: dict[str, Any]) -> MemoryModel:
    zones = [_typed({"zone": zone}, "zone", dict) for zone in _typed(data, "zones", list)]
    numbers = [field.name for field in fields(MemoryModel) if field.name not in ("index", "zones")]
    return MemoryModel(
        index=_typed(data, "index", str),
        **{name: _typed({"guards": 1, **data}, name, int) for name in numbers},
        zones=tuple(
            Zone(
                _typed(zone, "name", str),
                _typed(zone, "first_page", int),
                _typed(zone, "end_page", int),
            )
            for zone in zones
        ),
    )


def _typed(data: dict[str, Any], key: str, kind: type) -> Any:
    value = data[key]
    if not isinstance(value, kind):
        raise TypeError(f"{key!r} is {value!r}, not of type {kind.__name__}")
    return value


def _strings(data: dict[str, Any], key: str) -> tuple[str, ...]:
    values = _typed(data, key, list)
    if not all(isinstance(value, str) for value in values):
        raise TypeError(f"{key!r} holds something that is not text")
    return tuple(values)


def _image(manifest: Manifest) -> tuple[str, bytes]:
    """What is wrong with the image, and its content."""
    path = manifest.image_path
    try:
        if path.exists() and not path.is_file():
            return f"the image {path} cannot be read: it is not a file", b""
        data = path.read_bytes()
    except OSError as error:
        return f"the image {path} cannot be read: {error.strerror}", b""
    if len(data) != manifest.image_size or _sha256(data) != manifest.image_sha256:
        return f"the image {path} is not the one that its manifest describes", b""
    return "", data


def _sha256(data: bytes) -> str:
    from hashlib import sha256

    return sha256(data).hexdigest()
