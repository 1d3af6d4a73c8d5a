"""Rules that name cells of scores: each cell in exactly one segment."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.tiers._rfm_cuts import DIMENSIONS, MOST_BINS

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray

__all__ = [
    "STANDARD",
    "RuleCells",
    "cells",
    "check_bins",
    "check_partition",
    "check_rules",
    "memberships",
    "rule_cells",
]

#: So many cells are named in a message.
_SHOWN = 8

#: Segments of recency and frequency on five scores; money plays no part.
STANDARD: dict[str, list[dict[str, tuple[int, int]]]] = {
    "champions": [{"recency": (5, 5), "frequency": (4, 5)}],
    "loyal": [{"recency": (3, 4), "frequency": (4, 5)}],
    "promising": [{"recency": (4, 5), "frequency": (2, 3)}],
    "new": [{"recency": (4, 5), "frequency": (1, 1)}],
    "needs attention": [{"recency": (3, 3), "frequency": (1, 3)}],
    "cannot lose": [{"recency": (1, 2), "frequency": (5, 5)}],
    "at risk": [{"recency": (1, 2), "frequency": (3, 4)}],
    "dormant": [{"recency": (1, 2), "frequency": (1, 2)}],
}


@dataclass(frozen=True, eq=False, repr=False)
class RuleCells(Table):
    """Every cell, and the segments whose rules name it.

    Attributes
    ----------
    cell : ndarray of int64, shape (bins ** 3,)
        Recency, frequency and monetary score as three digits.
    segments : ndarray of object, shape (bins ** 3,)
        Names, with " and " between them; empty where no rule names the cell.
    n : ndarray of int64, shape (bins ** 3,)
        How many they are; 1 everywhere where rules are in order.

    Examples
    --------
    >>> cells = rule_cells({"recent": {"recency": 2}, "big": {"monetary": 2}}, bins=2)
    >>> cells.cell[cells.n == 0].tolist()
    [111, 121]
    """

    cell: AnyArray
    segments: AnyArray
    n: AnyArray

    def _title(self) -> str:
        none, several = np.count_nonzero(self.n == 0), np.count_nonzero(self.n > 1)
        return f"Cells: {self.n.size:,}; in no segment {none:,}, in several {several:,}"

    def _table(self) -> Mapping[str, AnyArray]:
        return {"cell": self.cell, "segments": self.segments}


def rule_cells(rules: Any, *, bins: int = 5) -> RuleCells:
    """Look up which rules name each cell, whether or not they are in order.

    Parameters
    ----------
    rules : mapping of str to rule, or "standard"
        As for `rfm_segments`.
    bins : int
        Scores run from 1 to this.

    Returns
    -------
    RuleCells

    Raises
    ------
    InvalidInputError
        If a rule cannot be read, or `bins` is not a whole number from 2 to 9.

    Examples
    --------
    >>> rule_cells("standard").segments[-1]
    'champions'
    """
    checker = Checker("the rules")
    size = checker.attempt(check_bins, bins)
    boxes = check_rules(checker, rules, size or MOST_BINS)
    checker.done()
    assert size is not None
    inside = memberships(boxes, size)
    names = np.array(list(boxes), dtype=object)
    said = np.array([" and ".join(names[column]) for column in inside.T], dtype=object)
    return RuleCells(cells(size), said, inside.sum(axis=0))


def check_bins(bins: int) -> int:
    """Return a number of scores if it is a whole number from 2 to 9, raise otherwise."""
    if isinstance(bins, bool) or not isinstance(bins, (int, np.integer)) or not 2 <= bins <= MOST_BINS:
        rule = f"`bins` must be a whole number from 2 to {MOST_BINS}, and is {bins!r}"
        raise invalid("bins", rule, "A cell is written with one digit per score.")
    return int(bins)


def check_rules(checker: Checker, rules: Any, bins: int) -> dict[str, list[dict[str, tuple[int, int]]]]:
    """Return name -> boxes, each dimension from a lowest to a highest score; add the problems if they are none."""
    if isinstance(rules, str):
        if rules != "standard":
            checker.add("rules", f"`rules` must be a mapping of name to rule or 'standard', and is {rules!r}")
        elif bins != 5:
            checker.add(
                "rules", f"the standard rules are for 5 scores, and there are {bins}", "Write rules of your own."
            )
        return STANDARD
    if not isinstance(rules, Mapping) or not rules:
        rule = f"`rules` must be a mapping of name to rule or 'standard', and is {type(rules).__name__} {rules!r}"
        checker.add("rules", rule, 'For example {"best": {"recency": (4, 5), "frequency": (4, 5)}, ...}.')
        return {}
    unnamed = [name for name in rules if not isinstance(name, str)]
    if unnamed:
        checker.add("rules", f"names of segments must be texts, and {unnamed[0]!r} is a {type(unnamed[0]).__name__}")
    return {str(name): _boxes(checker, str(name), rule, bins) for name, rule in rules.items()}


def _boxes(checker: Checker, name: str, rule: Any, bins: int) -> list[dict[str, tuple[int, int]]]:
    alternatives = [rule] if isinstance(rule, Mapping) else rule
    if isinstance(alternatives, str) or not isinstance(alternatives, Sequence) or not alternatives:
        checker.add("rules", f"the rule of {name!r} must be a mapping of score to range, or a list of them")
        return []
    boxes = []
    for box in alternatives:
        unknown = [key for key in box if key not in DIMENSIONS] if isinstance(box, Mapping) else [box]
        if unknown:
            rule_text = f"the rule of {name!r} knows recency, frequency and monetary, and has {unknown[0]!r}"
            checker.add("rules", rule_text)
            continue
        ranges = {key: _range(checker, name, key, asked, bins) for key, asked in box.items()}
        boxes.append({key: found for key, found in ranges.items() if found is not None})
    return boxes


def _range(checker: Checker, name: str, key: str, asked: Any, bins: int) -> tuple[int, int] | None:
    pair = (asked, asked) if _is_score(asked) else asked
    whole = isinstance(pair, Sequence) and len(pair) == 2 and all(_is_score(end) for end in pair)
    if whole and 1 <= pair[0] <= pair[1] <= bins:
        return int(pair[0]), int(pair[1])
    rule = f"{key} of {name!r} must be a score or a pair (lowest, highest) within 1 to {bins}, and is {asked!r}"
    checker.add("rules", rule)
    return None


def _is_score(value: Any) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool)


def memberships(rules: Mapping[str, Sequence[Mapping[str, tuple[int, int]]]], bins: int) -> BoolArray:
    """Which segment holds which cell, shape (segments, bins ** 3)."""
    inside = np.zeros((len(rules), bins, bins, bins), dtype=np.bool_)
    for segment, boxes in zip(inside, rules.values(), strict=True):
        for box in boxes:
            low_high = (box.get(key, (1, bins)) for key in DIMENSIONS)
            segment[tuple(slice(low - 1, high) for low, high in low_high)] = True
    return inside.reshape(len(rules), -1)


def cells(bins: int) -> AnyArray:
    """Three-digit names of all cells, in the order of `memberships`."""
    digits = range(1, bins + 1)
    return np.array([100 * r + 10 * f + m for r, f, m in itertools.product(digits, repeat=3)])


def check_partition(checker: Checker, rules: Mapping[str, Any], inside: BoolArray, bins: int, held: AnyArray) -> None:
    """Add a problem if a cell is in no segment or in several; `held` are the customers in each cell."""
    names, times = list(rules), inside.sum(axis=0)
    advice = "rfm_rule_cells(rules) lists all cells with their segments."
    for wrong, what in ((times == 0, "no rule covers"), (times > 1, "several rules cover")):
        if not np.any(wrong):
            continue
        each = [
            str(cell) + (f" ({' and '.join(np.array(names)[column])})" if what.startswith("several") else "")
            for cell, column in zip(cells(bins)[wrong], inside.T[wrong], strict=True)
        ]
        more = f" and {len(each) - _SHOWN:,} more" if len(each) > _SHOWN else ""
        listed = ", ".join(each[:_SHOWN]) + more
        noun = "cell" if len(each) == 1 else "cells"
        rule = f"{what} {len(each):,} {noun}, with {int(held[wrong].sum()):,} customers: {listed}"
        checker.add("rules", rule, advice)
