"""An origin, an empty home and a daemon for each test of a real framework."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import ssl
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

import hubd
from tests.origin import Origin, add_sample

pytest.register_assert_rewrite("tests.frameworks.rules")

TIMEOUT = 300


class Bench:
    """Runs this test's programs against its origin through its own daemon."""

    def __init__(self, origin: Origin, home: Path) -> None:
        self.origin = origin
        self.home = home
        config = origin.write_config(home / "hubd.toml")
        self.environment = {
            "PATH": os.environ["PATH"],
            "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
            "HOME": str(home),
            "HUBD_CONFIG": str(config),
            "HUBD_DAEMON": os.environ["HUBD_DAEMON"],
            "LANG": "C.UTF-8",
        }

    def start(self, program: str, *options: str, **extra: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *options, "-c", textwrap.dedent(program)],
            env={**self.environment, **extra},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, program: str, *options: str, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        process = self.start(program, *options, **extra)
        output, errors = process.communicate(timeout=TIMEOUT)
        assert process.returncode == 0, f"{output}\n{errors}"
        return subprocess.CompletedProcess(process.args, 0, output, errors)

    def run_ranks(self, count: int, program: str) -> None:
        ranks = [self.start(program) for _ in range(count)]
        for rank in ranks:
            output, errors = rank.communicate(timeout=TIMEOUT)
            assert rank.returncode == 0, f"{output}\n{errors}"


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with Origin(plain_http=True) as origin:
        add_sample(origin)
        yield Bench(origin, tmp_path)
        # One for each directory that the test chose.
        for address in tmp_path.rglob("store/ADDRESS"):
            pid = int(address.with_name("LOCK").read_text().split()[0])
            os.kill(pid, signal.SIGTERM)


# A program that names the original only; what it asks for is not to be had past hubd.
# Where the original was imported before, its functions were bound, too.
INSTALLED = """
early = {early}
if early:
    import {module}
    early_load = {module}.load
import hubd
hubd.install()
import {module} as hub
print("sum", hub.load("hubd/sample", "{entrypoint}", **{options}) is not None)
if early:
    print("early", early_load("hubd/sample", "{entrypoint}", **{options}) is not None)
print("named", hub.load.__module__)
hubd.uninstall()
print("named", hub.load.__module__)
"""


def run_installed(
    bench: Bench, module: str, entrypoint: str, options: dict[str, object]
) -> None:
    """hub.load goes through hubd, installed before or after import, or by -m hubd."""
    for early in (True, False):
        program = INSTALLED.format(
            early=early, module=module, entrypoint=entrypoint, options=options
        )
        lines = bench.run(program).stdout.splitlines()
        own = [line for line in lines if line.split()[0] in ("sum", "early", "named")]
        framework = module.partition(".")[0]
        assert own[0] == "sum True"
        assert own[1:-2] == ["early True"] * early
        assert own[-2] == f"named hubd.{framework}"
        assert own[-1].startswith(f"named {framework}.hub")
    unmodified = f"import {module} as hub\nprint('named', hub.load.__module__)"
    output = bench.run(unmodified, "-m", "hubd").stdout
    assert f"named hubd.{framework}\n" in output


IMPORT = """
import json, hubd
found = hubd.Client().cache.import_directory({directory!r}, {repos!r})
for entry in found.entries:
    print(json.dumps([entry.path, entry.kind, entry.name, entry.how]))
"""


def take_in(bench: Bench, directory: Path, *repos: str) -> list[list[str]]:
    """Imports a cache; path, kind, name and how of each thing in it."""
    program = IMPORT.format(directory=str(directory), repos=repos)
    return [json.loads(line) for line in bench.run(program).stdout.splitlines()]


@pytest.fixture
def in_process(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """The same, for calls within the test's own process."""
    for name in ("HOME", "HUBD_CONFIG", "HUBD_DAEMON"):
        monkeypatch.setenv(name, bench.environment[name])
    assert hubd.__file__
    return bench


@dataclass(frozen=True)
class Side:
    """A hub in this process: a drop-in, or the original that it stands for."""

    hub: ModuleType
    original: bool
    origin: Origin
    home: Path

    @property
    def directory(self) -> Path:
        return Path(self.hub.get_dir())

    def trusted(self) -> list[str]:
        """The lines of trusted_list, which must be there."""
        return (self.directory / "trusted_list").read_text().splitlines()


def both_sides(framework: str) -> pytest.MarkDecorator:
    """Runs each test of a module with the drop-in and with the original."""
    modules = [f"hubd.{framework}", f"{framework}.hub"]
    return pytest.mark.parametrize("side", modules, indirect=True)


@pytest.fixture
def side(
    request: pytest.FixtureRequest, in_process: Bench, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Side]:
    """The hub that the test's parameter names, with a get_dir() of its own."""
    hub = importlib.import_module(request.param)
    original = not request.param.startswith("hubd.")
    monkeypatch.setattr(hub, "_hub_dir", None)
    hub.set_dir(str(in_process.home / "hub"))
    leading = urllib_led_to(in_process.origin) if original else contextlib.nullcontext()
    with leading:
        yield Side(hub, original, in_process.origin, in_process.home)


@contextlib.contextmanager
def urllib_led_to(origin: Origin) -> Iterator[None]:
    """Leads urllib, and so the originals, to the origin."""
    proxy = f"http://127.0.0.1:{origin.http_port}"
    context = ssl.create_default_context(cafile=str(origin.ca_file))
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({"http": proxy, "https": proxy}),
        urllib.request.HTTPSHandler(context=context),
    )
    urllib.request.install_opener(opener)
    try:
        yield
    finally:
        urllib.request.install_opener(None)
