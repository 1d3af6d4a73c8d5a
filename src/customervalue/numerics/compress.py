"""Compression: the likelihoods see a customer through (x, t_x, T) alone, so equal customers are computed once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Groups", "UniqueRows", "find_grid", "group_codes", "totals", "unique_rows"]

#: A table of counts is used instead of a sort while it has at most this many cells per row.
_CELLS_PER_ROW = 4
_LARGEST_CODE = 2**62
_BATCH = 1 << 18


@dataclass(frozen=True)
class Groups:
    """Equal codes, put together.

    Attributes
    ----------
    codes : ndarray of int64, shape (g,)
        The distinct codes, ascending.
    counts : ndarray of float64, shape (g,)
        Total weight of each.
    """

    codes: IntArray
    counts: FloatArray
    _rows: IntArray = field(repr=False)
    _places: IntArray | None = field(repr=False)

    @cached_property
    def inverse(self) -> IntArray:
        """For each row, the place of its code in `codes`; shape (n,)."""
        if self._places is None:
            return np.searchsorted(self.codes, self._rows)
        return self._places[self._rows]


def group_codes(codes: IntArray, size: int, weights: IntArray | None = None) -> Groups:
    """Group equal whole numbers.

    Parameters
    ----------
    codes : ndarray of int64, shape (n,)
        Values in [0, size).
    size : int
        One more than the largest possible code.
    weights : ndarray of int64, shape (n,), optional
        Weight of each row; 1 by default.

    Returns
    -------
    Groups

    Examples
    --------
    >>> groups = group_codes(np.array([7, 2, 7]), 8)
    >>> groups.codes, groups.counts, groups.inverse
    (array([2, 7]), array([1., 2.]), array([1, 0, 1]))
    """
    if size <= _CELLS_PER_ROW * codes.size + 1024:
        seen = np.bincount(codes, minlength=size)
        distinct = np.flatnonzero(seen)
        places = np.cumsum(seen > 0) - 1
        cells = seen if weights is None else totals(codes, weights, size)
        return Groups(distinct, cells[distinct].astype(np.float64), codes, places)
    ordered = np.sort(codes)
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    distinct = ordered[starts]
    if weights is None:
        return Groups(distinct, np.diff(np.append(starts, codes.size)).astype(np.float64), codes, None)
    return Groups(distinct, totals(np.searchsorted(distinct, codes), weights, distinct.size), codes, None)


def totals(places: IntArray, weights: AnyArray, size: int) -> FloatArray:
    """Sum `weights` by place.

    Parameters
    ----------
    places : ndarray of int64, shape (n,)
        Values in [0, size).
    weights : ndarray, shape (n,)
    size : int
        Number of places.

    Returns
    -------
    ndarray of float64, shape (size,)

    Examples
    --------
    >>> totals(np.array([1, 0, 1]), np.array([1.0, 2.0, 3.0]), 2)
    array([2., 4.])
    """
    return np.asarray(np.bincount(places, weights=weights, minlength=size), dtype=np.float64)


def find_grid(times: Sequence[FloatArray], candidates: Sequence[float]) -> float | None:
    """Find how many ticks a period has if every time is a whole number of ticks, to the last bit.

    Parameters
    ----------
    times : sequence of ndarray of float64
        Elapsed times, >= 0.
    candidates : sequence of float
        Ticks per period to try, in this order; a few values are looked at before all of them are.

    Returns
    -------
    float or None
        The first candidate that fits, None if the times lie on none of these grids.

    Examples
    --------
    >>> find_grid([np.array([3 / 7, 39.0])], [7.0])
    7.0
    """
    samples = [t[:: max(1, t.size // 512)] for t in times]
    for ticks in candidates:
        if all(_on_grid(t, ticks) for t in samples) and all(_on_grid(t, ticks) for t in times):
            return ticks
    return None


def _on_grid(times: FloatArray, ticks: float) -> bool:
    return all(np.array_equal(np.rint(part * ticks) / ticks, part) for part in (times[r] for r in _batches(times.size)))


def _batches(size: int) -> Iterator[slice]:
    """Rows a batch at a time, so that what is made of them on the way stays small."""
    return (slice(start, start + _BATCH) for start in range(0, size, _BATCH))


@dataclass(frozen=True)
class UniqueRows:
    """The distinct (x, t_x, T), how many customers have each, and the way back.

    Attributes
    ----------
    frequency : ndarray of int64, shape (u,)
        x, repeat transactions.
    recency : ndarray of float64, shape (u,)
        t_x, in time units.
    T : ndarray of float64, shape (u,)
        Length of observation, in time units.
    counts : ndarray of float64, shape (u,)
        Customers with these values.
    """

    frequency: IntArray
    recency: FloatArray
    T: FloatArray
    counts: FloatArray
    _groups: Groups | None = field(repr=False, default=None)

    def __len__(self) -> int:
        return int(self.frequency.size)

    @property
    def inverse(self) -> IntArray:
        """For each customer, the place of his values among the unique rows; shape (n,)."""
        return np.arange(len(self)) if self._groups is None else self._groups.inverse

    def distinct_lengths(self) -> tuple[FloatArray, IntArray]:
        """The distinct T, and for each unique row the place of its own; not looked for where there was no grid."""
        if self._groups is None:
            return self.T, np.arange(len(self))
        lengths, place = np.unique(self.T, return_inverse=True)
        return lengths, place

    def expand(self, values: FloatArray) -> FloatArray:
        """Scatter one value per unique row back to one value per customer.

        Parameters
        ----------
        values : ndarray of float64, shape (u,)

        Returns
        -------
        ndarray of float64, shape (n,)
        """
        return values if self._groups is None else values[self._groups.inverse]


def unique_rows(
    frequency: IntArray, recency: FloatArray, T: FloatArray, weights: IntArray | None, candidates: Sequence[float]
) -> UniqueRows:
    """Group equal customers where their times lie on a grid; keep the rows as they are where they do not.

    Parameters
    ----------
    frequency, recency, T : ndarray, shape (n,)
        The columns of a customer summary.
    weights : ndarray of int64, shape (n,), or None
        Customers per row.
    candidates : sequence of float
        Grids to try, in ticks per period.

    Returns
    -------
    UniqueRows
        Sorted by frequency, then T, then recency if grouped.

    Examples
    --------
    >>> rows = unique_rows(np.array([2, 0, 2]), np.array([1.5, 0, 1.5]), np.array([3.0, 3, 3]), None, [2.0])
    >>> rows.frequency, rows.counts, rows.inverse
    (array([0, 2]), array([1., 2.]), array([1, 0, 1]))
    """
    ticks = find_grid([T, recency], candidates) if T.size > 1 else None
    if ticks is not None:
        lowest = np.rint(T.min() * ticks)
        n_t, n_r = int(np.rint(T.max() * ticks) - lowest) + 1, int(np.rint(recency.max() * ticks)) + 1
        size = (int(frequency.max()) + 1) * n_t * n_r
        if size < _LARGEST_CODE:
            codes = np.empty(T.size, dtype=np.int64)
            for rows in _batches(T.size):
                t_ticks, r_ticks = np.rint(T[rows] * ticks) - lowest, np.rint(recency[rows] * ticks)
                codes[rows] = (frequency[rows] * n_t + t_ticks.astype(np.int64)) * n_r + r_ticks.astype(np.int64)
            groups = group_codes(codes, size, weights)
            rest, r_code = np.divmod(groups.codes, n_r)
            x, t_code = np.divmod(rest, n_t)
            return UniqueRows(x, r_code / ticks, (t_code + lowest) / ticks, groups.counts, groups)
    counts: AnyArray = np.ones(T.size) if weights is None else weights.astype(np.float64)
    return UniqueRows(frequency, recency, T, counts)
