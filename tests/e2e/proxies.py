"""Proxies on loopback whose every destination is the origin."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import socketserver
import ssl
import threading
from typing import Any

from tests.origin import Origin

_REPLY4 = b"\0%c\0\0\0\0\0\0"
_REPLY5 = b"\x05%c\x00\x01\x00\x00\x00\x00\x00\x00"


class Proxy:
    """Speaks HTTP (CONNECT, and absolute URLs of plain http), or SOCKS.

    `scheme`: "http"; "https", by TLS with the origin's certificate; "socks4",
    "socks4a", "socks5" or "socks5h". `login`: the "USER:PASSWORD" that it wants, of
    which SOCKS4 has the user only; empty: none. `asked` has "HOST:PORT" of all that
    came in with it. While `hold` is cleared, nothing is answered to them; with `cut`
    they are dropped then, with `forbids` they are told that its rules forbid it.
    """

    def __init__(self, origin: Origin, scheme: str = "http", login: str = "") -> None:
        self.origin = origin
        self.scheme = scheme
        self.login = login
        self.asked: list[str] = []
        self.arrived = threading.Event()
        self.hold = threading.Event()
        self.hold.set()
        self.cut = False
        self.forbids = False
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(
            origin.directory / "leaf.pem", origin.directory / "leaf.key"
        )
        self._server = _Server(("127.0.0.1", 0), _HANDLERS[scheme])
        self._server.proxy = self
        self.port = int(self._server.server_address[1])
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self, login: str | None = None) -> str:
        """As a variable names it, with its login or another one."""
        login = self.login if login is None else login
        user = f"{login}@" if login else ""
        return f"{self.scheme}://{user}127.0.0.1:{self.port}"

    def __enter__(self) -> Proxy:
        return self

    def __exit__(self, *args: object) -> None:
        self.hold.set()
        self._server.shutdown()
        self._server.server_close()

    def admit(self, target: str) -> bool:
        """Notes what is asked for; whether it is to be had."""
        self.asked.append(target)
        self.arrived.set()
        self.hold.wait(60)
        return not self.cut

    def connect(self, port: int) -> socket.socket:
        plain = port == 80
        here = self.origin.http_port if plain else self.origin.port
        return socket.create_connection(("127.0.0.1", here))


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False
    proxy: Proxy

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Those who leave are no error."""


class _Handler(socketserver.StreamRequestHandler):
    server: _Server
    rbufsize = 0

    def reach(
        self, target: str, reached: bytes, forbidden: bytes, first: bytes = b""
    ) -> None:
        """Carries bytes from and to `target`, once one of these is answered.

        first: what goes there before.
        """
        proxy = self.server.proxy
        if not proxy.admit(target):
            return
        if proxy.forbids:
            self.wfile.write(forbidden)
            return
        other = proxy.connect(int(target.rpartition(":")[2]))
        self.wfile.write(reached)
        other.sendall(first)
        self.carry(other)

    def carry(self, other: socket.socket) -> None:
        """Carries bytes both ways until one side ends."""
        back = threading.Thread(
            target=_copy, args=(other, self.connection), daemon=True
        )
        back.start()
        _copy(self.connection, other)
        back.join()
        other.close()


class _Http(_Handler):
    def handle(self) -> None:
        proxy = self.server.proxy
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = self.rfile.read(1)
            if not byte:
                return
            head += byte
        method, target, _ = head.decode("latin-1").split(" ", 2)
        encoded = base64.b64encode(proxy.login.encode()).decode()
        if proxy.login and f"Basic {encoded}\r\n".encode() not in head:
            self.wfile.write(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n"
                b'Proxy-Authenticate: Basic realm="proxy"\r\n'
                b"Content-Length: 0\r\nConnection: close\r\n\r\n"
            )
            return
        forbidden = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"
        if method == "CONNECT":
            reached = b"HTTP/1.1 200 Connection established\r\n\r\n"
            self.reach(target, reached, forbidden)
        else:
            self.reach(target.split("/")[2] + ":80", b"", forbidden, head)


class _Https(_Http):
    def setup(self) -> None:
        self.request = self.server.proxy.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def carry(self, other: socket.socket) -> None:
        """In one thread: TLS is not for two at a time."""
        with contextlib.suppress(OSError):
            while self._carry_some(other):
                pass
        other.close()

    def _carry_some(self, other: socket.socket) -> bool:
        ready = [self.connection]
        if not self.connection.pending():
            ready, _, _ = select.select([self.connection, other], [], [])
        for source in ready:
            data = source.recv(1 << 16)
            (other if source is self.connection else self.connection).sendall(data)
            if not data:
                return False
        return True


class _Reader(_Handler):
    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            piece = self.rfile.read(size - len(data))
            if not piece:
                raise ConnectionAbortedError("the client left")
            data += piece
        return data


class _Socks4(_Reader):
    def handle(self) -> None:
        proxy = self.server.proxy
        self.read(2)
        port = int.from_bytes(self.read(2), "big")
        address = self.read(4)
        user = self._text()
        # The proxy resolves names; an address is none.
        if address[:3] != bytes(3) or user != proxy.login.partition(":")[0]:
            self.wfile.write(_REPLY4 % 91)
            return
        self.reach(f"{self._text()}:{port}", _REPLY4 % 90, _REPLY4 % 91)

    def _text(self) -> str:
        text = b""
        while (byte := self.read(1)) != b"\0":
            text += byte
        return text.decode()


class _Socks5(_Reader):
    def handle(self) -> None:
        proxy = self.server.proxy
        _, count = self.read(2)
        methods = self.read(count)
        method = 2 if proxy.login else 0
        if method not in methods:
            self.wfile.write(b"\x05\xff")
            return
        self.wfile.write(bytes([5, method]))
        if method == 2:
            user = self.read(self.read(2)[1]).decode()
            password = self.read(self.read(1)[0]).decode()
            good = f"{user}:{password}" == proxy.login
            self.wfile.write(bytes([1, 0 if good else 1]))
            if not good:
                return
        _, _, _, kind = self.read(4)
        if kind != 3:
            # The proxy resolves names; an address is none.
            self.wfile.write(_REPLY5 % 8)
            return
        host = self.read(self.read(1)[0]).decode()
        port = int.from_bytes(self.read(2), "big")
        self.reach(f"{host}:{port}", _REPLY5 % 0, _REPLY5 % 2)


_HANDLERS: dict[str, type[_Handler]] = {
    "http": _Http,
    "https": _Https,
    "socks4": _Socks4,
    "socks4a": _Socks4,
    "socks5": _Socks5,
    "socks5h": _Socks5,
}


def _copy(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)
