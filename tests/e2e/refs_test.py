"""What refs mean, and go on to mean when they are changed upstream."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import start_machine
from tests.origin import Origin

HOST = "github.com"
HUB = {"hubconf.py": "def one(): pass\n"}
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        yield running


@pytest.fixture(scope="module")
def asking(origin: Origin) -> Iterator[Machine]:
    """One that asks for the refs at each load."""
    machine = start_machine("user", origin, '[refs]\nttl = "0s"\nnegative_ttl = "0s"\n')
    yield machine
    machine.close()


def load(machine: Machine, repo: str, *options: str) -> Any:
    return machine.json(*options, "load", repo, "one")["tree"]


def commit_of(machine: Machine, repo: str, *options: str) -> str:
    return str(load(machine, repo, *options)["commit"])


def reason(machine: Machine, repo: str, code: int, *options: str) -> tuple[str, str]:
    error = machine.json(*options, "load", repo, "one", code=code)["error"]
    return error["reason"], error["message"]


def hub(text: str) -> dict[str, str]:
    return {"hubconf.py": f"def one(): pass\n# {text}\n"}


def git(origin: Origin, name: str, *arguments: str, data: bytes = b"") -> str:
    command = ["git", "-C", str(origin.repo_path("o", name)), *arguments]
    done = subprocess.run(command, check=True, input=data, capture_output=True)
    return done.stdout.decode().strip()


def asked(origin: Origin, name: str) -> int:
    return origin.count(HOST, f"/o/{name}/info/refs")


def test_a_moved_ref_is_followed_and_a_deleted_one_is_gone(
    asking: Machine, origin: Origin
) -> None:
    first = origin.add_repo("o", "moved", hub("first"), tags=["v1"])
    assert commit_of(asking, "o/moved") == commit_of(asking, "o/moved:v1") == first
    second = origin.add_repo("o", "moved", hub("second"))
    assert commit_of(asking, "o/moved") == commit_of(asking, "o/moved:main") == second
    assert commit_of(asking, "o/moved:v1") == first
    origin.add_branch("o", "moved", "other", first)
    assert commit_of(asking, "o/moved:other") == first
    origin.remove_branch("o", "moved", "other")
    why, message = reason(asking, "o/moved:other", 5)
    assert why == "REF_NOT_FOUND"
    assert "o/moved" in message and "other" in message and "--offline" in message
    # The answer that lacks it is the last known one, so that nothing else is left.
    assert reason(asking, "o/moved:other", 6, "--offline")[0] == "OFFLINE_MISS"
    assert commit_of(asking, f"o/moved:{first}", "--offline") == first


def test_a_deleted_ref_is_served_offline_until_its_deletion_is_known(
    asking: Machine, origin: Origin
) -> None:
    commit = origin.add_repo("o", "deleted", hub("deleted"))
    origin.add_branch("o", "deleted", "other", commit)
    assert commit_of(asking, "o/deleted:other") == commit
    origin.remove_branch("o", "deleted", "other")
    assert commit_of(asking, "o/deleted:other", "--offline") == commit


def test_after_a_forced_push_the_old_commit_can_still_be_used(
    asking: Machine, origin: Origin
) -> None:
    base = origin.add_repo("o", "forced", hub("base"))
    old = origin.add_repo("o", "forced", hub("old"))
    assert commit_of(asking, "o/forced") == old
    tree = load(asking, "o/forced")["path"]
    origin.move_branch("o", "forced", "main", base)
    new = origin.add_repo("o", "forced", hub("new"))
    assert commit_of(asking, "o/forced") == new
    before = asked(origin, "forced")
    for options in ([], ["--offline"]):
        assert commit_of(asking, f"o/forced:{old}", *options) == old
    assert asked(origin, "forced") == before
    assert commit_of(asking, f"o/forced:{old[:8]}", "--offline") == old
    assert "old" in Path(tree, "hubconf.py").read_text()


def test_a_name_of_a_branch_and_a_tag_means_the_branch_and_is_warned_of(
    asking: Machine, origin: Origin
) -> None:
    tag = origin.add_repo("o", "both", hub("tag"), tags=["v1"])
    branch = origin.add_repo("o", "both", hub("branch"))
    origin.add_branch("o", "both", "v1", branch)
    tree = load(asking, "o/both:v1")
    assert tree["commit"] == branch
    (warning,) = tree["warnings"]
    assert warning.startswith("The ref v1 is ambiguous. Perhaps it is both a tag and")
    for word in ("o/both", "refs/heads/v1", "refs/tags/v1"):
        assert word in warning
    assert commit_of(asking, "o/both:refs/heads/v1") == branch
    full = load(asking, "o/both:refs/tags/v1")
    assert full["commit"] == tag
    assert not full.get("warnings")


def test_names_of_every_kind(asking: Machine, origin: Origin) -> None:
    commit = origin.add_repo("o", "kinds", hub("kinds"))
    origin.add_tag("o", "kinds", "release/1.0", commit, annotated=True)
    # A tag of a tag.
    git(
        origin, "kinds",
        "-c", "user.name=o", "-c", "user.email=o@example.org",
        "tag", "-a", "-m", "again", "again", "release/1.0",
    )  # fmt: skip
    origin.add_branch("o", "kinds", "feature/a/b", commit)
    names = ["", "main", "refs/heads/main", "release/1.0", "refs/tags/release/1.0"]
    names += ["again", "feature/a/b", "refs/heads/feature/a/b", commit, commit[:7]]
    for name in names:
        tree = load(asking, f"o/kinds:{name}")
        assert tree["commit"] == commit, name
        assert tree["ref"] == (name or "main")
    assert origin.count("codeload.github.com", "/o/kinds/") == 1


def test_a_commit_before_the_refs_is_the_repos(
    machine: Machine, origin: Origin
) -> None:
    commits = [origin.add_repo("o", "old", hub(text)) for text in ("1", "2", "3")]
    assert commit_of(machine, f"o/old:{commits[1]}") == commits[1]
    assert commit_of(machine, f"o/old:{commits[0][:12]}") == commits[0]
    # Shown once, it is there without a question.
    origin.reset_counters()
    assert commit_of(machine, f"o/old:{commits[0]}") == commits[0]
    assert not origin.requests


def test_a_forks_commit_is_refused(machine: Machine, origin: Origin) -> None:
    """As GitHub gives it under the parent's name: by a ref that is no branch."""
    origin.add_repo("o", "parent", hub("ours"))
    origin.add_repo("o", "parent", hub("theirs"), branch="fork")
    forked = git(origin, "parent", "rev-parse", "fork")
    git(origin, "parent", "update-ref", "refs/pull/1/head", forked)
    git(origin, "parent", "update-ref", "-d", "refs/heads/fork")
    for ref in (forked, forked[:10]):
        why, message = reason(machine, f"o/parent:{ref}", 5)
        assert why == "REF_NOT_FOUND"
        assert "may be a fork's" in message
    program = f"""
import hubd
client = hubd.Client()
print(client.load("o/parent:{forked}", skip_validation=True).commit)
"""
    done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    assert done.stdout.strip() == forked
    # What a user has cached, nobody asks about, as in the hubs; by all its digits.
    assert commit_of(machine, f"o/parent:{forked}") == forked
    assert reason(machine, f"o/parent:{forked[:10]}", 5)[0] == "REF_NOT_FOUND"


def test_the_beginning_of_two_commits_is_refused(
    asking: Machine, origin: Origin
) -> None:
    origin.add_repo("o", "short", HUB)
    tree = git(origin, "short", "rev-parse", "main^{tree}")
    one, other = twins(tree)
    for name, content in (("one", one), ("other", other)):
        made = git(origin, "short", "hash-object", "-t", "commit", "-w", "--stdin",
                   data=content)  # fmt: skip
        origin.add_branch("o", "short", name, made)
        assert commit_of(asking, f"o/short:{made[:10]}") == made
        start = made[:4]
    why, message = reason(asking, f"o/short:{start}", 5)
    assert why == "REF_NOT_FOUND"
    assert "2 commits" in message and "more digits" in message


def twins(tree: str) -> tuple[bytes, bytes]:
    """Two commits of a tree whose ids begin with the same four digits."""
    who = "O <o@example.org> 1700000000 +0000"
    head = f"tree {tree}\nauthor {who}\ncommitter {who}\n\n"
    seen: dict[str, bytes] = {}
    for number in range(100_000):
        content = f"{head}{number}\n".encode()
        whole = b"commit %d\0%s" % (len(content), content)
        start = hashlib.sha1(whole).hexdigest()[:4]
        if start in seen:
            return seen[start], content
        seen[start] = content
    raise AssertionError("four digits tell 65536 commits apart")


def test_fifty_thousand_refs(machine: Machine, origin: Origin) -> None:
    commit = origin.add_repo("o", "many", hub("many"))
    names = [f"refs/heads/user/{number:05}/topic" for number in range(49_998)]
    # Longer than any name that may be asked for.
    names.append("refs/tags/" + "/".join(["x" * 200] * 20))
    packed = "".join(f"{commit} {name}\n" for name in sorted(names))
    header = "# pack-refs with: peeled fully-peeled sorted \n"
    Path(origin.repo_path("o", "many"), "packed-refs").write_text(header + packed)
    assert commit_of(machine, "o/many:user/49997/topic") == commit
    assert asked(origin, "many") == 1
    # From the cache, also of a daemon that reads it from disk.
    machine.stop_daemon()
    for name in ("user/00000/topic", "main", commit[:12]):
        assert commit_of(machine, f"o/many:{name}") == commit
    assert asked(origin, "many") == 1


def test_a_hub_that_is_none_any_more(asking: Machine, origin: Origin) -> None:
    old = origin.add_repo("o", "vanished", HUB)
    listed = asking.json("list", "o/vanished", "--python", sys.executable)
    assert listed["tree"]["commit"] == old
    new = origin.add_repo("o", "vanished", {"README.md": "moved elsewhere"})
    for arguments in (["list", "o/vanished"], ["help", "o/vanished", "one"]):
        error = asking.json(*arguments, "--python", sys.executable, code=1)["error"]
        assert error["reason"] == "HUBCONF_MISSING"
        for word in ("o/vanished at main", new[:12], "hubconf.py", ":REF"):
            assert word in error["message"], error
    again = asking.json("list", f"o/vanished:{old}", "--python", sys.executable)
    assert [entry["name"] for entry in again["entrypoints"]] == ["one"]


# What the host says that it does not have.


def test_what_is_not_there_is_asked_for_once(machine: Machine, origin: Origin) -> None:
    for _ in range(3):
        assert reason(machine, "o/late", 5)[0] == "REPO_NOT_FOUND"
        assert reason(machine, "o/late:v1", 5)[0] == "REPO_NOT_FOUND"
    assert asked(origin, "late") == 1
    commit = origin.add_repo("o", "late", HUB)
    assert reason(machine, "o/late", 5)[0] == "REPO_NOT_FOUND"
    assert refreshed(machine, "o/late") == commit
    assert commit_of(machine, "o/late") == commit
    assert asked(origin, "late") == 2
    for _ in range(3):
        assert reason(machine, "o/late:v1", 5)[0] == "REF_NOT_FOUND"
    assert asked(origin, "late") == 3
    origin.add_tag("o", "late", "v1", commit)
    assert reason(machine, "o/late:v1", 5)[0] == "REF_NOT_FOUND"
    assert refreshed(machine, "o/late:v1") == commit
    assert commit_of(machine, "o/late:v1") == commit
    assert asked(origin, "late") == 4


def refreshed(machine: Machine, repo: str) -> str:
    program = (
        "import hubd, sys; print(hubd.Client().load(sys.argv[1], refresh=True).commit)"
    )
    done = machine.run([sys.executable, "-c", program, repo], PYTHONPATH=PYCLIENT)
    return done.stdout.strip()


# One repo by several names.


def test_a_renamed_repo_is_one_repo(asking: Machine, origin: Origin) -> None:
    before = origin.add_repo("old", "name", hub("before"))
    assert commit_of(asking, "old/name") == before
    origin.rename_repo("old", "name", "new", "name2")
    # The tree that is there need not come again.
    assert load(asking, "old/name")["repo"] == "github.com/old/name"
    assert origin.count("codeload.github.com", "/new/") == 0
    after = origin.add_repo("new", "name2", hub("after"))
    tree = load(asking, "old/name")
    assert (tree["repo"], tree["commit"]) == ("github.com/new/name2", after)
    assert tree["path"] == load(asking, "new/name2")["path"]
    asking.stop_daemon()
    for name in ("old/name", "new/name2", f"old/name:{after[:7]}"):
        assert load(asking, name, "--offline")["path"] == tree["path"]
    assert commit_of(asking, f"old/name:{before}", "--offline") == before
    assert origin.count("codeload.github.com", "/new/") == 1
    # Somebody else takes the name.
    other = origin.add_repo("old", "name", hub("another repo"))
    again = load(asking, "old/name")
    assert (again["repo"], again["commit"]) == ("github.com/old/name", other)


def test_a_renamed_repo_costs_one_question(machine: Machine, origin: Origin) -> None:
    commit = origin.add_repo("gone", "away", HUB)
    origin.rename_repo("gone", "away", "come", "here")
    for name in ("gone/away", "gone/away", "come/here", "gone/away:main"):
        assert commit_of(machine, name) == commit
    for name in ("gone/away", "come/here"):
        assert origin.count(HOST, f"/{name}/info/refs") == 1
    assert origin.count("codeload.github.com", "/come/here/") == 1


LOAD = """
import sys, hubd.torch as hub
try:
    hub.load(sys.argv[1], "one", trust_repo=True)
except Exception as error:
    sys.exit(str(error))
"""


def drop_in(machine: Machine, repo: str, code: int = 0) -> str:
    program = [sys.executable, "-c", LOAD, repo]
    return machine.run(program, code, PYTHONPATH=PYCLIENT).stderr


def test_trust_does_not_follow_to_another_owner(
    asking: Machine, origin: Origin
) -> None:
    trusted = origin.add_repo("trusted", "hub", hub("good"))
    drop_in(asking, "trusted/hub")
    origin.rename_repo("trusted", "hub", "stranger", "hub")
    # The very commit that was trusted; a ref is the word of the new owner.
    drop_in(asking, f"trusted/hub:{trusted}")
    drop_in(asking, "trusted/hub", code=1)
    evil = origin.add_repo("stranger", "hub", hub("evil"))
    # Somebody else's call has put the new owner's tree under the old name.
    put = "import hubd, sys; hubd.Client().load(sys.argv[1], skip_validation=True)"
    program = [sys.executable, "-c", put, f"trusted/hub:{evil}"]
    asking.run(program, PYTHONPATH=PYCLIENT)
    origin.reset_counters()
    refused = drop_in(asking, "trusted/hub", code=1)
    for word in ("github.com/trusted/hub", "hubctl trust add github.com/stranger/hub"):
        assert word in refused
    assert origin.count("codeload.github.com", "/stranger/") == 0
    asking.hubctl("trust", "add", "stranger/hub")
    drop_in(asking, "trusted/hub")
    shown = asking.home / ".cache" / "torch" / "hub" / "trusted_hub_main"
    assert "evil" in (shown / "hubconf.py").read_text()
    # The same owner's new name needs no word.
    origin.add_repo("trusted", "other", HUB)
    origin.rename_repo("trusted", "other", "Trusted", "renamed")
    drop_in(asking, "trusted/other")


def test_letter_case_is_nothing_on_github(machine: Machine, origin: Origin) -> None:
    commit = origin.add_repo("Own-Er", "Some.Hub", HUB)
    paths = set()
    for name in ("Own-Er/Some.Hub", "own-er/some.hub", "GitHub.com/OWN-ER/SOME.HUB"):
        tree = load(machine, name)
        assert tree["commit"] == commit
        paths.add(tree["path"])
    assert len(paths) == 1
    # The refs, the archive, and where that is.
    targets = [seen.target for seen in origin.requests]
    assert sum("/own-er/" in target.lower() for target in targets) == 3
    machine.hubctl("trust", "add", "OWN-ER/some.hub")
    machine.hubctl("trust", "check", "Own-Er/Some.Hub")
    # Old code looks for what its user typed.
    drop_in(machine, "Own-Er/Some.Hub")
    drop_in(machine, "own-er/some.hub")
    listed = machine.home / ".cache" / "torch" / "hub" / "trusted_list"
    assert len(listed.read_text().split()) <= 1
    hubs = machine.home / ".cache" / "torch" / "hub"
    assert (hubs / "Own-Er_Some.Hub_main" / "hubconf.py").exists()
    # The names of refs have a case.
    assert reason(machine, "Own-Er/Some.Hub:MAIN", 5)[0] == "REF_NOT_FOUND"
