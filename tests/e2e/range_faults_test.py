"""What goes wrong at a range in the middle of a file, when others have come.

Over several connections more of it is tried if HUBD_TEST_LONG is set.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.files import wait_empty
from tests.e2e.http_faults_test import DEAD_ENDS
from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.rows import (
    FORBIDDEN,
    LIMITED,
    NOT_FOUND,
    UNAVAILABLE,
    fails,
    fetches,
    kept,
    start_machine,
)
from tests.e2e.tls_test import KINDS as CERTIFICATES
from tests.e2e.url_policy_test import (
    INSIDE,
    NOT_PUBLIC,
    OTHER_SCHEMES,
    StrictOrigin,
)
from tests.origin import Answer, Origin

HOST = "models.example.org"
MIB = 1 << 20
SIZE = 40 * MIB + 5
# What the first request asks for.
FIRST = 32 * MIB
HURRIED = 'stall_timeout = "2s"\nconnect_timeout = "2s"\ntries = 2\n'
HURRIED += 'retry_max_wait = "1s"\n'
ONE_BY_ONE = HURRIED + "connections_per_object = 1\n"
_numbers = itertools.count()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with StrictOrigin(
        extra_names=[f"{kind}.example.org" for kind in CERTIFICATES], plain_http=True
    ) as running:
        for kind in DEAD_ENDS:
            running.add_dead_end(f"{kind}.example.org", kind)
        for kind in CERTIFICATES:
            running.show_certificate(f"{kind}.example.org", kind)
        yield running


@pytest.fixture(scope="module")
def one_by_one(origin: Origin) -> Iterator[Machine]:
    """A machine whose daemon makes one request after the other."""
    with contextlib.closing(start_machine("user", origin, ONE_BY_ONE)) as machine:
        yield machine


@pytest.fixture(scope="module")
def system(origin: Origin) -> Iterator[Machine]:
    with contextlib.closing(start_machine("system", origin, ONE_BY_ONE)) as machine:
        yield machine


@pytest.fixture(scope="module")
def proxied(origin: Origin) -> Iterator[Machine]:
    """A user behind a proxy, for whom every name is on the public internet."""
    proxy = f'proxy = "http://127.0.0.1:{origin.http_port}"\n'
    with contextlib.closing(
        start_machine("user", origin, ONE_BY_ONE + proxy)
    ) as machine:
        yield machine


@pytest.fixture(scope="module")
def in_parallel(origin: Origin) -> Iterator[Machine]:
    machine = Machine(origin)
    machine.configure(HURRIED)
    yield machine
    machine.close()


@pytest.fixture(scope="module")
def weights() -> bytes:
    return os.urandom(SIZE)


class File(NamedTuple):
    """One that no other row uses."""

    path: str
    url: str
    body: bytes

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.body).hexdigest()}"'


@pytest.fixture
def file(origin: Origin, weights: bytes) -> File:
    number = next(_numbers)
    path = f"/row-{number}/model.bin"
    body = number.to_bytes(8, "big") + weights[8:]
    return File(path, origin.add_file(HOST, path, body), body)


def begins(origin: Origin, file: File) -> list[int]:
    """Where the ranges begin that were asked for of the file; -1: all of it."""
    return [
        int(seen.headers.get("range", "bytes=-1-")[len("bytes=") :].rpartition("-")[0])
        for seen in origin.requests
        if seen.target == file.path
    ]


# The fault, the exit code and the reason, words of the message.
ERRORS: list[tuple[str, tuple[int, str], str]] = [
    ("401", FORBIDDEN, "HTTP 401|ask its owner"),
    ("404", NOT_FOUND, "HTTP 404|check the URL"),
    ("410", NOT_FOUND, "HTTP 410|check the URL"),
    ("limited", LIMITED, "HTTP 403|try again then"),
    ("busy", LIMITED, "HTTP 429|try again then"),
    ("204", UNAVAILABLE, "HTTP 204|check the URL"),
    ("304", UNAVAILABLE, "HTTP 304|check the URL"),
    ("302", UNAVAILABLE, "HTTP 302|check the URL"),
    ("500", UNAVAILABLE, "HTTP 500|try again later"),
    ("503", UNAVAILABLE, "HTTP 503|try again later"),
    ("cut", UNAVAILABLE, "connection broke before the end|try again"),
    ("many-headers", UNAVAILABLE, "headers of the answer are too long|check the URL"),
    ("long-header", UNAVAILABLE, "headers of the answer are too long|check the URL"),
    ("interim", UNAVAILABLE, "headers of the answer are too long|check the URL"),
    ("garbage", UNAVAILABLE, "cannot be understood|check the URL"),
    ("loop", UNAVAILABLE, "redirects more than 10 times|check the URL"),
    ("downgrade", (4, "URL_NOT_ALLOWED"), "from https to http"),
    ("silence", UNAVAILABLE, "try again later"),
    ("stall", UNAVAILABLE, "less than 1024 bytes a second came for 2s|stall_timeout"),
    ("drip", UNAVAILABLE, "less than 1024 bytes a second came for 2s|stall_timeout"),
    ("drip-headers", UNAVAILABLE, "try again later"),
]
# Here the file comes, once more and in one piece.
ANEW = [
    "403", "412", "416",
    "page", "empty", "gzip", "gzip-cut", "bomb", "unmarked", "cut-unmarked", "too-long",
]  # fmt: skip


@pytest.mark.parametrize(("fault", "end", "words"), ERRORS)
def test_what_has_come_stays(
    one_by_one: Machine,
    origin: Origin,
    file: File,
    fault: str,
    end: tuple[int, str],
    words: str,
) -> None:
    with origin.later_ranges_only():
        wrong = origin.fault(fault, HOST, file.path)
    with wrong:
        said = (file.url, *words.split("|"))
        fails(one_by_one, "fetch", file.url, end=end, words=said)
    before = len(begins(origin, file))
    fetches(one_by_one, file.url, file.body)
    assert begins(origin, file)[before:] == [FIRST]
    assert not list(one_by_one.store("partial").iterdir())


# Hosts to which later ranges are redirected, and words of the message.
ELSEWHERE: dict[str, tuple[str, ...]] = {
    "refuses": ("no connection to the host", "network"),
    "never-accepts": ("no connection to the host within 2s", "network"),
    "never-speaks": ("no connection to the host within 2s", "network"),
    "hangs-up": ("no secure connection", "check the URL"),
    **{kind: ("certificate", *words) for kind, words in CERTIFICATES.items()},
}


def lead_elsewhere(
    origin: Origin, file: File, target: str, times: int | None = None
) -> Answer:
    """Redirects to there what is asked for behind the first range."""
    with origin.later_ranges_only():
        return origin.respond(HOST, file.path, 302, {"Location": target}, times=times)


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_what_has_come_stays_when_the_rest_is_elsewhere(
    one_by_one: Machine, origin: Origin, file: File, kind: str
) -> None:
    elsewhere = f"{kind}.example.org"
    with lead_elsewhere(origin, file, f"https://{elsewhere}/model.bin"):
        said = (elsewhere, f"{file.url} redirects there", *ELSEWHERE[kind])
        fails(one_by_one, "fetch", file.url, end=UNAVAILABLE, words=said)
    assert not origin.count(elsewhere)
    before = len(begins(origin, file))
    fetches(one_by_one, file.url, file.body)
    assert begins(origin, file)[before:] == [FIRST]
    assert not list(one_by_one.store("partial").iterdir())


@pytest.mark.parametrize("kind", DEAD_ENDS)
def test_what_is_elsewhere_once_is_asked_for_again(
    one_by_one: Machine, origin: Origin, file: File, kind: str
) -> None:
    with lead_elsewhere(origin, file, f"https://{kind}.example.org/model.bin", times=1):
        fetches(one_by_one, file.url, file.body)
    assert begins(origin, file) == [0, FIRST, FIRST]


@pytest.mark.parametrize("kind", CERTIFICATES)
def test_a_later_connection_shows_another_certificate(
    one_by_one: Machine, origin: Origin, file: File, kind: str
) -> None:
    """What is said over it goes to nobody."""
    before = kept(one_by_one)
    come = 20 * MIB
    with origin.hold(HOST, file.path, after=come) as gate:
        with origin.cut(HOST, file.path, after=come + MIB):
            fetch = one_by_one.start([one_by_one.hubctl_path, "fetch", file.url])
            gate.wait_reached()
        with origin.show_certificate(HOST, kind):
            gate.release()
            _, errors = fetch.communicate(timeout=TIMEOUT)
            asked = begins(origin, file)
    assert fetch.returncode == 1
    for word in (file.url, "certificate", *CERTIFICATES[kind]):
        assert word in errors
    assert asked == [0]
    assert kept(one_by_one) == before
    fetches(one_by_one, file.url, file.body)
    assert begins(origin, file) == [0, come]


@pytest.mark.parametrize(
    ("forbidding", "host"),
    [
        *itertools.product(["system", "proxied"], NOT_PUBLIC[:-1]),
        # The proxy would resolve it.
        ("system", INSIDE),
    ],
)
def test_a_later_range_is_not_redirected_inside(
    request: pytest.FixtureRequest,
    origin: Origin,
    file: File,
    forbidding: str,
    host: str,
) -> None:
    machine: Machine = request.getfixturevalue(forbidding)
    with lead_elsewhere(origin, file, f"https://{host}/model.bin"):
        said = ("is not a public address", "allow_address", file.url)
        fails(machine, "fetch", file.url, end=(4, "URL_NOT_ALLOWED"), words=said)
    assert begins(origin, file) == [0, FIRST]
    assert not origin.count(host)
    fetches(machine, file.url, file.body)
    assert begins(origin, file) == [0, FIRST, FIRST]


@pytest.mark.parametrize("target", OTHER_SCHEMES)
def test_a_later_range_is_not_redirected_to_what_is_no_url(
    one_by_one: Machine, origin: Origin, file: File, target: str
) -> None:
    with lead_elsewhere(origin, file, target):
        said = (file.url, "redirects: invalid URL")
        fails(one_by_one, "fetch", file.url, end=(4, "URL_NOT_ALLOWED"), words=said)
    fetches(one_by_one, file.url, file.body)
    assert begins(origin, file) == [0, FIRST, FIRST]


@pytest.mark.parametrize("fault", ANEW)
def test_all_is_asked_for(
    one_by_one: Machine, origin: Origin, file: File, fault: str
) -> None:
    with origin.later_ranges_only():
        wrong = origin.fault(fault, HOST, file.path)
    with wrong:
        fetches(one_by_one, file.url, file.body)
    assert begins(origin, file)[-1] == -1
    assert not list(one_by_one.store("partial").iterdir())


REST = f"bytes {FIRST}-{SIZE - 1}/{SIZE}"
# What a 206 says, in place of the right words.
HEADERS: dict[str, dict[str, str]] = {
    "nothing": {},
    "other-begin": {"Content-Range": f"bytes 0-{SIZE - FIRST - 1}/{SIZE}"},
    "one-byte-off": {"Content-Range": f"bytes {FIRST + 1}-{SIZE}/{SIZE + 1}"},
    "other-end": {"Content-Range": f"bytes {FIRST}-{SIZE - 2}/{SIZE}"},
    "other-size": {"Content-Range": f"bytes {FIRST}-{SIZE - 1}/{SIZE + 1}"},
    "no-size": {"Content-Range": f"bytes {FIRST}-{SIZE - 1}/*"},
    "backwards": {"Content-Range": f"bytes {SIZE - 1}-{FIRST}/{SIZE}"},
    "negative": {"Content-Range": f"bytes -1-{SIZE - 1}/{SIZE}"},
    "too-large": {"Content-Range": f"bytes {FIRST}-{10**30}/{10**31}"},
    "other-unit": {"Content-Range": REST.replace("bytes", "lines")},
    "longer": {"Content-Range": REST, "Content-Length": str(SIZE - FIRST + 1)},
    "shorter": {"Content-Range": REST, "Content-Length": str(SIZE - FIRST - 1)},
    "encoded": {"Content-Range": REST, "Content-Encoding": "gzip"},
    "other-etag": {"Content-Range": REST, "ETag": '"of another one"'},
    "weak-etag": {"Content-Range": REST, "ETag": "W/{}"},
    "no-etag": {"Content-Range": REST, "ETag": ""},
    "parts": {"Content-Type": "multipart/byteranges; boundary=x"},
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_range_that_is_another_one(
    one_by_one: Machine, origin: Origin, file: File, name: str
) -> None:
    headers = {"ETag": "{}", **HEADERS[name]}
    headers = {key: value.replace("{}", file.etag) for key, value in headers.items()}
    # Each byte of it is wrong.
    body = bytes(255 - byte for byte in file.body[FIRST:])
    with origin.later_ranges_only():
        wrong = origin.respond(HOST, file.path, 206, headers, body)
    with wrong:
        fetches(one_by_one, file.url, file.body)
    assert begins(origin, file) == [0, FIRST, -1]
    assert not list(one_by_one.store("partial").iterdir())


def test_a_body_that_is_longer_than_its_range(
    one_by_one: Machine, origin: Origin, file: File
) -> None:
    """What stands behind it is no byte of the file."""
    lines = [
        "HTTP/1.1 206 Partial Content",
        f"Content-Range: {REST}",
        f"ETag: {file.etag}",
        "Transfer-Encoding: chunked",
    ]
    head = "\r\n".join([*lines, "", ""]).encode()
    body = file.body[FIRST:] + b"evil" * MIB
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    with origin.later_ranges_only():
        wrong = origin.respond_raw(HOST, file.path, head + chunks, keep=True)
    with wrong:
        done = one_by_one.hubctl("fetch", file.url, code=None)
    if done.returncode == 0:
        assert Path(done.stdout.strip()).read_bytes() == file.body
    else:
        assert file.url in done.stderr
    fetches(one_by_one, file.url, file.body)


def test_wrong_bytes_in_the_middle_are_nobody_s(
    one_by_one: Machine, origin: Origin, file: File
) -> None:
    headers = {"Content-Range": REST, "ETag": file.etag}
    with origin.later_ranges_only():
        wrong = origin.respond(HOST, file.path, 206, headers, bytes(SIZE - FIRST))
    sha256 = hashlib.sha256(file.body).hexdigest()
    fetch = ["fetch", file.url, "--sha256", sha256]
    with wrong:
        fails(one_by_one, *fetch, end=(7, "DIGEST_MISMATCH"), words=(file.url, sha256))
    fetches(one_by_one, file.url, file.body, "--sha256", sha256)


def test_other_bytes_under_the_url_in_the_middle(
    one_by_one: Machine, origin: Origin, file: File
) -> None:
    other = file.body[::-1]
    with origin.hold(HOST, file.path, after=FIRST) as gate:
        fetch = one_by_one.start([one_by_one.hubctl_path, "fetch", file.url])
        gate.wait_reached()
        origin.add_file(HOST, file.path, other)
    out, errors = fetch.communicate()
    assert fetch.returncode == 0, errors
    assert Path(out.strip()).read_bytes() == other
    assert "the server has other bytes than those" in errors


def test_a_range_that_comes_again_is_not_given_up(
    one_by_one: Machine, origin: Origin, file: File
) -> None:
    """Each answer is cut, but brings some bytes."""
    with origin.later_ranges_only():
        wrong = origin.cut(HOST, file.path, after=MIB)
    with wrong:
        fetches(one_by_one, file.url, file.body)
    assert begins(origin, file) == [0, *range(FIRST, SIZE, MIB)]


SOME = ["401", "404", "busy", "cut", "garbage", "loop", "403", "503", "page", "bomb"]
ALL = [*(row[0] for row in ERRORS), *ANEW]


@pytest.mark.parametrize("fault", ALL if os.environ.get("HUBD_TEST_LONG") else SOME)
def test_of_several_connections(
    in_parallel: Machine, origin: Origin, file: File, fault: str
) -> None:
    """Which of them meets it is chance: the right bytes come, or an error."""
    pid = in_parallel.daemon_pid()
    with origin.later_ranges_only():
        wrong = origin.fault(fault, HOST, file.path)
    with wrong:
        done = in_parallel.hubctl("fetch", file.url, code=None)
    if done.returncode == 0:
        assert Path(done.stdout.strip()).read_bytes() == file.body
    else:
        assert file.url in done.stderr
        assert not list(in_parallel.store("tmp").iterdir())
    fetches(in_parallel, file.url, file.body)
    wait_empty(in_parallel.store("partial"))
    assert in_parallel.daemon_pid() == pid
