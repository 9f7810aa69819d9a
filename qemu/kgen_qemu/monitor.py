"""QEMU's own account of a boot, over QMP: why it ended, and where it was then.

QMP is JSON, one object a line. Ours is a short dialogue: we ask for the
machine to run (it was started halted, so that nothing can happen unheard) and
wait. When it shuts down QEMU says why and, being told ``-no-shutdown``, keeps
the machine as it was: we read the registers and only then let QEMU go. A kernel
that leaves through the exit port ends QEMU 9.0 and older at once, with no event
at all. A newer QEMU takes it for a shutdown like any other (``guest-shutdown``)
and keeps the status for its own end. A kernel that stands still is asked where,
just before its end (``locate``).

qemu.qmp speaks all of QMP, but importing it takes longer than a boot.
"""

import json
import re
import socket
import threading
from contextlib import suppress
from typing import Any

_REGISTER = re.compile(r"\b(EIP|CR2)=([0-9a-f]{8,16})")


class Monitor:
    """Talks to one QEMU on a thread of its own until the socket closes."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._shutdown: str | None = None
        self._registers: dict[str, int] = {}
        self._running = threading.Event()
        self._located = threading.Event()
        self._thread = threading.Thread(target=self._talk, name="qmp", daemon=True)
        self._thread.start()

    def join(self) -> None:
        """Wait until QEMU has closed its end; to be called when it has ended."""
        self._thread.join(timeout=5)

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

    def _talk(self) -> None:
        try:
            self._ask("qmp_capabilities")
            self._ask("cont")
            with self._channel.makefile("rb") as lines:
                for line in lines:
                    self._hear(json.loads(line))
        except (OSError, ValueError):
            return  # QEMU is gone, or is no QEMU: its exit status says the rest

    def _hear(self, message: dict[str, Any]) -> None:
        if message.get("event") == "SHUTDOWN" and self._shutdown is None:
            self._shutdown = str(message["data"]["reason"])
            self._ask("human-monitor-command", {"command-line": "info registers"})
            self._ask("quit")
        elif message.get("event") == "RESUME":
            self._running.set()
        elif isinstance(answer := message.get("return"), str):
            self._registers = {name: int(value, 16) for name, value in _REGISTER.findall(answer)}
            self._located.set()

    def _ask(self, command: str, arguments: dict[str, str] | None = None) -> None:
        message = {"execute": command, "arguments": arguments or {}}
        self._channel.sendall(json.dumps(message).encode() + b"\n")
