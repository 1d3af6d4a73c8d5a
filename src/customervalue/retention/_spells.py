"""Dates in tables and logs as whole grains of time: spells with a start and an end, and the purchases of a customer."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue.errors import AssumptionWarning, InvalidInputError, Problem
from customervalue.transactions import _wrapped
from customervalue.transactions._memory import (
    _codes,
    _dates,
    _found,
    _missing,
    _read,
    check_rows_in_memory,
)
from customervalue.transactions._options import Options, show_time, to_ticks

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["Purchases", "Spells", "read_purchases", "read_spells"]

_SUBJECT = "the table of starts and ends"
_BITS = 62


class Spells(NamedTuple):
    """Rows that count, in the order of the table; times in `time_unit`."""

    duration: FloatArray
    ended: BoolArray
    entry: FloatArray | None
    customer_id: AnyArray | None
    left_out: dict[str, int]
    backend: str | None


class Purchases(NamedTuple):
    """One row per customer and grain with a purchase, by customer and time.

    `number` counts the purchases of a customer from 1; `last` marks his last; `end` is the grain of the end.
    """

    codes: IntArray
    ticks: IntArray
    number: IntArray
    last: BoolArray
    labels: AnyArray
    end: int
    options: Options
    backend: str | None


def _in_memory(table: Any, names: Any) -> tuple[Any, str | None, bool]:
    """A mapping or an eager frame, read into memory if need be; its library, and whether its rows have numbers."""
    frame, backend, lazy = _wrapped(table)
    if lazy:
        import narwhals.stable.v2 as nw

        from customervalue.transactions import _engine

        available = frame.collect_schema().names()
        wanted = [name for name in dict.fromkeys(names) if name in available]
        # As expressions: names that are words of SQL are then quoted by every release of narwhals.
        frame = _engine.collected(frame.select(*map(nw.col, wanted or available[:1])), str(backend))
        if len(wanted) < len(set(names)):  # the message about those that are missing lists all that are there
            frame = frame.with_columns(**{name: nw.lit(0) for name in available if name not in frame.columns})
    return frame, backend, not lazy


def read_purchases(log: Any, **arguments: Any) -> Purchases:
    """Read and check the purchases in a log; those of a customer within one grain are one.

    Parameters
    ----------
    log : mapping or dataframe
        A lazy one is read into memory, customer and date only.
    **arguments
        customer, date, observation_start, observation_end, time_unit and grain, as in `summarize`.

    Returns
    -------
    Purchases
    """
    problems: list[Problem] = []
    options = Options.check(problems, value=None, on_negative="raise", include_first=True, **arguments)
    frame, backend, numbered = _in_memory(log, options.names.values())
    rows = check_rows_in_memory(frame, options, problems, backend, numbered=numbered)
    codes, ticks = _distinct(rows.codes, to_ticks(rows.dates, options.grain))
    new = np.concatenate([[True], codes[1:] != codes[:-1]])
    firsts = np.flatnonzero(new)
    number = np.arange(codes.size) - np.repeat(firsts, np.diff(firsts, append=codes.size)) + 1
    end = int(to_ticks(rows.end, options.grain))
    return Purchases(codes, ticks, number, np.append(new[1:], True), rows.labels, end, options, backend)


def _distinct(codes: IntArray, ticks: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct pairs in ascending order."""
    lowest = int(ticks.min())
    span = int(ticks.max()) - lowest + 1
    if int(codes.max()).bit_length() + span.bit_length() > _BITS:
        times, ranks = np.unique(ticks, return_inverse=True)
        found, places = _distinct(codes, ranks)
        return found, times[places]
    keys = codes * span + (ticks - lowest)
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    found, offsets = np.divmod(keys, span)
    return found, offsets + lowest


def read_spells(table: Any, start: str, end: str, customer: str | None, **arguments: Any) -> Spells:
    """Read and check starts and ends, and turn them into durations with censoring and late entry.

    Parameters
    ----------
    table : mapping or dataframe
    start, end, customer : str
        Names of columns.
    **arguments
        observation_start, observation_end, time_unit and grain, as in `durations`.

    Returns
    -------
    Spells
    """
    problems: list[Problem] = []
    fixed = {"customer": start, "date": end, "value": None, "on_negative": "raise", "include_first": True}
    options = Options.check(problems, **fixed, **arguments)
    if arguments["observation_end"] is None:
        advice = "Up to its last moment it is known who has left; who had not by then is censored there."
        problems.append(Problem("observation_end", "`observation_end` must be given", advice))
    roles = {"start": start, "end": end} | ({} if customer is None else {"customer_id": customer})
    frame, backend, numbered = _in_memory(table, roles.values())
    columns = _read(frame, replace(options, names=roles), problems)
    size = _size(columns, roles, problems)
    dates = {role: _column_of_dates(roles[role], columns.get(role), backend, problems) for role in ("start", "end")}
    if customer is not None and "customer_id" in columns:
        _check_ids(columns["customer_id"], customer, problems)
    begin, finish = dates["start"], dates["end"]
    if size and begin is not None and finish is not None:
        _check_order(roles, begin, finish, options, problems, numbered=numbered)
    if problems or begin is None or finish is None:
        raise InvalidInputError(_SUBJECT, problems, size)
    ids = (
        None
        if customer is None
        else np.asarray(columns["customer_id"].to_numpy() if backend else columns["customer_id"])
    )
    return _spells(begin, finish, ids, options, backend)


def _size(columns: dict[str, Any], roles: dict[str, str], problems: list[Problem]) -> int | None:
    sizes = {roles[role]: len(column) for role, column in columns.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        problems.append(Problem("columns", f"all columns must have the same length, and have {listed}"))
        return None
    size = next(iter(sizes.values()), None)
    if size == 0:
        problems.append(Problem("table", "there must be at least one row, and there is none"))
    return size


def _column_of_dates(name: str, column: Any, backend: str | None, problems: list[Problem]) -> AnyArray | None:
    if column is None:
        return None
    if len(column) and bool(_missing(column).all()):
        return np.full(len(column), np.datetime64("NaT", "us"))
    return _found(_dates(name, column, backend), problems)


def _check_ids(column: Any, name: str, problems: list[Problem]) -> None:
    missing = _missing(column)
    if missing.any():
        advice = "Leave out rows without a customer (and say how many), or find out whose they are."
        count, first = int(np.count_nonzero(missing)), f"row {int(np.argmax(missing))}"
        problems.append(Problem(name, f"`{name}` must not be missing", advice, count, first))
        return
    try:
        codes, _ = _codes(column) if len(column) else (np.zeros(0, np.int64), None)
    except TypeError as error:
        advice = f"Make them all text, or all numbers ({error})."
        problems.append(Problem(name, f"`{name}` must hold ids that can be put in order", advice))
        return
    rows = np.bincount(codes) if codes.size else codes
    if np.any(rows > 1):
        text = (
            f"{np.count_nonzero(rows > 1):,} customers stand in more than one row. Each row counts as a customer of "
            "its own, and intervals take them to be independent: they are too narrow if the same people leave again."
        )
        warnings.warn(text, AssumptionWarning, stacklevel=4)


def _check_order(
    roles: dict[str, str],
    begin: AnyArray,
    finish: AnyArray,
    options: Options,
    problems: list[Problem],
    *,
    numbered: bool,
) -> None:
    start, end = roles["start"], roles["end"]

    def report(broken: BoolArray, name: str, rule: str, advice: str) -> None:
        count = int(np.count_nonzero(broken))
        if count:
            row = int(np.argmax(broken))
            cells = [f"row {row}"] if numbered else []
            cells += [f"{start}={show_time(begin[row])}"] * (not np.isnat(begin[row]))
            cells += [f"{end}={show_time(finish[row])}"] * (not np.isnat(finish[row]))
            problems.append(Problem(name, rule, advice, count, ", ".join(cells)))

    advice = "Leave out customers whose start is not known (and say how many)."
    report(np.isnat(begin), start, f"`{start}` must not be missing", advice)
    if options.grain is None or begin.shape != finish.shape:
        return
    both = ~np.isnat(begin) & ~np.isnat(finish)
    wrong = np.zeros(begin.size, np.bool_)
    wrong[both] = to_ticks(finish[both], options.grain) < to_ticks(begin[both], options.grain)
    report(wrong, end, f"`{end}` must not be before `{start}`", "A missing end means: still there.")


def _spells(begin: AnyArray, finish: AnyArray, ids: AnyArray | None, options: Options, backend: str | None) -> Spells:
    begun = to_ticks(begin, options.grain)
    last = int(to_ticks(options.end, options.grain))
    ended = ~np.isnat(finish) & (finish <= options.end)
    stop = np.full(begin.size, last)
    stop[ended] = to_ticks(finish[ended], options.grain)
    late = begin > options.end
    left_out = {"started after observation_end": int(np.count_nonzero(late))}
    unit, entry, counted = options.ticks_per_unit, None, ~late
    if options.start is not None:
        opening = int(to_ticks(options.start, options.grain))
        unseen = counted & (begun < opening) & (stop <= opening)
        left_out["gone by observation_start"] = int(np.count_nonzero(unseen))
        counted &= ~unseen
        entry = (np.maximum(opening - begun, 0) / unit)[counted]
    if not counted.any():
        listed = ", ".join(f"{count:,} {reason}" for reason, count in left_out.items() if count)
        rule = f"nobody was there during the observation: {listed}"
        raise InvalidInputError(_SUBJECT, [Problem("table", rule, "Check the dates of the observation.")], begin.size)
    duration = (stop - begun)[counted] / unit
    return Spells(duration, ended[counted], entry, None if ids is None else ids[counted], left_out, backend)
