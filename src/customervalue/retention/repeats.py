"""Repeat buying by order number: of those who made k purchases, how many made another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text
from customervalue.errors import invalid
from customervalue.estimation.draws import check_count, check_level
from customervalue.retention._bands import clopper_pearson
from customervalue.retention._spells import read_purchases
from customervalue.retention.survival import survival_curve
from customervalue.units import check_number

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray
    from customervalue.transactions import Grain, Instant
    from customervalue.units import TimeUnit

__all__ = ["RepeatRates", "repeat_rates"]

_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}


@dataclass(frozen=True, eq=False, repr=False)
class RepeatRates:
    """Repeat rate by order number.

    Attributes
    ----------
    order : ndarray of int64, shape (m,)
        1, 2, 3, ...: the number of the purchase.
    reached : ndarray of int64, shape (m,)
        Customers who made that many.
    went_on : ndarray of int64, shape (m,)
        Of those, how many had made another by the end of observation.
    share, low, high : ndarray of float64, shape (m,)
        went_on / reached, and the ends of its Clopper-Pearson interval. Who made the purchase lately had little time
        for another: the share is too low as a chance of ever buying again.
    window : float or None
        Time after a purchase, in `time_unit`.
    within, within_low, within_high : ndarray of float64, shape (m,), or None
        Share who buy again within the window, with the time each had taken into account (Kaplan-Meier, log-log
        interval). NaN where nobody was watched for so long after that purchase.
    level : float
        How often the intervals hold the truth.
    time_unit : {"D", "W", "M", "Y"}
    backend : str or None
        Dataframe library the log came in.

    Examples
    --------
    >>> import customervalue as cv
    >>> repeat_rates(cv.datasets.load_cdnow(), observation_end="1997-09-30", window=13, orders=3)
    Repeat rates by order number, 95 % intervals; within: 13 weeks after the purchase
      order  reached  went on  share  interval        within  interval
      1      2,357    946      0.401  0.381 to 0.421  0.292   0.274 to 0.311
      2      946      507      0.536  0.504 to 0.568  0.466   0.434 to 0.500
      3      507      293      0.578  0.534 to 0.621  0.571   0.525 to 0.618
    """

    order: IntArray
    reached: IntArray
    went_on: IntArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    window: float | None
    within: FloatArray | None
    within_low: FloatArray | None
    within_high: FloatArray | None
    level: float
    time_unit: str
    backend: str | None = field(default=None, compare=False)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per order number.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the log came in; a dict of columns if it came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns order, reached, went_on, share, low and high; with a window also within, within_low and
            within_high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import customervalue as cv
        >>> repeat_rates(cv.datasets.load_cdnow(), orders=3).to_frame()["share"].round(3)
        array([0.483, 0.646, 0.716])
        """
        return _columns.to_frame(self._table(), backend or self.backend)

    def _table(self) -> dict[str, AnyArray]:
        names = ("order", "reached", "went_on", "share", "low", "high", "within", "within_low", "within_high")
        columns = {name: getattr(self, name) for name in names}
        return {name: column for name, column in columns.items() if column is not None}

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows; None for NaN.

        Returns
        -------
        dict

        Examples
        --------
        >>> import customervalue as cv
        >>> repeat_rates(cv.datasets.load_cdnow(), orders=3).to_dict()["went_on"]
        [1139, 736, 527]
        """
        facts: dict[str, Any] = {"level": self.level, "time_unit": self.time_unit, "window": self.window}
        return facts | {
            name: [None if isinstance(value, float) and math.isnan(value) else value for value in column.tolist()]
            for name, column in self._table().items()
        }

    def _rows(self) -> tuple[str, list[list[str]]]:
        title = f"Repeat rates by order number, {self.level * 100:g} % intervals"
        head = ["order", "reached", "went on", "share", "interval"]
        if self.window is not None:
            title += f"; within: {self.window:g} {_UNITS[self.time_unit]} after the purchase"
            head += ["within", "interval"]
        rows = [head]
        for i in range(self.order.size):
            counts = [f"{int(column[i]):,}" for column in (self.order, self.reached, self.went_on)]
            row = [*counts, f"{self.share[i]:.3f}", f"{self.low[i]:.3f} to {self.high[i]:.3f}"]
            if self.within is not None and self.within_low is not None and self.within_high is not None:
                known = not math.isnan(self.within[i])
                row.append(f"{self.within[i]:.3f}" if known else "not watched so long")
                row.append(f"{self.within_low[i]:.3f} to {self.within_high[i]:.3f}" if known else "")
            rows.append(row)
        return title, rows

    def __repr__(self) -> str:
        return as_text(*self._rows())

    def _repr_html_(self) -> str:
        return as_html(*self._rows())


def repeat_rates(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    window: float | None = None,
    orders: int = 10,
    level: float = 0.95,
    observation_start: Instant | None = None,
    observation_end: Instant | None = None,
    time_unit: TimeUnit = "W",
    grain: Grain = "D",
) -> RepeatRates:
    """Count, for each order number, who made that many purchases and who went on to the next.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order. Customer and date are read into memory; it is not changed.
    customer, date : str
        Names of the columns of customer ids and of dates or times.
    window : float, optional
        Also estimate the share who buy again within so much time after the purchase, in `time_unit`, from everybody's
        time to the next purchase, censored at the end of observation.
    orders : int
        At most so many order numbers.
    level : float
        How often the intervals hold the truth, between 0 and 1.
    observation_start, observation_end, time_unit, grain
        As in `summarize`.

    Returns
    -------
    RepeatRates

    Raises
    ------
    InvalidInputError
        With every problem of the log, as `summarize` does; if `window`, `orders` or `level` is out of range.

    Notes
    -----
    That the rate rises with the order number does not mean that buying makes buyers: those who buy often are more and
    more among themselves.

    References
    ----------
    .. [1] Clopper & Pearson (1934), Biometrika 26(4), 404-413.
    .. [2] Kaplan & Meier (1958), Journal of the American Statistical Association 53(282), 457-481.

    Examples
    --------
    >>> import customervalue as cv
    >>> rates = repeat_rates(cv.datasets.load_cdnow(), observation_end="1997-09-30", window=13)
    >>> rates.reached[:3], rates.went_on[:3], rates.within[:3].round(3)
    (array([2357,  946,  507]), array([946, 507, 293]), array([0.292, 0.466, 0.571]))
    """
    share_inside, size = check_level(level), check_count(orders)
    horizon = None if window is None else _length(window)
    arguments: dict[str, Any] = {"observation_start": observation_start, "observation_end": observation_end}
    arguments |= {"customer": customer, "date": date, "time_unit": time_unit, "grain": grain}
    found = read_purchases(log, **arguments)
    following = np.append(found.ticks[1:], found.end)
    gap = np.where(found.last, found.end, following) - found.ticks
    length = gap / found.options.ticks_per_unit
    reached = np.bincount(found.number)[1 : size + 1]
    went_on = np.bincount(found.number[~found.last], minlength=reached.size + 1)[1 : reached.size + 1]
    low, high = clopper_pearson(went_on, reached, share_inside)
    within = None
    if horizon is not None:
        of_order = (found.number == k for k in range(1, reached.size + 1))
        within = np.array([_within(length[here], ~found.last[here], horizon, share_inside) for here in of_order])
    return RepeatRates(
        order=np.arange(1, reached.size + 1),
        reached=reached,
        went_on=went_on,
        share=went_on / reached,
        low=low,
        high=high,
        window=horizon,
        within=None if within is None else within[:, 0],
        within_low=None if within is None else within[:, 1],
        within_high=None if within is None else within[:, 2],
        level=share_inside,
        time_unit=time_unit,
        backend=found.backend,
    )


def _length(window: float) -> float:
    value = check_number("window", window)
    if not (value > 0 and math.isfinite(value)):
        raise invalid("window", f"`window` must be finite and above 0, and is {value:g}")
    return value


def _within(length: FloatArray, bought: AnyArray, window: float, level: float) -> tuple[float, float, float]:
    """Share who buy within a window, and its interval; NaN if nobody was watched so long."""
    curve = survival_curve(length, bought, level=level)
    if window > curve.ages[-1] and curve.estimate[-1] > 0:
        return math.nan, math.nan, math.nan
    low, high = curve.interval(window)
    return 1 - float(curve.survival(window)), 1 - float(high), 1 - float(low)
