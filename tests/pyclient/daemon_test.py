"""Finding and starting a daemon; the started one is a small script."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
import sys

import pytest

import hubd
from conftest import PYCLIENT
from hubd import _daemon

_READY = """
import os, select, socket, sys
assert sys.argv[1] == "--dir" and os.getsid(0) == os.getpid() and os.getcwd() == "/"
root = sys.argv[2]
os.makedirs(os.path.join(root, "store"), exist_ok=True)
with open(os.path.join(root, "started"), "a") as file:
    file.write("x")
path = os.path.join(root, "d.sock")
server = socket.socket(socket.AF_UNIX)
server.bind(path)
server.listen(64)
stop = os.open(os.path.join(root, "stop"), os.O_RDONLY | os.O_NONBLOCK)
with open(os.path.join(root, "store", "ADDRESS"), "w") as file:
    file.write(path + "\\n")
os.write(int(os.environ["HUBD_READY_FD"]), f"ready {path}\\n".encode())
os.close(int(os.environ["HUBD_READY_FD"]))
while stop not in select.select([server, stop], [], [])[0]:
    server.accept()[0].close()
"""

_SAYS = """
import os
os.write(int(os.environ["HUBD_READY_FD"]), b"{line}\\n")
"""

_DIES = """
import os, sys
os.makedirs(os.path.join(sys.argv[2], "store"))
with open(os.path.join(sys.argv[2], "store", "log"), "w") as file:
    file.write("".join(f"line {n}\\n" for n in range(30)))
"""


@pytest.fixture
def root(home, monkeypatch):
    """A root whose script, if one was started, ends with the test."""
    path = os.path.join(home, "root")
    os.mkdir(path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", home)
    monkeypatch.delenv("HUBD_AUTOSTART")
    os.mkfifo(os.path.join(path, "stop"))
    # At its end the pipe has nobody who writes.
    writer = os.open(os.path.join(path, "stop"), os.O_RDWR)
    yield path
    os.close(writer)


@pytest.fixture
def program(home, monkeypatch):
    """Makes the given Python text the `hubd` that is started."""

    def install(text):
        path = os.path.join(home, "program")
        with open(path, "w") as file:
            file.write(f"#!{sys.executable}\n{text}")
        os.chmod(path, 0o755)
        monkeypatch.setenv("HUBD_DAEMON", path)

    return install


@pytest.fixture
def listen(home):
    """Opens sockets that accept."""
    opened = []

    def open_at(path):
        server = socket.socket(socket.AF_UNIX)
        server.bind(path)
        server.listen(8)
        opened.append(server)
        return path

    yield open_at
    for server in opened:
        server.close()


def _find(root, explicit=None):
    return _daemon.find_or_start(root, explicit, 20.0)


def test_hubd_socket_names_the_only_candidate(root, home, listen, monkeypatch):
    monkeypatch.setattr(_daemon, "SYSTEM_SOCKET", listen(home + "/system"))
    monkeypatch.setenv("HUBD_SOCKET", home + "/absent")
    with pytest.raises(hubd.DaemonUnreachable, match="absent"):
        _find(root)
    monkeypatch.setenv("HUBD_SOCKET", listen(home + "/mine"))
    assert _find(root) == home + "/mine"


def test_the_system_daemon_comes_before_the_roots_own(root, home, listen, monkeypatch):
    os.mkdir(root + "/store")
    with open(root + "/store/ADDRESS", "w") as file:
        file.write(listen(home + "/own") + "\n")
    assert _find(root) == home + "/own"
    monkeypatch.setattr(_daemon, "SYSTEM_SOCKET", listen(home + "/system"))
    assert _find(root) == home + "/system"


@pytest.mark.parametrize("name, value", [("HUBD_SOCKET", ""), ("HUBD_AUTOSTART", "0")])
def test_autostart_can_be_switched_off(root, program, monkeypatch, name, value):
    program(_READY)
    monkeypatch.setenv(name, value)
    with pytest.raises(hubd.DaemonUnreachable, match="switched off"):
        _find(root)
    assert not os.path.exists(root + "/started")


def test_a_started_daemon_detaches_and_says_where_it_listens(root, home, program):
    program(_READY)
    assert _find(root) == root + "/d.sock"
    key = hashlib.sha256(root.encode()).hexdigest()[:16]
    lock = os.stat(f"{home}/hubd/{key}.start")
    assert stat.S_IMODE(lock.st_mode) == 0o600
    assert stat.S_IMODE(os.stat(home + "/hubd").st_mode) == 0o700


@pytest.mark.parametrize("named", ["program", "./program"])
def test_hubd_daemon_may_be_a_path_from_here_or_a_name_in_path(
    root, home, program, monkeypatch, named
):
    program(_READY)
    monkeypatch.chdir(home)
    monkeypatch.setenv("PATH", home + os.pathsep + os.environ["PATH"])
    monkeypatch.setenv("HUBD_DAEMON", named)
    assert _find(root) == root + "/d.sock"


def test_clients_that_come_together_start_one_daemon(root, program):
    program(_READY)
    code = (
        "from hubd import _daemon\n"
        f"_daemon.SYSTEM_SOCKET = '/none'\n"
        f"print(_daemon.find_or_start({root!r}, None, 20.0))"
    )
    command = [sys.executable, "-c", code]
    environment = {**os.environ, "PYTHONPATH": PYCLIENT}
    clients = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        for _ in range(4)
    ]
    told = {client.communicate()[0].decode().strip() for client in clients}
    assert told == {root + "/d.sock"}
    assert os.path.getsize(root + "/started") == 1


def test_an_error_of_the_started_daemon_is_quoted(root, program):
    program(_SAYS.format(line="error disk is on fire"))
    with pytest.raises(hubd.DaemonUnreachable, match="disk is on fire"):
        _find(root)


def test_a_daemon_that_dies_shows_the_end_of_its_log(root, program):
    program(_DIES)
    with pytest.raises(hubd.DaemonUnreachable) as caught:
        _find(root)
    assert "line 29" in str(caught.value)
    assert "line 10\n" in str(caught.value)
    assert "line 9\n" not in str(caught.value)


@pytest.mark.parametrize("word", ["babble", "x" * 100_000])
def test_a_program_that_is_not_hubd_is_said_to_be_that(root, program, word):
    program(_SAYS.format(line=word))
    with pytest.raises(hubd.DaemonUnreachable, match="program is not hubd") as caught:
        _find(root)
    assert word[:200] in str(caught.value)
    assert len(str(caught.value)) < 500


def test_a_root_held_elsewhere_names_the_holder(root, program, monkeypatch):
    monkeypatch.setattr(_daemon, "_HELD_SECONDS", 0.1)
    program(_SAYS.format(line="held 42 node7 -"))
    with pytest.raises(hubd.DaemonUnreachable, match="pid 42 on host node7"):
        _find(root)


def test_without_a_program_the_way_out_is_named(root, monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(sys, "executable", "/nonexistent/python3")
    with pytest.raises(hubd.DaemonUnreachable, match="HUBD_DAEMON"):
        _find(root)


def test_a_socket_of_a_stranger_is_refused(root, home, listen, monkeypatch):
    monkeypatch.setenv("HUBD_SOCKET", listen(home + "/theirs"))
    monkeypatch.setattr(_daemon, "_believed_uids", lambda: [os.geteuid() + 1])
    with pytest.raises(hubd.DaemonUnreachable, match="belongs to uid"):
        _find(root)


def test_a_socket_where_many_wait_is_waited_for(root, home, monkeypatch):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(home + "/busy")
        server.listen(0)
        waiting = socket.socket(socket.AF_UNIX)
        waiting.connect(home + "/busy")
        monkeypatch.setattr(_daemon.time, "sleep", lambda _: server.accept())
        assert _find(root, home + "/busy") == home + "/busy"
        waiting.close()


def test_a_socket_directory_open_to_others_is_refused(root, home, program):
    program(_READY)
    os.mkdir(home + "/hubd")
    os.chmod(home + "/hubd", 0o755)
    with pytest.raises(hubd.DaemonUnreachable, match="0700"):
        _find(root)
    assert not os.path.exists(root + "/started")


def test_the_socket_directory_leaves_room_for_the_sockets_name(home, monkeypatch):
    # "/hubd/" and "0123456789abcdef.sock" come to it.
    fits = os.path.join(home, "d" * (107 - len(home) - 1 - 6 - 21))
    os.mkdir(fits)
    os.mkdir(fits + "d")
    monkeypatch.setenv("XDG_RUNTIME_DIR", fits)
    assert _daemon._socket_dir() == fits + "/hubd"
    monkeypatch.setenv("XDG_RUNTIME_DIR", fits + "d")
    assert _daemon._socket_dir() == f"/tmp/hubd-{os.geteuid()}"


def test_the_root_follows_hubd_home_then_the_cache_directory(home, monkeypatch):
    assert _daemon.canonical(_daemon.default_root()) == home + "/.cache/hubd"
    monkeypatch.setenv("XDG_CACHE_HOME", home + "/cache")
    assert _daemon.default_root() == home + "/cache/hubd"
    monkeypatch.setenv("HUBD_HOME", "~/here")
    assert _daemon.canonical(_daemon.default_root()) == home + "/here"


def test_a_root_is_the_same_through_links(home):
    os.mkdir(home + "/real")
    os.symlink(home + "/real", home + "/link")
    assert _daemon.canonical(home + "/link/sub") == home + "/real/sub"


def test_what_the_system_refuses_is_said_as_unreachable(root, home, program):
    program(_READY)
    key = hashlib.sha256(root.encode()).hexdigest()[:16]
    os.makedirs(f"{home}/hubd/{key}.start")
    os.chmod(home + "/hubd", 0o700)
    with pytest.raises(hubd.DaemonUnreachable, match="Is a directory"):
        _find(root)


_MANY_FILES = """
import os, resource, sys
from hubd import _daemon
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
files = [os.open("/dev/null", os.O_RDONLY) for _ in range(min(limit, 1200) - 50)]
print(_daemon.find_or_start(sys.argv[1], None, 20.0))
"""


def test_a_process_with_many_open_files_can_start_one(root, program):
    program(_READY)
    done = subprocess.run(
        [sys.executable, "-c", _MANY_FILES, root],
        env={**os.environ, "PYTHONPATH": PYCLIENT},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == root + "/d.sock"


def test_a_deadline_that_passes_during_the_start_is_said_as_such(root, program):
    program("import select\nselect.select([], [], [], 20)\n")
    with pytest.raises(hubd.DeadlineExceeded):
        hubd.Client(dir=root, timeout="100ms").get_dir()
