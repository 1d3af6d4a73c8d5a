"""A log in an engine (Polars lazy, DuckDB, PySpark, Dask): checked by one query and grouped by another.

Group-bys and keyed joins only, and times as whole numbers: window functions, first/last, and arithmetic on durations
differ from engine to engine, or are missing.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import narwhals.stable.v2 as nw
import numpy as np

from customervalue._columns import missing_column
from customervalue.errors import InvalidInputError, Problem
from customervalue.transactions._kernel import as_int64, as_labels
from customervalue.transactions._options import SUBJECT, TICKS_PER_DAY, Options, to_ticks
from customervalue.transactions._rules import (
    SHOWN,
    check_period,
    dates_problem,
    describe,
    no_rows_left,
    rules,
    values_problem,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import AnyArray
    from customervalue.transactions._rules import Rule

__all__ = ["FETCHED_ROWS", "Times", "check_rows_in_engine", "collect", "collected", "fetch", "plan"]

#: A log of whole-number ids in this process is read into memory up to this many rows (24 bytes each): several times
#: faster than any engine groups it.
FETCHED_ROWS = 20_000_000
_IN_PROCESS = ("duckdb", "polars")
_EPOCH_ORDINAL = dt.date(1970, 1, 1).toordinal()


def fetch(frame: nw.LazyFrame[Any], options: Options, backend: str) -> nw.DataFrame[Any] | None:
    """Read the columns of a log into memory if that is safe and quicker than grouping in its engine."""
    schema = frame.collect_schema()
    names = list(dict.fromkeys(options.names.values()))
    if backend not in _IN_PROCESS or any(name not in schema for name in names):
        return None
    if not schema[options.names["customer_id"]].is_integer():
        return None
    if collected(frame.select(rows=nw.len()), backend)["rows"][0] > FETCHED_ROWS:
        return None
    # As expressions: names that are words of SQL are then quoted by every release of narwhals.
    return collected(frame.select(*map(nw.col, names)), backend)


def plan(frame: nw.LazyFrame[Any], options: Options, problems: list[Problem], backend: str) -> nw.LazyFrame[Any]:
    """Check a log, and plan the query that groups it.

    Parameters
    ----------
    frame : narwhals LazyFrame
        One row per transaction.
    options : Options
        What to read, and how to count it.
    problems : list of Problem
        What was found before.
    backend : str
        The engine.

    Returns
    -------
    narwhals LazyFrame
        customer_id, frequency, recency, T and perhaps monetary_value; in no order, not collected.
    """
    rows, times, last = check_rows_in_engine(frame, options, problems, backend)
    return _customers(rows, times, options, int(to_ticks(last, options.grain)))


def check_rows_in_engine(
    frame: nw.LazyFrame[Any], options: Options, problems: list[Problem], backend: str
) -> tuple[nw.LazyFrame[Any], Times, np.datetime64]:
    """Check a log by one query, and plan to take the rows that count.

    Parameters
    ----------
    frame, options, problems, backend
        As in `plan`.

    Returns
    -------
    rows : narwhals LazyFrame
        The columns by role: customer_id, date, and perhaps value and segment.
    times : Times
        Expressions on the dates.
    last : datetime64
        Last moment of the observation.
    """
    schema = frame.collect_schema()
    types = _check_schema(schema, options, problems, backend)
    rows = frame.select(**{role: _column(role, options.names[role], types[role], backend) for role in types})
    times = Times(rows.collect_schema()["date"], options.grain, backend) if "date" in types else None
    size, latest = _check_rows(rows, types, times, options, problems, backend)
    if problems or times is None or latest is None:
        raise InvalidInputError(SUBJECT, problems, size)
    if options.end is not None or options.on_negative == "drop":
        rows = rows.filter(_counted(times, options))
    return rows, times, latest if options.end is None else options.end


def _column(role: str, name: str, dtype: Any, backend: str) -> nw.Expr:
    column = nw.col(name)
    if dtype in (nw.Categorical, nw.Enum):
        return column.cast(nw.String)
    if role == "value" and isinstance(dtype, nw.Decimal):
        return column.cast(nw.Float64)
    # Arrow gives no nanoseconds to Python, and Dask finds no minimum of dates.
    nanoseconds = isinstance(dtype, nw.Datetime) and dtype.time_unit == "ns"
    return column.cast(nw.Datetime("us")) if nanoseconds or (backend == "dask" and dtype == nw.Date) else column


def collect(table: nw.LazyFrame[Any], options: Options, backend: str) -> dict[str, AnyArray]:
    """Collect one row per customer, in ascending order of ids."""
    frame = collected(table, backend)
    if len(frame) == 0:
        raise InvalidInputError(SUBJECT, [no_rows_left(options)])
    frame = frame.sort("customer_id")
    columns = {name: frame[name].to_numpy() for name in frame.columns if name != "customer_id"}
    ids = frame["customer_id"]
    labels = ids.to_numpy() if ids.dtype.is_numeric() or ids.dtype == nw.Boolean else as_labels(ids.to_list())
    return {"customer_id": as_int64(labels), **columns}


def collected(frame: nw.LazyFrame[Any], backend: str) -> nw.DataFrame[Any]:
    names = frame.collect_schema().names()
    done = frame.collect("polars", engine="streaming") if backend == "polars" else frame.collect("pyarrow")
    return done.select(*names)  # Dask adds its index


def _check_schema(schema: Any, options: Options, problems: list[Problem], backend: str) -> dict[str, Any]:
    """Check names and types; give the types of the columns that can be read."""
    absent = dict.fromkeys(name for name in options.names.values() if name not in schema)
    problems.extend(missing_column(str(name), schema) for name in absent)
    types = {role: schema[name] for role, name in options.names.items() if name in schema}
    date, value = types.get("date"), types.get("value")
    found = None
    if isinstance(date, nw.Datetime) and date.time_zone:
        found = dates_problem(options.names["date"], f"time zone {date.time_zone}", backend, zoned=True)
    elif date is not None and date not in (nw.Date, nw.Datetime):
        found = dates_problem(options.names["date"], "text" if date == nw.String else str(date), backend)
    if found is not None:
        problems.append(found)
        del types["date"]
    if value is not None and not value.is_numeric():
        problems.append(values_problem(options.names["value"], "text" if value == nw.String else str(value)))
        del types["value"]
    return types


class Times:
    """Expressions on the date column, free of any session's time zone."""

    def __init__(self, dtype: Any, grain: str, backend: str) -> None:
        self.is_date = dtype == nw.Date
        self.grain = grain
        # Dask has no cheap date type: its days are times at midnight, everywhere else they are dates.
        self._dask = backend == "dask"

    def day(self, column: nw.Expr) -> nw.Expr:
        if self._dask:
            return column.dt.truncate("1d")
        return column if self.is_date else column.cast(nw.Date)

    def before(self, column: nw.Expr, instant: np.datetime64, *, inclusive: bool = False) -> nw.Expr:
        """Whether times are before an instant, or at it."""
        last = instant if inclusive else instant - np.timedelta64(1, "us")
        day = last.astype("datetime64[D]")
        date = dt.datetime.combine(day.item(), dt.time()) if self._dask else day.item()
        if self.is_date or last + np.timedelta64(1, "us") == day + np.timedelta64(1, "D"):
            return self.day(column) <= nw.lit(date)
        clock = self._clock(column) * 1_000_000 + column.dt.microsecond().cast(nw.Int64)
        return (self.day(column) < nw.lit(date)) | (
            (self.day(column) == nw.lit(date)) & (clock <= int((last - day).astype(np.int64)))
        )

    def grains(self, column: nw.Expr) -> nw.Expr:
        """What transactions are grouped by: days as they are (the engines group them best), else whole numbers."""
        if self.grain == "D":
            return self.day(column)
        days = self.days(self.day(column)) * TICKS_PER_DAY[self.grain]
        return days if self.is_date else days + self._clock(column) // (86_400 // TICKS_PER_DAY[self.grain])

    def ticks(self, grains: nw.Expr) -> nw.Expr:
        """Grains as whole numbers since 1970."""
        return self.days(grains) if self.grain == "D" else grains

    def days(self, days: nw.Expr) -> nw.Expr:
        year = days.dt.year().cast(nw.Int64) - 1
        leaps = year // 4 - year // 100 + year // 400
        return year * 365 + leaps + days.dt.ordinal_day().cast(nw.Int64) - _EPOCH_ORDINAL

    def _clock(self, column: nw.Expr) -> nw.Expr:
        hours, minutes, seconds = (
            part.cast(nw.Int64) for part in (column.dt.hour(), column.dt.minute(), column.dt.second())
        )
        return hours * 3600 + minutes * 60 + seconds


def _count(predicate: nw.Expr) -> nw.Expr:
    return nw.when(predicate).then(nw.lit(1)).otherwise(nw.lit(0)).sum()


def _check_rows(
    rows: nw.LazyFrame[Any],
    types: dict[str, Any],
    times: Times | None,
    options: Options,
    problems: list[Problem],
    backend: str,
) -> tuple[int | None, np.datetime64 | None]:
    """Count what is wrong in one query, and fetch the first offending rows only if there are any.

    Returns
    -------
    Rows of the log and its last date, where they can be known.
    """
    if not types:
        return None, None
    checked = {key: (rule, predicate) for key, rule, predicate in _broken(types, options)}
    facts = {key: _count(predicate) for key, (_, predicate) in checked.items()}
    if times is not None:
        facts |= {"earliest": nw.col("date").min(), "latest": nw.col("date").max()}
        if not problems:
            facts["counted"] = _count(_counted(times, options))
    found = collected(rows.select(rows=nw.len(), **facts), backend).rows(named=True)[0]
    size = int(found["rows"])
    if size == 0:
        problems.append(Problem("log", "there must be at least one transaction, and there is none"))
    names = {role: options.names[role] for role in types}
    for key, (rule, predicate) in checked.items():
        if found[key]:
            first = collected(rows.filter(predicate).head(SHOWN), backend).rows(named=True)
            problems.append(rule.problem(int(found[key]), "; ".join(describe(names, row) for row in first)))
    if found.get("latest") is None:
        return size, None
    latest = np.datetime64(found["latest"], "us")
    check_period(options, np.datetime64(found["earliest"], "us"), latest, problems)
    if not problems and not found["counted"]:
        problems.append(no_rows_left(options))
    return size, latest


def _broken(types: dict[str, Any], options: Options) -> Iterator[tuple[str, Rule, nw.Expr]]:
    """The rules on columns that can be read, and the rows that break them."""
    applying = rules(options)
    if "customer_id" in types:
        yield "missing_id", applying["missing_id"], _missing("customer_id", types)
    if "segment" in types:
        yield "missing_segment", applying["missing_segment"], _missing("segment", types)
    if "date" in types:
        yield "missing_date", applying["missing_date"], nw.col("date").is_null()
    if "value" in types:
        value = nw.col("value")
        floats = types["value"].is_float()
        yield "not_finite", applying["not_finite"], value.is_null() | ~value.is_finite() if floats else value.is_null()
        if "negative" in applying:
            yield "negative", applying["negative"], value < 0


def _missing(role: str, types: dict[str, Any]) -> nw.Expr:
    column = nw.col(role)
    return column.is_null() | column.is_nan() if types[role].is_float() else column.is_null()


def _counted(times: Times, options: Options) -> nw.Expr:
    """Rows that the choices of the caller leave."""
    counted = ~nw.col("date").is_null()
    if options.end is not None:
        counted = counted & times.before(nw.col("date"), options.end, inclusive=True)
    if "value" in options.names and options.on_negative == "drop":
        counted = counted & (nw.col("value") >= 0)
    return counted


def _customers(rows: nw.LazyFrame[Any], times: Times, options: Options, end: int) -> nw.LazyFrame[Any]:
    """Group by customer and grain, then by customer."""
    spend = "value" in options.names
    if options.start is not None:
        early = nw.when(times.before(nw.col("date"), options.start)).then(nw.lit(1)).otherwise(nw.lit(0))
        rows = rows.with_columns(early=early)
    extra = [*(["value"] if spend else []), *(["early"] if options.start is not None else [])]
    rows = rows.select("customer_id", *extra, grain=times.grains(nw.col("date")))
    if spend and not options.include_first:
        # The repeat values are added up as they are: the total less the first would cancel.
        firsts = rows.group_by("customer_id").agg(first=nw.col("grain").min())
        repeat = nw.when(nw.col("grain") > nw.col("first")).then(nw.col("value")).otherwise(nw.lit(0.0))
        rows = rows.join(firsts, on="customer_id", how="inner").with_columns(value=repeat)
    sums = {name: nw.col(name).sum() for name in extra}
    grains = rows.group_by("customer_id", "grain").agg(**(sums or {"rows": nw.len()}))
    customers = grains.group_by("customer_id").agg(
        transactions=nw.len(), first=nw.col("grain").min(), last=nw.col("grain").max(), **sums
    )
    if options.start is not None:
        customers = customers.filter(nw.col("early") == 0)
    return _measures(customers, times, options, end)


def _measures(customers: nw.LazyFrame[Any], times: Times, options: Options, end: int) -> nw.LazyFrame[Any]:
    """Turn counts, ticks and totals into frequency, recency, T and monetary value."""
    customers = customers.with_columns(first=times.ticks(nw.col("first")), last=times.ticks(nw.col("last")))
    first, last = nw.col("first"), nw.col("last")
    transactions = nw.col("transactions").cast(nw.Int64)
    # One division of whole numbers by the same float is equal to the last bit in every engine, but Polars multiplies
    # by the reciprocal of a constant: make it a column.
    unit = transactions.cast(nw.Float64) * 0.0 + options.ticks_per_unit
    columns = {
        "frequency": transactions - 1,
        "recency": (last - first).cast(nw.Float64) / unit,
        "T": (nw.lit(end) - first).cast(nw.Float64) / unit,
    }
    if "value" in options.names:
        counted = transactions if options.include_first else transactions - 1
        divisor = nw.when(counted > 0).then(counted).otherwise(nw.lit(1)).cast(nw.Float64)
        columns["monetary_value"] = nw.col("value").cast(nw.Float64) / divisor
    return customers.select("customer_id", **columns)
