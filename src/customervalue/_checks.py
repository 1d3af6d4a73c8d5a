"""Everything that is wrong with some input, collected before it is said."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from customervalue._typing import AnyArray, BoolArray, FloatArray

__all__ = ["LARGEST", "Checker", "check_whole", "is_missing"]

#: Beyond this, whole numbers have no place in a float.
LARGEST = 2**53

A = TypeVar("A")
R = TypeVar("R")


def is_missing(value: Any) -> bool:
    """Whether a value stands for none: None, NaN, or the NA of a library, which answers every comparison with NA.

    Examples
    --------
    >>> is_missing(None), is_missing(float("nan")), is_missing(0)
    (True, True, False)
    """
    if value is None:
        return True
    differs = value != value
    return not isinstance(differs, (bool, np.bool_)) or bool(differs)


class Checker:
    """Collects every problem of a set of columns and arguments.

    Examples
    --------
    >>> checker = Checker("the purchases")
    >>> own, total = checker.counts("own", [1, -2]), checker.counts("total", [1.5])
    >>> checker.same_length()
    >>> checker.done()
    Traceback (most recent call last):
    customervalue.errors.InvalidInputError: 3 problems in the purchases (2 rows):
      1. `own` must not be negative: 1 row breaks this (first: row 1, own=-2).
      2. `total` must be whole: 1 row breaks this (first: row 0, total=1.5).
      3. all columns must have the same length, and have own 2, total 1.
    """

    def __init__(self, subject: str) -> None:
        self.subject = subject
        self.problems: list[Problem] = []
        self.sizes: dict[str, int] = {}

    def add(self, argument: str, rule: str, advice: str = "") -> None:
        """Report a problem that is not one of rows."""
        self.problems.append(Problem(argument, rule, advice))

    def attempt(self, check: Callable[[A], R], value: A) -> R | None:
        """Run a check that raises; None, and its problems, if it does."""
        try:
            return check(value)
        except InvalidInputError as error:
            self.problems.extend(error.problems)
            return None

    def column(self, name: str, values: Any) -> AnyArray | None:
        """One dimension, whatever the type; None (and a problem) if it has more."""
        return self._shaped(name, values, 1)

    def numbers(self, name: str, values: Any, ignore: BoolArray | None = None) -> FloatArray | None:
        """A new column of finite numbers; rows in `ignore` are not looked at and become 0."""
        return self._finite(name, self.column(name, values), ignore)

    def amounts(self, name: str, values: Any, advice: str = "") -> FloatArray | None:
        """A new column of finite numbers >= 0."""
        return self._not_negative(name, self.numbers(name, values), advice)

    def counts(self, name: str, values: Any, advice: str = "") -> FloatArray | None:
        """A new column of whole numbers >= 0, as floats."""
        return self._whole(name, self.amounts(name, values, advice), advice)

    def flags(self, name: str, values: Any, advice: str = "") -> BoolArray | None:
        """A new column of True and False, or 1 and 0; None (and a problem) if it holds anything else."""
        array = self.column(name, values)
        if array is None:
            return None
        if array.dtype == np.bool_:
            return array.copy()
        rule = f"`{name}` must be True or False, or 1 or 0"
        if array.dtype.kind in "iuf":
            bad: BoolArray = ~((array == 0) | (array == 1))
        elif array.dtype.kind == "O":
            known = (bool, int, float, np.bool_, np.number)
            bad = np.array([not isinstance(v, known) or v not in (0, 1) for v in array])
        else:
            self.add(name, f"{rule}, and holds {array.dtype}", advice)
            return None
        self.rows(name, bad, rule, {name: array}, advice)
        return None if np.any(bad) else array.astype(np.bool_)

    def matrix(self, name: str, values: Any) -> FloatArray | None:
        """A new table of finite numbers, one row per customer."""
        return self._finite(name, self._shaped(name, values, 2), None)

    def amount_matrix(self, name: str, values: Any, advice: str = "") -> FloatArray | None:
        """A new table of finite numbers >= 0, one row per customer."""
        return self._not_negative(name, self.matrix(name, values), advice)

    def count_matrix(self, name: str, values: Any, advice: str = "") -> FloatArray | None:
        """A new table of whole numbers >= 0, as floats, one row per customer."""
        return self._whole(name, self.amount_matrix(name, values, advice), advice)

    def rows(self, name: str, broken: BoolArray, rule: str, show: Mapping[str, AnyArray], advice: str = "") -> None:
        """Report the rows that break a rule, if any; `show` names what to say of the first of them."""
        count = int(np.count_nonzero(broken))
        if count:
            row = int(np.argmax(broken))
            values = ((column, values[row]) for column, values in show.items())
            shown = (f"{n}={v:g}" if isinstance(v, (int, float, np.number)) else f"{n}={v}" for n, v in values)
            self.problems.append(Problem(name, rule, advice, count, ", ".join([f"row {row}", *shown])))

    def same_length(self) -> None:
        """Columns of one length, and at least one row."""
        if len(set(self.sizes.values())) > 1:
            listed = ", ".join(f"{name} {size:,}" for name, size in self.sizes.items())
            rule = f"all columns must have the same length, and have {listed}"
            if all(problem.rule != rule for problem in self.problems):  # it may be looked at more than once
                self.add("columns", rule)
        elif self.sizes and not all(self.sizes.values()):
            self.add("columns", "there must be at least one customer, and there is none")

    def done(self) -> None:
        """Raise if anything was found."""
        if self.problems:
            raise InvalidInputError(self.subject, self.problems, max(self.sizes.values(), default=None))

    def _shaped(self, name: str, values: Any, dimensions: int) -> AnyArray | None:
        if np.ma.isMaskedArray(values):
            values = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
        try:
            array = np.asarray(values)
            array = np.atleast_1d(array) if dimensions == 1 else array
            shape = f"has shape {array.shape}"
        except ValueError:  # lists of different lengths
            array, shape = np.empty((0,) * (3 - dimensions)), "is ragged"
        if array.ndim != dimensions:
            rule = "one-dimensional" if dimensions == 1 else "a table, one row per customer"
            self.add(name, f"`{name}` must be {rule}, and {shape}")
            return None
        self.sizes[name] = len(array)
        return array

    def _finite(self, name: str, array: AnyArray | None, ignore: BoolArray | None) -> FloatArray | None:
        if array is not None and array.dtype.kind not in "iufb":
            array = self._converted(name, array)
        if array is None:
            return None
        result = np.array(array, dtype=np.float64)
        if ignore is not None and ignore.shape == result.shape:
            result[ignore] = 0.0
        self._cells(name, ~np.isfinite(result), "must be a finite number", result)
        return result

    def _not_negative(self, name: str, values: FloatArray | None, advice: str) -> FloatArray | None:
        if values is not None:
            self._cells(name, np.isfinite(values) & (values < 0), "must not be negative", values, advice)
        return values

    def _whole(self, name: str, values: FloatArray | None, advice: str) -> FloatArray | None:
        if values is not None:
            finite = np.isfinite(values)
            self._cells(name, finite & (values != np.floor(values)), "must be whole", values, advice)
            self._cells(name, finite & (values > LARGEST), "must be a possible count", values, advice)
        return values

    def _cells(self, name: str, broken: BoolArray, rule: str, values: FloatArray, advice: str = "") -> None:
        """Report the rows with a broken cell, if any; of a table, say in which column the first is."""
        if broken.ndim == 1:
            self.rows(name, broken, f"`{name}` {rule}", {name: values}, advice)
        elif np.any(broken):
            row, column = np.argwhere(broken)[0].tolist()
            first = f"row {row}, column {column}: {values[row, column]:g}"
            count = int(np.count_nonzero(broken.any(axis=1)))
            self.problems.append(Problem(name, f"`{name}` {rule}", advice, count, first))

    def _converted(self, name: str, array: AnyArray) -> FloatArray | None:
        """Objects that mean numbers (Decimal, None, a library's own NA) as floats; text is not a number."""
        if array.dtype.kind == "O" and not any(isinstance(v, (str, bytes)) for v in array.flat):
            try:
                listed = [np.nan if is_missing(v) else float(v) for v in array.flat]
                return np.array(listed, dtype=np.float64).reshape(array.shape)
            except (TypeError, ValueError):
                pass
        advice = "Missing values and text must be dealt with before."
        self.add(name, f"`{name}` must hold numbers, and holds {array.dtype}", advice)
        return None


def check_whole(argument: str, value: Any, least: int) -> int:
    """Return `value` if it is a whole number and not less than `least`, raise otherwise.

    Examples
    --------
    >>> check_whole("folds", 5.0, 2)
    5
    """
    number = check_number(argument, value)
    if not (math.isfinite(number) and number == math.floor(number) and number >= least):
        raise invalid(argument, f"`{argument}` must be a whole number, {least} or more, and is {value!r}")
    return int(number)
