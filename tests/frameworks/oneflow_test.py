"""hubd.oneflow with the real OneFlow."""

from __future__ import annotations

import io
import os
import urllib.error
import zipfile
from pathlib import Path

import numpy
import oneflow
import pytest

import hubd.oneflow as hub
from tests.frameworks.conftest import Bench, run_installed

RELEASE = "/hubd/sample/releases/download/v1/"
MODELS = "models.example.org"

LOAD = """
import hubd.oneflow as hub
model = hub.load("hubd/sample", "tiny_oneflow", trust_repo=True, verbose=False)
print("sum", sum(float(p.sum().numpy()) for p in model.parameters()))
"""


def zipped_directory(directory: Path) -> bytes:
    """A OneFlow checkpoint of ones as its hubs serve it: a zipped directory."""
    nn = oneflow.nn
    network = nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    state = {
        name: oneflow.tensor(numpy.ones(value.shape, numpy.float32))
        for name, value in network.state_dict().items()
    }
    oneflow.save(state, str(directory / "tiny"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("tiny/", "")
        for path in sorted((directory / "tiny").rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(directory)))
    return buffer.getvalue()


@pytest.fixture
def weights(bench: Bench, tmp_path: Path) -> str:
    made = tmp_path / "made"
    made.mkdir()
    return bench.origin.add_file(
        "github.com", RELEASE + "tiny-oneflow.zip", zipped_directory(made)
    )


def test_weights_asked_for_by_oneflow_hub_inside_go_through_hubd(
    bench: Bench, weights: str
) -> None:
    assert "sum 50826.0" in bench.run(LOAD).stdout
    hub_dir = bench.home / ".cache" / "oneflow" / "hub"
    assert (hub_dir / "hubd_sample_main" / "hubconf.py").is_symlink()
    assert os.path.islink(hub_dir / "checkpoints" / "tiny-oneflow.zip")
    bench.origin.stop()
    assert "sum 50826.0" in bench.run(LOAD, HUBD_OFFLINE="1").stdout
    bench.origin.start()
    assert bench.origin.count("github.com", RELEASE) == 1


def test_a_program_that_names_oneflow_hub_uses_hubd(bench: Bench, weights: str) -> None:
    run_installed(bench, "oneflow.hub", "tiny_oneflow", {"trust_repo": True})
    assert bench.origin.count("github.com", RELEASE) == 1


def test_eight_ranks_unpack_the_checkpoint_once(bench: Bench, weights: str) -> None:
    bench.run_ranks(8, LOAD)
    unpacked = bench.home / ".cache" / "hubd" / "store" / "unpacked"
    assert len(list(unpacked.iterdir())) == 1
    assert bench.origin.count("github.com", RELEASE) == 1


def test_a_hub_that_imports_oneflow_is_listed_in_the_sandbox(in_process: Bench) -> None:
    in_process.origin.add_repo(
        "o",
        "deep",
        {
            "hubconf.py": "import oneflow\ndependencies = ['oneflow']\n"
            "def net():\n  'A net.'\n"
        },
    )
    assert hub.list("o/deep", trust_repo=True) == ["net"]
    assert hub.help("o/deep", "net", trust_repo=True) == "A net."


def test_state_dict_is_what_was_saved(in_process: Bench, weights: str) -> None:
    state = hub.load_state_dict_from_url(weights, progress=False)
    assert sum(float(value.sum().numpy()) for value in state.values()) == 50826.0


def test_an_unknown_repo_is_warned_about_and_run(
    in_process: Bench, weights: str
) -> None:
    with pytest.warns(UserWarning, match="untrusted repository"):
        model = hub.load("hubd/sample", "tiny_oneflow", verbose=False)
    assert model(oneflow.zeros(1, 64)).shape == (1, 10)
    assert (Path(hub.get_dir()) / "trusted_list").read_text() == ""


def test_without_network_it_is_urllibs_error(in_process: Bench) -> None:
    in_process.origin.stop()
    for repo in ("o/absent", "o/absent:v1"):
        with pytest.raises(urllib.error.URLError):
            hub.load(repo, "f", trust_repo=True)


def test_a_wrong_hash_raises_what_oneflow_raises(in_process: Bench) -> None:
    url = in_process.origin.add_file(MODELS, "/a/w-0badc0de.zip", b"PK nothing")
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "0badc0de"'):
        hub.load_state_dict_from_url(url, check_hash=True, progress=False)
