"""Rules that torch's and OneFlow's hubs share; their modules import these tests.

Each test runs with a drop-in and with its original. `rules` tells what is the
framework's own.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from tests.frameworks.conftest import Side
from tests.origin import Origin

HOST = "models.example.org"


@dataclass(frozen=True)
class Rules:
    """What is a framework's own."""

    framework: str
    # What its hub calls itself.
    called: str
    # The bytes of a checkpoint of one number, named "w".
    saved: Callable[[float], bytes]

    def number(self, state: Any) -> float:
        return float(state["w"].numpy())


def code(value: str) -> dict[str, str]:
    return {"hubconf.py": f"def net(): return {value!r}\n"}


def load(side: Side, github: str, **options: Any) -> Any:
    return side.hub.load(github, "net", trust_repo=True, verbose=False, **options)


def hidden_commit(origin: Origin) -> str:
    """A commit of o/r that no ref names, as a fork's are."""
    origin.add_repo("o", "r", code("main"))
    commit = origin.add_repo("o", "r", code("hidden"), branch="gone")
    origin.remove_branch("o", "r", "gone")
    return commit


# skip_validation.


def test_a_commit_that_no_ref_names_needs_skip_validation(side: Side) -> None:
    github = f"o/r:{hidden_commit(side.origin)}"
    for _ in range(2):
        with pytest.raises(ValueError) as caught:
            load(side, github)
        assert str(caught.value) == (
            f"Cannot find {github[4:]} in https://github.com/o/r. If it's a commit "
            "from a forked repo, please call hub.load() with forked repo directly."
        )
    assert load(side, github, skip_validation=True) == "hidden"
    # What is cached, nobody asks about.
    assert load(side, github) == "hidden"


def test_a_replaced_validation_is_skipped(
    side: Side, monkeypatch: pytest.MonkeyPatch
) -> None:
    github = f"o/r:{hidden_commit(side.origin)}"
    name = "_validate_not_a_forked_repo"
    monkeypatch.setattr(side.hub, name, lambda owner, name, ref: True)
    assert load(side, github) == "hidden"


# No ref.


def test_no_ref_means_main_else_master(side: Side) -> None:
    side.origin.add_repo("o", "both", code("master"), branch="master")
    side.origin.add_repo("o", "both", code("main"), branch="main")
    side.origin.add_repo("o", "old", code("dev"), branch="dev")
    side.origin.add_repo("o", "old", code("master"), branch="master")
    assert load(side, "o/both") == "main"
    assert load(side, "o/old") == "master"
    assert (side.directory / "o_both_main").is_dir()
    assert (side.directory / "o_old_master").is_dir()


def test_a_repo_with_neither_has_no_default_but_for_hubd(side: Side) -> None:
    side.origin.add_repo("o", "dev", code("dev"), branch="dev")
    if side.original:
        with pytest.raises(ValueError, match="Cannot find master in"):
            load(side, "o/dev")
    else:
        assert load(side, "o/dev") == "dev"


# A branch that is a tag, too.


def told(side: Side, github: str, **options: Any) -> tuple[str, list[str]]:
    """The code's answer, and what was warned about meanwhile."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer = load(side, github, **options)
    assert {warning.category for warning in caught} <= {UserWarning}
    return answer, [str(warning.message) for warning in caught]


def test_a_branch_that_is_a_tag_too_is_taken_with_a_warning(
    side: Side, rules: Rules
) -> None:
    side.origin.add_repo("o", "r", code("tag"), tags=["same"])
    tip = side.origin.add_repo("o", "r", code("branch"))
    side.origin.add_branch("o", "r", "same", tip)
    text = (
        "The ref same is ambiguous. Perhaps it is both a tag and a branch in the "
        f"repo? {rules.called} will now assume that it's a branch. You can "
        "disambiguate tags and branches by explicitly passing refs/heads/branch_name "
        "or refs/tags/tag_name as the ref. That might require using "
        "skip_validation=True."
    )
    assert told(side, "o/r:same") == ("branch", [text])
    assert told(side, "o/r:same") == ("branch", [])
    assert told(side, "o/r:same", force_reload=True) == ("branch", [text])
    for ref, answer in (("refs/heads/same", "branch"), ("refs/tags/same", "tag")):
        assert told(side, f"o/r:{ref}", skip_validation=True) == (answer, [])


# force_reload.


def add_model(side: Side, rules: Rules, owner_and_name: str, nested: str = "") -> str:
    """A repo whose net() asks for weights, or for another repo's net()."""
    hub = f"{rules.framework}.hub"
    path = f"/{owner_and_name}/w"
    inside = f"{hub}.load_state_dict_from_url('https://{HOST}{path}', progress=False)"
    if nested:
        inside = f"{hub}.load('{nested}', 'net', trust_repo=True, verbose=False)"
    text = f"import {hub}\ndef net(): return {inside}\n"
    side.origin.add_repo(*owner_and_name.split("/"), {"hubconf.py": text})
    return path


def put_weights(side: Side, rules: Rules, path: str, value: float) -> None:
    side.origin.add_file(HOST, path, rules.saved(value))


def ref_requests(side: Side, repo: str) -> int:
    targets = [seen.target for seen in side.origin.requests]
    return sum(f"/{repo}" in target and "/info/refs" in target for target in targets)


def test_force_reload_takes_code_of_where_the_ref_points_now(side: Side) -> None:
    side.origin.add_repo("o", "r", code("old"))
    assert load(side, "o/r:main") == "old"
    side.origin.add_repo("o", "r", code("new"))
    assert load(side, "o/r:main") == "old"
    assert load(side, "o/r:main", force_reload=True) == "new"
    assert load(side, "o/r:main") == "new"


def test_force_reload_revalidates_the_weights_inside(side: Side, rules: Rules) -> None:
    path = add_model(side, rules, "o/r")
    put_weights(side, rules, path, 1)
    assert rules.number(load(side, "o/r:main")) == 1
    put_weights(side, rules, path, 2)
    assert rules.number(load(side, "o/r:main")) == 1
    assert side.origin.count(HOST, path) == 1

    changed = rules.number(load(side, "o/r:main", force_reload=True))

    if side.original:
        # Its documentation promises that downloaded weights are deleted.
        assert changed == 1
        assert side.origin.count(HOST, path) == 1
        return
    assert changed == 2
    assert side.origin.count(HOST, path) == 2
    before = side.origin.bytes_sent(HOST, path)
    assert rules.number(load(side, "o/r:main", force_reload=True)) == 2
    assert side.origin.count(HOST, path) == 3
    assert "if-none-match" in side.origin.requests[-1].headers
    assert side.origin.bytes_sent(HOST, path) == before
    assert rules.number(load(side, "o/r:main")) == 2
    assert side.origin.count(HOST, path) == 3


def test_loads_inside_follow_the_outer_force_reload(side: Side, rules: Rules) -> None:
    path = add_model(side, rules, "o/inner")
    add_model(side, rules, "o/outer", nested="o/inner:main")
    put_weights(side, rules, path, 1)
    assert rules.number(load(side, "o/outer:main")) == 1
    put_weights(side, rules, path, 2)
    side.origin.reset_counters()

    changed = rules.number(load(side, "o/outer:main", force_reload=True))

    assert changed == (1 if side.original else 2)
    if not side.original:
        assert ref_requests(side, "o/inner") == 1
        assert side.origin.count(HOST, path) == 1
        # The outer call is over: what comes after it is not its matter.
        assert rules.number(load(side, "o/inner:main")) == 2
        assert ref_requests(side, "o/inner") == 1
        assert side.origin.count(HOST, path) == 1


def test_force_reload_inside_is_for_that_load_alone(side: Side, rules: Rules) -> None:
    path = add_model(side, rules, "o/inner")
    inner = f"{rules.framework}.hub.load('o/inner:main', 'net', trust_repo=True, "
    text = (
        f"import {rules.framework}.hub\n"
        f"def net():\n"
        f"  fresh = {inner}force_reload=True, verbose=False)\n"
        f"  return fresh, {inner}verbose=False)\n"
    )
    side.origin.add_repo("o", "outer", {"hubconf.py": text})
    put_weights(side, rules, path, 1)
    load(side, "o/outer:main")
    put_weights(side, rules, path, 2)
    side.origin.reset_counters()
    fresh, again = load(side, "o/outer:main")
    assert rules.number(fresh) == rules.number(again) == (1 if side.original else 2)
    assert side.origin.count(HOST, path) == (0 if side.original else 1)


def test_force_reload_without_network_uses_what_is_cached(
    side: Side, rules: Rules
) -> None:
    path = add_model(side, rules, "o/r")
    put_weights(side, rules, path, 1)
    load(side, "o/r:main")
    side.origin.stop()
    if side.original:
        with pytest.raises(OSError):
            load(side, "o/r:main", force_reload=True)
        return
    state, texts = told(side, "o/r:main", force_reload=True)
    assert rules.number(state) == 1
    assert ["refs" in texts[0], "the cached bytes are used" in texts[1]] == [True] * 2
