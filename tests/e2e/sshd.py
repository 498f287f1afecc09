"""An sshd of the tests' own, on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.files import wait_files

SSHD = "/usr/sbin/sshd"


def make_key(path: Path, passphrase: str = "") -> str:
    """Makes a key in `path` and `path`.pub; the public line."""
    path.unlink(missing_ok=True)
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path]
    subprocess.run([*map(str, command)], check=True)
    return path.with_suffix(".pub").read_text()


class Sshd:
    """Lets the tests' own user in with the keys of `authorize`, and runs what it asks.

    `version_2`: whether it passes GIT_PROTOCOL on, as git hosts do and Debian's
    configuration does not. `environment`: of what it runs, beside the usual.
    """

    def __init__(
        self,
        top: Path,
        *,
        version_2: bool = True,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        top.mkdir(mode=0o755)
        self.log = top / "log"
        self._authorized = top / "authorized_keys"
        self._authorized.touch(mode=0o600)
        self.host_key = make_key(top / "host")
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = int(free.getsockname()[1])
        config = top / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{self.port}\n"
            f"HostKey {top}/host\n"
            f"AuthorizedKeysFile {self._authorized}\n"
            "PidFile none\nStrictModes no\nUsePAM no\nPermitRootLogin yes\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\n"
            + ("AcceptEnv GIT_PROTOCOL\n" if version_2 else "")
            + " ".join(
                ["SetEnv", "UNUSED=1"]
                + [f"{name}={value}" for name, value in (environment or {}).items()]
            )
            + "\n"
        )
        # Where sshd puts those who are not yet let in, as root.
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        with self.log.open("wb") as log:
            command = [SSHD, "-D", "-e", "-f", str(config)]
            self._process = subprocess.Popen(command, stderr=log)
        wait_files(self._listens, "sshd listens", top)

    def _listens(self) -> bool:
        assert self._process.poll() is None, self.log.read_text()
        return "Server listening" in self.log.read_text()

    def authorize(self, public_key: str) -> None:
        with self._authorized.open("a") as file:
            file.write(public_key)

    def known(self, key: str | None = None) -> str:
        """The line of known_hosts, with its own key or another one."""
        return f"[127.0.0.1]:{self.port} {key or self.host_key}"

    def url(self, path: Path) -> str:
        return f"ssh://127.0.0.1:{self.port}{path}"

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Agent:
    """An ssh-agent with one key."""

    def __init__(self, socket_path: Path, key: Path) -> None:
        self.socket = str(socket_path)
        self._process = subprocess.Popen(
            ["ssh-agent", "-D", "-a", self.socket],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        # It says where, once it listens.
        assert self._process.stdout is not None
        assert self.socket in self._process.stdout.readline().decode()
        subprocess.run(
            ["ssh-add", "-q", str(key)],
            env={**os.environ, "SSH_AUTH_SOCK": self.socket},
            check=True,
        )

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()
