"""What the client's calls return."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable, Mapping, Optional, Tuple

from hubd._lease import Lease


@dataclass(frozen=True)
class Progress:
    """How far a call has come; a later one replaces all earlier ones."""

    # "queued", "resolving", "downloading", "unpacking", "running", "verifying",
    # "importing", "connecting", "waiting" (for the next try).
    phase: str
    subject: str
    done_bytes: int
    # 0 where the origin does not say.
    total_bytes: int
    # Of a download: requests under way, and those that have failed so far.
    connections: int = 0
    failures: int = 0
    # Why the last of them failed, a sentence; empty where none did.
    last_error: str = ""
    # When a wait ends, seconds since 1970 UTC; 0 where it does not wait.
    resume_at: int = 0


ProgressCallback = Callable[[Progress], None]


@dataclass(frozen=True)
class Tree:
    """The files of one commit.

    A tree that `load` returns is not evicted while this object lives.
    """

    repo: str
    ref: str
    commit: str
    route: str
    path: str
    stale_for_seconds: int
    cached: bool
    size_bytes: int
    created_at: int
    warnings: Tuple[str, ...]
    # SHA-256 over its sorted entries; empty where hubd does not know it.
    digest: str = ""
    # The ref is both a branch and a tag: it is the branch's tree, and the first
    # warning says so.
    ambiguous_ref: bool = False
    lease: Optional[Lease] = field(default=None, repr=False, compare=False)


@dataclass(frozen=True)
class Checkpoint:
    """One URL and the bytes it gave.

    One that `fetch_state_dict` returns is not evicted while this object lives.
    """

    url: str
    sha256: str
    size_bytes: int
    path: str
    # Empty unless `unpack` was asked for and the bytes are a zip archive.
    unpacked_path: str
    members: Tuple[str, ...]
    etag: str
    last_modified: str
    cached: bool
    created_at: int
    warnings: Tuple[str, ...]
    leases: Tuple[Lease, ...] = field(default=(), repr=False, compare=False)


@dataclass(frozen=True)
class Entrypoint:
    """A callable of a hubconf.py and the first line of its docstring."""

    name: str
    summary: str


@dataclass(frozen=True)
class Listing:
    """The entrypoints of a repo."""

    tree: Tree
    entrypoints: Tuple[Entrypoint, ...]
    dependencies: Tuple[str, ...]
    # What hubconf.py printed; empty when cached.
    output: str
    # The result is that of an earlier run; no code ran.
    cached: bool


@dataclass(frozen=True)
class Documentation:
    """One entrypoint's docstring (None: it has none) and signature."""

    tree: Tree
    doc: Optional[str]
    signature: str
    # What hubconf.py printed; empty when cached.
    output: str
    # The result is that of an earlier run; no code ran.
    cached: bool


@dataclass(frozen=True)
class Caller:
    """Whom the daemon takes the caller for."""

    uid: int
    gid: int
    pid: int


@dataclass(frozen=True)
class Status:
    """Which daemon answers, and how it does."""

    version: str
    api_revision: int
    pid: int
    root: str
    socket: str
    sandbox: str
    sandbox_reason: str
    uptime_seconds: int
    usage_bytes: int
    jobs: int
    mode: str
    caller: Caller


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


@dataclass(frozen=True)
class Job:
    """One thing that the daemon does once for all who wait for it.

    Of a job that only others wait for: id, host, the bytes of `progress`,
    bytes_per_second and seconds_left, and nothing else.
    """

    id: int
    # "refs" or "commit" (asking an origin what a ref means), "tree", "checkpoint",
    # "unpack", "verify" or "import".
    kind: str
    # A URL without its query, a repo, a repo at a commit, a SHA-256, a directory.
    subject: str
    # The host that is asked; empty where none is.
    host: str
    # How many callers wait for it, and as which users.
    callers: int
    uids: Tuple[int, ...]
    # How far it has come; without the subject.
    progress: Progress
    # Over the last seconds.
    bytes_per_second: int
    # 0 where it is not known.
    seconds_left: int
    # When it began, seconds since 1970 UTC.
    started_at: int
    # Its own limit, in bytes a second; 0 for none.
    limit: int


@dataclass(frozen=True)
class JobList:
    """What the daemon is doing, in the order in which it began."""

    jobs: Tuple[Job, ...]
    # False where there are too many to tell all.
    complete: bool
    # Limits of what is received, in bytes a second: of the daemon as a whole, 0 for
    # none, and by host.
    limit: int
    host_limits: Mapping[str, int]


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
