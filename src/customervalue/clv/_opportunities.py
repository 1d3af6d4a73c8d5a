"""Sums over opportunities to buy: when a customer may have dropped out unseen, and how many he will still be there for.

Written without an exponential that could overflow, and with positive terms only. B(a, b) is the beta function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, Self

import numpy as np

from customervalue.estimation.newton import Evaluation
from customervalue.numerics.along_time import legendre_panels
from customervalue.numerics.beta_ratio import log_beta_ratio
from customervalue.numerics.beta_rule import beta_rule
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from customervalue._typing import FloatArray, IntArray
    from customervalue.numerics.compress import UniqueRows

__all__ = ["Opportunities", "Terms", "log_chance", "log_series", "log_total", "opportunities_alive"]

#: Terms of one batch: its arrays stay in the cache.
_BATCH = 8_192
#: So many terms of a series are added one by one; and so many for each purchase, where its terms still change quickly.
_ONE_BY_ONE, _PER_PURCHASE = 1_024, 16
#: A sum of smooth terms is their integral, less these multiples of the odd central differences at its ends.
_DIFFERENCES = (1 / 24, -17 / 5760, 367 / 967_680)
_STENCILS = np.array([[0, 0, -1, 1, 0, 0], [0, -1, 3, -3, 1, 0], [-1, 5, -10, 10, -5, 1]], dtype=np.float64)


def log_chance(k: FloatArray, i: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Log probability of k purchases at i opportunities, where that at each is drawn from Beta(a, b); k <= i."""
    return _log_choose(a, k) + _log_choose(b, i - k) - _log_choose(a + b, i)


def _log_choose(z: FloatArray, k: FloatArray) -> FloatArray:
    """Logarithm of Gamma(z + k) / (Gamma(z) k!), from the smaller of z and k."""
    few = k <= z
    short = np.where(few, k, z)
    ratio = log_gamma_ratio(np.where(few, z, 1 + k), short) - log_gamma_ratio(1, short)
    return np.where(few, ratio, ratio + np.log(z / (z + k)))


def opportunities_alive(gamma: float, delta: float, horizon: float | None, force: float) -> float:
    """Expected number of the next opportunities at which a customer is alive, who certainly is at the first of them.

    Parameters
    ----------
    gamma, delta : float
        His dropout probability theta ~ Beta(gamma, delta); > 0.
    horizon : float or None
        How many opportunities; None for all to come, if `force` > 0.
    force : float
        The j-th is discounted by exp(-force j); >= 0.

    Returns
    -------
    float

    Notes
    -----
    The expectation of the sum of exp(-force j) (1 - theta)^(j-1), a geometric series.

    Examples
    --------
    >>> round(opportunities_alive(1.0, 1.0, 3, 0.0), 6)  # 1 + 1/2 + 1/3
    1.833333
    """
    steps = np.inf if horizon is None else horizon
    cost = np.expm1(force)
    theta, weights = beta_rule(gamma, delta, 1 + min(steps, 1 / cost if cost > 0 else np.inf))
    if np.isinf(steps):
        return float(weights @ (1 / (cost + theta)))
    with np.errstate(divide="ignore"):
        fall = -np.expm1(steps * (np.log1p(-theta) - force))
    return float(weights @ (fall / (cost + theta)))


# ---- one sum for each row


class Terms(NamedTuple):
    """Terms of several rows, one after the other: the rows, where each begins, and of each term its row and place."""

    rows: slice
    starts: IntArray
    row: IntArray
    place: IntArray

    def total(self, log_terms: FloatArray) -> FloatArray:
        """Logarithm of the sum of the terms of each row."""
        largest = np.maximum.reduceat(log_terms, self.starts)
        shifted = np.exp(log_terms - largest[self.row - self.rows.start])
        return np.asarray(largest + np.log(np.add.reduceat(shifted, self.starts)))

    @classmethod
    def batches(cls, first: IntArray, last: IntArray) -> Iterator[Self]:
        """Places first, ..., last of every row, some rows at a time; first <= last."""
        ends = np.cumsum(last - first + 1)
        start = 0
        while start < first.size:
            before = int(ends[start - 1]) if start else 0
            stop = max(int(np.searchsorted(ends, before + _BATCH, side="right")), start + 1)
            rows = slice(start, stop)
            lengths = last[rows] - first[rows] + 1
            starts = np.cumsum(lengths) - lengths
            place = np.arange(int(lengths.sum())) + np.repeat(first[rows] - starts, lengths)
            yield cls(rows, starts, np.repeat(np.arange(start, stop), lengths), place)
            start = stop


def log_total(first: IntArray, last: IntArray, log_term: Callable[[IntArray, IntArray], FloatArray]) -> FloatArray:
    """Logarithm of a sum of positive terms, for each row.

    Parameters
    ----------
    first, last : ndarray of int64, shape (n,)
        The terms of each row; first <= last.
    log_term : callable
        Takes rows (m,) and places (m,), gives the logarithms of these terms (m,).

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> log_total(np.array([0, 2]), np.array([2, 2]), lambda row, j: np.log(1.0 + j)).round(6)
    array([1.791759, 1.098612])
    """
    totals = np.empty(first.size)
    for terms in Terms.batches(first, last):
        totals[terms.rows] = terms.total(log_term(terms.row, terms.place))
    return totals


# ---- the terms of a series


def log_series(
    k: FloatArray, a: FloatArray, b: FloatArray, gamma: FloatArray, delta: FloatArray, stop: FloatArray
) -> FloatArray:
    """Logarithm of a sum of probabilities of k purchases at i opportunities and of surviving them, for each row.

    Parameters
    ----------
    k : ndarray of float64, shape (n,)
        Whole numbers >= 0.
    a, b, gamma, delta : ndarray of float64, shape (n,)
        > 0.
    stop : ndarray of float64, shape (n,)
        Whole numbers; the sum is over i = k, ..., stop - 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        The logarithm of the sum of exp(log_chance(k, i, a, b)) B(gamma, delta + i) / B(gamma, delta); -inf if there are
        no terms.

    Notes
    -----
    The first thousand terms follow one from another. The rest are so smooth that their sum is an integral, over ln(i),
    with corrections at both ends: the Euler-Maclaurin formula, in central differences in the place of derivatives.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 2.10(i).

    Examples
    --------
    >>> one = np.ones(1)
    >>> log_series(0 * one, one, one, one, one, 3 * one).round(6)  # 1 + 1/4 + 1/9
    array([0.308301])
    """
    columns = np.stack(np.broadcast_arrays(k, a, b, gamma, delta))
    count = stop - k
    one_by_one = np.clip(count, 0, np.maximum(_ONE_BY_ONE, _PER_PURCHASE * k)).astype(np.int64)
    totals = np.full(count.shape, -np.inf)
    order = np.argsort(one_by_one, kind="stable")
    order = order[one_by_one[order] > 0]
    while order.size:
        size = max(_BATCH // int(one_by_one[order[-1]]), 1)
        order, rows = order[:-size], order[-size:]
        totals[rows] = _first_terms(columns[:, rows], one_by_one[rows])
    rest = np.flatnonzero(count > one_by_one)
    for rows in np.array_split(rest, 1 + rest.size // 64):
        if rows.size:
            begin = columns[0, rows] + one_by_one[rows]
            totals[rows] = np.logaddexp(totals[rows], _smooth_terms(columns[:, rows], begin, stop[rows]))
    return totals


def _first_terms(columns: FloatArray, count: IntArray) -> FloatArray:
    """The first `count` terms, by what each is of the one before."""
    k, a, b, gamma, delta = columns[:, :, None]
    step = np.arange(int(count.max()) - 1)
    i = k + step
    ratio = (i + 1) / (step + 1) * ((b + step) / (a + b + i)) * ((delta + i) / (gamma + delta + i))
    logs = np.zeros((count.size, step.size + 1))
    np.cumsum(np.log(ratio), axis=1, out=logs[:, 1:])
    logs[np.arange(step.size + 1) >= count[:, None]] = -np.inf
    largest = logs.max(axis=1)
    sums = np.log(np.exp(logs - largest[:, None]).sum(axis=1))
    return np.asarray(_log_term(columns[0], *columns) + largest + sums)


def _log_term(
    i: FloatArray, k: FloatArray, a: FloatArray, b: FloatArray, gamma: FloatArray, delta: FloatArray
) -> FloatArray:
    return log_chance(k, i, a, b) + log_beta_ratio(gamma, delta, i)


def _smooth_terms(columns: FloatArray, begin: FloatArray, stop: FloatArray) -> FloatArray:
    """The terms from `begin` on, less those from `stop` on."""
    low, high = np.log(begin - 0.5), np.log(stop - 0.5)
    # With k purchases the terms have a peak in ln(i), of a relative width 1 / sqrt(k) or more.
    nodes, weights = legendre_panels(float(np.max((high - low) * np.sqrt(1 + columns[0]))))
    share = (high - low) / weights.sum()
    u = low[:, None] + np.multiply.outer(share, nodes)
    expanded = columns[:, :, None]
    inside = _log_term(np.exp(u), *expanded) + u
    steps = np.arange(-3, 3)
    ends = np.stack([_log_term(end[:, None] + steps, *expanded) for end in (begin, stop)])
    largest = np.maximum(inside.max(axis=1), ends.max(axis=(0, 2)))
    total = share * (np.exp(inside - largest[:, None]) @ weights)
    differences = np.exp(ends - largest[:, None]) @ (np.array(_DIFFERENCES) @ _STENCILS)
    with np.errstate(divide="ignore"):
        return np.asarray(largest + np.log(np.maximum(total - (differences[1] - differences[0]), 0.0)))


# ---- the likelihood


@dataclass(frozen=True)
class Opportunities:
    """A data set: x purchases at n opportunities, the last at t_x, and how many customers there are of each kind."""

    x: IntArray
    t_x: IntArray
    n: IntArray
    count: FloatArray

    @classmethod
    def of(cls, rows: UniqueRows) -> Opportunities:
        """Take the rows that stand for somebody."""
        some = rows.counts > 0
        t_x, n = np.rint(rows.recency[some]).astype(np.int64), np.rint(rows.T[some]).astype(np.int64)
        return cls(rows.frequency[some], t_x, n, rows.counts[some])

    @property
    def customers(self) -> float:
        """Number of customers."""
        return float(self.count.sum())

    def evaluate(self, point: FloatArray) -> Evaluation:
        """Log-likelihood per customer at log-parameters, with gradient and Hessian.

        A row is a sum of terms j = t_x, ..., n: dropped out before opportunity j + 1, or, for j = n, there for all n.
        All derivatives are moments over these terms.
        """
        parameters = np.exp(point)
        alpha, beta, gamma, delta = parameters.tolist()
        z = np.array([[alpha], [beta], [alpha + beta], [delta], [gamma + delta]])
        k = np.arange(int(self.n.max()) + 2)
        values, first, second = log_gamma_ratio(z, k), digamma_difference(z, k), trigamma_difference(z, k)
        value, gradient, hessian = 0.0, np.zeros(4), np.zeros((4, 4))
        # How often each number of opportunities stands in each of the five functions, and how often somebody is gone.
        often, gone = np.zeros(z.shape[:1] + k.shape), 0.0
        for terms in Terms.batches(self.t_x, self.n):
            customers, count = self.count[terms.rows], self.count[terms.row]
            x, j = self.x[terms.row], terms.place
            left = j < self.n[terms.row]
            # Where they stand in the tables of the functions of alpha, beta, alpha + beta, delta and gamma + delta.
            at = (x, j - x, j, j, j + left)
            logs = values[0, at[0]] + values[1, at[1]] - values[2, at[2]] + values[3, at[3]] - values[4, at[4]]
            logs += np.where(left, point[2], 0.0)
            total = terms.total(logs)
            weight = count * np.exp(logs - total[terms.row - terms.rows.start])
            value += float(customers @ total)
            gone += float(weight @ left)
            for function, place in enumerate(at):
                often[function] += np.bincount(place, weight, minlength=k.size)
            both, either = first[2, at[2]], first[4, at[4]]
            by = np.stack([first[0, at[0]] - both, first[1, at[1]] - both, -either, first[3, at[3]] - either])
            by *= parameters[:, None]
            by[2] += left
            weighted = by * weight
            row = np.add.reduceat(weighted, terms.starts, axis=1)
            gradient += row.sum(axis=1)
            hessian += weighted @ by.T - (row / customers) @ row.T
        hessian += np.diag(gradient - np.array([0, 0, gone, 0]))
        hessian += np.outer(parameters, parameters) * _curvature(np.einsum("fk,fk->f", often, second))
        n = self.customers
        return Evaluation(value / n, gradient / n, hessian / n)


def _curvature(second: FloatArray) -> FloatArray:
    """Second derivatives by the parameters, of the second derivatives of the five functions."""
    alpha, beta, both, delta, either = second
    matrix = np.diag([alpha, beta, 0.0, delta])
    matrix[:2, :2] -= both
    matrix[2:, 2:] -= either
    return matrix
