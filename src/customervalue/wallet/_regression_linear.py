"""The linear part of a regression: coefficients, their robust covariance, and what they say of other customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import Table, freeze, plain
from customervalue.estimation.draws import check_level
from customervalue.wallet._features import INTERCEPT, with_intercept
from customervalue.wallet._regression_space import Surveyed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from customervalue._typing import AnyArray, FloatArray

__all__ = ["Linear", "RegressionInference", "student_quantile"]


def student_quantile(level: float, freedom: float) -> float:
    """Half width, in standard errors, of an interval of this level.

    Examples
    --------
    >>> round(student_quantile(0.9, 1e9), 4), round(student_quantile(0.9, 10), 4)
    (1.6449, 1.8125)
    """
    from scipy.special import stdtrit

    return float(stdtrit(freedom, 0.5 + 0.5 * check_level(level)))


@dataclass(frozen=True, eq=False, repr=False)
class RegressionInference(Table):
    """Coefficients of a regression, their robust standard errors, and intervals.

    Attributes
    ----------
    names : tuple of str
        "intercept", then the features.
    coefficients : ndarray of float64, shape (k + 1,)
        For features as they were given.
    covariance : ndarray of float64, shape (k + 1, k + 1)
        Of the coefficients, robust: it does not rest on the variance that the model supposes.
    n_customers : int
        Surveyed customers.

    Examples
    --------
    >>> inference = RegressionInference(("intercept", "age"), np.array([0.5, 0.1]), np.diag([0.04, 0.01]), 50)
    >>> inference
    Coefficients, 50 surveyed customers
      name       estimate  standard error  low      high
      intercept  0.5       0.2             0.09787  0.9021
      age        0.1       0.1             -0.1011  0.3011
    """

    names: tuple[str, ...]
    coefficients: FloatArray
    covariance: FloatArray
    n_customers: int

    @property
    def parameters(self) -> dict[str, float]:
        """Name -> estimate."""
        return dict(zip(self.names, self.coefficients.tolist(), strict=True))

    @property
    def standard_errors(self) -> dict[str, float]:
        """Name -> robust standard error."""
        return dict(zip(self.names, self._errors().tolist(), strict=True))

    def confidence_intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Intervals by Student's t with as many degrees of freedom as there are customers beyond coefficients.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        dict of str to (float, float)

        Raises
        ------
        InvalidInputError
            If `level` is not between 0 and 1.

        Examples
        --------
        >>> inference = RegressionInference(("intercept",), np.array([0.5]), np.array([[0.04]]), 51)
        >>> low, high = inference.confidence_intervals(0.9)["intercept"]
        >>> round(low, 4), round(high, 4)
        (0.1648, 0.8352)
        """
        half = student_quantile(level, self.n_customers - len(self.names)) * self._errors()
        ends = zip((self.coefficients - half).tolist(), (self.coefficients + half).tolist(), strict=True)
        return dict(zip(self.names, ends, strict=True))

    def to_frame(self, backend: str | None = None, *, level: float = 0.95) -> Any:
        """Return a table with one row per coefficient.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.
        level : float
            Of the intervals, between 0 and 1.

        Returns
        -------
        dataframe or dict of ndarray
            Columns name, estimate, standard_error, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library or `level` is not between 0 and 1.

        Examples
        --------
        >>> inference = RegressionInference(("intercept",), np.array([0.5]), np.array([[0.04]]), 51)
        >>> inference.to_frame()["standard_error"]
        array([0.2])
        """
        return _columns.to_frame(self._columns(level), backend)

    def _errors(self) -> FloatArray:
        return np.sqrt(np.diag(self.covariance))

    def _title(self) -> str:
        return f"Coefficients, {self.n_customers:,} surveyed customers"

    def _table(self) -> Mapping[str, AnyArray]:
        return self._columns(0.95)

    def _columns(self, level: float) -> dict[str, AnyArray]:
        ends = np.array(list(self.confidence_intervals(level).values()))
        return {
            "name": np.array(self.names, dtype=object),
            "estimate": self.coefficients,
            "standard_error": self._errors(),
            "low": ends[:, 0],
            "high": ends[:, 1],
        }


@dataclass(frozen=True, eq=False)
class Linear:
    """A linear predictor in whitened features, where sums of squares are well conditioned.

    Attributes
    ----------
    surveyed : Surveyed
        What is remembered of the features it was fitted to.
    point : ndarray of float64, shape (k + 1,)
        Intercept and coefficients of the whitened features.
    covariance : ndarray of float64, shape (p, p) with p >= k + 1
        Of `point`, and of whatever was estimated beside it.
    """

    surveyed: Surveyed
    point: FloatArray
    covariance: FloatArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def freedom(self) -> int:
        """Surveyed customers beyond the coefficients."""
        return self.surveyed.size - self.point.size

    @property
    def slopes(self) -> FloatArray:
        """Coefficients of the features as they were given, shape (k,)."""
        return np.asarray(self.surveyed.whitener @ self.point[1:])

    def natural(self) -> RegressionInference:
        """Coefficients and covariance for features as they were given."""
        surveyed, size = self.surveyed, self.point.size
        jacobian = np.zeros((size, size))
        jacobian[0, 0] = 1.0
        jacobian[1:, 1:] = surveyed.whitener
        jacobian[0, 1:] = -surveyed.mean @ surveyed.whitener
        covariance = jacobian @ self.covariance[:size, :size] @ jacobian.T
        return RegressionInference((INTERCEPT, *surveyed.names), jacobian @ self.point, covariance, surveyed.size)

    def predictor(self, matrix: FloatArray) -> FloatArray:
        """Value of the linear predictor, shape (m,)."""
        return np.asarray(self.point[0] + (matrix - self.surveyed.mean) @ self.slopes)

    def variance(self, matrix: FloatArray, rest: FloatArray | None = None) -> FloatArray:
        """Variance of the estimated predictor, shape (m,); `rest` is the gradient by what was estimated beside it."""
        gradient = with_intercept(self.surveyed.whitened(matrix))
        if rest is not None:
            gradient = np.column_stack([gradient, np.broadcast_to(rest, (len(matrix), rest.size))])
        used = gradient.shape[1]
        variance = np.einsum("ij,ij->i", gradient @ self.covariance[:used, :used], gradient)
        return np.asarray(np.maximum(variance, 0.0))  # rounding alone takes it below

    def draw_predictors(
        self, matrix: FloatArray, n: int, rng: np.random.Generator
    ) -> Iterator[tuple[FloatArray, FloatArray]]:
        """The predictor n times, with coefficients drawn from what the survey leaves possible.

        With each comes how far what was estimated beside the coefficients is off, drawn together with them.
        """
        size = self.point.size
        off = rng.multivariate_normal(np.zeros(len(self.covariance)), self.covariance, size=n, method="eigh")
        points = self.point + off[:, :size]
        centred = matrix - self.surveyed.mean
        for point, rest in zip(points, off[:, size:], strict=True):
            yield point[0] + centred @ (self.surveyed.whitener @ point[1:]), rest

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists."""
        return {name: plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Linear:
        """Rebuild what `to_dict` gave."""
        return cls(Surveyed.from_dict(data["surveyed"]), np.array(data["point"]), np.array(data["covariance"]))
