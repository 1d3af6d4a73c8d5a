"""Against other people's code: lifetimes where it is right, and plain scipy.special likelihoods everywhere."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.polynomial.legendre import leggauss

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, GammaGamma
from reference import cdnow, oracle, simulate

pytestmark = pytest.mark.heavy

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # lifetimes is archived: what it says at import is no news
    from lifetimes import BetaGeoFitter, GammaGammaFitter

# lifetimes stops where the change of its function is small: its optimum is good to about five digits.
LIFETIMES_OPTIMUM = 2e-5
# Fourth-order differences with a relative step of 1e-3: step**4, and 1e-16 |LL| / step**2 of rounding.
NUMERICAL_HESSIAN = 1e-5
CDNOW = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
REGULAR = {"r": 2.0, "alpha": 8.0, "a": 0.5, "b": 4.0}


def simulated(parameters: dict[str, float], seed: int = 1, n: int = 3000) -> CustomerSummary:
    rng = np.random.default_rng(seed)
    base = simulate.bg_nbd(rng, n, T=rng.uniform(20, 60, n), **parameters)
    spend = simulate.mean_spend(rng, base.x, p=6.0, q=4.0, v=15.0)
    return CustomerSummary(base.x, base.t_x, base.T, monetary_value=spend)


DATA = {"CDNOW": cdnow.exact, "CDNOW-like": lambda: simulated(CDNOW), "regular": lambda: simulated(REGULAR)}


@pytest.fixture(scope="module", params=DATA.values(), ids=DATA)
def customers(request: pytest.FixtureRequest) -> CustomerSummary:
    return request.param()


def lifetimes_fit(customers: CustomerSummary) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return BetaGeoFitter().fit(customers.frequency, customers.recency, customers.T)


def lifetimes_with(model: BGNBD) -> Any:
    """A lifetimes model with our parameters."""
    fitter = BetaGeoFitter()
    fitter.params_ = model.parameters
    return fitter


def repeat_spend(customers: CustomerSummary) -> tuple[Any, Any]:
    assert customers.monetary_value is not None
    some = customers.frequency > 0
    return customers.frequency[some].astype(float), customers.monetary_value[some]


# ---- lifetimes


def test_fit_is_that_of_lifetimes(customers: CustomerSummary) -> None:
    ours, theirs = BGNBD.fit(customers), lifetimes_fit(customers)
    assert ours.parameters == pytest.approx(theirs.params_.to_dict(), rel=20 * LIFETIMES_OPTIMUM)
    assert ours.inference is not None
    columns = (customers.frequency.astype(float), customers.recency, customers.T)
    their_maximum = float(oracle.bg_nbd_log_likelihood(theirs.params_.to_numpy(), *columns).sum())
    assert ours.inference.log_likelihood == pytest.approx(their_maximum, abs=1e-4)
    assert ours.inference.log_likelihood >= their_maximum - 1e-8  # rounding of a sum of 10,000 terms


def test_probability_alive_is_that_of_lifetimes(customers: CustomerSummary) -> None:
    model = BGNBD.fit(customers)
    columns = (customers.frequency, customers.recency, customers.T)
    theirs = lifetimes_with(model).conditional_probability_alive(*columns)
    np.testing.assert_allclose(model.probability_alive(customers), theirs, rtol=1e-10)


def test_expected_purchases_are_those_of_lifetimes(customers: CustomerSummary) -> None:
    model = BGNBD.fit(customers)
    columns = (customers.frequency, customers.recency, customers.T)
    for horizon in (1.0, 39.0, 200.0):
        theirs = lifetimes_with(model).conditional_expected_number_of_purchases_up_to_time(horizon, *columns)
        # 1 - power * 2F1 loses digits at short horizons: 1e-8 is what lifetimes has there.
        np.testing.assert_allclose(model.expected_purchases(customers, horizon), theirs, rtol=1e-8)


def test_expected_purchases_of_a_new_customer_are_those_of_lifetimes() -> None:
    model = BGNBD(**CDNOW)
    times = np.array([1.0, 10.0, 78.0])
    theirs = lifetimes_with(model).expected_number_of_purchases_up_to_time(times)
    np.testing.assert_allclose(model.expected_purchases_new(times), theirs, rtol=1e-10)


def test_probability_of_purchases_is_that_of_lifetimes() -> None:
    model = BGNBD(**CDNOW)
    for n in range(12):
        theirs = lifetimes_with(model).probability_of_n_purchases_up_to_time(30, n)
        # 1 - sum of counts loses the digits of what is left.
        assert model.probability_of_purchases(n, 30) == pytest.approx(float(theirs), rel=1e-9)


def test_gamma_gamma_fit_is_that_of_lifetimes(customers: CustomerSummary) -> None:
    x, m = repeat_spend(customers)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = GammaGammaFitter().fit(x, m)
    ours = GammaGamma.fit(customers)
    assert ours.parameters == pytest.approx(theirs.params_.to_dict(), rel=20 * LIFETIMES_OPTIMUM)
    fitter = GammaGammaFitter()
    fitter.params_ = ours.parameters
    some = customers[customers.frequency > 0]
    np.testing.assert_allclose(ours.expected_spend(some), fitter.conditional_expected_average_profit(x, m), rtol=1e-12)


# ---- where lifetimes is wrong


def test_zero_class_with_a_plus_b_below_one() -> None:
    # lifetimes takes the logarithm of a 2F1 that is negative where c = a + b - 1 < 0.
    model = BGNBD(r=0.243, alpha=4.414, a=0.2, b=0.7)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        theirs = lifetimes_with(model).conditional_expected_number_of_purchases_up_to_time(39, 0, 0, 38.86)
    assert np.isnan(theirs)
    ours = model.expected_purchases(CustomerSummary(0, 0, 38.86), 39)
    z = 39 / (4.414 + 38.86)
    # A series of its own: E = (r z) 3F2(r + 1, a, 1; a + b, 2; -z), which converges for z < 1.
    k = np.arange(400)
    ratios = np.cumprod(np.concatenate([[1.0], (1.243 + k) * (0.2 + k) / ((0.9 + k) * (2 + k)) * -z]))
    np.testing.assert_allclose(ours, 0.243 * z * ratios.sum(), rtol=1e-12)


def test_a_of_exactly_one() -> None:
    # lifetimes divides by a - 1.
    model = BGNBD(r=0.243, alpha=4.414, a=1.0, b=2.426)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            theirs = float(lifetimes_with(model).conditional_expected_number_of_purchases_up_to_time(39, 2, 30, 38))
        except ZeroDivisionError:
            theirs = np.inf
    assert not np.isfinite(theirs)
    customer = CustomerSummary(2, 30, 38)
    ours = model.expected_purchases(customer, 39)
    near = [BGNBD(r=0.243, alpha=4.414, a=a, b=2.426).expected_purchases(customer, 39) for a in (1 - 1e-6, 1 + 1e-6)]
    # A smooth function of a: the middle of two neighbours is right to the square of their distance.
    np.testing.assert_allclose(ours, np.mean(near, axis=0), rtol=1e-10)


def test_covariance_is_symmetric_and_that_of_lifetimes_is_not() -> None:
    ours, theirs = BGNBD.fit(cdnow.exact()).inference, lifetimes_fit(cdnow.exact())
    their_covariance = theirs.variance_matrix_.to_numpy()
    assert not np.array_equal(their_covariance, their_covariance.T)
    assert ours is not None
    np.testing.assert_array_equal(ours.covariance, ours.covariance.T)
    assert np.linalg.eigvalsh(ours.covariance).min() > 0


# ---- independently written likelihoods


def test_log_likelihood(customers: CustomerSummary) -> None:
    x = customers.frequency.astype(float)
    for parameters in (CDNOW, REGULAR, {"r": 1e-2, "alpha": 1e3, "a": 20.0, "b": 1e-2}):
        expected = oracle.bg_nbd_log_likelihood(parameters.values(), x, customers.recency, customers.T)
        # gammaln differences at arguments of order 100 have 1e-13 of absolute error.
        np.testing.assert_allclose(BGNBD(**parameters).log_likelihood(customers), expected, rtol=1e-11, atol=1e-11)


def test_expected_purchases(customers: CustomerSummary) -> None:
    x = customers.frequency.astype(float)
    for parameters in (CDNOW, REGULAR):
        expected = oracle.conditional_expectation(parameters.values(), x, customers.recency, customers.T, 39.0)
        np.testing.assert_allclose(BGNBD(**parameters).expected_purchases(customers, 39), expected, rtol=1e-10)


def test_probability_of_purchases() -> None:
    for n in range(30):
        expected = oracle.probability_of_purchases(REGULAR.values(), n, 40.0)
        # Eq. (8) takes a sum from 1; what is left of it after 30 terms has a few digits less.
        assert BGNBD(**REGULAR).probability_of_purchases(n, 40.0) == pytest.approx(expected, rel=1e-10)


def test_fit_reaches_the_optimum(customers: CustomerSummary) -> None:
    x, t_x, T = customers.frequency.astype(float), customers.recency, customers.T
    starts = [[1.0, 10.0, 1.0, 2.5], [0.2, 4.0, 0.5, 2.0], [3.0, 10.0, 0.3, 5.0], [0.5, 5.0, 5.0, 20.0]]
    value, point = oracle.best(lambda p: float(oracle.bg_nbd_log_likelihood(p, x, t_x, T).sum()), starts)
    model = BGNBD.fit(customers)
    assert model.inference is not None
    assert model.inference.log_likelihood >= value - 1e-8  # rounding of a sum of 10,000 terms
    # Nelder-Mead ends where the value changes by 1e-11: the square root of that, relative to the curvature.
    np.testing.assert_allclose(list(model.parameters.values()), point, rtol=2e-5)
    assert model.inference.gradient_norm < 1e-8


def test_gamma_gamma_fit_reaches_the_optimum(customers: CustomerSummary) -> None:
    x, m = repeat_spend(customers)
    starts = [[3.0, 4.0, 10.0], [1.0, 2.0, 30.0], [20.0, 3.0, 5.0]]
    value, point = oracle.best(lambda p: float(oracle.gamma_gamma_log_likelihood(p, x, m).sum()), starts)
    model = GammaGamma.fit(customers)
    assert model.inference is not None
    assert model.inference.log_likelihood >= value - 1e-8
    np.testing.assert_allclose(list(model.parameters.values()), point, rtol=2e-5)


def test_standard_errors(customers: CustomerSummary) -> None:
    x, t_x, T = customers.frequency.astype(float), customers.recency, customers.T
    model = BGNBD.fit(customers)
    at = np.array(list(model.parameters.values()))
    information = -oracle.hessian(lambda p: float(oracle.bg_nbd_log_likelihood(p, x, t_x, T).sum()), at)
    assert model.inference is not None
    correlation_scale = np.sqrt(np.outer(*[np.diag(model.inference.covariance)] * 2))
    # On the scale of correlations, so that all entries are of order one.
    difference = (model.inference.covariance - np.linalg.inv(information)) / correlation_scale
    np.testing.assert_allclose(difference, 0, atol=NUMERICAL_HESSIAN)


def test_gamma_gamma_standard_errors(customers: CustomerSummary) -> None:
    x, m = repeat_spend(customers)
    model = GammaGamma.fit(customers)
    at = np.array(list(model.parameters.values()))
    information = -oracle.hessian(lambda p: float(oracle.gamma_gamma_log_likelihood(p, x, m).sum()), at)
    assert model.inference is not None
    correlation_scale = np.sqrt(np.outer(*[np.diag(model.inference.covariance)] * 2))
    # On the scale of correlations, so that all entries are of order one.
    difference = (model.inference.covariance - np.linalg.inv(information)) / correlation_scale
    np.testing.assert_allclose(difference, 0, atol=NUMERICAL_HESSIAN)


@pytest.mark.parametrize("horizon", [4.0, 400.0])
@pytest.mark.parametrize("x", [0, 3, 10_000])
def test_discounting_by_parts(x: int, horizon: float) -> None:
    # Integral of exp(-delta s) dE(s) = exp(-delta t) E(t) + delta times the integral of exp(-delta s) E(s).
    model, rate = BGNBD(**CDNOW), 0.15
    customer = CustomerSummary(x, 39.0 if x else 0.0, 40.0)
    delta = np.log1p(rate) * 7 / 365.25
    nodes, weights = leggauss(40)  # 40 points on a panel resolve these smooth curves to rounding
    edges = horizon * np.concatenate([[0.0], 2.0 ** np.arange(-20, 1)])
    total = np.exp(-delta * horizon) * model.expected_purchases(customer, horizon)[0]
    for low, high in itertools.pairwise(edges):
        times = low + (high - low) * (nodes + 1) / 2
        values = [model.expected_purchases(customer, t)[0] for t in times]
        total += delta * (high - low) / 2 * float(weights @ (np.exp(-delta * times) * values))
    found = model.discounted_expected_purchases(customer, discount_rate=rate, horizon=horizon)
    np.testing.assert_allclose(found, total, rtol=1e-11)
