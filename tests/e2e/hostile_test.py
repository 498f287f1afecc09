"""Hostile and broken hubconf.py files, by `hubctl list`, as root and not."""

from __future__ import annotations

import socket

import pytest

from tests.e2e.machine import Machine
from tests.origin import Origin

PYTHON = "/usr/bin/python3"
# Limits that let a test end soon.
LIMITS = '[sandbox]\ntime = "4s"\nmemory = "256MiB"\n'


def list_hub(
    machine: Machine, origin: Origin, body: str, code: int = 0
) -> dict[str, object]:
    machine.configure(LIMITS)
    origin.add_repo("evil", "hub", {"hubconf.py": body})
    document = machine.json("list", "evil/hub", "--python", PYTHON, code=code)
    assert machine.json("status")["pid"]
    if code == 0:
        return {"names": [entry["name"] for entry in document["entrypoints"]]}
    error = document["error"]
    assert isinstance(error, dict)
    return error


def test_it_sees_no_home_no_secret_no_socket(any_user: Machine, origin: Origin) -> None:
    bait = any_user.home / "bait"
    bait.write_text("secret")
    daemon_socket = any_user.json("status")["socket"]
    paths = [str(bait), "/etc/shadow", str(any_user.home), str(any_user.root)]
    body = f"""
import os, socket
seen = []
for path in {paths!r}:
    if os.path.exists(path):
        seen.append("path_" + "".join(c if c.isalnum() else "_" for c in path))
try:
    socket.socket(socket.AF_UNIX).connect({daemon_socket!r})
    seen.append("daemon")
except OSError:
    pass
if "HUBD_HOME" in os.environ or any("secret" in v for v in os.environ.values()):
    seen.append("environment")
for name in seen or ["contained"]:
    globals()[name] = lambda: None
"""
    assert list_hub(any_user, origin, body) == {"names": ["contained"]}


def test_it_has_no_network(any_user: Machine, origin: Origin) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        body = f"""
import socket
try:
    socket.create_connection(("127.0.0.1", {port}), 1)
    def reached(): pass
except OSError:
    def contained(): pass
"""
        assert list_hub(any_user, origin, body) == {"names": ["contained"]}


def test_it_cannot_write(any_user: Machine, origin: Origin) -> None:
    body = """
import os
wrote = []
for place in [os.path.dirname(__file__), "/usr", "/etc", "/hubd", "/"]:
    try:
        open(os.path.join(place, "evil"), "w")
        wrote.append(place)
    except OSError:
        pass
try:
    os.chmod(__file__, 0o777)
    wrote.append("mode")
except OSError:
    pass
globals()["contained" if not wrote else "wrote"] = lambda: None
"""
    assert list_hub(any_user, origin, body) == {"names": ["contained"]}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("while True: pass\n", "WORKER_TIME"),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))\n", "WORKER_MEMORY"),
        ("while True: print('x' * 1000)\n", "ENTRYPOINT_FAILED"),
        ("import os\nos._exit(3)\n", "ENTRYPOINT_FAILED"),
        ("import os\nos.kill(os.getpid(), 11)\n", "ENTRYPOINT_FAILED"),
        ("def broken(:\n", "ENTRYPOINT_FAILED"),
        ("import no_such_module\n", "ENTRYPOINT_FAILED"),
        (
            "import os\nos.write(4, b'HUBD\\x01\\x02\\0\\0\\0{}')\nos._exit(0)\n"
            "os.write(4, b'HUBD\\x01\\x02\\0\\0\\0{}')\n",
            None,
        ),
        (
            "import os\nfor _ in range(2): os.write(4, b'HUBD\\x01\\x02\\0\\0\\0{}')\n"
            "os._exit(0)\n",
            "ENTRYPOINT_FAILED",
        ),
    ],
    ids=[
        "loop",
        "memory",
        "output",
        "exit",
        "crash",
        "syntax",
        "import",
        "forged-frame-is-its-own-answer",
        "two-frames",
    ],
)
def test_broken_code_is_explained(
    any_user: Machine, origin: Origin, body: str, reason: str | None
) -> None:
    if reason is None:
        assert list_hub(any_user, origin, body) == {"names": []}
        return
    error = list_hub(any_user, origin, body, code=1)
    assert error["reason"] == reason
    assert "evil/hub" in str(error["message"])


def test_a_fork_bomb_is_contained(any_user: Machine, origin: Origin) -> None:
    body = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n"
    error = list_hub(any_user, origin, body, code=1)
    assert error["reason"] in ("WORKER_TIME", "WORKER_MEMORY")


def test_its_output_is_marked_and_cleaned(any_user: Machine, origin: Origin) -> None:
    any_user.configure(LIMITS)
    origin.add_repo(
        "o", "loud", {"hubconf.py": "print('\\x1b[31mhello')\ndef f(): pass\n"}
    )
    done = any_user.hubctl("list", "o/loud", "--python", PYTHON)
    assert "hello" in done.stderr
    assert "o/loud" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
