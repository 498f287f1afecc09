"""What the daemon does for its callers: a part of the typed client."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterator, Mapping, Optional, Tuple

from hubd import _convert
from hubd._errors import InvalidArgument
from hubd._types import Progress

if TYPE_CHECKING:
    from hubd._client import Client


@dataclass(frozen=True)
class Job:
    """One thing that the daemon does once for all who wait for it.

    Of a job that only others wait for: id, host, the bytes of `progress`,
    bytes_per_second and seconds_left, and nothing else.
    """

    id: int
    # "refs" or "commit" (asking an origin what a ref means), "tree", "checkpoint",
    # "unpack", "verify" or "import".
    kind: str
    # A URL without its query, a repo, a repo at a commit, a SHA-256, a directory.
    subject: str
    # The host that is asked; empty where none is.
    host: str
    # How many callers wait for it, and as which users.
    callers: int
    uids: Tuple[int, ...]
    # How far it has come; without the subject.
    progress: Progress
    # Over the last seconds.
    bytes_per_second: int
    # 0 where it is not known.
    seconds_left: int
    # When it began, seconds since 1970 UTC.
    started_at: int
    # Its own limit, in bytes a second; 0 for none.
    limit: int


@dataclass(frozen=True)
class JobList:
    """What the daemon is doing, in the order in which it began."""

    jobs: Tuple[Job, ...]
    # False where there are too many to tell all.
    complete: bool
    # Limits of what is received, in bytes a second: of the daemon as a whole, 0 for
    # none, and by host.
    limit: int
    host_limits: Mapping[str, int]


class Jobs:
    """What the daemon does for its callers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> JobList:
        """What is being fetched, and how it goes; others' jobs as host and bytes."""
        from hubd.v1 import cache_pb2

        request = cache_pb2.ListJobsRequest()
        return _job_list(
            self._client._unary(
                lambda stubs, left: stubs.cache.ListJobs(request, timeout=left)
            )
        )

    def watch(self) -> Iterator[JobList]:
        """The same again and again: at once, when a job comes or goes, and at most
        once a second when one changes. Ends when the iterator is closed, or with
        DeadlineExceeded."""
        from hubd import _rpc
        from hubd.v1 import cache_pb2

        request = cache_pb2.WatchJobsRequest()
        lists = self._client._connection().watch(
            lambda stubs, left: stubs.cache.WatchJobs(request, timeout=left),
            self._client._deadline(_rpc),
        )
        with contextlib.closing(lists):
            yield from map(_job_list, lists)

    def cancel(self, id: int) -> Job:
        """Stops a job: all who wait for it get an error that says who did it.

        What has come of a checkpoint is kept, so that who asks again goes on from
        there. NotFound where it is over; Refused where other users wait for it.
        """
        from hubd.v1 import cache_pb2

        request = cache_pb2.CancelJobRequest(id=id)
        answer = self._client._unary(
            lambda stubs, left: stubs.cache.CancelJob(request, timeout=left)
        )
        return _job(answer.job)

    def limit(
        self,
        bytes_per_second: Optional[int],
        *,
        host: Optional[str] = None,
        job: Optional[int] = None,
    ) -> None:
        """Limits how fast the daemon receives, as a whole, from a host or for a job.

        None ends a limit. Refused unless the caller is the administrator, or alone
        in waiting for the job.
        """
        from hubd.v1 import cache_pb2

        if host is not None and job is not None:
            raise InvalidArgument("a limit is of a host or of a job, not of both")
        request = cache_pb2.SetLimitRequest(
            host=host, job=job, bytes_per_second=bytes_per_second or 0
        )
        self._client._unary(
            lambda stubs, left: stubs.cache.SetLimit(request, timeout=left)
        )


def _job(message: Any) -> Job:
    return _convert.copied(
        Job,
        message,
        uids=tuple(message.uids),
        progress=_convert.progress(message.progress),
    )


def _job_list(message: Any) -> JobList:
    return _convert.copied(
        JobList,
        message,
        jobs=tuple(map(_job, message.jobs)),
        host_limits=dict(message.host_limits),
    )
