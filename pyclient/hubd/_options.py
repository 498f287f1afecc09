"""What a call uses unless it is told otherwise: `options` and the environment.

Everything is read when a call is made, so that a change of the environment or
an enclosing `with hubd.options(...)` counts at once.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
from typing import Iterator, NamedTuple, Optional, Union

from hubd._errors import InvalidArgument

Timeout = Union[float, str]

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Options(NamedTuple):
    """Choices that hold inside a `with hubd.options(...)`; None: not chosen."""

    offline: Optional[bool] = None
    timeout: Optional[float] = None
    refresh: Optional[bool] = None


_current: contextvars.ContextVar[Options] = contextvars.ContextVar(
    "hubd_options", default=Options()
)


@contextlib.contextmanager
def options(
    *,
    offline: Optional[bool] = None,
    timeout: Optional[Timeout] = None,
    refresh: Optional[bool] = None,
) -> Iterator[None]:
    """Changes what the calls inside the block do.

    offline: True answers from the cache only; False heeds no HUBD_OFFLINE.
    timeout: for each call as a whole, in seconds, or "500ms", "30s", "5m".
    refresh: ask the origin whether what is cached is still what it has.

    What is left out stays as the enclosing block, or the environment, has it.
    A thread that is started inside begins without these options.
    """
    chosen = _current.get()
    if offline is not None:
        chosen = chosen._replace(offline=offline)
    if timeout is not None:
        chosen = chosen._replace(timeout=seconds(timeout))
    if refresh is not None:
        chosen = chosen._replace(refresh=refresh)
    token = _current.set(chosen)
    try:
        yield
    finally:
        _current.reset(token)


def seconds(value: Timeout) -> float:
    """Turns 30, "30", "30s", "5m", "1h" or "500ms" into seconds."""
    if not isinstance(value, str):
        return float(value)
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|)", value.strip())
    if match is None:
        raise InvalidArgument(
            f'invalid timeout "{value}": write 30, 30s, 5m, 1h or 500ms'
        )
    return float(match.group(1)) * _UNITS[match.group(2)]


def is_on(variable: str) -> bool:
    """Whether an environment variable says 1, true, yes or on."""
    return os.environ.get(variable, "").lower() in ("1", "true", "yes", "on")


def is_off(variable: str) -> bool:
    """Whether an environment variable says 0, false, no or off."""
    return os.environ.get(variable, "").lower() in ("0", "false", "no", "off")


def offline() -> bool:
    """Whether the network may not be used."""
    chosen = _current.get().offline
    if chosen is not None:
        return chosen
    return is_on("HUBD_OFFLINE") or is_on("HF_HUB_OFFLINE")


def refresh() -> bool:
    """Whether the origin shall be asked even on a hit."""
    return bool(_current.get().refresh)


def timeout(default: Optional[float]) -> Optional[float]:
    """How long a call may take, in seconds; None: as long as it takes."""
    chosen = _current.get().timeout
    if chosen is not None:
        return chosen
    if default is not None:
        return default
    value = os.environ.get("HUBD_TIMEOUT", "")
    return seconds(value) if value else None
