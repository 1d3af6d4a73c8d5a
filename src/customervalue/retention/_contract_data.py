"""What is known of contracts, checked and compressed: renewals, and whether the customer is still there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import InvalidInputError, Problem
from customervalue.numerics.compress import group_codes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.numerics.compress import Groups

__all__ = ["ContractRows", "from_individuals", "from_survivors", "individual_rows"]

#: Beyond this, whole numbers have no place in a float.
_LARGEST = 2.0**53
#: Ages are put into one number for the compression, and must leave room for one another.
_OLDEST = 1_000_000


@dataclass(frozen=True)
class ContractRows:
    """The distinct histories of contracts, and how many customers have each.

    Attributes
    ----------
    entry : ndarray of float64, shape (u,)
        Renewals made before the customer was first seen; 0 for those seen from the start.
    duration : ndarray of float64, shape (u,)
        The renewal at which he left, or renewals made by one who is still there.
    churned : ndarray of bool, shape (u,)
        Whether he left.
    counts : ndarray of float64, shape (u,)
        Customers.
    """

    entry: FloatArray
    duration: FloatArray
    churned: BoolArray
    counts: FloatArray

    @property
    def renewed(self) -> FloatArray:
        """Renewals made, counted from the acquisition; shape (u,)."""
        return self.duration - self.churned

    @property
    def losses(self) -> float:
        """Customers seen to leave."""
        return float(self.counts @ self.churned)

    @property
    def renewals(self) -> float:
        """Renewals seen to be made, by all customers."""
        return float(self.counts @ (self.renewed - self.entry))

    @property
    def n_customers(self) -> int:
        """All of them."""
        return round(float(self.counts.sum()))

    @property
    def last_decision(self) -> int:
        """The highest renewal whose outcome was seen; 0 if none was."""
        seen = (self.counts > 0) & (self.duration > self.entry)
        return int(np.max(self.duration, where=seen, initial=0))


class _Checker:
    """Collects everything that is wrong with some columns."""

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.problems: list[Problem] = []
        self.rows: int | None = None

    def add(self, argument: str, rule: str, advice: str = "") -> None:
        self.problems.append(Problem(argument, rule, advice))

    def numbers(self, name: str, values: Any) -> FloatArray | None:
        """Values as floats; None, and a problem, if they are something else."""
        try:
            array = np.asarray(values)
            text = array.dtype.kind in "SUMm" or (
                array.dtype.kind == "O" and any(isinstance(v, (str, bytes)) for v in array.flat)
            )
            if not text:
                return np.array(array, dtype=np.float64)
        except (TypeError, ValueError):
            self.add(name, f"`{name}` must hold numbers, in rows of one length")
            return None
        self.add(name, f"`{name}` must hold numbers, and holds {array.dtype}")
        return None

    def broken(self, name: str, rows: BoolArray, rule: str, show: Mapping[str, AnyArray], advice: str = "") -> None:
        """Report the rows that break a rule, if any."""
        count = int(np.count_nonzero(rows))
        if count:
            row = int(np.argmax(rows))
            first = ", ".join([f"row {row}", *(f"{column}={values[row]:g}" for column, values in show.items())])
            self.problems.append(Problem(name, rule, advice, count, first))

    def whole(self, name: str, values: FloatArray, limit: float, advice: str) -> None:
        """Report what is not a whole number from 0 to a limit."""
        good = (values >= 0) & (values <= limit)
        good[good] = values[good] == np.floor(values[good])
        rule = f"`{name}` must be whole numbers, not negative" + (f" and at most {limit:,.0f}" if limit < 1e15 else "")
        self.broken(name, ~good, rule, {name: values}, advice)

    def error(self) -> InvalidInputError:
        """Everything that was found."""
        return InvalidInputError(self.subject, self.problems, self.rows)

    def done(self) -> None:
        """Raise if anything was found."""
        if self.problems:
            raise self.error()


def from_individuals(duration: Any, churned: Any, entry: Any = None, weights: Any = None) -> ContractRows:
    """Check one row per customer, and group equal ones.

    Parameters
    ----------
    duration, churned, entry, weights : array_like, shape (n,)
        As `fit` takes them.

    Returns
    -------
    ContractRows

    Raises
    ------
    InvalidInputError
        With every problem found.

    Examples
    --------
    >>> rows = from_individuals([3, 1, 3], [True, True, True])
    >>> rows.duration, rows.counts
    (array([1., 3.]), array([1., 2.]))
    """
    return individual_rows(duration, churned, entry, weights)[0]


def individual_rows(
    duration: Any, churned: Any, entry: Any = None, weights: Any = None
) -> tuple[ContractRows, IntArray]:
    """The same, and for each customer the place of his history among the distinct ones; shape (n,)."""
    t, left, since, weight = columns(duration, churned, entry, weights)
    rows, groups = _grouped(since, t, left, weight)
    return rows, groups.inverse


def _grouped(since: IntArray, t: IntArray, left: IntArray, weight: IntArray | None) -> tuple[ContractRows, Groups]:
    """Equal histories put together, by entry, duration and outcome."""
    top = int(t.max()) + 1
    code = (since * top + t) * 2 + left
    size = (int(since.max()) + 1) * top * 2
    groups = group_codes(code, size, weight)
    ages, is_left = np.divmod(groups.codes, 2)
    first, last = np.divmod(ages, top)
    rows = ContractRows(first.astype(np.float64), last.astype(np.float64), is_left.astype(np.bool_), groups.counts)
    return rows, groups


def columns(
    duration: Any, churned: Any, entry: Any = None, weights: Any = None
) -> tuple[IntArray, IntArray, IntArray, IntArray | None]:
    """Check one row per customer: duration, churned, entry and weights, of one length."""
    checker = _Checker("the contracts")
    given = {"duration": duration, "churned": churned, "entry": entry, "weights": weights}
    read = {name: checker.numbers(name, values) for name, values in given.items() if values is not None}
    found = {name: np.atleast_1d(values) for name, values in read.items() if values is not None}
    for name in ("duration", "churned"):
        if given[name] is None:
            checker.add(name, f"`{name}` is missing")
    for name, values in found.items():
        if values.ndim != 1:
            checker.add(name, f"`{name}` must be one-dimensional, and has shape {values.shape}")
    sizes = {name: values.size for name, values in found.items()}
    if len(set(sizes.values())) > 1:
        listed = ", ".join(f"{name} {size:,}" for name, size in sizes.items())
        checker.add("columns", f"all columns must have the same length, and have {listed}")
    elif sizes and not all(sizes.values()):
        checker.add("columns", "there must be at least one customer, and there is none")
    checker.done()
    checker.rows = found["duration"].size
    _check_values(checker, found)
    checker.done()
    whole = {name: values.astype(np.int64) for name, values in found.items()}
    since = whole.get("entry", np.zeros(found["duration"].size, dtype=np.int64))
    return whole["duration"], whole["churned"], since, whole.get("weights")


def _check_values(checker: _Checker, found: Mapping[str, FloatArray]) -> None:
    t, left = found["duration"], found["churned"]
    counted = "It counts renewal periods: round elapsed time to whole ones."
    checker.whole("duration", t, _OLDEST, counted)
    yes_or_no = "True if the customer has left, False if he is still there."
    checker.broken(
        "churned", (left != 0) & (left != 1), "`churned` must be True or False", {"churned": left}, yes_or_no
    )
    both = {"duration": t, "churned": left}
    first = "Who leaves at the first renewal has duration 1. A customer who never paid is none; leave him out."
    checker.broken("duration", (t == 0) & (left == 1), "who has left must have a `duration` of 1 or more", both, first)
    if "entry" in found:
        since = found["entry"]
        checker.whole("entry", since, _OLDEST, "Renewals that the customer had made when he was first seen.")
        rule = "`entry` must lie before the end of `duration`"
        advice = "A customer who had left before he could be seen is not in the data."
        shown = {"entry": since, **both}
        checker.broken("entry", since > t - (left == 1) * (t > 0), rule, shown, advice)
    if "weights" in found:
        weight = found["weights"]
        checker.whole("weights", weight, _LARGEST, "Weights count identical customers; they are not sampling weights.")
        if not np.any(weight != 0):
            checker.add("weights", "`weights` must not all be zero")


def from_survivors(survivors: Any) -> ContractRows:
    """Check counts of customers still there by age, and turn them into histories.

    Parameters
    ----------
    survivors : array_like, shape (ages,) or (cohorts, ages)
        As `fit_survivors` takes them.

    Returns
    -------
    ContractRows

    Raises
    ------
    InvalidInputError
        With every problem found.

    Examples
    --------
    >>> rows = from_survivors([100, 60, 50])
    >>> rows.duration, rows.churned, rows.counts
    (array([1., 2., 2.]), array([ True, False,  True]), array([40., 50., 10.]))
    """
    checker = _Checker("the survivors")
    array = checker.numbers("survivors", survivors)
    if array is None:
        raise checker.error()
    if array.ndim not in (1, 2) or array.size == 0:
        shape = f"and have shape {array.shape}"
        checker.add("survivors", f"`survivors` must be counts by age of one cohort, or a table of a row each, {shape}")
        checker.done()
    table = np.atleast_2d(array)
    checker.rows = len(table) if array.ndim == 2 else None
    _check_table(checker, table)
    checker.done()
    return _histories(table)


def _check_table(checker: _Checker, table: FloatArray) -> None:
    seen = ~np.isnan(table)
    cells = {
        "must be finite; NaN says that a count is not known": np.isinf(table),
        "must not be negative": table < 0,
        "must be whole numbers": np.isfinite(table) & (table != np.floor(table)),
    }
    advice = {"must be whole numbers": "Shares and percentages are not enough: multiply by the size of the cohort."}
    for rule, cells_broken in cells.items():
        _broken_cells(checker, rule, cells_broken, table, advice.get(rule, ""))
    with np.errstate(invalid="ignore"):
        rises = np.zeros_like(seen)
        rises[:, 1:] = table[:, 1:] > table[:, :-1]
    again = "Who has come back is not a survivor: a contract that has ended counts as ended."
    _broken_cells(checker, "must not increase with age", rises, table, again)
    ever, later = np.logical_or.accumulate(seen, axis=1), np.logical_or.accumulate(seen[:, ::-1], axis=1)[:, ::-1]
    gap = "A count may be unknown before the first that is known, and after the last."
    _broken_cells(checker, "must have no gap", ~seen & ever & later, table, gap)
    unknown = np.asarray(~seen.any(axis=1))
    if np.any(unknown):
        rule = "a cohort must have at least one count"
        checker.broken("survivors", unknown, rule, {}, "Leave the others out.")
    elif not np.any(table > 0):
        checker.add("survivors", "there must be at least one customer, and there is none")


def _broken_cells(checker: _Checker, rule: str, broken: BoolArray, table: FloatArray, advice: str) -> None:
    count = int(np.count_nonzero(broken))
    if count:
        cohort, age = np.argwhere(broken)[0].tolist()
        where = f"age {age}" if len(table) == 1 else f"cohort {cohort}, age {age}"
        before = f" after {table[cohort, age - 1]:g}" if "increase" in rule else ""
        first = f"{where}: {table[cohort, age]:g}{before}"
        text = f"`survivors` {rule}: {count:,} {'count breaks' if count == 1 else 'counts break'} this (first: {first})"
        checker.add("survivors", text, advice)


def _histories(table: FloatArray) -> ContractRows:
    """Who left at which age, and who is still there at the last that is known."""
    seen = ~np.isnan(table)
    first = seen.argmax(axis=1)
    last = table.shape[1] - 1 - seen[:, ::-1].argmax(axis=1)
    cohort, age = np.nonzero(seen[:, 1:] & seen[:, :-1])
    lost = table[cohort, age] - table[cohort, age + 1]
    rows = np.arange(len(table))
    entry, duration = np.concatenate([first[cohort], first]), np.concatenate([age + 1, last])
    left = (np.arange(duration.size) < age.size).astype(np.int64)
    counts = np.concatenate([lost, table[rows, last]]).astype(np.int64)
    some = counts > 0
    return _grouped(entry[some], duration[some], left[some], counts[some])[0]
