"""The rows about what the store has."""

from __future__ import annotations

import json
import re
import time

from tests.bench.daemon import Daemon
from tests.bench.figures import Figure, interleave, rates
from tests.bench.place import Place
from tests.bench.rows import row

# So many files, for who reads several at once.
_FILES = 8
# Of the time that verify takes, what a thread that works for it works at least.
_BUSY = 0.2


@row("V1")
def verify(place: Place) -> list[Figure]:
    """All that is stored, in the page cache: read and hashed anew."""
    size = place.sizes.big // _FILES
    with place.daemon() as daemon:
        for number in range(_FILES):
            name = f"{number}.bin"
            daemon.hubctl("fetch", place.add_file(name, size))
            (place.files / name).unlink()
        threads: list[int] = []

        def hubd() -> float:
            return _verify(daemon, threads)

        def openssl() -> float:
            # By the clock, as verify is timed, not by what the processor gave it.
            words = "speed -elapsed -mr -seconds 1 -bytes 16384 -evp sha256".split()
            return _FILES * size / speed(place.run(["openssl", *words]))

        ours, theirs = "hubctl cache verify", "openssl speed, for as much"
        sides = {ours: hubd, theirs: lambda: openssl() / max(threads, default=1)}
        taken = interleave(sides, place.sizes.rounds)
    used = Figure("V1", "threads that it uses", max(threads), _ends(threads), unit="")
    return [rates("V1", taken, ours, theirs, bound=0.9), used]


def _verify(daemon: Daemon, threads: list[int]) -> float:
    """What it takes; `threads` gets how many of the daemon's it used."""
    for blob in daemon.store.glob("blobs/*/*"):
        with open(blob, "rb", buffering=0) as file:
            while file.read(1 << 20):
                pass
    before = daemon.thread_seconds()
    start = time.perf_counter()
    done = json.loads(daemon.hubctl("--json", "cache", "verify"))
    seconds = time.perf_counter() - start
    assert int(done["blobs"]) == _FILES, done
    after = daemon.thread_seconds()
    used = [took - before.get(thread, 0) for thread, took in after.items()]
    threads.append(max(sum(took > seconds * _BUSY for took in used), 1))
    return seconds


def _ends(numbers: list[int]) -> tuple[float, float]:
    return min(numbers), max(numbers)


def speed(said: str) -> float:
    """Bytes a second, told by openssl speed -mr."""
    found = re.search(r"^\+F:\d+:sha256:([\d.]+)$", said, re.MULTILINE)
    if found is None:
        raise RuntimeError(f"openssl speed says something else: {said}")
    return float(found[1])
