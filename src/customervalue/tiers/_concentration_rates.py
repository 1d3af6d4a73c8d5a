"""Concentration of gamma-distributed rates, and of the negative binomial counts that one period makes of them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import invalid
from customervalue.numerics.gamma import log_gamma_ratio

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["ALIKE", "gini_of_rates", "observed_of_counts", "top_of_rates"]

#: What is left of a distribution of counts where its sum is cut off.
_REST = 1e-13
#: So many possible counts of purchases are added up, about a second of work.
_COUNTS = 1 << 20
#: From this mean on, and this many times r, counts are so many that the gamma distribution is nearly theirs.
_LARGE = 1e3
#: Beyond this shape, customers differ by less than a float can tell.
ALIKE = 1e15


def gini_of_rates(shape: FloatArray) -> FloatArray:
    """Gini coefficient of gamma rates of these shapes."""
    # The ratio of gamma functions by itself: as a difference of two logarithms it would lose its digits.
    return np.asarray(np.exp(-log_gamma_ratio(np.minimum(shape, ALIKE) + 0.5, 0.5)) / math.sqrt(math.pi))


def observed_of_counts(r: float, mean: float, q: float) -> tuple[float, float]:
    """Gini coefficient and share of the best of negative binomial counts."""
    from scipy.special import betainc

    odds, last = mean / (r + mean), 1
    while last <= _COUNTS and betainc(last + 1, r, odds) > _REST * min(mean, 1.0):
        last *= 2
    if last > _COUNTS:
        return _at_many(r, mean, q)
    count = np.arange(last + 1.0)
    above = betainc(count + 1, r, odds)
    # Half the mean difference of two counts is the sum of F (1 - F); who is beyond the cut has the sum of 1 - F there.
    cut = min(int(np.searchsorted(-above, -q)), last)
    return float(above @ (1 - above)) / mean, (q * cut + float(above[cut:].sum())) / mean


def _at_many(r: float, mean: float, q: float) -> tuple[float, float]:
    """The same where counts are many, to first order in 1 / mean."""
    from scipy.special import gammainccinv

    if mean < _LARGE or mean < _LARGE * r:
        rule = f"with r = {r:g} there are too many possible counts to add up at {mean:g} purchases per customer"
        raise invalid("mean_purchases", rule, "Take `gini` and `top_share`: the true values, without luck.")
    # Luck of variance x at the rate x widens E|X - Y| by its integral over the density of equal rates.
    gini = math.exp(math.lgamma(2 * r) - 2 * math.lgamma(r) - r * math.log(4)) / mean
    cut = float(gammainccinv(r, q))
    top = math.exp(r * math.log(cut) - cut - math.lgamma(r)) / (2 * mean) if 0 < cut < math.inf else 0.0
    shape = np.asarray(r)
    return float(gini_of_rates(shape)) + gini, float(top_of_rates(shape, np.asarray(q))) + top


def top_of_rates(shape: FloatArray, q: FloatArray) -> FloatArray:
    """Share of the best `q` in gamma rates of these shapes."""
    from scipy.special import gammaincc, gammainccinv

    return np.asarray(gammaincc(shape + 1, gammainccinv(shape, q)))
