"""hubctl cache verify: what is damaged in the store is found, named and removed, and
the next call fetches it anew."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
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
