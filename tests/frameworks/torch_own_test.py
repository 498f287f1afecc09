"""What torch's own tests of its hub assert, through hubd.torch and torch.hub.

The numbers are those of the 20 tests of torch 2.13's test/test_hub.py. Four of them
rely on a default that torch has given up since; see
test_without_an_answer_the_default_asks.
"""

from __future__ import annotations

import builtins
import contextlib
import io
import stat
import sys
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch

from tests.frameworks.conftest import Side, both_sides

pytestmark = both_sides("torch")

OWNER, NAME = "ailzhang", "torchhub_example"
REPO, LINE = f"{OWNER}/{NAME}", f"{OWNER}_{NAME}"
RELEASE = f"/{REPO}/releases/download/0.1/mnist_init_ones"
URL = "https://github.com" + RELEASE
# How many parameters the network has, all ones.
SUM = 431_080

NETWORK = """
from torch import nn

def network():
    return nn.Sequential(
        nn.Conv2d(1, 20, 5), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(20, 50, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(800, 500), nn.ReLU(), nn.Linear(500, 10),
    )
"""
HUBCONF = f"""
import torch.hub
from lenet_of_ones import network

dependencies = ["torch"]

def _made(pretrained, asset):
    made = network()
    if pretrained:
        url = "{URL}" + asset
        made.load_state_dict(torch.hub.load_state_dict_from_url(url, progress=False))
    return made

def mnist(pretrained=False):
    "A small network for digits."
    return _made(pretrained, "")

def mnist_zip(pretrained=False):
    return _made(pretrained, "_old.zip")

def mnist_zip_1_6(pretrained=False):
    return _made(pretrained, "_1_6.pth")
"""
VISION = "def resnet18(pretrained=False): return 'resnet18'\n"


def ones() -> dict[str, torch.Tensor]:
    scope: dict[str, Any] = {}
    exec(NETWORK, scope)
    state = scope["network"]().state_dict()
    return {name: torch.ones_like(value) for name, value in state.items()}


def saved(*, new_format: bool) -> bytes:
    buffer = io.BytesIO()
    torch.save(ones(), buffer, _use_new_zipfile_serialization=new_format)
    return buffer.getvalue()


def zipped(name: str, data: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, data)
    return buffer.getvalue()


def total(state: dict[str, torch.Tensor]) -> float:
    return float(sum(value.sum() for value in state.values()))


@pytest.fixture(autouse=True)
def example(side: Side, monkeypatch: pytest.MonkeyPatch) -> None:
    """A repo with a module, a branch with a slash, and weights in three formats."""
    # Each test imports its own tree's, and leaves none.
    monkeypatch.setitem(sys.modules, "lenet_of_ones", None)
    monkeypatch.delitem(sys.modules, "lenet_of_ones")
    files = {"hubconf.py": HUBCONF, "lenet_of_ones.py": NETWORK}
    side.origin.add_repo(OWNER, NAME, files, branch="master")
    side.origin.add_branch(OWNER, NAME, "ci/test_slash", "master")
    side.origin.add_repo("pytorch", "vision", {"hubconf.py": VISION})
    old = saved(new_format=False)
    side.origin.add_file("github.com", RELEASE, old)
    side.origin.add_file("github.com", RELEASE + "_old.zip", zipped("ones.pth", old))
    side.origin.add_file("github.com", RELEASE + "_1_6.pth", saved(new_format=True))


@contextlib.contextmanager
def answering(answer: str) -> Iterator[mock.Mock]:
    with mock.patch.object(builtins, "input", return_value=answer) as prompt:
        yield prompt


def load(
    side: Side, model: str = "mnist", *, ref: str = "", **options: object
) -> object:
    return side.hub.load(REPO + ref, model, **options)


# Loading.


def test_load_from_github_1(side: Side) -> None:
    model = load(side, source="github", pretrained=True, verbose=False, trust_repo=True)
    assert total(model.state_dict()) == SUM


def test_load_from_local_dir_2(side: Side) -> None:
    ask = side.hub._get_cache_or_reload
    older = {"force_reload": False, "trust_repo": True, "calling_fn": None}
    if side.original:
        # torch dropped the argument, and not from its own test.
        with pytest.raises(TypeError, match="calling_fn"):
            ask(REPO, **older)
        del older["calling_fn"]
    directory = ask(REPO, **older)
    model = side.hub.load(directory, "mnist", source="local", pretrained=True)
    assert total(model.state_dict()) == SUM


def test_load_from_branch_3(side: Side) -> None:
    model = load(side, ref=":ci/test_slash", pretrained=True, trust_repo=True)
    assert total(model.state_dict()) == SUM


def test_get_set_dir_4(side: Side, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen"
    side.hub.set_dir(str(chosen))
    assert side.hub.get_dir() == str(chosen)
    model = load(side, pretrained=True, verbose=False, trust_repo=True)
    assert total(model.state_dict()) == SUM
    assert (chosen / f"{LINE}_master").is_dir()
    side.hub.set_dir("~/hub")
    assert side.hub.get_dir() == str(side.home / "hub")


def test_list_entrypoints_5(side: Side) -> None:
    assert "mnist" in side.hub.list(REPO, trust_repo=True)


def test_load_legacy_zip_checkpoint_8(side: Side) -> None:
    with pytest.warns(FutureWarning, match="will be deprecated in favor of default"):
        model = load(side, "mnist_zip", pretrained=True, trust_repo=True)
    assert total(model.state_dict()) == SUM


def test_load_zip_1_6_checkpoint_9(side: Side) -> None:
    model = load(side, "mnist_zip_1_6", pretrained=True, trust_repo=True)
    assert total(model.state_dict()) == SUM


@pytest.mark.parametrize(
    "number, model, ref",
    [
        (1, "mnist", ""),
        (3, "mnist", ":ci/test_slash"),
        (4, "mnist", ""),
        (8, "mnist_zip", ""),
    ],
)
def test_without_an_answer_the_default_asks(
    side: Side, number: int, model: str, ref: str
) -> None:
    """As they stand, these four of torch's tests wait for someone at a terminal."""
    no_terminal = EOFError("EOF when reading a line")
    with (
        mock.patch.object(builtins, "input", side_effect=no_terminal) as prompt,
        pytest.raises(EOFError),
    ):
        load(side, model, ref=ref, pretrained=True)
    prompt.assert_called_once()
    assert side.trusted() == []


# Files.


def test_download_url_to_file_6(side: Side, tmp_path: Path) -> None:
    target = tmp_path / "downloaded"
    side.hub.download_url_to_file(URL, str(target), progress=False)
    assert total(torch.load(target)) == SUM
    with (tmp_path / "written").open("w"):
        pass
    modes = [
        stat.S_IMODE((tmp_path / name).stat().st_mode)
        for name in ("downloaded", "written")
    ]
    assert modes[0] == modes[1]


def test_load_state_dict_from_url_7(side: Side) -> None:
    get = side.hub.load_state_dict_from_url
    assert total(get(URL, progress=False)) == SUM
    assert total(get(URL, progress=False, file_name="the_file_name")) == SUM
    assert (side.directory / "checkpoints" / "the_file_name").exists()
    before = side.origin.bytes_sent("github.com", RELEASE)
    assert total(get(URL, file_name="the_file_name", weights_only=True)) == SUM
    assert side.origin.bytes_sent("github.com", RELEASE) == before


# Refs.


@pytest.mark.parametrize(
    "github, parsed",
    [
        ("a/b:c", ("a", "b", "c")),
        ("pytorch/vision", ("pytorch", "vision", "main")),
        (REPO, (OWNER, NAME, "master")),
    ],
)
def test_hub_parse_repo_info_10(
    side: Side, github: str, parsed: tuple[str, str, str]
) -> None:
    assert side.hub._parse_repo_info(github) == parsed


def test_load_commit_from_forked_repo_11(side: Side) -> None:
    with pytest.raises(ValueError, match="If it's a commit from a forked repo"):
        side.hub.load("pytorch/vision:4e2c216", "resnet18")


# Trust.


@pytest.mark.parametrize(
    "answer, trust_repo",
    [
        pytest.param("", False, id="12"),
        pytest.param("no", False, id="13"),
        pytest.param("no", "check", id="15"),
    ],
)
def test_a_refused_repo_is_asked_about_again(
    side: Side, answer: str, trust_repo: bool | str
) -> None:
    for _ in range(2):
        with (
            answering(answer) as prompt,
            pytest.raises(Exception, match=r"^Untrusted repository\.$"),
        ):
            load(side, trust_repo=trust_repo)
        prompt.assert_called_once()
        assert side.trusted() == []


def test_trusted_repo_false_yes_14(
    side: Side, capsys: pytest.CaptureFixture[str]
) -> None:
    with answering("y") as prompt:
        load(side, trust_repo=False)
    prompt.assert_called_once()
    assert side.trusted() == [LINE]
    with answering("y") as prompt:
        load(side, trust_repo="check")
    prompt.assert_not_called()
    capsys.readouterr()
    with answering("y") as prompt:
        load(side, trust_repo=False)
    prompt.assert_called_once()
    assert side.trusted() == [LINE]
    assert "The repository is already trusted.\n" in capsys.readouterr().out


def test_trust_repo_check_yes_16(side: Side) -> None:
    with answering("y") as prompt:
        load(side, trust_repo="check")
    prompt.assert_called_once()
    assert side.trusted() == [LINE]
    with answering("y") as prompt:
        load(side, trust_repo="check")
    prompt.assert_not_called()


def test_trust_repo_true_17(side: Side) -> None:
    with answering("y") as prompt:
        load(side, trust_repo=True)
    prompt.assert_not_called()
    assert side.trusted() == [LINE]


def test_trust_repo_builtin_trusted_owners_18(side: Side) -> None:
    with answering("y") as prompt:
        side.hub.load("pytorch/vision", "resnet18", trust_repo="check")
    prompt.assert_not_called()
    assert side.trusted() == []


def test_trust_repo_none_19(side: Side) -> None:
    """Neither warns, as torch's test wants: that rule is OneFlow's alone.

    torch trusts without a word since its default is "check"; hubd asks, as then.
    oneflow_own_test.py has the assertion as it stands.
    """
    with warnings.catch_warnings(), answering("y") as prompt:
        warnings.simplefilter("error")
        load(side, trust_repo=None)
    assert prompt.call_count == (0 if side.original else 1)
    assert side.trusted() == [LINE]


def test_trust_repo_legacy_20(side: Side) -> None:
    load(side, trust_repo=True)
    (side.directory / "trusted_list").unlink()
    with answering("y") as prompt:
        load(side, trust_repo="check")
    prompt.assert_not_called()
    assert side.trusted() == []
