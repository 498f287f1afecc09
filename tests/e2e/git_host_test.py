"""Hosts that are known for no archives: the files come by git."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_empty
from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import children, wait_gone
from tests.e2e.rows import fails
from tests.origin import Executable, Origin, SymlinkTo

HOST = "git.example.org"
HUBCONF = 'def one():\n    """One."""\n    return 1\n'
FILES: dict[str, str | bytes | Executable | SymlinkTo] = {
    "hubconf.py": HUBCONF,
    ".gitattributes": "tests export-ignore\nversion export-subst\n",
    "tests/data": "kept",
    "version": "$Format:%H$",
    "run.sh": Executable("#!/bin/sh\n"),
    "link": SymlinkTo("run.sh"),
}


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST]) as running:
        running.add_repo("o", "r", FILES)
        running.reset_counters()
        yield running


def start_load(machine: Machine) -> subprocess.Popen[str]:
    return machine.start([machine.hubctl_path, "--json", "load", f"{HOST}/o/r", "one"])


def load(machine: Machine, repo: str = f"{HOST}/o/r") -> Any:
    return machine.json("load", repo, "one")["tree"]


def test_the_files_of_the_commit_come_by_git(machine: Machine, origin: Origin) -> None:
    tree = load(machine)
    path = Path(tree["path"])
    assert tree["route"] == "git"
    assert path.name.endswith(".git")
    # All of them, as they were committed: nothing is left out or filled in.
    found = {str(one.relative_to(path)) for one in path.rglob("*") if not one.is_dir()}
    assert found == set(FILES)
    assert (path / "version").read_text() == "$Format:%H$"
    assert stat.S_IMODE((path / "run.sh").stat().st_mode) == 0o555
    assert os.readlink(path / "link") == "run.sh"
    assert json.loads(machine.hubctl("--json", "list", f"{HOST}/o/r").stdout)
    origin.stop()
    assert load(machine, f"{HOST}/o/r:{tree['commit']}")["cached"]


def test_a_commit_is_asked_for_without_its_history(
    machine: Machine, origin: Origin
) -> None:
    big = os.urandom(1 << 20)
    origin.add_repo("o", "r", {**FILES, "big": big})
    origin.add_repo("o", "r", FILES)
    load(machine)
    assert origin.bytes_sent(HOST, "/o/r/git-upload-pack", "POST") < 100_000


def test_sixteen_callers_cost_one_fetch(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "r", {**FILES, "big": os.urandom(1 << 20)})
    with origin.hold(HOST, "/o/r/git-upload-pack", after=500_000) as gate:
        callers = [start_load(machine) for _ in range(16)]
        gate.wait_reached()
        # Each is told how far the one fetch has come.
        for caller in callers:
            assert caller.stderr is not None
            assert any(line.startswith("downloading") for line in caller.stderr)
    for caller in callers:
        _, errors = caller.communicate(timeout=TIMEOUT)
        assert caller.returncode == 0, errors
    # One question for what there is, one for the files.
    assert origin.count(HOST, "/o/r/git-upload-pack", "POST") <= 2


@pytest.mark.parametrize(
    ("status", "end"),
    [
        (404, (5, "REPO_NOT_FOUND")),
        (403, (4, "UPSTREAM_FORBIDDEN")),
        (429, (1, "RATE_LIMITED")),
        (503, (1, "UPSTREAM_UNAVAILABLE")),
    ],
)
def test_what_the_host_answers_in_place_of_objects(
    machine: Machine, origin: Origin, status: int, end: tuple[int, str]
) -> None:
    machine.daemon_pid()
    answer = origin.respond(HOST, "/o/r/git-upload-pack", status)
    fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=(HOST,))
    answer.remove()
    assert load(machine)["route"] == "git"


def test_a_pack_that_is_cut_or_is_none(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "r", {**FILES, "big": os.urandom(1 << 20)})
    machine.daemon_pid()
    end = (1, "UPSTREAM_UNAVAILABLE")
    cut = origin.cut(HOST, "/o/r/git-upload-pack", after=200_000)
    fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=(HOST,))
    cut.remove()
    kind = {"Content-Type": "application/x-git-upload-pack-result"}
    junk = b"000dpackfile\n" + b"0009\x01junk" * 100
    garbage = origin.respond(HOST, "/o/r/git-upload-pack", 200, kind, junk)
    fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=("git",))
    garbage.remove()
    assert load(machine)["route"] == "git"


def test_a_host_that_falls_silent_is_given_up(machine: Machine, origin: Origin) -> None:
    machine.configure('stall_timeout = "2s"\n')
    gate = origin.hold(HOST, "/o/r/git-upload-pack")
    machine.hubctl("load", f"{HOST}/o/r", "one", code=1)
    gate.release()
    assert load(machine)["route"] == "git"


def gits(machine: Machine) -> list[int]:
    """The gits that the daemon runs."""
    pid = machine.daemon_pid()
    names = {one: Path(f"/proc/{one}/comm").read_text() for one in children(pid)}
    return [one for one, name in names.items() if name == "git\n"]


@pytest.mark.parametrize("who", ["client", "git", "daemon"])
def test_kill_9_in_the_middle_of_a_fetch(
    machine: Machine, origin: Origin, who: str
) -> None:
    origin.add_repo("o", "r", {**FILES, "big": os.urandom(1 << 20)})
    pid = machine.daemon_pid()
    gate = origin.hold(HOST, "/o/r/git-upload-pack", after=500_000)
    client = start_load(machine)
    gate.wait_reached()
    (git,) = gits(machine)
    if who == "client":
        client.kill()
        client.communicate()
    elif who == "git":
        os.kill(git, signal.SIGKILL)
    else:
        machine.kill_daemon()
    wait_gone(git)
    assert not list(machine.store("trees").glob("*/*/r/*"))
    gate.release()
    if who == "daemon":
        # The client starts another daemon, and asks again.
        output, errors = client.communicate(timeout=TIMEOUT)
        assert client.returncode == 0, errors
        assert machine.daemon_pid() != pid
    elif who == "git":
        assert client.communicate(timeout=TIMEOUT)[0]
        assert client.returncode == 1
    assert load(machine)["route"] == "git"
    wait_empty(machine.store("tmp"))


def test_without_git_it_says_what_to_install(machine: Machine, origin: Origin) -> None:
    for name in ("prlimit", "setpriv"):
        (machine.top / name).symlink_to(f"/usr/bin/{name}")
    process = machine.hubctl(
        "load", f"{HOST}/o/r", "one", code=1, PATH=str(machine.top)
    )
    assert "apt install git" in process.stderr
