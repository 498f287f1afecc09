"""The rules that both hubs follow, with hubd.oneflow and oneflow.hub."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import oneflow
import pytest

from tests.frameworks.conftest import both_sides
from tests.frameworks.rules import (  # noqa: F401
    Rules,
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

pytestmark = both_sides("oneflow")


@pytest.fixture
def rules(tmp_path: Path) -> Rules:
    def saved(value: float) -> bytes:
        made = tmp_path / "made" / str(value)
        oneflow.save({"w": oneflow.tensor(float(value))}, str(made))
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("state/", "")
            for path in sorted(made.rglob("*")):
                if path.is_file():
                    archive.write(path, f"state/{path.relative_to(made)}")
        return buffer.getvalue()

    return Rules(framework="oneflow", called="OneFlowhub", saved=saved)
