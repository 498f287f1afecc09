"""Downloads that break off and go on where they ended."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.e2e.files import wait_empty, wait_files
from tests.e2e.machine import Machine
from tests.origin import Origin

MODELS = "models.example.org"
MIB = 1 << 20
# The ledger is written when so much has come.
SAVED = 16 * MIB
SIZE = 72 * MIB + 5
FIRST = f"bytes=0-{32 * MIB - 1}"


@pytest.fixture(scope="module")
def weights() -> bytes:
    return os.urandom(SIZE)


def ranges(origin: Origin) -> list[str]:
    """What was asked for of the file, in order."""
    return [
        seen.headers.get("range", "all")
        for seen in origin.requests
        if (seen.method, seen.host) == ("GET", MODELS)
    ]


def begins(wanted: list[str]) -> list[int]:
    """Where these ranges begin, in MiB."""
    offsets = [int(each[len("bytes=") :].split("-")[0]) for each in wanted]
    assert all(offset % MIB == 0 for offset in offsets)
    return [offset // MIB for offset in offsets]


@pytest.fixture
def one_by_one(machine: Machine) -> Machine:
    """A machine whose daemon makes one request after the other."""
    machine.configure("connections_per_object = 1\n")
    return machine


def fetched(machine: Machine, url: str) -> bytes:
    return Path(machine.hubctl("fetch", url).stdout.strip()).read_bytes()


def wait_ledger(machine: Machine) -> None:
    partials = machine.store("partial")
    # The daemon may not have made it yet.
    wait_files(lambda: list(partials.glob("*/ledger")), "a ledger", machine.home)


def test_kill_9_costs_what_was_in_flight(
    one_by_one: Machine, origin: Origin, weights: bytes
) -> None:
    machine = one_by_one
    body = weights * 2
    url = origin.add_file(MODELS, "/w", body)
    with origin.limit_rate(20 * MIB, MODELS, "/w"):
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        wait_ledger(machine)
        with origin.hold(MODELS, "/w") as gate:
            gate.wait_reached()
            before = len(ranges(origin))
            machine.kill_daemon()
    # The client asks the next daemon.
    out, errors = fetch.communicate()
    assert fetch.returncode == 0, errors
    assert Path(out.strip()).read_bytes() == body
    assert begins(ranges(origin)[before:])[0] >= SAVED // MIB
    assert list(machine.store("partial").iterdir()) == []


def test_several_connections_bring_one_file(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    url = origin.add_file(MODELS, "/w", weights)
    with origin.hold(MODELS, "/w", after=MIB) as gate:
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        gate.wait_reached(4)
    out, errors = fetch.communicate()
    assert fetch.returncode == 0, errors
    assert Path(out.strip()).read_bytes() == weights
    assert origin.bytes_sent(MODELS, "/w") == SIZE


def leave_half(machine: Machine, origin: Origin, url: str) -> None:
    """A caller asks, and goes in the middle; of a daemon that asks one by one."""
    with origin.hold(MODELS, "/w", after=24 * MIB) as gate:
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        gate.wait_reached()
        # Sent is not yet received.
        data = next(machine.store("partial").glob("*/data"))
        wait_files(
            lambda: data.stat().st_size > 8 * MIB, "a part is there", data.parent
        )
        fetch.send_signal(signal.SIGINT)
        fetch.communicate()
        wait_ledger(machine)


def test_the_last_caller_s_leaving_keeps_what_has_come(
    one_by_one: Machine, origin: Origin, weights: bytes
) -> None:
    machine = one_by_one
    url = origin.add_file(MODELS, "/w", weights)
    leave_half(machine, origin, url)
    assert fetched(machine, url) == weights
    # Whole parts; some of what was sent had not arrived.
    assert ranges(origin)[0] == FIRST
    assert begins(ranges(origin))[1] in range(8, 26, 2)


def test_other_bytes_under_the_url_come_anew_and_are_told(
    one_by_one: Machine, origin: Origin, weights: bytes
) -> None:
    machine = one_by_one
    url = origin.add_file(MODELS, "/w", weights)
    leave_half(machine, origin, url)
    others = weights[::-1]
    origin.add_file(MODELS, "/w", others)
    done = machine.hubctl("fetch", url)
    assert Path(done.stdout.strip()).read_bytes() == others
    assert "the server has other bytes than those" in done.stderr
    assert len(ranges(origin)) == 2


def test_broken_connections_are_nobody_s_error(
    one_by_one: Machine, origin: Origin, weights: bytes
) -> None:
    machine = one_by_one
    url = origin.add_file(MODELS, "/w", weights)
    # Each of its answers breaks so, but for the last.
    with origin.cut(MODELS, "/w", after=20 * MIB):
        assert fetched(machine, url) == weights
    assert begins(ranges(origin)) == [0, 20, 40, 60]
    assert origin.bytes_sent(MODELS, "/w") == SIZE


def test_old_partials_go(one_by_one: Machine, origin: Origin, weights: bytes) -> None:
    machine = one_by_one
    url = origin.add_file(MODELS, "/w", weights)
    leave_half(machine, origin, url)
    machine.stop_daemon()
    week = 7 * 24 * 3600
    for path in machine.store("partial").glob("*/*"):
        os.utime(path, (0, path.stat().st_mtime - week - 1))
    machine.daemon_pid()
    wait_empty(machine.store("partial"))


def test_partials_count_and_can_be_pruned(
    one_by_one: Machine, origin: Origin, weights: bytes
) -> None:
    machine = one_by_one
    url = origin.add_file(MODELS, "/w", weights)
    leave_half(machine, origin, url)
    usage = int(machine.json("status")["usage_bytes"])
    assert usage > 8 * MIB
    with origin.hold(MODELS, "/v", after=2 * MIB) as gate:
        used = origin.add_file(MODELS, "/v", weights)
        fetch = machine.start([machine.hubctl_path, "fetch", used])
        gate.wait_reached()
        pruned = machine.json("cache", "prune", "--partials")
        assert (pruned["removed"], pruned["in_use"]) == ("1", "1")
        assert int(pruned["removed_bytes"]) == usage
    out, errors = fetch.communicate()
    assert Path(out.strip()).read_bytes() == weights, errors
    assert int(machine.json("status")["usage_bytes"]) == SIZE
    before = len(ranges(origin))
    assert fetched(machine, url) == weights
    assert ranges(origin)[before] == FIRST
