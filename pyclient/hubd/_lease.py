"""Leases: what keeps the daemon from evicting bytes that are in use.

A lease is a shared flock on a blob or on a tree's directory. It ends when its
descriptor is closed, so at the latest with the process; it outlives the daemon.
"""

from __future__ import annotations

import fcntl
import os
from typing import Any, Dict, Optional, Tuple


class Lease:
    """One shared lock; released by close() or when nothing refers to it."""

    def __init__(self, fd: Optional[int], path: str) -> None:
        self._fd = fd
        self.path = path

    def close(self) -> None:
        """Releases the lock. May be called again."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def __del__(self) -> None:
        self.close()

    def __deepcopy__(self, memo: object) -> Lease:
        """A copy would close our descriptor; dataclasses.asdict() makes some."""
        return self

    def __copy__(self) -> Lease:
        return self

    def __reduce__(self) -> Tuple[Any, ...]:
        """In another process it holds nothing: the number means another file there."""
        return Lease, (None, self.path)


def take(path: str) -> Optional[Lease]:
    """Leases what lies at a path of the store.

    None: it is being evicted or is gone, so the daemon must be asked again.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    lease = Lease(fd, path)
    fcntl.flock(fd, fcntl.LOCK_SH)
    # Eviction renames away what it holds alone; the lock may have come after.
    held = os.fstat(fd)
    try:
        named = os.stat(path)
    except FileNotFoundError:
        return None
    if (held.st_dev, held.st_ino) != (named.st_dev, named.st_ino):
        return None
    return lease


_kept: Dict[str, Lease] = {}


def keep(lease: Lease) -> None:
    """Holds a lease until the process ends: code of a tree may import late."""
    _kept.setdefault(lease.path, lease)
