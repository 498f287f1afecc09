"""What travels between the connection and the routes: requests and responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.message import Message
from io import BufferedIOBase
from urllib.parse import unquote

PIECE = 64 * 1024


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request. `host` has no port; `target` is path and query as sent."""

    method: str
    host: str
    port_suffix: str
    target: str
    headers: Message
    body: Iterator[bytes]

    @property
    def path(self) -> str:
        return unquote(self.target.partition("?")[0])

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


@dataclass(frozen=True, kw_only=True)
class Response:
    """One response. `length` None means chunks; `close` frees what body reads.

    A `raw` one is all in its body, from the first byte of the status line; `keep`:
    the connection is not closed behind it.
    """

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Iterable[bytes] = ()
    length: int | None = 0
    close: Callable[[], object] = lambda: None
    raw: bool = False
    keep: bool = False


def whole(status: int, data: bytes, headers: Mapping[str, str]) -> Response:
    return Response(status=status, headers=headers, body=(data,), length=len(data))


def text(status: int, message: str) -> Response:
    return whole(
        status, message.encode() + b"\n", {"Content-Type": "text/plain; charset=utf-8"}
    )


def as_json(status: int, value: object) -> Response:
    data = json.dumps(value, indent=1).encode() + b"\n"
    return whole(status, data, {"Content-Type": "application/json; charset=utf-8"})


def request_body(stream: BufferedIOBase, headers: Message) -> Iterator[bytes]:
    """The request's body in pieces, by length or by chunks; nothing without both."""
    if headers.get("Transfer-Encoding", "").lower() == "chunked":
        while size := int(stream.readline().partition(b";")[0], 16):
            yield from _exactly(stream, size)
            stream.readline()
        while stream.readline().strip():
            pass
    else:
        yield from _exactly(stream, int(headers.get("Content-Length", "0")))


def _exactly(stream: BufferedIOBase, size: int) -> Iterator[bytes]:
    while size:
        piece = stream.read(min(size, PIECE))
        if not piece:
            raise ConnectionAbortedError("the client left in the middle of a body")
        size -= len(piece)
        yield piece
