"""The boot session: QEMU runs, pexpect listens and answers, a verdict comes out.

The order of ``boot()`` is the order of events: open the log, start QEMU, listen
until it ends or has to be ended, judge. Serial data goes to the log before anything else
looks at it, so the log is whole up to the very byte at which a machine, or we, may die.

QEMU takes about 40 ms to reach a kernel. Modules that are not needed to start it
(pexpect, the parser, the judge) are imported meanwhile, and so cost nothing.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kgen_qemu.errors import BootError, Exit
from kgen_qemu.files import unwritable
from kgen_qemu.interrupts import termination_raises
from kgen_qemu.logs import Logs, boot_logs
from kgen_qemu.process import running
from kgen_qemu.request import Request
from kgen_qemu.run import Run, run_of
from kgen_qemu.view import view

if TYPE_CHECKING:
    from kgen_qemu.result import Result


def boot(request: Request, *, on_line: Callable[[str], None] | None = None) -> "Result":
    """Boot once and judge it.

    ``on_line`` gets every human line as it comes, safe to print. Raises
    BootError when there is nothing to judge: QEMU cannot be started, the log
    cannot be written, or we were interrupted (Ctrl-C, SIGTERM).
    """
    log: Path | None = None
    try:
        with termination_raises(), boot_logs(request.manifest.directory, request.machine) as logs:
            log = logs.path
            return _boot(request, logs, on_line)
    except KeyboardInterrupt as stop:
        how = f" ({stop})" if str(stop) else ""
        hint = f"log so far: {log}" if log else ""
        raise BootError(Exit.INTERRUPTED, f"interrupted{how}", hint) from None


def _boot(request: Request, logs: Logs, on_line: Callable[[str], None] | None) -> "Result":
    start = time.monotonic()
    started: list[Run] = []

    def command(qmp_fd: int) -> list[str]:
        argv = _command(request, logs, qmp_fd)
        started.append(run_of(request, argv))
        # Until there is a result: who is killed now leaves at least this.
        logs.record({"schema": 1, "verdict": None, "run": started[0].to_json()})
        return argv

    with (
        view(request.manifest, request.machine, logs.run) as folder,
        running(command, folder, logs.stderr) as qemu,
    ):
        from kgen_qemu.listen import listen
        from kgen_qemu.outcome import outcome
        from kgen_qemu.stale import staleness

        stale = staleness(request.manifest)
        heard = listen(qemu, logs.serial, request, start + request.timeout, on_line)
        seconds = time.monotonic() - start
        qemu.monitor.join()
    result = outcome(request, heard, qemu.monitor, logs, seconds, started[0])
    result = replace(result, stale=stale)
    logs.record(result.to_json())
    return result


def _command(request: Request, logs: Logs, qmp_fd: int) -> list[str]:
    """What starts the emulator, told to log instructions if they are to be audited."""
    machine, trace = request.machine, request.trace
    if machine.engine == "dosbox-x":
        from kgen_qemu import dosbox

        try:
            text = dosbox.configuration(machine, request.manifest.directory)
            logs.configuration.write_text(text)
        except OSError as error:
            raise unwritable(str(logs.configuration), error) from error
        return dosbox.command(request.binary, logs.configuration.resolve())
    if trace is None:
        return machine.argv(request.binary, qmp_fd)
    machine = replace(machine, accel=machine.accel + trace.accel)
    return machine.argv(request.binary, qmp_fd) + trace.argv(logs.instructions.resolve())
