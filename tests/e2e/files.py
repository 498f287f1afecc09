"""Waits for what becomes of files, woken by the kernel."""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import time
from collections.abc import Callable
from pathlib import Path

# A disk that many tests sync to may stall for half a minute.
PATIENCE_SECONDS = 300

_libc = ctypes.CDLL(None, use_errno=True)
# Of <sys/inotify.h>: written, moved from and to here, made, removed.
_IN_CHANGED = 0x2 | 0x40 | 0x80 | 0x100 | 0x200
_IN_OPEN = 0x20


def wait_files(condition: Callable[[], object], what: str, top: Path) -> None:
    """Waits until what lies below a directory is so; fails after a while."""
    _wait(condition, what, lambda changes: _watch(changes, top))


def wait_opened(condition: Callable[[], object], what: str, file: Path) -> None:
    """Waits until it is so, which opening `file` tells; fails after a while."""
    _wait(condition, what, lambda changes: _add(changes, file, _IN_OPEN))


def wait_empty(directory: Path) -> None:
    wait_files(lambda: not os.listdir(directory), f"{directory} is empty", directory)


def _wait(
    condition: Callable[[], object], what: str, watch: Callable[[int], bool]
) -> None:
    """Looks each time that the kernel tells of what `watch` asks an inotify for."""
    end = time.monotonic() + PATIENCE_SECONDS
    changes = _libc.inotify_init1(os.O_CLOEXEC)
    assert changes >= 0, os.strerror(ctypes.get_errno())
    try:
        while True:
            assert watch(changes), f"there is nothing that tells: {what}"
            if condition():
                return
            left = max(0, end - time.monotonic())
            changed = select.select([changes], [], [], left)[0]
            assert changed, f"it did not come to pass: {what}"
            os.read(changes, 1 << 16)
    finally:
        os.close(changes)


def _add(changes: int, path: Path, events: int) -> bool:
    return bool(_libc.inotify_add_watch(changes, os.fsencode(path), events) >= 0)


def _watch(changes: int, directory: Path) -> bool:
    """All directories below it, too, each before what is in it is looked at.

    False: it is not there, or no more.
    """
    if not _add(changes, directory, _IN_CHANGED):
        return False
    with contextlib.suppress(OSError):
        for entry in os.scandir(directory):
            if entry.is_dir(follow_symlinks=False):
                _watch(changes, Path(entry.path))
    return True
