"""Does it hold for customers it has not seen? Predicted against actual, and how often intervals held the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker, check_whole
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.wallet._features import read_features
from customervalue.wallet._regression_linear import student_quantile

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Calibration", "calibration_table", "cross_validate"]


@dataclass(frozen=True, eq=False, repr=False)
class Calibration(Table):
    """Predicted against actual, one row per group of customers with similar predictions.

    Attributes
    ----------
    customers : ndarray of int64, shape (b,)
    mean_predicted, mean_actual : ndarray of float64, shape (b,)
        In the units that came in: shares, or money.
    low, high : ndarray of float64, shape (b,)
        Interval of the mean actual; NaN for a group of one.
    coverage : ndarray of float64, shape (b,), or None
        Part of the customers whose actual value lay in the interval given for it.
    level : float
        Of `low` and `high`.
    overall_predicted, overall_actual : float
        Means over all customers.
    overall_coverage : float or None

    Examples
    --------
    >>> calibration_table([0.1, 0.2, 0.7, 0.9], [0.0, 0.3, 0.5, 1.0], bins=2)
    Calibration of 4 customers: predicted 0.475, actual 0.45
      customers  mean predicted  mean actual  low      high
      2          0.15            0.15         -0.7971  1.097
      2          0.8             0.75         -0.8284  2.328
    """

    customers: IntArray
    mean_predicted: FloatArray
    mean_actual: FloatArray
    low: FloatArray
    high: FloatArray
    coverage: FloatArray | None
    level: float
    overall_predicted: float
    overall_actual: float
    overall_coverage: float | None

    def _title(self) -> str:
        size = int(self.customers.sum())
        means = f"predicted {self.overall_predicted:.4g}, actual {self.overall_actual:.4g}"
        held = "" if self.overall_coverage is None else f", intervals held {self.overall_coverage:.1%}"
        return f"Calibration of {size:,} customers: {means}{held}"

    def _table(self) -> Mapping[str, AnyArray]:
        names = ["customers", "mean_predicted", "mean_actual", "low", "high"]
        names += [] if self.coverage is None else ["coverage"]
        return {name: getattr(self, name) for name in names}


def calibration_table(
    predicted: Any,
    actual: Any,
    *,
    bins: int = 10,
    weights: Any = None,
    low: Any = None,
    high: Any = None,
    level: float = 0.9,
) -> Calibration:
    """Compare predictions with what was then seen, in groups of equal size from the smallest prediction to the largest.

    Parameters
    ----------
    predicted, actual : array_like of float, shape (n,)
        Shares or wallets of customers who were not used to learn from; `cross_validate` makes such predictions.
    bins : int
        Groups; customers with the same prediction stay together, which may leave fewer.
    weights : array_like of float, shape (n,), optional
        Sampling weights; means and coverage are weighted, groups are not.
    low, high : array_like of float, shape (n,), optional
        Intervals that were predicted, to see how many held the actual value; both or neither.
    level : float
        Of the interval around each mean actual, between 0 and 1.

    Returns
    -------
    Calibration

    Raises
    ------
    InvalidInputError
        If columns differ in length or hold anything but finite numbers, an interval ends before it begins, or `bins`
        or `level` is out of range.

    Examples
    --------
    >>> table = calibration_table([10, 20, 40], [12, 15, 41], bins=2, low=[5, 16, 30], high=[15, 30, 50])
    >>> table.mean_actual, table.coverage, round(table.overall_coverage, 3)
    (array([12., 28.]), array([1. , 0.5]), 0.667)
    """
    count, _ = check_whole("bins", bins, 1), check_level(level)
    checker = Checker("the predictions")
    given = {"predicted": predicted, "actual": actual, "low": low, "high": high, "weights": weights}
    columns = _columns(checker, given)
    forecast, seen = columns["predicted"], columns["actual"]
    weight = columns.get("weights", np.ones(seen.size))
    group = _groups(forecast, count)
    sizes, totals = np.bincount(group), np.bincount(group, weight)

    def means(values: FloatArray) -> tuple[FloatArray, float]:
        return np.bincount(group, weight * values) / totals, float(weight @ values / weight.sum())

    predicted_means, overall_predicted = means(forecast)
    actual_means, overall_actual = means(seen)
    coverage, overall_coverage = None, None
    if "low" in columns:
        held = (seen >= columns["low"]) & (seen <= columns["high"])
        coverage, overall_coverage = means(held.astype(np.float64))
    half = _half_width(group, weight, seen - actual_means[group], sizes, level)
    return Calibration(
        customers=sizes.astype(np.int64),
        mean_predicted=predicted_means,
        mean_actual=actual_means,
        low=actual_means - half,
        high=actual_means + half,
        coverage=coverage,
        level=level,
        overall_predicted=overall_predicted,
        overall_actual=overall_actual,
        overall_coverage=overall_coverage,
    )


def cross_validate(
    fit: Callable[[Any, FloatArray], Callable[[Any], Any]],
    features: Any,
    target: Any,
    folds: int,
    rng: np.random.Generator | int | None,
) -> Any:
    """Predict each customer by a fit to others: the sample in parts, each predicted from the rest of it.

    Parameters
    ----------
    fit : callable
        Takes features and target, and gives a function of features: `lambda x, y: ShareRegression.fit(x, y).share`.
    features : array of shape (n, k), mapping of columns, or dataframe
        Handed to `fit` as a mapping of columns. What is known of customers besides, such as own spend or weights, may
        be among them: `fit` says by `names` which of them are features, and takes the others out by their names.
    target : array_like of float, shape (n,)
    folds : int
        Parts; 2 to n.
    rng : numpy.random.Generator or int
        Source of randomness for the parts; an int seeds one.

    Returns
    -------
    ndarray of float64, shape (n,), or (j, n) where the function gives j arrays
        In the order of the customers.

    Raises
    ------
    InvalidInputError
        If `folds` is out of range, features or target do not hold finite numbers, or what `fit` gives is no function
        that predicts each customer it is asked about.

    Examples
    --------
    >>> from customervalue.wallet import ShareRegression
    >>> visits = np.repeat([1.0, 2.0, 3.0, 4.0], 20)
    >>> share = np.tile([0.1, 0.3], 40) + 0.1 * visits
    >>> predicted = cross_validate(lambda x, y: ShareRegression.fit(x, y).share, {"visits": visits}, share, 5, rng=1)
    >>> calibration_table(predicted, share, bins=4).mean_actual.round(2)
    array([0.3, 0.4, 0.5, 0.6])
    """
    checker = Checker("the sample")
    read, answers = read_features(checker, features), checker.numbers("target", target)
    checker.same_length()
    checker.done()
    assert read is not None and answers is not None  # noqa: PT018  # the checker has raised otherwise
    parts, size = check_whole("folds", folds, 2), answers.size
    if parts > size:
        raise invalid("folds", f"`folds` must not exceed the {size:,} customers, and is {parts:,}")
    part = np.random.default_rng(rng).permutation(size) % parts
    predicted: FloatArray | None = None
    for fold in range(parts):
        out = part == fold
        inside, outside = (dict(zip(read.names, read.matrix[rows].T, strict=True)) for rows in (~out, out))
        values = _predictions(fit(inside, answers[~out]), outside, int(np.count_nonzero(out)))
        if predicted is None:
            predicted = np.empty((*values.shape[:-1], size))
        predicted[..., out] = values
    return predicted


def _predictions(function: Any, features: Mapping[str, FloatArray], size: int) -> FloatArray:
    """What a function that `fit` gave says of the customers left out, the last axis of which they are."""
    if not callable(function):
        rule = f"`fit` must give a function of features, and gave a {type(function).__name__}"
        raise invalid("fit", rule, "For example: lambda x, y: ShareRegression.fit(x, y).share")
    values = np.asarray(function(features), dtype=np.float64)
    if values.ndim == 0 or values.shape[-1] != size:
        rule = f"the function that `fit` gives must predict each of {size:,} customers, and gave shape {values.shape}"
        raise invalid("fit", rule)
    return values


def _columns(checker: Checker, given: Mapping[str, Any]) -> dict[str, FloatArray]:
    """Those that were given, checked one by one and against one another."""
    read = {name: checker.numbers(name, value) for name, value in given.items() if value is not None}
    columns = {name: column for name, column in read.items() if column is not None}
    checker.same_length()
    if ("low" in read) != ("high" in read):
        checker.add("low", "`low` and `high` must be given both, or neither")
    if not checker.problems and "low" in columns:
        ends = {name: columns[name] for name in ("low", "high")}
        checker.rows("low", ends["low"] > ends["high"], "`low` must not exceed `high`", ends)
    if not checker.problems and "weights" in columns:
        weight = columns["weights"]
        checker.rows("weights", weight <= 0, "`weights` must be positive", {"weights": weight})
    checker.done()
    return columns


def _groups(predicted: FloatArray, bins: int) -> IntArray:
    """Groups of equal size by rank; equal predictions are of one group."""
    _, place, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    group = np.minimum((middle * bins / predicted.size).astype(np.int64), bins - 1)
    return np.unique(group, return_inverse=True)[1][place]


def _half_width(
    group: IntArray, weight: FloatArray, deviation: FloatArray, sizes: IntArray, level: float
) -> FloatArray:
    """Half the width of the interval of each weighted mean: its linearised variance, and Student's t."""
    squares = np.bincount(group, (weight * deviation) ** 2) / np.bincount(group, weight) ** 2
    half = np.full(sizes.size, math.nan)
    for place in np.flatnonzero(sizes > 1):
        n = float(sizes[place])
        half[place] = student_quantile(level, n - 1) * math.sqrt(squares[place] * n / (n - 1))
    return half
