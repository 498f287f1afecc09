from __future__ import annotations

import http.client
import os
import re
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.nginx import CAP, Nginx, Served
from tests.origin import Origin

SIZE = CAP // 5


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Origin]:
    with Origin(tmp_path_factory.mktemp("origin")) as origin:
        yield origin


@pytest.fixture
def nginx(tmp_path: Path, origin: Origin) -> Iterator[Nginx]:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/f.bin").write_bytes(bytes(SIZE))
    leaf = origin.directory / "leaf.pem", origin.directory / "leaf.key"
    with closing(Nginx(tmp_path / "nginx", tmp_path / "files", leaf)) as nginx:
        yield nginx


def connect(origin: Origin, port: int) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(origin.ca_file))
    return http.client.HTTPSConnection("localhost", port, context=context, timeout=30)


def get(connection: http.client.HTTPSConnection) -> tuple[int, bool]:
    """How much came, and whether the connection goes on."""
    connection.request("GET", "/f.bin")
    response = connection.getresponse()
    return len(response.read()), not response.will_close


def test_what_is_sent_is_counted(origin: Origin, nginx: Nginx) -> None:
    with closing(connect(origin, nginx.port)) as connection:
        assert [get(connection), get(connection)] == [(SIZE, True)] * 2
    assert nginx.served("f.bin", 2 * SIZE) == Served(2, 2 * SIZE)
    nginx.forget()
    with closing(connect(origin, nginx.port)) as connection:
        connection.request("HEAD", "/f.bin")
        connection.getresponse().read()
        get(connection)
    assert nginx.served("f.bin", SIZE) == Served(1, SIZE)
    assert nginx.count("HEAD", "f.bin") == 1


def test_a_capped_connection_is_capped_from_its_first_byte(
    origin: Origin, nginx: Nginx
) -> None:
    with closing(connect(origin, nginx.capped_port)) as connection:
        start = time.monotonic()
        assert [get(connection), get(connection)] == [(SIZE, True)] * 2
        # Some of it may lie in the kernel's buffers still; without a cap it takes a
        # tenth.
        assert time.monotonic() - start > 0.75 * 2 * SIZE / CAP


def test_a_brief_connection_has_one_answer(origin: Origin, nginx: Nginx) -> None:
    with closing(connect(origin, nginx.brief_port)) as connection:
        assert get(connection) == (SIZE, False)


def test_one_port_speaks_http_2_and_who_spoke_what_is_told(
    origin: Origin, nginx: Nginx
) -> None:
    for port in (nginx.port, nginx.http2_port):
        url = f"https://localhost:{port}/f.bin"
        ca = str(origin.ca_file)
        curl = ["curl", "-sSf", "--cacert", ca, "-o", os.devnull, url]
        subprocess.run(curl, check=True)
    nginx.served("f.bin", 2 * SIZE)
    assert nginx.protocols("f.bin") == ["HTTP/1.1", "HTTP/2.0"]


def test_no_worker_stands_in_accept(nginx: Nginx, tmp_path: Path) -> None:
    """It would serve nobody meanwhile."""
    process = Path("/proc", (tmp_path / "nginx/pid").read_text().strip())
    sockets = [
        (process / "fdinfo" / fd.name).read_text()
        for fd in (process / "fd").iterdir()
        if os.readlink(fd).startswith("socket:")
    ]
    flags = [int(re.findall(r"^flags:\s+(\d+)$", text, re.M)[0], 8) for text in sockets]
    # The four listeners, and its own to the workers.
    assert len(flags) > 4
    assert all(flag & os.O_NONBLOCK for flag in flags)
