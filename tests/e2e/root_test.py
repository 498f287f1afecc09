"""A root that goes away, is held, is another's or of another version, and objects in
it that are not what they were."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.mounts import Mounts
from tests.origin import Origin

MODELS = "models.example.org"
DATA = b"weights of a model"
DIGEST = hashlib.sha256(DATA).hexdigest()


@contextmanager
def daemon(machine: Machine, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """hubd itself, serving the machine's root, once it is ready."""
    process = machine.start([machine.hubd, "--dir", machine.root, *arguments])
    assert process.stderr is not None
    for line in process.stderr:
        if "event=ready" in line:
            break
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def umount(machine: Machine, mounts: Mounts) -> None:
    mounts.detach(machine.root)


def remove(machine: Machine, mounts: Mounts) -> None:
    for entry in machine.root.iterdir():
        shutil.rmtree(entry)


def move_away(machine: Machine, mounts: Mounts) -> None:
    machine.store().rename(machine.root / "elsewhere")


@pytest.mark.parametrize("how", [umount, remove, move_away])
def test_a_root_that_goes_away_ends_the_daemon(
    machine: Machine,
    origin: Origin,
    mounts: Mounts,
    how: Callable[[Machine, Mounts], None],
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=8m")
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    with daemon(machine) as process:
        machine.hubctl("fetch", url)
        how(machine, mounts)
        assert process.wait(TIMEOUT) == 1
    # The next client gets a new daemon, on what is at the root's path then.
    path = Path(machine.hubctl("fetch", url).stdout.strip())
    assert path.read_bytes() == DATA
    assert machine.root in path.parents


def test_a_root_that_is_renamed_ends_the_daemon(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    with daemon(machine) as process:
        held = origin.hold(MODELS, "/m/a.bin", after=4)
        fetch = machine.start([machine.hubctl_path, "fetch", url])
        held.wait_reached()
        machine.root.rename(machine.home / "elsewhere")
        assert process.wait(TIMEOUT) == 1
        held.release()
        # The call that was under way is issued again, to a new daemon.
        output, errors = fetch.communicate(timeout=TIMEOUT)
    assert fetch.returncode == 0, errors
    assert Path(output.strip()).read_bytes() == DATA
    # The old root can be used again.
    machine.kill_daemon()
    shutil.rmtree(machine.root)
    (machine.home / "elsewhere").rename(machine.root)
    assert machine.json("cache", "ls")["checkpoints"] == []
    machine.hubctl("fetch", url)


def test_a_second_daemon_names_the_first(machine: Machine) -> None:
    link = machine.home / "link"
    link.symlink_to(machine.root)
    with daemon(machine) as first:
        address = machine.store("ADDRESS").read_text().strip()
        for root in (machine.root, link, link / "." / ".." / "root"):
            second = machine.run([machine.hubd, "--dir", root], code=1)
            for word in (f"pid {first.pid}", address, "--dir", str(machine.root)):
                assert word in second.stderr
        # The first one is not disturbed.
        assert machine.daemon_pid() == first.pid


def test_a_daemon_that_was_killed_holds_nothing(machine: Machine) -> None:
    with daemon(machine) as first:
        first.send_signal(signal.SIGKILL)
        first.wait(TIMEOUT)
    with daemon(machine) as second:
        assert machine.daemon_pid() == second.pid


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("7\n", ["version 7", "version 1", "newer hubd", "--dir"]),
        ("", ["holds no version", "move", "away"]),
        ("\0\xff garbage", ["holds no version", "move", "away"]),
        ("-1\n", ["holds no version", "move", "away"]),
        ("1" * 5000, ["holds no version", "move", "away"]),
    ],
    ids=["newer", "empty", "garbage", "negative", "long"],
)
def test_a_version_that_is_not_ours(
    machine: Machine, origin: Origin, version: str, words: list[str]
) -> None:
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    machine.hubctl("fetch", url)
    machine.stop_daemon()
    machine.store("VERSION").write_text(version)
    error = machine.json("status", code=3)["error"]["message"]
    for word in [str(machine.root), *words]:
        assert word in error
    # Nothing was touched.
    assert machine.store("VERSION").read_text() == version
    machine.store("VERSION").write_text("1\n")
    assert machine.json("cache", "ls")["checkpoints"][0]["url"] == url


def test_a_root_that_others_may_write(machine: Machine) -> None:
    machine.root.mkdir(mode=0o700)
    os.chown(machine.root, machine.uid, machine.uid)
    machine.root.chmod(0o770)
    error = machine.json("status", code=3)["error"]["message"]
    assert f"chmod go-w {machine.root}" in error
    machine.root.chmod(0o700)
    machine.hubctl("status")


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a root away")
def test_a_root_of_another_user(ordinary: Machine) -> None:
    ordinary.root.mkdir(mode=0o755)
    error = ordinary.json("status", code=3)["error"]["message"]
    for word in ("uid 0", f"chown {ordinary.uid} {ordinary.root}", "--dir"):
        assert word in error
    os.chown(ordinary.root, ordinary.uid, ordinary.uid)
    ordinary.hubctl("status")


def cut(blob: Path) -> None:
    os.truncate(blob, 3)


def grow(blob: Path) -> None:
    with blob.open("ab") as file:
        file.write(b"more")


def remove_blob(blob: Path) -> None:
    blob.unlink()


def directory(blob: Path) -> None:
    blob.unlink()
    (blob / "x").mkdir(parents=True)


def link(blob: Path) -> None:
    copy = blob.with_name("copy")
    blob.rename(copy)
    blob.symlink_to(copy)


def fifo(blob: Path) -> None:
    blob.unlink()
    os.mkfifo(blob)


STAT_SEES = [cut, grow, remove_blob, directory, link, fifo]


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_blob_that_stat_sees_is_another_is_fetched_again(
    machine: Machine, origin: Origin, restarted: bool
) -> None:
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    blob = Path(machine.hubctl("fetch", url).stdout.strip())
    for number, damage in enumerate(STAT_SEES):
        damage(blob)
        if restarted:
            machine.kill_daemon()
        assert machine.hubctl("fetch", url).stdout.strip() == str(blob)
        assert blob.is_file() and not blob.is_symlink(), damage
        assert blob.read_bytes() == DATA, damage
        assert origin.count(MODELS) == number + 2, damage
    assert not list(machine.store("tmp").iterdir())


def flip(blob: Path) -> None:
    """A byte, with the times as they were."""
    before = blob.stat()
    blob.chmod(0o644)
    with blob.open("r+b") as file:
        file.write(b"W")
    blob.chmod(0o444)
    os.utime(blob, ns=(before.st_atime_ns, before.st_mtime_ns))


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
def test_a_flipped_byte_is_never_given_to_who_names_the_hash(
    machine: Machine, origin: Origin, restarted: bool
) -> None:
    plain = origin.add_file(MODELS, "/m/a.bin", DATA)
    named = origin.add_file(MODELS, f"/m/a-{DIGEST[:8]}.bin", DATA)
    for url, arguments in (
        (plain, ["--sha256", DIGEST]),
        (plain, ["--sha256", DIGEST, "--refresh"]),
        (named, []),
    ):
        blob = Path(machine.hubctl("fetch", url).stdout.strip())
        flip(blob)
        if restarted:
            machine.kill_daemon()
        machine.hubctl("fetch", url, *arguments)
        assert blob.read_bytes() == DATA, (url, arguments)
        # Once looked at, nothing is asked for again.
        asked = origin.count(MODELS)
        machine.hubctl("fetch", named)
        machine.hubctl("fetch", url, "--sha256", DIGEST)
        assert origin.count(MODELS) <= asked + 1
    flip(blob)
    if restarted:
        machine.kill_daemon()
    offline = ["--offline", "fetch", plain, "--sha256", DIGEST]
    error = machine.json(*offline, code=7)["error"]
    assert error["reason"] == "DIGEST_MISMATCH"
    for word in (plain, "damaged", "with the network"):
        assert word in error["message"]
    machine.json(*offline, code=6)
    assert Path(machine.hubctl("fetch", plain).stdout.strip()).read_bytes() == DATA


def test_a_tree_that_is_gone_or_no_directory_is_fetched_again(
    machine: Machine, origin: Origin
) -> None:
    tree = Path(machine.json("load", "hubd/sample", "tiny")["tree"]["path"])
    subprocess.run(["chmod", "-R", "u+w", tree], check=True)
    shutil.rmtree(tree)
    machine.hubctl("load", "hubd/sample", "tiny")
    assert (tree / "hubconf.py").is_file()
    subprocess.run(["chmod", "-R", "u+w", tree], check=True)
    shutil.rmtree(tree)
    tree.write_text("no tree")
    machine.hubctl("load", "hubd/sample", "tiny")
    assert (tree / "hubconf.py").is_file()
    assert not list(machine.store("tmp").iterdir())


def rewrite(record: Path, change: dict[str, object]) -> None:
    record.write_text(json.dumps({**json.loads(record.read_text()), **change}))


def directory_in_its_place(record: Path) -> None:
    record.unlink()
    (record / "x").mkdir(parents=True)


RECORD_DAMAGES: dict[str, Callable[[Path], object]] = {
    "cut": lambda record: os.truncate(record, 20),
    "garbage": lambda record: record.write_bytes(b"\0\xff" * 300),
    "of-another": lambda record: rewrite(record, {"url": "https://h/other"}),
    "outside": lambda record: rewrite(record, {"sha256": "../../../VERSION"}),
    "removed": lambda record: record.unlink(),
    "directory": directory_in_its_place,
}


@pytest.mark.parametrize("without_index", [False, True], ids=["row", "no-row"])
def test_a_record_that_is_none_costs_a_fetch_at_most(
    machine: Machine, origin: Origin, without_index: bool
) -> None:
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    other = origin.add_file(MODELS, "/m/b.bin", b"other")
    machine.hubctl("fetch", url)
    machine.hubctl("fetch", other)
    folder = machine.store("records", "checkpoint")
    (record,) = (path for path in folder.iterdir() if url in path.read_text())
    for name, damage in RECORD_DAMAGES.items():
        machine.stop_daemon()
        damage(record)
        if without_index:
            machine.store("index.sqlite3").unlink()
        path = Path(machine.hubctl("fetch", url, "--refresh").stdout.strip())
        assert path.read_bytes() == DATA, name
        machine.hubctl("--offline", "fetch", other)
        urls = {entry["url"] for entry in machine.json("cache", "ls")["checkpoints"]}
        assert urls == {url, other}, name
        # One whose row is whole is left as it is: a fresh one for the next round.
        machine.stop_daemon()
        record.unlink()
        machine.hubctl("fetch", url)
    assert machine.store("VERSION").read_text() == "1\n"


def test_a_record_that_cannot_be_read_loses_no_object(
    ordinary: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    ordinary.hubctl("fetch", url)
    (record,) = ordinary.store("records", "checkpoint").iterdir()
    ordinary.stop_daemon()
    record.chmod(0)
    ordinary.store("index.sqlite3").unlink()
    ordinary.json("--offline", "fetch", url, code=6)
    ordinary.stop_daemon()
    record.chmod(0o600)
    path = Path(ordinary.hubctl("--offline", "fetch", url).stdout.strip())
    assert path.read_bytes() == DATA


@pytest.mark.skipif(os.getuid() != 0, reason="needs a file that its user cannot remove")
def test_what_cannot_be_removed_from_tmp_is_in_nobodys_way(
    ordinary: Machine, origin: Origin
) -> None:
    ordinary.stop_daemon()
    stuck = ordinary.store("tmp", "stuck")
    stuck.mkdir(mode=0o755)
    (stuck / "file").touch()
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    ordinary.hubctl("fetch", url)
    assert str(stuck) in ordinary.store("log").read_text()
    shutil.rmtree(stuck)


def test_a_clock_that_was_set_back(machine: Machine, origin: Origin) -> None:
    machine.configure('[refs]\nttl = "1h"\n')
    machine.hubctl("load", "hubd/sample", "tiny")
    machine.stop_daemon()
    # As if the answer about the refs had been kept a year ahead of now.
    (record,) = machine.store("records", "ref").iterdir()
    kept = json.loads(record.read_text())
    year, rest = kept["asked_at"].split("-", 1)
    # No 29th of February, which the next year has not.
    kept["asked_at"] = f"{int(year) + 1}-{rest.replace('02-29', '02-28', 1)}"
    ahead = json.dumps(kept)
    record.write_text(ahead)
    machine.store("index.sqlite3").unlink()
    # It says nothing of its age, so the host is asked.
    asked = origin.count("github.com")
    machine.hubctl("load", "hubd/sample", "tiny")
    assert origin.count("github.com") > asked
    machine.stop_daemon()
    record.write_text(ahead)
    machine.store("index.sqlite3").unlink()
    origin.stop()
    loaded = machine.json("load", "hubd/sample", "tiny")
    assert int(loaded["tree"].get("stale_for_seconds", 0)) >= 0
    assert loaded["tree"]["warnings"]
    origin.start()


def test_the_daemon_lives_on_when_others_hold_files_open(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/a.bin", DATA)
    blob = Path(machine.hubctl("fetch", url).stdout.strip())
    with blob.open("rb") as held:
        flip(blob)
        pid = machine.daemon_pid()
        machine.hubctl("fetch", url, "--sha256", DIGEST)
        # Who has the old file open keeps it.
        assert held.read() == b"W" + DATA[1:]
        assert blob.read_bytes() == DATA
        assert machine.daemon_pid() == pid
