"""Where a wallet frontier is not what it is taken for."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import AssumptionWarning
from customervalue.wallet._features import far_beyond
from customervalue.wallet._frontier_checks import NO_COPY, correlations

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.wallet._frontier_checks import Sample
    from customervalue.wallet._frontier_results import FrontierFit

__all__ = ["below_zero", "copies", "far", "few", "nothing", "off"]

#: So many customers, at least, should lie beyond a quantile.
_BEYOND = 5
#: Rank correlation with own spend beyond which a feature is nearly a copy of it.
_NEARLY = 0.999
#: It is said if more than this share have a frontier below zero or of no spend, or the share under it is so far off.
_BELOW, _OFF = 0.05, 0.1
#: Features named in a warning.
_NAMED = 4


def _say(text: str) -> None:
    """Warn the caller of a public call, who is two frames above the function that says it."""
    warnings.warn(text, AssumptionWarning, stacklevel=4)


def few(sample: Sample, quantiles: tuple[float, ...]) -> None:
    """Warn where a quantile lies so far out that single customers decide it."""
    k = sample.matrix.shape[1] + 1
    for q in quantiles:
        beyond = sample.size * min(q, 1 - q)
        if beyond < max(_BEYOND, k) and not math.isclose(beyond, max(_BEYOND, k)):
            side = "above" if q > 0.5 else "below"
            _say(
                f"only about {beyond:.3g} of {sample.size:,} customers lie {side} the {q:g} quantile, which has {k} "
                "coefficients: it follows single customers. Take a quantile nearer to the middle, fewer features or "
                "more customers.",
            )


def copies(sample: Sample) -> None:
    """Warn where a feature puts the customers nearly in the order of their own spend."""
    from scipy.stats import rankdata

    ranks = correlations(rankdata(sample.matrix, axis=0), rankdata(sample.own))
    near = np.flatnonzero(np.abs(ranks) >= _NEARLY)
    if near.size:
        listed = ", ".join(f"{sample.names[place]!r} ({ranks[place]:.4f})" for place in near)
        _say(
            f"features that put the customers nearly in the order of `own_spend` (rank correlation): {listed}. If "
            f"that is own spend in another form, there will be next to no headroom. {NO_COPY}",
        )


def nothing(sample: Sample, raw: FloatArray, scale: str) -> None:
    """Warn where the lowest fitted quantile, on its scale, is what stands for no spend, as many buy nothing."""
    if np.all(sample.own > 0):
        return
    smallest = float(sample.own[sample.own > 0].min())
    rows = np.abs(raw) <= 1e-9 * smallest if scale == "money" else raw <= math.log(smallest) + 1e-9
    share = float(sample.counts[rows].sum() / sample.counts.sum())
    if share > _BELOW:
        said = "0" if scale == "money" else f"{smallest:g}, the smallest positive spend,"
        buys = float(sample.counts[sample.own > 0].sum() / sample.counts.sum())
        _say(
            f"the frontier is no spend at all, and comes out as {said} for {share:.1%} of the customers it was "
            f"learned from: only {buys:.1%} of all buy anything. Take a higher quantile, or leave out those who buy "
            "nothing and learn apart who buys."
        )


def below_zero(known: FrontierFit) -> None:
    """Warn where many would have a frontier below zero."""
    below = known.diagnostics.below_zero / known.n_customers
    if below > _BELOW:
        _say(
            f"the frontier would be below zero, and is 0, for {below:.1%} of the customers it was learned from: "
            'spend is not linear in these features. With `scale="log"` it is always positive.'
        )


def off(known: FrontierFit, quantiles: tuple[float, ...]) -> None:
    """Warn where a regressor is not of its quantile."""
    for q, share in zip(quantiles, known.share_under.tolist(), strict=True):
        if abs(share - q) >= _OFF:
            _say(
                f"{share:.1%} of the customers it was learned from lie under a frontier that is to be the {q:g} "
                "quantile: the regressor minimises another loss, or is of another quantile."
            )


def far(matrix: FloatArray, names: tuple[str, ...], known: FrontierFit | None) -> None:
    """Warn where the frontier is asked of customers far from those it was learned from."""
    if known is None:
        return
    below, above = far_beyond(matrix, known.least, known.greatest)
    count = int(np.count_nonzero(np.any(below | above, axis=1)))
    if count:
        sides = (("below", below, known.least), ("above", above, known.greatest))
        parts = [
            f"{name!r} {side} {edge:g} ({beyond:,})"
            for side, rows, edges in sides
            for name, beyond, edge in zip(names, rows.sum(axis=0).tolist(), edges.tolist(), strict=True)
            if beyond
        ]
        verb = "lies" if count == 1 else "lie"
        _say(
            f"{count:,} of {len(matrix):,} customers {verb} far beyond those that the frontier was learned from: "
            f"{', '.join(parts[:_NAMED])}. What is said of them is extrapolation; `diagnostics(features)` counts all "
            "who lie outside."
        )
