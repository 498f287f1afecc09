"""Submodules: a tree has their files, or says why not, or is not loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import MODES, fails, start_machine
from tests.origin import Content, Executable, Gitlink, Origin, SymlinkTo

HOST = "git.example.org"
ROUTES = ["github.com", HOST]
HUBCONF = "import sys\nfrom lib.code import one\n"
Files = dict[str, Content]
CODE = 'def one():\n    """One."""\n    return 1\n'


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST]) as running:
        yield running


def modules(**urls: str) -> str:
    """A .gitmodules; "__" in a path stands for "/"."""
    return "".join(
        f'[submodule "{name}"]\n\tpath = {name.replace("__", "/")}\n\turl = {url}\n'
        for name, url in urls.items()
    )


def add_repo(origin: Origin, url: str, more: Mapping[str, Content] = {}) -> str:
    """o/r with the submodule "lib", which is at a commit of o/lib."""
    lib = origin.add_repo("o", "lib", {"code.py": CODE, "run": Executable("#!")})
    link: Files = {"lib": Gitlink(lib), ".gitmodules": modules(lib=url)}
    return origin.add_repo("o", "r", {"hubconf.py": HUBCONF, **link, **more})


def load(machine: Machine, host: str = HOST) -> tuple[Path, str]:
    """The tree's path, and its warnings."""
    tree = machine.json("load", f"{host}/o/r", "one")["tree"]
    return Path(tree["path"]), "\n".join(tree["warnings"])


def left_out(machine: Machine, origin: Origin, *words: str) -> None:
    """A load gives the tree without the files of "lib", and says why."""
    path, said = load(machine)
    assert 'the submodule "lib" (' in said
    for word in words:
        assert word in said, said
    assert not list((path / "lib").iterdir())


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("host", ROUTES)
@pytest.mark.parametrize("url", ["../lib.git", "https://github.com/o/lib"])
def test_a_tree_has_the_files(mode: str, host: str, url: str, origin: Origin) -> None:
    add_repo(origin, url)
    machine = start_machine(mode, origin)
    try:
        path, said = load(machine, host)
        assert "submodule" not in said
        assert (path / "lib/code.py").read_text() == CODE
        assert (path / "lib/run").stat().st_mode & 0o777 == 0o555
        assert (path / "lib").stat().st_mode & 0o777 == 0o555
        listed = machine.json("cache", "ls")["trees"]
        assert [tree["repo"] for tree in listed] == [f"{host}/o/r"]
        machine.hubctl("cache", "verify")
    finally:
        machine.close()


def test_the_commit_is_the_one_that_the_tree_names(
    machine: Machine, origin: Origin
) -> None:
    add_repo(origin, "../lib")
    origin.add_repo("o", "lib", {"code.py": "raise SystemExit\n"})
    path, _ = load(machine)
    assert (path / "lib/code.py").read_text() == CODE


def test_its_code_runs(machine: Machine, origin: Origin) -> None:
    add_repo(origin, "../lib")
    names = machine.json("list", f"{HOST}/o/r")["entrypoints"]
    assert [one["name"] for one in names] == ["one"]


def test_the_same_again_has_the_same_digest(machine: Machine, origin: Origin) -> None:
    add_repo(origin, "../lib")
    first = machine.json("load", f"{HOST}/o/r", "one")["tree"]
    path = Path(first["path"])
    (path / "lib/code.py").chmod(0o644)
    (path / "lib/code.py").write_text("")
    machine.hubctl("cache", "verify", code=7)
    again = machine.json("load", f"{HOST}/o/r", "one")["tree"]
    assert again["digest"] == first["digest"]
    assert not again["cached"]


@pytest.mark.parametrize("host", ROUTES)
def test_submodules_of_submodules_and_their_lfs(
    machine: Machine, origin: Origin, host: str
) -> None:
    weights = b"weights" * 1000
    pointer = origin.add_lfs("o", "inner", weights)
    inner = origin.add_repo("o", "inner", {"w.pth": pointer})
    middle: Files = {"deep/inner": Gitlink(inner), "f": "0"}
    middle_at = origin.add_repo(
        "o", "middle", {**middle, ".gitmodules": modules(deep__inner="../inner")}
    )
    link: Files = {
        "a/middle": Gitlink(middle_at),
        ".gitmodules": modules(a__middle="../middle"),
    }
    origin.add_repo("o", "r", {"hubconf.py": CODE, **link})
    path, said = load(machine, host)
    assert "submodule" not in said
    assert (path / "a/middle/deep/inner/w.pth").read_bytes() == weights


def test_a_chain_without_an_end(machine: Machine, origin: Origin) -> None:
    """Each commit of the repo has the one before as its submodule."""
    commit = origin.add_repo("o", "r", {"hubconf.py": CODE, "depth": "0"})
    for depth in range(1, 12):
        link: Files = {"me": Gitlink(commit), ".gitmodules": modules(me="../r")}
        files: Files = {"hubconf.py": CODE, "depth": str(depth), **link}
        commit = origin.add_repo("o", "r", files)
    path, said = load(machine)
    assert "nested more than 8 deep" in said
    assert (path / ("me/" * 8) / "depth").read_text() == "3"
    assert not list((path / ("me/" * 9)).iterdir())


@pytest.mark.parametrize(
    "url",
    [
        "http://git.example.org/o/lib",
        "git://git.example.org/o/lib",
        "ssh://git@git.example.org/o/lib",
        "git@git.example.org:o/lib.git",
        "file:///tmp/lib",
        "/tmp/lib",
        "o/lib",
        "ext::sh -c true",
        "--upload-pack=true",
        "https://user:word@git.example.org/o/lib",
    ],
)
def test_a_url_that_is_not_taken(machine: Machine, origin: Origin, url: str) -> None:
    add_repo(origin, url)
    left_out(machine, origin, "lib")
    said = load(machine)[1]
    assert "word@" not in said
    assert origin.count(HOST, "/o/lib") == 0


def test_a_system_daemon_goes_to_no_private_address(origin: Origin) -> None:
    add_repo(origin, "https://10.1.2.3/o/lib")
    machine = start_machine("system", origin)
    try:
        left_out(machine, origin, "10.1.2.3", "allow_address")
    finally:
        machine.close()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("../gone", "does not exist, or is private"),
        ("https://github.com/o/gone", "HTTP 404"),
    ],
)
def test_a_repo_that_is_not_there(
    machine: Machine, origin: Origin, url: str, why: str
) -> None:
    add_repo(origin, url)
    left_out(machine, origin, url, why)
    # It is said each time.
    assert why in load(machine)[1]


def test_a_commit_that_is_not_there(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "lib", {"f": "0"})
    link: Files = {"lib": Gitlink("7" * 40), ".gitmodules": modules(lib="../lib")}
    origin.add_repo("o", "r", {"hubconf.py": CODE, **link})
    left_out(machine, origin, "no such commit")


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_repo_that_is_not_public(
    machine: Machine, origin: Origin, status: int
) -> None:
    add_repo(origin, "../lib")
    with origin.respond(HOST, "/o/lib", status):
        left_out(machine, origin, f"HTTP {status}")


@pytest.mark.parametrize("fault", ["503", "busy", "cut", "garbage"])
def test_a_host_that_fails_for_a_while(
    machine: Machine, origin: Origin, fault: str
) -> None:
    add_repo(origin, "../lib")
    machine.daemon_pid()
    end = (1, "RATE_LIMITED" if fault == "busy" else "UPSTREAM_UNAVAILABLE")
    words = (f"{HOST}/o/r", 'the submodule "lib"')
    with origin.fault(fault, HOST, "/o/lib/"):
        fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=words)
    assert (load(machine)[0] / "lib/code.py").read_text() == CODE


def test_a_host_that_falls_silent(machine: Machine, origin: Origin) -> None:
    add_repo(origin, "../lib")
    machine.configure('stall_timeout = "2s"\n')
    machine.daemon_pid()
    with origin.fault("silence", HOST, "/o/lib/"):
        end = (1, "UPSTREAM_UNAVAILABLE")
        fails(machine, "load", f"{HOST}/o/r", "one", end=end, words=('"lib"',))


@pytest.mark.parametrize("host", ROUTES)
@pytest.mark.parametrize(
    "path", ["../x", "/tmp/x", ".git/hooks", "link/lib", "link", "lib/../../x", "."]
)
def test_a_path_that_is_no_submodules(
    machine: Machine, origin: Origin, host: str, path: str
) -> None:
    lib = origin.add_repo("o", "lib", {"evil": "0"})
    hostile = f'[submodule "lib"]\n\tpath = {path}\n\turl = ../lib\n'
    files: Files = {"real/f": "0", "link": SymlinkTo("real"), "lib": Gitlink(lib)}
    origin.add_repo("o", "r", {"hubconf.py": CODE, ".gitmodules": hostile, **files})
    top, said = load(machine, host)
    assert 'the submodule "lib" ("") is not in the tree: .gitmodules has no URL' in said
    assert not list(machine.home.rglob("evil"))
    assert [one.name for one in (top / "real").iterdir()] == ["f"]


def test_gitmodules_that_git_cannot_read(machine: Machine, origin: Origin) -> None:
    lib = origin.add_repo("o", "lib", {"f": "0"})
    bad: Files = {".gitmodules": "[submodule\n", "lib": Gitlink(lib)}
    origin.add_repo("o", "r", {"hubconf.py": CODE, **bad})
    assert ".gitmodules cannot be read" in load(machine)[1]


def test_gitmodules_without_submodules(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "r", {"hubconf.py": CODE, ".gitmodules": modules(lib="../l")})
    assert "submodule" not in load(machine)[1]


def test_the_limits_are_those_of_the_whole(machine: Machine, origin: Origin) -> None:
    lib = origin.add_repo("o", "lib", {f"f{i}": "0" for i in range(20)})
    link: Files = {"lib": Gitlink(lib), ".gitmodules": modules(lib="../lib")}
    origin.add_repo("o", "r", {"hubconf.py": CODE, **link})
    machine.configure("[tree]\nmax_entries = 22\n")
    machine.daemon_pid()
    fails(
        machine,
        "load",
        f"{HOST}/o/r",
        "one",
        end=(7, "BAD_ARCHIVE"),
        words=("max_entries", '"lib"'),
    )
