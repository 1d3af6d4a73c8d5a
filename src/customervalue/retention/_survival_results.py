"""What a survival curve tells: retention rates from age to age, and the mean time as a customer up to a horizon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from customervalue import _columns
from customervalue._tables import as_html, as_text

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, IntArray

__all__ = ["RestrictedMean", "RetentionByAge"]


@dataclass(frozen=True, slots=True)
class RestrictedMean:
    """Mean time as a customer, up to a horizon.

    Attributes
    ----------
    horizon : float
        The age at which time stops counting.
    estimate, standard_error : float
        In the unit of the durations.
    low, high : float
        Ends of the interval, by the normal distribution; between 0 and the horizon.
    level : float
        How often such an interval holds the truth.

    Examples
    --------
    >>> from customervalue.retention import survival_curve
    >>> print(survival_curve([2, 4, 4, 5], [1, 1, 0, 1]).restricted_mean(4))
    3.5 (95 % interval 2.651 to 4) up to age 4
    """

    horizon: float
    estimate: float
    standard_error: float
    low: float
    high: float
    level: float

    def __str__(self) -> str:
        ends = f"{self.level * 100:g} % interval {self.low:.4g} to {self.high:.4g}"
        return f"{self.estimate:.4g} ({ends}) up to age {self.horizon:g}"


@dataclass(frozen=True, eq=False, repr=False)
class RetentionByAge:
    """Retention rates from one age to the next.

    Attributes
    ----------
    start, end : ndarray of float64, shape (m,)
        The ages: of the customers who reach `start`, the share that reaches and passes `end`.
    at_risk : ndarray of int64, shape (m,)
        Customers under observation just after `start`.
    churned : ndarray of int64, shape (m,)
        Of those and of whoever came under observation since, how many churned after `start` and up to `end`.
    retention, low, high : ndarray of float64, shape (m,)
        The rate and the ends of its log-log interval. The churn rate, or hazard, of the interval is 1 - retention.
    level : float
        How often such an interval holds the truth.

    Examples
    --------
    >>> from customervalue.retention import survival_curve
    >>> survival_curve([1, 2, 2, 3], [1, 1, 0, 1]).by_age([1, 2])
    Retention by age, 95 % intervals
      from  to  at risk  churned  retention  interval
      0     1   4        1        0.7500     0.1279 to 0.9605
      1     2   3        1        0.6667     0.0541 to 0.9452
    """

    start: FloatArray
    end: FloatArray
    at_risk: IntArray
    churned: IntArray
    retention: FloatArray
    low: FloatArray
    high: FloatArray
    level: float

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per pair of ages.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns start, end, at_risk, churned, retention, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([1, 2, 2, 3], [1, 1, 0, 1]).by_age([1, 2]).to_frame()["retention"].round(3)
        array([0.75 , 0.667])
        """
        names = ("start", "end", "at_risk", "churned", "retention", "low", "high")
        return _columns.to_frame({name: getattr(self, name) for name in names}, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue.retention import survival_curve
        >>> survival_curve([1, 2, 2, 3], [1, 1, 0, 1]).by_age([1]).to_dict()["retention"]
        [0.75]
        """
        return {"level": self.level} | {name: column.tolist() for name, column in self.to_frame().items()}

    def _rows(self) -> tuple[str, list[list[str]]]:
        rows = [["from", "to", "at risk", "churned", "retention", "interval"]]
        for i in range(self.start.size):
            ends = f"{self.low[i]:.4f} to {self.high[i]:.4f}"
            counts = (f"{self.at_risk[i]:,}", f"{self.churned[i]:,}")
            rows.append([f"{self.start[i]:g}", f"{self.end[i]:g}", *counts, f"{self.retention[i]:.4f}", ends])
        return f"Retention by age, {self.level * 100:g} % intervals", rows

    def __repr__(self) -> str:
        return as_text(*self._rows())

    def _repr_html_(self) -> str:
        return as_html(*self._rows())
