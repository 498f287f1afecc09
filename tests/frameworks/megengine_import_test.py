"""The cache that the real megengine.hub made, taken in by hubd."""

from __future__ import annotations

import hashlib

import numpy

from tests.frameworks.conftest import Bench, take_in
from tests.frameworks.megengine_test import DEEP, MODELS, pickled, repo_directory

LOAD = """
import {module} as hub
for options in ({{}}, {{"commit": "{commit}"}}):
    model = hub.load("O/deep", "deep", pretrained=True, width=2, **options)
    print("w", model.weight.numpy().tolist())
"""


def test_what_megengine_hub_left_is_taken_in(bench: Bench) -> None:
    commit = bench.origin.add_repo("O", "deep", {"hubconf.py": DEEP}, branch="master")
    state = {
        "weight": numpy.ones((1, 2), numpy.float32),
        "bias": numpy.zeros(1, numpy.float32),
    }
    url = bench.origin.add_file(MODELS, "/deep.pkl", pickled(state))
    old = bench.home / "old"
    program = LOAD.format(module="megengine.hub", commit=commit)
    proxies = bench.origin.proxy_environment()
    made = bench.run(program, MGE_HOME=str(old), **proxies).stdout
    assert made.count("w [[1.0, 1.0]]") == 2

    name = f"{hashlib.sha256(url.encode()).hexdigest()[:6]}_deep.pkl"
    weights = [f"serialized/{name}", "checkpoint", name]
    directories = {
        "hub/" + repo_directory(f"O_deep_{ref}")
        for ref in ("master", f"master_{commit}")
    }
    found = take_in(bench, old)
    assert [*weights, "link"] in found
    assert {entry[0] for entry in found if entry[3] == ""} == directories
    # Of a digest, nobody can say what it is made of but who knows it.
    found = take_in(bench, old, "O/deep", f"O/deep:{commit}")
    trees = {entry[0]: entry[2] for entry in found if entry[1] == "tree"}
    assert set(trees) == directories
    assert set(trees.values()) == {
        "github.com/o/deep:master",
        f"github.com/o/deep:{commit}",
    }
    assert [*weights, "known"] in found

    bench.origin.stop()
    ours = LOAD.format(module="hubd.megengine", commit=commit)
    output = bench.run(ours, HUBD_OFFLINE="1").stdout
    assert output.count("w [[1.0, 1.0]]") == 2
    # What the original left is still there for it.
    assert bench.run(program, MGE_HOME=str(old)).stdout.count("w [[1.0, 1.0]]") == 2
