"""Sockets and programs that are not what they should be."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.files import wait_files
from tests.e2e.machine import Machine, as_user
from tests.e2e.processes import is_gone, kill_all, wait_gone
from tests.origin import Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
ASK = "import hubd; print(hubd.Client().get_dir())"
# Users of whom nothing else is on the machine.
LONELY_UID, STRANGER_UID = 61007, 61008

only_root = pytest.mark.skipif(
    os.getuid() != 0, reason="only root can be somebody else"
)


def refused(machine: Machine, *words: str, **extra: Any) -> None:
    """Both clients say what is wrong, and start nothing."""
    message = machine.hubctl("status", code=3, **extra).stderr
    python = machine.run([sys.executable, "-c", ASK], 1, PYTHONPATH=PYCLIENT, **extra)
    assert "DaemonUnreachable" in python.stderr
    for word in words:
        assert word in message
        assert word in python.stderr.splitlines()[-1]


def answered(machine: Machine, **extra: Any) -> None:
    root = str(machine.root)
    assert machine.hubctl("get-dir", **extra).stdout.strip() == root
    asked = machine.run([sys.executable, "-c", ASK], PYTHONPATH=PYCLIENT, **extra)
    assert asked.stdout.strip() == root


@pytest.fixture
def runtime(machine: Machine) -> Path:
    """A runtime directory of the machine's user."""
    path = machine.top / "run"
    path.mkdir(mode=0o700)
    os.chown(path, machine.uid, machine.uid)
    return path


def _is_anothers(path: Path) -> None:
    path.mkdir(mode=0o700)
    os.chown(path, STRANGER_UID, STRANGER_UID)


def _is_open_to_others(path: Path) -> None:
    path.mkdir()
    path.chmod(0o755)


def _is_a_link(path: Path) -> None:
    (path.parent / "elsewhere").mkdir(mode=0o700)
    path.symlink_to("elsewhere")


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_is_anothers, marks=only_root),
        _is_open_to_others,
        _is_a_link,
        Path.touch,
    ],
)
def test_a_socket_directory_that_is_not_safe(
    machine: Machine, runtime: Path, spoil: object
) -> None:
    directory = runtime / "hubd"
    spoil(directory)  # type: ignore[operator]
    extra = {"XDG_RUNTIME_DIR": str(runtime)}
    refused(machine, str(directory), "0700", "XDG_RUNTIME_DIR", **extra)
    # So does a daemon that nobody started for a client.
    own = machine.run([machine.hubd, "--dir", machine.root], 1, **extra)
    assert str(directory) in own.stderr
    assert not machine.store("ADDRESS").exists()
    (
        directory.rmdir
        if directory.is_dir() and not directory.is_symlink()
        else directory.unlink
    )()
    answered(machine, **extra)


@only_root
def test_somebody_else_has_the_name_in_tmp(origin: Origin) -> None:
    directory = Path(f"/tmp/hubd-{LONELY_UID}")
    machine = Machine(origin, uid=LONELY_UID)
    directory.mkdir(mode=0o700)
    try:
        refused(machine, str(directory), "XDG_RUNTIME_DIR")
        runtime = machine.home / "run"
        runtime.mkdir(mode=0o700)
        os.chown(runtime, LONELY_UID, LONELY_UID)
        answered(machine, XDG_RUNTIME_DIR=str(runtime))
    finally:
        shutil.rmtree(directory)
        machine.close()


def test_a_runtime_directory_with_a_long_path(machine: Machine, runtime: Path) -> None:
    deep = runtime / ("d" * 100)
    deep.mkdir(mode=0o700)
    os.chown(deep, machine.uid, machine.uid)
    answered(machine, XDG_RUNTIME_DIR=str(deep))
    assert machine.json("status")["socket"].startswith(f"/tmp/hubd-{machine.uid}/")
    assert not list(deep.iterdir())


def test_a_stale_socket_is_replaced(machine: Machine) -> None:
    path = machine.json("status")["socket"]
    machine.kill_daemon()
    assert Path(path).is_socket()
    assert machine.store("ADDRESS").read_text().strip() == path
    answered(machine)
    assert machine.json("status")["socket"] == path


def test_something_else_lies_where_the_socket_goes(machine: Machine) -> None:
    path = Path(machine.json("status")["socket"])
    machine.kill_daemon()
    path.unlink()
    path.write_text("mine")
    refused(machine, str(path), "move it away")
    assert path.read_text() == "mine"
    path.unlink()
    answered(machine)


@pytest.mark.parametrize(
    "address",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\n\n", id="newlines"),
        pytest.param(b"/none\n", id="absent"),
        pytest.param(b"/" + b"x" * 300, id="long"),
        pytest.param(b"\xff\xfe\n", id="no text"),
        pytest.param(random.Random(1).randbytes(4096), id="random"),
    ],
)
def test_an_address_that_leads_nowhere(machine: Machine, address: bytes) -> None:
    machine.root.joinpath("store").mkdir(parents=True, mode=0o700)
    os.chown(machine.root, machine.uid, machine.uid)
    machine.store("ADDRESS").write_bytes(address)
    answered(machine)


@contextlib.contextmanager
def strangers_socket(path: Path) -> Iterator[socket.socket]:
    """A socket that everybody can open, at which a process of another listens."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        path.chmod(0o666)
        # The kernel notes who called listen().
        listen = f"import socket; socket.socket(fileno={server.fileno()}).listen(8)"
        subprocess.run(
            [*as_user(STRANGER_UID), "/usr/bin/python3", "-c", listen],
            pass_fds=[server.fileno()],
            check=True,
        )
        yield server


@only_root
@pytest.mark.parametrize("by", ["HUBD_SOCKET", "ADDRESS"])
def test_nothing_is_sent_to_a_strangers_process(machine: Machine, by: str) -> None:
    path = machine.top / "stranger.sock"
    extra = {}
    if by == "HUBD_SOCKET":
        extra["HUBD_SOCKET"] = str(path)
    else:
        machine.store().mkdir(parents=True, mode=0o700)
        machine.store("ADDRESS").write_text(f"{path}\n")
    with strangers_socket(path) as server:
        refused(machine, str(path), f"uid {STRANGER_UID}", **extra)
        server.setblocking(False)
        for _ in range(2):
            with server.accept()[0] as connection:
                assert connection.recv(1) == b""
    path.unlink()
    answered(machine)


@pytest.mark.parametrize(
    "path, why",
    [
        ("/none/hubd.sock", "No such file or directory"),
        ("/" + "x" * 200, "longer than a socket's may be"),
        ("/etc/passwd", "Connection refused"),
    ],
)
def test_a_named_socket_where_nobody_answers(
    machine: Machine, path: str, why: str
) -> None:
    refused(machine, path, why, HUBD_SOCKET=path)
    assert not machine.root.exists()


def test_no_daemon_may_be_started(machine: Machine) -> None:
    refused(machine, "HUBD_AUTOSTART", HUBD_SOCKET="")
    refused(machine, "HUBD_AUTOSTART", HUBD_AUTOSTART="0")
    assert not machine.root.exists()
    answered(machine)
    answered(machine, HUBD_AUTOSTART="0")


@only_root
def test_a_named_socket_that_may_not_be_opened(origin: Origin) -> None:
    machine = Machine(origin, uid=LONELY_UID)
    try:
        path = machine.top / "roots.sock"
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
            path.chmod(0o600)
            server.listen()
            refused(machine, str(path), "Permission denied", HUBD_SOCKET=str(path))
    finally:
        machine.close()
        shutil.rmtree(f"/tmp/hubd-{LONELY_UID}", ignore_errors=True)


GARBAGE = "#!/bin/sh\necho garbage >&$HUBD_READY_FD\n"
# No end of line, and no end.
FLOOD = "#!/bin/sh\nexec head -c 1000000 /dev/zero >&$HUBD_READY_FD\n"
CRASH = "#!/bin/sh\nkill -SEGV $$\n"
STUCK = "#!/bin/sh\necho $$ > $2.pid\nexec sleep 1000\n"


@pytest.mark.parametrize(
    "text, mode, words",
    [
        (None, 0, ["cannot start", "No such file"]),
        (GARBAGE, 0o644, ["cannot start", "Permission denied"]),
        ("no program", 0o755, ["cannot start", "Exec format error"]),
        (CRASH, 0o755, ["ended before it was ready"]),
        (GARBAGE, 0o755, ["is not hubd", "garbage", "HUBD_DAEMON"]),
        (FLOOD, 0o755, ["is not hubd", "HUBD_DAEMON"]),
    ],
)
def test_a_program_that_is_no_daemon(
    machine: Machine, text: str | None, mode: int, words: list[str]
) -> None:
    program = machine.top / "program"
    if text is not None:
        program.write_text(text)
        program.chmod(mode)
    refused(machine, str(program), *words, HUBD_DAEMON=str(program))
    assert not machine.root.exists()
    answered(machine)


def test_a_daemon_that_does_not_become_ready(machine: Machine) -> None:
    program = machine.top / "program"
    program.write_text(STUCK)
    program.chmod(0o755)
    extra = {"HUBD_DAEMON": str(program), "HUBD_TIMEOUT": "300ms"}
    pid_file = Path(f"{machine.root}.pid")
    for arguments in (
        [str(machine.hubctl_path), "get-dir"],
        [sys.executable, "-c", ASK],
    ):
        done = machine.run(arguments, 1, PYTHONPATH=PYCLIENT, **extra)
        assert "not done within" in done.stderr
        wait_files(
            lambda: pid_file.exists() and pid_file.read_text(),
            "a start",
            pid_file.parent,
        )
        kill_all([int(pid_file.read_text())])
        pid_file.unlink()
    answered(machine)


def test_interrupted_while_the_daemon_starts(machine: Machine) -> None:
    program = machine.top / "program"
    program.write_text(STUCK)
    program.chmod(0o755)
    pid_file = Path(f"{machine.root}.pid")
    command = machine.start([machine.hubctl_path, "get-dir"], HUBD_DAEMON=str(program))
    wait_files(
        lambda: pid_file.exists() and pid_file.read_text(), "a start", pid_file.parent
    )
    command.send_signal(signal.SIGINT)
    _, errors = command.communicate(timeout=30)
    assert command.returncode == 130, errors
    # It may be a slow one that another client waits for.
    started = int(pid_file.read_text())
    assert not is_gone(started)
    kill_all([started])
    wait_gone(started)
    answered(machine)
