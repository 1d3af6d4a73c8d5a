"""How sure a customer's tier is, given how uncertain his value is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.tiers._tier_columns import check_scheme
from customervalue.tiers._tier_draws import DrawCounts, blocks_of
from customervalue.tiers._value_distribution import (
    Below,
    Interval,
    NormalValues,
    ValueDistribution,
    from_distribution,
)
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from customervalue._typing import AnyArray, BoolArray, FloatArray, Many
    from customervalue.tiers.scheme import Scheme

__all__ = ["TierProbabilities", "tier_probabilities"]


@dataclass(frozen=True, eq=False, repr=False)
class TierProbabilities(Table):
    """Each customer's probability of every tier, and what it would cost to have put him into the wrong one.

    As a table, one row per tier: customers put there, customers expected there (the sum of the probabilities), coin
    tosses among those put there, and their value at stake.

    Attributes
    ----------
    scheme : Scheme
        The k tiers.
    probability : ndarray of float64, shape (n, k)
        Of each tier; rows add up to 1.
    value : ndarray of float64, shape (n,)
        Money; the value that decides the tier: the one given, or the mean of the draws.
    codes : ndarray of int8, shape (n,)
        Tier that `value` lies in: its place in ``scheme.names``, 0 for the best.
    at_stake : ndarray of float64, shape (n,), or None
        Money by which the value is expected to lie outside the interval of his tier: 0 in each draw that lies inside,
        the distance to the nearer boundary in each that does not, averaged. None where only probabilities were given.
    n_draws : int
        How many draws the probabilities are shares of; 0 where they were given as a distribution.
    customer_id : ndarray, shape (n,), or None

    Examples
    --------
    >>> from customervalue.tiers import Scheme
    >>> draws = [[700.0, 40.0], [300.0, 60.0], [800.0, 10.0], [900.0, 20.0]]
    >>> sure = tier_probabilities(draws, Scheme(("gold", "iron", "lead"), (500, 50)))
    >>> sure.probability
    array([[0.75, 0.25, 0.  ],
           [0.  , 0.25, 0.75]])
    >>> sure.at_stake
    array([50. ,  2.5])
    """

    scheme: Scheme
    probability: FloatArray
    value: FloatArray
    codes: NDArray[np.int8]
    at_stake: FloatArray | None
    n_draws: int
    customer_id: AnyArray | None = None

    def __len__(self) -> int:
        """Number of customers."""
        return self.value.size

    @property
    def tier(self) -> AnyArray:
        """Name of the tier that each customer's value lies in, shape (n,)."""
        return self.scheme.tier_names(self.codes)

    @property
    def most_likely(self) -> NDArray[np.int8]:
        """Code of each customer's most likely tier, shape (n,); the better one where two are equally likely.

        It need not be that of his value: one who will probably buy nothing, but may buy a lot, has a mean between.
        """
        return np.asarray(self.probability.argmax(axis=1), dtype=np.int8)

    @property
    def certainty(self) -> FloatArray:
        """Probability of each customer's most likely tier, shape (n,)."""
        return np.asarray(self.probability.max(axis=1))

    @property
    def margin(self) -> FloatArray:
        """By how much the most likely tier is more probable than the next, shape (n,); 1 where there is no doubt."""
        if len(self.scheme) == 1:
            return np.ones(len(self))
        last = np.partition(self.probability, -2, axis=1)[:, -2:]
        return np.asarray(last[:, 1] - last[:, 0])

    @property
    def monte_carlo_error(self) -> float:
        """Standard error that the number of draws leaves in a probability of one half, the largest; 0 without draws."""
        return 0.5 / math.sqrt(self.n_draws) if self.n_draws else 0.0

    def coin_toss(self, limit: float = 0.6) -> BoolArray:
        """Whose tier is a coin toss: no tier has a probability of `limit` or more.

        Parameters
        ----------
        limit : float
            Between 0 and 1.

        Returns
        -------
        ndarray of bool, shape (n,)

        Raises
        ------
        InvalidInputError
            If `limit` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.tiers import Scheme
        >>> sure = tier_probabilities([[9.0, 1.0], [1.0, 2.0]], Scheme(("gold", "lead"), (5,)))
        >>> sure.coin_toss()
        array([ True, False])
        """
        bound = check_number("limit", limit)
        if not 0 <= bound <= 1:
            raise invalid("limit", f"`limit` must lie between 0 and 1, and is {limit}")
        return np.asarray(self.certainty < bound)

    def customer_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id (if given), value, tier, most_likely, certainty, at_stake (if known) and, for each tier,
            "probability of" it.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.tiers import Scheme
        >>> sure = tier_probabilities([[9.0, 1.0], [1.0, 2.0]], Scheme(("gold", "lead"), (5,)))
        >>> sure.customer_frame()["tier"], sure.customer_frame()["probability of gold"]
        (array(['gold', 'lead'], dtype=object), array([0.5, 0. ]))
        """
        columns: dict[str, AnyArray] = {} if self.customer_id is None else {"customer_id": self.customer_id}
        columns["value"] = self.value
        columns["tier"] = self.tier
        columns["most_likely"] = self.scheme.tier_names(self.most_likely)
        columns["certainty"] = self.certainty
        if self.at_stake is not None:
            columns["at_stake"] = self.at_stake
        for name, column in zip(self.scheme.names, self.probability.T, strict=True):
            columns[f"probability of {name}"] = np.ascontiguousarray(column)
        return _columns.to_frame(columns, backend)

    def _title(self) -> str:
        tossed = int(self.coin_toss().sum())
        title = f"Tiers of {len(self):,} customers, of which {tossed:,} are a coin toss (no tier reaches 60 %)"
        if self.n_draws:
            title += f"\n{self.n_draws:,} draws: standard error of a probability up to {self.monte_carlo_error:.2g}"
        unit = self.scheme.currency
        return title if unit is None else f"{title}; values in {unit}"

    def _table(self) -> Mapping[str, AnyArray]:
        k = len(self.scheme)
        columns: dict[str, AnyArray] = {
            "tier": np.array(self.scheme.names, dtype=object),
            "customers": np.bincount(self.codes, minlength=k),
            "expected_customers": self.probability.sum(axis=0),
            "coin_tosses": np.bincount(self.codes[self.coin_toss()], minlength=k),
        }
        if self.at_stake is not None:
            columns["value_at_stake"] = np.bincount(self.codes, self.at_stake, minlength=k)
        return columns


def tier_probabilities(
    draws: AnyArray | Iterable[Any] | ValueDistribution | Interval | Below,
    scheme: Scheme,
    *,
    value: Many | None = None,
    customer_id: AnyArray | None = None,
    currency: str | None = None,
) -> TierProbabilities:
    """Probability of each tier for each customer, given the uncertainty of his value.

    Parameters
    ----------
    draws : array_like of float, shape (draws, n), or iterable of blocks, or distribution
        What each customer may be worth, in money. An iterable (a generator, say) gives blocks of draws, (d, n) or (n,)
        for a single draw; they are counted as they come, and none is kept. In place of draws, a distribution known in
        closed form: `NormalValues`, or any object with `mean`, `probability_below(threshold)` and
        `shortfall_below(threshold)`, each of shape (n,); or an interval of an expectation, as `clv.interval` gives it,
        which is taken for that of a normal distribution; or only a function that gives P(value < threshold), which
        needs `value`.
    scheme : Scheme
        The tiers and the thresholds between them.
    value : array_like of float, shape (n,), optional
        Money; the value that decides each customer's tier. By default the mean of the draws.
    customer_id : array_like, shape (n,), optional
    currency : str, optional
        What the draws are in; a label.

    Returns
    -------
    TierProbabilities

    Raises
    ------
    InvalidInputError
        If there are no draws, they are not of the same customers or not finite, probabilities are not between 0 and 1
        or fall as the threshold rises, currencies differ, or columns do not fit.

    Notes
    -----
    The probabilities say what the draws say. Draws of a customer's lifetime value that carry his own future (does he
    come back, how often, for how much) make tiers look unsure, and rightly so; draws of an expectation carry only what
    is unknown of his mean. With D draws a probability p has the standard error sqrt(p (1 - p) / D).

    However many draws there are, memory is about 260 bytes per customer for four tiers, besides one block of draws.

    Examples
    --------
    >>> import numpy as np
    >>> from customervalue.tiers import Scheme
    >>> scheme = Scheme(("gold", "iron", "lead"), (500, 50), currency="EUR")
    >>> rng = np.random.default_rng(1)
    >>> means = np.array([600.0, 480.0, 20.0])
    >>> tier_probabilities((rng.gamma(4.0, means / 4) for _ in range(1000)), scheme)
    Tiers of 3 customers, of which 1 are a coin toss (no tier reaches 60 %)
    1,000 draws: standard error of a probability up to 0.016; values in EUR
      tier  customers  expected customers  coin tosses  value at stake
      gold  1          0.936               1            67.73
      iron  1          1.073               0            77.16
      lead  1          0.991               0            0.09162
    """
    checked = check_scheme(scheme, currency)
    if isinstance(draws, Interval):
        draws = NormalValues.from_interval(draws)
    if callable(draws) or hasattr(draws, "probability_below"):
        below, mean, outside, count = from_distribution(draws, checked.thresholds)
    else:
        counts = DrawCounts(checked.thresholds)
        for block in blocks_of(draws):
            counts.add(block)
        if not counts.draws:
            raise invalid("draws", "`draws` must hold at least one draw, and holds none")
        count = counts.draws
        below, mean = counts.below.astype(np.float64), counts.total / count
        outside = (counts.shortfall / count, counts.excess / count)
    values, ids = _checked_columns(below, mean, value, customer_id, len(checked))
    codes = checked.assign(values)
    stake = None if outside is None else _at_stake(codes, *outside)
    return TierProbabilities(checked, _between(below, max(count, 1), values.size), values, codes, stake, count, ids)


def _checked_columns(
    below: FloatArray, mean: FloatArray | None, value: Any, customer_id: Any, k: int
) -> tuple[FloatArray, AnyArray | None]:
    """The value of each customer, and his id."""
    checker = Checker("the tiers")
    if k > 1 or mean is not None:
        checker.sizes["draws"] = below.shape[1] if mean is None else mean.size
    values = mean
    if value is not None:
        values = checker.numbers("value", value)
    elif mean is None:
        checker.add("value", "a function of thresholds does not tell the value of a customer", "Pass `value=`.")
    ids = None if customer_id is None else checker.column("customer_id", customer_id)
    checker.same_length()
    checker.done()
    return np.array(values, dtype=np.float64), None if ids is None else ids.copy()


def _between(below: FloatArray, whole: int, n: int) -> FloatArray:
    """Probability of each tier, shape (n, k), from how much of the whole lies below each threshold, (k - 1, n)."""
    edges = np.concatenate([np.full((1, n), float(whole)), below, np.zeros((1, n))])
    return np.ascontiguousarray(((edges[:-1] - edges[1:]) / whole).T)


def _at_stake(codes: NDArray[np.int8], shortfall: FloatArray, excess: FloatArray) -> FloatArray:
    """Expected distance of each value from the interval of its tier."""
    none = np.zeros((1, codes.size))
    to_lower, over_upper = np.concatenate([shortfall, none]), np.concatenate([none, excess])
    rows = np.arange(codes.size)
    return np.asarray(to_lower[codes, rows] + over_upper[codes, rows])
