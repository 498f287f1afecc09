"""hubd.megengine with the real MegEngine, beside the original where both can answer."""

from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path

import megengine
import megengine.hub.exceptions
import numpy
import pytest

import hubd.megengine as hub
from tests.frameworks.conftest import Bench, run_installed

RELEASE = "/hubd/sample/releases/download/v1/"
MODELS = "models.example.org"

LOAD = """
import hubd.megengine as hub
model = hub.load("hubd/sample", "tiny_megengine")
print("sum", sum(float(p.numpy().sum()) for p in model.parameters()))
"""


def pickled(state: object) -> bytes:
    buffer = io.BytesIO()
    megengine.save(state, buffer)
    return buffer.getvalue()


@pytest.fixture
def weights(bench: Bench) -> str:
    """The sample's network with ones: 50,826 of them."""
    bench.origin.add_branch("hubd", "sample", "master", "main")
    nn = megengine.module
    network = nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    state = {
        name: numpy.ones(value.shape, numpy.float32)
        for name, value in network.state_dict().items()
    }
    return bench.origin.add_file(
        "github.com", RELEASE + "tiny-megengine.pkl", pickled(state)
    )


def repo_directory(key: str) -> str:
    version = megengine.__version__.replace(".", "_")
    return f"{version}_{hashlib.sha1(key.encode()).hexdigest()[:16]}"


def test_weights_asked_for_by_megengine_hub_inside_go_through_hubd(
    bench: Bench, weights: str
) -> None:
    assert "sum 50826.0" in bench.run(LOAD).stdout
    home = bench.home / ".cache" / "megengine"
    shown = home / "hub" / repo_directory("hubd_sample_master")
    assert (shown / "hubconf.py").is_symlink()
    digest = hashlib.sha256(weights.encode()).hexdigest()[:6]
    link = home / "serialized" / f"{digest}_tiny-megengine.pkl"
    assert ".cache/hubd/store/blobs" in os.readlink(link)
    bench.origin.stop()
    assert "sum 50826.0" in bench.run(LOAD, HUBD_OFFLINE="1").stdout
    bench.origin.start()
    assert bench.origin.count("github.com", RELEASE) == 1


def test_a_program_that_names_megengine_hub_uses_hubd(
    bench: Bench, weights: str
) -> None:
    run_installed(bench, "megengine.hub", "tiny_megengine", {})
    assert bench.origin.count("github.com", RELEASE) == 1


def test_eight_ranks_load_at_once(bench: Bench, weights: str) -> None:
    bench.run_ranks(8, LOAD)
    assert bench.origin.count("github.com", RELEASE) == 1
    assert bench.origin.count("codeload.github.com") == 1


DEEP = """
import megengine.hub as hub
import megengine.module as nn
dependencies = ["megengine"]

@hub.pretrained("https://models.example.org/deep.pkl")
def deep(width=4):
    'A net.'
    return nn.Linear(width, 1)

def _helper(): pass
def fails(): raise KeyError("inside")
"""
SAME = """
import os
import {module} as hub
from megengine.hub.exceptions import FetcherError

print(hub.list("o/deep:v1"))
print(hub.help("o/deep:v1", "deep"))
model = hub.load("o/deep:v1", "deep", pretrained=True, width=2)
print(model.weight.numpy().tolist(), model.bias.numpy().tolist())
print(hub.import_module("o/deep", "github.com", commit="{commit}").deep.__doc__)
home = os.environ["MGE_HOME"]
print(sorted(os.listdir(home + "/hub")), sorted(os.listdir(home + "/serialized")))
"""


def both(bench: Bench, program: str, **values: str) -> tuple[list[str], list[str]]:
    """What a program prints with the drop-in and with the original."""
    ours = bench.run(
        program.format(module="hubd.megengine", **values),
        MGE_HOME=str(bench.home / "our"),
    )
    theirs = bench.run(
        program.format(module="megengine.hub", **values),
        MGE_HOME=str(bench.home / "their"),
        **bench.origin.proxy_environment(),
    )
    return without_log(ours.stdout), without_log(theirs.stdout)


def without_log(output: str) -> list[str]:
    """Both log the file, which lies in their own home."""
    return [line for line in output.splitlines() if "load_serialized" not in line]


def test_results_and_layout_are_the_originals(bench: Bench) -> None:
    commit = bench.origin.add_repo(
        "o", "deep", {"hubconf.py": DEEP}, branch="master", tags=["v1"]
    )
    state = {
        "weight": numpy.ones((1, 2), numpy.float32),
        "bias": numpy.zeros(1, numpy.float32),
    }
    bench.origin.add_file(MODELS, "/deep.pkl", pickled(state))
    ours, theirs = both(bench, SAME, commit=commit)
    assert "['_helper', 'deep', 'fails']" in ours
    assert repo_directory(f"o_deep_master_{commit}") in ours[-1]
    assert ours[:-1] == theirs[:-1]
    # The user chose the place: the root is there, too.
    assert ours[-1].replace(", 'store'", "") == theirs[-1]


NO_REF = """
import {module} as hub
print(hub.load("o/both", "net"))
"""


def test_no_ref_means_master(bench: Bench) -> None:
    for branch in ("main", "master"):
        files = {"hubconf.py": f"def net(): return {branch!r}\n"}
        bench.origin.add_repo("o", "both", files, branch=branch)
    ours, theirs = both(bench, NO_REF)
    assert ours == theirs == ["master"]


ERRORS = """
import megengine.hub.exceptions as x
import {module} as hub
import requests
from megengine.utils.http_download import HTTPDownloadError

KINDS = (x.InvalidRepo, x.InvalidGitHost, x.InvalidProtocol, x.GitPullError,
         x.FetcherError, HTTPDownloadError, FileNotFoundError, RuntimeError,
         requests.exceptions.ConnectionError, KeyError, TypeError)
absent = "https://models.example.org/absent.pkl"
calls = [
    lambda: hub.list("o"),
    lambda: hub.list("o/r:a:b"),
    lambda: hub.load("o/deep", "deep", git_host="localhost"),
    lambda: hub.load("o", "deep", git_host="localhost", protocol="ssh"),
    lambda: hub.load("o/deep", "absent"),
    lambda: hub.help("o/deep", "absent"),
    lambda: hub.load("o/deep", "fails"),
    lambda: hub.load("o/needs", "net"),
    lambda: hub.import_module("o/deep"),
    lambda: hub.load("o/absent", "deep"),
    lambda: hub.load("o/deep:absent", "deep"),
    lambda: hub.load("o/deep", "deep", commit="0" * 40),
    lambda: hub.load_serialized_obj_from_url(absent),
]
for number, call in enumerate(calls):
    try:
        call()
    except BaseException as error:
        text = str(error).split(" (")[0]
        print(number, text, [k.__name__ for k in KINDS if isinstance(error, k)])
"""
WITHOUT_NETWORK = """
import requests
import {module} as hub
try:
    hub.load("o/deep:v2", "deep")
except requests.exceptions.ConnectionError:
    print("no connection")
"""


def test_errors_are_of_the_originals_types_and_words(bench: Bench) -> None:
    needs = "dependencies = ['no_such_a', 'os', 'no_such_b']\ndef net(): pass\n"
    for name, text in (("deep", DEEP), ("needs", needs)):
        bench.origin.add_repo("o", name, {"hubconf.py": text}, branch="master")
    ours, theirs = both(bench, ERRORS)
    assert len(ours) == 13
    assert ours == theirs
    bench.origin.stop()
    ours, theirs = both(bench, WITHOUT_NETWORK)
    assert ours == theirs == ["no connection"]


def test_a_hub_that_imports_megengine_is_listed_in_the_sandbox(
    in_process: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = DEEP + 'import os\nos.environ["RAN_HERE"] = "1"\n'
    in_process.origin.add_repo("o", "deep", {"hubconf.py": text}, branch="master")
    monkeypatch.delenv("RAN_HERE", raising=False)
    assert hub.list("o/deep") == ["_helper", "deep", "fails"]
    assert hub.help("o/deep", "deep") == "A net."
    assert "RAN_HERE" not in os.environ
    hub.import_module("o/deep", "github.com")
    assert os.environ.pop("RAN_HERE") == "1"


def test_what_is_bound_at_import_goes_through_hubd_later(
    in_process: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MGE_HOME", str(tmp_path / "mge"))
    in_process.origin.add_repo("o", "deep", {"hubconf.py": DEEP}, branch="master")
    state = {
        "weight": numpy.ones((1, 4), numpy.float32),
        "bias": numpy.zeros(1, numpy.float32),
    }
    in_process.origin.add_file(MODELS, "/deep.pkl", pickled(state))
    module = hub.import_module("o/deep", "github.com")
    for _ in range(2):
        assert float(module.deep(pretrained=True).weight.numpy().sum()) == 4.0
    assert in_process.origin.count(MODELS) == 1
    assert megengine.hub.load is not hub.load


def test_what_ssh_cannot_reach_is_a_failed_pull(in_process: Bench) -> None:
    # Nothing listens there.
    host = "127.0.0.1:9"
    with pytest.raises(megengine.hub.exceptions.GitPullError, match="by SSH"):
        hub.load("o/deep", "deep", git_host=host, protocol="SSH")
