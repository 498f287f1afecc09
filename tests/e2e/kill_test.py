"""Processes that are killed, or stopped, at every stage of their work."""

from __future__ import annotations

import json
import os
import signal
import threading
import uuid
from pathlib import Path

import pytest

from tests.e2e.files import wait_files
from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import (
    children,
    command,
    kill_all,
    wait_answers,
    wait_gone,
    wait_idle,
    wait_programs,
    worker_hosts,
    workers,
)
from tests.origin import Origin

MODELS = "models.example.org"
CODELOAD = "codeload.github.com"
# Says that it runs, then goes on for ever.
ENDLESS = "print('here')\nwhile True: pass\n"
GOOD = "def one(): pass\n"


def is_python(pid: int) -> bool:
    return "python3" in "".join(command(pid)[:1])


def wait_job(daemon: int) -> None:
    """Until the Python of a worker runs."""
    wait_programs(lambda: any(map(is_python, workers(daemon))), "a worker runs")


def end_worker_hosts(pid: int) -> None:
    hosts = worker_hosts(pid)
    kill_all(hosts)
    wait_gone(*hosts)


@pytest.fixture
def endless(origin: Origin) -> str:
    origin.add_repo("o", "good", {"hubconf.py": GOOD})
    origin.add_repo("o", "endless", {"hubconf.py": ENDLESS})
    return "o/endless"


def still_good(machine: Machine) -> None:
    """A worker runs; no kept result stands in for it."""
    name = f"good{uuid.uuid4().hex}"
    machine.origin.add_repo("o", name, {"hubconf.py": GOOD})
    assert machine.json("list", f"o/{name}")["entrypoints"][0]["name"] == "one"
    wait_idle(machine)


def test_the_client_in_a_download(machine: Machine, origin: Origin) -> None:
    url = origin.add_file(MODELS, "/big", os.urandom(1 << 20))
    with origin.hold(MODELS, "/big", after=1000) as gate:
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        gate.wait_reached()
        pid = machine.daemon_pid()
        fetch.kill()
        fetch.communicate()
        # Nobody else wants it, so the transfer is over although the gate holds.
        wait_idle(machine)
    assert not list(machine.store("blobs").rglob("*/*"))
    machine.hubctl("fetch", url)
    assert machine.daemon_pid() == pid


def test_the_client_of_a_job(machine: Machine, endless: str) -> None:
    pid = machine.daemon_pid()
    listing = machine.start([machine.hubctl_path, "list", endless])
    wait_job(pid)
    listing.kill()
    listing.communicate()
    wait_answers(machine, lambda _: not workers(pid), "the worker is gone")
    wait_idle(machine)
    still_good(machine)
    assert machine.daemon_pid() == pid


def test_the_client_in_the_trial_run(machine: Machine, endless: str) -> None:
    pid = machine.daemon_pid()
    end_worker_hosts(pid)
    listing = machine.start([machine.hubctl_path, "list", endless])
    wait_programs(lambda: worker_hosts(pid), "the next host is started")
    listing.kill()
    listing.communicate()
    wait_idle(machine)
    still_good(machine)
    assert not workers(pid)
    assert machine.daemon_pid() == pid


def test_the_client_that_started_the_daemon(machine: Machine, origin: Origin) -> None:
    """The daemon is not its client's, wherever that ends."""
    url = origin.add_file(MODELS, "/m", b"bytes")
    first = machine.start([machine.hubctl_path, "fetch", url])
    first.kill()
    first.communicate()
    path = machine.hubctl("fetch", url).stdout.strip()
    assert Path(path).read_bytes() == b"bytes"
    wait_idle(machine)


@pytest.mark.parametrize("stage", ["advertisement", "archive", "job"])
def test_the_daemon(machine: Machine, origin: Origin, endless: str, stage: str) -> None:
    origin.add_repo("o", "big", {"hubconf.py": GOOD, "data": os.urandom(1 << 20)})
    still_good(machine)
    pid = machine.daemon_pid()
    if stage == "job":
        client = machine.start(
            [machine.hubctl_path, "--timeout", "5m", "list", endless]
        )
        wait_job(pid)
        below = [*worker_hosts(pid), *workers(pid)]
        machine.kill_daemon()
        # The worker host goes with its daemon, and the worker with its host.
        wait_gone(*below)
        wait_files(machine.store("ADDRESS").exists, "a new daemon", machine.store())
        client.kill()
        client.communicate()
    else:
        host, prefix = {
            "advertisement": ("github.com", "/o/big"),
            "archive": (CODELOAD, "/o/big"),
        }[stage]
        after = 0 if stage == "advertisement" else 500_000
        gate = origin.hold(host, prefix, after=after)
        client = machine.start([machine.hubctl_path, "--json", "load", "o/big", "one"])
        gate.wait_reached()
        below = worker_hosts(pid)
        machine.kill_daemon()
        wait_gone(*below)
        assert not list(machine.store("trees").glob("*/*/big/*"))
        gate.release()
        # The client starts another daemon, and asks again.
        output, errors = client.communicate(timeout=TIMEOUT)
        assert client.returncode == 0, errors
        assert Path(json.loads(output)["tree"]["path"]).is_dir()
    assert machine.daemon_pid() != pid
    still_good(machine)


def test_the_worker_host_while_a_sandbox_is_made(
    machine: Machine, endless: str
) -> None:
    """When bubblewrap's processes are not yet tied to each other."""
    still_good(machine)
    pid = machine.daemon_pid()
    for _ in range(5):
        listing = machine.start([machine.hubctl_path, "list", endless])
        wait_programs(
            lambda: any(command(one)[:1] == ["bwrap"] for one in workers(pid)),
            "bubblewrap runs",
        )
        hosts = worker_hosts(pid)
        # Stopped, so that nobody is overlooked.
        kill_all(hosts, signal.SIGSTOP)
        below = workers(pid)
        kill_all(hosts)
        listing.kill()
        listing.communicate()
        wait_gone(*below)
    still_good(machine)
    wait_answers(
        machine, lambda _: children(pid) == worker_hosts(pid), "all are collected"
    )


# Until somebody writes to a pipe in its tree, which no commit has.
WAITS = """
import os
open(os.path.join(os.path.dirname(__file__), "go")).close()
"""


def test_the_worker_host_in_a_job(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "once", {"hubconf.py": WAITS + GOOD})
    pid = machine.daemon_pid()
    tree = Path(machine.json("load", "o/once", "one")["tree"]["path"])
    tree.chmod(0o755)
    os.mkfifo(tree / "go")
    listing = machine.start([machine.hubctl_path, "--json", "list", "o/once"])
    wait_job(pid)
    below = workers(pid)
    kill_all(worker_hosts(pid))
    wait_gone(*below)
    with open(tree / "go", "r+b", buffering=0):
        # The next host is given the job.
        output, errors = listing.communicate(timeout=TIMEOUT)
    assert listing.returncode == 0, errors
    assert '"one"' in output
    assert machine.daemon_pid() == pid


class HostKiller:
    """Kills worker hosts as soon as they are seen: before they say hello."""

    def __init__(self, daemon: int, count: int | None) -> None:
        self._daemon = daemon
        self._count = count
        self._stop = threading.Event()
        self.killed: set[int] = set()
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        while not self._stop.is_set() and len(self.killed) != self._count:
            for pid in children(self._daemon):
                if pid not in self.killed and "worker-host" in command(pid):
                    self.killed.add(pid)
                    kill_all([pid])

    def __enter__(self) -> HostKiller:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def test_the_worker_host_in_its_trial_run(machine: Machine, endless: str) -> None:
    pid = machine.daemon_pid()
    end_worker_hosts(pid)
    with HostKiller(pid, 1) as killer:
        machine.hubctl("list", "o/good")
    assert killer.killed
    still_good(machine)


def test_every_worker_host_in_its_trial_run(machine: Machine, endless: str) -> None:
    pid = machine.daemon_pid()
    end_worker_hosts(pid)
    with HostKiller(pid, None) as killer:
        error = machine.json("list", "o/good", code=1)["error"]
        # Their ends are known, and nobody waits for a hello that cannot come.
        status = machine.json("status")
    assert len(killer.killed) >= 2
    assert error["reason"] == "SANDBOX_UNAVAILABLE"
    assert "signal 9" in error["message"]
    assert str(machine.store("log")) in error["message"]
    assert status["sandbox"] == "none"
    still_good(machine)


@pytest.mark.parametrize("which", ["outer", "inner"])
def test_the_worker(machine: Machine, endless: str, which: str) -> None:
    pid = machine.daemon_pid()
    listing = machine.start([machine.hubctl_path, "--json", "list", endless])
    wait_job(pid)
    below = workers(pid)
    kill_all(below[:1] if which == "outer" else below[-1:])
    output, _ = listing.communicate(timeout=TIMEOUT)
    assert listing.returncode == 1
    assert "signal 9" in output or "killed" in output.lower(), output
    wait_gone(*below)
    still_good(machine)


def test_a_stopped_worker_ends_by_its_time(machine: Machine, endless: str) -> None:
    machine.configure('[sandbox]\ntime = "1s"\n')
    pid = machine.daemon_pid()
    listing = machine.start([machine.hubctl_path, "--json", "list", endless])
    wait_job(pid)
    below = workers(pid)
    kill_all(below, signal.SIGSTOP)
    output, _ = listing.communicate(timeout=TIMEOUT)
    assert listing.returncode == 1
    assert "WORKER_TIME" in output
    wait_gone(*below)
    still_good(machine)


def test_a_stopped_worker_host_is_replaced(machine: Machine, endless: str) -> None:
    """Costs the ten seconds that a host is given beyond its job's time."""
    machine.configure('[sandbox]\ntime = "1s"\n')
    still_good(machine)
    pid = machine.daemon_pid()
    [host] = worker_hosts(pid)
    kill_all([host], signal.SIGSTOP)
    listing = machine.start([machine.hubctl_path, "--json", "list", endless])
    output, _ = listing.communicate(timeout=TIMEOUT)
    assert listing.returncode == 1
    assert "WORKER_TIME" in output
    wait_gone(host)
    still_good(machine)
    assert machine.daemon_pid() == pid
