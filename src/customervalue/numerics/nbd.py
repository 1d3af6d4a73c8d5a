"""The negative binomial distribution by its mean and shape, exact also where the shape is huge (Poisson) or tiny."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.elementary import log1p
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from customervalue._typing import FloatArray

__all__ = ["nbd_log_likelihood", "nbd_log_probability", "nbd_none"]


def nbd_none(mean: ArrayLike, shape: float) -> FloatArray:
    """Probability of no event at all, (1 + mean / shape) ** -shape.

    Parameters
    ----------
    mean : array_like of float
        >= 0.
    shape : float
        > 0; Poisson in the limit.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> nbd_none([0.0, 1.0], 1.0)
    array([1. , 0.5])
    """
    return np.exp(-shape * log1p(np.asarray(mean, dtype=np.float64) / shape))


def nbd_log_probability(n: ArrayLike, mean: float, shape: float) -> FloatArray:
    """Logarithm of the probability of `n` events.

    Parameters
    ----------
    n : array_like of float
        Whole numbers >= 0.
    mean, shape : float
        > 0.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> np.exp(nbd_log_probability([0, 1, 2], 1.0, 1.0))
    array([0.5  , 0.25 , 0.125])
    """
    count = np.asarray(n, dtype=np.float64)
    ways = log_gamma_ratio(shape, count) - log_gamma_ratio(1.0, count)
    return np.asarray(ways - shape * math.log1p(mean / shape) - count * math.log1p(shape / mean))


def nbd_log_likelihood(
    mean: float, shape: float, values: FloatArray, rows: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood of counts, and its derivatives by ln mean and ln shape.

    Parameters
    ----------
    mean, shape : float
        > 0.
    values : ndarray of float64, shape (u,)
        Distinct counts.
    rows : ndarray of float64, shape (u,)
        How often each occurs.

    Returns
    -------
    value : float
    gradient : ndarray of float64, shape (2,)
    hessian : ndarray of float64, shape (2, 2)

    References
    ----------
    .. [1] Anscombe (1950), Biometrika 37(3/4), 358-382: the estimates of mean and shape are uncorrelated.

    Examples
    --------
    >>> value, gradient, hessian = nbd_log_likelihood(1.0, 1.0, np.array([0.0, 2.0]), np.ones(2))
    >>> value, gradient.round(4), hessian.round(4)
    (-2.772588722239781, array([0.    , 0.1137]), array([[-1.    ,  0.    ],
           [ 0.    , -0.1363]]))
    """
    total, gap = mean + shape, values - mean
    value = float(rows @ nbd_log_probability(values, mean, shape))
    part, size = mean / total, float(rows.sum())
    first = float(rows @ (digamma_difference(shape, values) - math.log1p(mean / shape) - gap / total))
    second = float(rows @ (trigamma_difference(shape, values) + gap / total**2)) + size * part / shape
    excess = float(rows @ gap)
    by_mean = excess * (shape / total)
    gradient = np.array([by_mean, shape * first])
    cross = excess * (shape / total) * part
    bend = -float(rows @ (shape + values)) * part * (shape / total)
    hessian = np.array([[bend, cross], [cross, shape * first + shape * shape * second]])
    return value, gradient, hessian
