"""Draws a call's progress on stderr.

Nothing is drawn for calls that are over within half a second, nor for a wait of
up to a second. Without tqdm a plain line appears now and then. HUBD_PROGRESS=0
silences all of it.
"""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any, Callable, Optional

from hubd import _options

if TYPE_CHECKING:
    from hubd._types import Progress

_QUIET_SECONDS = 0.5
_LINE_SECONDS = 5.0
_SHORT_WAIT_SECONDS = 1.0
_SHOWN = ("connecting", "downloading", "unpacking", "waiting")


class Bar:
    """A context manager, and the callback for a call's progress."""

    def __init__(
        self, enabled: bool, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._enabled = enabled and not _options.is_off("HUBD_PROGRESS")
        self._clock = clock
        self._started = clock()
        self._bar: Any = None
        self._last_line: Optional[float] = None
        self._shown_state = ""

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, *error: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def __call__(self, progress: Progress) -> None:
        if not self._enabled or progress.phase not in _SHOWN:
            return
        if self._clock() - self._started < _QUIET_SECONDS:
            return
        ends_soon = progress.resume_at <= time.time() + _SHORT_WAIT_SECONDS
        if progress.phase == "waiting" and ends_soon:
            return
        tqdm = tqdm_class()
        if tqdm is None:
            self._line(progress)
        else:
            self._draw(tqdm, progress)

    def _draw(self, tqdm: Any, progress: Progress) -> None:
        if self._bar is None:
            self._bar = tqdm(
                total=progress.total_bytes or None,
                unit="B",
                unit_scale=True,
                unit_divisor=1024,
                file=sys.stderr,
            )
        self._bar.total = progress.total_bytes or None
        # A call that is issued again begins with fewer bytes.
        self._bar.update(progress.done_bytes - self._bar.n)
        state = _state(progress)
        if state != self._shown_state:
            self._shown_state = state
            self._bar.set_postfix_str(state)

    def _line(self, progress: Progress) -> None:
        now = self._clock()
        if self._last_line is not None and now - self._last_line < _LINE_SECONDS:
            return
        self._last_line = now
        done = f"{progress.done_bytes / 2**20:.1f}"
        total = (
            f" of {progress.total_bytes / 2**20:.1f}" if progress.total_bytes else ""
        )
        until = _until(progress)
        rest = f", {until}" if until else ""
        sys.stderr.write(
            f"{progress.phase} {progress.subject}: {done}{total} MiB{rest}\n"
        )


def _state(progress: Progress) -> str:
    """What a download waits for; empty where bytes come."""
    if progress.phase not in ("connecting", "waiting"):
        return ""
    return f"{progress.phase} {_until(progress)}".rstrip()


def _until(progress: Progress) -> str:
    """Until when a download waits, and why; empty where it does not."""
    if progress.phase != "waiting":
        return ""
    until = time.strftime("%H:%M:%S", time.localtime(progress.resume_at))
    error = f": {progress.last_error}" if progress.last_error else ""
    return f"until {until}{error}"


def tqdm_class() -> Any:
    """tqdm, or None where it is not installed."""
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm
