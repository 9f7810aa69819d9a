"""QEMU's own account of a boot, over QMP: why it ended, and where it was then.

QMP is JSON, one object a line. Ours is a short dialogue: we ask for the
machine to run (it was started halted, so that nothing can happen unheard) and
wait. When it shuts down QEMU says why and, being told ``-no-shutdown``, keeps
the machine as it was: we read the registers and only then let QEMU go. A kernel
that leaves through the exit port ends QEMU 9.0 and older at once, with no event
at all. A newer QEMU takes it for a shutdown like any other (``guest-shutdown``)
and keeps the status for its own end. A kernel that stands still is asked where,
just before its end (``locate``).

Data on this socket is checked for its form: a program in QEMU's place may send anything,
of any length. The first thing that is not QMP ends the dialogue, and is kept for the
report (``nonsense``).

qemu.qmp speaks all of QMP, but importing it takes longer than a boot.
"""

import json
import re
import socket
import threading
from contextlib import suppress
from typing import Any

_REGISTER = re.compile(r"\b(EIP|CR2)=([0-9a-f]{8,16})\b")
_MOST = 1 << 20  # bytes of a line; QEMU's longest here has 4 KiB
_SHOWN = 80  # characters of what is no QMP


class Monitor:
    """Talks to one QEMU on a thread of its own until the socket closes."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._shutdown: str | None = None
        self._registers: dict[str, int] = {}
        self._version: str | None = None
        self._nonsense: str | None = None
        self._running = threading.Event()
        self._located = threading.Event()
        self._thread = threading.Thread(target=self._talk, name="qmp", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until QEMU has closed its end; to be called when it has ended."""
        self._thread.join(timeout=1)
        if self._thread.is_alive():  # somebody else holds the other end
            with suppress(OSError):
                self._channel.shutdown(socket.SHUT_RDWR)
            self._thread.join(timeout=1)

    def locate(self, seconds: float) -> None:
        """Have ``registers`` say where the machine is now; wait no longer than ``seconds``."""
        if self._running.is_set():
            with suppress(OSError):
                self._ask("human-monitor-command", {"command-line": "info registers"})
                self._located.wait(seconds)

    @property
    def shutdown(self) -> str | None:
        """QMP's reason, such as ``guest-reset``; None if the machine never shut down."""
        return self._shutdown

    @property
    def registers(self) -> dict[str, int]:
        """EIP and CR2 when the machine shut down or was located; empty when not known."""
        return self._registers

    @property
    def version(self) -> str | None:
        """QEMU's version as its greeting has it, such as ``7.2.22 (Debian 1:7.2+dfsg-7)``."""
        return self._version

    @property
    def nonsense(self) -> str | None:
        """The beginning of what came and is no QMP; None if all was."""
        return self._nonsense

    def _talk(self) -> None:
        try:
            self._ask("qmp_capabilities")
            self._ask("cont")
            with self._channel.makefile("rb") as lines:
                while line := lines.readline(_MOST):
                    if not self._understood(line):
                        self._nonsense = ascii(line[:_SHOWN].decode("utf-8", "replace").strip())
                        return
        except OSError:
            return  # QEMU is gone: its exit status says the rest

    def _understood(self, line: bytes) -> bool:
        """Whether a line is QMP's; if so it has been heeded."""
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):  # a line that was cut is no JSON, too
            return False
        if not isinstance(message, dict):
            return False
        if isinstance(greeting := message.get("QMP"), dict):
            self._version = _version(greeting.get("version"))
        elif message.get("event") == "SHUTDOWN":
            data = message.get("data")
            if not isinstance(data, dict) or not isinstance(data.get("reason"), str):
                return False
            self._shut_down(data["reason"])
        elif message.get("event") == "RESUME":
            self._running.set()
        elif isinstance(answer := message.get("return"), str):
            self._registers = {name: int(value, 16) for name, value in _REGISTER.findall(answer)}
            self._located.set()
        return True

    def _shut_down(self, reason: str) -> None:
        if self._shutdown is None:
            self._shutdown = reason[:_SHOWN]
            self._ask("human-monitor-command", {"command-line": "info registers"})
            self._ask("quit")

    def _ask(self, command: str, arguments: dict[str, str] | None = None) -> None:
        message = {"execute": command, "arguments": arguments or {}}
        self._channel.sendall(json.dumps(message).encode() + b"\n")


def _version(told: Any) -> str | None:
    """``{"qemu": {"major": 7, …}, "package": "…"}`` as ``qemu --version`` says it."""
    numbers = told.get("qemu") if isinstance(told, dict) else None
    if not isinstance(numbers, dict):
        return None
    parts = [str(numbers.get(name)) for name in ("major", "minor", "micro")]
    package = str(told.get("package") or "")
    return (".".join(parts) + (f" ({package})" if package else ""))[:_SHOWN]
