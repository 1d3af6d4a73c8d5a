"""The arrays of a cohort table: made of what a log adds up to, or of a table of counts that someone else made."""

from __future__ import annotations

import datetime as dt
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import InvalidInputError, Problem
from customervalue.transactions.periods import PERIODS, period_labels, period_of, period_starts

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.transactions._periods import Cells
    from customervalue.transactions.periods import Period

__all__ = ["arrays_of_cells", "arrays_of_frame", "check_units", "empty", "frame_columns"]

_SUBJECT = "the cohort counts"
_LABELS = {
    "W": re.compile(r"(\d{4})-?W(\d{2})"),
    "M": re.compile(r"(\d{4})-(\d{2})"),
    "Q": re.compile(r"(\d{4})-?Q([1-4])"),
    "Y": re.compile(r"(\d{4})()"),
}


def check_units(cohort: Any, period: Any, problems: list[Problem]) -> None:
    """Cohorts must be known units, and no shorter than the periods.

    Examples
    --------
    >>> problems = []
    >>> check_units("W", "M", problems)
    >>> problems[0].argument
    'cohort'
    """
    if not isinstance(cohort, str) or cohort not in PERIODS:
        rule = f"`cohort` must be one of {', '.join(map(repr, PERIODS))}, and is {cohort!r}"
        problems.append(Problem("cohort", rule, "ISO weeks, calendar months, quarters or years."))
    elif isinstance(period, str) and period in PERIODS and PERIODS.index(cohort) < PERIODS.index(period):
        rule = f"cohorts must not be shorter than periods, and are {cohort!r} against {period!r}"
        problems.append(Problem("cohort", rule, f"Use cohort={period!r}, or a shorter `period`."))


def empty(shape: tuple[int, int], reach: IntArray) -> FloatArray:
    """Zeros in the cells that have happened, NaN in those that have not."""
    cells = np.zeros(shape)
    cells[np.arange(shape[1]) > reach[:, None]] = np.nan
    return cells


def _reach(cohort: IntArray, units: tuple[Period, Period], last: int) -> IntArray:
    """The age that all customers of a cohort have reached."""
    latest = period_of(period_starts(cohort + 1, units[0]) - np.timedelta64(1, "D"), units[1])
    return last - np.minimum(latest, last)


def arrays_of_cells(
    cells: Cells, units: tuple[Period, Period], *, complete: bool
) -> tuple[dict[str, Any], dict[Any, dict[str, Any]]]:
    """Arrays of the whole table, and of each segment.

    Parameters
    ----------
    cells : Cells
        Sums by segment, first day and period.
    units : (str, str)
        Of cohorts and of periods.
    complete : bool
        Whether the last period was observed to its end.

    Returns
    -------
    whole : dict
        Name -> array, as in `CohortTable`.
    segments : dict
        The same for each segment that occurs, ascending; empty if there are none.
    """
    cohort, first = (period_of(cells.first_day, unit) for unit in units)
    last = int(period_of(cells.last, units[1]))
    ordinals, place = np.unique(cohort, return_inverse=True)
    reach = _reach(ordinals, units, last)
    shape = (ordinals.size, int(reach.max()) + 1)
    age = cells.period - first
    happened = age <= reach[place]
    cell = place * shape[1] + age

    def sums(rows: BoolArray) -> dict[str, Any]:
        def total(column: AnyArray | None) -> FloatArray | None:
            if column is None:
                return None
            added: AnyArray = np.bincount(cell[rows], column[rows], minlength=shape[0] * shape[1])
            return empty(shape, reach) + added.reshape(shape)

        active = total(cells.active)
        assert active is not None
        # Whoever is in a cohort was active in his own first period.
        size = active[:, 0].astype(np.int64)
        return {"size": size, "active": active, "orders": total(cells.orders), "spend": total(cells.value)}

    common = {
        "cohort": period_labels(ordinals, units[0]),
        "cohort_start": period_starts(ordinals, units[0]),
        "age": np.arange(shape[1]),
        "partial": _partial(shape, reach, complete=complete),
    }
    if cells.segment_labels is None:
        return common | sums(happened), {}
    codes = np.unique(cells.segment)
    names = cells.segment_labels[codes].tolist()
    parts = [common | sums(happened & (cells.segment == code)) for code in codes]
    return common | sums(happened), dict(zip(names, parts, strict=True))


def _partial(shape: tuple[int, int], reach: IntArray, *, complete: bool) -> BoolArray:
    if complete:
        return np.zeros(shape, np.bool_)
    partial: BoolArray = np.arange(shape[1]) == reach[:, None]
    return partial


def frame_columns(frame: Any, names: dict[str, str | None], period: Period) -> tuple[dict[str, AnyArray], str | None]:
    """Read the columns of a long table of counts."""
    wanted = {role: name for role, name in names.items() if name is not None}
    columns, backend = _columns.read(frame, wanted, {})
    problems: list[Problem] = []
    out: dict[str, AnyArray] = {}
    for role, values in columns.items():
        name = wanted[role]
        found: AnyArray | None
        if role == "cohort":
            found = _ordinals(name, np.asarray(values), period, problems)
        else:
            found = _numbers(name, np.asarray(values), problems, whole=role != "spend")
        if found is not None:
            out[role] = found
    sizes = {wanted[role]: column.size for role, column in out.items()}
    if len(set(sizes.values())) > 1:
        said = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        problems.append(Problem("columns", f"all columns must have the same length, and have {said}"))
    elif not all(sizes.values()):
        problems.append(Problem("frame", "there must be at least one cell, and there is none"))
    if problems:
        raise InvalidInputError(_SUBJECT, problems)
    return out, backend


def _ordinals(name: str, values: AnyArray, period: Period, problems: list[Problem]) -> IntArray | None:
    """Cohorts as ordinals, from dates or from labels."""
    if values.dtype.kind == "M" and not np.isnat(values).any():
        return period_of(values, period)
    example = period_labels(0, period)
    rule = f"`{name}` must hold dates, or labels such as {str(example)!r}"
    known: dict[Any, int] = {}
    for row, value in enumerate(values.tolist()):
        if value not in known:
            day = _first_day(value, period)
            if day is None:
                problems.append(Problem(name, rule, first=f"row {row}, {value!r}"))
                return None
            known[value] = int(period_of(day, period))
    return np.array([known[value] for value in values.tolist()], dtype=np.int64)


def _first_day(label: Any, period: Period) -> np.datetime64 | None:
    if not isinstance(label, str):
        return np.datetime64(label, "D") if isinstance(label, dt.date) and label == label else None
    match = _LABELS[period].fullmatch(label)
    try:
        if match is None:
            return np.datetime64(label, "D") if re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", label) else None
        year, part = int(match[1]), int(match[2] or 1)
        if period == "W":
            start = np.datetime64(f"{year:04d}-01-04", "D") + np.timedelta64(7 * (part - 1), "D")
            good = period_labels(period_of(start, "W"), "W").item() == f"{year:04d}-W{part:02d}"
            return start if good else None
        month = 3 * part - 2 if period == "Q" else part
        return np.datetime64(f"{year:04d}-{month:02d}-01", "D")
    except ValueError:
        return None


def _numbers(name: str, values: AnyArray, problems: list[Problem], *, whole: bool) -> FloatArray | None:
    if values.dtype.kind not in "iuf":
        problems.append(Problem(name, f"`{name}` must hold numbers, and holds {values.dtype}"))
        return None
    numbers = values.astype(np.float64)
    bad = ~np.isfinite(numbers)
    rule = f"`{name}` must be a finite number"
    if whole:
        bad |= (numbers < 0) | (numbers != np.floor(numbers))
        rule = f"`{name}` must be a whole number >= 0"
    if bad.any():
        row = int(np.argmax(bad))
        advice = "Leave out cells that have not happened yet." if np.isnan(numbers[row]) else ""
        problems.append(Problem(name, rule, advice, int(bad.sum()), f"row {row}, {name}={numbers[row]:g}"))
        return None
    return numbers


def arrays_of_frame(columns: dict[str, AnyArray], period: Period, last: int, *, complete: bool) -> dict[str, Any]:
    """Arrays of a table from one row per cell, once these agree with one another."""
    cohort, age = columns["cohort"], columns["age"].astype(np.int64)
    problems: list[Problem] = []

    def broken(role: str, rows: BoolArray, rule: str, advice: str = "") -> None:
        if rows.any():
            row = int(np.argmax(rows))
            first = f"row {row}, cohort {period_labels(cohort[row], period)}, age {age[row]}"
            problems.append(Problem(role, rule, advice, int(rows.sum()), first))

    end = period_labels(last, period)
    broken("cohort", cohort > last, f"a cohort must not be later than the observation, which ends in {end}")
    advice = "Leave out cells that have not happened yet, or correct `observation_end`."
    later = (cohort <= last) & (cohort + age > last)
    broken("age", later, f"a cell must not be later than the observation, which ends in {end}", advice)
    key = cohort * (int(age.max()) + 1) + age
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    broken(
        "cohort", first[place] != np.arange(key.size), "a cohort must have one row for each age", "Add them up first."
    )
    ordinals, where = np.unique(cohort, return_inverse=True)
    size = np.full(ordinals.size, -1.0)
    size[where[age == 0]] = columns["active"][age == 0]
    none = "a cohort must have a row of age 0, with all its customers, at least one"
    broken("age", (size <= 0)[where], none)
    rule = "`active` must not exceed the size of the cohort, which is `active` at age 0"
    broken("active", (size[where] > 0) & (columns["active"] > size[where]), rule)
    if problems:
        raise InvalidInputError(_SUBJECT, problems, cohort.size)
    reach = last - ordinals
    shape = (ordinals.size, int(reach.max()) + 1)
    out: dict[str, Any] = {"cohort": period_labels(ordinals, period), "cohort_start": period_starts(ordinals, period)}
    out |= {"age": np.arange(shape[1]), "size": size.astype(np.int64), "orders": None, "spend": None}
    for role in ("active", "orders", "spend"):
        if role in columns:
            out[role] = empty(shape, reach)
            out[role][where, age] += columns[role]
    return out | {"partial": _partial(shape, reach, complete=complete)}
