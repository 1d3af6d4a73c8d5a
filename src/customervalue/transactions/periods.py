"""A log of purchases by calendar period: what each customer did in each week, month, quarter or year."""

from __future__ import annotations

from dataclasses import dataclass, field
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import InvalidInputError, Problem
from customervalue.transactions import _wrapped
from customervalue.transactions._calendar import (
    PERIODS,
    Period,
    check_period_unit,
    period_labels,
    period_of,
    period_starts,
)
from customervalue.transactions._memory import check_rows_in_memory
from customervalue.transactions._options import Options

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray
    from customervalue.transactions import Grain, Instant, OnNegative
    from customervalue.transactions._periods import Activity, Cells

__all__ = [
    "PERIODS",
    "Period",
    "PeriodTable",
    "by_period",
    "check_period_unit",
    "is_complete",
    "period_cells",
    "period_labels",
    "period_of",
    "period_starts",
]


@dataclass(frozen=True, eq=False, repr=False)
class PeriodTable:
    """What each customer did in each calendar period.

    Attributes
    ----------
    customer_id : ndarray, shape (n,)
        Identifiers, ascending (text by code point).
    first_date : ndarray of datetime64[D], shape (n,)
        Day of each customer's first transaction.
    customer : ndarray of int64, shape (m,)
        For every customer and period with a transaction, the place of the customer in `customer_id`; ascending.
    period : ndarray of int64, shape (m,)
        Calendar period, counted since the one that holds 1970-01-01; ascending for each customer. `period_labels` gives
        their names, `period_starts` their first days.
    orders : ndarray of int64, shape (m,)
        Transactions in that period; those within one grain (a day, unless said otherwise) are one.
    value : ndarray of float64, shape (m,), or None
        Total value of that period, in money.
    unit : {"W", "M", "Q", "Y"}
        ISO weeks, calendar months, quarters or years.
    observation_end : datetime64
        Last moment of the observation.
    last_period : int
        The period in which the observation ends.
    last_period_complete : bool
        Whether the observation ends with the last day of that period.
    backend : str or None
        Dataframe library the log came in.

    Examples
    --------
    >>> import customervalue as cv
    >>> by_period(cv.datasets.load_cdnow(), value="value", period="Q", observation_end="1998-06-30")
    PeriodTable: 2,357 customers in 6 quarters, 1997Q1 to 1998Q2
      customer and quarter  4,387 with transactions
      orders                6,696
      value                 244,091.94
      last quarter          complete
    """

    customer_id: AnyArray
    first_date: AnyArray
    customer: IntArray
    period: IntArray
    orders: IntArray
    value: FloatArray | None
    unit: Period
    observation_end: np.datetime64
    last_period: int
    last_period_complete: bool
    backend: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for column in vars(self).values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    def __len__(self) -> int:
        return int(self.customer.size)

    @property
    def first_period(self) -> IntArray:
        """Period of each customer's first transaction, shape (n,)."""
        return period_of(self.first_date, self.unit)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer and period with transactions.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the log came in; a dict of columns if it came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id, period (its label), orders and, if values were given, value.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> log = {"customer_id": [7, 7], "date": np.array(["1997-01-31", "1997-03-01"], dtype="datetime64[D]")}
        >>> by_period(log).to_frame()["period"]
        array(['1997-01', '1997-03'], dtype=object)
        """
        columns = {"customer_id": self.customer_id[self.customer], "period": self._labels(), "orders": self.orders}
        if self.value is not None:
            columns["value"] = self.value
        return _columns.to_frame(columns, backend or self.backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict
            As `to_frame` has it, and unit, observation_end, last_period and last_period_complete.

        Examples
        --------
        >>> log = {"customer_id": [7, 7], "date": np.array(["1997-01-31", "1997-03-01"], dtype="datetime64[D]")}
        >>> by_period(log).to_dict()["orders"]
        [1, 1]
        """
        ids = self.customer_id[self.customer]
        return {
            "unit": self.unit,
            "observation_end": str(self.observation_end),
            "last_period": str(period_labels(self.last_period, self.unit)),
            "last_period_complete": self.last_period_complete,
            "customer_id": (ids if ids.dtype.kind in "biufUO" else ids.astype(str)).tolist(),
            "period": self._labels().tolist(),
            "orders": self.orders.tolist(),
            "value": None if self.value is None else self.value.tolist(),
        }

    def _labels(self) -> AnyArray:
        lowest = int(self.period.min())
        names: AnyArray = period_labels(np.arange(lowest, int(self.period.max()) + 1), self.unit)
        labels: AnyArray = names[self.period - lowest]
        return labels

    def _title(self) -> str:
        unit = {"W": "week", "M": "month", "Q": "quarter", "Y": "year"}[self.unit]
        first, size = int(self.period.min()), self.customer_id.size
        count = self.last_period - first + 1
        names = f"{period_labels(first, self.unit)} to {period_labels(self.last_period, self.unit)}"
        people = "customer" if size == 1 else "customers"
        return f"PeriodTable: {size:,} {people} in {count:,} {unit}{'' if count == 1 else 's'}, {names}"

    def _facts(self) -> list[tuple[str, str]]:
        unit = {"W": "week", "M": "month", "Q": "quarter", "Y": "year"}[self.unit]
        facts = [(f"customer and {unit}", f"{len(self):,} with transactions"), ("orders", f"{self.orders.sum():,}")]
        if self.value is not None:
            facts.append(("value", f"{self.value.sum():,.2f}"))
        return [*facts, (f"last {unit}", "complete" if self.last_period_complete else "observed in part")]

    def __repr__(self) -> str:
        width = max(len(name) for name, _ in self._facts())
        return "\n".join([self._title(), *(f"  {name:<{width}}  {fact}" for name, fact in self._facts())])

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(name)}</th><td>{escape(fact)}</td></tr>" for name, fact in self._facts())
        return f"<table><caption>{escape(self._title())}</caption>{''.join(cells)}</table>"


def by_period(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    value: str | None = None,
    period: Period = "M",
    observation_end: Instant | None = None,
    grain: Grain = "D",
    on_negative: OnNegative = "raise",
) -> PeriodTable:
    """Count what each customer did in each calendar period.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order. It is not changed.
    customer : str
        Name of the column of customer ids: whole numbers, text, or anything else that can be put in order.
    date : str
        Name of the column of dates or times, without a time zone.
    value : str, optional
        Name of the column of values, in money.
    period : {"W", "M", "Q", "Y"}
        ISO weeks (Monday to Sunday), calendar months, quarters or years.
    observation_end : str, date, datetime, datetime64 or Timestamp, optional
        The last moment that counts: later transactions are left out. A date, or a time at midnight, means that whole
        day. By default the last date in the log.
    grain : {"D", "h", "min", "s"}
        Transactions of a customer within one day (hour, minute, second) are one transaction, as in `summarize`; their
        values add up. So the orders of a customer over all periods are his frequency plus one.
    on_negative : {"raise", "net", "drop"}
        What to do with rows of negative value, such as refunds, as in `summarize`: an error, adding them to the same
        customer and grain (a refund on a day of its own is a transaction of negative value), or leaving them out.

    Returns
    -------
    PeriodTable
        One row per customer and period with a transaction, sorted by customer and period.

    Raises
    ------
    InvalidInputError
        With every problem found, as `summarize` does, and if `period` is no unit.

    Notes
    -----
    Logs are grouped in memory or in their engine by the same rules as in `summarize`; what comes out of an engine is
    one row per customer and period.

    References
    ----------
    .. [1] ISO 8601-1:2019, section 4.3.8: the weeks of a year.

    Examples
    --------
    >>> log = {
    ...     "customer_id": ["Ann", "Bob", "Ann", "Ann"],
    ...     "date": np.array(["1997-01-01", "1997-01-08", "1997-03-22", "1997-03-22"], dtype="datetime64[D]"),
    ...     "value": [20.0, 15.0, 30.0, 5.0],
    ... }
    >>> table = by_period(log, value="value", observation_end="1997-03-31")
    >>> table.customer, period_labels(table.period, "M"), table.orders, table.value
    (array([0, 0, 1]), array(['1997-01', '1997-03', '1997-01'], dtype=object), array([1, 1, 1]), array([20., 35., 15.]))
    """
    problems: list[Problem] = []
    options = _options(
        problems,
        customer=customer,
        date=date,
        value=value,
        observation_end=observation_end,
        grain=grain,
        on_negative=on_negative,
    )
    unit = _unit(period, problems)
    done, backend = _activity(log, options, problems, unit)
    last = int(period_of(done.last, unit))
    return PeriodTable(
        customer_id=done.labels,
        first_date=done.first_day.astype("datetime64[D]"),
        customer=done.customer,
        period=done.period,
        orders=done.orders,
        value=done.value,
        unit=unit,
        observation_end=done.last,
        last_period=last,
        last_period_complete=is_complete(done.last, unit, given=options.end is not None),
        backend=backend,
    )


def is_complete(last: np.datetime64, period: Period, *, given: bool) -> bool:
    """Whether a calendar period is over when the observation ends.

    Parameters
    ----------
    last : datetime64
        Last moment of the observation.
    period : {"W", "M", "Q", "Y"}
    given : bool
        Whether the caller named that moment. If it is the last date in the log, its whole day counts as observed.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_complete(np.datetime64("1997-03-31"), "M", given=False)
    True
    """
    following = period_starts(period_of(last, period) + 1, period)
    day = last.astype("datetime64[D]")
    moment = last if given and last.dtype != day.dtype else day + np.timedelta64(1, "D")
    return bool(moment + np.timedelta64(1, "s") >= following)


def period_cells(
    log: Any, problems: list[Problem], *, segment: str | None, period: Any, **arguments: Any
) -> tuple[Cells, str | None, bool]:
    """Add a log up by segment, day of the first purchase and calendar period.

    Parameters
    ----------
    log : mapping or dataframe
        One row per transaction.
    problems : list of Problem
        What was found before; all are raised together with those of the log.
    segment : str or None
        Name of a column that is the same in all rows of a customer.
    period : {"W", "M", "Q", "Y"}
    **arguments
        The others of `by_period`.

    Returns
    -------
    cells : Cells
    backend : str or None
        Dataframe library the log came in.
    complete : bool
        Whether the last period is observed to its end.

    Raises
    ------
    InvalidInputError
        With every problem found; also if a customer has several segments.

    Examples
    --------
    >>> log = {"customer_id": [7, 7], "date": np.array(["1997-01-31", "1997-03-01"], dtype="datetime64[D]")}
    >>> arguments = {"customer": "customer_id", "date": "date", "value": None, "observation_end": None}
    >>> arguments |= {"grain": "D", "on_negative": "raise"}
    >>> cells, _, complete = period_cells(log, [], segment=None, period="M", **arguments)
    >>> cells.active, complete
    (array([1, 1]), False)
    """
    options = _options(problems, segment=segment, **arguments)
    unit = _unit(period, problems)
    frame, backend, lazy = _wrapped(log)
    from customervalue.transactions import _engine, _periods

    fetched = _engine.fetch(frame, options, str(backend)) if lazy else frame
    if fetched is None:
        cells = _periods.cells_in_engine(frame, options, problems, str(backend), unit)
    else:
        rows = check_rows_in_memory(fetched, options, problems, backend, numbered=not lazy)
        cells = _periods.cells_in_memory(rows, options, unit)
    return cells, backend, is_complete(cells.last, unit, given=options.end is not None)


def _options(problems: list[Problem], **arguments: Any) -> Options:
    fixed = {"observation_start": None, "time_unit": "D", "include_first": True}
    return Options.check(problems, **arguments, **fixed)


def _unit(period: Any, problems: list[Problem]) -> Period:
    """The unit, or a problem more; a log with problems is not grouped."""
    try:
        return check_period_unit(period)
    except InvalidInputError as error:
        problems.extend(error.problems)
        return "M"


def _activity(log: Any, options: Options, problems: list[Problem], unit: Period) -> tuple[Activity, str | None]:
    frame, backend, lazy = _wrapped(log)
    from customervalue.transactions import _engine, _periods

    fetched = _engine.fetch(frame, options, str(backend)) if lazy else frame
    if fetched is None:
        return _periods.group_in_engine(frame, options, problems, str(backend), unit), backend
    rows = check_rows_in_memory(fetched, options, problems, backend, numbered=not lazy)
    return _periods.group_in_memory(rows, options, unit), backend
