"""A daemon, or a worker host, that the system gives no more of something."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Iterator

import pytest

from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import open_files, wait_idle, worker_hosts
from tests.origin import Origin

MODELS = "models.example.org"


@contextlib.contextmanager
def limited(machine: Machine, pid: int, what: str, soft: int) -> Iterator[None]:
    """Lowers a limit of a process, as its user can, and raises it again."""
    show = ["prlimit", f"--pid={pid}", "--noheadings", "--output=SOFT", f"--{what}"]
    before = machine.run(show).stdout.strip()
    machine.run(["prlimit", f"--pid={pid}", f"--{what}={soft}:"])
    try:
        yield
    finally:
        machine.run(["prlimit", f"--pid={pid}", f"--{what}={before}:"])


def highest_file(pid: int) -> int:
    return max(int(name) for name in os.listdir(f"/proc/{pid}/fd"))


@pytest.fixture
def repo(origin: Origin) -> str:
    origin.add_repo("o", "other", {"hubconf.py": "def one(): pass\n"})
    origin.add_repo("o", "r", {"hubconf.py": "def one(): pass\n"})
    return "o/r"


def test_no_descriptor_for_a_connection(machine: Machine, origin: Origin) -> None:
    status = machine.json("status")
    pid, path = int(status["pid"]), status["socket"]
    url = origin.add_file(MODELS, "/m", b"bytes")
    machine.hubctl("fetch", url)
    room = highest_file(pid) + 8
    with contextlib.ExitStack() as stack:
        stack.enter_context(limited(machine, pid, "nofile", room))
        for _ in range(32):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(path)
        waiting = machine.start([machine.hubctl_path, "fetch", url])
        late = machine.start([machine.hubctl_path, "--timeout", "500ms", "get-dir"])
        late.communicate(timeout=TIMEOUT)
        # It lives, and those whom it cannot accept wait in the queue.
        assert late.returncode == 1
        assert waiting.poll() is None
        assert open_files(pid) <= room
    # Answered as soon as others have gone.
    output, errors = waiting.communicate(timeout=TIMEOUT)
    assert waiting.returncode == 0, errors
    assert machine.daemon_pid() == pid


def test_no_descriptor_for_the_work(
    machine: Machine, origin: Origin, repo: str
) -> None:
    pid = machine.daemon_pid()
    urls = [origin.add_file(MODELS, f"/m{n}", b"bytes") for n in range(8)]
    with limited(machine, pid, "nofile", highest_file(pid) + 3):
        calls = [["fetch", url] for url in urls]
        for arguments in [*calls, ["load", repo, "one"], ["list", repo]]:
            done = machine.hubctl(*arguments, code=None)
            # It says no, or had just enough.
            assert done.returncode in (0, 1), done
            assert done.stderr if done.returncode else done.stdout
    wait_idle(machine)
    assert machine.daemon_pid() == pid
    for url in urls:
        machine.hubctl("fetch", url)
    machine.hubctl("list", repo)


def test_a_low_hard_limit_from_the_start(machine: Machine, origin: Origin) -> None:
    url = origin.add_file(MODELS, "/m", b"bytes")
    limit = ["prlimit", "--nofile=64:64", "--"]
    machine.run([*limit, machine.hubctl_path, "fetch", url])
    pid = machine.daemon_pid()
    assert resource.prlimit(pid, resource.RLIMIT_NOFILE) == (64, 64)
    path = machine.json("status")["socket"]
    with contextlib.ExitStack() as stack:
        for _ in range(100):
            connection = stack.enter_context(socket.socket(socket.AF_UNIX))
            connection.connect(path)
        waiting = machine.start([machine.hubctl_path, "fetch", url])
    _, errors = waiting.communicate(timeout=TIMEOUT)
    assert waiting.returncode == 0, errors
    assert machine.daemon_pid() == pid


def test_no_descriptor_in_the_worker_host(machine: Machine, repo: str) -> None:
    machine.hubctl("list", "o/other")
    pid = machine.daemon_pid()
    [host] = worker_hosts(pid)
    # Fewer than it has.
    with limited(machine, host, "nofile", 3):
        error = machine.json("list", repo, code=1)["error"]
        assert "Too many open files" in error["message"], error
    machine.hubctl("list", repo)
    assert worker_hosts(pid) == [host]


def test_no_thread_in_the_daemon(ordinary: Machine, origin: Origin, repo: str) -> None:
    url = origin.add_file(MODELS, "/m", b"bytes")
    pid = ordinary.daemon_pid()
    with limited(ordinary, pid, "nproc", 1):
        # The pools have their first threads, the unpacker has none.
        ordinary.hubctl("fetch", url)
        error = ordinary.json("load", repo, "one", code=1)["error"]
        assert "cannot start a thread" in error["message"]
        assert "ulimit -u" in error["message"]
    wait_idle(ordinary)
    assert not list(ordinary.store("trees").glob("*/*/*/*"))
    ordinary.hubctl("load", repo, "one")
    assert ordinary.daemon_pid() == pid


def test_no_process_for_the_worker_host(ordinary: Machine, repo: str) -> None:
    pid = ordinary.daemon_pid()
    ordinary.hubctl("load", repo, "one")
    hosts = worker_hosts(pid)
    for host in hosts:
        os.kill(host, 9)
    with limited(ordinary, pid, "nproc", 1):
        error = ordinary.json("list", repo, code=1)["error"]
        assert error["reason"] == "SANDBOX_UNAVAILABLE"
        assert "Resource temporarily unavailable" in error["message"]
    ordinary.hubctl("list", repo)
    assert ordinary.daemon_pid() == pid


def test_no_thread_for_a_daemon_that_starts(ordinary: Machine) -> None:
    if ordinary.uid == os.getuid():
        pytest.skip("needs a user of whom nothing else runs")
    limit = ["prlimit", "--nproc=2:2", "--"]
    done = ordinary.run([*limit, ordinary.hubd, "--dir", ordinary.root], 1)
    assert "cannot start a thread" in done.stderr
    assert not ordinary.store("ADDRESS").exists()
    ordinary.hubctl("get-dir")


def test_no_thread_for_hubctl(ordinary: Machine) -> None:
    if ordinary.uid == os.getuid():
        pytest.skip("needs a user of whom nothing else runs")
    ordinary.hubctl("get-dir")
    limit = ["prlimit", "--nproc=1:1", "--"]
    done = ordinary.run([*limit, ordinary.hubctl_path, "get-dir"], 1)
    assert "cannot start a thread" in done.stderr
    ordinary.hubctl("get-dir")
