"""A survival curve by Kaplan and Meier: what it says, and how sure it is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text, shown_rows
from customervalue.errors import invalid
from customervalue.retention._bands import first_age, log_log, none_of
from customervalue.retention._risk_sets import RiskSets
from customervalue.retention._survival_results import RestrictedMean, RetentionByAge
from customervalue.units import check_number, check_times

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray, Many

__all__ = ["SurvivalCurve"]


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalCurve:
    """Share of customers who stay longer than each age, by Kaplan and Meier.

    Attributes
    ----------
    ages : ndarray of float64, shape (k,)
        The distinct ages at which somebody churned, was last seen, or came under observation late; ascending.
    at_risk : ndarray of int64, shape (k,)
        Customers under observation who reached each age, churners at that very age among them.
    churned, censored, entered : ndarray of int64, shape (k,)
        How many churned at each age, were last seen, came under observation late.
    estimate : ndarray of float64, shape (k,)
        The curve at each age: it holds from there up to the next.
    level : float
        How often the intervals hold the truth, age by age.
    n_customers : int
        All of them, each row as many as its weight says.

    Notes
    -----
    Where the curve has reached 0 its standard error is 0, as Greenwood's formula has it; the interval then keeps the
    upper end it had before. Before the first churn, where the log-log interval does not exist, the lower end is that
    of Clopper and Pearson for no churner among the fewest customers at risk so far. Other programs give 1 or nothing
    there.

    Examples
    --------
    >>> from customervalue.retention import survival_curve
    >>> survival_curve([6, 6, 7, 9, 10], [1, 0, 1, 0, 1])
    Survival of 5 customers: 3 ends seen, 2 censored
    median 10 (95 % interval 6 to not reached)
      age  at risk  churned  survival  s.e.    95 % interval
      6    5        1        0.8000    0.1789  0.2038 to 0.9692
      7    3        1        0.5333    0.2483  0.0683 to 0.8631
      9    2        0        0.5333    0.2483  0.0683 to 0.8631
      10   1        1        0.0000    0.0000  0.0000 to 0.8631
    """

    ages: FloatArray
    at_risk: IntArray
    churned: IntArray
    censored: IntArray
    entered: IntArray
    estimate: FloatArray
    level: float
    n_customers: int

    def __post_init__(self) -> None:
        for column in (*self._sets, self.estimate):
            column.setflags(write=False)

    @property
    def origin(self) -> float:
        """The age from which anybody is under observation: 0, or the first of the late entries.

        Everything the curve says is of customers who reach this age.
        """
        return 0.0 if self.at_risk[0] > 0 else float(self.ages[0])

    @property
    def hazard(self) -> FloatArray:
        """Share of those at risk who churn at each age, shape (k,); 0 where nobody is at risk."""
        return np.asarray(self.churned / np.maximum(self.at_risk, 1))

    @cached_property
    def _sums(self) -> FloatArray:
        """Greenwood's sum of d / (n (n - d)); without the last churner of all, whose term is infinite."""
        d, n = self.churned.astype(np.float64), self.at_risk.astype(np.float64)
        return np.cumsum(np.divide(d, n * (n - d), out=np.zeros(d.size), where=n > d))

    @cached_property
    def standard_errors(self) -> FloatArray:
        """Of the curve at each age by Greenwood's formula, shape (k,)."""
        return np.asarray(self.estimate * np.sqrt(self._sums))

    @cached_property
    def low(self) -> FloatArray:
        """Lower end of the interval at each age, shape (k,)."""
        whole = self.estimate == 1
        ends = log_log(self.estimate, self._sums, self.level)[0]
        return np.where(whole, none_of(self._fewest, self.level), ends)

    @cached_property
    def high(self) -> FloatArray:
        """Upper end of the interval at each age, shape (k,)."""
        ends = log_log(self.estimate, self._sums, self.level)[1]
        none = np.flatnonzero(self.estimate == 0)
        if none.size:
            ends[none] = self._high_of_none(int(none[0]), 1.0, 0.0)
        return ends

    @cached_property
    def _fewest(self) -> IntArray:
        """Fewest customers at risk so far, at each age; nobody is, yet, at an age at which the first come in."""
        waiting = self.ages <= self.origin if self.origin > 0 else np.zeros(self.ages.size, np.bool_)
        return np.minimum.accumulate(np.where(waiting, self.n_customers, self.at_risk))

    def _high_of_none(self, row: int, curve: float, total: float) -> float:
        """Upper end of a share that falls to 0 at a row: as it was before; `curve` and `total` are where it begins."""
        before = float(self.estimate[row - 1]) if row else 1.0
        if before == curve or row == 0:
            return 1 - float(none_of(self.at_risk[row], self.level))
        return float(log_log(np.array(before / curve), self._sums[row - 1] - total, self.level)[1])

    def survival(self, t: float | Many) -> FloatArray:
        """Share of customers who stay longer than `t`.

        Parameters
        ----------
        t : float or array_like
            Ages, in the unit of the durations.

        Returns
        -------
        ndarray of float64, shape of `t`
            In [0, 1], not increasing with age.

        Raises
        ------
        InvalidInputError
            If an age is negative, not finite, smaller than `origin`, or beyond the last one observed while some
            customers were still there: the data say nothing of it.

        References
        ----------
        .. [1] Kaplan & Meier (1958), Journal of the American Statistical Association 53(282), 457-481.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([6, 6, 7, 9, 10], [1, 0, 1, 0, 1]).survival([0, 6, 6.5, 7]).round(3)
        array([1.   , 0.8  , 0.8  , 0.533])
        """
        times = self._checked(t)
        return np.concatenate([[1.0], self.estimate])[np.searchsorted(self.ages, times, side="right")]

    def interval(self, t: float | Many) -> tuple[FloatArray, FloatArray]:
        """Ends of the interval of the curve at `t`: of one age at a time, not of the whole curve at once.

        Parameters
        ----------
        t : float or array_like
            Ages, in the unit of the durations.

        Returns
        -------
        low, high : ndarray of float64, shape of `t`

        Raises
        ------
        InvalidInputError
            As `survival` does.

        References
        ----------
        .. [1] Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed., section 1.4: the
           normal distribution on the scale of log(-log S).

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> low, high = survival_curve([6, 6, 7, 9, 10], [1, 0, 1, 0, 1]).interval(7)
        >>> print(f"{low:.4f} to {high:.4f}")
        0.0683 to 0.8631
        """
        times = self._checked(t)
        place = np.searchsorted(self.ages, times, side="right") - 1
        # While nobody has churned, what counts is who is at risk at this very age: the row of the next one.
        whole = (place < 0) | (self.estimate[place] == 1)
        ahead = np.minimum(np.searchsorted(self.ages, times, side="left"), self.ages.size - 1)
        low = np.where(whole, none_of(self._fewest[ahead], self.level), self.low[place])
        return low, np.where(whole, 1.0, self.high[place])

    def _checked(self, t: Any) -> FloatArray:
        times = check_times("t", t)
        first, last = self.origin, float(self.ages[-1])
        if times.size and times.min() < first:
            advice = f"Nobody is under observation before age {first:g}: the curve is of customers who reach it."
            raise invalid("t", f"`t` must not be below {first:g}, and goes down to {times.min():g}", advice)
        if times.size and times.max() > last and self.estimate[-1] > 0:
            advice = (
                f"A share of {self.estimate[-1]:.3g} stayed longer than that, and the data do not say how long. "
                "A model of the contract can be projected: see `ShiftedBetaGeometric`."
            )
            raise invalid("t", f"`t` must not exceed {last:g}, the last age observed, and is {times.max():g}", advice)
        return times

    def numbers_at_risk(self, ages: float | Many) -> IntArray:
        """Count the customers under observation at given ages, as is usual below a drawing of the curve.

        Parameters
        ----------
        ages : float or array_like

        Returns
        -------
        ndarray of int64, shape of `ages`
            0 beyond the last age observed.

        Raises
        ------
        InvalidInputError
            If an age is negative or not finite.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([6, 6, 7, 9, 10], [1, 0, 1, 0, 1]).numbers_at_risk([0, 6, 7, 20])
        array([5, 5, 3, 0])
        """
        return self._sets.at_risk_at(check_times("ages", ages))

    @property
    def _sets(self) -> RiskSets:
        return RiskSets(self.ages, self.at_risk, self.churned, self.censored, self.entered)

    @property
    def median(self) -> float | None:
        """The age that half of the customers do not outlast; None if the curve does not come down to one half."""
        return self.quantile(0.5)

    def quantile(self, share: float) -> float | None:
        """The first age at which at least this share of the customers has churned.

        Parameters
        ----------
        share : float
            Between 0 and 1.

        Returns
        -------
        float or None
            None where the curve does not come down that far within the ages observed.

        Raises
        ------
        InvalidInputError
            If `share` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> curve = survival_curve([6, 6, 7, 9, 10, 11], [1, 0, 1, 0, 0, 0])
        >>> curve.quantile(0.25), curve.median
        (7.0, None)
        """
        return first_age(self.ages, self.estimate, 1 - _share(share))

    def quantile_interval(self, share: float = 0.5) -> tuple[float, float | None]:
        """Ages that the interval of the curve cannot tell from the quantile; of the median by default.

        Parameters
        ----------
        share : float
            Between 0 and 1.

        Returns
        -------
        float, float or None
            The first ages at which the lower and the upper end of the curve's interval come down to 1 - `share`; the
            latter None where it does not within the ages observed. Where not even the lower end does, the quantile lies
            beyond the last age, which is the first number then.

        Raises
        ------
        InvalidInputError
            If `share` is not between 0 and 1.

        References
        ----------
        .. [1] Brookmeyer & Crowley (1982), Biometrics 38(1), 29-41.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([6, 6, 7, 9, 10], [1, 0, 1, 0, 1]).quantile_interval(0.5)
        (6.0, None)
        """
        rest = 1 - _share(share)
        low = first_age(self.ages, self.low, rest)
        return float(self.ages[-1]) if low is None else low, first_age(self.ages, self.high, rest)

    def restricted_mean(self, horizon: float | None = None) -> RestrictedMean:
        """Mean time as a customer when time after `horizon` does not count: the area under the curve.

        The plain mean cannot be had while some customers are still there.

        Parameters
        ----------
        horizon : float, optional
            An age; by default the last one observed.

        Returns
        -------
        RestrictedMean
            Time from `origin` on; where that is 0, time as a customer.

        Raises
        ------
        InvalidInputError
            As `survival` does.

        References
        ----------
        .. [1] Klein & Moeschberger (2003), Survival Analysis, 2nd ed., eqs. (4.5.1) and (4.5.2).

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([2, 4, 4, 5], [1, 1, 0, 1]).restricted_mean(4).estimate
        3.5
        """
        end = float(self._checked(self.ages[-1] if horizon is None else check_number("horizon", horizon)))
        steps = np.clip(np.concatenate([[self.origin], self.ages, [max(end, self.ages[-1])]]), self.origin, end)
        areas = np.diff(steps) * np.concatenate([[1.0], self.estimate])
        ahead = np.cumsum(areas[::-1])[::-1][1:]  # from each age to the horizon
        terms = np.diff(self._sums, prepend=0.0)
        mean, error = float(areas.sum()), math.sqrt(float(np.sum(ahead * ahead * terms)))
        half = NormalDist().inv_cdf(0.5 + 0.5 * self.level) * error
        return RestrictedMean(end, mean, error, max(mean - half, 0.0), min(mean + half, end - self.origin), self.level)

    def retention(self, ages: Many) -> FloatArray:
        """Retention rate by age: of those who pass one age of the list, the share that passes the next.

        Parameters
        ----------
        ages : array_like, shape (m,)
            Ascending, above `origin`. The first rate counts from `origin`, which is 0 without late entries: whole
            ages 1, 2, 3, ... give the rates of the first period, the second, the third, ...

        Returns
        -------
        ndarray of float64, shape (m,)
            In [0, 1]. One less is the churn rate, or hazard, of each interval.

        Raises
        ------
        InvalidInputError
            As `survival` does; if the ages do not ascend, or nobody passes the one before.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([1, 2, 2, 3], [1, 1, 0, 1]).retention([1, 2]).round(3)
        array([0.75 , 0.667])
        """
        return self.by_age(ages).retention

    def by_age(self, ages: Many) -> RetentionByAge:
        """Retention rates by age with the numbers behind them and their intervals.

        Parameters
        ----------
        ages : array_like, shape (m,)
            As in `retention`.

        Returns
        -------
        RetentionByAge

        Raises
        ------
        InvalidInputError
            As `retention` does.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([1, 2, 2, 3], [1, 1, 0, 1]).by_age([1, 2]).at_risk
        array([4, 3])
        """
        ends = np.atleast_1d(self._checked(ages))
        grid = np.concatenate([[self.origin], ends])
        if ends.ndim != 1 or np.any(np.diff(grid) <= 0):
            raise invalid("ages", f"`ages` must ascend, and begin above {self.origin:g}")
        after = np.searchsorted(self.ages, grid, side="right")
        after[0] = 0 if self.origin == 0 else 1  # whoever churns at age 0 churns in the first interval
        curve = np.concatenate([[1.0], self.estimate])[after]
        if np.any(curve[:-1] == 0):
            gone = float(grid[:-1][curve[:-1] == 0][0])
            raise invalid("ages", f"nobody stays longer than {gone:g}: there is no rate of retention after it")
        rate = curve[1:] / curve[:-1]
        totals = np.concatenate([[0.0], self._sums])[after]
        low, high = log_log(rate, np.diff(totals), self.level)
        for i in np.flatnonzero(rate == 1):
            fewest = self.at_risk[after[i] : np.searchsorted(self.ages, grid[i + 1]) + 1].min()
            low[i] = none_of(fewest, self.level)
        for i in np.flatnonzero(rate == 0):
            high[i] = self._high_of_none(int(np.argmax(self.estimate == 0)), curve[i], totals[i])
        churned = np.diff(np.concatenate([[0], np.cumsum(self.churned)])[after])
        at_risk = np.append(self.at_risk, 0)[after[:-1]]
        return RetentionByAge(grid[:-1], ends, at_risk, churned, rate, low, high, self.level)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per age.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns age, at_risk, churned, censored, entered, hazard, survival, standard_error, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([6, 6, 7], [1, 0, 1]).to_frame()["at_risk"]
        array([3, 1])
        """
        columns: dict[str, AnyArray] = {"age": self.ages}
        columns |= {name: getattr(self, name) for name in ("at_risk", "churned", "censored", "entered", "hazard")}
        columns |= {"survival": self.estimate, "standard_error": self.standard_errors}
        return _columns.to_frame(columns | {"low": self.low, "high": self.high}, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows.

        Returns
        -------
        dict
            The columns of `to_frame`, and level, n_customers, origin and median.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([6, 6, 7], [1, 0, 1]).to_dict()["median"]
        7.0
        """
        facts = {name: getattr(self, name) for name in ("level", "n_customers", "origin", "median")}
        return facts | {name: column.tolist() for name, column in self.to_frame().items()}

    def _rows(self) -> tuple[str, list[list[str]]]:
        percent = f"{self.level * 100:g} %"
        noun = "customer" if self.n_customers == 1 else "customers"
        title = f"Survival of {self.n_customers:,} {noun}: {int(self.churned.sum()):,} ends seen, "
        title += f"{int(self.censored.sum()):,} censored"
        if self.entered.any():
            title += f", {int(self.entered.sum()):,} came in late"
        if self.median is None:
            title += f"\nmedian not reached: more than half last longer than {self.ages[-1]:g}"
        else:
            low, high = self.quantile_interval()
            upper = "not reached" if high is None else f"{high:g}"
            title += f"\nmedian {self.median:g} ({percent} interval {low:g} to {upper})"
        rows = [["age", "at risk", "churned", "survival", "s.e.", f"{percent} interval"]]
        for i in shown_rows(self.ages.size):
            if i is None:
                rows.append(["..."] * 6)
                continue
            cells = [f"{self.ages[i]:g}", f"{self.at_risk[i]:,}", f"{self.churned[i]:,}", f"{self.estimate[i]:.4f}"]
            rows.append([*cells, f"{self.standard_errors[i]:.4f}", f"{self.low[i]:.4f} to {self.high[i]:.4f}"])
        return title, rows

    def __repr__(self) -> str:
        return as_text(*self._rows())

    def _repr_html_(self) -> str:
        return as_html(*self._rows())


def _share(share: float) -> float:
    value = check_number("share", share)
    if not 0 < value < 1:
        raise invalid("share", f"`share` must lie between 0 and 1, and is {share}")
    return value
