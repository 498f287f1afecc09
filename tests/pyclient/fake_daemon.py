"""A daemon for tests: a real gRPC server on a real unix socket.

It can play: repos with refs and trees, sandboxed list and help (answers given by
the test), URLs and blobs, unpacking of zips, digests that do not match, trust per
get_dir(), paged listings, progress, failures with reasons (once, or for ever),
jobs, a broken connection, and an eviction just after the answer. It keeps trees and
blobs as the store does, remembers every request, and fetches nothing.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import zipfile
from collections.abc import Callable
from concurrent import futures
from typing import Any, NamedTuple

import grpc

from hubd.v1 import (
    cache_pb2,
    cache_pb2_grpc,
    error_pb2,
    hub_pb2,
    hub_pb2_grpc,
    trust_pb2,
    trust_pb2_grpc,
)


class Failure(NamedTuple):
    code: grpc.StatusCode
    reason: str
    message: str
    metadata: dict[str, str]
    worker_exit: error_pb2.WorkerExit | None = None


class Repo:
    """What the origin has, and what is cached of it."""

    def __init__(self) -> None:
        self.refs: dict[str, dict[str, str]] = {}
        self.cached: set = set()
        self.entrypoints: dict[str, str | None] = {}
        self.output = ""
        self.warnings: list[str] = []
        # With a warning that says so.
        self.ambiguous_ref = False


class FakeDaemon(
    hub_pb2_grpc.HubServicer, cache_pb2_grpc.CacheServicer, trust_pb2_grpc.TrustServicer
):
    def __init__(self, root: str, socket: str) -> None:
        self.root = root
        self.socket = socket
        self.store = os.path.join(root, "store")
        self.repos: dict[str, Repo] = {}
        self.urls: dict[str, bytes] = {}
        self.cached_urls: dict[str, str] = {}
        self.checkpoint_warnings: list[str] = []
        self.verified = cache_pb2.VerifyResult(trees=1, complete=True)
        self.imported = cache_pb2.ImportResult(trees=1, complete=True)
        # Lists of jobs that a watch tells; after them its connection breaks.
        self.job_lists = [cache_pb2.ListJobsResponse(complete=True)]
        self.trusted: dict[tuple[str, str], int] = {}
        self.requests: list[tuple[str, Any]] = []
        self.failures: list[tuple[str, Failure, bool]] = []
        self.progress: list[hub_pb2.Progress] = []
        self.page_size = 2
        # Called with a path just before it is answered: to evict it.
        self.before_answer: Callable[[str], None] | None = None
        # Where FetchStateDict waits after its progress, until its caller leaves.
        self.hold: threading.Event | None = None
        # How Verify and Repair end once they have begun, in place of a result.
        self.breaks: Failure | None = None
        # Set when a call is over, for whatever reason.
        self.ended = threading.Event()
        self._server: Any = None

    # What a test says.

    def start(self) -> None:
        os.makedirs(self.store, exist_ok=True)
        self._threads = futures.ThreadPoolExecutor(8)
        self._server = grpc.server(self._threads)
        hub_pb2_grpc.add_HubServicer_to_server(self, self._server)
        cache_pb2_grpc.add_CacheServicer_to_server(self, self._server)
        trust_pb2_grpc.add_TrustServicer_to_server(self, self._server)
        assert self._server.add_insecure_port("unix:" + self.socket) == 1
        self._server.start()
        with open(os.path.join(self.store, "ADDRESS"), "w") as file:
            file.write(self.socket + "\n")

    def stop(self) -> None:
        if self._server is not None:
            self._server.stop(None).wait()
            self._server = None
            # A call that was cut may still be writing into the store.
            self._threads.shutdown()

    def add_repo(self, repo: str, files: dict[str, str], ref: str = "main") -> Repo:
        found = self.repos.setdefault(repo, Repo())
        found.refs[ref] = dict(files)
        return found

    def fail(self, method: str, failure: Failure, *, always: bool = False) -> None:
        self.failures.append((method, failure, always))

    def named(self, method: str) -> list[Any]:
        """The requests of one method, in their order."""
        return [request for name, request in self.requests if name == method]

    # Hub.

    def Load(self, request: Any, context: Any) -> Any:
        self._enter("Load", request, context)
        if request.require_trust and not self._is_trusted(request):
            self._refuse_trust(context, request.tree.repo)
        tree = yield from self._publish(hub_pb2.LoadResponse, request.tree, context)
        if self.before_answer:
            self.before_answer(tree.path)
        yield hub_pb2.LoadResponse(result=hub_pb2.LoadResult(tree=tree))

    def List(self, request: Any, context: Any) -> Any:
        self._enter("List", request, context)
        tree = yield from self._publish(hub_pb2.ListResponse, request.tree, context)
        repo = self._repo(request.tree.repo, context)
        result = hub_pb2.ListResult(tree=tree, output=repo.output)
        for name, doc in sorted(repo.entrypoints.items()):
            result.entrypoints.add(name=name, summary=(doc or "").split("\n")[0])
        yield hub_pb2.ListResponse(result=result)

    def Help(self, request: Any, context: Any) -> Any:
        self._enter("Help", request, context)
        tree = yield from self._publish(hub_pb2.HelpResponse, request.tree, context)
        repo = self._repo(request.tree.repo, context)
        result = hub_pb2.HelpResult(tree=tree, output=repo.output)
        doc = repo.entrypoints[request.entrypoint]
        if doc is not None:
            result.doc = doc
        yield hub_pb2.HelpResponse(result=result)

    def FetchStateDict(self, request: Any, context: Any) -> Any:
        self._enter("FetchStateDict", request, context)
        for update in self.progress:
            yield hub_pb2.FetchStateDictResponse(progress=update)
        self._wait(context)
        if request.url not in self.urls:
            _abort(
                context,
                Failure(grpc.StatusCode.NOT_FOUND, "CHECKPOINT_NOT_FOUND", "gone", {}),
            )
        result = self._checkpoint(request, context)
        if self.before_answer:
            self.before_answer(result.path)
        yield hub_pb2.FetchStateDictResponse(result=result)

    def GetDir(self, request: Any, context: Any) -> Any:
        self._enter("GetDir", request, context)
        return hub_pb2.GetDirResponse(root=self.root)

    def GetStatus(self, request: Any, context: Any) -> Any:
        self._enter("GetStatus", request, context)
        return hub_pb2.GetStatusResponse(
            version="0.1.0",
            api_revision=1,
            pid=os.getpid(),
            root=self.root,
            socket=self.socket,
            sandbox="full",
            mode="user",
            caller=hub_pb2.Caller(uid=os.getuid(), gid=os.getgid(), pid=os.getpid()),
        )

    # Cache.

    def ListTrees(self, request: Any, context: Any) -> Any:
        self._enter("ListTrees", request, context)
        every = [
            self._tree(name, repo, ref)
            for name, repo in self.repos.items()
            for ref in repo.refs
        ]
        page, token = self._page(every, request)
        return cache_pb2.ListTreesResponse(trees=page, next_page_token=token)

    def ListCheckpoints(self, request: Any, context: Any) -> Any:
        self._enter("ListCheckpoints", request, context)
        every = [
            hub_pb2.Checkpoint(url=url, sha256=digest)
            for url, digest in self.cached_urls.items()
        ]
        page, token = self._page(every, request)
        return cache_pb2.ListCheckpointsResponse(
            checkpoints=page, next_page_token=token
        )

    def Verify(self, request: Any, context: Any) -> Any:
        yield cache_pb2.VerifyResponse(
            progress=hub_pb2.Progress(phase=hub_pb2.Progress.QUEUED)
        )
        self._enter("Verify", request, context)
        yield cache_pb2.VerifyResponse(
            progress=hub_pb2.Progress(phase=hub_pb2.Progress.VERIFYING)
        )
        self._break(context)
        yield cache_pb2.VerifyResponse(result=self.verified)

    def Repair(self, request: Any, context: Any) -> Any:
        yield cache_pb2.RepairResponse(
            progress=hub_pb2.Progress(phase=hub_pb2.Progress.QUEUED)
        )
        self._enter("Repair", request, context)
        yield cache_pb2.RepairResponse(
            progress=hub_pb2.Progress(phase=hub_pb2.Progress.VERIFYING)
        )
        self._break(context)
        yield cache_pb2.RepairResponse(result=self.verified)

    def Prune(self, request: Any, context: Any) -> Any:
        self._enter("Prune", request, context)
        return cache_pb2.PruneResponse(removed=2, removed_bytes=20, in_use=1)

    def Import(self, request: Any, context: Any) -> Any:
        self._enter("Import", request, context)
        yield cache_pb2.ImportResponse(
            progress=hub_pb2.Progress(phase=hub_pb2.Progress.IMPORTING)
        )
        yield cache_pb2.ImportResponse(result=self.imported)

    def ListJobs(self, request: Any, context: Any) -> Any:
        self._enter("ListJobs", request, context)
        return self.job_lists[0]

    def WatchJobs(self, request: Any, context: Any) -> Any:
        self._enter("WatchJobs", request, context)
        yield from self.job_lists
        _abort(context, Failure(grpc.StatusCode.UNAVAILABLE, "", "it broke", {}))

    def CancelJob(self, request: Any, context: Any) -> Any:
        self._enter("CancelJob", request, context)
        return cache_pb2.CancelJobResponse(job=cache_pb2.Job(id=request.id))

    def SetLimit(self, request: Any, context: Any) -> Any:
        self._enter("SetLimit", request, context)
        return cache_pb2.SetLimitResponse()

    # Trust.

    def AddTrust(self, request: Any, context: Any) -> Any:
        self._enter("AddTrust", request, context)
        key = (_canonical(request.repo), request.hub_dir)
        added = key not in self.trusted
        self.trusted[key] = 1
        return trust_pb2.AddTrustResponse(added=added)

    def RemoveTrust(self, request: Any, context: Any) -> Any:
        self._enter("RemoveTrust", request, context)
        repo = _canonical(request.repo)
        gone = [
            key
            for key in self.trusted
            if key[0] == repo and (request.everywhere or key[1] == request.hub_dir)
        ]
        for key in gone:
            del self.trusted[key]
        return trust_pb2.RemoveTrustResponse(removed=len(gone))

    def CheckTrust(self, request: Any, context: Any) -> Any:
        self._enter("CheckTrust", request, context)
        repo = _canonical(request.repo)
        here = (repo, request.hub_dir) in self.trusted
        return trust_pb2.CheckTrustResponse(
            repo=repo, trusted=here or (repo, "") in self.trusted, trusted_here=here
        )

    def ListTrust(self, request: Any, context: Any) -> Any:
        self._enter("ListTrust", request, context)
        every = [
            trust_pb2.TrustEntry(repo=repo, hub_dir=hub_dir)
            for repo, hub_dir in sorted(self.trusted)
            if not request.hub_dir or hub_dir in ("", request.hub_dir)
        ]
        page, token = self._page(every, request)
        return trust_pb2.ListTrustResponse(entries=page, next_page_token=token)

    # Inside.

    def _enter(self, method: str, request: Any, context: Any) -> None:
        self.requests.append((method, request))
        context.add_callback(self._leave)
        for entry in list(self.failures):
            name, failure, always = entry
            if name == method:
                if not always:
                    self.failures.remove(entry)
                _abort(context, failure)

    def _leave(self) -> None:
        self.ended.set()
        if self.hold is not None:
            self.hold.set()

    def _break(self, context: Any) -> None:
        if self.breaks is not None:
            _abort(context, self.breaks)

    def _wait(self, context: Any) -> None:
        if self.hold is not None:
            self.hold.wait()

    def _publish(self, response: Any, selector: Any, context: Any) -> Any:
        repo = self._repo(selector.repo, context)
        ref = self._resolve(selector, repo, context)
        cached = ref in repo.cached
        if not cached:
            if selector.offline:
                miss = grpc.StatusCode.FAILED_PRECONDITION
                _abort(context, Failure(miss, "OFFLINE_MISS", "not cached", {}))
            for update in self.progress:
                yield response(progress=update)
        repo.cached.add(ref)
        tree = self._tree(_split(selector.repo)[0], repo, ref)
        tree.cached = cached
        tree.ambiguous_ref = repo.ambiguous_ref
        tree.warnings.extend(repo.warnings)
        return tree

    def _repo(self, name: str, context: Any) -> Repo:
        found = self.repos.get(_split(name)[0])
        if found is None:
            missing = grpc.StatusCode.NOT_FOUND
            _abort(context, Failure(missing, "REPO_NOT_FOUND", f"no {name}", {}))
        return found

    def _resolve(self, selector: Any, repo: Repo, context: Any) -> str:
        ref = _split(selector.repo)[1]
        if not ref:
            wanted = ("master", "main")
            if selector.default_ref != hub_pb2.DEFAULT_REF_MASTER:
                wanted = ("main", "master")
            ref = next((name for name in wanted if name in repo.refs), "")
        if ref not in repo.refs:
            missing = grpc.StatusCode.NOT_FOUND
            _abort(context, Failure(missing, "REF_NOT_FOUND", f"no {ref}", {}))
        return ref

    def _tree(self, name: str, repo: Repo, ref: str) -> Any:
        text = repr(sorted(repo.refs[ref].items())).encode()
        commit = hashlib.sha1(text).hexdigest()
        path = os.path.join(
            self.store, "trees", "github.com", name, commit + ".archive"
        )
        for file, content in repo.refs[ref].items():
            target = os.path.join(path, file)
            if not os.path.exists(target):
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "w") as out:
                    out.write(content)
                os.chmod(target, stat.S_IRUSR)
        return hub_pb2.Tree(
            repo="github.com/" + name,
            ref=ref,
            commit=commit,
            route="archive",
            path=path,
            size_bytes=len(text),
        )

    def _checkpoint(self, request: Any, context: Any) -> Any:
        data = self.urls[request.url]
        digest = hashlib.sha256(data).hexdigest()
        if not digest.startswith(request.sha256_prefix):
            wrong = {"expected": request.sha256_prefix, "actual": digest}
            loss = grpc.StatusCode.DATA_LOSS
            _abort(context, Failure(loss, "DIGEST_MISMATCH", "differs", wrong))
        cached = self.cached_urls.get(request.url) == digest
        if not cached and request.offline:
            miss = grpc.StatusCode.FAILED_PRECONDITION
            _abort(context, Failure(miss, "OFFLINE_MISS", "not cached", {}))
        self.cached_urls[request.url] = digest
        path = os.path.join(self.store, "blobs", digest[:2], digest)
        if not os.path.exists(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)
            os.chmod(path, 0o444)
        result = hub_pb2.Checkpoint(
            url=request.url,
            sha256=digest,
            size_bytes=len(data),
            path=path,
            cached=cached,
            warnings=self.checkpoint_warnings,
        )
        if request.unpack and zipfile.is_zipfile(path):
            result.unpacked_path = os.path.join(self.store, "unpacked", digest)
            with zipfile.ZipFile(path) as archive:
                archive.extractall(result.unpacked_path)
                result.members.extend(archive.namelist())
        return result

    def _is_trusted(self, request: Any) -> bool:
        repo = _canonical(request.tree.repo)
        return (repo, request.hub_dir) in self.trusted or (repo, "") in self.trusted

    def _refuse_trust(self, context: Any, repo: str) -> None:
        code = grpc.StatusCode.FAILED_PRECONDITION
        _abort(context, Failure(code, "REPO_NOT_TRUSTED", f"{repo} not trusted", {}))

    def _page(self, every: list[Any], request: Any) -> tuple[list[Any], str]:
        start = int(request.page_token or 0)
        end = start + self.page_size
        return every[start:end], str(end) if end < len(every) else ""


def _canonical(repo: str) -> str:
    return "github.com/" + _split(repo)[0]


def _split(spec: str) -> tuple[str, str]:
    """The repo, without the default host, and the ref."""
    scheme, mark, address = spec.rpartition("://")
    host, _, rest = address.partition("/")
    name, _, ref = rest.partition(":")
    return name if spec.startswith(
        "github.com/"
    ) else f"{scheme}{mark}{host}/{name}", ref


def _abort(context: Any, failure: Failure) -> None:
    """Ends a call as the daemon does: with details in the trailer."""
    details = error_pb2.StatusDetails(
        code=failure.code.value[0], message=failure.message
    )
    if failure.reason:
        info = error_pb2.ErrorInfo(
            reason=failure.reason, domain="hubd", metadata=failure.metadata
        )
        details.details.add(
            type_url="type.googleapis.com/google.rpc.ErrorInfo",
            value=info.SerializeToString(),
        )
    if failure.worker_exit is not None:
        details.details.add(
            type_url="type.googleapis.com/hubd.v1.WorkerExit",
            value=failure.worker_exit.SerializeToString(),
        )
    context.set_trailing_metadata(
        (("grpc-status-details-bin", details.SerializeToString()),)
    )
    context.abort(failure.code, failure.message)
