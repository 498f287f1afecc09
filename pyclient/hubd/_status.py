"""How a daemon does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hubd import _convert


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


def status(answer: Any) -> Status:
    caller = _convert.copied(Caller, answer.caller)
    return _convert.copied(Status, answer, caller=caller)
