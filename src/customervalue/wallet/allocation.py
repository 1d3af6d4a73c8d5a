"""Shares of wallet from ranks: the Wallet Allocation Rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.wallet._allocation_ranks import Ranked, read_ranks
from customervalue.wallet._category_names import brand_columns, brand_names, how_many
from customervalue.wallet.share import found

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import AnyArray, FloatArray

__all__ = ["AllocationScore", "allocation_gain", "allocation_score", "wallet_allocation"]

Of: TypeAlias = Literal["ranks", "ratings"]


@dataclass(frozen=True, eq=False, repr=False)
class AllocationScore(Table):
    """How brands rank with their users, and what share of these users' wallets goes with it.

    Attributes
    ----------
    brands : tuple of str, length b
    customers : float
        Their number, or the sum of their weights.
    users : ndarray of float64, shape (b,)
        Customers who use the brand: their number, or the sum of their weights.
    penetration : ndarray of float64, shape (b,)
        The same as a share of all customers. Score x penetration, summed over all brands, is 1.
    mean_rank : ndarray of float64, shape (b,)
        Over the brand's users.
    score : ndarray of float64, shape (b,)
        Mean share of wallet over the brand's users, the firm-level score of the Wallet Allocation Rule.
    gain : ndarray of float64, shape (b,)
        By how much the score rises if every user moves the brand up one rank.

    Examples
    --------
    >>> allocation_score([[1, 2, 3], [2, 1, float("nan")], [1, 2, 2]], names=["ours", "theirs", "third"])
    Wallet Allocation Rule: 3 customers
      brand   users  penetration  mean rank  score   gain
      ours    3      1            1.333      0.4444  0.1111
      theirs  3      1            1.833      0.4167  0.1111
      third   2      0.6667       2.75       0.2083  0.1667
    """

    brands: tuple[str, ...]
    customers: float
    users: FloatArray
    penetration: FloatArray
    mean_rank: FloatArray
    score: FloatArray
    gain: FloatArray

    def _title(self) -> str:
        return f"Wallet Allocation Rule: {how_many(self.customers)}"

    def _table(self) -> dict[str, AnyArray]:
        names = ("users", "penetration", "mean_rank", "score", "gain")
        return {"brand": np.array(self.brands, dtype=object)} | {name: getattr(self, name) for name in names}


def wallet_allocation(
    rank: Any, brands: Any = None, *, of: Of = "ranks", names: str | Sequence[str] | None = None
) -> FloatArray:
    """Share of wallet of a brand that a customer ranks so, among the brands he uses.

    Parameters
    ----------
    rank : array_like of float, or mapping of columns, or dataframe
        Either the rank of one brand, ours, by each customer: a number or shape (n,), with `brands`; 1 is the best, and
        a brand tied with others has the mean of their ranks (two on places 2 and 3: 2.5). Or the ranks of all brands:
        shape (b,) by one customer, or (n, b) by each, without `brands`; NaN is a brand that he does not use. There ties
        may be written as 1, 2, 2, 4, as 1, 3, 3, 4, as 1, 2, 2, 3 or as 1, 2.5, 2.5, 4; they are averaged.
    brands : int or array_like of int, shape (n,), optional
        How many brands each customer uses, ours included.
    of : {"ranks", "ratings"}
        What `rank` holds. Ratings, where more is better, need all brands of a customer, and are made into ranks.
    names : str or sequence of str, optional
        Of a mapping or dataframe, the columns to take; all of them by default. An array has a column for each.

    Returns
    -------
    ndarray of float64, of the shape of `rank`
        (1 - rank / (brands + 1)) x 2 / brands, between 0 and 1; a number for a number. The shares of all brands of a
        customer add up to 1; a brand that he does not use has 0.

    Raises
    ------
    InvalidInputError
        If a rank is missing, no multiple of 1/2 or not within 1 to the number of brands, the ranks of a customer skip a
        place, a customer uses no brand, or `brands` is not whole.

    Notes
    -----
    The rule knows nothing of the customer's purchases: whoever uses two brands is said to give 2/3 to the one he likes
    better. It is a rule of thumb, to be held against purchases wherever these are seen.

    References
    ----------
    .. [1] Keiningham, Aksoy, Buoye & Cooil (2011), "Customer loyalty isn't enough. Grow your share of wallet", Harvard
       Business Review 89(10).
    .. [2] Keiningham, Aksoy, Williams & Buoye (2015), The Wallet Allocation Rule, Wiley, appendix A.

    Examples
    --------
    Our brand is first of two, second of three, and tied for second of four:

    >>> wallet_allocation([1, 2, 2.5], brands=[2, 3, 4]).round(3)
    array([0.667, 0.333, 0.25 ])

    Two customers rate all brands of a category:

    >>> wallet_allocation([[9, 7, 7], [8, float("nan"), 10]], of="ratings").round(3)
    array([[0.5  , 0.25 , 0.25 ],
           [0.333, 0.   , 0.667]])
    """
    checker = Checker("the ranks")
    ranked, _ = _read(checker, rank, brands, of, names)
    checker.done()
    return np.asarray(_share(ranked).reshape(ranked.shape))[()]


def allocation_gain(
    rank: Any, brands: Any = None, *, of: Of = "ranks", names: str | Sequence[str] | None = None
) -> FloatArray:
    """Share of wallet that a brand gains with a customer if he moves it up one rank.

    Parameters
    ----------
    rank, brands, of, names
        As in `wallet_allocation`.

    Returns
    -------
    ndarray of float64, of the shape of `rank`
        2 / (brands (brands + 1)) for each whole rank; 0 for a brand that is first and for one that is not used. From
        rank 1.5, tied for first, there is half a rank to gain.

    Raises
    ------
    InvalidInputError
        As `wallet_allocation`.

    References
    ----------
    .. [1] Keiningham, Aksoy, Williams & Buoye (2015), The Wallet Allocation Rule, Wiley, appendix A.

    Examples
    --------
    A place is worth most where few brands compete:

    >>> allocation_gain([2, 3, 1], brands=[2, 3, 4]).round(3)
    array([0.333, 0.167, 0.   ])
    """
    checker = Checker("the ranks")
    ranked, _ = _read(checker, rank, brands, of, names)
    checker.done()
    return np.asarray(_gain(ranked).reshape(ranked.shape))[()]


def allocation_score(
    rank: Any,
    brands: Any = None,
    *,
    of: Of = "ranks",
    names: str | Sequence[str] | None = None,
    weights: Any = None,
) -> AllocationScore:
    """Score brands by the Wallet Allocation Rule: mean share of wallet over the users of each.

    Parameters
    ----------
    rank, brands, of
        As in `wallet_allocation`; one-dimensional ranks, with `brands`, are those of one brand by its users.
    names : str or sequence of str, optional
        Of the columns; of a mapping or dataframe, the columns to take. By default its own names, and otherwise "own",
        or "brand 1", "brand 2", ...
    weights : array_like of float, shape (n,), optional
        How many customers each row stands for, >= 0.

    Returns
    -------
    AllocationScore

    Raises
    ------
    InvalidInputError
        As `wallet_allocation`; also if a brand has no users, weights are negative, or names do not fit.

    References
    ----------
    .. [1] Keiningham, Aksoy, Buoye & Cooil (2011), Harvard Business Review 89(10).

    Examples
    --------
    >>> allocation_score([1, 1, 2, 3], brands=[2, 4, 2, 4])
    Wallet Allocation Rule: 4 customers
      brand  users  penetration  mean rank  score  gain
      own    4      1            1.75       0.4    0.1083
    """
    checker = Checker("the scores")
    ranked, labels = _read(checker, rank, brands, of, names)
    n = len(ranked.rank)
    each = np.ones(n) if weights is None else found(checker.amounts("weights", weights))
    checker.sizes["rank"] = n
    checker.same_length()
    checker.done()
    used = ~np.isnan(ranked.rank)
    users = each @ used
    if not np.all(users > 0):
        nobody = ", ".join(name for name, some in zip(labels, users, strict=True) if not some)
        raise invalid("rank", f"nobody uses {nobody}", "A brand without users has no score: leave it out.")
    means = (each @ np.where(used, values, 0.0) / users for values in (ranked.rank, _share(ranked), _gain(ranked)))
    return AllocationScore(labels, float(each.sum()), users, users / each.sum(), *means)


def _read(
    checker: Checker, rank: Any, brands: Any, of: str, names: str | Sequence[str] | None
) -> tuple[Ranked, tuple[str, ...]]:
    """Ranks and the names of their brands, checked."""
    table, chosen = brand_columns(rank, names, "names")
    ranked = read_ranks(table, brands, of)
    return ranked, brand_names(checker, "names", chosen, ranked.rank.shape[1])


def _share(ranked: Ranked) -> FloatArray:
    """Of each rank; 0 where there is none."""
    share = (1 - ranked.rank / (ranked.brands + 1)) * 2 / ranked.brands
    return np.where(np.isnan(share), 0.0, share)


def _gain(ranked: Ranked) -> FloatArray:
    """From one rank less, but not less than 1; 0 where there is none."""
    gain = np.minimum(ranked.rank - 1, 1.0) * 2 / (ranked.brands * (ranked.brands + 1))
    return np.where(np.isnan(gain), 0.0, gain)
