"""Proportions: the interval of one, and the difference of two with its interval and its test."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["difference", "difference_test", "wilson"]


def wilson(successes: Any, n: Any, level: float) -> tuple[FloatArray, FloatArray]:
    """Wilson's score interval of a proportion, without correction for continuity.

    Parameters
    ----------
    successes, n : array_like of float
        Counts; NaN, or n = 0, gives NaN.
    level : float
        Between 0 and 1.

    Returns
    -------
    low, high : ndarray of float64
        In [0, 1].

    References
    ----------
    .. [1] Wilson (1927), Journal of the American Statistical Association 22(158), 209-212.
    .. [2] Newcombe (1998), Statistics in Medicine 17(8), 857-872, method 3.

    Examples
    --------
    >>> low, high = wilson(81, 263, 0.95)
    >>> round(float(low), 4), round(float(high), 4)
    (0.2553, 0.3662)
    """
    count, size = np.asarray(successes, dtype=np.float64), np.asarray(n, dtype=np.float64)
    z = NormalDist().inv_cdf(0.5 + 0.5 * level)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = count / size
        middle = count + 0.5 * z * z
        half = z * np.sqrt(size * share * (1 - share) + 0.25 * z * z)
        low, high = (middle - half) / (size + z * z), (middle + half) / (size + z * z)
        # Exact at the ends, where the two terms cancel.
        low, high = np.where(count == 0, 0.0, low), np.where(count == size, 1.0, high)
        none = ~(size > 0) | np.isnan(count)
    return np.where(none, np.nan, low), np.where(none, np.nan, high)


def difference(a: int, m: int, b: int, n: int, level: float) -> tuple[float, float, float]:
    """Difference of two independent proportions, a/m - b/n, and its hybrid score interval.

    Parameters
    ----------
    a, m, b, n : int
        Counts; m, n > 0.
    level : float
        Between 0 and 1.

    Returns
    -------
    difference, low, high : float
        In [-1, 1].

    References
    ----------
    .. [1] Newcombe (1998), Statistics in Medicine 17(8), 873-890, method 10.

    Examples
    --------
    >>> [round(x, 4) for x in difference(56, 70, 48, 80, 0.95)]
    [0.2, 0.0524, 0.3339]
    """
    p, q = a / m, b / n
    (low_p, low_q), (high_p, high_q) = (end.tolist() for end in wilson([a, b], [m, n], level))
    low = p - q - math.hypot(p - low_p, high_q - q)
    high = p - q + math.hypot(high_p - p, q - low_q)
    return p - q, low, high


def difference_test(a: int, m: int, b: int, n: int) -> tuple[str, float]:
    """Whether two independent proportions differ by more than chance.

    The chi-square test with N - 1 in the place of N where no expected count is below 1, the test of Fisher and Irwin
    (two-sided, by probabilities) where one is.

    Parameters
    ----------
    a, m, b, n : int
        Counts; m, n > 0.

    Returns
    -------
    name : str
        "N - 1 chi-square" or "Fisher-Irwin".
    p_value : float
        1 where all or none of both groups are counted.

    References
    ----------
    .. [1] Campbell (2007), Statistics in Medicine 26(19), 3661-3675.

    Examples
    --------
    >>> name, p = difference_test(56, 70, 48, 80)
    >>> name, round(p, 4)
    ('N - 1 chi-square', 0.0083)
    """
    total, hits = m + n, a + b
    if min(hits, total - hits) * min(m, n) < total:
        from scipy.stats import fisher_exact

        return "Fisher-Irwin", float(fisher_exact(np.array([[a, m - a], [b, n - b]])).pvalue)
    # In whole numbers until the last step: they do not cancel.
    cross = a * (n - b) - b * (m - a)
    statistic = (total - 1) * cross**2 / (m * n * hits * (total - hits))
    return "N - 1 chi-square", math.erfc(math.sqrt(statistic / 2))
