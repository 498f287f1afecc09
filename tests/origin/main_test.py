"""The sample hub and the program that serves it."""

from __future__ import annotations

import ast
import http.client
import json
import os
import signal
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import tomllib

from tests.origin.sample_weights import sample_weights, sample_weights_path

_ROOT = Path(__file__).parents[2]
_HUBCONF = "dependencies = []\n\n\ndef one():\n    return 1\n"


def test_sample_weights_and_hubconf_agree() -> None:
    tree = ast.parse((Path(__file__).parent / "sample" / "hubconf.py").read_text())
    constants = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    path = constants["_RELEASE"] + constants["_TINY"]
    assert path == f"https://github.com{sample_weights_path()}"
    assert constants["dependencies"] == ["numpy"]


def test_sample_model_runs(tmp_path: Path) -> None:
    numpy = pytest.importorskip("numpy")
    (tmp_path / "hubd").mkdir()
    (tmp_path / "hubd" / "__init__.py").touch()
    (tmp_path / "hubd" / "torch.py").write_text(
        "import os, shutil\n"
        "def download_url_to_file(url, dst, hash_prefix=None, progress=True):\n"
        "    shutil.copy(os.environ['WEIGHTS'], dst)\n"
    )
    weights = tmp_path / "weights.npz"
    weights.write_bytes(sample_weights())
    code = (
        "import hubconf, numpy\n"
        "net = hubconf.tiny()\n"
        "x = numpy.linspace(0, 1, 128).reshape(2, 64)\n"
        "assert net(x).shape == (2, 10) and net.predict(x).shape == (2,)\n"
        "assert hubconf.tiny(False, classes=3)(x).shape == (2, 3)\n"
        "print(net)\n"
    )
    search = os.pathsep.join([str(tmp_path), str(Path(__file__).parent / "sample")])
    out = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ
        | {
            "PYTHONPATH": search,
            "WEIGHTS": str(weights),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    ).stdout
    assert out == "TinyNet(64 -> 256 -> 128 -> 10, 50,826 parameters)\n"
    with numpy.load(weights) as arrays:
        assert arrays["w0"].shape == (64, 256)
        assert abs(arrays["w0"]).max() < 1


def test_serve_program(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "hubconf.py").write_text(_HUBCONF)
    ready = tmp_path / "ready.json"
    command = [sys.executable, "-m", "tests.origin.main", "serve"]
    command += ["--directory", str(tmp_path / "d"), "--ready-file", str(ready)]
    command += ["--repo", f"me/plain={plain}", "--rate", "100000000"]
    command += ["--fault", "github.com/busy/=503"]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        lines = iter(run.stdout.readline, "")
        config = next(
            line.split("=")[1].strip() for line in lines if "HUBD_CONFIG" in line
        )
        net = tomllib.loads(Path(config).read_text())["net"]
        port = int(net["connect_to"][0].rpartition(":")[2])
        context = ssl.create_default_context(cafile=net["ca_file"])
        connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
        for path in (
            "/hubd/sample/info/refs?service=git-upload-pack",
            "/me/plain/info/refs?service=git-upload-pack",
            sample_weights_path(),
        ):
            connection.request("GET", path, headers={"Host": "github.com"})
            response = connection.getresponse()
            body = response.read()
            assert response.status == 200
        assert body == sample_weights()
        connection.request("GET", "/busy/file", headers={"Host": "github.com"})
        assert connection.getresponse().status == 503
        connection.close()
        run.send_signal(signal.SIGTERM)
        assert run.wait(30) == 0
    assert json.loads(ready.read_text()) == {
        "port": port,
        "ca_file": net["ca_file"],
        "config": config,
    }
