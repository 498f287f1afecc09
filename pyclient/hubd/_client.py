"""The typed client: one method for each call of the daemon."""

from __future__ import annotations

import os
import typing
from typing import TYPE_CHECKING, Any, Callable, Iterator, Optional

from hubd import _convert, _daemon, _lease, _options
from hubd._errors import HubdError
from hubd._types import Checkpoint, ProgressCallback, Tree

if TYPE_CHECKING:
    from hubd import _rpc
    from hubd._cache import Cache
    from hubd._hubconf import Documentation, Listing
    from hubd._jobs import Jobs
    from hubd._status import Status
    from hubd._trusted import Trust

_LEASE_TRIES = 3

# What "no ref" means: the origin's HEAD, or the rules of the hubs.
DefaultRef = typing.Literal["head", "main-else-master", "master"]
_DEFAULT_REFS = {"head": 0, "main-else-master": 1, "master": 2}


class Client:
    """Talks to the daemon of one root. Thread-safe.

    dir: the root; default: $HUBD_HOME, else $XDG_CACHE_HOME/hubd, else
    ~/.cache/hubd. socket: the daemon that listens there, and no other. timeout:
    for each call as a whole, in seconds or as "30s". Where no daemon answers, one
    is started (not with `socket`).

    Every method raises HubdError's children only.
    """

    def __init__(
        self,
        dir: Optional[typing.Union[str, os.PathLike[str]]] = None,
        socket: Optional[str] = None,
        timeout: Optional[_options.Timeout] = None,
    ) -> None:
        self._dir = None if dir is None else os.fspath(dir)
        self._socket = socket
        self._timeout = None if timeout is None else _options.seconds(timeout)

    @property
    def cache(self) -> Cache:
        """What the daemon keeps."""
        from hubd._cache import Cache

        return Cache(self)

    @property
    def jobs(self) -> Jobs:
        """What the daemon does for its callers."""
        from hubd._jobs import Jobs

        return Jobs(self)

    @property
    def trust(self) -> Trust:
        """Whose code the caller lets run outside a sandbox."""
        from hubd._trusted import Trust

        return Trust(self)

    def list(
        self,
        repo: str,
        *,
        default_ref: DefaultRef = "head",
        refresh: Optional[bool] = None,
        offline: Optional[bool] = None,
        skip_validation: bool = False,
        progress: Optional[ProgressCallback] = None,
    ) -> Listing:
        """Lists a repo's entrypoints by running its hubconf.py in a sandbox."""
        from hubd import _hubconf
        from hubd.v1 import hub_pb2

        request = hub_pb2.ListRequest(
            tree=_selector(repo, default_ref, refresh, offline, skip_validation),
            interpreter=_interpreter_message(),
        )
        result = self._stream(
            lambda stubs, left: stubs.hub.List(request, timeout=left), progress
        )
        return _hubconf.listing(result)

    def help(
        self,
        repo: str,
        entrypoint: str,
        *,
        default_ref: DefaultRef = "head",
        refresh: Optional[bool] = None,
        offline: Optional[bool] = None,
        skip_validation: bool = False,
        progress: Optional[ProgressCallback] = None,
    ) -> Documentation:
        """Gives one entrypoint's docstring, found in the same way."""
        from hubd import _hubconf
        from hubd.v1 import hub_pb2

        request = hub_pb2.HelpRequest(
            tree=_selector(repo, default_ref, refresh, offline, skip_validation),
            interpreter=_interpreter_message(),
            entrypoint=entrypoint,
        )
        result = self._stream(
            lambda stubs, left: stubs.hub.Help(request, timeout=left), progress
        )
        return _hubconf.documentation(result)

    def load(
        self,
        repo: str,
        *,
        default_ref: DefaultRef = "head",
        refresh: Optional[bool] = None,
        offline: Optional[bool] = None,
        skip_validation: bool = False,
        require_trust: bool = False,
        hub_dir: str = "",
        progress: Optional[ProgressCallback] = None,
    ) -> Tree:
        """Makes a repo's tree present and leases it. Runs none of its code.

        require_trust: fail unless the caller trusts the repo, for `hub_dir` or
        for all.
        """
        from hubd.v1 import hub_pb2

        request = hub_pb2.LoadRequest(
            tree=_selector(repo, default_ref, refresh, offline, skip_validation),
            require_trust=require_trust,
            hub_dir=hub_dir,
        )
        for _ in range(_LEASE_TRIES):
            result = self._stream(
                lambda stubs, left: stubs.hub.Load(request, timeout=left), progress
            )
            lease = _take(result.tree.path)
            if lease is not None:
                return _convert.tree(result.tree, lease)
        raise _evicted(repo)

    def fetch_state_dict(
        self,
        url: str,
        *,
        sha256_prefix: str = "",
        refresh: Optional[bool] = None,
        offline: Optional[bool] = None,
        reject_pages: bool = False,
        unpack: bool = False,
        progress: Optional[ProgressCallback] = None,
    ) -> Checkpoint:
        """Makes a checkpoint present, checked, and leases it.

        reject_pages: refuse an HTML page or an empty body. unpack: where it is a
        zip archive, unpack it once and give that directory too.
        """
        from hubd.v1 import hub_pb2

        request = hub_pb2.FetchStateDictRequest(
            url=url,
            sha256_prefix=sha256_prefix,
            refresh=_refresh(refresh),
            offline=_offline(offline),
            reject_pages=reject_pages,
            unpack=unpack,
            lock=_options.lock(),
            environment=_options.lent_network(),
        )
        for _ in range(_LEASE_TRIES):
            result = self._stream(
                lambda stubs, left: stubs.hub.FetchStateDict(request, timeout=left),
                progress,
            )
            paths = [path for path in (result.path, result.unpacked_path) if path]
            leases = [lease for lease in map(_take, paths) if lease is not None]
            if len(leases) == len(paths):
                return _convert.checkpoint(result, tuple(leases))
        raise _evicted(url)

    def get_dir(self) -> str:
        """The daemon's root."""
        from hubd.v1 import hub_pb2

        request = hub_pb2.GetDirRequest()
        return str(
            self._unary(
                lambda stubs, left: stubs.hub.GetDir(request, timeout=left)
            ).root
        )

    def get_status(self) -> Status:
        """Which daemon answers, and how it does."""
        from hubd import _status
        from hubd.v1 import hub_pb2

        request = hub_pb2.GetStatusRequest()
        answer = self._unary(
            lambda stubs, left: stubs.hub.GetStatus(request, timeout=left)
        )
        return _status.status(answer)

    def _unary(self, call: Callable[[_rpc.Stubs, Optional[float]], Any]) -> Any:
        from hubd import _rpc

        return self._connection().unary(call, self._deadline(_rpc))

    def _pages(
        self, request: Any, method: Callable[[_rpc.Stubs], Any]
    ) -> Iterator[Any]:
        """All pages of a listing."""
        while True:
            page = self._unary(lambda stubs, left: method(stubs)(request, timeout=left))
            yield page
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def _stream(
        self,
        call: Callable[[_rpc.Stubs, Optional[float]], Any],
        progress: Optional[ProgressCallback],
        *,
        once: bool = False,
    ) -> Any:
        from hubd import _rpc

        return self._connection().stream(
            call, self._deadline(_rpc), progress, once=once
        )

    def _connection(self) -> _rpc.Connection:
        from hubd import _rpc

        root = self._dir if self._dir is not None else _daemon.default_root()
        return _rpc.Connection(_daemon.canonical(root), self._socket)

    def _deadline(self, rpc: Any) -> _rpc.Deadline:
        deadline: _rpc.Deadline = rpc.Deadline(_options.timeout(self._timeout))
        return deadline


def _selector(
    repo: str,
    default_ref: DefaultRef,
    refresh: Optional[bool],
    offline: Optional[bool],
    skip_validation: bool,
) -> Any:
    from hubd.v1 import hub_pb2

    return hub_pb2.TreeSelector(
        repo=repo,
        default_ref=_DEFAULT_REFS[default_ref],  # type: ignore[arg-type]
        refresh=_refresh(refresh),
        skip_validation=skip_validation,
        offline=_offline(offline),
        commit=_options.commit(repo),
        lock=_options.lock(),
        environment=_options.lent_variables(),
    )


def _refresh(chosen: Optional[bool]) -> bool:
    return _options.refresh() if chosen is None else chosen


def _offline(chosen: Optional[bool]) -> bool:
    return _options.offline() if chosen is None else chosen


def _interpreter_message() -> Any:
    from hubd import _interpreter
    from hubd.v1 import hub_pb2

    python = _interpreter.describe()
    return hub_pb2.Interpreter(
        executable=python.executable,
        prefix=python.prefix,
        base_prefix=python.base_prefix,
        site_directories=python.site_directories,
        ld_library_path=python.ld_library_path,
    )


def _take(path: str) -> Optional[_lease.Lease]:
    try:
        return _lease.take(path)
    except OSError as error:
        raise HubdError(
            f"cannot open {path}: {error.strerror}", metadata={"path": path}
        ) from error


def _evicted(subject: str) -> HubdError:
    return HubdError(
        f"{subject} was evicted each time it was asked for: give the cache more room",
        code="ABORTED",
    )
