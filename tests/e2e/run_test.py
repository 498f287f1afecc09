"""hubctl run: programs that know nothing of hubd."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.origin import Origin

PYCLIENT = str(Path(__file__).resolve().parents[2] / "pyclient")
PROGRAM = """
import torch
model = torch.hub.load("hubd/sample", "tiny", trust_repo=True)
print("loaded:", model, torch.hub.list("hubd/sample", trust_repo=True))
"""


@pytest.fixture
def paths(machine: Machine) -> str:
    """A PYTHONPATH with hubd and with something in the place of torch."""
    package = machine.top / "frameworks" / "torch"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("from torch import hub\n")
    (package / "hub.py").write_text(
        "def load(*a, **k): raise OSError('not hubd')\nlist = load\n"
    )
    return f"{PYCLIENT}:{package.parent}"


def test_a_program_that_names_torch_hub_uses_hubd(
    machine: Machine, origin: Origin, paths: str
) -> None:
    script = machine.home / "train"
    script.write_text(f"#!{sys.executable}\n{PROGRAM}")
    script.chmod(0o755)
    command = [str(machine.hubctl_path), "run", "--"]
    path = str(script)
    for program in ([sys.executable, path], [path], ["sh", "-c", path]):
        done = machine.run(
            [*command, *program], PYTHONPATH=paths, VIRTUAL_ENV=sys.prefix
        )
        assert "loaded: TinyNet" in done.stdout
        assert "'tiny_torch'" in done.stdout
    assert origin.count("codeload.github.com") == 1


def test_the_flags_of_hubctl_hold_for_the_program(machine: Machine, paths: str) -> None:
    program = [sys.executable, "-c", PROGRAM]
    other = str(machine.home / "other")
    command = [str(machine.hubctl_path), "run", "--offline", "--dir", other]
    done = machine.run([*command, "--", *program], code=1, PYTHONPATH=paths)
    assert "OfflineMiss" in done.stderr or "no internet connection" in done.stderr
    assert Path(other, "store").is_dir()
    listed = machine.run(
        [*command, "--timeout", "5m", "--no-progress", "--", "env"],
        PYTHONPATH=paths,
        VIRTUAL_ENV=sys.prefix,
    ).stdout.splitlines()
    assert {
        "HUBD_OFFLINE=1",
        "HUBD_PROGRESS=0",
        "HUBD_TIMEOUT=300000ms",
        f"HUBD_DAEMON={machine.hubd}",
        f"HUBD_HOME={other}",
    } <= set(listed)


@pytest.mark.parametrize(
    "code, script",
    [(0, ""), (7, "exit 7"), (-15, "kill -TERM $$"), (-13, "kill -PIPE $$")],
)
def test_status_and_signals_are_the_programs(
    machine: Machine, paths: str, code: int, script: str
) -> None:
    python = {"PYTHONPATH": paths, "VIRTUAL_ENV": sys.prefix}
    machine.run([machine.hubctl_path, "run", "--", "sh", "-c", script], code, **python)


def test_the_programs_arguments_arrive_as_they_are(
    machine: Machine, paths: str
) -> None:
    given = ["--json", "--", "-q", "[1,2]", "", "a b", "--help"]
    program = [sys.executable, "-c", "import sys; print(sys.argv[1:])"]
    done = machine.run(
        [machine.hubctl_path, "run", "--", *program, *given], PYTHONPATH=paths
    )
    assert done.stdout == f"{given}\n"


def test_a_python_without_hubd_is_named_with_the_way_out(machine: Machine) -> None:
    bare = machine.home / "python3"
    bare.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -IS "$@"\n')
    bare.chmod(0o755)
    done = machine.hubctl("run", "--", str(bare), "-c", "print('ran')", code=1)
    assert done.stdout == ""
    assert "cannot import hubd" in done.stderr and "--python" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_that_is_not_there_is_127(machine: Machine, paths: str) -> None:
    python = {"PYTHONPATH": paths, "VIRTUAL_ENV": sys.prefix}
    for program, named in (("no-such-program", "no-such-program"), ("python9", "")):
        done = machine.hubctl("run", "--", program, code=127, **python)
        assert (named or "python9") in done.stderr
