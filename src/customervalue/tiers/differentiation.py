"""Customers by what they are worth and by what they could be worth: the tiers of Peppers and Rogers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import invalid
from customervalue.numerics.compress import totals
from customervalue.tiers import _ordered
from customervalue.tiers._currency import check_currency
from customervalue.tiers._differentiation_results import OBJECTIVES, Differentiation
from customervalue.tiers.cuts import Cut, as_cut
from customervalue.units import check_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from customervalue._typing import AnyArray, FloatArray, Many

__all__ = ["Differentiation", "differentiate"]

Policy: TypeAlias = Literal["raise", "lift"]
#: A potential that is below the value by less than this share of it is the value, computed in another way.
_ROUNDING = 1e-9


def differentiate(
    actual: Many,
    potential: Many,
    *,
    cut_actual: Cut | float,
    cut_potential: Cut | float,
    floor: float = 0.0,
    weights: Many | None = None,
    on_potential_below: Policy = "raise",
    currency: str | None = None,
    customer_id: Any = None,
) -> Differentiation:
    """Put customers into the tiers of Peppers and Rogers, by actual value and unrealised potential.

    Parameters
    ----------
    actual : array_like of float, shape (n,)
        Money: what each customer is worth, for example his lifetime value, with the costs to serve him taken off.
    potential : array_like of float, shape (n,)
        Money: what he could be worth if the best were made of it; from his wallet, from his peers
        (`potential_from_peers`), or given.
    cut_actual : Cut or float
        Where high actual value begins: ``Cut.money(500)``, ``Cut.quantile(0.9)`` or ``Cut.top_share(0.1)``; a bare
        number is money. The authors give no numbers, so there is no default.
    cut_potential : Cut or float
        Where high *unrealised* potential begins: that of potential less actual value, in the same three ways.
    floor : float
        Money: who lies below it with both values is "below zero".
    weights : array_like of int, shape (n,), optional
        How many identical customers each row stands for; whole numbers >= 0.
    on_potential_below : {"raise", "lift"}
        What to do if a customer's potential is below his actual value: raise, with a count; or lift it to his actual
        value, so that he has no unrealised potential.
    currency : str, optional
        A label such as "EUR", which the result carries.
    customer_id : array_like, shape (n,), optional
        Who they are; goes into ``customer_frame``.

    Returns
    -------
    Differentiation

    Raises
    ------
    InvalidInputError
        If a number is missing or infinite, columns differ in length, weights are not counts, a cut is none, or a
        customer's potential is below his actual value and nothing is said about it.

    Notes
    -----
    Every customer is in exactly one tier; the first of these that holds is his:

    ===============  ==================================================================
    below zero       actual and potential value are both below `floor`
    super-growth     high actual value and high unrealised potential
    most valuable    high actual value
    most growable    high unrealised potential
    low-maintenance  all others
    ===============  ==================================================================

    Value is high at or above its cut, if it is above `floor` too; unrealised potential is high at or above its cut, if
    there is any. Quantiles and shares are of all customers given. A customer who costs more than he brings, but could
    bring at least as much as he costs, is not below zero. He is most growable, or low-maintenance if little could be
    gained; the result says how many such customers there are among the low-maintenance ones.

    References
    ----------
    .. [1] Peppers & Rogers (2016), *Managing Customer Relationships*, 3rd edition, chapter 5: differentiating customers
       by their value.

    Examples
    --------
    >>> differentiate(
    ...     [900, 800, 50, 40, 30, -20], [950, 3000, 600, 60, 35, -5],
    ...     cut_actual=Cut.top_share(1 / 3), cut_potential=Cut.money(300), currency="EUR",
    ... )  # doctest: +ELLIPSIS
    6 customers: high value from 800.00 EUR, high unrealised potential from 300.00 EUR
      1 customer has no share of customer: value and potential are not both positive.
      tier             customers  value   share of value  potential  ...  objective
      most valuable    1          900.00  0.5             950.00     ...  keep
      super-growth     1          800.00  0.4444          3,000.00   ...  keep and grow
      most growable    1          50      0.02778         600.00     ...  grow
      low-maintenance  2          70      0.03889         95         ...  serve cheaply
      below zero       1          -20     -0.01111        -5         ...  mend or let go
    """
    checker = Checker("the differentiation")
    worth, could, counts, known = _checked_columns(checker, actual, potential, weights, customer_id)
    cuts = as_cut(checker, "cut_actual", cut_actual), as_cut(checker, "cut_potential", cut_potential)
    least = checker.attempt(_checked_floor, floor)
    checker.attempt(check_currency, currency)
    lifted = _check_potential(checker, worth, could, counts, on_potential_below)
    checker.done()
    value, best = np.asarray(worth), np.maximum(np.asarray(worth), np.asarray(could))
    gap, bottom = best - value, float(least or 0.0)
    high, growing = (
        0.0 if cut is None else cut.threshold(column, weights=counts)
        for cut, column in zip(cuts, (value, gap), strict=True)
    )
    codes = _codes(value, best, gap, high, growing, bottom)
    both = (value > 0) & (best > 0)
    share = np.full(value.size, np.nan)
    np.divide(value, best, out=share, where=both)
    return Differentiation(
        codes=codes,
        unrealised_potential=gap,
        share_of_customer=share,
        **_per_tier(codes, value, best, gap, share, counts),
        cut_actual=high,
        cut_potential=growing,
        floor=bottom,
        lifted=lifted,
        notes=_notes(codes, value, share, counts, high, bottom, lifted),
        currency=currency,
        customer_id=known,
        _actual=value,
        _potential=best,
        _weights=counts,
    )


def _codes(
    value: FloatArray, best: FloatArray, gap: FloatArray, high: float, growing: float, floor: float
) -> NDArray[np.int8]:
    """Place of each customer's tier among the five."""
    valuable = (value >= high) & (value > floor)
    growable = (gap >= growing) & (gap > 0)
    below = (value < floor) & (best < floor)
    return np.select([below, valuable & growable, valuable, growable], [4, 1, 0, 2], 3).astype(np.int8)


def _per_tier(
    codes: NDArray[np.int8],
    value: FloatArray,
    best: FloatArray,
    gap: FloatArray,
    share: FloatArray,
    counts: FloatArray | None,
) -> dict[str, Any]:
    """The columns of the table."""
    places = codes.astype(np.intp)

    def summed(column: FloatArray) -> FloatArray:
        return totals(places, column if counts is None else column * counts, len(OBJECTIVES))

    has = ~np.isnan(share)
    held, reached = summed(np.where(has, value, 0.0)), summed(np.where(has, best, 0.0))
    mean, those = summed(np.where(has, share, 0.0)), summed(has.astype(np.float64))
    none = np.full(len(OBJECTIVES), np.nan)
    return {
        "customers": summed(np.ones(value.size)).astype(np.int64),
        "value": summed(value),
        "potential": summed(best),
        "unrealised": summed(gap),
        "average_share": np.divide(held, reached, out=none.copy(), where=reached > 0),
        "mean_share": np.divide(mean, those, out=none.copy(), where=those > 0),
    }


def _notes(
    codes: NDArray[np.int8],
    value: FloatArray,
    share: FloatArray,
    counts: FloatArray | None,
    high: float,
    floor: float,
    lifted: int,
) -> tuple[str, ...]:
    """What is worth a word beside the table."""

    def who(rows: AnyArray) -> tuple[str, str, int]:
        size = int(np.count_nonzero(rows) if counts is None else counts[rows].sum())
        return ("1 customer", "has", 1) if size == 1 else (f"{size:,} customers", "have", size)

    notes = []
    if lifted:
        noun = "1 customer had" if lifted == 1 else f"{lifted:,} customers had"
        notes.append(f"{noun} a potential below the actual value; it was lifted to the actual value.")
    if high <= floor:
        notes.append("The cut of actual value is not above the floor: everybody above the floor counts as high.")
    noun, has, size = who(np.isnan(share))
    if size:
        notes.append(f"{noun} {has} no share of customer: value and potential are not both positive.")
    noun, has, size = who((codes == 3) & (value < floor))
    if size:
        be = "is" if has == "has" else "are"
        notes.append(f"{noun} in low-maintenance {be} below the floor today and could rise to it: worth mending.")
    return tuple(notes)


def _checked_floor(floor: float) -> float:
    value = check_number("floor", floor)
    if not np.isfinite(value):
        raise invalid("floor", f"`floor` must be finite, and is {value}")
    return value


def _checked_columns(
    checker: Checker, actual: Any, potential: Any, weights: Any, customer_id: Any
) -> tuple[FloatArray | None, FloatArray | None, FloatArray | None, AnyArray | None]:
    worth, could = checker.numbers("actual", actual), checker.numbers("potential", potential)
    counts = None if weights is None else checker.counts("weights", weights, "They count identical customers.")
    known = None if customer_id is None else checker.column("customer_id", customer_id)
    checker.same_length()
    if counts is not None and counts.size and not counts.any():
        checker.add("weights", "`weights` must not all be zero")
    return worth, could, counts, None if known is None else known.copy()


def _check_potential(
    checker: Checker, worth: FloatArray | None, could: FloatArray | None, counts: FloatArray | None, policy: Any
) -> int:
    """Report potential below actual value, or say how many customers it is to be lifted for."""
    if policy not in ("raise", "lift"):
        checker.add("on_potential_below", f'`on_potential_below` must be "raise" or "lift", and is {policy!r}')
        return 0
    if worth is None or could is None or worth.shape != could.shape:
        return 0
    for name, column in (("actual", worth), ("potential", could)):
        if np.isfinite(column).all() and not _ordered.adds_up(column, counts):
            checker.add(name, f"`{name}` must not be so large that its sum may have no place in a float")
    below = could < worth - _ROUNDING * np.abs(worth)
    if counts is not None and counts.shape == below.shape:
        below &= counts > 0
    if policy == "lift":
        fits = counts is not None and counts.shape == below.shape
        return int(counts[below].sum() if counts is not None and fits else np.count_nonzero(below))
    advice = 'A customer could be worth at least what he is. Pass on_potential_below="lift" to set it to his value.'
    rule = "`potential` must not be below `actual`"
    checker.rows("potential", below, rule, {"potential": could, "actual": worth}, advice)
    return 0
