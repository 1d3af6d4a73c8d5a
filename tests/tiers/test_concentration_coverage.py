"""How often the intervals of a concentration hold the measure of the population."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import stats

from customervalue.tiers import concentration, true_concentration

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray

pytestmark = pytest.mark.slow

CUSTOMERS, BASES = 400, 500


def lognormal(rng: np.random.Generator) -> FloatArray:
    return rng.lognormal(3.0, 1.0, CUSTOMERS)


def purchases(rng: np.random.Generator) -> FloatArray:
    return rng.poisson(rng.gamma(0.385, 4.0, CUSTOMERS)).astype(np.float64)


def profit(rng: np.random.Generator) -> FloatArray:
    return rng.normal(100.0, 80.0, CUSTOMERS)


# Of the populations: lognormal Gini 2 Phi(sigma / sqrt 2) - 1, top share 1 - Phi(z - sigma); purchases as `observed`;
# of a normal distribution the Gini is sigma / (mu sqrt pi) and the peak E[X+] / mu.
UNIT, LUCKY, Z = stats.norm(), true_concentration(0.385).observed(0.385 * 4.0), 1.25
CASES: list[tuple[Callable[[np.random.Generator], FloatArray], str, float]] = [
    (lognormal, "gini", float(2 * UNIT.cdf(0.5**0.5) - 1)),
    (lognormal, "top_share", float(1 - UNIT.cdf(UNIT.ppf(0.8) - 1.0))),
    (purchases, "gini", LUCKY[0]),
    (purchases, "top_share", LUCKY[1]),
    (profit, "gini", 0.8 / np.pi**0.5),
    (profit, "peak", float(UNIT.cdf(Z) + UNIT.pdf(Z) / Z)),
]


@pytest.mark.parametrize("n", [0, 300])
@pytest.mark.parametrize(("draw", "measure", "truth"), CASES)
def test_intervals_hold_the_truth(
    draw: Callable[[np.random.Generator], FloatArray], measure: str, truth: float, n: int
) -> None:
    rng, held = np.random.default_rng(11), 0
    for _ in range(BASES):
        found = concentration(draw(rng)).interval(measure, level=0.9, n=n, rng=rng)
        held += found.low <= truth <= found.high
    # What the docstring of `interval` states: 85 % of long tails, 87 to 92 % of the others; within 3 standard errors.
    fewest, most = (0.85, 0.85) if draw is lognormal else (0.87, 0.92)
    room = 3 * np.sqrt([fewest * (1 - fewest) / BASES, most * (1 - most) / BASES])
    assert fewest - room[0] <= held / BASES <= most + room[1]


@pytest.mark.parametrize(("draw", "measure", "truth"), CASES)
def test_narrower_intervals_would_be_noticed(
    draw: Callable[[np.random.Generator], FloatArray], measure: str, truth: float
) -> None:
    rng, held = np.random.default_rng(12), 0
    for _ in range(BASES):
        found = concentration(draw(rng)).interval(measure, level=0.9, n=0)
        held += abs(truth - found.estimate) <= 0.7 * (found.high - found.low) / 2
    stated = 0.85 if draw is lognormal else 0.87
    assert held / BASES < stated - 3 * np.sqrt(stated * (1 - stated) / BASES)
