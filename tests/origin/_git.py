"""The git program: run to its end, as a CGI, and as a maker of archives."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from functools import cache
from io import BufferedReader
from pathlib import Path
from typing import IO

from tests.origin._message import PIECE, Request, Response, text

_DATE = "2024-01-01T00:00:00+0000"

# Nothing of the user's configuration; what github.com allows; fixed commits.
_ENVIRONMENT = {
    "PATH": os.environ.get("PATH", os.defpath),
    "LC_ALL": "C",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_COUNT": "3",
    "GIT_CONFIG_KEY_0": "uploadpack.allowFilter",
    "GIT_CONFIG_VALUE_0": "true",
    "GIT_CONFIG_KEY_1": "uploadpack.allowAnySHA1InWant",
    "GIT_CONFIG_VALUE_1": "true",
    "GIT_CONFIG_KEY_2": "gc.auto",
    "GIT_CONFIG_VALUE_2": "0",
    "GIT_AUTHOR_NAME": "Origin",
    "GIT_AUTHOR_EMAIL": "origin@example.org",
    "GIT_AUTHOR_DATE": _DATE,
    "GIT_COMMITTER_NAME": "Origin",
    "GIT_COMMITTER_EMAIL": "origin@example.org",
    "GIT_COMMITTER_DATE": _DATE,
}


class GitError(Exception):
    """git ended with a failure; the message is what it said."""


def git(*arguments: str | Path, more: Mapping[str, str] | None = None) -> str:
    """Runs git with `more` environment; returns its output without the last \\n."""
    command = ["git", *map(str, arguments)]
    environment = {**_ENVIRONMENT, **(more or {})}
    made = subprocess.run(command, check=False, capture_output=True, env=environment)
    if made.returncode:
        raise GitError(f"{' '.join(command)}: {made.stderr.decode().strip()}")
    return made.stdout.decode().removesuffix("\n")


def commit_of(repo: Path, commitish: str) -> str | None:
    """The commit that a branch, tag or (short) commit id means, if any."""
    name = f"{commitish}^{{commit}}"
    try:
        return git("-C", repo, "rev-parse", "--verify", "-q", "--end-of-options", name)
    except GitError:
        return None


def archive(repo: Path, commit: str, form: str, top: str) -> Response:
    """Streams `git archive` of a commit, without a length, below the folder `top`."""
    name = f"{top}.{form}"
    process = subprocess.Popen(
        ["git", "archive", f"--format={form}", f"--prefix={top}/", commit],
        cwd=repo,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT,
    )
    headers = {
        "Content-Type": "application/zip" if form == "zip" else "application/x-gzip",
        "Content-Disposition": f"attachment; filename={name}",
        "ETag": f'W/"{commit}-{form}"',
    }
    return Response(
        status=200,
        headers=headers,
        body=_pieces(_pipe(process.stdout)),
        length=None,
        close=lambda: _end(process),
    )


def smart_http(root: Path, path: str, request: Request) -> Response:
    """Runs `git http-backend` for `path` (/OWNER/NAME.git/...) below `root`."""
    process = subprocess.Popen(
        [_http_backend()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=_ENVIRONMENT | _cgi(root, path, request),
    )
    feeder = threading.Thread(
        target=_feed, args=(request.body, _pipe(process.stdin)), daemon=True
    )
    feeder.start()

    def close() -> None:
        _end(process)
        feeder.join()

    out = _pipe(process.stdout)
    headers: dict[str, str] = {}
    while line := out.readline().strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name] = value.strip()
    if not headers:
        close()
        return text(500, "git http-backend said nothing")
    status = int(headers.pop("Status", "200").partition(" ")[0])
    return Response(
        status=status, headers=headers, body=_pieces(out), length=None, close=close
    )


def _cgi(root: Path, path: str, request: Request) -> dict[str, str]:
    sent = request.headers
    variables = {
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "REQUEST_METHOD": request.method,
        "PATH_INFO": path,
        "QUERY_STRING": request.query,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": sent.get("Content-Type"),
        "CONTENT_LENGTH": sent.get("Content-Length"),
        "HTTP_CONTENT_ENCODING": sent.get("Content-Encoding"),
        "GIT_PROTOCOL": sent.get("Git-Protocol"),
    }
    return {name: value for name, value in variables.items() if value is not None}


@cache
def _http_backend() -> str:
    return os.path.join(git("--exec-path"), "git-http-backend")


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


def _pieces(stream: IO[bytes]) -> Iterator[bytes]:
    # read1() takes what is there, so that progress reaches the client at once.
    assert isinstance(stream, BufferedReader)
    while piece := stream.read1(PIECE):
        yield piece


def _feed(body: Iterator[bytes], stream: IO[bytes]) -> None:
    """Hands the request's body on; reads it to its end even if git is gone."""
    gone = False
    try:
        for piece in body:
            if not gone:
                try:
                    stream.write(piece)
                except OSError:
                    gone = True
    except (OSError, ValueError):
        pass  # The client is gone; git sees the end of its input.
    try:
        stream.close()
    except OSError:
        pass


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a child that writes: without a reader it gets SIGPIPE."""
    _pipe(process.stdout).close()
    process.wait()
