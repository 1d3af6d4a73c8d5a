"""What surveyed customers spend elsewhere beside what their predictions say, and how sure that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from customervalue.wallet._features import exponential
from customervalue.wallet._regression_spread import Spread

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.wallet._regression_survey import Survey

__all__ = ["WHAT", "elsewhere", "factor_of", "influences"]

WHAT = "the wallet"
#: Of coefficients, to see how what is spent elsewhere moves with them.
_STEP = 1e-4


def elsewhere(spread: Spread, typical: FloatArray, own: FloatArray) -> FloatArray:
    """Mean of what a wallet exceeds own spend by; nothing where a wallet would come out smaller."""
    with np.errstate(divide="ignore"):
        least = np.log(own) - typical
    return np.asarray(exponential(typical, WHAT) * spread.mean_exp_above(least))


def factor_of(
    design: FloatArray, point: FloatArray, survey: Survey, own: FloatArray, on_point: FloatArray
) -> tuple[float, FloatArray]:
    """What the surveyed spend elsewhere, as a multiple of what their predictions say; and each one's part in its error.

    The second is what one customer more or less like each of the surveyed would do to the logarithm of the factor (the
    delta method); `on_point` is the same for the coefficients.
    """
    weights, logs = survey.weights, np.log(survey.target)

    def said(at: FloatArray) -> FloatArray:
        return elsewhere(Spread.of(logs - design @ at, weights), design @ at, own)

    each, seen = said(point), survey.target - own
    total, total_seen = float(weights @ each), float(weights @ seen)
    if not (total > 0 and total_seen > 0):  # nobody buys elsewhere, or the predictions say so
        return (total_seen / total if total > 0 else 1.0), np.zeros(len(logs))
    as_residual = _as_residual(logs - design @ point, design @ point, own, weights)
    alone = weights * (seen / total_seen - each / total - as_residual / total + 1 / weights.sum())
    steps = _STEP * np.eye(point.size)
    slope = np.array([weights @ (said(point + step) - said(point - step)) for step in steps]) / (2 * _STEP * total)
    return total_seen / total, alone - on_point @ slope


def _as_residual(residual: FloatArray, typical: FloatArray, own: FloatArray, weights: FloatArray) -> FloatArray:
    """Mean over the surveyed of what they would spend elsewhere, had they each customer's residual."""
    with np.errstate(divide="ignore"):
        least = np.log(own) - typical
    order = np.argsort(least)
    size, spent = (np.concatenate([[0.0], np.cumsum((weights * amount)[order])]) for amount in (np.exp(typical), own))
    reached = np.searchsorted(least[order], residual)
    return np.asarray((np.exp(residual) * size[reached] - spent[reached]) / weights.sum())


def influences(design: FloatArray, residual: FloatArray, weights: FloatArray) -> FloatArray:
    """What each customer adds to the error of the coefficients and of the logarithm of the smearing factor.

    Both are estimated together; the sum of squares and products is White's covariance.
    """
    columns = design.shape[1]
    smeared = np.exp(residual)
    relative = smeared * (weights.sum() / (weights @ smeared))
    bread = np.zeros((columns + 1, columns + 1))
    bread[:columns, :columns] = (design * weights[:, None]).T @ design
    bread[columns, :columns] = (weights * relative) @ design
    bread[columns, columns] = weights.sum()
    moments = np.column_stack([design * residual[:, None], relative - 1]) * weights[:, None]
    return np.asarray(np.linalg.solve(bread, moments.T).T)
