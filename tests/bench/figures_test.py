from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.bench.figures import (
    Samples,
    at_least,
    at_most,
    interleave,
    median_at_most,
    medians,
    percentile,
    rates,
    ratio,
    table,
)


def side(*values: float) -> Samples:
    return Samples(values)


def test_a_ratio_is_one_of_medians_and_tells_the_rounds() -> None:
    # One slow round decides nothing.
    sides = {"hubd": side(2.0, 9.0, 3.0), "curl": side(2.0, 2.0, 4.0)}
    figure = ratio("fetch", sides, "hubd", "curl", bound=1.5)
    assert figure.value == 1.5
    assert figure.spread == (0.75, 4.5)
    assert figure.what == "hubd / curl"


@pytest.mark.parametrize(
    "value, bound, passed", [(1.5, 1.5, True), (1.51, 1.5, False), (9.0, None, True)]
)
def test_the_bound_itself_is_within(
    value: float, bound: float | None, passed: bool
) -> None:
    sides = {"a": side(value), "b": side(1.0)}
    assert ratio("row", sides, "a", "b", bound).passed == passed


def test_of_a_limit_the_worst_round_counts() -> None:
    figure = at_most("fetch", "memory", [3.0, 70.0, 5.0], "MiB", bound=64)
    assert figure.value == 70 and not figure.passed
    assert figure.spread == (3.0, 70.0)


def test_of_a_limit_from_below_the_least_round_counts() -> None:
    figure = at_least("A6", "breaks", [3, 1, 2], "", bound=2)
    assert figure.value == 1 and not figure.passed
    assert at_least("A6", "breaks", [3, 2], "", bound=2).passed


@pytest.mark.parametrize("bound, passed", [(2.0, True), (2.01, False)])
def test_a_rate_is_the_other_way_round(bound: float, passed: bool) -> None:
    sides = {"hubd": side(2.0, 1.0, 3.0), "aria2": side(4.0, 4.0, 3.0)}
    figure = rates("A2", sides, "hubd", "aria2", bound)
    assert figure.value == 2 and figure.spread == (1.0, 4.0)
    assert figure.what == "rate of hubd / aria2"
    assert figure.passed == passed
    assert figure.as_json()["bound_is_least"] is True


@pytest.mark.parametrize("bound, passed", [(2, True), (1.9, False)])
def test_of_a_limit_to_the_median_some_are_worse(bound: float, passed: bool) -> None:
    figure = median_at_most("A7", "the digest", iter([9.0, 1.0, 2.0]), "s", bound)
    assert (figure.value, figure.spread) == (2, (1, 9))
    assert figure.passed == passed


@pytest.mark.parametrize(
    "share, count, expected",
    [(0.99, 1, 1), (0.99, 99, 99), (0.99, 100, 99), (0.99, 200, 198), (0.5, 3, 2)],
)
def test_a_percentile_is_one_of_the_values(
    share: float, count: int, expected: int
) -> None:
    assert percentile(share, range(count, 0, -1)) == expected


def test_sides_take_turns_and_the_first_round_does_not_count() -> None:
    seen = []

    def call(name: str) -> Callable[[], float]:
        def measure() -> float:
            seen.append(name)
            return float(len(seen))

        return measure

    taken = interleave({"a": call("a"), "b": call("b")}, 2)
    assert seen == ["b", "a", "a", "b", "b", "a"]
    assert taken == {"a": side(3.0, 6.0), "b": side(4.0, 5.0)}


def test_the_table_shows_value_rounds_bound_and_verdict() -> None:
    sides = {"hubd": side(0.003, 0.003), "curl": side(0.001, 0.002)}
    figures = [
        ratio("fetch", sides, "hubd", "curl", bound=1.5),
        at_most("fetch", "memory", [2.0], "MiB", bound=64),
        ratio("fetch", sides, "curl", "hubd"),
        rates("fetch", sides, "hubd", "curl", bound=0.9),
    ]
    assert table(figures).splitlines() == [
        "row    what                 value     rounds        bound",
        "fetch  hubd / curl          2.00 x    1.50 .. 3.00  <= 1.50  FAIL",
        "fetch  memory               2.00 MiB  2.00 .. 2.00  <= 64.0  pass",
        "fetch  curl / hubd          0.50 x    0.33 .. 0.67",
        "fetch  rate of hubd / curl  0.50 x    0.33 .. 0.67  >= 0.90  FAIL",
    ]
    # Each side once, in a unit that can be read.
    assert [line.split() for line in medians(figures).splitlines()] == [
        "fetch hubd 3.00 ms (3.00 ms .. 3.00 ms)".split(),
        "fetch curl 1.50 ms (1.00 ms .. 2.00 ms)".split(),
    ]


def test_json_has_every_sample_and_no_verdict_without_a_bound() -> None:
    sides = {"hubd": side(2.0, 4.0), "curl": side(1.0, 1.0)}
    document = ratio("fetch", sides, "hubd", "curl").as_json()
    assert document["sides"]["hubd"] == {
        "median": 3.0,
        "min": 2.0,
        "max": 4.0,
        "samples": [2.0, 4.0],
    }
    assert document["passed"] is None and document["bound"] is None
    assert ratio("fetch", sides, "hubd", "curl", 1.0).as_json()["passed"] is False
