"""The Dirichlet-multinomial: counts of several kinds, drawn with shares that have a Dirichlet distribution.

Its log-likelihood is a sum of one term per kind and one for the total. Each term sees one number of a row alone, so
that rows need not be kept together: the distinct numbers of each column, and how often each occurs, are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from customervalue._typing import FloatArray

__all__ = ["Margin", "dirichlet_multinomial"]

#: Numbers of a batch: what is made of them on the way stays in the cache.
_BATCH = 4_096


class Margin(NamedTuple):
    """The distinct numbers of a column, and how many rows have each.

    `values` are >= 0, whole or not, shape (u,); `rows` has the same shape.
    """

    values: FloatArray
    rows: FloatArray


def dirichlet_multinomial(
    alpha: FloatArray, columns: Sequence[Margin], total: Margin
) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood of a Dirichlet-multinomial, without its coefficients, and its derivatives by ln alpha.

    Parameters
    ----------
    alpha : ndarray of float64, shape (k,)
        > 0.
    columns : sequence of Margin, length k
        Of the count of each kind.
    total : Margin
        Of the sums of the rows.

    Returns
    -------
    value : float
        The sum over all rows of ln Gamma(S) / Gamma(S + n) + sum_j ln Gamma(alpha_j + x_j) / Gamma(alpha_j), with
        S = sum of alpha and n = sum of x.
    gradient : ndarray of float64, shape (k,)
    hessian : ndarray of float64, shape (k, k)

    References
    ----------
    .. [1] Mosimann (1962), Biometrika 49(1/2), 65-82: the compound multinomial distribution.

    Examples
    --------
    >>> ones = np.ones(1)  # one row, with one of the first kind and two of the second
    >>> margins = [Margin(1 * ones, ones), Margin(2 * ones, ones)]
    >>> value, gradient, hessian = dirichlet_multinomial(np.array([1.0, 1.0]), margins, Margin(3 * ones, ones))
    >>> round(value, 4), gradient.round(4)  # ln of 1! 2! / (2 * 3 * 4)
    (-2.4849, array([-0.0833,  0.4167]))
    """
    value, first, second = _sums(float(alpha.sum()), total)
    value, gradient, hessian = -value, -first * alpha, -second * np.outer(alpha, alpha)
    for j, (a, column) in enumerate(zip(alpha.tolist(), columns, strict=True)):
        own, slope, bend = _sums(a, column)
        value += own
        gradient[j] += slope * a
        hessian[j, j] += bend * a * a
    # By ln alpha: what is bent is also stretched.
    return value, gradient, hessian + np.diag(gradient)


def _sums(a: float, margin: Margin) -> tuple[float, float, float]:
    """Sum over rows of ln Gamma(a + x) / Gamma(a), and its two derivatives by a."""
    value = first = second = 0.0
    for x, rows in _batches(margin):
        value += float(rows @ log_gamma_ratio(a, x))
        first += float(rows @ digamma_difference(a, x))
        second += float(rows @ trigamma_difference(a, x))
    return value, first, second


def _batches(margin: Margin) -> Iterator[Margin]:
    return (
        Margin(margin.values[start : start + _BATCH], margin.rows[start : start + _BATCH])
        for start in range(0, margin.values.size, _BATCH)
    )
