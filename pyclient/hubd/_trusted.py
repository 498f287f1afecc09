"""Whom the caller trusts: a part of the typed client."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Iterator

from hubd import _convert

if TYPE_CHECKING:
    from hubd._client import Client


@dataclass(frozen=True)
class TrustEntry:
    """One decision to trust a repo; hub_dir is empty where it holds for all."""

    repo: str
    hub_dir: str
    created_at: int


@dataclass(frozen=True)
class TrustCheck:
    """Whether a repo is trusted; `here`: by an entry for that very hub_dir."""

    repo: str
    trusted: bool
    here: bool


class Trust:
    """Whose code the caller lets run outside a sandbox."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def list(self, *, hub_dir: str = "") -> Iterator[TrustEntry]:
        """The caller's decisions; with `hub_dir`, those that count there."""
        from hubd.v1 import trust_pb2

        for page in self._client._pages(
            trust_pb2.ListTrustRequest(hub_dir=hub_dir),
            lambda stubs: stubs.trust.ListTrust,
        ):
            for entry in page.entries:
                yield _convert.copied(TrustEntry, entry)

    def add(self, repo: str, *, hub_dir: str = "") -> bool:
        """Trusts a repo, for one get_dir() or for all. False: it was so before."""
        from hubd.v1 import trust_pb2

        request = trust_pb2.AddTrustRequest(repo=repo, hub_dir=hub_dir)
        answer = self._client._unary(
            lambda stubs, left: stubs.trust.AddTrust(request, timeout=left)
        )
        return bool(answer.added)

    def remove(self, repo: str, *, hub_dir: str = "", everywhere: bool = False) -> int:
        """Ends trust in a repo; says how many decisions were removed."""
        from hubd.v1 import trust_pb2

        request = trust_pb2.RemoveTrustRequest(
            repo=repo, hub_dir=hub_dir, everywhere=everywhere
        )
        answer = self._client._unary(
            lambda stubs, left: stubs.trust.RemoveTrust(request, timeout=left)
        )
        return int(answer.removed)

    def check(self, repo: str, *, hub_dir: str = "") -> TrustCheck:
        """Whether a repo is trusted, for all or for one get_dir()."""
        from hubd.v1 import trust_pb2

        request = trust_pb2.CheckTrustRequest(repo=repo, hub_dir=hub_dir)
        answer = self._client._unary(
            lambda stubs, left: stubs.trust.CheckTrust(request, timeout=left)
        )
        return _convert.copied(TrustCheck, answer, here=answer.trusted_here)
