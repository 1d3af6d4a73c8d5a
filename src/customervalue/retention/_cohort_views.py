"""A cohort table as columns and as text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._tables import shown_rows
from customervalue.errors import invalid
from customervalue.transactions._options import show_time

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray
    from customervalue.retention._cohort_table import CohortTable

__all__ = ["UNITS", "long_columns", "ratio", "shown_ages", "shown_cells", "title_of", "wide_columns"]

#: What periods are called: as an adjective, and one of them.
UNITS = {"W": ("weekly", "week"), "M": ("monthly", "month"), "Q": ("quarterly", "quarter"), "Y": ("yearly", "year")}
#: A printed table shows this many ages.
_AGES_SHOWN = 13


def ratio(top: Any, bottom: Any) -> FloatArray:
    """Quotients; NaN where the divisor is not positive.

    Examples
    --------
    >>> ratio([1.0, 1.0], [2, 0])
    array([0.5, nan])
    """
    above, below = np.broadcast_arrays(np.asarray(top, dtype=np.float64), np.asarray(bottom, dtype=np.float64))
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0))


def long_columns(table: CohortTable) -> dict[str, AnyArray]:
    """One row per cell that has happened."""
    row, column = np.nonzero(table.seen)
    cells: dict[str, AnyArray | None] = {"active": table.active, "orders": table.orders, "spend": table.spend}
    cells |= {"retention": table.retention(), "revenue_retention": None, "partial": table.partial}
    if table.spend is not None:
        cells["revenue_retention"] = table.revenue_retention()
    out = {"cohort": table.cohort[row], "age": table.age[column], "size": table.size[row]}
    out |= {name: values[row, column] for name, values in cells.items() if values is not None}
    counts = {name: out[name].astype(np.int64) for name in ("active", "orders") if name in out}
    return out | counts


def wide_columns(table: CohortTable, of: str) -> dict[str, AnyArray]:
    """One row per cohort, one column per age."""
    if of in ("retention", "revenue_retention", "cumulative_spend"):
        cells = getattr(table, of)()
    elif of in ("active", "orders", "spend"):
        cells = table._column(of)  # noqa: SLF001
    else:
        measures = "'retention', 'revenue_retention', 'cumulative_spend', 'active', 'orders', 'spend'"
        raise invalid("of", f"`of` must be one of {measures}, and is {of!r}")
    ages = {str(age): cells[:, age] for age in table.age.tolist()}
    return {"cohort": table.cohort, "size": table.size} | ages


def title_of(table: CohortTable) -> str:
    """What a table holds, and how to read it, in words."""
    (kind, _), (_, unit) = UNITS[table.cohort_unit], UNITS[table.unit]
    cohorts, people = len(table), int(table.size.sum())
    ages = f"ages 0 to {table.age[-1]} {unit}s" if table.age[-1] else f"age 0 {unit}s"
    title = f"CohortTable: {cohorts:,} {kind} cohort{'' if cohorts == 1 else 's'}, {people:,} "
    title += f"customer{'' if people == 1 else 's'}, {ages}, observed until {show_time(table.observation_end)}"
    if table.segments:
        title += f"\nsegments {', '.join(map(str, table.segments))}"
    note = f"; * the last {unit} was observed in part" if table.partial.any() else ""
    return f"{title}\nretention in %{note}"


def shown_ages(table: CohortTable) -> list[int]:
    """The ages that fit on a line.

    Examples
    --------
    >>> from customervalue.retention import CohortTable
    >>> counts = {"cohort": ["1997-01"], "age": [0], "active": [9]}
    >>> shown_ages(CohortTable.from_frame(counts, observation_end="1997-02-28"))
    [0, 1]
    """
    ages: list[int] = table.age[:_AGES_SHOWN].tolist()
    return ages


def shown_cells(table: CohortTable) -> list[list[str]]:
    """The cells of the printed table, with their head."""
    ages = shown_ages(table)
    more = [] if len(ages) == table.age.size else ["..."]
    rows = [["cohort", "size", *map(str, ages), *more]]
    shares = table.retention()
    for i in shown_rows(len(table)):
        if i is None:
            rows.append(["..."] + [""] * (len(rows[0]) - 1))
            continue
        cells = [_percent(shares[i, age]) + ("*" if table.partial[i, age] else "") for age in ages]
        rows.append([str(table.cohort[i]), f"{table.size[i]:,}", *cells, *([""] if more else [])])
    return rows


def _percent(share: float) -> str:
    if math.isnan(share):
        return ""
    return "100" if share == 1 else f"{100 * share:.1f}"
