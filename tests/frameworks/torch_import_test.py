"""The cache that the real torch.hub made, taken in by hubd."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.frameworks.conftest import Bench, take_in
from tests.frameworks.torch_rules_test import saved

HOST = "models.example.org"
HUBCONF = """
def net(url):
    import torch.hub
    return torch.hub.load_state_dict_from_url(url, progress=False, check_hash=True)
"""
LOAD = """
import {module} as hub
for url in {urls!r}:
    state = hub.load("o/r:main", "net", url, trust_repo=True, verbose=False)
    print("w", float(state["w"]))
"""


@pytest.fixture
def urls(bench: Bench) -> list[str]:
    """Of weights with a hash in their name, and of some without."""
    bench.origin.add_repo("o", "r", {"hubconf.py": HUBCONF})
    hashed, plain = saved(1), saved(2)
    digest = hashlib.sha256(hashed).hexdigest()[:8]
    return [
        bench.origin.add_file(HOST, f"/net-{digest}.pth", hashed),
        bench.origin.add_file(HOST, "/plain.pth", plain),
    ]


def loaded(bench: Bench, module: str, urls: list[str], **extra: str) -> list[str]:
    output = bench.run(LOAD.format(module=module, urls=urls), **extra).stdout
    return [line for line in output.splitlines() if line.startswith("w ")]


def test_what_torch_hub_left_is_taken_in(bench: Bench, urls: list[str]) -> None:
    old = bench.home / "old"
    proxies = bench.origin.proxy_environment()
    made = loaded(bench, "torch.hub", urls, TORCH_HOME=str(old), **proxies)
    assert made == ["w 1.0", "w 2.0"]
    names = [os.path.basename(url) for url in urls]
    taken = [
        ["hub/o_r_main", "tree", "github.com/o/r:main", "copy"],
        ['hub/trusted_list: "o_r"', "trust", "github.com/o/r", "added"],
        *(
            [f"hub/checkpoints/{name}", "checkpoint", name, "link"]
            for name in sorted(names)
        ),
    ]
    assert take_in(bench, old) == taken
    # Again, and as get_dir().
    assert [how for *_, how in take_in(bench, old)] == ["known"] * 4
    assert [how for *_, how in take_in(bench, old / "hub")] == ["known"] * 4

    bench.origin.stop()
    for extra in ({"HUBD_OFFLINE": "1"}, {}):
        assert loaded(bench, "hubd.torch", urls, **extra) == ["w 1.0", "w 2.0"]
    # What the original left is still there for it.
    assert loaded(bench, "torch.hub", urls, TORCH_HOME=str(old)) == ["w 1.0", "w 2.0"]

    bench.origin.start()
    bench.origin.reset_counters()
    assert loaded(bench, "hubd.torch", urls) == ["w 1.0", "w 2.0"]
    # A hash in the name says what the bytes are, and nothing else does.
    counts = [bench.origin.count(HOST, "/" + name) for name in names]
    assert counts == [0, 1]
    assert bench.origin.count("codeload.github.com") == 1
