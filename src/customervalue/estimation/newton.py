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

    from customervalue._typing import BoolArray, FloatArray, IntArray

__all__ = ["Evaluation", "Optimum", "maximize"]

_MAX_EVALUATIONS = 100
_LARGEST_STEP = 4.0
_FLATTEST = 1e-12
#: A step of this length, by a factor of 1.6 for parameters in logarithms, that gains next to nothing is on a ridge.
_LONG_STEP = 0.5
#: Nearer to a bound than this is at it.
_TOUCH = 1e-9
#: A predicted gain below this share of the value is rounding noise: the step is taken if the gradient falls, and the
#: search is over if it does not.
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
    running : ndarray of int, shape (k,)
        1 for a parameter that runs to its upper bound or up a ridge without end, -1 for one that runs down, 0 else.
    evaluations : int
    converged : bool
        True if the gradient of the parameters that do not run is zero to the tolerance, or nothing is left to gain.
    """

    point: FloatArray
    at: Evaluation
    running: IntArray
    evaluations: int
    converged: bool


def maximize(
    function: Callable[[FloatArray], Evaluation],
    start: FloatArray,
    lower: FloatArray,
    upper: FloatArray,
    *,
    tolerance: float = 1e-10,
    negligible: float = 0.0,
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
    negligible : float
        It also ends, on a ridge, when a long step would gain no more than this.

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
    point = _inside(start, lower, upper)
    at = function(point)
    radius, evaluations = 2.0, 1
    while True:
        bound = np.sign(at.gradient) * _leaving(point, at.gradient, lower, upper)
        free = bound == 0
        if not np.any(np.abs(at.gradient[free]) > tolerance):
            return Optimum(point, at, bound.astype(np.int64), evaluations, converged=True)
        if evaluations >= _MAX_EVALUATIONS or radius < _FLATTEST:
            return Optimum(point, at, bound.astype(np.int64), evaluations, converged=False)
        step = _step_in_box(at, point, free, radius, lower, upper)
        length = float(np.max(np.abs(step)))
        predicted = float(at.gradient @ step + 0.5 * step @ at.hessian @ step)
        if length > _LONG_STEP and predicted <= negligible:
            running = bound + np.sign(step) * (np.abs(step) > 0.5 * length)
            return Optimum(point, at, running.astype(np.int64), evaluations, converged=True)
        trial = _inside(point + step, lower, upper)
        there = function(trial)
        evaluations += 1
        noise = abs(predicted) <= _NOISE * max(1.0, abs(at.value))
        gain = _gain(at, there, predicted, noise=noise)
        if noise and gain == 0:
            return Optimum(point, at, bound.astype(np.int64), evaluations, converged=True)
        if gain < 0.25:
            radius = 0.25 * length
        elif gain > 0.75:
            radius = min(max(radius, 2 * length), _LARGEST_STEP)
        if gain > 1e-4:
            point, at = trial, there


def _inside(point: FloatArray, lower: FloatArray, upper: FloatArray) -> FloatArray:
    """The point, on a wall of the box where it is next to one or beyond."""
    return np.where(upper - point <= _TOUCH, upper, np.where(point - lower <= _TOUCH, lower, point))


def _leaving(point: FloatArray, direction: FloatArray, lower: FloatArray, upper: FloatArray) -> BoolArray:
    """Which parameters touch a bound that `direction` crosses."""
    return ((point <= lower) & (direction < 0)) | ((point >= upper) & (direction > 0))


def _gain(at: Evaluation, there: Evaluation, predicted: float, *, noise: bool) -> float:
    """Gain of a step as a share of what was predicted; where that is rounding noise, whether the gradient falls."""
    if noise:
        return 1.0 if np.linalg.norm(there.gradient) < np.linalg.norm(at.gradient) else 0.0
    gain = (there.value - at.value) / predicted
    return gain if np.isfinite(gain) else 0.0


def _step_in_box(
    at: Evaluation, point: FloatArray, free: BoolArray, radius: float, lower: FloatArray, upper: FloatArray
) -> FloatArray:
    """The step of the free parameters, as far as the box allows; those it would push out of the box are held."""
    free = free.copy()
    while True:
        step = _step(at, free, radius)
        outward = _leaving(point, step, lower, upper)
        if not outward.any() or free.sum() == 1:
            break
        free[np.argmax(np.where(outward, np.abs(step), -1.0))] = False
    moving = step != 0
    room = np.where(step > 0, upper - point, lower - point)
    return step * min(1.0, float(np.min(room[moving] / step[moving], initial=1.0)))


def _step(at: Evaluation, free: BoolArray, radius: float) -> FloatArray:
    """The Newton step of the free parameters, no longer than `radius` along any principal axis."""
    curvature, axes = np.linalg.eigh(-at.hessian[np.ix_(free, free)])
    along = axes.T @ at.gradient[free]
    step = np.zeros(free.size)
    step[free] = axes @ np.clip(along / np.maximum(np.abs(curvature), _FLATTEST), -radius, radius)
    return step
