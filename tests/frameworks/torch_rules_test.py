"""The rules that both hubs follow, with hubd.torch and torch.hub."""

from __future__ import annotations

import io

import pytest
import torch

from tests.frameworks.conftest import Side, both_sides
from tests.frameworks.rules import (  # noqa: F401
    HOST,
    Rules,
    load,
    put_weights,
    test_a_branch_that_is_a_tag_too_is_taken_with_a_warning,
    test_a_commit_that_no_ref_names_needs_skip_validation,
    test_a_replaced_validation_is_skipped,
    test_a_repo_with_neither_has_no_default_but_for_hubd,
    test_force_reload_inside_is_for_that_load_alone,
    test_force_reload_revalidates_the_weights_inside,
    test_force_reload_takes_code_of_where_the_ref_points_now,
    test_force_reload_without_network_uses_what_is_cached,
    test_loads_inside_follow_the_outer_force_reload,
    test_no_ref_means_main_else_master,
)

pytestmark = both_sides("torch")


def saved(value: float) -> bytes:
    buffer = io.BytesIO()
    torch.save({"w": torch.tensor(value)}, buffer)
    return buffer.getvalue()


@pytest.fixture
def rules() -> Rules:
    return Rules(framework="torch", called="Torchhub", saved=saved)


ZOO = f"""
def net():
    from torch.utils.model_zoo import load_url
    return load_url("https://{HOST}/zoo/w", progress=False)
"""


def test_force_reload_revalidates_what_the_model_zoo_is_asked_for(
    side: Side, rules: Rules
) -> None:
    side.origin.add_repo("o", "zoo", {"hubconf.py": ZOO})
    put_weights(side, rules, "/zoo/w", 1)
    assert rules.number(load(side, "o/zoo:main")) == 1
    put_weights(side, rules, "/zoo/w", 2)
    changed = rules.number(load(side, "o/zoo:main", force_reload=True))
    assert changed == (1 if side.original else 2)
