"""Data that cannot tell: a fit ends in words or at the maximum, and never in nonsense."""

from __future__ import annotations

import re
import time
import warnings
from typing import Any

import numpy as np
import pytest

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, GammaGamma, LogNormal
from customervalue.errors import (
    AssumptionWarning,
    ConvergenceError,
    CustomerValueWarning,
    InvalidInputError,
    WeaklyIdentifiedWarning,
)
from reference import cdnow, oracle, simulate

pytestmark = pytest.mark.heavy

STARTS = [[1.0, 10.0, 1.0, 2.5], [0.3, 3.0, 0.01, 0.1], [2.0, 20.0, 0.1, 10.0], [0.5, 5.0, 5.0, 5.0]]
# A parameter that runs away is followed until the log-likelihood rises by less than this.
BOUNDARY = 1e-3


def best_of_four(customers: CustomerSummary) -> float:
    columns = (customers.frequency.astype(float), customers.recency, customers.T)
    value, _ = oracle.best(lambda p: float(oracle.bg_nbd_log_likelihood(p, *columns).sum()), STARTS)
    return value


def spend(x: Any, mean: Any, **rest: Any) -> CustomerSummary:
    x = np.asarray(x)
    return CustomerSummary(x, np.where(x > 0, 1.0, 0.0), np.full(x.size, 2.0), monetary_value=mean, **rest)


def sensible(model: BGNBD, customers: CustomerSummary) -> bool:
    """All numbers are numbers, and the fit can be written down."""
    assert model.inference is not None
    numbers = [
        list(model.parameters.values()),
        model.log_likelihood(customers),
        model.probability_alive(customers),
        model.expected_purchases(customers, 52.0),
        model.discounted_expected_purchases(customers, discount_rate=0.1),
        np.array(list(model.inference.confidence_intervals().values()))[:, 0],
    ]
    finite = all(bool(np.all(np.isfinite(values))) for values in numbers)
    errors = np.array(list(model.inference.standard_errors.values()))
    return finite and not bool(np.any(np.isnan(errors))) and BGNBD.from_dict(model.to_dict()) == model


# ---- BG/NBD


def test_nobody_bought_twice() -> None:
    customers = CustomerSummary(np.zeros(100), np.zeros(100), np.linspace(1, 39, 100))
    with pytest.raises(ConvergenceError, match="nobody among these 100 customers bought twice"):
        BGNBD.fit(customers)


def test_nobody_with_weight_bought_twice() -> None:
    customers = CustomerSummary([0, 3], [0, 2], [5, 5], weights=[10, 0])
    with pytest.raises(ConvergenceError, match="nobody among these 10 customers bought twice"):
        BGNBD.fit(customers)


def test_fewer_customers_than_parameters() -> None:
    message = "4 parameters need at least as many customers, and there are 3"
    with pytest.raises(InvalidInputError, match=message):
        BGNBD.fit(cdnow.exact()[[0, 1, 5]])


@pytest.mark.parametrize("silence", [0.0, 0.01], ids=["until the end", "almost until the end"])
def test_clockwork_buyers_who_never_stop(silence: float) -> None:
    T = np.linspace(20, 40, 60)
    customers = CustomerSummary(np.round(T / 4), T * (1 - silence), T)
    with pytest.warns(WeaklyIdentifiedWarning, match="(?s)rate r/alpha = .* hardly any dropout is to be seen"):
        model = BGNBD.fit(customers)
    assert sensible(model, customers)
    assert model.r / model.alpha == pytest.approx(0.25, rel=0.05)
    assert model.a / (model.a + model.b) < 1e-4


def test_no_dropout_reaches_the_independent_optimum() -> None:
    rng = np.random.default_rng(3)
    base = simulate.bg_nbd(rng, 2000, r=0.5, alpha=5.0, a=1e-9, b=1.0, T=rng.uniform(20, 40, 2000))
    customers = CustomerSummary(base.x, base.t_x, base.T)
    with pytest.warns(WeaklyIdentifiedWarning, match="hardly any dropout is to be seen|others never"):
        model = BGNBD.fit(customers)
    assert sensible(model, customers)
    assert model.inference is not None
    assert model.inference.log_likelihood >= best_of_four(customers) - BOUNDARY
    assert (model.r, model.alpha) == pytest.approx((0.5, 5.0), rel=0.15)  # four standard errors of about 4 %
    assert np.quantile(model.probability_alive(customers), 0.02) > 0.9


def test_repeat_buyers_of_one_repeat_tell_only_the_ratio_of_a_and_b() -> None:
    # With x = 1 the likelihood holds a and b only as a/(a+b).
    rng = np.random.default_rng(4)
    base = simulate.bg_nbd(rng, 5000, r=0.5, alpha=20.0, a=1.0, b=1.0, T=40.0)
    few = base.x <= 1
    customers = CustomerSummary(base.x[few], base.t_x[few], base.T[few])
    with pytest.warns(WeaklyIdentifiedWarning, match=r"\ba\b.*\bb\b|\bb\b.*\ba\b"):
        model = BGNBD.fit(customers)
    assert sensible(model, customers)
    assert model.inference is not None
    assert model.inference.log_likelihood >= best_of_four(customers) - BOUNDARY


def test_heavy_buyers() -> None:
    rng = np.random.default_rng(5)
    base = simulate.bg_nbd(rng, 400, r=3.0, alpha=0.02, a=1.2, b=3000.0, T=rng.uniform(20, 40, 400))
    assert base.x.max() > 5000
    customers = CustomerSummary(base.x, base.t_x, base.T)
    model = BGNBD.fit(customers)
    assert sensible(model, customers)
    assert model.inference is not None
    for name, truth in {"r": 3.0, "alpha": 0.02, "a": 1.2, "b": 3000.0}.items():
        low, high = model.inference.confidence_intervals(0.9999)[name]
        assert low < truth < high


def test_heavy_buyers_who_all_left_are_not_called_loyal() -> None:
    rng = np.random.default_rng(1)
    T = np.linspace(20, 40, 50)
    customers = CustomerSummary(rng.integers(1000, 9000, 50), T * rng.random(50), T)
    with pytest.warns(WeaklyIdentifiedWarning) as caught:
        model = BGNBD.fit(customers)
    assert np.median(model.probability_alive(customers)) < 1e-6
    assert not any("as if customers never left" in str(warning.message) for warning in caught)


def quietly_fit(customers: CustomerSummary) -> tuple[BGNBD | None, str]:
    """The model, or None where there is no maximum; and what was said."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = BGNBD.fit(customers)
        except ConvergenceError as error:
            return None, str(error)
    assert all(issubclass(warning.category, WeaklyIdentifiedWarning) for warning in caught)
    return model, " ".join(str(warning.message) for warning in caught)


def twenty(seed: int) -> CustomerSummary:
    """Seed 0: the first twenty of CDNOW; else twenty at random."""
    rows = np.random.default_rng(seed).choice(2357, 20, replace=False) if seed else np.arange(20)
    return cdnow.exact()[np.sort(rows)]


@pytest.mark.parametrize("seed", range(40))
def test_twenty_customers(seed: int) -> None:
    customers = twenty(seed)
    start = time.perf_counter()
    model, said = quietly_fit(customers)
    assert time.perf_counter() - start < 0.5  # 0.05 s on an idle core
    if model is None:
        assert re.search("prior|bought twice", said)
        return
    assert sensible(model, customers)
    assert model.inference is not None
    if model.inference.at_boundary:
        assert all(name in said for name in model.inference.at_boundary)
    if seed < 8:
        assert model.inference.log_likelihood >= best_of_four(customers) - BOUNDARY


def test_a_prior_is_the_remedy() -> None:
    customers = twenty(0)
    prior = {
        "r": LogNormal(0.25, 0.5),
        "alpha": LogNormal(4.5, 0.5),
        "a": LogNormal(0.8, 0.5),
        "b": LogNormal(2.5, 0.5),
    }
    model = BGNBD.fit(customers, prior=prior)
    assert sensible(model, customers)
    assert model.inference is not None
    assert model.inference.at_boundary == ()


@pytest.mark.parametrize(
    "times",
    [([0.0] * 5, [0.0] * 5), ([0.0, 0, 0, 1, 2], [0.0, 0, 3, 4, 5]), ([1e-5] * 5, [2e-5] * 5), ([1e5] * 5, [1e6] * 5)],
    ids=["no time at all", "some without time", "seconds", "ages"],
)
def test_times_at_the_edge(times: tuple[list[float], list[float]]) -> None:
    customers = CustomerSummary([1, 2, 1, 3, 5], *times)
    model, said = quietly_fit(customers)
    assert said
    assert model is None or bool(np.all(np.isfinite(list(model.parameters.values()))))


# ---- Gamma-Gamma


def test_everyone_spends_the_same() -> None:
    with pytest.raises(ConvergenceError, match="all 50 customers have the same mean spend"):
        GammaGamma.fit(spend(np.arange(1, 51), np.full(50, 20.0)))


def test_almost_everyone_spends_the_same() -> None:
    # Values of one customer vary by 0.1 %, so that p is 10**6; customers do not differ, so that q is larger still.
    rng = np.random.default_rng(0)
    x = rng.geometric(0.3, 500)
    model = GammaGamma.fit(spend(x, 20 * np.exp(1e-3 * rng.standard_normal(500) / np.sqrt(x))))
    assert model.population_mean == pytest.approx(20, rel=1e-3)
    assert model.p == pytest.approx(1e6, rel=0.6)  # 12 % of standard error, and what q takes of the spread
    assert model.q > 1e6


def test_customers_who_all_bought_once_more() -> None:
    rng = np.random.default_rng(1)
    with pytest.warns(WeaklyIdentifiedWarning, match="customers hardly differ in what they spend"):
        model = GammaGamma.fit(spend(np.ones(500), rng.gamma(2.0, 10.0, 500)))
    assert model.population_mean == pytest.approx(20, rel=0.15)  # two standard errors of the mean: 6 %


def test_spend_that_never_varies_within_a_customer() -> None:
    rng = np.random.default_rng(2)
    with pytest.warns(WeaklyIdentifiedWarning, match="the transactions of one customer hardly differ"):
        model = GammaGamma.fit(spend(rng.geometric(0.3, 500), 1 / rng.gamma(4.0, 0.02, 500)))
    assert np.isfinite(model.population_mean)


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_mean_spend_that_does_not_exist(q: float) -> None:
    rng = np.random.default_rng(3)
    x = rng.geometric(0.3, 2000)
    customers = spend(x, simulate.mean_spend(rng, x, p=3.0, q=q, v=10.0))
    with pytest.warns(AssumptionWarning, match="mean of all of them does not exist"):
        model = GammaGamma.fit(customers)
    assert model.q <= 1
    assert model.inference is not None
    low, high = model.inference.confidence_intervals(0.9999)["q"]
    assert low < q < high
    with pytest.raises(InvalidInputError, match="mean of all of them does not exist"):
        _ = model.population_mean
    with pytest.raises(InvalidInputError, match="1 row breaks this") as caught:
        model.expected_spend(spend([0, 2], [0.0, 30.0]))
    assert caught.value.problems[0].count == 1
    assert caught.value.problems[0].first == "row 0"
    assert np.all(model.expected_spend(customers) > 0)  # p x + q > 1: a conditional mean exists, and is positive


def test_a_prior_keeps_the_mean_spend() -> None:
    rng = np.random.default_rng(3)
    x = rng.geometric(0.3, 300)
    customers = spend(x, simulate.mean_spend(rng, x, p=3.0, q=0.9, v=10.0))
    model = GammaGamma.fit(customers, prior={"q": LogNormal(3.0, 0.02)})
    assert model.population_mean > 0


@pytest.mark.parametrize(("exponent", "word"), [(0.7, "more"), (-0.7, "less")])
def test_spend_that_depends_on_frequency(exponent: float, word: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.geometric(0.2, 1000)
    customers = spend(x, simulate.mean_spend(rng, x, p=0.7, q=4.0, v=15.0) * x**exponent)
    message = rf"frequent buyers spend {word} per transaction: the rank correlation .* is -?0\.\d\d \(.* to .*\)"
    with pytest.warns(AssumptionWarning, match=message):
        model = GammaGamma.fit(customers)
    assert model.inference is not None
    correlation = model.inference.frequency_correlation
    assert np.sign(correlation.estimate) == np.sign(exponent)
    assert correlation.low < correlation.estimate < correlation.high


@pytest.mark.parametrize("seed", range(10))
def test_spend_that_does_not_is_not_complained_of(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.2, 1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error", CustomerValueWarning)
        model = GammaGamma.fit(spend(x, simulate.mean_spend(rng, x, p=6.0, q=4.0, v=15.0)))
    assert model.inference is not None
    assert abs(model.inference.frequency_correlation.estimate) < 0.13  # four standard errors, 1 / sqrt(1000)


def test_fewer_spenders_than_parameters() -> None:
    message = "three parameters need at least three customers with repeat transactions, and there are 2"
    with pytest.raises(InvalidInputError, match=message):
        GammaGamma.fit(spend([1, 2, 0, 0], [10.0, 20.0, 0.0, 0.0]))


@pytest.mark.parametrize("currency", [1e-12, 1e12])
def test_any_currency(currency: float) -> None:
    rng = np.random.default_rng(5)
    x = rng.geometric(0.3, 500)
    mean = simulate.mean_spend(rng, x, p=6.0, q=4.0, v=15.0)
    ours, theirs = GammaGamma.fit(spend(x, mean)), GammaGamma.fit(spend(x, mean * currency))
    # The optimiser stops at a gradient of 1e-10 per customer.
    assert (theirs.p, theirs.q, theirs.v / currency) == pytest.approx((ours.p, ours.q, ours.v), rel=1e-7)


@pytest.mark.slow
def test_one_million_customers() -> None:
    rng = np.random.default_rng(6)
    truth = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    days = rng.integers(27 * 7, 39 * 7, 1_000_000)
    base = simulate.bg_nbd(rng, days.size, T=days / 7, **truth)
    mean = simulate.mean_spend(rng, base.x, p=6.25, q=3.74, v=15.44)
    customers = CustomerSummary(base.x, base.t_x, base.T, monetary_value=mean)
    purchases, spending = BGNBD.fit(customers), GammaGamma.fit(customers)
    assert purchases.inference is not None
    assert spending.inference is not None
    for inference, expected in (
        (purchases.inference, truth),
        (spending.inference, {"p": 6.25, "q": 3.74, "v": 15.44}),
    ):
        errors = inference.standard_errors
        # At this size a standard error is half a percent: four of them.
        assert all(abs(inference.parameters[name] - value) < 4 * errors[name] for name, value in expected.items())
        assert all(errors[name] < 0.03 * value for name, value in expected.items())
