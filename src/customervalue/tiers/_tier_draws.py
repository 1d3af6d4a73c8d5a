"""Draws of every customer's value, counted by tier as they come, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import InvalidInputError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["DrawCounts", "blocks_of"]

#: Customers looked at a time: with the work on them they stay in the processor's cache.
_CELLS = 1 << 16
#: Counts of so many draws fit into eight bits.
_EIGHT_BITS = 255
_ADVICE = "Draws of customers have shape (draws, n); a generator gives blocks of that shape, or (n,) for one draw."
_MODELS = f"{_ADVICE} Those of a fitted model come from `clv.prediction_draws`."


class DrawCounts:
    """What is kept of the draws: for each threshold how many lay below it and by how much in all, and their sum.

    Parameters
    ----------
    thresholds : sequence of float, k - 1 amounts
        Money, descending.

    Examples
    --------
    >>> counts = DrawCounts((500.0, 50.0))
    >>> counts.add(np.array([[600.0, 40.0], [400.0, 60.0]]))
    >>> counts.draws, counts.below, counts.shortfall
    (2, array([[1, 2],
           [0, 1]]), array([[100., 900.],
           [  0.,  10.]]))
    """

    def __init__(self, thresholds: Sequence[float]) -> None:
        self.thresholds = tuple(thresholds)
        self.draws = 0
        self.total: FloatArray = np.zeros(0)
        self._capped: FloatArray = np.zeros((len(self.thresholds), 0))
        self._below = np.zeros((len(self.thresholds), 0), dtype=np.int32)
        self._recent = np.zeros((len(self.thresholds), 0), dtype=np.uint8)
        self._waiting = 0
        self._numbers = np.zeros(_CELLS)
        self._flags = np.zeros(_CELLS, dtype=np.bool_)

    @property
    def below(self) -> IntArray:
        """Draws of each customer below each threshold, shape (k - 1, n)."""
        self._settle()
        return self._below.astype(np.int64)

    @property
    def shortfall(self) -> FloatArray:
        """Sum over the draws of what each customer lacks to each threshold, shape (k - 1, n), money."""
        cuts = np.array(self.thresholds)[:, None]
        # Rounding may leave a little less than nothing.
        return np.where(self.below > 0, np.maximum(self.draws * cuts - self._capped, 0.0), 0.0)

    @property
    def excess(self) -> FloatArray:
        """Sum over the draws of what each customer has above each threshold, shape (k - 1, n), money."""
        return np.where(self.below < self.draws, np.maximum(self.total - self._capped, 0.0), 0.0)

    def add(self, block: Any) -> None:
        """Count a block of draws, shape (d, n), or (n,) for one draw."""
        values = self._checked(block)
        for start in range(0, len(values), _EIGHT_BITS):
            some = values[start : start + _EIGHT_BITS]
            if self._waiting + len(some) > _EIGHT_BITS:
                self._settle()
            for first in range(0, values.shape[1], _CELLS):
                self._count(some, slice(first, first + _CELLS))
            self._waiting += len(some)
            self.draws += len(some)

    def _count(self, values: FloatArray, columns: slice) -> None:
        """Count these customers in a few draws, one after the other: their counts stay in the cache meanwhile."""
        some, total = values[:, columns], self.total[columns]
        capped, low = self._numbers[: total.size], self._flags[: total.size]
        for draw in some:
            with np.errstate(invalid="ignore", over="ignore"):
                total += draw
            for place, threshold in enumerate(self.thresholds):
                np.minimum(draw, threshold, out=capped)
                self._capped[place, columns] += capped
                np.less(draw, threshold, out=low)
                self._recent[place, columns] += low.view(np.uint8)
        if not np.isfinite(total).all():
            raise self._not_finite(some, columns.start)

    def _settle(self) -> None:
        """Move the counts of the last draws to where there is room for all."""
        self._below += self._recent
        self._recent[:] = 0
        self._waiting = 0

    def _checked(self, block: Any) -> FloatArray:
        try:
            values = np.asarray(block)
            values = values if values.dtype == np.float64 else values.astype(np.float64)
        except (TypeError, ValueError):
            raise invalid("draws", f"`draws` must hold numbers, and draw {self.draws} does not", _ADVICE) from None
        values = values[None, :] if values.ndim == 1 else values
        if values.ndim != 2 or values.shape[1] == 0:
            raise invalid("draws", f"a block of draws has shape {np.shape(block)}", _ADVICE)
        if self.draws == 0 and self.total.size == 0:
            n = values.shape[1]
            self.total, self._capped = np.zeros(n), np.zeros((len(self.thresholds), n))
            self._below = np.zeros(self._capped.shape, dtype=np.int32)
            self._recent = np.zeros(self._capped.shape, dtype=np.uint8)
        if values.shape[1] != self.total.size:
            rule = f"all draws must be of the same customers: the first are of {self.total.size:,}"
            raise invalid("draws", f"{rule}, and draw {self.draws} is of {values.shape[1]:,}", _ADVICE)
        return values

    def _not_finite(self, some: FloatArray, first: int) -> InvalidInputError:
        """The error for a batch with draws that are no numbers, or too large to be added up."""
        bad = ~np.isfinite(some)
        if not bad.any():
            customer = first + int(np.argmin(np.isfinite(self.total[first : first + some.shape[1]])))
            return invalid("draws", f"draws of customer {customer} are too large to be added up")
        row, column = np.argwhere(bad)[0].tolist()
        rule = "draws must be finite numbers"
        shown = f"draw {self.draws + row}, customer {first + column}: {some[row, column]:g}"
        advice = "Looked at until here; there may be more."
        return InvalidInputError("the draws", [Problem("draws", rule, advice, int(bad.any(axis=0).sum()), shown)])


def blocks_of(draws: Any) -> Iterator[AnyArray]:
    """The draws as blocks: a table is one, anything else that can be gone through is a series of them.

    Parameters
    ----------
    draws : array_like, shape (draws, n), or iterable of array_like

    Yields
    ------
    array_like
        Shape (d, n), or (n,) for one draw.

    Examples
    --------
    >>> [np.shape(block) for block in blocks_of([[1.0, 2.0], [3.0, 4.0]])]
    [(2,), (2,)]
    """
    if isinstance(draws, np.ndarray) or hasattr(draws, "__array__"):
        table = np.asarray(draws)
        if table.ndim != 2:
            raise invalid("draws", f"`draws` must have shape (draws, n), and has {table.shape}", _ADVICE)
        yield table
        return
    if isinstance(draws, (str, bytes)) or not np.iterable(draws):
        raise invalid("draws", f"`draws` must be a table or give blocks, and is a {type(draws).__name__}", _MODELS)
    yield from _each(draws)


def _each(draws: Iterable[Any]) -> Iterator[Any]:
    for block in draws:
        if np.ndim(block) == 0:
            what = "single numbers" if isinstance(block, (int, float, np.number)) else f"a {type(block).__name__}"
            raise invalid("draws", f"`draws` gives {what}, one dimension too few", _MODELS)
        yield block
