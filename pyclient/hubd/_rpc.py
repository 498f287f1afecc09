"""Sends requests to the daemon: channels, deadlines, re-issue, errors.

Every request can be sent again without harm, so a call whose connection breaks,
or whose daemon is about to end (DRAINING), finds or starts a daemon again and
repeats the request, within the caller's deadline.
"""

from __future__ import annotations

import os

# gRPC reads it when it is first imported; without it a forked child hangs.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")
# Likewise: it tells stderr about every daemon that ends.
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
# A child starts gRPC's threads anew, and where it closes all descriptors before it
# becomes another program (preexec_fn, user, all of subprocess before Python 3.10),
# grpcio's epoll aborts it since 1.82, one child of seven; its poll does not.
_POLL_STRATEGY = "GRPC_POLL_STRATEGY"
_strategy_is_ours = _POLL_STRATEGY not in os.environ
if _strategy_is_ours:
    os.environ[_POLL_STRATEGY] = "poll"
import grpc

if _strategy_is_ours:
    # Not for the programs that this process starts.
    os.environ.pop(_POLL_STRATEGY, None)

import threading
import time
from typing import (
    Any,
    Callable,
    Dict,
    Generator,
    Iterable,
    List,
    Optional,
    Tuple,
    TypeVar,
)

from hubd import _convert, _daemon
from hubd._errors import (
    DaemonUnreachable,
    DeadlineExceeded,
    HubdError,
    WorkerExit,
    from_status,
)
from hubd._types import ProgressCallback
from hubd.v1 import error_pb2, hub_pb2

_REISSUES = 5
# About 40 s; a drain takes up to 30 s.
_DRAIN_REISSUES = 42
_FIRST_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 1.0
_ENDED_IN_THE_MIDDLE = (
    "hubd ended in the middle of it: run it again; what it had removed by then is "
    "in its log only (event=damaged)"
)
_DETAILS_KEY = "grpc-status-details-bin"
_CHANNEL_OPTIONS = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.enable_retries", 0),
    # Without it a new channel would inherit the back-off of a broken one.
    ("grpc.use_local_subchannel_pool", 1),
    # The names in a checkpoint that is an archive come in one answer.
    ("grpc.max_receive_message_length", 64 << 20),
)
T = TypeVar("T")


class Stubs:
    """The three services on one channel, each made when it is first asked for."""

    # Without functools.cached_property, whose lock a forked child may find held.

    def __init__(self, channel: grpc.Channel) -> None:
        self._channel = channel
        self._hub: Any = None
        self._cache: Any = None
        self._trust: Any = None

    @property
    def hub(self) -> Any:
        if self._hub is None:
            from hubd.v1 import hub_pb2_grpc

            self._hub = hub_pb2_grpc.HubStub(self._channel)
        return self._hub

    @property
    def cache(self) -> Any:
        if self._cache is None:
            from hubd.v1 import cache_pb2_grpc

            self._cache = cache_pb2_grpc.CacheStub(self._channel)
        return self._cache

    @property
    def trust(self) -> Any:
        if self._trust is None:
            from hubd.v1 import trust_pb2_grpc

            self._trust = trust_pb2_grpc.TrustStub(self._channel)
        return self._trust


class Deadline:
    """When a call must be over."""

    def __init__(self, seconds: Optional[float]) -> None:
        self._seconds = seconds
        self._end = None if seconds is None else time.monotonic() + seconds

    def remaining(self) -> Optional[float]:
        """Seconds left; None: no limit. Raises DeadlineExceeded."""
        if self._end is None:
            return None
        left = self._end - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded(f"not done within {self._seconds:g} seconds")
        return left


class Connection:
    """Calls to the daemon of one root. Thread-safe."""

    def __init__(self, root: str, socket: Optional[str]) -> None:
        self._root = root
        self._socket = socket

    def unary(
        self,
        call: Callable[[Stubs, Optional[float]], T],
        deadline: Deadline,
    ) -> T:
        """Makes a call with one answer; `call` gets the time left."""
        return self._issue(lambda stubs: call(stubs, deadline.remaining()), deadline)

    def stream(
        self,
        call: Callable[[Stubs, Optional[float]], Any],
        deadline: Deadline,
        progress: Optional[ProgressCallback],
        *,
        once: bool = False,
    ) -> Any:
        """Makes a call that reports progress, then gives one result.

        once: it is not sent again where it has begun, since it would not tell what
        it has done.
        """
        return self._issue(
            lambda stubs: _result(call(stubs, deadline.remaining()), progress, once),
            deadline,
        )

    def watch(
        self,
        call: Callable[[Stubs, Optional[float]], Any],
        deadline: Deadline,
    ) -> Generator[Any, None, None]:
        """Makes a call that tells again and again until the generator is closed."""
        while True:
            first, more = self._issue(
                lambda stubs: _begun(call(stubs, deadline.remaining())), deadline
            )
            try:
                yield first
                yield from more
            except grpc.RpcError as error:
                found = decode(error)
                if not _can_repeat(found):
                    raise found from None
            finally:
                more.cancel()

    def _issue(self, attempt: Callable[[Stubs], T], deadline: Deadline) -> T:
        pause = _FIRST_PAUSE_SECONDS
        left = {"": _REISSUES, "DRAINING": _DRAIN_REISSUES}
        while True:
            path = self._find(deadline)
            stubs = _stubs(path)
            try:
                return attempt(stubs)
            except grpc.RpcError as error:
                found = decode(error)
                _forget(path, stubs, found)
                if not _can_repeat(found) or not left[found.reason]:
                    raise found from None
                left[found.reason] -= 1
            time.sleep(min(pause, deadline.remaining() or pause))
            pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)

    def _find(self, deadline: Deadline) -> str:
        try:
            return _daemon.find_or_start(self._root, self._socket, deadline.remaining())
        except DaemonUnreachable:
            # If time is up, that is the reason.
            deadline.remaining()
            raise


def _result(
    events: Iterable[Any], progress: Optional[ProgressCallback], once: bool
) -> Any:
    """Drains a stream. A callback that raises ends the call."""
    call: Any = events
    result = None
    begun = False
    try:
        for event in events:
            begun = begun or event.progress.phase != hub_pb2.Progress.QUEUED
            if event.WhichOneof("event") == "result":
                result = event.result
            elif progress is not None:
                progress(_convert.progress(event.progress))
    except grpc.RpcError as error:
        if not (once and begun and _can_repeat(decode(error))):
            raise
        # With a result, what was lost is no more than the end of it.
        if result is None:
            raise HubdError(_ENDED_IN_THE_MIDDLE, code="ABORTED") from None
    finally:
        call.cancel()
    if result is None:
        raise HubdError("hubd ended the call without a result", code="INTERNAL")
    return result


def _begun(events: Any) -> Tuple[Any, Any]:
    """The first event, which shows that there is a daemon, and the rest."""
    first = next(events, None)
    if first is None:
        raise HubdError("hubd ended the call without a result", code="INTERNAL")
    return first, events


def _can_repeat(error: HubdError) -> bool:
    """Lost connections carry no reason; a full answer does."""
    return error.code == "UNAVAILABLE" and error.reason in ("", "DRAINING")


def decode(error: grpc.RpcError) -> HubdError:
    """Turns gRPC's error into ours, with what the daemon said about it."""
    code = error.code().name
    message = error.details() or f"hubd answered {code}"
    info = error_pb2.ErrorInfo()
    worker: Optional[WorkerExit] = None
    for key, value in error.trailing_metadata() or ():
        if key != _DETAILS_KEY:
            continue
        for detail in error_pb2.StatusDetails.FromString(value).details:
            kind = detail.type_url.rpartition("/")[2]
            if kind == "google.rpc.ErrorInfo":
                info = error_pb2.ErrorInfo.FromString(detail.value)
            elif kind == "hubd.v1.WorkerExit":
                worker = _worker_exit(error_pb2.WorkerExit.FromString(detail.value))
    if code == "RESOURCE_EXHAUSTED" and "larger than max" in message:
        message = (
            f"the request or its answer is too large for hubd: shorten the names "
            f"and paths in it ({message})"
        )
    return from_status(
        code,
        message,
        reason=info.reason,
        metadata=dict(info.metadata),
        worker_exit=worker,
    )


def _worker_exit(message: error_pb2.WorkerExit) -> WorkerExit:
    return WorkerExit(
        kind=error_pb2.WorkerExit.Kind.Name(message.kind),
        limit=message.limit,
        signal=message.signal,
        exit_status=message.exit_status,
        exception=message.exception,
        traceback=message.traceback,
    )


# One channel per socket and process.
_lock = threading.Lock()
_open: Dict[str, Stubs] = {}
# A parent's channels, which a child can neither use nor close.
_abandoned: List[Dict[str, Stubs]] = []


def _stubs(path: str) -> Stubs:
    with _lock:
        stubs = _open.get(path)
        if stubs is None:
            channel = grpc.insecure_channel("unix:" + path, options=_CHANNEL_OPTIONS)
            stubs = Stubs(channel)
            _open[path] = stubs
        return stubs


def _forget(path: str, stubs: Stubs, error: HubdError) -> None:
    """Lets the next call connect anew; calls still on the channel go on."""
    if error.code == "UNAVAILABLE":
        with _lock:
            if _open.get(path) is stubs:
                del _open[path]


def _after_fork() -> None:
    global _lock, _open
    _abandoned.append(_open)
    _lock = threading.Lock()
    _open = {}


os.register_at_fork(after_in_child=_after_fork)
