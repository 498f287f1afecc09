"""Where a bench runs: programs, files, origins, daemons, all in one directory."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bench.daemon import Daemon
from tests.bench.nginx import Nginx
from tests.bench.peers import Peers
from tests.origin import Origin

Command = Sequence[str | Path]


@dataclass(frozen=True)
class Programs:
    """What Bazel built."""

    hubd: Path
    hubctl: Path
    latency: Path
    echo_server: Path
    waiter: Path

    @staticmethod
    def below(directory: Path) -> Programs:
        """`directory`: bazel-bin, or the runfiles of //tests/bench."""
        return Programs(
            directory / "server/hubd",
            directory / "client/hubctl",
            directory / "tests/bench/latency",
            directory / "tests/bench/echo_server",
            directory / "tests/bench/waiter",
        )


@dataclass(frozen=True)
class Sizes:
    """How much is measured; smaller for a try of the bench itself."""

    rounds: int = 7
    big: int = 2 << 30
    shared: int = 256 << 20
    paused: int = 512 << 20
    clients: int = 16
    crowd: int = 256
    published: int = 50
    calls: int = 2000
    lookups: int = 300
    files: int = 10_000


class Place:
    """One directory on a real disk, and what serves from it. A context manager."""

    def __init__(
        self, directory: Path, programs: Programs, peers: Peers, sizes: Sizes
    ) -> None:
        shutil.rmtree(directory, ignore_errors=True)
        self.directory = directory
        self.programs = programs
        self.peers = peers
        self.sizes = sizes
        self.files = directory / "files"
        self.files.mkdir(parents=True)
        self._scratch_count = 0
        self._end = contextlib.ExitStack()

    def __enter__(self) -> Place:
        self.origin = self._end.enter_context(Origin(self.directory / "origin"))
        leaf = self.origin.directory / "leaf.pem", self.origin.directory / "leaf.key"
        self.nginx = Nginx(self.directory / "nginx", self.files, leaf)
        self._end.callback(self.nginx.close)
        self.config = self.origin.write_config(
            self.directory / "hubd.toml", '[refs]\nttl = "10h"\n'
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._end.close()
        _remove(self.directory)

    def add_file(self, name: str, size: int) -> str:
        """Makes a file of random bytes that nginx serves; returns its URL."""
        with open(self.files / name, "wb") as file:
            for start in range(0, size, 1 << 20):
                file.write(os.urandom(min(1 << 20, size - start)))
        return f"{self.nginx.url}/{name}"

    def digest(self, name: str) -> str:
        """The SHA-256 of such a file."""
        return self.run(["openssl", "dgst", "-sha256", "-r", self.files / name])[:64]

    def environment(self, **extra: str) -> dict[str, str]:
        """What every program gets: nothing of the caller's but PATH."""
        home = self.directory / "home"
        home.mkdir(exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin"),
            "HOME": str(home),
            "LANG": "C.UTF-8",
            "SSL_CERT_FILE": str(self.origin.ca_file),
            "CURL_CA_BUNDLE": str(self.origin.ca_file),
            **extra,
        }

    def run(
        self, command: Command, environment: Mapping[str, str] | None = None
    ) -> str:
        """Runs a program to its end; returns what it said."""
        return _finish(self.start(command, environment))

    def start(
        self, command: Command, environment: Mapping[str, str] | None = None
    ) -> subprocess.Popen[str]:
        """Starts a program in a session of its own, as hubd has one: the kernel may
        share the processors among sessions."""
        return subprocess.Popen(
            [str(word) for word in command],
            env=self.environment() if environment is None else dict(environment),
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def seconds(
        self, *commands: Command, environment: Mapping[str, str] | None = None
    ) -> float:
        """What commands take, one after another."""
        start = time.perf_counter()
        for command in commands:
            self.run(command, environment)
        return time.perf_counter() - start

    def processor_seconds(
        self, *commands: Command, environment: Mapping[str, str] | None = None
    ) -> float:
        """What commands take of the processors, one after another; a daemon that they
        talk to is left out."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        for command in commands:
            self.run(command, environment)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    def seconds_together(
        self, commands: Sequence[Command], environment: Mapping[str, str]
    ) -> float:
        """What commands take that start at once."""
        start = time.perf_counter()
        for process in [self.start(command, environment) for command in commands]:
            _finish(process)
        return time.perf_counter() - start

    def huggingface_hub_environment(self, home: Path) -> dict[str, str]:
        """Leads huggingface_hub to nginx, with its cache in `home`."""
        return self.environment(
            HF_ENDPOINT=self.nginx.url,
            HF_HOME=str(home),
            HF_HUB_DISABLE_XET="1",
            HF_HUB_DISABLE_PROGRESS_BARS="1",
            HF_HUB_DISABLE_TELEMETRY="1",
        )

    @contextlib.contextmanager
    def scratch(self, *, keep: bool = False) -> Iterator[Path]:
        """A directory for one measurement, with nothing left to write on the disk
        from the one before.

        keep: it stays while the place does. An ext4 without a journal looks at every
        inode that was freed in the last minutes before it takes another, so that
        removing thousands of files makes the next thousands slow.
        """
        self._scratch_count += 1
        directory = self.directory / f"scratch{self._scratch_count}"
        directory.mkdir()
        os.sync()
        try:
            yield directory
        finally:
            if not keep:
                _remove(directory)

    @contextlib.contextmanager
    def daemon(self, *, keep: bool = False) -> Iterator[Daemon]:
        """A daemon with an empty cache; `keep` as for scratch()."""
        with self.scratch(keep=keep) as root:
            daemon = Daemon(self, root)
            try:
                yield daemon
            finally:
                daemon.close()

    @contextlib.contextmanager
    def echo(self) -> Iterator[str]:
        """A bare gRPC server; its socket."""
        socket = str(self.directory / "echo")
        with subprocess.Popen(
            [self.programs.echo_server, socket],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as server:
            assert server.stdin and server.stdout
            assert server.stdout.readline() == b"ready\n", "no echo server"
            yield socket
            server.stdin.close()


def _remove(directory: Path) -> None:
    """Read-only directories too."""
    subprocess.run(["chmod", "-R", "u+rwX", directory], check=False)
    shutil.rmtree(directory)


def _finish(process: subprocess.Popen[str]) -> str:
    try:
        output, errors = process.communicate()
    except BaseException:
        process.kill()
        raise
    if process.returncode != 0:
        raise RuntimeError(f"{process.args!r}: {process.returncode}\n{output}{errors}")
    return output
