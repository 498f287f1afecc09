"""A fast file host over TLS on loopback that counts what it serves."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

_CONFIG = """\
{user}
daemon off;
worker_processes 2;
pid {directory}/pid;
error_log {directory}/error.log;
events {{}}
http {{
  log_format counts '$request_method $uri $status $body_bytes_sent';
  access_log {directory}/access.log counts;
  client_body_temp_path {directory}/client;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  sendfile on;
  server {{
    listen 127.0.0.1:{port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    root {files};
    # What huggingface_hub asks of a host of models.
    location ~ ^/[^/]+/[^/]+/resolve/main/(?<file>[^/]+)$ {{
      add_header X-Repo-Commit 0123456789abcdef0123456789abcdef01234567;
      try_files /$file =404;
    }}
  }}
}}
"""


@dataclass(frozen=True)
class Served:
    """GETs of one path, and the bytes of their bodies."""

    gets: int
    size: int


class Nginx:
    """Serves the files of a directory as https://localhost:PORT/NAME.

    `directory` holds its configuration and logs.
    """

    def __init__(self, directory: Path, files: Path, leaf: tuple[Path, Path]) -> None:
        directory.mkdir(parents=True)
        self._log = directory / "access.log"
        port = _free_port()
        self.url = f"https://localhost:{port}"
        config = directory / "nginx.conf"
        config.write_text(
            _CONFIG.format(
                user="user root;" if os.getuid() == 0 else "",
                directory=directory,
                port=port,
                certificate=leaf[0],
                key=leaf[1],
                files=files,
            )
        )
        self._process = subprocess.Popen(
            [program(), "-p", directory, "-c", config, "-e", directory / "error.log"],
            stdin=subprocess.DEVNULL,
        )
        _await_listener(port, self._process)

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
                rf"^GET \S*/{re.escape(name)} \d+ (\d+)$",
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

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def program() -> str:
    """Where nginx is; Debian keeps it out of an ordinary PATH."""
    found = shutil.which("nginx", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if found is None:
        raise FileNotFoundError("nginx is not installed")
    return found


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _await_listener(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 10
    while time.monotonic() < end and process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise RuntimeError("nginx does not listen; see its error.log")
