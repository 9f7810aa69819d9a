"""One template: what the two kinds mean, how the result looks, where its lines come from."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgen.describe import Buddy, Features, Kernel, Layout
from kgen.errors import Exit, KgenError
from kgen.render import Output, Rendered, Renderer, Tree

from .conftest import Render


def only(tree: Tree) -> Rendered:
    assert len(tree.files) == 1
    return tree.files[0]


def body(tree: Tree) -> str:
    """The text after the banner."""
    return only(tree).text.split("\n\n", 1)[1]


def test_braces_mean_nothing_in_code(rendered: Render) -> None:
    text = 'static int t[2][2] = {{1, 2}, {3, 4}};\nchar *f = "{% x %} {# y #} {{ z }}";\n'
    assert body(rendered({"a.c": text})) == text


def test_comment_statements_choose_sections(rendered: Render) -> None:
    text = "a\n\t//% if features.tests\nb\n//% else\nc\n  //%endif\nd //% if\n//# gone\n"
    assert body(rendered({"a.c": text})) == "a\nb\nd //% if\n"
    without = Kernel(features=Features(tests=False))
    assert body(rendered({"a.c": text}, without)) == "a\nc\nd //% if\n"


def test_loops_and_values_of_a_value_template(rendered: Render) -> None:
    text = "{% for zone in derived.zones %}\n{{ zone.name }} {{ zone.start | hex }}\n{% endfor %}\n"
    expected = "dma 0x00000000\nnormal 0x01000000\nhighmem 0x38000000\n"
    assert body(rendered({"zones.h.j2": text})) == expected


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        ("3221225472 | hex", "0xc0000000"),
        ("4294967296 | hex", "0x100000000"),
        ("244 | hex(2)", "0xf4"),
        ("4096 | kib", "4"),
        ("1536 | kib", "1.5"),
        ("1114112 | mib", "1.0625"),
        ("67108864 | size", "64 MiB"),
        ("'boot-paging' | ident", "BOOT_PAGING"),
        ("'dma' | left(5) ~ '|'", "dma  |"),
        ("kernel_name", "default"),
        ("buddy.max_order", "10"),
    ],
)
def test_filters_and_names(rendered: Render, expression: str, text: str) -> None:
    assert body(rendered({"a.h.j2": f"{{{{ {expression} }}}}\n"})) == f"{text}\n"


def test_other_filters_do_not_exist(rendered: Render) -> None:
    with pytest.raises(KgenError, match=r"templates/a\.h\.j2:2: No filter named 'sort'"):
        rendered({"a.h.j2": "\n{{ derived.zones | sort }}\n"})


def test_banner_names_the_template_in_a_comment(rendered: Render) -> None:
    first = only(rendered({"mm/a.h.j2": "x\n"})).text.split("\n")[0]
    assert first == (
        "/* Rendered by kgen from templates/mm/a.h.j2; change the template, not this file. */"
    )
    assert only(rendered({"notes.txt.j2": "x\n"})).text.startswith("# Rendered by kgen from ")


def test_blank_lines_collapse_and_the_end_is_one_newline(rendered: Render) -> None:
    text = "a\n\n//% if false\nb\n//% endif\n\n\nc  \n\n\n"
    assert body(rendered({"a.c": text})) == "a\n\nc\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.c", "x\n//% if features.tets\n//% endif\n", "a.c:2: .*'tets'.*did you mean 'tests'"),
        ("a.c", "x\n\n//% if featurs\n//% endif\n", "a.c:3: 'featurs' is undefined; .*'features'"),
        ("b.h.j2", "\n\n\n{{ derived.kernel_strt }}\n", "b.h.j2:4: .*did you mean 'kernel_start'"),
        ("b.h.j2", "{{ 1 / 0 }}\n", "b.h.j2:1: ZeroDivisionError"),
        ("b.h.j2", "\n{{ \n", "b.h.j2:"),
        ("a.c", "x\n//% if true\n", "a.c:"),
        ("a.c", "x\n//% endif\n", "a.c:2: .*endif"),
    ],
)
def test_errors_name_template_and_line(
    rendered: Render, name: str, text: str, message: str
) -> None:
    with pytest.raises(KgenError, match=f"^templates/{message}") as caught:
        rendered({name: text})
    assert caught.value.exit_code == Exit.BUILD


def test_an_error_in_an_imported_macro_is_placed_there(rendered: Render) -> None:
    files = {
        "a.h.j2": '{% from "m.h.j2" import row %}\n{{ row(derived) }}\n',
        "m.h.j2": "{% macro row(d) %}\n{{ d.nothing }}\n{% endmacro %}\n",
    }
    with pytest.raises(KgenError, match=r"^templates/m\.h\.j2:2: "):
        rendered(files)


def test_values_follow_the_description(rendered: Render) -> None:
    kernel = Kernel(layout=Layout(stack_size="32K"), buddy=Buddy(max_order=4))
    text = "{{ layout.stack_size | size }} {{ buddy.max_order }} {{ derived.kernel_start | hex }}\n"
    assert body(rendered({"a.h.j2": text}, kernel)) == "32 KiB 4 0xc0100000\n"


def test_form_feeds_and_odd_separators_do_not_shift_lines(rendered: Render) -> None:
    file = only(rendered({"a.c": "a\x0c\u2028b\nc\n"}))
    assert file.text.split("\n")[2:] == ["a\x0c\u2028b", "c", ""]
    assert file.lines == (0, 0, 1, 2)


def test_lines_of_an_imported_macro_belong_to_its_caller(rendered: Render) -> None:
    files = {
        "a.h.j2": '{% from "m.h.j2" import rows %}\nfirst\n{{ rows() }}last\n',
        "m.h.j2": "\n\n\n\n{% macro rows() %}\none\ntwo\n{% endmacro %}\n",
    }
    file = rendered(files).files[0]
    assert file.text.split("\n")[2:-1] == ["first", "one", "two", "last"]
    assert file.lines[2:] == (2, 3, 3, 3)


# --- the way back -----------------------------------------------------------------


def nested(children: st.SearchStrategy[list[object]]) -> st.SearchStrategy[object]:
    return st.tuples(st.sampled_from(["if true", "if false", "for i in range(2)"]), children)


LEAVES = st.sampled_from(["text", "blank", "remark"])
BLOCKS = st.recursive(
    st.lists(LEAVES, max_size=4),
    lambda inner: st.lists(LEAVES | nested(inner), max_size=4),
    max_leaves=8,
)


def written(blocks: list[object], lines: list[str], *, code: bool) -> list[str]:
    """Append a template to ``lines``; the text lines that it is to render, in order."""
    expected: list[str] = []
    for block in blocks:
        if isinstance(block, tuple):
            kind, children = block
            lines.append(f"  //% {kind}" if code else f"  {{% {kind} %}}")
            inside = written(children, lines, code=code)
            end = f"end{kind.split()[0]}"
            lines.append(f"//% {end}" if code else f"{{% {end} %}}")
            expected += inside * {"if false": 0, "if true": 1}.get(kind, 2)
        elif block == "text":
            # A value template shows its line through an expression, at the start of every other.
            number = len(lines) + 1
            plain = f"\tline {number};"
            computed = f"{{{{ '\tline' }}}} {{{{ {number} }}}};"
            lines.append(computed if not code and number % 2 else plain)
            expected.append(plain)
        else:
            remark = "//# remark" if code else "{# remark #}"
            lines.append("" if block == "blank" else remark)
    return expected


@settings(max_examples=150, deadline=None)
@given(blocks=BLOCKS, code=st.booleans())
def test_every_line_finds_its_way_back(blocks: list[object], code: bool) -> None:
    lines: list[str] = []
    expected = written(blocks, lines, code=code)
    name = "a.c" if code else "a.h.j2"
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, name).write_text("\n".join(lines) + "\n")
        file = Renderer(Path(folder), {}).render(Output(name.removesuffix(".j2"), name))
    texts = file.text.split("\n")[:-1]
    assert len(texts) == len(file.lines)
    found = [(text, line) for text, line in zip(texts, file.lines, strict=True) if "line" in text]
    assert [text for text, _ in found] == expected
    assert all(text == f"\tline {line};" for text, line in found)
