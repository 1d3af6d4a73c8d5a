"""The likelihood of the category model, which falls into two: how often customers buy, and which brand.

    P(counts) = NBD(n; M, K) x DirichletMultinomial(counts | n; alpha)

No parameter is in both, so that each part is maximized by itself and the estimates of one are uncorrelated with those
of the other.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import AssumptionWarning, ConvergenceError, InvalidInputError, Problem, invalid
from customervalue.estimation.fit import Likelihood, fit
from customervalue.estimation.newton import Evaluation
from customervalue.estimation.priors import LogNormal, check_prior
from customervalue.numerics.nbd import nbd_log_likelihood, nbd_none
from customervalue.wallet._share_fit import bought, fit_shares

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from customervalue._typing import FloatArray
    from customervalue.estimation.inference import Inference
    from customervalue.numerics.dirichlet import Margin
    from customervalue.wallet._dirichlet_fit import ShareRows

__all__ = ["fit_category"]

_CATEGORY = ("M", "K")
_SMALLEST, _LARGEST = 0.05, 50.0
#: A panel without any row of zeros has lost them if chance alone would leave none only this rarely.
_RARE = 1e-3


def fit_category(rows: ShareRows, brands: tuple[str, ...], prior: Any) -> Inference:
    """Estimates of M, K and the alpha of each brand, with their joint inference.

    Raises
    ------
    InvalidInputError
        If nobody bought anything, or nobody bought some brand and there is no prior.
    ConvergenceError
        If nobody bought more than once and there is no prior.
    """
    total = rows.total.margin
    size, purchases = float(total.rows.sum()), float(total.rows @ total.values)
    if purchases == 0:
        raise invalid("counts", "no customer has a purchase in the category", "There is nothing to learn from.")
    beliefs = prior if prior == "weak" else check_prior(prior, (*_CATEGORY, *brands))
    if not beliefs:
        advice = "Leave it out, put it together with another brand, or fit with a prior."
        none = [name for name, some in zip(brands, bought(rows), strict=True) if not some]
        problems = [Problem("counts", f"nobody bought {name!r}", advice) for name in none]
        if problems:
            raise InvalidInputError("the counts", problems, round(size))
        if not np.any(total.values[total.rows > 0] > 1):
            rule = f"none of the {size:,.0f} customers has more than one purchase in the category"
            raise ConvergenceError(
                f"{rule}: how much customers differ cannot be told. Observe them for longer, or fit with a prior "
                '(`prior="weak"`).'
            )
    often = fit(_category_likelihood(total, purchases / size, round(size)), prior=_part(beliefs, _CATEGORY))
    which = fit_shares(rows, brands, _part(beliefs, brands), None, brands)
    _warn_of_lost_zeros(often, total)
    return _joined(often, which)


def _part(beliefs: Any, names: tuple[str, ...]) -> Any:
    return beliefs if beliefs == "weak" else {name: beliefs[name] for name in names if name in beliefs}


def _category_likelihood(total: Margin, mean: float, size: int) -> Likelihood:
    def objective(theta: FloatArray) -> Evaluation:
        scale, shape = np.exp(theta).tolist()
        value, gradient, hessian = nbd_log_likelihood(scale, shape, total.values, total.rows)
        return Evaluation(value / size, gradient / size, hessian / size)

    excess = float(total.rows @ (total.values - mean) ** 2) / size - mean
    moment = mean * mean / excess if excess > 0 else _LARGEST
    return Likelihood(
        names=_CATEGORY,
        objective=objective,
        starts=[np.array([mean, k]) for k in (min(max(moment, _SMALLEST), _LARGEST), 0.2, 2.0)],
        units=np.array([mean, 1.0]),
        n_customers=size,
        explain=_explain,
    )


def _explain(estimates: Mapping[str, float], untold: Collection[str]) -> str:  # noqa: ARG001 - as for every model
    mean, shape = estimates.values()
    differ = "customers hardly differ in how often they buy" if shape > 1e2 else "not how much customers differ in it"
    return f"the mean of M = {mean:.3g} purchases in the category is known, but {differ}"


def _warn_of_lost_zeros(often: Inference, total: Margin) -> None:
    mean, shape = often.parameters.values()
    size, none = often.n_customers, float(nbd_none(mean, shape))
    if not np.any((total.values == 0) & (total.rows > 0)) and (1 - none) ** size < _RARE:
        warnings.warn(
            f"every one of the {size:,} customers bought in the category, where the model expects {size * none:,.0f} "
            "who did not. Rows of zeros are customers too: if they were left out, M is the mean of those who bought, "
            "K is too large, and so is each penetration.",
            AssumptionWarning,
            stacklevel=4,
        )


def _joined(often: Inference, which: Inference) -> Inference:
    """One inference from those of the two factors."""
    split = len(often.parameters)
    covariance = np.zeros((split + len(which.parameters),) * 2)
    covariance[:split, :split] = often.covariance
    covariance[split:, split:] = which.covariance
    prior: dict[str, LogNormal] = {**often.prior, **which.prior}
    return replace(
        often,
        parameters={**often.parameters, **which.parameters},
        covariance=covariance,
        log_likelihood=often.log_likelihood + which.log_likelihood,
        iterations=often.iterations + which.iterations,
        gradient_norm=max(often.gradient_norm, which.gradient_norm),
        at_boundary=(*often.at_boundary, *which.at_boundary),
        prior=prior,
    )
