"""The rows of the bench.

A row is a function from a Place to figures, in ROWS under its name. It measures both
sides by turns (`interleave`), each side starting with an empty cache of its own.
Those of a letter and a number are a group, all asked for by the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

from tests.bench.daemon import Daemon
from tests.bench.figures import Figure, interleave, ratio
from tests.bench.place import Place

Row = Callable[[Place], list[Figure]]

ROWS: dict[str, Row] = {}

MIB = 1 << 20


def row(name: str) -> Callable[[Row], Row]:
    def keep(function: Row) -> Row:
        ROWS[name] = function
        return function

    return keep


def named(word: str) -> list[str]:
    """The rows that `word` means: one by its name, or A1, A2 ... by "A"."""
    if word in ROWS:
        return [word]
    return [name for name in ROWS if re.fullmatch(rf"{re.escape(word)}\d+", name)]


@row("latency")
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


@row("cold_list")
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


@row("imports")
def imports(place: Place) -> list[Figure]:
    """What a program pays before its first call."""
    if not place.peers.huggingface_hub:
        return []
    taken = interleave(
        {
            "import hubd.torch": lambda: timed(
                place, "", "import hubd.torch", place.directory
            ),
            "huggingface_hub": lambda: timed(
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


def timed(place: Place, before: str, timed: str, directory: Path) -> float:
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
