"""Ports of loopback behind which nobody does what a server does."""

from __future__ import annotations

import contextlib
import socket
import threading

DEAD_KINDS = ("refuses", "never-accepts", "never-speaks", "hangs-up")


class DeadEnd:
    """One port, from construction to `close()`.

    refuses         nobody listens
    never-accepts   the queue of connections is full: no connection is made
    never-speaks    connections are made; what comes is read, nothing is said
    hangs-up        connections are made and closed at once
    """

    def __init__(self, kind: str) -> None:
        if kind not in DEAD_KINDS:
            raise ValueError(f"not one of {', '.join(DEAD_KINDS)}: {kind}")
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self._kept: list[socket.socket] = []
        if kind == "never-accepts":
            self._socket.listen(0)
            self._fill()
        elif kind != "refuses":
            self._socket.listen(128)
            serve = threading.Thread(target=self._serve, args=(kind,), daemon=True)
            serve.start()

    @property
    def port(self) -> int:
        return int(self._socket.getsockname()[1])

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        for kept in [*self._kept, self._socket]:
            with contextlib.suppress(OSError):
                kept.shutdown(socket.SHUT_RDWR)
            kept.close()

    def _fill(self) -> None:
        """Connects until the kernel takes no more."""
        while True:
            mine = socket.socket()
            self._kept.append(mine)
            mine.settimeout(0.2)
            try:
                mine.connect(("127.0.0.1", self.port))
            except TimeoutError:
                return

    def _serve(self, kind: str) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            if kind == "hangs-up":
                connection.close()
                continue
            self._kept.append(connection)
            threading.Thread(target=_listen, args=(connection,), daemon=True).start()


def _listen(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while connection.recv(65536):
            pass
