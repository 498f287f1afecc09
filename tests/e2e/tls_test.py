"""Certificates that nobody should trust, and servers that speak no TLS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import fails, fetches
from tests.origin import Origin

GOOD = b"good" * 2000
# A host of its own for each row: connections are kept, with the certificate.
KINDS = {
    "unknown-authority": ("is not trusted", "ca_file"),
    "expired": ("is not valid at this time", "renew"),
    "wrong-name": ("is one for other names", "check the URL"),
}


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    names = [f"{use}-{kind}.example.org" for kind in KINDS for use in ("file", "hub")]
    with Origin(extra_names=names, plain_http=True) as running:
        yield running


@pytest.mark.parametrize("kind", KINDS)
def test_a_certificate_that_is_not_good(
    any_mode: Machine, origin: Origin, kind: str
) -> None:
    host = f"file-{kind}.example.org"
    url = origin.add_file(host, "/model.bin", GOOD)
    words = (url, "certificate", *KINDS[kind])
    with origin.fault(kind, host):
        origin.reset_counters()
        fails(any_mode, "fetch", url, end=(1, "UPSTREAM_UNAVAILABLE"), words=words)
        assert not origin.requests, "nothing is said to a host that is not known"
    fetches(any_mode, url, GOOD)


@pytest.mark.parametrize("kind", KINDS)
def test_a_git_host_whose_certificate_is_not_good(
    any_mode: Machine, origin: Origin, kind: str
) -> None:
    host = f"hub-{kind}.example.org"
    origin.add_repo("o", "r", {"hubconf.py": "def one(): pass\n"})
    repo = f"{host}/o/r"
    words = (repo, "certificate", *KINDS[kind])
    with origin.fault(kind, host):
        fails(
            any_mode, "load", repo, "one",
            end=(1, "UPSTREAM_UNAVAILABLE"), words=words,
        )  # fmt: skip


def test_a_server_that_speaks_no_tls(any_mode: Machine, origin: Origin) -> None:
    url = f"https://127.0.0.1:{origin.http_port}/model.bin"
    words = (url, "no secure connection", "check the URL")
    fails(any_mode, "fetch", url, end=(1, "UPSTREAM_UNAVAILABLE"), words=words)
