"""A log of purchases by category as a table of who bought what, how often and for how much."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._checks import Checker
from customervalue.errors import invalid
from customervalue.numerics.compress import group_codes, totals
from customervalue.transactions._kernel import as_int64, code_integers, code_values

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["Purchases", "read"]


@dataclass(frozen=True, eq=False)
class Purchases:
    """Distinct pairs of customer and category, by customer, then by category.

    Attributes
    ----------
    customers, categories : ndarray
        Names, ascending.
    customer, category : ndarray of int64, shape (pairs,)
        Places in these.
    times : ndarray of float64, shape (pairs,)
        Rows of the log.
    spend : ndarray of float64, shape (pairs,), or None
        Money.
    """

    customers: AnyArray
    categories: AnyArray
    customer: IntArray
    category: IntArray
    times: FloatArray
    spend: FloatArray | None


def read(log: Any, customer: str, category: str, value: str | None) -> Purchases:
    """Read a log and put equal pairs together.

    Parameters
    ----------
    log : any dataframe, or mapping of columns
        One row per purchase.
    customer, category : str
        Names of the columns.
    value : str, optional
        Name of the column of money.

    Returns
    -------
    Purchases

    Raises
    ------
    InvalidInputError
        If a column is missing or cannot be used.

    Examples
    --------
    >>> log = {"who": ["b", "a", "b"], "what": ["tea", "tea", "tea"]}
    >>> bought = read(log, "who", "what", None)
    >>> bought.customers[bought.customer].tolist(), bought.times.tolist()
    (['a', 'b'], [1.0, 2.0])
    """
    if customer == category:
        raise invalid("category", f"`customer` and `category` must be two columns, and both are {customer!r}")
    names = {"customer": customer, "category": category} | ({} if value is None else {"value": value})
    columns, _ = _columns.read(log, names, {})
    checker = Checker("the log")
    who, what = (_coded(checker, names[key], columns[key]) for key in ("customer", "category"))
    money = None if value is None else checker.numbers(value, columns["value"])
    if len(set(checker.sizes.values())) == 1 and not all(checker.sizes.values()):
        checker.sizes.clear()
        checker.add("log", "the log must have at least one row, and has none")
    checker.same_length()
    checker.done()
    assert who is not None
    assert what is not None
    (people, person), (kinds, kind) = _present(*who), _present(*what)
    groups = group_codes(person * kinds.size + kind, people.size * kinds.size)
    spend = None if money is None else totals(groups.inverse, money, groups.codes.size)
    pair_person, pair_kind = np.divmod(groups.codes, kinds.size)
    return Purchases(people, kinds, pair_person, pair_kind, groups.counts, spend)


def _coded(checker: Checker, name: str, values: Any) -> tuple[IntArray, AnyArray] | None:
    """Codes and labels; None, and a problem, if some are missing or they cannot be put in order."""
    array = checker.column(name, values)
    if array is None or array.size == 0:
        return None
    missing = _missing(array)
    if np.any(missing):
        checker.rows(name, missing, f"`{name}` must not be missing", {}, "Leave these rows out, or name them.")
        return None
    try:
        return code_integers(as_int64(array)) if array.dtype.kind in "iu" else code_values(array)
    except TypeError:
        checker.add(name, f"`{name}` must hold values that can be put in order", "Make them all text, or all numbers.")
        return None


def _missing(array: AnyArray) -> BoolArray:
    """Where an id is None, NaN, NaT or a library's own mark of a missing value."""
    if array.dtype.kind in "mM":
        return np.isnat(array)
    if array.dtype.kind == "f":
        return np.isnan(array)
    if array.dtype.kind == "O":
        return np.array([_differs_from_itself(v) for v in array])
    return np.zeros(array.size, dtype=np.bool_)


def _differs_from_itself(value: Any) -> bool:
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA is neither equal to anything nor different from it
        return True


def _present(codes: IntArray, labels: AnyArray) -> tuple[AnyArray, IntArray]:
    """Only the labels that occur, and the places in them."""
    seen = np.bincount(codes, minlength=len(labels)) > 0
    return labels[seen], (np.cumsum(seen) - 1)[codes]
