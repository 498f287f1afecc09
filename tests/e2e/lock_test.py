"""hubd.lock: what is locked is had as it was locked, and nothing else is."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.origin import Origin

MODELS = "models.example.org"
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
ONE = {"hubconf.py": "def one(): return 1\n"}
TWO = {"hubconf.py": "def two(): return 2\n"}
# A hub whose entrypoint loads another one's, and weights.
OUTER = {
    "hubconf.py": """
import hubd.torch as hub

def inner():
    return hub.load("o/inner", "one", trust_repo=True)

def weights(url, path):
    hub.download_url_to_file(url, path, progress=False)
    return open(path).read()
"""
}
INNER = {"hubconf.py": "def one(): return 1\n"}


def lock(machine: Machine, *things: str, code: int = 0) -> str:
    return machine.hubctl("lock", *things, code=code).stdout


def refused(machine: Machine, *arguments: str, code: int) -> str:
    """The reason for which a call is refused."""
    return str(machine.json(*arguments, code=code)["error"]["reason"])


def locked(machine: Machine, *arguments: str) -> Any:
    return machine.json("load", "--locked", *arguments, "one")["tree"]


def edit(machine: Machine, old: str, new: str) -> None:
    file = machine.home / "hubd.lock"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def python(machine: Machine, body: str, code: int = 0) -> str:
    """Runs a program under the lock: what it printed, or its last error."""
    program = f"""
import hubd, hubd.torch as hub
with hubd.options(locked=True):
{body}
"""
    done = machine.run(
        [sys.executable, "-c", program],
        code,
        PYTHONPATH=PYCLIENT,
    )
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(autouse=True)
def in_home(machine: Machine, origin: Origin) -> None:
    """Refs are asked for each time, so that only a lock holds them."""
    machine.configure('[refs]\nttl = "0s"\n')
    origin.add_repo("o", "r", ONE)


def test_a_moved_ref_does_not_move_what_is_locked(
    machine: Machine, origin: Origin
) -> None:
    first = machine.json("load", "o/r", "one")["tree"]
    assert lock(machine, "o/r") == (
        f"added github.com/o/r:main {first['commit'][:12]}\n"
    )
    moved = origin.add_repo("o", "r", TWO)
    for repo in ("o/r", "o/r:main", f"o/r:{first['commit']}"):
        tree = locked(machine, repo)
        assert (tree["commit"], tree["ref"]) == (first["commit"], "main")
        assert tree["digest"] == first["digest"]
    names = machine.json("list", "--locked", "o/r")["entrypoints"]
    assert [entry["name"] for entry in names] == ["one"]
    assert machine.json("load", "o/r", "one")["tree"]["commit"] == moved
    # Until it is brought up to date.
    said = lock(machine)
    assert said == (
        f"changed github.com/o/r:main {first['commit'][:12]} -> {moved[:12]}\n"
    )
    assert locked(machine, "o/r")["commit"] == moved
    assert "unchanged" in lock(machine)


def test_a_locked_commit_is_fetched_anew_without_a_question_about_refs(
    machine: Machine, origin: Origin
) -> None:
    lock(machine, "o/r")
    commit = locked(machine, "o/r")["commit"]
    origin.add_repo("o", "r", TWO)
    machine.stop_daemon()
    machine.run(["chmod", "-R", "u+rwX", str(machine.root)])
    machine.run(["rm", "-rf", str(machine.root)])
    origin.reset_counters()
    tree = locked(machine, "o/r")
    assert tree["commit"] == commit
    assert not tree["cached"]
    assert not [seen for seen in origin.requests if "info/refs" in seen.target]
    # And offline, once it is there.
    origin.stop()
    assert machine.json("--offline", "load", "--locked", "o/r", "one")["tree"]
    assert locked(machine, "o/r")["cached"]
    origin.start()


def test_what_is_not_locked_is_refused(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "other", ONE, tags=["v1"])
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    lock(machine, "o/r", "o/other:v1")
    for arguments in (
        ["load", "--locked", "hubd/sample", "tiny"],
        ["list", "--locked", "hubd/sample"],
        ["help", "--locked", "hubd/sample", "tiny"],
        ["load", "--locked", "o/r:dev", "one"],
        ["load", "--locked", "o/other:main", "one"],
        ["load", "--locked", "o/r:" + "0" * 40, "one"],
        ["fetch", "--locked", url],
    ):
        assert refused(machine, *arguments, code=4) == "NOT_LOCKED"
    message = machine.hubctl("load", "--locked", "o/r:dev", "one", code=4).stderr
    assert "o/r:dev" in message
    assert "hubctl lock" in message
    assert locked(machine, "o/other")["ref"] == "v1"


def test_another_digest_or_route_is_refused(machine: Machine) -> None:
    lock(machine, "o/r")
    digest = locked(machine, "o/r")["digest"]
    edit(machine, digest, "0" * 64)
    error = machine.json("load", "--locked", "o/r", "one", code=7)["error"]
    assert error["reason"] == "DIGEST_MISMATCH"
    assert digest in error["message"]
    assert "0" * 64 in error["message"]
    lock(machine, "o/r")
    edit(machine, '"archive"', '"git"')
    assert refused(machine, "list", "--locked", "o/r", code=7) == "DIGEST_MISMATCH"
    lock(machine, "o/r")
    assert locked(machine, "o/r")["digest"] == digest


def test_bytes_that_changed_are_refused(machine: Machine, origin: Origin) -> None:
    url = origin.add_file(MODELS, "/m/moving.bin", b"one")
    lock(machine, url)
    path = Path(machine.hubctl("fetch", "--locked", url).stdout.strip())
    assert path.read_bytes() == b"one"
    # The store has later bytes; the origin has no others.
    origin.add_file(MODELS, "/m/moving.bin", b"two")
    machine.hubctl("fetch", "--refresh", url)
    assert refused(machine, "fetch", "--locked", url, code=7) == "DIGEST_MISMATCH"
    origin.add_file(MODELS, "/m/moving.bin", b"one")
    again = Path(machine.hubctl("fetch", "--locked", url).stdout.strip())
    assert again.read_bytes() == b"one"


def test_a_lock_that_cannot_be_used(machine: Machine) -> None:
    assert refused(machine, "load", "--locked", "o/r", "one", code=2) == "INVALID_LOCK"
    lock(machine, "o/r")
    edit(machine, "commit =", "comit =")
    message = machine.hubctl("load", "--locked", "o/r", "one", code=2).stderr
    assert "line 6" in message
    assert "comit" in message
    # It is not replaced by what could be read of it.
    machine.hubctl("lock", "o/r", code=2)
    assert "comit" in (machine.home / "hubd.lock").read_text()
    other = machine.home / "other.lock"
    machine.hubctl("lock", "--file", str(other), "o/r")
    machine.hubctl("load", "--lock-file", str(other), "o/r", "one")


def test_a_lock_that_fails_half_way_stays_as_it_was(machine: Machine) -> None:
    lock(machine, "o/r")
    before = (machine.home / "hubd.lock").read_text()
    machine.hubctl("lock", "hubd/sample", "o/none", code=5)
    assert (machine.home / "hubd.lock").read_text() == before


def test_hub_code_is_under_the_lock_of_its_caller(
    machine: Machine, origin: Origin
) -> None:
    origin.add_repo("o", "outer", OUTER)
    origin.add_repo("o", "inner", INNER)
    url = origin.add_file(MODELS, "/m/weights.bin", b"weights")
    call = '    print(hub.load("o/outer", "inner", trust_repo=True))'
    fetch = f'    print(hub.load("o/outer", "weights", {url!r}, "w", trust_repo=True))'
    lock(machine, "o/outer")
    assert "Refused" in python(machine, call, code=1)
    assert "Refused" in python(machine, fetch, code=1)
    lock(machine, "o/inner", url)
    assert python(machine, call).splitlines()[-1] == "1"
    assert python(machine, fetch).splitlines()[-1] == "weights"
    origin.add_repo("o", "inner", {"hubconf.py": "def one(): return 2\n"})
    assert python(machine, call).splitlines()[-1] == "1"
    origin.add_file(MODELS, "/m/weights.bin", b"other")
    machine.hubctl("fetch", "--refresh", url)
    assert "invalid hash value" in python(machine, fetch, code=1)


def test_a_chosen_commit_holds_for_the_call_and_not_for_what_hub_code_calls(
    machine: Machine, origin: Origin
) -> None:
    origin.add_repo("o", "inner", INNER)
    outer = origin.add_repo("o", "outer", OUTER)
    origin.add_repo("o", "outer", {"hubconf.py": "def inner(): return 9\n"})
    program = """
import sys, hubd, hubd.torch as hub
commit = eval(sys.argv[1])
with hubd.options(commit=commit):
    print(hub.load("o/outer:main", "inner", trust_repo=True))
"""

    def load(commit: object) -> str:
        arguments = [sys.executable, "-c", program, repr(commit)]
        return machine.run(arguments, PYTHONPATH=PYCLIENT).stdout.splitlines()[-1]

    assert load(None) == "9"
    assert load(outer) == "1"
    assert load({"o/outer": outer}) == "1"
    assert load({"o/other": outer}) == "9"
