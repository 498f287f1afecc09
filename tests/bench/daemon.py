"""A hubd that is measured."""

from __future__ import annotations

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.place import Place

_TICKS = os.sysconf("SC_CLK_TCK")


class Daemon:
    """A hubd, and the environment that leads clients to it."""

    def __init__(self, place: Place, root: Path) -> None:
        self._place = place
        self.store = root / "store"
        self.environment = place.environment(
            HUBD_HOME=str(root),
            HUBD_CONFIG=str(place.config),
            HUBD_DAEMON=str(place.programs.hubd),
        )
        self._find()

    def _find(self) -> None:
        """Starts it where there is none."""
        self.pid = int(json.loads(self.hubctl("--json", "status"))["pid"])
        self._handle: int | None = os.pidfd_open(self.pid)

    def hubctl(self, *words: str) -> str:
        return self._place.run([self._place.programs.hubctl, *words], self.environment)

    def caller(self, url: str) -> subprocess.Popen[str]:
        """A process that fetches, for failures()."""
        hubctl = self._place.programs.hubctl
        return self._place.start([hubctl, "--json", "fetch", url], self.environment)

    def publish_times(self) -> dict[str, float]:
        """When it published what, in seconds since 1970; told by its log."""
        return publish_times((self.store / "log").read_text())

    def unfinished(self) -> list[Path]:
        """What lies in its store beside what is published."""
        below = (self.store / "partial", self.store / "tmp")
        return [path for directory in below for path in directory.iterdir()]

    def memory(self) -> int:
        """Bytes that are resident."""
        return self._status("VmRSS")

    def peak_memory(self) -> int:
        """The most bytes that were ever resident."""
        return self._status("VmHWM")

    def _status(self, key: str) -> int:
        text = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(rf"^{key}:\s+(\d+) kB$", text, re.MULTILINE)
        assert found, text
        return int(found[1]) << 10

    def processor_seconds(self) -> float:
        """What it has taken of the processors, with its children that have ended."""
        text = Path(f"/proc/{self.pid}/stat").read_text()
        # proc(5): utime, stime, cutime, cstime; the name before may hold anything.
        ticks = text.rpartition(")")[2].split()[11:15]
        return sum(map(int, ticks)) / _TICKS

    def thread_seconds(self) -> dict[int, float]:
        """The same of each thread that runs."""
        taken = {}
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                ticks = (task / "stat").read_text().rpartition(")")[2].split()[11:13]
                taken[int(task.name)] = sum(map(int, ticks)) / _TICKS
        return taken

    def kill(self) -> None:
        """As by a crash; a client that asks starts the next."""
        self._end(signal.SIGKILL)

    def close(self) -> None:
        if self._handle is None:
            self._find()
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        assert self._handle is not None
        signal.pidfd_send_signal(self._handle, number)
        _await_end(self._handle)
        os.close(self._handle)
        self._handle = None


def failures(callers: Iterable[subprocess.Popen[str]], digest: str) -> int:
    """How many do not get these bytes, once all have ended; says why."""
    failed = 0
    for caller in callers:
        output, errors = caller.communicate()
        if caller.returncode != 0 or json.loads(output)["sha256"] != digest:
            print(f"{caller.args!r}: {output}{errors}", file=sys.stderr, flush=True)
            failed += 1
    return failed


def _await_end(pidfd: int) -> None:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    if not poll.poll(60_000):
        raise RuntimeError("hubd does not end")


def publish_times(log: str) -> dict[str, float]:
    """When the daemon published what, in seconds since 1970; told by its log."""
    lines = re.findall(
        r'^(\S+)Z level=info event=publish url="([^"]*)"', log, re.MULTILINE
    )
    return {
        url: datetime.fromisoformat(when).replace(tzinfo=timezone.utc).timestamp()
        for when, url in lines
    }
