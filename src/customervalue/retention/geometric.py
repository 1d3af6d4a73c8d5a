"""The geometric model of contracts: one churn rate for everybody and for ever."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np

from customervalue.errors import ConvergenceError, InvalidInputError, Problem, invalid
from customervalue.estimation.draws import Draws, check_count, check_inference, check_level, check_rows
from customervalue.estimation.fit import Likelihood
from customervalue.estimation.inference import Inference
from customervalue.estimation.newton import Evaluation
from customervalue.retention._contract_model import ContractModel
from customervalue.retention._residual_sums import geometric_sums

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    from customervalue._typing import FloatArray, IntArray
    from customervalue.estimation.priors import LogNormal
    from customervalue.retention._contract_data import ContractRows

__all__ = ["ChanceInference", "Geometric"]

#: Centre of the weak prior: one in five leaves.
_USUAL = 0.2
#: Where a standard error on the scale of ln(theta / (1 - theta)) is larger, there is nothing to draw from.
_FLAT = 2.0
#: Degrees of freedom of the distribution that importance weights correct, and proposals for each draw.
_FREEDOM, _PROPOSALS, _FEWEST_PROPOSALS, _COLLAPSED = 5, 2, 1_000, 100


class ChanceInference(Inference):
    """What a fit knows of a probability: as `Inference`, with intervals that stay below 1.

    Examples
    --------
    >>> inference = ChanceInference({"theta": 0.9}, np.array([[0.01]]), -10.0, 9, 1, 0.0)
    >>> low, high = inference.confidence_intervals(0.95)["theta"]
    >>> round(low, 3), round(high, 3)
    (0.505, 0.988)
    """

    __slots__ = ()

    def confidence_intervals(self, level: float = 0.95) -> dict[str, tuple[float, float]]:
        """Wald intervals, built on the scale of ln(theta / (1 - theta)) and so between 0 and 1.

        Parameters
        ----------
        level : float
            Between 0 and 1.

        Returns
        -------
        dict of str to (float, float)

        Raises
        ------
        InvalidInputError
            If `level` is not between 0 and 1.

        Examples
        --------
        >>> inference = ChanceInference({"theta": 0.1}, np.array([[0.0001]]), -100.0, 900, 1, 0.0)
        >>> {name: (round(low, 3), round(high, 3)) for name, (low, high) in inference.confidence_intervals(0.9).items()}
        {'theta': (0.085, 0.118)}
        """
        z = NormalDist().inv_cdf(0.5 + 0.5 * check_level(level))
        ends = {}
        for name, error in self.standard_errors.items():
            p = self.parameters[name]
            distance = z * error / (p * (1 - p))
            low, high = _expit(np.log(p) - np.log1p(-p) + np.array([-distance, distance])).tolist()
            ends[name] = (low, high)
        return ends


@dataclass(frozen=True, repr=False)
class Geometric(ContractModel):
    """Everybody leaves with the same probability, at every renewal: the benchmark that the others must beat.

    Parameters
    ----------
    theta : float
        Probability of leaving at a renewal, the churn rate; between 0 and 1.
    time_unit : {"D", "W", "M", "Y"}
        The renewal period, which turns an annual `discount_rate` into one per period. A year by default, so that the
        two are the same, as in the papers; say "M" for contracts that are renewed monthly.
    inference : Inference, optional
        What the fit knows of the parameter; None for a model made from it.

    Raises
    ------
    InvalidInputError
        If the parameter does not lie between 0 and 1, or `time_unit` names no period.

    Notes
    -----
    The estimate is the number of customers seen to leave over the number of renewals that came up for decision.

    References
    ----------
    .. [1] Fader & Hardie (2007), Journal of Interactive Marketing 21(1), 76-90, eqs. (1) and (2).

    Examples
    --------
    >>> model = Geometric.fit_survivors([1000, 869, 743, 653, 593, 551, 517, 491])
    >>> model
    Geometric(theta=0.1033, time_unit='Y')
    >>> model.survival([7, 12]).round(3)  # in fact 0.491 and 0.394
    array([0.466, 0.27 ])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("theta",)

    theta: float
    time_unit: str = "Y"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.theta >= 1:
            rule = f"`theta` is a probability and must lie between 0 and 1, and is {self.theta:g}"
            raise InvalidInputError("the parameters of Geometric", [Problem("theta", rule)])

    @classmethod
    def _inference_type(cls) -> type[Inference]:
        return ChanceInference

    @classmethod
    def _of(cls, inference: Inference, unit: str) -> Self:
        plain = {name: getattr(inference, name) for name in Inference.__slots__}
        return cls(**inference.parameters, time_unit=unit, inference=ChanceInference(**plain))

    @classmethod
    def _check_maximum(cls, rows: ContractRows, prior: Mapping[str, LogNormal] | Literal["weak"] | None) -> None:
        super()._check_maximum(rows, prior)
        if rows.renewals == 0:  # a log-normal prior leaves room above 1, and does not keep theta below it
            rule = f"none of the {rows.n_customers:,} customers was seen to renew"
            raise ConvergenceError(f"{rule}: theta goes to 1, with a prior or without. Observe them for longer.")

    @classmethod
    def _likelihood(cls, rows: ContractRows) -> Likelihood:
        lost, made, n = rows.losses, rows.renewals, rows.n_customers

        def objective(log_theta: FloatArray) -> Evaluation:
            theta = math.exp(log_theta[0])
            if theta >= 1:
                return Evaluation(-math.inf, np.zeros(1), np.zeros((1, 1)))
            odds = theta / (1 - theta)
            value = lost * float(log_theta[0]) + made * math.log1p(-theta)
            slope, curvature = lost - made * odds, -made * odds * (1 + odds)
            return Evaluation(value / n, np.array([slope / n]), np.array([[curvature / n]]))

        # With a prior there may be nothing lost; half a customer is a place to begin.
        share = max(lost, 0.5) / (max(lost, 0.5) + made)
        return Likelihood(
            names=cls.parameter_names,
            objective=objective,
            starts=[np.array([share])],
            units=np.array([_USUAL]),
            n_customers=n,
            explain=lambda estimates, _: f"theta = {estimates['theta']:.3g} rests on too few renewals",
        )

    def _row_log_likelihood(self, rows: ContractRows) -> FloatArray:
        return np.asarray(rows.churned * math.log(self.theta) + (rows.renewed - rows.entry) * math.log1p(-self.theta))

    def _log_survival(self, t: FloatArray) -> FloatArray:
        return np.asarray(t * math.log1p(-self.theta))

    def _log_retention(self, t: FloatArray) -> FloatArray:
        return np.full(t.shape, math.log1p(-self.theta))

    def _log_hazard(self, t: FloatArray) -> FloatArray:
        return np.full(t.shape, math.log(self.theta))

    def _sums(self, tenure: IntArray, force: float, horizon: int | None) -> tuple[FloatArray, FloatArray]:
        total, distance = geometric_sums(np.array([self.theta]), force, horizon)
        value = (1 - self.theta) * total
        return np.repeat(value, tenure.size), np.repeat(distance, tenure.size)

    def _draw(self, n: int, rng: np.random.Generator | int | None, rows: ContractRows | None) -> Draws[Self]:
        # As `estimation.draws.draw`, but on the scale of ln(theta / (1 - theta)): every draw is a probability.
        source, size = np.random.default_rng(rng), check_count(n)
        inference = check_inference(self)
        centre = math.log(self.theta) - math.log1p(-self.theta)
        error = inference.standard_errors["theta"] / (self.theta * (1 - self.theta))
        if not error <= _FLAT:
            rule = "the data leave theta open: there is nothing to draw from"
            raise invalid("inference", rule, 'Fit with a prior (`prior="weak"`), or with more customers.')
        if rows is None:
            values = _expit(centre + error * source.standard_normal(size))
            return Draws(self, values[:, None], "asymptotic", float(size))
        check_rows(self, rows)
        m = max(_PROPOSALS * size, _FEWEST_PROPOSALS)
        z = source.standard_t(_FREEDOM, m)
        theta = _expit(centre + error * z)
        log_weights = rows.losses * np.log(theta) + (rows.renewals + 1) * np.log1p(-theta)
        log_weights += 0.5 * (_FREEDOM + 1) * np.log1p(z * z / _FREEDOM)
        for belief in inference.prior.values():
            log_weights -= 0.5 * (np.log(theta / belief.median) / belief.sigma) ** 2
        weights = np.exp(log_weights - log_weights.max())
        weights /= weights.sum()
        worth = float(1 / (weights @ weights))
        if worth < _COLLAPSED:
            raise ConvergenceError(f"the importance weights collapse: {m:,} proposals are worth {worth:.0f} draws")
        ladder = (source.random() + np.arange(size)) / size
        chosen = np.searchsorted(np.cumsum(weights), ladder * (1 - 1e-12))
        return Draws(self, theta[source.permutation(chosen)][:, None], "importance", worth)


def _expit(logit: npt.ArrayLike) -> FloatArray:
    """1 / (1 + exp(-logit)), strictly between 0 and 1."""
    y = np.asarray(logit, dtype=np.float64)
    small = np.exp(-np.abs(y)) / (1 + np.exp(-np.abs(y)))
    return np.asarray(np.clip(np.where(y < 0, small, 1 - small), 1e-300, 1 - 2.0**-53))
