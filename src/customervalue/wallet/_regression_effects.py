"""What one more of a feature does to the share, averaged over customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from customervalue._tables import Table
from customervalue.wallet._features import with_intercept
from customervalue.wallet._regression_linear import student_quantile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray
    from customervalue.wallet._regression_linear import Linear

__all__ = ["PartialEffects", "partial_effects"]


@dataclass(frozen=True, eq=False, repr=False)
class PartialEffects(Table):
    """How the mean share changes with each feature, averaged over customers.

    Attributes
    ----------
    names : tuple of str, k features
    effect : ndarray of float64, shape (k,)
        Change of the share per unit of the feature; for a feature of 0 and 1, from 0 to 1.
    standard_error, low, high : ndarray of float64, shape (k,)
        Robust, and the interval of this level: for these very customers.
    level : float

    Examples
    --------
    >>> from customervalue.wallet import ShareRegression
    >>> visits = [1, 2, 3, 4] * 10
    >>> model = ShareRegression.fit({"visits": visits}, [0.2, 0.4, 0.4, 0.7, 0.3, 0.3, 0.5, 0.6] * 5)
    >>> model.average_partial_effects({"visits": visits})
    Average partial effects on the share, 90 % intervals
      name    effect  standard error  low     high
      visits  0.1251  0.006795        0.1136  0.1366
    """

    names: tuple[str, ...]
    effect: FloatArray
    standard_error: FloatArray
    low: FloatArray
    high: FloatArray
    level: float

    def _title(self) -> str:
        return f"Average partial effects on the share, {100 * self.level:g} % intervals"

    def _table(self) -> Mapping[str, AnyArray]:
        columns = {"effect": self.effect, "standard_error": self.standard_error, "low": self.low, "high": self.high}
        return {"name": np.array(self.names, dtype=object)} | columns


def partial_effects(linear: Linear, matrix: FloatArray, level: float) -> PartialEffects:
    """Averages over the rows of the matrix, with errors by the delta method."""
    half = student_quantile(level, linear.freedom)
    inference = linear.natural()
    parts = [
        _difference(linear, matrix, place)
        if np.all((matrix[:, place] == 0) | (matrix[:, place] == 1))
        else _slope(linear, matrix, place)
        for place in range(matrix.shape[1])
    ]
    effect = np.array([value for value, _ in parts])
    gradient = np.array([slope for _, slope in parts])
    error = np.sqrt(np.einsum("ij,ij->i", gradient @ inference.covariance, gradient))
    return PartialEffects(linear.surveyed.names, effect, error, effect - half * error, effect + half * error, level)


def _mean(linear: Linear, matrix: FloatArray) -> FloatArray:
    from scipy.special import expit

    return np.asarray(expit(linear.predictor(matrix)))


def _slope(linear: Linear, matrix: FloatArray, place: int) -> tuple[float, FloatArray]:
    """Average derivative by one feature, and its own derivative by the coefficients."""
    mean, coefficient = _mean(linear, matrix), float(linear.slopes[place])
    density = mean * (1 - mean)
    gradient = coefficient * (with_intercept(matrix).T @ (density * (1 - 2 * mean))) / mean.size
    gradient[1 + place] += density.mean()
    return coefficient * float(density.mean()), gradient


def _difference(linear: Linear, matrix: FloatArray, place: int) -> tuple[float, FloatArray]:
    """Average difference between 1 and 0 of one feature, and its derivative by the coefficients."""
    value, gradient = 0.0, np.zeros(1 + matrix.shape[1])
    for sign, fixed in ((1, 1.0), (-1, 0.0)):
        changed = matrix.copy()
        changed[:, place] = fixed
        mean = _mean(linear, changed)
        value += sign * float(mean.mean())
        gradient += sign * (with_intercept(changed).T @ (mean * (1 - mean))) / mean.size
    return value, gradient
