"""What the models of shares are told: purchases, or money and the purchases behind it, checked and made evidence."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import invalid
from customervalue.numerics.compress import group_codes
from customervalue.units import check_number

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray, IntArray

__all__ = [
    "PairNames",
    "Pairs",
    "check_share",
    "check_sum",
    "check_variation",
    "check_weights",
    "effective_purchases",
    "pair_evidence",
    "table_evidence",
    "unique_pairs",
]

_TOO_MUCH = "The category is what is bought from everybody, us included."
_NOT_WHOLE = (
    "These are numbers of purchases. For money there is `fit_spend`, and predictions take `purchases`: in how many "
    "purchases each customer spent it."
)
_BEHIND = "Of a customer who spent something, it is the number of all his purchases in the category, 1 or more."
#: Sums of the same amounts in another order differ by so much.
_ROUNDING = 1e-9


class PairNames(NamedTuple):
    """What messages call the columns, and what they advise where counts are not whole."""

    own: str
    category: str
    purchases: str = "purchases"
    not_whole: str = _NOT_WHOLE


class Pairs(NamedTuple):
    """Distinct pairs (own, category), and the way back to the rows."""

    own: FloatArray
    category: FloatArray
    inverse: IntArray


def unique_pairs(own: FloatArray, category: FloatArray) -> Pairs:
    """Put customers with equal counts together; those with fractions are kept as they are.

    Examples
    --------
    >>> unique_pairs(np.array([1.0, 0.0, 1.0]), np.array([2.0, 2.0, 2.0])).inverse
    array([1, 0, 1])
    """
    base = float(category.max()) + 1
    if base > 2**31 or np.any(own != np.floor(own)) or np.any(category != np.floor(category)):
        return Pairs(own, category, np.arange(own.size))
    width = int(base)
    groups = group_codes(own.astype(np.int64) * width + category.astype(np.int64), int(own.max() + 1) * width)
    x, n = np.divmod(groups.codes, width)
    return Pairs(x.astype(np.float64), n.astype(np.float64), groups.inverse)


def effective_purchases(purchases: FloatArray, variation: float) -> FloatArray:
    """How many purchases of equal value tell as much of a share of spend as these, of unequal value.

    The variance of a share of spend is p (1 - p) E sum w**2, w being the share of each purchase in the total. Where
    values are gamma distributed with this coefficient of variation, the expectation is (1 + v**2) / (n + v**2).

    Examples
    --------
    >>> effective_purchases(np.array([0.0, 1.0, 9.0]), 1.0)
    array([0., 1., 5.])
    """
    square = variation * variation
    return np.where(purchases > 0, (purchases + square) / (1 + square), 0.0)


def pair_evidence(
    subject: str, own: Any, category: Any, purchases: Any, variation: float, names: PairNames
) -> tuple[FloatArray, FloatArray]:
    """Purchases from us and in the category, (n,) each: as given, or as many as the money is worth as evidence."""
    checker = Checker(subject)
    read = checker.counts if purchases is None else checker.amounts
    advice = names.not_whole if purchases is None else ""
    x, n = read(names.own, own, advice), read(names.category, category, advice)
    behind = None if purchases is None else checker.counts(names.purchases, purchases)
    checker.same_length()
    if x is not None and n is not None and x.shape == n.shape:
        _check_within(checker, names, x, n)
        if behind is not None and behind.shape == n.shape:
            _check_behind(checker, names.category, n, names.purchases, behind)
    checker.done()
    if x is None or n is None:
        raise AssertionError  # reported above
    if behind is None:
        return x, n
    evidence = np.where(n > 0, effective_purchases(behind, variation), 0.0)
    return np.minimum(_ratio(x, n), 1.0) * evidence, evidence


def table_evidence(
    subject: str, amounts: Any, purchases: Any, variation: float, names: tuple[str, str], width: int | None = None
) -> tuple[FloatArray, FloatArray]:
    """The same for a table (n, k) of all brands, and its sums (n,); `names` are those of the two arguments."""
    checker = Checker(subject)
    name, counted = names
    advice = _NOT_WHOLE if purchases is None else ""
    x = (checker.count_matrix if purchases is None else checker.amount_matrix)(name, amounts, advice)
    behind = None if purchases is None else checker.counts(counted, purchases)
    checker.same_length()
    if x is not None and width is not None and x.shape[1] != width:
        advice = "One column for each brand, in the order of `brands`."
        checker.add(name, f"`{name}` must have {width} columns, and has {x.shape[1]}", advice)
    elif x is not None and x.shape[1] < 2:
        advice = "For one brand against the rest, give two columns, or use BetaBinomialShare."
        checker.add(name, f"`{name}` must have two columns or more, one for each brand, and has {x.shape[1]}", advice)
    if x is not None and behind is not None and len(x) == behind.size:
        _check_behind(checker, name, x.sum(axis=1), counted, behind)
    checker.done()
    if x is None:
        raise AssertionError  # reported above
    total = x.sum(axis=1)
    if behind is None:
        return x, total
    evidence = np.where(total > 0, effective_purchases(behind, variation), 0.0)
    return _ratio(x, total[:, None]) * evidence[:, None], evidence


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros(part.shape), where=whole > 0)


def _check_within(checker: Checker, names: PairNames, own: FloatArray, category: FloatArray) -> None:
    broken: BoolArray = own > category * (1 + _ROUNDING)
    show = {names.own: own, names.category: category}
    checker.rows(names.own, broken, f"`{names.own}` must not exceed `{names.category}`", show, _TOO_MUCH)


def _check_behind(checker: Checker, name: str, spend: FloatArray, counted: str, purchases: FloatArray) -> None:
    rule = f"`{counted}` must not be 0 where there is spend"
    checker.rows(counted, (purchases == 0) & (spend > 0), rule, {name: spend, counted: purchases}, _BEHIND)


def check_weights(weights: Any, size: int) -> FloatArray | None:
    """Counts of identical customers, one per row; None if there are none."""
    if weights is None:
        return None
    checker = Checker("the weights")
    values = checker.counts("weights", weights, "How many identical customers a row stands for, in whole numbers.")
    if values is not None and values.size != size:
        checker.add("weights", f"`weights` must have one entry for each of the {size:,} rows, and has {values.size:,}")
    checker.done()
    return values


def check_variation(variation: float) -> float:
    """Return the coefficient of variation of the values of purchases if it can be one, raise otherwise."""
    value = check_number("variation", variation)
    if not (math.isfinite(value) and value >= 0):
        rule = f"`variation` must be finite and not negative, and is {variation!r}"
        advice = "It is the standard deviation of the values of a customer's purchases over their mean."
        raise invalid("variation", rule, advice)
    return value


def check_sum(name: str, alpha: FloatArray) -> None:
    """Raise unless the sum S of positive parameters is a number too."""
    with np.errstate(over="ignore"):
        total = float(np.sum(alpha))
    if not math.isfinite(total):
        rule = f"the sum of `{name}` must be finite, and is too large for a number"
        raise invalid(name, rule, "From 1,000 on, customers hardly differ in their shares.")


def check_share(name: str, values: Any, *, closed: bool = True) -> FloatArray:
    """Return shares as an array if all lie between 0 and 1, raise otherwise."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(name, f"`{name}` must be a number or an array of numbers") from None
    inside = (array >= 0) & (array <= 1) if closed else (array > 0) & (array < 1)
    if not np.all(inside):
        ends = "" if closed else ", without 0 and 1"
        raise invalid(name, f"`{name}` must lie between 0 and 1{ends}, and holds {array[~inside].flat[0]:g}")
    return array
