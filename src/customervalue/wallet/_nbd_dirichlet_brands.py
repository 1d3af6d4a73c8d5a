"""What the NBD-Dirichlet says of a brand, as expectations over the share p that customers give it.

p has a beta distribution over customers; given p, a customer's purchases of the brand are a thinned negative binomial:
one with mean M p and the same shape. So each measure of a brand is the mean of a short formula in p, and no sum over
the purchases in the category has to be cut off.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.numerics.beta_rule import beta_rule
from customervalue.numerics.elementary import log1p

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["BrandMeasures", "Buying", "brand_measures", "brand_penetration", "buying", "joint_penetration", "rest"]


class Buying(NamedTuple):
    """A period of purchases with a negative binomial distribution.

    `penetration` is the share of customers who buy, `purchases_per_buyer` their mean number of purchases, and
    `repeat_buyers` the share of them who buy again in the next period of the same length.
    """

    penetration: float
    purchases_per_buyer: float
    repeat_buyers: float


class BrandMeasures(NamedTuple):
    """What the model says of one brand in a period."""

    penetration: float
    purchases_per_buyer: float
    category_purchases_per_buyer: float
    sole_buyers: float
    repeat_buyers: float


def buying(mean: float, shape: float) -> Buying:
    """The category as a whole.

    Examples
    --------
    >>> buying(1.0, 1.0)
    Buying(penetration=0.5, purchases_per_buyer=2.0, repeat_buyers=0.6666666666666666)
    """
    odds = np.array([mean / shape])
    bought, again = _bought(odds, shape), _bought_twice(odds, shape)
    penetration = float(bought[0])
    return Buying(penetration, mean / penetration, float(again[0]) / penetration)


def brand_penetration(a: float, b: float, mean: float, shape: float) -> float:
    """Share of customers who buy a brand to which they give shares ~ Beta(a, b); b = 0 if it is the whole category.

    Examples
    --------
    >>> round(brand_penetration(1.1, 0.9, 1.47, 2.1), 4)
    0.4569
    """
    p, weight = _share_rule(a, b, mean)
    return float(weight @ _bought(p * (mean / shape), shape))


def brand_measures(a: float, b: float, mean: float, shape: float) -> BrandMeasures:
    """All measures of a brand to which customers give shares ~ Beta(a, b).

    Parameters
    ----------
    a, b : float
        alpha of the brand > 0, and S less that; 0 if the brand is the whole category.
    mean, shape : float
        M of the period and K.

    Returns
    -------
    BrandMeasures

    References
    ----------
    .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.

    Examples
    --------
    >>> measures = brand_measures(1.1, 0.9, 1.47, 2.1)
    >>> round(measures.penetration, 2), round(measures.purchases_per_buyer, 2), round(measures.sole_buyers, 2)
    (0.46, 1.77, 0.61)
    """
    odds = mean / shape
    p, weight = _share_rule(a, b, mean)
    u = p * odds
    penetration = float(weight @ _bought(u, shape))
    # Of his M purchases a customer of rate M makes (1 - p) M (1 + u) ** -(K + 1) in periods without the brand.
    beside = float(weight @ (p - (1 - p) * np.expm1(-(shape + 1) * log1p(u))))
    return BrandMeasures(
        penetration=penetration,
        purchases_per_buyer=mean * (a / (a + b)) / penetration,
        category_purchases_per_buyer=mean * beside / penetration,
        sole_buyers=_only(a, b, mean, shape) / penetration,
        repeat_buyers=float(weight @ _bought_twice(u, shape)) / penetration,
    )


def joint_penetration(alpha: tuple[float, ...], mean: float, shape: float) -> FloatArray:
    """Share of customers who buy both brands of each pair, b_j + b_k - b_{j+k}; on the diagonal, b_j.

    Examples
    --------
    >>> joint_penetration((1.1, 0.5, 0.4), 1.47, 2.1).round(3)[0]
    array([0.457, 0.109, 0.09 ])
    """
    single = [brand_penetration(a, rest(alpha, j), mean, shape) for j, a in enumerate(alpha)]
    joint = np.diag(single)
    for j in range(len(alpha)):
        for k in range(j):
            either = brand_penetration(alpha[j] + alpha[k], rest(alpha, j, k), mean, shape)
            joint[j, k] = joint[k, j] = single[j] + single[k] - either
    return joint


def rest(alpha: tuple[float, ...], *left_out: int) -> float:
    """Sum of the alpha of all brands but these; no difference, which would lose the digits of small brands."""
    return math.fsum(a for i, a in enumerate(alpha) if i not in left_out)


def _share_rule(a: float, b: float, scale: float) -> tuple[FloatArray, FloatArray]:
    """Nodes and weights of p ~ Beta(a, b), all mass at 1 for b = 0 and at 0 for a = 0."""
    if b <= 0 or a <= 0:
        return np.array([1.0 if a > 0 else 0.0]), np.ones(1)
    return beta_rule(a, b, scale)


def _bought(u: FloatArray, shape: float) -> FloatArray:
    """Chance of a purchase, 1 - (1 + u) ** -shape."""
    return -np.expm1(-shape * log1p(u))


def _bought_twice(u: FloatArray, shape: float) -> FloatArray:
    """Chance of a purchase in each of two periods, 1 - 2 (1 + u) ** -shape + (1 + 2 u) ** -shape, as a positive sum."""
    shift = np.expm1(shape * np.log1p(-((u / (1 + u)) ** 2)))
    return np.asarray(_bought(u, shape) ** 2 - np.exp(-shape * log1p(2 * u)) * shift)


def _only(a: float, b: float, mean: float, shape: float) -> float:
    """Chance of buying the brand and no other, (1 + z q) ** -K - (1 + z) ** -K for q = 1 - p and z = M / K."""
    odds = mean / shape
    q, weight = _share_rule(b, a, mean)
    v = q * odds
    return float(weight @ (np.exp(-shape * log1p(v)) * -np.expm1(-shape * log1p((1 - q) * odds / (1 + v)))))
