"""Activity by calendar period: grouped in memory by packed keys, or in the engine that holds the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import narwhals.stable.v2 as nw
import numpy as np

from customervalue.errors import InvalidInputError, Problem
from customervalue.transactions._calendar import MONTHS, period_of
from customervalue.transactions._engine import Times, check_rows_in_engine, collected
from customervalue.transactions._kernel import as_int64, as_labels
from customervalue.transactions._options import SUBJECT, TICKS_PER_DAY, Options, to_ticks
from customervalue.transactions._rules import SHOWN

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.transactions._calendar import Period
    from customervalue.transactions._memory import Rows

__all__ = ["Activity", "Cells", "cells_in_engine", "cells_in_memory", "group_in_engine", "group_in_memory"]

_BITS = 63
#: Values are added up in a table of all customers and periods while it has at most this many cells per row.
_CELLS_PER_ROW = 4
_EPOCH_ORDINAL = 719_163  # 1970-01-01, in days since 0000-12-31
_EPOCH_WEEK = 102_737  # its week, in weeks since the one that begins on Monday 0001-01-01
_EPOCH_MONTH = 1970 * 12


class Activity(NamedTuple):
    """One row per customer, ascending, and one per customer and period with transactions, in that order."""

    labels: AnyArray
    first_day: IntArray
    customer: IntArray
    period: IntArray
    orders: IntArray
    value: FloatArray | None
    last: np.datetime64


class Cells(NamedTuple):
    """One row per segment, day of the first purchase and period with transactions."""

    segment: IntArray
    segment_labels: AnyArray | None
    first_day: IntArray
    period: IntArray
    active: IntArray
    orders: IntArray
    value: FloatArray | None
    last: np.datetime64


def group_in_memory(rows: Rows, options: Options, period: Period) -> Activity:
    """Group the rows of a log by customer and period.

    Parameters
    ----------
    rows : Rows
        What counts.
    options : Options
        How it counts: transactions within one grain are one.
    period : {"W", "M", "Q", "Y"}

    Returns
    -------
    Activity
    """
    times = _Ticks.of(rows, options, period)
    found = _found(rows, times)
    value = None
    if rows.values is not None:
        value = _sums(rows.codes, times.periods(times.ticks), rows.values, found.codes, found.period)
    return Activity(
        labels=rows.labels[found.codes[found.firsts]],
        first_day=found.first_day,
        customer=found.customer,
        period=found.period,
        orders=found.orders,
        value=value,
        last=rows.end,
    )


def cells_in_memory(rows: Rows, options: Options, period: Period) -> Cells:
    """Add the rows of a log up by segment, first day and period.

    Parameters
    ----------
    rows, options, period
        As in `group_in_memory`.

    Returns
    -------
    Cells
    """
    times = _Ticks.of(rows, options, period)
    found = _found(rows, times)
    present = found.codes[found.firsts]
    own = np.zeros(present.size, np.int64) if rows.segments is None else _one_segment(rows, options)[present]
    earliest, lowest, width = (
        int(found.first_day.min()),
        int(times.of_day[0]),
        int(times.of_day[-1] - times.of_day[0]) + 1,
    )
    days = int(found.first_day.max()) - earliest + 1
    # Where the cells of each customer begin, in a table of segments, first days and periods.
    begin = (own * days + (found.first_day - earliest)) * width - lowest
    cell = begin[found.customer] + found.period
    active = np.bincount(cell)
    cells = np.flatnonzero(active)
    orders: AnyArray = np.bincount(cell, weights=found.orders)
    value: FloatArray | None = None
    if rows.values is not None:
        of_code = np.zeros(int(present[-1]) + 1, np.int64)
        of_code[present] = begin
        sums: AnyArray = np.bincount(of_code[rows.codes] + times.periods(times.ticks), weights=rows.values)
        value = sums[cells]
    group, offset = np.divmod(cells, width)
    segment, day = np.divmod(group, days)
    return Cells(
        segment=segment,
        segment_labels=rows.segment_labels,
        first_day=day + earliest,
        period=offset + lowest,
        active=active[cells],
        orders=orders[cells].astype(np.int64),
        value=value,
        last=rows.end,
    )


class _Ticks(NamedTuple):
    """Times of a log as grains since midnight of its first day, and the period of each of its days."""

    ticks: IntArray
    per_day: int
    first_day: int
    of_day: IntArray

    @classmethod
    def of(cls, rows: Rows, options: Options, period: Period) -> _Ticks:
        ticks, per_day = to_ticks(rows.dates, options.grain), TICKS_PER_DAY[options.grain]
        first = int(ticks.min()) // per_day
        ticks -= first * per_day
        days = first + np.arange(int(ticks.max()) // per_day + 1)
        return cls(ticks, per_day, first, period_of(days, period))

    def days(self, ticks: IntArray) -> IntArray:
        return ticks if self.per_day == 1 else ticks // self.per_day

    def periods(self, ticks: IntArray) -> IntArray:
        periods: IntArray = self.of_day[self.days(ticks)]
        return periods


class _Found(NamedTuple):
    """The distinct customers and periods, in that order, and where in them each customer begins."""

    codes: IntArray
    period: IntArray
    orders: IntArray
    customer: IntArray
    firsts: IntArray
    first_day: IntArray


def _found(rows: Rows, times: _Ticks) -> _Found:
    codes, grains = _distinct(rows.codes, times.ticks)
    days = times.days(grains)
    periods = times.of_day[days]
    changed = _changes(codes)
    starts = np.flatnonzero(changed | _changes(periods))
    found, new_customer = codes[starts], changed[starts]
    firsts = np.flatnonzero(new_customer)
    return _Found(
        codes=found,
        period=periods[starts],
        orders=np.diff(starts, append=codes.size),
        customer=np.cumsum(new_customer) - 1,
        firsts=firsts,
        first_day=days[starts[firsts]] + times.first_day,
    )


def _changes(column: IntArray) -> BoolArray:
    changed = np.ones(column.size, np.bool_)
    np.not_equal(column[1:], column[:-1], out=changed[1:])
    return changed


def _distinct(codes: IntArray, ticks: IntArray) -> tuple[IntArray, IntArray]:
    """The distinct pairs in ascending order, by packed keys sorted once."""
    bits = int(ticks.max()).bit_length()
    code_bits = int(codes.max()).bit_length()
    if code_bits + bits > _BITS:
        times, ranks = np.unique(ticks, return_inverse=True)
        found, places = _distinct(codes, ranks)
        return found, times[places]
    dtype = np.uint32 if code_bits + bits <= np.iinfo(np.uint32).bits else np.int64
    keys: AnyArray = codes.astype(dtype)
    keys <<= dtype(bits)
    keys |= ticks.astype(dtype)
    keys.sort()
    keys = keys[_changes(keys)]
    return (keys >> dtype(bits)).astype(np.int64), (keys & dtype((1 << bits) - 1)).astype(np.int64)


def _sums(codes: IntArray, periods: IntArray, values: FloatArray, found: IntArray, at: IntArray) -> FloatArray:
    """Total value of each (customer, period) that was found."""
    lowest = int(at.min())
    width = int(at.max()) - lowest + 1
    cells = codes * width + (periods - lowest)
    wanted = found * width + (at - lowest)
    size = (int(found[-1]) + 1) * width
    if size <= _CELLS_PER_ROW * codes.size + 1024:
        totals: FloatArray = np.bincount(cells, weights=values, minlength=size)[wanted]
        return totals
    order = np.argsort(cells, kind="stable")
    ordered = cells[order]
    sums: FloatArray = np.add.reduceat(values[order], np.flatnonzero(_changes(ordered)))
    return sums


def _one_segment(rows: Rows, options: Options) -> IntArray:
    """The segment of each code; raise if a customer has several."""
    codes, segments = rows.codes, rows.segments
    assert segments is not None
    own = np.zeros(int(codes.max()) + 1, np.int64)
    own[codes] = segments
    differ = own[codes] != segments
    if differ.any():
        several = np.unique(codes[differ])
        raise _several_segments(several.size, rows.labels[several[:SHOWN]].tolist(), options)
    return own


def _several_segments(count: int, shown: list[Any], options: Options) -> InvalidInputError:
    name = options.names["segment"]
    first = ", ".join(map(repr, shown))
    rule = f"`{name}` must be the same in all rows of a customer, and {count:,} customers have several (first: {first})"
    advice = "A segment is a property of customers. Choose one for each, for example that of the first purchase."
    return InvalidInputError(SUBJECT, [Problem(name, rule, advice)])


def group_in_engine(
    frame: nw.LazyFrame[Any], options: Options, problems: list[Problem], backend: str, period: Period
) -> Activity:
    """Check a log and group it by customer and period in its engine; collect what comes out.

    Parameters
    ----------
    frame : narwhals LazyFrame
        One row per transaction.
    options, problems, backend
        As in `check_rows_in_engine`.
    period : {"W", "M", "Q", "Y"}

    Returns
    -------
    Activity
    """
    rows, times, last = check_rows_in_engine(frame, options, problems, backend)
    table = collected(_by_period(rows, times, options, period), backend).sort("customer_id", "period")
    ids = table["customer_id"]
    listed = ids.to_numpy() if ids.dtype.is_numeric() or ids.dtype == nw.Boolean else as_labels(ids.to_list())
    new_customer = listed[1:] != listed[:-1]
    new_customer = np.concatenate([[True], new_customer])
    firsts = np.flatnonzero(new_customer)
    return Activity(
        labels=as_int64(listed[firsts]),
        first_day=_integers(table["first_day"])[firsts],
        customer=np.cumsum(new_customer) - 1,
        period=_integers(table["period"]),
        orders=_integers(table["orders"]),
        value=_floats(table["value"]) if "value" in options.names else None,
        last=last,
    )


def cells_in_engine(
    frame: nw.LazyFrame[Any], options: Options, problems: list[Problem], backend: str, period: Period
) -> Cells:
    """Check a log and add it up by first day and period in its engine; only the sums are collected.

    Parameters
    ----------
    frame, options, problems, backend, period
        As in `group_in_engine`.

    Returns
    -------
    Cells
    """
    rows, times, last = check_rows_in_engine(frame, options, problems, backend)
    segmented, spend = "segment" in options.names, "value" in options.names
    activity = _by_period(rows, times, options, period)
    ends = {"low": nw.col("low").min(), "high": nw.col("high").max()} if segmented else {}
    customers = activity.group_by("customer_id").agg(first_day=nw.col("first_day").min(), **ends)
    keys = ["first_day", "period"]
    if segmented:
        _check_segments(customers, options, backend)
        keys = ["low", *keys]
    customers = customers.select("customer_id", *keys[:-1])
    sums = {"orders": nw.col("orders").sum()} | ({"value": nw.col("value").sum()} if spend else {})
    joined = activity.select("customer_id", "period", *sums).join(customers, on="customer_id", how="inner")
    table = collected(joined.group_by(*keys).agg(active=nw.len(), **sums), backend).sort(*keys)
    segment, labels = np.zeros(len(table), np.int64), None
    if segmented:
        listed = table["low"].to_list()
        distinct = list(dict.fromkeys(listed))
        places = dict(zip(distinct, range(len(distinct)), strict=True))
        segment, labels = np.array([places[label] for label in listed], np.int64), as_labels(distinct)
    integers = {name: _integers(table[name]) for name in ("first_day", "period", "active", "orders")}
    return Cells(
        segment=segment,
        segment_labels=labels,
        value=_floats(table["value"]) if spend else None,
        last=last,
        **integers,
    )


def _integers(column: Any) -> IntArray:
    return np.asarray(column.to_numpy()).astype(np.int64)


def _floats(column: Any) -> FloatArray:
    return np.asarray(column.to_numpy()).astype(np.float64)


def _check_segments(customers: nw.LazyFrame[Any], options: Options, backend: str) -> None:
    several = customers.filter(nw.col("low") != nw.col("high")).select("customer_id")
    count = int(collected(several.select(rows=nw.len()), backend)["rows"][0])
    if count:
        shown = collected(several.sort("customer_id").head(SHOWN), backend)["customer_id"].to_list()
        raise _several_segments(count, shown, options)


def _by_period(rows: nw.LazyFrame[Any], times: Times, options: Options, period: Period) -> nw.LazyFrame[Any]:
    """Group by customer and grain, then by customer and period."""
    date = nw.col("date")
    extra = {}
    if options.grain != "D":
        extra["grain"] = times.grains(date)
    sums, ends = {}, {}
    if "value" in options.names:
        extra["value"], sums["value"] = nw.col("value"), nw.col("value").sum()
    if "segment" in options.names:
        extra |= {"low": nw.col("segment"), "high": nw.col("segment")}
        ends = {"low": nw.col("low").min(), "high": nw.col("high").max()}
    keys = ["customer_id", "day", *(["grain"] if options.grain != "D" else [])]
    grains = rows.select("customer_id", day=times.day(date), **extra)
    grains = grains.group_by(*keys).agg(**((sums | ends) or {"rows": nw.len()}))
    days = grains.with_columns(first_day=times.days(nw.col("day")), period=_period(times, period))
    grouped = days.group_by("customer_id", "period").agg(
        orders=nw.len(), first_day=nw.col("first_day").min(), **sums, **ends
    )
    return grouped.with_columns(orders=nw.col("orders").cast(nw.Int64))


def _period(times: Times, period: Period) -> nw.Expr:
    """The period of a day, in arithmetic of whole numbers > 0: engines differ on the others."""
    day = nw.col("day")
    if period == "W":
        return (times.days(day) + (_EPOCH_ORDINAL - 1)) // 7 - _EPOCH_WEEK
    months = day.dt.year().cast(nw.Int64) * 12 + day.dt.month().cast(nw.Int64) - 1
    return months - _EPOCH_MONTH if period == "M" else months // MONTHS[period] - _EPOCH_MONTH // MONTHS[period]
