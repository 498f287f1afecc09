"""A fast file host over TLS on loopback that counts what it serves."""

from __future__ import annotations

import os
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# 40 MB a second.
CAP = 40_000_000
# After all lines of the log.
_END = b"end\n"

_CONFIG = """\
{user}
daemon off;
worker_processes 2;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
  log_format counts
    '$request_method $uri $status $body_bytes_sent $server_protocol $msec';
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
        self._log = _Log(directory / "access.log")
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
        try:
            _await_start(self.port, directory)
        except RuntimeError:
            self.close()
            raise

    def forget(self) -> None:
        """Counts anew."""
        self._log.forget()

    def served(self, name: str, size: int) -> Served:
        """What went out since forget(), once it is `size` bytes at least.

        A request is counted when its end is sent, which its client may see sooner.
        """
        line = rf"^GET \S*/{re.escape(name)} \d+ (\d+) "
        sizes = self._log.find(line, lambda found: sum(map(int, found)) >= size)
        return Served(len(sizes), sum(map(int, sizes)))

    def count(self, method: str, name: str, least: int = 0) -> int:
        """How many such requests were logged since forget(), once so many were."""
        line = rf"^{method} \S*/{re.escape(name)} "
        return len(self._log.find(line, lambda found: len(found) >= least))

    def protocols(self, name: str) -> list[str]:
        """Of each such request since forget(), as "HTTP/1.1"."""
        return self._log.find(rf"^\S+ \S*/{re.escape(name)} .* (\S+) \S+$")

    def last_end(self, name: str) -> float:
        """When the last such request since forget() ended, in seconds since 1970."""
        ends = self._log.find(rf"^\S+ \S*/{re.escape(name)} .* (\S+)$")
        return max(map(float, ends))

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
        self._log.close()


class _Log:
    """What nginx logs, in a pipe, so that who waits for a line is woken by it."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        # To write as well, so that it has no end.
        self._fd = os.open(path, os.O_RDWR)
        self._changed = threading.Condition()
        self._text = ""
        # It ends with the program where nginx does not start.
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def find(
        self, line: str, enough: Callable[[list[str]], bool] = lambda found: True
    ) -> list[str]:
        """What matches since forget(); waits ten seconds at most for enough of it."""
        found: list[str] = []

        def look() -> bool:
            found[:] = re.findall(line, self._text, re.MULTILINE)
            return enough(found)

        with self._changed:
            self._changed.wait_for(look, timeout=10)
        return found

    def forget(self) -> None:
        with self._changed:
            self._text = ""

    def close(self) -> None:
        os.write(self._fd, _END)
        self._thread.join()
        os.close(self._fd)

    def _read(self) -> None:
        while not (data := os.read(self._fd, 1 << 16)).endswith(_END):
            # nginx writes whole lines.
            with self._changed:
                self._text += data.decode()
                self._changed.notify_all()


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


def _await_start(port: int, directory: Path) -> None:
    """Connections wait in the listeners, and are reset when nobody has these."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
            context.wrap_socket(connection),
        ):
            pass
    except OSError as error:
        why = f"nginx does not start; see {directory}/error.log"
        raise RuntimeError(why) from error
