"""Where the share of one customer lies around the mean share of customers like him."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray

__all__ = ["Edges", "beta_interval", "beta_shapes", "find_edges", "places"]

#: Where the variance of a share is this close to the largest possible, all of it lies at 0 and 1.
_ALL_OR_NOTHING = 1 - 1e-6
#: Customers from whom the edges are found, at most.
_ENOUGH = 5_000
_SMALLEST_LOG = -690.0
#: Multiples of the golden ratio spread evenly over [0, 1), however many there are.
_GOLDEN = (math.sqrt(5) - 1) / 2


class Edges(NamedTuple):
    """Beta values below `zero`, or nearer to 1 than `one`, stand for shares of exactly 0 or 1; 0 if there are none."""

    zero: float
    one: float


def beta_shapes(mean: FloatArray, dispersion: float, variance: Any) -> tuple[FloatArray, FloatArray]:
    """Shapes of beta distributions with these means and variance `dispersion` m (1 - m), and that of the mean besides.

    Parameters
    ----------
    mean : ndarray of float64, shape (m,)
    dispersion : float
    variance : ndarray of float64, shape (m,)
        Of the estimated log-odds.

    Examples
    --------
    >>> beta_shapes(np.array([0.25]), 0.2, np.zeros(1))
    (array([1.]), array([3.]))
    """
    tiny = math.ulp(1.0)
    inside = np.clip(mean, tiny, 1 - tiny)
    room = inside * (1 - inside)
    part = np.clip(dispersion + room * variance, 1 - _ALL_OR_NOTHING, _ALL_OR_NOTHING)
    size = 1 / part - 1
    return inside * size, (1 - inside) * size


def find_edges(share: FloatArray, weights: FloatArray, shapes: tuple[FloatArray, FloatArray]) -> Edges:
    """Edges beyond which the beta distributions have as much mass as there are shares of exactly 0 and 1.

    Of very many, some at equal distances are looked at; so the shares must be in order.
    """
    if np.all((share == 0) | (share == 1)):
        return Edges(0.5, 0.5)
    step = -(-share.size // _ENOUGH)
    a, b = (shape[::step] for shape in shapes)
    some = weights[::step]
    zero, one = (float(weights @ (share == edge)) / float(weights.sum()) for edge in (0, 1))
    return Edges(_edge(a, b, some, zero), _edge(b, a, some, one))


def _edge(a: FloatArray, b: FloatArray, weights: FloatArray, part: float) -> float:
    """Where the mean of the distribution functions is `part`."""
    if part == 0:
        return 0.0
    from scipy.optimize import brentq
    from scipy.special import betainc

    def excess(log: float) -> float:
        return float(weights @ betainc(a, b, math.exp(log))) / float(weights.sum()) - part

    if excess(_SMALLEST_LOG) >= 0:
        return math.exp(_SMALLEST_LOG)
    return math.exp(float(brentq(excess, _SMALLEST_LOG, 0.0, xtol=1e-9, rtol=1e-9)))


def places(share: FloatArray, shapes: tuple[FloatArray, FloatArray], edges: Edges) -> FloatArray:
    """Where each share lies in its distribution, in [0, 1]; shares of 0 and 1 are spread over what stands for them.

    They are spread by their number, so the shares must be in an order that says nothing but what they are.

    Examples
    --------
    >>> places(np.array([0.0, 0.5]), (np.ones(2), np.ones(2)), Edges(0.1, 0.0)).round(4)
    array([0.0618, 0.5   ])
    """
    from scipy.special import betainc

    a, b = shapes
    even = np.arange(1, share.size + 1) * _GOLDEN % 1
    inner = betainc(a, b, share)
    at_zero, at_one = even * betainc(a, b, edges.zero), 1 - even * betainc(b, a, edges.one)
    return np.asarray(np.where(share == 0, at_zero, np.where(share == 1, at_one, inner)))


def beta_interval(
    shapes: tuple[FloatArray, FloatArray], edges: Edges, low: float, high: float
) -> tuple[FloatArray, FloatArray]:
    """Quantiles of the beta distributions at these two places; 0 and 1 beyond the edges.

    Examples
    --------
    >>> low, high = beta_interval((np.ones(1), np.ones(1)), Edges(0.1, 0.0), 0.05, 0.95)
    >>> low, high.round(4)
    (array([0.]), array([0.95]))
    """
    from scipy.special import betainc, betaincinv

    a, b = shapes
    at_zero: BoolArray = low <= betainc(a, b, edges.zero)
    at_one: BoolArray = 1 - high <= betainc(b, a, edges.one)
    # Both ends may lie beyond the same edge: nearly all customers of this kind have a share of exactly 0, or 1.
    none, all_ = high <= betainc(a, b, edges.zero), 1 - low <= betainc(b, a, edges.one)
    lower = np.where(at_zero, 0.0, np.where(all_, 1.0, betaincinv(a, b, low)))
    upper = np.where(at_one, 1.0, np.where(none, 0.0, betaincinv(a, b, high)))
    return lower, upper
