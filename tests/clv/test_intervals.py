"""Intervals of predictions: against naive loops over draws, exact mixtures and futures lived through one by one."""

from __future__ import annotations

import json
import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

from customervalue import CustomerSummary
from customervalue.clv import (
    BGNBD,
    MBGNBD,
    NBD,
    Draws,
    GammaGamma,
    Interval,
    ParetoNBD,
    bootstrap,
    customer_lifetime_value,
    interval,
    intervals,
    prediction_draws,
)
from customervalue.errors import AssumptionWarning, InfiniteMeanWarning, InvalidInputError
from reference import cdnow

pytestmark = pytest.mark.heavy

MODELS = (BGNBD, MBGNBD, ParetoNBD, NBD)
DELTA = math.log1p(0.15) * 7 / 365.25
VALUE = "customer_lifetime_value"


@cache
def fitted(kind: Any) -> Any:
    return kind.fit(cdnow.exact())


@cache
def drawn(kind: Any, n: int = 80) -> Draws[Any]:
    return fitted(kind).draws(n, rng=11)


def few(n: int = 12) -> CustomerSummary:
    """Every so many of CDNOW, one-time buyers among them."""
    return cdnow.exact()[np.arange(0, 2357, 2357 // n)[:n]]


def naive(values: Any, level: float) -> tuple[Any, Any]:
    low, high = np.quantile(np.array(values), [0.5 - level / 2, 0.5 + level / 2], axis=0)
    return low, high


# ---- of expectations


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("level", [0.9])
def test_each_customers_interval_is_of_a_loop_over_the_draws(kind: Any, level: float) -> None:
    customers, draws = few(), drawn(kind)
    calls: dict[str, dict[str, Any]] = {
        "expected_purchases": {"horizon": 39.0, "after": 4.0},
        "discounted_expected_purchases": {"discount_rate": 0.15},
        "probability_alive": {},
        "probability_active": {"horizon": 10.0},
        "expected_purchase_rate": {},
        "overdue": {},
    }
    for of, arguments in calls.items():
        found = interval(draws, customers, of, rng=1, level=level, **arguments)
        low, high = naive([getattr(model, of)(customers, **arguments) for model in draws], level)
        np.testing.assert_allclose(found.low, low, rtol=1e-9)
        np.testing.assert_allclose(found.high, high, rtol=1e-9)
        np.testing.assert_allclose(found.estimate, getattr(fitted(kind), of)(customers, **arguments), rtol=1e-9)
        assert (found.of, found.kind, found.level, len(found)) == (of, "expectation", level, 12)
        np.testing.assert_array_equal(found.group, customers.customer_id)


def test_customers_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    customers = few(30)
    whole = interval(drawn(BGNBD), customers, rng=1, horizon=39)
    monkeypatch.setattr(intervals, "_CELLS", 400)  # five customers at a time
    parts = interval(drawn(BGNBD), customers, rng=1, horizon=39)
    np.testing.assert_allclose(parts.low, whole.low, rtol=1e-12)
    np.testing.assert_allclose(parts.high, whole.high, rtol=1e-12)


@pytest.mark.parametrize("kind", ["expectation", "predictive"])
def test_margin_per_customer_in_batches(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    customers, margin = few(30), np.linspace(0.1, 0.5, 30)
    arguments = {"horizon": 39.0, "discount_rate": 0.15, "spending": drawn(GammaGamma), "kind": kind}
    monkeypatch.setattr(intervals, "_CELLS", 400)
    found = interval(drawn(BGNBD), customers, VALUE, rng=1, margin=margin, **arguments)
    plain = interval(drawn(BGNBD), customers, VALUE, rng=1, **arguments)
    np.testing.assert_allclose(found.high, margin * plain.high, rtol=1e-12)
    np.testing.assert_allclose(found.estimate, margin * plain.estimate, rtol=1e-12)


@pytest.mark.parametrize("kind", MODELS)
def test_totals_are_sums_and_not_sums_of_quantiles(kind: Any) -> None:
    customers, draws = few(40), drawn(kind)
    labels = np.where(customers.frequency > 0, "repeat", "once")
    each = np.array([model.expected_purchases(customers, 39) for model in draws])
    total = interval(draws, customers, rng=1, by="total", level=0.9, horizon=39)
    low, high = naive(each.sum(axis=1), 0.9)
    assert (total.low[0], total.high[0]) == pytest.approx((low, high), rel=1e-9)
    assert total.estimate[0] == pytest.approx(fitted(kind).expected_purchases(customers, 39).sum(), rel=1e-12)
    assert total.group is not None
    assert total.group.tolist() == ["total"]
    groups = interval(draws, customers, rng=1, by=labels, level=0.9, horizon=39)
    assert groups.group is not None
    assert groups.group.tolist() == ["once", "repeat"]
    for i, name in enumerate(["once", "repeat"]):
        low, high = naive(each[:, labels == name].sum(axis=1), 0.9)
        assert (groups.low[i], groups.high[i]) == pytest.approx((low, high), rel=1e-9)
    alone = interval(draws, customers, rng=1, level=0.9, horizon=39)
    assert total.high[0] < alone.high.sum()


def test_groups_may_be_numbers_and_lists_and_columns() -> None:
    import pandas as pd

    customers = few(4)
    numbers = interval(drawn(NBD), customers, rng=1, by=[3, 1, 3, 1], horizon=39)
    assert numbers.group is not None
    assert numbers.group.tolist() == [1, 3]
    column = interval(drawn(NBD), customers, rng=1, by=pd.Series(["b", "a", "b", "a"], index=[9, 8, 7, 6]), horizon=39)
    np.testing.assert_array_equal(column.low, numbers.low)
    assert column.to_frame("pandas")["group"].tolist() == ["a", "b"]


def test_weights_are_repeated_rows_in_expectations() -> None:
    customers, draws = few(6), drawn(BGNBD)
    weights = np.array([1, 3, 0, 2, 5, 1])
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    light = CustomerSummary(**columns, weights=weights)
    long = CustomerSummary(**{name: np.repeat(column, weights) for name, column in columns.items()})
    ours, theirs = (interval(draws, some, rng=1, by="total", horizon=39) for some in (light, long))
    assert (ours.estimate[0], ours.low[0], ours.high[0]) == pytest.approx(
        (theirs.estimate[0], theirs.low[0], theirs.high[0]), rel=1e-9
    )
    each = interval(draws, light, rng=1, horizon=39)  # each row is one customer
    np.testing.assert_allclose(each.low, interval(draws, customers, rng=1, horizon=39).low, rtol=1e-9)


def test_value_is_of_a_loop_over_both_draws() -> None:
    customers, purchases, spending = few(), drawn(BGNBD), drawn(GammaGamma)
    arguments: dict[str, Any] = {
        "horizon": 52.0,
        "discount_rate": 0.15,
        "margin": np.linspace(0.1, 0.6, 12),
        "cost_per_period": 0.05,
    }
    found = interval(purchases, customers, VALUE, rng=1, spending=spending, level=0.9, **arguments)
    values = [customer_lifetime_value(p, s, customers, **arguments) for p, s in zip(purchases, spending, strict=True)]
    low, high = naive(values, 0.9)
    np.testing.assert_allclose(found.low, low, rtol=1e-9)
    np.testing.assert_allclose(found.high, high, rtol=1e-9)
    total = interval(purchases, customers, VALUE, rng=1, spending=spending, level=0.9, by="total", **arguments)
    low, high = naive(np.sum(values, axis=1), 0.9)
    assert (total.low[0], total.high[0]) == pytest.approx((low, high), rel=1e-9)
    certain = Draws(spending.model, np.tile(list(spending.model.parameters.values()), (3, 1)), "bootstrap", 3.0)
    narrow = interval(purchases, customers, VALUE, rng=1, spending=certain, level=0.9, **arguments)
    assert np.mean(narrow.high - narrow.low) < 0.97 * np.mean(found.high - found.low)


def test_a_function_of_the_models() -> None:
    draws, spending = drawn(BGNBD), drawn(GammaGamma)
    mean = interval(draws, few(), lambda model: model.r / model.alpha, rng=1, level=0.9)
    low, high = naive(draws.parameters["r"] / draws.parameters["alpha"], 0.9)
    assert (mean.low[0], mean.high[0]) == pytest.approx((low, high), rel=1e-12)
    assert len(mean) == 1

    def worth(purchases: BGNBD, spend: GammaGamma) -> float:
        return purchases.expected_purchases_new(39) * spend.population_mean

    both = interval(draws, few(), worth, rng=1, level=0.9, spending=spending)
    low, high = naive([worth(p, s) for p, s in zip(draws, spending, strict=True)], 0.9)
    assert both.of == "worth"
    assert (both.low[0], both.high[0]) == pytest.approx((low, high), rel=1e-12)
    each = interval(draws, few(), lambda model: model.expected_purchases(few(), 39), rng=1, by="total")
    assert each.low[0] == pytest.approx(interval(draws, few(), rng=1, by="total", horizon=39).low[0], rel=1e-9)


@pytest.mark.parametrize("by", [None, "total", [1, 1, 2, 2]])
def test_a_function_that_gives_one_number_makes_one_row(by: Any) -> None:
    try:
        found = interval(drawn(BGNBD), few(4), lambda model: model.expected_purchases_new(39), rng=1, by=by)
    except InvalidInputError:
        assert by is not None  # one number has no groups: to say so is as good
        return
    assert len(found.to_frame("pandas")) == len(found) == 1
    assert len({len(column) for column in found.to_frame().values()}) == 1


def test_a_model_draws_its_parameters_itself() -> None:
    found = interval(fitted(BGNBD), few(), rng=3, horizon=39, n=50)
    low, _ = naive([model.expected_purchases(few(), 39) for model in fitted(BGNBD).draws(50, rng=3)], 0.95)
    np.testing.assert_allclose(found.low, low, rtol=1e-9)


def test_the_draws_of_a_bootstrap() -> None:
    draws = bootstrap(fitted(NBD), cdnow.exact(), 60, rng=1)
    found = interval(draws, few(), rng=1, horizon=39, level=0.8)
    low, high = naive([model.expected_purchases(few(), 39) for model in draws], 0.8)
    np.testing.assert_allclose(found.low, low, rtol=1e-9)
    np.testing.assert_allclose(found.high, high, rtol=1e-9)
    future = interval(draws, few(), rng=1, horizon=39, level=0.8, kind="predictive")
    assert np.all(future.low == np.floor(future.low))


def test_a_shorter_list_of_spend_models_starts_again() -> None:
    purchases, spending = drawn(NBD), drawn(GammaGamma, 7)
    found = interval(purchases, few(), VALUE, rng=1, spending=spending, horizon=52.0, discount_rate=0.15)
    values = [
        customer_lifetime_value(model, spending[i % 7], few(), horizon=52.0, discount_rate=0.15)
        for i, model in enumerate(purchases)
    ]
    np.testing.assert_allclose(found.low, naive(values, 0.95)[0], rtol=1e-9)


# ---- of what happens


def mixture(draws: Draws[Any], customers: CustomerSummary, horizon: float, most: int) -> Any:
    """Cumulative distribution of the purchases of each customer, parameters mixed; shape (m, most + 1)."""
    counts = np.arange(most + 1)
    chances = [model.probability_of_purchases(counts, horizon, customers=customers) for model in draws]
    return np.cumsum(np.mean(chances, axis=0), axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_each_customers_purchases_are_quantiles_of_the_mixture(kind: Any) -> None:
    customers, n = few(10), 4000
    draws = drawn(kind, n)
    some = Draws(draws.model, draws.values[::200].copy(), "asymptotic", n / 200)  # 20 of them tell the mixture
    cumulative = mixture(some, customers, 39.0, 30)
    assert np.all(cumulative[:, -1] > 0.93)
    found = interval(draws, customers, rng=2, horizon=39, kind="predictive", level=0.8)
    # The share of simulated futures at or below a number is the true one, give or take four standard errors; half as
    # much again for the 20.
    slack = 6 * np.sqrt(0.1 * 0.9 / n)
    rows = np.arange(10)
    for end, q in ((found.low, 0.1), (found.high, 0.9)):
        place = end.astype(int)
        assert np.all(end == place)
        assert np.all(cumulative[rows, place] >= q - slack)
        assert np.all(np.where(place > 0, cumulative[rows, np.maximum(place - 1, 0)], 0.0) <= q + slack)


def futures(model: Any, customers: CustomerSummary, horizon: float, rng: np.random.Generator) -> Any:
    """Purchases of each customer in (T, T + horizon], lived through one after the other; BG/NBD only.

    Returns the customer and the time of each, and how long each customer lives within the window.
    """
    who, when, alive = [], [], np.zeros(len(customers))
    for i in range(len(customers)):
        x, t_x, length = int(customers.frequency[i]), customers.recency[i], customers.T[i]
        # Given that he is alive: Gamma(r + x, alpha + T), Beta(a, b + x).
        gone = model.a / (model.b + x - 1) * ((model.alpha + length) / (model.alpha + t_x)) ** (model.r + x)
        if x > 0 and rng.random() >= 1 / (1 + gone):
            continue
        rate, dropout = rng.gamma(model.r + x) / (model.alpha + length), rng.beta(model.a, model.b + x)
        now = 0.0
        while True:
            now += rng.exponential() / rate
            if now > horizon:
                alive[i] = horizon
                break
            who.append(i)
            when.append(now)
            if rng.random() < dropout:
                alive[i] = now
                break
    return np.array(who, dtype=np.int64), np.array(when), alive


def alike(found: Any, simulated: Any, level: float) -> None:
    """Both ends have about as many simulated values beyond them as they should: four and a half standard errors."""
    tail = 0.5 - level / 2
    error = 4.5 * math.sqrt(tail * (1 - tail) * 2 / len(simulated))
    for low, high, values in zip(found.low, found.high, np.array(simulated).T, strict=True):
        assert np.mean(values < low) <= tail + error
        assert np.mean(values <= low) >= tail - error
        assert np.mean(values > high) <= tail + error
        assert np.mean(values >= high) >= tail - error


@cache
def many() -> Draws[BGNBD]:
    return fitted(BGNBD).draws(1500, rng=5)


@cache
def many_spending() -> Draws[GammaGamma]:
    return fitted(GammaGamma).draws(1500, rng=6)


@pytest.mark.slow
def test_totals_of_purchases_against_futures_lived_through() -> None:
    customers, rng = few(25), np.random.default_rng(1)
    group = np.arange(25) % 2
    counts, late = [], []
    for model in many():
        who, when, _ = futures(model, customers, 39.0, rng)
        counts.append(np.bincount(group[who], minlength=2))
        late.append(np.bincount(group[who[when > 13]], minlength=2))
    found = interval(many(), customers, rng=2, by=group, horizon=39, kind="predictive", level=0.8)
    alike(found, counts, 0.8)
    total = interval(many(), customers, rng=2, by="total", horizon=39, kind="predictive", level=0.8)
    alike(total, np.sum(counts, axis=1, keepdims=True), 0.8)
    after = interval(many(), customers, rng=2, by=group, horizon=26, after=13, kind="predictive", level=0.8)
    alike(after, late, 0.8)


@pytest.mark.slow
@pytest.mark.parametrize("by", [None, "total"])
def test_value_against_futures_lived_through(by: Any) -> None:
    customers, rng, margin = few(10), np.random.default_rng(3), np.linspace(0.2, 0.6, 10)
    assert customers.monetary_value is not None
    x, mean = customers.frequency, customers.monetary_value
    discounted, worth = [], []
    for model, spend in zip(many(), many_spending(), strict=True):
        who, when, alive = futures(model, customers, 52.0, rng)
        present = np.exp(-DELTA * when)
        # His own nu given x transactions with this mean: Gamma(q + p x, v + x m); each purchase Gamma(p, nu).
        nu = rng.gamma(spend.q + spend.p * x) / (spend.v + x * mean)
        spent = rng.gamma(spend.p, size=who.size) / nu[who]
        cost = 0.02 * -np.expm1(-DELTA * alive) / DELTA
        discounted.append(np.bincount(who, present, minlength=10))
        worth.append(margin * np.bincount(who, present * spent, minlength=10) - cost)
    shared: dict[str, Any] = {"rng": 4, "kind": "predictive", "level": 0.8, "by": by, "horizon": 52}
    shared["discount_rate"] = 0.15
    bought = interval(many(), customers, "discounted_expected_purchases", **shared)
    value = interval(many(), customers, VALUE, spending=many_spending(), margin=margin, cost_per_period=0.02, **shared)
    add = (lambda v: v) if by is None else (lambda v: np.sum(v, axis=1, keepdims=True))
    alike(bought, add(discounted), 0.8)
    alike(value, add(worth), 0.8)


@pytest.mark.slow
def test_the_whole_future() -> None:
    # Undiscounted beyond 52 weeks hardly anything is left at 90 % a year and 2,000 weeks: the same interval.
    customers = few(150)
    shared: dict[str, Any] = {"spending": drawn(GammaGamma), "discount_rate": 0.9, "kind": "predictive", "by": "total"}
    ever = interval(drawn(BGNBD, 600), customers, VALUE, rng=1, horizon=None, **shared)
    long = interval(drawn(BGNBD, 600), customers, VALUE, rng=1, horizon=2000, **shared)
    for ours, theirs in ((ever.low, long.low), (ever.high, long.high), (ever.estimate, long.estimate)):
        assert ours[0] == pytest.approx(theirs[0], rel=0.15)
    assert ever.estimate[0] == pytest.approx(long.estimate[0], rel=1e-6)
    assert 0 <= ever.low[0] < ever.estimate[0] < ever.high[0]


def test_weights_are_repeated_rows_in_what_happens() -> None:
    customers = few(6)
    weights = np.array([1, 30, 0, 20, 5, 1])
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    light = CustomerSummary(**columns, weights=weights)
    long = CustomerSummary(**{name: np.repeat(column, weights) for name, column in columns.items()})
    ours, theirs = (
        interval(many(), some, rng=seed, by="total", horizon=39, kind="predictive")
        for seed, some in enumerate((light, long))
    )
    for a, b in ((ours.low, theirs.low), (ours.high, theirs.high)):
        assert a[0] == pytest.approx(b[0], rel=0.15)
    # As if each row had one future for all of its customers, the interval would be about sqrt(20) times as wide.
    multiplied = [
        weights @ np.bincount(futures(model, customers, 39.0, np.random.default_rng(i))[0], minlength=6)
        for i, model in enumerate(list(many())[:300])
    ]
    assert ours.high[0] - ours.low[0] < 0.7 * np.ptp(np.quantile(multiplied, [0.025, 0.975]))


def test_what_happens_to_one_is_wider_than_its_mean_and_a_total_is_not_by_much() -> None:
    customers = cdnow.exact()
    one, mean = (interval(drawn(BGNBD), few(), rng=1, horizon=39, kind=kind) for kind in ("predictive", "expectation"))
    assert np.all(one.high - one.low > mean.high - mean.low)
    np.testing.assert_array_equal(one.estimate, mean.estimate)
    total, its_mean = (
        interval(drawn(BGNBD), customers, rng=1, horizon=39, kind=kind, by="total")
        for kind in ("predictive", "expectation")
    )
    assert 1 < (total.high[0] - total.low[0]) / (its_mean.high[0] - its_mean.low[0]) < 1.7


def test_one_customer() -> None:
    one = CustomerSummary(frequency=2, recency=30.43, T=38.86, monetary_value=22.35)
    for kind in ("expectation", "predictive"):
        alone = interval(drawn(BGNBD), one, rng=1, horizon=39, kind=kind)
        total = interval(drawn(BGNBD), one, rng=1, horizon=39, kind=kind, by="total")
        named = interval(drawn(BGNBD), one, rng=1, horizon=39, kind=kind, by=["Ann"])
        assert alone.group is None
        assert len(alone) == 1
        assert alone.low[0] == pytest.approx(total.low[0]) == pytest.approx(named.low[0])
        assert "  0 " in repr(alone)
        assert "  Ann " in repr(named)


def test_equal_seeds_give_equal_intervals() -> None:
    def of(rng: Any) -> list[float]:
        return interval(fitted(BGNBD), few(), rng=rng, horizon=39, kind="predictive", by="total", n=100).to_dict()[
            "low"
        ]

    assert of(1) == of(np.random.default_rng(1))


def test_nothing_happens_in_no_time() -> None:
    for kind in ("expectation", "predictive"):
        found = interval(drawn(BGNBD), few(), rng=1, horizon=0, kind=kind)
        assert np.all(found.high == 0)


# ---- infinity


@pytest.mark.parametrize("by", [None, "total"])
@pytest.mark.parametrize("of", ["time_to_next_purchase", "expected_lifetime"])
def test_infinite_values_are_no_nan(of: str, by: Any) -> None:
    draws = drawn(BGNBD, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InfiniteMeanWarning)
        found = interval(draws, few(5), of, rng=1, by=by)
    for values in (found.estimate, found.low, found.high):
        assert not np.any(np.isnan(values))
    assert np.all(found.low <= found.high)
    assert np.any(np.isinf(found.high))
    assert np.all(found.low <= found.estimate)
    assert np.all(found.estimate <= found.high)


def test_an_infinite_neighbour_changes_nothing() -> None:
    # The second customer may never buy again; what is said of the first does not depend on being asked of both.
    both = CustomerSummary([10, 2], [38.0, 5.0], [38.86, 38.86])
    draws = drawn(BGNBD, 20)
    together = interval(draws, both, "time_to_next_purchase", rng=1)
    alone = interval(draws, both[:1], "time_to_next_purchase", rng=1)
    assert np.isinf(together.high[1])
    assert together.low[0] == pytest.approx(alone.low[0], rel=1e-9)


@pytest.mark.parametrize("kind", ["expectation", "predictive"])
@pytest.mark.parametrize(("of", "spend"), [(VALUE, True), ("expected_purchases", False)])
def test_the_draws_are_those_of_the_interval(of: str, spend: bool, kind: Any) -> None:
    customers = few()
    shared: dict[str, Any] = {"of": of, "rng": 5, "horizon": 20.0, "kind": kind}
    if spend:
        shared |= {"spending": fitted(GammaGamma).draws(80, rng=3), "discount_rate": 0.1, "margin": 0.3}
    values = np.array(list(prediction_draws(drawn(BGNBD), customers, **shared)))
    found = interval(drawn(BGNBD), customers, level=0.9, **shared)
    assert values.shape == (80, 12)
    method: Any = "linear" if kind == "expectation" else "inverted_cdf"
    low, high = np.quantile(values, [0.05, 0.95], axis=0, method=method)
    np.testing.assert_allclose(found.low, low, rtol=1e-12)
    np.testing.assert_allclose(found.high, high, rtol=1e-12)


def test_draws_come_one_at_a_time_but_are_checked_at_once() -> None:
    draws = prediction_draws(fitted(BGNBD), few(), horizon=5, n=10**5, rng=1, kind="predictive")
    assert next(draws).shape == (12,)
    with pytest.raises(InvalidInputError, match="'probability_alive' is not an event"):
        prediction_draws(fitted(BGNBD), few(), "probability_alive", rng=1, kind="predictive")
    with pytest.raises(InvalidInputError, match="a lifetime value needs a spend model"):
        prediction_draws(fitted(BGNBD), few(), VALUE, horizon=5, rng=1)
    with pytest.raises(InvalidInputError, match="`kind` must be 'expectation' or 'predictive'"):
        prediction_draws(fitted(BGNBD), few(), horizon=5, rng=1, kind="mean")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="draws are of a prediction for each customer, and 'one_number'"):
        prediction_draws(fitted(BGNBD), few(), one_number, rng=1)


def one_number(model: Any) -> float:
    return float(model.expected_purchases_new(39))


def test_draws_of_a_function_and_of_infinite_means() -> None:
    customers, draws = few(), drawn(BGNBD)
    found = prediction_draws(draws, customers, lambda model: model.expected_purchases(customers, horizon=39), rng=1)
    named = prediction_draws(draws, customers, horizon=39, rng=1)
    np.testing.assert_array_equal(next(found), next(named))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        for _ in prediction_draws(draws, customers, "expected_lifetime", rng=1):
            pass
    assert [warning.category for warning in said] == [InfiniteMeanWarning]


def test_infinite_values_travel_through_json() -> None:
    found = interval(drawn(BGNBD, 20), few(5), "time_to_next_purchase", rng=1)
    json.dumps(found.to_dict(), allow_nan=False)


def test_an_infinite_mean_is_said_once_not_for_every_draw() -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        interval(drawn(BGNBD, 20), few(5), "expected_lifetime", rng=1)
    assert 1 <= len(caught) <= 2


# ---- what is refused


def refused(match: str, *arguments: Any, **named: Any) -> InvalidInputError:
    with pytest.raises(InvalidInputError, match=match) as caught:
        interval(*arguments, **{"rng": 1, **named})
    return caught.value


def test_what_is_no_event_has_no_predictive_interval() -> None:
    said = "(?s)a predictive interval is for what happens, and 'probability_alive' is not an event.*kind='expectation'"
    refused(said, drawn(BGNBD), few(), "probability_alive", kind="predictive")
    refused("is not an event", drawn(BGNBD), few(), lambda model: model.r, kind="predictive")


def test_unknown_predictions_and_arguments() -> None:
    error = refused(
        "(?s)there is no prediction 'expected_sales'.*expected_purchases.*or a function",
        drawn(NBD),
        few(),
        "expected_sales",
    )
    assert error.problems[0].argument == "of"
    refused(
        "cannot be called like this: .*unexpected keyword argument 'horizn'", drawn(NBD), few(), horizon=1, horizn=39
    )
    refused("cannot be called like this: missing a required argument: 'horizon'", drawn(NBD), few())
    refused(
        "a function takes no further arguments, and got horizon", drawn(NBD), few(), lambda model: model.r, horizon=39
    )
    refused("there is no prediction 3", drawn(NBD), few(), 3)
    refused("`horizon` must be finite and not negative", drawn(NBD), few(), horizon=-1)
    refused("`horizon` must be finite and not negative", drawn(NBD), few(), horizon=-1, kind="predictive")
    refused("`after` must be finite and not negative", drawn(NBD), few(), horizon=1, after=-1, kind="predictive")


@pytest.mark.parametrize("kind", ["expectation", "predictive"])
def test_arguments_of_a_value_are_checked(kind: Any) -> None:
    named = {"spending": drawn(GammaGamma), "horizon": 39, "discount_rate": 0.1, "kind": kind}
    refused("`margin` must be one number or one per customer", drawn(BGNBD), few(), VALUE, margin=[1, 2], **named)
    refused("`cost_per_period` must not be negative", drawn(BGNBD), few(), VALUE, cost_per_period=-1, **named)
    refused(
        "missing a required argument: 'discount_rate'",
        drawn(BGNBD),
        few(),
        VALUE,
        spending=drawn(GammaGamma),
        horizon=3,
    )
    bare = CustomerSummary(few().frequency, few().recency, few().T)
    refused("needs the mean spend of each customer", drawn(BGNBD), bare, VALUE, **named)
    never = {**named, "horizon": None, "discount_rate": 0.0}
    refused("the whole future without discounting", drawn(BGNBD), few(), VALUE, **never)


def test_a_value_without_a_spend_model() -> None:
    said = "(?s)a lifetime value needs a spend model.*Pass `spending=` a fitted GammaGamma"
    refused(said, drawn(BGNBD), few(), VALUE, horizon=39, discount_rate=0.1)


@pytest.mark.parametrize("by", ["segment", [1, 2], [[1]] * 12, 3])
def test_wrong_groups(by: Any) -> None:
    error = refused("`by` must", drawn(NBD), few(), by=by, horizon=39)
    assert error.problems[0].argument == "by"


def test_groups_without_a_name() -> None:
    refused("`by` must hold names that can be sorted", drawn(NBD), few(3), by=["a", None, "a"], horizon=39)
    refused("`by` must", drawn(NBD), few(3), by=[1.0, math.nan, 1.0], horizon=39)


def test_models_that_know_nothing_of_their_uncertainty() -> None:
    refused("this BGNBD was made from its parameters", BGNBD(r=0.2, alpha=4, a=1, b=2), few(), horizon=39)
    bare = GammaGamma(p=6, q=4, v=15)
    refused("this GammaGamma was made", drawn(NBD), few(), VALUE, spending=bare, horizon=39, discount_rate=0.1)
    refused("`purchases` must be a .*Model or draws of one, and is .*str", "BGNBD", few(), horizon=39)
    refused("`purchases` must be a", fitted(GammaGamma), few(), horizon=39)
    refused("`spending` must be a", drawn(NBD), few(), VALUE, spending=3, horizon=39, discount_rate=0.1)


def test_draws_of_the_wrong_kind_of_model() -> None:
    refused("`purchases` must", drawn(GammaGamma), few(), horizon=39)
    refused("`spending` must", drawn(NBD), few(), VALUE, spending=drawn(NBD), horizon=39, discount_rate=0.1)


def test_wrong_kinds_levels_and_customers() -> None:
    refused("`kind` must be 'expectation' or 'predictive', and is 'both'", drawn(NBD), few(), kind="both", horizon=39)
    refused("`level` must lie between 0 and 1", drawn(NBD), few(), level=95, horizon=39)
    refused("`customers` must be a CustomerSummary", drawn(NBD), [1, 2], horizon=39)
    refused("`n` must be a", fitted(NBD), few(), n=0, horizon=39)
    for kind in ("expectation", "predictive"):
        refused("time unit", drawn(NBD), cdnow.exact("D")[:5], horizon=39, kind=kind)


def test_rough_draws_are_said_to_be_so() -> None:
    model = NBD.fit(cdnow.exact()[:100])
    with pytest.warns(AssumptionWarning, match="a fit to 100 customers: the draws are those of a normal"):
        interval(model, few(), rng=1, horizon=39, n=20)


# ---- the object


def test_tables_and_dictionaries() -> None:
    found = interval(drawn(BGNBD), few(3), rng=1, horizon=39, level=0.9)
    frame = found.to_frame("pandas")
    assert list(frame.columns) == ["group", "estimate", "low", "high"]
    assert frame["group"].tolist() == few(3).customer_id.tolist()  # type: ignore[union-attr]
    again = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert again["low"] == found.low.tolist()
    assert (again["of"], again["kind"], again["level"]) == ("expected_purchases", "expectation", 0.9)
    bare = CustomerSummary(few(3).frequency, few(3).recency, few(3).T)
    assert list(interval(drawn(BGNBD), bare, rng=1, horizon=39).to_frame()) == ["estimate", "low", "high"]
    with pytest.raises(InvalidInputError, match="backend"):
        found.to_frame("excel")


def test_names_of_groups_travel_through_json() -> None:
    months = np.array(["2020-01", "2020-02", "2020-01"], dtype="datetime64[M]")
    found = interval(drawn(BGNBD), few(3), rng=1, horizon=39, by=months)
    assert len(found) == 2
    json.dumps(found.to_dict(), allow_nan=False)


def test_what_an_interval_says_of_itself() -> None:
    one = np.arange(12.0)
    text = repr(Interval("expected_purchases", "predictive", 0.975, one, one - 0.5, one + 100)).splitlines()
    assert text[0] == "Interval of expected_purchases, predictive, 97.5 %"
    assert text[1] == "  0           0.0000  -0.5000 to 100.0000"
    assert len(text) == 12
    assert text[-1] == "  and 2 more"
