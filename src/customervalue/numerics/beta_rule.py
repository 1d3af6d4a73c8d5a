"""Expectations over a beta-distributed probability, for integrands on any scale.

The trapezoidal rule in the logit of p. There a beta density and a function such as (1 + p z)**-r are analytic in a
strip of half-width pi/2 or more whatever their parameters, so that a step of 1/4 gives rounding accuracy: no special
cases at a = 1 or a + b = 1, no limit on the size of z or b.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["beta_rule"]

_STEP = 0.25
#: At most this many standard deviations of logit(p) between two nodes.
_STEP_IN_DEVIATIONS = 0.5
#: The density is followed down to exp(-_DEPTH) of its peak, and tails replaced where they are exact to that size.
_DEPTH = 44.0
#: Stands for p = 0 where an integrand divides by p.
_TINY = 1e-280


def beta_rule(a: float, b: float, scale: float) -> tuple[FloatArray, FloatArray]:
    """Nodes p and weights w such that E f(p) = sum(w f(p)) for p ~ Beta(a, b).

    Parameters
    ----------
    a, b : float
        > 0.
    scale : float
        How fast `f` may change: f must be smooth on the scale p ~ 1/scale, as (1 + p z)**-r is for scale = r z.

    Returns
    -------
    nodes : ndarray of float64, shape (k,)
        In (0, 1), ascending; the first may stand for 0.
    weights : ndarray of float64, shape (k,)
        They sum to 1.

    References
    ----------
    .. [1] Trefethen & Weideman (2014), SIAM Review 56(3), 385-458, section 5: the rule on the real line.

    Examples
    --------
    >>> p, w = beta_rule(0.793, 2.426, 1.0)
    >>> bool(np.isclose(w @ p, 0.793 / (0.793 + 2.426), rtol=1e-14))
    True
    """
    step = min(_STEP, _STEP_IN_DEVIATIONS * math.sqrt(1 / a + 1 / b))
    mode = math.log(a / b)
    low, high = mode - _half_width(b, a), mode + _half_width(a, b)
    low_tail = -math.log(scale + b + 1) - _DEPTH / (a + 2)
    high_tail = math.log(scale + a + 1) + _DEPTH / (b + 1)
    start, stop = max(low, low_tail), min(high, high_tail)
    s = start + step * np.arange(max(math.ceil((stop - start) / step), 1) + 1)
    log_p = -np.logaddexp(0, -s)
    log_w = a * log_p + b * (log_p - s)
    peak = log_w.max()
    nodes, weights = np.exp(log_p), np.exp(log_w - peak)
    # Beyond the last node the integrand is f(1) exp(-b s): the rest of the rule is a geometric series.
    weights[-1] /= -math.expm1(-step * b)
    if low_tail >= low:
        # Before the first node it is (f(0) + f'(0) p) (1 - b p) exp(a s): two such series, given to f(0) and f(p_0).
        first = math.exp(a * log_p[0] - peak)
        constant, linear = first / -math.expm1(-step * a), first / -math.expm1(-step * (a + 1))
        weights[0] = linear
        nodes = np.concatenate([[_TINY], nodes])
        weights = np.concatenate([[constant - linear * (1 + b * nodes[1])], weights])
    return nodes, weights / weights.sum()


def _half_width(rising: float, falling: float) -> float:
    """How far from the mode the density of logit(p) has fallen to exp(-_DEPTH), on the side of exp(`rising` s)."""
    total = rising + falling

    def depth(u: float) -> float:
        return total * (u + math.log((falling * math.exp(-u) + rising) / total)) - rising * u

    u = 2 * math.sqrt(1 / rising + 1 / falling)
    while depth(u) < _DEPTH:
        u *= 1.25
    return u
