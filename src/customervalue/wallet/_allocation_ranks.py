"""Ranks of brands: of one brand by each customer, or of all brands by each; checked, and with ties averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker, is_missing
from customervalue.errors import invalid
from customervalue.wallet.share import dimensions, found

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray

__all__ = ["Ranked", "read_ranks"]

_HALVES = "Rank 1 is the best; a brand tied with others has the mean of their ranks, such as 2.5."
_ALL = "Give the ranks or ratings of all brands, a row per customer and NaN for a brand that he does not use."


class Ranked(NamedTuple):
    """Ranks, and how many brands stand behind each.

    `rank` has shape (n, b), NaN where a brand is not used, and `brands` (n, 1); `shape` is that of the caller's ranks.
    """

    rank: FloatArray
    brands: FloatArray
    shape: tuple[int, ...]


def read_ranks(rank: Any, brands: Any, of: str) -> Ranked:
    """Check ranks of one brand (with `brands`) or ranks or ratings of all of them."""
    if of not in ("ranks", "ratings"):
        raise invalid("of", f"`of` must be 'ranks' or 'ratings', and is {of!r}")
    checker = Checker(f"the {of}")
    size = dimensions(rank)
    alone = size == 0 or (size == 1 and brands is not None)
    if alone and brands is None:
        raise invalid("brands", "`brands` is needed with a single rank: how many brands the customer uses", _ALL)
    if alone and of == "ratings":
        raise invalid("rank", "a rating of one brand says nothing without those of the others", _ALL)
    return _one_brand(checker, rank, brands) if alone else _all_brands(checker, rank, brands, of)


def _one_brand(checker: Checker, rank: Any, brands: Any) -> Ranked:
    rank = np.broadcast_to(rank, np.shape(brands)) if np.ndim(rank) == 0 else rank
    brands = np.broadcast_to(brands, np.shape(rank)) if np.ndim(brands) == 0 else brands
    r, b = found(checker.numbers("rank", rank)), found(checker.counts("brands", brands))
    checker.same_length()
    checker.rows("brands", b == 0, "`brands` must be 1 or more", {"brands": b}, "Our brand is one of them.")
    if r.shape == b.shape:
        show = {"rank": r, "brands": b}
        outside = np.isfinite(r) & ((r < 1) | ((r > b) & (b > 0)))
        checker.rows("rank", outside, "`rank` must be within 1 to `brands`", show, _HALVES)
    checker.rows("rank", _odd(r), "`rank` must be a multiple of 1/2", {"rank": r}, _HALVES)
    checker.done()
    return Ranked(r[:, None], b[:, None], np.shape(rank))


def _all_brands(checker: Checker, values: Any, brands: Any, of: str) -> Ranked:
    table = _with_gaps(checker, values)
    if table.size == 0 and not checker.problems:
        checker.add("rank", "there must be at least one customer and one brand")
    checker.done()
    shape = np.shape(values)
    used = ~np.isnan(table)
    size = used.sum(axis=1)
    checker.rows("rank", size == 0, "a customer must use at least one brand", {}, "Leave the others out.")
    if brands is not None:
        given = np.broadcast_to(brands, size.shape) if dimensions(brands) == 0 else brands
        told = found(checker.counts("brands", given))
        checker.same_length()
        if told.shape == size.shape:
            rule = "`brands` must be the number of brands that the customer ranks"
            checker.rows("brands", told != size, rule, {"brands": told, "ranked": size}, "It may be left out here.")
    if of == "ratings":
        less, equal = _order(-table)
    else:
        less, equal = _order(table)
        _check_ranks(checker, table, size, less, equal)
    checker.done()
    return Ranked(np.where(used, less + (equal + 1) / 2, np.nan), size[:, None].astype(np.float64), shape)


def _check_ranks(checker: Checker, table: FloatArray, size: Any, less: FloatArray, equal: FloatArray) -> None:
    """Report ranks that no count of places can have given."""
    outside = (table < 1) | (table > size[:, None])
    odd = _odd(table)
    for broken, rule in (
        (outside, "`rank` must be within 1 to the number of brands that the customer uses"),
        (odd, "`rank` must be a multiple of 1/2"),
    ):
        first = table[np.arange(len(table)), np.argmax(broken, axis=1)]
        checker.rows("rank", np.any(broken, axis=1), rule, {"rank": first, "brands": size}, _HALVES)
    tied = ~((table < less + 1) | (table > less + equal)).any(axis=1)
    dense = ~(np.abs(table - _dense(table, equal)) > 0.25).any(axis=1)
    skipping = ~(tied | dense | outside.any(axis=1) | odd.any(axis=1))
    if np.any(skipping):
        shown = ", ".join("-" if np.isnan(r) else f"{r:g}" for r in table[np.argmax(skipping)])
        rule = "the ranks of a customer must not skip a place"
        texts = np.full(len(table), shown, dtype=object)
        advice = "They run from 1 to the number of brands that he uses; brands he does not use are NaN and not counted."
        checker.rows("rank", skipping, rule, {"ranks": texts}, advice)


def _with_gaps(checker: Checker, values: Any) -> FloatArray:
    """A table of finite numbers, NaN where something is missing; a single row becomes a table."""
    if np.ma.isMaskedArray(values):
        values = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    try:
        raw = np.asarray(values)
    except ValueError:  # lists of different lengths
        checker.matrix("rank", values)
        return np.empty((0, 0))
    table = raw[None, :] if raw.ndim == 1 else raw
    missing = _missing(table)
    filled = table.copy()
    filled[missing] = 0
    result = checker.matrix("rank", filled)
    if result is None:
        return np.empty((0, 0))
    result[missing] = np.nan
    return result


def _missing(table: Any) -> BoolArray:
    if table.dtype.kind == "f":
        return np.asarray(np.isnan(table))
    if table.dtype.kind != "O":
        return np.zeros(table.shape, dtype=np.bool_)
    return np.fromiter(map(is_missing, table.flat), dtype=np.bool_, count=table.size).reshape(table.shape)


def _order(table: FloatArray) -> tuple[FloatArray, FloatArray]:
    """How many brands of the same customer have less, and how many as much, the brand itself included; shape (n, b)."""
    less, equal = np.zeros_like(table), np.zeros_like(table)
    for column in table.T:
        less += column[:, None] < table
        equal += column[:, None] == table
    return less, equal


def _dense(table: FloatArray, equal: FloatArray) -> FloatArray:
    """Ranks that count distinct values: 1 + how many of them are less."""
    ranks = np.ones_like(table)
    for column, ties in zip(table.T, equal.T, strict=True):
        ranks += (column[:, None] < table) / np.maximum(ties, 1.0)[:, None]
    return ranks


def _odd(ranks: FloatArray) -> BoolArray:
    """Which ranks are neither whole nor a half."""
    return np.asarray(np.isfinite(ranks) & (2 * ranks != np.floor(2 * ranks)))
