"""One row per customer: frequency, recency, T and monetary value, checked once and compressed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import invalid
from customervalue.numerics.compress import UniqueRows, unique_rows
from customervalue.units import DAYS, check_time_unit

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["CustomerSummary", "check_summary"]

_HOURS_PER_DAY = 24
_HUNDREDTHS = 100.0


@dataclass(frozen=True, eq=False, repr=False, init=False)
class CustomerSummary:
    """What the purchase and spend models need to know of each customer.

    Everything is checked when a summary is made, and all problems are reported at once; after that its arrays are
    read-only, and every model works on the distinct rows (`unique`) that it finds once.

    Parameters
    ----------
    frequency : array_like of int, shape (n,)
        x, the number of repeat transactions: all transactions less the first.
    recency : array_like of float, shape (n,)
        t_x, the time of the last transaction counted from the first, in `time_unit`; 0 where frequency is 0.
    T : array_like of float, shape (n,)
        Time from the first transaction to the end of observation, in `time_unit`; recency <= T.
    monetary_value : array_like of float, shape (n,), optional
        Mean value of the repeat transactions, in money. Where there are none the value is not looked at, and kept as 0.
    customer_id : array_like, shape (n,), optional
        Identifiers of any type.
    weights : array_like of int, shape (n,), optional
        How many identical customers each row stands for; 1 by default.
    time_unit : {"W", "D", "M", "Y"}
        Unit of `recency` and `T`: weeks, days, mean months (365.25/12 days) or mean years (365.25 days).
    includes_first : bool
        True if `monetary_value` is the mean over all transactions, the first among them.
    backend : str, optional
        Dataframe library that `to_frame` returns unless told otherwise, for example ``"pandas"``.

    Raises
    ------
    InvalidInputError
        If columns differ in length, hold something that is not a number, or contradict one another
        (recency > T, recency > 0 without a repeat transaction, fractional or negative counts).

    Notes
    -----
    Scalars make a summary of one customer. Two summaries are equal if all their columns and their units are.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, p. 277: (x, t_x, T) are sufficient.

    Examples
    --------
    >>> CustomerSummary(frequency=[2, 0], recency=[30.43, 0], T=[38.86, 38.86], customer_id=["Ann", "Bob"])
    CustomerSummary: 2 customers, 1 with repeat transactions
      frequency  mean 1.00, largest 2
      T          38.86 to 38.86 weeks
      spend      not given
    """

    frequency: IntArray
    recency: FloatArray
    T: FloatArray
    monetary_value: FloatArray | None
    customer_id: AnyArray | None
    weights: IntArray | None
    time_unit: str
    includes_first: bool
    backend: str | None = field(compare=False)

    def __init__(
        self,
        frequency: Any,
        recency: Any,
        T: Any,
        monetary_value: Any = None,
        customer_id: Any = None,
        weights: Any = None,
        time_unit: str = "W",
        *,
        includes_first: bool = False,
        backend: str | None = None,
    ) -> None:
        columns = _columns.check(
            frequency, recency, T, monetary_value, customer_id, weights, includes_first=includes_first
        )
        self._set(**columns, time_unit=check_time_unit(time_unit), includes_first=includes_first, backend=backend)

    def _set(self, **fields: Any) -> None:
        for name, value in fields.items():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)
            object.__setattr__(self, name, value)

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "unique"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set(**state)

    @classmethod
    def from_frame(
        cls,
        frame: Any,
        *,
        frequency: str = "frequency",
        recency: str = "recency",
        T: str = "T",
        monetary_value: str | None = None,
        customer_id: str | None = None,
        weights: str | None = None,
        time_unit: str = "W",
        includes_first: bool = False,
    ) -> CustomerSummary:
        """Make a summary of a table that already has one row per customer.

        Parameters
        ----------
        frame : pandas, polars, pyarrow, DuckDB, PySpark or Dask frame, or a mapping of columns
            One row per customer, or per group of identical customers.
        frequency, recency, T : str
            Names of these columns.
        monetary_value, customer_id, weights : str, optional
            Names of these columns. The first two are taken under their own names if `frame` has them.
        time_unit : {"W", "D", "M", "Y"}
            Unit of recency and T.
        includes_first : bool
            True if the spend column is the mean over all transactions, the first among them.

        Returns
        -------
        CustomerSummary

        Raises
        ------
        InvalidInputError
            If a column is missing (the nearest name is offered), and as the constructor does.

        Examples
        --------
        >>> frame = {"frequency": [2, 0], "recency": [30.43, 0.0], "T": [38.86, 38.86]}
        >>> len(CustomerSummary.from_frame(frame))
        2
        """
        names = {"frequency": frequency, "recency": recency, "T": T}
        optional = {"monetary_value": monetary_value, "customer_id": customer_id, "weights": weights}
        columns, backend = _columns.read(frame, names, optional)
        return cls(**columns, time_unit=time_unit, includes_first=includes_first, backend=backend)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return the columns as a dataframe.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the data came in; a mapping of columns if they came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id (if known), frequency, recency, T, monetary_value (if known) and weights (if given).

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> CustomerSummary(frequency=2, recency=30.43, T=38.86).to_frame()
        {'frequency': array([2]), 'recency': array([30.43]), 'T': array([38.86])}
        """
        names = ("customer_id", "frequency", "recency", "T", "monetary_value", "weights")
        columns = {name: getattr(self, name) for name in names}
        present = {name: column for name, column in columns.items() if column is not None}
        return _columns.to_frame(present, backend or self.backend)

    @cached_property
    def unique(self) -> UniqueRows:
        """The distinct (x, t_x, T), how many customers have each, and the way back; found once."""
        days = DAYS[self.time_unit]
        grids = (days, 1.0, days * _HOURS_PER_DAY, _HUNDREDTHS)
        return unique_rows(self.frequency, self.recency, self.T, self.weights, grids)

    @property
    def n_customers(self) -> int:
        """Number of customers: the rows, or the sum of their weights."""
        return len(self) if self.weights is None else int(self.weights.sum())

    @property
    def spend_count(self) -> IntArray:
        """Number of transactions that each `monetary_value` is the mean of; shape (n,)."""
        return self.frequency + 1 if self.includes_first else self.frequency

    def __len__(self) -> int:
        return int(self.frequency.size)

    def __getitem__(self, rows: Any) -> CustomerSummary:
        """Select customers by mask, slice, array of positions or one position."""
        if isinstance(rows, (int, np.integer)) and not isinstance(rows, bool):
            index = np.atleast_1d(np.arange(len(self))[rows])
        elif isinstance(rows, slice):
            index = np.arange(len(self))[rows]
        else:
            index = np.arange(len(self))[self._positions(rows)]
        if index.size == 0:
            raise invalid("rows", "an index must select at least one customer, and selects none")
        chosen = object.__new__(CustomerSummary)
        arrays = ("frequency", "recency", "T", "monetary_value", "customer_id", "weights")
        columns = {name: getattr(self, name) for name in arrays}
        taken = {name: None if column is None else column[index] for name, column in columns.items()}
        chosen._set(**taken, time_unit=self.time_unit, includes_first=self.includes_first, backend=self.backend)
        return chosen

    def _positions(self, rows: Any) -> AnyArray:
        positions = np.asarray(rows)
        if positions.ndim != 1:
            raise invalid("rows", f"customers are selected by one dimension, not by shape {positions.shape}")
        if positions.size == 0:
            return positions.astype(np.int64)
        if positions.dtype == np.bool_ and positions.shape != (len(self),):
            shape = f"({len(self)},), and has {positions.shape}"
            raise invalid("rows", f"a mask must have one entry per customer, shape {shape}")
        if positions.dtype != np.bool_ and not np.issubdtype(positions.dtype, np.integer):
            raise invalid("rows", f"customers are selected by a mask, a slice or positions, not by {positions.dtype}")
        return positions

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, CustomerSummary):
            return NotImplemented
        mine, theirs = self._comparable(), other._comparable()
        return all(_equal(mine[name], theirs[name]) for name in mine)

    __hash__ = None  # type: ignore[assignment]  # equal by content and not small: no use as a key

    def _comparable(self) -> dict[str, Any]:
        names = ("frequency", "recency", "T", "monetary_value", "customer_id", "weights", "time_unit", "includes_first")
        return {name: getattr(self, name) for name in names}

    def _facts(self) -> list[tuple[str, str]]:
        weights = np.ones(len(self)) if self.weights is None else self.weights
        mean = float(np.average(self.frequency, weights=weights))
        unit = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}[self.time_unit]
        facts = [
            ("frequency", f"mean {mean:.2f}, largest {self.frequency.max():,}"),
            ("T", f"{self.T.min():.4g} to {self.T.max():.4g} {unit}"),
        ]
        if self.monetary_value is None:
            return [*facts, ("spend", "not given")]
        spenders = (self.spend_count > 0) & (weights > 0)
        if not spenders.any():
            return [*facts, ("spend", "no repeat transactions")]
        spend = float(np.average(self.monetary_value[spenders], weights=weights[spenders]))
        which = "transaction" if self.includes_first else "repeat transaction"
        return [*facts, ("spend", f"mean {spend:,.2f} per {which}, averaged over customers")]

    def _title(self) -> str:
        repeat = self.frequency > 0
        buyers = int(repeat.sum() if self.weights is None else self.weights[repeat].sum())
        noun = "customer" if self.n_customers == 1 else "customers"
        return f"CustomerSummary: {self.n_customers:,} {noun}, {buyers:,} with repeat transactions"

    def __repr__(self) -> str:
        return "\n".join([self._title(), *(f"  {name:<10} {fact}" for name, fact in self._facts())])

    def _repr_html_(self) -> str:
        cells = (f"<tr><th>{escape(name)}</th><td>{escape(fact)}</td></tr>" for name, fact in self._facts())
        return f"<table><caption>{escape(self._title())}</caption>{''.join(cells)}</table>"


def check_summary(customers: Any, time_unit: str | None = None) -> None:
    """Raise unless `customers` is a summary, in `time_unit` if one is given.

    Parameters
    ----------
    customers : CustomerSummary
        What a model was given.
    time_unit : {"W", "D", "M", "Y"}, optional
        The unit of the model.

    Raises
    ------
    InvalidInputError
        If it is something else, or the units differ.

    Examples
    --------
    >>> check_summary(CustomerSummary(frequency=2, recency=30.43, T=38.86), "W")
    """
    if not isinstance(customers, CustomerSummary):
        rule = f"`customers` must be a CustomerSummary, and is a {type(customers).__name__}"
        advice = (
            "Make one: summarize(log) from transactions, CustomerSummary.from_frame(frame) from one row per customer."
        )
        raise invalid("customers", rule, advice)
    if time_unit is not None and time_unit != customers.time_unit:
        rule = f"the model is in time unit {time_unit!r} and the summary in {customers.time_unit!r}"
        raise invalid("customers", rule, "Summarize in the model's unit, or fit a model in the summary's.")


def _equal(mine: Any, theirs: Any) -> bool:
    if isinstance(mine, np.ndarray) and isinstance(theirs, np.ndarray):
        return bool(np.array_equal(mine, theirs))
    return type(mine) is type(theirs) and bool(mine == theirs)
