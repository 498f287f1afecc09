"""Makes of the daemon's messages what most of the client's calls return."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from hubd import _lease
from hubd._types import Checkpoint, Progress, Tree

# By the numbers of hub.proto.
_PHASES = (
    "",
    "queued",
    "resolving",
    "downloading",
    "unpacking",
    "running",
    "verifying",
    "importing",
    "waiting",
    "connecting",
)


def progress(message: Any) -> Progress:
    known = message.phase < len(_PHASES)
    return Progress(
        phase=_PHASES[message.phase] if known else "",
        subject=message.subject,
        done_bytes=message.done_bytes,
        total_bytes=message.total_bytes,
        connections=message.connections,
        failures=message.failures,
        last_error=message.last_error,
        resume_at=message.resume_at,
    )


def tree(message: Any, lease: Optional[_lease.Lease] = None) -> Tree:
    return Tree(
        repo=message.repo,
        ref=message.ref,
        commit=message.commit,
        route=message.route,
        path=message.path,
        stale_for_seconds=message.stale_for_seconds,
        cached=message.cached,
        size_bytes=message.size_bytes,
        created_at=message.created_at,
        warnings=tuple(message.warnings),
        digest=message.digest,
        ambiguous_ref=message.ambiguous_ref,
        lease=lease,
    )


def checkpoint(message: Any, leases: Tuple[_lease.Lease, ...] = ()) -> Checkpoint:
    return Checkpoint(
        url=message.url,
        sha256=message.sha256,
        size_bytes=message.size_bytes,
        path=message.path,
        unpacked_path=message.unpacked_path,
        members=tuple(message.members),
        etag=message.etag,
        last_modified=message.last_modified,
        cached=message.cached,
        created_at=message.created_at,
        warnings=tuple(message.warnings),
        leases=leases,
    )
