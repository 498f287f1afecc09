"""What the daemon keeps: a part of the typed client."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Iterable, Iterator, Optional, Tuple, Union

from hubd import _convert, _options
from hubd._types import Checkpoint, ProgressCallback, Tree

if TYPE_CHECKING:
    from hubd._client import Client


@dataclass(frozen=True)
class Damage:
    """One stored thing that is not as it was published."""

    # "tree" or "blob".
    kind: str
    # "host/owner/name at COMMIT", or a URL that gave the blob.
    name: str
    # Where it lies, or lay.
    path: str
    # The digest that it should have, and the one that it has: empty where it is gone
    # or cannot be read.
    expected: str
    actual: str
    # What is wrong, a sentence.
    problem: str
    # False where it could not be read or removed: it stays then.
    removed: bool
    # Of a repair: it is there again; if not, why, a sentence.
    repaired: bool
    unrepaired: str


@dataclass(frozen=True)
class Verification:
    """What came of reading what is stored."""

    # What was read; `bytes` of both together.
    trees: int
    blobs: int
    bytes: int
    damages: Tuple[Damage, ...]
    # False where there were too many damages to go on.
    complete: bool
    # Trees and blobs that a quick run did not read, since nothing has changed.
    unchanged: int


@dataclass(frozen=True)
class Pruned:
    """How many things were removed, how many stay, and what they take on the disk."""

    removed: int
    removed_bytes: int
    # Somebody uses them.
    in_use: int
    in_use_bytes: int


@dataclass(frozen=True)
class ImportEntry:
    """What became of one thing in the cache of an original hub."""

    # Below the directory.
    path: str
    # "tree", "checkpoint", "trust", or "other": nothing that a hub keeps.
    kind: str
    # "host/owner/name:ref", the file's name, or "host/owner/name"; empty where it is
    # not known.
    name: str
    size_bytes: int
    # "copy", "reflink", "link", "added" (trust), or "known": it was there. Empty: it
    # was not taken.
    how: str
    # Why not, a sentence.
    problem: str


@dataclass(frozen=True)
class Import:
    """What was taken out of such a cache, or known from before."""

    trees: int
    checkpoints: int
    trusted: int
    skipped: int
    # Sum of the sizes of trees and checkpoints.
    size_bytes: int
    entries: Tuple[ImportEntry, ...]
    # False where there were too many to tell all.
    complete: bool


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
        return _verification(result)

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
        return _verification(result)

    def prune_partials(self) -> Pruned:
        """Removes what has come of downloads that have not ended.

        Those that are under way stay. Refused of a system daemon, but for root.
        """
        from hubd.v1 import cache_pb2

        request = cache_pb2.PruneRequest(partials=True)
        answer = self._client._unary(
            lambda stubs, left: stubs.cache.Prune(request, timeout=left)
        )
        return _convert.copied(Pruned, answer)

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
        return _imported(result)


def _verification(result: Any) -> Verification:
    damages = tuple(_convert.copied(Damage, one) for one in result.damages)
    return _convert.copied(Verification, result, damages=damages)


def _imported(result: Any) -> Import:
    entries = tuple(_convert.copied(ImportEntry, one) for one in result.entries)
    return _convert.copied(Import, result, entries=entries)
