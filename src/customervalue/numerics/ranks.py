"""Spearman's rank correlation with counts and an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.compress import group_codes, totals

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, IntArray

__all__ = ["RankCorrelation", "rank_correlation"]

#: More rows than this tell nothing new of a correlation; then every second, third, ... row is taken.
_ENOUGH = 50_000


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


def rank_correlation(x: IntArray, y: FloatArray, counts: FloatArray) -> RankCorrelation:
    """Spearman's rank correlation of two columns, ties given their mean rank.

    Parameters
    ----------
    x : ndarray of int64, shape (n,)
        >= 0.
    y : ndarray of float64, shape (n,)
    counts : ndarray of float64, shape (n,)
        How often each row stands there.

    Returns
    -------
    RankCorrelation
        Of at most 50,000 rows, taken at equal distances; 0 with the interval (-1, 1) where a column is constant or
        there are fewer than four.

    References
    ----------
    .. [1] Bonett & Wright (2000), Psychometrika 65(1), 23-28: variance (1 + rho**2 / 2) / (n - 3) of Fisher's z.

    Examples
    --------
    >>> print(rank_correlation(np.arange(100), np.arange(100.0) % 10, np.ones(100)))
    0.10 (-0.10 to 0.29)
    """
    every = -(-x.size // _ENOUGH)
    x, y, counts = x[::every], y[::every], counts[::every]
    n = float(counts.sum())
    by_x = group_codes(x, int(x.max()) + 1)
    distinct, place = np.unique(y, return_inverse=True)
    rank_x, rank_y = _ranks(by_x.inverse, by_x.codes.size, counts), _ranks(place, distinct.size, counts)
    dx, dy = rank_x - np.average(rank_x, weights=counts), rank_y - np.average(rank_y, weights=counts)
    spread = math.sqrt(float(np.sum(counts * dx * dx)) * float(np.sum(counts * dy * dy)))
    if n < 4 or spread == 0:
        return RankCorrelation(0.0, -1.0, 1.0)
    rho = min(max(float(np.sum(counts * dx * dy)) / spread, -1.0), 1.0)
    if abs(rho) == 1.0:
        return RankCorrelation(rho, rho, rho)
    half = NormalDist().inv_cdf(0.975) * math.sqrt((1 + rho * rho / 2) / (n - 3))
    return RankCorrelation(rho, math.tanh(math.atanh(rho) - half), math.tanh(math.atanh(rho) + half))


def _ranks(place: IntArray, size: int, counts: FloatArray) -> FloatArray:
    """Mean rank of each row, given the place of its value among the distinct values."""
    of_value = totals(place, counts, size)
    return (np.cumsum(of_value) - 0.5 * of_value)[place]
