"""Half of each household's purchases hidden: the shrunken share foretells them better than its rivals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import customervalue as cv
from customervalue.wallet import BetaBinomialShare, DirichletShare

PANELS = {"catsup": cv.datasets.load_catsup, "yogurt": cv.datasets.load_yogurt}


def halves(name: str, seed: int) -> tuple[list[str], Any, Any]:
    """Brands, the purchases that are seen, and those that are hidden."""
    panel = PANELS[name]()
    brands = [column for column in panel if column != "household"]
    table = np.column_stack([panel[brand] for brand in brands])
    rng = np.random.default_rng(seed)
    seen = np.stack([rng.multivariate_hypergeometric(row, row.sum() // 2) for row in table])
    return brands, seen, table - seen


def log_loss(share: Any, hidden: Any) -> float:
    """Per hidden purchase; infinite if one was said to be impossible."""
    with np.errstate(divide="ignore"):
        logs = np.log(share[hidden > 0])
    return float(-(hidden[hidden > 0] * logs).sum() / hidden.sum())


def squared_error(share: Any, hidden: Any) -> float:
    """Of the share of each household's hidden purchases, weighted by how many they are."""
    total = hidden.sum(axis=1, keepdims=True)
    return float((total * (hidden / np.maximum(total, 1) - share) ** 2).sum() / total.sum())


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", PANELS)
def test_shrunken_shares_foretell_hidden_purchases_best(name: str, seed: int) -> None:
    brands, seen, hidden = halves(name, seed)
    shrunk = DirichletShare.fit(seen, brands).share(seen)
    market = np.broadcast_to(seen.sum(axis=0) / seen.sum(), seen.shape)
    total = seen.sum(axis=1, keepdims=True)
    raw = np.where(total > 0, seen / np.maximum(total, 1), market)
    for score in (log_loss, squared_error):
        assert score(shrunk, hidden) < min(score(raw, hidden), score(market, hidden))
    # Even where the raw share is not punished for saying that a thing is impossible.
    assert log_loss(shrunk, hidden) < log_loss(np.maximum(raw, 1e-3), hidden)


@pytest.mark.parametrize("name", PANELS)
def test_predictions_of_hidden_purchases_cover(name: str) -> None:
    """Central 90 % predictions of counts hold 90 % or more: counts are whole, and cannot hold exactly so many."""
    brands, seen, hidden = halves(name, 1)
    total, left = seen.sum(axis=1), hidden.sum(axis=1)
    held, nominal = [], []
    for j in range(len(brands)):
        model = BetaBinomialShare.fit(seen[:, j], total)
        for x, n, m, y in zip(seen[:, j], total, left, hidden[:, j], strict=True):
            chances = model.probability_of_purchases(int(m), [x], [n])[0]
            below = np.cumsum(chances)
            low, high = int((below < 0.05).sum()), int((below < 0.95).sum())
            held.append(low <= y <= high)
            nominal.append(chances[low : high + 1].sum())
    assert np.mean(held) >= 0.9
    # Brands of one household go together: about one independent prediction for each household.
    assert np.mean(held) == pytest.approx(np.mean(nominal), abs=3 * np.sqrt(0.03 / len(seen)))
