"""Survival curves: the published 6-MP trial, SciPy and lifelines, a count by hand, identities, and bad input."""

from __future__ import annotations

import json
import math
import pickle
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import CensoredData, ecdf, logrank

from customervalue.errors import InvalidInputError, WeaklyIdentifiedWarning
from customervalue.retention import compare_survival, survival_curve

REFERENCE = Path(__file__).parents[1] / "reference"
WEEKS, SEEN = np.loadtxt(REFERENCE / "km_6mp.csv", delimiter=",", skiprows=1).T
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]
CASES = json.loads((REFERENCE / "survival_points.json").read_text(encoding="utf-8"))["cases"]


def made_up(seed: int, n: int, *, whole: bool = True, late: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    life, watch = rng.exponential(9, n), rng.uniform(1, 20, n)
    duration, entry = np.minimum(life, watch), np.where(rng.random(n) < 0.5, rng.uniform(0, 5, n), 0)
    if whole:
        duration, entry = np.ceil(duration), np.floor(entry)
    keep = duration > entry if late else np.ones(n, np.bool_)
    columns = {"duration": duration[keep], "churned": (life <= watch)[keep]}
    return columns | ({"entry": entry[keep]} if late else {})


def by_hand(duration: Any, churned: Any, entry: Any) -> dict[float, Fraction]:
    """Survival after each age, in fractions, from one look at every customer at every age."""
    curve, share = {}, Fraction(1)
    for age in sorted(set(duration)):
        at_risk = sum(1 for d, e in zip(duration, entry, strict=True) if (e < age or e == 0) and d >= age)
        gone = sum(1 for d, c in zip(duration, churned, strict=True) if d == age and c)
        share *= 1 - Fraction(gone, at_risk)
        curve[float(age)] = share
    return curve


# ---- published


@pytest.mark.parametrize(
    ("age", "survival", "error"),
    [
        (6, 0.857143, 0.076360), (7, 0.806723, 0.086935), (10, 0.752941, 0.096350), (13, 0.690196, 0.106815),
        (16, 0.627451, 0.114054), (22, 0.537815, 0.128234), (23, 0.448179, 0.134591),
    ],
)  # fmt: skip
def test_6mp(age: float, survival: float, error: float) -> None:
    # Freireich et al. (1963), Blood 21(6), 699-716; Klein & Moeschberger (2003), table 4.1A, there to three digits.
    curve = survival_curve(WEEKS, SEEN)
    assert curve.survival(age) == pytest.approx(survival, abs=5e-7)
    assert curve.standard_errors[curve.ages == age] == pytest.approx(error, abs=5e-7)


def test_6mp_median_and_mean() -> None:
    curve = survival_curve(WEEKS, SEEN)
    assert curve.median == 23
    # Klein & Moeschberger (2003), section 4.5: 23.29 weeks of 35, standard error 2.83.
    mean = curve.restricted_mean(35)
    assert (mean.estimate, mean.standard_error) == (pytest.approx(23.29, abs=5e-3), pytest.approx(2.83, abs=5e-3))


def test_6mp_against_placebo() -> None:
    # The log-rank statistic of this trial is in many textbooks: 16.79; 9 relapses where 19.25 were due, 21 for 10.75.
    group = ["6-MP"] * WEEKS.size + ["placebo"] * len(PLACEBO)
    test = compare_survival([*WEEKS, *PLACEBO], [*SEEN, *[1] * len(PLACEBO)], group)
    assert test.statistic == pytest.approx(16.79, abs=5e-3)
    assert test.expected == pytest.approx([19.25, 10.75], abs=5e-3)
    assert test.observed.tolist() == [9, 21]
    assert test.df == 1


# ---- oracles


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("n", [1, 2, 30, 3000])
def test_scipy_curve(n: int, whole: bool) -> None:
    data = made_up(n, n, whole=whole)
    curve = survival_curve(**data)
    theirs = ecdf(CensoredData.right_censored(data["duration"], ~data["churned"])).sf
    assert np.array_equal(curve.ages, theirs.quantiles)
    assert curve.estimate == pytest.approx(theirs.probabilities, abs=1e-14, rel=1e-14)


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_scipy_interval(level: float) -> None:
    data = made_up(5, 300)
    curve = survival_curve(**data, level=level)
    theirs = ecdf(CensoredData.right_censored(data["duration"], ~data["churned"])).sf.confidence_interval(
        level, method="log-log"
    )
    inner = (curve.estimate > 0) & (curve.estimate < 1)
    assert curve.low[inner] == pytest.approx(theirs.low.probabilities[inner], rel=1e-12)
    assert curve.high[inner] == pytest.approx(theirs.high.probabilities[inner], rel=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_lifelines_curve(case: Any) -> None:
    data, theirs = dict(case["data"]), case["curve"]
    data.pop("group")
    curve = survival_curve(**data)
    ages = np.array(theirs["ages"])
    known = (ages >= curve.origin) & (ages <= curve.ages[-1])
    assert curve.survival(ages[known]) == pytest.approx(np.array(theirs["survival"])[known], abs=1e-12)
    low, high = curve.interval(ages[known])
    inner = (curve.survival(ages[known]) < 1) & (curve.survival(ages[known]) > 0)
    assert low[inner] == pytest.approx(np.array(theirs["low"])[known][inner], abs=1e-10)
    assert high[inner] == pytest.approx(np.array(theirs["high"])[known][inner], abs=1e-10)


@pytest.mark.parametrize("case", CASES)
def test_lifelines_log_rank(case: Any) -> None:
    data, theirs = dict(case["data"]), case["log_rank"]
    data.pop("entry")
    test = compare_survival(**data)
    assert test.statistic == pytest.approx(theirs["statistic"], rel=1e-9)
    assert test.p_value == pytest.approx(theirs["p"], rel=1e-8)
    assert test.df == theirs["df"] == 2


@pytest.mark.parametrize("seed", range(5))
def test_scipy_log_rank(seed: int) -> None:
    one, other = made_up(seed, 80), made_up(seed + 100, 60)
    group = [0] * one["duration"].size + [1] * other["duration"].size
    columns = [np.concatenate([one[name], other[name]]) for name in ("duration", "churned")]
    test = compare_survival(*columns, group)
    theirs = logrank(*(CensoredData.right_censored(d["duration"], ~d["churned"]) for d in (one, other)))
    assert test.statistic == pytest.approx(theirs.statistic**2, rel=1e-10)
    assert test.p_value == pytest.approx(theirs.pvalue, rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_curve_by_hand_with_late_entry(seed: int) -> None:
    data = made_up(seed, 60, late=True)
    curve = survival_curve(**data)
    expected = by_hand(data["duration"], data["churned"], data["entry"])
    assert curve.survival(list(expected)) == pytest.approx([float(share) for share in expected.values()], abs=1e-14)


def test_log_rank_by_hand_with_late_entry() -> None:
    data = made_up(3, 80, late=True)
    duration, churned, entry = data["duration"], data["churned"], data["entry"]
    group = np.arange(duration.size) % 3
    gap, spread = np.zeros(3), np.zeros((3, 3))
    for age in np.unique(duration[churned]):
        there = ((entry < age) | (entry == 0)) & (duration >= age)
        gone = churned & (duration == age)
        n, d = there.sum(), gone.sum()
        share = np.array([there[group == g].sum() for g in range(3)]) / n
        gap += [gone[group == g].sum() for g in range(3)] - d * share
        if n > 1:
            spread += d * (n - d) / (n - 1) * (np.diag(share) - np.outer(share, share))
    test = compare_survival(duration, churned, group, entry=entry)
    assert test.covariance == pytest.approx(spread, abs=1e-12)
    assert test.statistic == pytest.approx(gap @ np.linalg.pinv(spread) @ gap, rel=1e-10)


# ---- properties

CUSTOMERS = st.lists(
    st.tuples(st.integers(0, 12), st.booleans(), st.integers(0, 12), st.integers(1, 3)), min_size=1, max_size=25
)


def columns(customers: Any) -> dict[str, Any]:
    """Entries that are not before the end become 0: watched from the start."""
    duration, churned, entry, weights = (np.array(column) for column in zip(*customers, strict=True))
    return {"duration": duration, "churned": churned, "entry": np.where(entry < duration, entry, 0), "weights": weights}


@pytest.mark.filterwarnings("ignore:nobody is under observation")
@given(CUSTOMERS, st.randoms(use_true_random=False))
def test_weights_are_repeated_rows_in_any_order(customers: Any, random: Any) -> None:
    data = columns(customers)
    weights = data.pop("weights")
    places = np.repeat(np.arange(weights.size), weights).tolist()
    random.shuffle(places)
    one = survival_curve(**data, weights=weights)
    other = survival_curve(**{name: column[places] for name, column in data.items()})
    for name in ("ages", "at_risk", "churned", "censored", "entered", "estimate", "low", "high"):
        assert np.array_equal(getattr(one, name), getattr(other, name))
    assert one.n_customers == other.n_customers == weights.sum()


@pytest.mark.filterwarnings("ignore:nobody is under observation")
@given(CUSTOMERS)
def test_curves_fall_and_stay_within_their_intervals(customers: Any) -> None:
    curve = survival_curve(**columns(customers))
    assert np.all(np.diff(curve.estimate) <= 0)
    assert np.all((curve.low >= 0) & (curve.low <= curve.estimate) & (curve.estimate <= curve.high) & (curve.high <= 1))
    assert np.all(np.isfinite(curve.standard_errors))
    assert curve.churned.sum() + curve.censored.sum() == curve.n_customers
    left = curve.churned + curve.censored
    assert np.array_equal(curve.at_risk[1:], (curve.at_risk - left + curve.entered)[:-1])


@given(CUSTOMERS)
def test_entries_at_0_change_nothing(customers: Any) -> None:
    data = columns(customers) | {"entry": None}
    one = survival_curve(**data)
    other = survival_curve(**data | {"entry": np.zeros(len(customers))})
    assert np.array_equal(one.estimate, other.estimate)
    assert np.array_equal(one.at_risk, other.at_risk)


@given(st.lists(st.integers(0, 20), min_size=1, max_size=40), st.integers(1, 25))
def test_without_censoring_it_is_the_plain_share_and_mean(lives: list[int], horizon: int) -> None:
    life = np.array(lives)
    curve = survival_curve(life, np.ones(life.size))
    ages = np.arange(26)
    assert curve.survival(ages) == pytest.approx([np.mean(life > age) for age in ages], abs=1e-14)
    mean = curve.restricted_mean(horizon)
    cut = np.minimum(life, horizon)
    assert mean.estimate == pytest.approx(cut.mean())
    assert mean.standard_error == pytest.approx(cut.std() / math.sqrt(life.size), abs=1e-9)


def test_retention_rates_multiply_to_the_curve() -> None:
    curve = survival_curve(**made_up(8, 400))
    ages = [1, 2, 4, 7, 12]
    assert np.cumprod(curve.retention(ages)) == pytest.approx(curve.survival(ages))
    rates = curve.by_age(ages)
    assert rates.retention[0] == curve.survival(1)
    assert rates.at_risk.tolist() == [400, *((curve.at_risk[curve.ages > age][0]) for age in ages[:-1])]
    assert rates.churned.sum() == curve.churned[curve.ages <= 12].sum()
    assert np.all((rates.low < rates.retention) & (rates.retention < rates.high))


def test_a_retention_rate_is_the_curve_of_those_who_reach_the_age() -> None:
    data = made_up(8, 400)
    later = data["duration"] > 3
    rates = survival_curve(**data).by_age([3, 6])
    rest = survival_curve(data["duration"][later], data["churned"][later])
    low, high = rest.interval(6)
    assert (rates.retention[1], rates.low[1], rates.high[1]) == (
        pytest.approx(rest.survival(6)), pytest.approx(low), pytest.approx(high),
    )  # fmt: skip


# ---- what a curve says


def test_between_and_beyond_the_ages() -> None:
    curve = survival_curve([2, 4, 4, 6], [1, 1, 0, 0])
    assert curve.survival([0, 1.99, 2, 3.9, 4, 6]).tolist() == [1, 1, 0.75, 0.75, 0.5, 0.5]
    assert curve.survival(3).shape == ()
    assert curve.survival([[0, 2], [4, 6]]).shape == (2, 2)
    assert curve.numbers_at_risk([0, 2, 2.5, 4, 6, 7]).tolist() == [4, 4, 3, 3, 1, 0]
    with pytest.raises(InvalidInputError, match="`t` must not exceed 6, the last age observed, and is 7"):
        curve.survival([1, 7])
    with pytest.raises(InvalidInputError, match=r"A share of 0\.5 stayed longer"):
        curve.restricted_mean(10)
    with pytest.raises(InvalidInputError, match="`t` must be finite and not negative"):
        curve.survival(math.nan)


def test_a_curve_that_ends_at_0_goes_on_at_0() -> None:
    curve = survival_curve([2, 4, 5], [1, 0, 1])
    assert curve.survival([5, 100]).tolist() == [0, 0]
    assert curve.standard_errors[-1] == 0
    low, high = curve.interval([4, 5, 100])
    assert low[1:].tolist() == [0, 0]
    assert high.tolist() == [high[0]] * 3
    with pytest.raises(InvalidInputError, match="nobody stays longer than 5"):
        curve.retention([5, 6])


def test_before_the_first_churn_the_interval_is_exact() -> None:
    # Nobody of n gone: the lower end is the share at which that has a chance of 2.5 %.
    curve = survival_curve([3, 4, 5, 6], [0, 0, 1, 0])
    assert curve.low[:2] == pytest.approx([0.025 ** (1 / 4), 0.025 ** (1 / 3)])
    low, high = curve.interval([0, 3, 3.5, 4, 4.5])
    assert low == pytest.approx(0.025 ** (1 / np.array([4, 4, 3, 3, 2])))
    assert high.tolist() == [1] * 5
    assert survival_curve([3, 4], [0, 0]).by_age([3]).low == pytest.approx(0.025**0.5)


def test_all_at_once() -> None:
    curve = survival_curve([3, 3, 3], [1, 1, 1])
    assert (curve.low.tolist(), curve.high) == ([0], pytest.approx([1 - 0.025 ** (1 / 3)]))
    assert curve.by_age([3]).high == pytest.approx(1 - 0.025 ** (1 / 3))


def test_quantiles() -> None:
    curve = survival_curve([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [1] * 7 + [0] * 3)
    assert (curve.quantile(0.1), curve.median, curve.quantile(0.7)) == (1, 5, 7)
    assert curve.quantile(0.75) is None
    many = survival_curve(np.arange(1, 101), np.ones(100))
    low, high = many.quantile_interval()
    assert high is not None
    assert many.low[many.ages == low] <= 0.5 < many.low[many.ages == low - 1]
    assert many.high[many.ages == high] <= 0.5 < many.high[many.ages == high - 1]
    assert survival_curve([4, 5], [0, 0]).quantile_interval(0.999) == (5.0, None)
    with pytest.raises(InvalidInputError, match="`share` must lie between 0 and 1"):
        curve.quantile(1)


def test_late_entry_says_nothing_of_the_time_before() -> None:
    curve = survival_curve([5, 7, 9], [1, 1, 0], entry=[2, 3, 2])
    assert curve.origin == 2
    assert curve.at_risk.tolist() == [0, 2, 3, 2, 1]
    assert curve.survival(2) == 1
    assert curve.restricted_mean(9).estimate == pytest.approx(3 + 2 * 2 / 3 + 2 / 3)
    assert curve.retention([5])[0] == pytest.approx(2 / 3)
    with pytest.raises(InvalidInputError, match="`t` must not be below 2, and goes down to 0"):
        curve.survival([0, 5])


def test_whoever_left_before_the_data_begin_is_not_missed() -> None:
    rng = np.random.default_rng(1)
    life = rng.exponential(10, 40_000)
    entry = rng.uniform(0, 15, life.size)
    seen = life > entry
    assert survival_curve(life[seen], np.ones(seen.sum()), entry=entry[seen]).survival(10) == pytest.approx(
        math.exp(-1), abs=0.02
    )
    assert survival_curve(life[seen], np.ones(seen.sum())).survival(10) > 0.5


@pytest.mark.parametrize(
    ("duration", "churned", "entry", "match"),
    [
        ([2, 8, 9], [1, 1, 0], [0, 4, 4], "between the ages 2 and 4.*the curve is 0 from there on"),
        ([2, 8, 9], [0, 1, 0], [0, 4, 4], "between the ages 2 and 4.*as if nobody churned there"),
    ],
)
def test_ages_at_which_nobody_is_watched(duration: Any, churned: Any, entry: Any, match: str) -> None:
    with pytest.warns(WeaklyIdentifiedWarning, match=match):
        survival_curve(duration, churned, entry=entry)


def test_nothing_is_changed_or_shared() -> None:
    duration, churned = np.array([3.0, -0.0]), np.array([1, 0])
    curve = survival_curve(duration, churned, weights=[2, 0])
    assert curve.n_customers == 2
    assert duration.tolist() == [3, 0]
    assert churned.dtype == np.int64
    assert np.array_equal(pickle.loads(pickle.dumps(curve)).estimate, curve.estimate)


def test_every_kind_of_flag() -> None:
    expected = survival_curve([3, 5], [True, False]).estimate
    for flags in ([1, 0], [1.0, 0.0], np.array([True, False], object), pd.array([True, False], "boolean")):
        assert np.array_equal(survival_curve(pd.Series([3, 5]), flags).estimate, expected)


def test_tables() -> None:
    curve = survival_curve(WEEKS, SEEN)
    frame = curve.to_frame("pandas")
    names = ["age", "at_risk", "churned", "censored", "entered", "hazard", "survival", "standard_error", "low", "high"]
    assert frame.columns.tolist() == names
    assert frame["at_risk"].tolist()[:3] == [21, 17, 16]
    plain = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert (plain["median"], plain["origin"], plain["n_customers"]) == (23, 0, 21)
    assert "21 customers: 9 ends seen, 12 censored" in repr(curve)
    assert "<table>" in curve._repr_html_()
    assert "..." in repr(survival_curve(np.arange(50), np.ones(50)))
    assert "median not reached: more than half last longer than 2" in repr(survival_curve([1, 2], [0, 0]))
    assert json.dumps(curve.by_age([6, 10]).to_dict(), allow_nan=False)
    assert curve.by_age([6, 10])._repr_html_().count("<tr>") == 3
    test = compare_survival([1, 2, 3, 4], [1, 1, 1, 0], ["a", "b", "a", "b"])
    assert json.dumps(test.to_dict(), allow_nan=False)
    assert test.to_frame("polars")["group"].to_list() == ["a", "b"]
    assert "<caption>Log-rank test" in test._repr_html_()


# ---- input checks


def problems_of(*arguments: Any, **named: Any) -> tuple[Any, str]:
    with pytest.raises(InvalidInputError, match="in the durations") as caught:
        survival_curve(*arguments, **named)
    return caught.value.problems, str(caught.value)


def test_every_problem_is_reported_at_once() -> None:
    problems, text = problems_of([-1, 5, np.nan, 4], [1, 2, 0, 1], entry=[0, 5, 1, -2], weights=[1, 1.5, 1, -1])
    assert [(p.argument, p.count) for p in problems] == [
        ("duration", 1), ("churned", 1), ("duration", 1), ("entry", 1), ("entry", 1), ("weights", 2),
    ]  # fmt: skip
    assert "`duration` must not be negative: 1 row breaks this (first: row 0, duration=-1)" in text
    assert "`churned` must be True or False, or 1 or 0: 1 row breaks this (first: row 1, churned=2)" in text
    assert "`entry` must be smaller than `duration`: 1 row breaks this (first: row 1, entry=5, duration=5)" in text
    assert "they are not sampling weights" in text
    assert "6 problems in the durations (4 rows)" in text


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([1, 2], [1]), "all columns must have the same length, and have duration 2, churned 1"),
        (([], []), "there must be at least one customer"),
        (([[1, 2]], [1, 0]), "`duration` must be one-dimensional"),
        ((["a"], [1]), "`duration` must hold numbers"),
        (([np.inf], [1]), "`duration` must be a finite number"),
        (([1, 2], ["yes", "no"]), "`churned` must be True or False, or 1 or 0, and holds <U3"),
        (([1, 2], [True, None]), "first: row 1, churned=None"),
        (([1, 2], [1.0, np.nan]), "first: row 1, churned=nan"),
    ],
)
def test_bad_columns(arguments: Any, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        survival_curve(*arguments)


def test_bad_weights_and_levels() -> None:
    with pytest.raises(InvalidInputError, match="`weights` must not all be zero"):
        survival_curve([1, 2], [1, 0], weights=[0, 0])
    with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
        survival_curve([1, 2], [1, 0], level=95)


@pytest.mark.parametrize("ages", [[2, 2], [3, 2], [0, 1]])
def test_bad_ages(ages: Any) -> None:
    with pytest.raises(InvalidInputError, match="`ages` must ascend, and begin above 0"):
        survival_curve([1, 2, 4], [1, 0, 0]).retention(ages)


@pytest.mark.parametrize(
    ("churned", "group", "match"),
    [
        ([1, 1, 0, 1], ["a"] * 4, r"`group` must name two groups or more, and names 1 \(a\)"),
        ([1, 1, 0, 1], ["a", "b", None, "a"], "none missing"),
        ([1, 1, 0, 1], [1.0, 2.0, np.nan, 2.0], "none missing"),
        ([0, 0, 0, 0], [0, 0, 1, 1], "nobody churned: there is nothing to compare"),
        ([0, 0, 1, 1], [0, 0, 1, 1], "of the group 0 nobody is at risk"),
        ([1, 1, 1], [0, 1, 0], "all columns must have the same length"),
    ],
)
def test_groups_that_cannot_be_compared(churned: Any, group: Any, match: str) -> None:
    with pytest.raises(InvalidInputError, match=match):
        compare_survival([1, 2, 3, 4], churned, group)


def test_groups_that_are_never_at_risk_together() -> None:
    with pytest.raises(InvalidInputError, match="never at risk at the same age"):
        compare_survival([2, 3, 8, 9], [1, 1, 1, 1], [0, 0, 1, 1], entry=[0, 0, 5, 5])


# ---- coverage


@pytest.mark.slow
@pytest.mark.parametrize("late", [False, True])
def test_intervals_cover_at_their_rate(late: bool) -> None:
    # 2,000 intervals of 95 % cover 95 % of the time give or take 0.5 %; three of those, and what is left of the
    # approximation at 100 customers.
    rng, sets, n, age = np.random.default_rng(7), 2000, 100, 6.0
    truth, median, mean = math.exp(-age / 10), 10 * math.log(2), 10 * (1 - math.exp(-1.2))
    hits = np.zeros(3)
    for _ in range(sets):
        size = 4 * n if late else n
        life, watch = rng.exponential(10, size), rng.uniform(12, 30, size)
        entry = np.where(rng.random(size) < 0.3, 0, rng.uniform(0, 20, size)) if late else np.zeros(size)
        seen = np.flatnonzero(np.minimum(life, watch) > entry)[:n]
        data = {"duration": np.minimum(life, watch)[seen], "churned": (life <= watch)[seen], "entry": entry[seen]}
        curve = survival_curve(**data)
        low, high = curve.interval(age)
        first, last = curve.quantile_interval()
        area = curve.restricted_mean(12)
        hits += [
            low <= truth <= high,
            first <= median <= (math.inf if last is None else last),
            area.low <= mean <= area.high,
        ]
    assert np.all((hits / sets >= 0.93) & (hits / sets <= 0.97)), hits / sets


@pytest.mark.slow
def test_log_rank_rejects_at_its_rate() -> None:
    rng, sets = np.random.default_rng(8), 2000
    rejected = 0
    for _ in range(sets):
        life, watch = rng.exponential(10, 90), rng.uniform(2, 20, 90)
        test = compare_survival(np.minimum(life, watch), life <= watch, np.arange(90) % 3)
        rejected += test.p_value < 0.05
    assert 0.035 <= rejected / sets <= 0.065
