"""What a customer buys from others, given what he buys from us.

Of n category purchases (negative binomial) x are ours (beta-binomial). Given x, the y = n - x others have

    P(y | x)  proportional to  theta**y (K + x)_y (S - a)_y / ((S + x)_y y!),    theta = M / (K + M),

with rising factorials (.)_y: the terms of a hypergeometric series, all positive. They are made one from the other by
their ratios, in logarithms, until what is left is negligible. (K + x)_y / (S + x)_y is a quotient of two entries of one
table by x + y, so that many x share their logarithms; each distinct x is worked on once.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.errors import ConvergenceError
from customervalue.numerics.gamma import log_gamma_ratio

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import FloatArray

__all__ = [
    "Brand",
    "Unseen",
    "log_own_probability",
    "log_unseen_probability",
    "unseen",
    "unseen_terms",
    "unseen_weights",
]

_FIRST = 128
_LONGEST = 2**22
#: What may be left of the sum where the terms end.
_NEGLIGIBLE = 1e-14
#: The most numbers of own purchases that share a table.
_WIDEST = 2**16
#: Terms that are added up first, to find quantiles.
_BLOCK = 64
#: Logarithms within so much of one another are those of ordinary floats.
_RANGE = 600.0
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
    """Summarize the purchases from others given each of these distinct numbers of own purchases, ascending.

    Examples
    --------
    >>> found = unseen(np.array([0.0, 3.0]), Brand(1.1, 0.9, 1.47, 2.1), 0.9)
    >>> found.others.round(3), found.high, found.share.round(3)
    (array([0.668, 0.648]), array([3., 3.]), array([0.   , 0.871]))
    """
    tail = 0.5 - 0.5 * level
    rows = [row for band in _bands(own, brand) for row in _summaries(band, brand, np.array([tail, 1 - tail]))]
    return Unseen(*np.ascontiguousarray(np.array(rows).reshape(-1, 6).T))


def _summaries(band: _Band, brand: Brand, tails: FloatArray) -> Iterator[tuple[float, ...]]:
    """Others, low, high, share, preference and the sum of the terms for each x of a band."""
    y, n = np.arange(float(band.length)), band.first + np.arange(float(band.log_both.size))
    one_over, chance = 1 / np.maximum(n, 1.0), 1 / (brand.a + brand.b + n)
    for x, (terms, log_sum) in zip(band.own.tolist(), band.terms(), strict=True):
        total, low, high = _quantiles(terms, tails)
        here = slice(int(x) - band.first, int(x) - band.first + band.length)
        # einsum adds up in one thread: those of BLAS would take longer to start than the sum of one customer takes.
        others, share, preference = (float(np.einsum("i,i", terms, v)) for v in (y, one_over[here], chance[here]))
        yield others / total, low, high, x * share / total, (brand.a + x) * preference / total, log_sum


def _quantiles(terms: FloatArray, tails: FloatArray) -> list[float]:
    """The sum of the terms, and the places up to which they hold these parts of it."""
    blocks = terms.reshape(-1, _BLOCK).sum(axis=1)
    up_to = np.cumsum(blocks)
    # A quantile that is met exactly must not be passed for a rounding error.
    sought = (tails - 1e-12) * up_to[-1]
    found = [float(up_to[-1])]
    for part, k in zip(sought.tolist(), np.searchsorted(up_to, sought).tolist(), strict=True):
        within = np.cumsum(terms[k * _BLOCK : (k + 1) * _BLOCK]) + (up_to[k] - blocks[k])
        found.append(float(k * _BLOCK + min(int(np.searchsorted(within, part)), _BLOCK - 1)))
    return found


@dataclass(frozen=True)
class _Band:
    """Neighbouring x, whose terms are products of two tables: ln term(y | x) = both(x + y) - both(x) + rest(y).

    both(n) = ln (K)_n / (S)_n, counted from the band's first number, and rest(y) = ln (S - a)_y theta**y / y!.
    """

    own: FloatArray
    first: int
    length: int
    log_both: FloatArray
    log_rest: FloatArray

    def terms(self) -> Iterator[tuple[FloatArray, float]]:
        """For each x the terms, up to a factor, and the logarithm of their sum where the first is 1."""
        places = [int(x) - self.first for x in self.own.tolist()]
        if np.ptp(self.log_both) + np.ptp(self.log_rest) < _RANGE:
            both, rest = np.exp(self.log_both), np.exp(self.log_rest)
            for k in places:
                terms = both[k : k + self.length] * rest
                yield terms, math.log(terms.sum()) - float(self.log_both[k])
            return
        for k in places:
            logs = self.log_both[k : k + self.length] + self.log_rest
            peak = float(logs.max())
            terms = np.exp(logs - peak)
            yield terms, peak + math.log(terms.sum()) - float(self.log_both[k])


def _bands(own: FloatArray, brand: Brand) -> Iterator[_Band]:
    """Put distinct x, ascending, into bands 0, 1, 2-3, 4-7, ..., and make the tables of each.

    Bands do not depend on who else is there, and so neither does what is said of a customer. P(y | x + 1) / P(y | x) is
    proportional to (K + x + y) / (S + x + y), which rises with y if K < S and falls if K > S: the x at one end of a
    band has more beyond any y than all others, and the terms that suffice for it suffice for the band.
    """
    size = np.minimum(np.exp2(np.floor(np.log2(np.maximum(own, 1.0)))), float(_WIDEST))
    firsts, starts = np.unique(np.floor(own / size) * size * (own > 0), return_index=True)
    for first, members in zip(firsts.tolist(), np.split(own, starts[1:]), strict=True):
        width = min(max(first, 1.0), float(_WIDEST))
        length = _length(first + width - 1 if brand.shape < brand.a + brand.b else first, brand)
        n, y = first + np.arange(width + length - 2), np.arange(length - 1.0)
        both = np.log((brand.shape + n) / (brand.a + brand.b + n))
        with np.errstate(divide="ignore"):  # b = 0: there is nobody else to buy from
            rest = np.log((brand.b + y) / (1 + y)) - math.log1p(brand.shape / brand.mean)
        tables = (np.concatenate([[0.0], np.cumsum(steps)]) for steps in (both, rest))
        yield _Band(members, int(first), length, *tables)


def _length(x: float, brand: Brand) -> int:
    """How many terms matter, in whole blocks."""
    weight, _ = unseen_weights(x, brand)
    beyond = np.cumsum((weight * np.arange(1.0, weight.size + 1))[::-1])[::-1]
    return _BLOCK * math.ceil(np.count_nonzero(beyond > 0.1 * _NEGLIGIBLE * beyond[0]) / _BLOCK)


def unseen_terms(own: FloatArray, brand: Brand) -> Iterator[tuple[FloatArray, float]]:
    """For each of these distinct numbers, ascending: P(y | x) up to a factor, and the logarithm of the sum of terms.

    Examples
    --------
    >>> [(terms / terms.sum())[:3].round(4) for terms, _ in unseen_terms(np.zeros(1), Brand(0.5, 0.5, 1.0, 1.0))]
    [array([0.7071, 0.1768, 0.0663])]
    """
    for band in _bands(own, brand):
        yield from band.terms()


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
    distinct, place = np.unique(x, return_inverse=True)
    sums = np.array([log_sum for _, log_sum in unseen_terms(distinct, brand)])[place]
    odds = brand.mean / brand.shape
    ways = log_gamma_ratio(brand.shape, x) - log_gamma_ratio(1.0, x)
    ours = log_gamma_ratio(brand.a, x) - log_gamma_ratio(brand.a + brand.b, x)
    return np.asarray(ways + ours - x * math.log1p(1 / odds) - brand.shape * math.log1p(odds) + sums)
