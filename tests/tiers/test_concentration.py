"""Inequality of customers: published numbers, a naive second implementation, properties, and bad input."""

from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from customervalue import clv, datasets, summarize
from customervalue.errors import InvalidInputError
from customervalue.tiers import Concentration, concentration, concentration_of_draws, true_concentration

# 170 people who made 0 to 5 purchases, 100 of them buyers: the hand-check table.
PURCHASES, PEOPLE = [0, 1, 2, 3, 4, 5], [70, 45, 25, 15, 10, 5]

few = settings(max_examples=25)
amounts = st.lists(st.integers(0, 10_000).map(lambda cents: cents / 100), min_size=2, max_size=40)
signed = st.lists(st.integers(-2_000, 10_000).map(lambda cents: cents / 100), min_size=2, max_size=40)


def naive_gini(x: list[float]) -> float:
    """Mean absolute difference of all pairs, over twice the mean."""
    pairs = [abs(a - b) for a in x for b in x]
    return math.fsum(pairs) / len(x) ** 2 / (2 * math.fsum(x) / len(x))


def naive_top(x: list[float], q: float) -> float:
    """Take customers from the top until the share is used up, the last one by a part."""
    left, money = q * len(x), 0.0
    for v in sorted(x, reverse=True):
        part = min(left, 1.0)
        money += part * v
        left -= part
    return money / math.fsum(x)


# Published


def test_hand_check_table() -> None:
    buyers = concentration(PURCHASES[1:], weights=PEOPLE[1:])
    assert buyers.n_customers == 100
    assert buyers.total == 205
    assert round(buyers.gini, 6) == 0.308537
    assert round(buyers.gini_unbiased, 6) == 0.311653
    assert round(buyers.lorenz(0.8), 6) == 0.609756
    assert round(concentration(PURCHASES, weights=PEOPLE).gini, 6) == 0.593257


@pytest.mark.parametrize(("r", "share"), [(0.385, 0.704154), (1.0, 0.521888), (2.0, 0.424466)])
def test_true_share_of_the_top_fifth(r: float, share: float) -> None:
    assert round(true_concentration(r).top_share(0.2), 6) == share


def test_whale_curve_of_madrigal_2019() -> None:
    # Fader, Hardie & Ross (2022), The Customer-Base Audit, companion: of 31,855 customers 263 make a loss; profit
    # 2,798,903.68 peaks at 2,802,771.95, 100.138 %, after 31,592. The sums alone decide these numbers.
    profit, peak, customers, losers = 2_798_903.68, 2_802_771.95, 31_855, 263
    winners = customers - losers
    base = concentration([peak / winners, (profit - peak) / losers], weights=[winners, losers])
    assert round(base.whale.peak, 5) == 1.00138
    assert base.whale.peak_customers == 31_592
    assert base.whale.loss_makers == 263
    assert base.whale.losses == pytest.approx(3_868.27)


# Oracle


@few
@given(amounts)
def test_gini_is_the_mean_difference_of_all_pairs(x: list[float]) -> None:
    if sum(x) == 0:
        return
    base = concentration(x)
    n = len(x)
    assert base.gini == pytest.approx(naive_gini(x), abs=1e-12)
    assert base.gini_unbiased == pytest.approx(naive_gini(x) * n / (n - 1), abs=1e-12)
    assert base.gini_normalised == pytest.approx(base.gini_unbiased, abs=1e-12)
    assert base.mean_difference == pytest.approx(2 * base.mean * base.gini_unbiased, abs=1e-9)


@few
@given(signed, st.floats(0, 1))
def test_shares_of_the_best_are_counted_from_the_top(x: list[float], q: float) -> None:
    base = concentration(x)
    if base.to_dict()["gini"] is None:
        return
    assert base.top_share(q) == pytest.approx(naive_top(x, q), abs=1e-9)
    assert base.lorenz(1 - q) == pytest.approx(1 - base.top_share(q), abs=1e-9)
    assert base.gini == pytest.approx(naive_gini(x), abs=1e-9)


@pytest.mark.parametrize("r", [0.2, 0.385, 1.0, 3.0])
def test_true_gini_is_the_area_under_the_true_curve(r: float) -> None:
    truth = true_concentration(r)
    area, _ = integrate.quad(truth.lorenz, 0, 1, epsabs=1e-12)
    assert truth.gini == pytest.approx(1 - 2 * area, abs=1e-9)


def test_observed_concentration_is_that_of_simulated_counts() -> None:
    rng, r, mean = np.random.default_rng(1), 0.385, 1.5
    counts = rng.poisson(rng.gamma(r, mean / r, 200_000))
    gini, top = true_concentration(r).observed(mean)
    seen = concentration(counts)
    assert seen.gini == pytest.approx(gini, abs=4 * seen.interval(n=0).standard_error)
    assert seen.top_share(0.2) == pytest.approx(top, abs=4 * seen.interval("top_share", n=0).standard_error)


@pytest.mark.parametrize("measure", ["gini", "gini_unbiased", "gini_normalised", "top_share", "peak"])
def test_standard_error_is_that_of_the_jackknife(measure: str) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(60, 50, 400).round(0)
    n = x.size

    def value(base: Concentration) -> float:
        if measure == "top_share":
            return base.top_share(0.2)
        return base.whale.peak if measure == "peak" else float(getattr(base, measure))

    left = np.array([value(concentration(np.delete(x, i))) for i in range(n)])
    jackknife = math.sqrt((n - 1) / n * np.sum((left - left.mean()) ** 2))
    assert concentration(x).interval(measure, n=0).standard_error == pytest.approx(jackknife, rel=0.02)


def test_resamples_are_those_of_drawn_customers() -> None:
    rng = np.random.default_rng(3)
    x = rng.poisson(2.0, 150)
    ginis = [concentration(rng.choice(x, x.size)).gini for _ in range(2000)]
    found = concentration(x).interval("gini", level=0.9, n=2000, rng=4)
    assert found.standard_error == pytest.approx(np.std(ginis), rel=0.1)
    assert found.low < np.quantile(ginis, 0.25) < np.quantile(ginis, 0.75) < found.high


@pytest.mark.parametrize("r", [1e-8, 0.385, 10.0, 1e6, 1e10, 1e12, 1e14, 1e15])
def test_true_gini_keeps_its_digits(r: float) -> None:
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workdps(60):
        shape = mpmath.mpf(r)
        exact = mpmath.exp(mpmath.loggamma(shape + 0.5) - mpmath.loggamma(shape + 1)) / mpmath.sqrt(mpmath.pi)
    assert true_concentration(r).gini == pytest.approx(float(exact), rel=1e-13)


@pytest.mark.parametrize(("r", "mean"), [(0.385, 1500.0), (0.1, 1000.0), (3.0, 4000.0)])
def test_many_purchases_are_the_truth_and_a_little_luck(r: float, mean: float, monkeypatch: pytest.MonkeyPatch) -> None:
    summed = true_concentration(r).observed(mean)
    monkeypatch.setattr("customervalue.tiers._concentration_rates._COUNTS", 10)
    assert true_concentration(r).observed(mean) == pytest.approx(summed, abs=1e-5)
    assert abs(true_concentration(r).gini - summed[0]) > 1e-5


def test_observed_concentration_of_very_many_and_very_few_purchases() -> None:
    truth = true_concentration(0.385)
    for mean in (1e7, 1e12, 1e300):
        assert truth.observed(mean) == pytest.approx((truth.gini, truth.top_share(0.2)), abs=1e-6)
    # Of so few purchases nobody makes two: the Gini coefficient is the share of those who make none.
    for mean in (1e-300, 1e-16, 1e-13, 1e-9):
        assert truth.observed(mean, 1e-3) == pytest.approx((1 - mean, 1), abs=1e-15)
    assert truth.observed(1e-9, 1e-10)[1] == pytest.approx(0.1, rel=1e-6)


def test_amounts_that_all_have_in_common_take_no_digits() -> None:
    apart = np.random.default_rng(1).random(10_000).round(3)
    assert concentration(apart + 2.0**40).mean_difference == pytest.approx(
        concentration(apart).mean_difference, rel=1e-4
    )
    assert concentration(np.arange(50) + 2.0**50).mean_difference == pytest.approx(17)


# Properties


@few
@given(amounts, st.floats(0.01, 1000), st.randoms())
def test_order_and_unit_of_money_do_not_matter(x: list[float], unit: float, random: object) -> None:
    if sum(x) == 0:
        return
    base = concentration(x)
    assert 0 <= base.gini <= 1
    shuffled = list(x)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert concentration(shuffled).to_dict() == base.to_dict()
    scaled = concentration(np.array(x) * unit)
    assert scaled.gini == pytest.approx(base.gini, abs=1e-9)
    assert scaled.top_share(0.3) == pytest.approx(base.top_share(0.3), abs=1e-9)


@few
@given(st.lists(st.tuples(st.integers(-50, 200), st.integers(0, 4)), min_size=2, max_size=20))
def test_weights_are_repetition(rows: list[tuple[int, int]]) -> None:
    value, weights = (np.array(column) for column in zip(*rows, strict=True))
    if weights.sum() == 0:
        return
    assert concentration(value, weights=weights).to_dict() == concentration(np.repeat(value, weights)).to_dict()


@few
@given(signed)
def test_lorenz_curve_is_convex_and_ends_at_one(x: list[float]) -> None:
    base = concentration(x)
    if base.to_dict()["gini"] is None:
        return
    p = np.linspace(0, 1, 41)
    curve = base.lorenz(p)
    assert curve[0] == 0
    assert curve[-1] == 1
    assert np.all(np.diff(curve, 2) >= -1e-9 * np.abs(curve).max())
    corners = base.lorenz_curve
    assert base.lorenz(corners.customers) == pytest.approx(corners.value, abs=1e-9)
    area = np.trapezoid(corners.value, corners.customers)
    assert base.gini == pytest.approx(1 - 2 * area, abs=1e-9)


@few
@given(signed)
def test_deciles_and_whale_curve_add_up(x: list[float]) -> None:
    base = concentration(x)
    assert base.deciles.value.sum() == pytest.approx(base.total, abs=1e-6)
    assert base.deciles.customers.sum() == pytest.approx(len(x))
    assert np.all(np.diff(base.deciles.mean) <= 1e-9)
    assert np.all(base.deciles.lowest <= base.deciles.mean + 1e-9)
    assert np.all(base.deciles.mean <= base.deciles.highest + 1e-9)
    whale = base.whale
    assert whale.cumulative_value.max() == pytest.approx(whale.peak_value, abs=1e-6)
    assert whale.peak_value - whale.losses == pytest.approx(base.total, abs=1e-6)
    assert whale.peak_customers == sum(v > 0 for v in x)
    assert whale.loss_makers == base.n_negative == sum(v < 0 for v in x)
    assert np.all(np.diff(whale.share_of_customers) > 0)


@pytest.mark.parametrize("n", [1, 7, 1000])
def test_equal_customers_are_not_unequal(n: int) -> None:
    base = concentration([0.1] * n)
    assert base.gini == 0
    assert base.top_share(0.25) == pytest.approx(0.25)
    assert base.whale.peak == 1


def test_one_customer_has_everything() -> None:
    base = concentration([0] * 9 + [5])
    assert base.gini == pytest.approx(0.9)
    assert base.gini_unbiased == pytest.approx(1)
    assert base.top_share(0.1) == 1


def test_losses_can_raise_gini_above_one_and_the_normalised_one_says_how_far() -> None:
    base = concentration([100, 0, 0, 0, -90])
    assert base.gini > 1
    assert base.gini_normalised == pytest.approx(1)
    assert "not bounded by 1" in repr(base)
    assert 0 < concentration([100, 5, 3, 0, -90]).gini_normalised < 1


def test_deciles_say_where_equals_are_parted() -> None:
    deciles = concentration([1] * 15 + [2] * 4 + [9]).deciles
    assert deciles.tied.tolist() == [4, 4, 15, 15, 15, 15, 15, 15, 15, 0]
    assert deciles.highest[0] == 9
    assert deciles.cumulative_share[-1] == 1
    assert np.all(concentration(range(100)).deciles.tied == 0)


def test_concentration_falls_to_the_truth_as_luck_averages_out() -> None:
    truth = true_concentration(0.5)
    seen = [truth.observed(mean) for mean in (0.5, 5, 50, 5000)]
    assert all(a[0] > b[0] > truth.gini for a, b in itertools.pairwise(seen))
    assert all(a[1] > b[1] > truth.top_share(0.2) for a, b in itertools.pairwise(seen))


def test_customers_who_differ_hardly_and_very_much() -> None:
    assert true_concentration(1e-4).gini == pytest.approx(1, abs=1e-3)
    assert true_concentration(1e-3).top_share([0.0, 0.2, 1.0]) == pytest.approx([0, 1, 1])


def test_true_concentration_of_a_fitted_model_lies_below_the_observed_one() -> None:
    customers = summarize(datasets.load_cdnow(), observation_end="1997-09-30")
    model = clv.NBD.fit(customers)
    truth, seen = true_concentration(model, n=200, rng=1), concentration(customers.frequency)
    interval = truth.interval("top_share")
    assert interval.low < truth.top_share(0.2) < interval.high < seen.top_share(0.2)
    assert truth.observed(float(customers.frequency.mean()))[0] == pytest.approx(seen.gini, abs=0.03)


def test_draws_of_the_truth_give_its_concentration() -> None:
    draws = np.random.default_rng(1).gamma(0.5, 1.0, (100, 2000))
    found, truth = concentration_of_draws(draws), true_concentration(0.5)
    assert np.all(found.low < found.estimate)
    assert found.estimate == pytest.approx([truth.gini, *truth.top_share([0.01, 0.05, 0.1, 0.2, 0.5])], abs=0.01)
    assert concentration_of_draws(iter(draws)).to_dict() == found.to_dict()


def test_comparison_finds_a_difference_and_not_where_there_is_none() -> None:
    rng = np.random.default_rng(2)
    one, two, three = (concentration(rng.gamma(shape, 1, 2000)) for shape in (0.5, 0.5, 0.7))
    same, other = one.compare(two, n=300, rng=2), one.compare(three, "top_share", q=0.1, n=300, rng=2)
    assert same.low < 0 < same.high
    assert same.p_value > 0.05
    assert other.low > 0
    assert other.p_value < 0.05
    assert other.difference == pytest.approx(one.top_share(0.1) - three.top_share(0.1))
    quick = one.compare(three, "top_share", q=0.1, n=0)
    assert (quick.low, quick.high) == pytest.approx((other.low, other.high), abs=0.01)


def test_few_buyers_have_intervals_and_what_was_left_out_is_said() -> None:
    base = concentration([0] * 96 + [5, 10, 20, 3], bootstrap=1000, rng=1)
    gini, top = base.intervals
    # A resample is without a buyer with probability .96 ** 100 = 1.7 %.
    assert 5 <= gini.left_out <= 35
    assert gini.left_out + gini.resamples == 1000
    assert f"without {gini.left_out} resamples in which nobody has any value" in repr(base)
    assert 0.9 < gini.low < gini.estimate <= gini.high <= 1
    assert top.high == 1
    with_others = base.compare(concentration(range(100)), rng=1)
    assert with_others.left_out > 0
    assert with_others.low > 0
    normalised = concentration([0] * 30 + [1]).interval("gini_normalised", rng=1)
    assert normalised.left_out > 0
    assert normalised.low > 0.9


@pytest.mark.parametrize("n", [0, 200])
def test_intervals_stay_where_the_measure_can_be(n: int) -> None:
    few, lossy = concentration([0.0] * 97 + [1, 5, 30]), concentration([1.0] * 99 + [-90])
    for measure in ("gini", "gini_unbiased", "gini_normalised"):
        found = few.interval(measure, n=n, rng=1)
        assert 0 <= found.low < found.high <= 1
    top = few.interval("top_share", q=0.02, n=n, rng=1)
    assert 0.02 <= top.low < top.high <= 1
    assert lossy.interval("gini_normalised", n=n, rng=1).low >= 0
    assert lossy.interval("peak", n=0).low == 1
    assert few.compare(few, n=n, rng=1).high <= 1


def test_resamples_of_few_and_of_many_values_have_one_distribution(monkeypatch: pytest.MonkeyPatch) -> None:
    base = concentration(np.random.default_rng(5).integers(0, 60, 120))
    one_by_one = base.interval(n=4000, rng=1)
    monkeypatch.setattr("customervalue.tiers._concentration_bootstrap._ONE_BY_ONE", 0)
    by_value = base.interval(n=4000, rng=1)
    assert (one_by_one.low, one_by_one.high) == pytest.approx((by_value.low, by_value.high), abs=0.006)
    assert one_by_one.low != by_value.low


def test_resamples_are_not_taken_by_default_where_they_take_long(monkeypatch: pytest.MonkeyPatch) -> None:
    base = concentration(range(1, 30))
    assert base.interval(rng=1).resamples == base.compare(base, rng=1).resamples == 1000
    monkeypatch.setattr("customervalue.tiers._concentration_bootstrap._DISTINCT", 20)
    assert base.interval().resamples == base.compare(base).resamples == 0


def test_draws_in_a_dataframe_are_rows() -> None:
    pandas = pytest.importorskip("pandas")
    draws = np.random.default_rng(1).gamma(0.5, 1.0, (10, 200))
    assert concentration_of_draws(pandas.DataFrame(draws)).to_dict() == concentration_of_draws(draws).to_dict()


def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(7)
    p = [
        concentration(rng.gamma(1, 1, 300)).compare(concentration(rng.gamma(1, 3, 200)), n=0).p_value
        for _ in range(300)
    ]
    assert stats.kstest(p, "uniform").pvalue > 0.01


def test_results_are_read_only_and_json() -> None:
    value = np.array([30.0, 10.0, -0.5, 12.0] * 5)
    base = concentration(value, bootstrap=100, rng=1, currency="EUR")
    json.dumps(base.to_dict(), allow_nan=False)
    json.dumps(concentration([1, -1]).to_dict(), allow_nan=False)
    assert value.tolist() == [30, 10, -0.5, 12] * 5
    with pytest.raises(ValueError, match="read-only"):
        base.deciles.share[0] = 1
    assert [interval.measure for interval in base.intervals] == ["gini", "top_share", "peak"]
    assert "EUR" in repr(base)
    assert "EUR" in repr(base.whale)
    assert "<table>" in base._repr_html_()


def test_money_is_there_where_shares_are_not() -> None:
    base = concentration([10, 0, -30])
    assert base.whale.peak_value == 10
    assert base.whale.losses == 30
    assert base.deciles.value.sum() == pytest.approx(-20)
    assert base.mean_difference == pytest.approx((10 + 40 + 30) / 3)
    assert base.gini_normalised == 1
    assert np.all(np.isnan(base.deciles.share))
    assert "the total is negative, -20.00" in repr(base)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"value": [1, math.nan, math.inf]}, "2 rows break this .first: row 1, value=nan"),
        ({"value": ["a"]}, "must hold numbers"),
        ({"value": []}, "there must be at least one customer"),
        ({"value": [1, 2], "weights": [1]}, "same length, and have value 2, weights 1"),
        ({"value": [1, 2], "weights": [1.5, -1]}, "2 problems in the values"),
        ({"value": [1, 2], "weights": [0, 0]}, "must not all be zero"),
        ({"value": [1e308, 1e308]}, "too large to be added up"),
        ({"value": [1, 2], "level": 1.0}, "`level` must lie between 0 and 1"),
        (
            {"value": [1, 2], "bootstrap": -1},
            "`bootstrap` must be a whole number of draws, 0 or at least 100, and is -1",
        ),
        ({"value": [1, 2], "currency": ""}, "`currency` must be a text"),
        ({"value": [1, 2], "bootstrap": True}, "0 or at least 100, and is True"),
        ({"value": [1, 2], "bootstrap": 100, "rng": "a"}, "`rng` must be a numpy.random.Generator"),
        ({"value": [1, -1], "bootstrap": 100}, "gains and losses cancel"),
    ],
)
def test_bad_values(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        concentration(**arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: concentration([0, 0]).gini, "nobody has any value"),
        (lambda: concentration([0, 0]).gini_normalised, "all values are zero"),
        (lambda: concentration([1, -1]).lorenz(0.5), "the total is zero"),
        (lambda: concentration([1, -2]).whale.peak, "`peak_value` is the same in money"),
        (lambda: concentration([0.1, 0.2, -0.3]).top_share(0.2), "gains and losses cancel"),
        (lambda: concentration([5]).gini_unbiased, "two customers or more"),
        (lambda: concentration([5]).interval(), "two customers or more"),
        (lambda: concentration([5, 6]).lorenz(1.5), r"`p` is a share of the customers, in \[0, 1\]"),
        (lambda: concentration([5, 6]).top_share([0.2, math.nan]), "`q` is a share"),
        (lambda: concentration([5, 6]).interval("theil"), "must be one of gini, gini_unbiased"),
        (lambda: concentration([5, 6]).interval(n=2.5), "whole number of draws"),
        (lambda: concentration([50, -40, 1]).interval(rng=1), r"(?s)is not above zero in .*interval\(\.\.\., n=0\)"),
        (lambda: concentration([5, 6]).compare([1, 2]), "must be a Concentration, and is a list"),
        (
            lambda: concentration([5, 6], currency="EUR").compare(concentration([5, 6], currency="USD")),
            "these are in 'EUR' and 'USD'",
        ),
        (lambda: true_concentration(-1.0), "must be positive and finite, and is -1"),
        (lambda: true_concentration("NBD"), "have a parameter r, and is a str"),
        (lambda: concentration([5, 6]).interval(n=1), "0 or at least 100, and is 1"),
        (lambda: true_concentration(1e16), "at most 1e.15, and is 1e.16: customers are all alike"),
        (lambda: true_concentration(1e-8).observed(1), "too many possible counts to add up at 1 purchases"),
        (lambda: true_concentration(1e12).observed(1e7), "Take `gini` and `top_share`"),
        (lambda: true_concentration(1.0, n=1), "0 or at least 100, and is 1"),
        (lambda: concentration_of_draws([1, 2, 3]), "one row per draw .* has single numbers"),
        (lambda: concentration_of_draws(5), "and is a int"),
        (lambda: concentration_of_draws([[1, -2]]), "since the total is negative, -1.00.$"),
        (lambda: true_concentration(1.0, n=100), "draws need a fitted model"),
        (lambda: true_concentration(1.0).interval(), "there are none"),
        (lambda: true_concentration(1.0).interval("peak"), "'gini' or 'top_share'"),
        (lambda: true_concentration(1.0).observed(0), "above 0 and finite"),
        (lambda: concentration_of_draws([[1, 2], [1, 2, 3]]), "the same customers: 2 before, and now 3"),
        (lambda: concentration_of_draws([[1, 2], [-1, -2]]), "draw 1 does not exist, since the total is negative"),
        (lambda: concentration_of_draws([]), "at least one draw"),
    ],
)
def test_what_does_not_exist_is_said(call: object, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        call()  # type: ignore[operator]
