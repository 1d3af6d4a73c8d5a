"""The loss by which a quantile is judged."""

from __future__ import annotations

from typing import Any

import numpy as np

from customervalue._checks import Checker
from customervalue.numerics.quantile_regression import pinball
from customervalue.wallet._frontier_checks import check_quantiles

__all__ = ["pinball_loss"]


def pinball_loss(y: Any, prediction: Any, quantile: float, *, weights: Any = None) -> float:
    """Mean loss of predictions of a quantile; the true quantile has the smallest that can be expected.

    Parameters
    ----------
    y : array of n numbers
        What happened.
    prediction : array of n numbers, or one number
        In the same unit.
    quantile : float
        Which quantile it is a prediction of, in (0, 1).
    weights : array of n numbers, optional
        How many customers each row stands for.

    Returns
    -------
    float
        Mean of quantile (y - prediction) where y is above, (1 - quantile) (prediction - y) where it is below; in the
        unit of y.

    Raises
    ------
    InvalidInputError
        If the columns differ in length or are not finite, weights are negative or all zero, or `quantile` is outside
        (0, 1).

    References
    ----------
    .. [1] Koenker & Bassett (1978), Econometrica 46(1), 33-50.

    Examples
    --------
    >>> pinball_loss([10, 10], [8, 12], 0.9)
    1.0
    """
    checker = Checker("the predictions")
    quantiles = check_quantiles(checker, quantile)
    if len(quantiles) > 1:
        checker.add("quantile", "`quantile` must be one number here")
    actual = checker.numbers("y", y)
    size = 0 if actual is None else len(actual)
    said = checker.numbers("prediction", np.full(size, prediction) if np.ndim(prediction) == 0 else prediction)
    weight = None if weights is None else checker.amounts("weights", weights)
    checker.same_length()
    if weight is not None and not np.any(weight > 0):
        checker.add("weights", "`weights` must not all be zero")
    checker.done()
    if actual is None or said is None:
        raise AssertionError
    return float(np.average(pinball(actual, said, quantiles[0]), weights=weight))
