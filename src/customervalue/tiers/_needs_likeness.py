"""What customers who buy one category also buy: probabilities drawn towards those of everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray
    from customervalue.tiers._needs_log import Purchases

__all__ = ["Likeness", "likeness", "suggest"]

#: So many cells of customers' categories by all categories are worked on at once: they stay in the processor's cache.
_CELLS = 1 << 17
#: A matrix of probabilities of up to so many cells is kept in full: rows of it are taken faster.
_FULL = 1 << 24
#: Prior strengths are kept within these: nothing is learned from others, or everything.
_WEAKEST, _STRONGEST = 1e-3, 1e9


@dataclass(frozen=True, eq=False)
class Likeness:
    """For each pair of categories, how likely buyers of the first are to buy the second.

    Attributes
    ----------
    buyers : ndarray of float64, shape (k,)
        Customers of each category.
    both : sparse array, shape (k, k)
        Customers of both; the diagonal is empty.
    base : ndarray of float64, shape (k,)
        Share of all customers who buy each category.
    strength : float
        How many customers the prior is worth.
    """

    buyers: FloatArray
    both: Any
    base: FloatArray
    strength: float

    def posterior(self, first: AnyArray, second: AnyArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Parameters of the beta posterior of pairs of categories, and the customers behind them."""
        size = self.buyers.size
        pairs = self.both.tocoo()
        codes = pairs.coords[0].astype(np.int64) * size + pairs.coords[1]
        order, asked = np.argsort(codes), np.asarray(first, dtype=np.int64) * size + second
        counts, codes = np.append(pairs.data[order], 0.0), np.append(codes[order], -1)
        place = np.searchsorted(codes[:-1], asked)
        together = np.where(codes[place] == asked, counts[place], 0.0)
        before = self.strength * self.base[second]
        return before + together, self.strength - before + self.buyers[first] - together, together


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

    k, n = bought.categories.size, bought.customers.size
    ones = np.ones(bought.category.size)
    has = csr_array((ones, (bought.customer, bought.category)), shape=(n, k))
    product = (has.T @ has).tocsr()
    buyers = np.asarray(product.diagonal())
    both = (product - diags_array(buyers)).tocsr()
    both.eliminate_zeros()
    base = buyers / n
    return Likeness(buyers, both, base, _strength(buyers, both, base) if strength is None else strength)


def _strength(buyers: FloatArray, both: Any, base: FloatArray) -> float:
    """Strength of the beta prior for which the counts of both vary as much as they do, all pairs together."""
    # Sums over all pairs of different categories: over all, less those of a category with itself.
    expected = buyers[:, None].T * base  # the diagonal of the expected counts, shape (1, k)
    cross = float(buyers @ (both @ base))
    square = float(np.square(both.data).sum()) - 2 * cross
    square += float(np.square(buyers).sum() * np.square(base).sum() - np.square(expected).sum())
    luck = base * (1 - base)
    binomial = float(buyers.sum() * luck.sum() - buyers @ luck)
    pairs = buyers * (buyers - 1)
    largest = float(pairs.sum() * luck.sum() - pairs @ luck)
    if largest <= 0:
        return _STRONGEST
    correlation = (square - binomial) / largest
    if correlation <= 1 / (1 + _STRONGEST):
        return _STRONGEST
    return max(1 / correlation - 1, _WEAKEST)


def suggest(bought: Purchases, like: Likeness, worth: FloatArray | None, k: int, support: int) -> dict[str, IntArray]:
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
    chance = _chances(like, support)
    if like.buyers.size**2 <= _FULL:
        chance = chance.toarray()
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
        found.append(_best(chance, bought.category[rows], starts[first:last] - starts[first], worth, k, first))
        first = last
    parts = [np.concatenate(part) for part in zip(*found, strict=True)]
    return dict(zip(("customer", "category", "because"), parts, strict=True))


def _chances(like: Likeness, support: int) -> Any:
    """Probabilities above those of everybody, of pairs with enough customers behind them; sparse."""
    from scipy.sparse import coo_array

    both = like.both.tocoo()
    row, column = (coordinate.astype(np.int64) for coordinate in both.coords)
    alpha, beta, together = like.posterior(row, column)
    chance = alpha / (alpha + beta)
    kept = (together >= support) & (chance > like.base[column])
    return coo_array((chance[kept], (row[kept], column[kept])), shape=both.shape).tocsr()


def _best(
    chance: Any, category: IntArray, starts: IntArray, worth: FloatArray | None, k: int, first: int
) -> tuple[AnyArray, AnyArray, AnyArray]:
    """Suggestions for some customers, whose categories are given one after the other."""
    each = chance[category]
    if not isinstance(each, np.ndarray):
        each = each.toarray()
    highest = np.maximum.reduceat(each, starts, axis=0)
    counts = np.diff(starts, append=category.size)
    highest[np.repeat(np.arange(starts.size), counts), category] = 0.0
    rank = highest if worth is None else highest * worth
    customer, chosen = _highest(rank, k)
    return customer + first, chosen, _because(each, category, starts, counts, customer, chosen)


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
    row = np.arange(lengths.sum()) - np.repeat(begin - starts[customer], lengths)
    values = each[row, np.repeat(chosen, lengths)]
    top = np.flatnonzero(values == np.repeat(np.maximum.reduceat(values, begin), lengths))
    return np.asarray(category[row[top[np.searchsorted(top, begin)]]])
