"""The generated files are those that proto/ and the compiler of Debian 12 give."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

_HERE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.abspath(os.path.join(_HERE, "..", ".."))
_PROTOC = "/usr/bin/protoc"
_PLUGIN = "/usr/bin/grpc_python_plugin"


@pytest.mark.skipif(
    not (os.path.exists(_PROTOC) and os.path.exists(_PLUGIN)),
    reason="protobuf-compiler and protobuf-compiler-grpc are not installed",
)
def test_the_committed_stubs_are_what_the_readme_command_makes(tmp_path):
    with open(os.path.join(_ROOT, "pyclient", "README.md")) as file:
        script = file.read().split("```sh\n# stubs\n")[1].split("```")[0]
    shutil.copytree(os.path.join(_ROOT, "proto"), tmp_path / "proto")
    os.mkdir(tmp_path / "pyclient")
    subprocess.run(["sh", "-ec", script], cwd=tmp_path / "pyclient", check=True)
    made = tmp_path / "pyclient" / "hubd" / "v1"
    committed = os.path.join(_ROOT, "pyclient", "hubd", "v1")
    names = sorted(name for name in os.listdir(committed) if "_pb2" in name)
    assert names == sorted(os.listdir(made))
    for name in names:
        with open(os.path.join(committed, name)) as file:
            assert file.read() == (made / name).read_text(), name
