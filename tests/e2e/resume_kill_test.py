"""The daemon ended by SIGKILL in front of each step of a download, whatever had
come of it before; the next daemon goes on.

Of the cases and steps some are tried always, all if HUBD_TEST_LONG is set.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.fault_points import FaultPoints, Step, kind
from tests.e2e.machine import Machine
from tests.e2e.processes import kill_all, wait_for_end
from tests.origin import Origin

HOST = "models.example.org"
PART = 2 << 20
# Five parts and a short one.
SIZE = 5 * PART + 5
# The ledger is written in the middle, too.
LONG = 18 * PART + 5
ETAG = '"of all ranges none"'
# The steps that make something lasting or visible: each one, in each case.
DECIDING = {
    ("fdatasync", "/store/partial"),
    ("rename", "/store/partial"),
    ("rename", "/store/blobs"),
    ("fsync", "/store/blobs"),
    ("rename", "/store/records/checkpoint"),
}
# In these cases every other step, too.
THOROUGH = {"none", "good"}


@pytest.fixture(scope="module")
def weights() -> bytes:
    return os.urandom(SIZE)


class Partial:
    """A download's bytes and ledger on the disk, as somebody leaves them."""

    def __init__(self, store: Path) -> None:
        (self._directory,) = store.glob("*")
        self._data = self._directory / "data"
        self._ledger = self._directory / "ledger"

    def keep(self, parts: set[int]) -> None:
        """Only these are named, and the data ends with them."""
        ledger = json.loads(self._ledger.read_text())
        ledger["parts"] = {n: c for n, c in ledger["parts"].items() if int(n) in parts}
        self._ledger.write_text(json.dumps(ledger))
        end = min(self._data.stat().st_size, (max(parts) + 1) * PART)
        os.truncate(self._data, end)

    def lengthen(self) -> None:
        with self._data.open("ab") as data:
            data.truncate(SIZE)
            data.seek(SIZE)
            data.write(b"behind the end" * 100_000)

    def spoil(self, part: int) -> None:
        with self._data.open("r+b") as data:
            data.seek(part * PART + 12345)
            data.write(b"not these")

    def cut_below_a_part(self) -> None:
        self._ledger.unlink()
        os.truncate(self._data, PART // 3)

    def good_parts(self, body: bytes) -> set[int]:
        """Those that the ledger names, and that are there as in `body`."""
        if not self._ledger.exists() or not self._data.exists():
            return set()
        data = self._data.read_bytes()
        named = map(int, json.loads(self._ledger.read_text())["parts"])
        return {part for part in named if of(body, part) == of(data[: len(body)], part)}


def of(data: bytes, part: int) -> bytes:
    return data[part * PART : (part + 1) * PART]


class Before(NamedTuple):
    """What is there when somebody asks."""

    # What the ledger names; none: there is no partial.
    named: set[int]
    # What of it is right.
    good: set[int]
    damage: Callable[[Partial], None] = lambda partial: None
    lost_ranges: bool = False
    changed: bool = False


BEFORE = {
    "none": Before(set(), set()),
    "good": Before({0, 1}, {0, 1}),
    "corrupt": Before({0, 1}, {0}, lambda partial: partial.spoil(1)),
    "longer": Before({0, 1}, {0, 1}, Partial.lengthen),
    "unpublished": Before(set(range(6)), set(range(6))),
    "below-a-part": Before({0}, set(), Partial.cut_below_a_part),
    "lost-ranges": Before({0, 1}, set(), lost_ranges=True),
    "changed": Before({0, 1}, set(), changed=True),
}


class Case:
    """A fetch that is done again and again, each time into a root of its own."""

    def __init__(
        self, machine: Machine, origin: Origin, weights: bytes, before: Before
    ) -> None:
        machine.configure("connections_per_object = 1\n")
        self._machine = machine
        self._origin = origin
        self._before = before
        self._body = weights
        self._url = origin.add_file(HOST, "/w", weights)
        self._roots = 0
        self._points = FaultPoints(machine)
        self._template = machine.top / "partial"
        self._leave_all()
        if before.changed:
            self._body = weights[::-1]
            origin.add_file(HOST, "/w", self._body)
        if before.lost_ranges:
            origin.respond(HOST, "/w", 200, {"ETag": ETAG}, weights)

    def steps(self) -> list[str]:
        """What an undisturbed fetch does."""
        self._begin()
        self._points.note_steps()
        self._fetch()
        steps = self._points.stop()
        self._check_end()
        self._machine.kill_daemon()
        return steps

    def check(self, step: Step) -> bool:
        """Ends a daemon before that step; False where the fetch was over without."""
        pid = self._begin()
        self._end_before(step, pid)
        missed = bool(self._points.stop())
        self._check_asked(self._before.good)
        good = self._look_at_what_is_left()
        published = len(self._records()) == 1
        self._origin.reset_counters()
        self._fetch()
        self._check_asked(good)
        assert bool(self._asked()) != published
        self._check_end()
        self._machine.kill_daemon()
        return missed

    def check_same_client(self, step: Step) -> None:
        """The client that was waiting has its answer of the next daemon."""
        self._begin()
        self._points.end_before(*step)
        self._fetch()
        assert self._points.stop(), "it was not met"
        self._check_end()
        self._machine.kill_daemon()

    def _leave_all(self) -> None:
        """A partial whose ledger names every part, as a template."""
        pid = self._begin()
        self._end_before(Step("rename", "/store/blobs", 1), pid)
        assert self._points.stop()
        shutil.copytree(self._machine.store("partial"), self._template)
        assert Partial(self._template).good_parts(self._body) == self._all_parts()

    def _end_before(self, step: Step, pid: int) -> None:
        handle = os.pidfd_open(pid)
        self._points.end_before(*step)
        self._machine.hubctl("fetch", self._url, code=None, HUBD_AUTOSTART="0")
        kill_all([pid])
        wait_for_end(handle)
        os.close(handle)

    def _begin(self) -> int:
        if self._roots:
            shutil.rmtree(self._machine.root)
        self._roots += 1
        self._machine.root = self._machine.home / f"root{self._roots}"
        pid = self._machine.daemon_pid()
        if self._before.named and self._template.exists():
            place = self._machine.store("partial")
            shutil.copytree(self._template, place, dirs_exist_ok=True)
            partial = Partial(place)
            partial.keep(self._before.named)
            self._before.damage(partial)
        self._origin.reset_counters()
        return pid

    def _fetch(self) -> None:
        path = Path(self._machine.hubctl("fetch", self._url).stdout.strip())
        assert path.read_bytes() == self._body

    def _asked(self) -> list[range]:
        """Bytes that were asked for."""
        wanted = [
            seen.headers.get("range", f"bytes=0-{len(self._body) - 1}")
            for seen in self._origin.requests
        ]
        ends = [map(int, each[len("bytes=") :].split("-")) for each in wanted]
        return [range(first, min(last + 1, len(self._body))) for first, last in ends]

    def _all_parts(self) -> set[int]:
        return set(range(-(-len(self._body) // PART)))

    def _check_asked(self, good: set[int]) -> None:
        """None of what was there; the last part shows that it is the same object."""
        if self._before.lost_ranges:
            return
        parts = {
            part
            for asked in self._asked()
            for part in range(asked.start // PART, (asked.stop - 1) // PART + 1)
        }
        assert not parts & (good - {max(self._all_parts())}), self._asked()

    def _look_at_what_is_left(self) -> set[int]:
        """By the disk alone: what is visible is whole, what is recorded is there.
        Returns the parts that need not come again."""
        blobs = self._blobs()
        assert all(blob.read_bytes() == self._body for blob in blobs)
        assert len(self._records()) <= len(blobs) <= 1
        # Without a record a blob goes back to its partial.
        if blobs:
            return self._all_parts()
        partials = list(self._machine.store("partial").iterdir())
        return Partial(partials[0].parent).good_parts(self._body) if partials else set()

    def _check_end(self) -> None:
        """It is published once, and there is nothing else."""
        assert len(self._blobs()) == 1
        assert len(self._records()) == 1
        assert len(self._machine.json("cache", "ls")["checkpoints"]) == 1
        for part in ("partial", "tmp"):
            assert not list(self._machine.store(part).iterdir())
        assert not list(self._machine.store("records").rglob("*.tmp"))

    def _blobs(self) -> list[Path]:
        blobs = self._machine.store("blobs").rglob("*")
        return [blob for blob in blobs if blob.is_file()]

    def _records(self) -> list[Path]:
        records = self._machine.store("records").rglob("*")
        return [each for each in records if each.is_file() and not each.suffix]


def chosen(name: str, steps: list[str]) -> list[Step]:
    """Which steps to try: of those of a kind the first, the middle one and the
    last, or all."""
    some = []
    for (call, part), count in Counter(map(kind, steps)).items():
        numbers = {1, count // 2 + 1, count}
        if os.environ.get("HUBD_TEST_LONG"):
            numbers |= set(range(1, min(count, 20) + 1))
        elif (call, part) not in DECIDING and name not in THOROUGH:
            continue
        some += [Step(call, part, number) for number in sorted(numbers)]
    return some


@pytest.fixture(params=BEFORE)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def case(name: str, machine: Machine, origin: Origin, weights: bytes) -> Case:
    return Case(machine, origin, weights, BEFORE[name])


def test_before_each_step(case: Case, name: str) -> None:
    for step in chosen(name, case.steps()):
        try:
            met = case.check(step)
            # Pieces come from the host, and rows together, as it happens.
            assert met or step.call in ("pwrite", "write"), "it was not met"
        except AssertionError as error:
            error.add_note(f"ended before {step}")
            raise


@pytest.mark.parametrize("step", [Step(*kind, 1) for kind in sorted(DECIDING)])
def test_the_same_client_has_its_answer_of_the_next_daemon(
    machine: Machine, origin: Origin, weights: bytes, step: Step
) -> None:
    Case(machine, origin, weights, BEFORE["good"]).check_same_client(step)


def test_before_each_step_of_a_ledger_in_the_middle(
    machine: Machine, origin: Origin
) -> None:
    case = Case(machine, origin, os.urandom(LONG), BEFORE["none"])
    # So that it is still the middle when the ledger is written.
    origin.limit_rate(12 * PART, HOST, "/w")
    for step in [
        Step("fdatasync", "/store/partial", 1),
        Step("fsync", "/store/partial", 2),
        Step("rename", "/store/partial", 1),
        Step("fsync", "/store/partial", 3),
        Step("rename", "/store/partial", 2),
    ]:
        assert case.check(step), step


def test_what_the_ledger_names_is_on_the_disk_before(
    machine: Machine, origin: Origin, weights: bytes
) -> None:
    """The order that a loss of power relies on."""
    steps = Case(machine, origin, weights, BEFORE["none"]).steps()
    # The folder, and one's own name in it.
    own = r"/store/partial/\w+"
    at = 0
    for wanted in [
        rf"pwrite .*{own}/data",
        rf"fdatasync .*{own}/data",
        r"fsync .*/store/partial",
        rf"write .*{own}/ledger.*\.tmp",
        rf"fsync .*{own}/ledger.*\.tmp",
        rf"rename .*{own}/ledger",
        rf"fsync .*{own}",
        rf"fsync .*{own}/data",
        r"rename .*/store/blobs/../\w+",
        r"fsync .*/store/blobs/..",
        r"write .*/store/records/checkpoint/\w+.*\.tmp",
        r"fsync .*/store/records/checkpoint/\w+.*\.tmp",
        r"rename .*/store/records/checkpoint/\w+",
        r"fsync .*/store/records/checkpoint",
        r"pwrite .*/store/index.sqlite3-wal",
        rf"unlinkat .*{own}/ledger",
    ]:
        later = [n for n in range(at, len(steps)) if re.fullmatch(wanted, steps[n])]
        assert later, f"no {wanted} behind {steps[:at][-3:]}"
        at = later[0] + 1
    # Nothing is added to what was synced.
    synced = next(n for n, step in enumerate(steps) if step.startswith("fdatasync"))
    late = steps[synced:]
    assert not [step for step in late if re.fullmatch(f"pwrite .*{own}/data", step)]
