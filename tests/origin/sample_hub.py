"""Puts the sample hub, hubd/sample, into an origin."""

from __future__ import annotations

from pathlib import Path

from tests.origin.origin import Origin
from tests.origin.sample_weights import sample_weights, sample_weights_path

# By name: Bazel adds an __init__.py to every folder of a program.
_FILES = ("hubconf.py", "tinynet.py")


def add_sample(origin: Origin) -> str:
    """Branch main, tag v1 and the release v1; returns the URL of the weights."""
    directory = Path(__file__).parent / "sample"
    files = {name: (directory / name).read_bytes() for name in _FILES}
    origin.add_repo("hubd", "sample", files, tags=["v1"])
    return origin.add_file("github.com", sample_weights_path(), sample_weights())
