"""From an objective to estimates: starts, bounds, convergence, and words for what the data cannot tell."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import ConvergenceError, WeaklyIdentifiedWarning, invalid
from customervalue.estimation.inference import Inference
from customervalue.estimation.newton import Evaluation, Optimum, maximize
from customervalue.estimation.priors import add_prior, check_prior

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from customervalue._typing import FloatArray
    from customervalue.estimation.priors import LogNormal

__all__ = ["Likelihood", "fit"]

#: Parameters are looked for within this factor of their unit, up and down.
_REACH = np.log(1e9)
#: A direction whose standard error, on the log scale, is larger than this is called flat: the 95 % interval of the
#: parameters along it then spans a factor of 50 either way.
_FLAT = 2.0

_REMEDY = "Pass `prior=` with a LogNormal for it, or pool with more customers or a longer history."


@dataclass(frozen=True, slots=True)
class Likelihood:
    """A model's likelihood for one data set, ready to be maximized.

    Attributes
    ----------
    names : tuple of str
        The parameters.
    objective : callable
        Takes log-parameters (k,), gives the log-likelihood per customer with gradient and Hessian.
    starts : sequence of ndarray, shape (k,)
        Where to begin, on the natural scale; the later ones only if the first does not settle it.
    units : ndarray of float64, shape (k,)
        A typical size for each parameter: time scale, currency scale, or 1.
    n_customers : int
    meanings : mapping of frozenset of str to str
        What it means when the data cannot tell these parameters, together or alone.
    """

    names: tuple[str, ...]
    objective: Callable[[FloatArray], Evaluation]
    starts: Sequence[FloatArray]
    units: FloatArray
    n_customers: int
    meanings: Mapping[frozenset[str], str] = field(default_factory=dict)


def fit(
    likelihood: Likelihood, *, prior: Mapping[str, LogNormal] | None = None, start: Mapping[str, float] | None = None
) -> Inference:
    """Maximize the likelihood, or the posterior density if there is a prior.

    Parameters
    ----------
    likelihood : Likelihood
        What to maximize.
    prior : mapping of str to LogNormal, optional
        For some or all parameters.
    start : mapping of str to float, optional
        Where to begin instead of the likelihood's own starts; needs every parameter.

    Returns
    -------
    Inference

    Raises
    ------
    ConvergenceError
        If no start leads to a maximum.
    InvalidInputError
        If `prior` or `start` do not fit the parameters.

    Warns
    -----
    WeaklyIdentifiedWarning
        If the likelihood is flat in some direction at the maximum.
    """
    beliefs = check_prior(prior, likelihood.names)
    scaled = {name: (b.median, b.sigma * np.sqrt(likelihood.n_customers)) for name, b in beliefs.items()}
    per_customer = {name: type(beliefs[name])(median, float(sigma)) for name, (median, sigma) in scaled.items()}

    def objective(theta: FloatArray) -> Evaluation:
        return add_prior(likelihood.objective(theta), theta, likelihood.names, per_customer)

    best: Optimum | None = None
    evaluations = 0
    for theta in _starts(likelihood, start):
        found = maximize(objective, theta, np.log(likelihood.units) - _REACH, np.log(likelihood.units) + _REACH)
        evaluations += found.evaluations
        if found.converged and (best is None or found.at.value > best.at.value):
            best = found
        if best is found and not _flat_directions(found, likelihood.n_customers) and not found.active.any():
            break
    if best is None:
        raise ConvergenceError(
            f"the search for a maximum of the likelihood of {', '.join(likelihood.names)} did not settle in "
            f"{evaluations} evaluations from {len(likelihood.starts)} starts. {_REMEDY}"
        )
    _warn(likelihood, best)
    return _inference(likelihood, best, evaluations)


def _starts(likelihood: Likelihood, start: Mapping[str, float] | None) -> Iterator[FloatArray]:
    if start is None:
        yield from (np.log(s) for s in likelihood.starts)
        return
    values = [start.get(name, np.nan) for name in likelihood.names]
    if set(start) != set(likelihood.names) or not all(np.isfinite(v) and v > 0 for v in values):
        raise invalid("start", f"`start` must give a positive number for each of {', '.join(likelihood.names)}")
    yield np.log(np.array(values, dtype=np.float64))


def _information(optimum: Optimum, n_customers: int) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues and axes of the observed information of the free log-parameters."""
    free = ~optimum.active
    values, axes = np.linalg.eigh(-n_customers * optimum.at.hessian[np.ix_(free, free)])
    return values, axes


def _flat_directions(optimum: Optimum, n_customers: int) -> list[FloatArray]:
    """Directions, over all parameters, in which the likelihood hardly falls."""
    values, axes = _information(optimum, n_customers)
    directions = []
    for value, axis in zip(values, axes.T, strict=True):
        if value < _FLAT**-2:
            direction = np.zeros(optimum.point.size)
            direction[~optimum.active] = axis
            directions.append(direction)
    return directions


def _inference(likelihood: Likelihood, optimum: Optimum, evaluations: int) -> Inference:
    estimates = np.exp(optimum.point)
    free = ~optimum.active
    values, axes = _information(optimum, likelihood.n_customers)
    # Flat to rounding: as uncertain as a number can say, not negative.
    safe = np.maximum(values, np.finfo(np.float64).eps * max(1.0, float(np.max(values, initial=0.0))))
    covariance = np.diag(np.where(free, 0.0, np.inf))
    scale = estimates[free]
    covariance[np.ix_(free, free)] = (axes / safe) @ axes.T * np.outer(scale, scale)
    covariance = 0.5 * (covariance + covariance.T)
    gradient = np.abs(optimum.at.gradient[free])
    return Inference(
        parameters=dict(zip(likelihood.names, estimates.tolist(), strict=True)),
        covariance=covariance,
        log_likelihood=likelihood.n_customers * likelihood.objective(optimum.point).value,
        n_customers=likelihood.n_customers,
        iterations=evaluations,
        gradient_norm=float(np.max(gradient, initial=0.0)),
        at_boundary=tuple(name for name, held in zip(likelihood.names, optimum.active, strict=True) if held),
    )


def _warn(likelihood: Likelihood, optimum: Optimum) -> None:
    """Say in words what the data cannot tell."""
    found: list[str] = []
    held = [name for name, active in zip(likelihood.names, optimum.active, strict=True) if active]
    if held:
        upwards = dict(zip(likelihood.names, optimum.point > np.log(likelihood.units), strict=True))
        ends = (f"{name} ran to {'infinity' if upwards[name] else 'zero'}" for name in held)
        found.append(f"{' and '.join(ends)}{_meaning(likelihood, held)}")
    for direction in _flat_directions(optimum, likelihood.n_customers):
        large = np.abs(direction) > 0.3 * np.max(np.abs(direction))
        names = [name for name, member in zip(likelihood.names, large, strict=True) if member]
        found.append(f"the likelihood is flat in {_movement(names, direction[large])}{_meaning(likelihood, names)}")
    if found:
        message = f"{likelihood.n_customers:,} customers do not tell all parameters: {'; '.join(found)}. {_REMEDY}"
        warnings.warn(message, WeaklyIdentifiedWarning, stacklevel=4)


def _movement(names: Sequence[str], direction: FloatArray) -> str:
    if len(names) == 1:
        return names[0]
    same = bool(np.all(direction > 0) or np.all(direction < 0))
    return f"{', '.join(names[:-1])} and {names[-1]} ({'growing together' if same else 'moving against each other'})"


def _meaning(likelihood: Likelihood, names: Sequence[str]) -> str:
    meaning = likelihood.meanings.get(frozenset(names))
    return f" ({meaning})" if meaning else ""
