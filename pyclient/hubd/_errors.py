"""What can go wrong, as exceptions.

    HubdError                  .code .reason .message .metadata .worker_exit
    ├── InvalidArgument        a malformed repo, URL or request (a ValueError)
    ├── NotFound               no such repo, ref, entrypoint or checkpoint
    ├── NotTrusted             the repo's code may not run outside a sandbox
    ├── Refused                policy, a lock or another's property forbids it
    ├── OfflineMiss            not in the cache, and the network is off
    ├── UpstreamError          the origin did not answer, or said no
    │   ├── UpstreamForbidden  it wants (other) credentials
    │   └── RateLimited        it wants us to wait
    ├── IntegrityError         the bytes are not the expected ones, or damaged
    ├── HubconfError           hubconf.py is missing, needs packages, or raised
    ├── SandboxError           no sandbox, a forbidden call, or a limit reached
    ├── ResourceExhausted      disk or quota is full
    ├── DeadlineExceeded       the call's time is up (a TimeoutError)
    └── DaemonUnreachable      no daemon answers, and none could be started

`code` is the name of the gRPC status ("NOT_FOUND"), `reason` the daemon's word
for it ("REF_NOT_FOUND"; empty where the error arose in the client).
"""

from __future__ import annotations

from typing import Any, Dict, Mapping, NamedTuple, Optional, Tuple, Type


class WorkerExit(NamedTuple):
    """How the sandboxed process of a list or help ended without a result."""

    kind: str
    limit: str = ""
    signal: int = 0
    exit_status: int = 0
    exception: str = ""
    traceback: str = ""


class HubdError(Exception):
    """Base of everything that hubd raises."""

    # Class-level, so that a child which is also an urllib error keeps these.
    code: str = "UNKNOWN"
    reason: str = ""

    def __init__(
        self,
        message: str,
        *,
        code: Optional[str] = None,
        reason: str = "",
        metadata: Optional[Mapping[str, str]] = None,
        worker_exit: Optional[WorkerExit] = None,
    ) -> None:
        super().__init__(message)
        self._fill(message, code, reason, metadata, worker_exit)

    def _fill(
        self,
        message: str,
        code: Optional[str],
        reason: str,
        metadata: Optional[Mapping[str, str]],
        worker_exit: Optional[WorkerExit],
    ) -> None:
        self.message = message
        if code is not None:
            self.code = code
        self.reason = reason
        self.metadata: Dict[str, str] = dict(metadata or {})
        self.worker_exit = worker_exit

    def __str__(self) -> str:
        return self.message

    def __reduce__(self) -> Tuple[Any, ...]:
        """Errors travel between processes: pools of workers pickle them."""
        parts = (self.message, self.code, self.reason, self.metadata, self.worker_exit)
        return _rebuilt, (type(self), *parts)


def _rebuilt(
    kind: Type[HubdError],
    message: str,
    code: str,
    reason: str,
    metadata: Mapping[str, str],
    worker_exit: Optional[WorkerExit],
) -> HubdError:
    return kind(
        message, code=code, reason=reason, metadata=metadata, worker_exit=worker_exit
    )


class InvalidArgument(HubdError, ValueError):
    """The repo, URL or request is malformed."""

    code = "INVALID_ARGUMENT"


class NotFound(HubdError):
    """There is no such repo, ref, entrypoint or checkpoint."""

    code = "NOT_FOUND"


class NotTrusted(HubdError):
    """The repo's code may not run outside a sandbox."""

    code = "FAILED_PRECONDITION"


class Refused(HubdError):
    """Policy or a lock forbids it, or it is not the caller's."""

    code = "PERMISSION_DENIED"


class OfflineMiss(HubdError):
    """Not in the cache, and the network may not be used."""

    code = "FAILED_PRECONDITION"


class UpstreamError(HubdError):
    """The origin did not answer, or said no."""

    code = "UNAVAILABLE"


class UpstreamForbidden(UpstreamError):
    """The origin wants credentials, or other ones."""

    code = "PERMISSION_DENIED"


class RateLimited(UpstreamError):
    """The origin wants us to wait."""


class IntegrityError(HubdError):
    """The bytes are not the expected ones, or are damaged."""

    code = "DATA_LOSS"


class HubconfError(HubdError):
    """hubconf.py is missing, lacks packages, or raised."""

    code = "FAILED_PRECONDITION"


class SandboxError(HubdError):
    """There is no sandbox, or code in it broke a rule or a limit."""

    code = "FAILED_PRECONDITION"


class ResourceExhausted(HubdError):
    """The disk or a quota is full."""

    code = "RESOURCE_EXHAUSTED"


class DeadlineExceeded(HubdError, TimeoutError):
    """The call's time is up."""

    code = "DEADLINE_EXCEEDED"


class DaemonUnreachable(HubdError):
    """No daemon answers, and none could be started."""

    code = "UNAVAILABLE"


_BY_REASON: Dict[str, Type[HubdError]] = {
    "INVALID_REPO": InvalidArgument,
    "INVALID_URL": InvalidArgument,
    "BAD_ENTRYPOINT_ARGS": InvalidArgument,
    "INVALID_LOCK": InvalidArgument,
    "REPO_NOT_FOUND": NotFound,
    "REF_NOT_FOUND": NotFound,
    "ENTRYPOINT_NOT_FOUND": NotFound,
    "CHECKPOINT_NOT_FOUND": NotFound,
    "REPO_NOT_TRUSTED": NotTrusted,
    "HUBCONF_MISSING": HubconfError,
    "MISSING_DEPENDENCY": HubconfError,
    "ENTRYPOINT_FAILED": HubconfError,
    "OFFLINE_MISS": OfflineMiss,
    "SANDBOX_VIOLATION": SandboxError,
    "SANDBOX_UNAVAILABLE": SandboxError,
    "TOO_MANY_WORKERS": SandboxError,
    "WORKER_MEMORY": SandboxError,
    "WORKER_TIME": SandboxError,
    "UPSTREAM_FORBIDDEN": UpstreamForbidden,
    "UPSTREAM_UNAVAILABLE": UpstreamError,
    "RATE_LIMITED": RateLimited,
    "URL_NOT_ALLOWED": Refused,
    "NOT_YOURS": Refused,
    "NOT_LOCKED": Refused,
    "DISK_FULL": ResourceExhausted,
    "QUOTA_EXCEEDED": ResourceExhausted,
    "DIGEST_MISMATCH": IntegrityError,
    "BAD_ARCHIVE": IntegrityError,
}

_BY_CODE: Dict[str, Type[HubdError]] = {
    "INVALID_ARGUMENT": InvalidArgument,
    "NOT_FOUND": NotFound,
    "PERMISSION_DENIED": Refused,
    "RESOURCE_EXHAUSTED": ResourceExhausted,
    "DATA_LOSS": IntegrityError,
    "DEADLINE_EXCEEDED": DeadlineExceeded,
    "UNAVAILABLE": DaemonUnreachable,
}


def from_status(
    code: str,
    message: str,
    *,
    reason: str = "",
    metadata: Optional[Mapping[str, str]] = None,
    worker_exit: Optional[WorkerExit] = None,
) -> HubdError:
    """Makes the exception that stands for a failed call."""
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code) or HubdError
    return kind(
        message,
        code=code,
        reason=reason,
        metadata=metadata,
        worker_exit=worker_exit,
    )
