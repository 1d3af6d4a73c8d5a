"""Spearman's rank correlation with counts and an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.compress import totals

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["RankCorrelation", "rank_correlation"]


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rho and its 95 % interval.

    Attributes
    ----------
    estimate, low, high : float
        In [-1, 1].
    """

    estimate: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.estimate:.2f} ({self.low:.2f} to {self.high:.2f})"


def rank_correlation(x: FloatArray, y: FloatArray, counts: FloatArray) -> RankCorrelation:
    """Spearman's rank correlation of two columns, ties given their mean rank.

    Parameters
    ----------
    x, y : ndarray of float64, shape (n,)
    counts : ndarray of float64, shape (n,)
        How often each row stands there.

    Returns
    -------
    RankCorrelation
        0 with the interval (-1, 1) where a column is constant or there are fewer than four rows.

    References
    ----------
    .. [1] Bonett & Wright (2000), Psychometrika 65(1), 23-28: variance (1 + rho**2 / 2) / (n - 3) of Fisher's z.

    Examples
    --------
    >>> print(rank_correlation(np.arange(100.0), np.arange(100.0) % 10, np.ones(100)))
    0.10 (-0.10 to 0.29)
    """
    n = float(counts.sum())
    rank_x, rank_y = _ranks(x, counts), _ranks(y, counts)
    dx, dy = rank_x - counts @ rank_x / n, rank_y - counts @ rank_y / n
    spread = math.sqrt(float(counts @ (dx * dx)) * float(counts @ (dy * dy)))
    if n < 4 or spread == 0:
        return RankCorrelation(0.0, -1.0, 1.0)
    rho = min(max(float(counts @ (dx * dy)) / spread, -1.0), 1.0)
    if abs(rho) == 1.0:
        return RankCorrelation(rho, rho, rho)
    half = NormalDist().inv_cdf(0.975) * math.sqrt((1 + rho * rho / 2) / (n - 3))
    return RankCorrelation(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))


def _ranks(values: FloatArray, counts: FloatArray) -> FloatArray:
    distinct, place = np.unique(values, return_inverse=True)
    of_value = totals(place, counts, distinct.size)
    return (np.cumsum(of_value) - 0.5 * of_value)[place]
