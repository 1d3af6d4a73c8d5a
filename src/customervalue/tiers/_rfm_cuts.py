"""Cut points of recency, frequency and monetary value: learned from one base, applied to any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray

__all__ = ["DIMENSIONS", "MOST_BINS", "RFMCuts", "check_cuts", "learn", "score"]

DIMENSIONS = ("recency", "frequency", "monetary")
#: A cell is written with one digit per dimension.
MOST_BINS = 9
#: Rows are scored so many at a time, so that they stay in the processor's cache.
_BATCH = 1 << 16


@dataclass(frozen=True, eq=False, repr=False)
class RFMCuts(Table):
    """What it takes to get each score.

    Attributes
    ----------
    recency : ndarray of float64, shape (bins - 1,)
        Ascending, in time since the last purchase: at most the first for the best score, at most the last for a 2.
    frequency, monetary : ndarray of float64, shape (bins - 1,)
        Ascending: at least the first for a 2, at least the last for the best score.

    Examples
    --------
    >>> cuts = RFMCuts(np.array([4.0, 26.0]), np.array([1.0, 3.0]), np.array([20.0, 80.0]))
    >>> cuts
    RFM cut points
      score  recency  frequency  monetary
      2      26       1          20
      3      4        3          80
    """

    recency: FloatArray
    frequency: FloatArray
    monetary: FloatArray

    @property
    def bins(self) -> int:
        """Number of scores."""
        return self.recency.size + 1

    def _title(self) -> str:
        return "RFM cut points"

    def _table(self) -> Mapping[str, AnyArray]:
        score = np.arange(2, self.bins + 1)
        return {"score": score, "recency": self.recency[::-1], "frequency": self.frequency, "monetary": self.monetary}


def learn(column: FloatArray, bins: int, weights: FloatArray | None, *, low_is_good: bool) -> FloatArray:
    """Cut points that give equal parts of the base, as far as ties allow.

    A customer gets score s if at least the share (s - 1) / bins of the base is strictly worse than he is; the cut is
    the worst value in the base for which that is so.

    Parameters
    ----------
    column : ndarray of float64, shape (n,)
    bins : int
    weights : ndarray of float64, shape (n,), or None
    low_is_good : bool
        As time since the last purchase is.

    Returns
    -------
    ndarray of float64, shape (bins - 1,), ascending

    Examples
    --------
    >>> learn(np.array([0.0, 0, 0, 1, 2, 5]), 3, None, low_is_good=False)
    array([1., 2.])
    >>> learn(np.array([0.0, 1, 1, 2, 5, 5]), 3, None, low_is_good=True)
    array([0., 2.])
    """
    worth = -column if low_is_good else column
    if weights is None:
        ordered, places = np.sort(worth), -(-np.arange(1, bins) * worth.size // bins)
        # The quantile is the last value of a part; who is better than it has at least that part below.
        least = np.searchsorted(ordered, ordered[places - 1], side="right")
    else:
        kept = np.flatnonzero(weights)
        order = kept[np.argsort(worth[kept])]
        ordered, below = worth[order], np.cumsum(weights[order])
        places = np.searchsorted(below * bins, np.arange(1, bins) * below[-1])
        least = np.searchsorted(ordered, ordered[places], side="right")
    # Nobody is better than the best: then the next number there is.
    beyond = np.nextafter(ordered[-1], np.inf)
    cuts = np.where(least < ordered.size, ordered[np.minimum(least, ordered.size - 1)], beyond)
    return np.asarray(-cuts[::-1] if low_is_good else cuts) + 0.0


def score(column: FloatArray, cuts: FloatArray, *, low_is_good: bool) -> AnyArray:
    """Score every row by its cuts.

    Parameters
    ----------
    column : ndarray of float64, shape (n,)
    cuts : ndarray of float64, shape (bins - 1,)
        Ascending.
    low_is_good : bool

    Returns
    -------
    ndarray of int8, shape (n,)
        1 to bins, the highest is best.

    Examples
    --------
    >>> score(np.array([0.0, 1.0, 4.0, 9.0]), np.array([1.0, 5.0]), low_is_good=False)
    array([1, 2, 2, 3], dtype=int8)
    >>> score(np.array([0.0, 1.0, 4.0, 9.0]), np.array([1.0, 5.0]), low_is_good=True)
    array([3, 3, 2, 1], dtype=int8)
    """
    result = np.ones(column.size, dtype=np.int8)
    for start in range(0, column.size, _BATCH):
        rows = slice(start, start + _BATCH)
        for cut in cuts:
            result[rows] += column[rows] <= cut if low_is_good else column[rows] >= cut
    return result


def check_cuts(checker: Checker, cuts: Any, bins: int | None) -> RFMCuts | None:
    """Return the cuts if they are three ascending columns of finite numbers of one length; add the problems if not."""
    if isinstance(cuts, RFMCuts):
        cuts = {name: getattr(cuts, name) for name in DIMENSIONS}
    if not isinstance(cuts, Mapping) or set(cuts) != set(DIMENSIONS):
        kind = ", ".join(map(str, cuts)) if isinstance(cuts, Mapping) else f"a {type(cuts).__name__}"
        rule = f"`cuts` must have recency, frequency and monetary, and is {kind}"
        checker.add("cuts", rule, "Those of other scores will do: cuts=scores.cuts.")
        return None
    own = Checker("the cuts")
    columns = {name: own.numbers(name, cuts[name]) for name in DIMENSIONS}
    for name, column in columns.items():
        if column is not None:
            falls = np.append(False, column[1:] < column[:-1])[: column.size]
            own.rows(name, falls, f"the cuts of `{name}` must ascend", {name: column})
    if len(set(own.sizes.values())) > 1:
        own.same_length()
    count = next(iter(own.sizes.values()), 0)
    if not own.problems and not 1 <= count < MOST_BINS:
        own.add("cuts", f"`cuts` must be 1 to {MOST_BINS - 1} of each, and are {count}")
    if not own.problems and bins is not None and bins != count + 1:
        own.add("bins", f"{count} cuts make {count + 1} scores, and `bins` is {bins}", "Leave `bins` out.")
    checker.problems.extend(own.problems)
    return None if own.problems else RFMCuts(**{name: np.asarray(column) for name, column in columns.items()})
