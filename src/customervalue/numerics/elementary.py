"""Elementary functions at the speed of the processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["log1p", "softplus"]


def log1p(u: FloatArray) -> FloatArray:
    """Logarithm of 1 + u, to rounding.

    NumPy's `log1p` is a scalar loop; its `log` works on whole vectors, and is made exact here by a first-order term for
    what 1 + u has lost.

    Parameters
    ----------
    u : ndarray of float64
        Finite, > -1.

    Returns
    -------
    ndarray of float64, of the same shape

    References
    ----------
    .. [1] Higham (2002), Accuracy and Stability of Numerical Algorithms, 2nd ed., section 1.14.1, in additive form.

    Examples
    --------
    >>> log1p(np.array([1e-300, 1.0])).tolist()
    [1e-300, 0.6931471805599453]
    """
    rounded = 1 + u
    return np.log(rounded) - ((rounded - 1) - u) / rounded


def softplus(u: FloatArray) -> FloatArray:
    """Logarithm of 1 + exp(u), without overflow.

    Parameters
    ----------
    u : ndarray of float64

    Returns
    -------
    ndarray of float64, of the same shape

    Examples
    --------
    >>> softplus(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.6931471805599453, 800.0]
    """
    return np.maximum(u, 0) + log1p(np.exp(-np.abs(u)))
