"""How well a frontier does: its loss, and whether as many customers lie under it as it says."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from customervalue._tables import Table, freeze, plain
from customervalue.numerics.proportions import wilson
from customervalue.numerics.quantile_regression import pinball

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = [
    "FrontierCoverage",
    "FrontierDiagnostics",
    "FrontierFit",
    "FrontierScore",
    "coverage",
    "is_under",
    "score",
]

#: A linear function goes through some customers, and rounding is not to tell on which side of it they are.
_HAIR = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class FrontierScore(Table):
    """Loss of a frontier, beside that of one number for all customers.

    Attributes
    ----------
    quantile : ndarray of float64, shape (q,)
    loss : ndarray of float64, shape (q,)
        Mean pinball loss, in money; the smaller, the better.
    constant_loss : ndarray of float64, shape (q,)
        The same of the quantile of all customers of the fit, whatever their features; NaN without a fit.
    skill : ndarray of float64, shape (q,)
        1 - loss / constant_loss: 0 where the features tell nothing, 1 where they tell all; negative where they mislead.
    share_under : ndarray of float64, shape (q,)
        Share of the customers who spend no more than their frontier; near `quantile` if it is right.
    n_customers : int

    Examples
    --------
    >>> from customervalue.wallet import WalletFrontier
    >>> frontier = WalletFrontier([[10, 2]], ["employees"], quantile=0.9)
    >>> frontier.score([[1], [2], [3], [4]], [5, 20, 10, 15]).share_under
    array([0.75])
    """

    quantile: FloatArray
    loss: FloatArray
    constant_loss: FloatArray
    skill: FloatArray
    share_under: FloatArray
    n_customers: int

    def _title(self) -> str:
        return f"Frontier of {self.n_customers:,} customers: pinball loss"

    def _table(self) -> Mapping[str, AnyArray]:
        names = ("quantile", "loss", "constant_loss", "skill", "share_under")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class FrontierCoverage(Table):
    """Share of customers under the frontier, in groups from the lowest frontier to the highest.

    Attributes
    ----------
    quantile : ndarray of float64, shape (m,)
        Of the frontier; each has its own groups, one after another.
    group : ndarray of int64, shape (m,)
        1 is the group with the lowest frontier.
    customers : ndarray of int64, shape (m,)
    frontier, own_spend : ndarray of float64, shape (m,)
        Means of the group, in money.
    share_under : ndarray of float64, shape (m,)
        Share of the group that spends no more than its frontier.
    low, high : ndarray of float64, shape (m,)
        95 % interval of that share (Wilson).

    Examples
    --------
    >>> from customervalue.wallet import WalletFrontier
    >>> frontier = WalletFrontier([[10, 2]], ["employees"], quantile=0.9)
    >>> frontier.coverage([[1], [2], [3], [4]], [5, 20, 10, 15], groups=2).share_under
    array([0.5, 1. ])
    """

    quantile: FloatArray
    group: IntArray
    customers: IntArray
    frontier: FloatArray
    own_spend: FloatArray
    share_under: FloatArray
    low: FloatArray
    high: FloatArray

    def _title(self) -> str:
        return "Share of customers under the frontier, from the lowest frontier to the highest"

    def _table(self) -> Mapping[str, AnyArray]:
        names = ("quantile", "group", "customers", "frontier", "own_spend", "share_under", "low", "high")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True)
class FrontierDiagnostics:
    """Customers for whom the fitted functions were put right, or reach beyond what they were fitted to.

    Attributes
    ----------
    n_customers : int
    below_zero : int
        Customers for whom some quantile would be negative; it is 0.
    crossing : int
        Customers for whom a higher quantile would be less than a lower one; they are put in order.
    outside : int
        Customers with some feature beyond the least or greatest of the fit, where the frontier is extrapolated.

    Examples
    --------
    >>> FrontierDiagnostics(n_customers=1000, below_zero=3, crossing=0, outside=12).outside
    12
    """

    n_customers: int
    below_zero: int
    crossing: int
    outside: int


@dataclass(frozen=True, eq=False)
class FrontierFit:
    """What a fit knows of the customers it was made of.

    Attributes
    ----------
    n_customers : int
    constant : ndarray of float64, shape (q,)
        The quantiles of their spend, whatever their features, in money.
    share_under : ndarray of float64, shape (q,)
        Share of them who spend no more than their frontier.
    least, greatest : ndarray of float64, shape (k,)
        Of each feature.
    diagnostics : FrontierDiagnostics

    Examples
    --------
    >>> from customervalue.wallet import WalletFrontier
    >>> WalletFrontier.fit(np.arange(20)[:, None], 3 + np.arange(20) % 7, 0.5).fitted.greatest
    array([19.])
    """

    n_customers: int
    constant: FloatArray
    share_under: FloatArray
    least: FloatArray
    greatest: FloatArray
    diagnostics: FrontierDiagnostics

    def __post_init__(self) -> None:
        freeze(self)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists.

        Examples
        --------
        >>> from customervalue.wallet import WalletFrontier
        >>> WalletFrontier.fit(np.arange(20)[:, None], 3 + np.arange(20) % 7, 0.5).fitted.to_dict()["least"]
        [0.0]
        """
        arrays = {name: plain(getattr(self, name)) for name in ("constant", "share_under", "least", "greatest")}
        return {"n_customers": self.n_customers, **arrays, "diagnostics": asdict(self.diagnostics)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild what `to_dict` was called on.

        Examples
        --------
        >>> from customervalue.wallet import WalletFrontier
        >>> fitted = WalletFrontier.fit(np.arange(20)[:, None], 3 + np.arange(20) % 7, 0.5).fitted
        >>> FrontierFit.from_dict(fitted.to_dict()).constant
        array([6.])
        """
        arrays = {name: np.array(data[name], dtype=np.float64) for name in ("constant", "share_under", "least")}
        greatest = np.array(data["greatest"], dtype=np.float64)
        known = FrontierDiagnostics(**data["diagnostics"])
        return cls(n_customers=data["n_customers"], **arrays, greatest=greatest, diagnostics=known)


def is_under(own: FloatArray, frontier: FloatArray) -> BoolArray:
    """Who spends no more than his frontier; those through whom it goes do, whatever rounding says."""
    return np.asarray(own <= frontier * (1 + _HAIR))


def score(
    own: FloatArray, frontier: FloatArray, constant: FloatArray, quantile: FloatArray, weights: FloatArray | None
) -> FrontierScore:
    """Score frontiers, shape (n, q), beside constants, shape (q,) or (n, q), by what n customers spent."""
    w = np.ones(len(own)) if weights is None else weights
    total = float(w.sum())
    constants = np.broadcast_to(constant, frontier.shape)
    pairs = list(enumerate(quantile.tolist()))
    loss = np.array([w @ pinball(own, frontier[:, i], q) for i, q in pairs]) / total
    flat = np.array([w @ pinball(own, constants[:, i], q) for i, q in pairs]) / total
    skill = 1 - np.divide(loss, flat, out=np.full(len(loss), np.nan), where=flat > 0)
    under = w @ is_under(own[:, None], frontier) / total
    return FrontierScore(quantile, loss, flat, skill, np.asarray(under), round(total))


def coverage(
    own: FloatArray, frontier: FloatArray, quantile: FloatArray, weights: FloatArray | None, groups: int
) -> FrontierCoverage:
    """Share under frontiers, shape (n, q), in groups of about equal size by frontier; equal frontiers stay together."""
    w = np.ones(len(own)) if weights is None else weights
    rows: list[tuple[float, ...]] = []
    for i, q in enumerate(quantile.tolist()):
        values, place = np.unique(frontier[:, i], return_inverse=True)
        upto = np.cumsum(np.bincount(place, w, len(values)))
        middle = upto - 0.5 * np.bincount(place, w, len(values))
        group = np.minimum((groups * middle / upto[-1]).astype(np.int64), groups - 1)[place]
        for number, g in enumerate(np.unique(group[w > 0]).tolist(), start=1):
            inside = w * (group == g)
            size = float(inside.sum())
            sums = (inside @ frontier[:, i], inside @ own, inside @ is_under(own, frontier[:, i]))
            rows.append((q, number, size, *map(float, sums)))
    of, numbers, sizes, ahead, spent, under = np.array(rows).T
    low, high = wilson(under, sizes, 0.95)
    whole = numbers.astype(np.int64), np.round(sizes).astype(np.int64)
    return FrontierCoverage(of.copy(), *whole, ahead / sizes, spent / sizes, under / sizes, low, high)
