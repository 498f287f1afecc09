"""What a call uses unless it is told otherwise: `options` and the environment.

Everything is read when a call is made, so that a change of the environment or
an enclosing `with hubd.options(...)` counts at once.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
from typing import Dict, Iterator, Mapping, NamedTuple, Optional, Tuple, Union

from hubd._errors import InvalidArgument

Timeout = Union[float, str]
Commit = Union[str, Mapping[str, str]]
Locked = Union[bool, str, "os.PathLike[str]"]

# What locked=True means.
LOCK_FILE = "hubd.lock"

# How a caller reaches repositories that are not public.
_ACCESS = (
    "DBUS_SESSION_BUS_ADDRESS",
    "GH_TOKEN",
    "GITHUB_TOKEN",
    "GIT_CONFIG_GLOBAL",
    "HOME",
    "NETRC",
    "PATH",
    "SSH_AUTH_SOCK",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_RUNTIME_DIR",
)
# How it reaches the network.
_NETWORK = (
    "https_proxy",
    "HTTPS_PROXY",
    "http_proxy",
    "all_proxy",
    "ALL_PROXY",
    "no_proxy",
    "NO_PROXY",
    "CURL_CA_BUNDLE",
    "SSL_CERT_FILE",
)
_MAX_LENT_BYTES = 16 << 10

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Options(NamedTuple):
    """Choices that hold inside a `with hubd.options(...)`; None: not chosen."""

    offline: Optional[bool] = None
    timeout: Optional[float] = None
    refresh: Optional[bool] = None
    commit: Optional[Commit] = None
    # The lock file's text; None: no lock.
    lock: Optional[str] = None


_current: contextvars.ContextVar[Options] = contextvars.ContextVar(
    "hubd_options", default=Options()
)


@contextlib.contextmanager
def options(
    *,
    offline: Optional[bool] = None,
    timeout: Optional[Timeout] = None,
    refresh: Optional[bool] = None,
    commit: Optional[Commit] = None,
    locked: Optional[Locked] = None,
) -> Iterator[None]:
    """Changes what the calls inside the block do.

    offline: True answers from the cache only; False heeds no HUBD_OFFLINE.
    timeout: for each call as a whole, in seconds, or "500ms", "30s", "5m".
    refresh: ask the origin whether what is cached is still what it has.
    commit: the commit (40 hex digits) that calls take whatever ref they name.
        A string holds for the calls of the block itself, not for those that hub
        code makes in turn; {"owner/name": commit, ...} holds for these too, and
        leaves other repos alone.
    locked: take only what a lock file has, which `hubctl lock` writes: True means
        ./hubd.lock, a string or path another file, False ends it. The file is
        read when the block begins; it holds for what hub code asks for, too.

    Raises InvalidArgument for a malformed timeout and a lock file that cannot be
    read. Inside, what a lock does not have raises Refused (reason NOT_LOCKED), other
    bytes than the locked ones IntegrityError, a malformed lock InvalidArgument
    (INVALID_LOCK).

    What is left out stays as the enclosing block, or the environment, has it.
    A thread that is started inside begins without these options.
    """
    chosen = _current.get()
    if offline is not None:
        chosen = chosen._replace(offline=offline)
    if timeout is not None:
        chosen = chosen._replace(timeout=seconds(timeout))
    if refresh is not None:
        chosen = chosen._replace(refresh=refresh)
    if commit is not None:
        chosen = chosen._replace(commit=commit)
    if locked is not None:
        chosen = chosen._replace(lock=_read_lock(locked))
    token = _current.set(chosen)
    try:
        yield
    finally:
        _current.reset(token)


@contextlib.contextmanager
def of_hub_code() -> Iterator[None]:
    """Inside, hub code makes calls: a commit given as a string is not theirs."""
    chosen = _current.get()
    if isinstance(chosen.commit, str):
        chosen = chosen._replace(commit=None)
    token = _current.set(chosen)
    try:
        yield
    finally:
        _current.reset(token)


def _read_lock(locked: Locked) -> Optional[str]:
    if locked is False:
        return None
    path = LOCK_FILE if locked is True else os.fspath(locked)
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgument(
            f"cannot read the lock file {path}: {error}; hubctl lock writes one",
            reason="INVALID_LOCK",
            metadata={"path": path},
        ) from error


def seconds(value: Timeout) -> float:
    """Turns 30, "30", "30s", "5m", "1h" or "500ms" into seconds."""
    if not isinstance(value, str):
        return float(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", value.strip())
    if match is None:
        raise InvalidArgument(
            f'invalid timeout "{value}": write 30, 30s, 5m, 1h or 500ms'
        )
    return float(match.group(1)) * _UNITS[match.group(2)]


def is_on(variable: str) -> bool:
    """Whether an environment variable says 1, true, yes or on."""
    return os.environ.get(variable, "").lower() in ("1", "true", "yes", "on")


def is_off(variable: str) -> bool:
    """Whether an environment variable says 0, false, no or off."""
    return os.environ.get(variable, "").lower() in ("0", "false", "no", "off")


def offline() -> bool:
    """Whether the network may not be used."""
    chosen = _current.get().offline
    if chosen is not None:
        return chosen
    return is_on("HUBD_OFFLINE") or is_on("HF_HUB_OFFLINE")


def refresh() -> bool:
    """Whether the origin shall be asked even on a hit."""
    return bool(_current.get().refresh)


def lent_variables() -> Dict[str, bytes]:
    """What a caller lends of its environment: the variables that TreeSelector in
    hub.proto names, as far as they are set and not over-long."""
    return _lent(_ACCESS + _NETWORK)


def lent_network() -> Dict[str, bytes]:
    """Of these, the ones that say how the caller reaches the network."""
    return _lent(_NETWORK)


def _lent(names: Tuple[str, ...]) -> Dict[str, bytes]:
    values = {name: os.environb.get(os.fsencode(name)) for name in names}
    return {
        name: value
        for name, value in values.items()
        if value is not None and len(value) <= _MAX_LENT_BYTES
    }


def lock() -> Optional[str]:
    """The text of the lock file that calls are under."""
    return _current.get().lock


def commit(repo: str) -> str:
    """The commit that was chosen for "[host/]owner/name[:ref]"; empty: none."""
    chosen = _current.get().commit
    if chosen is None or isinstance(chosen, str):
        return chosen or ""
    parts = _repo_parts(repo)
    for name, value in chosen.items():
        if _repo_parts(name) == parts:
            return value
    return ""


def decided(repo: str) -> bool:
    """Whether a lock or a chosen commit says what a repo must be."""
    return lock() is not None or bool(commit(repo))


def _repo_parts(repo: str) -> Tuple[str, ...]:
    """Host, owner and name as the daemon tells repos apart (ParseRepoSpec): the host
    is github.com where none is named, and there letter case is nothing."""
    path = re.sub(r"^https://", "", repo)
    # A ref follows the colon behind the name; a host's port comes before it.
    start = path.find("/") + 1
    end = path.find(":", start)
    parts = (path if end < 0 else path[:end]).split("/")
    if len(parts) == 2:
        parts.insert(0, "github.com")
    parts[0] = parts[0].lower()
    parts[-1] = re.sub(r"\.git$", "", parts[-1])
    return tuple(map(str.lower, parts) if parts[0] == "github.com" else parts)


def timeout(default: Optional[float]) -> Optional[float]:
    """How long a call may take, in seconds; None: as long as it takes."""
    chosen = _current.get().timeout
    if chosen is not None:
        return chosen
    if default is not None:
        return default
    value = os.environ.get("HUBD_TIMEOUT", "")
    return seconds(value) if value else None
