"""What hubd is measured against, and how it comes onto the machine."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Peers:
    """Which peers are there. Curl, openssl, unzip and nginx always are."""

    # With hubd and numpy, and with those of the next two that are there.
    python: str
    torch: bool = False
    huggingface_hub: bool = False
    aria2: bool = False

    @staticmethod
    def found(python: str) -> Peers:
        return Peers(
            python,
            torch=_has_module(python, "torch"),
            huggingface_hub=_has_module(python, "huggingface_hub"),
            aria2=shutil.which("aria2c") is not None,
        )


def install(workspace: Path, state: Path) -> str:
    """Installs Debian's packages and the peers from PyPI; returns their Python.

    Costs nothing where all is there. Without the rights for Debian's packages it
    fails and names what is missing.
    """
    script = (
        "set -euo pipefail; . deploy/setup.sh; install_packages bench >&2; "
        f"deploy/framework_env peers {shlex.quote(str(state))}"
    )
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=workspace,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        stdout=subprocess.PIPE,
        text=True,
    )
    if done.returncode != 0:
        raise SystemExit(done.returncode)
    name, _, value = done.stdout.strip().partition("=")
    assert name == "FRAMEWORK_PYTHON", done.stdout
    return shlex.split(value)[0]


def _has_module(python: str, module: str) -> bool:
    program = (
        f"import importlib.util as u; raise SystemExit(not u.find_spec('{module}'))"
    )
    return subprocess.run([python, "-c", program], check=False).returncode == 0
