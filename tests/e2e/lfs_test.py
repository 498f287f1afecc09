"""Files of Git LFS: a tree has their content, or says why not, or is not loaded."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_empty
from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.rows import MODES, fails, start_machine
from tests.origin import Content, Executable, Origin, lfs_pointer

HOST = "git.example.org"
ROUTES = ["github.com", HOST]
OBJECTS = "objects.githubusercontent.com"
BATCH = "/o/r.git/info/lfs/objects/batch"
HUBCONF = 'def one():\n    """One."""\n    return 1\n'
WEIGHTS = os.urandom(300_000)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST]) as running:
        yield running


def add_repo(origin: Origin, **how: Any) -> None:
    """A repo with the weights, which its LFS server has as `how` says."""
    pointer = origin.add_lfs("o", "r", WEIGHTS, **how)
    origin.add_repo("o", "r", {"hubconf.py": HUBCONF, "w/model.pth": pointer})


def load(machine: Machine, host: str = HOST) -> Any:
    return machine.json("load", f"{host}/o/r", "one")["tree"]


def warned(machine: Machine, host: str) -> str:
    """The warnings of a load that gives the tree with its pointer."""
    tree = load(machine, host)
    path = Path(tree["path"])
    assert (path / "w/model.pth").read_text() == lfs_pointer(WEIGHTS)
    (warning,) = tree["warnings"]
    assert 'has the pointers of Git LFS only, not the content: "w/model.pth"' in warning
    return str(warning)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host", ROUTES)
def test_a_tree_has_the_content(mode: str, host: str, origin: Origin) -> None:
    script = b"#!/bin/sh\n"
    origin.add_repo(
        "o",
        "r",
        {
            "hubconf.py": origin.add_lfs("o", "r", HUBCONF.encode()),
            "model.pth": origin.add_lfs("o", "r", WEIGHTS),
            "same/model.pth": lfs_pointer(WEIGHTS),
            "run.sh": Executable(origin.add_lfs("o", "r", script)),
            "empty": origin.add_lfs("o", "r", b""),
        },
    )
    machine = start_machine(mode, origin)
    try:
        tree = load(machine, host)
        assert not tree["warnings"]
        path = Path(tree["path"])
        assert (path / "hubconf.py").read_text() == HUBCONF
        assert (path / "model.pth").read_bytes() == WEIGHTS
        assert (path / "same/model.pth").read_bytes() == WEIGHTS
        assert (path / "run.sh").read_bytes() == script
        assert (path / "empty").read_bytes() == b""
        assert stat.S_IMODE((path / "run.sh").stat().st_mode) == 0o555
        assert stat.S_IMODE((path / "model.pth").stat().st_mode) == 0o444
        # One question, each content once.
        assert origin.count(host, BATCH, "POST") == 1
        assert origin.count(OBJECTS) == 4
        (kept,) = machine.json("cache", "ls")["trees"]
        assert int(kept["size_bytes"]) == (
            len(HUBCONF) + 2 * len(WEIGHTS) + len(script)
        )
        machine.hubctl("cache", "verify")
        assert load(machine, host)["cached"]
    finally:
        machine.close()


@pytest.mark.parametrize("host", ROUTES)
def test_a_host_without_a_batch_server(
    machine: Machine, origin: Origin, host: str
) -> None:
    origin.add_repo(
        "o", "r", {"hubconf.py": HUBCONF, "w/model.pth": lfs_pointer(WEIGHTS)}
    )
    assert "HTTP 404" in warned(machine, host)
    # It is said each time, and nobody is asked again.
    origin.reset_counters()
    assert "HTTP 404" in warned(machine, host)
    assert origin.count(host, BATCH, "POST") == 0


@pytest.mark.parametrize("status", [401, 403, 405, 410, 501])
def test_a_batch_server_that_refuses(
    machine: Machine, origin: Origin, status: int
) -> None:
    add_repo(origin)
    with origin.respond(HOST, BATCH, status):
        assert f"HTTP {status}" in warned(machine, HOST)


@pytest.mark.parametrize("error", [403, 404, 410, 422])
def test_private_and_lost_objects(machine: Machine, origin: Origin, error: int) -> None:
    add_repo(origin, error=error)
    said = warned(machine, HOST)
    assert f"HTTP {error}" in said
    assert "\x1b" not in said


def test_a_download_that_has_expired_is_asked_for_again(
    machine: Machine, origin: Origin
) -> None:
    add_repo(origin, stale=1)
    path = Path(load(machine)["path"])
    assert (path / "w/model.pth").read_bytes() == WEIGHTS
    assert origin.count(HOST, BATCH, "POST") == 2


def test_a_download_that_is_refused_for_good(machine: Machine, origin: Origin) -> None:
    add_repo(origin, stale=1000)
    assert "HTTP 403" in warned(machine, HOST)
    assert origin.count(OBJECTS) == 2


FOR_A_WHILE = ["503", "429", "busy", "cut", "garbage"]


@pytest.mark.parametrize(
    ("where", "fault"),
    [(where, fault) for where in (HOST, OBJECTS) for fault in FOR_A_WHILE]
    + [(OBJECTS, "empty")],
)
def test_what_fails_for_a_while_publishes_nothing(
    machine: Machine, origin: Origin, where: str, fault: str
) -> None:
    add_repo(origin)
    machine.daemon_pid()
    end = (1, "RATE_LIMITED" if fault in ("429", "busy") else "UPSTREAM_UNAVAILABLE")
    if fault == "empty":
        end = (7, "DIGEST_MISMATCH")
    prefix = BATCH if where == HOST else "/"
    words = (f"{HOST}/o/r", '"w/model.pth"', "Git LFS")
    with origin.fault(fault, where, prefix):
        fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=words)
    assert (Path(load(machine)["path"]) / "w/model.pth").read_bytes() == WEIGHTS


@pytest.mark.parametrize("served", [WEIGHTS[:-1], WEIGHTS + b"x", WEIGHTS[::-1]])
@pytest.mark.parametrize("host", ROUTES)
def test_other_bytes_than_the_pointer_names(
    machine: Machine, origin: Origin, host: str, served: bytes
) -> None:
    add_repo(origin, served=served)
    machine.daemon_pid()
    end = (7, "DIGEST_MISMATCH")
    words = (OBJECTS, '"w/model.pth"', "Try again later")
    fails(machine, "load", f"{host}/o/r", "one", end=end, words=words)
    add_repo(origin)
    assert (Path(load(machine, host)["path"]) / "w/model.pth").read_bytes() == WEIGHTS


@pytest.mark.parametrize(
    ("mode", "href"),
    [
        ("system", "http://models.example.org/x"),
        ("system", "https://10.1.2.3/x"),
        ("system", "file:///etc/passwd"),
        ("user", "file:///etc/passwd"),
        ("user", "/relative"),
    ],
)
def test_addresses_that_the_policy_forbids(
    mode: str, href: str, origin: Origin
) -> None:
    add_repo(origin)
    machine = start_machine(mode, origin)
    oid = lfs_pointer(WEIGHTS).split("sha256:")[1].split("\n")[0]
    said = {"oid": oid, "actions": {"download": {"href": href}}}
    body = json.dumps({"objects": [said]}).encode()
    kind = {"Content-Type": "application/vnd.git-lfs+json"}
    try:
        with origin.respond(HOST, BATCH, 200, kind, body):
            warned(machine, HOST)
    finally:
        machine.close()
    assert {seen.host for seen in origin.requests} == {HOST}


def test_content_counts_against_the_limit(machine: Machine, origin: Origin) -> None:
    add_repo(origin)
    machine.configure('[tree]\nmax_bytes = "200KiB"\n')
    machine.daemon_pid()
    end = (7, "BAD_ARCHIVE")
    words = ("max_bytes", '"w/model.pth"')
    # It is known before the first byte comes.
    with origin.hold(OBJECTS):
        fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=words)


def test_the_digest_is_of_the_content(machine: Machine, origin: Origin) -> None:
    add_repo(origin)
    first = load(machine)
    plain: dict[str, Content] = {"hubconf.py": HUBCONF, "w/model.pth": WEIGHTS}
    origin.add_repo("o", "plain", plain)
    second = machine.json("load", f"{HOST}/o/plain", "one")["tree"]
    assert first["digest"] == second["digest"]
    path = Path(first["path"])
    (path / "w/model.pth").chmod(0o644)
    (path / "w/model.pth").write_text(lfs_pointer(WEIGHTS))
    machine.hubctl("cache", "verify", code=7)
    assert load(machine)["digest"] == first["digest"]


def test_progress_is_told_and_a_stop_is_heard(machine: Machine, origin: Origin) -> None:
    add_repo(origin)
    machine.daemon_pid()
    with origin.hold(OBJECTS, after=100_000) as gate:
        client = machine.start([machine.hubctl_path, "load", f"{HOST}/o/r", "one"])
        gate.wait_reached()
        assert client.stderr is not None
        assert any("Git LFS" in line for line in client.stderr)
        client.send_signal(signal.SIGINT)
        client.communicate(timeout=TIMEOUT)
        wait_empty(machine.store("tmp"))
    assert not list(machine.store("trees").glob("*/*/r/*"))
    assert (Path(load(machine)["path"]) / "w/model.pth").read_bytes() == WEIGHTS


def test_kill_9_in_the_middle_of_a_download(machine: Machine, origin: Origin) -> None:
    add_repo(origin)
    pid = machine.daemon_pid()
    with origin.hold(OBJECTS, after=100_000) as gate:
        client = machine.start([machine.hubctl_path, "load", f"{HOST}/o/r", "one"])
        gate.wait_reached()
        machine.kill_daemon()
        assert not list(machine.store("trees").glob("*/*/r/*"))
    # The client starts another daemon, and asks again.
    _, errors = client.communicate(timeout=TIMEOUT)
    assert client.returncode == 0, errors
    assert machine.daemon_pid() != pid
    tree = load(machine)
    assert tree["cached"]
    assert (Path(tree["path"]) / "w/model.pth").read_bytes() == WEIGHTS
    wait_empty(machine.store("tmp"))
