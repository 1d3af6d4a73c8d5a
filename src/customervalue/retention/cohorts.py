"""Cohorts: what customers who came in the same calendar period did at each age since."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from customervalue.retention._cohort_cells import arrays_of_cells, check_units
from customervalue.retention._cohort_results import CellInterval, CohortAverage, CohortComparison
from customervalue.retention._cohort_table import CohortTable
from customervalue.transactions.periods import period_cells

if TYPE_CHECKING:
    from customervalue.errors import Problem
    from customervalue.transactions import Grain, Instant, OnNegative
    from customervalue.transactions.periods import Period

__all__ = ["CellInterval", "CohortAverage", "CohortComparison", "CohortTable", "cohort_table"]


def cohort_table(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    value: str | None = None,
    cohort: Period = "M",
    period: Period = "M",
    observation_end: Instant | None = None,
    segment: str | None = None,
    grain: Grain = "D",
    on_negative: OnNegative = "raise",
) -> CohortTable:
    """Follow customers who came in the same calendar period: how many were active at each age, their orders and spend.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order, from the first transaction of every customer on. It is not changed.
    customer : str
        Name of the column of customer ids: whole numbers, text, or anything else that can be put in order.
    date : str
        Name of the column of dates or times, without a time zone.
    value : str, optional
        Name of the column of values, in money; without it the table has no spend.
    cohort : {"W", "M", "Q", "Y"}
        Customers are in the cohort of the ISO week, calendar month, quarter or year of their first transaction.
    period : {"W", "M", "Q", "Y"}
        Unit of the ages; not longer than `cohort`.
    observation_end : str, date, datetime, datetime64 or Timestamp, optional
        The last moment that counts: later transactions are left out. A date, or a time at midnight, means that whole
        day. By default the last date in the log; say it, if the log was kept for longer than someone bought.
    segment : str, optional
        Name of a column that says to which part of the base a customer belongs; the same in all of his rows.
    grain : {"D", "h", "min", "s"}
        Transactions of a customer within one day (hour, minute, second) are one order, as in `summarize`; their values
        add up.
    on_negative : {"raise", "net", "drop"}
        What to do with rows of negative value, such as refunds, as in `summarize`: an error, adding them to the same
        customer and grain (a refund on a day of its own is an order of negative value), or leaving them out.

    Returns
    -------
    CohortTable

    Raises
    ------
    InvalidInputError
        With every problem found: units that are not known, cohorts shorter than periods, columns that are missing or
        hold something else, missing ids, dates or segments, negative values, an observation that ends before the first
        transaction. Also if a customer has several segments.

    Notes
    -----
    Age 0 is the calendar period of a customer's own first transaction, also where cohorts are longer than periods: with
    cohorts of quarters and ages in months, someone who came in February has age 1 in March, and someone who came in
    March has it in April. A cell is shown once every customer of the cohort has reached that age, and is NaN before.
    Age 0 is shorter than the others, on average by half, as people come in the middle of it.

    A log that begins after its customers did puts old customers into its first cohorts. Leave those cohorts out.

    A log in memory, and one of at most 20 million rows and whole-number ids in Polars or DuckDB, is added up by sorting
    packed whole numbers. Any other is added up in its engine, and only sums by day of the first purchase and period
    come out.

    References
    ----------
    .. [1] Fader, Hardie & Ross (2022), The Customer-Base Audit, lenses 3 and 4: a cohort over time, and cohorts at the
       same age.

    Examples
    --------
    >>> import customervalue as cv
    >>> table = cohort_table(cv.datasets.load_cdnow(), value="value", observation_end="1997-06-30")
    >>> table
    CohortTable: 3 monthly cohorts, 2,357 customers, ages 0 to 5 months, observed until 1997-06-30
    retention in %
      cohort   size  0    1     2     3     4    5
      1997-01  781   100  15.9  12.2  9.0   8.3  9.9
      1997-02  857   100  15.6  12.8  8.8   9.0
      1997-03  719   100  12.1  11.7  10.8
    >>> table.cumulative_spend().round(2)
    array([[36.61, 45.58, 51.01, 55.82, 60.73, 65.27],
           [39.01, 46.5 , 52.31, 56.5 , 60.23,   nan],
           [45.64, 51.34, 56.15, 60.55,   nan,   nan]])
    """
    problems: list[Problem] = []
    check_units(cohort, period, problems)
    arguments = {"customer": customer, "date": date, "value": value, "observation_end": observation_end}
    arguments |= {"grain": grain, "on_negative": on_negative}
    cells, backend, complete = period_cells(log, problems, segment=segment, period=period, **arguments)
    whole, parts = arrays_of_cells(cells, (cohort, period), complete=complete)
    common: dict[str, Any] = {
        "cohort_unit": cohort,
        "unit": period,
        "observation_end": cells.last,
        "backend": backend,
    }
    return CohortTable(
        **whole,
        **common,
        segments=tuple(parts),
        parts=tuple(CohortTable(**part, **common) for part in parts.values()),
    )
