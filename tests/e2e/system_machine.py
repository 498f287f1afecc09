"""A machine whose daemon is the one for all users."""

from __future__ import annotations

import os
import subprocess

from tests.e2e.machine import TIMEOUT, Machine
from tests.origin import Origin


class SystemMachine(Machine):
    """Its daemon is started as a service manager does, by `start_daemon`."""

    def __init__(self, origin: Origin) -> None:
        super().__init__(origin)
        self.root = self.top / "cache"
        self.socket = self.top / "hubd.sock"
        self._daemon: subprocess.Popen[bytes] | None = None

    def log(self) -> str:
        return (self.top / "log").read_text()

    def start_daemon(self) -> None:
        """Starts it with the configuration of `configure`; returns when it is ready."""
        log = (self.top / "log").open("wb")
        reader, writer = os.pipe()
        self._daemon = subprocess.Popen(
            [
                self.hubd, "--system", "--config", self.config,
                "--dir", self.root, "--socket", self.socket,
            ],
            env={"PATH": "/usr/bin:/bin", "HUBD_READY_FD": str(writer)},
            stdin=subprocess.DEVNULL,
            stderr=log,
            pass_fds=[writer],
        )  # fmt: skip
        os.close(writer)
        log.close()
        with os.fdopen(reader) as ready:
            line = ready.readline()
        assert line.startswith("ready "), self.log()

    def environment(self) -> dict[str, str]:
        return {
            **super().environment(),
            "HUBD_SOCKET": str(self.socket),
            "HUBD_AUTOSTART": "0",
        }

    def close(self) -> None:
        if self._daemon is not None:
            self._daemon.terminate()
            assert self._daemon.wait(TIMEOUT) == 0
        super().close()
