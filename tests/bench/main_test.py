"""Tries the bench itself, with sizes that say nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

WORKSPACE = Path(__file__).resolve().parents[2]


def bench(state: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.bench.main", "--tiny"]
    command += ["--python", sys.executable, "--state", str(state), *words]
    return subprocess.run(
        command,
        cwd=WORKSPACE,
        # What the user has set for hubd is not for the daemons of the bench.
        env={**os.environ, "HUBD_HOME": "/nonexistent"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_every_row_measures_both_sides_and_leaves_nothing(tmp_path: Path) -> None:
    document = tmp_path / "figures.json"
    state = tmp_path / "state"
    done = bench(state, "--json", str(document))
    assert document.exists(), done.stderr
    figures = json.loads(document.read_text())["figures"]
    rows = [figure["row"] for figure in figures]
    assert {"fetch", "sharing", "latency", "cold_list"} <= set(rows)
    assert {"unpack", "cold_repo"} <= set(rows)
    assert done.stdout.count("pass") + done.stdout.count("FAIL") == sum(
        figure["bound"] is not None for figure in figures
    )
    assert done.returncode == any(figure["passed"] is False for figure in figures)
    for figure in figures:
        # Of requests there are to be none.
        assert figure["value"] > 0 or figure["bound"] == 0, figure
    by_name = {figure["what"]: figure for figure in figures}
    # What is counted, not timed.
    assert by_name["GETs that the origin sees"]["value"] == 1
    assert by_name["bytes that the origin sends"]["value"] == 1
    if "ref" in rows:
        assert by_name["requests within the TTL"]["value"] == 0
    assert not list(state.iterdir())


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    done = bench(tmp_path, "no-such-row")
    assert done.returncode == 2
    assert "no-such-row" in done.stderr and "sharing" in done.stderr
