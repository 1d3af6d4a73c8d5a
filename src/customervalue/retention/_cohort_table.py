"""A table of cohorts by age, and what can be read off it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text, freeze
from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.numerics.proportions import wilson
from customervalue.retention._cohort_cells import arrays_of_frame, frame_columns
from customervalue.retention._cohort_compare import compare_cells
from customervalue.retention._cohort_results import CellInterval, CohortAverage, CohortComparison, listed
from customervalue.retention._cohort_views import long_columns, ratio, shown_cells, title_of, wide_columns
from customervalue.transactions._options import check_end
from customervalue.transactions.periods import check_period_unit, is_complete, period_of

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.transactions import Instant
    from customervalue.transactions.periods import Period

__all__ = ["CohortTable"]

Measure: TypeAlias = Literal["retention", "revenue_retention", "cumulative_spend", "orders", "spend"]

Shown: TypeAlias = Literal["retention", "revenue_retention", "cumulative_spend", "active", "orders", "spend"]

_GIVEN = {"orders": "`orders`", "spend": "`value`, a column of the log (or `spend`, one of the counts),"}


@dataclass(frozen=True, eq=False, repr=False)
class CohortTable:
    """Cohorts by age: customers, how many of them were active, their orders and spend.

    A cell that has not happened yet is NaN, never 0. A cell of the last period, where that was observed in part, is
    marked in `partial`. Made by `cohort_table` from a log, or by `from_frame` from counts.

    Attributes
    ----------
    cohort : ndarray of str, shape (c,)
        Calendar periods of the first purchase, ascending, those without customers left out.
    cohort_start : ndarray of datetime64[D], shape (c,)
        Their first days.
    age : ndarray of int64, shape (a,)
        0, 1, 2, ... periods since the customer's own first period.
    size : ndarray of int64, shape (c,)
        Customers of each cohort.
    active : ndarray of float64, shape (c, a)
        Customers with at least one transaction in the period of that age.
    orders : ndarray of float64, shape (c, a), or None
        Transactions, one per customer and grain (a day unless said otherwise).
    spend : ndarray of float64, shape (c, a), or None
        Total value, in money.
    partial : ndarray of bool, shape (c, a)
        Cells in which the last period counts and was observed in part: a lower bound of what they will be.
    cohort_unit, unit : {"W", "M", "Q", "Y"}
        Of the cohorts and of the periods that ages count.
    observation_end : datetime64
        Last moment of the observation.
    segments : tuple
        Values of the segment, ascending; ``table[value]`` is the table of one of them. Empty without segments.
    parts : tuple of CohortTable
        The tables of the segments: the same cohorts and ages, and counts that add up to those of the whole.
    backend : str or None
        Dataframe library the data came in.

    Examples
    --------
    >>> import customervalue as cv
    >>> from customervalue.retention import cohort_table
    >>> cohort_table(cv.datasets.load_cdnow(), observation_end="1997-06-10")
    CohortTable: 3 monthly cohorts, 2,357 customers, ages 0 to 5 months, observed until 1997-06-10
    retention in %; * the last month was observed in part
      cohort   size  0    1     2     3     4     5
      1997-01  781   100  15.9  12.2  9.0   8.3   2.0*
      1997-02  857   100  15.6  12.8  8.8   2.8*
      1997-03  719   100  12.1  11.7  2.9*
    """

    cohort: AnyArray
    cohort_start: AnyArray
    age: IntArray
    size: IntArray
    active: FloatArray
    orders: FloatArray | None
    spend: FloatArray | None
    partial: BoolArray
    cohort_unit: Period
    unit: Period
    observation_end: np.datetime64
    segments: tuple[Any, ...] = ()
    parts: tuple[CohortTable, ...] = ()
    backend: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        freeze(self)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        observation_end: Instant,
        cohort: str = "cohort",
        age: str = "age",
        active: str = "active",
        orders: str | None = None,
        spend: str | None = None,
        period: Period = "M",
    ) -> CohortTable:
        """Make a table of counts that were added up elsewhere, for example by a query.

        Parameters
        ----------
        frame : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
            One row per cohort and age. A row that is not there, of a period that has happened, means that nobody was
            active in it; a cell that has not happened must not be there.
        observation_end : str, date, datetime, datetime64 or Timestamp
            The last moment that was counted.
        cohort, age, active : str
            Names of the columns of cohorts (dates in them, or labels such as "1997-03", "1997-W05", "1997Q1", "1997"),
            ages, and active customers; `active` at age 0 is the size of the cohort.
        orders, spend : str, optional
            Names of these columns.
        period : {"W", "M", "Q", "Y"}
            Unit of cohorts and of ages.

        Returns
        -------
        CohortTable

        Raises
        ------
        InvalidInputError
            With every problem found: columns that are missing or hold something else, cohorts or cells later than the
            end of the observation, cohorts without their age 0, rows twice, more active customers than there are.

        Examples
        --------
        >>> counts = {"cohort": ["1997-01", "1997-01", "1997-02"], "age": [0, 1, 0], "active": [100, 24, 80]}
        >>> CohortTable.from_frame(counts, observation_end="1997-02-28").retention()
        array([[1.  , 0.24],
               [1.  ,  nan]])
        """
        unit = check_period_unit(period)
        end = check_end("observation_end", observation_end)
        names = {"cohort": cohort, "age": age, "active": active, "orders": orders, "spend": spend}
        columns, backend = frame_columns(frame, names, unit)
        complete = is_complete(end, unit, given=True)
        arrays = arrays_of_frame(columns, unit, int(period_of(end, unit)), complete=complete)
        return cls(**arrays, cohort_unit=unit, unit=unit, observation_end=end, backend=backend)

    def __len__(self) -> int:
        return int(self.size.size)

    def __getitem__(self, segment: Any) -> CohortTable:
        """The table of one segment."""
        for name, part in zip(self.segments, self.parts, strict=True):
            if name == segment:
                return part
        said = ", ".join(map(repr, self.segments)) or "none; pass `segment=` a column of the log"
        raise invalid("segment", f"there is no segment {segment!r}", f"There are {said}.")

    @property
    def seen(self) -> BoolArray:
        """Cells that have happened, in part or in full; shape (c, a)."""
        return np.asarray(~np.isnan(self.active))

    def retention(self) -> FloatArray:
        """Active customers by customers of the cohort.

        Where customers need not say that they leave, this is repeat buying: who is not active may come back, and a
        share of 20 % does not mean that 80 % are gone.

        Returns
        -------
        ndarray of float64, shape (c, a)
            In [0, 1], 1 at age 0; NaN where a cell has not happened, and in a segment for cohorts without customers.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.retention().round(3)
        array([[1.   , 0.222, 0.177, 0.171]])
        """
        return ratio(self.active, self.size[:, None])

    def revenue_retention(self) -> FloatArray:
        """Spend by the spend of the same cohort at age 0.

        Returns
        -------
        ndarray of float64, shape (c, a)
            1 at age 0, which holds everyone's first purchase. May exceed 1. NaN where a cell has not happened, and
            where the cohort spent nothing, or less, at age 0.

        Raises
        ------
        InvalidInputError
            If the table has no spend.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> log = cv.datasets.load_cdnow()
        >>> table = cohort_table(log, value="value", cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.revenue_retention().round(3)
        array([[1.   , 0.299, 0.24 , 0.25 ]])
        """
        spend = self._column("spend")
        return ratio(spend, spend[:, :1])

    def cumulative_spend(self, *, per_customer: bool = True) -> FloatArray:
        """Spend from the first purchase to the end of each age.

        Parameters
        ----------
        per_customer : bool
            Divide by the customers of the cohort, all of them and not just the active ones.

        Returns
        -------
        ndarray of float64, shape (c, a)
            In money; NaN where a cell has not happened.

        Raises
        ------
        InvalidInputError
            If the table has no spend.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> log = cv.datasets.load_cdnow()
        >>> table = cohort_table(log, value="value", cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.cumulative_spend().round(2)
        array([[47.73, 62.  , 73.45, 85.37]])
        """
        total: FloatArray = np.cumsum(self._column("spend"), axis=1)
        return ratio(total, self.size[:, None]) if per_customer else total

    def average(
        self, of: Measure = "retention", *, through: int | None = None, include_partial: bool = False
    ) -> CohortAverage:
        """Average over cohorts by age, as a ratio of sums.

        Parameters
        ----------
        of : {"retention", "revenue_retention", "cumulative_spend", "orders", "spend"}
            What to average: active customers by customers; spend by spend at age 0; cumulative spend, orders or spend
            by customers. A large cohort counts for more, as each customer counts alike.
        through : int, optional
            Average over those cohorts only that were seen at all ages up to this one, and stop there: the same
            customers at every age. By default each age has all cohorts that have reached it.
        include_partial : bool
            Whether cells count that were observed in part. They are too low.

        Returns
        -------
        CohortAverage
            With the number of cohorts and of customers that are in each average.

        Raises
        ------
        InvalidInputError
            If `of` is nothing that can be averaged, the table has no orders or spend where they are needed, or no
            cohort has reached `through`.

        Notes
        -----
        By default the curve is not one of a group of customers. Its later ages are made of the oldest cohorts alone,
        its first of all of them: where recent cohorts are worse, the average can rise with age although no cohort does.
        Look at `cohorts` and `customers`, or keep to the same cohorts by `through`.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), observation_end="1997-05-31")
        >>> table.average(through=2).value.round(3)
        array([1.   , 0.146, 0.123])
        """
        top, bottom = self._fraction(of)
        counted = self.seen if include_partial else self.seen & ~self.partial
        included: BoolArray = np.logical_and(counted, self.size[:, None] > 0)
        ages = self.age.size
        if through is not None:
            if not (isinstance(through, (int, np.integer)) and 0 <= through < ages):
                raise invalid("through", f"`through` must be an age from 0 to {ages - 1}, and is {through!r}")
            ages = int(through) + 1
            included = np.logical_and(included, np.all(included[:, :ages], axis=1, keepdims=True))
            if not included.any():
                raise invalid("through", f"no cohort has been seen in full up to age {through}")
        included, top = included[:, :ages], top[:, :ages]
        people = np.where(included, self.size[:, None], 0).sum(axis=0)
        total = np.where(included, top, 0.0).sum(axis=0)
        base = np.where(included, bottom, 0.0).sum(axis=0)
        cohorts = np.count_nonzero(included, axis=0)
        return CohortAverage(of, self.age[:ages], ratio(total, base), cohorts, people, included)

    def _fraction(self, of: str) -> tuple[FloatArray, AnyArray]:
        """What is added up above and below the line."""
        customers = self.size[:, None]
        if of == "retention":
            return self.active, customers
        if of == "revenue_retention":
            spend = self._column("spend")
            return spend, spend[:, :1]
        if of == "cumulative_spend":
            return self.cumulative_spend(per_customer=False), customers
        if of in ("orders", "spend"):
            return self._column(of), customers
        measures = "'retention', 'revenue_retention', 'cumulative_spend', 'orders', 'spend'"
        raise invalid("of", f"`of` must be one of {measures}, and is {of!r}")

    def interval(self, level: float = 0.95) -> CellInterval:
        """Interval of each retention cell: how precisely so many customers tell it.

        Wilson's score interval. It takes the customers of a cohort for a sample of customers like them, each active or
        not by himself; it knows nothing of what a season or a campaign did to all of them at once.

        Parameters
        ----------
        level : float
            How often such an interval holds the truth, between 0 and 1.

        Returns
        -------
        CellInterval
            At age 0, where retention is 1 by definition, both ends are 1. Cells observed in part are as they are.

        Raises
        ------
        InvalidInputError
            If `level` does not lie between 0 and 1.

        References
        ----------
        .. [1] Wilson (1927), Journal of the American Statistical Association 22(158), 209-212.
        .. [2] Brown, Cai & DasGupta (2001), Statistical Science 16(2), 101-133: its coverage.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.interval(0.9).high.round(3)
        array([[1.   , 0.237, 0.191, 0.185]])
        """
        checked = check_level(level)
        low, high = wilson(self.active, self.size[:, None], checked)
        estimate = self.retention()
        low[:, 0] = high[:, 0] = estimate[:, 0]
        return CellInterval(checked, self.cohort, self.age, estimate, low, high)

    def compare(self, a: str, b: str, age: int, *, level: float = 0.95) -> CohortComparison:
        """Whether two cohorts differ in retention at the same age.

        Parameters
        ----------
        a, b : str
            Labels of two cohorts.
        age : int
            In periods, >= 1; both cohorts must have been seen at it in full.
        level : float
            Of the interval of the difference, between 0 and 1.

        Returns
        -------
        CohortComparison
            Newcombe's hybrid score interval of the difference, and the p-value of the chi-square test with N - 1 (of
            the test of Fisher and Irwin where an expected count is below 1).

        Raises
        ------
        InvalidInputError
            With every problem found: unknown cohorts, an age of 0, or one that a cohort has not reached in full.

        Notes
        -----
        Two cohorts of the same age are compared at different times of the year. Of many pairs of cohorts, one in twenty
        differs by chance alone at p = 0.05.

        References
        ----------
        .. [1] Newcombe (1998), Statistics in Medicine 17(8), 873-890, method 10.
        .. [2] Campbell (2007), Statistics in Medicine 26(19), 3661-3675.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), observation_end="1998-06-30")
        >>> round(table.compare("1997-01", "1997-02", age=1).p_value, 3)
        0.894
        """
        return compare_cells(self, a, b, age, level)

    def to_frame(
        self, backend: str | None = None, *, wide: bool = False, of: Shown = "retention", by_segment: bool = False
    ) -> Any:
        """Return the table with one row per cell, or with one row per cohort.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the data came in; a dict of columns if they came in none.
        wide : bool
            One row per cohort: columns cohort, size, and one for each age, named "0", "1", ...; NaN in the cells that
            have not happened.
        of : {"retention", "revenue_retention", "cumulative_spend", "active", "orders", "spend"}
            What the cells of a wide table hold.
        by_segment : bool
            Rows for each segment, with a column segment, instead of rows for the whole.

        Returns
        -------
        dataframe or dict of ndarray
            In long form columns cohort, age, size, active, orders and spend (if there are any), retention,
            revenue_retention (with spend) and partial; the cells that have not happened are left out.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library, `of` is nothing a cell can hold, or there are no segments.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.to_frame()["active"]
        array([2357,  524,  418,  404])
        >>> table.to_frame(wide=True, of="active")["2"]
        array([418.])
        """
        if by_segment and not self.parts:
            raise invalid("by_segment", "the table has no segments", "Pass `segment=` a column of the log.")
        pairs = list(zip(self.segments, self.parts, strict=True)) if by_segment else [(None, self)]
        tables = [wide_columns(part, of) if wide else long_columns(part) for _, part in pairs]
        columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
        if by_segment:
            counts = [table["cohort"].size for table in tables]
            columns = {"segment": np.repeat(np.array(self.segments), counts)} | columns
        return _columns.to_frame(columns, backend or self.backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and nested lists that JSON knows; None in the cells that have not happened.

        Returns
        -------
        dict
            The fields by name; under "segments" the same of each segment, by the text of its value.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.retention import cohort_table
        >>> table = cohort_table(cv.datasets.load_cdnow(), cohort="Q", period="Q", observation_end="1997-12-31")
        >>> table.to_dict()["active"]
        [[2357.0, 524.0, 418.0, 404.0]]
        """
        names = ("cohort", "cohort_start", "age", "size", "active", "orders", "spend", "partial")
        columns = {name: getattr(self, name) for name in names}
        out = {name: None if column is None else listed(column) for name, column in columns.items()}
        out |= {"cohort_unit": self.cohort_unit, "unit": self.unit, "observation_end": str(self.observation_end)}
        segments = {str(name): part.to_dict() for name, part in zip(self.segments, self.parts, strict=True)}
        return out | ({"segments": segments} if segments else {})

    def _column(self, name: str) -> FloatArray:
        column: FloatArray | None = getattr(self, name)
        if column is None:
            raise invalid(name, f"the table has no {name}", f"Give {_GIVEN[name]} when you make it.")
        return column

    def __repr__(self) -> str:
        return as_text(title_of(self), shown_cells(self))

    def _repr_html_(self) -> str:
        return as_html(title_of(self), shown_cells(self))
