"""Each fault does what its name says, and ends when it is taken back."""

from __future__ import annotations

import http.client
import re
import socket
import ssl
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.origin import Origin
from tests.origin import _faults as faults
from tests.origin._certificates import BAD_CERTIFICATES
from tests.origin._dead import DeadEnd
from tests.origin.testing import Reply, ask, connect

HOST = "models.example.org"
CONTENT = b"y" * 5000


def _limited(reply: Reply) -> None:
    assert (reply.status, reply.headers["x-ratelimit-remaining"]) == (403, "0")


def _busy(reply: Reply) -> None:
    assert (reply.status, reply.headers["Retry-After"]) == (429, "7")


def _cut_unmarked(reply: Reply) -> None:
    assert (reply.body, reply.headers["Content-Length"]) == (b"x" * 100, None)


def _unmarked(reply: Reply) -> None:
    assert (reply.body, reply.headers["Content-Length"]) == (b"whole?", None)


def _too_long(reply: Reply) -> None:
    assert reply.body == b"first"


def _page(reply: Reply) -> None:
    assert reply.headers["Content-Type"].startswith("text/html")
    assert reply.body == faults.PAGE


def _empty(reply: Reply) -> None:
    assert (reply.status, reply.body) == (200, b"")


def _gzip(reply: Reply) -> None:
    assert reply.headers["Content-Encoding"] == "gzip"
    assert zlib.decompress(reply.body, 31) == b"decoded"


def _gzip_cut(reply: Reply) -> None:
    with pytest.raises(zlib.error):
        zlib.decompress(reply.body, 31)


def _bomb(reply: Reply) -> None:
    assert len(reply.body) < faults.BOMB_BYTES / 500
    decoder = zlib.decompressobj(31)
    assert decoder.decompress(reply.body, 1000) == bytes(1000)


def _loop(reply: Reply) -> None:
    assert (reply.status, reply.headers["Location"]) == (302, "/loop/file")


def _downgrade(reply: Reply) -> None:
    assert reply.headers["Location"] == f"http://{HOST}/downgrade/file"


@pytest.mark.parametrize(
    "check",
    [
        _limited, _busy, _cut_unmarked, _unmarked, _too_long, _page, _empty,
        _gzip, _gzip_cut, _bomb, _loop, _downgrade,
    ],
)  # fmt: skip
def test_what_is_answered(origin: Origin, check: Callable[[Reply], None]) -> None:
    name = check.__name__[1:].replace("_", "-")
    path = f"/{name}/file"
    origin.add_file(HOST, path, CONTENT)
    with origin.fault(name, HOST, path):
        check(ask(origin, HOST, path))
    assert ask(origin, HOST, path).body == CONTENT


@pytest.mark.parametrize(
    ("name", "error", "words"),
    [
        ("cut", http.client.IncompleteRead, "100 bytes"),
        ("many-headers", http.client.HTTPException, "100 headers"),
        ("long-header", http.client.LineTooLong, "header line"),
        ("garbage", http.client.BadStatusLine, "owned"),
    ],
)
def test_what_breaks(
    origin: Origin, name: str, error: type[Exception], words: str
) -> None:
    origin.add_file(HOST, "/breaks", CONTENT)
    with origin.fault(name, HOST, "/breaks"), pytest.raises(error, match=words):
        ask(origin, HOST, "/breaks")
    assert ask(origin, HOST, "/breaks").body == CONTENT


def test_interim_answers_come_before_the_real_one(origin: Origin) -> None:
    with origin.fault("interim", HOST, "/i"):
        connection = connect(origin)
        connection.connect()
        connection.sock.sendall(f"GET /i HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        first = connection.sock.recv(24)
        connection.close()
    assert first == b"HTTP/1.1 103 Early Hints"


@pytest.mark.parametrize("name", ["silence", "stall", "drip", "drip-headers"])
def test_what_is_slow_goes_on_when_it_is_taken_back(origin: Origin, name: str) -> None:
    origin.add_file(HOST, "/slow", CONTENT)
    expected = {"silence": b"", "drip-headers": b"ok"}.get(name, CONTENT)
    with ThreadPoolExecutor() as pool:
        # The older rule comes first.
        with origin.hold(HOST, "/slow") as gate, origin.fault(name, HOST, "/slow"):
            running = pool.submit(ask, origin, HOST, "/slow")
            gate.wait_reached()
        if expected:
            assert running.result().body == expected
        else:
            with pytest.raises(http.client.RemoteDisconnected):
                running.result()
    assert ask(origin, HOST, "/slow").body == CONTENT


def test_any_status(origin: Origin) -> None:
    with origin.fault("503", HOST, "/s"):
        assert ask(origin, HOST, "/s").status == 503


def test_an_unknown_fault_names_the_known_ones(origin: Origin) -> None:
    with pytest.raises(ValueError, match="silence.*expired"):
        origin.fault("sulk", HOST)


def test_each_fault_is_described() -> None:
    documented = re.split(r"[^a-z-]+", str(Origin.fault.__doc__))
    for name, fault in faults.FAULTS.items():
        assert fault.__doc__
        assert name in documented


@pytest.mark.parametrize("kind", BAD_CERTIFICATES)
def test_bad_certificates(origin: Origin, kind: str) -> None:
    words = {
        "unknown-authority": "unable to get local issuer|signature failure|self-signed",
        "expired": "certificate has expired",
        "wrong-name": "Hostname mismatch",
    }[kind]
    with origin.fault(kind, HOST):
        with pytest.raises(ssl.SSLCertVerificationError, match=words):
            _handshake(origin, HOST)
        _handshake(origin, "github.com")
    _handshake(origin, HOST)


def _handshake(origin: Origin, name: str) -> None:
    context = ssl.create_default_context(cafile=str(origin.ca_file))
    with (
        socket.create_connection(("127.0.0.1", origin.port)) as raw,
        context.wrap_socket(raw, server_hostname=name),
    ):
        pass


def test_dead_ends() -> None:
    with Origin() as origin:
        for kind in ("refuses", "never-accepts", "never-speaks", "hangs-up"):
            origin.add_dead_end(f"{kind}.example.org", kind)
        ports = [int(route.split(":")[3].rstrip('",')) for route in _dead(origin)]
        refuses, never_accepts, never_speaks, hangs_up = ports
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", refuses))
        with pytest.raises(TimeoutError):
            socket.create_connection(("127.0.0.1", never_accepts), 0.2)
        with socket.create_connection(("127.0.0.1", hangs_up)) as connection:
            assert connection.recv(1) == b""
        with socket.create_connection(("127.0.0.1", never_speaks), 0.2) as connection:
            connection.sendall(b"hello")
            with pytest.raises(TimeoutError):
                connection.recv(1)


def _dead(origin: Origin) -> list[str]:
    return [
        line for line in origin.config_toml().split() if ".example.org:443" in line
    ][-4:]


def test_an_unknown_dead_end_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="never-accepts"):
        DeadEnd("sulks")
