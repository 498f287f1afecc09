"""Repositories that hosts do not give to everybody, over HTTPS.

Tokens, logins and helpers are the caller's: the daemon was started without them.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_files
from tests.e2e.machine import ORDINARY_UID, TIMEOUT, Machine, as_user
from tests.e2e.processes import wait_gone
from tests.e2e.rows import start_machine
from tests.origin import Gitlink, Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
HOST = "git.example.org"
OTHER = "elsewhere.example.org"
# Its name ends as GitHub's does.
LOOKALIKE = "notgithub.com"
SECRET = "s3cr3t0123456789"
HUBCONF = 'def one():\n    """One."""\n    return 1\n'
FILES = {
    "hubconf.py": HUBCONF,
    ".gitattributes": "tests export-ignore\nversion export-subst\n",
    "tests/data": "not in an archive",
    "version": "$Format:%H$",
}
GITHUB_LOGIN = f"x-access-token:{SECRET}"
LOGIN = f"me:{SECRET}"
NOT_FOUND = (5, "REPO_NOT_FOUND")


@pytest.fixture
def origin() -> Iterator[Origin]:
    with Origin(extra_names=[HOST, OTHER, LOOKALIKE]) as running:
        running.add_repo("o", "r", FILES)
        running.reset_counters()
        yield running


@pytest.fixture
def machine(machine: Machine) -> Machine:
    machine.daemon_pid()
    return machine


def github(origin: Origin) -> None:
    origin.make_private("o", "r", GITHUB_LOGIN)


def load(machine: Machine, repo: str, *arguments: str, **extra: str) -> Any:
    done = machine.hubctl("--json", *arguments, "load", repo, "one", code=0, **extra)
    return json.loads(done.stdout)["tree"]


def fail(machine: Machine, repo: str, end: tuple[int, str], **extra: str) -> str:
    """Runs a load that must end so; what it says."""
    done = machine.hubctl("--json", "load", repo, "one", code=end[0], **extra)
    error = json.loads(done.stdout)["error"]
    assert error["reason"] == end[1], error
    message = str(error["message"])
    assert message.isprintable()
    assert len(message) < 1000
    assert SECRET not in done.stdout + done.stderr
    return message


def shown(origin: Origin) -> set[tuple[str, str]]:
    """(host, USER:PASSWORD) of all that was shown to a host."""
    return {
        (seen.host, decode(seen.headers["authorization"]))
        for seen in origin.requests
        if "authorization" in seen.headers
    }


def decode(header: str) -> str:
    kind, _, value = header.partition(" ")
    assert kind == "Basic"
    return base64.b64decode(value).decode()


def write_netrc(machine: Machine, host: str, login: str, name: str = ".netrc") -> Path:
    user, _, password = login.partition(":")
    path = machine.home / name
    path.write_text(f"machine {host}\nlogin {user}\npassword {password}\n")
    path.chmod(0o600)
    return path


def write_helper(machine: Machine, body: str) -> Path:
    """Makes `body`, a shell script, git's helper; where it may note what it is told."""
    notes = machine.home / "notes"
    script = machine.home / "helper"
    script.write_text(f"#!/bin/sh\nnotes={notes}\n{body}")
    script.chmod(0o755)
    (machine.home / ".gitconfig").write_text(f"[credential]\nhelper = {script}\n")
    return notes


# A helper that gives one login, and notes what it is asked.
GIVES = """
echo "$1" >> "$notes"; cat >> "$notes"; echo "--" >> "$notes"
[ "$1" = get ] && printf 'username=%s\\npassword=%s\\n' me {}
exit 0
"""


def asked(notes: Path) -> list[tuple[str, dict[str, str]]]:
    """What the helper was asked: the verb, and what git said to it."""
    found = []
    for part in notes.read_text().split("--\n")[:-1]:
        verb, *lines = part.splitlines()
        found.append((verb, dict(line.split("=", 1) for line in lines)))
    return found


# GitHub, by token.


@pytest.mark.parametrize("variable", ["GITHUB_TOKEN", "GH_TOKEN"])
def test_a_token_of_the_callers_reads_github(
    machine: Machine, origin: Origin, variable: str
) -> None:
    github(origin)
    tree = load(machine, "o/r", **{variable: SECRET})
    path = Path(tree["path"])
    # The files are those of the archive that GitHub makes of it for nobody.
    assert tree["route"] == "archive"
    assert (path / "version").read_text() == tree["commit"]
    assert not (path / "tests").exists()
    assert "authorization" not in origin.requests[0].headers
    assert shown(origin) == {("github.com", GITHUB_LOGIN)}
    # What is here is the user's, with a token or without.
    origin.stop()
    assert load(machine, "o/r")["cached"]
    assert load(machine, "o/r", "--offline")["path"] == tree["path"]


def test_python_lends_what_its_environment_has_at_the_call(
    machine: Machine, origin: Origin
) -> None:
    github(origin)
    program = f"""
import os, urllib.error
import hubd.torch as hub
try:
    hub.load("o/r", "one", trust_repo=True)
except urllib.error.HTTPError as error:
    print(error.code)
os.environ["GITHUB_TOKEN"] = "{SECRET}"
print(hub.load("o/r", "one", trust_repo=True))
"""
    done = machine.run([sys.executable, "-c", program], PYTHONPATH=PYCLIENT)
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["404", "1"]


def test_nobody_is_asked_for_first(machine: Machine, origin: Origin) -> None:
    write_netrc(machine, "github.com", LOGIN)
    notes = write_helper(machine, GIVES.format(SECRET))
    load(machine, "o/r", GITHUB_TOKEN=SECRET)
    load(machine, f"{HOST}/o/r", GITHUB_TOKEN=SECRET)
    assert shown(origin) == set()
    assert not notes.exists()


def test_a_wrong_token_is_told_and_not_shown(machine: Machine, origin: Origin) -> None:
    github(origin)
    message = fail(machine, "o/r", NOT_FOUND, GITHUB_TOKEN="wrong")
    assert "is private" in message
    assert "GITHUB_TOKEN was refused (HTTP 401)" in message
    assert "~/.netrc is not there" in message
    assert "credential helper has nothing for github.com" in message
    assert "wrong" not in message
    # Whoever brings a better one is not told what the other was.
    assert load(machine, "o/r", GITHUB_TOKEN=SECRET)["commit"]


def test_without_any_the_way_out_is_told(machine: Machine, origin: Origin) -> None:
    github(origin)
    message = fail(machine, "o/r", NOT_FOUND)
    assert "GITHUB_TOKEN is not set" in message
    assert "what is private needs one of these" in message
    assert load(machine, "o/r", GITHUB_TOKEN=SECRET)["commit"]


def test_a_token_with_a_line_end_is_no_header(machine: Machine, origin: Origin) -> None:
    github(origin)
    token = "x\r\nX-Injected: 1"
    message = fail(machine, "o/r", NOT_FOUND, GITHUB_TOKEN=token)
    assert "GITHUB_TOKEN has control bytes" in message
    assert shown(origin) == set()
    assert not any("x-injected" in seen.headers for seen in origin.requests)


def test_a_token_is_for_github_alone(machine: Machine, origin: Origin) -> None:
    origin.make_private("o", "r", GITHUB_LOGIN)
    for host in (HOST, LOOKALIKE):
        fail(machine, f"{host}/o/r", NOT_FOUND, GITHUB_TOKEN=SECRET)
    assert shown(origin) == set()
    place = {"Location": f"https://{OTHER}/o/r/info/refs?service=git-upload-pack"}
    with origin.respond("github.com", "/o/r/info/refs", 401, times=1):
        origin.respond("github.com", "/o/r/info/refs", 302, place, times=1)
        # Refused as nobody, redirected as the caller: to a host that refuses too.
        with origin.respond("github.com", "/o/r/info/refs", 401, times=1):
            fail(machine, "o/r", NOT_FOUND, GITHUB_TOKEN=SECRET)
    assert origin.count(OTHER, "/o/r/info/refs") == 1
    assert shown(origin) == {("github.com", GITHUB_LOGIN)}


def test_a_token_helps_against_githubs_limit(machine: Machine, origin: Origin) -> None:
    limited = {"x-ratelimit-remaining": "0"}
    origin.respond("github.com", "/o/r/info/refs", 403, limited, times=1)
    assert load(machine, "o/r", GITHUB_TOKEN=SECRET)["commit"]
    with origin.respond("github.com", "/o/r/info/refs", 429):
        end = (1, "RATE_LIMITED")
        repo = "o/r:other"
        assert "in GITHUB_TOKEN" in fail(machine, repo, end)
        words = "GITHUB_TOKEN was refused (HTTP 429)"
        assert words in fail(machine, repo, end, GITHUB_TOKEN=SECRET)


def test_a_private_submodule_comes_for_who_may_have_it(
    machine: Machine, origin: Origin
) -> None:
    lib = origin.add_repo("o", "lib", {"code.py": "code"})
    origin.make_private("o", "lib", GITHUB_LOGIN)
    modules = '[submodule "lib"]\n\tpath = lib\n\turl = ../lib\n'
    for number in (1, 2):
        files: dict[str, str | Gitlink] = {
            "hubconf.py": HUBCONF,
            "lib": Gitlink(lib),
            ".gitmodules": modules,
            "number": str(number),
        }
        commit = origin.add_repo("o", "whole", {**files})
        token = {"GITHUB_TOKEN": SECRET} if number == 2 else {}
        tree = load(machine, f"o/whole:{commit}", **token)
        found = (Path(tree["path"]) / "lib" / "code.py").exists()
        assert found == (number == 2)
        assert bool(tree["warnings"]) == (number == 1)


def test_an_older_commit_of_a_private_repo(machine: Machine, origin: Origin) -> None:
    github(origin)
    first = origin.add_repo("o", "r", {"hubconf.py": HUBCONF})
    origin.add_repo("o", "r", FILES)
    tree = load(machine, f"o/r:{first[:12]}", GITHUB_TOKEN=SECRET)
    assert tree["commit"] == first
    assert shown(origin) == {("github.com", GITHUB_LOGIN)}


def test_two_callers_at_once_each_get_their_own(
    machine: Machine, origin: Origin
) -> None:
    """The one whose token is right is not told that the other's is wrong."""
    github(origin)
    fifo = machine.home / "fifo"
    os.mkfifo(fifo)
    notes = write_helper(machine, f'echo > "$notes"; read line < {fifo}\n')
    start: list[str | Path] = [machine.hubctl_path, "--json", "load", "o/r", "one"]
    wrong = machine.start(start, GITHUB_TOKEN="wrong")
    wait_files(notes.exists, "the helper is asked", machine.home)
    right = machine.start(start, GITHUB_TOKEN=SECRET)
    # It waits for the answer that the other gets.
    assert right.stderr is not None
    assert "github.com/o/r" in right.stderr.readline()
    fifo.write_text("go on\n")
    assert right.communicate(timeout=TIMEOUT)[0]
    assert wrong.communicate(timeout=TIMEOUT)[0]
    assert (wrong.returncode, right.returncode) == (5, 0)


# Other hosts, by netrc.


@pytest.mark.parametrize("name", [".netrc", "elsewhere"])
def test_a_login_of_netrc_reads_any_host(
    machine: Machine, origin: Origin, name: str
) -> None:
    origin.make_private("o", "r", LOGIN)
    path = write_netrc(machine, HOST, LOGIN, name)
    extra = {} if name == ".netrc" else {"NETRC": str(path)}
    tree = load(machine, f"{HOST}/o/r", **extra)
    assert tree["route"] == "git"
    assert (Path(tree["path"]) / "tests" / "data").exists()
    assert shown(origin) == {(HOST, LOGIN)}


def test_a_netrc_without_the_host_shows_nothing(
    machine: Machine, origin: Origin
) -> None:
    origin.make_private("o", "r", LOGIN)
    write_netrc(machine, OTHER, LOGIN)
    message = fail(machine, f"{HOST}/o/r", NOT_FOUND)
    assert f"~/.netrc has nothing for {HOST}" in message
    assert "GITHUB_TOKEN" not in message
    assert shown(origin) == set()


def test_a_netrc_that_never_opens_holds_up_nobody(
    machine: Machine, origin: Origin
) -> None:
    origin.make_private("o", "r", LOGIN)
    os.mkfifo(machine.home / ".netrc")
    assert "~/.netrc is not there" in fail(machine, f"{HOST}/o/r", NOT_FOUND)


# Git's credential helpers.


def test_a_helper_reads_any_host_and_is_told(machine: Machine, origin: Origin) -> None:
    origin.make_private("o", "r", LOGIN)
    notes = write_helper(machine, GIVES.format(SECRET))
    tree = load(machine, f"{HOST}/o/r")
    assert tree["route"] == "git"
    said = {"protocol": "https", "host": HOST}
    login = {**said, "username": "me", "password": SECRET}
    # For the refs, and for the files.
    assert asked(notes) == [("get", said), ("store", login)] * 2
    assert shown(origin) == {(HOST, LOGIN)}


def test_what_git_has_stored_is_used(machine: Machine, origin: Origin) -> None:
    origin.make_private("o", "r", LOGIN)
    (machine.home / ".gitconfig").write_text("[credential]\nhelper = store\n")
    stored = machine.home / ".git-credentials"
    stored.write_text(f"https://{LOGIN}@{HOST}\n")
    assert load(machine, f"{HOST}/o/r")["route"] == "git"
    origin.add_repo("o", "closed", FILES)
    origin.make_private("o", "closed", "other:login")
    fail(machine, f"{HOST}/o/closed", NOT_FOUND)
    assert stored.read_text() == ""


def test_what_a_helper_caches_outlives_the_call(
    machine: Machine, origin: Origin
) -> None:
    for name in ("r", "other"):
        origin.add_repo("o", name, FILES)
        origin.make_private("o", name, LOGIN)
    cache = f"cache --socket={machine.home}/cache/socket"
    write_helper(machine, GIVES.format(SECRET))
    config = machine.home / ".gitconfig"
    config.write_text(config.read_text() + f'helper = "{cache}"\n')
    try:
        load(machine, f"{HOST}/o/r")
        config.write_text(f'[credential]\nhelper = "{cache}"\n')
        load(machine, f"{HOST}/o/other")
    finally:
        machine.run(["/usr/bin/git", "credential-cache", *cache.split()[1:], "exit"])


def test_a_helper_is_told_that_its_login_is_refused(
    machine: Machine, origin: Origin
) -> None:
    origin.make_private("o", "r", LOGIN)
    notes = write_helper(machine, GIVES.format("outdated"))
    message = fail(machine, f"{HOST}/o/r", NOT_FOUND)
    assert "git's credential helper was refused (HTTP 401)" in message
    assert "outdated" not in message
    assert [verb for verb, _ in asked(notes)] == ["get", "erase"]


def test_a_login_that_is_not_enough_is_kept(machine: Machine, origin: Origin) -> None:
    notes = write_helper(machine, GIVES.format(SECRET))
    with origin.respond(HOST, "/o/r/info/refs", 403):
        fail(machine, f"{HOST}/o/r", (4, "UPSTREAM_FORBIDDEN"))
    assert [verb for verb, _ in asked(notes)] == ["get"]


@pytest.mark.parametrize(
    "body",
    [
        "yes garbage | head -c 10000000",
        "printf 'username=me\\npassword=a\\nb: c\\n\\n'",
        "printf 'username=me\\npassword=a\\rX-Injected: 1\\n'",
        "printf 'username=a:b\\npassword=c\\n'",
        "exit 1",
        "kill -9 $PPID",
    ],
)
def test_what_a_helper_says_wrong_is_not_passed_on(
    machine: Machine, origin: Origin, body: str
) -> None:
    origin.make_private("o", "r", LOGIN)
    write_helper(machine, body + "\n")
    message = fail(machine, f"{HOST}/o/r", NOT_FOUND)
    assert "git's credential helper" in message
    assert "garbage" not in message
    assert shown(origin) <= {(HOST, "me:a")}
    assert not any("x-injected" in seen.headers for seen in origin.requests)


def test_a_helper_that_hangs_ends_with_its_caller(
    machine: Machine, origin: Origin
) -> None:
    origin.make_private("o", "r", LOGIN)
    fifo = machine.home / "fifo"
    os.mkfifo(fifo)
    notes = write_helper(machine, f'echo $$ > "$notes"; read line < {fifo}\n')
    caller = machine.start([machine.hubctl_path, "load", f"{HOST}/o/r", "one"])
    wait_files(
        lambda: notes.exists() and notes.read_text(), "it is asked", machine.home
    )
    helper = int(notes.read_text())
    caller.send_signal(signal.SIGTERM)
    caller.communicate(timeout=TIMEOUT)
    wait_gone(helper)


def test_git_asks_no_question(machine: Machine, origin: Origin) -> None:
    """Neither at a terminal nor by a program that the configuration names."""
    origin.make_private("o", "r", LOGIN)
    mark = machine.home / "asked"
    script = machine.home / "ask"
    script.write_text(f"#!/bin/sh\ntouch {mark}\necho {SECRET}\n")
    script.chmod(0o755)
    (machine.home / ".gitconfig").write_text(f"[core]\naskPass = {script}\n")
    fail(machine, f"{HOST}/o/r", NOT_FOUND, GIT_ASKPASS=str(script))
    assert not mark.exists()


# Whose they are.


def test_a_daemon_for_all_uses_nobodys(origin: Origin) -> None:
    system = start_machine("system", origin)
    try:
        write_netrc(system, HOST, LOGIN)
        notes = write_helper(system, GIVES.format(SECRET))
        github(origin)
        for repo in ("o/r", f"{HOST}/o/r"):
            message = fail(system, repo, NOT_FOUND, GITHUB_TOKEN=SECRET)
            assert "serves all users" in message
            assert "HUBD_SOCKET" in message
        assert shown(origin) == set()
        assert not notes.exists()
    finally:
        system.close()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be another user")
def test_another_user_does_not_get_what_is_cached(
    machine: Machine, origin: Origin
) -> None:
    github(origin)
    path = load(machine, "o/r", GITHUB_TOKEN=SECRET)["path"]
    # The root itself keeps others out.
    machine.home.chmod(0o711)
    ask = [machine.hubctl_path, "load", "o/r", "one"]
    for command, code in ((ask, 3), (["/bin/ls", path], 2)):
        done = subprocess.run(
            [*as_user(ORDINARY_UID), *map(str, command)],
            env={**machine.environment(), "HUBD_AUTOSTART": "0"},
            capture_output=True,
            cwd="/",
            check=False,
        )
        assert done.returncode == code, done.stderr
        assert path.encode() not in done.stdout


def test_no_secret_is_kept_or_told(machine: Machine, origin: Origin) -> None:
    machine.kill_daemon(signal.SIGTERM)
    origin.make_private("o", "r", LOGIN)
    origin.add_repo("o", "closed", FILES)
    origin.make_private("o", "closed", "nobody:nothing")
    write_helper(machine, GIVES.format(SECRET))
    encoded = base64.b64encode(LOGIN.encode()).decode()
    extra = {"HUBD_LOG": "debug", "GITHUB_TOKEN": "t0k3n" + SECRET}
    said = ""
    for command in (
        ["load", f"{HOST}/o/r", "one"],
        ["load", "o/closed", "one"],
        ["list", f"{HOST}/o/r"],
        ["cache", "ls"],
        ["status"],
    ):
        done = machine.hubctl("--json", "-v", *command, code=None, **extra)
        said += done.stdout + done.stderr
    assert "REPO_NOT_FOUND" in said
    assert '"route":' in said
    pid = machine.daemon_pid()
    said += Path(f"/proc/{pid}/cmdline").read_text()
    machine.stop_daemon()
    files = [path for path in machine.store().rglob("*") if is_file(path)]
    assert machine.store("log") in files
    assert "event=authorized" in machine.log()
    for text in (said.encode(), *(path.read_bytes() for path in files)):
        for secret in (SECRET, encoded):
            assert secret.encode() not in text


def is_file(path: Path) -> bool:
    return stat.S_ISREG(path.lstat().st_mode)


def test_no_command_line_has_the_secret(machine: Machine, origin: Origin) -> None:
    """Git and its helpers are told on their input, which nobody else can read."""
    origin.make_private("o", "r", LOGIN)
    body = GIVES.format(SECRET) + 'cat /proc/*/cmdline >> "$notes.all" 2>/dev/null\n'
    notes = write_helper(machine, body.replace("exit 0\n", "") + "exit 0\n")
    load(machine, f"{HOST}/o/r")
    lines = Path(f"{notes}.all").read_bytes()
    assert b"credential" in lines
    assert SECRET.encode() not in lines
