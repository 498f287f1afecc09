"""Git LFS and submodules, as git's own clients and servers have them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tests.origin import Gitlink, Origin, lfs_pointer
from tests.origin.testing import ask, connect, git, repo_url

_TYPE = "application/vnd.git-lfs+json"


def batch(origin: Origin, name: str, *datas: bytes) -> tuple[int, Any]:
    objects = [
        {"oid": hashlib.sha256(data).hexdigest(), "size": len(data)} for data in datas
    ]
    question = {"operation": "download", "transfers": ["basic"], "objects": objects}
    connection = connect(origin)
    connection.request(
        "POST",
        f"/{name}.git/info/lfs/objects/batch",
        body=json.dumps({**question, "hash_algo": "sha256"}),
        headers={"Host": "github.com", "Accept": _TYPE, "Content-Type": _TYPE},
    )
    response = connection.getresponse()
    data = response.read()
    connection.close()
    return response.status, json.loads(data) if response.status == 200 else data


def test_a_pointer_is_what_the_specification_says() -> None:
    assert lfs_pointer(b"abc") == (
        "version https://git-lfs.github.com/spec/v1\n"
        "oid sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n"
        "size 3\n"
    )


def test_objects_and_what_is_said_of_those_that_are_not_given(origin: Origin) -> None:
    origin.add_lfs("a", "lfs", b"here")
    origin.add_lfs("a", "lfs", b"private", error=403)
    origin.add_lfs("a", "lfs", b"wrong", served=b"other")
    status, answer = batch(origin, "a/lfs", b"here", b"private", b"none", b"wrong")
    assert status == 200
    here, private, none, wrong = answer["objects"]
    assert private["error"]["code"] == 403
    assert none["error"]["code"] == 404
    for said, data in ((here, b"here"), (wrong, b"other")):
        download = said["actions"]["download"]
        host, _, path = download["href"].removeprefix("https://").partition("/")
        assert host == "objects.githubusercontent.com"
        assert ask(origin, host, f"/{path}", download["header"]).body == data
        assert ask(origin, host, f"/{path}").status == 403


def test_a_download_that_has_expired(origin: Origin) -> None:
    origin.add_lfs("a", "stale", b"x", stale=1)
    links = [
        batch(origin, "a/stale", b"x")[1]["objects"][0]["actions"]["download"]["href"]
        for _ in range(2)
    ]
    paths = [link.partition(".com")[2] for link in links]
    host = "objects.githubusercontent.com"
    answers = [ask(origin, host, path, {"X-Signed": "yes"}) for path in paths]
    assert [answer.status for answer in answers] == [403, 200]


def test_a_repository_without_a_server(origin: Origin) -> None:
    assert batch(origin, "a/without", b"x")[0] == 404


def test_a_link_to_a_commit(origin: Origin, tmp_path: Path) -> None:
    inner = origin.add_repo("a", "inner", {"f": "0"})
    origin.add_repo("a", "outer", {"f": "0", "deep/lib": Gitlink(inner)})
    copy = str(tmp_path / "copy")
    git(origin, "clone", "-q", repo_url(origin, "a/outer"), copy)
    listed = git(origin, "-C", copy, "ls-tree", "-r", "HEAD")
    assert f"160000 commit {inner}\tdeep/lib" in listed
    assert (tmp_path / "copy" / "deep" / "lib").is_dir()
