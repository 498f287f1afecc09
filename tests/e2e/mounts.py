"""File systems of a test's own: small ones, read-only ones, ones that go away.

They lie in a mount namespace of this process, so that nobody else sees them and
nothing of them outlives the tests.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from functools import lru_cache
from pathlib import Path

import pytest

_CLONE_NEWNS = 0x20000


@lru_cache(maxsize=None)
def _enter_namespace() -> str:
    """Why there is no namespace; empty where there is one."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        return os.strerror(ctypes.get_errno())
    private = ["mount", "--make-rprivate", "/"]
    return subprocess.run(private, capture_output=True, text=True).stderr


class Mounts:
    """The mounts of one test. Where mounting is impossible the test is skipped, or
    fails in CI."""

    def __init__(self) -> None:
        self._paths: list[Path] = []
        why = _enter_namespace()
        if why and os.environ.get("CI"):
            pytest.fail(f"cannot mount: {why}")
        if why:
            pytest.skip(f"cannot mount: {why}")

    def tmpfs(self, path: Path, uid: int, *options: str) -> None:
        path.mkdir(mode=0o700, exist_ok=True)
        every = ",".join([f"mode=0700,uid={uid},gid={uid}", *options])
        _run("mount", "-t", "tmpfs", "-o", every, "none", path)
        self._paths.append(path)

    def read_only(self, path: Path) -> None:
        _run("mount", "-o", "remount,ro", path)

    def writable(self, path: Path) -> None:
        _run("mount", "-o", "remount,rw", path)

    def detach(self, path: Path) -> None:
        """The path is the directory below from here on; who is in it stays."""
        _run("umount", "--lazy", path)
        self._paths.remove(path)

    def close(self) -> None:
        for path in list(self._paths):
            self.detach(path)


def fill(path: Path) -> None:
    """Writes a file until the disk is full."""
    with path.open("wb", buffering=0) as filler:
        for size in (1 << 16, 1):
            while True:
                try:
                    filler.write(b"x" * size)
                except OSError:
                    break


def _run(*arguments: str | Path) -> None:
    subprocess.run(arguments, check=True)
