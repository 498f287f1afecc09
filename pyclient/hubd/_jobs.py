"""What the daemon does for its callers: a part of the typed client."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Iterator, Optional

from hubd import _convert
from hubd._errors import InvalidArgument
from hubd._types import Job, JobList

if TYPE_CHECKING:
    from hubd._client import Client


class Jobs:
    """What the daemon does for its callers."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self) -> JobList:
        """What is being fetched, and how it goes; others' jobs as host and bytes."""
        from hubd.v1 import cache_pb2

        request = cache_pb2.ListJobsRequest()
        return _convert.job_list(
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
            yield from map(_convert.job_list, lists)

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
        return _convert.job(answer.job)

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
