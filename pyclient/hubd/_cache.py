"""What the daemon keeps: a part of the typed client."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Iterable, Iterator, Optional, Union

from hubd import _convert, _options
from hubd._types import (
    Checkpoint,
    Import,
    ProgressCallback,
    Pruned,
    Tree,
    Verification,
)

if TYPE_CHECKING:
    from hubd._client import Client


class Cache:
    """What the daemon keeps."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def trees(self) -> Iterator[Tree]:
        """All published trees that the caller may see, newest first."""
        from hubd.v1 import cache_pb2

        for page in self._client._pages(
            cache_pb2.ListTreesRequest(),
            lambda stubs: stubs.cache.ListTrees,
        ):
            yield from map(_convert.tree, page.trees)

    def checkpoints(self) -> Iterator[Checkpoint]:
        """All checkpoints that the caller may see, newest first."""
        from hubd.v1 import cache_pb2

        for page in self._client._pages(
            cache_pb2.ListCheckpointsRequest(),
            lambda stubs: stubs.cache.ListCheckpoints,
        ):
            yield from map(_convert.checkpoint, page.checkpoints)

    def verify(
        self,
        repo: str = "",
        *,
        quick: bool = False,
        progress: Optional[ProgressCallback] = None,
    ) -> Verification:
        """Reads what is stored and compares it with its digests.

        What is damaged is removed, so that the next call fetches it anew. repo:
        only the trees of "owner/name", or of "owner/name:COMMIT"; NotFound where none
        is stored, InvalidArgument where it is no repo. quick: only what has changed
        on the disk since it was compared last. A daemon that ends in the middle is a
        HubdError with the code ABORTED.
        """
        from hubd.v1 import cache_pb2

        request = cache_pb2.VerifyRequest(repo=repo, quick=quick)
        result = self._client._stream(
            lambda stubs, left: stubs.cache.Verify(request, timeout=left),
            progress,
            once=True,
        )
        return _convert.verification(result)

    def repair(
        self,
        repo: str = "",
        *,
        quick: bool = False,
        offline: Optional[bool] = None,
        progress: Optional[ProgressCallback] = None,
    ) -> Verification:
        """Does what `verify` does, then fetches what was damaged again.

        Each damage says whether it is repaired, and if not, why.
        """
        from hubd.v1 import cache_pb2

        request = cache_pb2.RepairRequest(
            verify=cache_pb2.VerifyRequest(repo=repo, quick=quick),
            offline=_options.offline() if offline is None else offline,
            environment=_options.lent_variables(),
        )
        result = self._client._stream(
            lambda stubs, left: stubs.cache.Repair(request, timeout=left),
            progress,
            once=True,
        )
        return _convert.verification(result)

    def prune_partials(self) -> Pruned:
        """Removes what has come of downloads that have not ended.

        Those that are under way stay. Refused of a system daemon, but for root.
        """
        from hubd.v1 import cache_pb2

        request = cache_pb2.PruneRequest(partials=True)
        answer = self._client._unary(
            lambda stubs, left: stubs.cache.Prune(request, timeout=left)
        )
        return Pruned(
            removed=answer.removed,
            removed_bytes=answer.removed_bytes,
            in_use=answer.in_use,
            in_use_bytes=answer.in_use_bytes,
        )

    def import_directory(
        self,
        directory: Union[str, os.PathLike[str]],
        repos: Iterable[str] = (),
        *,
        progress: Optional[ProgressCallback] = None,
    ) -> Import:
        """Takes in the cache of torch.hub, oneflow.hub or megengine.hub.

        directory: its get_dir(), or the home above it. repos: "owner/name[:ref]" that
        have a tree there whose directory's name alone does not say so. Refused of a
        system daemon; NotFound where there is no such directory.
        """
        from hubd.v1 import cache_pb2

        request = cache_pb2.ImportRequest(
            directory=os.path.abspath(os.fspath(directory)), repos=repos
        )
        result = self._client._stream(
            lambda stubs, left: stubs.cache.Import(request, timeout=left), progress
        )
        return _convert.imported(result)
