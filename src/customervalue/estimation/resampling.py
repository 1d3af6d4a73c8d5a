"""What the spread of the data says of the estimates: refits to resampled data, profiles, and the sandwich."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from customervalue.errors import ConvergenceError, invalid
from customervalue.estimation.draws import Draws, check_count, check_inference, check_level, with_parameters
from customervalue.estimation.fit import REACH, posterior, search
from customervalue.estimation.newton import maximize

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.model import ParametricModel

__all__ = ["information", "profile_interval", "refit", "robust_inference", "scores"]

M = TypeVar("M", bound="ParametricModel")

#: Step of the differences that give scores, in log-parameters; their error is of its fourth power.
_STEP = 1e-3
#: Gradient at which a refit stops: what is left is nothing beside the spread of the refits.
_ENOUGH = 1e-6
#: A profile that rises by this share of its fall when the search may go further was cut off by the edge of the search.
_GIVES_WAY = 0.01


def refit(model: M, rows: Any, n: int, rng: np.random.Generator | int | None) -> Draws[M]:
    """Fit again and again to rows resampled with replacement, starting from the model's own parameters.

    Parameters
    ----------
    model : the model
    rows : Rows
        The data it was fitted to.
    n : int
        How many times.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.

    Returns
    -------
    Draws

    Raises
    ------
    ConvergenceError
        If most of the refits have no maximum.

    References
    ----------
    .. [1] Efron & Tibshirani (1993), An Introduction to the Bootstrap, chapter 6.
    """
    source, size = np.random.default_rng(rng), check_count(n)
    prior = {} if model.inference is None else model.inference.prior
    start = np.log(list(model.parameters.values()))
    total = round(float(rows.counts.sum()))
    share = rows.counts / rows.counts.sum()
    found = []
    for _ in range(size):
        resampled = replace(rows, counts=source.multinomial(total, share).astype(np.float64))
        best, _ = search(model._likelihood(resampled), prior, [start], tolerance=_ENOUGH)
        if best is not None and not np.any(best.running):
            found.append(np.exp(best.point))
    if 2 * len(found) < size:
        raise ConvergenceError(
            f"only {len(found):,} of {size:,} refits to resampled customers have a maximum: the data hardly tell the "
            'parameters. Fit with a prior (`prior="weak"`), or with more customers.'
        )
    return Draws(model, np.array(found), "bootstrap", float(len(found)), size - len(found))


def profile_interval(model: ParametricModel, rows: Any, name: str, level: float) -> tuple[float, float]:
    """Interval of one parameter, of the values that the others can make nearly as likely as the estimate.

    Parameters
    ----------
    model : the model
        With inference.
    rows : Rows
        The data it was fitted to.
    name : str
        The parameter.
    level : float
        Between 0 and 1.

    Returns
    -------
    float, float
        0 or infinity where the likelihood never falls far enough.
    """
    from scipy.optimize import brentq

    inference, z = check_inference(model), NormalDist().inv_cdf(0.5 + 0.5 * check_level(level))
    if name not in model.parameter_names:
        raise invalid("name", f"there is no parameter {name!r}", f"They are {', '.join(model.parameter_names)}.")
    place, likelihood = model.parameter_names.index(name), model._likelihood(rows)
    objective = posterior(likelihood, inference.prior)
    middle, centre = np.log(likelihood.units), np.log(list(model.parameters.values()))
    # A fall of the log-likelihood by z^2 / 2, per customer.
    fall = 0.5 * z * z / likelihood.n_customers
    floor, at = objective(centre).value - fall, centre.copy()

    def above(value: float, reach: float = REACH) -> float:
        nonlocal at
        low, high, start = middle - reach, middle + reach, at.copy()
        low[place] = high[place] = start[place] = value
        best = maximize(objective, start, low, high, negligible=1e-6 / likelihood.n_customers)
        at = best.point
        return best.at.value - floor

    error = inference.standard_errors[name] / inference.parameters[name]
    bounds = []
    for side, limit in ((-1.0, 0.0), (1.0, math.inf)):
        at, inner, step = centre.copy(), float(centre[place]), min(z * error, 2.0)
        outer, end = inner + side * step, float(middle[place]) + side * REACH
        while side * (end - outer) > 0 and above(outer) > 0:
            inner, step = outer, 2 * step
            outer = inner + side * step
        if side * (end - outer) <= 0:
            bounds.append(limit)
            continue
        bound = brentq(above, inner, outer, xtol=1e-10)
        # Where the bound gives way as others may run further, the edge of the search set it and not the data.
        bounds.append(limit if above(bound, 2 * REACH) > _GIVES_WAY * fall else math.exp(bound))
    return bounds[0], bounds[1]


def robust_inference(model: ParametricModel, rows: Any) -> Inference:
    """The inference of a fit with a covariance that holds even where the model is not quite true.

    Parameters
    ----------
    model : the model
        With inference.
    rows : Rows
        The data it was fitted to.

    Returns
    -------
    Inference

    References
    ----------
    .. [1] White (1982), "Maximum likelihood estimation of misspecified models", Econometrica 50(1), 1-25, theorem 3.2.
    """
    inference = check_inference(model)
    if inference.at_boundary:
        rule = f"{' and '.join(inference.at_boundary)} ran to a boundary, where this covariance does not exist"
        raise invalid("inference", rule, 'Fit with a prior (`prior="weak"`).')
    bread, score = np.linalg.inv(information(model, rows)), scores(model, rows)
    filling = (score * rows.counts) @ score.T
    scale = np.array(list(model.parameters.values()))
    covariance = bread @ filling @ bread * np.outer(scale, scale)
    return replace(inference, covariance=0.5 * (covariance + covariance.T))


def information(model: ParametricModel, rows: Any) -> FloatArray:
    """Observed information of the log-parameters, of all customers and of the prior if there is one; shape (k, k)."""
    likelihood = model._likelihood(rows)
    prior = {} if model.inference is None else model.inference.prior
    centre = np.log(list(model.parameters.values()))
    return np.asarray(-likelihood.n_customers * posterior(likelihood, prior)(centre).hessian)


def scores(model: ParametricModel, rows: Any) -> FloatArray:
    """Derivatives of each row's log-likelihood by the log-parameters; shape (k, rows)."""
    centre = np.log(list(model.parameters.values()))
    return np.stack([_slopes(model, rows, centre, i) for i in range(centre.size)])


def _slopes(model: ParametricModel, rows: Any, centre: FloatArray, place: int) -> FloatArray:
    """Derivative of every row's log-likelihood by one log-parameter, from differences at four points."""

    def at(steps: float) -> FloatArray:
        moved = centre.copy()
        moved[place] += steps * _STEP
        return with_parameters(model, np.exp(moved))._row_log_likelihood(rows)

    return np.asarray((8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * _STEP))
