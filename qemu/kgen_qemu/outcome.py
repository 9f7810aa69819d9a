"""From a boot that is over to its Result: gather the facts, judge them, name the addresses."""

import re
import subprocess
from pathlib import Path

from kgen_qemu.listen import Heard
from kgen_qemu.monitor import Monitor
from kgen_qemu.request import INSTALL, Request
from kgen_qemu.result import Result
from kgen_qemu.symbols import Frame, symbolise
from kgen_qemu.transcript import Transcript
from kgen_qemu.verdict import Ending, Expected, Verdict, judge

OLDEST_QEMU = (5, 2)


def outcome(
    request: Request, heard: Heard, monitor: Monitor, complaint: str, seconds: float, log: Path
) -> Result:
    """The Result of a boot. ``complaint`` is QEMU's stderr, ``seconds`` how long QEMU ran."""
    machine, manifest = request.machine, request.manifest
    ending = Ending(
        status=heard.status,
        shutdown=monitor.shutdown,
        timed_out=heard.timed_out,
        timeout=request.timeout,
        stderr=complaint,
        place=_place(manifest.image_path, monitor.registers),
    )
    expected = Expected(
        stages=manifest.stages,
        build=manifest.build,
        tests="tests" in manifest.features,
        exit_device=machine.exit_device,
    )
    verdict = judge(heard.said, ending, expected, heard.assertions)
    return Result(
        verdict=verdict.name,
        exit_code=verdict.exit_code,
        reasons=verdict.reasons + _age(request.binary, verdict, heard.status),
        cpu=machine.cpu,
        memory=machine.memory,
        machine=machine.machine,
        accel=machine.accel,
        transcript=heard.said,
        assertions=heard.assertions,
        frames=_frames(manifest.image_path, heard.said),
        seconds=seconds,
        log=log,
        command=request.command,
    )


def _frames(image: Path, said: Transcript) -> tuple[Frame, ...]:
    """A panic's addresses with names: where it struck, then who called.

    One without a vector is a call of panic(), and its eip a return address.
    """
    panic = said.panic
    if panic is None:
        return ()
    addresses = list(panic.backtrace)
    if panic.eip and addresses[:1] != [panic.eip]:
        addresses.insert(0, panic.eip)
    return symbolise(image, addresses, first_exact=panic.vector is not None)


def _place(image: Path, registers: dict[str, int]) -> str:
    """Where a machine was when it reset itself or stood still, for the verdict's reason."""
    if "EIP" not in registers:
        return ""
    (frame,) = symbolise(image, [registers["EIP"]])
    return f"{frame}, CR2 {registers.get('CR2', 0):#010x}"


def _age(binary: str, verdict: Verdict, status: int | None) -> tuple[str, ...]:
    """When QEMU failed by itself, see whether it is simply too old. Asked only then: 35 ms."""
    if verdict.name != "emulator" or (status or 0) < 0:
        return ()
    try:
        text = subprocess.run([binary, "--version"], capture_output=True, timeout=10).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    match = re.search(rb"version (\d+)\.(\d+)", text)
    if match is None or (int(match[1]), int(match[2])) >= OLDEST_QEMU:
        return ()
    found = f"{match[1].decode()}.{match[2].decode()}"
    oldest = ".".join(map(str, OLDEST_QEMU))
    return (f"this QEMU is {found}; {oldest} or later is needed", INSTALL)
