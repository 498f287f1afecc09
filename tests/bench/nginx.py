"""A fast file host over TLS on loopback that counts what it serves."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

# 40 MB a second.
CAP = 40_000_000

_CONFIG = """\
{user}
daemon off;
worker_processes 2;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
  log_format counts
    '$request_method $uri $status $body_bytes_sent $server_protocol';
  access_log {directory}/access.log counts;
  client_body_temp_path {directory}/client;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  sendfile on;
  ssl_certificate {certificate};
  ssl_certificate_key {key};
  root {files};
{servers}
}}
"""

_SERVER = """\
  server {{
    listen 127.0.0.1:{port} ssl {speaks};
    {also}
    # What huggingface_hub asks of a host of models.
    location ~ ^/[^/]+/[^/]+/resolve/main/(?<file>[^/]+)$ {{
      add_header X-Repo-Commit 0123456789abcdef0123456789abcdef01234567;
      try_files /$file =404;
    }}
  }}
"""

# <asm/socket.h>; the socket module has no name for it.
_SO_MAX_PACING_RATE = 47


@dataclass(frozen=True)
class Served:
    """GETs of one path, and the bytes of their bodies."""

    gets: int
    size: int


class Nginx:
    """Serves the files of a directory as https://localhost:PORT/NAME.

    `port` is as fast as can be; at `capped_port` each connection gets CAP; at
    `brief_port` each has one answer only; `http2_port` speaks HTTP/2 to who likes.
    `directory` holds configuration and logs.
    """

    def __init__(self, directory: Path, files: Path, leaf: tuple[Path, Path]) -> None:
        directory.mkdir(parents=True)
        self._log = directory / "access.log"
        listeners = [_listener() for _ in range(4)]
        ports = [listener.getsockname()[1] for listener in listeners]
        self.port, self.capped_port, self.brief_port, self.http2_port = ports
        # The kernel holds each accepted connection to it. limit_rate is of a request,
        # and lets the first of its megabytes through at once.
        capped = listeners[1]
        capped.setsockopt(socket.SOL_SOCKET, _SO_MAX_PACING_RATE, CAP)
        self.url = f"https://localhost:{self.port}"
        self.capped_url = f"https://localhost:{self.capped_port}"
        brief = "keepalive_requests 1;"
        servers = [
            _SERVER.format(port=self.port, speaks="", also=""),
            _SERVER.format(port=self.capped_port, speaks="", also=""),
            _SERVER.format(port=self.brief_port, speaks="", also=brief),
            _SERVER.format(port=self.http2_port, speaks="http2", also=""),
        ]
        config = directory / "nginx.conf"
        config.write_text(_configuration(directory, files, leaf, servers))
        inherited = [listener.fileno() for listener in listeners]
        self._process = subprocess.Popen(
            [program(), "-p", directory, "-c", config, "-e", directory / "error.log"],
            stdin=subprocess.DEVNULL,
            # nginx's own way of handing listeners to its successor.
            env={**os.environ, "NGINX": "".join(f"{fd};" for fd in inherited)},
            pass_fds=inherited,
        )
        for listener in listeners:
            listener.close()
        _await_start(directory / "pid", self._process)

    def forget(self) -> None:
        """Counts anew."""
        os.truncate(self._log, 0)

    def served(self, name: str, size: int) -> Served:
        """What went out since forget(), once it is `size` bytes at least.

        A request is counted when its end is sent, which its client may see sooner.
        """
        end = time.monotonic() + 10
        while True:
            lines = re.findall(
                rf"^GET \S*/{re.escape(name)} \d+ (\d+) ",
                self._log.read_text(),
                re.MULTILINE,
            )
            sent = sum(map(int, lines))
            if sent >= size or time.monotonic() > end:
                return Served(len(lines), sent)
            time.sleep(0.01)

    def count(self, method: str, name: str) -> int:
        """How many such requests were logged since forget()."""
        line = rf"^{method} \S*/{re.escape(name)} "
        return len(re.findall(line, self._log.read_text(), re.MULTILINE))

    def protocols(self, name: str) -> list[str]:
        """Of each such request since forget(), as "HTTP/1.1"."""
        line = rf"^\S+ \S*/{re.escape(name)} .* (\S+)$"
        return re.findall(line, self._log.read_text(), re.MULTILINE)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def program() -> str:
    """Where nginx is; Debian keeps it out of an ordinary PATH."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise FileNotFoundError("nginx is not installed")
    return found


def _listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(511)
    # nginx leaves what it inherits as it is. A worker that finds that another one
    # has taken the connection would wait for the next, and serve nobody meanwhile.
    listener.setblocking(False)
    return listener


def _configuration(
    directory: Path, files: Path, leaf: tuple[Path, Path], servers: Sequence[str]
) -> str:
    return _CONFIG.format(
        user="user root;" if os.getuid() == 0 else "",
        directory=directory,
        certificate=leaf[0],
        key=leaf[1],
        files=files,
        servers="".join(servers),
    )


def _await_start(pid: Path, process: subprocess.Popen[bytes]) -> None:
    """Connections wait in the listeners; this is for the error."""
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        if pid.exists():
            return
        time.sleep(0.01)
    raise RuntimeError(f"nginx does not start; see {pid.parent}/error.log")
