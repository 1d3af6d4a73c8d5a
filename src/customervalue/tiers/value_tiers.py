"""Customers in tiers by their value: the customer pyramid, ABC analysis, and fixed amounts of money."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue import _columns
from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.tiers import _ordered
from customervalue.tiers._currency import check_currency, in_words
from customervalue.tiers.scheme import Scheme, check_match, check_names, tier_codes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from customervalue._typing import AnyArray, FloatArray, IntArray, Many
    from customervalue.tiers._ordered import Ordered

__all__ = ["ValueTiers", "value_tiers"]

By: TypeAlias = Literal["customers", "value", "threshold"]

_BY = {
    "customers": "cut at shares of the customers",
    "value": "cut at shares of the positive value",
    "threshold": "cut at amounts of money",
}


@dataclass(frozen=True, eq=False, repr=False)
class ValueTiers(Table):
    """Customers in tiers, best first; read as a table with one row per tier.

    Attributes
    ----------
    scheme : Scheme, k tiers
        The names and the amounts of money between them, as they were found or given. It assigns any other base.
    codes : ndarray of int8, shape (n,)
        Tier of each customer: its place in ``scheme.names``, 0 for the best.
    customers : ndarray of int64, shape (k,)
        Customers in each tier; the sum of their weights if there are any.
    value : ndarray of float64, shape (k,)
        Money, summed over the customers of each tier.
    by : {"customers", "value", "threshold"}
    cuts : ndarray of float64, shape (k - 1,)
        As asked for.
    notes : tuple of str
        What a reader of the table should know: empty tiers, customers at or below zero and what they cost.
    customer_id : ndarray, shape (n,), or None

    Examples
    --------
    >>> value_tiers([400, 90, 90, 20, 0, -50], by="value", cuts=[0.6, 0.9], names=("A", "B", "C"))
    3 tiers of 6 customers, cut at shares of the positive value: 60 %, 90 %
      2 customers are at or below zero and cost 50.00. Cuts are shares of the value above zero, 600.00.
      tier  from    to      customers  share of customers  value   share of value  mean value
      A     400.00  inf     1          0.1667              400.00  0.7273          400.00
      B     90      400.00  2          0.3333              180.00  0.3273          90
      C     -inf    90      3          0.5                 -30     -0.05455        -10
    """

    scheme: Scheme
    codes: NDArray[np.int8]
    customers: IntArray
    value: FloatArray
    by: str
    cuts: FloatArray
    notes: tuple[str, ...]
    customer_id: AnyArray | None
    _values: FloatArray = field(repr=False)
    _weights: FloatArray | None = field(repr=False)

    @property
    def tier(self) -> AnyArray:
        """Name of the tier of each customer.

        Returns
        -------
        ndarray of object, shape (n,)

        Examples
        --------
        >>> value_tiers([9.0, 4.0], by="threshold", cuts=[5], names=("gold", "lead")).tier
        array(['gold', 'lead'], dtype=object)
        """
        return self.scheme.tier_names(self.codes)

    @property
    def share_of_customers(self) -> FloatArray:
        """Share of all customers in each tier.

        Returns
        -------
        ndarray of float64, shape (k,)
            In [0, 1]; they add up to 1.

        Examples
        --------
        >>> value_tiers([9, 4, 2, 1], by="threshold", cuts=[5], names=("gold", "lead")).share_of_customers
        array([0.25, 0.75])
        """
        return np.asarray(self.customers / self.customers.sum())

    @property
    def share_of_value(self) -> FloatArray:
        """Share of the total value in each tier.

        Returns
        -------
        ndarray of float64, shape (k,)
            They add up to 1; below 0 or above 1 where there are loss-makers, and NaN if the total is not positive.

        Examples
        --------
        >>> value_tiers([9, 4, 2, 1], by="threshold", cuts=[5], names=("gold", "lead")).share_of_value
        array([0.5625, 0.4375])
        """
        total = float(self.value.sum())
        return self.value / total if total > 0 else np.full(self.value.size, np.nan)

    @property
    def mean_value(self) -> FloatArray:
        """Mean value of the customers in each tier.

        Returns
        -------
        ndarray of float64, shape (k,)
            Money; NaN where nobody is in the tier.

        Examples
        --------
        >>> value_tiers([9, 4, 2], by="threshold", cuts=[5], names=("gold", "lead")).mean_value
        array([9., 3.])
        """
        empty = self.customers == 0
        return np.where(empty, np.nan, self.value / np.where(empty, 1, self.customers))

    @cached_property
    def rank(self) -> IntArray:
        """Place of each customer from the best down.

        Returns
        -------
        ndarray of int64, shape (n,)
            One more than the customers who are worth more: equal values have the same, and the next one skips.

        Examples
        --------
        >>> value_tiers([4, 9, 4, 1], by="threshold", cuts=[5], names=("gold", "lead")).rank
        array([2, 1, 2, 4])
        """
        rank = _ordered.ranks(self._values, self._weights)
        rank.setflags(write=False)
        return rank

    def customer_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer: his id if there is one, his tier and his value.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> tiers = value_tiers([9, 4], by="threshold", cuts=[5], names=("gold", "lead"), customer_id=["Ann", "Bob"])
        >>> tiers.customer_frame("polars").rows()
        [('Ann', 'gold', 9.0), ('Bob', 'lead', 4.0)]
        """
        known = {} if self.customer_id is None else {"customer_id": self.customer_id}
        return _columns.to_frame(known | {"tier": self.tier, "value": self._values}, backend)

    def _title(self) -> str:
        written = "{:,.12g}" if self.by == "threshold" else "{:.4g} %"
        factor = 1 if self.by == "threshold" else 100
        cuts = ", ".join(written.format(factor * cut) for cut in self.cuts.tolist())
        total, money = int(self.customers.sum()), in_words(self.scheme.currency)
        if not cuts:
            return "\n".join([f"1 tier of {total:,} customers", *(f"  {note}" for note in self.notes)])
        head = f"{len(self.scheme)} tiers of {total:,} customers, {_BY[self.by]}: {cuts}"
        head += money if self.by == "threshold" else f"; values in{money}" if money else ""
        return "\n".join([head, *(f"  {note}" for note in self.notes)])

    def _table(self) -> dict[str, AnyArray]:
        return {
            "tier": np.array(self.scheme.names, dtype=object),
            "from": self.scheme.lower,
            "to": self.scheme.upper,
            "customers": self.customers,
            "share_of_customers": self.share_of_customers,
            "value": self.value,
            "share_of_value": self.share_of_value,
            "mean_value": self.mean_value,
        }


def value_tiers(
    value: Many,
    *,
    by: By,
    cuts: Many,
    names: Sequence[str] = ("platinum", "gold", "iron", "lead"),
    weights: Many | None = None,
    currency: str | None = None,
    customer_id: Any = None,
) -> ValueTiers:
    """Put customers into tiers by their value, best first.

    Parameters
    ----------
    value : array_like of float, shape (n,)
        Money: what each customer is or was worth. It may be zero or negative.
    by : {"customers", "value", "threshold"}
        What `cuts` are. "customers": shares of the customers, counted from the best down, as in the customer pyramid.
        "value": shares of the value, cumulated from the best customer down, as in ABC analysis. "threshold": amounts
        of money.
    cuts : sequence of float, k - 1 of them
        Shares in (0, 1), ascending: ``[0.01, 0.05, 0.2]`` by customers makes tiers of the best 1 %, the next 4 %, the
        next 15 %, and the rest. Amounts of money descend; a tier begins at its amount. There is no default: where to
        cut is a decision of the business.
    names : sequence of str, k names
        Best tier first. The default are those of the customer pyramid.
    weights : array_like of int, shape (n,), optional
        How many identical customers each row stands for; whole numbers >= 0.
    currency : str, optional
        A label such as "EUR", which the result and its scheme carry.
    customer_id : array_like, shape (n,), optional
        Who they are; goes into ``customer_frame``.

    Returns
    -------
    ValueTiers

    Raises
    ------
    InvalidInputError
        If a value is missing or infinite, `cuts` are not ordered or not shares, `names` are not one more than `cuts`,
        columns differ in length, weights are not counts, or `by` is "value" and nobody's value is positive.

    Notes
    -----
    Equal values are never in different tiers. Customers of equal value stand together as one group, and the group is
    in the tier in which its middle falls, counted in customers or in value; a single customer is a group of one. The
    share above a cut is therefore as near to what was asked for as it can be. Where there are few distinct values,
    tiers may stay empty; the result says which.

    By "value", shares are of the value that is above zero. Customers at or below zero come after all the others, so
    they are in the last tier; the result says how many they are and what they cost.

    References
    ----------
    .. [1] Zeithaml, Rust & Lemon (2001), "The customer pyramid", California Management Review 43(4), 118-142: platinum,
       gold, iron and lead. The authors give no cut-offs.

    Examples
    --------
    >>> tiers = value_tiers([900, 300, 120, 80, 40, 40, 40, 10, 5, 5], by="customers", cuts=[0.1, 0.3, 0.6])
    >>> tiers
    4 tiers of 10 customers, cut at shares of the customers: 10 %, 30 %, 60 %
      tier      from    to      customers  share of customers  value   share of value  mean value
      platinum  900.00  inf     1          0.1                 900.00  0.5844          900.00
      gold      120.00  900.00  2          0.2                 420.00  0.2727          210.00
      iron      40      120.00  4          0.4                 200.00  0.1299          50
      lead      -inf    40      3          0.3                 20      0.01299         6.667

    The three customers worth 40 are in one tier, although the cut at 60 % runs through them.

    >>> tiers.scheme.assign([150.0, 40.0])  # other customers, the same tiers
    array([1, 2], dtype=int8)
    """
    values, counts, known, asked = _checked(value, by, cuts, names, weights, currency, customer_id)
    base = _ordered.ordered(values, counts)
    scheme = Scheme(tuple(names), _thresholds(base, by, asked), currency)
    customers, money = _ordered.sums_between(base, scheme.thresholds)
    return ValueTiers(
        scheme=scheme,
        codes=tier_codes(values, scheme.thresholds),
        customers=customers,
        value=money,
        by=by,
        cuts=asked,
        notes=_notes(base, scheme, customers, money, by),
        customer_id=known,
        _values=values,
        _weights=counts,
    )


def _thresholds(base: Ordered, by: By, cuts: FloatArray) -> tuple[float, ...]:
    if by == "threshold":
        return tuple(cuts.tolist())
    cumulated = base.customers() if by == "customers" else base.positive_value()
    return tuple(_ordered.thresholds_at_shares(base, cumulated, cuts.tolist()))


def _notes(base: Ordered, scheme: Scheme, customers: IntArray, money: FloatArray, by: By) -> tuple[str, ...]:
    notes = []
    empty = [repr(name) for name, size in zip(scheme.names, customers, strict=True) if size == 0]
    if empty:
        reason = "" if by == "threshold" else ": equal values stay together, and there are too few different ones"
        notes.append(f"Nobody is in {', '.join(empty)}{reason}.")
    unit = in_words(scheme.currency)
    (_, below), (gain, loss) = _ordered.sums_between(base, [math.ulp(0.0)])
    if below:
        who = "1 customer is" if below == 1 else f"{below:,} customers are"
        cost = f" and cost{'s' if below == 1 else ''} {-loss:,.2f}{unit}" if loss < 0 else ""
        of_what = f" Cuts are shares of the value above zero, {gain:,.2f}{unit}." if by == "value" else ""
        notes.append(f"{who} at or below zero{cost}.{of_what}")
    if money.sum() <= 0:
        notes.append("The total is not positive, so there are no shares of it.")
    return tuple(notes)


def _checked(
    value: Any, by: Any, cuts: Any, names: Any, weights: Any, currency: Any, customer_id: Any
) -> tuple[FloatArray, FloatArray | None, AnyArray | None, FloatArray]:
    """The columns and the cuts, or every problem there is with any argument."""
    checker = Checker("the value tiers")
    values = checker.numbers("value", value)
    counts = None if weights is None else checker.counts("weights", weights, "They count identical customers.")
    known = None if customer_id is None else checker.column("customer_id", customer_id)
    checker.same_length()
    if counts is not None and counts.size and not counts.any():
        checker.add("weights", "`weights` must not all be zero")
    asked = _checked_cuts(checker, by, cuts)
    listed = check_names(checker, names)
    if asked is not None and listed is not None:
        check_match(checker, listed, asked, "cuts")
    checker.attempt(check_currency, currency)
    if values is not None:
        _check_money(checker, values, counts, by)
    checker.done()
    return np.asarray(values), counts, None if known is None else known.copy(), np.asarray(asked)


def _checked_cuts(checker: Checker, by: Any, cuts: Any) -> FloatArray | None:
    if not isinstance(by, str) or by not in _BY:
        checker.add("by", f"`by` must be one of {', '.join(map(repr, _BY))}, and is {by!r}")
        return None
    apart = Checker("the cuts")  # their number is not the number of customers
    asked = apart.numbers("cuts", cuts)
    if asked is not None and np.isfinite(asked).all():
        shown = {"cuts": asked}
        if by == "threshold":
            late = np.append(False, asked[1:] >= asked[:-1])[: asked.size]
            apart.rows("cuts", late, "`cuts` must descend, best tier first", shown)
        else:
            early = np.append(False, asked[1:] <= asked[:-1])[: asked.size]
            apart.rows("cuts", early, "`cuts` must ascend, as they are cumulated", shown)
            advice = "0.2 is the best 20 %. The last tier is what is left; it has no cut of its own."
            rule = "`cuts` must be shares above 0 and below 1"
            apart.rows("cuts", (asked <= 0) | (asked >= 1), rule, shown, advice)
    checker.problems.extend(apart.problems)
    return asked


def _check_money(checker: Checker, values: FloatArray, counts: FloatArray | None, by: Any) -> None:
    if not np.isfinite(values).all() or (counts is not None and counts.size != values.size):
        return
    if not _ordered.adds_up(values, counts):
        checker.add("value", "`value` must not be so large that its sum may have no place in a float")
    there = values if counts is None else values[counts > 0]
    if by == "value" and values.size and not there.max(initial=0.0) > 0:
        advice = 'Cut by "customers" or by "threshold".'
        checker.add("value", "nobody's `value` is positive, so there is no value to take shares of", advice)
