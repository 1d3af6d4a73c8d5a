"""Who is at risk at each age: durations, churn flags, late entries and weights, checked and counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["SUBJECT", "RiskSets", "Spans", "check_spans", "risk_sets"]

_LARGEST = 2**53  # beyond this, whole numbers have no place in a float
SUBJECT = "the durations"


class Spans(NamedTuple):
    """What is known of each customer: how long, whether it ended, from which age on, and how many are alike."""

    duration: FloatArray
    churned: BoolArray
    entry: FloatArray | None
    weights: IntArray | None
    group: AnyArray | None

    @property
    def n_customers(self) -> int:
        """Customers, each row as many as its weight says."""
        return int(self.duration.size if self.weights is None else self.weights.sum())

    def of(self, rows: BoolArray) -> Spans:
        """The rows of a mask."""
        return Spans(*(None if column is None else column[rows] for column in self))  # type: ignore[arg-type]


class RiskSets(NamedTuple):
    """Counts at each distinct age at which somebody left, was last seen or came in late, ascending; shape (k,) each.

    Between one age and the next (the latter included) as many customers are at risk as `at_risk` says of the latter.
    """

    ages: FloatArray
    at_risk: IntArray
    churned: IntArray
    censored: IntArray
    entered: IntArray

    def at_risk_at(self, ages: FloatArray) -> IntArray:
        """Count customers at risk at any ages; 0 beyond the last."""
        return np.append(self.at_risk, 0)[np.searchsorted(self.ages, ages, side="left")]

    def churned_at(self, ages: FloatArray) -> IntArray:
        """Count customers who churn at any ages."""
        place = np.minimum(np.searchsorted(self.ages, ages, side="left"), self.ages.size - 1)
        return np.where(self.ages[place] == ages, self.churned[place], 0)


def check_spans(duration: Any, churned: Any, entry: Any, weights: Any, group: Any = None) -> Spans:
    """Check the columns against their rules and one another.

    Parameters
    ----------
    duration, churned, entry, weights, group : array-like, shape (n,)
        As in `survival_curve` and `compare_survival`; the last three may be None.

    Returns
    -------
    Spans
        New arrays; rows of weight 0 are left out.

    Raises
    ------
    InvalidInputError
        With every problem found.

    Examples
    --------
    >>> check_spans([3, 5], [True, False], None, [2, 0]).duration
    array([3.])
    """
    checker = Checker(SUBJECT)
    length = checker.numbers("duration", duration)
    advice = "True (or 1) where the end was seen, False (or 0) where the customer was still there when last seen."
    flags = checker.flags("churned", churned, advice)
    late = None if entry is None else checker.numbers("entry", entry)
    counts = None if weights is None else checker.numbers("weights", weights)
    labels = None if group is None else checker.column("group", group)
    checker.same_length()
    if length is not None:
        advice = "A duration runs from the start to the end, or to the last day of observation: check both dates."
        rule = "`duration` must not be negative"
        checker.rows("duration", np.isfinite(length) & (length < 0), rule, {"duration": length}, advice)
        _check_entry(checker, length, late)
    _check_weights(checker, counts)
    if checker.problems or length is None or flags is None:
        rows = max(checker.sizes.values(), default=None)
        raise InvalidInputError(SUBJECT, checker.problems, rows)
    length += 0.0  # no negative zeros
    spans = Spans(length, flags, late, None if counts is None else counts.astype(np.int64), labels)
    return spans if counts is None or np.all(counts > 0) else spans.of(counts > 0)


def _check_entry(checker: Checker, length: FloatArray, late: FloatArray | None) -> None:
    if late is None or late.shape != length.shape:
        return
    finite = np.isfinite(late) & np.isfinite(length)
    ages = {"entry": late, "duration": length}
    advice = "Both are ages. 0 means: watched from the start."
    checker.rows("entry", finite & (late < 0), "`entry` must not be negative", {"entry": late}, advice)
    advice = "Whoever left before the data begin was never seen: leave such rows out."
    rule = "`entry` must be smaller than `duration`"
    checker.rows("entry", finite & (late > 0) & (late >= length), rule, ages, advice)


def _check_weights(checker: Checker, counts: FloatArray | None) -> None:
    if counts is None:
        return
    advice = "Weights count identical customers; they are not sampling weights."
    bad = np.isfinite(counts) & ((counts < 0) | (counts != np.floor(counts)) | (counts > _LARGEST))
    checker.rows("weights", bad, "`weights` must be whole numbers >= 0", {"weights": counts}, advice)
    if counts.size and not np.any(counts != 0):
        checker.problems.append(Problem("weights", "`weights` must not all be zero"))


def risk_sets(spans: Spans) -> RiskSets:
    """Count who is at risk, who churns, who is lost from sight and who comes in late at each age.

    Parameters
    ----------
    spans : Spans
        As checked. A customer is at risk at age t if entry < t <= duration; with entry 0 also at age 0.

    Returns
    -------
    RiskSets

    Examples
    --------
    >>> risk_sets(check_spans([3, 5, 5], [1, 1, 0], None, None)).at_risk
    array([3, 2])
    """
    # Floats >= 0 are in the same order as their bits, and the sign bit is free: it makes room for the flag.
    keys: AnyArray = spans.duration.view(np.uint64) << np.uint64(1)
    keys |= ~spans.churned
    distinct, counts = _tally(keys, spans.weights)
    exits, flags = (distinct >> np.uint64(1)).view(np.float64), (distinct & np.uint64(1)).astype(np.bool_)
    late = None if spans.entry is None else spans.entry > 0
    if spans.entry is None or late is None or not late.any():
        entries, coming = np.zeros(0), np.zeros(0, np.int64)
    else:
        weights = None if spans.weights is None else spans.weights[late]
        bits, coming = _tally(spans.entry[late].view(np.uint64), weights)
        entries = bits.view(np.float64)
    new = _changes(exits)
    ages, place = exits[new], np.cumsum(new) - 1
    if entries.size:
        own, merged = ages, np.sort(np.concatenate([ages, entries]), kind="stable")
        ages = merged[_changes(merged)]
        place = np.searchsorted(ages, own)[place]
    churned, censored, entered = (np.zeros(ages.size, np.int64) for _ in range(3))
    churned[place[~flags]], censored[place[flags]] = counts[~flags], counts[flags]
    entered[np.searchsorted(ages, entries)] = coming
    change = entered - churned - censored
    return RiskSets(ages, -change.sum() + np.cumsum(change) - change, churned, censored, entered)


def _tally(keys: AnyArray, weights: IntArray | None) -> tuple[AnyArray, IntArray]:
    """Distinct keys, ascending, and how many there are of each."""
    if weights is None:
        ordered = np.sort(keys)
        starts = np.flatnonzero(_changes(ordered))
        return ordered[starts], np.diff(starts, append=ordered.size)
    order = np.argsort(keys)
    ordered = keys[order]
    starts = np.flatnonzero(_changes(ordered))
    return ordered[starts], np.add.reduceat(weights[order], starts)


def _changes(column: AnyArray) -> BoolArray:
    changed = np.ones(column.size, np.bool_)
    np.not_equal(column[1:], column[:-1], out=changed[1:])
    return changed
