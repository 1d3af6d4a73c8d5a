"""From a log to what each customer bought in two windows of time, and for how long he could."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue.errors import InvalidInputError, Problem
from customervalue.transactions import _wrapped
from customervalue.transactions._memory import check_rows_in_memory
from customervalue.transactions._options import Options, check_end, show_time, to_ticks

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.transactions._memory import Rows

__all__ = ["Counted", "count_windows"]

_SUBJECT = "the windows"
_PAIR = "Give a pair of dates, first and last day, both inclusive, or a length in time units."


class Counted(NamedTuple):
    """One row per customer: purchases after his first one, spend and exposures in both windows.

    `earlier` says whether his first purchase lies before the reference window.
    """

    customer_id: AnyArray
    reference: IntArray
    recent: IntArray
    exposure_reference: FloatArray
    exposure_recent: FloatArray
    spend_reference: FloatArray | None
    spend_recent: FloatArray | None
    earlier: BoolArray
    backend: str | None


class _Windows(NamedTuple):
    """First and last grain of each."""

    reference: tuple[int, int]
    recent: tuple[int, int]


def count_windows(log: Any, *, recent: Any, reference: Any, **arguments: Any) -> Counted:
    """Count what each customer bought in two windows.

    Parameters
    ----------
    log : mapping or dataframe
        One row per transaction. One in an engine is read into memory, with no other columns than are needed.
    recent, reference : pair of dates, or float
    **arguments
        customer, date, value, observation_end, grain, time_unit, on_negative, as in `summarize`.

    Returns
    -------
    Counted

    Raises
    ------
    InvalidInputError
        With every problem found.
    """
    problems: list[Problem] = []
    options = Options.check(problems, observation_start=None, include_first=True, **arguments)
    frame, backend, lazy = _wrapped(log)
    if lazy:
        frame = _fetched(frame, options, str(backend))
    if problems:
        # The grain or the time unit may be what is wrong: the windows cannot be read.
        raise InvalidInputError("the transaction log", problems)
    rows = check_rows_in_memory(frame, options, problems, backend, numbered=not lazy)
    windows = _windows(recent, reference, rows.end, options, given=options.end is not None)
    return _count(rows, windows, options, backend)


def _fetched(frame: Any, options: Options, backend: str) -> Any:
    import narwhals.stable.v2 as nw

    from customervalue.transactions import _engine

    present = frame.collect_schema().names()
    names = [name for name in dict.fromkeys(options.names.values()) if name in present]
    # A column that is missing is found by the check in memory.
    return _engine.collected(frame.select(*map(nw.col, names)), backend) if names else frame.head(0).collect("pyarrow")


def _windows(recent: Any, reference: Any, end: np.datetime64, options: Options, *, given: bool) -> _Windows:
    """Both windows in grains, checked against one another and the end of the observation."""
    problems: list[Problem] = []
    last = int(to_ticks(end, options.grain))
    late = _window("recent", recent, last, options, problems)
    if late is None and isinstance(reference, (int, float)):
        raise InvalidInputError(_SUBJECT, problems)
    early = _window("reference", reference, last if late is None else late[0] - 1, options, problems)
    if late is not None and late[1] > last:
        advice = "Let it end earlier" + ("." if given else ", or say with `observation_end` how far the log reaches.")
        rule = f"`recent` must not end after the observation, which ends with {show_time(end)}"
        problems.append(Problem("recent", rule, advice))
    if early is not None and late is not None and early[1] >= late[0]:
        rule = "`reference` must end before `recent` begins; the windows overlap"
        problems.append(Problem("reference", rule, "Both ends of a window belong to it."))
    if problems or early is None or late is None:
        raise InvalidInputError(_SUBJECT, problems)
    return _Windows(early, late)


def _window(name: str, given: Any, last: int, options: Options, problems: list[Problem]) -> tuple[int, int] | None:
    """First and last grain of a window; a length ends with `last`."""
    if isinstance(given, (int, float, np.number)) and not isinstance(given, bool):
        length = float(given) * options.ticks_per_unit
        if not (np.isfinite(length) and length > 0 and length == np.floor(length)):
            rule = f"`{name}` must be a length of time > 0 in whole grains, and is {given:g} ({options.time_unit})"
            problems.append(Problem(name, rule, _PAIR))
            return None
        return last - int(length) + 1, last
    if isinstance(given, str) or not hasattr(given, "__len__") or len(given) != 2:
        problems.append(Problem(name, f"`{name}` must be two dates or a length of time, and is {given!r}", _PAIR))
        return None
    try:
        first, final = (check_end(name, value) for value in given)
    except InvalidInputError as error:
        problems.extend(error.problems)
        return None
    if _start(given[0]):
        first = first.astype("datetime64[D]")
    window = int(to_ticks(first, options.grain)), int(to_ticks(final, options.grain))
    if window[0] > window[1]:
        rule = f"`{name}` must begin before it ends, and is {show_time(first)} to {show_time(final)}"
        problems.append(Problem(name, rule, _PAIR))
        return None
    return window


def _start(value: Any) -> bool:
    """Whether a moment is a day: a window that begins with a day begins with its first grain."""
    moment = check_end("start", value)
    return bool((moment + np.timedelta64(1, "us")).astype("datetime64[D]") > moment)


def _count(rows: Rows, windows: _Windows, options: Options, backend: str | None) -> Counted:
    (r_0, r_1), (c_0, c_1) = windows
    ticks = to_ticks(rows.dates, options.grain)
    kept = ticks <= c_1
    codes, ticks = rows.codes[kept], ticks[kept]
    if not codes.size:
        rule = "there must be a transaction up to the end of the recent window, and there is none"
        raise InvalidInputError(_SUBJECT, [Problem("recent", rule)])
    size = len(rows.labels)
    first = np.full(size, np.iinfo(np.int64).max)
    np.minimum.at(first, codes, ticks)
    later = ticks > first[codes]
    inside = {"reference": later & (ticks >= r_0) & (ticks <= r_1), "recent": later & (ticks >= c_0)}
    present = np.flatnonzero(first < np.iinfo(np.int64).max)
    values = None if rows.values is None else rows.values[kept]

    def purchases(window: str) -> IntArray:
        """Grains with a transaction, by customer."""
        mine, when = codes[inside[window]], ticks[inside[window]] - r_0
        grains = np.unique(mine * (c_1 - r_0 + 1) + when)
        return np.bincount(grains // (c_1 - r_0 + 1), minlength=size)[present].astype(np.int64)

    def spend(window: str) -> FloatArray | None:
        if values is None:
            return None
        money: AnyArray = np.bincount(codes[inside[window]], values[inside[window]], minlength=size)
        return money[present].astype(np.float64)

    began = first[present]
    return Counted(
        customer_id=rows.labels[present],
        reference=purchases("reference"),
        recent=purchases("recent"),
        exposure_reference=np.maximum(r_1 - np.maximum(r_0 - 1, began), 0) / options.ticks_per_unit,
        exposure_recent=np.maximum(c_1 - np.maximum(c_0 - 1, began), 0) / options.ticks_per_unit,
        spend_reference=spend("reference"),
        spend_recent=spend("recent"),
        earlier=began < r_0,
        backend=backend,
    )
