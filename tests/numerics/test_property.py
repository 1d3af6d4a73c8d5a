"""Interpolation in time, grouping and ranks: the same as doing it plainly."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from customervalue.numerics.along_time import at_many, by_frequency
from customervalue.numerics.compress import find_grid, group_codes, totals, unique_rows
from customervalue.numerics.ranks import rank_correlation

if TYPE_CHECKING:
    from collections.abc import Callable

SPANS = {"a point": (3.0, 3.0), "a hair": (3.0, 3.0001), "a year": (1.0, 60.0), "twelve decades": (1e-6, 1e6)}


class Counted:
    """A function that knows at how many points it was evaluated."""

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = function
        self.points = 0

    def __call__(self, times: Any) -> Any:
        self.points += times.size
        return self.function(times)


def random_times(span: tuple[float, float], n: int = 3000) -> Any:
    return np.exp(np.random.default_rng(0).uniform(*np.log(span), n))


# ---- at_many


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize(
    "function",
    [lambda t: 1 / (3 + t), lambda t: (5 / (5 + t)) ** 0.243, lambda t: t**-1.5, lambda t: 7 * np.ones_like(t)],
)
def test_smooth_functions_are_interpolated(function: Callable[[Any], Any], span: tuple[float, float]) -> None:
    times, counted = random_times(span), Counted(function)
    # The logarithm is interpolated: of size 20 at the ends, and 330 coefficients of it are added up.
    np.testing.assert_allclose(at_many(counted, times), function(times), rtol=1e-11)
    assert counted.points < times.size


@pytest.mark.parametrize("span", SPANS.values(), ids=SPANS)
@pytest.mark.parametrize(
    "function",
    [
        lambda t: 2 + np.sin(40 * t),  # zeros close to the real axis
        lambda t: np.exp(-t),  # underflows on a wide span
        lambda t: np.maximum(t - 10, 0.0),  # 0 for a while
        lambda t: 1 + np.exp(-((t - 20) ** 2)),
    ],
)
def test_other_functions_are_evaluated(function: Callable[[Any], Any], span: tuple[float, float]) -> None:
    times = random_times(span)
    np.testing.assert_allclose(at_many(function, times), function(times), rtol=1e-11, atol=1e-300)


def test_few_points_are_evaluated() -> None:
    counted = Counted(lambda t: 1 / t)
    np.testing.assert_array_equal(at_many(counted, np.array([2.0, 4.0])), [0.5, 0.25])
    assert counted.points == 2


# ---- by_frequency


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0.01, 1e4)), min_size=1, max_size=80))
def test_by_frequency_is_row_by_row(rows: list[tuple[int, float]]) -> None:
    x, t = np.array([row[0] for row in rows]), np.array([row[1] for row in rows])

    def function(k: int, times: Any) -> Any:
        return (k + 1) / (times + 0.5) ** 0.3

    expected = [(k + 1) / (time + 0.5) ** 0.3 for k, time in rows]
    np.testing.assert_allclose(by_frequency(function, x, t), expected, rtol=1e-12)


def test_by_frequency_calls_once_for_each_frequency() -> None:
    seen: list[int] = []

    def function(k: int, times: Any) -> Any:
        seen.append(k)
        return times * 0 + 1.0

    by_frequency(function, np.array([5, 0, 5, 2, 0]), np.array([1.0, 2, 3, 4, 5]))
    assert sorted(seen) == [0, 2, 5]


# ---- grouping


@given(
    st.lists(st.integers(0, 50), min_size=1, max_size=200),
    st.booleans(),
    st.sampled_from([51, 2**40]),
)
def test_group_codes_by_table_and_by_sort(codes: list[int], weighted: bool, size: int) -> None:
    # 51 cells are counted in a table, 2**40 need a sort.
    array = np.array(codes)
    weights = np.arange(array.size) % 4 if weighted else None
    groups = group_codes(array, size, weights)
    expected: Counter[int] = Counter()
    for code, weight in zip(codes, [1] * len(codes) if weights is None else weights.tolist(), strict=True):
        expected[code] += weight
    assert groups.codes.tolist() == sorted(expected)
    assert groups.counts.tolist() == [expected[code] for code in sorted(expected)]
    np.testing.assert_array_equal(groups.codes[groups.inverse], array)
    assert groups.counts.dtype == np.float64


def test_group_codes_of_spread_out_codes() -> None:
    array = np.array([2**61, 0, 2**61, 5])
    groups = group_codes(array, 2**61 + 1)
    assert (groups.codes.tolist(), groups.counts.tolist()) == ([0, 5, 2**61], [1, 1, 2])


def test_totals() -> None:
    np.testing.assert_array_equal(totals(np.array([1, 0, 1]), np.array([1.0, 2.0, 3.5]), 4), [2, 4.5, 0, 0])


@pytest.mark.parametrize("ticks", [1.0, 7.0, 24.0, 365.25, 365.25 / 12, 100.0])
def test_find_grid(ticks: float) -> None:
    times = np.arange(5000) / ticks
    assert find_grid([times], [ticks]) == ticks
    assert find_grid([times, times[::-1]], [ticks * np.pi, ticks]) == ticks


def test_find_grid_looks_at_every_time() -> None:
    times = np.arange(5000.0)
    times[4321] += 1e-9  # not among the few that are looked at first
    assert find_grid([times], [1.0]) is None
    assert find_grid([np.arange(3.0), np.array([0.5])], [1.0, 2.0]) == 2.0


@pytest.mark.parametrize("weighted", [False, True])
def test_unique_rows_off_any_grid_are_kept(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    x, T = rng.integers(0, 3, 40), rng.random(40)
    weights = rng.integers(1, 5, 40) if weighted else None
    rows = unique_rows(x, 0 * T, T, weights, [7.0])
    assert len(rows) == 40
    np.testing.assert_array_equal(rows.inverse, np.arange(40))
    np.testing.assert_array_equal(rows.counts, np.ones(40) if weights is None else weights)
    np.testing.assert_array_equal(rows.expand(T), T)


def test_unique_rows_too_far_apart_to_be_coded() -> None:
    x, T = np.array([2**40, 2**40, 0]), np.array([1e7, 1e7, 3.0])
    rows = unique_rows(x, np.array([1e6, 1e6, 0.0]), T, None, [7.0])
    np.testing.assert_array_equal(rows.expand(rows.T), T)
    assert rows.counts.sum() == 3


def test_unique_rows_are_sorted() -> None:
    rng = np.random.default_rng(1)
    x, T = rng.integers(0, 3, 500), rng.integers(1, 5, 500) / 7
    rows = unique_rows(x, np.where(x > 0, 1 / 7, 0.0), T, None, [7.0])
    keys = list(zip(rows.frequency, rows.T, rows.recency, strict=True))
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


# ---- ranks


@given(st.integers(0, 2**32), st.integers(5, 60), st.booleans())
def test_rank_correlation_is_that_of_scipy(seed: int, n: int, ties: bool) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4 if ties else 10**9, n)
    y = np.round(rng.gamma(2, 10, n) + x % 7, 0 if ties else 12)
    counts = rng.integers(1, 4, n).astype(float)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return
    found = rank_correlation(x, y, counts)
    repeat = counts.astype(int)
    expected = spearmanr(np.repeat(x, repeat), np.repeat(y, repeat)).statistic
    assert found.estimate == pytest.approx(expected, abs=1e-12)
    assert -1 <= found.low <= found.estimate <= found.high <= 1


@pytest.mark.parametrize(
    ("x", "y"), [([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]), ([1, 2, 3, 4, 5], [2, 2, 2, 2, 2]), ([1, 2, 3], [3, 1, 2])]
)
def test_rank_correlation_of_too_little(x: list[int], y: list[int]) -> None:
    found = rank_correlation(np.array(x), np.array(y, dtype=float), np.ones(len(x)))
    assert (found.estimate, found.low, found.high) == (0, -1, 1)


def test_rank_correlation_of_perfect_order() -> None:
    found = rank_correlation(np.arange(9), -np.arange(9.0), np.ones(9))
    assert (found.estimate, found.low, found.high) == (-1, -1, -1)
    assert str(found) == "-1.00 (-1.00 to -1.00)"


def test_rank_correlation_interval_bonett_wright_2000() -> None:
    # Fisher's z with variance (1 + rho**2 / 2) / (n - 3): their formula, worked by hand.
    rng = np.random.default_rng(0)
    x = rng.integers(0, 10**9, 200)
    found = rank_correlation(x, x + rng.normal(0, 5e8, 200), np.ones(200))
    z = np.arctanh(found.estimate) + np.array([-1, 1]) * 1.959963984540054 * np.sqrt((1 + found.estimate**2 / 2) / 197)
    np.testing.assert_allclose([found.low, found.high], np.tanh(z), rtol=1e-12)
