"""NBD: derivatives, the fit, the models whose limit it is, identities of Poisson-gamma, data that do not tell."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import nbinom

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, MBGNBD, NBD, LogNormal, ParetoNBD
from customervalue.errors import ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from reference import oracle

Array = NDArray[Any]
TRUTH = {"r": 0.6, "alpha": 9.0}
MODEL = NBD(**TRUTH)


def made_up(seed: int, n: int, T: Any = None, r: float = 0.6, alpha: float = 9.0) -> CustomerSummary:
    """Purchases one after the other, at rates of the customers' own."""
    rng = np.random.default_rng(seed)
    length = rng.uniform(20, 78, n) if T is None else np.broadcast_to(np.asarray(T, dtype=np.float64), n).copy()
    rate = rng.gamma(r, 1 / alpha, n)
    x, t_x, going = np.zeros(n, dtype=np.int64), np.zeros(n), np.arange(n)
    while going.size:
        with np.errstate(divide="ignore", over="ignore"):
            then = t_x[going] + rng.exponential(size=going.size) / rate[going]
        going, then = going[then <= length[going]], then[then <= length[going]]
        x[going] += 1
        t_x[going] = then
    return CustomerSummary(x, t_x, length)


def plain(parameters: Any, customers: CustomerSummary) -> Array:
    """Gamma-mixed Poisson processes: lambda^x e^(-lambda T), in gammaln."""
    r, alpha = parameters
    x, T = customers.frequency, customers.T
    return np.asarray(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T))


# ---- the likelihood


def test_log_likelihood_is_the_plain_one() -> None:
    customers = made_up(0, 500)
    np.testing.assert_allclose(
        MODEL.log_likelihood(customers), plain(TRUTH.values(), customers), rtol=1e-12, atol=1e-12
    )


def test_log_likelihood_is_that_of_the_count_but_for_its_moments() -> None:
    # Given x, the moments are x! / T^x dense.
    customers = made_up(1, 500)
    x, T = customers.frequency, customers.T
    count = nbinom.logpmf(x, 0.6, 9.0 / (9.0 + T))
    np.testing.assert_allclose(MODEL.log_likelihood(customers), count + gammaln(x + 1) - x * np.log(T), rtol=1e-11)


@pytest.mark.parametrize(
    "place", [(0.6, 9.0), (1e-3, 1e-3), (0.05, 1e4), (50.0, 3.0), (1e5, 1e6), (1e-6, 1e2)], ids=str
)
def test_derivatives_are_those_of_differences(place: tuple[float, float]) -> None:
    objective = NBD._likelihood(made_up(2, 300).unique).objective
    at, step = np.log(place), 1e-3
    exact = objective(at)
    gradient, hessian = np.zeros(2), np.zeros((2, 2))
    for i in range(2):
        for weight, offset in ((1, -2), (-8, -1), (8, 1), (-1, 2)):
            there = objective(at + offset * step * np.eye(2)[i])
            gradient[i] += weight * there.value / (12 * step)
            hessian[i] += weight * there.gradient / (12 * step)
    scale = max(1.0, abs(exact.value))
    np.testing.assert_allclose(exact.gradient, gradient, atol=1e-10 * scale)
    np.testing.assert_allclose(exact.hessian, hessian, atol=1e-10 * scale)
    np.testing.assert_allclose(exact.hessian, exact.hessian.T, rtol=1e-14)


def test_objective_is_the_mean_log_likelihood() -> None:
    customers = made_up(3, 400)
    value = NBD._likelihood(customers.unique).objective(np.log([0.6, 9.0])).value
    assert value == pytest.approx(MODEL.log_likelihood(customers).mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("kind", "fixed", "small", "rate"),
    [
        (BGNBD, {"b": 2.0}, "a", 1.0),
        (MBGNBD, {"b": 2.0}, "a", 1.0),
        (ParetoNBD, {"beta": 10.0}, "s", 1.0),
        (ParetoNBD, {"s": 0.6}, "beta", -1.0),
    ],
    ids=["BG, a to 0", "MBG, a to 0", "Pareto, s to 0", "Pareto, beta to infinity"],
)
def test_likelihood_and_predictions_are_the_limit_of_models_with_dropout(
    kind: Any, fixed: dict[str, float], small: str, rate: float
) -> None:
    customers = made_up(4, 200)
    expected = MODEL.log_likelihood(customers)
    misses = []
    for size in (1e-4, 1e-6, 1e-8):
        model = kind(**TRUTH, **fixed, **{small: size**rate})
        misses.append(float(np.max(np.abs(model.log_likelihood(customers) - expected))))
        np.testing.assert_allclose(model.probability_alive(customers), 1, atol=1e4 * size)
        np.testing.assert_allclose(
            model.expected_purchases(customers, 39.0), MODEL.expected_purchases(customers, 39.0), rtol=1e4 * size
        )
    # It is of the first order in what vanishes.
    assert misses[1] == pytest.approx(1e-2 * misses[0], rel=0.1)
    assert misses[2] == pytest.approx(1e-2 * misses[1], rel=0.1)


# ---- Poisson and gamma


@pytest.mark.parametrize("t", [0.01, 1.0, 39.0, 1e4])
def test_distribution_is_negative_binomial(t: float) -> None:
    n = np.arange(80)
    np.testing.assert_allclose(MODEL.probability_of_purchases(n, t), nbinom.pmf(n, 0.6, 9 / (9 + t)), rtol=1e-9)
    customer = CustomerSummary(4, 20.0, 30.0)
    given = MODEL.probability_of_purchases(n, t, customers=customer)[0]
    np.testing.assert_allclose(given, nbinom.pmf(n, 4.6, 39 / (39 + t)), rtol=1e-9)


def test_penetration_and_frequency_ehrenberg() -> None:
    # Ehrenberg's b = 1 - (1 + a)^-k with a = m / k, and m = b w: buyers, and purchases for each of them.
    k, m, t = 0.6, 0.6 / 9 * 13, 13.0
    b = MODEL.probability_active(CustomerSummary(0, 0, 0), t)[0]
    assert b == pytest.approx(1 - (1 + m / k) ** -k, rel=1e-13)
    assert MODEL.expected_purchases_new(t) == pytest.approx(m, rel=1e-14)
    n = np.arange(1, 4000)
    w = float(n @ MODEL.probability_of_purchases(n, t)) / b
    assert w * b == pytest.approx(m, rel=1e-11)


def test_conditional_trend_analysis_goodhardt_and_ehrenberg() -> None:
    # Of those who buy x in a period, (k + x) a / (1 + a) are expected in the next equal one; the non-buyers make up
    # the share 1 - (1 + a)^(-k-1)... of all the next sales: here (1 + a)^-(k + 1).
    T, k = 13.0, 0.6
    a = T / 9
    x = np.arange(0, 6)
    customers = CustomerSummary(x, np.where(x > 0, 5.0, 0.0), np.full(6, T))
    np.testing.assert_allclose(MODEL.expected_purchases(customers, T), (k + x) * a / (1 + a), rtol=1e-13)
    none = MODEL.probability_of_purchases(0, T)
    share = none * MODEL.expected_purchases(customers, T)[0] / MODEL.expected_purchases_new(T)
    assert share == pytest.approx((1 + a) ** -(k + 1), rel=1e-12)


def test_the_next_period_averages_over_this_one() -> None:
    # E[Y] over the distribution of x is E[X] again, and P(n) is that of any other period.
    T, x = 13.0, np.arange(400)
    customers = CustomerSummary(x, np.where(x > 0, 5.0, 0.0), np.full(400, T))
    weights = MODEL.probability_of_purchases(x, T)
    assert weights @ MODEL.expected_purchases(customers, T) == pytest.approx(MODEL.expected_purchases_new(T), rel=1e-11)
    mixed = weights @ MODEL.probability_of_purchases(np.arange(5), T, customers=customers)
    np.testing.assert_allclose(mixed, MODEL.probability_of_purchases(np.arange(5), T), rtol=1e-11)


def test_recency_says_nothing() -> None:
    early, late = CustomerSummary(3, 1.0, 39.0), CustomerSummary(3, 39.0, 39.0)
    assert MODEL.expected_purchases(early, 9.0)[0] == MODEL.expected_purchases(late, 9.0)[0]
    assert MODEL.log_likelihood(early)[0] == MODEL.log_likelihood(late)[0]
    assert MODEL.time_to_next_purchase(early)[0] == MODEL.time_to_next_purchase(late)[0]


@pytest.mark.parametrize("quantile", [1e-6, 0.05, 0.5, 0.95])
def test_time_to_next_purchase_is_the_quantile_of_a_lomax_distribution(quantile: float) -> None:
    customers = CustomerSummary([0, 3, 40], [0, 20, 38], [39, 39, 39])
    shape = 0.6 + customers.frequency
    expected = 48 * np.expm1(-np.log1p(-quantile) / shape)
    np.testing.assert_allclose(MODEL.time_to_next_purchase(customers, quantile), expected, rtol=1e-10)


def test_discounted_purchases_are_an_annuity() -> None:
    customers = CustomerSummary([0, 3], [0, 20], [39, 39])
    delta = math.log1p(0.15) * 7 / 365.25
    rate = (0.6 + np.array([0, 3])) / 48
    whole = MODEL.discounted_expected_purchases(customers, discount_rate=0.15)
    np.testing.assert_allclose(whole, rate / delta, rtol=1e-13)
    year = MODEL.discounted_expected_purchases(customers, discount_rate=0.15, horizon=52)
    np.testing.assert_allclose(year, rate * -np.expm1(-52 * delta) / delta, rtol=1e-13)
    np.testing.assert_allclose(
        MODEL.discounted_expected_lifetime(customers, discount_rate=0.15), np.full(2, 1 / delta), rtol=1e-13
    )


# ---- the fit


@pytest.mark.parametrize("seed", range(3))
def test_fit_is_the_optimum_of_scipy(seed: int) -> None:
    customers = made_up(seed, 1_500)
    model = NBD.fit(customers)
    found = minimize(
        lambda u: -plain(np.exp(u), customers).mean(),
        np.zeros(2),
        method="Nelder-Mead",
        options={"xatol": 1e-10, "fatol": 1e-14, "maxfev": 4000},
    )
    assert list(model.parameters.values()) == pytest.approx(np.exp(found.x).tolist(), rel=1e-5)
    assert model.inference is not None
    total = model.log_likelihood(customers).sum()
    assert total >= plain(np.exp(found.x), customers).sum() - 1e-8
    assert model.inference.log_likelihood == pytest.approx(total, rel=1e-12)
    assert model.inference.gradient_norm < 1e-9
    assert model.inference.n_customers == 1_500


def test_standard_errors_are_those_of_the_observed_information() -> None:
    customers = made_up(5, 1_500)
    model = NBD.fit(customers)
    assert model.inference is not None
    information = -oracle.hessian(
        lambda at: float(plain(at, customers).sum()), np.array(list(model.parameters.values()))
    )
    np.testing.assert_allclose(model.inference.covariance, np.linalg.inv(information), rtol=1e-4)


def test_moments_of_equal_times_give_the_mean_rate() -> None:
    # With one T, the maximum has the observed mean.
    customers = made_up(6, 2_000, T=39.0)
    model = NBD.fit(customers)
    assert 39 * model.r / model.alpha == pytest.approx(customers.frequency.mean(), rel=1e-9)


def test_weights_are_repeated_rows() -> None:
    customers = made_up(7, 300, T=np.repeat([20.0, 39.0, 52.0], 100))
    repeats = 1 + np.arange(300) % 3
    weighted = CustomerSummary(customers.frequency, customers.recency, customers.T, weights=repeats)
    first, second = NBD.fit(weighted), NBD.fit(customers[np.repeat(np.arange(300), repeats)])
    assert first.parameters == pytest.approx(second.parameters, rel=1e-8)
    assert first.inference is not None
    assert second.inference is not None
    np.testing.assert_allclose(first.inference.covariance, second.inference.covariance, rtol=1e-6)
    assert first.inference.n_customers == int(repeats.sum())


def test_fit_in_days_is_that_in_weeks() -> None:
    weeks = made_up(8, 800)
    days = CustomerSummary(weeks.frequency, 7 * weeks.recency, 7 * weeks.T, time_unit="D")
    first, second = NBD.fit(weeks), NBD.fit(days)
    assert second.time_unit == "D"
    assert second.r == pytest.approx(first.r, rel=1e-8)
    assert second.alpha == pytest.approx(7 * first.alpha, rel=1e-8)


def test_a_prior_draws_the_mode_towards_it() -> None:
    customers = made_up(9, 200)
    belief = LogNormal(5.0, 0.1)
    drawn = NBD.fit(customers, prior={"r": belief})

    def posterior(u: Any) -> float:
        return float(plain(np.exp(u), customers).sum() - 0.5 * ((u[0] - math.log(5.0)) / 0.1) ** 2)

    found = minimize(
        lambda u: -posterior(u), np.log([1.0, 9.0]), method="Nelder-Mead", options={"xatol": 1e-10, "fatol": 1e-12}
    )
    assert list(drawn.parameters.values()) == pytest.approx(np.exp(found.x).tolist(), rel=1e-5)
    assert drawn.inference is not None
    # The log-likelihood is that of the data, without the prior.
    assert drawn.inference.log_likelihood == pytest.approx(drawn.log_likelihood(customers).sum(), rel=1e-12)


def test_fit_from_other_starts_ends_in_the_same_place() -> None:
    customers = made_up(10, 500)
    model = NBD.fit(customers)
    for start in ({"r": 0.01, "alpha": 1e3}, {"r": 30.0, "alpha": 1.0}):
        assert NBD.fit(customers, start=start).parameters == pytest.approx(model.parameters, rel=1e-7)


@pytest.mark.slow
def test_intervals_cover() -> None:
    # 300 intervals of 95 % cover 95 % of the time give or take 1.3 %.
    hits = []
    for seed in range(300):
        model = NBD.fit(made_up(1_000 + seed, 800))
        assert model.inference is not None
        intervals = model.inference.confidence_intervals(0.95)
        hits.append([intervals[name][0] <= value <= intervals[name][1] for name, value in TRUTH.items()])
    shares = np.mean(hits, axis=0)
    assert np.all((shares >= 0.92) & (shares <= 0.98)), shares


# ---- data that do not tell


def test_customers_who_do_not_differ() -> None:
    # Fewer multiple purchases than chance alone would make: the shape runs to infinity.
    customers = CustomerSummary(np.full(200, 4), np.full(200, 30.0), np.full(200, 39.0))
    words = r"(?s)200 customers do not tell all.*r and alpha run to infinity.*r/alpha = 0\.103 is known.*hardly differ"
    with pytest.warns(WeaklyIdentifiedWarning, match=words):
        model = NBD.fit(customers)
    assert model.r / model.alpha == pytest.approx(4 / 39, rel=1e-4)
    assert model.expected_purchases(customers, 39.0)[0] == pytest.approx(4.0, rel=1e-3)


def test_few_customers_do_not_tell_how_much_they_differ() -> None:
    customers = CustomerSummary([0, 1, 0], [0, 12, 0], [39, 39, 20])
    with pytest.warns(WeaklyIdentifiedWarning, match=r"the mean purchase rate r/alpha = .* is known"):
        model = NBD.fit(customers)
    assert model.r / model.alpha == pytest.approx(1 / 98, rel=0.5)


def test_customers_who_buy_nothing_at_all() -> None:
    nobody = CustomerSummary(np.zeros(50), np.zeros(50), np.full(50, 39.0))
    with pytest.raises(ConvergenceError, match="nobody among these 50 customers bought twice"):
        NBD.fit(nobody)


def test_no_time_has_passed() -> None:
    with pytest.raises(ConvergenceError, match="no time has passed"):
        NBD.fit(CustomerSummary([1, 2], [0, 0], [0, 0]))


def test_fewer_customers_than_parameters() -> None:
    with pytest.raises(InvalidInputError, match="2 parameters need at least as many customers, and there are 1"):
        NBD.fit(CustomerSummary(3, 20, 39))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        two = NBD.fit(CustomerSummary([9, 0], [30, 0], [39, 39]))
    assert two.r > 0


def test_very_heavy_buyers() -> None:
    customers = made_up(11, 400, T=2_000.0, r=2.0, alpha=0.5)
    model = NBD.fit(customers)
    assert customers.frequency.max() > 10_000
    assert model.r == pytest.approx(2.0, rel=0.3)
    assert model.alpha == pytest.approx(0.5, rel=0.3)


# ---- there and back


def test_to_dict_and_back() -> None:
    for model in (MODEL, NBD.fit(made_up(12, 300)), NBD(r=1.0, alpha=2.0, time_unit="D")):
        there = json.loads(json.dumps(model.to_dict()))
        back = NBD.from_dict(there)
        assert back == model
        assert back.to_dict() == model.to_dict()
        assert (back.inference is None) == (model.inference is None)
    assert MODEL.to_dict()["model"] == "NBD"
    with pytest.raises(InvalidInputError, match="this is a dictionary of 'NBD', not of 'BGNBD'"):
        BGNBD.from_dict(MODEL.to_dict())


@pytest.mark.parametrize("flaw", [0, -1, np.nan, np.inf, "big"], ids=str)
@pytest.mark.parametrize("name", ["r", "alpha"])
def test_parameters_that_are_none(name: str, flaw: Any) -> None:
    with pytest.raises(InvalidInputError, match=f"`{name}` must be a positive number"):
        NBD(**(TRUTH | {name: flaw}))


def test_repr_is_in_its_parameters() -> None:
    assert repr(MODEL) == "NBD(r=0.6, alpha=9, time_unit='W')"
