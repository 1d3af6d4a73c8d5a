"""What must hold whatever the parameters and the histories."""

from __future__ import annotations

import json
import math
from dataclasses import FrozenInstanceError
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from customervalue import CustomerSummary, clv
from customervalue.clv import BGNBD, MBGNBD, GammaGamma, LogNormal
from reference import cdnow

pytestmark = pytest.mark.heavy

ROUNDING = 1e-12
# Between two quadratures, a tenth of what is promised of each: at x = 10,000 they are good to 2e-12.
TWO_RULES = 1e-11
CDNOW = BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
SPEND = GammaGamma(p=6.25, q=3.74, v=15.44)
DAYS_PER_YEAR = 365.25


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


Purchases: TypeAlias = BGNBD | MBGNBD
purchase_models = st.one_of(
    *(
        st.builds(kind, r=log_uniform(-3, 3), alpha=log_uniform(-4, 4), a=log_uniform(-4, 3), b=log_uniform(-4, 4))
        for kind in (BGNBD, MBGNBD)
    )
)
# Two or more for q: one may ask for the mean of the population.
spend_models = st.builds(GammaGamma, p=log_uniform(-2, 3), q=log_uniform(0.01, 3), v=log_uniform(-3, 4))
horizons = log_uniform(-8, 5)
rates = st.one_of(st.just(0.0), log_uniform(-6, 2))


@st.composite
def histories(draw: st.DrawFn, most: int = 12) -> CustomerSummary:
    n = draw(st.integers(1, most))

    def column(values: st.SearchStrategy[Any]) -> Any:
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    x = column(st.one_of(st.just(0), st.integers(1, 20), log_uniform(0, 4).map(int)))
    T = column(st.one_of(st.just(0.0), log_uniform(-5, 5)))
    share = column(st.sampled_from([0.0, 0.5, 0.999999, 1.0]))
    spend = column(log_uniform(-2, 4))
    return CustomerSummary(x, np.where(x > 0, T * share, 0.0), T, monetary_value=spend)


# ---- always numbers; filterwarnings turns every warning into a failure


@settings(max_examples=30)
@given(purchase_models, histories(), horizons, rates)
def test_predictions_are_numbers(model: Purchases, customers: CustomerSummary, horizon: float, rate: float) -> None:
    alive = model.probability_alive(customers)
    expected = model.expected_purchases(customers, horizon)
    discounted = model.discounted_expected_purchases(customers, discount_rate=rate, horizon=horizon)
    lifetime = model.discounted_expected_lifetime(customers, discount_rate=rate, horizon=horizon)
    assert np.all(np.isfinite(model.log_likelihood(customers)))
    assert np.all((alive >= 0) & (alive <= 1))
    assert np.all(model.probability_alive(customers, log=True) <= 0)
    assert np.all(np.isfinite(expected) & (expected >= 0))
    assert np.all((discounted >= 0) & (discounted <= expected * (1 + TWO_RULES)))
    assert np.all((lifetime >= 0) & (lifetime <= horizon * alive * (1 + TWO_RULES)))
    # Never more than the posterior mean rate, for ever.
    most = alive * horizon * (model.r + customers.frequency) / (model.alpha + customers.T)
    assert np.all(expected <= most * (1 + TWO_RULES))


@settings(max_examples=30)
@given(purchase_models, histories(), log_uniform(-4, 2))
def test_the_whole_future_is_a_number(model: Purchases, customers: CustomerSummary, rate: float) -> None:
    purchases = model.discounted_expected_purchases(customers, discount_rate=rate)
    lifetime = model.discounted_expected_lifetime(customers, discount_rate=rate)
    delta = math.log1p(rate) * 7 / DAYS_PER_YEAR
    assert np.all(np.isfinite(purchases) & (purchases >= 0))
    assert np.all((lifetime >= 0) & (lifetime <= (1 + TWO_RULES) / delta))


@given(purchase_models, horizons, rates)
def test_a_new_customer_is_a_number(model: Purchases, horizon: float, rate: float) -> None:
    expected = model.expected_purchases_new(horizon)
    discounted = model.discounted_expected_purchases_new(discount_rate=rate, horizon=horizon)
    assert 0 <= discounted <= expected * (1 + TWO_RULES)
    assert expected <= model.r * horizon / model.alpha * (1 + TWO_RULES)


@settings(max_examples=30)
@given(spend_models, histories())
def test_spend_is_a_number_between_the_two_means(model: GammaGamma, customers: CustomerSummary) -> None:
    assert customers.monetary_value is not None
    spend = model.expected_spend(customers)
    assert np.all(np.isfinite(model.log_likelihood(customers)))
    own = np.where(customers.frequency > 0, customers.monetary_value, model.population_mean)
    assert np.all(spend >= np.minimum(own, model.population_mean) * (1 - ROUNDING))
    assert np.all(spend <= np.maximum(own, model.population_mean) * (1 + ROUNDING))


# ---- probabilities


@given(purchase_models, log_uniform(-4, 1.5))
def test_probabilities_of_purchases_sum_to_one(model: Purchases, mean: float) -> None:
    # t / (alpha + t) is at most 20 / 21, and 3,000 terms leave out (20 / 21)**3000 = 3e-64.
    t = model.alpha * min(mean / model.r, 20.0)
    probabilities = model.probability_of_purchases(np.arange(3000), t)
    assert np.all((probabilities >= 0) & (probabilities <= 1))
    assert probabilities.sum() == pytest.approx(1, abs=1e-11)


@settings(max_examples=30)
@given(log_uniform(-1, 1), log_uniform(-1, 1), log_uniform(-1, 1))
def test_mean_of_the_probabilities_is_the_expectation(r: float, a: float, b: float) -> None:
    model = BGNBD(r=r, alpha=5.0, a=a, b=b)
    n = np.arange(1500)
    mean = float(n @ model.probability_of_purchases(n, 8.0))
    assert mean == pytest.approx(model.expected_purchases_new(8.0), rel=1e-9)  # 1,500 terms of 1e-13


def test_no_time_no_purchases() -> None:
    np.testing.assert_array_equal(CDNOW.probability_of_purchases([0, 1, 5], 0), [1, 0, 0])
    np.testing.assert_array_equal(CDNOW.probability_of_purchases([0, 1], 0, log=True), [0, -np.inf])
    assert CDNOW.expected_purchases_new(0) == 0
    assert CDNOW.discounted_expected_purchases_new(discount_rate=0.1, horizon=0) == 0
    np.testing.assert_array_equal(CDNOW.expected_purchases(cdnow.exact(), 0), np.zeros(2357))
    np.testing.assert_array_equal(
        CDNOW.discounted_expected_purchases(cdnow.exact(), discount_rate=0.1, horizon=0), np.zeros(2357)
    )


@given(
    purchase_models, st.integers(1, 10_000), log_uniform(-3, 3), st.lists(log_uniform(-6, 6), min_size=2, max_size=8)
)
def test_probability_alive_falls_with_silence(model: Purchases, x: int, t_x: float, silences: list[float]) -> None:
    T = t_x + np.sort(np.array(silences))
    customers = CustomerSummary(np.full(T.size, x), np.full(T.size, t_x), T)
    log = model.probability_alive(customers, log=True)
    assert np.all(np.diff(log) <= ROUNDING * np.abs(log[1:]))


@given(purchase_models, log_uniform(-5, 5))
def test_a_customer_without_repeat_purchases(model: Purchases, T: float) -> None:
    (alive,) = model.probability_alive(CustomerSummary(0, 0, T))
    # BG/NBD gives no chance to leave before the first repeat purchase; MBG/NBD gives one, and silence tells of it.
    assert alive == 1 if isinstance(model, BGNBD) else alive <= model.b / (model.a + model.b) * (1 + ROUNDING)


# ---- time and money


@settings(max_examples=30)
@given(purchase_models, histories(), st.lists(horizons, min_size=2, max_size=4))
def test_expected_purchases_rise_with_the_horizon(
    model: Purchases, customers: CustomerSummary, lengths: list[float]
) -> None:
    values = np.array([model.expected_purchases(customers, length) for length in sorted(lengths)])
    assert np.all(np.diff(values, axis=0) >= -TWO_RULES * values[1:])


@settings(max_examples=30)
@given(purchase_models, histories(), horizons, st.lists(rates, min_size=2, max_size=4))
def test_discounting_lowers(model: Purchases, customers: CustomerSummary, horizon: float, some: list[float]) -> None:
    values = np.array(
        [model.discounted_expected_purchases(customers, discount_rate=rate, horizon=horizon) for rate in sorted(some)]
    )
    assert np.all(np.diff(values, axis=0) <= TWO_RULES * values[:-1])


@settings(max_examples=30)
@given(purchase_models, histories(), horizons)
def test_a_zero_rate_is_no_discounting(model: Purchases, customers: CustomerSummary, horizon: float) -> None:
    plain = model.expected_purchases(customers, horizon)
    for rate in (0.0, 1e-15):
        same = model.discounted_expected_purchases(customers, discount_rate=rate, horizon=horizon)
        # 1e-15 a year over 2,000 years takes off 2e-12.
        np.testing.assert_allclose(same, plain, rtol=1e-11, atol=1e-300)


@settings(max_examples=30)
@given(purchase_models, histories(), log_uniform(-2, 1))
def test_a_long_horizon_is_the_whole_future(model: Purchases, customers: CustomerSummary, rate: float) -> None:
    whole = model.discounted_expected_purchases(customers, discount_rate=rate)
    delta = math.log1p(rate) * 7 / DAYS_PER_YEAR
    long = model.discounted_expected_purchases(customers, discount_rate=rate, horizon=60 / delta)
    np.testing.assert_allclose(whole, long, rtol=1e-11, atol=1e-300)


@settings(max_examples=30)
@given(histories(), horizons, rates, log_uniform(-3, 3), log_uniform(-3, 3))
def test_value_is_linear_in_margin(
    customers: CustomerSummary, horizon: float, rate: float, share: float, cost: float
) -> None:
    def value(margin: Any, cost_per_period: float = 0.0) -> Any:
        return clv.customer_lifetime_value(
            CDNOW,
            SPEND,
            customers,
            horizon=horizon,
            discount_rate=rate,
            margin=margin,
            cost_per_period=cost_per_period,
        )

    one = value(1.0)
    np.testing.assert_allclose(value(share), share * one, rtol=ROUNDING)
    np.testing.assert_array_equal(value(np.full(len(customers), share)), value(share))
    np.testing.assert_allclose(value(-share), -share * one, rtol=ROUNDING)
    lifetime = CDNOW.discounted_expected_lifetime(customers, discount_rate=rate, horizon=horizon)
    scale = np.maximum(one, cost * lifetime)
    assert np.all(np.abs(value(1.0, cost) - (one - cost * lifetime)) <= ROUNDING * scale)


def test_value_is_purchases_times_spend() -> None:
    customers = cdnow.exact()
    expected = CDNOW.discounted_expected_purchases(customers, discount_rate=0.15, horizon=52)
    expected = 0.3 * expected * SPEND.expected_spend(customers)
    found = clv.customer_lifetime_value(CDNOW, SPEND, customers, horizon=52, discount_rate=0.15, margin=0.3)
    np.testing.assert_allclose(found, expected, rtol=ROUNDING)


def test_cost_may_push_a_value_below_zero() -> None:
    customers = cdnow.exact()
    value = clv.customer_lifetime_value(
        CDNOW, SPEND, customers, horizon=52, discount_rate=0.15, margin=0.3, cost_per_period=1.0
    )
    assert value.min() < 0 < value.max()


@given(purchase_models, spend_models, horizons, rates, log_uniform(-3, 3))
def test_value_of_a_new_customer(
    model: Purchases, spending: GammaGamma, horizon: float, rate: float, cost: float
) -> None:
    value = clv.new_customer_lifetime_value(
        model, spending, horizon=horizon, discount_rate=rate, margin=0.3, acquisition_cost=cost
    )
    repeats = model.discounted_expected_purchases_new(discount_rate=rate, horizon=horizon)
    gross = 0.3 * spending.population_mean * (1 + repeats)
    assert value == pytest.approx(gross - cost, rel=ROUNDING, abs=ROUNDING * (gross + cost))


@given(purchase_models, horizons, log_uniform(-4, 1))
def test_a_new_customer_is_one_with_an_empty_history(model: Purchases, horizon: float, rate: float) -> None:
    empty = CustomerSummary(0, 0, 0)
    assert model.expected_purchases(empty, horizon)[0] == model.expected_purchases_new(horizon)
    (there,) = model.discounted_expected_purchases(empty, discount_rate=rate)
    assert there == model.discounted_expected_purchases_new(discount_rate=rate)


@settings(max_examples=30)
@given(purchase_models, histories(), horizons, log_uniform(-3, 1))
def test_a_model_in_days_is_the_model_in_weeks(
    model: Purchases, customers: CustomerSummary, horizon: float, rate: float
) -> None:
    days = type(model)(r=model.r, alpha=7 * model.alpha, a=model.a, b=model.b, time_unit="D")
    daily = CustomerSummary(customers.frequency, 7 * customers.recency, 7 * customers.T, time_unit="D")
    tolerance = {"rtol": 1e-10, "atol": 1e-300}  # times 7 rounds, and x up to 10,000 multiplies that
    shift = customers.frequency * math.log(7)
    np.testing.assert_allclose(
        days.log_likelihood(daily) + shift, model.log_likelihood(customers), rtol=1e-10, atol=1e-10
    )
    np.testing.assert_allclose(
        days.expected_purchases(daily, 7 * horizon), model.expected_purchases(customers, horizon), **tolerance
    )
    np.testing.assert_allclose(
        days.discounted_expected_purchases(daily, discount_rate=rate),
        model.discounted_expected_purchases(customers, discount_rate=rate),
        **tolerance,
    )
    np.testing.assert_allclose(
        days.discounted_expected_lifetime(daily, discount_rate=rate, horizon=7 * horizon),
        7 * model.discounted_expected_lifetime(customers, discount_rate=rate, horizon=horizon),
        **tolerance,
    )


# ---- rows


@settings(max_examples=40)
@given(purchase_models, histories(most=30), st.randoms(use_true_random=False))
def test_rows_are_independent_of_one_another(model: Purchases, customers: CustomerSummary, random: Any) -> None:
    n = len(customers)
    order = np.array(random.sample(range(n), n))
    half = np.arange(n) % 2 == 0
    calls = {
        "log_likelihood": lambda c: model.log_likelihood(c),
        "probability_alive": lambda c: model.probability_alive(c),
        "expected_purchases": lambda c: model.expected_purchases(c, 39.0),
        "discounted": lambda c: model.discounted_expected_purchases(c, discount_rate=0.1),
        "expected_spend": lambda c: SPEND.expected_spend(c),
    }
    for call in calls.values():
        whole = call(customers)
        for rows in (order, half, slice(n // 3, None), -1, [0, 0]):
            np.testing.assert_allclose(call(customers[rows]), np.atleast_1d(whole[rows]), rtol=1e-10, atol=1e-300)


def small_base(seed: int = 0, n: int = 1200) -> CustomerSummary:
    rows = np.random.default_rng(seed).choice(2357, n, replace=False)
    return cdnow.exact()[rows]


def same_fit(first: Any, second: Any) -> None:
    """Equal to what the optimiser leaves: a gradient of 1e-10 per customer."""
    assert first.parameters == pytest.approx(second.parameters, rel=1e-7)
    assert first.inference.log_likelihood == pytest.approx(second.inference.log_likelihood, rel=1e-11)
    np.testing.assert_allclose(first.inference.covariance, second.inference.covariance, rtol=1e-6)
    assert first.inference.n_customers == second.inference.n_customers


@pytest.mark.parametrize("model", [BGNBD, GammaGamma])
@pytest.mark.parametrize("seed", range(3))
def test_order_of_rows_does_not_matter_to_a_fit(model: Any, seed: int) -> None:
    customers = small_base(seed)
    order = np.random.default_rng(seed + 100).permutation(len(customers))
    same_fit(model.fit(customers), model.fit(customers[order]))


@pytest.mark.parametrize("model", [BGNBD, GammaGamma])
@pytest.mark.parametrize("seed", range(3))
def test_a_weight_of_three_is_three_rows(model: Any, seed: int) -> None:
    customers = small_base(seed)
    weights = np.random.default_rng(seed).integers(0, 4, len(customers))
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T", "monetary_value")}
    weighted = CustomerSummary(**columns, weights=weights)
    repeated = CustomerSummary(**{name: np.repeat(column, weights) for name, column in columns.items()})
    same_fit(model.fit(weighted), model.fit(repeated))
    np.testing.assert_allclose(
        weights @ CDNOW.log_likelihood(weighted), CDNOW.log_likelihood(repeated).sum(), rtol=ROUNDING
    )
    assert weighted.n_customers == repeated.n_customers == len(repeated)


def test_a_fit_in_days_is_the_fit_in_weeks() -> None:
    weeks, days = BGNBD.fit(cdnow.exact("W")), BGNBD.fit(cdnow.exact("D"))
    assert days.time_unit == "D"
    changed = dict(weeks.parameters, alpha=7 * weeks.alpha)
    assert days.parameters == pytest.approx(changed, rel=1e-7)
    assert weeks.inference is not None
    assert days.inference is not None
    shift = cdnow.exact().frequency.sum() * math.log(7)
    assert days.inference.log_likelihood == pytest.approx(weeks.inference.log_likelihood - shift, rel=ROUNDING)
    scale = np.array([1, 7, 1, 1])
    np.testing.assert_allclose(
        days.inference.covariance, weeks.inference.covariance * np.outer(scale, scale), rtol=1e-6
    )
    for rate, horizon in ((0.15, 52.0), (0.15, None)):
        np.testing.assert_allclose(
            days.discounted_expected_purchases(
                cdnow.exact("D"), discount_rate=rate, horizon=None if horizon is None else 7 * horizon
            ),
            weeks.discounted_expected_purchases(cdnow.exact("W"), discount_rate=rate, horizon=horizon),
            rtol=1e-6,
        )


@pytest.mark.parametrize("unit", ["M", "Y"])
def test_a_fit_in_months_or_years_is_the_fit_in_weeks(unit: str) -> None:
    weeks, customers = BGNBD.fit(cdnow.exact()), cdnow.exact()
    factor = 7 / (DAYS_PER_YEAR / 12 if unit == "M" else DAYS_PER_YEAR)
    other = BGNBD.fit(
        CustomerSummary(customers.frequency, customers.recency * factor, customers.T * factor, time_unit=unit)
    )
    assert other.parameters == pytest.approx(dict(weeks.parameters, alpha=factor * weeks.alpha), rel=1e-7)
    assert other.discounted_expected_purchases_new(discount_rate=0.1) == pytest.approx(
        weeks.discounted_expected_purchases_new(discount_rate=0.1), rel=1e-7
    )


def test_any_start_leads_to_the_same_fit() -> None:
    customers = cdnow.exact()
    for start in ({"r": 10.0, "alpha": 0.1, "a": 5.0, "b": 0.1}, {"r": 0.01, "alpha": 50.0, "a": 0.01, "b": 20.0}):
        same_fit(BGNBD.fit(customers, start=start), BGNBD.fit(customers))
    same_fit(GammaGamma.fit(customers, start={"p": 1.0, "q": 20.0, "v": 500.0}), GammaGamma.fit(customers))


# ---- a model is its parameters


@given(st.one_of(purchase_models, spend_models))
def test_round_trip_through_json(model: Any) -> None:
    again = type(model).from_dict(json.loads(json.dumps(model.to_dict())))
    assert again == model
    assert again.parameters == model.parameters
    assert again.inference is None


@pytest.mark.parametrize("model", [BGNBD, GammaGamma])
def test_round_trip_of_a_fit_through_json(model: Any) -> None:
    fitted = model.fit(cdnow.exact())
    again = model.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted
    assert again.inference == fitted.inference
    assert type(again.inference) is type(fitted.inference)
    np.testing.assert_array_equal(again.inference.covariance, fitted.inference.covariance)
    assert again.inference.confidence_intervals() == fitted.inference.confidence_intervals()


def test_round_trip_of_a_fit_at_a_boundary() -> None:
    T = np.linspace(20, 40, 60)
    with pytest.warns(match="do not tell all parameters"):
        fitted = BGNBD.fit(CustomerSummary(np.round(T / 4), T, T))
    assert fitted.inference is not None
    text = json.dumps(fitted.to_dict(), allow_nan=False)
    assert BGNBD.from_dict(json.loads(text)).inference == fitted.inference


def test_equality() -> None:
    assert BGNBD(0.243, 4.414, 0.793, 2.426) == CDNOW
    assert BGNBD(0.243, 4.414, 0.793, 2.427) != CDNOW
    assert BGNBD(0.243, 4.414, 0.793, 2.426, time_unit="D") != CDNOW
    assert BGNBD.fit(cdnow.exact()) == BGNBD(**BGNBD.fit(cdnow.exact()).parameters)
    assert hash(BGNBD(0.243, 4.414, 0.793, 2.426)) == hash(CDNOW)
    assert CDNOW != SPEND
    assert GammaGamma(1, 2, 3) == GammaGamma(1.0, 2.0, 3.0)


@pytest.mark.parametrize("model", [CDNOW, SPEND, LogNormal(1.0, 1.0)], ids=lambda model: type(model).__name__)
def test_models_are_frozen(model: Any) -> None:
    for name in ("r", "p", "median"):
        if hasattr(model, name):
            with pytest.raises(FrozenInstanceError, match=f"cannot assign to field '{name}'"):
                setattr(model, name, 1.0)


def test_inference_is_frozen() -> None:
    inference = BGNBD.fit(cdnow.exact()).inference
    assert inference is not None
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'log_likelihood'"):
        inference.log_likelihood = 0.0  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        inference.covariance[0, 0] = 0.0


def test_repr_shows_the_parameters() -> None:
    assert repr(CDNOW) == "BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426, time_unit='W')"
    assert repr(SPEND) == "GammaGamma(p=6.25, q=3.74, v=15.44)"


def test_predictions_are_the_callers_own() -> None:
    customers = cdnow.exact()
    calls = [
        lambda: CDNOW.probability_alive(customers),
        lambda: CDNOW.expected_purchases(customers, 39),
        lambda: CDNOW.log_likelihood(customers),
        lambda: SPEND.expected_spend(customers),
        lambda: clv.customer_lifetime_value(CDNOW, SPEND, customers, horizon=52, discount_rate=0.1),
    ]
    for call in calls:
        first = call()
        kept = first.copy()
        first[:] = -1
        np.testing.assert_array_equal(call(), kept)


def test_margins_are_not_changed() -> None:
    margin = np.linspace(0.1, 0.5, 2357)
    kept = margin.copy()
    clv.customer_lifetime_value(
        CDNOW, SPEND, cdnow.exact(), horizon=5, discount_rate=0.1, margin=margin, cost_per_period=3
    )
    np.testing.assert_array_equal(margin, kept)
