"""Columns of tiers, as names or as codes, with gaps where a customer is in none; and lists of customers, matched."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import invalid
from customervalue.tiers._currency import one_currency
from customervalue.tiers._differentiation_results import Differentiation
from customervalue.tiers.scheme import Scheme

if TYPE_CHECKING:
    from customervalue._checks import Checker
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["ABSENT", "Tiers", "check_ids", "check_scheme", "find_ids", "missing", "read_codes", "read_tiers"]

#: Code of a customer who is in no tier.
ABSENT = -1


@dataclass(frozen=True)
class Tiers:
    """A column of tiers, and what more is known of it where it is that of a result."""

    column: Any
    names: tuple[str, ...] | None = None
    customer_id: AnyArray | None = None
    weights: FloatArray | None = None
    currency: str | None = None


def read_tiers(given: Any) -> Tiers:
    """The tiers of a result (one with `codes` and `scheme`, or a Differentiation), or the column as it is.

    Examples
    --------
    >>> from customervalue.tiers import value_tiers
    >>> read_tiers(value_tiers([9.0, 4.0], by="threshold", cuts=[5], names=("gold", "lead"))).names
    ('gold', 'lead')
    >>> read_tiers(["gold", "lead"])
    Tiers(column=['gold', 'lead'], names=None, customer_id=None, weights=None, currency=None)
    """
    if isinstance(given, Differentiation):
        names, currency = given.names, given.currency
    elif isinstance(getattr(given, "scheme", None), Scheme) and hasattr(given, "codes"):
        names, currency = given.scheme.names, given.scheme.currency
    else:
        return Tiers(given)
    ids, weights = getattr(given, "customer_id", None), getattr(given, "_weights", None)
    return Tiers(given.codes, names, ids, weights, currency)


def check_scheme(scheme: Any, *currencies: str | None) -> Scheme:
    """Return the scheme, or that of a result which has one, in this currency; raise if there is none, or another."""
    found = getattr(scheme, "scheme", scheme)
    if not isinstance(found, Scheme):
        advice = 'For example Scheme(("gold", "lead"), (500,)).'
        raise invalid("scheme", f"`scheme` must be a Scheme, and is a {type(scheme).__name__}", advice)
    return replace(found, currency=one_currency(found.currency, *currencies))


def read_codes(checker: Checker, argument: str, tiers: Any, names: tuple[str, ...]) -> IntArray | None:
    """Codes of a column of tiers; None, and a problem, if some are unknown.

    Parameters
    ----------
    checker : Checker
    argument : str
    tiers : array_like, shape (n,)
        Names, or codes from 0; None, "", NaN or -1 for a customer who is in none.
    names : tuple of str, k names

    Returns
    -------
    ndarray of int64, shape (n,), or None
        0 to k - 1, or `ABSENT`.

    Examples
    --------
    >>> from customervalue._checks import Checker
    >>> read_codes(Checker("the tiers"), "before", ["lead", None, "gold"], ("gold", "lead"))
    array([ 1, -1,  0])
    """
    column = checker.column(argument, tiers)
    if column is None:
        return None
    codes, unknown = _from_numbers(column, len(names)) if column.dtype.kind in "iuf" else _from_names(column, names)
    rule = f"`{argument}` must hold tiers of {', '.join(names)}, or their codes from 0 to {len(names) - 1}"
    advice = "None, or the code -1, stands for a customer who is in no tier."
    checker.rows(argument, unknown, rule, {argument: column}, advice)
    return codes


def _from_numbers(column: AnyArray, k: int) -> tuple[IntArray, BoolArray]:
    codes = np.where(np.isnan(column), ABSENT, column) if column.dtype.kind == "f" else column
    unknown = np.asarray((codes < ABSENT) | (codes >= k) | (codes != np.floor(codes)))
    return np.where(unknown, ABSENT, codes).astype(np.int64), unknown


def _from_names(column: AnyArray, names: tuple[str, ...]) -> tuple[IntArray, BoolArray]:
    place: dict[Any, int] = {name: code for code, name in enumerate(names)}
    unknown_code = ABSENT - 1

    def code_of(entry: Any) -> int:
        if isinstance(entry, str) and entry:
            return place.get(entry, unknown_code)
        if isinstance(entry, (int, np.integer)) and not isinstance(entry, bool):
            return int(entry) if ABSENT <= entry < len(names) else unknown_code
        return ABSENT if _is_missing(entry) or entry == "" else unknown_code

    if column.dtype.kind in "UT":
        distinct, rows = np.unique(column, return_inverse=True)
        codes = np.array([code_of(str(name)) for name in distinct], dtype=np.int64)[rows.reshape(-1)]
    else:
        codes = np.fromiter((code_of(entry) for entry in column.tolist()), dtype=np.int64, count=column.size)
    unknown = np.asarray(codes == unknown_code)
    return np.where(unknown, ABSENT, codes), unknown


def missing(column: AnyArray) -> BoolArray:
    """Where a column holds None, NaN, NaT or a library's own mark of a missing value.

    Examples
    --------
    >>> missing(np.array(["a", None, float("nan")], dtype=object))
    array([False,  True,  True])
    """
    if column.dtype.kind == "O":
        return np.fromiter(map(_is_missing, column.tolist()), dtype=np.bool_, count=column.size)
    return np.asarray(np.isnat(column) if column.dtype.kind in "mM" else column != column)


def _is_missing(entry: Any) -> bool:
    try:
        return entry is None or bool(entry != entry)
    except TypeError:  # pandas.NA is neither equal to itself nor different
        return True


def check_ids(checker: Checker, argument: str, ids: Any) -> AnyArray | None:
    """Ids that name every customer once; None, and a problem, if they do not."""
    column = checker.column(argument, ids)
    if column is None:
        return None
    none = missing(column)
    if none.any():
        checker.rows(argument, none, f"`{argument}` must not be missing", {argument: column})
        return None
    try:
        _, first = np.unique(column, return_index=True)
    except TypeError:
        checker.add(argument, f"`{argument}` must hold ids of one type that can be sorted")
        return None
    twice = np.ones(column.size, dtype=np.bool_)
    twice[first] = False
    checker.rows(argument, twice, f"`{argument}` must name each customer once", {argument: column})
    return None if np.any(twice) else column


def find_ids(ids: AnyArray, wanted: AnyArray) -> IntArray:
    """For each wanted id its row in `ids`, or -1.

    Parameters
    ----------
    ids, wanted : ndarray, shape (n,) and (m,)
        Each names a customer once.

    Returns
    -------
    ndarray of int64, shape (m,)

    Raises
    ------
    TypeError
        If they are of types that cannot be compared.

    Examples
    --------
    >>> find_ids(np.array(["b", "a"]), np.array(["a", "c", "b"]))
    array([ 1, -1,  0])
    """
    kinds = {ids.dtype.kind, wanted.dtype.kind}
    if kinds & set("iufb") and kinds & set("UST"):  # NumPy would compare the numbers as texts
        raise TypeError
    if ids.size == 0:
        return np.full(wanted.size, -1)
    order = np.argsort(ids, kind="stable")
    place = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), ids.size - 1)]
    return np.where(ids[place] == wanted, place, -1)
