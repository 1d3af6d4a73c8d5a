"""A revenue bridge: what it says, its ratios, and how sure they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text
from customervalue.errors import invalid
from customervalue.estimation.draws import check_count, check_level
from customervalue.retention._revenue_intervals import RevenueIntervals, resampled_intervals
from customervalue.retention._revenue_terms import GAINS, LOSSES, TERMS, Amounts, add_up, columns_of

if TYPE_CHECKING:
    from customervalue._typing import AnyArray

__all__ = ["RATIOS", "Reactivation", "RevenueBridge", "make_bridge"]

Reactivation: TypeAlias = Literal["separate", "new", "expansion"]
#: What is known of the revenue of a base by the names of its ratios.
RATIOS = ("gross_revenue_retention", "net_revenue_retention", "logo_retention", "logo_churn", "quick_ratio")
_UNKNOWN = "without `ever_customer` reactivated customers cannot be told from new ones: they are counted as new"


@dataclass(frozen=True, eq=False, repr=False)
class RevenueBridge:
    """From the revenue of one period to that of the next: won, kept and lost, customer by customer.

    start + new + reactivated + expansion - contraction - churned = end, to the last bit, added up in this order.

    Attributes
    ----------
    start : float
        Revenue of the period before, in money.
    new : float
        Revenue of the period after from customers who had none before.
    reactivated : float
        The same from customers who had none in the period before, but had been customers earlier. 0 where they cannot
        be told from new ones (see `reactivated_known`) or are counted elsewhere (see `reactivation`).
    expansion : float
        By how much the customers of both periods who spent more spent more.
    contraction : float
        By how much the customers of both periods who spent less spent less.
    churned : float
        Revenue of the period before from customers who had none after.
    end : float
        Revenue of the period after.
    customers : dict of str to int
        How many customers stand behind each term; and "unchanged", who spent the same in both periods. Start + new +
        reactivated - churned = end holds for them too, unless reactivation is counted as expansion.
    reactivation : {"separate", "new", "expansion"}
        Where customers who came back are counted, money and heads.
    reactivated_known : bool
        Whether the caller said who had been a customer earlier.
    periods : tuple of str
        Names of the two periods.

    Examples
    --------
    >>> from customervalue.retention import revenue_bridge
    >>> revenue_bridge([50, 30, 20, 0, 0], [65, 27, 0, 10, 8], ever_customer=[1, 1, 1, 1, 0])
    Revenue bridge from before to after
      term           amount  customers
      start          100.00  3
      + new          8.00    1
      + reactivated  10.00   1
      + expansion    15.00   1
      - contraction  3.00    1
      - churned      20.00   1
      = end          110.00  4
    gross revenue retention 77.0 %, net 92.0 %; logo retention 66.7 %; quick ratio 1.43
    """

    start: float
    new: float
    reactivated: float
    expansion: float
    contraction: float
    churned: float
    end: float
    customers: dict[str, int]
    reactivation: Reactivation
    reactivated_known: bool
    periods: tuple[str, str]
    _amounts: Amounts = field(repr=False)

    @property
    def gross_revenue_retention(self) -> float:
        """GRR: (start - contraction - churned) / start; between 0 and 1.

        What is left of the revenue of those who were customers, before anything is sold to them on top. Neither new
        nor reactivated customers enter, whatever `reactivation` says.

        Raises
        ------
        InvalidInputError
            If `start` is 0.
        """
        return self._ratio("gross_revenue_retention")

    @property
    def net_revenue_retention(self) -> float:
        """NRR: (start - contraction - churned + expansion) / start; not below GRR, and above 1 if expansion prevails.

        New customers never enter. Reactivated ones do only with ``reactivation="expansion"``; they were not among the
        customers of the start, and the rate is then no longer one of these customers alone.

        Raises
        ------
        InvalidInputError
            If `start` is 0.
        """
        return self._ratio("net_revenue_retention")

    @property
    def logo_retention(self) -> float:
        """Share of the customers of the period before who are customers in the period after, heads not money.

        Customers who came back were not customers in the period before, and do not enter.

        Raises
        ------
        InvalidInputError
            If there were no customers in the period before.
        """
        return self._ratio("logo_retention")

    @property
    def logo_churn(self) -> float:
        """1 - logo retention: the share of the customers of the period before who are gone in the period after.

        Raises
        ------
        InvalidInputError
            If there were no customers in the period before.
        """
        return self._ratio("logo_churn")

    @property
    def quick_ratio(self) -> float:
        """Revenue won per revenue lost: (new + reactivated + expansion) / (contraction + churned).

        Reactivated revenue is among the won, whatever `reactivation` says.

        Raises
        ------
        InvalidInputError
            If nothing was lost.
        """
        return self._ratio("quick_ratio")

    def _ratio(self, name: str) -> float:
        value, reason = self._ratios[name]
        if value is None:
            raise invalid(name, f"`{name}` does not exist: {reason}", "`to_dict()` gives None for it.")
        return value

    @cached_property
    def _ratios(self) -> dict[str, tuple[float | None, str]]:
        none = f"there is no revenue in {self.periods[0]}"
        kept = max(self.start - self.contraction - self.churned, 0.0)
        won, lost = self.new + self.reactivated + self.expansion, self.contraction + self.churned
        churn = self.customers["churned"] / max(self.customers["start"], 1)
        values = (kept / self.start, (kept + self.expansion) / self.start) if self.start > 0 else (None, None)
        logos = (1 - churn, churn) if self.start > 0 else (None, None)
        quick = won / lost if lost > 0 else None
        reasons = (none,) * 4 + ("nothing was lost",)
        return dict(zip(RATIOS, zip((*values, *logos, quick), reasons, strict=True), strict=True))

    def interval(
        self, level: float = 0.95, n: int = 1000, rng: np.random.Generator | int | None = None
    ) -> RevenueIntervals:
        """Intervals of the terms and the ratios, by resampling customers.

        The rows that the bridge was made of are drawn anew with replacement, again and again, and added up; the
        intervals lie between the percentiles. They say how much the numbers owe to chance in who happens to be among
        the customers. A few customers who make most of the revenue make them too narrow.

        Parameters
        ----------
        level : float
            How often such intervals hold the truth, between 0 and 1.
        n : int
            How many times; 1,000 takes about a minute for a million customers with different amounts.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        RevenueIntervals
            Of the ratios that exist.

        Raises
        ------
        InvalidInputError
            If `level` or `n` is out of range.

        References
        ----------
        .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 13: percentile intervals.

        Examples
        --------
        >>> from customervalue.retention import revenue_bridge
        >>> before, after = [50, 30, 20, 40, 0] * 40, [65, 27, 0, 40, 8] * 40
        >>> revenue_bridge(before, after).interval(rng=1)["gross_revenue_retention"]
        (0.79288798031857, 0.8763222827360208)
        """
        share, size = check_level(level), check_count(n)
        columns = columns_of(self._amounts, self.reactivation)
        estimates = {term: getattr(self, term) for term in TERMS}
        estimates |= {name: value for name, (value, _) in self._ratios.items() if value is not None}
        return resampled_intervals(self._amounts, columns, estimates, share, size, np.random.default_rng(rng))

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per term.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns term, sign (1 for start, what is won and end, -1 for what is lost), amount and customers.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import revenue_bridge
        >>> revenue_bridge([50, 30], [65, 0]).to_frame()["amount"]
        array([80.,  0.,  0., 15.,  0., 30., 65.])
        """
        columns: dict[str, AnyArray] = {
            "term": np.array(TERMS, dtype=object),
            "sign": np.array([-1 if term in LOSSES else 1 for term in TERMS]),
            "amount": np.array([getattr(self, term) for term in TERMS]),
            "customers": np.array([self.customers[term] for term in TERMS]),
        }
        return _columns.to_frame(columns, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and texts that JSON knows.

        Returns
        -------
        dict
            The attributes, the ratios (None where one does not exist) and "reasons", why not.

        Examples
        --------
        >>> from customervalue.retention import revenue_bridge
        >>> revenue_bridge([0, 0], [65, 5]).to_dict()["net_revenue_retention"]
        >>> revenue_bridge([0, 0], [65, 5]).to_dict()["reasons"]["net_revenue_retention"]
        'there is no revenue in before'
        """
        facts: dict[str, Any] = {term: getattr(self, term) for term in TERMS}
        facts |= {"customers": dict(self.customers), "reactivation": self.reactivation}
        facts |= {"reactivated_known": self.reactivated_known, "periods": list(self.periods)}
        facts |= {name: value for name, (value, _) in self._ratios.items()}
        return facts | {"reasons": {name: why for name, (value, why) in self._ratios.items() if value is None}}

    def _rows(self) -> tuple[str, list[list[str]]]:
        rows = [["term", "amount", "customers"]]
        for term in TERMS:
            sign = "+ " if term in GAINS else "- " if term in LOSSES else "= " if term == "end" else ""
            elsewhere = term == "reactivated" and self.reactivation != "separate"
            unknown = term == "reactivated" and not self.reactivated_known
            cells = [f"{getattr(self, term):,.2f}", f"{self.customers[term]:,}"]
            rows.append([sign + term, *(["-", "not known" if unknown else f"in {self.reactivation}"]
                                        if elsewhere or unknown else cells)])  # fmt: skip
        return f"Revenue bridge from {self.periods[0]} to {self.periods[1]}", rows

    def _summary(self) -> str:
        gross, net, logo, _, quick = (self._ratios[name][0] for name in RATIOS)
        if gross is None or net is None or logo is None:
            return f"no retention rates: {self._ratios['logo_churn'][1]}"
        text = f"gross revenue retention {gross:.1%}, net {net:.1%}; logo retention {logo:.1%}; quick ratio "
        return text.replace("%", " %") + ("none, as nothing was lost" if quick is None else f"{quick:.2f}")

    def _notes(self) -> list[str]:
        return [self._summary(), *([] if self.reactivated_known or self.reactivation == "new" else [_UNKNOWN])]

    def __repr__(self) -> str:
        return "\n".join([as_text(*self._rows()), *self._notes()])

    def _repr_html_(self) -> str:
        title, rows = self._rows()
        return as_html("\n".join([title, *self._notes()]), rows)


def make_bridge(amounts: Amounts, reactivation: Reactivation, periods: tuple[str, str]) -> RevenueBridge:
    """Make the bridge of checked amounts."""
    columns = columns_of(amounts, reactivation)
    customers = {term: int(np.count_nonzero(members)) for term, (_, members) in columns.items()}
    customers["unchanged"] = int(np.count_nonzero((amounts.before > 0) & (amounts.before == amounts.after)))
    terms = add_up(amounts, columns)
    for column in (amounts.before, amounts.after):
        column.setflags(write=False)
    return RevenueBridge(
        **terms,
        customers=customers,
        reactivation=reactivation,
        reactivated_known=amounts.ever is not None,
        periods=periods,
        _amounts=amounts,
    )
