"""Attrition as it is read: customers still there, a retention curve, customers overdue."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text, shown_rows

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["ActiveCustomers", "OverdueCustomers", "RetentionCurve"]

_UNITS = {"D": "days", "W": "weeks", "M": "months", "Y": "years"}


class _Table:
    """A result that is a table: `to_frame`, `to_dict` and how it is shown."""

    def _columns(self) -> dict[str, AnyArray]:
        raise NotImplementedError

    def _facts(self) -> dict[str, Any]:
        raise NotImplementedError

    def _title(self) -> str:
        raise NotImplementedError

    def _cells(self, row: int) -> list[str]:
        raise NotImplementedError

    def _head(self) -> list[str]:
        raise NotImplementedError

    def __post_init__(self) -> None:
        for column in vars(self).values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    def __len__(self) -> int:
        return int(next(iter(self._columns().values())).size)

    def _rows(self) -> list[list[str]]:
        head = self._head()
        return [head, *(["..."] * len(head) if i is None else self._cells(i) for i in shown_rows(len(self)))]

    def _plain(self) -> dict[str, Any]:
        listed = {}
        for name, column in self._columns().items():
            listed[name] = (column if column.dtype.kind in "biufUO" else column.astype(str)).tolist()
        return self._facts() | listed

    def __repr__(self) -> str:
        return as_text(self._title(), self._rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self._rows())


@dataclass(frozen=True, eq=False, repr=False)
class ActiveCustomers(_Table):
    """Expected number of customers who are still there, in total or by group.

    Attributes
    ----------
    group : ndarray, shape (g,)
        Names, ascending; "total" where there are no groups.
    customers : ndarray of int64, shape (g,)
        Customers ever acquired.
    active : ndarray of float64, shape (g,)
        Expected number of them who are alive.
    low, high : ndarray of float64, shape (g,), or None
        Ends of the interval.
    level : float or None
        How often such an interval holds the truth.
    kind : {"predictive", "expectation"} or None
        Of the number itself, or of its expectation.

    Examples
    --------
    >>> ActiveCustomers(np.array(["total"]), np.array([50]), np.array([21.5]), None, None, None, None)
    Customers still there
      group  customers  active  share
      total  50         21.5    43.0 %
    """

    group: AnyArray
    customers: IntArray
    active: FloatArray
    low: FloatArray | None
    high: FloatArray | None
    level: float | None
    kind: str | None

    @property
    def share(self) -> FloatArray:
        """Of those ever acquired, shape (g,)."""
        return self.active / np.maximum(self.customers, 1)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per group.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns group, customers, active, share and, if there is an interval, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> active = ActiveCustomers(np.array(["total"]), np.array([50]), np.array([21.5]), None, None, None, None)
        >>> active.to_frame()["share"]
        array([0.43])
        """
        return _columns.to_frame(self._columns(), backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> active = ActiveCustomers(np.array(["total"]), np.array([50]), np.array([21.5]), None, None, None, None)
        >>> active.to_dict()["active"]
        [21.5]
        """
        return self._plain()

    def _columns(self) -> dict[str, AnyArray]:
        columns = {"group": self.group, "customers": self.customers, "active": self.active, "share": self.share}
        return columns if self.low is None or self.high is None else columns | {"low": self.low, "high": self.high}

    def _facts(self) -> dict[str, Any]:
        return {"level": self.level, "kind": self.kind}

    def _title(self) -> str:
        return "Customers still there" + ("" if self.level is None else f", {100 * self.level:.4g} % {self.kind}")

    def _head(self) -> list[str]:
        return ["group", "customers", "active", "share", *([] if self.low is None else ["interval"])]

    def _cells(self, row: int) -> list[str]:
        cells = [str(self.group[row]), f"{self.customers[row]:,}", f"{self.active[row]:,.1f}"]
        cells.append(f"{100 * self.share[row]:.1f} %")
        if self.low is not None and self.high is not None:
            cells.append(f"{self.low[row]:,.1f} to {self.high[row]:,.1f}")
        return cells


@dataclass(frozen=True, eq=False, repr=False)
class RetentionCurve(_Table):
    """How a cohort just acquired melts away, by a purchase model.

    Attributes
    ----------
    horizon : ndarray of float64, shape (h,)
        Ends of the periods, since acquisition, in time units.
    alive : ndarray of float64, shape (h,)
        Share that is alive at the end of each period.
    buying : ndarray of float64, shape (h,)
        Share of the whole cohort that buys at least once within each period; the purchase by which they were acquired
        is not counted.
    purchases : ndarray of float64, shape (h,)
        Expected purchases within each period, per customer acquired.
    alive_low, alive_high, buying_low, buying_high, purchases_low, purchases_high : ndarray of float64 or None
        Intervals of these expectations, shape (h,) each.
    level : float or None
        How often they hold the truth.
    time_unit : {"W", "D", "M", "Y"}
        Unit of `horizon`.

    Examples
    --------
    >>> from customervalue import clv
    >>> from customervalue.retention import retention_curve
    >>> retention_curve(clv.ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669), [26, 52])
    Retention curve of new customers, in weeks
      until  alive   kept    buying  purchases
      26     49.2 %  49.2 %  37.1 %  0.909
      52     35.8 %  72.8 %  21.7 %  0.564
    """

    horizon: FloatArray
    alive: FloatArray
    buying: FloatArray
    purchases: FloatArray
    alive_low: FloatArray | None
    alive_high: FloatArray | None
    buying_low: FloatArray | None
    buying_high: FloatArray | None
    purchases_low: FloatArray | None
    purchases_high: FloatArray | None
    level: float | None
    time_unit: str

    @property
    def retention_rate(self) -> FloatArray:
        """Of those alive at the begin of each period, the share that is at its end; shape (h,).

        It rises with age, although no customer becomes more loyal: those who leave easily have left.
        """
        before = np.concatenate([[1.0], self.alive[:-1]])
        return np.asarray(self.alive / before, dtype=np.float64)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per period.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns horizon, alive, retention_rate, buying, purchases and, if there are intervals, their ends.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue import clv
        >>> from customervalue.retention import retention_curve
        >>> curve = retention_curve(clv.ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669), [26, 52])
        >>> curve.to_frame()["alive"].round(3)
        array([0.492, 0.358])
        """
        return _columns.to_frame(self._columns(), backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue import clv
        >>> from customervalue.retention import retention_curve
        >>> curve = retention_curve(clv.ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669), [26, 52])
        >>> curve.to_dict()["horizon"]
        [26.0, 52.0]
        """
        return self._plain()

    def _columns(self) -> dict[str, AnyArray]:
        columns: dict[str, AnyArray] = {"horizon": self.horizon, "alive": self.alive}
        columns |= {"retention_rate": self.retention_rate, "buying": self.buying, "purchases": self.purchases}
        ends = {f"{name}_{end}": getattr(self, f"{name}_{end}") for name in _CURVES for end in ("low", "high")}
        return columns | {name: column for name, column in ends.items() if column is not None}

    def _facts(self) -> dict[str, Any]:
        return {"level": self.level, "time_unit": self.time_unit}

    def _title(self) -> str:
        level = "" if self.level is None else f", {100 * self.level:.4g} % intervals"
        return f"Retention curve of new customers, in {_UNITS[self.time_unit]}{level}"

    def _head(self) -> list[str]:
        return ["until", "alive", "kept", "buying", "purchases"]

    def _cells(self, row: int) -> list[str]:
        def cell(name: str, scale: float, places: int) -> str:
            low, high = getattr(self, f"{name}_low"), getattr(self, f"{name}_high")
            text = f"{scale * getattr(self, name)[row]:.{places}f}"
            return text if low is None else f"{text} ({scale * low[row]:.{places}f} to {scale * high[row]:.{places}f})"

        rate = f"{100 * self.retention_rate[row]:.1f} %"
        shares = [f"{cell('alive', 100, 1)} %", rate, f"{cell('buying', 100, 1)} %"]
        return [f"{self.horizon[row]:g}", *shares, cell("purchases", 1, 3)]


_CURVES = ("alive", "buying", "purchases")


@dataclass(frozen=True, eq=False, repr=False)
class OverdueCustomers(_Table):
    """Customers overdue by their own rhythm, those with most at stake first.

    Attributes
    ----------
    position : ndarray of int64, shape (m,)
        Rows of the customer summary.
    customer_id : ndarray, shape (m,), or None
        Identifiers.
    frequency : ndarray of int64, shape (m,)
        Repeat purchases.
    silence : ndarray of float64, shape (m,)
        Time since the last purchase, in time units.
    overdue : ndarray of float64, shape (m,)
        How unusual that is by his own rhythm; at least `threshold`.
    probability_alive : ndarray of float64, shape (m,)
        At least `least_alive`.
    expected_purchases : ndarray of float64, shape (m,)
        At stake: within `horizon`, weighted with the probability that he is alive.
    weights : ndarray of int64, shape (m,), or None
        How many customers each row stands for.
    threshold, least_alive, horizon : float
        As asked for.
    time_unit : {"W", "D", "M", "Y"}
    customers : int
        How many were looked at.
    backend : str or None
        Dataframe library the customers came in.

    Examples
    --------
    >>> from customervalue import CustomerSummary, clv
    >>> from customervalue.retention import overdue_customers
    >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> customers = CustomerSummary([2, 15, 0], [28.0, 28.0, 0], [37.0, 37.0, 37.0], customer_id=["Ann", "Bob", "Cyd"])
    >>> overdue_customers(model, customers)
    Overdue: 1 of 3 customers, purchases at stake in 52.18 weeks
      customer  repeat purchases  silent for  overdue  alive  at stake
      Bob       15                9.0         0.976    0.331  4.61
    """

    position: IntArray
    customer_id: AnyArray | None
    frequency: IntArray
    silence: FloatArray
    overdue: FloatArray
    probability_alive: FloatArray
    expected_purchases: FloatArray
    weights: IntArray | None
    threshold: float
    least_alive: float
    horizon: float
    time_unit: str
    customers: int
    backend: str | None = field(default=None)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per overdue customer.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the customers came in; a dict of columns if they came in none.

        Returns
        -------
        dataframe or dict of ndarray
            The attributes that are arrays.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> from customervalue.retention import overdue_customers
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> overdue_customers(model, CustomerSummary([2, 15], [28.0, 28.0], [37.0, 37.0])).to_frame()["position"]
        array([1])
        """
        return _columns.to_frame(self._columns(), backend or self.backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> from customervalue.retention import overdue_customers
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> overdue_customers(model, CustomerSummary([2, 15], [28.0, 28.0], [37.0, 37.0])).to_dict()["silence"]
        [9.0]
        """
        return self._plain()

    def _columns(self) -> dict[str, AnyArray]:
        names = ("position", "customer_id", "frequency", "silence", "overdue", "probability_alive")
        columns = {name: getattr(self, name) for name in (*names, "expected_purchases", "weights")}
        return {name: column for name, column in columns.items() if column is not None}

    def _facts(self) -> dict[str, Any]:
        names = ("threshold", "least_alive", "horizon", "time_unit", "customers")
        return {name: getattr(self, name) for name in names}

    def _title(self) -> str:
        total = len(self) if self.weights is None else int(self.weights.sum())
        window = f"{self.horizon:.4g} {_UNITS[self.time_unit]}"
        return f"Overdue: {total:,} of {self.customers:,} customers, purchases at stake in {window}"

    def _head(self) -> list[str]:
        return ["customer", "repeat purchases", "silent for", "overdue", "alive", "at stake"]

    def _cells(self, row: int) -> list[str]:
        name = self.position[row] if self.customer_id is None else self.customer_id[row]
        cells = [str(name), f"{self.frequency[row]:,}", f"{self.silence[row]:.1f}", f"{self.overdue[row]:.3f}"]
        return [*cells, f"{self.probability_alive[row]:.3f}", f"{self.expected_purchases[row]:.2f}"]
