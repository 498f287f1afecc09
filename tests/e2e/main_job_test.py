"""What a user does, through the built binaries."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
from pathlib import Path

from tests.e2e.machine import Machine
from tests.origin import Origin

MODELS = "models.example.org"
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
# The program of the README.
PROGRAM = """
import hubd.torch as hub
model = hub.load("hubd/sample", "tiny", trust_repo=True)
print("loaded:", model)
"""


def hub(body: str) -> dict[str, str]:
    return {"hubconf.py": body}


def test_hubctl_has_one_grpc_and_that_within_it(machine: Machine) -> None:
    needed = subprocess.run(
        ["ldd", machine.hubctl_path], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    assert "libcrypto" in needed
    assert "libgrpc" not in needed and "libprotobuf" not in needed


def test_list_help_load_of_the_sample(machine: Machine) -> None:
    listed = machine.json("list", "hubd/sample", "--python", sys.executable)
    names = [entry["name"] for entry in listed["entrypoints"]]
    assert names == ["tiny", "tiny_megengine", "tiny_oneflow", "tiny_torch"]
    assert listed["dependencies"] == ["numpy"]
    assert listed["tree"]["ref"] == "main"
    helped = machine.hubctl("help", "hubd/sample", "tiny", "--python", sys.executable)
    assert "A small classifier" in helped.stdout
    loaded = machine.json("load", "hubd/sample:v1", "tiny")
    tree = Path(loaded["tree"]["path"])
    assert (tree / "hubconf.py").is_file()
    assert loaded["tree"]["commit"] in tree.name
    assert not any(path.stat().st_mode & 0o222 for path in [tree, *tree.rglob("*")]), (
        "a published tree has no writable file"
    )


def test_drop_in_loads_from_the_origin_then_without_it(
    machine: Machine, origin: Origin
) -> None:
    first = machine.run([sys.executable, "-c", PROGRAM], PYTHONPATH=PYCLIENT)
    assert "loaded: TinyNet" in first.stdout
    origin.stop()
    again = machine.run([sys.executable, "-c", PROGRAM], PYTHONPATH=PYCLIENT)
    assert "loaded: TinyNet" in again.stdout
    origin.start()


def test_fetch_checks_and_caches(machine: Machine, origin: Origin) -> None:
    data = os.urandom(3 << 20)
    digest = hashlib.sha256(data).hexdigest()
    url = origin.add_file(MODELS, f"/m/model-{digest[:8]}.bin", data)
    path = machine.hubctl("fetch", url).stdout.strip()
    assert Path(path).read_bytes() == data
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o444
    assert Path(path).name == digest
    assert machine.hubctl("fetch", url, "--sha256", digest).stdout.strip() == path
    assert origin.count(MODELS) == 1
    # Another digest on a hit: nothing is delivered.
    error = machine.json("fetch", url, "--sha256", "0" * 64, code=7)["error"]
    assert error["reason"] == "DIGEST_MISMATCH"
    assert error["metadata"]["actual"] == digest


def test_fetch_refuses_bytes_with_another_hash(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/model-0badc0de.bin", b"not these")
    error = machine.json("fetch", url, code=7)["error"]
    assert error["reason"] == "DIGEST_MISMATCH"
    assert not list(machine.store("blobs").rglob("*/*"))
    assert not list(machine.store("tmp").iterdir())
    machine.hubctl("fetch", url, "--no-check-hash")


def test_fetch_to_a_file_gives_an_editable_copy(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    target = machine.home / "copy.bin"
    machine.hubctl("fetch", url, "--to", str(target))
    with target.open("ab") as copy:
        copy.write(b" edited")
    cached = Path(machine.hubctl("fetch", url).stdout.strip())
    assert cached.read_bytes() == b"weights"


def test_refresh_asks_whether_the_bytes_changed(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/moving.bin", b"one")
    first = Path(machine.hubctl("fetch", url).stdout.strip())
    machine.hubctl("fetch", url, "--refresh")
    assert origin.requests[-1].headers.get("if-none-match")
    origin.add_file(MODELS, "/m/moving.bin", b"two")
    second = Path(machine.hubctl("fetch", url, "--refresh").stdout.strip())
    assert second.read_bytes() == b"two"
    assert first.read_bytes() == b"one"


def test_status_whoami_get_dir(machine: Machine) -> None:
    status = machine.json("status")
    assert status["root"] == str(machine.root)
    assert status["sandbox"] == "full"
    assert int(status["api_revision"]) >= 1
    assert machine.hubctl("get-dir").stdout.strip() == str(machine.root)
    assert machine.json("whoami")["uid"] == os.getuid()


def test_cache_ls_shows_what_was_fetched(machine: Machine, origin: Origin) -> None:
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    machine.hubctl("fetch", url)
    machine.hubctl("load", "hubd/sample", "tiny")
    shown = machine.hubctl("cache", "ls").stdout
    assert "github.com/hubd/sample" in shown
    assert "weights.bin" in shown
    document = machine.json("cache", "ls")
    assert document["checkpoints"][0]["url"] == url


def test_trust_is_kept_per_caller(machine: Machine) -> None:
    machine.hubctl("trust", "check", "hubd/sample", code=4)
    machine.hubctl("trust", "add", "hubd/sample")
    machine.hubctl("trust", "check", "hubd/sample")
    assert "github.com/hubd/sample" in machine.hubctl("trust", "ls").stdout
    machine.kill_daemon()
    machine.hubctl("trust", "check", "hubd/sample")
    machine.hubctl("trust", "rm", "hubd/sample")
    machine.hubctl("trust", "check", "hubd/sample", code=4)


def test_not_found_and_malformed(machine: Machine) -> None:
    def reason(*arguments: str, code: int) -> str:
        error = machine.json(*arguments, code=code)["error"]
        assert error["message"]
        return str(error["reason"])

    assert reason("list", "hubd/nothing", code=5) == "REPO_NOT_FOUND"
    assert reason("list", "hubd/sample:nothing", code=5) == "REF_NOT_FOUND"
    missing = ["help", "hubd/sample", "nothing", "--python", sys.executable]
    assert reason(*missing, code=5) == "ENTRYPOINT_NOT_FOUND"
    assert reason("list", "no-slash", code=2) == "INVALID_REPO"
    assert reason("fetch", "gopher://x/y", code=2) == "INVALID_URL"
    url = f"https://{MODELS}/nothing.bin"
    assert reason("fetch", url, code=5) == "CHECKPOINT_NOT_FOUND"
    assert reason("--offline", "fetch", url, code=6) == "OFFLINE_MISS"
    assert reason("--offline", "load", "hubd/other", "tiny", code=6) == "OFFLINE_MISS"


def test_a_silent_host_is_answered_from_the_cache(
    machine: Machine, origin: Origin
) -> None:
    machine.configure('[refs]\nttl = "0s"\n')
    first = machine.json("load", "hubd/sample", "tiny")
    origin.stop()
    again = machine.json("load", "hubd/sample", "tiny")
    assert again["tree"]["commit"] == first["tree"]["commit"]
    assert again["tree"]["warnings"]
    origin.start()


def test_a_moved_branch_is_seen_after_the_time_to_live(
    machine: Machine, origin: Origin
) -> None:
    machine.configure('[refs]\nttl = "0s"\n')
    origin.add_repo("o", "r", hub("def one(): pass\n"))
    first = machine.json("list", "o/r")
    origin.add_repo("o", "r", hub("def two(): pass\n"))
    second = machine.json("list", "o/r")
    assert [entry["name"] for entry in first["entrypoints"]] == ["one"]
    assert [entry["name"] for entry in second["entrypoints"]] == ["two"]
    assert Path(first["tree"]["path"]).is_dir()
