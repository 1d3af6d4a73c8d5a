"""A log in memory: its columns as arrays, checked, and grouped by the kernel."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._columns import missing_column
from customervalue.errors import InvalidInputError, Problem
from customervalue.transactions._kernel import as_int64, as_labels, code_integers, code_values, collapse
from customervalue.transactions._options import SUBJECT, Options, to_ticks
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
    from customervalue._typing import AnyArray, BoolArray, IntArray

__all__ = ["Rows", "check_rows_in_memory", "summarize_in_memory"]


class Rows(NamedTuple):
    """The rows of a log that count.

    `codes` are places in `labels`, which ascend and may hold ids that do not occur; `segments` are places in
    `segment_labels`; `end` is the last moment of the observation.
    """

    codes: IntArray
    labels: AnyArray
    dates: AnyArray
    values: AnyArray | None
    segments: IntArray | None
    segment_labels: AnyArray | None
    end: np.datetime64


def summarize_in_memory(
    log: Any, options: Options, problems: list[Problem], backend: str | None, *, numbered: bool = True
) -> dict[str, AnyArray]:
    """Group a mapping of columns or an eager narwhals frame.

    Parameters
    ----------
    log, options, problems, backend, numbered
        As in `check_rows_in_memory`.

    Returns
    -------
    dict of ndarray
        customer_id, frequency, recency, T and perhaps monetary_value; ascending ids.
    """
    return _group(check_rows_in_memory(log, options, problems, backend, numbered=numbered), options)


def check_rows_in_memory(
    log: Any, options: Options, problems: list[Problem], backend: str | None, *, numbered: bool = True
) -> Rows:
    """Check a mapping of columns or an eager narwhals frame, code its ids, and take the rows that count.

    Parameters
    ----------
    log : mapping or narwhals DataFrame
        One row per transaction.
    options : Options
        What to read, and how to count it.
    problems : list of Problem
        What was found before.
    backend : str or None
        The library of the log, for the advice in messages.
    numbered : bool
        Whether rows have numbers that the caller knows.

    Returns
    -------
    Rows
    """
    columns = _read(log, options, problems)
    sizes = {options.names[role]: len(column) for role, column in columns.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        problems.append(Problem("columns", f"all columns must have the same length, and have {listed}"))
        raise InvalidInputError(SUBJECT, problems)
    rows = next(iter(sizes.values()), None)
    if rows == 0:
        problems.append(Problem("log", "there must be at least one transaction, and there is none"))
    dates, values = columns.get("date"), columns.get("value")
    if dates is not None:
        dates = _found(_dates(options.names["date"], dates, backend), problems)
    if values is not None:
        values = _found(_values(options.names["value"], values), problems)
    if rows:
        known = {"date": dates, "value": values}
        _check_rows(
            columns,
            {role: array for role, array in known.items() if array is not None},
            options,
            problems,
            numbered=numbered,
        )
    if problems or dates is None:
        raise InvalidInputError(SUBJECT, problems, rows)
    return _counted(columns["customer_id"], dates, values, columns.get("segment"), options)


def _found(result: AnyArray | Problem, problems: list[Problem]) -> AnyArray | None:
    if isinstance(result, Problem):
        problems.append(result)
        return None
    return result


def _read(log: Any, options: Options, problems: list[Problem]) -> dict[str, Any]:
    """Take the columns out of the log, as arrays or series; those that are not there are problems."""
    available = list(log) if isinstance(log, Mapping) else log.columns
    absent = [name for name in options.names.values() if name not in available]
    problems.extend(missing_column(name, available) for name in dict.fromkeys(map(str, absent)))
    present = {role: name for role, name in options.names.items() if name not in absent}
    if not isinstance(log, Mapping):
        return {role: log[name] for role, name in present.items()}
    columns = {}
    for role, name in present.items():
        column = _array(log[name])
        if column.ndim == 1:
            columns[role] = column
        else:
            rule = f"`{name}` must be one-dimensional, and has shape {column.shape}"
            problems.append(Problem(name, rule))
    return columns


def _array(values: Any) -> AnyArray:
    if np.ma.isMaskedArray(values):
        array = np.array(values.data)
        empty = {"M": np.datetime64("NaT", "us"), "f": np.nan}.get(array.dtype.kind)
        array = array.astype(object) if empty is None else array
        array[np.ma.getmaskarray(values)] = empty
        return array
    if isinstance(values, (list, tuple)):
        # NumPy would turn a list of numbers and text into text.
        plain = np.asarray(values) if len(set(map(type, values))) == 1 else as_labels(list(values))
        return plain if plain.dtype.kind != "U" else plain.astype(object)
    return np.asarray(values)


def _native(column: Any) -> AnyArray:
    """A column as an array of whatever type it has."""
    array: AnyArray = column if isinstance(column, np.ndarray) else column.to_numpy()
    return array


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NaTType", "NAType"):
        return True
    return isinstance(value, (float, np.floating, np.datetime64)) and bool(value != value)


def _missing(column: Any) -> BoolArray:
    """Rows without a value."""
    nulls: BoolArray | None = None if isinstance(column, np.ndarray) else column.is_null().to_numpy()
    if nulls is not None and (nulls.any() or column.dtype.is_integer() or column.dtype == _narwhals().String):
        return nulls
    array = _native(column)
    if array.dtype.kind == "O":
        return np.fromiter(map(_is_missing, array.tolist()), np.bool_, array.size)
    if array.dtype.kind in "fcMm":
        return np.isnan(array) if array.dtype.kind in "fc" else np.isnat(array)
    return np.zeros(array.size, np.bool_)


def _narwhals() -> Any:
    import narwhals.stable.v2 as nw

    return nw


def _dates(name: str, column: Any, backend: str | None) -> AnyArray | Problem:
    """Dates as datetime64, missing ones as NaT."""
    if not isinstance(column, np.ndarray) and column.dtype == _narwhals().Datetime and column.dtype.time_zone:
        return dates_problem(name, f"time zone {column.dtype.time_zone}", backend, zoned=True)
    array = _native(column)
    if array.dtype.kind == "M":
        return array
    if array.dtype.kind != "O":
        found = "text" if array.dtype.kind in "US" else str(array.dtype)
        return dates_problem(name, found, backend)
    listed = [None if _is_missing(value) else value for value in array.tolist()]
    for value in listed:
        if value is not None and not isinstance(value, (dt.date, np.datetime64)):
            found = "text" if isinstance(value, (str, bytes)) else type(value).__name__
            return dates_problem(name, found, backend)
        if isinstance(value, dt.datetime) and value.tzinfo is not None:
            return dates_problem(name, f"time zone {value.tzinfo}", backend, zoned=True)
    return np.array(listed, dtype="datetime64[us]")


def _values(name: str, column: Any) -> AnyArray | Problem:
    """Values as float64, missing ones as NaN."""
    if not isinstance(column, np.ndarray):
        if column.dtype.is_numeric():
            return np.asarray(column.cast(_narwhals().Float64).to_numpy(), dtype=np.float64)
        column = column.to_numpy()
    if column.dtype.kind in "iuf":
        return np.asarray(column, dtype=np.float64)
    if column.dtype.kind == "O":
        listed = [np.nan if _is_missing(value) else value for value in column.tolist()]
        for value in listed:
            if isinstance(value, bool) or not isinstance(value, (int, float, Decimal, np.integer, np.floating)):
                return values_problem(name, "text" if isinstance(value, (str, bytes)) else type(value).__name__)
        return np.array(listed, dtype=np.float64)
    return values_problem(name, "text" if column.dtype.kind in "US" else str(column.dtype))


def _check_rows(
    columns: dict[str, Any], known: dict[str, AnyArray], options: Options, problems: list[Problem], *, numbered: bool
) -> None:
    """Check the rows of all columns that could be read, and the period against the dates."""
    broken: dict[str, BoolArray] = {}
    if "customer_id" in columns:
        broken["missing_id"] = _missing(columns["customer_id"])
    if "segment" in columns:
        broken["missing_segment"] = _missing(columns["segment"])
    if "date" in known:
        broken["missing_date"] = np.isnat(known["date"])
    if "value" in known:
        broken["not_finite"] = ~np.isfinite(known["value"])
        broken["negative"] = known["value"] < 0
    shown = {role: known.get(role, column) for role, column in columns.items()}
    names = {role: options.names[role] for role in shown}
    for key, rule in rules(options).items():
        if key in broken and broken[key].any():
            first = np.flatnonzero(broken[key])[:SHOWN].tolist()
            cells = ({role: column[row] for role, column in shown.items()} for row in first)
            text = "; ".join(
                describe(names, cell, row if numbered else None) for row, cell in zip(first, cells, strict=True)
            )
            problems.append(rule.problem(int(np.count_nonzero(broken[key])), text))
    if "date" in known and not broken["missing_date"].all():
        check_period(options, np.nanmin(known["date"]), np.nanmax(known["date"]), problems)


def _codes(ids: Any) -> tuple[IntArray, AnyArray]:
    """Code ids in ascending order."""
    if isinstance(ids, np.ndarray) or ids.dtype != _narwhals().String:
        array = _native(ids)
        return code_integers(as_int64(array)) if array.dtype.kind in "iu" else code_values(array)
    # The library's own hash join codes text several times faster than Python does.
    frame = ids.alias("id").to_frame().with_row_index("row")
    labels = frame.select("id").unique("id").sort("id").with_row_index("code")
    coded = frame.join(labels, on="id", how="inner")
    codes = np.empty(len(ids), np.int64)
    codes[coded["row"].to_numpy()] = coded["code"].to_numpy()
    return codes, as_labels(labels["id"].to_list())


def _coded(ids: Any, role: str, options: Options) -> tuple[IntArray, AnyArray]:
    """Code a column, or say that what it holds cannot be put in order."""
    try:
        return _codes(ids)
    except TypeError as error:
        name = options.names[role]
        what = "ids" if role == "customer_id" else "values"
        advice = f"Make them all text, or all numbers ({error})."
        problem = Problem(name, f"`{name}` must hold {what} that can be put in order", advice)
        raise InvalidInputError(SUBJECT, [problem], len(ids)) from None


def _counted(ids: Any, dates: AnyArray, values: AnyArray | None, segment: Any, options: Options) -> Rows:
    """Take the rows that count."""
    codes, labels = _coded(ids, "customer_id", options)
    segments, segment_labels = (None, None) if segment is None else _coded(segment, "segment", options)
    end = np.datetime64(dates.max()) if options.end is None else options.end
    counted = np.ones(len(dates), np.bool_) if options.end is None else dates <= options.end
    if values is not None and options.on_negative == "drop":
        counted &= values >= 0
    if options.start is not None:
        early = np.zeros(len(labels), np.bool_)
        early[codes[counted & (dates < options.start)]] = True
        counted &= ~early[codes]
    if not counted.any():
        raise InvalidInputError(SUBJECT, [no_rows_left(options)], len(dates))
    if not counted.all():
        codes, dates = codes[counted], dates[counted]
        values = None if values is None else values[counted]
        segments = None if segments is None else segments[counted]
    return Rows(codes, labels, dates, values, segments, segment_labels, end)


def _group(rows: Rows, options: Options) -> dict[str, AnyArray]:
    """Collapse the rows that count to one row per customer."""
    end = to_ticks(rows.end, options.grain)
    done = collapse(rows.codes, to_ticks(rows.dates, options.grain), rows.values, include_first=options.include_first)
    frequency = done.transactions - 1
    columns = {
        "customer_id": rows.labels[done.codes],
        "frequency": frequency,
        "recency": (done.last - done.first) / options.ticks_per_unit,
        "T": (end - done.first) / options.ticks_per_unit,
    }
    if done.total is not None:
        columns["monetary_value"] = done.total / np.maximum(frequency + options.include_first, 1)
    return columns
