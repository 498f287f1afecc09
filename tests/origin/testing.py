"""How tests ask an origin, by its port and its own authority."""

from __future__ import annotations

import http.client
import os
import ssl
import subprocess
from typing import NamedTuple

from tests.origin import Origin


class Reply(NamedTuple):
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def connect(origin: Origin) -> http.client.HTTPSConnection:
    """A connection to the origin, not opened yet; the Host header says to whom."""
    context = ssl.create_default_context(cafile=str(origin.ca_file))
    return http.client.HTTPSConnection(
        "127.0.0.1", origin.port, context=context, timeout=30
    )


def ask(
    origin: Origin,
    host: str,
    path: str,
    headers: dict[str, str] | None = None,
    method: str = "GET",
    connection: http.client.HTTPSConnection | None = None,
) -> Reply:
    """One request, over `connection` if given, else over one of its own."""
    used = connection or connect(origin)
    used.request(method, path, headers={"Host": host, **(headers or {})})
    try:
        with used.getresponse() as response:
            return Reply(response.status, response.headers, response.read())
    finally:
        if connection is None:
            used.close()


def git(origin: Origin, *arguments: str, protocol: int = 2) -> str:
    """Runs git, which repo_url()'s URLs lead to the origin; returns its output."""
    route = f"http.curloptResolve=github.com:{origin.port}:127.0.0.1"
    config = ["-c", route, "-c", f"protocol.version={protocol}"]
    environment = os.environ | {
        "GIT_SSL_CAINFO": str(origin.ca_file),
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
    }
    done = subprocess.run(
        ["git", *config, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env=environment,
    )
    return done.stdout


def repo_url(origin: Origin, name: str) -> str:
    """The URL of OWNER/NAME at the origin's own port."""
    return f"https://github.com:{origin.port}/{name}"
