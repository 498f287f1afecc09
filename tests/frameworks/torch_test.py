"""hubd.torch with the real torch, beside the original where both can answer."""

from __future__ import annotations

import builtins
import io
import os
import stat
import zipfile
from pathlib import Path
from types import ModuleType
from unittest import mock

import pytest
import torch
import torch.hub

import hubd
import hubd.torch as hub
from tests.frameworks.conftest import Bench, run_installed
from tests.frameworks.rules import hidden_commit

RELEASE = "/hubd/sample/releases/download/v1/"
MODELS = "models.example.org"

LOAD = """
import hubd.torch as hub
model = hub.load("hubd/sample", "tiny_torch", trust_repo=True, verbose=False)
import torch
print("sum", float(sum(p.sum() for p in model.parameters())))
"""


def saved(state: object, **options: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(state, buffer, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def ones() -> dict[str, torch.Tensor]:
    """The state of the sample's network, all ones: 50,826 of them."""
    nn = torch.nn
    network = nn.Sequential(
        nn.Linear(64, 256),
        nn.ReLU(),
        nn.Linear(256, 128),
        nn.ReLU(),
        nn.Linear(128, 10),
    )
    return {
        name: torch.ones_like(value) for name, value in network.state_dict().items()
    }


def add_weights(bench: Bench) -> None:
    bench.origin.add_file("github.com", RELEASE + "tiny-torch.pth", saved(ones()))


def test_weights_asked_for_by_torch_hub_inside_go_through_hubd(bench: Bench) -> None:
    add_weights(bench)
    assert "sum 50826.0" in bench.run(LOAD).stdout
    hub_dir = bench.home / ".cache" / "torch" / "hub"
    assert (hub_dir / "hubd_sample_main" / "hubconf.py").is_symlink()
    link = hub_dir / "checkpoints" / "tiny-torch.pth"
    assert ".cache/hubd/store/blobs" in os.readlink(link)
    bench.origin.stop()
    assert "sum 50826.0" in bench.run(LOAD, HUBD_OFFLINE="1").stdout
    bench.origin.start()
    assert bench.origin.count("github.com", RELEASE) == 1


def test_a_program_that_names_torch_hub_uses_hubd(bench: Bench) -> None:
    add_weights(bench)
    run_installed(bench, "torch.hub", "tiny_torch", {"trust_repo": True})
    assert bench.origin.count("github.com", RELEASE) == 1


ZOO = """
import {first}
import {second}
hubd.install()
from torch.utils.model_zoo import load_url
print(sorted(load_url("{url}", progress=False)))
hubd.uninstall()
print(torch.utils.model_zoo.load_url.__module__)
"""


def test_the_model_zoo_is_hubds_too(bench: Bench) -> None:
    url = bench.origin.add_file(MODELS, "/a/ones.pth", saved({"w": torch.ones(1)}))
    first, second = "hubd", "torch.utils.model_zoo"
    for order in ((first, second), (second, first)):
        program = ZOO.format(first=order[0], second=order[1], url=url)
        lines = bench.run(program).stdout.splitlines()
        assert lines[-2:] == ["['w']", "torch.hub"]
    assert bench.origin.count(MODELS) == 1


@pytest.mark.parametrize("used", [hub, torch.hub])
def test_a_validation_that_is_replaced_in_torch_hub_is_skipped(
    in_process: Bench, monkeypatch: pytest.MonkeyPatch, used: ModuleType
) -> None:
    github = f"o/r:{hidden_commit(in_process.origin)}"
    if used is torch.hub:
        hubd.install()
    try:
        with pytest.raises(ValueError, match="Cannot find"):
            used.load(github, "net", trust_repo=True)
        with monkeypatch.context() as patch:
            name = "_validate_not_a_forked_repo"
            patch.setattr(torch.hub, name, lambda owner, name, ref: True)
            assert used.load(github, "net", trust_repo=True) == "hidden"
    finally:
        hubd.uninstall()


def test_eight_ranks_load_at_once(bench: Bench) -> None:
    add_weights(bench)
    bench.run_ranks(8, LOAD)
    assert bench.origin.count("github.com", RELEASE) == 1
    assert bench.origin.count("codeload.github.com") == 1


def test_list_and_help_say_what_the_original_says(bench: Bench) -> None:
    program = """
    import {module} as hub
    print(hub.list("hubd/sample", trust_repo=True))
    print(hub.help("hubd/sample", "tiny_torch", trust_repo=True))
    """
    ours = bench.run(program.format(module="hubd.torch")).stdout
    proxy = bench.origin.proxy_environment()
    theirs = bench.run(
        program.format(module="torch.hub"),
        **proxy,
        TORCH_HOME=str(bench.home / "their"),
    ).stdout
    assert "tiny_torch" in ours
    assert without_announcements(ours) == without_announcements(theirs)


WITHOUT_NETWORK = """
import urllib.error
import {module} as hub

url = "https://models.example.org/absent.pth"
calls = [
    lambda: hub.load("o/absent", "f", trust_repo=True),
    lambda: hub.load("o/absent:v1", "f", trust_repo=True),
    lambda: hub.list("o/absent:v1", trust_repo=True),
    lambda: hub.load_state_dict_from_url(url, progress=False),
    lambda: hub.download_url_to_file(url, "absent.pth", progress=False),
]
for call in calls:
    try:
        call()
    except (RuntimeError, urllib.error.URLError) as error:
        print([isinstance(error, kind) for kind in (RuntimeError, OSError)])
"""


def test_without_network_errors_are_of_the_originals_types(bench: Bench) -> None:
    bench.origin.stop()
    ours = bench.run(WITHOUT_NETWORK.format(module="hubd.torch")).stdout
    theirs = bench.run(
        WITHOUT_NETWORK.format(module="torch.hub"),
        **bench.origin.proxy_environment(),
        TORCH_HOME=str(bench.home / "their"),
    ).stdout
    assert len(without_announcements(theirs)) == 5
    # Whether a host that refuses at once is announced is chance.
    assert without_announcements(ours) == without_announcements(theirs)


def without_announcements(output: str) -> list[str]:
    """Both name the directory that they download to."""
    return [
        line for line in output.splitlines() if not line.startswith("Downloading: ")
    ]


def test_a_hub_that_imports_torch_is_listed_in_the_sandbox(in_process: Bench) -> None:
    in_process.origin.add_repo(
        "o",
        "deep",
        {
            "hubconf.py": "import torch\ndependencies = ['torch']\n"
            "def net():\n  'A net.'\n"
        },
    )
    assert hub.list("o/deep", trust_repo=True) == ["net"]
    assert hub.help("o/deep", "net", trust_repo=True) == "A net."


def test_state_dict_equals_what_torch_hub_loads(
    in_process: Bench, tmp_path: Path
) -> None:
    url = in_process.origin.add_file(MODELS, "/a/ones.pth", saved(ones()))
    state = hub.load_state_dict_from_url(url, progress=False, weights_only=True)
    assert {name: value.sum() for name, value in state.items()} == {
        name: value.sum() for name, value in ones().items()
    }
    named = hub.load_state_dict_from_url(
        url, file_name="the_file_name", model_dir=str(tmp_path / "models")
    )
    assert named.keys() == state.keys()
    assert (tmp_path / "models" / "the_file_name").exists()
    assert in_process.origin.count(MODELS) == 1


def test_a_wrong_hash_raises_what_torch_raises(in_process: Bench) -> None:
    url = in_process.origin.add_file(MODELS, "/a/ones-0badc0de.pth", saved(ones()))
    with pytest.raises(RuntimeError, match=r'invalid hash value \(expected "0badc0de"'):
        hub.load_state_dict_from_url(url, check_hash=True, progress=False)
    assert not (Path(hub.get_dir()) / "checkpoints" / "ones-0badc0de.pth").exists()


def test_a_legacy_zip_is_unpacked_with_a_warning(in_process: Bench) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(
            "ones.pth", saved(ones(), _use_new_zipfile_serialization=False)
        )
    url = in_process.origin.add_file(MODELS, "/a/ones.zip", buffer.getvalue())
    with pytest.warns(FutureWarning, match="will be deprecated in favor of default"):
        state = hub.load_state_dict_from_url(url, progress=False)
    assert sum(float(value.sum()) for value in state.values()) == 50826.0


def test_downloaded_file_heeds_the_umask(in_process: Bench, tmp_path: Path) -> None:
    url = in_process.origin.add_file(MODELS, "/a/plain", b"bytes")
    target = tmp_path / "plain"
    hub.download_url_to_file(url, str(target), progress=False)
    assert target.read_bytes() == b"bytes"
    with (tmp_path / "other").open("w"):
        pass
    modes = {
        stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "other")
    }
    assert len(modes) == 1


@pytest.mark.parametrize("answer", ["", "no"])
@pytest.mark.parametrize("trust_repo", [False, "check"])
def test_a_refused_repo_is_not_loaded(
    in_process: Bench, answer: str, trust_repo: bool | str
) -> None:
    for _ in range(2):
        with (
            mock.patch.object(builtins, "input", return_value=answer) as prompt,
            pytest.raises(Exception, match="Untrusted repository."),
        ):
            hub.load("hubd/sample", "tiny_torch", trust_repo=trust_repo)
        prompt.assert_called_once()
    assert (Path(hub.get_dir()) / "trusted_list").read_text() == ""


def test_an_accepted_repo_is_remembered(in_process: Bench) -> None:
    add_weights(in_process)
    with mock.patch.object(builtins, "input", return_value="y") as prompt:
        hub.load("hubd/sample", "tiny_torch", trust_repo="check", verbose=False)
        hub.load("hubd/sample", "tiny_torch", trust_repo="check", verbose=False)
    prompt.assert_called_once()
    trusted = (Path(hub.get_dir()) / "trusted_list").read_text()
    assert trusted.split() == ["hubd_sample"]


def test_nothing_of_the_import_stays_behind(in_process: Bench) -> None:
    import sys

    add_weights(in_process)
    path, load = list(sys.path), torch.hub.load
    model = hub.load("hubd/sample", "tiny_torch", trust_repo=True, verbose=False)
    assert sys.path == path
    assert torch.hub.load is load
    assert tuple(model(torch.zeros(1, 64)).shape) == (1, 10)
    tree = Path(
        os.path.realpath(Path(hub.get_dir()) / "hubd_sample_main" / "hubconf.py")
    )
    assert not list(tree.parent.rglob("__pycache__"))


def test_missing_things_raise_what_torch_raises(in_process: Bench) -> None:
    in_process.origin.add_repo(
        "o", "needs", {"hubconf.py": "dependencies = ['nope']\ndef f(): pass\n"}
    )
    with pytest.raises(RuntimeError, match="Missing dependencies: nope"):
        hub.load("o/needs", "f", trust_repo=True)
    with pytest.raises(RuntimeError, match="Missing dependencies: nope"):
        hub.help("o/needs", "f", trust_repo=True)
    with pytest.raises(RuntimeError, match="Cannot find callable no in hubconf"):
        hub.load("hubd/sample", "no", trust_repo=True)
    with pytest.raises(ValueError, match="Cannot find nope in https://github.com/"):
        hub.load("hubd/sample:nope", "tiny", trust_repo=True)
