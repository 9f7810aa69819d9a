"""The rules for templates (DESIGN, "Templates"), held by reading them as Jinja does.

Code templates are plain C: comment statements alone, no braces that mean something to Jinja.
Value templates print what ``kgen.derive`` computed: no arithmetic, no sorting, no calls, no
filter but the named ones. And no template names anything that a description or the derived
numbers do not have, in branches either that no test happens to render.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import Environment, TemplateSyntaxError, meta, nodes

from kgen.derive import Derived
from kgen.describe import Kernel, Section
from kgen.image.plan import Plan
from kgen.paths import templates_dir
from kgen.render.template import FILTERS

NAMES = {*Kernel.model_fields, "kernel_name", "derived", "plan"} - {"name"}
"""What a template may name; `plan` is the floppy's (kgen.image.plan)."""

ARITHMETIC = (
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
)

_COMPUTED: dict[str, type[Derived] | type[Plan]] = {"derived": Derived, "plan": Plan}

STATEMENT = re.compile(r"^\s*//%(.*)$")
REMARK = re.compile(r"^\s*//#")


def templates() -> list[str]:
    """Names of all templates, relative to their folder."""
    folder = templates_dir()
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix != ".md")
    return sorted(path.relative_to(folder).as_posix() for path in paths)


def lint(name: str, text: str) -> list[str]:
    """Everything that is wrong with the template ``name``, with line numbers."""
    return list(_lint_values(text) if name.endswith(".j2") else _lint_code(text))


def _lint_code(text: str) -> Iterator[str]:
    statements = []
    for number, line in enumerate(text.splitlines(), 1):
        statement = STATEMENT.match(line)
        statements.append(f"{{% {statement[1]} %}}" if statement else "")
        if statement or REMARK.match(line):
            continue
        if re.search(r"//[%#]", line):
            yield f"{number}: a statement or remark has a line of its own"
        if re.search(r"\{[{%#]|[}%#]\}", line):
            yield f"{number}: code templates print no values; make it a .j2 or a constant"
    yield from _lint_values("\n".join(statements))


def _lint_values(text: str) -> Iterator[str]:
    environment = Environment()
    environment.filters = dict(FILTERS)
    try:
        tree = environment.parse(text)
        unknown = meta.find_undeclared_variables(tree) - NAMES
    except TemplateSyntaxError as error:  # a filter that there is not counts as one, too
        yield f"{error.lineno}: {error.message}"
        return
    yield from (
        f"{node.lineno}: arithmetic; derive.py computes" for node in tree.find_all(ARITHMETIC)
    )
    for call in tree.find_all(nodes.Call):
        yield f"{call.lineno}: a call; derive.py computes"
    for name in sorted(unknown):
        yield f"unknown name {name!r}; there are {', '.join(sorted(NAMES))}"
    yield from _lint_attributes(tree)


def _lint_attributes(tree: nodes.Template) -> Iterator[str]:
    for node in tree.find_all(nodes.Getattr):
        if not isinstance(node.node, nodes.Name):
            continue
        owner = node.node.name
        if owner in NAMES and node.attr not in _attributes(owner):
            yield f"{node.lineno}: {owner} has no {node.attr!r}"


def _attributes(owner: str) -> set[str]:
    """Attributes that the template variable ``owner`` has."""
    if owner in _COMPUTED:
        return {*dir(_COMPUTED[owner]), *_COMPUTED[owner].__dataclass_fields__}
    field = Kernel.model_fields.get(owner)
    kind = field.annotation if field else None
    if isinstance(kind, type) and issubclass(kind, Section):
        return {*kind.model_fields}
    return set()


def test_there_are_templates() -> None:
    assert len(templates()) > 20


@pytest.mark.parametrize("name", templates())
def test_a_template_keeps_the_rules(name: str) -> None:
    assert lint(name, Path(templates_dir(), name).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.c", "int a = {{ layout.kernel_base }};", "1: code templates print no values"),
        ("a.c", "\n{% if features.tests %}", "2: code templates print no values"),
        ("a.c", "int a; //% if features.tests", "a line of its own"),
        ("a.c", "//% if features.tests\nint a;\n", "Unexpected end of template"),
        ("a.c", "//% if features.nonsense\n//% endif\n", "1: features has no 'nonsense'"),
        ("a.c", "\n//% if a.b\n//% endif\n", "unknown name 'a'"),
        ("a.c", "//% if derived.cpu_family + 1 == 4\n//% endif\n", "arithmetic"),
        ("a.h.j2", "{{ layout.kernel_base + 1 }}", "1: arithmetic"),
        ("a.h.j2", "{{ -layout.kernel_base }}", "arithmetic"),
        ("a.h.j2", "{{ kernel_name ~ kernel_name }}", "arithmetic"),
        ("a.h.j2", "{% for zone in derived.zones | sort %}{% endfor %}", "No filter named 'sort'"),
        ("a.h.j2", "{{ kernel_name | upper }}", "No filter named 'upper'"),
        ("a.h.j2", "{{ kernel_name.upper() }}", "1: a call"),
        ("a.h.j2", "\n{{ derived.nonsense }}", "2: derived has no 'nonsense'"),
        ("a.h.j2", "{{ name }}", "unknown name 'name'"),
    ],
)
def test_a_broken_rule_is_noticed(name: str, text: str, why: str) -> None:
    assert any(why in complaint for complaint in lint(name, text))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.c", "//# a remark\n\t//% if features.tests\nint a[] = { 1 };\n\t//% endif\n"),
        ("a.c", '#define F(x) { #x }\nint percent = 5 % 3;\nchar *s = "%u";\n'),
        (
            "a.h.j2",
            "{% for zone in derived.zones %}{{ zone.start | hex }}{{ loop.index }}{% endfor %}",
        ),
        ("a.h.j2", "{{ kernel_name }}{{ buddy.max_order }}"),
    ],
)
def test_what_is_allowed_passes(name: str, text: str) -> None:
    assert lint(name, text) == []
