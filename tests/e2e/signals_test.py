"""Signals, terminals and pipes of hubctl and of the drop-in."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.e2e.files import wait_files
from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import (
    command,
    wait_answers,
    wait_for_end,
    wait_idle,
    wait_programs,
    workers,
)
from tests.e2e.terminals import Terminal
from tests.origin import Origin

MODELS = "models.example.org"
PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")


@pytest.fixture
def url(origin: Origin) -> str:
    return origin.add_file(MODELS, "/big", os.urandom(1 << 20))


@pytest.mark.parametrize(
    "number, code",
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
)
def test_a_signal_ends_a_fetch(
    machine: Machine, origin: Origin, url: str, number: signal.Signals, code: int
) -> None:
    target = machine.home / "copy.bin"
    target.write_bytes(b"as it was")
    pid = machine.daemon_pid()
    with origin.hold(MODELS, "/big", after=1000) as gate:
        fetch = machine.start([machine.hubctl_path, "fetch", url, "--to", str(target)])
        gate.wait_reached()
        fetch.send_signal(number)
        output, errors = fetch.communicate(timeout=TIMEOUT)
        assert fetch.returncode == code
        assert output == ""
        assert errors.splitlines()[-1] == "hubctl: cancelled"
        # The transfer stops although the gate holds.
        wait_idle(machine)
    assert set(os.listdir(machine.home)) == {target.name, "root"}
    assert target.read_bytes() == b"as it was"
    assert not list(machine.store("blobs").rglob("*/*"))
    machine.hubctl("fetch", url, "--to", str(target))
    assert target.stat().st_size == 1 << 20
    assert machine.daemon_pid() == pid


def test_a_signal_ends_a_list(machine: Machine, origin: Origin) -> None:
    origin.add_repo("o", "endless", {"hubconf.py": "while True: pass\n"})
    origin.add_repo("o", "good", {"hubconf.py": "def one(): pass\n"})
    pid = machine.daemon_pid()
    listing = machine.start([machine.hubctl_path, "list", "o/endless"])
    wait_programs(
        lambda: any("box.py" in " ".join(command(one)) for one in workers(pid)),
        "a worker runs",
    )
    listing.send_signal(signal.SIGINT)
    _, errors = listing.communicate(timeout=TIMEOUT)
    assert listing.returncode == 130
    assert errors.splitlines()[-1] == "hubctl: cancelled"
    wait_answers(machine, lambda _: not workers(pid), "the worker is gone")
    wait_idle(machine)
    machine.hubctl("list", "o/good")
    assert machine.daemon_pid() == pid


def test_ctrl_c_in_a_terminal(machine: Machine, origin: Origin, url: str) -> None:
    pid = machine.daemon_pid()
    with (
        origin.hold(MODELS, "/big", after=500_000) as gate,
        Terminal(machine, machine.hubctl_path, "fetch", url) as terminal,
    ):
        gate.wait_reached()
        terminal.wait_until(lambda: "downloading" in terminal.lines[0], "the bar")
        terminal.ctrl_c()
        assert terminal.wait_end() == 130
        wait_idle(machine)
    # The bar's line is wiped before anything else is said.
    end = terminal.shown.replace("^C", "").rpartition("downloading")[2]
    assert end.endswith("\r\x1b[Khubctl: cancelled\r\n"), end
    assert machine.daemon_pid() == pid


def test_a_reader_that_goes_away(machine: Machine, url: str) -> None:
    machine.hubctl("fetch", url)
    pid = machine.daemon_pid()
    reader, writer = os.pipe()
    os.close(reader)
    for arguments in (["cache", "ls"], ["fetch", url], ["--json", "status"]):
        done = subprocess.run(
            [machine.hubctl_path, *arguments],
            env=machine.environment(),
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=TIMEOUT,
            check=False,
        )
        # As programs in a pipe end, and without a word.
        assert (done.returncode, done.stderr) == (-signal.SIGPIPE, b"")
    os.close(writer)
    assert machine.daemon_pid() == pid


def shell(machine: Machine, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", line, "sh", str(machine.hubctl_path), str(machine.hubd)],
        env=machine.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_closed_standard_descriptors(machine: Machine, url: str) -> None:
    done = shell(machine, f"$1 fetch {url} <&-")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).stat().st_size == 1 << 20
    # A result that cannot be written is no success, and goes nowhere else.
    done = shell(machine, f"$1 fetch {url} >&-")
    assert done.returncode == 1
    assert "cannot write the result: Bad file descriptor" in done.stderr
    assert shell(machine, f"$1 fetch {url} 2>&-").returncode == 0
    # Python prints nothing, as without hubctl, where stdout is closed.
    prints = f"{sys.executable} -c 'print(1)'"
    assert (
        shell(machine, f"PYTHONPATH={PYCLIENT} $1 run -- {prints} >&-").returncode == 0
    )
    assert shell(machine, "$1 fetch gopher://x/y <&- >&- 2>&-").returncode == 2
    machine.kill_daemon()
    # Here hubctl starts the daemon.
    assert shell(machine, f"$1 fetch {url} <&- 2>&-").returncode == 0
    machine.hubctl("fetch", url)


def test_a_daemon_with_closed_standard_descriptors(machine: Machine, url: str) -> None:
    daemon = subprocess.Popen(
        ["/bin/sh", "-c", "exec $0 --dir $1 <&- >&- 2>&-", machine.hubd, machine.root],
        env=machine.environment(),
    )
    address = machine.store("ADDRESS")
    wait_files(address.exists, "the daemon listens", machine.home)
    machine.hubctl("fetch", url, HUBD_AUTOSTART="0")
    # (What a library opens before main may have taken the place of stdin.)
    links = [os.readlink(f"/proc/{daemon.pid}/fd/{fd}") for fd in (1, 2)]
    assert links == ["/dev/null"] * 2
    # What it says reaches nobody, and no file of the store.
    assert "event=" not in machine.store("LOCK").read_text()
    with sqlite3.connect(machine.store("index.sqlite3")) as index:
        assert index.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    daemon.terminate()
    assert daemon.wait(TIMEOUT) == 0


def test_sixteen_clients_while_a_daemon_drains(
    machine: Machine, origin: Origin, url: str
) -> None:
    first = machine.daemon_pid()
    handle = os.pidfd_open(first)
    gate = origin.hold(MODELS, "/big", after=1000)
    fetch = machine.start([machine.hubctl_path, "fetch", url])
    gate.wait_reached()
    os.kill(first, signal.SIGTERM)
    clients = [
        machine.start([machine.hubctl_path, "--json", "status"]) for _ in range(8)
    ] + [
        machine.start([sys.executable, "-c", ASK_PID], PYTHONPATH=PYCLIENT)
        for _ in range(8)
    ]
    # Each has been turned away more often than a lost connection would excuse.
    log = machine.store("log")

    def refusals() -> list[int]:
        lines = re.findall(r"pid=(\d+) .*reason=DRAINING", log.read_text())
        return list(Counter(lines).values())

    wait_files(
        lambda: sum(count >= 7 for count in refusals()) >= 16,
        "many were refused",
        log.parent,
    )
    gate.release()
    assert fetch.wait(TIMEOUT) == 0
    fetch.communicate()
    wait_for_end(handle)
    os.close(handle)
    pids = set()
    for client in clients:
        output, errors = client.communicate(timeout=TIMEOUT)
        assert client.returncode == 0, errors
        said = json.loads(output)
        pids.add(int(said["pid"] if isinstance(said, dict) else said))
    assert pids == {machine.daemon_pid()}
    assert first not in pids


ASK_PID = "import hubd; print(hubd.Client().get_status().pid)"

DOWNLOAD = """
import sys
import hubd.torch as hub
hub.download_url_to_file(sys.argv[1], sys.argv[2], progress=True)
"""


def test_ctrl_c_in_the_drop_in(machine: Machine, origin: Origin, url: str) -> None:
    pid = machine.daemon_pid()
    target = machine.home / "copy.bin"
    program = [sys.executable, "-c", DOWNLOAD, url, str(target)]
    with origin.hold(MODELS, "/big", after=500_000) as gate:
        download = machine.start(program, PYTHONPATH=PYCLIENT)
        gate.wait_reached()
        download.send_signal(signal.SIGINT)
        _, errors = download.communicate(timeout=TIMEOUT)
        assert download.returncode == -signal.SIGINT
        assert errors.splitlines()[-1] == "KeyboardInterrupt"
        wait_idle(machine)
    assert set(os.listdir(machine.home)) == {"root"}
    machine.run(program, PYTHONPATH=PYCLIENT)
    assert target.stat().st_size == 1 << 20
    assert machine.daemon_pid() == pid


FORKS_AND_THREADS = """
import os, sys, threading
import hubd
import hubd.torch as hub

url, folder = sys.argv[1:]
client = hubd.Client()
root = client.get_dir()

def work(n):
    hub.download_url_to_file(url, os.path.join(folder, str(n)), progress=False)
    assert client.get_dir() == root

threads = [threading.Thread(target=work, args=(n,)) for n in range(16)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
for n in range(16, 20):
    pid = os.fork()
    if pid == 0:
        work(n)
        grandchild = os.fork()
        if grandchild == 0:
            work(n + 100)
            os._exit(0)
        os._exit(os.waitstatus_to_exitcode(os.waitpid(grandchild, 0)[1]))
    assert os.waitpid(pid, 0)[1] == 0
work(20)
print("done")
"""


def test_the_drop_in_in_threads_and_after_forks(
    machine: Machine, origin: Origin, url: str
) -> None:
    folder = machine.home / "copies"
    folder.mkdir()
    done = machine.run(
        [sys.executable, "-c", FORKS_AND_THREADS, url, str(folder)],
        PYTHONPATH=PYCLIENT,
    )
    assert done.stdout.strip() == "done"
    sizes = {path.stat().st_size for path in folder.iterdir()}
    assert (len(list(folder.iterdir())), sizes) == (25, {1 << 20})
    assert origin.count(MODELS) >= 1
    wait_idle(machine)
