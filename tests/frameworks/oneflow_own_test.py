"""What OneFlow's own tests of its hub assert, through hubd.oneflow and oneflow.hub.

OneFlow 0.9 skips its five, since they need the real network. The last test here is
torch's 19th: OneFlow has kept the rule about trust that torch has given up.
"""

from __future__ import annotations

import io
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import oneflow
import pytest

from tests.frameworks.conftest import Side, both_sides

pytestmark = both_sides("oneflow")

# As OneFlow's tests spell it, each where they do.
REPO, OTHER_SPELLING = "Oneflow-Inc/vision", "OneFlow-Inc/vision"
HOST = "oneflow-public.oss-cn-beijing.aliyuncs.com"
PATH = "/model_zoo/flowvision/classification/ResNet/resnet18.zip"
URL = f"https://{HOST}{PATH}"
KEY = "layer3.1.bn2.bias"

NETWORK = """
from oneflow import nn

class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv2 = nn.Conv2d(3, 3, 3)
        self.bn2 = nn.BatchNorm2d(3)

    def forward(self, x):
        return self.bn2(self.conv2(x))

class Network(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer3 = nn.Sequential(Block(), Block())
        self.fc = nn.Linear(3, 1000)

    def forward(self, x):
        return self.fc(self.layer3(x).mean(dim=(2, 3)))
"""
HUBCONF = f"""
import oneflow.hub
from small_resnet import Network

dependencies = ["oneflow"]

def resnet18(pretrained=False, progress=True):
    '''A residual network.

    pretrained: with weights.
    '''
    made = Network()
    if pretrained:
        url = "{URL}"
        made.load_state_dict(oneflow.hub.load_state_dict_from_url(url, progress=False))
    return made

def alexnet(): pass
def densenet121(): pass
"""


def zipped_checkpoint(directory: Path) -> bytes:
    """The network's state as OneFlow serves it: a zipped directory."""
    scope: dict[str, Any] = {}
    exec(NETWORK, scope)
    oneflow.save(scope["Network"]().state_dict(), str(directory / "resnet18"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("resnet18/", "")
        for path in sorted((directory / "resnet18").rglob("*")):
            if path.is_file():
                archive.write(path, str(path.relative_to(directory)))
    return buffer.getvalue()


@pytest.fixture(autouse=True)
def vision(side: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Each test imports its own tree's, and leaves none.
    monkeypatch.setitem(sys.modules, "small_resnet", None)
    monkeypatch.delitem(sys.modules, "small_resnet")
    files = {"hubconf.py": HUBCONF, "small_resnet.py": NETWORK}
    for repo in (REPO, OTHER_SPELLING):
        side.origin.add_repo(*repo.split("/"), files)
    made = tmp_path / "made"
    made.mkdir()
    side.origin.add_file(HOST, PATH, zipped_checkpoint(made))


def test_hub_list(side: Side) -> None:
    names = side.hub.list(OTHER_SPELLING, force_reload=False)
    assert {"alexnet", "densenet121"} <= set(names)


def test_hub_help(side: Side, capsys: pytest.CaptureFixture[str]) -> None:
    text = side.hub.help(REPO, "resnet18", force_reload=False)
    print(text)
    assert "A residual network." in capsys.readouterr().out


def test_hub_load(side: Side) -> None:
    model = side.hub.load(REPO, "resnet18", pretrained=True).eval()
    assert tuple(model(oneflow.ones(1, 3, 8, 8)).shape) == (1, 1000)


def test_hub_download_url_to_file(side: Side, tmp_path: Path) -> None:
    target = tmp_path / "resnet18.zip"
    side.hub.download_url_to_file(URL, str(target))
    assert zipfile.is_zipfile(target)


def test_hub_load_state_dict_from_url(side: Side) -> None:
    state = side.hub.load_state_dict_from_url(URL)
    assert KEY in state


def test_trust_repo_none(side: Side) -> None:
    """torch's 19th, as it stands."""
    side.origin.add_repo("some", "hub", {"hubconf.py": "def net(): return 1\n"})
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        side.hub.load("some/hub", "net", trust_repo=None)
    assert [warning.category for warning in caught] == [UserWarning]
    assert "You are about to download and run code from an untrusted repository" in str(
        caught[0].message
    )
    assert side.trusted() == []
