"""Broken, greedy and odd hubconf.py files, by `hubctl list` and `help` and by the
drop-in where it differs; hostile_test.py has what tries to break out."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.archive_test import CODELOAD, END, TOP, member, with_field
from tests.e2e.machine import ORDINARY_UID, Machine
from tests.origin import Origin

PYTHON = "/usr/bin/python3"
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
LIMITS = '[sandbox]\ntime = "60s"\nmemory = "512MiB"\n'
# For what never ends.
SHORT_LIMITS = '[sandbox]\ntime = "2s"\nmemory = "256MiB"\n'
# More than any answer to a person may have on a terminal, with room.
MAX_SHOWN = 600_000


class Place:
    """A machine and its origin, with a fresh repo for each hubconf.py."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.origin = machine.origin
        self._repos = 0

    def add(self, hubconf: str | bytes) -> str:
        self._repos += 1
        name = f"hub{self._repos}"
        self.origin.add_repo("odd", name, {"hubconf.py": hubconf})
        return f"odd/{name}"

    def hubctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.machine.hubctl(*arguments, "--python", PYTHON, code=None)

    def ask(self, *command: str, code: int = 0) -> Any:
        return self.machine.json(*command, "--python", PYTHON, code=code)

    def names(self, repo: str) -> list[str]:
        return [entry["name"] for entry in self.ask("list", repo)["entrypoints"]]

    def error(self, *command: str) -> Mapping[str, Any]:
        """The error of a command; a sound hub can be listed after it."""
        error = self.ask(*command, code=1)["error"]
        message = error["message"]
        assert command[1] in message, message
        assert len(message) < 4000
        assert message.isprintable()
        assert os.listdir(self.machine.store("tmp")) == []
        assert self.names(self.add(f"def f{self._repos}(): pass\n"))
        return dict(error)

    def program(
        self, call: str, code: int = 0, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program that makes one call of the drop-in."""
        text = f"import hubd, hubd.torch as hub\n{call}\n"
        return self.machine.run(
            [sys.executable, "-c", text], code, PYTHONPATH=PYCLIENT, **extra
        )


@pytest.fixture(scope="module", params=["started-by-root", "ordinary-user"])
def both(request: pytest.FixtureRequest) -> Iterator[Place]:
    ordinary = request.param == "ordinary-user"
    if os.getuid() != 0 and not ordinary:
        pytest.skip("only root can be root")
    uid = ORDINARY_UID if os.getuid() == 0 and ordinary else None
    yield from make_place(LIMITS, uid)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    yield from make_place(LIMITS)


@pytest.fixture(scope="module")
def short_place() -> Iterator[Place]:
    """One that allows little."""
    yield from make_place(SHORT_LIMITS)


def make_place(limits: str, uid: int | None = None) -> Iterator[Place]:
    with Origin() as origin:
        machine = Machine(origin, uid=uid)
        machine.configure(limits)
        try:
            yield Place(machine)
        finally:
            machine.close()


def leave(status: int) -> str:
    return f"import os\nos._exit({status})\n"


HOSTILE_EXCEPTION = """
class Evil(Exception):
    def __str__(self): raise SystemExit("str")
    __repr__ = __str__
    def __getattribute__(self, name): raise KeyboardInterrupt(name)
raise Evil
"""
CHAIN = """
error = None
for i in range(10000):
    new = ValueError(i)
    new.__cause__ = error
    error = new
raise error
"""
THREADS_OF_C = """
import hashlib, threading
def burn():
    while True: hashlib.sha256(bytes(1 << 24))
for _ in range(4): threading.Thread(target=burn).start()
burn()
"""


# The reason, and a word of the message.
@pytest.mark.parametrize(
    ("hubconf", "reason", "why"),
    [
        pytest.param(leave(0), "ENTRYPOINT_FAILED", "sent nothing", id="leave-0"),
        pytest.param(leave(1), "ENTRYPOINT_FAILED", "exit status 1", id="leave-1"),
        pytest.param(leave(125), "ENTRYPOINT_FAILED", "status 125", id="leave-125"),
        pytest.param(leave(128), "ENTRYPOINT_FAILED", "status 128", id="leave-128"),
        # As a segmentation fault, the time limit and a forbidden call look.
        pytest.param(leave(139), "ENTRYPOINT_FAILED", "status 139", id="leave-139"),
        pytest.param(leave(152), "ENTRYPOINT_FAILED", "status 152", id="leave-152"),
        pytest.param(leave(159), "ENTRYPOINT_FAILED", "status 159", id="leave-159"),
        pytest.param(leave(255), "ENTRYPOINT_FAILED", "status 255", id="leave-255"),
        pytest.param(
            "import os, signal\nos.kill(os.getpid(), signal.SIGXCPU)\n",
            "ENTRYPOINT_FAILED",
            "signal 24",
            id="time-signal-without-time",
        ),
        pytest.param("input()\n", "ENTRYPOINT_FAILED", "EOFError", id="input"),
        pytest.param(
            "import sys\nsys.exit(0)\n", "ENTRYPOINT_FAILED", "SystemExit", id="exit-0"
        ),
        pytest.param(
            "def f(): f()\nf()\n", "ENTRYPOINT_FAILED", "RecursionError", id="recursion"
        ),
        pytest.param(
            "import sys\nsys.setrecursionlimit(10**9)\n"
            "class A:\n  def __getattr__(self, n): return getattr(self, n + 'x')\n"
            "repr(A().x)\n",
            "ENTRYPOINT_FAILED|WORKER_MEMORY|WORKER_TIME",
            "",
            id="deep-recursion",
        ),
        pytest.param(HOSTILE_EXCEPTION, "ENTRYPOINT_FAILED", "", id="hostile-error"),
        pytest.param(CHAIN, "ENTRYPOINT_FAILED", "", id="chain-of-errors"),
        pytest.param(
            "raise ValueError('x' * (100 << 20))\n",
            "ENTRYPOINT_FAILED",
            "ValueError",
            id="long-error",
        ),
        pytest.param(
            "raise ValueError('\\x1b[31m\\nhubctl: all is well')\n",
            "ENTRYPOINT_FAILED",
            "ValueError",
            id="unprintable-error",
        ),
        pytest.param(
            "def __dir__(): return [1, None, 'f']\n",
            "ENTRYPOINT_FAILED",
            "TypeError",
            id="odd-dir",
        ),
        pytest.param("\0def f(): pass\n", "ENTRYPOINT_FAILED", "null byte", id="nul"),
        pytest.param(
            b"# -*- coding: no-such -*-\n",
            "ENTRYPOINT_FAILED",
            "no-such",
            id="no-encoding",
        ),
        pytest.param(b"x = '\xff'\n", "ENTRYPOINT_FAILED", "SyntaxError", id="no-utf8"),
        pytest.param(
            "def f(): pass\n".encode("utf-16"),
            "ENTRYPOINT_FAILED",
            "null bytes",
            id="utf-16",
        ),
        pytest.param("(" * 100000, "ENTRYPOINT_FAILED", "Error", id="parser-overflow"),
        pytest.param(
            "import sys, atexit\nsys.modules.clear()\nimport nothing_like_it\n",
            "ENTRYPOINT_FAILED",
            "nothing_like_it",
            id="no-modules-then-error",
        ),
    ],
)
def test_what_fails_is_explained(
    place: Place, hubconf: str | bytes, reason: str, why: str
) -> None:
    error = place.error("list", place.add(hubconf))
    assert error["reason"] in reason.split("|"), error
    assert why in error["message"], error


@pytest.mark.parametrize(
    "hubconf",
    [
        pytest.param(THREADS_OF_C, id="threads-of-c"),
        pytest.param(
            "import signal\nwhile True:\n  try: signal.pause()\n"
            "  except BaseException: pass\n",
            id="waits",
        ),
        pytest.param(
            "import os\nwhile True: os.waitpid(os.fork() or os._exit(0), 0)\n",
            id="forks-in-turn",
        ),
    ],
)
def test_what_never_ends_is_ended(short_place: Place, hubconf: str) -> None:
    repo = short_place.add(hubconf)
    error = short_place.ask("list", repo, code=1)["error"]
    assert error["reason"] == "WORKER_TIME"
    assert repo in error["message"]
    assert "[sandbox] time" in error["message"]


# What comes of it all the same.
@pytest.mark.parametrize(
    ("hubconf", "names"),
    [
        pytest.param(
            "import sys\nsys.modules.clear()\ndef f(): pass\n", ["f"], id="no-modules"
        ),
        pytest.param(
            "import builtins\ndef f(): pass\n"
            "for n in ('str', 'len', 'isinstance', 'print', 'open'):\n"
            "    setattr(builtins, n, None)\ndel n, builtins\n",
            None,
            id="no-builtins",
        ),
        pytest.param(
            "import threading\n"
            "def f(): threading.Event().wait()\n"
            "threading.Thread(target=f).start()\n",
            ["f"],
            id="endless-thread",
        ),
        pytest.param(
            "import atexit\n@atexit.register\ndef f():\n    while True: pass\n",
            ["f"],
            id="endless-atexit",
        ),
        pytest.param(
            "import os, signal\ndef f(): pass\n"
            "if os.fork() == 0:\n    while True: signal.pause()\n",
            ["f"],
            id="child-stays",
        ),
        pytest.param(
            "import os, sys\nsys.stdout.close()\nsys.stderr = None\n"
            "os.close(1)\nos.close(2)\ndef f(): pass\n",
            ["f"],
            id="no-streams",
        ),
        pytest.param(
            "dependencies = [1, None, 'os', b'x', ['y']]\ndef f(): pass\n",
            ["f"],
            id="odd-dependencies",
        ),
        pytest.param(
            "class L(list):\n  def __iter__(self): return iter(['os'])\n"
            "dependencies = L()\ndef f(): pass\n",
            ["L", "f"],
            id="list-of-its-own",
        ),
        pytest.param("dependencies = 5\ndef f(): pass\n", ["f"], id="no-list"),
        pytest.param(b"\xef\xbb\xbfdef f(): pass\n", ["f"], id="byte-order-mark"),
        pytest.param(
            b"# coding: latin-1\n'\xff'\r\ndef f(): pass\r\n", ["f"], id="latin-1"
        ),
        pytest.param(
            "class M(type):\n  def __call__(c): raise SystemExit\n"
            "  __getattribute__ = lambda c, n: 1 / 0\n"
            "class C(metaclass=M): pass\ndef f(): pass\n",
            None,
            id="hostile-metaclass",
        ),
        pytest.param("", [], id="empty"),
        pytest.param("x = 1\n", [], id="nothing-callable"),
    ],
)
def test_what_is_odd_is_listed(
    place: Place, hubconf: str | bytes, names: list[str] | None
) -> None:
    repo = place.add(hubconf)
    if names is None:
        assert place.error("list", repo)["reason"] == "ENTRYPOINT_FAILED"
    else:
        assert place.names(repo) == names


def test_a_missing_dependency_is_named(both: Place) -> None:
    repo = both.add("dependencies = ['os', 'not_here', 'nor.here']\ndef f(): pass\n")
    assert both.names(repo) == ["f"]
    error = both.error("help", repo, "f")
    assert error["reason"] == "MISSING_DEPENDENCY"
    assert error["metadata"]["missing"] == "not_here,nor.here"
    assert "install them" in error["message"]


def test_many_missing_dependencies_fit_into_an_error(place: Place) -> None:
    repo = place.add("dependencies = ['m' * 900 + str(i) for i in range(300)]\n")
    error = place.error("help", repo, "f")
    assert error["reason"] == "MISSING_DEPENDENCY"
    assert "mmm" in error["message"]


def test_a_missing_dependency_by_the_drop_in(place: Place) -> None:
    repo = place.add("dependencies = ['os', 'not_here']\ndef f(): pass\n")
    done = place.program(
        f"try: hub.help({repo!r}, 'f', trust_repo=True)\n"
        "except RuntimeError as error: print(error)\n"
    )
    assert done.stdout.endswith("Missing dependencies: not_here\n")


def test_a_syntax_error_shows_its_line(both: Place) -> None:
    repo = both.add("x = 1\n\ndef f(:\n")
    error = both.error("list", repo)
    assert error["reason"] == "ENTRYPOINT_FAILED"
    assert "SyntaxError" in error["message"]
    shown = both.hubctl("list", repo).stderr
    assert "line 3" in shown
    assert "def f(:" in shown


def test_a_million_entrypoints_are_cut_and_counted(both: Place) -> None:
    repo = both.add(
        "def f(): 'It.'\nglobals().update(('n%07d' % i, f) for i in range(10**6))\n"
    )
    answer = both.ask("list", repo)
    assert len(answer["entrypoints"]) == 4096
    assert answer["entrypoints"][1] == {"name": "n0000000", "summary": "It."}
    (warning,) = answer["tree"]["warnings"]
    assert "not listed: 995905;" in warning
    assert repo in warning
    done = both.hubctl("list", repo)
    assert done.returncode == 0
    assert len(done.stdout) < MAX_SHOWN
    assert "not listed: 995905;" in done.stderr


def test_a_million_entrypoints_by_the_drop_in(place: Place) -> None:
    repo = place.add(
        "def f(): 'It.'\nglobals().update(('n%07d' % i, f) for i in range(10**6))\n"
    )
    done = place.program(f"print(len(hub.list({repo!r}, trust_repo=True)))")
    assert done.stdout.split()[-1] == "4096"
    assert "not listed: 995905;" in done.stderr


def test_names_that_are_none_are_counted(both: Place) -> None:
    repo = both.add(
        "def f(): pass\n"
        "def gr\u00fcn(): pass\n"
        "for n in ('\\x1b[31m', '', ' ', 'a b', 'new\\nline', 'x' * 129, '\\ud800'):\n"
        "    globals()[n] = f\n"
    )
    answer = both.ask("list", repo)
    assert [entry["name"] for entry in answer["entrypoints"]] == ["f"]
    assert "not listed: 8;" in answer["tree"]["warnings"][0]
    shown = both.hubctl("list", repo)
    assert "\x1b" not in shown.stdout + shown.stderr


def test_long_docstrings_are_cut_and_said_so(both: Place) -> None:
    repo = both.add(
        "def f(): pass\nf.__doc__ = 'First line.\\n' + 'd' * (10 << 20)\n"
        "def g(a='x' * (10 << 20)): pass\n"
        "class C: __doc__ = property(lambda s: 1 / 0)\n"
        "for i in range(3000): globals()['h%d' % i] = f\n"
    )
    listed = both.ask("list", repo)
    summaries = {e["name"]: e["summary"] for e in listed["entrypoints"]}
    assert summaries["f"] == summaries["h2999"] == "First line."
    assert listed["tree"]["warnings"] == []
    helped = both.ask("help", repo, "f")
    assert len(helped["doc"]) == 64 << 10
    assert "longer than 64 KiB" in helped["tree"]["warnings"][0]
    assert len(both.ask("help", repo, "g")["signature"]) <= 64 << 10
    shown = both.hubctl("help", repo, "f")
    assert shown.returncode == 0
    assert len(shown.stdout) < 70_000
    assert "hubctl: warning: the documentation" in shown.stderr


def test_a_long_docstring_by_the_drop_in(place: Place) -> None:
    repo = place.add("def f(): pass\nf.__doc__ = 'd' * (10 << 20)\n")
    done = place.program(f"print(len(hub.help({repo!r}, 'f', trust_repo=True)))")
    assert done.stdout.split()[-1] == str(64 << 10)
    assert "UserWarning: the documentation" in done.stderr


def test_summaries_of_all_kinds_fit_into_one_answer(place: Place) -> None:
    # The longest names and summaries, in characters that grow where they are sent.
    repo = place.add(
        "class D:\n"
        "  def __init__(s, d): s.__doc__ = d\n"
        "  def __call__(s): pass\n"
        "for i in range(5000):\n"
        "    globals()['n' * 120 + '%04d' % i] = D('\\x01\\U0001F600' * 4000)\n"
        "dependencies = ['\\x01' * 2000] * 300\n"
    )
    answer = place.ask("list", repo)
    assert len(answer["entrypoints"]) == 4096
    assert len(answer["dependencies"]) == 256


def test_much_output_does_not_flood_a_terminal(both: Place) -> None:
    repo = both.add(
        "import sys\n"
        "for i in range(7000): print('x' * 999)\n"
        "sys.stderr.write('\\x1b]0;title\\x07' * 1000)\ndef f(): pass\n"
    )
    shown = both.hubctl("list", repo)
    assert shown.returncode == 0
    assert len(shown.stderr) < 80_000
    assert "\x1b" not in shown.stderr
    assert "\x07" not in shown.stderr


def test_a_hundred_megabytes_of_output_end_the_run(both: Place) -> None:
    repo = both.add("import os\nfor _ in range(100): os.write(2, b'y' * (1 << 20))\n")
    error = both.error("list", repo)
    assert error["reason"] == "ENTRYPOINT_FAILED"
    assert "limit of its output" in error["message"]
    shown = both.hubctl("list", repo)
    assert len(shown.stderr) < 80_000


def test_a_hubconf_of_a_hundred_megabytes(place: Place) -> None:
    repo = place.add("def old(): pass\n")
    # A gzip stream may have several parts, so that one is compressed only.
    part = b"# " + os.urandom(500_000).hex().encode() + b"\n"
    count = (100 << 20) // len(part) + 1
    size = len(part) * count
    head = with_field(member(f"{TOP}/hubconf.py"), 124, b"%011o\0" % size)
    body = gzip.compress(head) + gzip.compress(part, 1) * count
    body += gzip.compress(bytes(-size % 512) + END)
    place.origin.respond(CODELOAD, f"/{repo}/", 200, body=body, times=1)
    answer = place.hubctl("--json", "list", repo)
    document = json.loads(answer.stdout)
    if answer.returncode != 0:
        assert document["error"]["reason"] in ("WORKER_MEMORY", "WORKER_TIME")
        assert repo in document["error"]["message"]
    else:
        assert document["entrypoints"] == []


@pytest.mark.parametrize(
    ("hubconf", "raised"),
    [
        pytest.param("while True: pass\n", "WORKER_TIME", id="loop"),
        pytest.param(
            "x = []\nwhile True: x.append(bytearray(1 << 20))\n",
            "WORKER_MEMORY",
            id="memory",
        ),
    ],
)
def test_the_drop_in_does_not_run_what_the_sandbox_stopped(
    place: Place, short_place: Place, hubconf: str, raised: str
) -> None:
    where = short_place if raised == "WORKER_TIME" else place
    repo = where.add(hubconf)
    done = where.program(
        f"try: hub.list({repo!r}, trust_repo=True)\n"
        "except hubd.HubdError as error: print(error.reason)\n"
    )
    assert done.stdout.split()[-1] == raised


def test_the_drop_in_runs_what_failed_in_the_sandbox(place: Place) -> None:
    """As the original does, since trust is decided: in the caller's process."""
    repo = place.add("import sys\nsys.exit(7)\n")
    place.program(f"hub.list({repo!r}, trust_repo=True)", code=7)
    asks = place.add("def f(): 'It asks.'\nassert input() == 'x'\n")
    done = place.program(f"hub.list({asks!r}, trust_repo=True)", code=1)
    assert "EOFError" in done.stderr
