"""Intervals of shares: on the log-log scale for curves, exact where nobody left."""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["clopper_pearson", "first_age", "log_log", "none_of"]

#: Products of shares are rounded: a curve that should stand at one half may stand a hair above.
_HAIR = 1e-12


def log_log(share: FloatArray, total: Any, level: float) -> tuple[FloatArray, FloatArray]:
    """Interval of a share of survivors, by the normal distribution on the scale of log(-log share).

    Parameters
    ----------
    share : ndarray of float64
        Products of (1 - d / n).
    total : ndarray of float64
        Sums of d / (n (n - d)) over the same factors.
    level : float
        How often such an interval holds the truth.

    Returns
    -------
    low, high : ndarray of float64
        In [0, 1]; both equal to the share where that is 0 or 1.

    References
    ----------
    .. [1] Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed., section 1.4.

    Examples
    --------
    >>> low, high = log_log(np.array([0.5]), np.array([0.02]), 0.95)
    >>> low.round(4), high.round(4)
    (array([0.3556]), array([0.6283]))
    """
    inner = (share > 0) & (share < 1)
    log = np.log(np.where(inner, share, 0.5))
    half = NormalDist().inv_cdf(0.5 + 0.5 * level) * np.sqrt(np.where(inner, total, 0.0)) / -log
    ends = (np.exp(log * np.exp(half)), np.exp(log * np.exp(-half)))
    low, high = (np.where(inner, end, share) for end in ends)
    return low, high


def none_of(n: Any, level: float) -> FloatArray:
    """Lower end of the share of survivors where none of n was lost (Clopper and Pearson); 0 where n is 0.

    Examples
    --------
    >>> none_of(np.array([0, 21]), 0.95).round(4)
    array([0.    , 0.8389])
    """
    counts = np.asarray(n, dtype=np.float64)
    tail = 0.5 - 0.5 * level
    return np.where(counts > 0, tail ** (1 / np.maximum(counts, 1.0)), 0.0)


def clopper_pearson(hits: Any, n: Any, level: float) -> tuple[FloatArray, FloatArray]:
    """Exact interval of a share: hits of n.

    Parameters
    ----------
    hits, n : array_like of whole numbers
        0 <= hits <= n, n > 0.
    level : float
        Such an interval holds the truth at least so often.

    Returns
    -------
    low, high : ndarray of float64

    References
    ----------
    .. [1] Clopper & Pearson (1934), Biometrika 26(4), 404-413.

    Examples
    --------
    >>> low, high = clopper_pearson([0, 5], [10, 10], 0.95)
    >>> low.round(4), high.round(4)
    (array([0.    , 0.1871]), array([0.3085, 0.8129]))
    """
    from scipy.special import betaincinv

    x, size = np.asarray(hits, dtype=np.float64), np.asarray(n, dtype=np.float64)
    tail = 0.5 - 0.5 * level
    low = np.where(x > 0, betaincinv(np.maximum(x, 1), size - x + 1, tail), 0.0)
    high = np.where(x < size, betaincinv(x + 1, np.maximum(size - x, 1), 1 - tail), 1.0)
    return low, high


def first_age(ages: FloatArray, curve: FloatArray, floor: float) -> float | None:
    """The first age at which a curve is at or below a floor; None if it never is.

    Examples
    --------
    >>> first_age(np.array([6.0, 7.0]), np.array([0.8, 0.5]), 0.5)
    7.0
    """
    down = curve <= floor * (1 + _HAIR)
    return float(ages[np.argmax(down)]) if down.any() else None
