"""A prior moves the estimate to where an independent optimiser finds the mode, in every unit alike."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, GammaGamma, LogNormal
from customervalue.estimation.newton import Evaluation
from customervalue.estimation.priors import add_prior, check_prior
from reference import cdnow, oracle

PRIOR = {"r": LogNormal(0.5, 0.3), "a": LogNormal(0.5, 0.2), "b": LogNormal(3.0, 0.5)}
STARTS = [[1.0, 10.0, 1.0, 2.5], [0.3, 4.0, 0.5, 3.0]]


def some() -> CustomerSummary:
    return cdnow.exact()[np.arange(0, 2357, 10)]


def log_prior(parameters: Any, names: tuple[str, ...], prior: dict[str, LogNormal]) -> float:
    """Up to a constant; on the log scale, where the mode is looked for."""
    values = dict(zip(names, parameters, strict=True))
    return -sum(0.5 * (np.log(values[name] / belief.median) / belief.sigma) ** 2 for name, belief in prior.items())


def test_posterior_mode_of_bg_nbd() -> None:
    customers = some()
    columns = (customers.frequency.astype(float), customers.recency, customers.T)

    def posterior(parameters: Any) -> float:
        likelihood = float(oracle.bg_nbd_log_likelihood(parameters, *columns).sum())
        return likelihood + log_prior(parameters, BGNBD.parameter_names, PRIOR)

    value, point = oracle.best(posterior, STARTS)
    model = BGNBD.fit(customers, prior=PRIOR)
    found = np.array(list(model.parameters.values()))
    assert posterior(found) >= value - 1e-8  # rounding of the oracle's sums
    np.testing.assert_allclose(found, point, rtol=1e-4)  # Nelder-Mead stops at 1e-9 of the value: its square root
    assert model.inference is not None
    plain = float(oracle.bg_nbd_log_likelihood(found, *columns).sum())
    assert model.inference.log_likelihood == pytest.approx(plain, abs=1e-8)  # without the prior
    log_hessian = oracle.hessian(lambda u: posterior(np.exp(u)), np.log(found))
    scale = np.sqrt(np.outer(*[np.diag(model.inference.covariance)] * 2))
    expected = np.linalg.inv(-log_hessian) * np.outer(found, found)
    np.testing.assert_allclose((model.inference.covariance - expected) / scale, 0, atol=1e-4)


@pytest.mark.filterwarnings("ignore:frequent buyers spend more")
def test_posterior_mode_of_gamma_gamma() -> None:
    customers = some()
    assert customers.monetary_value is not None
    spent = customers.frequency > 0
    x, m = customers.frequency[spent].astype(float), customers.monetary_value[spent]
    prior = {"q": LogNormal(3.0, 0.1), "v": LogNormal(15.0, 0.3)}

    def posterior(parameters: Any) -> float:
        likelihood = float(oracle.gamma_gamma_log_likelihood(parameters, x, m).sum())
        return likelihood + log_prior(parameters, GammaGamma.parameter_names, prior)

    value, point = oracle.best(posterior, [[5.0, 4.0, 15.0], [1.0, 2.0, 30.0]])
    found = np.array(list(GammaGamma.fit(customers, prior=prior).parameters.values()))
    assert posterior(found) >= value - 1e-8
    np.testing.assert_allclose(found, point, rtol=1e-4)


def test_a_prior_knows_no_time_unit() -> None:
    # alpha and its median both count days: the estimates are the same, and so are the other parameters.
    rows = np.arange(0, 2357, 10)
    weeks = BGNBD.fit(cdnow.exact("W")[rows], prior={**PRIOR, "alpha": LogNormal(4.0, 0.2)})
    days = BGNBD.fit(cdnow.exact("D")[rows], prior={**PRIOR, "alpha": LogNormal(28.0, 0.2)})
    assert days.parameters == pytest.approx(dict(weeks.parameters, alpha=7 * weeks.alpha), rel=1e-7)


def test_a_strong_prior_decides_and_a_weak_one_does_not() -> None:
    plain = BGNBD.fit(some())
    strong = BGNBD.fit(some(), prior={"a": LogNormal(0.3, 1e-4)})
    weak = BGNBD.fit(some(), prior={"a": LogNormal(0.3, 1e4)})
    assert strong.a == pytest.approx(0.3, rel=1e-4)
    assert weak.parameters == pytest.approx(plain.parameters, rel=1e-5)


def test_a_prior_weighs_as_much_whatever_the_customers_are_called() -> None:
    customers = some()
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    double = CustomerSummary(**columns, weights=np.full(len(customers), 2))
    twice = CustomerSummary(**{name: np.tile(column, 2) for name, column in columns.items()})
    ours, theirs = BGNBD.fit(double, prior=PRIOR), BGNBD.fit(twice, prior=PRIOR)
    assert ours.parameters == pytest.approx(theirs.parameters, rel=1e-8)


def test_add_prior_has_the_derivatives_it_says() -> None:
    names, prior = ("r", "alpha"), {"alpha": LogNormal(4.0, 0.5)}
    nothing = Evaluation(0.0, np.zeros(2), np.zeros((2, 2)))

    def value(theta: Any) -> float:
        return add_prior(nothing, theta, names, prior).value

    theta, h = np.array([0.3, 1.9]), 1e-4
    found = add_prior(nothing, theta, names, prior)
    assert found.value == pytest.approx(-0.5 * ((1.9 - np.log(4)) / 0.5) ** 2)
    for i, step in enumerate(np.eye(2) * h):
        assert found.gradient[i] == pytest.approx((value(theta + step) - value(theta - step)) / (2 * h), abs=1e-8)
    np.testing.assert_allclose(found.hessian, [[0, 0], [0, -4]])
    np.testing.assert_array_equal(nothing.hessian, np.zeros((2, 2)))


def test_no_prior() -> None:
    assert check_prior(None, ("r",)) == {}
    assert check_prior({}, ("r",)) == {}
