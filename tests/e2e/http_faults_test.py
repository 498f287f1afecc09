"""What goes wrong between the request and the last byte of the answer."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import (
    FORBIDDEN,
    LIMITED,
    MODES,
    NOT_FOUND,
    UNAVAILABLE,
    fails,
    fetches,
    start_machine,
)
from tests.origin import Origin

HOST = "models.example.org"
GOOD = b"good" * 2000
HUB = {"hubconf.py": "def one(): pass\n", "weights.txt": "1" * 9000}
DEAD_ENDS = ["refuses", "never-accepts", "never-speaks", "hangs-up"]
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
# Every load asks for the refs, whatever the answer was.
ASKING = '[refs]\nttl = "0s"\nnegative_ttl = "0s"\n'
# Time-outs that let a test of slow hosts end soon.
HURRIED = (
    'connect_timeout = "2s"\nstall_timeout = "2s"\ntries = 2\n'
    + ASKING
    + 'timeout = "2s"\n'
)
_numbers = itertools.count()


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        for kind in DEAD_ENDS:
            running.add_dead_end(f"{kind}.example.org", kind)
        yield running


@pytest.fixture(scope="module", params=MODES)
def any_mode(origin: Origin, request: pytest.FixtureRequest) -> Iterator[Machine]:
    # Who limits is not waited for.
    extra = 'retry_max_wait = "0s"\n' + ASKING
    with contextlib.closing(start_machine(request.param, origin, extra)) as machine:
        yield machine


@pytest.fixture(scope="module", params=MODES)
def hurried(origin: Origin, request: pytest.FixtureRequest) -> Iterator[Machine]:
    with contextlib.closing(start_machine(request.param, origin, HURRIED)) as machine:
        yield machine


@pytest.fixture(scope="module")
def user(origin: Origin) -> Iterator[Machine]:
    with contextlib.closing(start_machine("user", origin, HURRIED)) as machine:
        yield machine


def fresh_path() -> str:
    """One that no other row uses."""
    return f"/row-{next(_numbers)}/model.bin"


def fresh_repo(origin: Origin) -> str:
    name = f"row-{next(_numbers)}"
    origin.add_repo("o", name, HUB)
    return f"o/{name}"


# The fault, the exit code and the reason, words of the message.
ANSWERS: list[tuple[str, tuple[int, str], str]] = [
    ("401", FORBIDDEN, "HTTP 401|ask its owner"),
    ("403", FORBIDDEN, "HTTP 403|ask its owner"),
    ("limited", LIMITED, "HTTP 403|try again then"),
    ("busy", LIMITED, "HTTP 429|try again then"),
    ("500", UNAVAILABLE, "HTTP 500|try again later"),
    ("503", UNAVAILABLE, "HTTP 503|try again later"),
    ("204", UNAVAILABLE, "HTTP 204|check the URL"),
    ("304", UNAVAILABLE, "HTTP 304|check the URL"),
    ("302", UNAVAILABLE, "HTTP 302|check the URL"),
    ("cut", UNAVAILABLE, "connection broke before the end|try again"),
    ("many-headers", UNAVAILABLE, "headers of the answer are too long|check the URL"),
    ("long-header", UNAVAILABLE, "headers of the answer are too long|check the URL"),
    ("interim", UNAVAILABLE, "headers of the answer are too long|check the URL"),
    ("garbage", UNAVAILABLE, "cannot be understood|check the URL"),
    ("loop", UNAVAILABLE, "redirects more than 10 times|check the URL"),
    ("downgrade", (4, "URL_NOT_ALLOWED"), "from https to http"),
]
SLOW: list[tuple[str, tuple[int, str], str]] = [
    ("silence", UNAVAILABLE, "try again later"),
    ("stall", UNAVAILABLE, "less than 1024 bytes a second came for 2s|stall_timeout"),
    ("drip", UNAVAILABLE, "less than 1024 bytes a second came for 2s|stall_timeout"),
    ("drip-headers", UNAVAILABLE, "try again later"),
]
CHECKPOINTS: list[tuple[str, tuple[int, str], str]] = [
    ("404", NOT_FOUND, "HTTP 404|check the URL"),
    ("410", NOT_FOUND, "HTTP 410|check the URL"),
    ("page", UNAVAILABLE, "an HTML page|--any"),
    ("empty", UNAVAILABLE, "no bytes|--any"),
    ("gzip-cut", UNAVAILABLE, "encoding ends too early|check the URL"),
    ("bomb", UNAVAILABLE, "over 200 times as long|check the URL"),
]


def checkpoint_fails(
    machine: Machine, origin: Origin, fault: str, end: tuple[int, str], words: str
) -> None:
    path = fresh_path()
    url = origin.add_file(HOST, path, GOOD)
    with origin.fault(fault, HOST, path):
        fails(machine, "fetch", url, end=end, words=(url, *words.split("|")))
    fetches(machine, url, GOOD)


@pytest.mark.parametrize(("fault", "end", "words"), ANSWERS + CHECKPOINTS)
def test_a_checkpoint_that_does_not_come(
    any_mode: Machine, origin: Origin, fault: str, end: tuple[int, str], words: str
) -> None:
    checkpoint_fails(any_mode, origin, fault, end, words)


@pytest.mark.parametrize(("fault", "end", "words"), SLOW)
def test_a_checkpoint_that_comes_too_slowly(
    hurried: Machine, origin: Origin, fault: str, end: tuple[int, str], words: str
) -> None:
    checkpoint_fails(hurried, origin, fault, end, words)


@pytest.mark.parametrize("kind", DEAD_ENDS)
def test_a_host_that_is_dead(hurried: Machine, origin: Origin, kind: str) -> None:
    words = {
        "refuses": ("no connection to the host", "check the URL"),
        "never-accepts": ("no connection to the host within 2s", "network"),
        "never-speaks": ("no connection to the host within 2s", "network"),
        "hangs-up": ("no secure connection", "check the URL"),
    }[kind]
    url = f"https://{kind}.example.org/model.bin"
    end = UNAVAILABLE
    fails(hurried, "fetch", url, end=end, words=(url, *words))
    repo = f"{kind}.example.org/o/r"
    fails(hurried, "load", repo, "one", end=end, words=(repo,))
    fetches(hurried, origin.add_file(HOST, fresh_path(), GOOD), GOOD)


def test_the_time_to_wait_is_told(any_mode: Machine, origin: Origin) -> None:
    path = fresh_path()
    url = origin.add_file(HOST, path, GOOD)
    end = LIMITED
    with origin.fault("busy", HOST, path):
        error = fails(any_mode, "fetch", url, end=end)
        assert 0 < int(error["metadata"]["retry_after_ms"]) <= 7000
        assert "GITHUB_TOKEN" not in error["message"]
    with origin.fault("limited", "github.com", "/o/limited/info/refs"):
        words = ("github.com/o/limited", "GITHUB_TOKEN", " UTC")
        fails(any_mode, "load", "o/limited", "x", end=end, words=words)
    with origin.respond(HOST, path, 503, {"Retry-After": "9"}):
        fails(any_mode, "fetch", url, end=UNAVAILABLE, words=("asks to wait 9s",))


def test_a_body_whose_end_is_not_marked_is_taken_with_a_warning(
    any_mode: Machine, origin: Origin
) -> None:
    for fault, body in [("unmarked", b"whole?"), ("cut-unmarked", b"x" * 100)]:
        path = fresh_path()
        url = origin.add_file(HOST, path, GOOD)
        wanted = hashlib.sha256(GOOD).hexdigest()
        with origin.fault(fault, HOST, path):
            fails(
                any_mode, "fetch", url, "--sha256", wanted,
                end=(7, "DIGEST_MISMATCH"), words=(url, wanted),
            )  # fmt: skip
            done = any_mode.hubctl("fetch", url)
        assert "marked no end" in done.stderr
        assert Path(done.stdout.strip()).read_bytes() == body
        again = any_mode.hubctl("fetch", url, "--sha256", wanted, "--refresh")
        assert Path(again.stdout.strip()).read_bytes() == GOOD
        assert "warning" not in again.stderr


def test_an_encoding_that_nobody_asked_for_is_undone(
    any_mode: Machine, origin: Origin
) -> None:
    path = fresh_path()
    with origin.fault("gzip", HOST, path):
        fetches(any_mode, f"https://{HOST}{path}", b"decoded")


def test_what_stands_behind_a_body_is_not_the_next_answer(
    any_mode: Machine, origin: Origin
) -> None:
    path = fresh_path()
    with origin.fault("too-long", HOST, path):
        fetches(any_mode, f"https://{HOST}{path}", b"first")
        fetches(any_mode, origin.add_file(HOST, fresh_path(), GOOD), GOOD)


def test_a_wrong_hash(any_mode: Machine, origin: Origin) -> None:
    end = (7, "DIGEST_MISMATCH")
    right, wrong = hashlib.sha256(GOOD).hexdigest(), "0" * 64
    url = origin.add_file(HOST, fresh_path(), GOOD)
    words: tuple[str, ...] = (url, right, wrong, "not delivered")
    fails(any_mode, "fetch", url, "--sha256", wrong, words=words, end=end)
    url = origin.add_file(HOST, f"/hash-{next(_numbers)}/model-0badc0de.bin", GOOD)
    fails(any_mode, "fetch", url, words=(url, right, "0badc0de"), end=end)
    any_mode.hubctl("fetch", url, "--no-check-hash")
    # On a hit too, and without a request.
    asked = origin.count(HOST)
    fails(any_mode, "fetch", url, words=(url, right, "0badc0de"), end=end)
    for malformed in ["xyz", "0" * 63, "0" * 65, "G" * 64, "", "-1"]:
        any_mode.hubctl("fetch", url, f"--sha256={malformed}", code=2)
    assert origin.count(HOST) == asked


@pytest.mark.parametrize("fault", ["404", "503", "cut", "page", "bomb", "garbage"])
def test_a_refresh_that_fails_changes_nothing(
    any_mode: Machine, origin: Origin, fault: str
) -> None:
    path = fresh_path()
    url = origin.add_file(HOST, path, GOOD)
    target = any_mode.home / "copy.bin"
    fetch = ["fetch", url, "--refresh", "--to", str(target)]
    any_mode.hubctl(*fetch)
    origin.add_file(HOST, path, b"other" * 1000)
    end = NOT_FOUND if fault == "404" else UNAVAILABLE
    with origin.fault(fault, HOST, path):
        fails(any_mode, *fetch, end=end)
        fetches(any_mode, url, GOOD)
    assert target.read_bytes() == GOOD
    assert [entry.name for entry in any_mode.home.glob("*.bin*")] == ["copy.bin"]
    any_mode.hubctl(*fetch)
    assert target.read_bytes() == b"other" * 1000


# Repositories: what the host says of its refs, and the archive.


REFS = [
    *ANSWERS[2:9],
    *ANSWERS[10:],
    ("404", (5, "REPO_NOT_FOUND"), "does not exist, or is private|check the name"),
    ("401", (5, "REPO_NOT_FOUND"), "does not exist, or is private|check the name"),
    ("403", FORBIDDEN, "HTTP 403"),
    ("cut", UNAVAILABLE, "connection broke"),
    ("page", UNAVAILABLE, "no git repository answers there|check the name"),
    ("empty", UNAVAILABLE, "no git repository answers there|check the name"),
    ("gzip", UNAVAILABLE, "no git repository answers there|check the name"),
]
ARCHIVES = [
    *ANSWERS,
    ("404", (5, "REF_NOT_FOUND"), "HTTP 404"),
    ("page", UNAVAILABLE, "an HTML page in place of the archive"),
    ("empty", (7, "BAD_ARCHIVE"), "it is empty|Try again later"),
    ("unmarked", (7, "BAD_ARCHIVE"), "gzip stream is damaged"),
    ("too-long", (7, "BAD_ARCHIVE"), "gzip stream is damaged"),
    ("gzip", (7, "BAD_ARCHIVE"), "gzip stream is damaged"),
    ("bomb", (7, "BAD_ARCHIVE"), "gzip stream is damaged"),
]


def loads(machine: Machine, repo: str) -> None:
    tree = Path(machine.json("load", repo, "one")["tree"]["path"])
    assert (tree / "weights.txt").read_text() == HUB["weights.txt"]


@pytest.mark.parametrize(("fault", "end", "words"), REFS)
def test_refs_that_do_not_come(
    any_mode: Machine, origin: Origin, fault: str, end: tuple[int, str], words: str
) -> None:
    repo = fresh_repo(origin)
    said = (repo, *words.replace("check the URL", repo).split("|"))
    with origin.fault(fault, "github.com", f"/{repo}/info/refs"):
        fails(any_mode, "load", repo, "one", end=end, words=said)
    loads(any_mode, repo)


@pytest.mark.parametrize(("fault", "end", "words"), ARCHIVES)
def test_an_archive_that_does_not_come(
    any_mode: Machine, origin: Origin, fault: str, end: tuple[int, str], words: str
) -> None:
    repo = fresh_repo(origin)
    with origin.fault("503", "codeload.github.com", f"/{repo}/"):
        # The refs, which are an answer of their own, are kept.
        any_mode.hubctl("load", repo, "one", code=1)
    with origin.fault(fault, "codeload.github.com", f"/{repo}/"):
        code, reason = end
        error = any_mode.json("load", repo, "one", code=code)["error"]
    assert error["reason"] == reason
    for word in (repo, *words.split("|")):
        assert word in error["message"]
    assert not any_mode.store("trees", "github.com", *repo.split("/")).exists()
    assert not list(any_mode.store("tmp").iterdir())
    assert repo not in any_mode.hubctl("cache", "ls").stdout
    loads(any_mode, repo)


@pytest.mark.parametrize(("fault", "end", "words"), SLOW)
def test_a_host_that_is_slow(
    user: Machine, origin: Origin, fault: str, end: tuple[int, str], words: str
) -> None:
    repo = fresh_repo(origin)
    code, reason = end
    with origin.fault(fault, "github.com", f"/{repo}/info/refs"):
        fails(user, "load", repo, "one", end=end, words=(repo,))
    with origin.fault(fault, "codeload.github.com", f"/{repo}/"):
        error = user.json("load", repo, "one", code=code)["error"]
    assert error["reason"] == reason
    for word in (repo, *words.split("|")):
        assert word in error["message"]
    loads(user, repo)
    with origin.fault(fault, "github.com", f"/{repo}/info/refs"):
        tree = user.json("load", repo, "one")["tree"]
    assert "cached" in tree["warnings"][0]


@pytest.mark.parametrize("fault", ["503", "busy", "limited", "cut", "page"])
def test_refs_that_are_known_are_used_and_marked_stale(
    any_mode: Machine, origin: Origin, fault: str
) -> None:
    repo = fresh_repo(origin)
    loads(any_mode, repo)
    with origin.fault(fault, "github.com", f"/{repo}/info/refs"):
        tree = any_mode.json("load", repo, "one")["tree"]
    assert repo in tree["warnings"][0]
    assert "cached" in tree["warnings"][0]
    # However young it is.
    assert int(tree["stale_for_seconds"]) > 0


# What differs in the drop-ins: the originals' exceptions.

PROGRAM = """
import json, sys, hubd.torch as hub
for url in sys.argv[2:]:
    try:
        hub.download_url_to_file(url, sys.argv[1], "00000000", progress=False)
    except Exception as error:
        kinds = [kind.__name__ for kind in type(error).__mro__]
        row = {"kinds": kinds, "code": getattr(error, "code", None), "text": str(error)}
        print(json.dumps(row))
    else:
        print("{}")
"""
DROP_IN: list[tuple[str, str, Any, str]] = [
    ("404", "HTTPError", 404, "HTTP Error 404: Not Found"),
    ("403", "HTTPError", 403, "HTTP Error 403: Forbidden"),
    ("limited", "HTTPError", 403, "HTTP Error 403: Forbidden"),
    ("busy", "HTTPError", 429, "HTTP Error 429: Too Many Requests"),
    ("500", "HTTPError", 500, "HTTP Error 500: Internal Server Error"),
    ("503", "HTTPError", 503, "HTTP Error 503: Service Unavailable"),
    ("cut", "URLError", "UNAVAILABLE", "<urlopen error cannot fetch"),
    ("garbage", "URLError", "UNAVAILABLE", "<urlopen error cannot fetch"),
    ("stall", "URLError", "UNAVAILABLE", "<urlopen error cannot fetch"),
    ("gzip", "RuntimeError", "DATA_LOSS", 'invalid hash value (expected "00000000"'),
]


def test_the_drop_in_raises_what_the_original_raises(
    user: Machine, origin: Origin
) -> None:
    place = user.home / "downloads"
    place.mkdir()
    target = place / "model.bin"
    target.write_bytes(b"mine")
    os.chown(place, user.uid, user.uid)
    urls = []
    for fault, *_ in DROP_IN:
        path = fresh_path()
        urls.append(origin.add_file(HOST, path, GOOD))
        origin.fault(fault, HOST, path)
    urls += ["https://refuses.example.org/x", "gopher://h/x", "javascript:alert(1)"]
    done = user.run(
        [sys.executable, "-c", PROGRAM, str(target), *urls], PYTHONPATH=PYCLIENT
    )
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    expected = [row[1:] for row in DROP_IN]
    expected += [("URLError", "UNAVAILABLE", "<urlopen error cannot fetch")]
    expected += 2 * [("URLError", None, "<urlopen error unknown url type")]
    for row, (kind, code, text) in zip(rows, expected, strict=True):
        assert kind in row["kinds"], row
        assert row["code"] == code, row
        assert row["text"].startswith(text), row
    assert [(entry.name, entry.read_bytes()) for entry in place.iterdir()] == [
        ("model.bin", b"mine")
    ]
