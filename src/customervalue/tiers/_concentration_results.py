"""What comes back of a concentration: deciles, whale curve, Lorenz curve, intervals and comparisons."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._tables import Table, as_cell
from customervalue.errors import invalid
from customervalue.tiers._currency import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray
    from customervalue.tiers._concentration_ranked import Ranked

__all__ = [
    "ConcentrationComparison",
    "ConcentrationInterval",
    "Deciles",
    "LorenzCurve",
    "WhaleCurve",
    "deciles_of",
    "label",
    "whale_of",
]

_DECILES = 10
_STEPS = 100


def label(name: str, q: float) -> str:
    """A measure as it is called in a sentence.

    Examples
    --------
    >>> label("top_share", 0.2), label("gini_normalised", 0.2)
    ('top 20 % share', 'gini normalised')
    """
    return f"top {100 * q:g} % share" if name == "top_share" else name.replace("_", " ")


def _without(resamples: int) -> str:
    return f"; without {resamples:,} resamples in which nobody has any value" if resamples else ""


@dataclass(frozen=True, eq=False, repr=False)
class Deciles(Table):
    """Customers in ten parts of equal number, the best first.

    Where their number does not divide by ten, a customer on a boundary belongs to both sides by parts, so that the
    shares are those of the Lorenz curve.

    Attributes
    ----------
    decile : ndarray of int64, shape (10,)
        1 holds the highest values.
    customers : ndarray of float64, shape (10,)
        A tenth of all in each.
    highest, lowest, mean : ndarray of float64, shape (10,)
        Values in the decile, in money.
    value : ndarray of float64, shape (10,)
        What it has together, in money.
    share, cumulative_share : ndarray of float64, shape (10,)
        Of the total; NaN where the total is not positive.
    tied : ndarray of float64, shape (10,)
        Customers who have exactly the lowest value of the decile where the next decile has some of them too: which of
        them are on which side is arbitrary. 0 where the boundary separates different values.

    Examples
    --------
    >>> from customervalue.tiers import concentration
    >>> concentration(range(1, 21)).deciles.to_frame()["share"][:2].round(4)
    array([0.1857, 0.1667])
    """

    decile: AnyArray
    customers: FloatArray
    highest: FloatArray
    lowest: FloatArray
    mean: FloatArray
    value: FloatArray
    share: FloatArray
    cumulative_share: FloatArray
    tied: FloatArray

    def _title(self) -> str:
        return "Deciles of customers, best first"

    def _table(self) -> Mapping[str, AnyArray]:
        return dict(self.__dict__)


def deciles_of(ranked: Ranked) -> Deciles:
    """Cut the ranking into ten equal parts."""
    ends = ranked.n * np.arange(_DECILES, -1, -1) / _DECILES
    money = ranked.of_poorest(ends)
    value = money[:-1] - money[1:]
    last = ranked.value.size - 1
    # The first customer above a boundary, and the first below it.
    above = np.minimum(np.searchsorted(ranked.customers, ends[1:], side="right"), last)
    below = np.minimum(np.searchsorted(ranked.customers, ends[:-1], side="left"), last)
    split = (ranked.customers[above] - ranked.counts[above] < ends[1:]) & (ranked.counts[above] > 1)
    total = ranked.total if not ranked.no_shares else math.nan
    return Deciles(
        decile=np.arange(1, _DECILES + 1),
        customers=-np.diff(ends),
        highest=ranked.value[below],
        lowest=ranked.value[above],
        mean=value / -np.diff(ends),
        value=value,
        share=value / total,
        cumulative_share=(money[0] - money[1:]) / total,
        tied=np.where(split, ranked.counts[above], 0.0),
    )


@dataclass(frozen=True, eq=False, repr=False)
class WhaleCurve(Table):
    """Cumulated profit of the customers, the most profitable first.

    The curve rises while customers bring something and falls where they cost; its highest point lies above the total
    by exactly what the loss-makers cost.

    Attributes
    ----------
    share_of_customers : ndarray of float64, shape (m,)
        0, 1 %, ..., 100 %, and the peak among them; best customers first.
    customers : ndarray of float64, shape (m,)
        The same as a number.
    cumulative_value : ndarray of float64, shape (m,)
        What they have together, in money.
    cumulative_share : ndarray of float64, shape (m,)
        The same as a share of the total; NaN where the total is not positive.
    n_customers : int
        All of them.
    total : float
        Where the curve ends, in money.
    peak_value : float
        Its highest point, in money: the sum of all positive values.
    peak_customers : int
        How many customers have a positive value.
    loss_makers : int
        How many have a negative one.
    losses : float
        What those cost, in money; not negative.
    why_no_shares : str
        Why there are no shares of the total; empty where there are.
    currency : str or None

    References
    ----------
    .. [1] Kaplan & Narayanan (2001), "Measuring and managing customer profitability", Journal of Cost Management
       15(5), 5-15.

    Examples
    --------
    >>> from customervalue.tiers import concentration
    >>> whale = concentration([60, 50, 30, 0, -40]).whale
    >>> whale.peak, whale.peak_at, whale.loss_makers, whale.losses
    (1.4, 0.6, 1, 40.0)
    """

    share_of_customers: FloatArray
    customers: FloatArray
    cumulative_value: FloatArray
    cumulative_share: FloatArray
    n_customers: int
    total: float
    peak_value: float
    peak_customers: int
    loss_makers: int
    losses: float
    why_no_shares: str
    currency: str | None

    @property
    def peak(self) -> float:
        """The highest point as a share of the total, 1 where nobody costs money.

        Raises
        ------
        InvalidInputError
            If the total is not positive; `peak_value` exists all the same.
        """
        if self.why_no_shares:
            rule = f"the peak as a share of the total does not exist, since {self.why_no_shares}"
            raise invalid("value", rule, "`peak_value` is the same in money.")
        return self.peak_value / self.total

    @property
    def peak_at(self) -> float:
        """Share of the customers who make the peak: those of positive value."""
        return self.peak_customers / self.n_customers

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, with the peak as a share, None where that does not exist.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue.tiers import concentration
        >>> concentration([60, 50, 30, 0, -40]).whale.to_dict()["peak"]
        1.4
        """
        return super().to_dict() | {"peak": None if self.why_no_shares else self.peak, "peak_at": self.peak_at}

    def _title(self) -> str:
        money = in_words(self.currency)
        high = as_cell(self.peak_value) + money if self.why_no_shares else f"{self.peak:.1%} of the total"
        who = f"{self.peak_customers:,} of {self.n_customers:,} customers ({self.peak_at:.1%})"
        cost = f"{self.loss_makers:,} loss-makers cost {as_cell(self.losses)}{money}"
        return f"Whale curve: {high} from {who}; {cost}"

    def _table(self) -> Mapping[str, AnyArray]:
        names = ("share_of_customers", "customers", "cumulative_value", "cumulative_share")
        return {name: getattr(self, name) for name in names}


def whale_of(ranked: Ranked, currency: str | None) -> WhaleCurve:
    """Cumulate from the top."""
    place = int(np.searchsorted(ranked.value, 0.0, side="right"))
    positive = ranked.n - (float(ranked.customers[place - 1]) if place else 0.0)
    negative = int(np.searchsorted(ranked.value, 0.0))
    customers = np.unique(np.append(ranked.n * np.arange(_STEPS + 1) / _STEPS, positive))
    money = ranked.total - ranked.of_poorest(ranked.n - customers)
    total = ranked.total
    return WhaleCurve(
        share_of_customers=customers / ranked.n,
        customers=customers,
        cumulative_value=money,
        cumulative_share=money / (math.nan if ranked.no_shares else total),
        n_customers=round(ranked.n),
        total=total,
        peak_value=ranked.gains,
        peak_customers=round(positive),
        loss_makers=round(float(ranked.customers[negative - 1])) if negative else 0,
        losses=ranked.losses,
        why_no_shares=ranked.no_shares,
        currency=currency,
    )


@dataclass(frozen=True, eq=False, repr=False)
class LorenzCurve(Table):
    """Every corner of the Lorenz curve; between them it is straight.

    Attributes
    ----------
    customers : ndarray of float64, shape (u + 1,)
        Share of the customers, those of lowest value first: 0 to 1.
    value : ndarray of float64, shape (u + 1,)
        Share of the total they have; below 0 while customers of negative value are counted.

    Examples
    --------
    >>> from customervalue.tiers import concentration
    >>> concentration([1, 1, 2]).lorenz_curve
    Lorenz curve
      customers  value
      0          0
      0.6667     0.5
      1          1
    """

    customers: FloatArray
    value: FloatArray

    def _title(self) -> str:
        return "Lorenz curve"

    def _table(self) -> Mapping[str, AnyArray]:
        return {"customers": self.customers, "value": self.value}


@dataclass(frozen=True)
class ConcentrationInterval:
    """A measure of concentration and how sure it is.

    Attributes
    ----------
    measure : str
        "gini", "gini_unbiased", "gini_normalised", "top_share" or "peak".
    q : float
        Share of the customers, where the measure is their share of the total.
    estimate, low, high : float
    standard_error : float
        Of the estimate, from the influence of each customer.
    level : float
        How often such an interval holds the measure of the population that the customers come from.
    resamples : int
        Bootstrap resamples behind the bounds; 0 where they are those of a normal distribution.
    left_out : int
        Resamples besides, in which nobody had any value, so that there was nothing to measure.

    Examples
    --------
    >>> print(ConcentrationInterval("gini", 0.2, 0.31, 0.28, 0.34, 0.015, 0.95, 1000))
    gini 0.31 (95 % interval 0.28 to 0.34)
    """

    measure: str
    q: float
    estimate: float
    low: float
    high: float
    standard_error: float
    level: float
    resamples: int
    left_out: int = 0

    def __str__(self) -> str:
        name, sure = label(self.measure, self.q), f"{100 * self.level:g} % interval"
        without = _without(self.left_out)
        return f"{name} {self.estimate:.4g} ({sure} {self.low:.4g} to {self.high:.4g}{without})"


@dataclass(frozen=True)
class ConcentrationComparison:
    """The same measure of two bases, and whether they differ by more than chance.

    Attributes
    ----------
    measure : str
        "gini", "gini_unbiased", "gini_normalised", "top_share" or "peak".
    q : float
        Share of the customers, where the measure is their share of the total.
    first, second : float
        The measure of each base.
    difference, low, high : float
        first - second, and its interval.
    standard_error : float
        Of the difference.
    p_value : float
        How often a difference of this size or more would come about if the populations had the same measure, by the
        normal distribution; two-sided.
    level : float
    resamples : int
        Bootstrap resamples behind the bounds; 0 where they are those of a normal distribution.
    left_out : int
        Resamples besides, in which nobody had any value, so that there was nothing to measure.

    Examples
    --------
    >>> print(ConcentrationComparison("gini", 0.2, 0.61, 0.55, 0.06, 0.02, 0.1, 0.02, 0.0027, 0.95, 1000))
    gini 0.61 against 0.55: difference 0.06 (95 % interval 0.02 to 0.1), p = 0.0027
    """

    measure: str
    q: float
    first: float
    second: float
    difference: float
    low: float
    high: float
    standard_error: float
    p_value: float
    level: float
    resamples: int
    left_out: int = 0

    def __str__(self) -> str:
        sure = f"{100 * self.level:g} % interval {self.low:.4g} to {self.high:.4g}{_without(self.left_out)}"
        both = f"{label(self.measure, self.q)} {self.first:.4g} against {self.second:.4g}"
        return f"{both}: difference {self.difference:.4g} ({sure}), p = {self.p_value:.2g}"
