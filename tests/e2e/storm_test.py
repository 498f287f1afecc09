"""Calls by the hundred that are cancelled, or end by their deadlines."""

from __future__ import annotations

import random

import grpc
import pytest

from tests.e2e.machine import Machine
from tests.e2e.processes import (
    open_files,
    threads,
    wait_answers,
    wait_idle,
    workers,
)
from tests.origin import Origin

CALLS = 300
GOOD = "def one(): pass\n"
ENDLESS = "import signal\nsignal.pause()\n"


def text(number: int, value: str) -> bytes:
    """A field of a message that holds a text or a message."""
    raw = value.encode()
    return bytes([number << 3 | 2, len(raw)]) + raw


def part(number: int, message: bytes) -> bytes:
    assert len(message) < 128
    return bytes([number << 3 | 2, len(message)]) + message


def interpreter() -> bytes:
    """Of Debian, whose paths are short."""
    return part(2, text(1, "/usr/bin/python3") + text(2, "/usr") + text(3, "/usr"))


def requests(origin: Origin) -> list[tuple[str, bytes]]:
    """All kinds of calls that stream, some of them to be held up."""
    held = [
        origin.add_file("models.example.org", f"/held/{n}", b"x" * 100_000)
        for n in range(8)
    ]
    for n in range(8):
        origin.add_repo("o", f"r{n}", {"hubconf.py": ENDLESS if n % 2 else GOOD})
    fetches = [("FetchStateDict", text(1, url)) for url in held]
    loads = [("Load", part(1, text(1, f"o/r{n}"))) for n in range(8)]
    # With `refresh`, or a kept result would be the answer.
    lists = [
        ("List", part(1, text(1, f"o/r{n}") + b"\x18\x01") + interpreter())
        for n in range(8)
    ]
    return fetches + loads + lists


def end(call: grpc.Call) -> str:
    try:
        for _ in call:
            pass
    except grpc.RpcError:
        pass
    return str(call.code().name)


def storm(channel: grpc.Channel, kinds: list[tuple[str, bytes]], way: str) -> set[str]:
    """Makes all calls; says how they ended."""
    dice = random.Random(1)
    calls = []
    for _ in range(CALLS):
        method, request = dice.choice(kinds)
        timeout = dice.uniform(0.001, 0.4) if way == "deadline" else None
        stream = channel.unary_stream(f"/hubd.v1.Hub/{method}")
        calls.append(stream(request, timeout=timeout))
        if way == "cancel" and dice.random() < 0.8:
            dice.choice(calls).cancel()
    if way == "cancel":
        for call in calls:
            call.cancel()
    return {end(call) for call in calls}


@pytest.mark.parametrize(
    "way, wanted", [("cancel", "CANCELLED"), ("deadline", "DEADLINE_EXCEEDED")]
)
def test_a_storm_leaves_nothing(
    machine: Machine, origin: Origin, way: str, wanted: str
) -> None:
    kinds = requests(origin)
    status = machine.json("status")
    pid = int(status["pid"])
    files, pools = [], []
    with (
        origin.hold("models.example.org", "/held", after=1000),
        grpc.insecure_channel(f"unix:{status['socket']}") as channel,
    ):
        for _ in range(3):
            ends = storm(channel, kinds, way)
            assert wanted in ends
            assert ends <= {wanted, "OK", "RESOURCE_EXHAUSTED"}
            wait_idle(machine)
            wait_answers(machine, lambda _: not workers(pid), "no worker is left")
            files.append(open_files(pid))
            pools.append(threads(pid))
    assert machine.daemon_pid() == pid
    # What pools keep, such as 32 connections, is far less than one of each call.
    assert files[2] <= files[1] + CALLS // 4
    assert pools[2] <= pools[1] + 16
    machine.hubctl("list", "o/r6")
    machine.hubctl("fetch", "https://models.example.org/held/7")
