"""One user's machine: built binaries, an empty home, a daemon, an origin."""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.e2e.processes import descendants, wait_for_end, wait_gone
from tests.origin import Origin

# A uid that nobody uses, for what an ordinary user does.
ORDINARY_UID = 61000
TIMEOUT = 120


def as_user(uid: int) -> list[str]:
    """What, put before a program and its arguments, runs it as another user.

    subprocess's own `user` forks, and a fork of a process that has used gRPC may die
    before it is the program.
    """
    drop = f"/usr/bin/setpriv --reuid {uid} --regid {uid} --clear-groups --"
    return drop.split()


@lru_cache(maxsize=None)
def packages_for_all() -> str:
    """A copy of hubd and of what it needs, since the tests' own environment may lie
    where only its user can look."""
    top = Path(tempfile.mkdtemp(prefix="hubd-packages-"))
    atexit.register(shutil.rmtree, top)
    for name in ("hubd", "grpc", "google", "tqdm", "typing_extensions"):
        spec = importlib.util.find_spec(name)
        for folder in (spec and spec.submodule_search_locations) or ():
            shutil.copytree(folder, top / name, dirs_exist_ok=True)
        if spec and spec.origin and not spec.submodule_search_locations:
            shutil.copy(spec.origin, top)
    subprocess.run(["chmod", "-R", "a+rX", top], check=True)
    return str(top)


class Machine:
    """Runs hubctl and Python programs as one user, `uid` or the tests' own.

    The binaries are copied to a directory that every user can read. `close` ends the
    daemon and removes everything.
    """

    def __init__(self, origin: Origin, *, uid: int | None = None) -> None:
        self.origin = origin
        self.uid = os.getuid() if uid is None else uid
        self.top = Path(tempfile.mkdtemp(prefix="hubd-e2e-"))
        self.top.chmod(0o755)
        self.hubd = self._copy(os.environ["HUBD_DAEMON"], "hubd")
        self.hubctl_path = self._copy(os.environ["HUBD_TEST_HUBCTL"], "hubctl")
        self.home = self.top / "home"
        self.home.mkdir(mode=0o700)
        self.root = self.home / "root"
        ca_file = self.top / "ca.pem"
        shutil.copy(origin.ca_file, ca_file)
        ca_file.chmod(0o644)
        self.config = self.top / "hubd.toml"
        self.configure()
        os.chown(self.home, self.uid, self.uid)

    def _copy(self, source: str, name: str) -> Path:
        path = self.top / name
        shutil.copy(source, path)
        path.chmod(0o755)
        return path

    def configure(self, extra: str = "") -> None:
        """Writes the configuration; a daemon that runs keeps its own."""
        text = self.origin.config_toml()
        text = text.replace(str(self.origin.ca_file), str(self.top / "ca.pem"))
        self.config.write_text(text + extra)
        self.config.chmod(0o644)

    def environment(self) -> dict[str, str]:
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "HUBD_HOME": str(self.root),
            "HUBD_CONFIG": str(self.config),
            "HUBD_DAEMON": str(self.hubd),
            "LANG": "C.UTF-8",
        }

    def start(
        self, arguments: Sequence[str | Path], **extra: str
    ) -> subprocess.Popen[str]:
        """Starts a program as the machine's user."""
        program, *rest = map(str, arguments)
        become: list[str] = []
        if self.uid != os.getuid():
            become = as_user(self.uid)
            if program == sys.executable:
                program = os.path.realpath(program)
                extra["PYTHONPATH"] = packages_for_all()
        return subprocess.Popen(
            [*become, program, *rest],
            env={**self.environment(), **extra},
            cwd=self.home if self.uid == os.getuid() else "/",
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(
        self, arguments: Sequence[str | Path], code: int | None = 0, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a program to its end; fails unless it ends with `code`."""
        process = self.start(arguments, **extra)
        output, errors = process.communicate(timeout=TIMEOUT)
        shown = f"{list(map(str, arguments))}: {process.returncode}\n{output}\n{errors}"
        assert code is None or process.returncode == code, shown
        return subprocess.CompletedProcess(
            process.args, process.returncode, output, errors
        )

    def hubctl(
        self, *arguments: str, code: int | None = 0, **extra: str
    ) -> subprocess.CompletedProcess[str]:
        return self.run([self.hubctl_path, *arguments], code, **extra)

    def json(self, *arguments: str, code: int = 0) -> Any:
        return json.loads(self.hubctl("--json", *arguments, code=code).stdout)

    def daemon_pid(self) -> int:
        """Of the daemon that serves this machine; starts one where none does."""
        return int(self.json("status")["pid"])

    def kill_daemon(self, how: signal.Signals = signal.SIGKILL) -> None:
        """Waits until it is gone, and all that it had started."""
        pid = self.daemon_pid()
        handle = os.pidfd_open(pid)
        below = descendants(pid)
        try:
            os.kill(pid, how)
            wait_for_end(handle)
        finally:
            os.close(handle)
        wait_gone(*below)

    def stop_daemon(self) -> None:
        """Ends it in order, so that its index is closed."""
        self.kill_daemon(signal.SIGTERM)

    def store(self, *parts: str) -> Path:
        return self.root.joinpath("store", *parts)

    def log(self) -> str:
        """What its daemon has logged."""
        return self.store("log").read_text()

    def close(self) -> None:
        done = self.hubctl("status", "--json", code=None, HUBD_AUTOSTART="0")
        if done.returncode == 0:
            pid = int(json.loads(done.stdout)["pid"])
            handle = os.pidfd_open(pid)
            os.kill(pid, signal.SIGTERM)
            wait_for_end(handle)
            os.close(handle)
        subprocess.run(["chmod", "-R", "u+rwX", self.top], check=False)
        shutil.rmtree(self.top)
