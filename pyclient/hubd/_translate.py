"""Gives hubd's errors the types and texts of the hubs that are replaced.

What is raised is both: `except urllib.error.HTTPError` and `except HubdError`
catch it. Errors that the originals cannot have stay as they are.
"""

from __future__ import annotations

import errno
import io
import os
from typing import Any, Optional, Tuple, Type
from urllib.error import HTTPError, URLError

from hubd import _errors
from hubd._errors import HubdError

_UPSTREAM_DOWN = ("OFFLINE_MISS", "UPSTREAM_UNAVAILABLE")
_HTTP_STATUS = {
    "REPO_NOT_FOUND": (404, "Not Found"),
    "CHECKPOINT_NOT_FOUND": (404, "Not Found"),
    "UPSTREAM_FORBIDDEN": (403, "Forbidden"),
    "RATE_LIMITED": (429, "Too Many Requests"),
}


class _Translated(HubdError):
    """Takes over everything but the text from the error it stands for.

    Made by _made() only.
    """

    parts: Tuple[Any, ...]

    def _adopt(self, error: HubdError, message: str) -> None:
        self._fill(message, error.code, error.reason, error.metadata, error.worker_exit)

    def __reduce__(self) -> Tuple[Any, ...]:
        return _made, (type(self), *self.parts)


def _answered(error: HubdError) -> bool:
    """Whether the origin answered, with a status that urllib takes for an error."""
    return "http_status" in error.metadata or error.reason in _HTTP_STATUS


def _status(error: HubdError) -> Tuple[int, str]:
    """What the origin answered, as the originals would see it."""
    # Over git a host answers 401 to what is not there for nobody; to the requests of
    # the originals, 404.
    if "http_status" not in error.metadata or error.reason == "REPO_NOT_FOUND":
        return _HTTP_STATUS[error.reason]
    from http.client import responses

    status = int(error.metadata["http_status"])
    return status, responses.get(status, "Unknown")


def _made(kind: Type[_Translated], *parts: Any) -> HubdError:
    """An error that remembers what it was made of, so that it can be pickled."""
    error = kind(*parts)
    error.parts = parts
    return error


class RefNotFound(_Translated, _errors.NotFound, ValueError):
    """The origin has no such ref."""

    def __init__(self, error: HubdError, message: str) -> None:
        Exception.__init__(self, message)
        self._adopt(error, message)


class NoConnection(_Translated, _errors.UpstreamError, RuntimeError):
    """A repo is neither in the cache nor to be had."""

    def __init__(self, error: HubdError, message: str) -> None:
        Exception.__init__(self, message)
        self._adopt(error, message)


class NoConnectionOffline(NoConnection, _errors.OfflineMiss):
    """The same, because the network may not be used."""


class BadHash(_Translated, _errors.IntegrityError, RuntimeError):
    """A checkpoint's digest is another than expected."""

    def __init__(self, error: HubdError, message: str) -> None:
        Exception.__init__(self, message)
        self._adopt(error, message)


class HubconfFailed(_Translated, _errors.HubconfError, RuntimeError):
    """A hubconf.py lacks packages or the entrypoint."""

    def __init__(self, error: HubdError, message: str) -> None:
        Exception.__init__(self, message)
        self._adopt(error, message)


class HubconfMissing(_Translated, _errors.HubconfError, FileNotFoundError):
    """A tree has no hubconf.py."""

    def __init__(self, error: HubdError, path: str) -> None:
        FileNotFoundError.__init__(self, errno.ENOENT, os.strerror(errno.ENOENT), path)
        self._adopt(error, FileNotFoundError.__str__(self))


class UpstreamHTTPError(  # type: ignore[misc]
    _Translated, _errors.UpstreamError, HTTPError
):
    """The origin's answer; `code` is the HTTP status, as in urllib."""

    def __init__(self, error: HubdError, url: str) -> None:
        # It takes as long to import as all the rest.
        from email.message import Message

        status, text = _status(error)
        HTTPError.__init__(self, url, status, text, Message(), io.BytesIO())
        self._adopt(error, f"HTTP Error {status}: {text} ({error.message})")
        self.code = status  # type: ignore[assignment]


class UpstreamNotFound(UpstreamHTTPError, _errors.NotFound):  # type: ignore[misc]
    """The origin has no such repo or file."""


class UpstreamURLError(  # type: ignore[misc]
    _Translated, _errors.UpstreamError, URLError
):
    """The origin did not answer."""

    def __init__(self, error: HubdError) -> None:
        URLError.__init__(self, error.message)
        self._adopt(error, f"<urlopen error {error.message}>")


class UpstreamURLErrorOffline(  # type: ignore[misc]
    UpstreamURLError, _errors.OfflineMiss
):
    """Neither in the cache, nor may the network be used."""


def of_repo(
    error: HubdError, *, owner: str, name: str, ref: str, hub_dir: str, explain: bool
) -> HubdError:
    """What the originals raise where a repo cannot be had.

    explain: say in their words that there is no network; else as urllib does.
    """
    if error.reason == "REF_NOT_FOUND":
        return _made(
            RefNotFound,
            error,
            f"Cannot find {ref} in https://github.com/{owner}/{name}. If it's a "
            f"commit from a forked repo, please call hub.load() with forked repo "
            f"directly.",
        )
    if error.reason in _UPSTREAM_DOWN and explain and not _answered(error):
        offline = error.reason == "OFFLINE_MISS"
        return _made(
            NoConnectionOffline if offline else NoConnection,
            error,
            f"It looks like there is no internet connection and the repo could not "
            f"be found in the cache ({hub_dir})",
        )
    return _of_origin(error, f"https://github.com/{owner}/{name}/zipball/{ref}")


def of_hubconf(
    error: HubdError, *, model: str, directory: str, hubconf: str
) -> HubdError:
    """What the originals raise where an entrypoint cannot be had.

    hubconf: what they call the file.
    """
    if error.reason == "MISSING_DEPENDENCY":
        missing = [
            name.strip() for name in error.metadata.get("missing", "").split(",")
        ]
        return _made(
            HubconfFailed, error, f"Missing dependencies: {', '.join(missing)}"
        )
    if error.reason == "ENTRYPOINT_NOT_FOUND":
        text = f"Cannot find callable {model} in {hubconf}"
        return _made(HubconfFailed, error, text)
    if error.reason == "HUBCONF_MISSING":
        return _made(HubconfMissing, error, os.path.join(directory, "hubconf.py"))
    return error


def of_checkpoint(
    error: HubdError, *, url: str, hash_prefix: Optional[str]
) -> HubdError:
    """What the originals raise where a checkpoint cannot be had."""
    if error.reason == "DIGEST_MISMATCH":
        actual = error.metadata.get("actual", "")
        # Where it is not the prefix, a lock or the server itself expects another one.
        expected = hash_prefix or ""
        if actual.startswith(expected):
            expected = error.metadata.get("expected", "")
        return _made(
            BadHash,
            error,
            f'invalid hash value (expected "{expected}", got "{actual}")',
        )
    return _of_origin(error, url)


def _of_origin(error: HubdError, url: str) -> HubdError:
    """What urllib raises for a URL that cannot be had."""
    if error.reason in _UPSTREAM_DOWN and not _answered(error):
        offline = error.reason == "OFFLINE_MISS"
        return _made(UpstreamURLErrorOffline if offline else UpstreamURLError, error)
    if _answered(error):
        missing = isinstance(error, _errors.NotFound)
        return _made(UpstreamNotFound if missing else UpstreamHTTPError, error, url)
    return error
