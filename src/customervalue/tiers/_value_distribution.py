"""What each customer may be worth, as a distribution known in closed form in the place of draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import FloatArray

__all__ = ["Below", "Interval", "NormalValues", "ValueDistribution", "from_distribution"]

#: So many standard deviations away, a value is surely on its side of a threshold.
_FAR = 40.0

#: Probability that each customer's value lies below a threshold, shape (n,).
Below: TypeAlias = Callable[[float], Any]


class ValueDistribution(Protocol):
    """What `tier_probabilities` asks of a distribution of n customers' values."""

    @property
    def mean(self) -> Any:
        """Mean value of each customer, shape (n,), money."""

    def probability_below(self, threshold: float) -> Any:
        """P(value < threshold) of each customer, shape (n,)."""

    def shortfall_below(self, threshold: float) -> Any:
        """E[max(threshold - value, 0)] of each customer, shape (n,), money."""


@runtime_checkable
class Interval(Protocol):
    """An estimate for each customer with its interval, as `clv.interval` gives it."""

    @property
    def estimate(self) -> Any: ...
    @property
    def low(self) -> Any: ...
    @property
    def high(self) -> Any: ...
    @property
    def level(self) -> float: ...


@dataclass(frozen=True, eq=False)
class NormalValues:
    """Values that are normally distributed around an estimate: for estimates that come with a standard error.

    Parameters
    ----------
    mean : array_like of float, shape (n,)
        Money.
    standard_deviation : array_like of float, shape (n,)
        Money; 0 for a value that is known.

    Raises
    ------
    InvalidInputError
        If a number is not finite, a standard deviation is negative, or the lengths differ.

    Notes
    -----
    A value that may well be nothing (the customer does not come back) is far from normal: use draws for it.

    Examples
    --------
    >>> from customervalue.tiers import Scheme, tier_probabilities
    >>> values = NormalValues(mean=[510.0, 40.0], standard_deviation=[100.0, 5.0])
    >>> tier_probabilities(values, Scheme(("gold", "iron", "lead"), (500, 50))).probability.round(3)
    array([[0.54 , 0.46 , 0.   ],
           [0.   , 0.023, 0.977]])
    """

    mean: FloatArray
    standard_deviation: FloatArray

    def __post_init__(self) -> None:
        checker = Checker("the values")
        columns = {
            "mean": checker.numbers("mean", self.mean),
            "standard_deviation": checker.amounts("standard_deviation", self.standard_deviation),
        }
        checker.same_length()
        checker.done()
        for name, column in columns.items():
            np.asarray(column).setflags(write=False)
            object.__setattr__(self, name, column)

    @classmethod
    def from_interval(cls, interval: Interval) -> NormalValues:
        """The normal distribution with the estimate and the width of an interval.

        Parameters
        ----------
        interval : object with `estimate`, `low`, `high`, shape (n,), and `level`
            As `clv.interval` gives it, of an expectation.

        Returns
        -------
        NormalValues

        Raises
        ------
        InvalidInputError
            If an end is not finite, the upper one lies below the lower one, or the interval is a predictive one: what
            will happen is not normally distributed around its expectation.

        Examples
        --------
        >>> from types import SimpleNamespace
        >>> found = SimpleNamespace(estimate=[510.0], low=[314.0], high=[706.0], level=0.95)
        >>> NormalValues.from_interval(found).standard_deviation.round(2)
        array([100.])
        """
        checker = Checker("the interval")
        if getattr(interval, "kind", "expectation") == "predictive":
            advice = 'Pass draws instead, such as those of `clv.prediction_draws(..., kind="predictive")`.'
            checker.add("interval", "`interval` must be of an expectation, and is a predictive one", advice)
        low, high = checker.numbers("low", interval.low), checker.numbers("high", interval.high)
        checker.same_length()
        checker.done()
        width = np.asarray(high) - np.asarray(low)
        checker.rows("high", width < 0, "`high` must not be below `low`", {"width": width})
        checker.done()
        wide = 2 * NormalDist().inv_cdf(0.5 + 0.5 * interval.level)
        return cls(np.asarray(interval.estimate), width / wide)

    def probability_below(self, threshold: float) -> FloatArray:
        """Probability of each value to lie below an amount.

        Parameters
        ----------
        threshold : float
            Money.

        Returns
        -------
        ndarray of float64, shape (n,)

        Examples
        --------
        >>> NormalValues([510.0], [100.0]).probability_below(500).round(4)
        array([0.4602])
        """
        from scipy.special import ndtr

        return np.asarray(np.where(self._known, self.mean < threshold, ndtr(self._score(threshold))))

    def shortfall_below(self, threshold: float) -> FloatArray:
        """Money that each value is expected to lack to an amount; 0 where it lies above.

        Parameters
        ----------
        threshold : float
            Money.

        Returns
        -------
        ndarray of float64, shape (n,)
            E[max(threshold - value, 0)].

        Examples
        --------
        >>> NormalValues([510.0], [100.0]).shortfall_below(500).round(2)
        array([35.09])
        """
        from scipy.special import ndtr

        z = self._score(threshold)
        near = np.clip(z, -_FAR, _FAR)
        expected = self.standard_deviation * (near * ndtr(near) + np.exp(-0.5 * near * near) / np.sqrt(2 * np.pi))
        sure = self._known | (np.abs(z) > _FAR)
        return np.asarray(np.where(sure, np.maximum(threshold - self.mean, 0.0), np.maximum(expected, 0.0)))

    @property
    def _known(self) -> Any:
        return self.standard_deviation == 0

    def _score(self, threshold: float) -> FloatArray:
        with np.errstate(over="ignore"):
            return np.asarray((threshold - self.mean) / np.where(self._known, 1.0, self.standard_deviation))


def from_distribution(
    given: Any, thresholds: Sequence[float]
) -> tuple[FloatArray, FloatArray | None, tuple[FloatArray, FloatArray] | None, int]:
    """What tiers need to know of a distribution, or of a function of thresholds.

    Parameters
    ----------
    given : ValueDistribution or callable
    thresholds : sequence of float, k - 1 amounts
        Money, descending.

    Returns
    -------
    below : ndarray of float64, shape (k - 1, n)
        Probability of a value below each threshold.
    mean : ndarray of float64, shape (n,), or None
    outside : (ndarray, ndarray) of shape (k - 1, n), or None
        Money expected to be lacking to each threshold, and expected above each.
    draws : int
        0: there are none.

    Examples
    --------
    >>> from_distribution(NormalValues([500.0], [100.0]), (500.0,))[0]
    array([[0.5]])
    """
    whole = hasattr(given, "probability_below")
    below = _probabilities(given.probability_below if whole else given, thresholds)
    if not whole:
        return below, None, None, 0
    checker = Checker("the distribution")
    mean = np.asarray(checker.numbers("mean", given.mean))
    rows = [checker.amounts(f"shortfall_below({cut:g})", given.shortfall_below(cut)) for cut in thresholds]
    checker.sizes |= {"probability_below": below.shape[1]} if thresholds else {}
    checker.same_length()
    checker.done()
    lacking = np.array(rows, dtype=np.float64).reshape(-1, mean.size)
    above = np.maximum(mean - np.array(thresholds)[:, None] + lacking, 0.0)
    return below.reshape(-1, mean.size), mean, (lacking, above), 0


def _probabilities(function: Below, thresholds: Sequence[float]) -> FloatArray:
    rows = [np.atleast_1d(np.asarray(function(cut), dtype=np.float64)) for cut in thresholds]
    if not rows:
        return np.zeros((0, 0))
    if len({row.shape for row in rows}) > 1 or rows[0].ndim != 1:
        listed = ", ".join(str(row.shape) for row in rows)
        raise invalid("draws", f"probabilities must have shape (n,) at every threshold, and have {listed}")
    table = np.array(rows)
    checker = Checker("the probabilities")
    shown = {"probability": table.min(axis=0)}
    bad = np.asarray(~((table >= 0) & (table <= 1)).all(axis=0))
    checker.rows("draws", bad, "a probability must lie between 0 and 1", shown)
    rises = np.asarray(~bad & (np.diff(table, axis=0) > 0).any(axis=0))
    rule = "the probability of a value below a threshold must not fall as the threshold rises"
    checker.rows("draws", rises, rule, shown)
    checker.done()
    return table
