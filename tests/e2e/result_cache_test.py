"""One sandboxed run for each user, commit and interpreter."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import ORDINARY_UID, Machine
from tests.origin import Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
ONE = "print('a run')\ndef one(): 'Makes one.'\n"


# Asks a daemon, whoever's it is: past the clients' checks of who listens.
ASK = """
import grpc, sys
from hubd.v1 import hub_pb2, hub_pb2_grpc

request = hub_pb2.ListRequest(
    tree=hub_pb2.TreeSelector(repo="o/r"),
    interpreter=hub_pb2.Interpreter(
        executable="/usr/bin/python3", prefix="/usr", base_prefix="/usr"
    ),
)
hub = hub_pb2_grpc.HubStub(grpc.insecure_channel("unix:" + sys.argv[1]))
try:
    print([event.result.cached for event in hub.List(request)][-1])
except grpc.RpcError as error:
    print(error.code().name)
"""


def add(origin: Origin, body: str) -> None:
    origin.add_repo("o", "r", {"hubconf.py": body})


def ran(machine: Machine, *arguments: str, python: str = sys.executable) -> bool:
    """Whether a call of `hubctl` ran the code."""
    done = machine.hubctl("--json", *arguments, "--python", python)
    cached = bool(json.loads(done.stdout)["cached"])
    # What the code printed is that run's.
    assert ("a run" in done.stderr) != cached
    return not cached


def test_a_commit_is_run_once_for_each_question(
    machine: Machine, origin: Origin
) -> None:
    add(origin, ONE)
    assert ran(machine, "list", "o/r")
    assert not ran(machine, "list", "o/r")
    assert not ran(machine, "list", "o/r:main")
    assert ran(machine, "help", "o/r", "one")
    assert not ran(machine, "help", "o/r", "one")
    first = machine.json("list", "o/r", "--python", sys.executable)
    assert [entry["name"] for entry in first["entrypoints"]] == ["one"]
    helped = machine.hubctl("-v", "help", "o/r", "one", "--python", sys.executable)
    assert "Makes one." in helped.stdout
    assert "From the cache" in helped.stderr
    # Another repo with the same files is another repo.
    origin.add_repo("o", "other", {"hubconf.py": ONE})
    assert ran(machine, "list", "o/other")


def test_another_commit_is_run(machine: Machine, origin: Origin) -> None:
    machine.configure('[refs]\nttl = "0s"\n')
    add(origin, ONE)
    assert ran(machine, "list", "o/r")
    add(origin, ONE + "def two(): pass\n")
    assert ran(machine, "list", "o/r")
    assert not ran(machine, "list", "o/r")
    # A host that is silent: the result is kept, the warning is this call's.
    origin.stop()
    stale = machine.json("list", "o/r", "--python", sys.executable)
    assert stale["cached"]
    assert stale["tree"]["warnings"]
    origin.start()
    again = machine.json("list", "o/r", "--python", sys.executable)
    assert again["cached"]
    assert not again["tree"].get("warnings")


def test_another_interpreter_is_run_and_a_changed_site_directory(
    machine: Machine, origin: Origin
) -> None:
    add(origin, "dependencies = ['late']\n" + ONE)
    made = machine.top / "venv"
    venv.create(made, symlinks=True)
    python = str(made / "bin" / "python")
    assert ran(machine, "list", "o/r")
    assert ran(machine, "list", "o/r", python=python)
    assert not ran(machine, "list", "o/r", python=python)
    (site,) = made.glob("lib/python*/site-packages")
    (site / "late.py").write_text("")
    assert ran(machine, "list", "o/r", python=python)
    os.utime(site, (1, 1))
    assert ran(machine, "list", "o/r", python=python)
    assert not ran(machine, "list", "o/r", python=python)
    assert not ran(machine, "list", "o/r")


@pytest.mark.parametrize(
    "body",
    ["raise ValueError('no')\n", "import os\nos._exit(3)\n", "import absent_module\n"],
    ids=["raises", "ends", "misses"],
)
def test_a_failure_is_run_again(machine: Machine, origin: Origin, body: str) -> None:
    add(origin, "print('a run')\n" + body)
    list_it = ["list", "o/r", "--python", sys.executable]
    for _ in range(2):
        assert machine.json(*list_it, code=1)["error"]["reason"]
    assert count_results(machine) == 0
    # An entrypoint that is not there is a failure too, though all else is whole.
    origin.add_repo("o", "good", {"hubconf.py": ONE})
    help_it = ["help", "o/good", "absent", "--python", sys.executable]
    for _ in range(2):
        assert machine.json(*help_it, code=5)["error"]["reason"]
    assert count_results(machine) == 0


def count_results(machine: Machine) -> int:
    with sqlite3.connect(machine.store("index.sqlite3")) as index:
        return int(index.execute("SELECT count(*) FROM job_result").fetchone()[0])


def test_results_outlive_the_daemon(machine: Machine, origin: Origin) -> None:
    add(origin, ONE)
    assert ran(machine, "list", "o/r")
    machine.kill_daemon()
    origin.stop()
    assert not ran(machine, "list", "o/r")
    origin.start()


def test_a_daemon_killed_in_mid_run_keeps_nothing(
    machine: Machine, origin: Origin
) -> None:
    add(origin, ONE + "import signal\nsignal.pause()\n")
    machine.daemon_pid()
    waiting = machine.start(
        [machine.hubctl_path, "list", "o/r", "--python", sys.executable],
        HUBD_AUTOSTART="0",
    )
    while int(machine.json("status")["jobs"]) == 0:
        assert waiting.poll() is None
    machine.kill_daemon()
    waiting.communicate(timeout=60)
    assert waiting.returncode == 3
    add(origin, ONE)
    machine.configure('[refs]\nttl = "0s"\n')
    assert ran(machine, "list", "o/r")
    assert not ran(machine, "list", "o/r")


def test_sixteen_callers_share_one_run(machine: Machine, origin: Origin) -> None:
    add(origin, ONE)
    machine.hubctl("load", "o/r", "one")

    def ask(_: int) -> Any:
        return machine.json("list", "o/r", "--python", sys.executable)

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(ask, range(16)))
    for answer in answers:
        assert [entry["name"] for entry in answer["entrypoints"]] == ["one"]
    # Some came while it ran, the rest found it done: nobody ran it again.
    assert runs(machine) == 1


def runs(machine: Machine) -> int:
    """How many jobs the daemon gave to worker hosts."""
    log = machine.log()
    return log.count("event=job_started")


def test_a_forced_call_runs_the_code_again(machine: Machine, origin: Origin) -> None:
    program = """
import hubd
client = hubd.Client()
for refresh in (False, False, True, False):
    print(client.list("o/r", refresh=refresh).cached)
"""
    add(origin, ONE)
    done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    assert done.stdout.split() == ["False", "True", "False", "True"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be two users")
def test_results_are_one_users_alone(origin: Origin) -> None:
    machine = Machine(origin, uid=ORDINARY_UID)
    try:
        add(origin, ONE)
        ask = [sys.executable, "-c", ASK, machine.json("status")["socket"]]
        said = [machine.run(ask, PYTHONPATH=PYCLIENT).stdout.strip() for _ in "12"]
        assert said == ["False", "True"]
        # Root asks the same: it is let in, and not told; this daemon runs no code
        # for it.
        machine.uid = os.getuid()
        root = machine.run(ask, PYTHONPATH=PYCLIENT)
        assert root.stdout.strip() == "FAILED_PRECONDITION"
    finally:
        machine.uid = ORDINARY_UID
        machine.close()
