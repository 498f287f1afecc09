"""The rows about one download: how fast, at what cost, how stubborn."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.daemon import failures
from tests.bench.figures import (
    Figure,
    Samples,
    Sides,
    at_least,
    at_most,
    interleave,
    median_at_most,
    rates,
    ratio,
)
from tests.bench.place import Place
from tests.bench.rows import MIB, row, timed
from tests.bench.wire import Wire

_NAME = "big.bin"
_GIB = 1 << 30
# Of the file in so many parts, one capped connection downloads one.
_PARTS = 8


class _Ways:
    """Ways to download one file, each into an empty directory, and what they take."""

    def __init__(self, place: Place, url: str) -> None:
        self._place = place
        self._url = url
        # How much the memory of each daemon grew, in MiB.
        self.grown: list[float] = []
        # What each peer takes until the bytes are on the disk for good.
        self.synced: dict[str, list[float]] = {}

    def hubd(self) -> float:
        with self._place.daemon() as daemon:
            before = daemon.memory()
            seconds = self._place.seconds(
                [self._place.programs.hubctl, "fetch", self._url],
                environment=daemon.environment,
            )
            self.grown.append((daemon.peak_memory() - before) / MIB)
            return seconds

    def hubd_processor(self) -> float:
        """Of the processors, the client and the daemon together."""
        with self._place.daemon() as daemon:
            before = daemon.processor_seconds()
            client = self._place.processor_seconds(
                [self._place.programs.hubctl, "fetch", self._url],
                environment=daemon.environment,
            )
            return client + daemon.processor_seconds() - before

    def curl(self) -> float:
        with self._place.scratch() as directory:
            file = directory / _NAME
            seconds = self._place.seconds(self._curl(file))
            self._sync("curl", seconds, file)
            return seconds

    def curl_and_openssl(self) -> float:
        with self._place.scratch() as directory:
            return self._place.seconds(*self._curl_and_openssl(directory))

    def curl_and_openssl_processor(self) -> float:
        with self._place.scratch() as directory:
            return self._place.processor_seconds(*self._curl_and_openssl(directory))

    def curl_part(self, size: int) -> float:
        """What the whole takes over one connection, told from a part of it."""
        with self._place.scratch() as directory:
            part = ["-r", f"0-{size // _PARTS - 1}"]
            return self._place.seconds([*self._curl(directory / _NAME), *part]) * _PARTS

    def aria2(self) -> float:
        with self._place.scratch() as directory:
            options = ["-q", "-x16", "-s16", "-k1M", "--file-allocation=none"]
            ca = f"--ca-certificate={self._place.origin.ca_file}"
            seconds = self._place.seconds(
                ["aria2c", *options, ca, "-d", directory, self._url]
            )
            self._sync("aria2 -x16", seconds, directory / _NAME)
            return seconds

    def torch_hub(self, digest: str) -> float:
        with self._place.scratch() as directory:
            words = f"{self._url!r}, 'big', {digest[:8]!r}, False"
            call = f"torch.hub.download_url_to_file({words})"
            return timed(self._place, "import os, torch.hub", call, directory)

    def disk(self) -> float:
        """The same bytes, from memory onto the disk for good, as dd does it."""
        with self._place.scratch() as directory:
            source, copy = self._place.files / _NAME, directory / _NAME
            return self._place.seconds(
                ["dd", f"if={source}", f"of={copy}", "bs=1M", "conv=fdatasync"]
            )

    def _sync(self, peer: str, seconds: float, file: Path) -> None:
        seconds += self._place.seconds(["sync", file, file.parent])
        self.synced.setdefault(peer, []).append(seconds)

    def _curl(self, file: Path) -> list[str | Path]:
        return ["curl", "-sSf", "-o", file, self._url]

    def _curl_and_openssl(self, directory: Path) -> list[list[str | Path]]:
        file = directory / _NAME
        return [self._curl(file), ["openssl", "dgst", "-sha256", file]]


@row("fetch")
def fetch(place: Place) -> list[Figure]:
    """One big file, uncapped: downloaded, hashed, on the disk for good."""
    ways = _Ways(place, place.add_file(_NAME, place.sizes.big))
    sides = {"hubd": ways.hubd, "curl + openssl": ways.curl_and_openssl}
    taken = interleave(sides, place.sizes.rounds)
    return [
        ratio("fetch", taken, "hubd", "curl + openssl", bound=1.5),
        at_most("fetch", "the daemon's memory grows by", ways.grown, "MiB", bound=64),
    ]


@row("A1")
def uncapped(place: Place) -> list[Figure]:
    """One big file, uncapped, against who neither hashes nor syncs it."""
    ways = _Ways(place, place.add_file(_NAME, place.sizes.big))
    digest = place.digest(_NAME)
    sides = {"hubd": ways.hubd, "curl": ways.curl}
    if place.peers.aria2:
        sides["aria2 -x16"] = ways.aria2
    disk = "the disk alone"
    sides[disk] = ways.disk
    hashed = "torch.hub, hashed"
    if place.peers.torch:
        sides[hashed] = lambda: ways.torch_hub(digest)
    taken = interleave(sides, place.sizes.rounds)
    figures = _beside(taken, ways.synced, bound=1.1)
    figures.append(ratio("A1", taken, "hubd", disk))
    if hashed in taken:
        figures.append(ratio("A1", taken, "hubd", hashed, bound=0.8))
    # As durable as hubd's; the first round does not count.
    durable = {
        f"{name} + sync": Samples(tuple(values[1:]))
        for name, values in ways.synced.items()
    }
    return figures + _beside({**taken, **durable}, durable)


def _beside(
    taken: Sides, peers: Iterable[str], bound: float | None = None
) -> list[Figure]:
    """hubd and each of some; the bound is for the fastest of them."""
    peers = sorted(peers, key=lambda name: taken[name].median)
    return [
        ratio("A1", taken, "hubd", name, bound if name == peers[0] else None)
        for name in peers
    ]


@row("A2")
def capped(place: Place) -> list[Figure]:
    """One big file, from an origin that caps each connection at 40 MB/s."""
    size = place.sizes.big
    place.add_file(_NAME, size)
    ways = _Ways(place, f"{place.nginx.capped_url}/{_NAME}")
    sides = {"hubd": ways.hubd, "curl": lambda: ways.curl_part(size)}
    if place.peers.aria2:
        sides["aria2 -x16"] = ways.aria2
    taken = interleave(sides, place.sizes.rounds)
    figures = [rates("A2", taken, "hubd", "curl", bound=5)]
    if "aria2 -x16" in taken:
        figures.insert(0, rates("A2", taken, "hubd", "aria2 -x16", bound=0.95))
    return figures


@row("A3")
def cost(place: Place) -> list[Figure]:
    """One big file: what a GiB takes of the processors."""
    ways = _Ways(place, place.add_file(_NAME, place.sizes.big))
    share = _GIB / place.sizes.big
    ours, theirs = "hubd and hubctl, a GiB", "curl + openssl, a GiB"
    sides = {
        ours: lambda: ways.hubd_processor() * share,
        theirs: lambda: ways.curl_and_openssl_processor() * share,
    }
    taken = interleave(sides, place.sizes.rounds)
    return [ratio("A3", taken, ours, theirs, bound=1)]


@row("A4")
def resumed(place: Place) -> list[Figure]:
    """kill -9 of daemon and caller in the middle, and the same asked again."""
    size = place.sizes.big
    place.add_file(_NAME, size)
    digest = place.digest(_NAME)
    sent, left, failed = [], [], []
    for _ in range(place.sizes.rounds):
        with place.daemon() as daemon, Wire(place.nginx.port) as wire:
            url = f"{wire.url}/{_NAME}"
            caller = daemon.caller(url)
            wire.await_sent(size // 2, caller)
            # It would ask the next daemon by itself.
            caller.send_signal(signal.SIGSTOP)
            daemon.kill()
            caller.kill()
            caller.communicate()
            failed.append(failures([daemon.caller(url)], digest))
            sent.append(wire.sent() / size)
            left.append(len(daemon.unfinished()))
    return [
        at_most("A4", "bytes on the wire, in all", sent, "x", bound=1.05),
        at_most("A4", "errors and wrong digests", failed, "", bound=0),
        at_most("A4", "partials and staging that stay", left, "", bound=0),
    ]


@row("A5")
def memory(place: Place) -> list[Figure]:
    """One big file: what the daemon needs of memory."""
    ways = _Ways(place, place.add_file(_NAME, place.sizes.big))
    for _ in range(place.sizes.rounds):
        ways.hubd()
    return [at_most("A5", "the daemon's memory grows by", ways.grown, "MiB", bound=64)]


@row("A6")
def resets(place: Place) -> list[Figure]:
    """One big file, with one answer a connection, of which 1 % and the first break."""
    size = place.sizes.big
    place.add_file(_NAME, size)
    digest = place.digest(_NAME)
    sent, failed, broken = [], [], []
    for number in range(place.sizes.rounds):
        # Below the size of a request, so that it breaks.
        wire = Wire(
            place.nginx.brief_port, resets=0.01, seed=number, most=min(size, 8 * MIB)
        )
        with place.daemon() as daemon, wire:
            url = f"{wire.url}/{_NAME}"
            failed.append(failures([daemon.caller(url)], digest))
            sent.append(wire.sent() / size)
            broken.append(wire.resets())
    return [
        # Else nothing is measured.
        at_least("A6", "connections that break", broken, "", bound=1),
        at_most("A6", "bytes on the wire", sent, "x", bound=1.05),
        at_most("A6", "errors that the caller sees", failed, "", bound=0),
    ]


@row("A7")
def hashed(place: Place) -> list[Figure]:
    """A GiB, uncapped: from its last byte to the file, of which hubd has the digest."""
    size = min(place.sizes.big, _GIB)
    url = place.add_file(_NAME, size)
    digest = place.digest(_NAME)
    late = []
    for _ in range(place.sizes.rounds):
        with place.daemon() as daemon:
            place.nginx.forget()
            if failures([daemon.caller(url)], digest):
                raise RuntimeError("there was no digest to wait for")
            place.nginx.served(_NAME, size)
            published = daemon.publish_times()[url]
            late.append(published - place.nginx.last_end(_NAME))
    what = "from the last byte to digest, sync and file"
    return [median_at_most("A7", what, late, "s", bound=0.3)]


@row("I1")
def paused(place: Place) -> list[Figure]:
    """kill -9 of the only caller: until nothing comes any more."""
    size = place.sizes.paused
    place.add_file(_NAME, size)
    late, kept = [], []
    for _ in range(place.sizes.rounds):
        with place.daemon() as daemon, Wire(place.nginx.capped_port) as wire:
            caller = daemon.caller(f"{wire.url}/{_NAME}")
            wire.await_sent(8 << 20, caller)
            left = time.time()
            caller.kill()
            caller.communicate()
            wire.await_silence()
            if wire.sent() >= size:
                raise RuntimeError("all had come before the caller was killed")
            late.append(max(wire.sent_at(), wire.ended_at()) - left)
            kept.append(len(daemon.unfinished()))
    return [
        median_at_most("I1", "until the last byte and connection", late, "s", bound=1),
        at_least("I1", "partials that stay", kept, "", bound=1),
    ]
