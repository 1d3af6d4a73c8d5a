"""Quantiles as functions of features: our own linear ones, and whatever has `fit` and `predict`."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import invalid
from customervalue.numerics.quantile_regression import QuantileProblem
from customervalue.wallet._features import with_intercept

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.wallet._frontier_checks import Sample

__all__ = [
    "check_regressor",
    "fit_linear",
    "fit_regressors",
    "predict_linear",
    "predict_regressors",
    "refit_regressors",
]

_EXAMPLE = "For example: regressor=lambda q: QuantileRegressor(quantile=q)."
_NOT_ONE = "`regressor` must be an object with `fit` and `predict`, or a function of a quantile that returns one"


def fit_linear(
    sample: Sample, values: FloatArray, quantiles: tuple[float, ...], bootstrap: int, rng: Any
) -> tuple[FloatArray, FloatArray | None]:
    """Coefficients of each quantile, shape (q, 1 + k), and of `bootstrap` refits, shape (bootstrap, q, 1 + k) or None.

    A refit gives each customer a random weight, Gamma distributed with his own weight as its mean, and so never loses
    all customers with a rare feature, as drawing them anew would.
    """
    # Features far from zero beside their spread (years, long numbers) would cost digits.
    centre = sample.matrix.mean(axis=0)
    problem = QuantileProblem(with_intercept(sample.matrix - centre), values)
    best = [problem.solve(q, sample.weights) for q in quantiles]
    coefficients = _of_zero(np.array([vertex.coefficients for vertex in best]), centre)
    if not bootstrap:
        return coefficients, None
    source = np.random.default_rng(rng)
    shape = np.ones(len(values)) if sample.weights is None else sample.weights
    drawn = np.empty((bootstrap, *coefficients.shape))
    for b in range(bootstrap):
        weights = np.maximum(source.standard_gamma(shape), 1e-12)
        drawn[b] = [problem.solve(q, weights, v).coefficients for q, v in zip(quantiles, best, strict=True)]
    return coefficients, _of_zero(drawn, centre)


def _of_zero(coefficients: FloatArray, centre: FloatArray) -> FloatArray:
    """Coefficients of features as they are, from those of features less `centre`."""
    intercept = coefficients[..., 0] - coefficients[..., 1:] @ centre
    return np.concatenate([intercept[..., None], coefficients[..., 1:]], axis=-1)


def predict_linear(coefficients: FloatArray, matrix: FloatArray) -> FloatArray:
    """Values of linear functions, coefficients of shape (..., 1 + k), at n customers; shape (n, ...).

    Examples
    --------
    >>> predict_linear(np.array([[10.0, 2.0], [20.0, 3.0]]), np.array([[1.0], [2.0], [3.0]]))
    array([[12., 23.],
           [14., 26.],
           [16., 29.]])
    """
    return np.asarray(np.tensordot(with_intercept(matrix), coefficients, axes=(1, -1)))


def check_regressor(regressor: Any, quantiles: tuple[float, ...]) -> tuple[Any, ...]:
    """One unfitted regressor for each quantile; those of the caller are copied, so that his stay as they are."""
    if isinstance(regressor, type):
        raise invalid("regressor", f"{_NOT_ONE}, and is the class {regressor.__name__}", _EXAMPLE)
    if _fits(regressor):
        if len(quantiles) > 1:
            rule = "`regressor` must be a function of a quantile that returns a regressor, if there are several"
            raise invalid("regressor", rule, _EXAMPLE)
        made = [copy.deepcopy(regressor)]
    elif callable(regressor):
        made = [regressor(q) for q in quantiles]
    else:
        raise invalid("regressor", f"{_NOT_ONE}, and is a {type(regressor).__name__}")
    for one, q in zip(made, quantiles, strict=True):
        if not _fits(one):
            raise invalid("regressor", f"{_NOT_ONE}, and returned a {type(one).__name__}")
        own = _own_quantile(one)
        if own is not None and abs(own - q) > 1e-12:
            raise invalid(
                "regressor", f"the regressor is of quantile {own:g}, and `quantile` is {q:g}", "Give both the same."
            )
    if len({id(one) for one in made}) < len(made):
        raise invalid("regressor", "`regressor` must return a new regressor for each quantile, and returned one twice")
    return tuple(made)


def fit_regressors(made: tuple[Any, ...], sample: Sample, values: FloatArray) -> tuple[Any, ...]:
    """Fit each to the sample."""
    for one in made:
        if sample.weights is None:
            one.fit(sample.matrix, values)
            continue
        try:
            one.fit(sample.matrix, values, sample_weight=sample.weights)
        except TypeError as error:
            rule = f"{type(one).__name__} does not take the weights of customers (`sample_weight`): {error}"
            raise invalid("weights", rule, "Repeat the rows instead, or use the linear frontier.") from error
    return made


def refit_regressors(
    made: tuple[Any, ...], sample: Sample, values: FloatArray, bootstrap: int, rng: Any
) -> tuple[tuple[Any, ...], ...]:
    """Fit copies to customers drawn anew with replacement, `bootstrap` times."""
    source = np.random.default_rng(rng)
    n = len(values)
    share = None if sample.weights is None else sample.weights / sample.weights.sum()
    found = []
    for _ in range(bootstrap):
        rows = source.choice(n, size=sample.size, p=share)
        copies = copy.deepcopy(made)
        for one in copies:
            one.fit(sample.matrix[rows], values[rows])
        found.append(copies)
    return tuple(found)


def predict_regressors(fitted: tuple[Any, ...], matrix: FloatArray) -> FloatArray:
    """What each predicts of n customers, shape (n, q)."""
    columns = []
    for one in fitted:
        column = np.asarray(one.predict(matrix), dtype=np.float64)
        wanted = f"`predict` of {type(one).__name__} must give one finite number for each of {len(matrix):,} customers"
        if column.shape != (len(matrix),):
            raise invalid("regressor", f"{wanted}, and gave an array of shape {column.shape}")
        if not np.all(np.isfinite(column)):
            raise invalid("regressor", f"{wanted}, and {np.count_nonzero(~np.isfinite(column)):,} are not finite")
        columns.append(column)
    return np.column_stack(columns)


def _fits(thing: Any) -> bool:
    return callable(getattr(thing, "fit", None)) and callable(getattr(thing, "predict", None))


def _own_quantile(regressor: Any) -> float | None:
    """The quantile that a regressor says it is of, by the names in use; None if it says nothing."""
    for name in ("quantile", "alpha"):
        kind = (getattr(regressor, "loss", None), getattr(regressor, "objective", None))
        if name == "alpha" and "quantile" not in kind:
            continue
        value = getattr(regressor, name, None)
        if isinstance(value, (int, float)):
            return float(value)
    return None
