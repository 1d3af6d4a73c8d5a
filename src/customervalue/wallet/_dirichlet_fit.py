"""The likelihood of shares: how often each customer bought each brand, given how often he bought in the category.

A customer has shares of his own, which have a Dirichlet distribution over all customers; with two brands, ours and
the rest, it is a beta distribution. Given his shares, his purchases are multinomial.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from customervalue.estimation.fit import Likelihood
from customervalue.estimation.newton import Evaluation
from customervalue.numerics.compress import group_codes, totals
from customervalue.numerics.dirichlet import Margin, dirichlet_multinomial
from customervalue.numerics.gamma import log_gamma_ratio

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from customervalue._typing import FloatArray, IntArray

__all__ = ["ShareRows", "dirichlet_likelihood", "likelihood_of_rows", "row_log_likelihood", "share_rows"]

#: S of a category in which customers neither all differ nor are all alike.
_TYPICAL = 1.5
#: Where the search begins, if the moments of the data lead nowhere.
_SIZES = (0.1, 10.0, 200.0)
_SMALLEST, _LARGEST = 0.02, 1000.0
#: From here on, shares of customers are not told from those of the market, or from all and nothing.
_ALIKE, _SOLE = 200.0, 1e-2


@dataclass(frozen=True)
class Column:
    """One column of counts: its distinct values, how many customers have each, and the way back."""

    margin: Margin
    inverse: IntArray

    def expand(self, values: FloatArray) -> FloatArray:
        """One value per distinct count to one per row."""
        return np.asarray(values[self.inverse])


@dataclass(frozen=True)
class ShareRows:
    """Customers as the likelihood of shares sees them.

    Attributes
    ----------
    columns : tuple of Column, length k
        Purchases of each brand.
    total : Column
        Purchases in the category.
    counts : ndarray of float64, shape (n,)
        Customers each row stands for.
    customers : int, optional
        How many there are, if one of them may have several rows.
    """

    columns: tuple[Column, ...]
    total: Column
    counts: FloatArray
    customers: int | None = None

    @cached_property
    def n_customers(self) -> int:
        """Customers with a purchase in the category; the others say nothing of shares."""
        if self.customers is not None:
            return self.customers
        bought = self.total.margin.values > 0
        return round(float(self.total.margin.rows[bought].sum()))

    @cached_property
    def log_coefficient(self) -> FloatArray:
        """In how many orders each row can have come about, in logarithms; shape (n,)."""
        each = (c.expand(log_gamma_ratio(1.0, c.margin.values)) for c in self.columns)
        return np.asarray(self.total.expand(log_gamma_ratio(1.0, self.total.margin.values)) - sum(each))


def dirichlet_likelihood(counts: FloatArray, weights: FloatArray | None, names: tuple[str, ...]) -> Likelihood:
    """The Dirichlet-multinomial likelihood of counts given their sums, ready to be maximized over ln alpha.

    Parameters
    ----------
    counts : ndarray of float64, shape (n, k)
        >= 0, checked. Rows of zeros say nothing and do not count as customers.
    weights : ndarray of float64, shape (n,), or None
        How many customers each row stands for; 1 by default.
    names : tuple of str, length k
        One parameter for each column, > 0.

    Returns
    -------
    Likelihood
        Of the counts, coefficients included, per customer with a purchase.

    Examples
    --------
    >>> from customervalue.estimation.fit import fit
    >>> counts = np.array([[3.0, 0.0], [1.0, 1.0], [0.0, 2.0], [2.0, 1.0], [0.0, 0.0]])
    >>> likelihood = dirichlet_likelihood(counts, None, ("ours", "theirs"))
    >>> likelihood.n_customers, sorted(fit(likelihood, prior="weak").parameters)
    (4, ['ours', 'theirs'])
    """
    return likelihood_of_rows(share_rows(list(counts.T), counts.sum(axis=1), weights), names)


def share_rows(columns: Sequence[FloatArray], total: FloatArray, weights: FloatArray | None) -> ShareRows:
    """Find the distinct counts of each column and of the total; all of shape (n,) and checked."""
    made = tuple(_column(column, weights) for column in columns)
    counts = np.ones(total.size) if weights is None else weights
    return ShareRows(made, _column(total, weights), counts)


def _column(values: FloatArray, weights: FloatArray | None) -> Column:
    largest = float(values.max())
    if largest < 2**31 and np.all(values == np.floor(values)):
        groups = group_codes(values.astype(np.int64), int(largest) + 1)
        distinct, inverse, rows = groups.codes.astype(np.float64), groups.inverse, groups.counts
    else:
        distinct, inverse, found = np.unique(values, return_inverse=True, return_counts=True)
        rows = found.astype(np.float64)
    if weights is not None:
        rows = totals(inverse, weights, distinct.size)
    return Column(Margin(distinct, rows), inverse)


def likelihood_of_rows(rows: ShareRows, names: tuple[str, ...]) -> Likelihood:
    """As `dirichlet_likelihood`, of rows that are grouped already.

    References
    ----------
    .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.
    .. [2] Mosimann (1962), Biometrika 49(1/2), 65-82.
    """
    margins, total, n = [column.margin for column in rows.columns], rows.total.margin, max(rows.n_customers, 1)
    constant = float(rows.counts @ rows.log_coefficient)

    def objective(theta: FloatArray) -> Evaluation:
        value, gradient, hessian = dirichlet_multinomial(np.exp(theta), margins, total)
        return Evaluation((value + constant) / n, gradient / n, hessian / n)

    pooled = _pooled(margins)
    return Likelihood(
        names=names,
        objective=objective,
        starts=[size * pooled for size in (_moment_size(margins, total, pooled), *_SIZES)],
        units=_TYPICAL * pooled,
        n_customers=n,
        explain=partial(_explain, market=dict(zip(names, pooled.tolist(), strict=True))),
    )


def _pooled(margins: Sequence[Margin]) -> FloatArray:
    """Share of each brand in all purchases; half a purchase more for each, so that none is 0."""
    bought = np.array([float(m.rows @ m.values) for m in margins]) + 0.5
    return np.asarray(bought / bought.sum())


def _moment_size(margins: Sequence[Margin], total: Margin, pooled: FloatArray) -> float:
    """S from how often two purchases of one customer are of the same brand, against two of any customers."""
    pairs = float(total.rows @ (total.values * (total.values - 1)))
    same = sum(float(m.rows @ (m.values * (m.values - 1))) for m in margins)
    repeat = same / pairs if pairs > 0 else 0.0
    chance = float(pooled @ pooled)
    if repeat <= chance:
        return _LARGEST
    return float(np.clip((1 - repeat) / (repeat - chance), _SMALLEST, _LARGEST))


def row_log_likelihood(alpha: FloatArray, rows: ShareRows) -> FloatArray:
    """Log-probability of the counts of one customer of each row, given their sum; shape (n,).

    Examples
    --------
    >>> rows = share_rows([np.array([1.0]), np.array([2.0])], np.array([3.0]), None)
    >>> np.exp(row_log_likelihood(np.array([1.0, 1.0]), rows))  # all four splits of three are as likely
    array([0.25])
    """
    value = rows.log_coefficient - rows.total.expand(log_gamma_ratio(float(alpha.sum()), rows.total.margin.values))
    for a, column in zip(alpha.tolist(), rows.columns, strict=True):
        value = value + column.expand(log_gamma_ratio(a, column.margin.values))
    return np.asarray(value)


def _explain(estimates: Mapping[str, float], untold: Collection[str], *, market: Mapping[str, float]) -> str:
    """What it means that the data do not tell these parameters."""
    size = sum(estimates.values())
    if size > _ALIKE:
        return (
            "customers differ hardly more in their purchases than chance alone would have it, so that the share of "
            "everyone is about that of the market"
        )
    if size < _SOLE:
        return "everyone buys only one brand (S goes to 0), so that the share of a customer is all or nothing"
    small = [name for name in untold if market[name] < 0.01]
    if small and len(small) == len(untold):
        return f"hardly any purchase is of {', '.join(small)}, and how customers differ in it is open"
    return "how customers differ in their shares is open, and so is how far each share is to be drawn to the market's"
