"""Bootstrap, profile intervals and the sandwich: against other code, and where the model is not true."""

from __future__ import annotations

import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import gammaln
from scipy.stats import chi2

from customervalue import CustomerSummary
from customervalue.clv import (
    BGNBD,
    MBGNBD,
    NBD,
    GammaGamma,
    ParetoNBD,
    SpendInference,
    bootstrap,
    profile_interval,
    robust_inference,
)
from customervalue.errors import ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from reference import cdnow, oracle, simulate

pytestmark = pytest.mark.heavy

MODELS = (BGNBD, MBGNBD, ParetoNBD, NBD, GammaGamma)
TRUTH: dict[Any, dict[str, float]] = {
    BGNBD: {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5},
    MBGNBD: {"r": 0.8, "alpha": 5.0, "a": 0.8, "b": 2.5},
    ParetoNBD: {"r": 0.8, "alpha": 6.0, "s": 0.7, "beta": 9.0},
    NBD: {"r": 0.5, "alpha": 8.0},
}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


@cache
def fitted(kind: Any) -> Any:
    return kind.fit(cdnow.exact())


@cache
def simulated(kind: Any, n: int, seed: int = 1) -> CustomerSummary:
    if kind is GammaGamma:
        return BGNBD(**TRUTH[BGNBD]).simulate(n, 39.0, seed, spending=GammaGamma(**SPEND))
    return kind(**TRUTH[kind]).simulate(n, 39.0, seed)


@cache
def without_dropout() -> tuple[CustomerSummary, BGNBD]:
    base = simulate.bg_nbd(np.random.default_rng(3), 600, r=0.5, alpha=5.0, a=1e-9, b=1.0, T=30.0)
    customers = CustomerSummary(base.x, base.t_x, base.T)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        return customers, BGNBD.fit(customers)


def log_errors(inference: Any) -> Any:
    return np.array([error / inference.parameters[name] for name, error in inference.standard_errors.items()])


# ---- bootstrap


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_the_bootstrap_agrees_with_the_information_where_the_model_is_true(kind: Any) -> None:
    quick = kind in (NBD, GammaGamma)
    customers = simulated(kind, 20_000 if quick else 5000)
    model = kind.fit(customers)
    refits = bootstrap(model, customers, 500 if quick else 120, rng=2)
    assert (refits.method, refits.failed) == ("bootstrap", 0)
    # Standard deviation of 500 draws: 3 % (of 120: 6.5 %); three of them.
    found = np.log(refits.values).std(axis=0, ddof=1)
    np.testing.assert_allclose(found, log_errors(model.inference), rtol=0.1 if quick else 0.2)


def test_weights_are_repeated_rows_in_a_bootstrap() -> None:
    customers = cdnow.exact()[:300]
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    double = CustomerSummary(**columns, weights=np.full(300, 3))
    long = CustomerSummary(**{name: np.repeat(column, 3) for name, column in columns.items()})
    ours, theirs = (bootstrap(BGNBD.fit(some), some, 40, rng=1) for some in (double, long))
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-6)


def test_weights_of_spenders_are_repeated_rows() -> None:
    customers = cdnow.exact()[:400]
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T", "monetary_value")}
    double = CustomerSummary(**columns, weights=np.full(400, 4))
    long = CustomerSummary(**{name: np.repeat(column, 4) for name, column in columns.items()})
    ours, theirs = (bootstrap(GammaGamma.fit(some), some, 100, rng=1) for some in (double, long))
    np.testing.assert_allclose(
        np.log(ours.values).std(axis=0), np.log(theirs.values).std(axis=0), rtol=0.4
    )  # not row by row: four standard errors of a ratio of deviations


def test_a_bootstrap_refits_to_customers_drawn_with_replacement() -> None:
    # One refit by hand: the same multinomial numbers of each distinct history.
    customers = cdnow.exact()[:500]
    model = NBD.fit(customers)
    rows = customers.unique
    counts = np.random.default_rng(4).multinomial(500, rows.counts / 500)
    again = NBD.fit(CustomerSummary(rows.frequency, rows.recency, rows.T, weights=counts))
    assert bootstrap(model, customers, 1, rng=4)[0].parameters == pytest.approx(again.parameters, rel=1e-6)


def test_a_bootstrap_keeps_the_prior() -> None:
    customers = cdnow.exact()[:30]
    model = BGNBD.fit(customers, prior="weak")
    refits = bootstrap(model, customers, 50, rng=1)
    assert refits.failed == 0
    assert np.all(np.abs(np.log(refits.values / np.array(list(model.parameters.values())))) < 6)


def test_equal_seeds_give_equal_refits() -> None:
    customers = cdnow.exact()
    first, again = (bootstrap(fitted(BGNBD), customers, 5, rng=rng) for rng in (3, np.random.default_rng(3)))
    np.testing.assert_array_equal(first.values, again.values)
    assert len(first) == first.effective_sample_size == 5


def test_refits_without_a_maximum_are_counted() -> None:
    customers = cdnow.exact()[np.sort(np.random.default_rng(4).choice(2357, 60, replace=False))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        model = BGNBD.fit(customers)
    refits = bootstrap(model, customers, 40, rng=1)
    assert refits.failed > 0
    assert len(refits) + refits.failed == 40
    assert f"{refits.failed} refits failed" in repr(refits) or refits.failed == 1
    assert refits.to_dict()["failed"] == refits.failed
    assert np.all(np.isfinite(refits.values))


def test_most_refits_without_a_maximum_are_refused() -> None:
    customers, model = without_dropout()
    said = r'only [\d,]+ of 20 refits to resampled customers have a maximum: .*Fit with a prior \(`prior="weak"`\)'
    with pytest.raises(ConvergenceError, match=said):
        bootstrap(model, customers, 20, rng=1)
    assert len(bootstrap(BGNBD.fit(customers, prior="weak"), customers, 20, rng=1)) == 20


@pytest.mark.parametrize("n", [0, 2.5, math.inf, "many"])
def test_a_number_of_refits_is_whole(n: Any) -> None:
    with pytest.raises(InvalidInputError, match="`n` must be a"):
        bootstrap(fitted(NBD), cdnow.exact(), n, rng=1)


@pytest.mark.parametrize("call", [bootstrap, profile_interval, robust_inference])
def test_wrong_models_and_customers_are_refused(call: Any) -> None:
    rest: tuple[Any, ...] = {bootstrap: (5, 1), profile_interval: ("r",), robust_inference: ()}[call]
    with pytest.raises(InvalidInputError, match="`model` must be a fitted model, and is a str"):
        call("BGNBD", cdnow.exact(), *rest)
    with pytest.raises(InvalidInputError, match="time unit"):
        call(fitted(BGNBD), cdnow.exact("D"), *rest)
    with pytest.raises(InvalidInputError, match="`customers` must be a CustomerSummary"):
        call(fitted(BGNBD), [1, 2], *rest)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("call", [profile_interval, robust_inference])
def test_other_customers_than_those_of_the_fit_are_refused(call: Any, kind: Any) -> None:
    rest = (kind.parameter_names[0],) if call is profile_interval else ()
    with pytest.raises(InvalidInputError, match="not the customers of the fit"):
        call(fitted(kind), cdnow.exact()[:800], *rest)


@pytest.mark.parametrize("call", [profile_interval, robust_inference])
def test_numbers_without_a_fit_are_refused(call: Any) -> None:
    rest = ("r",) if call is profile_interval else ()
    with pytest.raises(InvalidInputError, match="this BGNBD was made from its parameters"):
        call(BGNBD(r=0.2, alpha=4, a=1, b=2), cdnow.exact(), *rest)


# ---- profile intervals


def profile(model: Any, customers: CustomerSummary, name: str, value: float, total: Any) -> float:
    """The largest log-likelihood with one parameter held, by another optimiser."""
    names = model.parameter_names
    place = names.index(name)
    others = np.log([model.parameters[n] for n in names if n != name])

    def loss(u: Any) -> float:
        return -total(np.insert(np.exp(u), place, value), customers)

    found = minimize(loss, others, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000})
    found = minimize(loss, found.x, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000})
    return -float(found.fun)


def of_bg_nbd(parameters: Any, customers: CustomerSummary) -> float:
    columns = (customers.frequency.astype(float), customers.recency, customers.T)
    return float(oracle.bg_nbd_log_likelihood(parameters, *columns).sum())


def of_gamma_gamma(parameters: Any, customers: CustomerSummary) -> float:
    some = customers.frequency > 0
    assert customers.monetary_value is not None
    x, m = customers.frequency[some].astype(float), customers.monetary_value[some]
    return float(oracle.gamma_gamma_log_likelihood(parameters, x, m).sum())


def of_nbd(parameters: Any, customers: CustomerSummary) -> float:
    r, alpha = parameters
    x = customers.frequency
    return float(np.sum(gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + customers.T)))


@pytest.mark.parametrize("level", [0.5, 0.95])
@pytest.mark.parametrize(
    ("kind", "name", "total"),
    [
        (BGNBD, "a", of_bg_nbd),
        (BGNBD, "alpha", of_bg_nbd),
        (NBD, "r", of_nbd),
        (GammaGamma, "q", of_gamma_gamma),
        (GammaGamma, "v", of_gamma_gamma),
    ],
)
def test_at_both_ends_another_optimiser_finds_the_fall_of_chi_square(
    kind: Any, name: str, total: Any, level: float
) -> None:
    customers = cdnow.exact()[np.arange(0, 2357, 4)]
    model = kind.fit(customers)
    best = total(list(model.parameters.values()), customers)
    low, high = profile_interval(model, customers, name, level=level)
    assert 0 < low < model.parameters[name] < high < math.inf
    for end in (low, high):
        fall = 2 * (best - profile(model, customers, name, end, total))
        assert fall == pytest.approx(chi2.ppf(level, 1), abs=2e-4)


@pytest.mark.parametrize("kind", [pytest.param(k, marks=pytest.mark.slow) if k is ParetoNBD else k for k in MODELS])
def test_with_many_customers_a_profile_is_close_to_wald(kind: Any) -> None:
    customers = simulated(kind, 10_000 if kind is ParetoNBD else 20_000)
    model = kind.fit(customers)
    for name, wald in model.inference.confidence_intervals(0.9).items():
        found = profile_interval(model, customers, name, level=0.9)
        middle, width = math.log(model.parameters[name]), math.log(wald[1] / wald[0])
        for ours, theirs in zip(found, wald, strict=True):
            assert abs(math.log(ours) - math.log(theirs)) < 0.05 * width
        assert math.log(found[0]) < middle < math.log(found[1])


def test_a_prior_belongs_to_the_profile() -> None:
    customers = cdnow.exact()[:60]
    model = NBD.fit(customers, prior="weak")
    assert model.inference is not None
    prior = model.inference.prior

    def total(parameters: Any, some: CustomerSummary) -> float:
        beliefs = zip(parameters, (prior["r"], prior["alpha"]), strict=True)
        return of_nbd(parameters, some) - sum(0.5 * (math.log(v / b.median) / b.sigma) ** 2 for v, b in beliefs)

    best = total(list(model.parameters.values()), customers)
    for end in profile_interval(model, customers, "alpha"):
        fall = 2 * (best - profile(model, customers, "alpha", end, total))
        assert fall == pytest.approx(chi2.ppf(0.95, 1), abs=2e-4)


def test_weights_are_repeated_rows_in_a_profile() -> None:
    customers = cdnow.exact()[:200]
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    double = CustomerSummary(**columns, weights=np.full(200, 2))
    long = CustomerSummary(**{name: np.repeat(column, 2) for name, column in columns.items()})
    ours, theirs = (profile_interval(BGNBD.fit(some), some, "alpha") for some in (double, long))
    assert ours == pytest.approx(theirs, rel=1e-6)


def test_a_profile_is_open_where_the_likelihood_never_falls() -> None:
    customers, model = without_dropout()
    low, high = profile_interval(model, customers, "a")
    assert low == 0
    assert high > model.a
    assert profile_interval(model, customers, "b")[1] == math.inf
    low, high = profile_interval(model, customers, "r")
    assert 0 < low < model.r < high < 2


def test_a_profile_of_customers_who_are_all_alike_is_open_above() -> None:
    rng = np.random.default_rng(5)
    customers = CustomerSummary(x := rng.poisson(3, 200), np.where(x > 0, 20.0, 0.0), np.full(200, 20.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        model = NBD.fit(customers)
    low, high = profile_interval(model, customers, "r")
    assert high == math.inf
    assert 1 < low < math.inf


def test_no_such_parameter_and_no_such_level() -> None:
    with pytest.raises(InvalidInputError, match=r"(?s)there is no parameter 's'.*They are r, alpha, a, b") as caught:
        profile_interval(fitted(BGNBD), cdnow.exact(), "s")
    assert caught.value.problems[0].argument == "name"
    for level in (0, 1, 95):
        with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
            profile_interval(fitted(BGNBD), cdnow.exact(), "r", level=level)


# ---- the sandwich


def sandwich(model: Any, customers: CustomerSummary, spenders: bool = False) -> Any:
    """Covariance of the estimates, from differences of each customer's log-likelihood, one customer after another."""
    centre = np.log(list(model.parameters.values()))
    k, h = centre.size, 2e-4
    some = customers[customers.frequency > 0] if spenders else customers
    weights = np.ones(len(some)) if some.weights is None else some.weights
    rest = {} if spenders else {"time_unit": some.time_unit}

    def each(theta: Any) -> Any:
        return type(model)(**dict(zip(model.parameter_names, np.exp(theta), strict=True)), **rest).log_likelihood(some)

    steps = np.eye(k) * h
    score = np.array([(each(centre + s) - each(centre - s)) / (2 * h) for s in steps])
    hessian = oracle.hessian(lambda theta: float(weights @ each(theta)), centre)
    bread = np.linalg.inv(-hessian)
    return bread @ (score * weights) @ score.T @ bread * np.exp(centre[:, None] + centre)


@pytest.mark.parametrize("kind", MODELS)
def test_the_sandwich_is_that_of_differences(kind: Any) -> None:
    customers, model = cdnow.exact(), fitted(kind)
    robust = robust_inference(model, customers)
    expected = sandwich(model, customers, spenders=kind is GammaGamma)
    scale = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    np.testing.assert_allclose(robust.covariance / scale, expected / scale, atol=1e-3)
    for name in ("parameters", "log_likelihood", "n_customers", "prior", "at_boundary"):
        assert getattr(robust, name) == getattr(model.inference, name)
    assert isinstance(robust, SpendInference) == (kind is GammaGamma)
    assert type(robust).from_dict(robust.to_dict()) == robust


def test_weights_are_repeated_rows_in_a_sandwich() -> None:
    customers = cdnow.exact()[:400]
    weights = np.arange(400) % 3
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    light = CustomerSummary(**columns, weights=weights)
    long = CustomerSummary(**{name: np.repeat(column, weights) for name, column in columns.items()})
    ours, theirs = (robust_inference(BGNBD.fit(some), some) for some in (light, long))
    assert ours.standard_errors == pytest.approx(theirs.standard_errors, rel=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_where_the_model_is_true_the_sandwich_is_the_inverse_information(kind: Any) -> None:
    customers = simulated(kind, 20_000)
    model = kind.fit(customers)
    robust = robust_inference(model, customers)
    np.testing.assert_allclose(log_errors(robust), log_errors(model.inference), rtol=0.1)


def test_where_it_is_not_true_the_sandwich_says_so_and_the_bootstrap_agrees() -> None:
    # Two kinds of buyers, and no gamma distribution between them: frequent ones, and very rare ones.
    rng = np.random.default_rng(6)
    rate = np.where(rng.random(4000) < 0.1, 1.2, 0.03)
    x = rng.poisson(rate * 39)
    t_x = np.where(x > 0, 39 * rng.random(4000) ** (1 / np.maximum(x, 1)), 0.0)
    customers = CustomerSummary(x, t_x, np.full(4000, 39.0))
    model = NBD.fit(customers)
    robust, refits = robust_inference(model, customers), bootstrap(model, customers, 300, rng=1)
    ratio = log_errors(robust) / log_errors(model.inference)
    assert np.max(np.abs(np.log(ratio))) > math.log(1.15)
    np.testing.assert_allclose(log_errors(robust), np.log(refits.values).std(axis=0), rtol=0.15)


def test_regular_buyers_have_smaller_errors_than_the_model_says() -> None:
    # Counts that vary less than any Poisson: every customer buys by the clock.
    rng = np.random.default_rng(8)
    gap = rng.gamma(4.0, 1.5, 2000)
    x = np.floor((39 - gap * rng.random(2000)) / gap).clip(0).astype(int)
    t_x = np.where(x > 0, x * gap, 0.0).clip(0, 39)
    customers = CustomerSummary(x, t_x, np.full(2000, 39.0))
    model = BGNBD.fit(customers, prior="weak")
    errors, robust = log_errors(model.inference)[:2], log_errors(robust_inference(model, customers))[:2]
    assert np.max(np.abs(np.log(robust / errors))) > math.log(1.1)


def test_a_sandwich_at_a_boundary_is_refused() -> None:
    customers, model = without_dropout()
    assert model.inference is not None
    assert model.inference.at_boundary
    said = r'(?s)ran to a boundary, where this covariance does not exist.*Fit with a prior \(`prior="weak"`\)'
    with pytest.raises(InvalidInputError, match=said):
        robust_inference(model, customers)
