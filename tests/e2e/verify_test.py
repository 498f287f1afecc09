"""hubctl cache verify: what is damaged in the store is found, named and removed, and
the next call fetches it anew."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import Jobs, has_idle_io, thread_seconds, wait_jobs
from tests.origin import Origin, SymlinkTo

MODELS = "models.example.org"
FILES: dict[str, str | SymlinkTo] = {
    "hubconf.py": "def one(): pass\n",
    "link": SymlinkTo("hubconf.py"),
}


def load(machine: Machine) -> Any:
    return machine.json("load", "o/r", "one")["tree"]


def verify(machine: Machine, *arguments: str, code: int) -> list[Any]:
    done = machine.hubctl("--json", "cache", "verify", *arguments, code=code)
    return [json.loads(line) for line in done.stdout.splitlines()]


def edited(tree: Path) -> None:
    (tree / "hubconf.py").chmod(0o644)
    (tree / "hubconf.py").write_text("def two(): pass\n")


def added(tree: Path) -> None:
    tree.chmod(0o755)
    (tree / "more.py").write_text("")


def removed(tree: Path) -> None:
    tree.chmod(0o755)
    (tree / "hubconf.py").unlink()


def executable(tree: Path) -> None:
    (tree / "hubconf.py").chmod(0o555)


def retargeted(tree: Path) -> None:
    tree.chmod(0o755)
    (tree / "link").unlink()
    (tree / "link").symlink_to("/etc/passwd")


@pytest.mark.parametrize("damage", [edited, added, removed, executable, retargeted])
def test_a_changed_tree(
    machine: Machine, origin: Origin, damage: Callable[[Path], None]
) -> None:
    origin.add_repo("o", "r", FILES)
    tree = load(machine)
    assert verify(machine, code=0)[-1]["trees"] == "1"
    damage(Path(tree["path"]))
    found, summary = verify(machine, "o/r", code=7)
    assert found["kind"] == "tree"
    assert found["name"] == f"github.com/o/r at {tree['commit']}"
    assert found["expected"] == tree["digest"] != found["actual"]
    assert found["removed"]
    assert summary["complete"]
    # Gone, and had anew.
    assert not machine.json("cache", "ls")["trees"]
    again = load(machine)
    assert not again["cached"]
    assert again["digest"] == tree["digest"]
    assert verify(machine, code=0)[-1]["trees"] == "1"


def test_a_changed_tree_of_an_ordinary_user(ordinary: Machine, origin: Origin) -> None:
    origin.add_repo("o", "r", FILES)
    tree = load(ordinary)
    removed(Path(tree["path"]))
    found, _ = verify(ordinary, code=7)
    assert found["removed"]
    assert not Path(tree["path"]).exists()
    assert not list(ordinary.store("tmp").iterdir())
    assert load(ordinary)["digest"] == tree["digest"]


def test_a_flipped_byte_in_a_blob(machine: Machine, origin: Origin) -> None:
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    path = Path(machine.hubctl("fetch", url).stdout.strip())
    path.chmod(0o644)
    path.write_bytes(b"weightS")
    done = machine.hubctl("cache", "verify", code=7)
    assert url in done.stdout
    assert str(path) in done.stdout
    assert not path.exists()
    assert machine.hubctl("fetch", url).stdout.strip() == str(path)
    assert path.read_bytes() == b"weights"
    assert "nothing is damaged" in machine.hubctl("cache", "verify").stdout


def has_hashed(jobs: Jobs) -> bool:
    return any(int(job["progress"]["done_bytes"]) > 1 << 30 for job in jobs)


def test_hashing_gives_way_to_everybody_else_s_reading(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    path = Path(machine.hubctl("fetch", url).stdout.strip())
    path.chmod(0o644)
    # Nobody sees the end of it.
    os.truncate(path, 1 << 36)
    pid = machine.daemon_pid()
    before = thread_seconds(pid)
    assert not any(map(has_idle_io, before))
    run = machine.start([machine.hubctl_path, "cache", "verify"])
    wait_jobs(machine, has_hashed, "a gigabyte is hashed")
    busy = [
        thread
        for thread, seconds in thread_seconds(pid).items()
        if seconds - before.get(thread, 0) > 0.2
    ]
    assert busy and all(map(has_idle_io, busy))
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=TIMEOUT)
    assert run.returncode == 130
    # Whoever uses the thread next has the priority that all have. The next one
    # begins when this one has ended.
    os.truncate(path, len(b"weights"))
    machine.hubctl("cache", "verify")
    assert not any(map(has_idle_io, thread_seconds(pid)))
    assert machine.daemon_pid() == pid


def test_the_digest_tells_the_files_and_nothing_else(
    machine: Machine, origin: Origin
) -> None:
    machine.configure('[refs]\nttl = "0s"\n')
    origin.add_repo("o", "r", FILES)
    tree = load(machine)
    assert machine.json("cache", "ls")["trees"][0]["digest"] == tree["digest"]
    os.utime(Path(tree["path"], "hubconf.py"), (1, 1))
    assert verify(machine, code=0)
    origin.add_repo("o", "r", {**FILES, "hubconf.py": "def two(): pass\n"})
    other = load(machine)
    assert other["commit"] != tree["commit"]
    assert other["digest"] != tree["digest"]
    # The same files by another commit.
    origin.add_repo("o", "r", FILES)
    assert load(machine)["digest"] == tree["digest"]


def test_what_is_not_cached_is_not_found(machine: Machine) -> None:
    error = machine.json("cache", "verify", "o/none", code=5)["error"]
    assert "github.com/o/none" in error["message"]


def repair(machine: Machine, *arguments: str, code: int) -> list[Any]:
    done = machine.hubctl("--json", "cache", "repair", *arguments, code=code)
    return [json.loads(line) for line in done.stdout.splitlines()]


def flipped(path: Path) -> None:
    path.chmod(0o644)
    data = bytearray(path.read_bytes())
    data[0] ^= 1
    path.write_bytes(data)


def test_what_is_damaged_is_repaired(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "r", FILES)
    tree = load(machine)
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    path = Path(machine.hubctl("fetch", url).stdout.strip())
    edited(Path(tree["path"]))
    flipped(path)
    *found, summary = repair(machine, code=0)
    assert [(one["kind"], one["repaired"]) for one in found] == [
        ("tree", True),
        ("blob", True),
    ]
    assert (summary["trees"], summary["blobs"]) == ("1", "1")
    assert path.read_bytes() == b"weights"
    again = load(machine)
    assert again["cached"]
    assert again["digest"] == tree["digest"]
    assert "nothing is damaged" in machine.hubctl("cache", "repair").stdout


def test_what_cannot_be_had_again_is_told_with_its_reason(
    machine: Machine, origin: Origin
) -> None:
    kept = origin.add_file(MODELS, "/m/kept.bin", b"kept")
    changed = origin.add_file(MODELS, "/m/changed.bin", b"before")
    for url in (kept, changed):
        flipped(Path(machine.hubctl("fetch", url).stdout.strip()))
    origin.add_file(MODELS, "/m/changed.bin", b"after")
    *found, _ = repair(machine, code=7)
    by_name = {one["name"]: one for one in found}
    assert by_name[kept]["repaired"]
    assert not by_name[changed]["repaired"]
    assert "whether the origin has changed the file" in by_name[changed]["unrepaired"]
    # What stays damaged is gone, so that nothing is damaged any more.
    assert "nothing is damaged" in machine.hubctl("cache", "verify").stdout


# Told to end, it still tells what it has done; killed, it cannot.
@pytest.mark.parametrize(
    "how, code, told",
    [
        (signal.SIGTERM, 7, "removed and not fetched again"),
        (signal.SIGKILL, 1, "run it again"),
    ],
)
def test_a_repair_whose_daemon_ends_does_not_say_that_nothing_is_damaged(
    machine: Machine, origin: Origin, how: signal.Signals, code: int, told: str
) -> None:
    machine.configure('[daemon]\ndrain_timeout = "1s"\n')
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    flipped(Path(machine.hubctl("fetch", url).stdout.strip()))
    with origin.hold(MODELS, "/m/weights.bin", after=0) as gate:
        run = machine.start([machine.hubctl_path, "cache", "repair"])
        gate.wait_reached()
        machine.kill_daemon(how)
        out, errors = run.communicate(timeout=TIMEOUT)
    assert run.returncode == code
    assert told in out + errors


def test_a_quick_look_survives_the_daemon_and_sees_every_change(
    machine: Machine, origin: Origin
) -> None:
    origin.add_repo("o", "r", FILES)
    tree = load(machine)
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    path = Path(machine.hubctl("fetch", url).stdout.strip())
    machine.hubctl("cache", "verify")
    machine.stop_daemon()
    (summary,) = verify(machine, "--quick", code=0)
    assert (summary["unchanged"], summary["bytes"]) == ("2", "0")
    times = path.stat()
    flipped(path)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    edited(Path(tree["path"]))
    *found, summary = verify(machine, "--quick", code=7)
    assert len(found) == 2
    assert summary["unchanged"] == "0"


def test_a_private_tree_is_repaired_for_who_may_have_it(
    machine: Machine, origin: Origin
) -> None:
    origin.add_repo("o", "r", FILES)
    tree = load(machine)
    origin.make_private("o", "r", "x-access-token:secret")
    edited(Path(tree["path"]))
    found, _ = repair(machine, "o/r", code=7)
    assert not found["repaired"]
    assert "GITHUB_TOKEN" in found["unrepaired"]
    token = {"GITHUB_TOKEN": "secret"}
    machine.hubctl("load", "o/r", "one", code=0, **token)
    edited(Path(tree["path"]))
    done = machine.hubctl("cache", "repair", "o/r", code=0, **token)
    assert done.stdout.startswith("repaired: tree github.com/o/r")
