"""Two columns of tiers as one row per customer: checked, and matched by id where they have ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError
from customervalue.tiers._currency import one_currency
from customervalue.tiers._tier_columns import ABSENT, Tiers, check_ids, find_ids, missing, read_codes, read_tiers
from customervalue.tiers.scheme import Scheme, check_names

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Moves", "check_moves"]

_SUBJECT = "the migration"


@dataclass(frozen=True)
class Moves:
    """One row per customer: his tier before and after, his value in both, and how many he stands for."""

    names: tuple[str, ...]
    before: IntArray
    after: IntArray
    value_before: FloatArray | None
    value_after: FloatArray | None
    weights: FloatArray | None
    currency: str | None


def check_moves(
    before: Any,
    after: Any,
    names: Any,
    value_before: Any,
    value_after: Any,
    before_id: Any,
    after_id: Any,
    weights: Any,
    currency: str | None,
) -> Moves:
    """Check the arguments of `migration`, and bring them into one row per customer.

    Returns
    -------
    Moves

    Raises
    ------
    InvalidInputError
        With every problem found.

    Examples
    --------
    >>> moves = check_moves(["gold"], ["lead"], ("gold", "lead"), None, None, ["Ann"], ["Bob"], None, None)
    >>> moves.before, moves.after
    (array([ 0, -1]), array([-1,  1]))
    """
    checker = Checker(_SUBJECT)
    scheme = getattr(names, "scheme", names)
    start, end = read_tiers(before), read_tiers(after)
    tiers = _names(checker, scheme.names if isinstance(scheme, Scheme) else names, start, end)
    label = one_currency(currency, getattr(scheme, "currency", None), start.currency, end.currency)
    if (value_before is None) != (value_after is None):
        checker.add("value_before", "`value_before` and `value_after` must both be given, or neither")
        checker.done()
    if before_id is None and after_id is None:
        before_id, after_id = start.customer_id, end.customer_id
        if before_id is None or after_id is None:
            before_id = after_id = None
    first = _period(checker, "before", start, before_id, value_before, tiers)
    second = _period(checker, "after", end, after_id, value_after, tiers)
    weights = _weights(checker, start, end) if weights is None else weights
    counts = None if weights is None else checker.counts("weights", weights, "They count identical customers.")
    if before_id is not None or after_id is not None:
        if weights is not None:
            advice = "Repeat the customers, or line up columns (such as the `tier` of a result) row by row."
            checker.add("weights", "`weights` cannot be matched by ids", advice)
        if before_id is None or after_id is None:
            checker.add("before_id", "`before_id` and `after_id` must both be given, or neither")
        checker.sizes.clear()
    else:
        checker.same_length()
    checker.done()
    if before_id is not None:
        first, second = _matched(first, second)
    if first.codes is None or second.codes is None:
        raise InvalidInputError(_SUBJECT, checker.problems)
    return Moves(tiers, first.codes, second.codes, first.value, second.value, counts, label)


@dataclass(frozen=True)
class _Period:
    codes: IntArray | None
    ids: AnyArray | None
    value: FloatArray | None


def _weights(checker: Checker, before: Tiers, after: Tiers) -> FloatArray | None:
    """The weights that both results were made with."""
    if before.weights is None and after.weights is None:
        return None
    if before.weights is None or after.weights is None or not np.array_equal(before.weights, after.weights):
        rule = "the results were made with weights, and not both with the same"
        checker.add("weights", rule, "Pass `weights=`, how many customers each row stands for.")
        return None
    return before.weights


def _names(checker: Checker, names: Any, before: Tiers, after: Tiers) -> tuple[str, ...]:
    """The names of the tiers, best first: given, or those of the results."""
    found = [given.names for given in (before, after) if given.names is not None]
    columns = [] if names is not None or found else [np.asarray(given.column) for given in (before, after)]
    if names is not None:
        listed = check_names(checker, names)
        found = [*([] if listed is None else [listed]), *found]
    elif columns and all(column.dtype.kind in "iu" for column in columns):
        largest = max(int(np.max(column, initial=0)) for column in columns)
        found = [tuple(str(code) for code in range(largest + 1))]
    elif columns:
        seen = sorted({str(tier) for column in columns for tier in column.flat})
        rule = "`names` must say the order of the tiers, best first"
        checker.add("names", rule, f"Those found are {', '.join(seen[:10])}.")
    if len(set(found)) > 1:
        listed_all = "; ".join(", ".join(one) for one in dict.fromkeys(found))
        checker.add("names", f"both periods must have the same tiers, and have {listed_all}")
    checker.done()
    return found[0]


def _period(checker: Checker, argument: str, given: Tiers, ids: Any, value: Any, names: tuple[str, ...]) -> _Period:
    """The tiers of one period, with their ids and values, all of one length."""
    sizes, checker.sizes = checker.sizes, {}
    codes = read_codes(checker, argument, given.column, names)
    absent = None if codes is None else codes == ABSENT
    worth = None
    if value is not None:
        name = f"value_{argument}"
        column = checker.column(name, value)
        if column is not None and absent is not None and column.shape == absent.shape:
            column = np.where(absent & missing(column), 0.0, column)
        worth = None if column is None else checker.numbers(name, column)
        if worth is not None and absent is not None and worth.shape == absent.shape:
            rule = f"`{name}` must be 0 for a customer who is in no tier"
            checker.rows(name, absent & np.isfinite(worth) & (worth != 0), rule, {name: worth})
    known = None if ids is None else check_ids(checker, f"{argument}_id", ids)
    if ids is not None:
        checker.same_length()
        sizes |= checker.sizes
    checker.sizes = sizes | checker.sizes
    return _Period(codes, known, worth)


def _matched(first: _Period, second: _Period) -> tuple[_Period, _Period]:
    """Both periods over all customers of either: those of the first, then those only in the second."""
    if first.ids is None or second.ids is None:
        return first, second
    try:
        later, earlier = find_ids(second.ids, first.ids), find_ids(first.ids, second.ids)
    except TypeError:
        checker = Checker(_SUBJECT)
        checker.add("after_id", f"`before_id` ({first.ids.dtype}) and `after_id` ({second.ids.dtype}) differ in type")
        raise InvalidInputError(_SUBJECT, checker.problems) from None
    only_later = np.flatnonzero(earlier < 0)
    rows = np.concatenate([np.arange(first.ids.size), np.full(only_later.size, ABSENT)])
    other = np.concatenate([later, only_later])
    return _picked(first, rows), _picked(second, other)


def _picked(period: _Period, rows: IntArray) -> _Period:
    """These rows of a period; where there is none the customer is absent and worth nothing."""
    none = rows < 0
    codes = None if period.codes is None else np.where(none, ABSENT, period.codes[rows])
    value = None if period.value is None else np.where(none, 0.0, period.value[rows])
    return _Period(codes, None, value)
