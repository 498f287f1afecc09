"""Who asked for what, and how much was sent. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass

from tests.origin._message import Request


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One request as it came in; header names are in lower case."""

    method: str
    host: str
    target: str
    headers: Mapping[str, str]


class Counters:
    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._seen: list[Seen] = []
        self._bytes: dict[tuple[str, str, str], int] = {}

    def add_request(self, request: Request) -> None:
        headers = {name.lower(): value for name, value in request.headers.items()}
        with self._mutex:
            self._seen.append(
                Seen(
                    method=request.method,
                    host=request.host,
                    target=request.target,
                    headers=headers,
                )
            )

    def add_bytes(self, request: Request, count: int) -> None:
        key = (request.method, request.host, request.target)
        with self._mutex:
            self._bytes[key] = self._bytes.get(key, 0) + count

    def reset(self) -> None:
        with self._mutex:
            self._seen.clear()
            self._bytes.clear()

    def requests(self) -> list[Seen]:
        with self._mutex:
            return list(self._seen)

    def count(self, method: str, host: str, prefix: str) -> int:
        return sum(
            seen.method == method
            and seen.host == host
            and seen.target.startswith(prefix)
            for seen in self.requests()
        )

    def bytes_sent(self, method: str, host: str, prefix: str) -> int:
        with self._mutex:
            return sum(
                count
                for key, count in self._bytes.items()
                if key[:2] == (method, host) and key[2].startswith(prefix)
            )

    def table(self) -> list[dict[str, object]]:
        """One row for each (method, host, path), queries put together."""
        with self._mutex:
            rows: dict[tuple[str, str, str], list[int]] = {}
            for seen in self._seen:
                path = seen.target.partition("?")[0]
                row = rows.setdefault((seen.method, seen.host, path), [0, 0])
                row[0] += 1
            for (method, host, target), count in self._bytes.items():
                key = (method, host, target.partition("?")[0])
                rows.setdefault(key, [0, 0])[1] += count
        return [
            {"method": m, "host": h, "path": p, "requests": n, "bytes": b}
            for (m, h, p), (n, b) in sorted(rows.items())
        ]
