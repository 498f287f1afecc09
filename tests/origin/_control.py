"""What a test can do to the answers: hold them, slow them, cut them, replace them.

A rule is for one host ("" is every host) and for the targets (path and query as
sent) that begin with its prefix; or of these only for requests for a range that is
not the first. It lasts until `remove()`. Thread-safe.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TypeVar

from tests.origin._message import Request, Response

R = TypeVar("R", bound="Rule")
_LATER = re.compile("bytes=0*[1-9]")


class Rules:
    """The rules in force, oldest first."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._rules: list[Rule] = []
        self._interrupts = 0
        self._later_only = False

    @contextmanager
    def later_ranges_only(self) -> Iterator[None]:
        """Rules that are added inside are for ranges that are not the first."""
        with self.changed:
            self._later_only = True
            try:
                yield
            finally:
                self._later_only = False

    def add(self, rule: Rule) -> None:
        with self.changed:
            rule.later_only = self._later_only
            self._rules.append(rule)

    def remove(self, rule: Rule) -> None:
        with self.changed:
            if rule in self._rules:
                self._rules.remove(rule)

    def answer(self, request: Request) -> Response | None:
        """The newest canned answer that matches, if there is one."""
        with self.changed:
            for rule in reversed(self._rules):
                if isinstance(rule, Answer) and rule.matches(request):
                    return rule.take()
        return None

    def shape(self, request: Request, body: Iterable[bytes]) -> Iterable[bytes]:
        with self.changed:
            rules = [rule for rule in self._rules if rule.matches(request)]
        for rule in rules:
            body = rule.shape(body)
        return body

    def interrupt(self) -> None:
        """Ends every wait below with ConnectionAbortedError."""
        with self.changed:
            self._interrupts += 1
            self.changed.notify_all()

    def wait(self, rule: Rule, timeout: float | None = None) -> None:
        """Waits until `rule` lets go or the time is over."""
        with self.changed:
            before = self._interrupts
            self.changed.wait_for(
                lambda: rule.lets_go() or self._interrupts != before, timeout
            )
            if self._interrupts != before:
                raise ConnectionAbortedError("the origin was stopped")


class Rule:
    """As a context manager it is removed at the end."""

    later_only = False

    def __init__(self, rules: Rules, host: str, path_prefix: str) -> None:
        self._rules = rules
        self._host = host
        self._prefix = path_prefix

    def matches(self, request: Request) -> bool:
        if self.later_only and not _LATER.match(request.headers.get("Range", "")):
            return False
        return self._host in ("", request.host) and request.target.startswith(
            self._prefix
        )

    def shape(self, body: Iterable[bytes]) -> Iterable[bytes]:
        return body

    def lets_go(self) -> bool:
        return False

    def remove(self) -> None:
        self._rules.remove(self)

    def __enter__(self: R) -> R:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


class Gate(Rule):
    """Lets headers and the first `after` bytes of a body out, and no more.

    As a context manager it is released at the end.
    """

    def __init__(self, rules: Rules, host: str, path_prefix: str, after: int) -> None:
        super().__init__(rules, host, path_prefix)
        self._after = after
        self._reached = 0
        self._released = False

    @property
    def reached(self) -> int:
        """How many responses have come to the gate so far."""
        with self._rules.changed:
            return self._reached

    def wait_reached(self, n: int = 1, timeout: float = 30) -> None:
        """Waits until `n` responses have come to the gate; TimeoutError if not."""
        with self._rules.changed:
            if not self._rules.changed.wait_for(lambda: self._reached >= n, timeout):
                raise TimeoutError(f"{self._reached} of {n} came to the gate")

    def release(self) -> None:
        """Lets all go on, and later ones through."""
        self.remove()

    def remove(self) -> None:
        super().remove()
        with self._rules.changed:
            self._released = True
            self._rules.changed.notify_all()

    def lets_go(self) -> bool:
        return self._released

    def shape(self, body: Iterable[bytes]) -> Iterator[bytes]:
        left = self._after
        held = False
        for piece in body:
            if not held and len(piece) > left:
                yield piece[:left]
                self._hold()
                held = True
                piece = piece[left:]
            left -= len(piece)
            yield piece
        if not held:
            self._hold()

    def _hold(self) -> None:
        with self._rules.changed:
            self._reached += 1
            self._rules.changed.notify_all()
        self._rules.wait(self)


class RateLimit(Rule):
    """Lets all matching bodies together go at so many bytes per second."""

    def __init__(self, rules: Rules, host: str, path_prefix: str, rate: int) -> None:
        super().__init__(rules, host, path_prefix)
        self._rate = rate
        self._mutex = threading.Lock()
        self._free_at = 0.0
        self._removed = False

    def remove(self) -> None:
        super().remove()
        with self._rules.changed:
            self._removed = True
            self._rules.changed.notify_all()

    def lets_go(self) -> bool:
        return self._removed

    def shape(self, body: Iterable[bytes]) -> Iterator[bytes]:
        step = max(1, self._rate // 20)
        for piece in body:
            start = 0
            while start < len(piece):
                part = piece[start:] if self._removed else piece[start : start + step]
                self._rules.wait(self, self._reserve(len(part)))
                yield part
                start += len(part)

    def _reserve(self, count: int) -> float:
        """Takes the next place in the queue; returns the seconds until then."""
        with self._mutex:
            now = time.monotonic()
            self._free_at = max(now, self._free_at) + count / self._rate
            return self._free_at - now


class Cut(Rule):
    """Breaks the connection after so many bytes of a body."""

    def __init__(self, rules: Rules, host: str, path_prefix: str, after: int) -> None:
        super().__init__(rules, host, path_prefix)
        self._after = after

    def shape(self, body: Iterable[bytes]) -> Iterator[bytes]:
        left = self._after
        for piece in body:
            yield piece[:left]
            left -= len(piece)
            if left < 0:
                raise ConnectionAbortedError("a rule cuts the answer")


class Answer(Rule):
    """A canned answer, for the next `times` requests (None: for all)."""

    def __init__(
        self,
        rules: Rules,
        host: str,
        path_prefix: str,
        response: Response,
        times: int | None,
    ) -> None:
        super().__init__(rules, host, path_prefix)
        self._response = response
        self._times = times

    def matches(self, request: Request) -> bool:
        return self._times != 0 and super().matches(request)

    def take(self) -> Response:
        """REQUIRES: the rules' lock is held."""
        if self._times is not None:
            self._times -= 1
        return self._response
