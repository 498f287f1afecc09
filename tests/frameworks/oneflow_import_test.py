"""The cache that the real oneflow.hub made, taken in by hubd."""

from __future__ import annotations

from tests.frameworks.conftest import Bench, take_in
from tests.frameworks.oneflow_rules_test import rules  # noqa: F401
from tests.frameworks.rules import Rules

HUBCONF = """
def net():
    import oneflow.hub
    return oneflow.hub.load_state_dict_from_url(
        "https://models.example.org/net.zip", progress=False
    )
"""
LOAD = """
import {module} as hub
state = hub.load("acme/r_x:main", "net", trust_repo=True, verbose=False)
print("w", float(state["w"].numpy()))
"""


def test_what_oneflow_hub_left_is_taken_in(
    bench: Bench,
    rules: Rules,  # noqa: F811
) -> None:
    bench.origin.add_repo("acme", "r_x", {"hubconf.py": HUBCONF})
    bench.origin.add_file("models.example.org", "/net.zip", rules.saved(3))
    old = bench.home / "old"
    program = LOAD.format(module="oneflow.hub")
    proxies = bench.origin.proxy_environment()
    assert "w 3.0" in bench.run(program, ONEFLOW_HOME=str(old), **proxies).stdout

    # Which repo it is, its name does not tell; what a zip unpacked to is no use.
    found = {path: how for path, _, _, how in take_in(bench, old)}
    assert found == {
        "hub/acme_r_x_main": "",
        'hub/trusted_list: "acme_r_x"': "",
        "hub/checkpoints/net.zip": "link",
        "hub/checkpoints/state": "",
    }
    again = take_in(bench, old, "acme/r_x")
    assert ["hub/acme_r_x_main", "tree", "github.com/acme/r_x:main", "copy"] in again

    bench.origin.stop()
    ours = LOAD.format(module="hubd.oneflow")
    assert "w 3.0" in bench.run(ours, HUBD_OFFLINE="1").stdout
    # What the original left is still there for it.
    assert "w 3.0" in bench.run(program, ONEFLOW_HOME=str(old)).stdout
