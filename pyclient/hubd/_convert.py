"""Makes of the daemon's messages what most of the client's calls return."""

from __future__ import annotations

from typing import Any, Callable, Optional, Tuple, TypeVar

from hubd import _lease
from hubd._types import Checkpoint, Progress, Tree

T = TypeVar("T")

# By the numbers of hub.proto.
_PHASES = (
    "",
    "queued",
    "resolving",
    "downloading",
    "unpacking",
    "running",
    "verifying",
    "importing",
    "waiting",
    "connecting",
)


def copied(kind: Callable[..., T], message: Any, **others: Any) -> T:
    """Makes a dataclass of a message's fields of the same names, but for `others`."""
    names = kind.__dataclass_fields__.keys() - others.keys()  # type: ignore[attr-defined]
    return kind(**{name: getattr(message, name) for name in names}, **others)


def progress(message: Any) -> Progress:
    known = message.phase < len(_PHASES)
    return copied(Progress, message, phase=_PHASES[message.phase] if known else "")


def tree(message: Any, lease: Optional[_lease.Lease] = None) -> Tree:
    return copied(Tree, message, warnings=tuple(message.warnings), lease=lease)


def checkpoint(message: Any, leases: Tuple[_lease.Lease, ...] = ()) -> Checkpoint:
    return copied(
        Checkpoint,
        message,
        members=tuple(message.members),
        warnings=tuple(message.warnings),
        leases=leases,
    )
