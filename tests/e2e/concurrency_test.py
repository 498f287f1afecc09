"""Many processes at once, and daemons that die."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from pathlib import Path

from tests.e2e.machine import TIMEOUT, Machine
from tests.e2e.processes import wait_for_end
from tests.origin import Origin

MODELS = "models.example.org"
RANKS = 16


def test_sixteen_cold_processes_cost_the_origin_one_download(
    machine: Machine, origin: Origin
) -> None:
    data = os.urandom(8 << 20)
    url = origin.add_file(MODELS, "/m/big.bin", data)
    with origin.hold(MODELS, "/m/big.bin", after=1 << 20) as gate:
        fetches = [
            machine.start([machine.hubctl_path, "fetch", url]) for _ in range(RANKS)
        ]
        gate.wait_reached()
        # Each is told how far the one download has come.
        for fetch in fetches:
            assert fetch.stderr is not None
            assert any(line.startswith("downloading") for line in fetch.stderr)
    loads = [
        machine.start([machine.hubctl_path, "load", "hubd/sample", "tiny"])
        for _ in range(RANKS)
    ]
    paths = set()
    for process in [*fetches, *loads]:
        output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, errors
        paths.add(output.split()[0])
    assert origin.count(MODELS, "/m/big.bin") == 1
    assert origin.bytes_sent(MODELS, "/m/big.bin") == len(data)
    assert origin.count("codeload.github.com") == 1
    assert hashlib.sha256(data).hexdigest() in {Path(path).name for path in paths}


def test_sixteen_drop_ins_load_at_once(machine: Machine, origin: Origin) -> None:
    program = (
        "import hubd.torch as hub\n"
        "hub.load('hubd/sample', 'tiny', trust_repo=True, verbose=False)\n"
    )
    pyclient = str(Path(__file__).resolve().parents[2] / "pyclient")
    ranks = [
        machine.start([sys.executable, "-c", program], PYTHONPATH=pyclient)
        for _ in range(RANKS)
    ]
    for rank in ranks:
        _, errors = rank.communicate(timeout=TIMEOUT)
        assert rank.returncode == 0, errors
    assert origin.count("codeload.github.com") == 1
    # Whoever comes after the first only asks whether the bytes changed.
    size = origin.bytes_sent("github.com", "/hubd/sample/releases/download/")
    assert 0 < size <= 210_000


def test_kill_of_the_daemon_in_mid_download_loses_nothing(
    machine: Machine, origin: Origin
) -> None:
    kept = Path(
        machine.hubctl(
            "fetch", origin.add_file(MODELS, "/m/kept", b"kept")
        ).stdout.strip()
    )
    data = os.urandom(4 << 20)
    url = origin.add_file(MODELS, "/m/big.bin", data)
    first_pid = machine.daemon_pid()
    gate = origin.hold(MODELS, "/m/big.bin", after=1 << 20)
    fetch = machine.start([machine.hubctl_path, "fetch", url])
    gate.wait_reached()
    machine.kill_daemon()
    assert kept.read_bytes() == b"kept"
    assert not [p for p in machine.store("blobs").rglob("*/*") if p != kept]
    gate.release()
    # The client starts a new daemon by itself and asks it again.
    output, errors = fetch.communicate(timeout=TIMEOUT)
    assert fetch.returncode == 0, errors
    assert Path(output.strip()).read_bytes() == data
    assert machine.daemon_pid() != first_pid
    assert not list(machine.store("tmp").iterdir())


def test_sigterm_drains_and_the_next_call_starts_a_new_daemon(
    machine: Machine, origin: Origin
) -> None:
    url = origin.add_file(MODELS, "/m/slow.bin", b"x" * 100_000)
    pid = machine.daemon_pid()
    handle = os.pidfd_open(pid)
    gate = origin.hold(MODELS, "/m/slow.bin", after=10)
    fetch = machine.start([machine.hubctl_path, "fetch", url])
    gate.wait_reached()
    os.kill(pid, signal.SIGTERM)
    # Work under way is finished first; new work goes to the next daemon.
    gate.release()
    output, errors = fetch.communicate(timeout=TIMEOUT)
    assert fetch.returncode == 0, errors
    wait_for_end(handle)
    os.close(handle)
    assert machine.daemon_pid() != pid


def test_a_client_without_autostart_says_so(machine: Machine) -> None:
    done = machine.hubctl("--json", "status", code=3, HUBD_AUTOSTART="0")
    assert "HUBD_AUTOSTART" in json.loads(done.stdout)["error"]["message"]
