"""Completed cohort tables and what a backtest of them found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text, freeze, shown_rows
from customervalue.retention._cohort_results import listed
from customervalue.retention._cohort_views import UNITS, ratio

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.retention._cohort_table import CohortTable

__all__ = ["Backtest", "CompletedTable"]

_AGES_SHOWN = 10


@dataclass(frozen=True, eq=False, repr=False)
class CompletedTable:
    """A cohort table whose unseen cells are filled by a model; `projected` says which.

    Attributes
    ----------
    table : CohortTable
        What was seen, unchanged.
    age : ndarray of int64, shape (k,)
        From 0 to the last age that was asked for.
    active : ndarray of float64, shape (c, k)
        Active customers: seen where `projected` is False, expected where it is True. NaN where the model does not say.
    orders : ndarray of float64, shape (c, k), or None
        The same of transactions; None where the model or the table knows nothing of them.
    projected : ndarray of bool, shape (c, k)
        Cells that are not over: those of the future, and those of a last period that was observed in part.
    active_error : ndarray of float64, shape (c, k), or None
        Standard error of what was simulated of `active`: of the simulation alone, not of the forecast. 0 where nothing
        was simulated.

    Examples
    --------
    >>> from customervalue.retention import CohortTable, Geometric, complete
    >>> counts = {"cohort": ["2021", "2021", "2022"], "age": [0, 1, 0], "active": [100, 70, 200]}
    >>> table = CohortTable.from_frame(counts, period="Y", observation_end="2022-12-31")
    >>> complete(table, Geometric(theta=0.25))
    CompletedTable: 2 yearly cohorts, ages 0 to 1 years, 1 of 4 cells projected
    active customers; [projected]
      cohort  size  0    1
      2021    100   100  70
      2022    200   200  [150.0]
    """

    table: CohortTable
    age: IntArray
    active: FloatArray
    orders: FloatArray | None
    projected: BoolArray
    active_error: FloatArray | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def retention(self) -> FloatArray:
        """Active customers by customers of the cohort, seen and projected; shape (c, k).

        Returns
        -------
        ndarray of float64, shape (c, k)

        Examples
        --------
        >>> from customervalue.retention import CohortTable, Geometric, complete
        >>> counts = {"cohort": ["2021", "2021", "2022"], "age": [0, 1, 0], "active": [100, 70, 200]}
        >>> table = CohortTable.from_frame(counts, period="Y", observation_end="2022-12-31")
        >>> complete(table, Geometric(theta=0.25)).retention()
        array([[1.  , 0.7 ],
               [1.  , 0.75]])
        """
        return ratio(self.active, self.table.size[:, None])

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per cell.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the data came in; a dict of columns if they came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns cohort, age, size, active, orders (if known) and projected.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import CohortTable, Geometric, complete
        >>> counts = {"cohort": ["2021", "2021", "2022"], "age": [0, 1, 0], "active": [100, 70, 200]}
        >>> table = CohortTable.from_frame(counts, period="Y", observation_end="2022-12-31")
        >>> complete(table, Geometric(theta=0.25)).to_frame()["projected"]
        array([False, False, False,  True])
        """
        row, column = (place.ravel() for place in np.indices(self.active.shape))
        columns: dict[str, AnyArray] = {"cohort": self.table.cohort[row], "age": self.age[column]}
        columns |= {"size": self.table.size[row], "active": self.active.ravel()}
        if self.orders is not None:
            columns["orders"] = self.orders.ravel()
        columns["projected"] = self.projected.ravel()
        return _columns.to_frame(columns, backend or self.table.backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and nested lists that JSON knows; None for NaN.

        Returns
        -------
        dict
            The fields by name, with the cohorts and their sizes instead of the whole table.

        Examples
        --------
        >>> from customervalue.retention import CohortTable, Geometric, complete
        >>> counts = {"cohort": ["2021", "2021", "2022"], "age": [0, 1, 0], "active": [100, 70, 200]}
        >>> table = CohortTable.from_frame(counts, period="Y", observation_end="2022-12-31")
        >>> complete(table, Geometric(theta=0.25)).to_dict()["active"]
        [[100.0, 70.0], [200.0, 150.0]]
        """
        fields = {name: value for name, value in vars(self).items() if name != "table"}
        out = {"cohort": self.table.cohort, "size": self.table.size} | fields
        return {name: None if value is None else listed(value) for name, value in out.items()}

    def _title(self) -> str:
        kind, unit = UNITS[self.table.cohort_unit][0], UNITS[self.table.unit][1]
        cells = f"{np.count_nonzero(self.projected):,} of {self.projected.size:,} cells projected"
        what = "active customers"
        if self.orders is not None:
            what = "orders"
        n = len(self.table)
        title = f"CompletedTable: {n:,} {kind} cohort{'' if n == 1 else 's'}, ages 0 to {self.age[-1]} {unit}s, {cells}"
        return f"{title}\n{what}; [projected]"

    def _rows(self) -> list[list[str]]:
        cells = self.active if self.orders is None else self.orders
        ages = range(min(self.age.size, _AGES_SHOWN))
        more = [] if self.age.size <= _AGES_SHOWN else ["..."]
        rows = [["cohort", "size", *map(str, ages), *more]]
        for i in shown_rows(len(self.table)):
            if i is None:
                rows.append(["...", *[""] * (len(rows[0]) - 1)])
                continue
            shown = [_cell(cells[i, j], projected=bool(self.projected[i, j])) for j in ages]
            rows.append([str(self.table.cohort[i]), f"{self.table.size[i]:,}", *shown, *([""] if more else [])])
        return rows

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())


def _cell(value: float, *, projected: bool) -> str:
    if math.isnan(value):
        return ""
    return f"[{value:,.1f}]" if projected else f"{value:,.0f}"


@dataclass(frozen=True, eq=False, repr=False)
class Backtest:
    """What a model projected into cells that had been hidden from it, against what they held.

    Attributes
    ----------
    of : {"active", "orders"}
        What was projected.
    cohort : ndarray of str, shape (c,)
        Cohorts that were there before the hidden periods.
    age : ndarray of int64, shape (a,)
    ahead : ndarray of int64, shape (c, a)
        How many periods after the last one that was shown; 0 for cells that were shown, or have not happened.
    actual, projected : ndarray of float64, shape (c, a)
        Of the hidden cells; NaN in the others.

    Examples
    --------
    >>> from customervalue.retention import CohortTable, ShiftedBetaGeometric, backtest
    >>> survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
    >>> counts = {"cohort": ["2001"] * 8, "age": list(range(8)), "active": survivors}
    >>> table = CohortTable.from_frame(counts, period="Y", observation_end="2008-12-31")
    >>> backtest(table, ShiftedBetaGeometric, 3)
    Backtest of active, 3 periods hidden, 1 cohort
      ahead  cells  actual  projected  error  error in %
      1      1      551     534.9      -16.1  -2.9
      2      1      517     486.2      -30.8  -6.0
      3      1      491     444.9      -46.1  -9.4
      all    3      1,559   1,466.0    -93.0  -6.0
    """

    of: str
    cohort: AnyArray
    age: IntArray
    ahead: IntArray
    actual: FloatArray
    projected: FloatArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def error(self) -> FloatArray:
        """Projected less actual, cell by cell; shape (c, a)."""
        return self.projected - self.actual

    @property
    def absolute_percentage_error(self) -> FloatArray:
        """Size of the error in per cent of the actual, cell by cell; NaN where that is 0. Shape (c, a)."""
        return 100 * ratio(np.abs(self.error), self.actual)

    @property
    def total_actual(self) -> float:
        """Sum over the hidden cells."""
        return float(np.nansum(self.actual))

    @property
    def total_projected(self) -> float:
        """Sum over the hidden cells."""
        return float(np.nansum(self.projected))

    @property
    def total_percentage_error(self) -> float:
        """Error of the total in per cent, with its sign; NaN where nothing happened."""
        return 100 * float(ratio(self.total_projected, self.total_actual)) - 100

    @property
    def mean_absolute_percentage_error(self) -> float:
        """Mean over the hidden cells that were not empty."""
        errors = self.absolute_percentage_error
        errors = errors[~np.isnan(errors)]
        return float(errors.mean()) if errors.size else math.nan

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per hidden cell.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns cohort, age, ahead, actual, projected, error and absolute_percentage_error.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> found = Backtest("active", np.array(["2001"]), np.array([0, 1]), np.array([[0, 1]]),
        ...                  np.array([[np.nan, 80.0]]), np.array([[np.nan, 82.0]]))
        >>> found.to_frame()["error"]
        array([2.])
        """
        row, column = np.nonzero(self.ahead)
        columns: dict[str, AnyArray] = {"cohort": self.cohort[row], "age": self.age[column]}
        names = ("ahead", "actual", "projected", "error", "absolute_percentage_error")
        return _columns.to_frame(columns | {name: getattr(self, name)[row, column] for name in names}, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows: the columns of `to_frame`, and the totals; None for NaN.

        Returns
        -------
        dict

        Examples
        --------
        >>> found = Backtest("active", np.array(["2001"]), np.array([0, 1]), np.array([[0, 1]]),
        ...                  np.array([[np.nan, 80.0]]), np.array([[np.nan, 82.0]]))
        >>> round(found.to_dict()["total_percentage_error"], 6)
        2.5
        """
        names = ("total_actual", "total_projected", "total_percentage_error", "mean_absolute_percentage_error")
        totals = {name: listed(getattr(self, name)) for name in names}
        return {"of": self.of} | {name: listed(column) for name, column in self.to_frame().items()} | totals

    def _rows(self) -> list[list[str]]:
        rows = [["ahead", "cells", "actual", "projected", "error", "error in %"]]
        steps = [(str(k), self.ahead == k) for k in range(1, int(self.ahead.max()) + 1)]
        for name, cells in [*steps, ("all", self.ahead > 0)]:
            actual, projected = float(self.actual[cells].sum()), float(self.projected[cells].sum())
            relative = 100 * float(ratio(projected, actual)) - 100
            share = "" if math.isnan(relative) else f"{relative:.1f}"
            numbers = [f"{actual:,.0f}", f"{projected:,.1f}", f"{projected - actual:,.1f}", share]
            rows.append([name, f"{np.count_nonzero(cells):,}", *numbers])
        return rows

    def _title(self) -> str:
        periods, cohorts = int(self.ahead.max()), self.cohort.size
        hidden = f"{periods:,} period{'' if periods == 1 else 's'} hidden"
        return f"Backtest of {self.of}, {hidden}, {cohorts:,} cohort{'' if cohorts == 1 else 's'}"

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())
