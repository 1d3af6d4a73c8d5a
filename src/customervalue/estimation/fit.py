"""From an objective to estimates: starts, bounds, convergence, and words for what the data cannot tell."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from customervalue.errors import ConvergenceError, WeaklyIdentifiedWarning, invalid
from customervalue.estimation.inference import Inference
from customervalue.estimation.newton import Evaluation, Optimum, maximize
from customervalue.estimation.priors import LogNormal, add_prior, check_prior, weak_prior
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

    from customervalue._typing import FloatArray

__all__ = ["REACH", "Likelihood", "fit", "posterior", "search"]

#: Parameters are looked for within this factor of their unit, up and down.
REACH = np.log(1e9)
#: A direction whose standard error, on the log scale, is larger than this is called flat: the 95 % interval of the
#: parameters along it then spans a factor of 50 either way.
_FLAT = 2.0
#: What a search on a ridge may leave of the log-likelihood.
_NEGLIGIBLE = 1e-4

#: What becomes of a parameter, for one and for several.
_WAYS = {
    -1: ("runs to zero", "run to zero"),
    1: ("runs to infinity", "run to infinity"),
    0: ("is uncertain by more than a factor of 50", "are uncertain by more than a factor of 50"),
}
_REMEDY = 'Pass `prior=`, "weak" or a LogNormal for it, or pool with more customers or a longer history.'


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
    explain : callable
        Takes the estimates (name -> value) and the names of those the data do not tell; says in words what that means.
    """

    names: tuple[str, ...]
    objective: Callable[[FloatArray], Evaluation]
    starts: Sequence[FloatArray]
    units: FloatArray
    n_customers: int
    explain: Callable[[Mapping[str, float], Collection[str]], str]


def fit(
    likelihood: Likelihood,
    *,
    prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
    start: Mapping[str, float] | None = None,
) -> Inference:
    """Maximize the likelihood, or the posterior density if there is a prior.

    Parameters
    ----------
    likelihood : Likelihood
        What to maximize.
    prior : mapping of str to LogNormal, or "weak", optional
        For some or all parameters; "weak" is wide and centred on their units.
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
    beliefs = (
        weak_prior(likelihood.names, likelihood.units) if prior == "weak" else check_prior(prior, likelihood.names)
    )
    best, evaluations = search(likelihood, beliefs, _starts(likelihood, start))
    if best is None:
        raise ConvergenceError(
            f"the search for a maximum of the likelihood of {', '.join(likelihood.names)} did not settle in "
            f"{evaluations} evaluations from {len(likelihood.starts)} starts. {_REMEDY}"
        )
    _warn(likelihood, best)
    value = likelihood.objective(best.point).value if beliefs else best.at.value
    return _inference(likelihood, best, likelihood.n_customers * value, evaluations, beliefs)


def search(
    likelihood: Likelihood,
    prior: Mapping[str, LogNormal],
    starts: Iterable[FloatArray],
    *,
    tolerance: float = 1e-10,
) -> tuple[Optimum | None, int]:
    """Climb from one start after the other until one leads to a maximum that settles it.

    Parameters
    ----------
    likelihood : Likelihood
        What to maximize.
    prior : mapping of str to LogNormal
        May be empty.
    starts : iterable of ndarray, shape (k,)
        Log-parameters.
    tolerance : float
        Of the gradient per customer.

    Returns
    -------
    Optimum or None
        The best that was found.
    int
        Evaluations of the likelihood.
    """
    n, middle = likelihood.n_customers, np.log(likelihood.units)
    objective = posterior(likelihood, prior)
    best: Optimum | None = None
    evaluations = 0
    for theta in starts:
        found = maximize(
            objective, theta, middle - REACH, middle + REACH, tolerance=tolerance, negligible=_NEGLIGIBLE / n
        )
        evaluations += found.evaluations
        if found.converged and (best is None or found.at.value > best.at.value):
            best = found
        if best is found and not _untold(likelihood, found):
            break
    return best, evaluations


def posterior(likelihood: Likelihood, prior: Mapping[str, LogNormal]) -> Callable[[FloatArray], Evaluation]:
    """The log-likelihood plus the log prior of log-parameters, per customer."""
    root = math.sqrt(likelihood.n_customers)  # the objective is per customer, and so is its share of the prior
    per_customer = {name: LogNormal(belief.median, belief.sigma * root) for name, belief in prior.items()}

    def objective(theta: FloatArray) -> Evaluation:
        return add_prior(likelihood.objective(theta), theta, likelihood.names, per_customer)

    return objective


def _starts(likelihood: Likelihood, start: Mapping[str, float] | None) -> Iterator[FloatArray]:
    if start is None:
        yield from (np.log(s) for s in likelihood.starts)
        return
    given = dict(start) if isinstance(start, Mapping) else {}
    values = [check_number("start", given.get(name, np.nan)) for name in likelihood.names]
    if set(given) != set(likelihood.names) or not all(np.isfinite(v) and v > 0 for v in values):
        raise invalid("start", f"`start` must give a positive number for each of {', '.join(likelihood.names)}")
    yield np.log(np.array(values, dtype=np.float64))


def _information(likelihood: Likelihood, optimum: Optimum) -> tuple[FloatArray, FloatArray]:
    """Eigenvalues and axes of the observed information of the log-parameters that do not run."""
    free = optimum.running == 0
    values, axes = np.linalg.eigh(-likelihood.n_customers * optimum.at.hessian[np.ix_(free, free)])
    return values, axes


def _untold(likelihood: Likelihood, optimum: Optimum) -> list[str]:
    """Parameters that run to zero or infinity, or take part in a direction in which the likelihood hardly falls."""
    values, axes = _information(likelihood, optimum)
    loadings = np.abs(axes[:, values < _FLAT**-2])
    untold = optimum.running != 0
    untold[~untold] = np.any(loadings > 0.3 * np.max(loadings, axis=0, initial=0.0), axis=1)
    return [name for name, member in zip(likelihood.names, untold, strict=True) if member]


def _inference(
    likelihood: Likelihood,
    optimum: Optimum,
    log_likelihood: float,
    evaluations: int,
    prior: Mapping[str, LogNormal],
) -> Inference:
    estimates = np.exp(optimum.point)
    free = optimum.running == 0
    values, axes = _information(likelihood, optimum)
    # Flat to rounding: as uncertain as a number can say, not negative.
    safe = np.maximum(values, np.finfo(np.float64).eps * max(1.0, float(np.max(values, initial=0.0))))
    covariance = np.diag(np.where(free, 0.0, np.inf))
    scale = estimates[free]
    covariance[np.ix_(free, free)] = (axes / safe) @ axes.T * np.outer(scale, scale)
    gradient = np.abs(optimum.at.gradient[free])
    return Inference(
        parameters=dict(zip(likelihood.names, estimates.tolist(), strict=True)),
        covariance=0.5 * (covariance + covariance.T),
        log_likelihood=log_likelihood,
        n_customers=likelihood.n_customers,
        iterations=evaluations,
        gradient_norm=float(np.max(gradient, initial=0.0)),
        prior=dict(prior),
        at_boundary=tuple(name for name, run in zip(likelihood.names, optimum.running, strict=True) if run),
    )


def _and(names: list[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def _warn(likelihood: Likelihood, optimum: Optimum) -> None:
    """Say in words what the data cannot tell."""
    untold = _untold(likelihood, optimum)
    if not untold:
        return
    running = dict(zip(likelihood.names, optimum.running.tolist(), strict=True))
    groups = [(way, [name for name in untold if running[name] == sign]) for sign, way in _WAYS.items()]
    listed = "; ".join(f"{_and(names)} {way[len(names) > 1]}" for way, names in groups if names)
    estimates = dict(zip(likelihood.names, np.exp(optimum.point).tolist(), strict=True))
    meaning = likelihood.explain(estimates, untold)
    n = likelihood.n_customers
    who = "1 customer does" if n == 1 else f"{n:,} customers do"
    message = f"{who} not tell all parameters ({listed}): {meaning}. {_REMEDY}"
    warnings.warn(message, WeaklyIdentifiedWarning, stacklevel=4)
