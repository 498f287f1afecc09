"""What origins do wrong, by name: for `Origin.fault` and for `origin serve --fault`.

Each fault stays until it is taken back. It is for one host and for the targets that
begin with a prefix; faults of TLS are for the whole host.
"""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from typing import TYPE_CHECKING

from tests.origin._certificates import BAD_CERTIFICATES

if TYPE_CHECKING:
    from tests.origin.origin import Origin

PAGE = b"<!DOCTYPE html><html><body>Please log in.</body></html>\n"
BOMB_BYTES = 1 << 30
_FLOOD_BYTES = 10 << 20


def apply(origin: Origin, name: str, host: str, prefix: str) -> ExitStack:
    """Does it; closing the result takes it back. ValueError names the known ones."""
    stack = ExitStack()
    if name.isdigit():
        stack.callback(origin.respond(host, prefix, int(name)).remove)
    elif name in BAD_CERTIFICATES:
        stack.callback(origin.show_certificate(host, name).close)
    elif name in FAULTS:
        FAULTS[name](origin, host, prefix, stack)
    else:
        known = ", ".join([*FAULTS, *BAD_CERTIFICATES])
        raise ValueError(f"{name} is no HTTP status and none of {known}")
    return stack


Fault = Callable[["Origin", str, str, ExitStack], object]
# How the answer is refused.


def _limited(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """403 with the headers of a limit that is lifted in an hour."""
    headers = {
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": str(int(time.time()) + 3600),
    }
    stack.callback(origin.respond(host, prefix, 403, headers).remove)


def _busy(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """429 that asks to wait for 7 seconds."""
    rule = origin.respond(host, prefix, 429, {"Retry-After": "7"})
    stack.callback(rule.remove)


# What comes in place of the answer, or of its end.


def _cut(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """The connection breaks after 100 bytes of the body."""
    stack.callback(origin.cut(host, prefix, after=100).remove)


def _cut_unmarked(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """A body without length and chunks; the connection breaks in its middle."""
    headers = {"Connection": "close"}
    rule = origin.respond(host, prefix, 200, headers, b"x" * 1000)
    stack.callback(rule.remove)
    stack.callback(origin.cut(host, prefix, after=100).remove)


def _unmarked(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """A body whose end is that of the connection, in good order."""
    headers = {"Connection": "close"}
    stack.callback(origin.respond(host, prefix, 200, headers, b"whole?").remove)


def _too_long(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """Behind a body of 5 bytes stands what looks like the next answer."""
    evil = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst" + 3 * evil
    stack.callback(origin.respond_raw(host, prefix, data, keep=True).remove)


def _page(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """An HTML page, with status 200."""
    headers = {"Content-Type": "text/html; charset=utf-8"}
    stack.callback(origin.respond(host, prefix, 200, headers, PAGE).remove)


def _empty(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """No byte, with status 200."""
    stack.callback(origin.respond(host, prefix, 200).remove)


def _gzip(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """An encoding that nobody asked for; decoded: "decoded"."""
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(b"decoded")
    stack.callback(origin.respond(host, prefix, 200, headers, body).remove)


def _gzip_cut(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """The same, less the end of the encoding."""
    headers = {"Content-Encoding": "gzip"}
    body = gzip.compress(b"decoded")[:-6]
    stack.callback(origin.respond(host, prefix, 200, headers, body).remove)


def _bomb(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """1 MiB in an encoding that nobody asked for; decoded: 1 GiB, and no end."""
    headers = {"Content-Encoding": "gzip"}
    stack.callback(origin.respond(host, prefix, 200, headers, _bomb_bytes()).remove)


@cache
def _bomb_bytes() -> bytes:
    step = 1 << 20
    packer = zlib.compressobj(9, wbits=31)
    head = packer.compress(bytes(step)) + packer.flush(zlib.Z_FULL_FLUSH)
    # Behind a full flush the same bytes give the same result.
    again = packer.compress(bytes(step)) + packer.flush(zlib.Z_FULL_FLUSH)
    return head + again * (BOMB_BYTES // step - 1)


def _many_headers(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """10 MiB of headers."""
    line = b"X-Flood: " + b"x" * 1000 + b"\r\n"
    flood = line * (_FLOOD_BYTES // len(line))
    data = b"HTTP/1.1 200 OK\r\n" + flood + b"Content-Length: 2\r\n\r\nok"
    stack.callback(origin.respond_raw(host, prefix, data).remove)


def _long_header(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """One header of 10 MiB."""
    data = b"HTTP/1.1 200 OK\r\nX-Flood: " + b"x" * _FLOOD_BYTES + b"\r\n\r\n"
    stack.callback(origin.respond_raw(host, prefix, data).remove)


def _interim(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """10 MiB of answers that come before the real one."""
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n"
    data = early * (_FLOOD_BYTES // len(early)) + b"HTTP/1.1 204 No Content\r\n\r\n"
    stack.callback(origin.respond_raw(host, prefix, data).remove)


def _garbage(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """Bytes that are no HTTP."""
    data = b"\x1b]0;owned\x07\x00\xff\r\n" * 100
    stack.callback(origin.respond_raw(host, prefix, data).remove)


# How slow it is.


def _silence(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """The request is taken, and nothing is said."""
    stack.callback(origin.respond_raw(host, prefix, b"").remove)
    stack.callback(origin.hold(host, prefix).release)


def _stall(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """Headers and 100 bytes of the body come, and then nothing."""
    stack.callback(origin.hold(host, prefix, after=100).release)


def _drip(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """The body comes at a byte a second."""
    stack.callback(origin.limit_rate(1, host, prefix).remove)


def _drip_headers(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """Status and headers come at a byte a second."""
    data = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    stack.callback(origin.respond_raw(host, prefix, data).remove)
    _drip(origin, host, prefix, stack)


# Where it leads.


def _loop(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """It redirects to itself."""
    headers = {"Location": prefix}
    stack.callback(origin.respond(host, prefix, 302, headers).remove)


def _downgrade(origin: Origin, host: str, prefix: str, stack: ExitStack) -> None:
    """It redirects to the same address over http."""
    headers = {"Location": f"http://{host}{prefix}"}
    stack.callback(origin.respond(host, prefix, 302, headers).remove)


FAULTS: dict[str, Fault] = {
    "limited": _limited,
    "busy": _busy,
    "cut": _cut,
    "cut-unmarked": _cut_unmarked,
    "unmarked": _unmarked,
    "too-long": _too_long,
    "page": _page,
    "empty": _empty,
    "gzip": _gzip,
    "gzip-cut": _gzip_cut,
    "bomb": _bomb,
    "many-headers": _many_headers,
    "long-header": _long_header,
    "interim": _interim,
    "garbage": _garbage,
    "silence": _silence,
    "stall": _stall,
    "drip": _drip,
    "drip-headers": _drip_headers,
    "loop": _loop,
    "downgrade": _downgrade,
}
