"""Names that are malformed, and names of what is not there."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.e2e.rows import fails
from tests.origin import Origin, add_sample

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
PARTS = "has too many or few parts"
PART = "a part of it"
LETTERS = "letters, digits"
GIT = "git"


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    with Origin() as running:
        add_sample(running)
        yield running


MALFORMED = [
    ("", 'has no "/"'),
    ("hubd", 'has no "/"'),
    ("..:..", 'has no "/"'),
    ("/", PART),
    ("hubd//sample", PART),
    ("hubd/sample/", PART),
    ("../sample", PART),
    ("hubd/..", PART),
    ("hubd/.", PART),
    ("hubd/../../etc", PART),
    ("a" + "/b" * 22, PARTS),
    ("https://github.com/hubd/sample/tree/main", "its repo is github.com/hubd/sample"),
    ("https://h.org/g/s/n/-/blob/main/a.py", "its repo is h.org/g/s/n:REF"),
    ("/srv/../etc", PART),
    ("/srv/a b", "a link by such a name"),
    ("hubd/.git", PART),
    ("-x/y", 'begins with "-"'),
    ("hubd/-x", 'begins with "-"'),
    ("hubd/sa\x1b[31mmple", LETTERS),
    ("hubd/sam\nple", LETTERS),
    ("hubd/sam ple", LETTERS),
    ("hubd/s\u00e4mple", LETTERS),
    ("hubd/sam%2e%2eple", LETTERS),
    ("hubd/sample?x", LETTERS),
    ("hubd\\sample/x", LETTERS),
    ("x" * 4096 + "/y", "over 255 bytes"),
    ("hubd/" + "x" * 256, "over 255 bytes"),
    ("hubd/sample:" + "x" * 4096, "over 255 bytes"),
    ("hubd/sample:-x", 'begins with "-"'),
    ("hubd/sample:..", GIT),
    ("hubd/sample:a..b", GIT),
    ("hubd/sample:../../x", GIT),
    ("hubd/sample:/x", GIT),
    ("hubd/sample:main/", GIT),
    ("hubd/sample:v1:v1", GIT),
    ("hubd/sample:v 1", GIT),
    ("hubd/sample:v1\x07", GIT),
    ("hubd/sample:v1\x7f", GIT),
    ("hubd/sample:\u00e4", GIT),
    ("git@github.com:sample", PARTS),
    ("git@h.org:hubd/$(id)", LETTERS),
    ("-oProxyCommand=id@h.org:hubd/sample", "user is none"),
    ("ssh://git@-oProxyCommand=id/hubd/sample", 'begins with "-"'),
    ("ssh://git:password@h.org/hubd/sample", "a password"),
    ("https://user:password@github.com/hubd/sample", "user name"),
    ("http://github.com/hubd/sample", "https://, ssh:// and file://"),
    ("git://github.com/hubd/sample", "https://, ssh:// and file://"),
    ("file://host/etc/passwd", "no host"),
    ("github.com:0/hubd/sample", "port"),
    ("github.com:65536/hubd/sample", "port"),
    ("git_hub.com/hubd/sample", "host"),
]


@pytest.mark.parametrize(("repo", "why"), MALFORMED)
def test_what_is_no_repo_is_refused_without_a_request(
    any_mode: Machine, origin: Origin, repo: str, why: str
) -> None:
    origin.reset_counters()
    words = ("is not a repo", why, "write owner/name[:ref]")
    end = (2, "INVALID_REPO")
    error = fails(any_mode, "load", "--", repo, "tiny", words=words, end=end)
    assert "password" not in error["message"].replace("a password", "")
    assert any_mode.json("list", "--", repo, code=2)["error"] == error
    assert not origin.requests
    any_mode.hubctl("load", "hubd/sample", "tiny")


MISSING = [
    ("hubd/nothing", "REPO_NOT_FOUND", "does not exist, or is private|check the name"),
    ("nobody/sample", "REPO_NOT_FOUND", "does not exist, or is private"),
    ("models.example.org/a/b", "REPO_NOT_FOUND", "models.example.org/a/b"),
    ("hubd/" + "x" * 255, "REPO_NOT_FOUND", "does not exist, or is private"),
    ("y" * 255 + "/" + "x" * 255, "REPO_NOT_FOUND", "does not exist|check the name"),
    ("hubd/sample:nothing", "REF_NOT_FOUND", "no such branch or tag|--offline"),
    ("hubd/sample:" + "x" * 255, "REF_NOT_FOUND", "no such branch or tag|--offline"),
    ("hubd/sample:refs/heads/nothing", "REF_NOT_FOUND", "no such branch or tag"),
    ("hubd/sample:" + "d" * 40, "REF_NOT_FOUND", "may be a fork's"),
    ("hubd/sample:deadbeef", "REF_NOT_FOUND", "may be a fork's"),
]


@pytest.mark.parametrize(("repo", "reason", "words"), MISSING)
def test_a_repo_or_ref_that_is_not_there(
    any_mode: Machine, repo: str, reason: str, words: str
) -> None:
    any_mode.hubctl("load", "hubd/sample", "tiny")
    name = repo.partition(":")[0]
    said = (name if len(name) < 300 else name[:200], *words.split("|"))
    fails(any_mode, "load", repo, "tiny", end=(5, reason), words=said)
    error = any_mode.json("list", repo, code=5)["error"]
    assert error["reason"] == reason
    any_mode.hubctl("load", "hubd/sample", "tiny")


ENTRYPOINTS = [
    "nothing",
    "-x",
    "..",
    "../../etc/passwd",
    "__import__",
    "os",
    "numpy",
    "tiny.__class__",
    "tiny\n",
    "ti\x1b[31mny",
    "\u00e4",
    "x" * 4096,
]


@pytest.mark.parametrize("entrypoint", ENTRYPOINTS)
def test_an_entrypoint_that_is_not_there(user: Machine, entrypoint: str) -> None:
    python = ["--python", sys.executable]
    help_of = ["help", *python, "hubd/sample", "--"]
    user.hubctl("load", "hubd/sample", "tiny")
    words = ("github.com/hubd/sample", "has no entrypoint", "hubctl list")
    end = (5, "ENTRYPOINT_NOT_FOUND")
    fails(user, *help_of, entrypoint, words=words, end=end)
    user.hubctl(*help_of, "tiny")


def test_an_entrypoint_without_a_name(user: Machine) -> None:
    assert (
        "name of an entrypoint" in user.hubctl("help", "hubd/sample", "", code=2).stderr
    )


def test_a_name_that_looks_like_an_option(user: Machine) -> None:
    for arguments in (["load", "-x/y", "tiny"], ["list", "-x/y"], ["fetch", "-u"]):
        assert " -- " in user.hubctl(*arguments, code=2).stderr


# In the drop-in, as in the originals, a name that is malformed is a ValueError.

PROGRAM = """
import sys, hubd.torch as hub
for repo in sys.argv[1:]:
    try:
        hub.list(repo, trust_repo=True)
    except Exception as error:
        print(type(error).__mro__[-4:-2], str(error)[:60])
"""


def test_the_drop_in_takes_no_malformed_name(user: Machine, origin: Origin) -> None:
    origin.reset_counters()
    repos = ["hubd", "hubd/../..", "hubd/..", "a/b/c/d/e", "hubd/sample:-x", "-x/y"]
    done = user.run([sys.executable, "-c", PROGRAM, *repos], PYTHONPATH=PYCLIENT)
    lines = done.stdout.splitlines()
    assert len(lines) == len(repos), done.stdout
    for repo, line in zip(repos, lines, strict=True):
        assert "ValueError" in line, (repo, line)
    assert not origin.requests
