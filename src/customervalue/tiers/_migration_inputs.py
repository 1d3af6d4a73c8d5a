"""Two columns of tiers as one row per customer: checked, and matched by id where they have ids."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError
from customervalue.tiers._currency import one_currency
from customervalue.tiers._tier_columns import ABSENT, check_ids, find_ids, read_codes
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
    tiers = _names(checker, names, before, after)
    label = one_currency(currency, *(_scheme(given).currency for given in (names, before, after) if _scheme(given)))
    if (value_before is None) != (value_after is None):
        checker.add("value_before", "`value_before` and `value_after` must both be given, or neither")
        checker.done()
    if before_id is None and after_id is None:
        before_id, after_id = (getattr(given, "customer_id", None) for given in (before, after))
        if before_id is None or after_id is None:
            before_id = after_id = None
    first = _period(checker, "before", before, before_id, value_before, tiers)
    second = _period(checker, "after", after, after_id, value_after, tiers)
    counts = None if weights is None else checker.counts("weights", weights, "They count identical customers.")
    if before_id is not None or after_id is not None:
        if weights is not None:
            advice = "Repeat the customers, or line up the columns row by row."
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


def _scheme(given: Any) -> Any:
    """The scheme of a result, or the scheme itself; None if there is none."""
    return given if isinstance(given, Scheme) else getattr(given, "scheme", None)


def _names(checker: Checker, names: Any, before: Any, after: Any) -> tuple[str, ...]:
    """The names of the tiers, best first: given, or those of the results."""
    found = [tuple(scheme.names) for scheme in map(_scheme, (names, before, after)) if scheme is not None]
    if names is not None and _scheme(names) is None:
        listed = check_names(checker, names)
        found = [*([] if listed is None else [listed]), *found]
    elif not found and all(np.asarray(given).dtype.kind in "iu" for given in (before, after)):
        largest = max(int(np.max(given, initial=0)) for given in (before, after))
        found = [tuple(str(code) for code in range(largest + 1))]
    elif not found:
        seen = sorted({str(tier) for given in (before, after) for tier in np.asarray(given, dtype=object).flat})
        rule = "`names` must say the order of the tiers, best first"
        checker.add("names", rule, f"Those found are {', '.join(seen[:10])}.")
    if len(set(found)) > 1:
        listed_all = "; ".join(", ".join(one) for one in dict.fromkeys(found))
        checker.add("names", f"both periods must have the same tiers, and have {listed_all}")
    checker.done()
    return found[0]


def _period(checker: Checker, argument: str, given: Any, ids: Any, value: Any, names: tuple[str, ...]) -> _Period:
    """The tiers of one period, with their ids and values, all of one length."""
    sizes, checker.sizes = checker.sizes, {}
    codes = read_codes(checker, argument, getattr(given, "codes", given), names)
    absent = None if codes is None else codes == ABSENT
    worth = None
    if value is not None:
        name = f"value_{argument}"
        column = checker.column(name, value)
        if column is not None and absent is not None and column.dtype.kind == "f" and column.shape == absent.shape:
            column = np.where(absent & np.isnan(column), 0.0, column)
        worth = None if column is None else checker.numbers(name, column)
        if worth is not None and absent is not None and worth.shape == absent.shape:
            rule = f"`{name}` must be 0 for a customer who is in no tier"
            checker.rows(name, absent & (worth != 0), rule, {name: worth})
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
