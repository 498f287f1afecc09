"""The listening sockets: TLS or plain, HTTP/1.1 with kept connections, proxying."""

from __future__ import annotations

import contextlib
import logging
import socket
import socketserver
import ssl
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import urlsplit

from tests.origin._control import Rules
from tests.origin._counters import Counters
from tests.origin._message import Request, Response, as_json, request_body

_log = logging.getLogger("tests.origin")


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """One listener, a thread for each connection. `tls_first`: TLS from byte one."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(
        self,
        port: int,
        *,
        tls: ssl.SSLContext,
        tls_first: bool,
        route: Callable[[Request], Response],
        rules: Rules,
        counters: Counters,
    ) -> None:
        self.tls = tls
        self.route = route
        self.rules = rules
        self.counters = counters
        self._tls_first = tls_first
        self._changed = threading.Condition()
        self._open: set[socket.socket] = set()
        self._stopping = False
        super().__init__(("127.0.0.1", port), Handler)
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Stops listening and cuts every connection; returns when all are gone."""
        self.shutdown()
        with self._changed:
            self._stopping = True
            for connection in self._open:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.rules.interrupt()
        self.server_close()
        with self._changed:
            if not self._changed.wait_for(lambda: not self._open, 30):
                raise TimeoutError("a connection of the origin does not end")

    def finish_request(self, request: Any, client_address: Any) -> None:
        enter = self.secured if self._tls_first else self.watched
        with enter(request) as connection:
            super().finish_request(connection, client_address)

    @contextlib.contextmanager
    def watched(self, connection: socket.socket) -> Iterator[socket.socket]:
        """While inside, stop() cuts the connection."""
        with self._changed:
            if self._stopping:
                raise ConnectionAbortedError("the origin was stopped")
            self._open.add(connection)
        try:
            yield connection
        finally:
            with self._changed:
                self._open.discard(connection)
                self._changed.notify_all()

    @contextlib.contextmanager
    def secured(self, connection: socket.socket) -> Iterator[ssl.SSLSocket]:
        """The connection under TLS, ended as TLS wants it, and closed."""
        with (
            self.tls.wrap_socket(
                connection, server_side=True, do_handshake_on_connect=False
            ) as wrapped,
            self.watched(wrapped),
        ):
            wrapped.do_handshake()
            yield wrapped
            wrapped.settimeout(1)
            with contextlib.suppress(OSError, ValueError):
                wrapped.unwrap()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves, or that refuses the certificate, is no error."""
        if not isinstance(sys.exc_info()[1], OSError):
            _log.exception("a request failed")


class Handler(BaseHTTPRequestHandler):
    """Reads requests, asks the routes, sends what the rules leave of the answer."""

    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "hubd-origin"
    sys_version = ""
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        request = self._request()
        if request.path.startswith("/_origin/"):
            self._send(request, self._own(request.path))
            return
        counters = self.server.counters
        counters.add_request(request)
        answer = self.server.rules.answer(request)
        self._send(request, answer or self.server.route(request))

    do_HEAD = do_POST = do_PUT = do_DELETE = do_GET

    def do_CONNECT(self) -> None:
        """Plays a proxy whose every destination is this origin itself."""
        self.server.counters.add_request(self._request())
        self.send_response_only(200, "Connection established")
        self.end_headers()
        with self.server.secured(self.connection) as self.connection:
            self.rfile = self.connection.makefile("rb")
            self.wfile = self.connection.makefile("wb", 0)
            self.handle()
        self.close_connection = True

    def _own(self, path: str) -> Response:
        if path == "/_origin/reset":
            self.server.counters.reset()
        return as_json(200, {"requests": self.server.counters.table()})

    def _request(self) -> Request:
        target = self.path
        authority = self.headers.get("Host", "")
        if self.command == "CONNECT":
            authority = target
        elif target.startswith("http://"):
            parts = urlsplit(target)
            authority = parts.netloc
            target = target.partition(parts.netloc)[2] or "/"
        host, colon, port = authority.lower().partition(":")
        return Request(
            method=self.command,
            host=host,
            port_suffix=colon + port,
            target=target,
            headers=self.headers,
            body=request_body(self.rfile, self.headers),
        )

    def _send(self, request: Request, response: Response) -> None:
        bodiless = not response.raw and (
            request.method == "HEAD" or response.status in (204, 304)
        )
        try:
            chunked = self._send_head(response)
            if not bodiless:
                self._send_body(request, response, chunked)
        finally:
            response.close()
        for _ in request.body:
            pass  # What the route did not read stands before the next request.

    def _send_head(self, response: Response) -> bool:
        """Sends status and headers; says whether the body goes in chunks."""
        if response.raw:
            self.close_connection |= not response.keep
            return False
        given = {name.lower(): value for name, value in response.headers.items()}
        length = str(response.length)
        chunked = False
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if "content-length" in given or "connection" in given:
            self.close_connection |= given.get("content-length") != length
        elif response.length is not None:
            if response.status not in (204, 304):
                self.send_header("Content-Length", length)
        elif self.request_version == "HTTP/1.0":
            self.send_header("Connection", "close")
        else:
            self.send_header("Transfer-Encoding", "chunked")
            chunked = True
        self.end_headers()
        return chunked

    def _send_body(self, request: Request, response: Response, chunked: bool) -> None:
        for piece in self.server.rules.shape(request, response.body):
            if not piece:
                continue
            self.server.counters.add_bytes(request, len(piece))
            if chunked:
                piece = b"%x\r\n%s\r\n" % (len(piece), piece)
            self.wfile.write(piece)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: Any) -> None:
        _log.debug(format, *args)
