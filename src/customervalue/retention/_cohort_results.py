"""What is read off a cohort table: averages over cohorts, intervals of cells, and two cohorts compared."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text, freeze

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["CellInterval", "CohortAverage", "CohortComparison", "listed"]


def listed(values: Any) -> Any:
    """An array as nested lists that JSON knows: None for NaN and infinity, text for dates."""
    array = np.asarray(values)
    if array.dtype.kind == "M":
        array = array.astype(str)
    if array.dtype.kind != "f":
        return array.tolist()
    cells = array.astype(object)
    cells[~np.isfinite(array)] = None
    return cells.tolist()


@dataclass(frozen=True, eq=False, repr=False)
class CohortAverage:
    """An average over cohorts by age, as a ratio of sums, and which cohorts are in it.

    Attributes
    ----------
    of : str
        What was averaged.
    age : ndarray of int64, shape (k,)
        In periods.
    value : ndarray of float64, shape (k,)
        The ratio of sums; NaN where no cohort has been seen at that age.
    cohorts : ndarray of int64, shape (k,)
        How many cohorts are in the average at each age. Where it falls, the average is over other customers.
    customers : ndarray of int64, shape (k,)
        Their customers, all of them and not just the active ones.
    included : ndarray of bool, shape (c, k)
        Which cells of the table are in it.

    Examples
    --------
    >>> import customervalue as cv
    >>> from customervalue.retention import cohort_table
    >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q")
    >>> table.average()
    Average retention by age, 1 cohort
      age  retention  cohorts  customers
      0    100.0 %    1        2,357
      1    22.2 %     1        2,357
      2    17.7 %     1        2,357
      3    17.1 %     1        2,357
      4    16.3 %     1        2,357
      5    12.7 %     1        2,357
    """

    of: str
    age: IntArray
    value: FloatArray
    cohorts: IntArray
    customers: IntArray
    included: BoolArray

    def __post_init__(self) -> None:
        freeze(self)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per age.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns age, value, cohorts and customers.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q")
        >>> table.average().to_frame()["cohorts"]
        array([1, 1, 1, 1, 1, 1])
        """
        names = ("age", "value", "cohorts", "customers")
        return _columns.to_frame({name: getattr(self, name) for name in names}, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows; None for NaN.

        Returns
        -------
        dict

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> cohort_table(cv.datasets.load_cdnow(), cohort="Y", period="Y").average().to_dict()["value"]
        [1.0, None]
        """
        return {"of": self.of} | {name: listed(column) for name, column in self.to_frame().items()}

    def _rows(self) -> list[list[str]]:
        rows = [["age", self.of.replace("_", " "), "cohorts", "customers"]]
        for age, value, cohorts, people in zip(self.age, self.value, self.cohorts, self.customers, strict=True):
            shown = "" if math.isnan(value) else f"{100 * value:.1f} %" if "retention" in self.of else f"{value:,.2f}"
            rows.append([str(age), shown, f"{cohorts:,}", f"{people:,}"])
        return rows

    def _title(self) -> str:
        most = int(self.cohorts.max(initial=0))
        return f"Average {self.of.replace('_', ' ')} by age, {most:,} cohort{'' if most == 1 else 's'}"

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())


@dataclass(frozen=True, eq=False, repr=False)
class CellInterval:
    """An interval for each retention cell of a cohort table.

    Attributes
    ----------
    level : float
        How often such an interval holds the truth.
    cohort : ndarray of str, shape (c,)
    age : ndarray of int64, shape (a,)
    estimate, low, high : ndarray of float64, shape (c, a)
        Retention and the ends of its interval; NaN where the estimate is.

    Examples
    --------
    >>> import customervalue as cv
    >>> from customervalue.retention import cohort_table
    >>> cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q", observation_end="1997-12-31").interval()
    Retention in %, with 95 % intervals
      cohort  0    1               2               3
      1997Q1  100  22.2 20.6-24.0  17.7 16.2-19.3  17.1 15.7-18.7
    """

    level: float
    cohort: AnyArray
    age: IntArray
    estimate: FloatArray
    low: FloatArray
    high: FloatArray

    def __post_init__(self) -> None:
        freeze(self)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per cell that has an estimate.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns cohort, age, estimate, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.interval().to_frame()["low"].round(3)
        array([1.   , 0.206, 0.162, 0.157])
        """
        row, column = np.nonzero(~np.isnan(self.estimate))
        columns = {"cohort": self.cohort[row], "age": self.age[column]}
        ends = {name: getattr(self, name)[row, column] for name in ("estimate", "low", "high")}
        return _columns.to_frame(columns | ends, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and nested lists that JSON knows; None for NaN.

        Returns
        -------
        dict

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> cohort_table(cv.datasets.load_cdnow(), cohort="Y", period="Y").interval().to_dict()["cohort"]
        ['1997']
        """
        return {name: listed(value) if name != "level" else value for name, value in vars(self).items()}

    def _rows(self) -> list[list[str]]:
        shown = slice(0, 7)
        rows = [["cohort", *map(str, self.age[shown].tolist())]]
        for i, name in enumerate(self.cohort):
            cells = zip(self.estimate[i, shown], self.low[i, shown], self.high[i, shown], strict=True)
            rows.append([str(name), *(_with_ends(*(100 * x for x in cell)) for cell in cells)])
        return rows

    def _title(self) -> str:
        return f"Retention in %, with {100 * self.level:.4g} % intervals"

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())


def _with_ends(estimate: float, low: float, high: float) -> str:
    if math.isnan(estimate):
        return ""
    return f"{estimate:.3g}" if low == high else f"{estimate:.1f} {low:.1f}-{high:.1f}"


@dataclass(frozen=True)
class CohortComparison:
    """Two cohorts at the same age.

    Attributes
    ----------
    cohorts : (str, str)
        Their labels, a and b.
    age : int
        In periods.
    active, size : (int, int)
        Active customers at that age, and all customers.
    retention : (float, float)
        active / size of each.
    difference, low, high : float
        Retention of a less that of b, and its interval.
    level : float
        How often such an interval holds the truth.
    test : str
        Name of the test of no difference.
    p_value : float
        Of that test, two-sided.

    Examples
    --------
    >>> import customervalue as cv
    >>> from customervalue.retention import cohort_table
    >>> cohort_table(cv.datasets.load_cdnow(), observation_end="1998-06-30").compare("1997-01", "1997-03", age=6)
    Retention at age 6: 1997-01 8.3 % of 781, 1997-03 7.6 % of 719
      difference  0.7 points, 95 % interval -2.1 to 3.4
      p-value     0.631 (N - 1 chi-square)
    """

    cohorts: tuple[str, str]
    age: int
    active: tuple[int, int]
    size: tuple[int, int]
    retention: tuple[float, float]
    difference: float
    low: float
    high: float
    level: float
    test: str
    p_value: float

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), observation_end="1998-06-30")
        >>> table.compare("1997-01", "1997-03", age=6).to_dict()["size"]
        [781, 719]
        """
        return {name: list(v) if isinstance(v, tuple) else v for name, v in vars(self).items()}

    def __repr__(self) -> str:
        each = (
            f"{name} {100 * share:.1f} % of {n:,}"
            for name, share, n in zip(self.cohorts, self.retention, self.size, strict=True)
        )
        ends = f"{100 * self.level:.4g} % interval {100 * self.low:.1f} to {100 * self.high:.1f}"
        return "\n".join(
            [
                f"Retention at age {self.age}: {', '.join(each)}",
                f"  difference  {100 * self.difference:.1f} points, {ends}",
                f"  p-value     {self.p_value:.3g} ({self.test})",
            ]
        )

    def _repr_html_(self) -> str:
        first, *rest = repr(self).split("\n")
        return as_html(first, [["", ""], *(line.split(maxsplit=1) for line in rest)])
