"""Looks at the processes of a machine."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.files import PATIENCE_SECONDS, wait_empty, wait_opened

if TYPE_CHECKING:
    from tests.e2e.machine import Machine


def wait_programs(condition: Callable[[], object], what: str) -> None:
    """Waits until programs run that make it so; fails after a while.

    Each opens the C library when its command line is there already.
    """
    maps = Path("/proc/self/maps").read_text().split()
    library = next(word for word in maps if word.endswith("/libc.so.6"))
    wait_opened(condition, what, Path(library))


def wait_answers(
    machine: Machine, condition: Callable[[dict[str, Any]], object], what: str
) -> None:
    """Waits for what nothing announces: asks the daemon for its status, and again.

    Fails after a while.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition(machine.json("status")):
        assert time.monotonic() < end, f"it did not come to pass: {what}"


def children(pid: int) -> list[int]:
    """The child processes of all threads of a process."""
    found: list[int] = []
    # The process may end meanwhile, and each of its threads.
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            with contextlib.suppress(OSError):
                found += map(int, task.read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    below = children(pid)
    return below + [one for child in below for one in descendants(child)]


def command(pid: int) -> list[str]:
    """What a process was started with; empty where it is gone."""
    try:
        text = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return []
    return [os.fsdecode(word) for word in text.split(b"\0")[:-1]]


def worker_hosts(daemon: int) -> list[int]:
    return [pid for pid in children(daemon) if "worker-host" in command(pid)]


def workers(daemon: int) -> list[int]:
    """All processes of the sandboxes that run, bubblewrap's among them."""
    return [one for host in worker_hosts(daemon) for one in descendants(host)]


def is_gone(pid: int) -> bool:
    """Whether a process has ended; one that nobody collects counts."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return status.rpartition(")")[2].split()[0] in "ZX"


def wait_for_end(pidfd: int) -> None:
    """Waits until the process has ended; fails after a while."""
    ended = select.select([pidfd], [], [], PATIENCE_SECONDS)[0]
    assert ended, "the process does not end"


def wait_gone(*pids: int) -> None:
    """Waits until all have ended; one that nobody collects counts."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            try:
                wait_for_end(handle)
            finally:
                os.close(handle)


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def threads(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/task"))


def thread_seconds(pid: int) -> dict[int, float]:
    """What each of its threads has taken of the processors."""
    taken = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            ticks = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
            taken[int(task.name)] = sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK")
    return taken


def has_idle_io(thread: int) -> bool:
    """Whether a thread that runs gets the disk only when nobody else wants it."""
    command = ["ionice", "-p", str(thread)]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return said.strip() == "idle"


def resident_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def kill_all(pids: list[int], number: signal.Signals = signal.SIGKILL) -> None:
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue


# As hubctl prints them.
Jobs = list[dict[str, Any]]


def wait_jobs(machine: Machine, condition: Callable[[Jobs], object], what: str) -> Jobs:
    """Watches what the daemon does until it is so: that; fails after a while."""
    watch = machine.start([machine.hubctl_path, "jobs", "watch", "--json"])
    assert watch.stdout is not None
    timer = threading.Timer(PATIENCE_SECONDS, watch.kill)
    timer.start()
    found: Jobs = []
    try:
        for line in watch.stdout:
            found = json.loads(line)["jobs"]
            if condition(found):
                return found
    finally:
        timer.cancel()
        watch.kill()
        _, errors = watch.communicate()
    raise AssertionError(
        f"it did not come to pass: {what}; the last was {found}; the watch ended "
        f"with {watch.returncode}: {errors}\n{machine.log()}"
    )


def wait_callers(machine: Machine, count: int) -> None:
    """Until the only job is of so many callers."""
    wait_jobs(
        machine,
        lambda found: [one["callers"] for one in found] == [count],
        f"{count} wait",
    )


def wait_idle(machine: Machine) -> None:
    """Until the daemon has nothing to do, and nothing half done on disk."""
    wait_answers(machine, lambda status: status["jobs"] == 0, "no job is left")
    wait_empty(machine.store("tmp"))
