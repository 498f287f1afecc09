"""Plain files as a good file host serves them: validators, ranges, conditions."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterator
from email.utils import formatdate
from io import BufferedReader
from pathlib import Path

from tests.origin._message import PIECE, Request, Response, text

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class Files:
    """Serves `root`/HOST/PATH. Thread-safe."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._mutex = threading.Lock()
        self._tags: dict[tuple[str, int, int, int], str] = {}

    def add(self, host: str, path: str, data: bytes) -> None:
        target = self._root / host / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        staged = target.with_name(f".{target.name}.{threading.get_ident()}")
        staged.write_bytes(data)
        os.replace(staged, target)

    def serve(self, request: Request) -> Response:
        parts = request.path.split("/")
        path = self._root.joinpath(request.host, *parts)
        strange = {".", ".."} & {request.host, *parts}
        # os.path: a name that is too long is no file either.
        if strange or not os.path.isfile(path):
            return text(404, "Not Found")
        if request.method not in ("GET", "HEAD"):
            return text(405, "Method Not Allowed")
        stream = path.open("rb")
        try:
            return self._answer(request, path, stream)
        except BaseException:
            stream.close()
            raise

    def _answer(self, request: Request, path: Path, stream: BufferedReader) -> Response:
        facts = os.fstat(stream.fileno())
        headers = {
            "Content-Type": "application/octet-stream",
            "ETag": self._tag(path, stream, facts),
            "Last-Modified": formatdate(facts.st_mtime, usegmt=True),
            "Accept-Ranges": "bytes",
        }
        if _same(request.headers.get("If-None-Match", ""), headers["ETag"]):
            stream.close()
            return Response(status=304, headers=headers)
        size = facts.st_size
        first, last = 0, size - 1
        status = 200
        if wanted := _range(request, headers):
            first, last = _bounds(wanted, size)
            if first > last:
                stream.close()
                headers["Content-Range"] = f"bytes */{size}"
                return Response(status=416, headers=headers)
            headers["Content-Range"] = f"bytes {first}-{last}/{size}"
            status = 206
        length = last - first + 1
        stream.seek(first)
        return Response(
            status=status,
            headers=headers,
            body=_read(stream, length),
            length=length,
            close=stream.close,
        )

    def _tag(self, path: Path, stream: BufferedReader, facts: os.stat_result) -> str:
        key = (str(path), facts.st_ino, facts.st_mtime_ns, facts.st_size)
        with self._mutex:
            if key not in self._tags:
                digest = hashlib.sha256()
                while piece := stream.read(PIECE):
                    digest.update(piece)
                self._tags[key] = f'"{digest.hexdigest()}"'
            return self._tags[key]


def _same(condition: str, tag: str) -> bool:
    """If-None-Match: weak comparison with a list of tags, or any."""
    tags = [part.strip().removeprefix("W/") for part in condition.split(",")]
    return tag in tags or tags == ["*"]


def _range(request: Request, headers: dict[str, str]) -> re.Match[str] | None:
    """The range to heed: one only, and only if If-Range still holds."""
    wanted = _RANGE.fullmatch(request.headers.get("Range", "").strip())
    if wanted is None or wanted.group(0) == "bytes=-":
        return None
    condition = request.headers.get("If-Range")
    if condition not in (None, headers["ETag"], headers["Last-Modified"]):
        return None
    return wanted


def _bounds(wanted: re.Match[str], size: int) -> tuple[int, int]:
    """First and last byte, both included; first > last when nothing is left."""
    first, last = wanted.groups()
    if not first:
        suffix = int(last)
        return (max(0, size - suffix), size - 1) if suffix else (1, 0)
    return int(first), min(int(last), size - 1) if last else size - 1


def _read(stream: BufferedReader, length: int) -> Iterator[bytes]:
    while length:
        piece = stream.read(min(length, PIECE))
        if not piece:
            raise OSError("the file became shorter while it was sent")
        length -= len(piece)
        yield piece
