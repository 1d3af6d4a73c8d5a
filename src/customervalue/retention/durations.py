"""How long, and whether the end was seen: durations from tables of starts and ends, and from logs of purchases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from customervalue import _columns
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.retention._spells import read_purchases, read_spells
from customervalue.retention.survival import survival_curve
from customervalue.units import check_number

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray
    from customervalue.retention._survival_curve import SurvivalCurve
    from customervalue.transactions import Grain, Instant
    from customervalue.units import TimeUnit

__all__ = ["Durations", "durations", "time_to_purchase"]

_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}


@dataclass(frozen=True, eq=False, repr=False)
class Durations:
    """How long each customer was watched, and whether what was waited for came.

    Attributes
    ----------
    duration : ndarray of float64, shape (n,)
        From the start to the event, or to the end of observation, in `time_unit`.
    ended : ndarray of bool, shape (n,)
        Whether the event was seen; otherwise the duration is censored.
    entry : ndarray of float64, shape (n,), or None
        Age at which each came under observation, in `time_unit`; None if all were watched from the start.
    customer_id : ndarray, shape (n,), or None
        Whose durations they are.
    event : str
        What ends a duration: "end", or a purchase.
    time_unit : {"D", "W", "M", "Y"}
    left_out : dict of str to int
        Rows that say nothing and are left out: why, and how many.
    backend : str or None
        Dataframe library the data came in.

    Examples
    --------
    >>> import numpy as np
    >>> table = {
    ...     "start": np.array(["2023-01-01", "2023-01-01", "2023-03-01"], dtype="datetime64[D]"),
    ...     "end": np.array(["2023-03-05", "NaT", "2024-05-01"], dtype="datetime64[D]"),
    ... }
    >>> durations(table, observation_end="2023-12-31", time_unit="W")
    Durations of 3 customers in weeks, to the end: 1 seen, 2 censored; 9 to 52
    """

    duration: FloatArray
    ended: BoolArray
    entry: FloatArray | None
    customer_id: AnyArray | None
    event: str
    time_unit: str
    left_out: dict[str, int]
    backend: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        for column in (self.duration, self.ended, self.entry):
            if column is not None:
                column.setflags(write=False)

    def __len__(self) -> int:
        return int(self.duration.size)

    @property
    def churned(self) -> BoolArray:
        """The same as `ended`, by the name that `survival_curve` and the models of contracts give it."""
        return self.ended

    def curve(self, level: float = 0.95) -> SurvivalCurve:
        """Kaplan-Meier curve of these durations: the share for whom the event has not come by each age.

        Parameters
        ----------
        level : float
            How often the intervals hold the truth, between 0 and 1.

        Returns
        -------
        SurvivalCurve

        Raises
        ------
        InvalidInputError
            If `level` is not between 0 and 1.

        Examples
        --------
        >>> import customervalue as cv
        >>> second = time_to_purchase(cv.datasets.load_cdnow(), k=2, observation_end="1997-09-30")
        >>> second.curve().survival([4, 13, 26]).round(3)
        array([0.832, 0.708, 0.622])
        """
        return survival_curve(self.duration, self.ended, entry=self.entry, level=level)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per duration.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the data came in; a dict of columns if they came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id (if known), duration, ended and entry (if any came late).

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import customervalue as cv
        >>> time_to_purchase(cv.datasets.load_cdnow(), k=2).to_frame()["ended"][:3]
        array([ True,  True, False])
        """
        columns = {name: getattr(self, name) for name in ("customer_id", "duration", "ended", "entry")}
        known = {name: column for name, column in columns.items() if column is not None}
        return _columns.to_frame(known, backend or self.backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> import customervalue as cv
        >>> time_to_purchase(cv.datasets.load_cdnow(), k=2).to_dict()["event"]
        'purchase 2'
        """
        facts: dict[str, Any] = {"event": self.event, "time_unit": self.time_unit, "left_out": dict(self.left_out)}
        columns = {name: getattr(self, name) for name in ("customer_id", "duration", "ended", "entry")}
        return facts | {name: None if column is None else column.tolist() for name, column in columns.items()}

    def __repr__(self) -> str:
        seen, size = int(self.ended.sum()), len(self)
        text = f"Durations of {size:,} {'customer' if size == 1 else 'customers'} in {_UNITS[self.time_unit]}, "
        text += f"to {'the end' if self.event == 'end' else self.event}: {seen:,} seen, {size - seen:,} censored; "
        text += f"{self.duration.min():.4g} to {self.duration.max():.4g}"
        if self.entry is not None:
            text += f"\n  {int(np.count_nonzero(self.entry)):,} came under observation late"
        return text + "".join(f"\n  {count:,} left out: {why}" for why, count in self.left_out.items() if count)


def durations(
    table: Any,
    *,
    start: str = "start",
    end: str = "end",
    customer: str | None = None,
    observation_end: Instant,
    observation_start: Instant | None = None,
    time_unit: TimeUnit = "M",
    grain: Grain = "D",
) -> Durations:
    """Turn dates of start and end into durations, with censoring and late entry as they should be.

    Parameters
    ----------
    table : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per customer, or per contract. The columns named here are read into memory; it is not changed.
    start, end : str
        Names of the columns of dates or times; a missing end means: still there.
    customer : str, optional
        Name of the column of customer ids.
    observation_end : str, date, datetime, datetime64 or Timestamp
        The last moment at which anybody knew who had left; a date means that whole day. Ends after it (notice given,
        a contract that will run out) had not been seen then: these durations are censored there. Rows that start
        after it are left out.
    observation_start : str, date, datetime, datetime64 or Timestamp, optional
        When the records begin, if they hold only those who were customers then or later. Whoever started before it
        enters late, at the age he had on that day. Rows that ended on that day or before it are left out, as others
        like them are not in the data. Leave it out if the table has everyone who ever started.
    time_unit : {"M", "D", "W", "Y"}
        Unit of the durations: mean months (365.25/12 days), days, weeks or mean years.
    grain : {"D", "h", "min", "s"}
        Times are taken as whole days (hours, minutes, seconds).

    Returns
    -------
    Durations
        In the order of the table.

    Raises
    ------
    InvalidInputError
        With every problem found: columns that are missing or hold no dates, starts or ids that are missing, ends
        before starts, nobody there during the observation.

    Warns
    -----
    AssumptionWarning
        If customers stand in more than one row.

    References
    ----------
    .. [1] Klein & Moeschberger (2003), Survival Analysis, 2nd ed., sections 3.2 and 3.4: right censoring, left
       truncation.

    Examples
    --------
    >>> import numpy as np
    >>> table = {
    ...     "start": np.array(["2022-11-02", "2023-01-01", "2023-03-01"], dtype="datetime64[D]"),
    ...     "end": np.array(["2023-03-05", "NaT", "2024-05-01"], dtype="datetime64[D]"),
    ... }
    >>> known = durations(table, observation_start="2023-01-01", observation_end="2023-12-31", time_unit="D")
    >>> known.duration, known.ended, known.entry
    (array([123., 364., 305.]), array([ True, False, False]), array([60.,  0.,  0.]))
    """
    arguments = {"observation_start": observation_start, "observation_end": observation_end}
    found = read_spells(table, start, end, customer, **arguments, time_unit=time_unit, grain=grain)
    return Durations(
        found.duration, found.ended, found.entry, found.customer_id, "end", time_unit, found.left_out, found.backend
    )


def time_to_purchase(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    k: int = 2,
    since: Literal["first", "previous"] = "first",
    observation_start: Instant | None = None,
    observation_end: Instant | None = None,
    time_unit: TimeUnit = "W",
    grain: Grain = "D",
) -> Durations:
    """Time until customers make their k-th purchase; censored for those who have not made it yet.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order. Customer and date are read into memory; it is not changed.
    customer, date : str
        Names of the columns of customer ids and of dates or times.
    k : int
        Which purchase, 2 or more.
    since : {"first", "previous"}
        Time counts from the first purchase, for all customers, or from the one before the k-th, for those who made
        that.
    observation_start, observation_end, time_unit, grain
        As in `summarize`: customers whose first purchase is before `observation_start` are left out, transactions
        after `observation_end` do not count, and those of a customer within one grain are one.

    Returns
    -------
    Durations
        In ascending order of customer ids; `ended` where the purchase was made.

    Raises
    ------
    InvalidInputError
        With every problem of the log, as `summarize` does; if `k` or `since` is out of range, or nobody has made the
        purchase before.

    Examples
    --------
    >>> import customervalue as cv
    >>> time_to_purchase(cv.datasets.load_cdnow(), k=2, observation_end="1997-09-30")
    Durations of 2,357 customers in weeks, to purchase 2: 946 seen, 1,411 censored; 0.1429 to 38.86
    """
    order = check_number("k", k)
    if not (order >= 2 and order == int(order)):
        raise invalid("k", f"`k` must be a whole number, 2 or more, and is {k!r}")
    if since not in ("first", "previous"):
        raise invalid("since", f"`since` must be 'first' or 'previous', and is {since!r}")
    arguments: dict[str, Any] = {"observation_start": observation_start, "observation_end": observation_end}
    arguments |= {"customer": customer, "date": date, "time_unit": time_unit, "grain": grain}
    found = read_purchases(log, **arguments)
    begins = np.flatnonzero(found.number == (1 if since == "first" else order - 1))
    if not begins.size:
        rule = f"nobody has made {order - 1:g} purchases: there is no waiting for the next"
        raise InvalidInputError("the transaction log", [Problem("k", rule, "Ask for a smaller `k`.")])
    target = begins + (int(order) - 1 if since == "first" else 1)
    inside = np.minimum(target, found.codes.size - 1)
    ended = (inside == target) & (found.codes[inside] == found.codes[begins])
    stop = np.where(ended, found.ticks[inside], found.end)
    length = (stop - found.ticks[begins]) / found.options.ticks_per_unit
    ids = found.labels[found.codes[begins]]
    return Durations(length, ended, None, ids, f"purchase {order:g}", time_unit, {}, found.backend)
