"""Who answers where a ref points: the host or the cache, in every state of both.

All rows are asked first, many at once, since hosts that do not answer cost time;
each test then judges one of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, NamedTuple

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import start_machine
from tests.origin import Origin

# The network, what is cached (`other`: the refs, and the tree of another branch;
# `tree`: the refs and the tree), whether the refs are within their time to live.
# Then, for each state of the host, how `hubctl load` ends:
#   fresh   as the host says
#   cached  as the cache says, without a request
#   stale   as the cache says, marked with its age and one warning
#   error   with the reason for which the host does not answer
#   miss    OFFLINE_MISS, without a request, with what is cached
TABLE = """
network cached  time    up     slow   limited 403    busy   500    refuses silence no-dns
online  nothing within  fresh  error  error   error  error  error  error   error   error
online  nothing past    fresh  error  error   error  error  error  error   error   error
online  other   within  fresh  error  error   error  error  error  error   error   error
online  other   past    fresh  error  error   error  error  error  error   error   error
online  tree    within  cached cached cached  cached cached cached cached  cached  cached
online  tree    past    fresh  stale  stale   error  stale  stale  stale   stale   stale
offline nothing within  miss   miss   miss    miss   miss   miss   miss    miss    miss
offline nothing past    miss   miss   miss    miss   miss   miss   miss    miss    miss
offline other   within  miss   miss   miss    miss   miss   miss   miss    miss    miss
offline other   past    miss   miss   miss    miss   miss   miss   miss    miss    miss
offline tree    within  cached cached cached  cached cached cached cached  cached  cached
offline tree    past    cached cached cached  cached cached cached cached  cached  cached
"""  # noqa: E501
UNAVAILABLE = (1, "UPSTREAM_UNAVAILABLE")
LIMITED = (1, "RATE_LIMITED")
ERRORS = {
    "slow": UNAVAILABLE,
    "limited": LIMITED,
    # An answer, and no silence: the host says that it does not give this to us.
    "403": (4, "UPSTREAM_FORBIDDEN"),
    "busy": LIMITED,
    "500": UNAVAILABLE,
    "refuses": UNAVAILABLE,
    "silence": UNAVAILABLE,
    "no-dns": UNAVAILABLE,
}
# Those that the origin plays for one repo, by the name of the fault.
FAULTS = {
    "slow": "drip-headers",
    "limited": "limited",
    "403": "403",
    "busy": "busy",
    "500": "500",
    "silence": "silence",
}
# The states of hosts that do not answer: with time-outs that let them end soon.
MUTE = ["slow", "silence"]
HURRIED = 'connect_timeout = "2s"\nstall_timeout = "2s"\n[refs]\ntimeout = "2s"\n'
TTL = {"within": "1h", "past": "0s"}
HUB = {"hubconf.py": "def one(): pass\n"}


class Row(NamedTuple):
    network: str
    cached: str
    time: str
    state: str

    @property
    def repo(self) -> str:
        return "o/" + "-".join(self)


class End(NamedTuple):
    """How a row's call ended, and what it asked of the host."""

    code: int
    document: Any
    refs_asked: int
    archives_asked: int
    # Of the same call, made again for people where the first one succeeded.
    warnings: list[str]


def table() -> dict[Row, str]:
    head, *lines = TABLE.strip().splitlines()
    states = head.split()[3:]
    rows = {}
    for line in lines:
        network, cached, time, *ends = line.split()
        for state, end in zip(states, ends, strict=True):
            rows[Row(network, cached, time, state)] = end
    return rows


ROWS = table()


@pytest.fixture(scope="module")
def ends() -> Iterator[dict[Row, End]]:
    with Origin() as origin:
        machine = start_machine("user", origin)
        try:
            prepare(machine, origin)
            yield ask(machine, origin, "within") | ask(machine, origin, "past")
        finally:
            machine.close()


def prepare(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "source", HUB)
    origin.add_repo("o", "source", {**HUB, "more": ""}, branch="other")
    source = origin.repo_path("o", "source")

    def prepare_one(row: Row) -> None:
        owner, _, name = row.repo.partition("/")
        origin.clone_repo(owner, name, source)
        if row.cached != "nothing":
            branch = "main" if row.cached == "tree" else "other"
            machine.hubctl("load", f"{row.repo}:{branch}", "one")

    machine.daemon_pid()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(prepare_one, ROWS))


def ask(machine: Machine, origin: Origin, time: str) -> dict[Row, End]:
    """The ends of all rows of one time, whose daemon knows of the refs from disk."""
    ttl = f'ttl = "{TTL[time]}"\n'
    machine.stop_daemon()
    machine.configure('[refs]\ntimeout = "60s"\n' + ttl)
    spoken = [state for state in FAULTS if state not in MUTE]
    ends = ask_all(machine, origin, time, ["up", *spoken])
    machine.stop_daemon()
    machine.configure(HURRIED + ttl)
    ends |= ask_all(machine, origin, time, MUTE)
    origin.stop()
    ends |= ask_all(machine, origin, time, ["refuses"])
    origin.start()
    machine.stop_daemon()
    # No resolver is asked: a part of a name has at most 63 bytes.
    here, nowhere = "github.com:443:127.0.0.1:", f"github.com:443:{'x' * 64}.invalid:"
    text = machine.config.read_text()
    assert here in text
    machine.config.write_text(text.replace(here, nowhere))
    return ends | ask_all(machine, origin, time, ["no-dns"])


def ask_all(
    machine: Machine, origin: Origin, time: str, states: list[str]
) -> dict[Row, End]:
    rows = [row for row in ROWS if row.time == time and row.state in states]
    machine.daemon_pid()
    with ThreadPoolExecutor(16) as pool:
        ends = pool.map(lambda row: ask_one(machine, origin, row), rows)
        return dict(zip(rows, ends, strict=True))


def ask_one(machine: Machine, origin: Origin, row: Row) -> End:
    load = [*(["--offline"] if row.network == "offline" else []), "load", row.repo]
    before = asked(origin, row)
    with ExitStack() as stack:
        if row.state in FAULTS:
            fault = origin.fault(FAULTS[row.state], "github.com", f"/{row.repo}/")
            stack.enter_context(fault)
        done = machine.hubctl("--json", *load, "one", code=None)
        after = asked(origin, row)
        told = ""
        if done.returncode == 0:
            told = machine.hubctl(*load, "one").stderr
    return End(
        code=done.returncode,
        document=json.loads(done.stdout),
        refs_asked=after[0] - before[0],
        archives_asked=after[1] - before[1],
        warnings=[line for line in told.splitlines() if "warning" in line],
    )


def asked(origin: Origin, row: Row) -> tuple[int, int]:
    """How often its refs and its archives were asked for."""
    top = f"/{row.repo}/"
    refs = origin.count("github.com", f"{top}info/refs")
    return refs, origin.count("github.com", f"{top}archive/")


@pytest.mark.parametrize("row", ROWS, ids="-".join)
def test_who_says_where_a_ref_points(ends: dict[Row, End], row: Row) -> None:
    end = ends[row]
    expected = ROWS[row]
    if expected == "error":
        assert (end.code, end.document["error"]["reason"]) == ERRORS[row.state], end
        assert row.repo in end.document["error"]["message"]
    elif expected == "miss":
        error = end.document["error"]
        assert (end.code, error["reason"]) == (6, "OFFLINE_MISS"), end
        there = "nothing of that repo" if row.cached == "nothing" else ": other ("
        assert there in error["message"]
    else:
        tree = end.document["tree"]
        assert end.code == 0
        assert tree["ref"] == "main"
        is_stale = expected == "stale"
        assert (int(tree["stale_for_seconds"]) > 0) == is_stale, tree
        assert len(tree.get("warnings", ())) == len(end.warnings) == is_stale, end
    within = row.time == "within" and row.cached != "nothing"
    quiet = expected in ("cached", "miss")
    heard = row.state not in ("refuses", "no-dns")
    assert end.refs_asked == (heard and not within and not quiet), end
    if quiet or expected == "stale":
        assert end.archives_asked == 0, end
    if expected == "fresh":
        assert end.archives_asked == (row.cached != "tree"), end
