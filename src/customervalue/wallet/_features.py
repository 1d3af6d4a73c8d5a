"""What is known of customers beside their purchases: features, from any table to a checked matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._checks import Checker
    from customervalue._typing import BoolArray, FloatArray

__all__ = [
    "INTERCEPT",
    "Features",
    "check_independent",
    "check_names",
    "exponential",
    "far_beyond",
    "read_features",
    "with_intercept",
]

#: What is said of the constant in tables of coefficients.
INTERCEPT = "intercept"
#: Beyond the range of a feature by this many times the range is far.
_FAR_RANGE = 1.0
#: Logarithms beyond this leave no room for what their exponentials are multiplied by.
_LARGEST_LOG = 700.0

#: A column is a combination of others where less than this share of its spread is left beside them (as in float32).
_LEFT = 1e-7


@dataclass(frozen=True)
class Features:
    """Features of n customers.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n, k)
        All finite; without a column for the intercept.
    names : tuple of str, k names
    """

    matrix: FloatArray
    names: tuple[str, ...]


def read_features(checker: Checker, features: Any, *, names: Sequence[str] | None = None) -> Features | None:
    """Take features out of an array, a mapping of columns or a dataframe; problems go to the checker.

    At a fit, `names` is what the caller said, if anything. To apply what was fitted, pass the names it was fitted with:
    a mapping or dataframe then gives these columns in this order, whatever else it holds, and an array must have as
    many columns.

    Parameters
    ----------
    checker : Checker
        Its `sizes` get the number of rows as "features".
    features : array of shape (n, k), mapping of columns, or dataframe
    names : sequence of str, optional
        Of the columns to take; of an array, what to call its columns ("x1", "x2", ... by default).

    Returns
    -------
    Features or None
        None if anything was wrong, which the checker then knows.

    Examples
    --------
    >>> from customervalue._checks import Checker
    >>> checker = Checker("the features")
    >>> read_features(checker, {"age": [31, 45], "branch": [1, 0]}, names=["branch"])
    Features(matrix=array([[1.],
           [0.]]), names=('branch',))
    >>> read_features(checker, [[31, 1], [45, 0], [28, 0]]).names
    ('x1', 'x2')
    """
    wanted = None if names is None else check_names(checker, names)
    if names is not None and wanted is None:
        return None
    if isinstance(features, Mapping):
        available = list(features)
    elif (found := _frame_columns(features)) is not None:
        available = found
    else:
        return _of_array(checker, features, wanted)
    chosen = available if wanted is None else list(wanted)
    if not chosen:
        checker.add("features", "`features` must have at least one column, and has none")
        return None
    if wanted is None and check_names(checker, chosen) is None:
        return None
    return _of_columns(checker, features, chosen)


def check_independent(checker: Checker, features: Features, used: BoolArray | None = None) -> None:
    """Report features that are constant, or a linear combination of those before them and a constant.

    Parameters
    ----------
    checker : Checker
    features : Features
        Of n customers.
    used : ndarray of bool, shape (n,), optional
        Which rows are fitted to; all by default.

    Examples
    --------
    >>> from customervalue._checks import Checker
    >>> checker = Checker("the features")
    >>> check_independent(checker, Features(np.array([[1.0, 3, 7], [2, 5, 7], [4, 9, 7]]), ("a", "b", "c")))
    >>> for problem in checker.problems:
    ...     print(problem.rule)
    feature 'c' is constant (7)
    feature 'b' is a linear combination of 'a'
    """
    matrix = features.matrix if used is None else features.matrix[used]
    if not len(matrix):
        return
    centred = matrix - matrix.mean(axis=0)
    spread = np.abs(centred).max(axis=0)
    # What the subtraction itself leaves of a constant column.
    constant = spread <= 1e-14 * np.abs(matrix).max(axis=0)
    for place in np.flatnonzero(constant):
        checker.add(
            "features",
            f"feature {features.names[place]!r} is constant ({matrix[0, place]:g})",
            "It tells no customer from another; leave it out. The intercept is added for you.",
        )
    varying = np.flatnonzero(~constant)
    # The triangle of the QR factors has the same linear dependencies as the columns, in k rows.
    triangle = np.asarray(np.linalg.qr(centred[:, varying] / spread[varying], mode="r"))
    independent: list[int] = []
    for j, place in enumerate(varying):
        column, before = triangle[:, j], triangle[:, independent]
        coefficients = np.linalg.lstsq(before, column, rcond=None)[0]
        if np.linalg.norm(column - before @ coefficients) > _LEFT * np.linalg.norm(column):
            independent.append(j)
            continue
        parts = [
            i for i, c in zip(independent, coefficients, strict=True) if abs(c) > _LEFT * np.abs(coefficients).max()
        ]
        listed = ", ".join(repr(features.names[varying[i]]) for i in parts)
        checker.add(
            "features",
            f"feature {features.names[place]!r} is a linear combination of {listed}",
            "Leave one of them out; of columns of 0 and 1 that stand for all values of one text, leave out one.",
        )


def with_intercept(matrix: FloatArray) -> FloatArray:
    """The features with a column of ones before them, shape (n, 1 + k).

    Examples
    --------
    >>> with_intercept(np.array([[31.0], [45.0]]))
    array([[ 1., 31.],
           [ 1., 45.]])
    """
    return np.column_stack([np.ones(len(matrix)), matrix])


def far_beyond(matrix: FloatArray, least: FloatArray, greatest: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Which values lie below and above the range of their feature by more than the range is wide; shape (n, k) each.

    Examples
    --------
    >>> below, above = far_beyond(np.array([[9.0], [25.0]]), np.array([2.0]), np.array([8.0]))
    >>> below.ravel(), above.ravel()
    (array([False, False]), array([False,  True]))
    """
    width = _FAR_RANGE * (greatest - least)
    return matrix < least - width, matrix > greatest + width


def exponential(logs: FloatArray, what: str) -> FloatArray:
    """Money from its logarithm; raises where that is beyond any number.

    Examples
    --------
    >>> exponential(np.log([2.0, 4.0]), "the wallet").round(6)
    array([2., 4.])
    """
    broken = logs > _LARGEST_LOG
    if np.any(broken):
        rows = np.flatnonzero(broken.reshape(len(logs), -1).any(axis=1))
        who = f"{rows.size:,} of {len(logs):,} customers (first: row {rows[0]})"
        rule = f"{what} is beyond any number for {who}: their features are far from those of the fit"
        raise invalid("features", rule, "Look at these customers, and leave them out or put their features right.")
    return np.exp(logs)


def check_names(checker: Checker, names: Sequence[str]) -> tuple[str, ...] | None:
    """Names of features as texts; None, and a problem, if two are the same or one is that of the intercept."""
    listed = (names,) if isinstance(names, str) else tuple(str(name) for name in names)
    twice = sorted({name for name in listed if listed.count(name) > 1})
    if twice:
        checker.add("names", f"`names` must differ, and {', '.join(map(repr, twice))} occurs more than once")
        return None
    if INTERCEPT in listed:
        advice = "The intercept is added for you; leave out a column of ones, and call another column otherwise."
        checker.add("names", f"no feature may be called {INTERCEPT!r}", advice)
        return None
    return listed


def _frame_columns(features: Any) -> list[str] | None:
    """Names of the columns of a dataframe; None if it is none."""
    if isinstance(features, (np.ndarray, list, tuple)):
        return None
    import narwhals.stable.v2 as nw

    try:
        names: list[str] = nw.from_native(features).collect_schema().names()
    except TypeError:
        return None
    return names


def _of_array(checker: Checker, features: Any, names: tuple[str, ...] | None) -> Features | None:
    matrix = checker.matrix("features", features)
    if matrix is None:
        return None
    if names is None:
        names = tuple(f"x{i}" for i in range(1, matrix.shape[1] + 1))
    if not names or len(names) != matrix.shape[1]:
        wanted = f"{len(names)} ({', '.join(names)})" if names else "at least one"
        checker.add("features", f"`features` must have {wanted} columns, and has {matrix.shape[1]}")
        return None
    return Features(matrix, names) if bool(np.all(np.isfinite(matrix))) else None


def _of_columns(checker: Checker, features: Any, names: list[str]) -> Features | None:
    try:
        columns, _ = _columns.read(features, {name: name for name in names}, {})
    except InvalidInputError as error:
        checker.problems.extend(error.problems)
        return None
    before = len(checker.problems)
    labels = [f"features[{name!r}]" for name in names]
    read = [checker.numbers(label, columns[name]) for label, name in zip(labels, names, strict=True)]
    sizes = {label: checker.sizes.pop(label) for label in labels if label in checker.sizes}
    if len(set(sizes.values())) > 1:
        checker.sizes |= sizes
        return None
    if sizes:
        checker.sizes["features"] = next(iter(sizes.values()))
    if len(checker.problems) > before:
        return None
    return Features(np.column_stack([column for column in read if column is not None]), tuple(map(str, names)))
