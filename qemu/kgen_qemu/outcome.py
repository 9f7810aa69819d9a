"""From a boot that is over to its Result: gather the facts, judge them, name the addresses."""

from kgen_qemu import process_one
from kgen_qemu.accounting import Accounting, account
from kgen_qemu.audit import Audit, audit
from kgen_qemu.listen import Heard
from kgen_qemu.logs import Logs
from kgen_qemu.monitor import Monitor
from kgen_qemu.request import INSTALL, Request
from kgen_qemu.result import Result
from kgen_qemu.run import Run
from kgen_qemu.sites import leak_sites, message_sites
from kgen_qemu.symbols import Frame, symbolise
from kgen_qemu.trace import qemu_version
from kgen_qemu.transcript import Transcript
from kgen_qemu.verdict import Ending, Expected, Verdict, judge
from kgen_qemu.words import USER_SPACE

OLDEST_QEMU = (5, 2)


def outcome(
    request: Request, heard: Heard, monitor: Monitor, logs: Logs, seconds: float, run: Run
) -> Result:
    """The Result of a boot; ``seconds`` is how long QEMU ran, ``run`` what was started."""
    machine, manifest = request.machine, request.manifest
    complaint = logs.complaint()
    ending = Ending(
        status=heard.status,
        shutdown=monitor.shutdown,
        timed_out=heard.timed_out,
        deaf=heard.deaf,
        timeout=request.timeout,
        stderr=complaint,
        emulator=run.emulator,
        place=_place(manifest.image_data, monitor.registers),
    )
    expected = Expected(
        stages=manifest.stages,
        build=manifest.build,
        tests="tests" in manifest.features,
        exit_device=machine.exit_device,
        process=USER_SPACE in manifest.features,
    )
    audited = _audit(request, logs)
    programs = process_one.predict(request, heard.said.exit)
    accounts = account(heard.said, manifest.memory, programs)
    verdict = judge(heard.said, ending, expected, heard.assertions, _findings(audited, accounts))
    return Result(
        verdict=verdict.name,
        exit_code=verdict.exit_code,
        reasons=(
            verdict.reasons
            + _monitored(monitor, verdict, run.emulator)
            + _age(request.binary, verdict, heard.status)
        ),
        engine=machine.engine,
        cpu=machine.cpu,
        memory=machine.memory,
        machine=machine.machine,
        accel=machine.accel if machine.engine == "qemu" else None,
        transcript=heard.said,
        assertions=heard.assertions,
        audit=audited,
        accounting=accounts,
        frames=_frames(manifest.image_data, heard.said),
        sites=message_sites(manifest.image_data, heard.said.panic),
        leaks=leak_sites(manifest.image_data, heard.said),
        seconds=seconds,
        log=logs.path,
        command=request.command,
        run=run.with_version(monitor.version, complaint),
    )


def _audit(request: Request, logs: Logs) -> Audit | None:
    """What ran, if that was to be watched."""
    manifest = request.manifest
    if request.trace is None or manifest.memory is None:
        return None
    base = manifest.memory.kernel_base
    return audit(logs.instructions, manifest.image_data, base, request.trace)


def _findings(audited: Audit | None, accounts: Accounting | None) -> tuple[str, ...]:
    """Errors that neither the kernel nor QEMU found."""
    differences = () if accounts is None else tuple(map(str, accounts.mismatches))
    return (() if audited is None else audited.reasons) + differences


def _frames(image: bytes, said: Transcript) -> tuple[Frame, ...]:
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


def _place(image: bytes, registers: dict[str, int]) -> str:
    """Where a machine was when it reset itself or stood still, for the verdict's reason."""
    if "EIP" not in registers:
        return ""
    (frame,) = symbolise(image, [registers["EIP"]])
    return f"{frame}, CR2 {registers.get('CR2', 0):#010x}"


def _monitored(monitor: Monitor, verdict: Verdict, emulator: str) -> tuple[str, ...]:
    """When a boot failed and the monitor could not be understood, that may be why."""
    if verdict.name == "pass" or monitor.nonsense is None:
        return ()
    return (f"{emulator} said on its monitor what is no QMP: {monitor.nonsense}",)


def _age(binary: str, verdict: Verdict, status: int | None) -> tuple[str, ...]:
    """When QEMU failed by itself, see whether it is simply too old. Asked only then: 35 ms."""
    if verdict.name != "emulator" or status is None or status < 0:
        return ()
    found = qemu_version(binary)
    if found is None or found >= OLDEST_QEMU:
        return ()
    age, oldest = (".".join(map(str, version)) for version in (found, OLDEST_QEMU))
    return (f"this QEMU is {age}; {oldest} or later is needed", INSTALL)
