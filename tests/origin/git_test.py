"""Repositories, archives and the API, as git and the hubs ask for them."""

from __future__ import annotations

import base64
import io
import json
import os
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.origin import Executable, Origin, SymlinkTo
from tests.origin.testing import Reply, ask, connect, git, repo_url

_HUBCONF = "dependencies = []\n\n\ndef one():\n    return 1\n"


@pytest.mark.parametrize("protocol", [0, 2])
@pytest.mark.parametrize("suffix", ["", ".git"])
def test_ls_remote(origin: Origin, protocol: int, suffix: str) -> None:
    commit = origin.add_repo("a", "refs", {"hubconf.py": _HUBCONF}, tags=["v1"])
    url = repo_url(origin, f"a/refs{suffix}")

    lines = git(origin, "ls-remote", url, protocol=protocol).splitlines()

    names = ["HEAD", "refs/heads/main", "refs/tags/v1"]
    assert lines == [f"{commit}\t{name}" for name in names]


@pytest.mark.parametrize("protocol", [0, 2])
def test_clone_and_fetch_of_a_commit(
    origin: Origin, tmp_path: Path, protocol: int
) -> None:
    big = os.urandom(2 << 20)
    first = origin.add_repo("a", "clone", {"hubconf.py": _HUBCONF, "big": big})
    second = origin.add_repo("a", "clone", {"hubconf.py": _HUBCONF + "# more\n"})
    url = repo_url(origin, "a/clone")

    git(origin, "clone", "-q", url, str(tmp_path / "full"), protocol=protocol)
    shallow = str(tmp_path / "shallow")
    git(origin, "init", "-q", shallow)
    git(
        origin,
        "-C",
        shallow,
        "fetch",
        "-q",
        "--depth=1",
        "--filter=blob:none",
        url,
        first,
        protocol=protocol,
    )

    head = git(origin, "-C", str(tmp_path / "full"), "rev-parse", "HEAD").strip()
    assert head == second
    assert git(origin, "-C", shallow, "rev-parse", "FETCH_HEAD").strip() == first


def test_request_body_in_chunks(origin: Origin, tmp_path: Path) -> None:
    origin.add_repo("a", "post", {"f": "0"})
    url = repo_url(origin, "a/post")
    copy = str(tmp_path / "copy")
    git(origin, "clone", "-q", url, copy)
    newest = origin.add_repo("a", "post", {"f": "1"})

    git(origin, "-C", copy, "-c", "http.postBuffer=65536", "fetch", "-q", url)

    encodings = [seen.headers.get("transfer-encoding") for seen in origin.requests]
    assert "chunked" in encodings
    assert git(origin, "-C", copy, "rev-parse", "FETCH_HEAD").strip() == newest


def test_unknown_repository_is_404(origin: Origin) -> None:
    for path in (
        "/no/such/info/refs?service=git-upload-pack",
        "/no/such/archive/main.tar.gz",
        "/no/such/tree/main/",
        "/../../info/refs",
    ):
        assert ask(origin, "github.com", path).status == 404


def test_push_is_refused_and_the_connection_stays_good(origin: Origin) -> None:
    origin.add_repo("a", "push", {"f": "0"})
    connection = connect(origin)
    for _ in range(2):
        connection.request(
            "POST",
            "/a/push/git-receive-pack",
            body=b"0" * 500_000,
            headers={"Host": "github.com"},
        )
        response = connection.getresponse()
        response.read()
        assert response.status == 403
    connection.close()


def test_commits_are_the_same_anywhere(origin: Origin, tmp_path: Path) -> None:
    files = {"hubconf.py": _HUBCONF}
    here = origin.add_repo("a", "fixed", files)
    other = Origin(tmp_path)

    assert other.add_repo("b", "other", files) == here
    assert origin.add_repo("a", "fixed", files) == here
    other.close()


def test_branches_and_tags_move(origin: Origin) -> None:
    first = origin.add_repo("a", "moves", {"f": "0"})
    second = origin.add_repo("a", "moves", {"f": "1"})
    origin.add_branch("a", "moves", "next", first)
    origin.add_branch("a", "moves", "gone", first)
    origin.add_tag("a", "moves", "v2", second, annotated=True)

    origin.move_branch("a", "moves", "next", second)
    origin.remove_branch("a", "moves", "gone")

    lines = git(origin, "ls-remote", repo_url(origin, "a/moves")).splitlines()
    found = {line.split("\t")[1]: line.split("\t")[0] for line in lines}
    assert found["refs/heads/main"] == second
    assert found["refs/heads/next"] == second
    assert "refs/heads/gone" not in found
    assert found["refs/tags/v2^{}"] == second


# Archives and the API.


def follow(origin: Origin, path: str) -> Reply:
    redirect = ask(origin, "github.com", path)
    assert redirect.status == 302
    location = redirect.headers["Location"]
    prefix = "https://codeload.github.com"
    assert location.startswith(prefix)
    return ask(origin, "codeload.github.com", location.removeprefix(prefix))


def test_tar_archive_of_a_commit(origin: Origin) -> None:
    commit = origin.add_repo(
        "a",
        "tar",
        {
            "hubconf.py": _HUBCONF,
            "pkg/run": Executable("#!/bin/sh\n"),
            "link": SymlinkTo("pkg/run"),
        },
    )

    answer = follow(origin, f"/a/tar/archive/{commit}.tar.gz")

    assert answer.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Length" not in answer.headers
    with tarfile.open(fileobj=io.BytesIO(answer.body)) as archive:
        assert archive.pax_headers["comment"] == commit
        top = f"tar-{commit}"
        assert {member.name.split("/")[0] for member in archive} == {top}
        assert archive.getmember(f"{top}/pkg/run").mode & 0o111
        assert archive.getmember(f"{top}/link").linkname == "pkg/run"
        hubconf = archive.extractfile(f"{top}/hubconf.py")
        assert hubconf and hubconf.read() == _HUBCONF.encode()


def test_zip_archives(origin: Origin) -> None:
    commit = origin.add_repo("a", "zip", {"hubconf.py": _HUBCONF}, tags=["v1.0"])
    origin.add_branch("a", "zip", "some/branch", commit)
    tops = {
        "/a/zip/archive/main.zip": "zip-main/",
        "/a/zip/archive/refs/tags/v1.0.zip": "zip-1.0/",
        "/a/zip/archive/some/branch.zip": "zip-some-branch/",
        "/a/zip/zipball/main": f"a-zip-{commit[:7]}/",
    }
    for path, top in tops.items():
        with zipfile.ZipFile(io.BytesIO(follow(origin, path).body)) as archive:
            assert archive.namelist() == [top, f"{top}hubconf.py"]


def test_archive_of_a_branch_that_is_a_tag_too_is_300(origin: Origin) -> None:
    origin.add_repo("a", "both", {"f": "tag"}, tags=["same"])
    tip = origin.add_repo("a", "both", {"f": "branch"})
    origin.add_branch("a", "both", "same", tip)

    assert follow(origin, "/a/both/zipball/same").status == 300
    assert follow(origin, "/a/both/archive/same.tar.gz").status == 300
    ball = follow(origin, "/a/both/zipball/refs/heads/same").body
    with zipfile.ZipFile(io.BytesIO(ball)) as archive:
        assert archive.namelist()[0] == f"a-both-{tip[:7]}/"
    assert follow(origin, "/a/both/zipball/refs/tags/same").status == 200


def test_archive_of_an_unknown_ref_is_404(origin: Origin) -> None:
    origin.add_repo("a", "few", {"f": "0"})
    assert follow(origin, "/a/few/archive/none.tar.gz").status == 404
    assert follow(origin, "/a/few/archive/--help.tar.gz").status == 404


def test_branch_pages_and_api_lists(origin: Origin) -> None:
    commit = origin.add_repo("a", "api", {"f": "0"}, branch="master", tags=["v1"])
    origin.add_tag("a", "api", "v2", commit, annotated=True)

    assert ask(origin, "github.com", "/a/api/tree/master/").status == 200
    assert ask(origin, "github.com", "/a/api/tree/main/").status == 404
    list_tags = "/repos/a/api/tags?per_page=100&page="
    tags = json.loads(ask(origin, "api.github.com", f"{list_tags}1").body)
    assert tags == [{"name": n, "commit": {"sha": commit}} for n in ("v1", "v2")]
    assert json.loads(ask(origin, "api.github.com", f"{list_tags}2").body) == []
    branches = ask(origin, "api.github.com", "/repos/a/api/branches?per_page=100")
    assert json.loads(branches.body)[0]["name"] == "master"
    assert ask(origin, "api.github.com", "/repos/a/none/tags").status == 404


def test_letter_case_is_nothing(origin: Origin) -> None:
    commit = origin.add_repo("An", "Other", {"hubconf.py": _HUBCONF})

    for name in ("an/other", "An/Other.git", "AN/OTHER"):
        lines = git(origin, "ls-remote", repo_url(origin, name)).splitlines()
        assert lines[0] == f"{commit}\tHEAD"


def test_a_renamed_repository_leads_on(origin: Origin) -> None:
    commit = origin.add_repo("a", "before", {"hubconf.py": _HUBCONF})
    origin.rename_repo("a", "before", "b", "after")

    for name in ("a/before", "A/Before.git", "b/after"):
        lines = git(origin, "ls-remote", repo_url(origin, name)).splitlines()
        assert lines[0] == f"{commit}\tHEAD"
    moved = ask(origin, "github.com", "/a/before/archive/main.tar.gz?x=1")
    assert moved.status == 301
    assert moved.headers["Location"].endswith("/b/after/archive/main.tar.gz?x=1")

    other = origin.add_repo("a", "before", {"README.md": "another"})
    lines = git(origin, "ls-remote", repo_url(origin, "a/before")).splitlines()
    assert lines[0] == f"{other}\tHEAD"


def test_a_private_repository_is_for_who_shows_the_login(origin: Origin) -> None:
    origin.add_repo("a", "private", {"hubconf.py": _HUBCONF})
    origin.make_private("a", "private", "me:secret")
    refs = "/a/private/info/refs?service=git-upload-pack"

    def status(host: str, path: str, login: str | None = None) -> int:
        shown = base64.b64encode((login or "").encode()).decode()
        headers = {"Authorization": f"Basic {shown}"} if login else None
        return ask(origin, host, path, headers).status

    for host in ("github.com", "git.example.org"):
        assert status(host, refs) == 401
        assert status(host, refs, "me:wrong") == 401
        assert status(host, refs, "me:secret") == 200
    for host, path in (
        ("github.com", "/a/private/archive/main.tar.gz"),
        ("github.com", "/a/private/tree/main"),
        ("codeload.github.com", "/a/private/tar.gz/main"),
        ("api.github.com", "/repos/a/private/branches"),
    ):
        assert status(host, path, "me:secret") == 404
