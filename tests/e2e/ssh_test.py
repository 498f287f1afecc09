"""Repos by SSH, from an sshd of the tests' own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_files
from tests.e2e.git_host_test import FILES
from tests.e2e.machine import Machine
from tests.e2e.processes import children, command, wait_gone
from tests.e2e.rows import fails
from tests.e2e.sshd import Agent, Sshd, make_key
from tests.e2e.system_machine import SystemMachine
from tests.origin import Origin
from tests.origin._git import git


@pytest.fixture
def top() -> Iterator[Path]:
    # Short: the path of a socket is.
    with tempfile.TemporaryDirectory(prefix="hubd-ssh-") as path:
        Path(path).chmod(0o755)
        yield Path(path)


@pytest.fixture
def version_2() -> bool:
    return True


# The host's side of git makes the pipe `gate` in the middle of the files, and waits
# until somebody opens it, if it is told to by this.
@pytest.fixture
def gate(top: Path) -> Path:
    hook = top / "hook"
    gate = top / "gate"
    hook.write_text(f"#!/bin/sh\nmkfifo {gate}\nread line < {gate}\n")
    hook.chmod(0o755)
    settings = f"[uploadpack]\n\tpackObjectsHook = {hook}\n"
    (top / "home" / ".gitconfig").write_text(settings)
    return gate


def open_gate(gate: Path) -> None:
    # Nobody may wait there any more.
    with contextlib.suppress(OSError):
        os.close(os.open(gate, os.O_WRONLY | os.O_NONBLOCK))
    gate.unlink()


@pytest.fixture
def sshd(top: Path, version_2: bool) -> Iterator[Sshd]:
    home = top / "home"
    home.mkdir()
    running = Sshd(top / "sshd", version_2=version_2, environment={"HOME": str(home)})
    yield running
    running.close()


@pytest.fixture
def machine(origin: Origin, sshd: Sshd) -> Iterator[Machine]:
    """Knows the host, and has the key that it takes."""
    machine = Machine(origin)
    ssh = ssh_directory(machine)
    ssh.mkdir(mode=0o700)
    (ssh / "known_hosts").write_text(sshd.known())
    sshd.authorize(make_key(ssh / "id_ed25519"))
    yield machine
    machine.close()


@pytest.fixture
def repo(origin: Origin) -> Path:
    origin.add_repo("o", "r", FILES)
    return origin.repo_path("o", "r")


def ssh_directory(machine: Machine) -> Path:
    return machine.home / ".ssh"


def load(machine: Machine, repo: str, **extra: str) -> Any:
    done = machine.hubctl("--json", "load", repo, "one", code=0, **extra)
    return json.loads(done.stdout)["tree"]


def ssh_programs(machine: Machine) -> list[int]:
    """The gits and sshs that the daemon runs."""
    found = []
    for pid in children(machine.daemon_pid()):
        words = command(pid)
        if words and os.path.basename(words[0]) in ("git", "ssh", "prlimit", "setpriv"):
            found.append(pid)
    return found


@pytest.mark.parametrize("version_2", [True, False])
def test_branches_tags_and_commits_by_ssh(
    machine: Machine, origin: Origin, sshd: Sshd, repo: Path
) -> None:
    first = git("-C", repo, "rev-parse", "main")
    origin.add_tag("o", "r", "v1", "main")
    origin.add_tag("o", "r", "v2", "main", annotated=True)
    origin.add_repo("o", "r", {**FILES, "more": "x"})
    url = sshd.url(repo)
    newest = load(machine, url)
    assert newest["repo"] == url
    assert newest["route"] == "git"
    assert (Path(newest["path"]) / "more").read_text() == "x"
    assert newest["commit"] != first
    # On no branch's or tag's end: all of the history may have to come.
    origin.add_repo("o", "r", FILES)
    between = load(machine, f"{url}:{newest['commit'][:9]}")
    assert between["commit"] == newest["commit"]
    for ref in ("v1", "v2", first, first[:9]):
        assert load(machine, f"{url}:{ref}")["commit"] == first, ref
    assert load(machine, f"{url}:{newest['commit']}")["cached"]


def test_a_commit_behind_the_branch_alone(
    machine: Machine, origin: Origin, sshd: Sshd, repo: Path
) -> None:
    first = git("-C", repo, "rev-parse", "main")
    origin.add_repo("o", "r", {**FILES, "more": "x"})
    tree = load(machine, f"{sshd.url(repo)}:{first[:10]}")
    assert tree["commit"] == first
    assert not (Path(tree["path"]) / "more").exists()


def test_its_name_is_taken_in_all_places(
    machine: Machine, origin: Origin, sshd: Sshd, repo: Path
) -> None:
    url = sshd.url(repo)
    origin.add_tag("o", "r", "v1", "main")
    tree = load(machine, f"{url}:v1")
    commit = tree["commit"]
    assert [one["repo"] for one in machine.json("cache", "ls")["trees"]] == [url]
    machine.hubctl("cache", "verify", f"{url}:{commit[:12]}")
    machine.hubctl("trust", "add", url)
    assert url in machine.hubctl("trust", "ls").stdout
    machine.hubctl("trust", "check", url)
    machine.hubctl("lock", f"{url}:v1")
    assert url in (machine.home / "hubd.lock").read_text()
    machine.hubctl("load", "--locked", f"{url}:v1", "one")
    assert "one" in machine.hubctl("list", f"{url}:v1").stdout
    sshd.close()
    assert load(machine, f"{url}:v1")["cached"]
    # The index is made anew from what lies there.
    machine.stop_daemon()
    machine.store("index.sqlite3").unlink()
    assert load(machine, f"{url}:v1")["path"] == tree["path"]
    assert [one["repo"] for one in machine.json("cache", "ls")["trees"]] == [url]


def test_all_ways_to_write_one_repo(
    machine: Machine, sshd: Sshd, top: Path, repo: Path
) -> None:
    url = sshd.url(repo)
    assert not load(machine, url)["cached"]
    for same in (f"{url}/", f"{url}:main", f"{url}/:main"):
        tree = load(machine, same)
        assert tree["cached"], same
        assert tree["repo"] == url
    # In the home that its user has on the host.
    (top / "home" / "n.git").symlink_to(repo)
    home = f"ssh://127.0.0.1:{sshd.port}/~/n.git"
    assert load(machine, home)["repo"] == home


def test_the_agent_is_the_callers(
    machine: Machine, sshd: Sshd, top: Path, repo: Path
) -> None:
    url = sshd.url(repo)
    key = ssh_directory(machine) / "id_ed25519"
    wrong = top / "wrong"
    make_key(wrong)
    moved = top / "right"
    key.rename(moved)
    ours = Agent(top / "ours", moved)
    daemons = Agent(top / "daemons", wrong)
    try:
        # The daemon is started with an agent that is of no use.
        machine.hubctl("status", SSH_AUTH_SOCK=daemons.socket)
        assert load(machine, url, SSH_AUTH_SOCK=ours.socket)["commit"]
        # And the other way round: its own would do, the caller's does not.
        machine.stop_daemon()
        machine.hubctl("status", SSH_AUTH_SOCK=ours.socket)
        end = (4, "UPSTREAM_FORBIDDEN")
        fails(machine, "load", f"{url}x", "one", end=end, words=("ssh-add",))
        machine.hubctl("load", f"{url}x", "one", code=4, SSH_AUTH_SOCK=daemons.socket)
        machine.hubctl("load", f"{url}x", "one", code=5, SSH_AUTH_SOCK=ours.socket)
    finally:
        ours.close()
        daemons.close()


def test_a_key_with_a_passphrase_is_asked_for_by_nobody(
    machine: Machine, sshd: Sshd, repo: Path
) -> None:
    sshd.authorize(make_key(ssh_directory(machine) / "id_ed25519", "secret"))
    end = (4, "UPSTREAM_FORBIDDEN")
    fails(machine, "load", sshd.url(repo), "one", end=end, words=("ssh-add",))


def test_a_key_that_the_host_does_not_take(
    machine: Machine, sshd: Sshd, repo: Path
) -> None:
    url = sshd.url(repo)
    make_key(ssh_directory(machine) / "id_ed25519")
    words = ("none of your keys", "ssh-add", url)
    error = fails(
        machine, "load", url, "one", end=(4, "UPSTREAM_FORBIDDEN"), words=words
    )
    assert error["metadata"]["cause"] == "key"


@pytest.mark.parametrize(
    ("known", "way_out"), [("", "ssh-keyscan -p"), ("other", "ssh-keygen -R")]
)
def test_a_host_whose_key_is_not_the_known_one(
    machine: Machine, sshd: Sshd, top: Path, repo: Path, known: str, way_out: str
) -> None:
    hosts = ssh_directory(machine) / "known_hosts"
    hosts.write_text(known and sshd.known(make_key(top / "other")))
    before = hosts.read_bytes()
    url = sshd.url(repo)
    words = (str(hosts), way_out, "127.0.0.1")
    error = fails(
        machine, "load", url, "one", end=(4, "UPSTREAM_FORBIDDEN"), words=words
    )
    assert error["metadata"]["cause"] == "host_key"
    # It is not learnt by asking.
    assert hosts.read_bytes() == before
    hosts.write_text(sshd.known())
    assert load(machine, url)["commit"]


def test_a_repo_that_is_not_there(machine: Machine, sshd: Sshd, repo: Path) -> None:
    end = (5, "REPO_NOT_FOUND")
    url = sshd.url(repo.parent / "nothing")
    fails(machine, "load", url, "one", end=end, words=(url, "check the name"))
    fails(machine, "load", sshd.url(repo) + ":no", "one", end=(5, "REF_NOT_FOUND"))


def test_a_host_that_refuses_or_never_speaks(machine: Machine, repo: Path) -> None:
    machine.configure('\n[refs]\ntimeout = "1s"\n')
    machine.daemon_pid()
    end = (1, "UPSTREAM_UNAVAILABLE")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"ssh://git@127.0.0.1:{port}{repo}"
        error = fails(machine, "load", url, "one", end=end, words=("127.0.0.1",))
        assert error["metadata"]["cause"] == "timeout"
    error = fails(machine, "load", url, "one", end=end, words=("refused",))
    assert error["metadata"]["cause"] == "connect"
    assert ssh_programs(machine) == []


def test_no_configuration_of_the_user_is_heeded(
    machine: Machine, sshd: Sshd, top: Path, gate: Path, repo: Path
) -> None:
    ran = top / "ran"
    (machine.home / ".gitconfig").write_text(
        f'[core]\n\tsshCommand = "touch {ran}"\n\thooksPath = {top}\n'
        '[url "https://127.0.0.1:1/"]\n\tinsteadOf = fd::\n'
    )
    extra = {"GIT_SSH_COMMAND": f"touch {ran}", "GIT_SSH": "/bin/false"}
    machine.hubctl("status", code=0, **extra)
    client = machine.start(
        [machine.hubctl_path, "load", sshd.url(repo), "one"], **extra
    )
    wait_files(gate.exists, "the host begins to pack", top)
    (ssh,) = [one for one in ssh_programs(machine) if command(one)[0] == "ssh"]
    # The file of the home that passwd names, where ssh would look, is not the tests'.
    assert command(ssh)[1:3] == ["-F", "none"]
    environment = Path(f"/proc/{ssh}/environ").read_text().rstrip("\0").split("\0")
    names = {one.partition("=")[0] for one in environment}
    assert names == {"PATH", "LC_ALL", "GIT_PROTOCOL"}
    client.kill()
    client.communicate()
    (top / "home" / ".gitconfig").unlink()
    open_gate(gate)
    assert load(machine, sshd.url(repo), **extra)["commit"]
    assert not ran.exists()


@pytest.mark.parametrize("who", ["client", "daemon"])
def test_kill_9_in_the_middle_leaves_no_program(
    machine: Machine, sshd: Sshd, top: Path, gate: Path, repo: Path, who: str
) -> None:
    pid = machine.daemon_pid()
    client = machine.start([machine.hubctl_path, "load", sshd.url(repo), "one"])
    wait_files(gate.exists, "the host begins to pack", top)
    programs = ssh_programs(machine)
    names = {os.path.basename(command(one)[0]) for one in programs}
    assert names == {"git", "ssh"}
    client.kill()
    client.communicate()
    if who == "daemon":
        os.kill(pid, signal.SIGKILL)
    wait_gone(*programs)
    (top / "home" / ".gitconfig").unlink()
    open_gate(gate)
    assert load(machine, sshd.url(repo))["commit"]


def test_a_host_that_falls_silent_in_the_middle(
    machine: Machine, sshd: Sshd, gate: Path, repo: Path
) -> None:
    machine.configure('stall_timeout = "1s"\n')
    machine.daemon_pid()
    end = (1, "UPSTREAM_UNAVAILABLE")
    error = fails(machine, "load", sshd.url(repo), "one", end=end)
    assert error["metadata"]["cause"] == "timeout"
    assert ssh_programs(machine) == []


def test_a_system_daemon_goes_nowhere_by_ssh(
    origin: Origin, sshd: Sshd, repo: Path
) -> None:
    machine = SystemMachine(origin)
    try:
        machine.start_daemon()
        words = ("HTTPS", "daemon of your own")
        for url in (sshd.url(repo), "git@github.com:o/r"):
            fails(machine, "load", url, "one", end=(4, "URL_NOT_ALLOWED"), words=words)
        assert "Accepted" not in sshd.log.read_text()
    finally:
        machine.close()
