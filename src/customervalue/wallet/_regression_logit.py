"""The kernel of the fractional logit: Newton on the quasi-likelihood, and the sandwich around its maximum."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.errors import ConvergenceError
from customervalue.estimation.newton import Evaluation, maximize

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["Logit", "fit_logit"]

#: At a maximum the next Newton step moves no customer's log-odds; along a direction of separation it moves some by 1.
_STANDS_STILL = 1e-3


class Logit(NamedTuple):
    """A maximum of the quasi-likelihood: coefficients, the means there, their sandwich, leverages, evaluations."""

    point: FloatArray
    mean: FloatArray
    covariance: FloatArray
    leverage: FloatArray
    evaluations: int


class NoMaximumError(ConvergenceError):
    """The quasi-likelihood rises for ever along `direction`."""

    def __init__(self, direction: FloatArray) -> None:
        self.direction = direction
        super().__init__("the quasi-likelihood has no maximum")


def fit_logit(design: FloatArray, share: FloatArray, weights: FloatArray) -> Logit:
    """Maximise the Bernoulli quasi-likelihood of shares.

    Parameters
    ----------
    design : ndarray of float64, shape (n, p)
        The first column is 1.
    share, weights : ndarray of float64, shape (n,)
        Shares in [0, 1]; positive weights.

    Returns
    -------
    Logit
        The covariance is inv(A) B inv(A), with A the expected information and B the sum of squared scores.

    Raises
    ------
    NoMaximumError
        If the shares are separated, or all 0, or all 1.

    References
    ----------
    .. [1] Papke & Wooldridge (1996), Journal of Applied Econometrics 11(6), 619-632.

    Examples
    --------
    >>> design = np.array([[1.0, -1], [1, -1], [1, 1], [1, 1]])
    >>> fit_logit(design, np.array([0.2, 0.4, 0.5, 0.9]), np.ones(4)).mean.round(6)
    array([0.3, 0.3, 0.7, 0.7])
    """
    from scipy.special import expit, logit

    scaled = weights / weights.sum()

    def evaluate(point: FloatArray) -> Evaluation:
        predictor = design @ point
        mean = expit(predictor)
        value = float(scaled @ (share * predictor - np.logaddexp(0.0, predictor)))
        curvature = (design * (scaled * mean * (1 - mean))[:, None]).T @ design
        return Evaluation(value, design.T @ (scaled * (share - mean)), -curvature)

    average = float(scaled @ share)
    start = np.zeros(design.shape[1])
    if not 0 < average < 1:
        raise NoMaximumError(np.eye(start.size)[0] * (average - 0.5))
    start[0] = logit(average)
    endless = np.full(start.size, np.inf)
    optimum = maximize(evaluate, start, -endless, endless)
    step: FloatArray = np.linalg.lstsq(-optimum.at.hessian, optimum.at.gradient, rcond=None)[0].astype(np.float64)
    if not np.max(np.abs(design @ step)) < _STANDS_STILL:
        raise NoMaximumError(step)
    return _around(design, share, weights, optimum.point + step, optimum.evaluations)


def _around(design: FloatArray, share: FloatArray, weights: FloatArray, point: FloatArray, evaluations: int) -> Logit:
    from scipy.special import expit

    mean = expit(design @ point)
    curvature = weights * mean * (1 - mean)
    bread = np.linalg.inv((design * curvature[:, None]).T @ design)
    scores = design * (weights * (share - mean))[:, None]
    covariance = bread @ (scores.T @ scores) @ bread
    leverage = curvature * np.einsum("ij,ij->i", design @ bread, design)
    return Logit(point, mean, covariance, leverage, evaluations)
