"""What most of the client's calls return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Optional, Tuple

from hubd._lease import Lease


@dataclass(frozen=True)
class Progress:
    """How far a call has come; a later one replaces all earlier ones."""

    # "queued", "resolving", "downloading", "unpacking", "running", "verifying",
    # "importing", "connecting", "waiting" (for the next try).
    phase: str
    subject: str
    done_bytes: int
    # 0 where the origin does not say.
    total_bytes: int
    # Of a download: requests under way, and those that have failed so far.
    connections: int = 0
    failures: int = 0
    # Why the last of them failed, a sentence; empty where none did.
    last_error: str = ""
    # When a wait ends, seconds since 1970 UTC; 0 where it does not wait.
    resume_at: int = 0


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Tree:
    """The files of one commit.

    A tree that `load` returns is not evicted while this object lives.
    """

    repo: str
    ref: str
    commit: str
    route: str
    path: str
    stale_for_seconds: int
    cached: bool
    size_bytes: int
    created_at: int
    warnings: Tuple[str, ...]
    # SHA-256 over its sorted entries; empty where hubd does not know it.
    digest: str = ""
    # The ref is both a branch and a tag: it is the branch's tree, and the first
    # warning says so.
    ambiguous_ref: bool = False
    lease: Optional[Lease] = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Checkpoint:
    """One URL and the bytes it gave.

    One that `fetch_state_dict` returns is not evicted while this object lives.
    """

    url: str
    sha256: str
    size_bytes: int
    path: str
    # Empty unless `unpack` was asked for and the bytes are a zip archive.
    unpacked_path: str
    members: Tuple[str, ...]
    etag: str
    last_modified: str
    cached: bool
    created_at: int
    warnings: Tuple[str, ...]
    leases: Tuple[Lease, ...] = field(default=(), repr=False, compare=False)
