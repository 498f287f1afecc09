"""Files: validators, ranges and conditions."""

from __future__ import annotations

import hashlib

import pytest

from tests.origin import Origin
from tests.origin.testing import ask

_BYTES = bytes(range(256)) * 1024


def test_whole_file_and_head(origin: Origin) -> None:
    url = origin.add_file("models.example.org", "/m/whole.bin", _BYTES)
    assert url == "https://models.example.org/m/whole.bin"

    got = ask(origin, "models.example.org", "/m/whole.bin?signature=1")
    head = ask(origin, "models.example.org", "/m/whole.bin", method="HEAD")

    assert (got.status, got.body) == (200, _BYTES)
    assert got.headers["ETag"] == f'"{hashlib.sha256(_BYTES).hexdigest()}"'
    assert got.headers["Accept-Ranges"] == "bytes"
    assert (head.status, head.body) == (200, b"")
    for name in ("Content-Length", "ETag", "Last-Modified"):
        assert head.headers[name] == got.headers[name]
    assert ask(origin, "models.example.org", "/m/none").status == 404
    assert ask(origin, "models.example.org", "/../../ca.key").status == 404
    assert ask(origin, "models.example.org", "/%2e%2e/%2e%2e/ca.key").status == 404


@pytest.mark.parametrize(
    ("wanted", "status", "first", "end"),
    [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=100-199", 206, 100, 200),
        ("bytes=262100-", 206, 262100, 262144),
        ("bytes=262100-999999", 206, 262100, 262144),
        ("bytes=-10", 206, 262134, 262144),
        ("bytes=262144-", 416, 0, 0),
        ("bytes=0-1,5-6", 200, 0, 262144),
    ],
)
def test_range(origin: Origin, wanted: str, status: int, first: int, end: int) -> None:
    origin.add_file("models.example.org", "/m/range.bin", _BYTES)

    got = ask(origin, "models.example.org", "/m/range.bin", {"Range": wanted})

    assert (got.status, got.body) == (status, _BYTES[first:end])
    if status == 206:
        assert got.headers["Content-Range"] == f"bytes {first}-{end - 1}/262144"
    if status == 416:
        assert got.headers["Content-Range"] == "bytes */262144"


def test_if_range_and_if_none_match(origin: Origin) -> None:
    host, path = "models.example.org", "/m/conditions.bin"
    origin.add_file(host, path, _BYTES)
    tag = ask(origin, host, path).headers["ETag"]
    some = {"Range": "bytes=5-9"}

    assert ask(origin, host, path, {**some, "If-Range": tag}).status == 206
    assert ask(origin, host, path, {**some, "If-Range": '"other"'}).status == 200
    same = ask(origin, host, path, {"If-None-Match": f'"x", {tag}'})
    assert (same.status, same.body, same.headers["ETag"]) == (304, b"", tag)
    origin.add_file(host, path, _BYTES[::-1])
    assert ask(origin, host, path, {"If-None-Match": tag}).status == 200
    assert ask(origin, host, path, {**some, "If-Range": tag}).status == 200
