"""The weak prior: the same in any unit, little where there are data, and an answer where there are hardly any."""

from __future__ import annotations

import json
import math
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, MBGNBD, NBD, GammaGamma, LogNormal, ParetoNBD
from customervalue.errors import AssumptionWarning, ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from customervalue.estimation.inference import Inference
from reference import cdnow, simulate

pytestmark = pytest.mark.heavy

PURCHASES = (BGNBD, MBGNBD, ParetoNBD, NBD)
TIMES = ("alpha", "beta")
SIGMA = 1.5


@cache
def plain(kind: Any) -> Any:
    return kind.fit(cdnow.exact())


@cache
def weak(kind: Any) -> Any:
    return kind.fit(cdnow.exact(), prior="weak")


# ---- units


@pytest.mark.parametrize("rows", [slice(None), slice(0, 40)], ids=["CDNOW", "forty customers"])
@pytest.mark.parametrize("kind", PURCHASES)
def test_days_and_weeks_give_the_same_estimates(kind: Any, rows: slice) -> None:
    weeks, days = (kind.fit(cdnow.exact(unit)[rows], prior="weak") for unit in ("W", "D"))
    scaled = {name: value * (7 if name in TIMES else 1) for name, value in weeks.parameters.items()}
    assert days.parameters == pytest.approx(scaled, rel=1e-6)
    errors = {name: value * (7 if name in TIMES else 1) for name, value in weeks.inference.standard_errors.items()}
    assert days.inference.standard_errors == pytest.approx(errors, rel=1e-5)


@pytest.mark.parametrize("rows", [slice(None), slice(0, 40)], ids=["CDNOW", "forty customers"])
@pytest.mark.parametrize("factor", [100.0, 1e-6])
@pytest.mark.filterwarnings("ignore::customervalue.errors.AssumptionWarning")
def test_cents_and_euros_give_the_same_estimates(rows: slice, factor: float) -> None:
    euros = cdnow.exact()[rows]
    assert euros.monetary_value is not None
    cents = CustomerSummary(euros.frequency, euros.recency, euros.T, monetary_value=euros.monetary_value * factor)
    ours, theirs = (GammaGamma.fit(customers, prior="weak") for customers in (euros, cents))
    assert (theirs.p, theirs.q, theirs.v / factor) == pytest.approx((ours.p, ours.q, ours.v), rel=1e-6)


@pytest.mark.parametrize("kind", PURCHASES)
def test_it_is_centred_on_one_and_the_mean_length_of_observation(kind: Any) -> None:
    customers = cdnow.exact()[:100]
    weights = np.arange(100) % 4
    light = CustomerSummary(customers.frequency, customers.recency, customers.T, weights=weights)
    mean = float(np.average(customers.T, weights=weights))
    inference = kind.fit(light, prior="weak").inference
    expected = {name: (mean if name in TIMES else 1.0) for name in kind.parameter_names}
    assert {name: belief.median for name, belief in inference.prior.items()} == pytest.approx(expected, rel=1e-9)
    assert {belief.sigma for belief in inference.prior.values()} == {SIGMA}


def test_of_spend_it_is_centred_on_the_mean_spend() -> None:
    prior = weak(GammaGamma).inference.prior
    customers = cdnow.exact()
    assert customers.monetary_value is not None
    assert prior["v"].median == pytest.approx(customers.monetary_value[customers.frequency > 0].mean(), rel=1e-9)
    assert (prior["p"].median, prior["q"].median) == (1.0, 1.0)


@pytest.mark.parametrize("kind", [*PURCHASES, GammaGamma])
def test_it_is_the_prior_it_says_it_is(kind: Any) -> None:
    written = kind.fit(cdnow.exact(), prior=weak(kind).inference.prior)
    assert written.parameters == pytest.approx(weak(kind).parameters, rel=1e-9)
    assert written.inference.prior == weak(kind).inference.prior


# ---- how much it says


# In standard errors of the fit without it, and of the expected purchases (or spend) of customers in percent.
MOVES = {BGNBD: (0.10, 0.5), MBGNBD: (0.17, 1.0), ParetoNBD: (0.28, 2.0), NBD: (0.05, 0.5), GammaGamma: (0.25, 1.0)}


@pytest.mark.parametrize("kind", MOVES)
def test_on_cdnow_it_says_next_to_nothing(kind: Any) -> None:
    before, after, (most, percent) = plain(kind), weak(kind), MOVES[kind]
    errors = before.inference.standard_errors
    moved = {
        n: abs(math.log(v / before.parameters[n])) * before.parameters[n] / errors[n]
        for n, v in after.parameters.items()
    }
    assert max(moved.values()) < most, moved
    customers = cdnow.exact()
    if kind is GammaGamma:
        ours, theirs = after.expected_spend(customers), before.expected_spend(customers)
    else:
        ours, theirs = after.expected_purchases(customers, 39), before.expected_purchases(customers, 39)
        assert ours.sum() == pytest.approx(theirs.sum(), rel=percent / 100)
    assert np.mean(np.abs(ours / theirs - 1)) < percent / 100
    # The likelihood is that of the data alone, and can only be smaller.
    fall = before.inference.log_likelihood - after.inference.log_likelihood
    assert 0 <= fall < 0.5 * most**2 * len(before.parameter_names)
    assert before.inference.prior == {}


# ---- hardly any data


def sensible(model: Any, customers: CustomerSummary) -> None:
    inference = model.inference
    assert np.all(np.isfinite(list(model.parameters.values())))
    assert np.all(np.isfinite(list(inference.standard_errors.values())))
    assert inference.at_boundary == ()
    # Never much less certain than the prior alone.
    for name, error in inference.standard_errors.items():
        assert error / model.parameters[name] < SIGMA * 1.01
    assert np.all(np.isfinite(model.expected_purchases(customers, 52.0)))
    assert len(model.draws(20, 1, customers=customers)) == 20


def unflagged(kind: Any, customers: CustomerSummary) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("error", WeaklyIdentifiedWarning)
        return kind.fit(customers, prior="weak")


@pytest.mark.parametrize("kind", PURCHASES)
@pytest.mark.parametrize("seed", range(6))
def test_twenty_customers(kind: Any, seed: int) -> None:
    rows = np.sort(np.random.default_rng(seed).choice(2357, 20, replace=False))
    customers = cdnow.exact()[rows]
    sensible(unflagged(kind, customers), customers)


@pytest.mark.parametrize("kind", PURCHASES)
def test_nobody_bought_twice(kind: Any) -> None:
    customers = CustomerSummary(np.zeros(100), np.zeros(100), np.linspace(1, 39, 100))
    with pytest.raises(ConvergenceError, match="nobody among these 100 customers bought twice"):
        kind.fit(customers)
    model = unflagged(kind, customers)
    sensible(model, customers)
    # 2,000 weeks without a purchase: less than one in 50.
    assert model.expected_purchases(customers, 1.0).mean() < 1 / 50


@pytest.mark.parametrize("kind", PURCHASES)
def test_one_customer(kind: Any) -> None:
    one = CustomerSummary(3, 20.0, 39.0)
    with pytest.raises(InvalidInputError, match="parameters need at least as many customers, and there are 1"):
        kind.fit(one)
    sensible(unflagged(kind, one), one)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PURCHASES)
def test_nobody_leaves(kind: Any) -> None:
    base = simulate.bg_nbd(np.random.default_rng(3), 600, r=0.5, alpha=5.0, a=1e-9, b=1.0, T=30.0)
    customers = CustomerSummary(base.x, base.t_x, base.T)
    model = unflagged(kind, customers)
    sensible(model, customers)
    # A model that has NBD for a limit is hardly further from these data than NBD, for all that the prior says.
    assert model.inference.log_likelihood > NBD.fit(customers).inference.log_likelihood - 1.5  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", PURCHASES)
def test_no_time_at_all_is_still_refused(kind: Any) -> None:
    with pytest.raises(ConvergenceError, match="no time has passed"):
        kind.fit(CustomerSummary([1, 2, 1, 3, 5], [0.0] * 5, [0.0] * 5), prior="weak")


@pytest.mark.parametrize("exponent", [-0.9, 0.0])
def test_spend_that_does_not_tell(exponent: float) -> None:
    # Everyone bought once more, so that nothing is known of how values vary within a customer.
    rng = np.random.default_rng(1)
    spend = rng.gamma(2.0, 10.0, 50) * 10**exponent
    customers = CustomerSummary(np.ones(50), np.ones(50), np.full(50, 2.0), monetary_value=spend)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AssumptionWarning)
        warnings.simplefilter("error", WeaklyIdentifiedWarning)
        model = GammaGamma.fit(customers, prior="weak")
    assert model.inference is not None
    assert np.all(np.isfinite(list(model.inference.standard_errors.values())))
    assert model.inference.at_boundary == ()


# ---- how it travels, and what is refused


@pytest.mark.parametrize("kind", [*PURCHASES, GammaGamma])
def test_the_prior_of_a_fit_travels(kind: Any) -> None:
    again = kind.from_dict(json.loads(json.dumps(weak(kind).to_dict(), allow_nan=False)))
    assert again.inference.prior == weak(kind).inference.prior
    assert again.inference == weak(kind).inference
    assert set(again.inference.prior) == set(kind.parameter_names)


def test_what_was_written_before_there_were_priors_is_still_read() -> None:
    old = plain(BGNBD).inference.to_dict()
    del old["prior"]
    assert Inference.from_dict(old) == plain(BGNBD).inference


def test_fits_differ_by_their_priors() -> None:
    inference = weak(NBD).inference
    other = Inference.from_dict({**inference.to_dict(), "prior": {}})
    assert other != inference


@pytest.mark.parametrize("kind", [BGNBD, ParetoNBD, GammaGamma])
@pytest.mark.parametrize("prior", ["Weak", "strong", "", 3, ["r"]])
def test_anything_else_is_refused(kind: Any, prior: Any) -> None:
    with pytest.raises(
        InvalidInputError, match='`prior` must map names of parameters to LogNormals, or be "weak"'
    ) as caught:
        kind.fit(cdnow.exact(), prior=prior)
    assert caught.value.problems[0].argument == "prior"


@pytest.mark.parametrize("kind", [BGNBD, ParetoNBD, GammaGamma])
def test_unknown_parameters_and_wrong_beliefs_are_all_named(kind: Any) -> None:
    name = kind.parameter_names[0]
    with pytest.raises(InvalidInputError) as caught:
        kind.fit(cdnow.exact(), prior={"lambda": LogNormal(1, 1), "mu": LogNormal(1, 1), name: (1.0, 2.0)})
    said = str(caught.value)
    assert "there is no parameter 'lambda'" in said
    assert "there is no parameter 'mu'" in said
    assert f"the prior of {name!r} must be a LogNormal(median, sigma)" in said
    assert f"The parameters are {', '.join(kind.parameter_names)}" in said


@pytest.mark.parametrize(
    "wrong", [{"median": 0, "sigma": 1}, {"median": 1, "sigma": -1}, {"median": math.inf, "sigma": 1}]
)
def test_log_normals_are_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInputError, match="of a LogNormal must be positive and finite"):
        LogNormal(**wrong)
