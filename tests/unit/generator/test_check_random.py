"""``kgen.check`` on random descriptions: its remedies help, and what it refuses writes nothing.

Whether what it admits boots is tried in ``tests/boot/test_descriptions.py``.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from tests.descriptions import Fields, descriptions

from kgen import Kernel
from kgen.check import check
from kgen.derive import derive
from kgen.errors import DescriptionError, Exit
from kgen.pipeline import Request, build
from kgen.progress import Progress

from .remedies import assert_remedies_help

RANDOM = settings(
    deadline=None, derandomize=True, database=None, suppress_health_check=[*HealthCheck]
)


@settings(RANDOM, max_examples=50)
@given(descriptions())
def test_a_remedy_that_is_followed_helps(fields: Fields) -> None:
    assert_remedies_help(fields)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
@settings(RANDOM, max_examples=3000)
@given(descriptions())
def test_remedies_of_many_descriptions(fields: Fields) -> None:
    assert_remedies_help(fields)


@settings(RANDOM, max_examples=50)
@given(descriptions())
def test_what_is_refused_writes_nothing(fields: Fields) -> None:
    problems = check(Kernel.model_validate(fields))
    if not problems:
        return
    assert all(problem.path and problem.why and problem.change for problem in problems)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.py"
        path.write_text(f"from kgen import Kernel\nkernel = Kernel.model_validate({fields!r})\n")
        with pytest.raises(DescriptionError) as caught:
            build(Request(path, out=Path(folder) / "out"), Progress())
        assert list(caught.value.problems) == problems
        assert caught.value.exit_code == Exit.USAGE
        assert list(Path(folder).iterdir()) == [path]


@settings(RANDOM, max_examples=50)
@given(descriptions())
def test_what_is_sound_has_all_numbers(fields: Fields) -> None:
    kernel = Kernel.model_validate(fields)
    if check(kernel):
        return
    numbers = derive(kernel)
    assert 0 < numbers.image_floor <= numbers.image_limit
    spans = numbers.address_map
    assert spans[0].end == 1 << 32
    assert spans[-1].start == 0
    assert all(above.start == below.end for above, below in pairwise(spans))
    assert all(span.start < span.end for span in spans)
