"""Values in order, best first, and the thresholds that part them at given shares."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import FloatArray, IntArray

__all__ = ["Ordered", "adds_up", "ordered", "ranks", "sums_between", "thresholds_at_shares"]

#: Midpoints this close to a cut, as a share of the whole, lie on it: sums of many numbers are not exact.
_ROUNDING = 1e-12
#: Quantiles this close to a customer, in customers, are at his value.
_ON_A_ROW = 1e-9
#: So many different values are looked up faster than all values are put in order.
_FEW = 1 << 14


class Ordered(NamedTuple):
    """Values with their signs turned, ascending, so that the best come first.

    Attributes
    ----------
    turned : ndarray of float64, shape (m,)
    counts : ndarray of float64, shape (m,), or None
        Customers in each row, at least one; None if there is one in each.
    """

    turned: FloatArray
    counts: FloatArray | None

    def customers(self) -> FloatArray:
        """Customers in the first 1, 2, ... rows; shape (m,)."""
        return np.arange(1.0, self.turned.size + 1) if self.counts is None else np.cumsum(self.counts)

    def positive_value(self) -> FloatArray:
        """Value of the first 1, 2, ... rows, as far as it is positive; shape (at most m,)."""
        above = int(np.searchsorted(self.turned, 0.0))
        money = -self.turned[:above] if self.counts is None else -self.turned[:above] * self.counts[:above]
        return np.cumsum(money)

    def quantile(self, quantile: float) -> float:
        """Value between the two customers nearest to this share of the way up, as `numpy.quantile` finds it."""
        customers = self.customers()
        last = float(customers[-1]) - 1
        place = last * quantile
        if abs(place - round(place)) < _ON_A_ROW:
            place = round(place)
        whole = math.floor(place)
        rows = np.searchsorted(customers, [last - whole, max(last - whole - 1, 0.0)], side="right")
        low, high = (-self.turned[rows]).tolist()
        return float(low + (place - whole) * (high - low))


def ordered(value: FloatArray, weights: FloatArray | None) -> Ordered:
    """Put values in order; rows that stand for nobody are left out.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
    weights : ndarray of float64, shape (n,), or None
        Customers in each row, >= 0.

    Returns
    -------
    Ordered

    Examples
    --------
    >>> ordered(np.array([3.0, 7.0, 5.0]), np.array([1.0, 2.0, 0.0]))
    Ordered(turned=array([-7., -3.]), counts=array([2., 1.]))
    """
    if weights is None:
        turned = -value
        turned.sort()
        return Ordered(turned, None)
    there = weights > 0
    turned, counts = -value[there], weights[there]
    order = np.argsort(turned)
    return Ordered(turned[order], counts[order])


def adds_up(values: FloatArray, weights: FloatArray | None) -> bool:
    """Whether differences and sums of these amounts surely have a place in a float.

    Examples
    --------
    >>> adds_up(np.array([1e300, -1e300]), None), adds_up(np.array([1e308, 1e308]), None)
    (True, False)
    """
    largest = max(float(values.max(initial=0.0)), -float(values.min(initial=0.0)))
    return math.isfinite(2 * largest * (values.size if weights is None else max(float(weights.sum()), 1.0)))


def thresholds_at_shares(base: Ordered, cumulated: FloatArray, shares: Sequence[float]) -> list[float]:
    """Least value above each cut, where cuts are shares of a cumulated quantity, counted from the best down.

    Equal values stand together as one group, and a group is above a cut if its middle is. So the share above a cut is
    as near to what was asked for as it can be without parting equal values.

    Parameters
    ----------
    base : Ordered, m rows
    cumulated : ndarray of float64, shape (at most m,)
        Quantity in the first 1, 2, ... rows, rising.
    shares : sequence of float
        In (0, 1).

    Returns
    -------
    list of float
        One threshold per share. Where nobody is above the first cuts, the next number above the best value.

    Examples
    --------
    >>> base = ordered(np.array([9.0, 5.0, 5.0, 5.0, 1.0]), None)
    >>> thresholds_at_shares(base, base.customers(), [0.2, 0.4, 0.6])
    [9.0, 9.0, 5.0]
    """
    turned, total = base.turned, float(cumulated[-1])
    found = []
    for share in shares:
        row = min(int(np.searchsorted(cumulated, share * total)), cumulated.size - 1)
        first, after = (int(np.searchsorted(turned, turned[row], side=side)) for side in ("left", "right"))
        before = float(cumulated[first - 1]) if first else 0.0
        middle = (before + float(cumulated[after - 1])) / 2
        if middle <= share * total + _ROUNDING * total:
            found.append(float(-turned[row]))
        else:
            found.append(float(-turned[first - 1]) if first else float(np.nextafter(-turned[0], np.inf)))
    return found


def sums_between(base: Ordered, thresholds: Sequence[float]) -> tuple[IntArray, FloatArray]:
    """Customers and their value in each tier, given the descending thresholds between the tiers.

    Examples
    --------
    >>> sums_between(ordered(np.array([9.0, 5.0, 5.0, -1.0]), None), [9.0, 2.0])
    (array([1, 2, 1]), array([ 9., 10., -1.]))
    """
    inner = np.searchsorted(base.turned, -np.asarray(thresholds), side="right").tolist()
    bounds = [0, *inner, base.turned.size]
    pieces = [slice(start, stop) for start, stop in pairwise(bounds)]
    turned, counts = base
    if counts is None:
        return np.diff(bounds), np.array([0.0 - turned[piece].sum() for piece in pieces])
    customers = np.array([counts[piece].sum() for piece in pieces])
    return customers.astype(np.int64), np.array([0.0 - turned[piece] @ counts[piece] for piece in pieces])


def ranks(value: FloatArray, weights: FloatArray | None) -> IntArray:
    """Place of each row from the best down: one more than the customers who have a higher value.

    Examples
    --------
    >>> ranks(np.array([5.0, 9.0, 5.0, 1.0]), None)
    array([2, 1, 2, 4])
    """
    descending = np.sort(value)[::-1]
    repeats = np.append(False, descending[1:] == descending[:-1])
    if value.size - np.count_nonzero(repeats) <= _FEW:
        distinct = descending[~repeats][::-1]
        row = np.searchsorted(distinct, value)
        counts = np.bincount(row, weights=weights, minlength=distinct.size)
        place: IntArray = (counts.sum() - np.cumsum(counts) + 1).astype(np.int64)
        return place[row]
    order = np.argsort(value)[::-1]
    if weights is None:
        place = np.arange(1, value.size + 1)
    else:
        each = weights[order].astype(np.int64)
        place = np.cumsum(each) - each + 1
    place[repeats] = 0  # equal values take the place of the first of them
    np.maximum.accumulate(place, out=place)
    rank = np.empty(value.size, dtype=np.int64)
    rank[order] = place
    return rank
