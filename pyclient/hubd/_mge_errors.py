"""MegEngine's errors, as hubd raises them.

MegEngine raises types of its own, of requests and of megfile. hubd cannot import
these, but who names one in an `except` has imported it: an error is also of the
type of that name, where it is loaded.
"""

from __future__ import annotations

import functools
import sys
from typing import Any, Dict, Optional, Tuple, Type

from hubd import _errors
from hubd._errors import HubdError


class FetcherError(HubdError):
    """Base of what is raised about a repo, as in megengine.hub.exceptions."""


class InvalidRepo(FetcherError, _errors.InvalidArgument):
    """The repo is not "owner/name[:ref]"."""


class InvalidGitHost(FetcherError, _errors.InvalidArgument):
    """The host is malformed."""


class InvalidProtocol(FetcherError, _errors.InvalidArgument):
    """The protocol is neither HTTPS nor SSH."""


class GitPullError(FetcherError):
    """The repo cannot be had over SSH."""


class HTTPDownloadError(_errors.UpstreamError):
    """The origin does not give the repo."""


class RepoNotFound(HTTPDownloadError, _errors.NotFound):
    """The origin has no such repo or ref."""


class ConnectionFailed(_errors.UpstreamError, OSError):
    """The origin did not answer."""


class ConnectionFailedOffline(ConnectionFailed, _errors.OfflineMiss):
    """Neither in the cache, nor may the network be used."""


class FileMissing(_errors.NotFound, FileNotFoundError):
    """The origin has no such checkpoint."""


class FileForbidden(_errors.UpstreamForbidden, PermissionError):
    """The origin does not give the checkpoint."""


class FileUnavailable(_errors.UpstreamError):
    """The origin did not answer, or said that it cannot."""


class FileUnavailableOffline(FileUnavailable, _errors.OfflineMiss):
    """Neither in the cache, nor may the network be used."""


# Where the type that MegEngine raises lives.
_EXCEPTIONS = "megengine.hub.exceptions"
_ORIGINALS: Dict[Type[HubdError], Tuple[str, str]] = {
    InvalidRepo: (_EXCEPTIONS, "InvalidRepo"),
    InvalidGitHost: (_EXCEPTIONS, "InvalidGitHost"),
    InvalidProtocol: (_EXCEPTIONS, "InvalidProtocol"),
    GitPullError: (_EXCEPTIONS, "GitPullError"),
    HTTPDownloadError: ("megengine.utils.http_download", "HTTPDownloadError"),
    RepoNotFound: ("megengine.utils.http_download", "HTTPDownloadError"),
    ConnectionFailed: ("requests.exceptions", "ConnectionError"),
    ConnectionFailedOffline: ("requests.exceptions", "ConnectionError"),
    FileMissing: ("megfile.errors", "HttpFileNotFoundError"),
    FileForbidden: ("megfile.errors", "HttpPermissionError"),
    FileUnavailable: ("megfile.errors", "HttpException"),
    FileUnavailableOffline: ("megfile.errors", "HttpException"),
}

_NOT_SERVED = (
    "REPO_NOT_FOUND",
    "REF_NOT_FOUND",
    "UPSTREAM_FORBIDDEN",
    "RATE_LIMITED",
)
_DOWN = ("OFFLINE_MISS", "UPSTREAM_UNAVAILABLE")


def made(
    kind: Type[HubdError], message: str, cause: Optional[HubdError] = None
) -> HubdError:
    """An error of a kind, and of the original's type; `cause` lends its facts."""
    if cause is None:
        return _typed(kind)(message)
    return _typed(kind)(
        message,
        code=cause.code,
        reason=cause.reason,
        metadata=cause.metadata,
        worker_exit=cause.worker_exit,
    )


def of_repo(error: HubdError, *, repo_info: str, url: str) -> HubdError:
    """What MegEngine raises where a repo cannot be had."""
    if error.reason == "INVALID_REPO":
        return made(InvalidRepo, f"repo_info: '{repo_info}' is invalid.", error)
    if error.reason in _NOT_SERVED:
        missing = isinstance(error, _errors.NotFound)
        return made(
            RepoNotFound if missing else HTTPDownloadError,
            f"An error occured when downloading from {url} ({error.message})",
            error,
        )
    if error.reason in _DOWN:
        offline = error.reason == "OFFLINE_MISS"
        kind = ConnectionFailedOffline if offline else ConnectionFailed
        return made(kind, error.message, error)
    return error


def of_pull(error: HubdError, *, repo_info: str) -> HubdError:
    """What MegEngine raises where a repo cannot be cloned."""
    if error.reason in (*_NOT_SERVED, *_DOWN):
        text = f"Repo pull error, please check repo info.\n{error.message}"
        return made(GitPullError, text, error)
    return of_repo(error, repo_info=repo_info, url="")


def of_checkpoint(error: HubdError, *, url: str) -> HubdError:
    """What MegEngine raises where a checkpoint cannot be had."""
    if error.reason == "CHECKPOINT_NOT_FOUND":
        return made(FileMissing, f"No such file: {url!r} ({error.message})", error)
    if error.reason == "UPSTREAM_FORBIDDEN":
        text = f"Permission denied: {url!r} ({error.message})"
        return made(FileForbidden, text, error)
    if error.reason in (*_DOWN, "RATE_LIMITED"):
        offline = error.reason == "OFFLINE_MISS"
        kind = FileUnavailableOffline if offline else FileUnavailable
        return made(kind, error.message, error)
    return error


def _typed(kind: Type[HubdError]) -> Type[HubdError]:
    module, name = _ORIGINALS[kind]
    original = getattr(sys.modules.get(module), name, None)
    if original is None:
        return kind
    return _both(kind, original)  # type: ignore[arg-type]


@functools.lru_cache(maxsize=None)
def _both(kind: Type[HubdError], original: Type[BaseException]) -> Type[HubdError]:
    def reduced(self: HubdError) -> Tuple[Any, ...]:
        return _remade, (kind, *HubdError.__reduce__(self)[1][1:])

    return type(
        kind.__name__,
        (kind, original),
        {"__module__": kind.__module__, "__doc__": kind.__doc__, "__reduce__": reduced},
    )


def _remade(kind: Type[HubdError], message: str, *facts: Any) -> HubdError:
    code, reason, metadata, worker_exit = facts
    return _typed(kind)(
        message, code=code, reason=reason, metadata=metadata, worker_exit=worker_exit
    )
