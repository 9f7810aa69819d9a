"""The stack's guard stops frames of every size: tests/kernels/stack_frames.c tries them all."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from kgen_qemu.result import Result

pytestmark = pytest.mark.boot


@pytest.mark.parametrize("optimize", ["2", "0"])
def test_no_frame_jumps_over_the_guard(
    user_kernel: Callable[..., Path], boot: Callable[..., Result], optimize: str
) -> None:
    """From 1 KiB to 1 MiB: fixed, by alloca(), in arrays of variable length."""
    folder = user_kernel("stack_frames.c", sets=[f"compiler.optimize={optimize}"])
    result = boot(folder, memory="8M")
    assert result.verdict == "pass", (result.reasons, result.log.read_text())
    assert {test.name for test in result.transcript.tests if test.name.startswith("stack.")} == {
        "stack.fixed_frames_are_caught",
        "stack.allocas_are_caught",
        "stack.variable_arrays_are_caught",
        "stack.the_place_does_not_matter",
    }
