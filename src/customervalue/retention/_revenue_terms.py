"""The terms of a revenue bridge: two amounts per customer, checked, lined up and added up to the last bit."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem, invalid

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray

__all__ = ["GAINS", "LOSSES", "TERMS", "Amounts", "add_up", "check_amounts", "columns_of"]

#: What is added to the start, and what is taken from it, to get to the end.
GAINS = ("new", "reactivated", "expansion")
LOSSES = ("contraction", "churned")
TERMS = ("start", *GAINS, *LOSSES, "end")
_SUBJECT = "the amounts"


class Amounts(NamedTuple):
    """One customer a row: money in the period before and after, and who had been a customer earlier (if known)."""

    before: FloatArray
    after: FloatArray
    ever: BoolArray | None


def check_amounts(before: Any, after: Any, ever: Any) -> Amounts:
    """Check two columns of amounts, or line up two mappings by their keys.

    Parameters
    ----------
    before, after, ever
        As in `revenue_bridge`.

    Returns
    -------
    Amounts
        New arrays.

    Raises
    ------
    InvalidInputError
        With every problem found.

    Examples
    --------
    >>> check_amounts({"Ann": 5, "Bob": 2}, {"Cyd": 3, "Ann": 4}, {"Cyd"}).after
    array([4., 0., 3.])
    """
    checker = Checker(_SUBJECT)
    if _keyed(before, after):
        before, after, ever = _lined_up(checker, before, after, ever)
    money = {name: checker.numbers(name, values) for name, values in (("before", before), ("after", after))}
    advice = "True for whoever had been a customer earlier than the period before."
    flags = None if ever is None else checker.flags("ever_customer", ever, advice)
    checker.same_length()
    advice = "Book a refund in the period of the purchase it takes back, or leave it out, and say which."
    for name, values in money.items():
        if values is not None:
            rule = f"`{name}` must not be negative"
            checker.rows(name, np.isfinite(values) & (values < 0), rule, {name: values}, advice)
    if checker.problems or money["before"] is None or money["after"] is None:
        raise InvalidInputError(_SUBJECT, checker.problems, max(checker.sizes.values(), default=None))
    return Amounts(money["before"], money["after"], flags)


def _keyed(before: Any, after: Any) -> bool:
    """Whether both are mappings, or pandas Series whose customers differ."""
    if isinstance(before, Mapping) or isinstance(after, Mapping):
        if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
            rule = "`before` and `after` must both be mappings of customer to amount, or both columns"
            raise invalid("after", rule)
        return True
    indices = [getattr(column, "index", None) for column in (before, after)]
    if any(index is None or callable(index) or type(index).__name__ == "RangeIndex" for index in indices):
        return False
    return not bool(indices[0].equals(indices[1]))  # type: ignore[union-attr]


def _lined_up(checker: Checker, before: Any, after: Any, ever: Any) -> tuple[list[Any], list[Any], Any]:
    for name, column in (("before", before), ("after", after)):
        twice: Any = np.zeros(1) if isinstance(column, Mapping) else column.index.duplicated()
        if np.any(twice):
            first = f"{column.index[int(np.argmax(twice))]!r}"
            rule, advice = f"`{name}` must name each customer once", "Add up the amounts of each customer first."
            checker.problems.append(Problem(name, rule, advice, int(np.count_nonzero(twice)), first))
    one, other = dict(before.items()), dict(after.items())
    keys = list(dict.fromkeys([*one, *other]))
    flags = None if ever is None else _known(checker, ever, keys)
    return [one.get(key, 0.0) for key in keys], [other.get(key, 0.0) for key in keys], flags


def _known(checker: Checker, ever: Any, keys: list[Any]) -> list[Any] | None:
    """Who of the customers was one earlier, from a mapping or from a collection of their names."""
    labelled = hasattr(ever, "items") and not callable(getattr(ever, "index", None))
    if isinstance(ever, Mapping) or (labelled and type(ever.index).__name__ != "RangeIndex"):
        found = dict(ever.items())
        return [found.get(key, False) for key in keys]
    if isinstance(ever, (Collection, np.ndarray)) and not isinstance(ever, str):
        names = set(ever.tolist() if isinstance(ever, np.ndarray) else ever)
        if not names or any(not isinstance(name, (bool, np.bool_)) for name in names):
            return [key in names for key in keys]
    rule = "`ever_customer` must name customers by the keys of the mappings, and does not"
    advice = "Pass a set of customers, or a mapping of customer to True or False."
    checker.problems.append(Problem("ever_customer", rule, advice))
    return None


def columns_of(amounts: Amounts, reactivation: str) -> dict[str, tuple[FloatArray, BoolArray]]:
    """For each term the money that each customer adds to it, shape (n,), and who counts in it."""
    before, after, ever = amounts
    came, stayed = (before == 0) & (after > 0), (before > 0) & (after > 0)
    back = came & ever if ever is not None and reactivation != "new" else np.zeros(before.size, np.bool_)
    up = stayed & (after > before)
    members = {
        "start": before > 0,
        "new": came & ~back,
        "reactivated": back if reactivation == "separate" else np.zeros(before.size, np.bool_),
        "expansion": up | back if reactivation == "expansion" else up,
        "contraction": stayed & (after < before),
        "churned": (before > 0) & (after == 0),
        "end": after > 0,
    }
    sizes = dict.fromkeys(TERMS, np.abs(after - before)) | {"start": before, "end": after}
    return {term: (np.where(members[term], sizes[term], 0.0), members[term]) for term in TERMS}


def add_up(amounts: Amounts, columns: dict[str, tuple[FloatArray, BoolArray]]) -> dict[str, float]:
    """Add up each term, so that start + gains - losses is the end to the last bit, added in this order.

    Each term is the exact sum of the amounts, rounded once. Where the terms so rounded do not add up, all are put on
    one grid as fine as a float of the size of their sum allows, and the largest are moved by one step of it.

    Examples
    --------
    >>> amounts = check_amounts([0.1, 0.2, 0.7], [0.3, 0.0, 0.6], None)
    >>> terms = add_up(amounts, columns_of(amounts, "new"))
    >>> terms["start"] + terms["expansion"] - terms["contraction"] - terms["churned"] == terms["end"]
    True
    """
    before, after, _ = amounts
    try:
        sums = {term: _exact_sum(term, before, after, columns[term][1]) for term in TERMS}
        flow = sums["start"] + math.fsum(sums[term] for term in GAINS)
    except OverflowError:
        flow = math.inf
    if not math.isfinite(flow):
        raise invalid("before", "the amounts are too large to be added up", "Give them in a larger unit of money.")
    return sums if _balanced(sums) else _on_grid(sums, math.ulp(flow * (1 + 1e-14)))


def _exact_sum(term: str, before: FloatArray, after: FloatArray, members: BoolArray) -> float:
    plus, minus = (before, after) if term in ("start", *LOSSES) else (after, before)
    if term in ("start", "end"):
        return math.fsum(plus[members].tolist())
    return math.fsum(np.concatenate([plus[members], -minus[members]]).tolist())


def _balanced(sums: dict[str, float]) -> bool:
    running = sums["start"]
    for term in GAINS:
        running += sums[term]
    for term in LOSSES:
        running -= sums[term]
    return running == sums["end"]


def _on_grid(sums: dict[str, float], step: float) -> dict[str, float]:
    steps = {term: round(value / step) for term, value in sums.items()}
    signs = {term: -1 if term in (*LOSSES, "end") else 1 for term in TERMS}
    gap = sum(signs[term] * steps[term] for term in TERMS)
    largest = sorted((term for term in TERMS if steps[term] > 0), key=lambda term: -steps[term])
    # Fewer steps are missing than there are terms that were rounded.
    for term in largest[: abs(gap)]:
        steps[term] -= signs[term] * int(math.copysign(1, gap))
    return {term: count * step for term, count in steps.items()}
