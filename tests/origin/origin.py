"""`Origin`: github.com and any file host, real git over real TLS, on loopback."""

from __future__ import annotations

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType

from tests.origin import _faults
from tests.origin._certificates import Tls, make_ca
from tests.origin._control import Answer, Cut, Gate, RateLimit, Rules
from tests.origin._counters import Counters, Seen
from tests.origin._dead import DeadEnd
from tests.origin._files import Files
from tests.origin._github import GitHub
from tests.origin._lfs import Lfs, lfs_pointer
from tests.origin._message import Response, whole
from tests.origin._mirror import Mirrors
from tests.origin._repos import Content, Repos
from tests.origin._server import Server

DEFAULT_NAMES = (
    "github.com",
    "codeload.github.com",
    "api.github.com",
    "objects.githubusercontent.com",
    "download.pytorch.org",
    "oneflow-public.oss-cn-beijing.aliyuncs.com",
    "data.megengine.org.cn",
    "models.example.org",
)


class Origin:
    """Serves repositories and files below one directory. Thread-safe.

    `port` is the HTTPS port (0: a free one). With `plain_http` a second port takes
    plain http, and plays a proxy whose every destination is the origin itself.
    Ports stay ours from construction to `close()`, also while stopped. As a context
    manager it is started and closed. A directory made by itself is removed.

    In all methods that take `host` and `path_prefix`, the prefix is compared with
    the request's path and query as sent.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        port: int = 0,
        extra_names: Iterable[str] = (),
        plain_http: bool = False,
    ) -> None:
        self._own = directory is None
        self.directory = Path(directory or tempfile.mkdtemp(prefix="origin-"))
        self.directory = self.directory.absolute()
        self.directory.mkdir(parents=True, exist_ok=True)
        self.names = (*DEFAULT_NAMES, *extra_names)
        self.ca_file = make_ca(self.directory)
        self._tls = Tls(self.directory, self.names)
        self._repos = Repos(self.directory / "repos")
        self._files = Files(self.directory / "files")
        self._mirrors = Mirrors(self.directory / "mirrors")
        self._lfs = Lfs()
        self._github = GitHub(self._repos, self._mirrors, self._files, self._lfs)
        self._rules = Rules()
        self._counters = Counters()
        self._reserved = [_reserve(wanted) for wanted in [port, 0][: 1 + plain_http]]
        self._servers: list[Server] = []
        self._dead: dict[str, DeadEnd] = {}

    @property
    def port(self) -> int:
        """The HTTPS port."""
        return int(self._reserved[0].getsockname()[1])

    @property
    def http_port(self) -> int:
        """The plain port. REQUIRES: plain_http."""
        return int(self._reserved[1].getsockname()[1])

    # Life.

    def start(self) -> None:
        """Listens; after stop(), on the same ports with the same certificates."""
        for reserved in self._reserved[len(self._servers) :]:
            server = Server(
                reserved.getsockname()[1],
                tls=self._tls.context,
                tls_first=reserved is self._reserved[0],
                route=self._github.serve,
                rules=self._rules,
                counters=self._counters,
            )
            self._servers.append(server)

    def stop(self) -> None:
        """Refuses and cuts all connections, held ones too: the cable is out."""
        while self._servers:
            self._servers.pop().stop()

    def close(self) -> None:
        self.stop()
        for reserved in self._reserved:
            reserved.close()
        for dead in self._dead.values():
            dead.close()
        if self._own:
            shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Origin:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    # Content.

    def add_repo(
        self,
        owner: str,
        name: str,
        files: Mapping[str, Content],
        branch: str = "main",
        tags: Iterable[str] = (),
    ) -> str:
        """Commits exactly `files` on top of the branch; returns the commit.

        Repository and branch are made where missing; a repository's first branch is
        its HEAD. The same files, parents and names give the same commit anywhere. A
        tree that the branch already has makes no new commit.
        """
        commit = self._repos.commit(owner, name, files, branch)
        for tag in tags:
            self._repos.set_ref(owner, name, f"refs/tags/{tag}", commit)
        return commit

    def clone_repo(self, owner: str, name: str, source: Path) -> None:
        """Takes over all branches and tags of a repository on disk."""
        self._repos.clone(owner, name, source)

    def rename_repo(self, owner: str, name: str, new_owner: str, new_name: str) -> None:
        """Gives a repository another name; the old one redirects there for ever,
        unless another repository takes it."""
        self._repos.rename(owner, name, new_owner, new_name)

    def mirror_repos(self, host: str, path: str = "/") -> str:
        """Serves all repositories as they are at this moment below `path` of a host,
        by git and as archives; returns the URL of that place.

        What is pushed later is not there until the next call. The host is none of
        github.com's.
        """
        path = f"/{path.strip('/')}/".replace("//", "/")
        self._mirrors.copy(host, path, self._repos)
        return f"https://{host}{path}"

    def make_private(self, owner: str, name: str, login: str) -> None:
        """From now on only who shows `login` (USER:PASSWORD) is given it, by git: 401
        for others, and 404 for all that is no git on GitHub's hosts."""
        self._repos.make_private(owner, name, login)

    def repo_path(self, owner: str, name: str) -> Path:
        """Where the bare repository is."""
        return self._repos.path(owner, name)

    def add_branch(self, owner: str, name: str, branch: str, commitish: str) -> None:
        self._repos.set_ref(owner, name, f"refs/heads/{branch}", commitish, new=True)

    def move_branch(self, owner: str, name: str, branch: str, commitish: str) -> None:
        self._repos.set_ref(owner, name, f"refs/heads/{branch}", commitish)

    def remove_branch(self, owner: str, name: str, branch: str) -> None:
        self._repos.remove_ref(owner, name, f"refs/heads/{branch}")

    def add_tag(
        self,
        owner: str,
        name: str,
        tag: str,
        commitish: str,
        *,
        annotated: bool = False,
    ) -> None:
        if annotated:
            self._repos.annotated_tag(owner, name, tag, commitish)
        else:
            self._repos.set_ref(owner, name, f"refs/tags/{tag}", commitish, new=True)

    def add_file(self, host: str, path: str, data: bytes) -> str:
        """Serves `data` (in place of what was there); returns its URL."""
        self._files.add(host, path, data)
        return f"https://{host}/{path.lstrip('/')}"

    def add_lfs(
        self,
        owner: str,
        name: str,
        data: bytes,
        *,
        served: bytes | None = None,
        error: int | None = None,
        stale: int = 0,
    ) -> str:
        """Has the repository's LFS server know `data`; returns the pointer to it.

        Without any such object a repository has no LFS server. `served` comes in
        place of the data; `error` is said of it in place of a download; so many
        answers as `stale` name a download that has expired.
        """
        self._lfs.add(owner, name, data, served=served, error=error, stale=stale)
        return lfs_pointer(data)

    # What was asked for.

    @property
    def requests(self) -> list[Seen]:
        """All requests since the last reset, in the order they came in."""
        return self._counters.requests()

    def count(self, host: str, path_prefix: str = "/", method: str = "GET") -> int:
        return self._counters.count(method, host, path_prefix)

    def bytes_sent(self, host: str, path_prefix: str = "/", method: str = "GET") -> int:
        """Bytes of bodies handed to connections, without the chunks' frames."""
        return self._counters.bytes_sent(method, host, path_prefix)

    def reset_counters(self) -> None:
        self._counters.reset()

    # What is done to the answers.

    def hold(self, host: str, path_prefix: str = "/", *, after: int = 0) -> Gate:
        """Matching answers send headers and `after` bytes, then wait in the gate.

        An answer that is shorter waits before its end. HEAD, 204 and 304 pass.
        """
        gate = Gate(self._rules, host, path_prefix, after)
        self._rules.add(gate)
        return gate

    def limit_rate(
        self, bytes_per_second: int, host: str = "", path_prefix: str = "/"
    ) -> RateLimit:
        """Slows matching answers, all together, until the rule's `remove()`."""
        limit = RateLimit(self._rules, host, path_prefix, bytes_per_second)
        self._rules.add(limit)
        return limit

    def respond(
        self,
        host: str,
        path_prefix: str,
        status: int,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        times: int | None = None,
    ) -> Answer:
        """Answers so, for `times` requests or until the rule's `remove()`.

        A Content-Length header is sent as given: a larger one makes a body that is
        cut off. With a header `Connection: close` no length is sent.
        """
        canned = whole(status, body, dict(headers or {}))
        return self._answer(host, path_prefix, canned, times)

    def respond_raw(
        self,
        host: str,
        path_prefix: str,
        data: bytes,
        *,
        times: int | None = None,
        keep: bool = False,
    ) -> Answer:
        """Answers with exactly these bytes; then the connection is closed or kept.

        For holds, rates and cuts they are the body.
        """
        raw = Response(status=0, body=(data,), raw=True, keep=keep)
        return self._answer(host, path_prefix, raw, times)

    def cut(self, host: str, path_prefix: str = "/", *, after: int) -> Cut:
        """Breaks connections after `after` bytes of a matching answer's body.

        A body that is not longer is not cut. Until the rule's `remove()`.
        """
        cut = Cut(self._rules, host, path_prefix, after)
        self._rules.add(cut)
        return cut

    def later_ranges_only(self) -> AbstractContextManager[None]:
        """What is done to the answers inside is done only to those to requests for
        a range that does not begin with the first byte."""
        return self._rules.later_ranges_only()

    def fault(self, name: str, host: str, path_prefix: str = "/") -> ExitStack:
        """Does one thing wrong until the result is closed; also a context manager.

        `name` is an HTTP status, or one of the faults that `_faults.py` describes:
        limited, busy; cut, cut-unmarked, unmarked, too-long, page, empty, gzip,
        gzip-cut, bomb, many-headers, long-header, interim, garbage; silence, stall,
        drip, drip-headers; loop, downgrade; and, for the whole host,
        unknown-authority, expired, wrong-name.
        """
        return _faults.apply(self, name, host, path_prefix)

    def show_certificate(self, host: str, kind: str) -> ExitStack:
        """Handshakes for `host` get a bad certificate until the result is closed.

        `kind` is unknown-authority, expired or wrong-name.
        """
        self._tls.show(host, kind)
        stack = ExitStack()
        stack.callback(self._tls.show_good, host)
        return stack

    def add_dead_end(self, name: str, kind: str) -> None:
        """From now on config_toml() leads `name` to where nobody serves.

        `kind` is refuses, never-accepts, never-speaks or hangs-up.
        """
        self._dead[name] = DeadEnd(kind)

    def _answer(
        self, host: str, path_prefix: str, response: Response, times: int | None
    ) -> Answer:
        answer = Answer(self._rules, host, path_prefix, response, times)
        self._rules.add(answer)
        return answer

    # How to reach it.

    def config_toml(self) -> str:
        """The configuration that leads a hubd here; ends inside table [net]."""
        routes = [f"{name}:443:127.0.0.1:{self.port}" for name in self.names]
        if len(self._reserved) > 1:
            routes += [f"{name}:80:127.0.0.1:{self.http_port}" for name in self.names]
        routes += [f"{n}:443:127.0.0.1:{d.port}" for n, d in self._dead.items()]
        lines = "".join(f"  {json.dumps(route)},\n" for route in routes)
        ca_file = json.dumps(str(self.ca_file), ensure_ascii=False)
        return (
            f"[net]\nca_file = {ca_file}\nconnect_to = [\n{lines}]\n"
            'allow_address = ["127.0.0.1"]\n'
        )

    def write_config(self, path: str | os.PathLike[str], extra: str = "") -> Path:
        """Writes config_toml() and `extra`, whose first lines still mean [net]."""
        Path(path).write_text(self.config_toml() + extra)
        return Path(path)

    def proxy_environment(self) -> dict[str, str]:
        """Leads programs that know nothing of the origin here. REQUIRES: plain_http."""
        proxy = f"http://127.0.0.1:{self.http_port}"
        ca = str(self.ca_file)
        variables = {"SSL_CERT_FILE": ca, "CURL_CA_BUNDLE": ca, "GIT_SSL_CAINFO": ca}
        for name in ("https_proxy", "http_proxy"):
            variables |= {name: proxy, name.upper(): proxy}
        return variables | {"no_proxy": "", "NO_PROXY": ""}


def _reserve(port: int) -> socket.socket:
    """Binds without listening: the port is ours also while nobody listens."""
    reserved = socket.socket()
    reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    reserved.bind(("127.0.0.1", port))
    return reserved
