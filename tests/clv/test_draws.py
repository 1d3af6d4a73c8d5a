"""Draws of parameters: against the fit they come from, against posteriors on a grid, and what they refuse."""

from __future__ import annotations

import json
import math
import pickle
import warnings
from functools import cache
from typing import Any

import numpy as np
import pytest
from scipy.special import gammaln

from customervalue import CustomerSummary
from customervalue.clv import BGNBD, MBGNBD, NBD, Draws, GammaGamma, LogNormal, ParetoNBD
from customervalue.errors import AssumptionWarning, ConvergenceError, InvalidInputError, WeaklyIdentifiedWarning
from reference import cdnow, simulate

pytestmark = pytest.mark.heavy

MODELS = (BGNBD, MBGNBD, ParetoNBD, NBD, GammaGamma)


@cache
def fitted(kind: Any) -> Any:
    return kind.fit(cdnow.exact())


def sample(n: int, seed: int) -> CustomerSummary:
    rows = np.random.default_rng(seed).choice(2357, n, replace=False)
    return cdnow.exact()[np.sort(rows)]


def quietly(kind: Any, customers: CustomerSummary, **rest: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", WeaklyIdentifiedWarning)
        return kind.fit(customers, **rest)


# ---- asymptotic


@pytest.mark.parametrize("kind", MODELS)
def test_logs_have_the_mean_and_covariance_of_the_fit(kind: Any) -> None:
    model, n = fitted(kind), 40_000
    draws = model.draws(n, rng=5)
    assert (draws.method, draws.effective_sample_size, draws.failed) == ("asymptotic", n, 0)
    assert draws.values.shape == (n, len(model.parameter_names))
    estimate, logs = np.array(list(model.parameters.values())), np.log(draws.values)
    expected = model.inference.covariance / np.outer(estimate, estimate)
    spread = np.diag(expected)
    assert np.all(np.abs(logs.mean(axis=0) - np.log(estimate)) < 4.5 * np.sqrt(spread / n))
    # Variance of a covariance of normal variables: (c_ii c_jj + c_ij^2) / n.
    error = np.sqrt((np.outer(spread, spread) + expected**2) / n)
    assert np.all(np.abs(np.cov(logs, rowvar=False) - expected) < 4.5 * error)


def test_a_draw_is_a_model_that_predicts() -> None:
    model = fitted(BGNBD)
    drawn = model.draws(3, rng=1)
    assert isinstance(drawn[0], BGNBD)
    assert drawn[0].inference is None
    assert drawn[0].time_unit == model.time_unit
    assert list(drawn[1].parameters.values()) == drawn.values[1].tolist()
    assert drawn[0].expected_purchases(cdnow.exact(), 39).shape == (2357,)


# ---- the exact posterior


def nbd_log_likelihood(r: Any, alpha: Any, customers: CustomerSummary) -> Any:
    """Ehrenberg's negative binomial, of the moments of the purchases; r and alpha of any one shape."""
    total = np.zeros(np.shape(r))
    for x, length in zip(customers.frequency.tolist(), customers.T.tolist(), strict=True):
        total += gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + length)
    return total


def nbd_grid(customers: CustomerSummary, model: NBD, prior: dict[str, LogNormal]) -> tuple[Any, Any]:
    """Points (log r, log alpha) and their shares of the posterior, nine standard errors around the mode."""
    assert model.inference is not None
    errors = model.inference.standard_errors
    reach = np.linspace(-9, 9, 181)
    u, v = np.meshgrid(
        math.log(model.r) + reach * errors["r"] / model.r,
        math.log(model.alpha) + reach * errors["alpha"] / model.alpha,
        indexing="ij",
    )
    logs = nbd_log_likelihood(np.exp(u), np.exp(v), customers)
    # A parameter without a prior has the weak one.
    beliefs = {"r": LogNormal(1.0, 1.5), "alpha": LogNormal(float(customers.T.mean()), 1.5), **prior}
    for name, at in (("r", u), ("alpha", v)):
        logs -= 0.5 * ((at - math.log(beliefs[name].median)) / beliefs[name].sigma) ** 2
    weight = np.exp(logs - logs.max())
    # All of the posterior lies within.
    edge = np.concatenate([weight[0], weight[-1], weight[:, 0], weight[:, -1]])
    assert edge.max() < 1e-5
    return np.stack([u.ravel(), v.ravel()], axis=1), weight.ravel() / weight.sum()


CASES = {
    "40 customers": (40, {}),
    "60 customers": (60, {}),
    "20 customers, a prior for both": (20, {"r": LogNormal(0.5, 0.4), "alpha": LogNormal(20.0, 0.6)}),
    "30 customers, a prior for one": (30, {"alpha": LogNormal(6.0, 0.3)}),
    "25 customers, weak": (25, "weak"),
}


@pytest.mark.parametrize("case", CASES)
def test_exact_draws_have_the_posterior_of_a_grid(case: str) -> None:
    size, prior = CASES[case]
    base = simulate.bg_nbd(np.random.default_rng(3), size, r=0.5, alpha=8.0, a=1e-9, b=1.0, T=52.0)
    customers = CustomerSummary(base.x, base.t_x, base.T)
    model = NBD.fit(customers, prior=prior or None)
    assert model.inference is not None
    points, weight = nbd_grid(customers, model, model.inference.prior)
    draws = model.draws(3000, rng=2, customers=customers)
    assert draws.method == "importance"
    assert 1500 < draws.effective_sample_size <= 6000
    logs = np.log(draws.values)
    # A share of draws varies as one of so many independent ones: of the weighted proposals, and of those resampled.
    scale = math.sqrt(1 / draws.effective_sample_size + 1 / len(draws))
    for i in range(2):
        order = np.argsort(points[:, i], kind="stable")
        below = np.cumsum(weight[order])
        spread = math.sqrt(weight @ points[:, i] ** 2 - (weight @ points[:, i]) ** 2)
        assert abs(logs[:, i].mean() - weight @ points[:, i]) < 4 * scale * spread
        for q in (0.025, 0.25, 0.5, 0.75, 0.975):
            at = points[order, i][np.searchsorted(below, q)]
            # The grid has steps: what lies at the quantile itself is on neither side.
            share, step = np.mean(logs[:, i] <= at), weight[points[:, i] == at].sum()
            assert abs(share - q) < 4 * scale * math.sqrt(q * (1 - q)) + step
    # The direction in which the likelihood is flat.
    difference, known = logs[:, 0] - logs[:, 1], points[:, 0] - points[:, 1]
    assert abs(difference.mean() - weight @ known) < 4 * scale * math.sqrt(weight @ known**2 - (weight @ known) ** 2)


def bg_nbd_log_likelihood(theta: Any, customers: CustomerSummary) -> Any:
    """Fader, Hardie & Lee (2005), eq. (6), for log-parameters (m, 4)."""
    r, alpha, a, b = (np.exp(column)[:, None] for column in theta.T)
    x, t_x, length = customers.frequency.astype(float), customers.recency, customers.T
    counts = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    counts = counts + gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    alive = -(r + x) * np.log(alpha + length)
    with np.errstate(divide="ignore"):
        gone = np.log(np.where(x > 0, a, 0.0)) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x)
    return (counts + np.logaddexp(alive, gone)).sum(axis=1)


@pytest.mark.slow
def test_exact_draws_of_four_parameters_against_another_sampler() -> None:
    # Metropolis, many short chains from normal starts: a method that has nothing in common with weights.
    customers = sample(80, 4)
    prior = {
        "r": LogNormal(0.3, 0.5),
        "alpha": LogNormal(5.0, 0.5),
        "a": LogNormal(0.8, 0.5),
        "b": LogNormal(2.5, 0.5),
    }
    model = BGNBD.fit(customers, prior=prior)
    assert model.inference is not None
    centre = np.log(list(model.parameters.values()))
    covariance = model.inference.covariance / np.exp(centre[:, None] + centre)
    medians = np.log([belief.median for belief in prior.values()])

    def posterior(theta: Any) -> Any:
        return bg_nbd_log_likelihood(theta, customers) - 0.5 * (((theta - medians) / 0.5) ** 2).sum(axis=1)

    rng, chains = np.random.default_rng(0), 600
    root = np.linalg.cholesky(covariance)
    theta = centre + rng.standard_normal((chains, 4)) @ root.T
    here, kept = posterior(theta), []
    for step in range(60):
        trial = theta + 1.1 * rng.standard_normal((chains, 4)) @ root.T
        there = posterior(trial)
        taken = np.log(rng.random(chains)) < there - here
        theta, here = np.where(taken[:, None], trial, theta), np.where(taken, there, here)
        if step >= 20 and step % 10 == 0:
            kept.append(theta)
    walked = np.concatenate(kept)  # 600 chains count at the least
    logs = np.log(model.draws(2000, rng=1, customers=customers).values)
    spread = walked.std(axis=0)
    assert np.all(np.abs(logs.mean(axis=0) - walked.mean(axis=0)) < 4 * spread * math.sqrt(1 / 600 + 1 / 2000))
    np.testing.assert_allclose(logs.std(axis=0), spread, rtol=0.12)  # four standard errors of a deviation of 600


@pytest.mark.slow
def test_a_prior_weighs_in_the_draws_as_often_as_in_the_fit() -> None:
    # A prior so narrow that the draws are drawn from it.
    customers = sample(150, 4)
    prior = {"r": LogNormal(0.3, 0.01), "alpha": LogNormal(5.0, 0.02), "a": LogNormal(1, 0.03), "b": LogNormal(2, 0.01)}
    draws = BGNBD.fit(customers, prior=prior).draws(2000, rng=1, customers=customers)
    for name, belief in prior.items():
        assert np.log(draws.parameters[name]).std() == pytest.approx(belief.sigma, rel=0.08)


@pytest.mark.slow
def test_weights_are_repeated_rows_in_exact_draws() -> None:
    customers = sample(100, 1)
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    double = CustomerSummary(**columns, weights=np.full(100, 2))
    twice = CustomerSummary(**{name: np.repeat(column, 2) for name, column in columns.items()})
    ours = MBGNBD.fit(double, prior="weak").draws(300, 1, customers=double)
    theirs = MBGNBD.fit(twice, prior="weak").draws(300, 1, customers=twice)
    np.testing.assert_allclose(ours.values, theirs.values, rtol=1e-6)


def test_the_order_of_customers_does_not_matter() -> None:
    customers = sample(100, 1)
    model = BGNBD.fit(customers, prior="weak")
    assert len(model.draws(10, 1, customers=customers[::-1])) == 10


@pytest.mark.slow
@pytest.mark.parametrize("kind", MODELS)
def test_large_samples_have_a_normal_posterior(kind: Any) -> None:
    model = fitted(kind)
    draws = model.draws(1000, rng=1, customers=cdnow.exact())
    assert 500 < draws.effective_sample_size <= 2000
    errors = model.inference.standard_errors
    for name, values in draws.parameters.items():
        # A skewed posterior moves by a share of its width; s and beta of Pareto/NBD by most.
        assert abs(np.log(values).mean() - math.log(model.parameters[name])) < 0.6 * errors[name] / getattr(model, name)


@pytest.mark.slow
@pytest.mark.parametrize(("n", "seed"), [(5, 1), (5, 2), (5, 3), (1000, 2)])
def test_exact_draws_of_pareto_nbd_do_not_depend_on_luck(n: int, seed: int) -> None:
    # Between a twentieth and all of the proposals, whatever the seed: a weight that outdoes all others is no posterior.
    draws = fitted(ParetoNBD).draws(n, seed, customers=cdnow.exact())
    assert draws.effective_sample_size > 0.05 * max(2 * n, 1000)


# ---- repeatable


@pytest.mark.parametrize("exact", [False, True])
def test_equal_seeds_give_equal_draws(exact: bool) -> None:
    model = fitted(BGNBD)
    data = {"customers": cdnow.exact()} if exact else {}
    first, again = model.draws(50, 7, **data), model.draws(50, np.random.default_rng(7), **data)
    np.testing.assert_array_equal(first.values, again.values)
    assert not np.array_equal(first.values, model.draws(50, 8, **data).values)


# ---- what is said


@pytest.mark.parametrize(
    ("n", "prior", "said"),
    [(2357, "weak", "a fit with a prior: the draws"), (300, None, "a fit to 300 customers: the draws")],
)
def test_rough_draws_are_said_to_be_so(n: int, prior: Any, said: str) -> None:
    customers = sample(n, 2)
    model = NBD.fit(customers, prior=prior)
    with pytest.warns(AssumptionWarning, match=f"{said} are those of a normal distribution .* Pass `customers=`"):
        model.draws(10, rng=1)
    model.draws(10, rng=1, customers=customers)  # does not warn


def test_wide_standard_errors_are_said_to_be_so() -> None:
    base = simulate.bg_nbd(np.random.default_rng(0), 600, r=1.0, alpha=5.0, a=0.03, b=0.9, T=30.0)
    model = quietly(BGNBD, CustomerSummary(base.x, base.t_x, base.T))
    errors = model.inference.standard_errors
    assert 1 < max(error / getattr(model, name) for name, error in errors.items()) < 2
    with pytest.warns(AssumptionWarning, match="a fit with wide standard errors: the draws are"):
        model.draws(10, rng=1)


def test_500_customers_are_enough_to_say_nothing() -> None:
    NBD.fit(sample(500, 2)).draws(10, rng=1)


def test_weighted_rows_count_as_customers() -> None:
    customers = sample(50, 2)
    columns = {name: getattr(customers, name) for name in ("frequency", "recency", "T")}
    NBD.fit(CustomerSummary(**columns, weights=np.full(50, 20))).draws(10, rng=1)


# ---- what is refused


@pytest.mark.parametrize("model", [BGNBD(r=0.2, alpha=4, a=1, b=2), GammaGamma(p=6, q=4, v=15)], ids=["BG/NBD", "GG"])
def test_numbers_without_a_fit_have_no_draws(model: Any) -> None:
    name = type(model).__name__
    with pytest.raises(
        InvalidInputError, match=rf"(?s)this {name} was made from its parameters.*{name}\.fit"
    ) as caught:
        model.draws(10, rng=1)
    assert caught.value.problems[0].argument == "inference"
    with pytest.raises(InvalidInputError, match="was made from its parameters"):
        model.draws(10, rng=1, customers=cdnow.exact())


@pytest.mark.parametrize("kind", MODELS)
def test_other_customers_are_refused(kind: Any) -> None:
    with pytest.raises(InvalidInputError, match="these are not the customers of the fit: their log-likelihood is"):
        fitted(kind).draws(10, rng=1, customers=cdnow.exact()[:-20])


def test_other_things_than_customers_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="`customers` must be a CustomerSummary"):
        fitted(BGNBD).draws(10, rng=1, customers=[1, 2])
    with pytest.raises(InvalidInputError, match="time unit"):
        fitted(BGNBD).draws(10, rng=1, customers=cdnow.exact("D"))


@pytest.mark.parametrize("exact", [False, True])
def test_open_parameters_are_refused(exact: bool) -> None:
    base = simulate.bg_nbd(np.random.default_rng(3), 600, r=0.5, alpha=5.0, a=1e-9, b=1.0, T=30.0)
    customers = CustomerSummary(base.x, base.t_x, base.T)
    with pytest.warns(WeaklyIdentifiedWarning):
        model = BGNBD.fit(customers)
    message = r'(?s)the data leave a( and b)? open by more than a factor of 50: .*Fit with a prior \(`prior="weak"`\)'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InvalidInputError, match=message):
            model.draws(10, rng=1, **({"customers": customers} if exact else {}))
    remedied = BGNBD.fit(customers, prior="weak")
    assert len(remedied.draws(100, rng=1, customers=customers)) == 100


@pytest.mark.parametrize("n", [0, -1, 2.5, math.nan, math.inf, "many", None])
def test_a_number_of_draws_is_whole(n: Any) -> None:
    with pytest.raises(InvalidInputError, match="`n` must be a"):
        fitted(BGNBD).draws(n, rng=1)


@pytest.mark.slow
def test_collapsed_weights_are_refused() -> None:
    # Beliefs so wide that they are none: along a and b the likelihood is flat without end, and so is the posterior.
    customers = sample(120, 1)
    model = BGNBD.fit(customers, prior={name: LogNormal(1.0, 1000.0) for name in BGNBD.parameter_names})
    said = (
        r"the importance weights collapse: 2,000 proposals are worth \d+ draws, since the posterior is far from the "
        r"normal distribution that the fit suggests\. .*clv\.bootstrap"
    )
    with pytest.raises(ConvergenceError, match=said):
        model.draws(1000, rng=0, customers=customers)
    assert len(BGNBD.fit(customers, prior="weak").draws(1000, rng=0, customers=customers)) == 1000


# ---- the object


def few() -> Draws[NBD]:
    return Draws(NBD(r=0.4, alpha=12.0), np.array([[0.3, 11.0], [0.5, 13.0], [0.4, 14.0]]), "bootstrap", 3.0, 2)


def test_a_sequence_of_models() -> None:
    draws = few()
    assert len(draws) == 3
    assert draws[0] == NBD(r=0.3, alpha=11.0)
    assert draws[-1] == NBD(r=0.4, alpha=14.0)
    assert draws[np.int64(1)] == draws[1]
    assert list(draws) == [draws[0], draws[1], draws[2]]
    with pytest.raises(IndexError):
        draws[3]


def test_a_slice_is_a_list_of_models() -> None:
    some: Any = few()[1:]
    assert [model.r for model in some] == [0.5, 0.4]


def test_draws_are_read_only() -> None:
    draws = few()
    with pytest.raises(ValueError, match="read-only"):
        draws.values[0, 0] = 1.0


@pytest.mark.parametrize("drawn", [few, lambda: fitted(GammaGamma).draws(5, 1)], ids=["made", "drawn"])
def test_draws_survive_pickling(drawn: Any) -> None:
    draws = drawn()
    again = pickle.loads(pickle.dumps(draws))
    np.testing.assert_array_equal(again.values, draws.values)
    assert again.to_dict() == draws.to_dict()
    assert again.model == draws.model
    assert not again.values.flags.writeable


def test_intervals_are_quantiles() -> None:
    draws = fitted(BGNBD).draws(999, rng=1)
    for level in (0.5, 0.95):
        for name, (low, high) in draws.intervals(level).items():
            tails = (0.5 - level / 2, 0.5 + level / 2)
            assert (low, high) == pytest.approx(tuple(np.quantile(draws.parameters[name], tails)), rel=1e-12)
    for wrong in (0, 1, -0.1, 95, math.nan):
        with pytest.raises(InvalidInputError, match="`level` must lie between 0 and 1"):
            draws.intervals(wrong)
    with pytest.raises(InvalidInputError, match="`level` must be a number"):
        draws.intervals("95 %")  # type: ignore[arg-type]


def test_covariance_of_the_draws() -> None:
    draws = fitted(BGNBD).draws(200, rng=1)
    centred = draws.values - draws.values.mean(axis=0)
    np.testing.assert_allclose(draws.covariance, centred.T @ centred / 199, rtol=1e-12)


def test_one_draw_has_no_covariance() -> None:
    draws = fitted(BGNBD).draws(1, rng=1)
    assert draws.intervals()["r"] == (draws.values[0, 0], draws.values[0, 0])
    with pytest.raises(InvalidInputError, match="two draws or more"):
        _ = draws.covariance


def test_tables_and_dictionaries() -> None:
    draws = few()
    frame = draws.to_frame("pandas")
    assert frame["r"].tolist() == [0.3, 0.5, 0.4]
    assert list(draws.to_frame()) == ["r", "alpha"]
    assert draws.to_frame("polars").shape == (3, 2)
    with pytest.raises(InvalidInputError, match="backend"):
        draws.to_frame("excel")
    text = json.loads(json.dumps(draws.to_dict(), allow_nan=False))
    assert text["values"] == [[0.3, 11.0], [0.5, 13.0], [0.4, 14.0]]
    assert (text["method"], text["failed"], text["effective_sample_size"]) == ("bootstrap", 2, 3.0)
    assert NBD.from_dict(text["model"]) == draws.model
    json.dumps(fitted(ParetoNBD).draws(5, 1).to_dict(), allow_nan=False)


def test_what_draws_say_of_themselves() -> None:
    assert repr(few()).splitlines() == [
        "Draws of NBD: 3, bootstrap, 2 refits failed",
        "  r           0.4000  5 % 0.3100  95 % 0.4900",
        "  alpha      12.0000  5 % 11.2000  95 % 13.9000",
    ]
    assert repr(Draws(few().model, few().values.copy(), "importance", 1234.4)).startswith(
        "Draws of NBD: 3, importance, effective sample size 1,234\n"
    )
