"""Pareto/NBD: buying at a steady rate until, at some moment of his own, the customer is gone for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from customervalue.clv._gamma_rates import GammaRates
from customervalue.clv._histories import Histories
from customervalue.clv._paths import AtRandom
from customervalue.clv._unseen_death import Silence, log_discounted_time, time_alive
from customervalue.estimation.fit import Likelihood
from customervalue.estimation.newton import Evaluation, maximize
from customervalue.numerics.along_time import by_frequency
from customervalue.numerics.compress import UniqueRows
from customervalue.numerics.densities import log_gamma_density
from customervalue.numerics.elementary import log1p, softplus
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference
from customervalue.numerics.log_concave import log_integral

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from customervalue._typing import FloatArray, IntArray
    from customervalue.estimation.inference import Inference

__all__ = ["ParetoNBD"]

#: Rows of a batch of probabilities of purchases.
_BATCH = 1_024
#: Rows whose integrals are prepared at a time.
_ROWS = 1 << 18
#: Customers whose maximum is the start for many more.
_SAMPLE = 10_000


@dataclass(frozen=True, repr=False)
class ParetoNBD(GammaRates):
    """Pareto / negative binomial model of repeat buying.

    While alive a customer buys at random at his own rate, lambda ~ Gamma(r, alpha); how long he lives is exponential
    with his own rate, mu ~ Gamma(s, beta), so that lifetimes are Pareto over the customers. Nobody sees him go.

    Parameters
    ----------
    r : float
        Shape of the purchase rates: the smaller, the more customers differ.
    alpha : float
        Rate parameter of the purchase rates, in time units; the mean rate is r / alpha purchases per time unit.
    s : float
        Shape of the dropout rates: the smaller, the more customers differ in how soon they leave.
    beta : float
        Rate parameter of the dropout rates, in time units; the mean rate is s / beta per time unit.
    time_unit : {"W", "D", "M", "Y"}
        Unit of alpha, beta and of every time given to the model.
    inference : Inference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or the time unit is unknown.

    Notes
    -----
    The likelihood of (x, t_x, T) is that of being alive at T times 1 + D, and P(alive) = 1 / (1 + D), where D is the
    integral over the unseen time of death, tau in (t_x, T], of
    s ((alpha + T) / (alpha + tau))^(r + x) ((beta + T) / (beta + tau))^s / (beta + tau) ([2]_, before its eq. (15) is
    put into hypergeometric functions). This integrand is positive and smooth in ln(min(alpha, beta) + tau) whatever the
    parameters, so Gauss-Legendre quadrature gives value, gradient and Hessian, with no special case at alpha = beta.
    Given that he is alive, a customer buys (r + x) / (alpha + T) per time unit and survives the next t with
    probability (1 + t / (beta + T))^-s ([1]_): expectations are integrals of that, regular at s = 1.

    References
    ----------
    .. [1] Schmittlein, Morrison & Colombo (1987), "Counting your customers: who are they and what will they do next?",
       Management Science 33(1), 1-24.
    .. [2] Fader & Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions", note 009 at
       brucehardie.com.

    Examples
    --------
    >>> from customervalue import CustomerSummary
    >>> model = ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    >>> customer = CustomerSummary(frequency=2, recency=30.43, T=38.86)
    >>> model.probability_alive(customer).round(3)
    array([0.869])
    >>> model.expected_purchases(customer, horizon=39).round(3)
    array([1.455])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "s", "beta")
    dropout_parameter: ClassVar[str] = "s"
    limits: ClassVar[tuple[str, ...]] = ("NBD",)

    r: float
    alpha: float
    s: float
    beta: float
    time_unit: str = "W"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    @classmethod
    def _likelihood(cls, rows: UniqueRows) -> Likelihood:
        data = _Data.of(rows, rows.recency < rows.T)
        return Likelihood(
            names=cls.parameter_names,
            objective=data.evaluate,
            starts=data.starts() if len(rows) < 2 * _SAMPLE else [*_sampled(rows), *data.starts()],
            units=np.array([1.0, data.mean_length, 1.0, data.mean_length]),
            n_customers=round(data.customers),
            explain=partial(_explain, length=data.mean_length),
        )

    def _log_likelihood(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        distinct, place = np.unique(x, return_inverse=True)
        alive = log_gamma_ratio(self.r, distinct)[place] - self.r * log1p(T / self.alpha)
        alive -= x * np.log(self.alpha + T) + self.s * log1p(T / self.beta)
        return np.asarray(alive - self._log_alive(x, t_x, T))

    def _log_alive(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        return self._log_alive_after(x, t_x, T - t_x)

    def _log_alive_after(self, x: IntArray, t_x: FloatArray, gap: FloatArray) -> FloatArray:
        """Log probability of being alive at t_x + gap, without a purchase since t_x."""
        log_alive = np.empty(x.size)
        for part in _parts(x.size):
            silence = Silence.of((self.r, self.alpha, self.s, self.beta), x[part], t_x[part], gap[part])
            odds = np.empty(silence.span.size)
            for rows, nodes, weights in silence.batches():
                odds[rows] = silence.log_factor[rows] + np.log(weights @ silence.integrand(rows, nodes)[-1])
            log_alive[part] = -softplus(odds)
        return log_alive

    def _survival(self, x: IntArray, T: FloatArray, time: float) -> FloatArray:  # noqa: ARG002 - one hook for all
        return np.exp(-self.s * log1p(time / (self.beta + T)))

    def _purchases(self, x: IntArray, T: FloatArray, start: float, length: float) -> FloatArray:
        lifetime = time_alive(self.s, self.beta + T + start, length)
        if start > 0:
            lifetime = lifetime * self._survival(x, T, start)
        return self._rate(x, T) * lifetime

    def _discounted_purchases(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        return self._rate(x, T) * self._discounted_lifetime(x, T, horizon, delta)

    def _discounted_lifetime(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        # Of the smaller clock, which `by_frequency` wants above 0; the frequency does not matter.
        def lifetime(_x: int, living: FloatArray) -> FloatArray:
            if delta == 0 and horizon is not None:
                return time_alive(self.s, living, horizon)
            length = np.full_like(living, np.inf if horizon is None else horizon)
            return np.exp(log_discounted_time(self.s, living, length, np.full_like(living, delta)))

        return by_frequency(lifetime, np.zeros_like(x), self.beta + T)

    def _mean_lifetime(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002 - one hook for all models
        return (self.beta + T) / (self.s - 1) if self.s > 1 else np.full(T.size, np.inf)

    def _endless(self) -> str:
        return f"with s = {self.s:.4g} <= 1 so many are slow to leave that the mean of 1 / mu does not exist"

    def _log_probability(self, x: IntArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        values = np.where(n > 0, -np.inf, 0.0)
        some = t > 0
        nothing = np.flatnonzero(some & (n == 0))
        # No purchase in (T, T + t]: alive and silent, over alive if silent.
        bought, begin, gap = x[nothing], T[nothing], t[nothing]
        silent = (self.r + bought) * log1p(gap / (self.alpha + begin)) + self.s * log1p(gap / (self.beta + begin))
        values[nothing] = np.minimum(-silent - self._log_alive_after(bought, begin, gap), 0.0)
        several = np.flatnonzero(some & (n > 0))
        for rows in np.array_split(several, 1 + several.size // _BATCH):
            values[rows] = self._log_pmf(x[rows], T[rows], n[rows], t[rows])
        return values

    def _log_pmf(self, x: IntArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        """Either alive to the end with n purchases, or n of them before death: an integral over ln(time of death)."""
        if not n.size:
            return np.empty(0)
        r, s, alpha, beta = self.r + x, self.s, self.alpha + T, self.beta + T
        a, b = np.log(alpha), np.log(beta)
        chance = log_gamma_ratio(r, n) - log_gamma_ratio(1, n)
        alive = -r * np.log1p(t / alpha) - n * np.log1p(alpha / t) - s * np.log1p(t / beta)

        def log_density(y: FloatArray) -> FloatArray:
            return -(r * softplus(y - a) + n * softplus(a - y) + s * softplus(y - b) + softplus(b - y))

        def slope(y: FloatArray) -> FloatArray:
            bought, gone = np.exp(-softplus(a - y)), np.exp(-softplus(b - y))
            return np.asarray(n * np.exp(-softplus(y - a)) - r * bought - s * gone + np.exp(-softplus(y - b)))

        died = np.log(s) + log_integral(log_density, slope, np.log(t))
        return np.asarray(chance + np.logaddexp(alive, died))

    def _paths(self, rng: np.random.Generator, x: IntArray, T: FloatArray, horizon: FloatArray) -> AtRandom:
        rate = rng.gamma(self.r + x) / (self.alpha + T)
        with np.errstate(divide="ignore", over="ignore"):
            lifetime = rng.exponential(size=x.size) / (rng.gamma(self.s, size=x.size) / (self.beta + T))
        span = np.minimum(lifetime, horizon)
        return AtRandom(rng.poisson(rate * span), span, np.zeros(x.size, dtype=np.bool_))

    def _dropout(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002 - one hook for all models
        return self.s / (self.beta + T)

    def _log_rate_density(self, rate: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        alive = self._log_alive(x, t_x, T) + log_gamma_density(rate, self.r + x, self.alpha + T)
        # Over the time of death the density is that of being alive times exp(rate (T - tau)), and fewer years survived.
        living, gap = self.beta + t_x, T - t_x
        fewer = np.log(self.s / living) + rate * gap + self.s * log1p(gap / living)
        return np.logaddexp(alive, alive + fewer + log_discounted_time(self.s + 1, living, gap, rate))

    def _log_dropout_density(self, dropout: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        alive = self._log_alive(x, t_x, T) + log_gamma_density(dropout, self.s, self.beta + T)
        buying, gap = self.alpha + t_x, T - t_x
        with np.errstate(divide="ignore"):
            fewer = np.log(dropout) + dropout * gap + (self.r + x) * log1p(gap / buying)
        return np.asarray(np.logaddexp(alive, alive + fewer + log_discounted_time(self.r + x, buying, gap, dropout)))


def _parts(size: int) -> Iterator[slice]:
    """Rows, so many at a time that what is made of them stays small."""
    return (slice(start, start + _ROWS) for start in range(0, size, _ROWS))


def _sampled(rows: UniqueRows) -> list[FloatArray]:
    """Where to begin with very many rows: where a sample of them, every so many customers, has its maximum."""
    total = np.cumsum(rows.counts)
    counts = np.diff(np.floor(total * (_SAMPLE / total[-1])), prepend=0.0)
    kept = np.flatnonzero(counts)
    sample = UniqueRows(rows.frequency[kept], rows.recency[kept], rows.T[kept], counts[kept])
    data = _Data.of(sample, sample.recency < sample.T)
    begin, reach = np.log(data.starts()[0]), np.log(1e4)
    found = maximize(data.evaluate, begin, begin - reach, begin + reach, tolerance=1e-4)
    return [np.exp(found.point)] if found.converged and not np.any(found.running) else []


def _explain(estimates: Mapping[str, float], untold: Collection[str], *, length: float) -> str:
    """What it means that the data, observed for this length of time, do not tell these parameters."""
    r, alpha, s, beta = estimates.values()
    said = []
    if "r" in untold or "alpha" in untold:
        difference = "customers hardly differ in it" if r > 1e2 else "not how much they differ"
        said.append(f"the mean purchase rate r/alpha = {r / alpha:.3g} is known, but {difference}")
    if "s" in untold or "beta" in untold:
        gone = -np.expm1(-s * np.log1p(length / beta))
        if gone < 1e-2:
            said.append("hardly any dropout is to be seen, as if customers never left")
        elif s > 1e2:
            said.append(f"the mean dropout rate s/beta = {s / beta:.3g} is known, but customers hardly differ in it")
        elif beta < 1e-2 * length and s < 0.1:
            said.append(f"dropout looks all or nothing: about {gone:.0%} leave at once, the others hardly ever")
        else:
            said.append("how soon customers leave is known better than how much they differ in it")
    return "; ".join(said)


class _Data(Histories):
    """A data set, and its likelihood."""

    def starts(self) -> list[FloatArray]:
        """Where to begin: with middling, with little, with late and with early dropout."""
        T, rates, pairs = self.mean_length, self.rates(), ((0.5, 0.5), (0.05, 0.5), (3.0, 10.0), (0.3, 0.03))
        return [np.array([*rates, s, b * T]) for s, b in pairs]

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Log-likelihood per customer at log-parameters, with gradient and Hessian."""
        r, alpha, s, beta = np.exp(theta).tolist()
        counts = log_gamma_ratio(r, self.x) @ self.x_count
        first, second = digamma_difference(r, self.x) @ self.x_count, trigamma_difference(r, self.x) @ self.x_count
        bought = float(self.length_purchases.sum())
        value = float(counts) - bought * theta[1]
        gradient, hessian = np.array([r * first, -bought, 0.0, 0.0]), np.zeros((4, 4))
        hessian[0, 0] = r * first + r * r * second
        for pair, (shape, rate, purchases) in enumerate(((r, alpha, self.length_purchases), (s, beta, None))):
            place = slice(2 * pair, 2 * pair + 2)
            terms = self._alive(shape, rate, purchases)
            value, gradient[place] = value + terms.value, gradient[place] + terms.gradient
            hessian[place, place] += terms.hessian
        for part in _parts(self.risk_place.size):
            x = self.x[self.risk_place[part]]
            t_x = self.risk_t_x[part]
            silence = Silence.of((r, alpha, s, beta), x, t_x, self.risk_length[part] - t_x)
            for batch in silence.batches():
                terms = self._died(silence, part.start, *batch)
                value, gradient, hessian = value + terms.value, gradient + terms.gradient, hessian + terms.hessian
        n = self.customers
        return Evaluation(float(value) / n, gradient / n, hessian / n)

    def _alive(self, shape: float, rate: float, purchases: FloatArray | None) -> Evaluation:
        """The sum of -(shape + x) ln(1 + T / rate); x = 0 where there are no purchases in it."""
        logs, passed = log1p(self.lengths / rate), self.lengths / (rate + self.lengths)
        log_1, passed_1 = shape * float(self.length_count @ logs), shape * float(self.length_count @ passed)
        power = shape * self.length_count if purchases is None else shape * self.length_count + purchases
        slope, bend = float(power @ passed), float(power @ (passed * (1 - passed)))
        hessian = np.array([[-log_1, passed_1], [passed_1, -bend]])
        return Evaluation(-float(power @ logs), np.array([-log_1, slope]), hessian)

    def _died(self, silence: Silence, first: int, rows: IntArray, nodes: FloatArray, weights: FloatArray) -> Evaluation:
        """The sum of ln(1 + D) over a batch; all derivatives are moments over the unseen time of death."""
        r, alpha, s, beta = silence.parameters
        place, near = first + rows, silence.near[rows]
        t_x, T, count = self.risk_t_x[place], self.risk_length[place], self.risk_count[place]
        shape = r + self.x[self.risk_place[place]]
        u, grown, bend, f = silence.integrand(rows, nodes)
        integral = weights @ f
        odds = silence.log_factor[rows] + np.log(integral)
        died = count * np.exp(-softplus(-odds))
        f *= np.multiply.outer(weights, died / integral)
        short, long = silence.whole[0][rows], silence.whole[1][rows]
        grown *= near
        left = (T - t_x) - grown
        pairs = ((short, u), (long, bend)) if alpha < beta else ((long, bend), (short, u))
        # Derivatives of the logarithm of the integrand by ln r, ln alpha, ln s, ln beta; then the second over shape.
        by = np.empty((5, *f.shape))
        np.subtract(r * pairs[0][0], r * pairs[0][1], out=by[0])
        np.multiply(left / (grown + (alpha + t_x)), -alpha / (alpha + T), out=by[4])
        np.multiply(by[4], shape, out=by[1])
        np.subtract(1 + s * pairs[1][0], s * pairs[1][1], out=by[2])
        still = beta / (beta + T)
        np.multiply(left / (grown + (beta + t_x)), -(s + 1) * still, out=by[3])
        by[3] -= still
        weighted = f * by[:4]
        sums = weighted.reshape(4, -1) @ by.reshape(5, -1).T
        row = weighted.sum(axis=1)
        hessian = sums[:, :4] - (row / count) @ row.T
        gradient = row.sum(axis=1)
        # What the second derivatives of the logarithm of the integrand add.
        passed = T / (beta + T)
        held = row[3] + still * died
        square = (sums[3, 3] + (2 * row[3] + still * died) @ still) / (s + 1)
        cross_alpha, cross_beta = r * float((row[1] / shape).sum()), s / (s + 1) * float(held.sum())
        hessian[0, 0] += gradient[0]
        hessian[0, 1] += cross_alpha
        hessian[1, 0] += cross_alpha
        hessian[1, 1] += float(row[1] @ (1 - 2 * alpha / (alpha + T))) + sums[1, 4]
        hessian[2, 2] += gradient[2] - float(died.sum())
        hessian[2, 3] += cross_beta
        hessian[3, 2] += cross_beta
        hessian[3, 3] += float(held @ (1 - 2 * still)) + square - float(died @ (still * passed))
        return Evaluation(float(count @ softplus(odds)), gradient, hessian)
