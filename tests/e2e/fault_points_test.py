"""The daemon ended by SIGKILL in front of each step of a cold load.

Steps are its calls that change files or talk to git. Those that make something
visible or lasting are tried one by one, of the many others some of each kind; all of
them if HUBD_TEST_LONG is set.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.fault_points import FaultPoints, Step, kind
from tests.e2e.machine import Machine
from tests.e2e.processes import kill_all, wait_for_end, wait_gone
from tests.origin import Executable, Origin, SymlinkTo

HOST = "git.example.org"
FILES: dict[str, str | bytes | Executable | SymlinkTo] = {
    "hubconf.py": "def one(): pass\n",
    "a/b/model.py": "x = 1\n",
    "a/data": os.urandom(300_000),
    "run.sh": Executable("#!/bin/sh\n"),
    "link": SymlinkTo("run.sh"),
}
CONTENT = {
    "hubconf.py": b"def one(): pass\n",
    "a/b/model.py": b"x = 1\n",
    "a/data": FILES["a/data"],
    "run.sh": b"#!/bin/sh\n",
    "link": "run.sh",
}
DECIDING = {"rename", "fsync", "syncfs", "fdatasync", "spawn"}
# Of every other kind so many, evenly apart.
SOME = 2


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST]) as running:
        yield running


class Case:
    """A load of FILES that is done again and again, each time into an empty root."""

    def __init__(self, machine: Machine, repo: str) -> None:
        self._machine = machine
        self._repo = repo
        self.by_git = repo.startswith(HOST)
        self._roots = 0
        self._points = FaultPoints(machine)

    def steps(self) -> tuple[list[str], Any]:
        """What an undisturbed load does, and its tree."""
        self._begin()
        self._points.note_steps()
        tree = self._load()
        steps = self._points.stop()
        self._machine.kill_daemon()
        return steps, tree

    def check(self, step: Step, good: Any) -> bool:
        """Ends a daemon before that step of a load, and looks at what is left; then
        the next daemon must give the tree `good`. False where the load was over
        without that step."""
        pid = self._begin()
        handle = os.pidfd_open(pid)
        self._points.end_before(*step)
        done = self._machine.hubctl(
            "load", self._repo, "one", code=None, HUBD_AUTOSTART="0"
        )
        missed = self._points.stop()
        kill_all([pid])
        wait_for_end(handle)
        os.close(handle)
        assert missed or done.returncode == 0, done.stderr
        self._check_what_is_left(published=done.returncode == 0)
        tree = self._load()
        assert tree["cached"] or not done.returncode == 0
        assert (tree["commit"], tree["digest"]) == (good["commit"], good["digest"])
        assert content(Path(tree["path"])) == CONTENT
        self._machine.kill_daemon()
        return bool(missed)

    def _check_what_is_left(self, published: bool) -> None:
        root = self._machine.root
        wait_gone(*gits_below(root))
        # By the disk alone: what is visible is whole, what is recorded is there.
        assert all(content(tree) == CONTENT for tree in self._trees())
        assert len(self._records()) <= len(self._trees())
        assert len(self._trees()) == 1 or not published
        # By the next daemon.
        listed = self._machine.json("cache", "ls").get("trees", [])
        assert [Path(tree["path"]) for tree in listed] == self._trees()
        assert len(listed) == 1 or not published
        assert len(self._records()) == len(listed)
        assert not list(self._machine.store("tmp").iterdir())
        assert not list(self._machine.store("records").rglob("*.tmp"))
        if listed:
            self._machine.hubctl("cache", "verify")

    def _begin(self) -> int:
        self._roots += 1
        self._machine.root = self._machine.home / f"root{self._roots}"
        return self._machine.daemon_pid()

    def _load(self) -> Any:
        return self._machine.json("load", self._repo, "one")["tree"]

    def _trees(self) -> list[Path]:
        return list(self._machine.store("trees").glob("*/*/*/*"))

    def _records(self) -> list[Path]:
        records = self._machine.store("records/tree").iterdir()
        return [record for record in records if not record.suffix]


def content(tree: Path) -> dict[str, str | bytes]:
    return {
        str(path.relative_to(tree)): os.readlink(path)
        if path.is_symlink()
        else path.read_bytes()
        for path in tree.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }


def gits_below(root: Path) -> list[int]:
    """The gits that work below `root`, whosever children they are by now."""
    mark = b"GIT_DIR=" + os.fsencode(root) + b"/"
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (process / "environ").read_bytes():
                found.append(int(process.name))
        except OSError:
            continue
    return found


def is_chance(step: Step) -> bool:
    """Whether there may be fewer of the kind the next time: of the pieces that come
    from the host and from git, lines of the log, rows that are written together."""
    own = step.part.startswith(("/store/tmp", "/store/trees", "/store/records/"))
    return step.call not in DECIDING or not own


def chosen(steps: list[str]) -> list[Step]:
    """Which steps to try."""
    some = []
    for (call, part), count in Counter(map(kind, steps)).items():
        if call in DECIDING or os.environ.get("HUBD_TEST_LONG"):
            numbers = range(1, count + 1)
        else:
            numbers = range(1, count + 1, -(-count // SOME))
        some += [Step(call, part, number) for number in numbers]
    return some


@pytest.fixture(params=["archive", "git", "find-commit"])
def case(machine: Machine, origin: Origin, request: pytest.FixtureRequest) -> Case:
    # Time decides nothing.
    machine.configure('[refs]\ntimeout = "1m"\n')
    older = origin.add_repo("o", "r", FILES)
    if request.param == "find-commit":
        # On no tip: it is looked for in the history.
        origin.add_repo("o", "r", {**FILES, "more": ""})
        return Case(machine, f"{HOST}/o/r:{older[:10]}")
    return Case(machine, {"archive": "o/r", "git": f"{HOST}/o/r"}[request.param])


def test_before_each_step(case: Case) -> None:
    steps, good = case.steps()
    for step in chosen(steps):
        try:
            met = case.check(step, good)
            assert met or is_chance(step), "it was not met"
        except AssertionError as error:
            error.add_note(f"ended before {step}")
            raise


def test_the_steps_are_seen(case: Case) -> None:
    """Without them nothing would be tried."""
    kinds = {kind(step) for step in case.steps()[0]}
    assert kinds >= {
        ("rename", "/store/records/ref"),
        ("openat2", "/store/tmp"),
        ("write", "/store/tmp"),
        ("symlinkat", "/store/tmp"),
        ("syncfs", "/store/tmp"),
        ("rename", "/store/trees"),
        ("fsync", "/store/trees"),
        ("chmod", "/store/trees"),
        ("rename", "/store/records/tree"),
        ("pwrite", "/store/index.sqlite3-wal"),
    }
    if case.by_git:
        assert kinds >= {("spawn", ""), ("send", ""), ("recv", ""), ("read", "")}


def test_what_is_named_is_on_the_disk_before(case: Case) -> None:
    """The order that a loss of power relies on."""
    steps, _ = case.steps()
    kinds = [kind(step) for step in steps]

    def only(call: str, part: str, within: str = "") -> int:
        (found,) = [
            number
            for number, step in enumerate(steps)
            if kinds[number] == (call, part) and within in step
        ]
        return found

    synced = only("syncfs", "/store/tmp")
    moved = only("rename", "/store/trees")
    parent = os.path.dirname(steps[moved].partition(" ")[2])
    recorded = only("rename", "/store/records/tree")
    order = [
        synced,
        moved,
        steps.index(f"fsync {parent}", moved),
        only("fsync", "/store/records/tree", ".tmp"),
        recorded,
        steps.index(
            f"fsync {os.path.dirname(steps[recorded].partition(' ')[2])}", recorded
        ),
    ]
    assert order == sorted(order), steps
    # Nothing is added to what was synced.
    staged = re.sub(r"^syncfs ", "", steps[synced])
    late = [step for step in steps[synced + 1 :] if f" {staged}/" in f"{step}/"]
    assert not late
