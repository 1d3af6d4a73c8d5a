"""NBD-Dirichlet on simulated customers: estimates are unbiased, and intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import pytest

from customervalue.wallet import NBDDirichlet

pytestmark = pytest.mark.slow

TRUTHS = [
    NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C")),
    NBDDirichlet(M=8.0, K=0.6, alpha=(0.4, 0.15, 0.1, 0.05), brands=("A", "B", "C", "D")),
]


@pytest.mark.parametrize("truth", TRUTHS, ids=["weekly", "polarised"])
def test_estimates_and_their_intervals(truth: NBDDirichlet) -> None:
    rng = np.random.default_rng(11)
    runs, names = 150, list(truth.parameters)
    estimates, inside = np.empty((runs, len(names))), np.empty((runs, len(names)))
    for run in range(runs):
        inference = NBDDirichlet.fit(truth.simulate(800, rng), brands=truth.brands).inference
        assert inference is not None
        intervals = inference.confidence_intervals(0.9)
        estimates[run] = list(inference.parameters.values())
        for j, name in enumerate(names):
            inside[run, j] = intervals[name][0] <= truth.parameters[name] <= intervals[name][1]
    true = np.array(list(truth.parameters.values()))
    error = np.std(np.log(estimates), axis=0) / np.sqrt(runs)
    # The bias of a shape is of the order of its squared relative error, about 2 % here.
    np.testing.assert_allclose(np.log(estimates).mean(axis=0), np.log(true), atol=float(3.5 * error.max()) + 0.02)
    # Of 150 intervals 90 % are 135, give or take 3.7.
    assert np.all((inside.mean(axis=0) > 0.82) & (inside.mean(axis=0) < 0.98))
    assert inside.mean() == pytest.approx(0.9, abs=0.025)


@pytest.mark.parametrize("truth", TRUTHS, ids=["weekly", "polarised"])
@pytest.mark.parametrize("length", [1.0, 5.0])
def test_wallets_are_calibrated(truth: NBDDirichlet, length: float) -> None:
    """Whoever buys x from us: his category purchases have the distribution that was expected of them."""
    counts = truth.simulate(60_000, 3, duration=length)
    own, total = counts[:, 0], counts.sum(axis=1)
    found = truth.expected_wallet(own, "A", duration=length)
    assert ((found.low <= total) & (total <= found.high)).mean() > 0.9
    for x in range(4):
        who = own == x
        error = total[who].std() / np.sqrt(who.sum())
        assert found.wallet[who][0] == pytest.approx(total[who].mean(), abs=3.5 * error)
        for n in (x, x + 2):
            chance = found.probability(n)[who][0]
            spread = np.sqrt(chance * (1 - chance) / who.sum())
            assert (total[who] == n).mean() == pytest.approx(chance, abs=4 * spread)


def test_wallets_of_customers_seen_with_a_fitted_model() -> None:
    """Parameters learnt from 1,000 customers, wallets of others: the intervals lose next to nothing."""
    truth, inside, bias = TRUTHS[0], [], []
    for seed in range(30):
        model = NBDDirichlet.fit(truth.simulate(1_000, seed), brands=truth.brands)
        counts = truth.simulate(2_000, 1_000 + seed)
        found, known = (each.expected_wallet(counts[:, 1], "B") for each in (model, truth))
        total = counts.sum(axis=1)
        seen = [((each.low <= total) & (total <= each.high)).mean() for each in (found, known)]
        inside.append(seen[0] - seen[1])
        bias.append((found.wallet - total).mean())
    assert abs(np.mean(inside)) < 0.01
    assert abs(np.mean(bias)) < 0.05
