"""The rows of the bench.

A row is a function from a Place to figures, in ROWS under its name. It measures both
sides by turns (`interleave`), each side starting with an empty cache of its own.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.bench.figures import Figure, at_most, interleave, ratio
from tests.bench.place import Daemon, Place

ROWS: dict[str, Callable[[Place], list[Figure]]] = {}

MIB = 1 << 20


def row(function: Callable[[Place], list[Figure]]) -> Callable[[Place], list[Figure]]:
    ROWS[function.__name__] = function
    return function


@row
def fetch(place: Place) -> list[Figure]:
    """One big file, uncapped: downloaded, hashed, on the disk for good."""
    url = place.add_file("big.bin", place.sizes.big)
    digest = place.run(["openssl", "dgst", "-sha256", "-r", place.files / "big.bin"])
    grown = []

    def hubd() -> float:
        with place.daemon() as daemon:
            before = daemon.memory()
            seconds = place.seconds(
                [place.programs.hubctl, "fetch", url], environment=daemon.environment
            )
            grown.append((daemon.peak_memory() - before) / MIB)
            return seconds

    def curl() -> float:
        with place.scratch() as directory:
            file = directory / "big.bin"
            return place.seconds(
                ["curl", "-sS", "-o", file, url], ["openssl", "dgst", "-sha256", file]
            )

    def aria2() -> float:
        with place.scratch() as directory:
            options = ["-q", "-x16", "-s16", "-k1M", "--file-allocation=none"]
            ca = f"--ca-certificate={place.origin.ca_file}"
            return place.seconds(["aria2c", *options, ca, "-d", directory, url])

    def torch_hub() -> float:
        with place.scratch() as directory:
            call = (
                f"torch.hub.download_url_to_file({url!r}, 'big', {digest[:8]!r}, False)"
            )
            return _timed(place, "import os, torch.hub", call, directory)

    sides = {"hubd": hubd, "curl + openssl": curl}
    if place.peers.aria2:
        sides["aria2 -x16, no digest"] = aria2
    if place.peers.torch:
        sides["torch.hub"] = torch_hub
    taken = interleave(sides, place.sizes.rounds)
    return [
        ratio("fetch", taken, "hubd", "curl + openssl", bound=1.5),
        at_most("fetch", "the daemon's memory grows by", grown, "MiB", bound=64),
        *(ratio("fetch", taken, "hubd", peer) for peer in list(taken)[2:]),
    ]


@row
def sharing(place: Place) -> list[Figure]:
    """Many processes that want one file at once."""
    size, clients = place.sizes.shared, place.sizes.clients
    url = place.add_file("shared.bin", size)
    gets, sent = [], []

    def together(count: int) -> float:
        with place.daemon() as daemon:
            place.nginx.forget()
            seconds = place.seconds_together(
                [[place.programs.hubctl, "fetch", url]] * count, daemon.environment
            )
            served = place.nginx.served("shared.bin", size)
            gets.append(served.gets)
            sent.append(served.size / size)
            return seconds

    def huggingface_hub() -> float:
        with place.scratch() as directory:
            environment = place.huggingface_hub_environment(directory)
            program = (
                "from huggingface_hub import hf_hub_download\n"
                "hf_hub_download('hubd/bench', 'shared.bin')"
            )
            command = [place.peers.python, "-c", program]
            return place.seconds_together([command] * clients, environment)

    many, hf = f"{clients} x hubd", f"{clients} x huggingface_hub"
    sides = {many: lambda: together(clients), "1 x hubd": lambda: together(1)}
    if place.peers.huggingface_hub:
        sides[hf] = huggingface_hub
    taken = interleave(sides, place.sizes.rounds)
    figures = [
        ratio("sharing", taken, many, "1 x hubd", bound=1.5),
        at_most("sharing", "GETs that the origin sees", gets, "", bound=1),
        at_most("sharing", "bytes that the origin sends", sent, "x", bound=1.01),
    ]
    return figures + [
        ratio("sharing", taken, many, name) for name in taken if name == hf
    ]


@row
def latency(place: Place) -> list[Figure]:
    """Answers from the cache, to C++: the p50 of many calls in one process."""
    url = place.add_file("small.bin", MIB)
    place.origin.add_repo("bench", "latency", {"hubconf.py": _SMALL})
    calls = str(place.sizes.calls)

    def call(*words: str) -> Callable[[], float]:
        return lambda: p50(place, daemon, *words)

    with place.echo() as socket, place.daemon() as daemon:
        taken = interleave(
            {
                "gRPC echo": call("echo", socket, calls),
                "gRPC stream of one": call("stream", socket, calls),
                "FetchStateDict": call("fetch", url, calls),
                "Load": call("load", "bench/latency", calls),
                "List": call("list", "bench/latency", calls, place.peers.python),
            },
            place.sizes.rounds,
        )
    methods = ("FetchStateDict", "Load", "List")
    return [
        *(ratio("latency", taken, name, "gRPC echo", bound=2) for name in methods),
        ratio("latency", taken, "FetchStateDict", "gRPC stream of one"),
    ]


@row
def cold_list(place: Place) -> list[Figure]:
    """List of code that was never run before, against an import without a sandbox."""
    figures = _cold_list(place, "numpy", _SMALL)
    if place.peers.torch:
        figures += _cold_list(place, "torch", _TORCH)
    return figures


def _cold_list(place: Place, name: str, hubconf: str) -> list[Figure]:
    rounds = iter(range(place.sizes.rounds + 1))

    def sandboxed() -> float:
        # A commit of its own, so that no result is cached.
        repo = f"{name}{next(rounds)}"
        place.origin.add_repo("bench", repo, {"hubconf.py": hubconf, "name": repo})
        daemon.hubctl("load", f"bench/{repo}", "tiny")
        return p50(place, daemon, "list", f"bench/{repo}", "1", place.peers.python)

    def plain() -> float:
        program = f"import sys; sys.path.insert(0, {str(source)!r}); import hubconf"
        return place.seconds([place.peers.python, "-B", "-c", program])

    source = place.directory / name
    source.mkdir()
    (source / "hubconf.py").write_text(hubconf)
    ours, theirs = f"List, hubconf with {name}", "plain import"
    with place.daemon() as daemon:
        taken = interleave({ours: sandboxed, theirs: plain}, place.sizes.rounds)
    return [ratio("cold_list", taken, ours, theirs, bound=1.5)]


@row
def imports(place: Place) -> list[Figure]:
    """What a program pays before its first call."""
    if not place.peers.huggingface_hub:
        return []
    taken = interleave(
        {
            "import hubd.torch": lambda: _timed(
                place, "", "import hubd.torch", place.directory
            ),
            "huggingface_hub": lambda: _timed(
                place,
                "",
                "from huggingface_hub import hf_hub_download",
                place.directory,
            ),
        },
        place.sizes.rounds,
    )
    return [ratio("imports", taken, "import hubd.torch", "huggingface_hub", 0.25)]


def p50(place: Place, daemon: Daemon, *words: str) -> float:
    """What one call takes in C++, the median of many: `words` of latency.cc."""
    said = place.run([place.programs.latency, *words], daemon.environment)
    return float(json.loads(said)["p50"]) / 1e6


def _timed(place: Place, before: str, timed: str, directory: Path) -> float:
    """What lines of Python take in a fresh process, without its start."""
    program = "\n".join(
        [
            f"import os, time; os.chdir({str(directory)!r})",
            before,
            "start = time.perf_counter()",
            timed,
            "print(time.perf_counter() - start)",
        ]
    )
    return float(place.run([place.peers.python, "-c", program]).split()[-1])


_SMALL = '''\
"""Entrypoints as repos of small models have them."""

dependencies = ["numpy"]

import numpy as _numpy


def tiny(classes=10):
    """A small model."""
    return _numpy.zeros(classes)
'''

_TORCH = '''\
"""Entrypoints as repos of real models have them."""

dependencies = ["torch"]

import torch as _torch


class _Tiny(_torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.linear = _torch.nn.Linear(64, classes)


def tiny(classes=10):
    """A small model."""
    return _Tiny(classes)
'''
