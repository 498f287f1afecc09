"""Makes of the daemon's messages what hubd's calls return."""

from __future__ import annotations

from typing import Any, Optional, Tuple

from hubd import _lease
from hubd._types import (
    Checkpoint,
    Damage,
    Import,
    ImportEntry,
    Job,
    JobList,
    Progress,
    Tree,
    Verification,
)

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


def job(message: Any) -> Job:
    return Job(
        id=message.id,
        kind=message.kind,
        subject=message.subject,
        host=message.host,
        callers=message.callers,
        uids=tuple(message.uids),
        progress=progress(message.progress),
        bytes_per_second=message.bytes_per_second,
        seconds_left=message.seconds_left,
        started_at=message.started_at,
        limit=message.limit,
    )


def job_list(message: Any) -> JobList:
    return JobList(
        jobs=tuple(map(job, message.jobs)),
        complete=message.complete,
        limit=message.limit,
        host_limits=dict(message.host_limits),
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


def verification(result: Any) -> Verification:
    return Verification(
        trees=result.trees,
        blobs=result.blobs,
        bytes=result.bytes,
        damages=tuple(
            Damage(
                kind=one.kind,
                name=one.name,
                path=one.path,
                expected=one.expected,
                actual=one.actual,
                problem=one.problem,
                removed=one.removed,
                repaired=one.repaired,
                unrepaired=one.unrepaired,
            )
            for one in result.damages
        ),
        complete=result.complete,
        unchanged=result.unchanged,
    )


def imported(result: Any) -> Import:
    return Import(
        trees=result.trees,
        checkpoints=result.checkpoints,
        trusted=result.trusted,
        skipped=result.skipped,
        size_bytes=result.size_bytes,
        entries=tuple(
            ImportEntry(
                path=one.path,
                kind=one.kind,
                name=one.name,
                size_bytes=one.size_bytes,
                how=one.how,
                problem=one.problem,
            )
            for one in result.entries
        ),
        complete=result.complete,
    )
