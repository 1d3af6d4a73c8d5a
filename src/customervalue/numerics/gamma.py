"""Differences of the log-gamma function and its derivatives, formed without cancellation.

ln Gamma(z+n) - ln Gamma(z) is what the likelihoods need. Taken as a difference of two values it loses all its digits
when z is huge (a customer base without heterogeneity); here both arguments are moved up by the recurrence, where the
leading terms of Stirling's series can be subtracted on paper.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from customervalue._typing import FloatArray

__all__ = ["digamma_difference", "log_gamma_ratio", "trigamma_difference"]

#: Arguments are raised by this many steps; from here on six terms of the series are exact to rounding.
_STEPS = 14
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730)


def _prepare(z: ArrayLike, n: ArrayLike) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The two arguments, and the steps z, z+1, ... along a new last axis."""
    low, gap = np.broadcast_arrays(np.asarray(z, dtype=np.float64), np.asarray(n, dtype=np.float64))
    return low, gap, low[..., None] + np.arange(_STEPS)


def _series(w: FloatArray, coefficients: list[float]) -> FloatArray:
    """Sum of coefficients[k] / w**(2k), by Horner's rule."""
    square = 1 / (w * w)
    total = np.full_like(w, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total = total * square + coefficient
    return total


def log_gamma_ratio(z: ArrayLike, n: ArrayLike) -> FloatArray:
    """Logarithm of Gamma(z+n) / Gamma(z).

    Parameters
    ----------
    z : array_like of float
        > 0.
    n : array_like of float
        >= 0; broadcast against `z`.

    Returns
    -------
    ndarray of float64

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 5.5.1 (recurrence) and 5.11.1 (Stirling's series).

    Examples
    --------
    >>> log_gamma_ratio(0.5, [1, 2]).round(6)
    array([-0.693147, -0.287682])
    """
    low, gap, steps = _prepare(z, n)
    w = low + _STEPS
    terms = [b / ((2 * k) * (2 * k - 1)) for k, b in enumerate(_BERNOULLI, start=1)]
    leading = (w - 0.5) * np.log1p(gap / w) + gap * (np.log(w + gap) - 1)
    rest = _series(w + gap, terms) / (w + gap) - _series(w, terms) / w
    return np.asarray(leading + rest - np.log1p(gap[..., None] / steps).sum(axis=-1))


def digamma_difference(z: ArrayLike, n: ArrayLike) -> FloatArray:
    """Difference psi(z+n) - psi(z), the derivative of `log_gamma_ratio` by z.

    Parameters
    ----------
    z : array_like of float
        > 0.
    n : array_like of float
        >= 0; broadcast against `z`.

    Returns
    -------
    ndarray of float64

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 5.5.2 and 5.11.2.

    Examples
    --------
    >>> digamma_difference(1.0, 2).round(6)
    np.float64(1.5)
    """
    low, gap, steps = _prepare(z, n)
    w = low + _STEPS
    terms = [b / (2 * k) for k, b in enumerate(_BERNOULLI, start=1)]
    leading = np.log1p(gap / w) + 0.5 * gap / (w * (w + gap))
    rest = _series(w, terms) / w**2 - _series(w + gap, terms) / (w + gap) ** 2
    upper = gap[..., None]
    return np.asarray(leading + rest + (upper / (steps * (steps + upper))).sum(axis=-1))


def trigamma_difference(z: ArrayLike, n: ArrayLike) -> FloatArray:
    """Difference psi'(z+n) - psi'(z), the second derivative of `log_gamma_ratio` by z.

    Parameters
    ----------
    z : array_like of float
        > 0.
    n : array_like of float
        >= 0; broadcast against `z`.

    Returns
    -------
    ndarray of float64
        Not positive.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 5.15.5 and 5.15.8.

    Examples
    --------
    >>> trigamma_difference(1.0, 2).round(6)
    np.float64(-1.25)
    """
    low, gap, steps = _prepare(z, n)
    w = low + _STEPS
    terms = list(_BERNOULLI)
    top = w + gap
    leading = -gap / (w * top) * (1 + 0.5 * (w + top) / (w * top))
    rest = _series(top, terms) / top**3 - _series(w, terms) / w**3
    upper = gap[..., None]
    squares = upper * (2 * steps + upper) / (steps * (steps + upper)) ** 2
    return np.asarray(leading + rest - squares.sum(axis=-1))
