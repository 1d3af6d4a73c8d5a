"""NBD: buying at a steady rate for ever. The benchmark that every model with attrition has to beat."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from customervalue.clv._gamma_rates import GammaRates, time_of_silence
from customervalue.clv._histories import Histories
from customervalue.clv._paths import AtRandom
from customervalue.estimation.fit import Likelihood
from customervalue.estimation.newton import Evaluation
from customervalue.numerics.densities import log_gamma_density
from customervalue.numerics.elementary import log1p
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from customervalue._typing import FloatArray, IntArray
    from customervalue.estimation.inference import Inference
    from customervalue.numerics.compress import UniqueRows

__all__ = ["NBD"]


@dataclass(frozen=True, repr=False)
class NBD(GammaRates):
    """Negative binomial model of repeat buying, without attrition.

    A customer buys at random at his own rate, lambda ~ Gamma(r, alpha), and never leaves. Whatever a model with
    attrition claims to know of who is still there, it has to forecast better than this.

    Parameters
    ----------
    r : float
        Shape of the purchase rates: the smaller, the more customers differ.
    alpha : float
        Rate parameter of the purchase rates, in time units; the mean rate is r / alpha purchases per time unit.
    time_unit : {"W", "D", "M", "Y"}
        Unit of alpha and of every time given to the model.
    inference : Inference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or the time unit is unknown.

    Notes
    -----
    The log-likelihood is that of the moments of the purchases, like that of the other models, so that the two can be
    compared; papers that use the probability of the count have ln(x! / T^x) less for each customer.

    References
    ----------
    .. [1] Ehrenberg (1988), Repeat-Buying: Facts, Theory and Applications, 2nd ed., chapter 4.

    Examples
    --------
    >>> from customervalue import CustomerSummary
    >>> model = NBD(r=0.385, alpha=12.07)
    >>> model.expected_purchases(CustomerSummary(frequency=2, recency=30.43, T=38.86), horizon=39).round(3)
    array([1.826])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha")
    dropout_parameter: ClassVar[str] = ""

    r: float
    alpha: float
    time_unit: str = "W"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    @classmethod
    def _likelihood(cls, rows: UniqueRows) -> Likelihood:
        data = _Data.of(rows, np.zeros(len(rows), dtype=np.bool_))
        return Likelihood(
            names=cls.parameter_names,
            objective=data.evaluate,
            starts=[np.array(data.rates())],
            units=np.array([1.0, data.mean_length]),
            n_customers=round(data.customers),
            explain=_explain,
        )

    def _log_likelihood(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:  # noqa: ARG002 - a hook
        distinct, place = np.unique(x, return_inverse=True)
        counts = log_gamma_ratio(self.r, distinct)[place]
        return np.asarray(counts - self.r * log1p(T / self.alpha) - x * np.log(self.alpha + T))

    def _log_alive(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:  # noqa: ARG002
        return np.zeros(x.size)

    def _survival(self, x: IntArray, T: FloatArray, time: float) -> FloatArray:  # noqa: ARG002
        return np.ones(x.size)

    def _purchases(self, x: IntArray, T: FloatArray, start: float, length: float) -> FloatArray:  # noqa: ARG002
        return self._rate(x, T) * length

    def _discounted_purchases(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        return self._rate(x, T) * self._discounted_lifetime(x, T, horizon, delta)

    def _discounted_lifetime(
        self,
        x: IntArray,
        T: FloatArray,  # noqa: ARG002
        horizon: float | None,
        delta: float,
    ) -> FloatArray:
        if horizon is None:
            return np.full(x.size, 1 / delta)
        return np.full(x.size, -np.expm1(-delta * horizon) / delta if delta > 0 else horizon)

    def _silence_until(self, x: IntArray, T: FloatArray, target: FloatArray) -> FloatArray:
        return time_of_silence(self.r + x, self.alpha + T, target)

    def _mean_lifetime(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002
        return np.full(x.size, np.inf)

    def _log_probability(self, x: IntArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        shape, clock = self.r + x, self.alpha + T
        with np.errstate(divide="ignore", invalid="ignore"):
            bought = np.where(n > 0, n * np.log(t / (clock + t)), 0.0)
        chance = log_gamma_ratio(shape, n) - log_gamma_ratio(1, n)
        return np.asarray(chance - shape * np.log1p(t / clock) + bought)

    def _paths(self, rng: np.random.Generator, x: IntArray, T: FloatArray, horizon: FloatArray) -> AtRandom:
        rate = rng.gamma(self.r + x) / (self.alpha + T)
        return AtRandom(rng.poisson(rate * horizon), horizon, np.zeros(x.size, dtype=np.bool_))

    def _dropout(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002
        return np.zeros(x.size)

    def _log_rate_density(
        self,
        rate: FloatArray,
        x: IntArray,
        t_x: FloatArray,  # noqa: ARG002
        T: FloatArray,
    ) -> FloatArray:
        return log_gamma_density(rate, self.r + x, self.alpha + T)

    def _log_dropout_density(self, dropout: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        raise NotImplementedError  # nobody leaves: `dropout_density` has said so


def _explain(estimates: Mapping[str, float], untold: Collection[str]) -> str:  # noqa: ARG001 - as for every model
    """What it means that the data do not tell these parameters."""
    r, alpha = estimates.values()
    difference = "customers hardly differ in it" if r > 1e2 else "not how much they differ"
    return f"the mean purchase rate r/alpha = {r / alpha:.3g} is known, but {difference}"


class _Data(Histories):
    """A data set, and its likelihood."""

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Log-likelihood per customer at log-parameters, with gradient and Hessian."""
        r, alpha = np.exp(theta).tolist()
        counts = log_gamma_ratio(r, self.x) @ self.x_count
        first, second = digamma_difference(r, self.x) @ self.x_count, trigamma_difference(r, self.x) @ self.x_count
        logs, passed = log1p(self.lengths / alpha), self.lengths / (alpha + self.lengths)
        bought = float(self.length_purchases.sum())
        power = r * self.length_count + self.length_purchases
        log_1, passed_1 = r * float(self.length_count @ logs), r * float(self.length_count @ passed)
        value = float(counts) - float(power @ logs) - bought * theta[1]
        gradient = np.array([r * first - log_1, float(power @ passed) - bought])
        bend = float(power @ (passed * (1 - passed)))
        hessian = np.array([[r * first + r * r * second - log_1, passed_1], [passed_1, -bend]])
        n = self.customers
        return Evaluation(float(value) / n, gradient / n, hessian / n)
