"""A disk that is full, without inodes or read-only, and a limit to file sizes: each
call says so, nothing is left behind, and the next good call works."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.e2e.mounts import Mounts, fill
from tests.origin import Origin

MODELS = "models.example.org"
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
BIG = 8 << 20
UNPACK = """
import sys, hubd
try:
    print(hubd.Client().fetch_state_dict(sys.argv[1], unpack=True).path)
except hubd.HubdError as error:
    print(error.reason, error)
"""


def big_file(machine: Machine, origin: Origin) -> str:
    url = origin.add_file(MODELS, "/m/big.bin", os.urandom(BIG))
    return full(machine, "fetch", url)


def big_tree(machine: Machine, origin: Origin) -> str:
    origin.add_repo("o", "big", {"hubconf.py": "", "data": os.urandom(BIG)})
    return full(machine, "load", "o/big", "tiny")


def big_archive(machine: Machine, origin: Origin) -> str:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("weights", os.urandom(1 << 14) * (BIG >> 14))
    url = origin.add_file(MODELS, "/m/big.zip", packed.getvalue())
    program = [sys.executable, "-c", UNPACK, url]
    return machine.run(program, PYTHONPATH=PYCLIENT).stdout


def full(machine: Machine, *arguments: str) -> str:
    """Reason and message of a call that fails with exit 1."""
    error = machine.json(*arguments, code=1)["error"]
    return f"{error['reason']} {error['message']}"


def expect_disk_full(machine: Machine, said: str) -> None:
    assert "DISK_FULL" in said
    assert f"free space on the file system of {machine.root}" in said
    assert "--dir" in said
    assert not list(machine.store("tmp").iterdir())


def expect_works(machine: Machine, origin: Origin) -> None:
    url = origin.add_file(MODELS, "/m/small.bin", b"small")
    path = machine.hubctl("fetch", url).stdout.strip()
    assert Path(path).read_bytes() == b"small"
    machine.hubctl("load", "hubd/sample", "tiny")
    machine.hubctl("trust", "add", "hubd/sample")


def used_bytes(path: Path) -> int:
    disk = os.statvfs(path)
    return (disk.f_blocks - disk.f_bfree) * disk.f_bsize


@pytest.mark.parametrize("big", [big_file, big_tree, big_archive])
def test_what_does_not_fit(
    machine: Machine,
    origin: Origin,
    mounts: Mounts,
    big: Callable[[Machine, Origin], str],
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=4m")
    pid = machine.daemon_pid()
    expect_works(machine, origin)
    before = used_bytes(machine.root)
    expect_disk_full(machine, big(machine, origin))
    # The log of the index may have grown.
    assert used_bytes(machine.root) < before + (1 << 20)
    expect_works(machine, origin)
    assert machine.daemon_pid() == pid


def test_no_space_for_record_and_index(
    machine: Machine, origin: Origin, mounts: Mounts
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=4m")
    pid = machine.daemon_pid()
    fill(machine.root / "filler")
    # No bytes need no space, but their record does.
    empty = origin.add_file(MODELS, "/m/empty", b"")
    for number in range(400):
        done = machine.hubctl("--json", "trust", "add", f"o/r{number}", code=None)
        if done.returncode != 0:
            break
    # On a full disk what a user decides is still kept: there is a reserve for it.
    assert number >= 20
    expect_disk_full(machine, done.stdout)
    expect_disk_full(machine, full(machine, "fetch", "--any", empty))
    assert machine.json("cache", "ls").get("checkpoints", []) == []
    (machine.root / "filler").unlink()
    machine.hubctl("fetch", "--any", empty)
    expect_works(machine, origin)
    assert machine.daemon_pid() == pid
    machine.kill_daemon()
    expect_works(machine, origin)


def test_no_inodes(machine: Machine, origin: Origin, mounts: Mounts) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=16m,nr_inodes=60")
    pid = machine.daemon_pid()
    url = origin.add_file(MODELS, "/m/a.bin", b"bytes")
    fillers: list[Path] = []
    try:
        while True:
            fillers.append(machine.root / f"filler{len(fillers)}")
            fillers[-1].touch()
    except OSError:
        fillers.pop()
    expect_disk_full(machine, full(machine, "fetch", url))
    expect_disk_full(machine, full(machine, "load", "hubd/sample", "tiny"))
    # Enough for the staged file, not for all that follows.
    for _ in range(3):
        fillers.pop().unlink()
        done = machine.hubctl("--json", "fetch", url, code=None)
        if done.returncode != 0:
            expect_disk_full(machine, done.stdout)
    for filler in fillers:
        filler.unlink()
    expect_works(machine, origin)
    assert machine.daemon_pid() == pid


@pytest.mark.parametrize("inodes", [False, True], ids=["bytes", "inodes"])
def test_a_disk_that_is_full_at_the_start(
    machine: Machine, origin: Origin, mounts: Mounts, inodes: bool
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=4m,nr_inodes=60")
    expect_works(machine, origin)
    machine.kill_daemon()
    reserve = machine.store("reserve")
    if inodes:
        # It would give the one that is missing.
        reserve.unlink()
        try:
            for number in range(60):
                (machine.root / f"filler{number}").touch()
        except OSError:
            pass
    else:
        fill(machine.root / "filler")
        # The reserve is for a start, which can make room.
        assert machine.json("status")["usage_bytes"]
        machine.hubctl("cache", "prune", "--partials")
        machine.kill_daemon()
        reserve.unlink(missing_ok=True)
        fill(machine.root / "filler2")
    error = machine.json("status", code=3)["error"]["message"]
    for word in (str(machine.root), "No space left on device", "free space", "--dir"):
        assert word in error
    for filler in machine.root.glob("filler*"):
        filler.unlink()
    expect_works(machine, origin)


def test_a_disk_that_is_full_while_the_index_is_made_anew(
    machine: Machine, origin: Origin, mounts: Mounts
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=4m")
    expect_works(machine, origin)
    listed = machine.json("cache", "ls")
    machine.stop_daemon()
    index = machine.store("index.sqlite3")
    os.truncate(index, 3000)
    machine.store("reserve").unlink()
    # Room to see that the index is broken, not to make a new one.
    filler = machine.root / "filler"
    fill(filler)
    os.truncate(filler, filler.stat().st_size - (48 << 10))
    error = machine.json("status", code=3)["error"]["message"]
    for word in (str(index), "free space", "--dir"):
        assert word in error
    assert len(list(index.parent.glob("index.sqlite3.broken-*"))) == 1
    filler.unlink()
    assert machine.json("cache", "ls") == listed
    expect_works(machine, origin)


def test_a_read_only_root_is_refused(
    machine: Machine, origin: Origin, mounts: Mounts
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=4m")
    expect_works(machine, origin)
    machine.kill_daemon()
    mounts.read_only(machine.root)
    expect_read_only_error(machine, "Read-only file system")
    mounts.writable(machine.root)
    expect_works(machine, origin)


@pytest.mark.parametrize("fresh", [True, False], ids=["fresh", "used"])
def test_a_root_that_may_not_be_written(
    ordinary: Machine, origin: Origin, fresh: bool
) -> None:
    if fresh:
        ordinary.root.mkdir(mode=0o700)
        os.chown(ordinary.root, ordinary.uid, ordinary.uid)
    else:
        expect_works(ordinary, origin)
        ordinary.kill_daemon()
        ordinary.store().chmod(0o500)
        ordinary.store("LOCK").unlink()
    ordinary.root.chmod(0o500)
    expect_read_only_error(ordinary, "Permission denied")
    ordinary.root.chmod(0o700)
    if not fresh:
        ordinary.store().chmod(0o755)
    expect_works(ordinary, origin)


def expect_read_only_error(machine: Machine, why: str) -> None:
    error = machine.json("status", code=3)["error"]["message"]
    for word in (str(machine.root), why, "--dir"):
        assert word in error


def error_of(machine: Machine, *arguments: str) -> tuple[str, dict[str, str]]:
    error = machine.json(*arguments, code=1)["error"]
    assert error["reason"] == "DISK_FULL"
    return error["message"], error["metadata"]


def test_a_floor_of_free_space_is_kept(
    machine: Machine, origin: Origin, mounts: Mounts
) -> None:
    machine.configure('[cache]\nmin_free = "12MiB"\n')
    mounts.tmpfs(machine.root, machine.uid, "size=16m")
    url = origin.add_file(MODELS, "/m/big.bin", os.urandom(BIG))
    message, metadata = error_of(machine, "fetch", url)
    assert int(metadata["need"]) == BIG
    assert int(metadata["min_free"]) == 12 << 20
    assert 8 << 20 < int(metadata["free"]) < 16 << 20
    for word in (str(BIG), metadata["free"], metadata["min_free"], "min_free"):
        assert word in message
    # Of the body nothing came.
    assert not list(machine.store("partial").iterdir())
    expect_works(machine, origin)


def test_what_does_not_fit_is_not_fetched(
    machine: Machine, origin: Origin, mounts: Mounts
) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=16m")
    url = origin.add_file(MODELS, "/m/huge.bin", bytes(8 * BIG))
    origin.reset_counters()
    _, metadata = error_of(machine, "fetch", url)
    assert int(metadata["need"]) == 8 * BIG
    assert origin.count(MODELS) == 1
    # What the network holds meanwhile.
    assert origin.bytes_sent(MODELS) < 2 * BIG


def test_a_limit_to_the_cache(machine: Machine, origin: Origin) -> None:
    machine.configure('[cache]\nmax_bytes = "12MiB"\n')
    first = origin.add_file(MODELS, "/m/first.bin", os.urandom(BIG))
    second = origin.add_file(MODELS, "/m/second.bin", os.urandom(BIG))
    machine.hubctl("fetch", first)
    message, metadata = error_of(machine, "fetch", second)
    assert (int(metadata["need"]), int(metadata["used"])) == (BIG, BIG)
    assert int(metadata["max_bytes"]) == 12 << 20
    assert "max_bytes" in message
    origin.add_repo("o", "big", {"hubconf.py": "", "data": os.urandom(BIG)})
    error_of(machine, "load", "o/big", "tiny")
    expect_works(machine, origin)


def test_two_downloads_do_not_share_room(machine: Machine, origin: Origin) -> None:
    machine.configure('[cache]\nmax_bytes = "12MiB"\n')
    data = os.urandom(BIG)
    first = origin.add_file(MODELS, "/m/first.bin", data)
    second = origin.add_file(MODELS, "/m/second.bin", os.urandom(BIG))
    with origin.hold(MODELS, "/m/first.bin", after=1 << 20) as gate:
        fetch = machine.start([machine.hubctl_path, "fetch", first])
        gate.wait_reached()
        error_of(machine, "fetch", second)
    out, errors = fetch.communicate()
    assert fetch.returncode == 0, errors
    assert Path(out.strip()).read_bytes() == data


def test_a_limit_to_file_sizes(machine: Machine, origin: Origin) -> None:
    # In blocks of 1 KiB: enough for index and log, not for the checkpoint.
    shell = f"ulimit -f 1024; exec {machine.hubctl_path} status"
    subprocess.run(
        ["bash", "-c", shell], env=machine.environment(), check=True, timeout=60
    )
    pid = machine.daemon_pid()
    url = origin.add_file(MODELS, "/m/big.bin", os.urandom(BIG))
    error = machine.json("fetch", url, code=1)["error"]["message"]
    for word in (url, "File too large", "ulimit -f"):
        assert word in error
    assert not list(machine.store("tmp").iterdir())
    expect_works(machine, origin)
    assert machine.daemon_pid() == pid
