"""A host that speaks HTTP/2, by which requests at the same time share a connection."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.bench.nginx import Nginx
from tests.e2e.machine import Machine
from tests.origin import Origin

HOST = "models.example.org"
NAME = "model.bin"
MIB = 1 << 20
# Of three ranges at least.
SIZE = 72 * MIB + 5


@pytest.fixture(scope="module")
def weights() -> bytes:
    return os.urandom(SIZE)


@pytest.fixture
def nginx(origin: Origin, weights: bytes, tmp_path: Path) -> Iterator[Nginx]:
    """It serves the weights."""
    files = tmp_path / "files"
    files.mkdir()
    (files / NAME).write_bytes(weights)
    leaf = origin.directory / "leaf.pem", origin.directory / "leaf.key"
    with closing(Nginx(tmp_path / "nginx", files, leaf)) as nginx:
        yield nginx


@pytest.fixture
def machine(machine: Machine, nginx: Nginx) -> Machine:
    """It is led to nginx."""
    text = machine.config.read_text()
    route = f'"{HOST}:443:127.0.0.1:{nginx.http2_port}"'
    machine.config.write_text(
        text.replace("connect_to = [", f"connect_to = [\n  {route},")
    )
    return machine


def test_ranges_come_by_http_1(machine: Machine, nginx: Nginx, weights: bytes) -> None:
    # What else is asked of the host uses HTTP/2, and leaves a connection for it.
    machine.hubctl("load", f"{HOST}/o/r", "one", code=5)
    assert nginx.count("GET", "refs", least=1)
    assert set(nginx.protocols("refs")) == {"HTTP/2.0"}
    url = f"https://{HOST}/{NAME}"
    fetched = machine.hubctl("fetch", url).stdout.strip()
    assert Path(fetched).read_bytes() == weights
    machine.hubctl("fetch", "--refresh", url)
    assert nginx.count("GET", f"{NAME} 304", least=1)
    ranges = nginx.protocols(NAME)
    assert len(ranges) >= 4
    assert set(ranges) == {"HTTP/1.1"}
