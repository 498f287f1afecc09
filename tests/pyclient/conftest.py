"""Every test has a home of its own, no environment, and no system daemon."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile

import pytest

PYCLIENT = os.path.join(
    os.path.dirname(os.path.abspath(__file__)), "..", "..", "pyclient"
)
sys.path.insert(0, os.path.abspath(PYCLIENT))

from fake_daemon import FakeDaemon  # noqa: E402
from hubd import _daemon  # noqa: E402

_KEPT = ("PATH", "LANG", "LC_ALL", "PYTEST_CURRENT_TEST")


@pytest.fixture(autouse=True)
def home(monkeypatch):
    """A short path, since a socket's may have 107 bytes only."""
    path = os.path.realpath(tempfile.mkdtemp(prefix="hubd-py-"))
    for name in list(os.environ):
        if name not in _KEPT and not name.startswith("GRPC_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", path)
    monkeypatch.setenv("HUBD_AUTOSTART", "0")
    monkeypatch.setattr(_daemon, "SYSTEM_SOCKET", os.path.join(path, "none.sock"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def daemon(home):
    """A running daemon for the common root."""
    fake = FakeDaemon(os.path.join(home, ".cache", "hubd"), os.path.join(home, "s"))
    fake.start()
    yield fake
    fake.stop()


@pytest.fixture
def torch_hub(monkeypatch):
    """The drop-in for torch.hub, as just imported."""
    import hubd.torch

    monkeypatch.setattr(hubd.torch, "_hub_dir", None)
    return hubd.torch


@pytest.fixture
def oneflow_hub(monkeypatch):
    """The drop-in for oneflow.hub, as just imported."""
    import hubd.oneflow

    monkeypatch.setattr(hubd.oneflow, "_hub_dir", None)
    return hubd.oneflow


@pytest.fixture
def megengine_hub():
    """The drop-in for megengine.hub."""
    import hubd.megengine

    return hubd.megengine


@pytest.fixture
def answers(monkeypatch):
    """Plays the user at the prompt: a list of answers; .asked holds the texts."""
    return _Answers(monkeypatch)


class _Answers:
    def __init__(self, monkeypatch):
        self.asked = []
        self._queue = []
        monkeypatch.setattr("builtins.input", self._input)

    def say(self, *texts):
        self._queue.extend(texts)

    def _input(self, prompt=""):
        self.asked.append(prompt)
        if not self._queue:
            raise EOFError("EOF when reading a line")
        return self._queue.pop(0)
