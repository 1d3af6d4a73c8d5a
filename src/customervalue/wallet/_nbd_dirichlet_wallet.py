"""The wallet of each customer of whom only what he buys from us is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.estimation.draws import check_count
from customervalue.numerics.compress import group_codes
from customervalue.wallet._nbd_dirichlet_unseen import Brand, Unseen, log_unseen_probability, unseen, unseen_terms

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["ExpectedWallet", "distinct_counts", "make_wallet"]

#: Draws of one batch of random numbers.
_BATCH = 2**22


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedWallet(Table):
    """What is to be expected of each customer's category purchases, given only what he buys from us.

    Attributes
    ----------
    own_purchases : ndarray of float64, shape (n,)
        What each customer bought from us in the period.
    wallet : ndarray of float64, shape (n,)
        Expected number of his purchases in the category, ours included.
    low, high : ndarray of float64, shape (n,)
        Whole numbers; his category purchases lie between them, both included, with probability `level` or more. The
        interval is central: less than (1 - level) / 2 lies below it, and no more than that above.
    share : ndarray of float64, shape (n,)
        Expected share of ours in his category purchases, given that there are any; 0 for who bought nothing from us.
    preference : ndarray of float64, shape (n,)
        Chance that his next purchase in the category is from us.
    brand : str
        Who "we" are.
    duration : float
        Length of the period; 1 is the one the model was made from.
    level : float
        Of the interval.

    Notes
    -----
    The interval is that of one customer, at the parameters of the model as if they were known exactly. Purchases are
    whole numbers, so that it holds more than `level`; above all where he may well buy nothing from others: then `low`
    is his own purchases, nothing lies below, and a 90 % interval holds about 95 %.

    Examples
    --------
    >>> from customervalue.wallet import NBDDirichlet
    >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
    >>> model.expected_wallet([0, 1, 4], "B")
    Category purchases, given those of B: 3 customers, 90 % interval
      own purchases  wallet  low  high  share   preference  headroom
      0              1.107   0    4     0       0.1858      1.107
      1              2.092   1    5     0.6563  0.3985      1.092
      4              5.074   4    8     0.8327  0.6552      1.074
    """

    own_purchases: FloatArray
    wallet: FloatArray
    low: FloatArray
    high: FloatArray
    share: FloatArray
    preference: FloatArray
    brand: str
    duration: float
    level: float
    _brand: Brand = field(repr=False)
    _distinct: FloatArray = field(repr=False)
    _log_sum: FloatArray = field(repr=False)
    _place: IntArray = field(repr=False)

    @property
    def headroom(self) -> FloatArray:
        """Expected category purchases from others, shape (n,)."""
        return self.wallet - self.own_purchases

    @property
    def headroom_low(self) -> FloatArray:
        """Lower end of the interval of his purchases from others, shape (n,)."""
        return self.low - self.own_purchases

    @property
    def headroom_high(self) -> FloatArray:
        """Upper end of the interval of his purchases from others, shape (n,)."""
        return self.high - self.own_purchases

    @property
    def share_low(self) -> FloatArray:
        """Our share if he buys `high` in the category, shape (n,); 0 for who bought nothing from us."""
        return _ratio(self.own_purchases, self.high)

    @property
    def share_high(self) -> FloatArray:
        """Our share if he buys `low` in the category, shape (n,); 0 for who bought nothing from us."""
        return _ratio(self.own_purchases, self.low)

    def probability(self, n: Any) -> FloatArray:
        """Probability that a customer's category purchases are exactly `n`.

        Parameters
        ----------
        n : int or array_like of int, shape (customers,)
            One number for all, or one for each.

        Returns
        -------
        ndarray of float64, shape (customers,)
            0 where `n` is below his own purchases.

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number >= 0, or there is not one for each customer.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
        >>> model.expected_wallet([0, 1, 4], "B").probability(4).round(3)
        array([0.035, 0.072, 0.444])
        """
        checker = Checker("the category purchases")
        given = checker.counts("n", n)
        size = self.own_purchases.size
        if given is not None and given.size not in (1, size):
            checker.add("n", f"`n` must be one number or one for each of the {size:,} customers, and has {given.size}")
        checker.done()
        if given is None:
            raise AssertionError  # reported above
        numbers, which = distinct_counts(given)
        pairs = self._place * numbers.size + (which if given.size > 1 else 0)
        found = group_codes(pairs, self._distinct.size * numbers.size)
        x, asked = np.divmod(found.codes, numbers.size)
        own, y = self._distinct[x], numbers[asked] - self._distinct[x]
        logs = log_unseen_probability(np.maximum(y, 0), own, self._log_sum[x], self._brand)
        return np.asarray(np.where(y >= 0, np.exp(logs), 0.0)[found.inverse])

    def draws(self, n: int, rng: np.random.Generator | int | None) -> FloatArray:
        """Draw each customer's category purchases.

        Parameters
        ----------
        n : int
            How many draws of each customer.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        ndarray of float64, shape (n, customers)
            Whole numbers, not below his own purchases.

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number >= 1.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
        >>> model.expected_wallet([0, 1, 4], "B").draws(2, rng=1)
        array([[1., 1., 4.],
               [4., 5., 4.]])
        """
        source, size = np.random.default_rng(rng), check_count(n)
        result = np.empty((size, self.own_purchases.size))
        for place, (terms, _) in enumerate(unseen_terms(self._distinct, self._brand)):
            x, below = self._distinct[place], np.cumsum(terms)
            who = np.flatnonzero(self._place == place)
            for some in np.array_split(who, max(1, who.size * size // _BATCH)):
                chance = source.random((size, some.size)) * below[-1]
                result[:, some] = x + np.searchsorted(below, chance, side="right")
        return result

    def _title(self) -> str:
        size = self.own_purchases.size
        customers = f"{size:,} customer{'' if size == 1 else 's'}, {self.level:.0%} interval".replace("%", " %")
        return f"Category purchases, given those of {self.brand}: {customers}"

    def _table(self) -> dict[str, AnyArray]:
        names = ("own_purchases", "wallet", "low", "high", "share", "preference", "headroom")
        return {name: getattr(self, name) for name in names}


def make_wallet(own: FloatArray, name: str, brand: Brand, duration: float, level: float) -> ExpectedWallet:
    """Expect a wallet of each customer with so many purchases, whole and >= 0; shape (n,)."""
    distinct, place = distinct_counts(own)
    found: Unseen = unseen(distinct, brand, level)

    def each(values: FloatArray) -> FloatArray:
        return np.asarray(values[place])

    return ExpectedWallet(
        own_purchases=own,
        wallet=each(distinct + found.others),
        low=each(distinct + found.low),
        high=each(distinct + found.high),
        share=each(found.share),
        preference=each(found.preference),
        brand=name,
        duration=duration,
        level=level,
        _brand=brand,
        _distinct=distinct,
        _log_sum=found.log_sum,
        _place=place,
    )


def distinct_counts(own: FloatArray) -> tuple[FloatArray, IntArray]:
    """The distinct whole numbers, ascending, and the place of each row's among them.

    Examples
    --------
    >>> distinct_counts(np.array([3.0, 0.0, 3.0]))
    (array([0., 3.]), array([1, 0, 1]))
    """
    largest = own.max()
    if largest < 2**31:
        groups = group_codes(own.astype(np.int64), int(largest) + 1)
        return groups.codes.astype(np.float64), groups.inverse
    distinct, place = np.unique(own, return_inverse=True)
    return distinct, place


def _ratio(own: FloatArray, wallet: FloatArray) -> FloatArray:
    return np.divide(own, wallet, out=np.zeros(own.size), where=own > 0)
