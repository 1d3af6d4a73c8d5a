"""Logarithms of densities."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from customervalue._typing import FloatArray

__all__ = ["log_beta_density", "log_gamma_density"]


def log_gamma_density(value: FloatArray, shape: ArrayLike, rate: ArrayLike) -> FloatArray:
    """Log density of a gamma distribution with mean shape / rate.

    Parameters
    ----------
    value : ndarray of float64
        >= 0.
    shape, rate : array_like of float
        > 0; broadcast against `value`.

    Returns
    -------
    ndarray of float64
        Infinite at 0 for a shape below 1.

    Examples
    --------
    >>> log_gamma_density(np.array([0.5]), 2.0, 3.0).round(4)
    array([0.0041])
    """
    from scipy.special import gammaln, xlogy

    a, b = np.asarray(shape, dtype=np.float64), np.asarray(rate, dtype=np.float64)
    return np.asarray(a * np.log(b) - gammaln(a) + xlogy(a - 1, value) - b * value)


def log_beta_density(value: FloatArray, a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Log density of a beta distribution with mean a / (a + b).

    Parameters
    ----------
    value : ndarray of float64
        In [0, 1].
    a, b : array_like of float
        > 0; broadcast against `value`.

    Returns
    -------
    ndarray of float64
        Infinite at 0 for `a` below 1, and at 1 for `b` below 1.

    Examples
    --------
    >>> log_beta_density(np.array([0.5]), 2.0, 2.0).round(4)
    array([0.4055])
    """
    from scipy.special import betaln, xlog1py, xlogy

    a, b = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    return np.asarray(xlogy(a - 1, value) + xlog1py(b - 1, -value) - betaln(a, b))
