"""Do probabilities and intervals hold what they promise? Simulated customers, whose truth is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from customervalue import clv
from customervalue.tiers import Scheme, migration, tier_probabilities

pytestmark = pytest.mark.slow


def check_calibration(probability: Any, codes: Any) -> None:
    """Of the pairs of customer and tier that were given about p, about p are true: within four standard errors."""
    flat = probability.reshape(-1)
    hit = (np.arange(probability.shape[1]) == np.asarray(codes)[:, None]).reshape(-1)
    bins = np.minimum((flat * 10).astype(int), 9)
    for place in range(10):
        here = bins == place
        if np.count_nonzero(here) < 100:
            continue
        error = np.sqrt((flat[here] * (1 - flat[here])).mean() / np.count_nonzero(here))
        assert abs(hit[here].mean() - flat[here].mean()) < 4 * error + 0.003, place


def test_of_those_given_80_percent_80_percent_are_in_the_tier() -> None:
    # Each customer's true value is 52 weeks at his own rate, times 10; seen are his purchases of 26 weeks.
    rng = np.random.default_rng(1)
    r, alpha, n = 0.6, 8.0, 20_000
    rate = rng.gamma(r, 1 / alpha, n)
    seen = rng.poisson(26 * rate)
    scheme = Scheme(("platinum", "gold", "iron", "lead"), (100.0, 50.0, 15.0))
    draws = (520 * rng.gamma(r + seen) / (alpha + 26) for _ in range(1000))
    found = tier_probabilities(draws, scheme)
    truth = scheme.assign(520 * rate)
    check_calibration(found.probability, truth)
    about = np.abs(found.probability - 0.8) < 0.05
    hits = (np.arange(4) == truth[:, None])[about]
    assert hits.size > 2000
    assert hits.mean() == pytest.approx(found.probability[about].mean(), abs=4 * np.sqrt(0.16 / hits.size))
    # The tier of the mean is the most likely one for most, and what is at stake is what is lost on average.
    low, high = scheme.lower[found.codes], scheme.upper[found.codes]
    lost = np.maximum(np.maximum(low - 520 * rate, 520 * rate - high), 0.0)
    assert lost.sum() == pytest.approx(float(np.asarray(found.at_stake).sum()), rel=0.03)
    # As many customers are in each tier as were expected.
    expected = found.to_frame()["expected_customers"]
    np.testing.assert_allclose(np.bincount(truth, minlength=4), expected, atol=4 * np.sqrt(n / 16))


def test_predictive_draws_of_a_fitted_model_are_calibrated() -> None:
    # The whole way: a model with attrition is fitted, and tiers are of what the customers then really spend.
    truth, spend = clv.BGNBD(r=0.5, alpha=5.0, a=0.8, b=3.0), clv.GammaGamma(p=6.25, q=3.74, v=15.44)
    customers = truth.simulate(4000, 39.0, rng=1, spending=spend)
    later = truth_of(truth, spend, customers)
    purchases, spending = clv.BGNBD.fit(customers), clv.GammaGamma.fit(customers)
    rng = np.random.default_rng(2)
    pairs = zip(purchases.draws(300, rng), spending.draws(300, rng), strict=True)
    draws = (p.simulate_future(customers, 52, rng, spending=s).spend for p, s in pairs)
    scheme = Scheme(("gold", "iron", "lead"), (300.0, 60.0))
    check_calibration(tier_probabilities(draws, scheme).probability, scheme.assign(later))


def truth_of(truth: Any, spend: Any, customers: Any) -> Any:
    """What these customers spend later, given only what was seen of them: one future from the true models."""
    return truth.simulate_future(customers, 52, np.random.default_rng(99), spending=spend).spend


def test_forecast_intervals_hold_their_level() -> None:
    # A chain that is Markov indeed: one transition is observed, the mix six periods on is forecast.
    rng = np.random.default_rng(1)
    rates = np.array([[0.7, 0.2, 0.05, 0.05], [0.1, 0.6, 0.2, 0.1], [0.02, 0.1, 0.68, 0.2]])
    entries = np.array([5.0, 20.0, 150.0])
    held: dict[str, list[Any]] = {"known": [], "counted": []}
    for _ in range(300):
        before = rng.choice(3, 400, p=[0.2, 0.3, 0.5])
        after = moved(rng, before, rates)
        new = np.repeat(np.arange(3), rng.poisson(entries))
        found = migration(
            np.append(before, np.full(new.size, -1)),
            np.append(np.where(after == 3, -1, after), new),
            names=("a", "b", "c"),
        )
        paths = {
            name: found.forecast(6, e, n=300, rng=rng, level=0.9) for name, e in (("known", entries), ("counted", None))
        }
        now = np.append(after[after < 3], new)
        for _ in range(6):
            went = moved(rng, now, rates)
            now = np.append(went[went < 3], np.repeat(np.arange(3), rng.poisson(entries)))
        there = np.bincount(now, minlength=3)
        for name, path in paths.items():
            held[name].append((path.low[-1] <= there) & (there <= path.high[-1]))
    for inside in held.values():
        assert np.all(np.abs(np.mean(inside, axis=0) - 0.9) < 3 * np.sqrt(0.09 / 300))


def moved(rng: np.random.Generator, codes: Any, rates: Any) -> Any:
    """The next tier of each customer."""
    return (rng.random(codes.size)[:, None] > np.cumsum(rates, axis=1)[codes]).sum(axis=1)
