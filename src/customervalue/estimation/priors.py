"""Prior knowledge of a parameter, for data that cannot tell it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.estimation.newton import Evaluation
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import FloatArray

__all__ = ["LogNormal", "add_prior", "check_prior", "weak_prior"]

_WEAK = 1.5


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A log-normal prior for one positive parameter.

    Parameters
    ----------
    median : float
        Of the parameter, in its own unit; > 0.
    sigma : float
        Standard deviation of its logarithm; > 0. With 1.0, 95 % of the prior lies within a factor of 7.1 of the median.

    Raises
    ------
    InvalidInputError
        If either is not positive and finite.

    Examples
    --------
    >>> LogNormal(median=0.8, sigma=1.0)
    LogNormal(median=0.8, sigma=1.0)
    """

    median: float
    sigma: float

    def __post_init__(self) -> None:
        for name in ("median", "sigma"):
            value = check_number(name, getattr(self, name))
            if not (math.isfinite(value) and value > 0):
                raise invalid(name, f"`{name}` of a LogNormal must be positive and finite, and is {value}")


def check_prior(prior: Mapping[str, LogNormal] | None, names: Sequence[str]) -> dict[str, LogNormal]:
    """Return `prior` as a dict if it knows only these parameters.

    Parameters
    ----------
    prior : mapping of str to LogNormal, or None
    names : sequence of str
        The model's parameters.

    Raises
    ------
    InvalidInputError
        If it names an unknown parameter or holds something else than a LogNormal.
    """
    if prior is not None and not isinstance(prior, Mapping):
        rule = f'`prior` must map names of parameters to LogNormals, or be "weak", and is {prior!r}'
        raise invalid("prior", rule)
    given = dict(prior or {})
    known = f"The parameters are {', '.join(names)}."
    problems = [Problem("prior", f"there is no parameter {name!r}", known) for name in given if name not in names]
    wrong = [name for name, value in given.items() if not isinstance(value, LogNormal)]
    problems += [Problem("prior", f"the prior of {name!r} must be a LogNormal(median, sigma)") for name in wrong]
    if problems:
        raise InvalidInputError("the prior", problems)
    return given


def weak_prior(names: Sequence[str], units: FloatArray) -> dict[str, LogNormal]:
    """A prior that says no more than the order of magnitude: each parameter within a factor of 19 of its unit.

    Parameters
    ----------
    names : sequence of str
        The model's parameters.
    units : ndarray of float64, shape (k,)
        The scale of each: of time or of money, taken from the data, or 1. So it is the same in any unit and currency.

    Returns
    -------
    dict of str to LogNormal

    Examples
    --------
    >>> weak_prior(["r", "alpha"], np.array([1.0, 35.0]))
    {'r': LogNormal(median=1.0, sigma=1.5), 'alpha': LogNormal(median=35.0, sigma=1.5)}
    """
    return {name: LogNormal(unit, _WEAK) for name, unit in zip(names, units.tolist(), strict=True)}


def add_prior(at: Evaluation, theta: FloatArray, names: Sequence[str], prior: Mapping[str, LogNormal]) -> Evaluation:
    """Add the log densities (up to a constant) of log-parameters `theta` to a log-likelihood."""
    value, gradient, hessian = at.value, at.gradient.copy(), at.hessian.copy()
    for name, belief in prior.items():
        i = list(names).index(name)
        precision = belief.sigma**-2
        distance = theta[i] - np.log(belief.median)
        value -= 0.5 * precision * float(distance) ** 2
        gradient[i] -= precision * distance
        hessian[i, i] -= precision
    return Evaluation(value, gradient, hessian)
