"""The room of transaction logs: a log of purchases in any dataframe, eager or lazy, to one row per customer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from customervalue import _columns
from customervalue.errors import InvalidInputError, Problem
from customervalue.summary import CustomerSummary
from customervalue.transactions._memory import summarize_in_memory
from customervalue.transactions._options import SUBJECT, Options

if TYPE_CHECKING:
    import datetime as dt

    import numpy as np

    from customervalue._typing import AnyArray
    from customervalue.units import TimeUnit

    Instant: TypeAlias = str | dt.date | np.datetime64

__all__ = ["summarize", "summarize_lazy"]

Grain: TypeAlias = Literal["D", "h", "min", "s"]
OnNegative: TypeAlias = Literal["raise", "net", "drop"]


def summarize(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    value: str | None = None,
    time_unit: TimeUnit = "W",
    observation_start: Instant | None = None,
    observation_end: Instant | None = None,
    grain: Grain = "D",
    on_negative: OnNegative = "raise",
    include_first: bool = False,
) -> CustomerSummary:
    """Summarize a log of transactions: frequency, recency, T and monetary value of each customer.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order. It is not changed.
    customer : str
        Name of the column of customer ids: whole numbers, text, or anything else that can be put in order.
    date : str
        Name of the column of dates or times, without a time zone.
    value : str, optional
        Name of the column of values, in money; without it the summary has no monetary value.
    time_unit : {"W", "D", "M", "Y"}
        Unit of recency and T: weeks, days, mean months (365.25/12 days) or mean years (365.25 days).
    observation_start : str, date, datetime, datetime64 or Timestamp, optional
        Customers whose first purchase is before it are left out entirely (see the notes). A date begins at midnight.
    observation_end : str, date, datetime, datetime64 or Timestamp, optional
        The last moment that counts: later transactions are left out. A date, or a time at midnight, means that whole
        day. By default the last date in the log.
    grain : {"D", "h", "min", "s"}
        Transactions of a customer within one day (hour, minute, second) are one transaction; their values add up.
    on_negative : {"raise", "net", "drop"}
        What to do with rows of negative value, such as refunds. ``"raise"`` counts them in an error. ``"net"`` adds
        them to the same customer and grain, literally: the net of a grain may be zero or negative, and still counts as
        a transaction, so a refund on a day of its own is a purchase of negative value. ``"drop"`` leaves these rows
        out before anything is grouped; customers who have no others vanish.
    include_first : bool
        True for the mean value over all transactions, the first among them, instead of the repeat transactions.
        Frequency counts repeat transactions all the same.

    Returns
    -------
    CustomerSummary
        One row per customer, in ascending order of ids (text by code point). Recency and T are exact: whole grains
        divided by the grains in a `time_unit`. `monetary_value` is 0 where it is the mean of nothing.

    Raises
    ------
    InvalidInputError
        With every problem found, how many rows have it and the first of them: columns that are missing, ids, dates or
        values that are missing or not what they should be, negative values, an observation that ends before the first
        transaction, no transactions at all. All rows are checked, those after `observation_end` too.

    Notes
    -----
    **Logs that are cut off on the left bias every model.** A log that begins on 1 January shows the first purchase
    *since then* of a customer who had bought before: old customers pass for new ones, with too short a T. If the log
    does not go back to the first purchase of everyone, set `observation_start` some time after it begins: whoever
    bought before that date is known to be old, and is left out. The longer that stretch is against the time between
    purchases, the fewer old customers slip through.

    A log in memory is grouped by sorting packed whole numbers. PySpark and Dask logs are grouped where they are, and
    only one row per customer comes out; so are Polars LazyFrames and DuckDB relations, unless their ids are whole
    numbers and they have at most 20 million rows: then the two or three columns are read into memory (24 bytes a row),
    where they are grouped several times faster. `summarize_lazy` never reads a lazy log into memory. A lazy log is
    evaluated more than once: if it is itself a costly query, store its result first.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, p. 277: frequency, recency and T.
    .. [2] Fader & Hardie (2013), "The Gamma-Gamma Model of Monetary Value": the mean of the repeat transactions.

    Examples
    --------
    >>> import numpy as np
    >>> log = {
    ...     "customer_id": ["Ann", "Bob", "Ann", "Ann"],
    ...     "date": np.array(["1997-01-01", "1997-01-08", "1997-01-22", "1997-01-22"], dtype="datetime64[D]"),
    ...     "value": [20.0, 15.0, 30.0, 5.0],
    ... }
    >>> customers = summarize(log, value="value", observation_end="1997-02-05")
    >>> customers.customer_id, customers.frequency, customers.recency, customers.T, customers.monetary_value
    (array(['Ann', 'Bob'], dtype=object), array([1, 0]), array([3., 0.]), array([5., 4.]), array([35.,  0.]))
    """
    arguments: dict[str, Any] = {
        "observation_start": observation_start,
        "observation_end": observation_end,
        "grain": grain,
    }
    arguments |= {"time_unit": time_unit, "on_negative": on_negative, "include_first": include_first}
    problems: list[Problem] = []
    options = Options.check(problems, customer=customer, date=date, value=value, **arguments)
    frame, backend, lazy = _wrapped(log)
    if not lazy:
        columns = summarize_in_memory(frame, options, problems, backend)
    else:
        columns = _summarize_lazy_frame(frame, options, problems, str(backend))
    return CustomerSummary(**columns, time_unit=time_unit, includes_first=include_first, backend=backend)


def summarize_lazy(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    value: str | None = None,
    time_unit: TimeUnit = "W",
    observation_start: Instant | None = None,
    observation_end: Instant | None = None,
    grain: Grain = "D",
    on_negative: OnNegative = "raise",
    include_first: bool = False,
) -> Any:
    """Summarize a log of transactions within its own engine, without collecting the result.

    Parameters
    ----------
    log, customer, date, value, time_unit, observation_start, observation_end, grain, on_negative, include_first
        As in `summarize`.

    Returns
    -------
    LazyFrame, DuckDB relation, PySpark or Dask frame; eager frame or dict for a log in memory
        Columns customer_id, frequency, recency, T and, if `value` was given, monetary_value: one row per customer, the
        same as `summarize` gives, not collected. In ascending order of ids, but for Dask, which would have to compute
        to sort.

    Raises
    ------
    InvalidInputError
        As `summarize` does.

    Notes
    -----
    One query runs at once: it checks the log and finds its last date. The table that comes back is a plan, and runs
    when the caller collects it; if `observation_start` leaves no customers, it is empty.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, p. 277: frequency, recency and T.

    Examples
    --------
    >>> import numpy as np
    >>> log = {"customer_id": [7, 7], "date": np.array(["1997-01-01", "1997-01-15"], dtype="datetime64[D]")}
    >>> summarize_lazy(log)
    {'customer_id': array([7]), 'frequency': array([1]), 'recency': array([2.]), 'T': array([2.])}
    """
    arguments: dict[str, Any] = {
        "observation_start": observation_start,
        "observation_end": observation_end,
        "grain": grain,
    }
    arguments |= {"time_unit": time_unit, "on_negative": on_negative, "include_first": include_first}
    problems: list[Problem] = []
    options = Options.check(problems, customer=customer, date=date, value=value, **arguments)
    frame, backend, lazy = _wrapped(log)
    if not lazy:
        return _columns.to_frame(summarize_in_memory(frame, options, problems, backend), backend)
    from customervalue.transactions import _engine

    table = _engine.plan(frame, options, problems, str(backend))
    return (table if backend == "dask" else table.sort("customer_id")).to_native()


def _wrapped(log: Any) -> tuple[Any, str | None, bool]:
    """Look at a log: a mapping or a narwhals frame, the library it came in, and whether it is lazy."""
    if isinstance(log, Mapping):
        return log, None, False
    import narwhals.stable.v2 as nw

    try:
        frame = nw.from_native(log)
    except TypeError:
        rule = f"a log must be a mapping of columns or a dataframe, and is a {type(log).__name__}"
        advice = "Pass a dict of columns, or a pandas, polars, pyarrow, DuckDB, PySpark or Dask frame."
        raise InvalidInputError(SUBJECT, [Problem("log", rule, advice)]) from None
    return frame, frame.implementation.value, isinstance(frame, nw.LazyFrame)


def _summarize_lazy_frame(frame: Any, options: Options, problems: list[Problem], backend: str) -> dict[str, AnyArray]:
    from customervalue.transactions import _engine

    fetched = _engine.fetch(frame, options, backend)
    if fetched is not None:
        return summarize_in_memory(fetched, options, problems, backend, numbered=False)
    return _engine.collect(_engine.plan(frame, options, problems, backend), options, backend)
