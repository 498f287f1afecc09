"""Mirrors: asked in order; where one does not help, the next; the origin at last."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import fails, start_machine
from tests.e2e.system_machine import SystemMachine
from tests.origin import Origin

GITHUB = "github.com"
GIT = "git.example.org"  # which is known for no archives
MIRROR = "mirror.example.org"
DEAD = "dead.example.org"
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
OLD = {"hubconf.py": "def one():\n    return 'old'\n"}
NEW = {"hubconf.py": "def one():\n    return 'new'\n"}
# Every answer about refs is asked for anew, and hosts that do not answer cost little.
HURRIED = (
    'connect_timeout = "20s"\nstall_timeout = "2s"\n[refs]\nttl = "0s"\n'
    'negative_ttl = "0s"\ntimeout = "1s"\n'
)


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[GIT, MIRROR]) as running:
        running.add_repo("o", "r", OLD, tags=["v1"])
        running.mirror_repos(MIRROR, "/hub")
        running.reset_counters()
        yield running


@pytest.fixture
def machine(origin: Origin) -> Iterator[Machine]:
    machine = Machine(origin)
    machine.configure(HURRIED + mirrored())
    yield machine
    machine.close()


def mirrored(*before: str, hosts: tuple[str, ...] = (GITHUB, GIT)) -> str:
    """The configuration of the mirror, asked after `before`."""
    to = json.dumps([*before, f"https://{MIRROR}/hub/"])
    return "".join(
        f'[[mirror]]\nfrom = "https://{host}/"\nto = {to}\n' for host in hosts
    )


def load(machine: Machine, repo: str, *flags: str) -> Any:
    return machine.json(*flags, "load", repo, "one")["tree"]


def refreshed(machine: Machine, repo: str) -> Any:
    """What a load gives that asks for the refs anew."""
    program = (
        "import json, hubd\n"
        f"tree = hubd.Client().load('{repo}', refresh=True)\n"
        "print(json.dumps([tree.commit, tree.stale_for_seconds, tree.warnings]))\n"
    )
    done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    return json.loads(done.stdout)


def asked(origin: Origin) -> list[str]:
    """The hosts, each once, in the order in which they were first asked."""
    return list(dict.fromkeys(seen.host for seen in origin.requests))


@pytest.mark.parametrize("host", [GITHUB, GIT])
@pytest.mark.parametrize("mode", ["user", "system"])
def test_what_a_mirror_has_is_not_asked_of_the_origin(
    origin: Origin, host: str, mode: str
) -> None:
    machine = start_machine(mode, origin, HURRIED + mirrored())
    try:
        tree = load(machine, f"{host}/o/r")
        assert asked(origin) == [MIRROR]
        # Names are the origin's, and so is the tree.
        assert tree["repo"] == f"{host}/o/r"
        assert f"/trees/{host}/o/r/{tree['commit']}." in tree["path"]
        listed = machine.json("cache", "ls")
        assert MIRROR not in json.dumps(listed)
        machine.hubctl("load", f"{host}/o/r:v1", "one")
        machine.hubctl("load", f"{host}/o/r:{tree['commit'][:8]}", "one")
        assert asked(origin) == [MIRROR]
    finally:
        machine.close()


@pytest.mark.parametrize("host", [GITHUB, GIT])
def test_the_tree_is_the_same_whichever_answers(origin: Origin, host: str) -> None:
    digests = set()
    for extra in ("", mirrored()):
        machine = Machine(origin)
        machine.configure(HURRIED + extra)
        try:
            machine.hubctl("load", f"{host}/o/r", "one")
            digests.add(machine.json("cache", "ls")["trees"][0]["digest"])
        finally:
            machine.close()
    assert len(digests) == 1
    assert MIRROR in asked(origin)


def test_hosts_without_a_mirror_are_asked_themselves(origin: Origin) -> None:
    machine = Machine(origin)
    machine.configure(HURRIED + mirrored(hosts=(GITHUB,)))
    try:
        load(machine, f"{GIT}/o/r")
        assert asked(origin) == [GIT]
    finally:
        machine.close()


@pytest.mark.parametrize("host", [GITHUB, GIT])
@pytest.mark.parametrize(
    "fault", ["404", "401", "403", "503", "limited", "page", "silence", "garbage"]
)
def test_a_mirror_that_fails_is_passed_over(
    machine: Machine, origin: Origin, host: str, fault: str
) -> None:
    with origin.fault(fault, MIRROR):
        tree = load(machine, f"{host}/o/r")
    assert "old" in Path(tree["path"], "hubconf.py").read_text()
    assert not tree.get("warnings")
    first, *others = asked(origin)
    assert first == MIRROR
    assert host in others


@pytest.mark.parametrize("kind", ["refuses", "never-accepts", "never-speaks"])
def test_a_mirror_that_is_down_costs_its_own_time_only(
    machine: Machine, origin: Origin, kind: str
) -> None:
    origin.add_dead_end(DEAD, kind)
    # With the time that an origin has, no command would ever end.
    text = HURRIED.replace("20s", "1h") + mirrored(f"https://{DEAD}/")
    machine.configure(text)
    for host in (GITHUB, GIT):
        load(machine, f"{host}/o/r")
    assert asked(origin) == [MIRROR]


@pytest.mark.parametrize(
    ("host", "path", "what"),
    [
        (GITHUB, "/hub/o/r/archive/", "404"),
        (GITHUB, "/hub/o/r/archive/", "cut"),
        (GITHUB, "/hub/o/r/archive/", "page"),
        (GIT, "/hub/o/r/git-upload-pack", "404"),
        (GIT, "/hub/o/r/git-upload-pack", "cut"),
        (GIT, "/hub/o/r/git-upload-pack", "page"),
    ],
)
def test_files_that_a_mirror_fails_to_give_come_from_the_origin(
    machine: Machine, origin: Origin, host: str, path: str, what: str
) -> None:
    with origin.fault(what, MIRROR, path):
        tree = load(machine, f"{host}/o/r")
    assert [*Path(tree["path"]).iterdir()] == [Path(tree["path"], "hubconf.py")]
    assert asked(origin)[:2] == [MIRROR, host]
    assert origin.count(host, "/o/r/info/refs") == (host == GIT)
    assert not list(machine.store("tmp").iterdir())


def test_an_unsound_pack_of_a_mirror_is_passed_over(
    machine: Machine, origin: Origin
) -> None:
    kind = {"Content-Type": "application/x-git-upload-pack-result"}
    junk = b"000dpackfile\n" + b"0009\x01junk" * 100 + b"0000"
    origin.respond(MIRROR, "/hub/o/r/git-upload-pack", 200, kind, junk)
    assert load(machine, f"{GIT}/o/r")["route"] == "git"
    assert asked(origin) == [MIRROR, GIT]


@pytest.mark.parametrize("host", [GITHUB, GIT])
def test_a_mirror_that_is_behind(machine: Machine, origin: Origin, host: str) -> None:
    between = origin.add_repo("o", "r", {**NEW, "more": ""})
    new = origin.add_repo("o", "r", NEW, tags=["v2"])
    old = load(machine, f"{host}/o/r")
    # What a ref that it has means is its word, unless the origin is asked for.
    assert old["commit"] != new
    assert asked(origin) == [MIRROR]
    # What it lacks is asked of the origin: a tag; a commit, whole or by its
    # beginning.
    assert load(machine, f"{host}/o/r:v2")["commit"] == new
    assert load(machine, f"{host}/o/r:{between}")["commit"] == between
    assert load(machine, f"{host}/o/r:{between[:9]}")["commit"] == between
    fails(
        machine, "load", f"{host}/o/r:v3", "one",
        end=(5, "REF_NOT_FOUND"), words=("v3", f"https://{host}/o/r"),
    )  # fmt: skip
    origin.reset_counters()
    assert refreshed(machine, f"{host}/o/r") == [new, 0, []]
    assert asked(origin) == [host]
    assert load(machine, f"{host}/o/r")["commit"] == old["commit"]


def test_without_the_origin_the_mirror_is_enough(
    machine: Machine, origin: Origin
) -> None:
    machine.daemon_pid()
    commit = origin.add_repo("o", "r", OLD)
    origin.add_repo("o", "r", NEW)
    origin.mirror_repos(MIRROR, "/hub")
    with ExitStack() as stack:
        for host in (GITHUB, GIT):
            stack.enter_context(origin.fault("503", host))
            # A branch, a commit, the beginning of one before the refs, a refresh.
            assert load(machine, f"{host}/o/r:main")["commit"] != commit
            assert load(machine, f"{host}/o/r:{commit}")["commit"] == commit
            assert load(machine, f"{host}/o/r:{commit[:9]}")["commit"] == commit
            _, stale_for, warnings = refreshed(machine, f"{host}/o/r")
            assert stale_for == 0
            assert "a mirror's answer" in warnings[0]
            # That nobody else has it is not known.
            fails(
                machine, "load", f"{host}/o/r:v3", "one",
                end=(1, "UPSTREAM_UNAVAILABLE"),
                words=(f"https://{host}/o/r", f"https://{MIRROR}/hub/o/r"),
            )  # fmt: skip


def test_where_nobody_answers_the_cache_does(machine: Machine, origin: Origin) -> None:
    commit = load(machine, "o/r:main")["commit"]
    origin.stop()
    stale = load(machine, "o/r:main")
    assert stale["commit"] == commit
    assert int(stale["stale_for_seconds"]) > 0
    words = ("https://github.com/o/r", f"https://{MIRROR}/hub/o/r (connect)")
    for word in words:
        assert word in stale["warnings"][0]
    end = (1, "UPSTREAM_UNAVAILABLE")
    fails(machine, "load", "o/r:v2", "one", end=end, words=words)
    origin.start()


def test_offline_asks_nobody(machine: Machine, origin: Origin) -> None:
    commit = load(machine, "o/r")["commit"]
    origin.reset_counters()
    assert load(machine, "o/r", "--offline")["commit"] == commit
    fails(machine, "--offline", "load", "o/x", "one", end=(6, "OFFLINE_MISS"))
    assert not origin.requests


def test_a_redirect_of_a_mirror_is_no_move(machine: Machine, origin: Origin) -> None:
    origin.add_repo("evil", "r", OLD)
    origin.mirror_repos(MIRROR, "/hub")
    to = f"https://{MIRROR}/hub/evil/r/info/refs?service=git-upload-pack"
    origin.respond(MIRROR, "/hub/o/r/info/refs", 301, {"Location": to})
    tree = load(machine, "o/r")
    assert tree["repo"] == "github.com/o/r"
    names = [one["repo"] for one in machine.json("cache", "ls")["trees"]]
    assert names == ["github.com/o/r"]


def test_a_renamed_repo_is_asked_for_under_the_name_that_the_origin_gave(
    machine: Machine, origin: Origin
) -> None:
    origin.rename_repo("o", "r", "p", "s")
    origin.mirror_repos(MIRROR, "/hub")
    # The mirror does not have the old name, and the origin leads on.
    assert load(machine, "o/r")["repo"] == "github.com/p/s"
    origin.reset_counters()
    assert load(machine, "o/r:v1")["repo"] == "github.com/p/s"
    assert asked(origin) == [MIRROR]


def test_sixteen_callers_cost_one_fetch(machine: Machine, origin: Origin) -> None:
    machine.configure('[refs]\nttl = "5m"\n' + mirrored())
    machine.daemon_pid()
    archive = "/hub/o/r/archive/"
    with ThreadPoolExecutor(16) as pool:
        with origin.hold(MIRROR, archive) as gate:
            loads = [pool.submit(load, machine, "o/r") for _ in range(16)]
            gate.wait_reached()
        assert len({load.result()["commit"] for load in loads}) == 1
    assert origin.count(MIRROR, archive) == 1
    assert origin.count(MIRROR, "/hub/o/r/info/refs") == 1
    assert asked(origin) == [MIRROR]


def test_checkpoints_have_mirrors_too(machine: Machine, origin: Origin) -> None:
    machine.configure(HURRIED + mirrored(hosts=("models.example.org",)))
    url = origin.add_file("models.example.org", "/m/w.bin", b"weights")
    assert Path(machine.hubctl("fetch", url).stdout.strip()).read_bytes() == b"weights"
    assert asked(origin) == [MIRROR, "models.example.org"]
    origin.respond(MIRROR, "/hub/m/v.bin", 200, body=b"mirrored")
    origin.reset_counters()
    url = "https://models.example.org/m/v.bin"
    path = machine.hubctl("fetch", url).stdout.strip()
    assert Path(path).read_bytes() == b"mirrored"
    assert asked(origin) == [MIRROR]
    assert machine.json("cache", "ls")["checkpoints"][-1]["url"].startswith(
        "https://mo"
    )


def test_a_private_mirror_needs_the_administrators_word(origin: Origin) -> None:
    machine = SystemMachine(origin)
    try:
        machine.configure(HURRIED + mirrored())
        text = machine.config.read_text()
        # Another address of loopback, which nobody has allowed.
        here = f"{MIRROR}:443:127.0.0.1:"
        assert here in text
        machine.config.write_text(text.replace(here, f"{MIRROR}:443:127.0.0.2:"))
        machine.start_daemon()
        load(machine, "o/r")
        with origin.fault("503", GITHUB):
            fails(
                machine, "load", "o/r:v2", "one",
                end=(1, "UPSTREAM_UNAVAILABLE"),
                words=(f"https://{MIRROR}/hub/o/r (URL_NOT_ALLOWED)",),
            )  # fmt: skip
    finally:
        machine.close()


def test_the_drop_in_loads_through_a_mirror(machine: Machine, origin: Origin) -> None:
    program = (
        "import hubd.torch as hub\n"
        "one = hub.load('o/r', 'one', trust_repo=True)\n"
        "two = hub.load('o/r', 'one', trust_repo=True, force_reload=True)\n"
        "print('loaded:', one, two)\n"
    )
    origin.add_repo("o", "r", NEW)
    done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    assert "loaded: old new\n" in done.stdout
    assert asked(origin)[0] == MIRROR


def test_check_config_names_what_is_wrong_with_a_mirror(machine: Machine) -> None:
    machine.configure('[[mirror]]\nfrom = "https://github.com"\nto = []\n')
    done = machine.run([machine.hubd, "--check-config"], code=1)
    assert "mirror.from: expected the beginning of URLs up to a slash" in done.stderr
    machine.configure(HURRIED + mirrored())
    machine.run([machine.hubd, "--check-config"])
