"""What a customer buys from others, given what he buys from us.

Of n category purchases (negative binomial) x are ours (beta-binomial). Given x, the y = n - x others have

    P(y | x)  proportional to  theta**y (K + x)_y (S - a)_y / ((S + x)_y y!),    theta = M / (K + M),

with rising factorials (.)_y: the terms of a hypergeometric series, all positive. They are made one from the other by
their ratios, in logarithms, until what is left is negligible, for each distinct x once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.errors import ConvergenceError
from customervalue.numerics.gamma import log_gamma_ratio

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["Brand", "Unseen", "log_own_probability", "log_unseen_probability", "unseen", "unseen_weights"]

_FIRST = 128
_LONGEST = 2**22
#: What may be left of the sum where the terms end.
_NEGLIGIBLE = 1e-14
#: Points at which what is further out is bounded, as multiples of where the terms end.
_FURTHER = 1.15 ** np.arange(200.0)


class Brand(NamedTuple):
    """A brand in a period: its alpha `a`, that of all others `b` = S - a, and M (of the period) and K."""

    a: float
    b: float
    mean: float
    shape: float


@dataclass(frozen=True)
class Unseen:
    """What each distinct x says of the rest; all of shape (u,).

    Attributes
    ----------
    others : ndarray of float64
        Expected purchases from others.
    low, high : ndarray of float64
        The smallest numbers of purchases from others with so much probability up to them.
    share : ndarray of float64
        Expected x / n; 0 for x = 0.
    preference : ndarray of float64
        Expected share p, the chance that the next purchase is ours.
    log_sum : ndarray of float64
        Logarithm of the sum of the terms, the first being 1.
    """

    others: FloatArray
    low: FloatArray
    high: FloatArray
    share: FloatArray
    preference: FloatArray
    log_sum: FloatArray


def unseen(own: FloatArray, brand: Brand, level: float) -> Unseen:
    """Summarize the purchases from others given each of these distinct numbers of own purchases.

    Examples
    --------
    >>> found = unseen(np.array([0.0, 3.0]), Brand(1.1, 0.9, 1.47, 2.1), 0.9)
    >>> found.others.round(3), found.high, found.share.round(3)
    (array([0.668, 0.648]), array([3., 3.]), array([0.   , 0.871]))
    """
    rows = np.array([_summary(x, brand, 0.5 - 0.5 * level) for x in own.tolist()]).reshape(-1, 6)
    return Unseen(*np.ascontiguousarray(rows.T))


def _summary(x: float, brand: Brand, tail: float) -> tuple[float, ...]:
    weight, log_sum = unseen_weights(x, brand)
    y = np.arange(float(weight.size))
    below = np.cumsum(weight)
    # A quantile that is met exactly must not be passed for a rounding error.
    low, high = np.searchsorted(below, np.array([tail, 1 - tail]) - 1e-12 * below[-1])
    n = x + y
    share = float(weight @ (x / n)) if x > 0 else 0.0
    preference = float(weight @ ((brand.a + x) / (brand.a + brand.b + n)))
    return float(weight @ y), low, high, share, preference, log_sum


def unseen_weights(x: float, brand: Brand) -> tuple[FloatArray, float]:
    """P(y | x) for y = 0, 1, ... as far as it matters, and the logarithm of the sum of the terms.

    Examples
    --------
    >>> weights, _ = unseen_weights(0.0, Brand(a=0.5, b=0.5, mean=1.0, shape=1.0))
    >>> weights[:3].round(4)
    array([0.7071, 0.1768, 0.0663])
    """
    if brand.b == 0:
        return np.ones(1), 0.0
    logs, length = np.zeros(1), _FIRST
    while True:
        y = np.arange(float(logs.size - 1), float(length))
        logs = np.concatenate([logs, logs[-1] + np.cumsum(np.log(_ratios(x, y, brand)))])
        terms = np.exp(logs - (peak := logs.max()))
        total, last = terms.sum(), float(terms[-1])
        bound = _largest_ratio(x, float(length), brand)
        if bound < 1 and last * bound <= _NEGLIGIBLE * total * (1 - bound):
            return terms / total, float(peak + math.log(total))
        if length >= _LONGEST:
            raise ConvergenceError(
                f"K = {brand.shape:.3g} at M = {brand.mean:.3g}: customers differ so much in how often they buy that "
                f"more than {_LONGEST:,} purchases of one customer are not unlikely. There is no table of them."
            )
        length *= 2


def _ratios(x: float, y: FloatArray, brand: Brand) -> FloatArray:
    """Each term over the one before it."""
    theta = brand.mean / (brand.mean + brand.shape)
    total = brand.a + brand.b
    return theta * ((brand.shape + x + y) / (total + x + y)) * ((brand.b + y) / (1 + y))


def _largest_ratio(x: float, y: float, brand: Brand) -> float:
    """No ratio from y on is larger: it is theta times two monotone factors, which tend to 1, paired in two ways."""
    theta = brand.mean / (brand.mean + brand.shape)
    total = brand.a + brand.b
    apart = max(1.0, (brand.shape + x + y) / (total + x + y)) * max(1.0, (brand.b + y) / (1 + y))
    # The other pairing is held between points ever further out.
    ends = y * _FURTHER
    repeat, others = (brand.shape + x + ends) / (1 + ends), (brand.b + ends) / (total + x + ends)
    held = max(1.0, float(np.max(np.maximum(repeat[:-1], repeat[1:]) * others[1:])))
    return theta * min(apart, held)


def log_unseen_probability(y: FloatArray, x: FloatArray, log_sum: FloatArray, brand: Brand) -> FloatArray:
    """Logarithm of P(y | x) for y >= 0, elementwise.

    Examples
    --------
    >>> brand = Brand(a=0.5, b=0.5, mean=1.0, shape=1.0)
    >>> _, log_sum = unseen_weights(0.0, brand)
    >>> np.exp(log_unseen_probability(np.array([2.0]), np.array([0.0]), np.array([log_sum]), brand)).round(4)
    array([0.0663])
    """
    if brand.b == 0:
        return np.where(y == 0, 0.0, -np.inf)
    rising = log_gamma_ratio(brand.shape + x, y) + log_gamma_ratio(brand.b, y)
    falling = log_gamma_ratio(brand.a + brand.b + x, y) + log_gamma_ratio(1.0, y)
    return np.asarray(rising - falling - y * math.log1p(brand.shape / brand.mean) - log_sum)


def log_own_probability(x: FloatArray, brand: Brand) -> FloatArray:
    """Logarithm of the probability of x purchases of the brand, whatever is bought of the others.

    Examples
    --------
    >>> np.exp(log_own_probability(np.arange(3.0), Brand(1.1, 0.9, 1.47, 2.1))).round(4)
    array([0.5431, 0.2562, 0.114 ])
    """
    sums = np.array([unseen_weights(value, brand)[1] for value in x.tolist()])
    odds = brand.mean / brand.shape
    ways = log_gamma_ratio(brand.shape, x) - log_gamma_ratio(1.0, x)
    ours = log_gamma_ratio(brand.a, x) - log_gamma_ratio(brand.a + brand.b, x)
    return np.asarray(ways + ours - x * math.log1p(1 / odds) - brand.shape * math.log1p(odds) + sums)
