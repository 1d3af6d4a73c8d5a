"""Newton's method with a trust region, for a handful of parameters and exact derivatives.

SciPy's trust-region methods ask for value, gradient and Hessian in separate calls, and stop on rounding noise where
the surface is flat. Here one call gives all three, directions of negative curvature are turned round, parameters stay
in a box, and the gradient alone decides.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import BoolArray, FloatArray

__all__ = ["Evaluation", "Optimum", "maximize"]

_MAX_EVALUATIONS = 200
_LARGEST_STEP = 4.0
_FLATTEST = 1e-12
#: A predicted gain below this share of the value is rounding noise: the step is taken if the gradient falls.
_NOISE = 1e-13


class Evaluation(NamedTuple):
    """A function of k parameters at a point: value, gradient (k,) and Hessian (k, k)."""

    value: float
    gradient: FloatArray
    hessian: FloatArray


@dataclass(frozen=True, slots=True)
class Optimum:
    """Where a search for a maximum ended.

    Attributes
    ----------
    point : ndarray of float64, shape (k,)
    at : Evaluation
        The function there.
    active : ndarray of bool, shape (k,)
        Parameters held at a bound, the function rising beyond it.
    evaluations : int
    converged : bool
        True if the gradient of the free parameters is zero to the tolerance.
    """

    point: FloatArray
    at: Evaluation
    active: BoolArray
    evaluations: int
    converged: bool


def maximize(
    function: Callable[[FloatArray], Evaluation],
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    *,
    tolerance: float = 1e-10,
) -> Optimum:
    """Climb to a local maximum inside a box.

    Parameters
    ----------
    function : callable
        Takes a point (k,) and returns an Evaluation, scaled so that gradients of order 1 are large.
    start, lower, upper : ndarray of float64, shape (k,)
        First point and bounds.
    tolerance : float
        The search ends when no component of the gradient of the free parameters is larger.

    Returns
    -------
    Optimum

    References
    ----------
    .. [1] Nocedal & Wright (2006), Numerical Optimization, 2nd ed., chapter 4 (trust regions).
    .. [2] Dauphin et al. (2014), NeurIPS 27: negative curvature turned round by taking eigenvalues absolutely.

    Examples
    --------
    >>> def bowl(x):
    ...     return Evaluation(-float(x @ x), -2 * x, -2 * np.eye(2))
    >>> maximize(bowl, np.array([1.0, 2.0]), np.full(2, -5.0), np.full(2, 5.0)).point
    array([0., 0.])
    """
    point, at = start, function(start)
    radius, evaluations = 2.0, 1
    while True:
        active = ((point <= lower) & (at.gradient < 0)) | ((point >= upper) & (at.gradient > 0))
        if not np.any(np.abs(at.gradient[~active]) > tolerance):
            return Optimum(point, at, active, evaluations, converged=True)
        if evaluations >= _MAX_EVALUATIONS or radius < _FLATTEST:
            return Optimum(point, at, active, evaluations, converged=False)
        trial = np.clip(point + _step(at, ~active, radius), lower, upper)
        step = trial - point
        there = function(trial)
        evaluations += 1
        length = float(np.max(np.abs(step)))
        predicted = float(at.gradient @ step + 0.5 * step @ at.hessian @ step)
        if predicted <= _NOISE * abs(at.value):
            better = float(np.linalg.norm(there.gradient)) < float(np.linalg.norm(at.gradient))
            gain = 1.0 if better else 0.0
        else:
            gain = (there.value - at.value) / predicted
        if gain < 0.25 or not np.isfinite(gain):
            radius = 0.25 * length
        elif gain > 0.75:
            radius = min(max(radius, 2 * length), _LARGEST_STEP)
        if gain > 1e-4:
            point, at = trial, there


def _step(at: Evaluation, free: BoolArray, radius: float) -> FloatArray:
    """The Newton step of the free parameters, no longer than `radius` along any principal axis."""
    curvature, axes = np.linalg.eigh(-at.hessian[np.ix_(free, free)])
    along = axes.T @ at.gradient[free]
    step = np.zeros(free.size)
    step[free] = axes @ np.clip(along / np.maximum(np.abs(curvature), _FLATTEST), -radius, radius)
    return step
