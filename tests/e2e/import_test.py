"""hubctl import: what the original hubs left is taken in, whatever else lies there."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_files
from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.mounts import Mounts
from tests.e2e.processes import wait_idle
from tests.e2e.system_machine import SystemMachine
from tests.origin import Origin

MODELS = "models.example.org"
CODE = "def one(): pass\n"


@pytest.fixture
def old(machine: Machine) -> Path:
    """An empty get_dir() of an original."""
    directory = machine.home / ".cache" / "torch" / "hub"
    (directory / "checkpoints").mkdir(parents=True)
    return directory


def put(path: Path, content: str | bytes = CODE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def hashed(content: bytes) -> str:
    return f"net-{hashlib.sha256(content).hexdigest()[:8]}.pth"


def take_in(machine: Machine, directory: Path, *options: str, code: int = 0) -> Any:
    return machine.json("import", str(directory), *options, code=code)


def told(result: Any) -> dict[str, tuple[str, str]]:
    """How each thing was taken, or why not."""
    return {one["path"]: (one["how"], one["problem"]) for one in result["entries"]}


def test_a_tree_answers_offline_and_gives_way_to_the_origin(
    machine: Machine, origin: Origin, old: Path
) -> None:
    put(old / "o_r_main" / "hubconf.py")
    put(old / "o_r_main" / "__pycache__" / "hubconf.cpython-311.pyc", b"old")
    (old / "o_r_main" / "inside").symlink_to("hubconf.py")
    (old / "o_r_main" / "outside").symlink_to("/etc/passwd")
    result = take_in(machine, old)
    (entry,) = result["entries"]
    assert (entry["kind"], entry["how"]) == ("tree", "copy")
    assert entry["name"] == "github.com/o/r:main"
    (listed,) = machine.json("cache", "ls")["trees"]
    assert (listed["route"], listed["ref"]) == ("import", "main")
    assert "import:main" in machine.hubctl("cache", "ls").stdout

    tree = machine.json("--offline", "load", "o/r", "one")["tree"]
    assert int(tree["stale_for_seconds"]) > 0
    assert "imported" in tree["warnings"][0]
    path = Path(tree["path"])
    assert sorted(os.listdir(path)) == ["hubconf.py", "inside", "outside"]
    assert os.readlink(path / "inside") == "hubconf.py"
    assert (path / "outside").read_text() == "/etc/passwd"
    assert not (path / "outside").is_symlink()
    machine.hubctl("--offline", "list", "o/r")
    assert "nothing is damaged" in machine.hubctl("cache", "verify").stdout

    # The origin is asked as soon as it can be, and for what it has.
    origin.add_repo("o", "r", {"hubconf.py": CODE})
    fresh = machine.json("load", "o/r", "one")["tree"]
    assert (fresh["route"], fresh["stale_for_seconds"]) == ("archive", "0")
    assert machine.json("--offline", "load", "o/r", "one")["tree"]["route"] == "archive"
    # By what stands for its commit it is there.
    named = machine.json("load", f"o/r:{tree['commit']}", "one")["tree"]
    assert named["path"] == tree["path"]


def test_an_import_is_not_locked(machine: Machine, origin: Origin, old: Path) -> None:
    put(old / "o_r_main" / "hubconf.py")
    take_in(machine, old)
    lock = str(machine.home / "hubd.lock")
    (tree,) = machine.json("cache", "ls")["trees"]
    origin.stop()
    for name in ("o/r:main", f"o/r:{tree['commit']}"):
        for flags in ([], ["--offline"]):
            done = machine.hubctl(*flags, "lock", "--file", lock, name, code=None)
            assert done.returncode != 0
            assert f"cannot lock github.com/{name}: it" in done.stderr
    assert not os.path.exists(lock)


def test_checkpoints_by_their_names(
    machine: Machine, origin: Origin, old: Path
) -> None:
    # Of one in fifty files the hash's first eight digits are decimal: no promise.
    good, plain = b"weights" * 100_000, b"plain"
    url = origin.add_file(MODELS, f"/v1/{hashed(good)}", good)
    other = origin.add_file(MODELS, "/v1/plain.pth", b"as the origin has it")
    put(old / "checkpoints" / hashed(good), good)
    put(old / "checkpoints" / "plain.pth", plain)
    put(old / "checkpoints" / hashed(b"x"), b"y")
    put(old / "checkpoints" / "net.pth.0123.partial", b"half")
    result = take_in(machine, old)
    assert int(result["checkpoints"]) == 2
    assert int(result["skipped"]) == 2
    found = told(result)
    assert "promises" in found[f"checkpoints/{hashed(b'x')}"][1]
    assert "did not come to its end" in found["checkpoints/net.pth.0123.partial"][1]

    # The name's hash says that these are the bytes; nothing is asked.
    path = Path(machine.hubctl("fetch", url).stdout.strip())
    assert path.read_bytes() == good
    assert origin.count(MODELS) == 0
    # Nothing says so of the others but an origin.
    offline = machine.hubctl("--offline", "fetch", other)
    assert Path(offline.stdout.strip()).read_bytes() == plain
    assert "nobody knows" in offline.stderr
    with origin.respond(MODELS, "/", 503):
        done = machine.hubctl("fetch", other)
        assert Path(done.stdout.strip()).read_bytes() == plain
        assert "503" in done.stderr
    digest = hashlib.sha256(plain).hexdigest()
    with_digest = machine.hubctl("fetch", "--sha256", digest, other).stdout.strip()
    assert Path(with_digest).read_bytes() == plain
    fetched = Path(machine.hubctl("fetch", other).stdout.strip())
    assert fetched.read_bytes() == b"as the origin has it"
    wrong = hashlib.sha256(b"z").hexdigest()
    machine.hubctl("--offline", "fetch", "--sha256", wrong, other, code=7)


def test_a_file_is_shared_and_stays_as_it_is(
    machine: Machine, origin: Origin, old: Path
) -> None:
    """By a hard link here; where the disk can, by a reflink."""
    content = os.urandom(1 << 20)
    file = put(old / "checkpoints" / hashed(content), content)
    file.chmod(0o640)
    (entry,) = take_in(machine, old)["entries"]
    blob = machine.store("blobs").rglob("*/*").__next__()
    if entry["how"] == "link":
        assert blob.stat().st_ino == file.stat().st_ino
        assert file.stat().st_mode & 0o777 == 0o440
    else:
        assert entry["how"] == "reflink"
    assert file.read_bytes() == content
    # Replaced, as the originals replace a file, it is the store's no longer.
    fresh = put(old / "checkpoints" / "fresh", b"other")
    fresh.rename(file)
    assert blob.read_bytes() == content
    assert "nothing is damaged" in machine.hubctl("cache", "verify").stdout


def test_a_file_that_someone_writes_is_copied(machine: Machine, old: Path) -> None:
    content = os.urandom(1 << 20)
    file = put(old / "checkpoints" / hashed(content), content)
    with file.open("r+b"):
        (entry,) = take_in(machine, old)["entries"]
    assert entry["how"] in ("copy", "reflink")
    assert file.stat().st_mode & 0o200


def test_a_refused_file_keeps_its_mode(machine: Machine, old: Path) -> None:
    file = put(old / "checkpoints" / hashed(b"x"), b"y")
    file.chmod(0o664)
    take_in(machine, old, code=1)
    assert file.stat().st_mode & 0o777 == 0o664
    assert not list(machine.store("blobs").rglob("*/*"))
    assert not list(machine.store("tmp").iterdir())


def test_again_it_changes_nothing(machine: Machine, old: Path) -> None:
    put(old / "o_r_main" / "hubconf.py")
    put(old / "checkpoints" / hashed(b"x"), b"x")
    put(old / "checkpoints" / "same.pth", b"x")
    put(old / "trusted_list", "o_r\n")
    first = take_in(machine, old)
    before = machine.json("cache", "ls")
    for restarted in (False, True):
        if restarted:
            machine.stop_daemon()
        again = take_in(machine, old)
        assert [one["how"] for one in again["entries"]] == ["known"] * 4
        assert {k: v for k, v in again.items() if k != "entries"} == {
            k: v for k, v in first.items() if k != "entries"
        }
        assert machine.json("cache", "ls") == before
    assert len(list(machine.store("blobs").rglob("*/*"))) == 1
    # Code that has run since leaves its byte code.
    put(old / "o_r_main" / "__pycache__" / "hubconf.cpython-311.pyc", b"new")
    assert take_in(machine, old)["entries"][0]["how"] == "known"


def test_without_its_index_all_of_it_is_found_again(
    machine: Machine, origin: Origin, old: Path
) -> None:
    content = os.urandom(1000)
    put(old / "o_r_main" / "hubconf.py")
    put(old / "checkpoints" / hashed(content), content)
    take_in(machine, old)
    before = machine.json("cache", "ls")
    machine.stop_daemon()
    machine.store("index.sqlite3").unlink()
    assert machine.json("cache", "ls") == before
    machine.hubctl("--offline", "load", "o/r", "one")
    machine.hubctl("--offline", "fetch", f"https://{MODELS}/{hashed(content)}")


def test_names_that_can_mean_several_repos(machine: Machine, old: Path) -> None:
    put(old / "o_r_x_main" / "hubconf.py")
    put(old / "o_r_" / "hubconf.py")
    put(old / "word" / "hubconf.py")
    put(old / "1_13_0_0123456789abcdef" / "hubconf.py")
    put(old / "trusted_list", "o_r\no_r_x\n\nword\no_r\n")
    found = told(take_in(machine, old))
    assert "--repo" in found["o_r_x_main"][1]
    assert "OWNER_NAME_REF" in found["o_r_"][1]
    assert "OWNER_NAME_REF" in found["word"][1]
    assert "MegEngine" in found["1_13_0_0123456789abcdef"][1]
    assert found['trusted_list: "o_r"'] == ("added", "")
    assert "several" in found['trusted_list: "o_r_x"'][1]
    assert "no repo" in found['trusted_list: "word"'][1]
    # For the user and that get_dir(), and for nobody else.
    (entry,) = machine.json("trust", "ls")["entries"]
    assert (entry["repo"], entry["hub_dir"]) == ("github.com/o/r", str(old))
    machine.hubctl("trust", "check", "o/r", code=4)
    assert not machine.json("cache", "ls")["trees"]

    assert told(take_in(machine, old, "--repo", "o/r:x_main"))["o_r_x_main"][0]
    machine.hubctl("--offline", "load", "o/r:x/main", "one")
    machine.hubctl("--offline", "load", "o/r_x:main", "one", code=6)
    take_in(machine, old, "--repo", "O/R_X")
    machine.hubctl("--offline", "load", "o/r_x:main", "one")
    several = take_in(machine, old, "--repo", "o/r_x", "--repo", "o/r:x_main")
    assert "name one" in told(several)["o_r_x_main"][1]


def fifo(path: Path) -> None:
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    socket.socket(socket.AF_UNIX).bind(str(path))


def device(path: Path) -> None:
    subprocess.run(["mknod", path, "c", "1", "5"], check=True)


def link_out(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def folder(path: Path) -> None:
    put(path / "file")


@pytest.mark.parametrize("make", [fifo, unix_socket, device, link_out, folder])
def test_what_is_no_file(
    machine: Machine, old: Path, make: Callable[[Path], None]
) -> None:
    if make is device and os.getuid() != 0:
        pytest.skip("only root makes devices")
    put(old / "o_good_main" / "hubconf.py")
    put(old / "o_bad_main" / "hubconf.py")
    (old / "o_odd_main").mkdir()
    places = {
        "o_bad_main/odd": old / "o_bad_main" / "odd",
        "o_odd_main/hubconf.py": old / "o_odd_main" / "hubconf.py",
        "checkpoints/odd.pth": old / "checkpoints" / "odd.pth",
        "trusted_list": old / "trusted_list",
        "alone": old / "alone",
    }
    for place in places.values():
        make(place)
    result = take_in(machine, old)
    found = told(result)
    assert found["o_good_main"] == ("copy", "")
    for path in ("o_odd_main", "checkpoints/odd.pth", "trusted_list", "alone"):
        assert found[path][0] == "", path
        assert found[path][1], path
    # In a tree, links that lead out become text and folders are folders.
    assert (found["o_bad_main"][0] == "copy") == (make in (link_out, folder))
    blobs = list(machine.store("blobs").rglob("*/*"))
    assert not blobs


def test_what_hubd_itself_shows_is_passed_over(
    machine: Machine, origin: Origin, old: Path
) -> None:
    origin.add_repo("o", "shown", {"hubconf.py": CODE})
    content = b"weights"
    url = origin.add_file(MODELS, f"/{hashed(content)}", content)
    tree = machine.json("load", "o/shown", "one")["tree"]["path"]
    blob = machine.hubctl("fetch", url).stdout.strip()
    (old / "o_shown_main").mkdir()
    (old / "o_shown_main" / "hubconf.py").symlink_to(f"{tree}/hubconf.py")
    (old / "checkpoints" / hashed(content)).symlink_to(blob)
    result = take_in(machine, old, code=1)
    assert int(result["skipped"]) == 2
    assert len(machine.json("cache", "ls")["trees"]) == 1


def test_the_folders_that_are_links_are_not_followed(
    machine: Machine, old: Path
) -> None:
    elsewhere = machine.home / "elsewhere"
    put(elsewhere / "hubconf.py")
    (old / "checkpoints").rmdir()
    (old / "checkpoints").symlink_to(elsewhere)
    (old / "o_r_main").symlink_to(elsewhere)
    found = told(take_in(machine, old, code=1))
    assert "link" in found["checkpoints"][1]
    assert "link" in found["o_r_main"][1]
    # The directory that the user named may be one.
    way = machine.home / "way"
    way.symlink_to(old)
    assert told(take_in(machine, way, code=1)) == found


def test_what_others_own_or_can_write(old: Path, machine: Machine) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can give files away")
    put(old / "o_r_main" / "hubconf.py")
    put(old / "checkpoints" / "w.pth", b"w")
    put(old / "trusted_list", "o_r\n")
    for name in ("o_r_main", "checkpoints/w.pth", "trusted_list"):
        os.chown(old / name, 61001, 61001)
    found = told(take_in(machine, old, code=1))
    assert len(found) == 3
    assert all("uid 61001" in problem for _, problem in found.values())
    for name in ("o_r_main", "checkpoints/w.pth", "trusted_list"):
        os.chown(old / name, 0, 0)
        (old / name).chmod(0o777)
    found = told(take_in(machine, old, code=1))
    assert all("everybody" in problem for _, problem in found.values())
    machine.hubctl("trust", "check", "o/r", code=4)


def test_what_cannot_be_read(ordinary: Machine) -> None:
    old = ordinary.home / "hub"
    put(old / "o_r_main" / "hubconf.py")
    secret = put(old / "o_r_main" / "secret")
    weights = put(old / "checkpoints" / "w.pth", b"w")
    good = put(old / "checkpoints" / "good.pth", b"g")
    for path in [old, *old.rglob("*")]:
        os.chown(path, ordinary.uid, ordinary.uid)
    secret.chmod(0)
    weights.chmod(0)
    found = told(take_in(ordinary, old))
    assert "Permission denied" in found["o_r_main"][1]
    assert "Permission denied" in found["checkpoints/w.pth"][1]
    assert found["checkpoints/good.pth"][0] in ("link", "reflink")
    # OneFlow's are for their owner alone, and so they stay.
    assert good.stat().st_uid == ordinary.uid


def test_very_much_of_nothing(machine: Machine, old: Path) -> None:
    for number in range(20000):
        (old / f"junk{number}").touch()
    (old / ("n" * 255)).touch()
    put(old / "z_z_z" / "hubconf.py")
    put(old / "checkpoints" / "two words.pth", b"w")
    result = take_in(machine, old)
    assert int(result["skipped"]) == 20002
    assert (int(result["trees"]), result["complete"]) == (1, False)
    assert len(result["entries"]) == 501


def test_nothing_at_all(machine: Machine, old: Path) -> None:
    assert take_in(machine, old)["entries"] == []
    machine.hubctl("import", str(old / "none"), code=5)
    file = put(old / "file")
    error = take_in(machine, file, code=1)["error"]
    assert "is no directory" in error["message"]
    machine.hubctl("import", str(old), "--repo", "not a repo", code=2)
    put(old / "junk")
    assert (
        "nothing that a hub keeps" in machine.hubctl("import", str(old), code=1).stdout
    )


def test_a_disk_that_is_full(machine: Machine, old: Path, mounts: Mounts) -> None:
    mounts.tmpfs(machine.root, machine.uid, "size=4m")
    put(old / "checkpoints" / "a.pth", b"small")
    big = put(old / "checkpoints" / "b.pth", os.urandom(8 << 20))
    error = take_in(machine, old, code=1)["error"]
    assert error["reason"] == "DISK_FULL"
    assert "checkpoints/b.pth (8388608 bytes)" in error["message"]
    assert f"free space on the file system of {machine.root}" in error["message"]
    assert not list(machine.store("tmp").iterdir())
    big.unlink()
    # What came before it is there.
    assert [one["how"] for one in take_in(machine, old)["entries"]] == ["known"]


@pytest.mark.parametrize("who", ["daemon", "client", "interrupt"])
def test_an_end_in_the_middle(machine: Machine, old: Path, who: str) -> None:
    """The daemon is killed, the client is killed, or the user presses Ctrl-C."""
    put(old / "o_r_main" / "hubconf.py")
    pid = machine.daemon_pid()
    # Sparse, so that there is much to hash and little to write.
    for number in range(8):
        with open(old / "checkpoints" / f"{number}.pth", "wb") as file:
            file.truncate((1 << 30) + number)
    client = machine.start(
        [machine.hubctl_path, "import", str(old)], HUBD_AUTOSTART="0"
    )
    records = machine.store("records", "checkpoint")
    wait_files(
        lambda: any(path.suffix != ".tmp" for path in records.iterdir()),
        "something is taken",
        records,
    )
    if who == "daemon":
        machine.kill_daemon()
    else:
        client.send_signal(signal.SIGKILL if who == "client" else signal.SIGINT)
    _, errors = client.communicate(timeout=TIMEOUT)
    assert client.returncode != 0, errors
    if who == "interrupt":
        assert client.returncode == 130
    if who != "daemon":
        wait_idle(machine)
        assert machine.daemon_pid() == pid
    listed = len(machine.json("cache", "ls")["checkpoints"])
    assert 0 < listed < 8
    assert not list(machine.store("tmp").iterdir())
    for number in range(1, 8):
        os.unlink(old / "checkpoints" / f"{number}.pth")
    result = take_in(machine, old)
    assert (int(result["trees"]), int(result["checkpoints"])) == (1, 1)
    assert "nothing is damaged" in machine.hubctl("cache", "verify", "o/r").stdout


def test_a_system_daemon_refuses(origin: Origin, old: Path) -> None:
    if os.getuid() != 0:
        pytest.skip("only root runs a system daemon")
    put(old / "o_r_main" / "hubconf.py")
    machine = SystemMachine(origin)
    machine.start_daemon()
    try:
        error = json.loads(machine.hubctl("--json", "import", str(old), code=4).stdout)[
            "error"
        ]
        assert error["reason"] == "NOT_YOURS"
        assert "--socket" in error["message"]
        assert not machine.json("cache", "ls")["trees"]
    finally:
        machine.close()


def test_what_people_see(machine: Machine, old: Path) -> None:
    put(old / "o_r_main" / "hubconf.py")
    put(old / "checkpoints" / hashed(b"x"), b"x")
    put(old / "o_r_x_\x1b[31mmain" / "hubconf.py")
    shown = machine.hubctl("import", str(old.parent)).stdout
    assert "github.com/o/r:main" in shown
    assert "skipped hub/o_r_x_" in shown
    assert "\x1b" not in shown
    assert shown.splitlines()[-1].startswith("trees: 1, checkpoints: 1, ")
