"""Models of shares find the parameters that made the data, and their intervals hold them at the stated rate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from customervalue.wallet import BetaBinomialShare, DirichletShare, share_change

pytestmark = pytest.mark.slow

REPEATS = 200


def within(held: Any, level: float, n: int) -> bool:
    """Whether the rate lies within four standard errors of the level."""
    return bool(abs(np.mean(held) - level) < 4 * np.sqrt(level * (1 - level) / n))


@pytest.mark.parametrize(("alpha", "beta"), [(0.3, 0.6), (1.5, 4.0)])
def test_beta_binomial(alpha: float, beta: float) -> None:
    rng, truth = np.random.default_rng(1), BetaBinomialShare(alpha=alpha, beta=beta)
    estimates, held = [], {"alpha": [], "beta": []}
    for _ in range(REPEATS):
        category = rng.poisson(rng.gamma(1.0, 6.0, 500))
        model = BetaBinomialShare.fit(truth.simulate(category, rng), category)
        assert model.inference is not None
        estimates.append([model.alpha, model.beta])
        for name, (low, high) in model.inference.confidence_intervals(0.9).items():
            held[name].append(low <= getattr(truth, name) <= high)
    np.testing.assert_allclose(np.exp(np.mean(np.log(estimates), axis=0)), [alpha, beta], rtol=0.04)
    assert all(within(values, 0.9, REPEATS) for values in held.values())


def test_dirichlet() -> None:
    rng, truth = np.random.default_rng(2), DirichletShare(alpha=(0.6, 0.3, 0.1), brands=("a", "b", "c"))
    estimates, held = [], []
    for _ in range(REPEATS):
        category = rng.poisson(rng.gamma(1.0, 6.0, 400))
        model = DirichletShare.fit(truth.simulate(category, rng), truth.brands)
        assert model.inference is not None
        estimates.append(model.alpha)
        intervals = model.inference.confidence_intervals(0.9)
        held.append([low <= truth.parameters[name] <= high for name, (low, high) in intervals.items()])
    np.testing.assert_allclose(np.exp(np.mean(np.log(estimates), axis=0)), truth.alpha, rtol=0.04)
    assert all(within(values, 0.9, REPEATS) for values in np.transpose(held))


def test_intervals_of_shares_hold_the_shares() -> None:
    rng, n = np.random.default_rng(3), 20_000
    category, share = rng.poisson(rng.gamma(1.0, 6.0, n)), rng.beta(0.6, 1.4, n)
    own = rng.binomial(category, share)
    model = BetaBinomialShare.fit(own, category)
    lower, upper = model.interval(own, category, level=0.8)
    for group in (category == 0, (category > 0) & (category < 5), category >= 5):
        assert within(((lower <= share) & (share <= upper))[group], 0.8, int(group.sum()))
    above = model.probability_above(0.5, own, category)
    for low, high in ((0.0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1.01)):
        group = (above >= low) & (above < high)
        assert (share[group] > 0.5).mean() == pytest.approx(above[group].mean(), abs=4 * 0.5 / np.sqrt(group.sum()))


@pytest.mark.parametrize("variation", [0.3, 0.8])
def test_shares_of_spend(variation: float) -> None:
    """The working likelihood: S a little too large, intervals of shares about right (see its docstring)."""
    rng, n = np.random.default_rng(4), 10_000
    count, share = 1 + rng.poisson(rng.gamma(1.0, 7.0, n)), rng.beta(0.6, 1.4, n)
    customer = np.repeat(np.arange(n), count)
    value = rng.gamma(1 / variation**2, 1.0, customer.size) * np.repeat(rng.lognormal(3.0, 0.5, n), count)
    ours = rng.random(customer.size) < share[customer]
    own, total = np.bincount(customer, value * ours, n), np.bincount(customer, value, n)
    model = BetaBinomialShare.fit_spend(own, total, count, variation=variation)
    assert 2.0 * 0.95 < model.concentration < 2.0 * 1.12
    assert model.mean == pytest.approx(0.3, abs=0.02)
    lower, upper = model.interval(own, total, purchases=count)
    assert 0.88 < ((lower <= share) & (share <= upper)).mean() < 0.91


@pytest.mark.parametrize("anew", [False, True])
def test_of_those_called_changed_so_many_have(anew: bool) -> None:
    """All change a little (memory of 8 purchases), or one in five begins anew and the others do not change."""
    rng, n = np.random.default_rng(3), 3_000
    before = rng.beta(0.6, 1.4, n)
    if anew:
        after = np.where(rng.random(n) < 0.2, rng.beta(0.6, 1.4, n), before)
    else:
        u = rng.binomial(8, before)
        after = rng.beta(0.6 + u, 1.4 + 8 - u)
    rate = rng.gamma(1.5, 8.0, n)
    windows = [(rng.binomial(m, share), m) for share in (before, after) for m in [rng.poisson(rate)]]
    found, change = share_change(*windows), after - before
    called = np.isin(found.label, ["falling", "gone", "rising"])
    right = np.where(found.label == "rising", change > 0.05, change < -0.05)[called]
    said = np.maximum(found.probability_fell, found.probability_rose)[called]
    assert called.sum() > 100
    assert abs(right.mean() - said.mean()) < 3 * np.sqrt(0.1 / called.sum())
    # Of small changes the data tell little: whether many change by 0.05 or none, is a guess; of large ones they do.
    large = share_change(*windows, tolerance=0.2)
    assert large.probability_fell.sum() == pytest.approx((change < -0.2).sum(), abs=3 * np.sqrt((change < -0.2).sum()))
    assert ((found.low - 0.002 <= change) & (change <= found.high + 0.002)).mean() > 0.87


def test_changes_of_share_without_any() -> None:
    """Shares that do not change: hardly anybody is called changed, where two shares shrunk one by one differ often."""
    rng, n = np.random.default_rng(5), 3_000
    share, rate = rng.beta(0.6, 1.4, n), rng.gamma(1.5, 8.0, n)
    totals = [rng.poisson(rate) for _ in range(2)]
    (x, m), (y, k) = ((rng.binomial(total, share), total) for total in totals)
    found = share_change((x, m), (y, k))
    called = np.isin(found.label, ["falling", "gone", "rising"])
    assert found.persistence > 0.95
    assert called.mean() < 0.002
    apart = share_change((x, m), (y, k), persistence=0.0)
    assert np.isin(apart.label, ["falling", "gone", "rising"]).mean() > 0.1
