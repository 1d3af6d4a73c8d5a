"""Contracts that are renewed or not, period by period, by customers who differ in how readily they leave.

Time is counted in whole renewal periods. A customer is acquired at 0 and pays for his first period; at the end of it he
renews or leaves, which is the first renewal, and so on. T is the renewal at which he leaves, 1, 2, ...; S(t) = P(T > t)
is the share that is still there after the t-th.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from customervalue.estimation.fit import Likelihood
from customervalue.estimation.newton import Evaluation
from customervalue.numerics.beta_ratio import log_beta_ratio
from customervalue.numerics.beta_rule import beta_rule
from customervalue.numerics.gamma import digamma_difference, trigamma_difference
from customervalue.retention._contract_intervals import ContractInterval
from customervalue.retention._contract_model import ContractModel
from customervalue.retention._residual_sums import backward, between, geometric_sums, log_retention, sums_of_weibull
from customervalue.retention.geometric import Geometric

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from customervalue._typing import FloatArray, IntArray
    from customervalue.estimation.inference import Inference
    from customervalue.retention._contract_data import ContractRows

__all__ = ["BetaDiscreteWeibull", "ContractInterval", "Geometric", "ShiftedBetaGeometric"]

#: alpha + beta where the search begins: customers differ much, very much, little, hardly.
_SPREADS = (2.0, 0.3, 20.0, 200.0)
#: Where alpha and beta are larger, churn rates lie so close together that nobody could tell them apart.
_ALIKE = 30.0
#: So many renewals between two tenures cost no more than a quadrature.
_CLOSE = 1_000


@dataclass(frozen=True, repr=False)
class ShiftedBetaGeometric(ContractModel):
    """Everybody has a churn rate of his own, for ever; the rates of all have a beta distribution.

    The retention rate of a cohort rises with age all the same: those who leave readily have left.

    Parameters
    ----------
    alpha, beta : float
        Of the beta distribution of the churn rate, whose mean is alpha / (alpha + beta). The smaller their sum, the
        more customers differ.
    time_unit : {"D", "W", "M", "Y"}
        The renewal period, which turns an annual `discount_rate` into one per period. A year by default, so that the
        two are the same, as in the papers; say "M" for contracts that are renewed monthly.
    inference : Inference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or `time_unit` names no period.

    References
    ----------
    .. [1] Fader & Hardie (2007), "How to project customer retention", Journal of Interactive Marketing 21(1), 76-90.
    .. [2] Fader & Hardie (2010), "Customer-base valuation in a contractual setting: the perils of ignoring
       heterogeneity", Marketing Science 29(1), 85-93.

    Examples
    --------
    >>> model = ShiftedBetaGeometric.fit_survivors([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> model
    ShiftedBetaGeometric(alpha=0.6681, beta=3.806, time_unit='Y')
    >>> model.survival([7, 12]).round(3)  # in fact 0.491 and 0.394
    array([0.489, 0.378])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("alpha", "beta")

    alpha: float
    beta: float
    time_unit: str = "Y"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    @classmethod
    def _likelihood(cls, rows: ContractRows) -> Likelihood:
        share = _share(rows)
        return Likelihood(
            names=cls.parameter_names,
            objective=partial(_evaluate_geometric, rows),
            starts=[size * np.array([share, 1 - share]) for size in _SPREADS],
            units=np.ones(2),
            n_customers=rows.n_customers,
            explain=partial(_explain, last=rows.last_decision),
        )

    def _row_log_likelihood(self, rows: ContractRows) -> FloatArray:
        return _log_likelihood_geometric(self.alpha, self.beta, rows)

    def _log_survival(self, t: FloatArray) -> FloatArray:
        return log_beta_ratio(self.alpha, self.beta, t)

    def _log_retention(self, t: FloatArray) -> FloatArray:
        return np.asarray(-np.log1p(self.alpha / (self.beta + t - 1)))

    def _log_hazard(self, t: FloatArray) -> FloatArray:
        return np.asarray(math.log(self.alpha) - np.log(self.alpha + self.beta + t - 1))

    def _sums(self, tenure: IntArray, force: float, horizon: int | None) -> tuple[FloatArray, FloatArray]:
        made = tenure.astype(np.float64)
        if horizon is None and force == 0:
            endless = np.full(made.shape, np.inf)
            total = (self.beta + made) / (self.alpha - 1) if self.alpha > 1 else endless
            return total, (self.alpha + self.beta + made - 1) / (self.alpha - 2) if self.alpha > 2 else endless
        span = int(tenure[-1] - tenure[0])
        if horizon is None and span <= _CLOSE * tenure.size:
            value, mean = self._sums_at(float(made[-1]), force, None)
            rates = np.exp(self._log_retention(made[0] + np.arange(1.0, span + 1)))
            sums, moments = backward(rates, force, value, value * mean, tenure - tenure[0])
            return sums, moments / sums
        each = np.array([self._sums_at(t, force, horizon) for t in made.tolist()])
        return each[:, 0], each[:, 1]

    def _sums_at(self, made: float, force: float, horizon: int | None) -> tuple[float, float]:
        """The two sums for one tenure: a mean over the churn rates of those who make the next renewal."""
        scale = 1 / math.expm1(force) if horizon is None else float(horizon)
        theta, weight = beta_rule(self.alpha, self.beta + made + 1, scale)
        sums, means = geometric_sums(theta, force, horizon)
        total = float(weight @ sums)
        renews = (self.beta + made) / (self.alpha + self.beta + made)
        return renews * total, float(weight @ (sums * means)) / total

    def _endless(self) -> str:
        return (
            f"with alpha = {self.alpha:.4g} so many customers hardly ever leave that, without discounting, the sum "
            "over the future has no bound"
        )


def _share(rows: ContractRows) -> float:
    """Share lost at a renewal, over all of them."""
    return float((rows.losses + 0.5) / (rows.losses + rows.renewals + 1))


def _log_likelihood_geometric(alpha: float, beta: float, rows: ContractRows) -> FloatArray:
    value = log_beta_ratio(alpha, beta + rows.entry, rows.renewed - rows.entry)
    return np.asarray(value + rows.churned * (np.log(alpha) - np.log(alpha + beta + rows.renewed)))


def _evaluate_geometric(rows: ContractRows, log_parameters: FloatArray) -> Evaluation:
    """Log-likelihood per customer of the shifted-beta-geometric, with gradient and Hessian by log-parameters."""
    alpha, beta = np.exp(log_parameters).tolist()
    counts = rows.counts
    renewed, faced = rows.renewed - rows.entry, rows.duration - rows.entry
    low, both = beta + rows.entry, alpha + beta + rows.entry
    value = float(counts @ _log_likelihood_geometric(alpha, beta, rows))
    stay_1, all_1 = float(counts @ digamma_difference(low, renewed)), float(counts @ digamma_difference(both, faced))
    stay_2, all_2 = float(counts @ trigamma_difference(low, renewed)), float(counts @ trigamma_difference(both, faced))
    # alpha times the derivative of ln alpha is the number of those who left, and has no slope of its own.
    gradient = np.array([rows.losses - alpha * all_1, beta * (stay_1 - all_1)])
    mixed = -alpha * beta * all_2
    hessian = np.array(
        [
            [-alpha * all_1 - alpha * alpha * all_2, mixed],
            [mixed, gradient[1] + beta * beta * (stay_2 - all_2)],
        ]
    )
    n = rows.n_customers
    return Evaluation(value / n, gradient / n, hessian / n)


@dataclass(frozen=True, repr=False)
class BetaDiscreteWeibull(ContractModel):
    """As the shifted-beta-geometric, with churn rates that also change with the age of the contract.

    The share of the customers of one kind that is still there after t renewals is (1 - theta)**(t**c), theta ~
    Beta(alpha, beta).

    Parameters
    ----------
    alpha, beta : float
        Of the beta distribution of the share that leaves at the first renewal, whose mean is alpha / (alpha + beta).
        The smaller their sum, the more customers differ.
    c : float
        How one customer changes: above 1 he leaves ever more readily, below 1 ever less; at 1 he stays as he is, which
        is the shifted-beta-geometric.
    time_unit : {"D", "W", "M", "Y"}
        The renewal period, which turns an annual `discount_rate` into one per period. A year by default, so that the
        two are the same, as in the papers; say "M" for contracts that are renewed monthly.
    inference : Inference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or `time_unit` names no period.

    Notes
    -----
    Sums over the future are added up renewal by renewal, 1,000 of them or until discounting has made the rest less
    than 1e-19 of the first; an integral stands for what is left.

    References
    ----------
    .. [1] Fader, Hardie, Liu, Davin & Steenburgh (2018), "'How to project customer retention' revisited: the role of
       duration dependence", Journal of Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> model = BetaDiscreteWeibull.fit_survivors([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> model
    BetaDiscreteWeibull(alpha=0.2143, beta=1.427, c=1.724, time_unit='Y')
    >>> model.survival([7, 12]).round(3)  # in fact 0.491 and 0.394
    array([0.491, 0.404])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "c")

    alpha: float
    beta: float
    c: float
    time_unit: str = "Y"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    @classmethod
    def _likelihood(cls, rows: ContractRows) -> Likelihood:
        share = _share(rows)
        pairs = ((2.0, 1.0), (0.5, 1.5), (20.0, 0.7), (200.0, 1.0), (2.0, 0.4))
        return Likelihood(
            names=cls.parameter_names,
            objective=partial(_evaluate_weibull, rows),
            starts=[np.array([size * share, size * (1 - share), c]) for size, c in pairs],
            units=np.ones(3),
            n_customers=rows.n_customers,
            explain=partial(_explain, last=rows.last_decision),
        )

    def _row_log_likelihood(self, rows: ContractRows) -> FloatArray:
        value = self._log_ratio(rows.entry, rows.renewed)
        left = rows.churned
        value[left] += self._log_hazard(rows.duration[left])
        return value

    def _log_ratio(self, start: FloatArray, stop: FloatArray) -> FloatArray:
        """Logarithm of S(stop) / S(start)."""
        first = start**self.c
        return log_beta_ratio(self.alpha, self.beta + first, stop**self.c - first)

    def _log_survival(self, t: FloatArray) -> FloatArray:
        return self._log_ratio(np.zeros_like(t), t)

    def _log_retention(self, t: FloatArray) -> FloatArray:
        return log_retention((self.alpha, self.beta, self.c), t)

    def _sums(self, tenure: IntArray, force: float, horizon: int | None) -> tuple[FloatArray, FloatArray]:
        values, moments = sums_of_weibull((self.alpha, self.beta, self.c), tenure, force, horizon)
        with np.errstate(invalid="ignore"):
            return values, np.where(np.isinf(moments), np.inf, moments / values)

    def _endless(self) -> str:
        return (
            f"with c alpha = {self.c * self.alpha:.4g} so many customers hardly ever leave that, without discounting, "
            "the sum over the future has no bound"
        )


class _Slopes(NamedTuple):
    """Values (u,), and their derivatives by alpha, beta and ln c: first (3, u), second (3, 3, u)."""

    value: FloatArray
    first: FloatArray
    second: FloatArray


def _log_ratio_slopes(
    alpha: float, beta: float, c: float, start: FloatArray, stop: FloatArray, gap: FloatArray
) -> _Slopes:
    """Logarithm of S(stop) / S(start) of the beta-discrete-Weibull, with derivatives; `gap` is stop**c - start**c."""
    from scipy.special import polygamma

    n = np.stack([start**c, stop**c])
    # t**c and its derivatives by ln c; nothing changes at t = 0.
    logs = c * np.log(np.maximum(np.stack([start, stop]), 1.0))
    n_1, n_2 = n * logs, n * logs * (1 + logs)
    low, both = beta + n[0], alpha + beta + n[0]
    alpha_1 = -digamma_difference(both, gap)
    alpha_2 = -trigamma_difference(both, gap)
    # By the upper end and by the lower, with opposite signs.
    ends_1, ends_2 = digamma_difference(beta + n, alpha), trigamma_difference(beta + n, alpha)
    by_alpha = polygamma(1, alpha + beta + n)
    first = np.stack([alpha_1, digamma_difference(low, gap) + alpha_1, _minus(ends_1 * n_1)])
    alpha_c, beta_c = _minus(by_alpha * n_1), _minus(ends_2 * n_1)
    c_2 = _minus(ends_2 * n_1 * n_1 + ends_1 * n_2)
    beta_2 = trigamma_difference(low, gap) + alpha_2
    second = np.stack([[alpha_2, alpha_2, alpha_c], [alpha_2, beta_2, beta_c], [alpha_c, beta_c, c_2]])
    return _Slopes(log_beta_ratio(alpha, low, gap), first, second)


def _minus(ends: FloatArray) -> FloatArray:
    """Minus the upper end, plus the lower."""
    return np.asarray(ends[0] - ends[1])


def _evaluate_weibull(rows: ContractRows, log_parameters: FloatArray) -> Evaluation:
    """Log-likelihood per customer of the beta-discrete-Weibull, with gradient and Hessian by log-parameters."""
    alpha, beta, c = np.exp(log_parameters).tolist()
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        gap = rows.renewed**c - rows.entry**c
        stay = _log_ratio_slopes(alpha, beta, c, rows.entry, rows.renewed, gap)
        value = float(rows.counts @ stay.value)
        first, second = stay.first @ rows.counts, stay.second @ rows.counts
        left = rows.churned
        t, lost = rows.duration[left], rows.counts[left]
        next_ = _log_ratio_slopes(alpha, beta, c, t - 1, t, between(t, c))
        # ln(1 - exp(g)), g = ln r_t: its derivatives by g are -k and -k (1 + k).
        value += float(lost @ np.log(-np.expm1(next_.value)))
        k = 1 / np.expm1(-next_.value)
        first -= next_.first @ (k * lost)
        second -= next_.second @ (k * lost) + (next_.first * (k * (1 + k) * lost)) @ next_.first.T
    scale = np.array([alpha, beta, 1.0])
    gradient = first * scale
    hessian = second * np.outer(scale, scale) + np.diag([gradient[0], gradient[1], 0.0])
    n = rows.n_customers
    return Evaluation(value / n, gradient / n, hessian / n)


def _explain(estimates: Mapping[str, float], untold: Collection[str], *, last: int) -> str:
    """What it means that the data, with renewals up to the `last`, do not tell these parameters."""
    alpha, beta = estimates["alpha"], estimates["beta"]
    share, size = alpha / (alpha + beta), alpha + beta
    if last <= 1:
        return f"from one renewal we learn that {share:.3g} leave at it, and nothing of how customers differ"
    if last == 2 and "c" in estimates:
        return "from two renewals we learn two retention rates, and three parameters cannot be told from them"
    said = []
    if "alpha" in untold or "beta" in untold:
        if min(alpha, beta) > _ALIKE:
            alike = f"customers hardly differ in how readily they leave ({share:.3g} of any kind at the first renewal)"
            if "c" in estimates:
                said.append(f"{alike}; that each of them changes with age (c = {estimates['c']:.3g}) is enough")
            else:
                said.append(
                    f"{alike}, since the retention rate does not rise with age. `Geometric` says the same with one "
                    "parameter; if the rate falls, `BetaDiscreteWeibull` can follow it"
                )
        elif share < 1e-3:
            said.append("hardly anybody leaves at the first renewal, and too few later to tell how customers differ")
        elif size < 1e-2:
            said.append(f"churn looks all or nothing: {share:.0%} leave at the first renewal, the others never")
        else:
            said.append(f"that {share:.3g} leave at the first renewal is known better than how customers differ")
    if "c" in untold:
        said.append("whether one customer changes with age (c) cannot be told from how customers differ")
    return "; ".join(said)
