"""Functions of elapsed time: integrals of them, and their values at very many points."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.polynomial import chebyshev

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray, IntArray

__all__ = ["at_many", "by_frequency", "legendre_panels"]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
#: ln(1 / rounding): what an interpolant has to resolve.
_DIGITS = 37.0
#: The last coefficients of an interpolant that has resolved its function are no larger than this.
_CONVERGED = 1e-14


def legendre_panels(length: float) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre rule on [0, `length`]: sixteen nodes on each panel of length 1 or less.

    Parameters
    ----------
    length : float
        > 0.

    Returns
    -------
    nodes, weights : ndarray of float64, shape (k,)

    Examples
    --------
    >>> u, w = legendre_panels(2.5)
    >>> (w @ np.exp(u)).round(12), round(math.expm1(2.5), 12)
    (np.float64(11.182493960703), 11.182493960703)
    """
    panels = max(math.ceil(length), 1)
    width = length / panels
    starts = width * np.arange(panels)
    nodes = starts[:, None] + 0.5 * width * (1 + _NODES)
    return nodes.ravel(), np.tile(0.5 * width * _WEIGHTS, panels)


def at_many(function: Callable[[FloatArray], FloatArray], times: FloatArray) -> FloatArray:
    """Values of a positive function of time at many points, to rounding accuracy.

    With more points than an interpolant needs, the logarithm of `function` is interpolated in the logarithm of time,
    at Chebyshev nodes. With fewer, or if the interpolant does not converge, `function` is evaluated at the points.

    Parameters
    ----------
    function : callable
        Takes times (k,) and gives values (k,) >= 0. The interpolant converges if, as a function of a complex time, it
        has neither zeros nor singularities where the real part of the time is positive.
    times : ndarray of float64, shape (n,)
        > 0.

    Returns
    -------
    ndarray of float64, shape (n,)

    References
    ----------
    .. [1] Trefethen (2013), Approximation Theory and Approximation Practice, theorem 8.2: the error falls like rho**-n.

    Examples
    --------
    >>> times = np.linspace(5.0, 50.0, 1000)
    >>> bool(np.allclose(at_many(lambda t: 1 / (3 + t), times), 1 / (3 + times), rtol=1e-14))
    True
    """
    logs = np.log(times)
    low, high = logs.min(), logs.max()
    half = 0.5 * (high - low)
    if half == 0:
        return np.repeat(function(times[:1]), times.size)
    # In ln(time) the function is analytic for imaginary parts up to pi/2: the Bernstein ellipse that fits in there.
    ratio = 0.5 * math.pi / half
    nodes = math.ceil(_DIGITS / math.asinh(ratio)) + 2
    if times.size <= 2 * nodes:
        return function(times)
    middle = 0.5 * (high + low)

    angles = np.pi * (np.arange(nodes) + 0.5) / nodes
    values = function(np.exp(middle + half * np.cos(angles)))
    if values.min() < np.finfo(np.float64).tiny:
        return function(times)
    # The interpolant at Chebyshev points, by the discrete orthogonality of the polynomials cos(k angle).
    coefficients = np.cos(np.multiply.outer(np.arange(nodes), angles)) @ np.log(values) * (2 / nodes)
    coefficients[0] /= 2
    if np.max(np.abs(coefficients[-3:])) > _CONVERGED * max(1.0, float(np.max(np.abs(coefficients)))):
        return function(times)
    return np.asarray(np.exp(chebyshev.chebval((logs - middle) / half, coefficients)))


def by_frequency(
    function: Callable[[int, FloatArray], FloatArray], frequency: IntArray, times: FloatArray
) -> FloatArray:
    """Values of a function of (frequency, time) for many customers: a frequency at a time, neighbours that agree once.

    Parameters
    ----------
    function : callable
        Takes one frequency and times (k,), gives values (k,) > 0; smooth in time as `at_many` asks.
    frequency : ndarray of int64, shape (n,)
    times : ndarray of float64, shape (n,)
        > 0.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> by_frequency(lambda x, t: x / t, np.array([2, 1]), np.array([4.0, 5.0]))
    array([0.5, 0.2])
    """
    if frequency.size == 1:
        return function(int(frequency[0]), times)
    ordered = bool(np.all(frequency[1:] >= frequency[:-1]))
    # Small integers are sorted by radix.
    small = frequency.astype(np.uint16) if frequency.max() < 2**16 else frequency
    order = None if ordered else np.argsort(small, kind="stable")
    x, t = (frequency, times) if order is None else (frequency[order], times[order])
    heads = np.flatnonzero(np.concatenate([[True], (x[1:] != x[:-1]) | (t[1:] != t[:-1])]))
    run_x, run_t = x[heads], t[heads]
    starts = np.flatnonzero(np.concatenate([[True], run_x[1:] != run_x[:-1]]))
    of_run = np.empty(heads.size)
    for start, stop in zip(starts, np.append(starts[1:], heads.size), strict=True):
        of_run[start:stop] = at_many(partial(function, int(run_x[start])), run_t[start:stop])
    values = np.repeat(of_run, np.diff(np.append(heads, x.size)))
    if order is None:
        return values
    unordered = np.empty(x.size)
    unordered[order] = values
    return unordered
