"""What was measured: medians, ratios, bounds, a table and JSON."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any


@dataclass(frozen=True)
class Samples:
    """What one side took, round by round."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def as_json(self) -> dict[str, Any]:
        return {
            "median": self.median,
            "min": min(self.values),
            "max": max(self.values),
            "samples": list(self.values),
        }


Sides = Mapping[str, Samples]


@dataclass(frozen=True)
class Figure:
    """One line of the table. Without a bound it only informs."""

    row: str
    what: str
    value: float
    # The lowest and the highest of the rounds.
    spread: tuple[float, float]
    unit: str = "x"
    bound: float | None = None
    # Whether the bound is the least that will do, not the most.
    is_least: bool = False
    sides: Sides = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        if self.bound is None:
            return True
        return self.value >= self.bound if self.is_least else self.value <= self.bound

    def as_json(self) -> dict[str, Any]:
        return {
            "row": self.row,
            "what": self.what,
            "value": self.value,
            "spread": list(self.spread),
            "unit": self.unit,
            "bound": self.bound,
            "bound_is_least": self.is_least,
            "passed": self.passed if self.bound is not None else None,
            "sides": {name: side.as_json() for name, side in self.sides.items()},
        }


def interleave(
    sides: Mapping[str, Callable[[], float]], rounds: int
) -> dict[str, Samples]:
    """Calls each side once a round, the order turned round every other time.

    Each side says itself what it took. A first round does not count: it fills caches.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        order = list(sides)
        for name in order if number % 2 else reversed(order):
            value = sides[name]()
            if number > 0:
                taken[name].append(value)
    return {name: Samples(tuple(values)) for name, values in taken.items()}


def ratio(
    row: str, sides: Sides, ours: str, peer: str, bound: float | None = None
) -> Figure:
    """The median of `ours` in medians of `peer`."""
    rounds = [a / b for a, b in zip(sides[ours].values, sides[peer].values)]
    return Figure(
        row,
        f"{ours} / {peer}",
        sides[ours].median / sides[peer].median,
        (min(rounds), max(rounds)),
        bound=bound,
        sides={name: sides[name] for name in (ours, peer)},
    )


def rates(row: str, sides: Sides, ours: str, peer: str, bound: float) -> Figure:
    """How fast `ours` is in speeds of `peer`, which is to be `bound` at least."""
    inverse = ratio(row, sides, peer, ours, bound)
    return replace(inverse, what=f"rate of {ours} / {peer}", is_least=True)


def at_most(
    row: str, what: str, values: Iterable[float], unit: str, bound: float
) -> Figure:
    """The worst of all rounds against a bound."""
    found = tuple(values)
    return Figure(
        row, what, max(found), (min(found), max(found)), unit=unit, bound=bound
    )


def median_at_most(
    row: str, what: str, values: Iterable[float], unit: str, bound: float
) -> Figure:
    """The median of all rounds against a bound."""
    found = tuple(values)
    worst = at_most(row, what, found, unit, bound)
    return replace(worst, value=statistics.median(found))


def at_least(
    row: str, what: str, values: Iterable[float], unit: str, bound: float
) -> Figure:
    """The same where more is better."""
    found = at_most(row, what, values, unit, bound)
    return replace(found, value=found.spread[0], is_least=True)


def percentile(share: float, values: Iterable[float]) -> float:
    """The least of them that is not below `share` of them."""
    ordered = sorted(values)
    return ordered[max(math.ceil(share * len(ordered)) - 1, 0)]


def table(figures: Sequence[Figure]) -> str:
    lines = [("row", "what", "value", "rounds", "bound", "")]
    for figure in figures:
        bound, verdict = "", ""
        if figure.bound is not None:
            bound = f"{'>=' if figure.is_least else '<='} {_number(figure.bound)}"
            verdict = "pass" if figure.passed else "FAIL"
        lines.append(
            (
                figure.row,
                figure.what,
                f"{_number(figure.value)} {figure.unit}",
                " .. ".join(_number(end) for end in figure.spread),
                bound,
                verdict,
            )
        )
    widths = [max(len(line[column]) for line in lines) for column in range(6)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip()
        for line in lines
    )


def medians(figures: Sequence[Figure]) -> str:
    """What each side took, once each."""
    lines = dict.fromkeys(
        f"{figure.row:<10} {name:<36} {_time(side.median):>9}"
        f"  ({_time(min(side.values))} .. {_time(max(side.values))})"
        for figure in figures
        for name, side in figure.sides.items()
    )
    return "\n".join(lines)


def _time(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{_number(seconds / size)} {unit}"
    return f"{_number(seconds * 1e6)} us"


def _number(value: float) -> str:
    """Three digits that count."""
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 4
    return f"{value:.{digits}f}"
