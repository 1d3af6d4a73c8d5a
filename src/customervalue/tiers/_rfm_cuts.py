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

    Notes
    -----
    Where nobody of the base that the cuts were learned from can have a score, as too many are alike, the cut is
    infinite (of recency -infinite, "at most"), a dash in the table: nobody of another base gets that score either.

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
        columns = {"recency": self.recency[::-1], "frequency": self.frequency, "monetary": self.monetary}
        shown = {name: np.where(np.isfinite(column), column, np.nan) for name, column in columns.items()}
        return {"score": score, **shown}


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
    # Nobody is better than the best: then the score is out of reach.
    cuts = np.where(least < ordered.size, ordered[np.minimum(least, ordered.size - 1)], np.inf)
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
    columns = {name: _ascending(own, name, cuts[name]) for name in DIMENSIONS}
    if len(set(own.sizes.values())) > 1:
        listed = ", ".join(f"{name} {size:,}" for name, size in own.sizes.items())
        own.add("cuts", f"`cuts` must be equally many of each, and are {listed}")
    count = next(iter(own.sizes.values()), 0)
    if not own.problems and not 1 <= count < MOST_BINS:
        own.add("cuts", f"`cuts` must be 1 to {MOST_BINS - 1} of each, and are {count}")
    if not own.problems and bins is not None and bins != count + 1:
        own.add("bins", f"{count} cuts make {count + 1} scores, and `bins` is {bins}", "Leave `bins` out.")
    checker.problems.extend(own.problems)
    return None if own.problems else RFMCuts(**{name: np.asarray(column) for name, column in columns.items()})


def _ascending(checker: Checker, name: str, cuts: Any) -> FloatArray | None:
    """Cuts of one dimension; those that nobody reaches are infinite, or None as JSON has it."""
    column = checker.column(name, cuts)
    if column is None:
        return None
    beyond = -np.inf if name == "recency" else np.inf
    unreached = np.array([cut is None or cut == beyond for cut in column.tolist()], dtype=np.bool_)
    finite = checker.numbers(name, column, ignore=unreached)
    if finite is None:
        return None
    values = np.where(unreached, beyond, finite)
    falls = np.append(False, values[1:] < values[:-1])[: values.size]
    checker.rows(name, falls, f"the cuts of `{name}` must ascend", {name: values})
    return values
