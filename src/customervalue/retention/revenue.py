"""Revenue kept, won and lost from one period to the next: the bridge of two periods, and those of a whole log."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text, shown_rows
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.retention._revenue_bridge import RATIOS, Reactivation, RevenueBridge, make_bridge
from customervalue.retention._revenue_terms import TERMS, Amounts, check_amounts
from customervalue.transactions.periods import by_period, period_labels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import AnyArray
    from customervalue.transactions import Grain, Instant, OnNegative
    from customervalue.transactions.periods import Period, PeriodTable

__all__ = ["RevenueBridges", "revenue_bridge", "revenue_bridges"]

_CHOICES: tuple[Reactivation, ...] = ("separate", "new", "expansion")


@dataclass(frozen=True, eq=False, repr=False)
class RevenueBridges:
    """Revenue bridges of every two consecutive calendar periods: a sequence of `RevenueBridge`.

    Attributes
    ----------
    bridges : tuple of RevenueBridge, length k
        In order of time.
    partial : tuple of bool, length k
        Whether the second period of each is observed in part only: its revenue is then not all there yet.
    left_out : str
        Name of a last period that was left out because it is observed in part; empty if there was none.
    backend : str or None
        Dataframe library the log came in.

    Examples
    --------
    >>> import customervalue as cv
    >>> revenue_bridges(cv.datasets.load_cdnow(), period="Q", observation_end="1998-03-31")
    Revenue bridges: 4
      from    to      start    new  reactivated  expansion  contraction  churned  end     GRR     NRR
      1997Q1  1997Q2  112,499  0    0            11,109     18,264       71,713   33,630  20.0 %  29.9 %
      1997Q2  1997Q3  33,630   0    10,400       5,578      6,014        16,606   26,987  32.7 %  49.3 %
      1997Q3  1997Q4  26,987   0    11,213       5,770      5,696        10,165   28,109  41.2 %  62.6 %
      1997Q4  1998Q1  28,109   0    8,974        4,773      6,349        10,621   24,887  39.6 %  56.6 %
    """

    bridges: tuple[RevenueBridge, ...]
    partial: tuple[bool, ...]
    left_out: str
    backend: str | None = None

    def __len__(self) -> int:
        return len(self.bridges)

    @overload
    def __getitem__(self, place: int) -> RevenueBridge: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[RevenueBridge, ...]: ...
    def __getitem__(self, place: int | slice) -> RevenueBridge | tuple[RevenueBridge, ...]:
        return self.bridges[place]

    def __iter__(self) -> Iterator[RevenueBridge]:
        return iter(self.bridges)

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per pair of periods.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the log came in; a dict of columns if it came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns before and after (names of the periods), partial, the terms, `customers_` before the name of each
            term, and the ratios; NaN where a ratio does not exist, for the reason that `to_dict` of that bridge gives.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import customervalue as cv
        >>> revenue_bridges(cv.datasets.load_cdnow(), period="Q").to_frame()["churned"].round()
        array([71713., 16606., 10165., 10621., 10596.])
        """
        columns: dict[str, AnyArray] = {
            "before": np.array([bridge.periods[0] for bridge in self], dtype=object),
            "after": np.array([bridge.periods[1] for bridge in self], dtype=object),
            "partial": np.array(self.partial),
        }
        columns |= {term: np.array([getattr(bridge, term) for bridge in self]) for term in TERMS}
        columns |= {f"customers_{term}": np.array([bridge.customers[term] for bridge in self]) for term in TERMS}
        dicts = [bridge.to_dict() for bridge in self]
        columns |= {name: np.array([facts[name] for facts in dicts], dtype=np.float64) for name in RATIOS}
        return _columns.to_frame(columns, backend or self.backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows.

        Returns
        -------
        dict
            "bridges", "partial" and "left_out".

        Examples
        --------
        >>> import customervalue as cv
        >>> revenue_bridges(cv.datasets.load_cdnow(), period="Q").to_dict()["partial"]
        [False, False, False, False, False]
        """
        bridges = [bridge.to_dict() for bridge in self]
        return {"bridges": bridges, "partial": list(self.partial), "left_out": self.left_out}

    def _rows(self) -> tuple[str, list[list[str]]]:
        title = f"Revenue bridges: {len(self):,}"
        if self.left_out:
            title += f"; {self.left_out} is observed in part and left out"
        rows = [
            ["from", "to", "start", "new", "reactivated", "expansion", "contraction", "churned", "end", "GRR", "NRR"]
        ]
        for i in shown_rows(len(self)):
            if i is None:
                rows.append(["..."] * len(rows[0]))
                continue
            facts = self[i].to_dict()
            money = [f"{facts[term]:,.0f}" for term in TERMS]
            rates = (facts["gross_revenue_retention"], facts["net_revenue_retention"])
            names = [self[i].periods[0], self[i].periods[1] + (" (in part)" if self.partial[i] else "")]
            rows.append([*names, *money, *("none" if rate is None else f"{rate * 100:.1f} %" for rate in rates)])
        return title, rows

    def __repr__(self) -> str:
        return as_text(*self._rows())

    def _repr_html_(self) -> str:
        return as_html(*self._rows())


def revenue_bridge(
    before: Any, after: Any, *, ever_customer: Any = None, reactivation: Reactivation = "separate"
) -> RevenueBridge:
    """Break the change of revenue from one period to the next down into what was won, kept and lost.

    Parameters
    ----------
    before, after : array_like, shape (n,), or mappings
        Revenue of each customer in the two periods, in money, >= 0; row by row the same customer. 0 means that he was
        no customer in that period. Or two mappings of customer to amount (or two pandas Series with customers as
        index), in which customers without revenue may be missing.
    ever_customer : array_like of bool, shape (n,), or collection of customers, optional
        Who had been a customer at any time earlier than the period before; looked at only where there is no revenue
        before. With mappings, the customers of whom that is true. Without it reactivated customers cannot be told from
        new ones, and all are counted as new.
    reactivation : {"separate", "new", "expansion"}
        Where customers who came back count: on a line of their own, as new, or as expansion. Net revenue retention
        has them only with ``"expansion"``; gross revenue retention and logo retention never have them; the quick ratio
        always has them among the won.

    Returns
    -------
    RevenueBridge

    Raises
    ------
    InvalidInputError
        With every problem found: amounts that are negative or missing, columns of different lengths, customers twice
        in one period, `ever_customer` that is neither true nor false; ``reactivation="expansion"`` without
        `ever_customer`.

    Notes
    -----
    Which of the three is meant by reactivation differs from report to report: say which with every number. Amounts are
    added up exactly and rounded once.

    References
    ----------
    .. [1] Farris, Bendle, Pfeifer & Reibstein (2010), Marketing Metrics, 2nd ed., section 5.1: retention of customers
       and its limits where nobody says that he leaves.

    Examples
    --------
    >>> bridge = revenue_bridge(before=[50, 30, 20, 0, 0], after=[65, 27, 0, 10, 8], ever_customer=[1, 1, 1, 1, 0])
    >>> bridge.gross_revenue_retention, bridge.net_revenue_retention
    (0.77, 0.92)
    >>> revenue_bridge({"Ann": 50, "Bob": 30}, {"Ann": 65, "Cyd": 8, "Dee": 10}, ever_customer={"Dee"}).reactivated
    10.0
    """
    _check_reactivation(reactivation)
    if reactivation == "expansion" and ever_customer is None:
        rule = '`reactivation="expansion"` needs `ever_customer`'
        raise invalid("ever_customer", rule, "Nothing else tells customers who came back from new ones.")
    return make_bridge(check_amounts(before, after, ever_customer), reactivation, ("before", "after"))


def _check_reactivation(reactivation: str) -> None:
    if reactivation not in _CHOICES:
        rule = f"`reactivation` must be one of {', '.join(map(repr, _CHOICES))}, and is {reactivation!r}"
        raise invalid("reactivation", rule)


def revenue_bridges(
    log: Any,
    *,
    customer: str = "customer_id",
    date: str = "date",
    value: str = "value",
    period: Period = "M",
    observation_end: Instant | None = None,
    grain: Grain = "D",
    on_negative: OnNegative = "raise",
    reactivation: Reactivation = "separate",
    include_partial: bool = False,
) -> RevenueBridges:
    """Make the revenue bridge of every two consecutive calendar periods of a log.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order. It is grouped where it is, and not changed.
    customer, date, value : str
        Names of the columns of customer ids, of dates or times, and of values in money.
    period : {"M", "W", "Q", "Y"}
        Calendar months, ISO weeks, quarters or years.
    observation_end : str, date, datetime, datetime64 or Timestamp, optional
        The last moment that counts; a date means that whole day. By default the last date in the log.
    grain, on_negative
        As in `summarize`.
    reactivation : {"separate", "new", "expansion"}
        As in `revenue_bridge`. Who had been a customer earlier is known from the log: whoever spent anything in a
        period before. Customers of the time before the log begins pass for new when they come back.
    include_partial : bool
        What to do with a last period that is observed in part: True keeps it and marks it, False leaves it out and
        says so. Its revenue is too low, and whoever is yet to come would pass for churned.

    Returns
    -------
    RevenueBridges
        One less than there are periods from the first transaction to the last; periods without any revenue have
        bridges too.

    Raises
    ------
    InvalidInputError
        With every problem of the log, as `summarize` does; if there are fewer than two periods, `reactivation` or
        `period` is unknown, or ``on_negative="net"`` leaves customers with negative revenue in a period.

    Notes
    -----
    A customer of a period is whoever spent more than 0 in it. Where nobody gives notice, no revenue in a period is not
    proof of having left: the shorter the period, the more customers churn and are reactivated who were only slow.

    References
    ----------
    .. [1] Fader, Hardie & Ross (2022), The Customer-Base Audit: the second lens, two adjacent periods
       side by side.

    Examples
    --------
    >>> import customervalue as cv
    >>> bridges = revenue_bridges(cv.datasets.load_cdnow(), period="Q")
    >>> bridges[2].periods, round(bridges[2].reactivated, 2), round(bridges[2].net_revenue_retention, 3)
    (('1997Q3', '1997Q4'), 11213.45, 0.626)
    """
    _check_reactivation(reactivation)
    if not isinstance(value, str):
        raise invalid("value", f"`value` must be the name of a column, and is {value!r}")
    table = by_period(
        log,
        customer=customer,
        date=date,
        value=value,
        period=period,
        observation_end=observation_end,
        grain=grain,
        on_negative=on_negative,
    )
    first, last = int(table.period.min()), table.last_period
    partial = not table.last_period_complete
    names = period_labels(np.arange(first, last + 1), table.unit).tolist()
    left_out = names.pop() if partial and not include_partial else ""
    if len(names) < 2:
        rule = f"a bridge needs two periods, and there is only {names[0]}" if names else "there is no whole period"
        advice = "Choose a shorter `period`" + (", or `include_partial=True`." if left_out else ".")
        raise invalid("period", rule, advice)
    amounts = _amounts(table, first, len(names))
    bridges = tuple(make_bridge(one, reactivation, (names[i], names[i + 1])) for i, one in enumerate(amounts))
    marks = [False] * (len(bridges) - 1) + [partial and include_partial]
    return RevenueBridges(bridges, tuple(marks), left_out, table.backend)


def _amounts(table: PeriodTable, first: int, size: int) -> Iterator[Amounts]:
    """For each pair of periods one row per customer with revenue in either, in order of ids."""
    money = np.zeros(0) if table.value is None else table.value
    _check_netted(table, money)
    paid = np.flatnonzero(money > 0)
    paid = paid[np.argsort(table.period[paid], kind="stable")]
    customer, period, value = table.customer[paid], table.period[paid], money[paid]
    earliest = np.full(table.customer_id.size, np.iinfo(np.int64).max)
    np.minimum.at(earliest, customer, period)
    bounds = np.searchsorted(period, first + np.arange(size + 1)).tolist()
    slices = [slice(start, stop) for start, stop in pairwise(bounds)]
    for i, (one, other) in enumerate(pairwise(slices)):
        both = np.sort(np.concatenate([customer[one], customer[other]]), kind="stable")  # two runs, merged
        who = both[np.diff(both, prepend=-1) > 0]
        before, after = np.zeros(who.size), np.zeros(who.size)
        before[np.searchsorted(who, customer[one])] = value[one]
        after[np.searchsorted(who, customer[other])] = value[other]
        yield Amounts(before, after, earliest[who] < first + i)


def _check_netted(table: PeriodTable, money: AnyArray) -> None:
    below = np.flatnonzero(money < 0)
    if not below.size:
        return
    row = int(below[0])
    name = period_labels(int(table.period[row]), table.unit)
    shown = f"customer {table.customer_id[table.customer[row]]!s}, {name}, {money[row]:g}"
    advice = "Book refunds in the period of the purchase they take back, or leave them out: on_negative='drop'."
    rule = "revenue of a customer in a period must not be negative after netting"
    problem = Problem("value", rule, advice, int(below.size), shown)
    raise InvalidInputError("the revenue by customer and period", [problem], money.size)
