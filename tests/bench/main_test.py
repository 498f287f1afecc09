"""Tries the bench itself, with sizes that say nothing about speed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

# Their rows are what can be named.
import tests.bench.main  # noqa: F401
from tests.bench.rows import named

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
    assert {"A1", "A2", "A3", "A4", "A5", "A6", "A7"} <= set(rows)
    assert {"D1", "D3", "D4", "I1", "V1"} <= set(rows)
    assert done.stdout.count("pass") + done.stdout.count("FAIL") == sum(
        figure["bound"] is not None for figure in figures
    )
    assert done.returncode == any(figure["passed"] is False for figure in figures)
    for figure in figures:
        # Of some things there are to be none.
        assert figure["value"] > 0 or figure["unit"] == "", figure
    by_name = {figure["what"]: figure for figure in figures}
    # What is counted, not timed.
    assert by_name["bytes that the origin sends"]["value"] == 1
    assert by_name["HEADs that the origin sees"]["passed"]
    assert by_name["connections that break"]["passed"]
    assert all(by_name[what]["passed"] for what in by_name if "errors" in what)
    if "ref" in rows:
        assert by_name["requests within the TTL"]["value"] == 0
    assert not list(state.iterdir())


def test_a_row_that_is_none_is_named(tmp_path: Path) -> None:
    done = bench(tmp_path, "no-such-row")
    assert done.returncode == 2
    assert "no-such-row" in done.stderr and "sharing" in done.stderr


@pytest.mark.parametrize("word", ["0", "1023", "2 GiB", "2GB", "-1GiB", "many"])
def test_a_size_that_is_none_is_named(tmp_path: Path, word: str) -> None:
    done = bench(tmp_path, f"--size={word}")
    assert done.returncode == 2
    assert f'"{word}" is no size' in done.stderr and "8GiB" in done.stderr


def test_more_than_the_disk_has_is_told_at_once(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench.main", "--size", "999999GiB"]
    done = subprocess.run(
        [*command, "--state", str(tmp_path)], cwd=WORKSPACE, capture_output=True
    )
    assert done.returncode == 1
    assert b"MiB free" in done.stderr and b"smaller --size" in done.stderr


@pytest.mark.parametrize(
    "word, rows",
    [
        ("V", ["V1"]),
        ("D", ["D1", "D2", "D3", "D4"]),
        ("A2", ["A2"]),
        ("fetch", ["fetch"]),
        ("f", []),
        ("", []),
        ("A1A", []),
    ],
)
def test_a_letter_means_its_group(word: str, rows: list[str]) -> None:
    assert named(word) == rows
