# mypy: disable-error-code="import-not-found,import-untyped"
"""The sample hub: one small classifier, in numpy and in three frameworks.

Only `tiny` has its weights in the release; see each entrypoint's text for the name
under which the others look for theirs.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any as _Any

from tinynet import TinyNet as _TinyNet

dependencies = ["numpy"]

_RELEASE = "https://github.com/hubd/sample/releases/download/v1/"
_TINY = "tiny-a324beec.npz"


def tiny(pretrained: bool = True, classes: int = 10) -> _TinyNet:
    """A small classifier for 8x8 pictures that needs numpy and nothing else.

    pretrained: load the weights of the release v1 (0.2 MB, 10 classes). They are
        random numbers: enough to see a model load and run, not to read digits.
    classes: the number of outputs; must be 10 with pretrained.

    Returns a TinyNet: call it with an array of shape (n, 64) for probabilities, or
    use its predict(x) for class numbers.
    """
    if not pretrained:
        return _TinyNet.random(classes)
    _check(classes)
    import numpy

    try:
        from hubd.torch import download_url_to_file
    except ImportError:
        from torch.hub import download_url_to_file
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, _TINY)
        digest = os.path.splitext(_TINY)[0].rpartition("-")[2]
        download_url_to_file(_RELEASE + _TINY, path, hash_prefix=digest)
        with numpy.load(path) as arrays:
            return _TinyNet({name: arrays[name] for name in arrays.files})


def tiny_torch(pretrained: bool = True, classes: int = 10) -> _Any:
    """The same network as a torch.nn.Sequential.

    pretrained: load the state dict tiny-torch.pth of the release v1 (10 classes).
    classes: the number of outputs; must be 10 with pretrained.
    """
    import torch
    import torch.hub

    nn = torch.nn
    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
        nn.Linear(128, classes),
    )  # fmt: skip
    if pretrained:
        _check(classes)
        url = _RELEASE + "tiny-torch.pth"
        model.load_state_dict(torch.hub.load_state_dict_from_url(url))
    return model


def tiny_oneflow(pretrained: bool = True, classes: int = 10) -> _Any:
    """The same network as a oneflow.nn.Sequential.

    pretrained: load the state dict tiny-oneflow.zip of the release v1 (10 classes).
    classes: the number of outputs; must be 10 with pretrained.
    """
    import oneflow
    import oneflow.hub

    nn = oneflow.nn
    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
        nn.Linear(128, classes),
    )  # fmt: skip
    if pretrained:
        _check(classes)
        url = _RELEASE + "tiny-oneflow.zip"
        model.load_state_dict(oneflow.hub.load_state_dict_from_url(url))
    return model


def tiny_megengine(pretrained: bool = True, classes: int = 10) -> _Any:
    """The same network as a megengine.module.Sequential.

    pretrained: load the state dict tiny-megengine.pkl of the release v1 (10 classes).
    classes: the number of outputs; must be 10 with pretrained.
    """
    import megengine.hub
    import megengine.module as nn

    model = nn.Sequential(
        nn.Linear(64, 256), nn.ReLU(), nn.Linear(256, 128), nn.ReLU(),
        nn.Linear(128, classes),
    )  # fmt: skip
    if pretrained:
        _check(classes)
        url = _RELEASE + "tiny-megengine.pkl"
        model.load_state_dict(megengine.hub.load_serialized_obj_from_url(url))
    return model


def _check(classes: int) -> None:
    if classes != 10:
        raise ValueError(f"the pretrained weights have 10 classes, not {classes}")
