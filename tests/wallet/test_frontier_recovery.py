"""Simulated customers: the frontier finds the true quantile, and its intervals hold it as often as they say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from customervalue.wallet import WalletFrontier

pytestmark = pytest.mark.slow

POINTS = np.array([[0.2, 0.0], [0.5, 1.0], [0.9, 0.0]])


def simulated(n: int, rng: np.random.Generator) -> tuple[Any, Any]:
    """Spend uniform below a wallet that is linear in two features, so that every quantile is linear in them."""
    x = np.column_stack([rng.uniform(0, 1, n), rng.integers(0, 2, n)])
    return x, wallet(x) * rng.uniform(0, 1, n)


def wallet(x: Any) -> Any:
    return 100 + 400 * x[:, 0] + 50 * x[:, 1]


@pytest.mark.parametrize("q", [0.5, 0.9])
def test_recovery_of_the_true_quantile(q: float) -> None:
    rng = np.random.default_rng(1)
    found = [WalletFrontier.fit(*simulated(500, rng), q).wallet(POINTS) for _ in range(200)]
    error = np.mean(found, axis=0) / (q * wallet(POINTS)) - 1
    spread = np.std(found, axis=0) / (q * wallet(POINTS)) / np.sqrt(200)
    # The sample quantile of few is a little low, by an order of 1/n.
    assert (np.abs(error) < 4 * spread + 2 / 500).all()


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    rng, hit, sets = np.random.default_rng(2), np.zeros(3), 100
    for _ in range(sets):
        frontier = WalletFrontier.fit(*simulated(300, rng), 0.8, bootstrap=60, rng=rng)
        low, high = frontier.interval(POINTS, level=0.9)
        hit += (low <= 0.8 * wallet(POINTS)) & (0.8 * wallet(POINTS) <= high)
    # Standard error of each share: 0.03.
    assert (hit / sets > 0.9 - 0.09).all()
    assert (hit / sets < 0.9 + 0.09).all()


def test_out_of_sample_the_share_under_it_is_the_quantile() -> None:
    rng = np.random.default_rng(3)
    x, spend = simulated(20_000, rng)
    score, table = WalletFrontier.cross_validate(x, spend, (0.5, 0.8, 0.9, 0.95), rng=1)
    assert score.share_under == pytest.approx(score.quantile, abs=0.008)
    # Forty groups, of which the 95 % intervals of two may miss; five would be one in a hundred.
    assert np.sum((table.quantile < table.low) | (table.quantile > table.high)) <= 5
