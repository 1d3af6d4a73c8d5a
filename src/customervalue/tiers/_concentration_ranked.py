"""Values in ascending order, each once, with the customers who have it: all that a Lorenz curve needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import invalid

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray

__all__ = ["Ranked", "gini", "gini_normalised", "gini_unbiased", "peak", "rank", "spread", "top_share"]

#: A total that is a smaller part of the gains and losses in it is what rounding left of nothing.
_NOTHING = 1e-12


@dataclass(frozen=True, eq=False)
class Ranked:
    """Distinct values and how many customers have each.

    Attributes
    ----------
    value : ndarray of float64, shape (u,)
        Ascending, each once.
    counts : ndarray of float64, shape (u,)
        Customers with each value, > 0.
    """

    value: FloatArray
    counts: FloatArray

    @cached_property
    def customers(self) -> FloatArray:
        """Customers with this value or less; shape (u,)."""
        return np.cumsum(self.counts)

    @cached_property
    def money(self) -> FloatArray:
        """What they have together; shape (u,)."""
        return np.cumsum(self.counts * self.value)

    @property
    def n(self) -> float:
        """Number of customers."""
        return float(self.customers[-1])

    @property
    def total(self) -> float:
        """What all customers have together."""
        return float(self.money[-1])

    @cached_property
    def gains(self) -> float:
        """What the customers of positive value have together."""
        return float(self.counts @ np.maximum(self.value, 0.0))

    @cached_property
    def losses(self) -> float:
        """What the customers of negative value cost together; not negative."""
        return float(self.counts @ np.maximum(-self.value, 0.0))

    @property
    def no_shares(self) -> str:
        """Why there are no shares of the total, in words; empty where there are."""
        if self.gains == self.losses == 0:
            return "nobody has any value: all are zero"
        if abs(self.total) <= _NOTHING * (self.gains + self.losses):
            return "gains and losses cancel: the total is zero"
        return "" if self.total > 0 else f"the total is negative, {self.total:,.2f}"

    def check_shares(self, what: str) -> None:
        """Raise if there are no shares of the total."""
        if self.no_shares:
            advice = (
                "Amounts of money exist all the same: `deciles`, `whale`, `mean_difference`; and `gini_normalised`."
            )
            raise invalid("value", f"{what} does not exist, since {self.no_shares}", advice)

    def of_poorest(self, customers: FloatArray) -> FloatArray:
        """What so many customers of lowest value have together; fractions of a customer have their part of it."""
        place = np.minimum(np.searchsorted(self.customers, customers), self.value.size - 1)
        return self.money[place] - (self.customers[place] - customers) * self.value[place]


def rank(value: FloatArray, weights: FloatArray | None = None) -> Ranked:
    """Sort values and put equal ones together.

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        Finite.
    weights : ndarray of float64, shape (n,), optional
        Customers per row, whole numbers; 1 by default. Rows of weight 0 are left out.

    Returns
    -------
    Ranked

    Examples
    --------
    >>> rank(np.array([5.0, 1.0, 5.0]))
    Ranked(value=array([1., 5.]), counts=array([1., 2.]))
    """
    if weights is None:
        ordered, each = np.sort(value), None
    else:
        if not np.all(weights):
            kept = weights > 0
            value, weights = value[kept], weights[kept]
        order = np.argsort(value)
        ordered, each = value[order], weights[order]
    differs = np.empty(ordered.size, dtype=np.bool_)
    differs[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=differs[1:])
    if np.all(differs):
        return Ranked(ordered, np.ones(ordered.size) if each is None else each)
    starts = np.flatnonzero(differs)
    if each is not None:
        return Ranked(ordered[starts], np.add.reduceat(each, starts))
    return Ranked(ordered[starts], np.diff(starts, append=ordered.size).astype(np.float64))


def spread(value: FloatArray, counts: AnyArray) -> FloatArray:
    """Sum of the differences between all pairs of customers, each pair once.

    Parameters
    ----------
    value : ndarray of float64, shape (u,)
        Ascending.
    counts : ndarray, shape (..., u)
        Customers with each value; may be 0.

    Returns
    -------
    ndarray of float64, shape (...)
        sum (2 i - n - 1) x_(i) over the customers in ascending order, ties put together.

    Examples
    --------
    >>> float(spread(np.array([1.0, 5.0]), np.array([1, 2])))
    8.0
    """
    place = np.cumsum(counts, axis=-1, dtype=np.float64)
    n = place[..., -1:]
    place = 2 * place - counts - n
    place *= counts
    # The places add up to 0: from the middle value on, an amount that all have in common takes no digits away.
    return np.asarray(place @ (value - value[value.size // 2]))


def gini(value: FloatArray, counts: AnyArray, q: float) -> FloatArray:  # noqa: ARG001 - all statistics look alike
    """Twice the area between the Lorenz curve and the diagonal; arguments as of `spread`."""
    return np.asarray(spread(value, counts) / (counts.sum(axis=-1) * (counts @ value)))


def gini_unbiased(value: FloatArray, counts: AnyArray, q: float) -> FloatArray:  # noqa: ARG001
    """The same times n / (n - 1)."""
    return np.asarray(spread(value, counts) / ((counts.sum(axis=-1) - 1.0) * (counts @ value)))


def gini_normalised(value: FloatArray, counts: AnyArray, q: float) -> FloatArray:  # noqa: ARG001
    """Differences between customers over the largest that the same gains and losses could make."""
    return np.asarray(spread(value, counts) / ((counts.sum(axis=-1) - 1.0) * (counts @ np.abs(value))))


def top_share(value: FloatArray, counts: AnyArray, q: float) -> FloatArray:
    """Share of the total that the best `q` of the customers have."""
    customers = np.cumsum(counts, axis=-1, dtype=np.float64)
    money = np.cumsum(counts * value, axis=-1)
    others = (1 - q) * customers[..., -1:]
    place = np.minimum(np.sum(customers < others, axis=-1, keepdims=True), value.size - 1)
    above = np.take_along_axis(customers, place, -1) - others
    rest = np.take_along_axis(money, place, -1) - above * value[place]
    return np.asarray((1 - rest / money[..., -1:])[..., 0])


def peak(value: FloatArray, counts: AnyArray, q: float) -> FloatArray:  # noqa: ARG001
    """Gains over the total: the highest point of the whale curve."""
    return np.asarray((counts @ np.maximum(value, 0.0)) / (counts @ value))
