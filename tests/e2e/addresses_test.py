"""Repos by their address: on this machine, with nested owners, under NAME.git."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.git_host_test import FILES
from tests.e2e.machine import ORDINARY_UID, Machine
from tests.e2e.rows import fails
from tests.e2e.system_machine import SystemMachine
from tests.origin import Origin
from tests.origin._git import git

HOST = "gitlab.example.org"


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST]) as running:
        running.add_repo("o", "r", FILES)
        yield running


@pytest.fixture
def repo(machine: Machine, origin: Origin) -> Path:
    """A bare repository of the machine's user, with a tag on its first commit."""
    path = machine.top / "git" / "r.git"
    path.parent.mkdir()
    origin.add_tag("o", "r", "v1", "main", annotated=True)
    origin.add_repo("o", "r", {**FILES, "more": "x"})
    git("clone", "-q", "--mirror", origin.repo_path("o", "r"), path)
    return path


def load(machine: Machine, repo: str, *options: str) -> Any:
    done = machine.hubctl("--json", *options, "load", repo, "one")
    return json.loads(done.stdout)["tree"]


def test_a_bare_repository_on_this_machine(machine: Machine, repo: Path) -> None:
    url = f"file://{repo}"
    first = git("-C", repo, "rev-parse", "v1^{commit}")
    newest = load(machine, str(repo))
    assert newest["repo"] == url
    assert newest["route"] == "git"
    assert newest["commit"] == git("-C", repo, "rev-parse", "main")
    for ref in ("v1", first, first[:9]):
        assert load(machine, f"{repo}:{ref}")["commit"] == first, ref
    assert load(machine, f"{url}:main")["cached"]
    machine.hubctl("cache", "verify", f"{repo}:{first[:12]}")
    machine.hubctl("trust", "add", str(repo))
    assert url in machine.hubctl("trust", "ls").stdout
    machine.hubctl("lock", f"{url}:v1")
    assert load(machine, f"{repo}:v1", "--offline")["cached"]
    machine.hubctl("load", "--locked", f"{repo}:v1", "one")
    assert "one" in machine.hubctl("list", str(repo)).stdout


def test_a_repository_with_files_is_one_too(machine: Machine, repo: Path) -> None:
    work = machine.top / "work"
    git("clone", "-q", repo, work)
    assert load(machine, str(work))["commit"] == load(machine, str(repo))["commit"]
    assert load(machine, f"{work}/.git")["commit"]


def test_what_is_no_repository_on_this_machine(machine: Machine, repo: Path) -> None:
    end = (5, "REPO_NOT_FOUND")
    for path in (f"{repo}x", str(machine.top), "/etc/passwd"):
        fails(machine, "load", path, "one", end=end, words=("no git repository", path))
    fails(machine, "load", f"{repo}:no", "one", end=(5, "REF_NOT_FOUND"))


def test_a_repository_of_another_user_is_not_read(machine: Machine, repo: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give it away")
    subprocess.run(["chown", "-R", str(ORDINARY_UID), repo], check=True)
    end = (4, "UPSTREAM_FORBIDDEN")
    fails(machine, "load", str(repo), "one", end=end, words=("another user", str(repo)))


def test_a_system_daemon_reads_no_repository_of_this_machine(
    origin: Origin,
) -> None:
    machine = SystemMachine(origin)
    try:
        machine.start_daemon()
        path = str(origin.repo_path("o", "r"))
        end = (4, "URL_NOT_ALLOWED")
        for name in (path, f"file://{path}"):
            fails(machine, "load", name, "one", end=end, words=("daemon of your own",))
    finally:
        machine.close()


def nest(origin: Origin, name: str) -> None:
    """Serves the sample repository under another path, as GitLab does."""
    source = origin.repo_path("o", "r")
    path = source.parents[1] / f"{name}.git"
    path.parent.mkdir(parents=True, exist_ok=True)
    git("clone", "-q", "--mirror", source, path)


@pytest.mark.parametrize("path", ["g/s/n", "scm/PROJECT/n", "a/b/c/d"])
def test_a_group_in_a_group(machine: Machine, origin: Origin, path: str) -> None:
    """As GitLab, and Bitbucket on a server, have it."""
    nest(origin, path)
    names = [
        f"{HOST}/{path}",
        f"https://{HOST}/{path}.git",
        f"https://{HOST}/{path}/:main",
    ]
    trees = [load(machine, name) for name in names]
    assert {tree["repo"] for tree in trees} == {names[0]}
    assert [tree["cached"] for tree in trees] == [False, True, True]
    commit = trees[0]["commit"]
    machine.hubctl("cache", "verify", f"{names[0]}:{commit[:12]}")
    machine.hubctl("trust", "add", names[0])
    machine.hubctl("trust", "check", names[1])
    machine.hubctl("lock", f"{names[0]}:main")
    machine.hubctl("load", "--locked", f"{names[1]}:main", "one")
    machine.stop_daemon()
    machine.store("index.sqlite3").unlink()
    assert load(machine, names[0], "--offline")["path"] == trees[0]["path"]
