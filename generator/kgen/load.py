"""From a Python file and ``--set`` options to a :class:`~kgen.describe.Kernel`.

A description is a program: it is run, and what it binds to ``kernel`` is the kernel. Its folder
is on ``sys.path`` meanwhile, so it can import neighbours, and no ``__pycache__`` is left there.
An error in *running* it ends here, with file and line. Problems of the described kernel are
gathered by :func:`prove`, and reported together.
"""

from __future__ import annotations

import difflib
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import kgen
from kgen.check import check
from kgen.derive import Derived
from kgen.describe import Kernel, Section
from kgen.errors import DescriptionError, KgenError, Problem
from kgen.files import exists, is_folder, shown

_MODULE = "kernel_description"
_EXAMPLE = 'from kgen import Kernel\n    kernel = Kernel(name="tiny")'


@dataclass(frozen=True)
class Loaded:
    """A description as it was read: not proved yet.

    ``path`` is the file, None for the built-in default; ``origin`` names it for people;
    ``files`` are that and its neighbours that it imported;
    ``folder`` is where the names in ``kernel.sources`` and ``kernel.programs`` start.
    """

    kernel: Kernel
    path: Path | None
    origin: str
    files: tuple[Path, ...] = ()

    @property
    def folder(self) -> Path:
        """Absolute folder of the description, the current one for the default."""
        return self.path.resolve().parent if self.path else Path.cwd()

    @property
    def sources(self) -> tuple[Path, ...]:
        """The user's files as absolute paths, in the description's order."""
        return tuple(self.folder / name for name in self.kernel.sources)

    @property
    def programs(self) -> tuple[Path, ...]:
        """The files of the user's programs, likewise."""
        return tuple(self.folder / name for name in self.kernel.programs)


def find(description: Path | None) -> Path | None:
    """The description to use: the one given, else ``kernel.py`` here, else None (the default)."""
    if description is not None:
        return description
    local = Path("kernel.py")
    return local if exists(local) else None


def load(description: Path | None, sets: Sequence[str] = ()) -> Loaded:
    """Read a description and apply ``sets`` (``"buddy.max_order=8"``) to it.

    KgenError (exit 2) if the file cannot be run, or if settings name no field: then with all
    that is wrong besides. Values that a field
    does not admit are kept as faults of the kernel, for :func:`prove`.
    """
    path = find(description)
    files = [] if path is None else [path.resolve()]
    kernel = Kernel() if path is None else _bound_kernel(path, _run(path, files))
    refused: list[KgenError] = []
    for setting in sets:
        try:
            kernel = _override(kernel, setting)
        except KgenError as error:
            refused.append(error)
    origin = shown(path) if path else "the built-in default"
    loaded = Loaded(kernel, path, origin, tuple(files))
    if refused:
        raise _together(refused, loaded)
    return loaded


def _together(refused: list[KgenError], loaded: Loaded) -> KgenError:
    """One error for settings that name no field, and for whatever else is wrong meanwhile."""
    others = _problems(loaded)
    if len(refused) == 1 and not others:
        return refused[0]
    settings = "\n".join(f"  {str(error).replace(chr(10), chr(10) + '  ')}" for error in refused)
    rest = "".join(f"\n  {problem}" for problem in others)
    count = len(refused) + len(others)
    return KgenError(f"{loaded.origin}: {count} problems\n{settings}{rest}")


def prove(loaded: Loaded) -> Derived:
    """The numbers of a sound description; DescriptionError with every problem otherwise."""
    problems = _problems(loaded)
    if problems:
        raise DescriptionError(problems, loaded.origin)
    return Derived(loaded.kernel)


def _problems(loaded: Loaded) -> list[Problem]:
    sources = _file_problems("sources", loaded.kernel.sources, loaded.sources, loaded.origin)
    programs = _file_problems("programs", loaded.kernel.programs, loaded.programs, loaded.origin)
    return [*check(loaded.kernel), *sources, *programs]


def _file_problems(
    field: str, names: Sequence[str], paths: Sequence[Path], origin: str
) -> Iterator[Problem]:
    first: dict[Path, str] = {}
    for name, path in zip(names, paths, strict=True):
        if any(ord(letter) < 32 for letter in name):
            yield Problem(field, repr(name), "it holds a control character", "rename the file")
            continue
        change = "names are relative to the folder of the description"
        why = _unreadable(path)
        same = first.setdefault(path.parent.resolve() / path.name, name)
        if same != name:
            why, change = f"it is the same file as {same!r}", "list it once"
        if why:
            yield Problem(field, repr(name), why, change, origin)


def _unreadable(path: Path) -> str:
    """Why ``path`` is no file that can be compiled; nothing if it is one."""
    try:
        with path.open("rb"):
            return ""
    except FileNotFoundError:
        return f"there is no file {shown(path)}"
    except IsADirectoryError:
        return "it is a folder"
    except OSError as error:
        return f"it cannot be read: {error.strerror}"


# --- running the file ---------------------------------------------------------


def _run(path: Path, files: list[Path]) -> dict[str, Any]:
    """What the file binds after it has run; neighbours that it imports are added to ``files``."""
    name = shown(path)
    try:
        source = path.read_bytes()
    except FileNotFoundError:
        raise KgenError(f"{name}: there is no such description", _missing_hint(path)) from None
    except IsADirectoryError:
        raise KgenError(f"{name} is a folder, not a description", _folder_hint(path)) from None
    except OSError as error:
        raise KgenError(f"{name}: cannot read the description: {error.strerror}") from None
    module = ModuleType(_MODULE)
    module.__file__ = str(path.resolve())
    try:
        code = compile(source, name, "exec")
    except (SyntaxError, ValueError) as error:
        raise _syntax_error(name, error) from None
    with _surroundings(module, path.resolve().parent, files):
        try:
            exec(code, module.__dict__)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            raise _raised(path, error) from error
    return module.__dict__


@contextmanager
def _surroundings(module: ModuleType, folder: Path, files: list[Path]) -> Iterator[None]:
    """The description's folder importable, nothing cached on disk; all put back afterwards."""
    bytecode, before = sys.dont_write_bytecode, set(sys.modules)
    sys.dont_write_bytecode = True
    sys.path.insert(0, str(folder))
    sys.modules[_MODULE] = module
    try:
        yield
    finally:
        sys.dont_write_bytecode = bytecode
        sys.path.remove(str(folder))
        for name in set(sys.modules) - before:
            # A neighbour of this description; the next one may have its own of that name.
            file = getattr(sys.modules[name], "__file__", None)
            if file and name != _MODULE and Path(file).is_relative_to(folder):
                files.append(Path(file))
                del sys.modules[name]
        del sys.modules[_MODULE]


def _missing_hint(path: Path) -> str:
    folder = path.parent
    names = [item.name for item in folder.glob("*.py")] if is_folder(folder) else []
    near = difflib.get_close_matches(path.name, names, 1)
    if near:
        return f"did you mean {shown(folder / near[0])}?"
    return "leave it out to build the built-in default, or write one that binds `kernel`"


def _folder_hint(path: Path) -> str:
    inside = path / "kernel.py"
    return f"did you mean {shown(inside)}?" if inside.is_file() else "name a Python file"


def _syntax_error(name: str, error: SyntaxError | ValueError) -> KgenError:
    if not isinstance(error, SyntaxError):
        return KgenError(f"{name}: not Python source: {error}")
    line = (error.text or "").rstrip()
    return KgenError(f"{name}:{error.lineno}: {error.msg}", line.strip())


def _raised(path: Path, error: BaseException) -> KgenError:
    """What the description raised, at the innermost line that its author wrote."""
    own = path.resolve().parent
    place, line = shown(path), ""
    for frame in traceback.extract_tb(error.__traceback__):
        file = Path(frame.filename)
        if file.resolve().is_relative_to(own) and "site-packages" not in file.parts:
            place, line = f"{shown(file)}:{frame.lineno}", frame.line or ""
    text = traceback.format_exception_only(error)[-1].strip()
    hint = line
    if isinstance(error, SyntaxError):
        place = f"{shown(Path(error.filename or place))}:{error.lineno}"
    if isinstance(error, ImportError) and error.name == "kgen":
        hint = f"{line}\n    kgen offers: {', '.join(kgen.__all__)}"
    return KgenError(f"{place}: the description raised {text}", hint)


def _bound_kernel(path: Path, names: dict[str, Any]) -> Kernel:
    """The Kernel bound to ``kernel``, or an error that says what is bound instead."""
    found = names.get("kernel")
    if isinstance(found, Kernel):
        return found
    place = shown(path)
    if found is Kernel:
        raise KgenError(
            f"{place}: `kernel` is the class Kernel, not a kernel", "write kernel = Kernel(…)"
        )
    if "kernel" in names:
        kind = type(found).__name__
        raise KgenError(f"{place}: `kernel` is of type {kind}, not a Kernel", f"write {_EXAMPLE}")
    others = [name for name, value in names.items() if isinstance(value, Kernel)]
    if others:
        hint = f"it binds a Kernel to {', '.join(f'`{name}`' for name in others)}: rename it"
        raise KgenError(f"{place}: binds no `kernel`", hint)
    raise KgenError(f"{place}: binds no `kernel`", f"write {_EXAMPLE}")


# --- --set --------------------------------------------------------------------


def _override(kernel: Kernel, setting: str) -> Kernel:
    """``kernel`` with one field changed, as ``PATH=VALUE`` says."""
    where = f"--set {setting}"
    path, equals, value = setting.partition("=")
    path = path.strip()
    if not equals:
        raise KgenError(
            f"{where}: there is no `=`", f"write --set {path or 'buddy.max_order'}=VALUE"
        )
    keys = path.split(".")
    sections: list[Section] = [kernel]
    for depth, key in enumerate(keys):
        section = sections[-1]
        if key not in type(section).model_fields:
            raise _unknown(kernel, path, where)
        below = getattr(section, key)
        if depth < len(keys) - 1:
            if not isinstance(below, Section):
                raise _unknown(kernel, path, where)
            sections.append(below)
        elif isinstance(below, Section):
            fields = ", ".join(f"{path}.{name}" for name in type(below).model_fields)
            raise KgenError(f"{where}: {path} is a whole section", f"name a field: {fields}")
        elif _holds_sections(below):
            raise KgenError(
                f"{where}: {path} is a list of sections", "write it in a description file"
            )
    return _rebuilt(sections, keys, value, where)


def _rebuilt(sections: list[Section], keys: list[str], value: str, where: str) -> Kernel:
    """The outermost of nested ``sections`` with ``value`` at the end of ``keys``."""
    changed = sections[-1].replaced(keys[-1], value, where)
    for section, key in zip(reversed(sections[:-1]), reversed(keys[:-1]), strict=True):
        changed = section.replaced(key, changed, where)
    return cast(Kernel, changed)


def _holds_sections(value: object) -> bool:
    return isinstance(value, tuple) and any(isinstance(item, Section) for item in value)


def _unknown(kernel: Kernel, path: str, where: str) -> KgenError:
    known = list(paths(kernel))
    last = path.rsplit(".", 1)[-1]
    near = [name for name in known if name.rsplit(".", 1)[-1] == last]
    near = near or [name for name in known if path.startswith(f"{name}_")]  # too long
    near = near or difflib.get_close_matches(path, known, 1, 0.8)  # a slip
    near = near or difflib.get_close_matches(path, known, 3, 0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else "`kgen describe` lists all fields"
    return KgenError(f"{where}: there is no field {path or '(empty)'}", hint)


def paths(section: Section, prefix: str = "") -> Iterator[str]:
    """Paths of all fields that ``--set`` can change: ``name``, ``layout.kernel_base``, …"""
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield from paths(value, f"{prefix}{name}.")
        elif not _holds_sections(value):
            yield f"{prefix}{name}"
