"""What the daemon is doing: listed, watched, cancelled, limited."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_files
from tests.e2e.machine import ORDINARY_UID, TIMEOUT, Machine
from tests.e2e.processes import Jobs, wait_callers, wait_jobs
from tests.e2e.system_machine import SystemMachine
from tests.e2e.terminals import Terminal
from tests.origin import Origin

MODELS = "models.example.org"
MIB = 1 << 20
SIZE = 24 * MIB
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
# No test lasts so long that 24 MiB came at this rate.
SLOW = "16KiB"


@pytest.fixture(scope="module")
def weights() -> bytes:
    return os.urandom(SIZE)


def jobs(machine: Machine, **extra: str) -> Jobs:
    shown = machine.hubctl("jobs", "ls", "--json", code=0, **extra).stdout
    found: Jobs = json.loads(shown)["jobs"]
    return found


def the_job(machine: Machine) -> dict[str, Any]:
    """The only one, as soon as bytes have come."""

    def has_bytes(found: Jobs) -> bool:
        return [int(one["progress"]["done_bytes"]) > 0 for one in found] == [True]

    return wait_jobs(machine, has_bytes, "one job with bytes")[0]


def ended(fetch: Any, code: int = 0) -> str:
    """What a fetch told at its end."""
    out, errors = fetch.communicate(timeout=TIMEOUT)
    assert fetch.returncode == code, errors
    return str(out if code == 0 else errors)


def test_two_callers_of_one_url_are_one_job(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    url = origin.add_file(MODELS, "/w", weights)
    asked = url + "?signature=secret"
    assert jobs(machine) == []
    with origin.hold(MODELS, "/w", after=MIB):
        fetches = [
            machine.start([machine.hubctl_path, "fetch", asked]) for _ in range(2)
        ]
        wait_callers(machine, 2)
        job = the_job(machine)
        assert (job["kind"], job["subject"], job["host"]) == ("checkpoint", url, MODELS)
        assert job["uids"] == [machine.uid]
        assert job["progress"]["phase"] == "DOWNLOADING"
        assert int(job["progress"]["total_bytes"]) == SIZE
        shown = machine.hubctl("jobs", "ls").stdout
        assert f"2 (uid {machine.uid})" in shown
        assert f"checkpoint {url}" in shown
        assert "secret" not in shown
        assert machine.json("status")["jobs"] == 1
    for fetch in fetches:
        assert Path(ended(fetch).strip()).read_bytes() == weights
    assert jobs(machine) == []


def test_what_is_cancelled_says_by_whom_and_goes_on_when_asked_again(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    # So that more than a part's bytes are a whole part.
    machine.configure("connections_per_object = 1\n")
    url = origin.add_file(MODELS, "/w", weights)
    with origin.hold(MODELS, "/w", after=20 * MIB):
        fetches = [machine.start([machine.hubctl_path, "fetch", url]) for _ in range(2)]

        def is_under_way(found: Jobs) -> bool:
            return [
                (one["callers"], int(one["progress"]["done_bytes"]) > 8 * MIB)
                for one in found
            ] == [(2, True)]

        job = wait_jobs(machine, is_under_way, "both, and a part")[0]["id"]
        done = machine.hubctl("jobs", "cancel", job)
        assert done.stderr == f"Cancelled: checkpoint {url}\n"
        for fetch in fetches:
            told = ended(fetch, 1)
            assert f"uid {machine.uid} has cancelled job {job}" in told
            assert "ask again" in told
        ledgers = machine.store("partial")
        wait_files(lambda: list(ledgers.glob("*/ledger")), "a ledger", ledgers)
        machine.hubctl("jobs", "cancel", job, code=5)
    fetched = machine.hubctl("fetch", url).stdout
    assert Path(fetched.strip()).read_bytes() == weights
    again = [seen for seen in origin.requests if seen.host == MODELS][-1]
    assert again.headers["range"].startswith("bytes=")


@pytest.mark.parametrize("what", ["daemon", "host", "job"])
def test_a_limit_changes_the_pace_of_a_running_job(
    machine: Machine, origin: Origin, weights: bytes, what: str
) -> None:
    url = origin.add_file(MODELS, "/w", weights)
    flags = ["--host", MODELS] if what == "host" else []
    with origin.hold(MODELS, "/w", after=MIB) as gate:
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        gate.wait_reached()
        if what == "job":
            flags = ["--job", the_job(machine)["id"]]
        machine.hubctl("jobs", "limit", *flags, SLOW)
        seen = machine.json("jobs", "ls")
        shown = {
            "daemon": seen["limit"],
            "host": seen["host_limits"].get(MODELS),
            "job": seen["jobs"][0]["limit"],
        }
        assert shown[what] == "16384"
    # All of it is there to be had; the limit alone holds it back.
    job = the_job(machine)
    assert int(job["progress"]["done_bytes"]) < 20 * MIB
    assert fetch.poll() is None
    machine.hubctl("jobs", "limit", *flags, "none")
    assert Path(ended(fetch).strip()).read_bytes() == weights


def test_the_configuration_limits_the_daemon(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    url = origin.add_file(MODELS, "/w", weights)
    machine.configure(f'bandwidth = "{SLOW}"\n')
    fetch = machine.start([machine.hubctl_path, "fetch", url])
    assert machine.json("jobs", "ls")["limit"] == "16384"
    assert int(the_job(machine)["progress"]["done_bytes"]) < 20 * MIB
    machine.hubctl("jobs", "limit", "none")
    assert Path(ended(fetch).strip()).read_bytes() == weights


def test_watch_sees_a_job_come_and_go(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    url = origin.add_file(MODELS, "/w", weights)
    watch = machine.start([machine.hubctl_path, "jobs", "watch", "--json"])
    assert watch.stdout is not None

    def ids() -> list[str]:
        assert watch.stdout is not None
        return [one["subject"] for one in json.loads(watch.stdout.readline())["jobs"]]

    assert ids() == []
    with origin.hold(MODELS, "/w", after=MIB):
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        assert ids() == [url]
    ended(fetch)
    while ids():
        pass
    watch.send_signal(signal.SIGINT)
    assert ended(watch) == ""
    # Who watches keeps no daemon from its end.
    watch = machine.start([machine.hubctl_path, "jobs", "watch"])
    assert watch.stdout is not None
    assert watch.stdout.readline() == "no jobs\n"
    machine.stop_daemon()
    watch.send_signal(signal.SIGINT)
    watch.communicate(timeout=TIMEOUT)


# All that is seen of one download, which has come to some of its bytes.
TABLE = (
    r" *ID +STATE +BYTES +RATE +LEFT +CONNS +FOR +AGE +WHAT\n"
    r"\d+ +downloading +(?P<bytes>[\d.]+ [kM]?B) of 50 MB +[\d.]+ [kM]?B/s +[\dms ]+"
    r" +(?P<connections>\d+) +1 \(uid \d+\) +[\dms ]+ +checkpoint "
)


def test_watch_is_a_table_that_lives(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    # Longer than what the first connection asks for.
    url = origin.add_file(MODELS, "/w", weights * 2)
    machine.daemon_pid()
    nothing = ["Nothing is being fetched."]
    seen: set[str] = set()
    with (
        origin.limit_rate(MIB, MODELS, "/w") as cap,
        Terminal(machine, machine.hubctl_path, "jobs", "watch", columns=200) as screen,
    ):

        def goes_on() -> bool:
            found = re.fullmatch(TABLE + re.escape(url), "\n".join(screen.lines))
            if found and int(found["connections"]) > 1:
                seen.add(found["bytes"])
            return len(seen) >= 3

        modes = screen.modes()
        screen.wait_until(lambda: screen.lines == nothing, "there is nothing")
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        screen.wait_until(goes_on, "bytes come")
        cap.remove()
        ended(fetch)
        screen.wait_until(lambda: screen.lines == nothing, "there is nothing any more")
        screen.ctrl_c()
        assert screen.wait_end() == 0
        assert screen.modes() == modes
    # What the terminal shows of Ctrl-C is wiped, so that the prompt stands alone.
    assert screen.shown.replace("^C", "").endswith("\r\x1b[K")


def test_python_lists_watches_cancels_and_limits(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    program = (
        "import hubd\n"
        "jobs = hubd.Client().jobs\n"
        "(job,) = jobs.list().jobs\n"
        "jobs.limit(1 << 20, job=job.id)\n"
        "jobs.limit(1 << 20, host='h.org')\n"
        "found = next(jobs.watch())\n"
        "print(found.jobs[0].limit, found.host_limits, job.progress.phase)\n"
        "print(jobs.cancel(job.id).subject)\n"
        "try:\n"
        "    jobs.cancel(job.id)\n"
        "except hubd.NotFound:\n"
        "    print('over')\n"
    )
    url = origin.add_file(MODELS, "/w", weights)
    with origin.hold(MODELS, "/w", after=MIB):
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        the_job(machine)
        done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
        assert done.stdout.splitlines() == [
            "1048576 {'h.org': 1048576} downloading", url, "over",
        ]  # fmt: skip
        ended(fetch, 1)


@pytest.fixture
def system(origin: Origin) -> Iterator[SystemMachine]:
    machine = SystemMachine(origin)
    machine.start_daemon()
    yield machine
    machine.close()


@pytest.mark.skipif(os.getuid() != 0, reason="becomes other users")
def test_others_see_host_and_bytes_and_change_nothing(
    system: SystemMachine, origin: Origin, weights: bytes
) -> None:
    url = origin.add_file(MODELS, "/secret/w", weights)
    served = {"HUBD_SOCKET": str(system.socket), "HUBD_AUTOSTART": "0"}
    ada = Machine(origin, uid=ORDINARY_UID)
    bob = Machine(origin, uid=ORDINARY_UID + 1)
    with origin.hold(MODELS, "/secret/w", after=MIB):
        fetch = ada.start([ada.hubctl_path, "fetch", url], **served)
        job = the_job(system)
        assert (job["subject"], job["uids"]) == (url, [ada.uid])
        assert jobs(ada, **served)[0]["subject"] == url
        (seen,) = jobs(bob, **served)
        assert (seen["id"], seen["host"]) == (job["id"], MODELS)
        assert int(seen["progress"]["total_bytes"]) == SIZE
        assert (seen["kind"], seen["subject"], seen["callers"]) == ("", "", 0)
        assert seen["uids"] == []
        assert seen["progress"]["phase"] == "PHASE_UNSPECIFIED"
        assert "secret" not in bob.hubctl("jobs", "ls", code=0, **served).stdout
        one = ["--job", job["id"]]
        bob.hubctl("jobs", "cancel", job["id"], code=4, **served)
        bob.hubctl("jobs", "limit", *one, "1MiB", code=4, **served)
        ada.hubctl("jobs", "limit", "1MiB", code=4, **served)
        ada.hubctl("jobs", "limit", *one, "1MiB", code=0, **served)
        assert jobs(ada, **served)[0]["limit"] == str(MIB)
        # A second user waits for it: it is no longer the first one's alone.
        second = bob.start([bob.hubctl_path, "fetch", url], **served)
        wait_callers(system, 2)
        seen = jobs(bob, **served)[0]
        assert (seen["uids"], seen["limit"]) == ([ada.uid, bob.uid], "0")
        ada.hubctl("jobs", "cancel", job["id"], code=4, **served)
        system.hubctl("jobs", "cancel", job["id"])
        for waiting in (fetch, second):
            assert "uid 0 has cancelled" in ended(waiting, 1)
    ada.close()
    bob.close()
