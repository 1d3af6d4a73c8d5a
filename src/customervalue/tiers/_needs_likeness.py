"""What customers who buy one category also buy, against what customers of the same breadth buy anyway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray
    from customervalue.tiers._needs_log import Purchases

__all__ = ["Likeness", "likeness", "moved", "suggest"]

#: So many cells of customers' categories by all categories are worked on at once: they stay in the processor's cache.
_CELLS = 1 << 17
#: A matrix of odds ratios of up to so many cells is kept in full: rows of it are taken faster.
_FULL = 1 << 24
#: Prior strengths are kept within these: nothing is learned from others, or everything.
_WEAKEST, _STRONGEST = 1e-3, 1e9
#: So many customers must have the largest breadth that is looked at by itself, or a larger one; breadths above it are
#: put together.
_ENOUGH = 30
#: An odds ratio of up to this is 1, but for rounding.
_ONE = 1 + 1e-9


@dataclass(frozen=True, eq=False)
class Likeness:
    """For each pair of categories, how likely buyers of the first are to buy the second.

    Attributes
    ----------
    buyers : ndarray of float64, shape (k,)
        Customers of each category.
    both : sparse array, shape (k, k)
        Customers of both; the diagonal is empty.
    usual : ndarray of float64, shape (k, s)
        Share of the customers who buy each category, by how many others they buy (0 to s - 1, the last "or more").
    stratum : ndarray of int64, shape (n,)
        Column of `usual` for what each customer does not buy: his breadth, cut off at s - 1.
    expected : ndarray of float64, shape (pairs,)
        Customers of both if nothing but breadth mattered; for the pairs that `both` has, by rows and then columns.
    strength : float
        How many customers the prior is worth.
    """

    buyers: FloatArray
    both: Any
    usual: FloatArray
    stratum: IntArray
    expected: FloatArray
    strength: float

    def posterior(self, place: AnyArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Parameters of the beta posterior of the pairs at these places of `both`, and the mean of the prior."""
        buyers = self.buyers[_rows(self.both)[place]]
        usual, together = self.expected[place] / buyers, self.both.data[place]
        before = self.strength * usual
        return before + together, self.strength - before + buyers - together, usual


def likeness(bought: Purchases, strength: float | None) -> Likeness:
    """Count who buys both, and learn how far categories go together at all.

    Parameters
    ----------
    bought : Purchases
    strength : float, optional
        Of the prior; by the moments of the counts if it is not given.

    Returns
    -------
    Likeness

    References
    ----------
    .. [1] Kleinman (1973), "Proportions with extraneous variance", Journal of the American Statistical Association
       68(341), 46-54: the moments of beta-binomial counts.

    Examples
    --------
    >>> from customervalue.tiers._needs_log import read
    >>> bought = read({"who": [1, 1, 2, 3], "what": ["a", "b", "a", "b"]}, "who", "what", None)
    >>> likeness(bought, 2.0).both.toarray().tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    from scipy.sparse import csr_array, diags_array

    k, pairs = bought.categories.size, (bought.customer, bought.category)
    has = csr_array((np.ones(bought.category.size), pairs), shape=(bought.customers.size, k))
    product = (has.T @ has).tocsr()
    buyers = np.asarray(product.diagonal())
    both = (product - diags_array(buyers)).tocsr()
    both.eliminate_zeros()
    both.sort_indices()
    breadth = np.bincount(bought.customer)
    most = _widest(breadth)
    stratum = np.minimum(breadth, most)
    # Of a customer who buys the category, it does not count itself: what matters is what he buys beside it.
    beside, beyond = np.minimum(breadth - 1, most)[bought.customer], stratum[bought.customer]
    wide = _table(bought.category, beyond, k, most + 1)
    having = _table(bought.category, beside, k, most + 1)
    lacking = np.bincount(stratum, minlength=most + 1) - wide
    usual = having / np.maximum(having + lacking, 1.0)
    sums = _Sums(has, both, wide, beside, beyond, bought)
    expected = sums.of(usual)
    found = _strength(buyers, sums, usual, expected) if strength is None else strength
    return Likeness(buyers, both, usual, stratum, expected, found)


def moved(share: AnyArray, usual: AnyArray, own: AnyArray) -> FloatArray:
    """A share, moved to a customer whose own usual share is another one: at the same odds ratio.

    Parameters
    ----------
    share, usual, own : ndarray of float64
        In [0, 1]; `usual` above 0, `own` below 1.

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> round(float(moved(0.5, 0.2, 0.2)), 6), round(float(moved(0.5, 0.2, 0.5)), 6)
    (0.5, 0.8)
    """
    buys = share * (1 - usual) * own
    return np.asarray(buys / (buys + (1 - share) * usual * (1 - own)))


def _widest(breadth: IntArray) -> int:
    """The largest breadth that enough customers have or exceed."""
    at_least = np.cumsum(np.bincount(breadth)[::-1])[::-1]
    return max(1, int(np.count_nonzero(at_least[1:] >= _ENOUGH)))


def _table(category: IntArray, column: IntArray, rows: int, columns: int) -> FloatArray:
    counts = np.bincount(category * columns + column, minlength=rows * columns)
    return counts.reshape(rows, columns).astype(np.float64)


def _rows(matrix: Any) -> IntArray:
    """Row of each entry of a sparse array."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums over the buyers of one category of what a table (k, s) says of them and of another category."""

    has: Any
    both: Any
    wide: FloatArray
    beside: IntArray
    beyond: IntArray
    bought: Purchases

    def apart(self, table: FloatArray) -> FloatArray:
        """For the pairs of `both`, as if none of these customers bought the other category."""
        row, column = _rows(self.both), self.both.indices
        found = np.empty(row.size)
        step = max(1, 8 * _CELLS // table.shape[1])
        for start in range(0, row.size, step):
            some = slice(start, start + step)
            found[some] = np.einsum("ps,ps->p", self.wide[row[some]], table[column[some]])
        return found

    def of(self, table: FloatArray) -> FloatArray:
        """For the pairs of `both`: of those who buy the other category too, their breadth beside it counts."""
        from scipy.sparse import csr_array

        category = self.bought.category
        change = table[category, self.beside] - table[category, self.beyond]
        moves = csr_array((change, (self.bought.customer, category)), shape=self.has.shape)
        return self.apart(table) + _at((self.has.T @ moves).tocsr(), self.both)

    def all_pairs(self, weights: FloatArray, table: FloatArray) -> float:
        """Sum over all pairs of different categories, whether or not anybody buys both; `weights` of the first."""
        itself = np.einsum("ks,ks->k", self.wide, table)
        changes = weights[_rows(self.both)] @ (self.of(table) - self.apart(table))
        return float((weights @ self.wide) @ table.sum(axis=0) - weights @ itself + changes)


def _at(matrix: Any, like: Any) -> FloatArray:
    """Entries of one sparse array at the places of another, which has its indices in order."""
    matrix.sort_indices()
    size = like.shape[1]
    codes = _rows(matrix) * size + matrix.indices
    asked = _rows(like) * size + like.indices
    place = np.searchsorted(codes, asked)
    held, values = np.append(codes, -1), np.append(matrix.data, 0.0)
    return np.where(held[place] == asked, values[place], 0.0)


def _strength(buyers: FloatArray, sums: _Sums, usual: FloatArray, expected: FloatArray) -> float:
    """Strength of the beta prior for which the counts of both vary as much as they do, all pairs together."""
    # Squares of what is expected of all pairs of different categories; those that have customers of both differ.
    square = float(np.sum((sums.wide.T @ sums.wide) * (usual.T @ usual)))
    square -= float(np.square(np.einsum("ks,ks->k", sums.wide, usual)).sum())
    square += float(np.square(sums.both.data - expected).sum() - np.square(sums.apart(usual)).sum())
    luck = usual * (1 - usual)
    binomial, largest = sums.all_pairs(np.ones(buyers.size), luck), sums.all_pairs(buyers - 1, luck)
    if largest <= 0:
        return _STRONGEST
    correlation = (square - binomial) / largest
    if correlation <= 1 / (1 + _STRONGEST):
        return _STRONGEST
    return max(1 / correlation - 1, _WEAKEST)


def suggest(bought: Purchases, like: Likeness, worth: FloatArray | None, k: int, support: int) -> dict[str, AnyArray]:
    """For each customer the best categories he does not have, and which of his own speaks for each.

    Parameters
    ----------
    bought : Purchases
    like : Likeness
    worth : ndarray of float64, shape (categories,), or None
        Money per buyer; suggestions are ranked by probability times this.
    k : int
        How many for each customer, at most.
    support : int
        Pairs of categories with fewer customers of both say nothing.

    Returns
    -------
    dict of ndarray of int64
        "customer", "category" and "because", by customer and then by rank.
    """
    ratio = _ratios(like, support)
    if like.buyers.size**2 <= _FULL:
        ratio = ratio.toarray()
    # Odds of each category by breadth; where all of a breadth have it, nobody is left to ask.
    odds = np.where(like.usual < 1, like.usual, 0.0).T
    odds /= 1 - odds
    starts = np.flatnonzero(np.diff(bought.customer, prepend=-1))
    ends = np.append(starts[1:], bought.customer.size)
    size = bought.categories.size
    found: list[tuple[AnyArray, AnyArray, AnyArray]] = []
    first = 0
    while first < starts.size:
        # As many customers as have room; one of them always has.
        room = starts[first] + max(1, _CELLS // size)
        last = max(first + 1, int(np.searchsorted(ends, room, side="right")))
        rows = slice(starts[first], ends[last - 1])
        own = odds[like.stratum[first:last]]
        customer, chosen, because = _best(
            ratio, bought.category[rows], starts[first:last] - starts[first], own, worth, k
        )
        found.append((customer + first, chosen, because))
        first = last
    parts = [np.concatenate(part) for part in zip(*found, strict=True)]
    return dict(zip(("customer", "category", "because"), parts, strict=True))


def _ratios(like: Likeness, support: int) -> Any:
    """Odds ratios above 1, of pairs with enough customers behind them; sparse."""
    from scipy.sparse import csr_array

    alpha, beta, usual = like.posterior(np.arange(like.both.data.size))
    above = alpha * (1 - usual)
    kept = (like.both.data >= support) & (above > _ONE * beta * usual)
    ratio = above[kept] / (beta[kept] * usual[kept])
    return csr_array((ratio, (_rows(like.both)[kept], like.both.indices[kept])), shape=like.both.shape)


def _best(
    ratio: Any, category: IntArray, starts: IntArray, odds: FloatArray, worth: FloatArray | None, k: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Suggestions for some customers, whose categories are given one after the other."""
    each = ratio[category]
    if not isinstance(each, np.ndarray):
        each = each.toarray()
    counts = np.diff(starts, append=category.size)
    highest = each[starts]
    for turn in range(1, int(counts.max())):
        more = np.flatnonzero(counts > turn)
        highest[more] = np.maximum(highest[more], each[starts[more] + turn])
    highest[np.repeat(np.arange(starts.size), counts), category] = 0.0
    highest *= odds
    rank = highest / (1 + highest)
    customer, chosen = _highest(rank if worth is None else rank * worth, k)
    return customer, chosen, _because(each, category, starts, counts, customer, chosen)


def _highest(rank: FloatArray, k: int) -> tuple[IntArray, IntArray]:
    """Rows and columns of the k highest cells above 0 of each row, best first. Changes `rank`."""
    rows = np.arange(rank.shape[0])
    places = np.empty((rows.size, min(k, rank.shape[1])), dtype=np.int64)
    good = np.empty(places.shape, dtype=np.bool_)
    for turn in range(places.shape[1]):
        best = rank.argmax(axis=1)
        places[:, turn], good[:, turn] = best, rank[rows, best] > 0
        rank[rows, best] = 0.0
    row, turns = np.nonzero(good)
    return row, places[row, turns]


def _because(
    each: FloatArray, category: IntArray, starts: IntArray, counts: IntArray, customer: IntArray, chosen: IntArray
) -> IntArray:
    """The customer's own category that makes each suggestion most likely; the first of several."""
    if not customer.size:
        return np.empty(0, dtype=np.int64)
    lengths = counts[customer]
    begin = np.cumsum(lengths) - lengths
    owner = np.repeat(np.arange(lengths.size), lengths)
    row = np.arange(lengths.sum()) - (begin - starts[customer])[owner]
    values = each[row, chosen[owner]]
    top = np.flatnonzero(values == np.maximum.reduceat(values, begin)[owner])
    firsts = np.flatnonzero(np.diff(owner[top], prepend=-1))
    return np.asarray(category[row[top[firsts]]])
