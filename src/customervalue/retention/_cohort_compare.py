"""Two cells of a cohort table against each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import InvalidInputError, Problem
from customervalue.estimation.draws import check_level
from customervalue.numerics.proportions import difference, difference_test
from customervalue.retention._cohort_results import CohortComparison

if TYPE_CHECKING:
    from customervalue.retention._cohort_table import CohortTable

__all__ = ["compare_cells"]


def compare_cells(table: CohortTable, a: Any, b: Any, age: Any, level: float) -> CohortComparison:
    """Compare two cohorts of a table at the same age, once all is in order.

    Parameters
    ----------
    table, a, b, age, level
        As in `CohortTable.compare`.

    Returns
    -------
    CohortComparison
    """
    checked = check_level(level)
    problems: list[Problem] = []
    rows = [_row(table, argument, label, problems) for argument, label in (("a", a), ("b", b))]
    whole = isinstance(age, (int, np.integer)) and not isinstance(age, bool)
    if whole and 1 <= age < table.age.size:
        problems.extend(_not_in_full(table, row, age) for row in rows if row >= 0 and not _in_full(table, row, age))
    else:
        rule = f"`age` must be a whole number from 1 to {table.age.size - 1}, and is {age!r}"
        problems.append(Problem("age", rule, "At age 0 the retention of every cohort is 1."))
    if problems:
        raise InvalidInputError("the comparison of cohorts", problems)
    (m, n), (x, y) = table.size[rows].tolist(), table.active[rows, age].astype(np.int64).tolist()
    gap, low, high = difference(x, m, y, n, checked)
    test, p_value = difference_test(x, m, y, n)
    return CohortComparison(
        cohorts=(str(a), str(b)),
        age=int(age),
        active=(x, y),
        size=(m, n),
        retention=(x / m, y / n),
        difference=gap,
        low=low,
        high=high,
        level=checked,
        test=test,
        p_value=p_value,
    )


def _row(table: CohortTable, argument: str, label: Any, problems: list[Problem]) -> int:
    """Place of a cohort, or -1 and a problem."""
    found = np.flatnonzero(table.cohort == label)
    if found.size and table.size[found[0]] > 0:
        return int(found[0])
    rule = f"there is no cohort {label!r}"
    advice = f"They run from {table.cohort[0]!r} to {table.cohort[-1]!r}."
    if found.size:
        rule, advice = f"cohort {label!r} has no customers in this segment", ""
    problems.append(Problem(argument, rule, advice))
    return -1


def _in_full(table: CohortTable, row: int, age: int) -> bool:
    return bool(table.seen[row, age] and not table.partial[row, age])


def _not_in_full(table: CohortTable, row: int, age: int) -> Problem:
    name = table.cohort[row]
    rule = f"cohort {name!r} has not reached age {age}"
    if table.partial[row, age]:
        rule = f"cohort {name!r} was seen at age {age} in part: the observation ends before its period does"
    return Problem("age", rule, "Compare at an age that both have reached in full.")
