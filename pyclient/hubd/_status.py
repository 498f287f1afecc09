"""How a daemon does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
    return Status(
        version=answer.version,
        api_revision=answer.api_revision,
        pid=answer.pid,
        root=answer.root,
        socket=answer.socket,
        sandbox=answer.sandbox,
        sandbox_reason=answer.sandbox_reason,
        uptime_seconds=answer.uptime_seconds,
        usage_bytes=answer.usage_bytes,
        jobs=answer.jobs,
        mode=answer.mode,
        caller=Caller(answer.caller.uid, answer.caller.gid, answer.caller.pid),
    )
