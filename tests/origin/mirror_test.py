"""A mirror: an older copy of the repositories at another place."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator

import pytest

from tests.origin import Origin
from tests.origin.testing import ask, git

HOST = "mirror.example.org"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST]) as running:
        yield running


def refs_at(origin: Origin, url: str) -> dict[str, str]:
    url = url.replace(HOST, f"{HOST}:{origin.port}")
    route = f"http.curloptResolve={HOST}:{origin.port}:127.0.0.1"
    lines = git(origin, "-c", route, "ls-remote", url).splitlines()
    return {name: commit for commit, name in (line.split("\t") for line in lines)}


@pytest.mark.parametrize("path", ["/", "/a/b", "c/"])
def test_it_serves_what_was_there_when_it_was_copied(origin: Origin, path: str) -> None:
    first = origin.add_repo("o", "r", {"hubconf.py": "1"})
    place = origin.mirror_repos(HOST, path)
    second = origin.add_repo("o", "r", {"hubconf.py": "2"}, tags=["v2"])

    old = {"HEAD": first, "refs/heads/main": first}
    assert refs_at(origin, f"{place}o/r") == old
    top = place.removeprefix(f"https://{HOST}")
    reply = ask(origin, HOST, f"{top}o/r/archive/{first}.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(reply.body)) as tar:
        assert tar.pax_headers["comment"] == first
        assert "r/hubconf.py" in tar.getnames()
    for absent in (f"o/r/archive/{second}.tar.gz", "o/x/info/refs", "x"):
        assert ask(origin, HOST, top + absent).status == 404

    origin.mirror_repos(HOST, path)
    assert refs_at(origin, f"{place}o/r")["refs/tags/v2"] == second
