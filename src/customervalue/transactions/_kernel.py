"""Group a log in memory: ids to codes, and packed (code, time) keys sorted once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Collapsed", "as_int64", "as_labels", "code_integers", "code_values", "collapse"]

#: Whole-number ids are their own codes while their range has at most this many cells per row.
_CELLS_PER_ROW = 4
_BITS = 63
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_LONGEST_CHAIN = 32


class Collapsed(NamedTuple):
    """One row per code that occurs, ascending."""

    codes: IntArray
    transactions: IntArray
    first: IntArray
    last: IntArray
    total: FloatArray | None


def collapse(codes: IntArray, ticks: IntArray, values: FloatArray | None, *, include_first: bool) -> Collapsed:
    """Group transactions by customer and grain, then by customer.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Customers, as small whole numbers >= 0; n > 0.
    ticks : ndarray of int64, shape (n,)
        Grain of each transaction.
    values : ndarray of float64, shape (n,), or None
        Value of each transaction.
    include_first : bool
        Whether the value of the first grain counts in the total.

    Returns
    -------
    Collapsed
        Grains, first and last grain, and total value of the repeat (or all) grains of each customer.

    Examples
    --------
    >>> done = collapse(np.array([1, 1, 1]), np.array([9, 5, 9]), np.array([1.0, 2.0, 3.0]), include_first=False)
    >>> done.transactions, done.first, done.last, done.total
    (array([2]), array([5]), array([9]), array([4.]))
    """
    size = int(codes.max()) + 1
    lowest, highest = int(ticks.min()), int(ticks.max())
    bits = (highest - lowest).bit_length()
    if size.bit_length() + bits > _BITS:
        distinct, ranks = np.unique(ticks, return_inverse=True)
        packed = collapse(codes, ranks, values, include_first=include_first)
        return packed._replace(first=distinct[packed.first], last=distinct[packed.last])
    dtype = np.uint32 if (size - 1).bit_length() + bits <= np.iinfo(np.uint32).bits else np.int64
    offsets: AnyArray = (ticks - lowest).astype(dtype)
    keys: AnyArray = codes.astype(dtype)
    keys <<= dtype(bits)
    keys |= offsets
    keys.sort()
    keys = keys[np.concatenate([[True], keys[1:] != keys[:-1]])]
    grains = np.bincount(keys >> dtype(bits), minlength=size)
    present = np.flatnonzero(grains)
    transactions = grains[present]
    ends = np.cumsum(transactions)
    mask = dtype((1 << bits) - 1)
    first, last = keys[ends - transactions] & mask, keys[ends - 1] & mask
    total: FloatArray | None = None
    if values is not None:
        firsts: AnyArray = np.zeros(size, dtype)
        firsts[present] = first
        # The repeat values are added up as they are: the total less the first would cancel.
        counted: FloatArray = values if include_first else np.where(offsets > firsts[codes], values, 0.0)
        sums: AnyArray = np.bincount(codes, weights=counted, minlength=size)
        total = sums[present]
    return Collapsed(present, transactions, first.astype(np.int64) + lowest, last.astype(np.int64) + lowest, total)


def code_integers(ids: AnyArray) -> tuple[IntArray, AnyArray]:
    """Code whole numbers in ascending order.

    Parameters
    ----------
    ids : ndarray of int64 or uint64, shape (n,)
        n > 0.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Place of each id in `labels`.
    labels : ndarray, ascending
        All ids, and perhaps others that do not occur.

    Examples
    --------
    >>> code_integers(np.array([12, 10]))
    (array([2, 0]), array([10, 11, 12]))
    """
    lowest = ids.min()
    spread = int(ids.max()) - int(lowest)
    if spread < _CELLS_PER_ROW * ids.size + 1024:
        return (ids - lowest).astype(np.int64), lowest + np.arange(spread + 1, dtype=ids.dtype)
    distinct = np.sort(ids)
    distinct = distinct[np.concatenate([[True], distinct[1:] != distinct[:-1]])]
    return _places(ids, distinct), distinct


def _places(ids: AnyArray, distinct: AnyArray) -> IntArray:
    """Place of each id among the distinct ones, by a hash table: twice as fast as a binary search or an argsort."""
    bits = distinct.size.bit_length() + 2
    homes = _hash(distinct, bits)
    lengths = np.bincount(homes, minlength=1 << bits)
    if lengths.max() > _LONGEST_CHAIN:
        return np.searchsorted(distinct, ids)
    order = np.argsort(homes)
    chained = distinct[order]
    places = (np.cumsum(lengths) - lengths)[_hash(ids, bits)]
    wrong = np.flatnonzero(chained[places] != ids)
    while wrong.size:
        places[wrong] += 1
        wrong = wrong[chained[places[wrong]] != ids[wrong]]
    found: IntArray = order[places]
    return found


def _hash(ids: AnyArray, bits: int) -> IntArray:
    """The highest bits of a multiple (Fibonacci hashing)."""
    return ((ids.view(np.uint64) * _GOLDEN) >> np.uint64(64 - bits)).astype(np.int64)


def code_values(ids: AnyArray) -> tuple[IntArray, AnyArray]:
    """Code ids of any type that can be ordered; text by code point.

    Parameters
    ----------
    ids : ndarray, shape (n,)
        None missing.

    Returns
    -------
    codes : ndarray of int64, shape (n,)
        Place of each id in `labels`.
    labels : ndarray, ascending
        The distinct ids: text and mixed things as objects, the rest in its own type.

    Raises
    ------
    TypeError
        If ids cannot be ordered.

    Examples
    --------
    >>> code_values(np.array(["b", "a", "b"]))
    (array([1, 0, 1]), array(['a', 'b'], dtype=object))
    """
    if ids.dtype.kind not in "OUS":
        labels, codes = np.unique(ids, return_inverse=True)
        return codes.astype(np.int64, copy=False), labels
    listed = ids.tolist()
    distinct = sorted(dict.fromkeys(listed))
    places = dict(zip(distinct, range(len(distinct)), strict=True))
    codes = np.fromiter(map(places.__getitem__, listed), np.int64, len(listed))
    return codes, as_labels(distinct)


def as_int64(ids: AnyArray) -> AnyArray:
    """Whole numbers as int64 if they fit, everything else as it is."""
    fits = ids.dtype.kind == "i" or (ids.dtype.kind == "u" and int(ids.max()) <= np.iinfo(np.int64).max)
    return ids.astype(np.int64, copy=False) if fits else ids


def as_labels(distinct: list[object]) -> AnyArray:
    """Ids as an array: whole numbers as int64, everything else as objects."""
    if all(type(label) is int for label in distinct):
        return np.array(distinct)
    labels = np.empty(len(distinct), object)
    labels[:] = distinct
    return labels
