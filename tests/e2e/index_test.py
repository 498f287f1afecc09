"""An index that is missing, broken or not to be read: the daemon starts, and what is
cached stays cached."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.e2e.processes import wait_for_end
from tests.origin import Origin

PAGE = 4096


class Cache:
    """A machine with a checkpoint, a tree and a repo that is trusted."""

    def __init__(self, machine: Machine, origin: Origin) -> None:
        self.machine = machine
        self.origin = origin
        self.url = origin.add_file("models.example.org", "/m/weights.bin", b"weights")
        machine.hubctl("fetch", self.url)
        machine.hubctl("load", "hubd/sample", "tiny")
        machine.hubctl("trust", "add", "hubd/sample")
        self.listed = machine.json("cache", "ls")
        self.index = machine.store("index.sqlite3")

    def broken(self) -> list[Path]:
        """The indexes that were set aside."""
        return sorted(self.index.parent.glob("index.sqlite3.broken-*"))

    def expect_served(self) -> None:
        """All of it, without a request to the origin."""
        asked = len(self.origin.requests)
        assert self.machine.json("cache", "ls") == self.listed
        path = self.machine.hubctl("fetch", self.url).stdout.strip()
        assert Path(path).read_bytes() == b"weights"
        self.machine.hubctl("load", "hubd/sample", "tiny")
        assert len(self.origin.requests) == asked

    def expect_made_anew(self) -> None:
        self.expect_served()
        self.machine.hubctl("trust", "check", "hubd/sample", code=4)
        line = next(
            x for x in self.machine.log().splitlines() if "index_made_anew" in x
        )
        assert str(self.index) in line
        assert "trust: it is asked for again" in line
        # And everything works on.
        self.machine.hubctl("trust", "add", "hubd/sample")
        self.machine.hubctl("trust", "check", "hubd/sample")


@pytest.fixture
def cache(machine: Machine, origin: Origin) -> Iterator[Cache]:
    yield Cache(machine, origin)


def flip(data: bytearray, start: int, end: int) -> None:
    data[start:end] = bytes(byte ^ 0x55 for byte in data[start:end])


DAMAGES: dict[str, Callable[[bytearray], Any]] = {
    "empty": lambda data: data.clear(),
    "cut-in-the-header": lambda data: data.__delitem__(slice(60, None)),
    "cut-in-a-page": lambda data: data.__delitem__(slice(3 * PAGE - 100, None)),
    "garbage": lambda data: flip(data, 0, len(data)),
    "a-page-flipped": lambda data: flip(data, 2 * PAGE, 3 * PAGE),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_broken_index_is_set_aside_and_made_anew(
    cache: Cache, damage: Callable[[bytearray], Any]
) -> None:
    cache.machine.stop_daemon()
    data = bytearray(cache.index.read_bytes())
    damage(data)
    cache.index.write_bytes(data)
    cache.expect_made_anew()
    kept = [bytes(data)] if data else []
    assert [path.read_bytes() for path in cache.broken()] == kept


def test_a_missing_index_is_made_anew(cache: Cache) -> None:
    cache.machine.stop_daemon()
    cache.index.unlink()
    cache.expect_made_anew()
    assert not cache.broken()


def test_garbage_in_place_of_its_log_and_memory_is_of_no_effect(cache: Cache) -> None:
    cache.machine.stop_daemon()
    for suffix in ("-wal", "-shm"):
        Path(f"{cache.index}{suffix}").write_bytes(b"x" * 40000)
    cache.expect_served()
    cache.machine.hubctl("trust", "check", "hubd/sample")


def test_the_index_of_a_newer_hubd_is_refused_and_left_alone(cache: Cache) -> None:
    cache.machine.stop_daemon()
    with sqlite3.connect(cache.index) as index:
        index.execute("PRAGMA user_version = 41")
    index.close()
    before = cache.index.read_bytes()
    error = cache.machine.json("status", code=3)["error"]["message"]
    for word in (str(cache.index), "version 41", "newer hubd"):
        assert word in error
    assert cache.index.read_bytes() == before
    assert not cache.broken()


def test_an_index_that_cannot_be_read_is_refused_and_left_alone(
    ordinary: Machine, origin: Origin
) -> None:
    cache = Cache(ordinary, origin)
    ordinary.stop_daemon()
    cache.index.chmod(0)
    error = ordinary.json("status", code=3)["error"]["message"]
    for word in (str(cache.index), "Permission denied", "--dir"):
        assert word in error
    assert not cache.broken()
    cache.index.chmod(0o600)
    cache.expect_served()
    ordinary.hubctl("trust", "check", "hubd/sample")


@pytest.mark.parametrize("how", ["cut", "removed", "replaced"])
def test_an_index_that_breaks_while_it_is_served(cache: Cache, how: str) -> None:
    # A daemon that has nothing of it in its log or in memory.
    cache.machine.stop_daemon()
    pid = cache.machine.daemon_pid()
    handle = os.pidfd_open(pid)
    if how == "cut":
        os.truncate(cache.index, PAGE)
        error = cache.machine.json("trust", "add", "other/repo", code=7)["error"]
        for word in (str(cache.index), "malformed", "send the request again"):
            assert word in error["message"]
    elif how == "removed":
        cache.index.unlink()
    else:
        other = cache.index.with_name("other")
        other.write_bytes(b"x" * 20000)
        other.rename(cache.index)
    wait_for_end(handle)
    os.close(handle)
    cache.expect_made_anew()
    assert cache.machine.daemon_pid() != pid
