"""Buying at a steady rate until, at some purchase, the customer drops out unnoticed: BG/NBD and MBG/NBD."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from customervalue.clv._gamma_rates import GammaRates, time_of_silence
from customervalue.clv._histories import Histories
from customervalue.clv._paths import AtRandom
from customervalue.estimation.fit import Likelihood
from customervalue.estimation.newton import Evaluation
from customervalue.numerics.along_time import at_many, by_frequency, legendre_panels
from customervalue.numerics.beta_rule import beta_rule
from customervalue.numerics.densities import log_beta_density, log_gamma_density
from customervalue.numerics.elementary import log1p, softplus
from customervalue.numerics.gamma import digamma_difference, log_gamma_ratio, trigamma_difference

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from customervalue._typing import FloatArray, IntArray
    from customervalue.estimation.inference import Inference
    from customervalue.numerics.compress import UniqueRows

__all__ = ["BetaGeometric"]

#: Rows of a batch: its arrays stay in the second-level cache, and its products are too small to wake BLAS threads.
_BATCH = 8_192
#: exp(-delta t) is nothing beyond delta t = 45.
_FOREVER = 45.0
#: Below this, a probability is computed in logarithms.
_TINY = 1e-280


@dataclass(frozen=True, repr=False)
class BetaGeometric(GammaRates):
    """Base of the models in which a customer may drop out at each purchase, with a probability of his own.

    BG/NBD and MBG/NBD differ in when the first chance comes: at the first repeat purchase, or already at the first of
    all. A customer with x repeat purchases has had x + `chances_at_start` of them.
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("r", "alpha", "a", "b")
    dropout_parameter: ClassVar[str] = "a"
    limits: ClassVar[tuple[str, ...]] = ("NBD",)
    chances_at_start: ClassVar[int]

    r: float
    alpha: float
    a: float
    b: float
    time_unit: str = "W"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    @classmethod
    def _likelihood(cls, rows: UniqueRows) -> Likelihood:
        start = cls.chances_at_start
        data = _Data.of(rows, rows.frequency + start > 0, chances_at_start=start)
        return Likelihood(
            names=cls.parameter_names,
            objective=data.evaluate,
            starts=data.starts(),
            units=np.array([1.0, data.mean_length, 1.0, 1.0]),
            n_customers=round(data.customers),
            explain=_explain,
        )

    def _chances(self, x: IntArray) -> IntArray:
        return x + self.chances_at_start

    def _log_likelihood(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        distinct, place = np.unique(x, return_inverse=True)
        chances = self._chances(distinct)
        counts = log_gamma_ratio(self.r, distinct) + log_gamma_ratio(self.b, chances)
        counts -= log_gamma_ratio(self.a + self.b, chances)
        rate = -self.r * log1p(T / self.alpha) - x * np.log(self.alpha + T)
        return np.asarray(counts[place] + rate - self._log_alive(x, t_x, T))

    def _log_alive(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        chances = self._chances(x)
        odds = np.log(self.a / (self.b + np.maximum(chances - 1, 0)))
        odds += (self.r + x) * log1p((T - t_x) / (self.alpha + t_x))
        return np.asarray(np.where(chances > 0, -softplus(odds), 0.0))

    def _survival(self, x: IntArray, T: FloatArray, time: float) -> FloatArray:
        def survives(x: int, clock: FloatArray) -> FloatArray:
            shape, z = self.r + x, time / clock
            p, weights = self._if_alive(x, (shape + 1) * float(z.max()))
            return np.asarray(np.exp(-shape * log1p(np.multiply.outer(z, p))) @ weights)

        return by_frequency(survives, x, self.alpha + T)

    def _purchases(self, x: IntArray, T: FloatArray, start: float, length: float) -> FloatArray:
        def expected(x: int, clock: FloatArray) -> FloatArray:
            shape = self.r + x
            p, weights = self._if_alive(x, (shape + 1) * float(((start + length) / clock).max()))
            if start == 0:
                return np.asarray(-np.expm1(-shape * log1p(np.multiply.outer(length / clock, p))) @ (weights / p))
            before = np.multiply.outer(start / clock, p)
            during = np.multiply.outer(length / clock, p) / (1 + before)
            still = np.exp(-shape * log1p(before))
            return np.asarray((still * -np.expm1(-shape * log1p(during))) @ (weights / p))

        return by_frequency(expected, x, self.alpha + T)

    def _if_alive(self, x: int, scale: float) -> tuple[FloatArray, FloatArray]:
        """Nodes and weights of the dropout probability of a customer who is alive after x repeat purchases."""
        return beta_rule(self.a, self.b + x + self.chances_at_start, scale)

    def _discounted_purchases(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        def flow(x: int, clock: FloatArray) -> FloatArray:
            return (self.r + x) * self._discounted(x, clock, horizon, delta, self.r + x + 1)

        return by_frequency(flow, x, self.alpha + T)

    def _discounted_lifetime(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        def flow(x: int, clock: FloatArray) -> FloatArray:
            return clock * self._discounted(x, clock, horizon, delta, self.r + x)

        return by_frequency(flow, x, self.alpha + T)

    def _discounted(self, x: int, clock: FloatArray, horizon: float | None, delta: float, power: float) -> FloatArray:
        """Integral of exp(-delta clock y) E[(1 + p y)**-power] over y = t / clock; p as of a customer alive at T."""
        b = self.b + x + self.chances_at_start
        length = _FOREVER / delta if horizon is None else horizon
        # y = expm1(u) / pace: the nodes lie where buying, dropout and discounting change.
        pace = 1 + power * self.a / (self.a + b) + delta * clock
        span = np.log1p(pace * length / clock)
        u, weight = legendre_panels(float(span.max()))
        stretch = (span / span.max())[:, None]
        y = np.expm1(u * stretch) / pace[:, None]
        measure = (y + 1 / pace[:, None]) * weight * stretch * np.exp(-delta * clock[:, None] * y)
        p, chance = self._if_alive(x, (power + 1) * float(y.max()))

        def still_buying(stretched: FloatArray) -> FloatArray:
            return np.asarray(np.exp(-power * log1p(np.multiply.outer(stretched - 1, p))) @ chance)

        expected = at_many(still_buying, 1 + y.ravel()).reshape(y.shape)
        return np.asarray((measure * expected).sum(axis=1))

    def _silence_until(self, x: IntArray, T: FloatArray, target: FloatArray) -> FloatArray:
        # Who is alive will buy again, as he leaves at purchases only.
        return time_of_silence(self.r + x, self.alpha + T, target)

    def _mean_lifetime(self, x: IntArray, T: FloatArray) -> FloatArray:
        # He leaves at the rate lambda p, and lambda and p are independent: the product of E[1 / lambda] and E[1 / p].
        shape = self.r + x - 1
        if self.a <= 1:
            return np.full(x.size, np.inf)
        chances = (self.a + self.b + self._chances(x) - 1) / (self.a - 1)
        return np.where(shape > 0, (self.alpha + T) / np.where(shape > 0, shape, 1.0) * chances, np.inf)

    def _endless(self) -> str:
        if self.a <= 1:
            return f"with a = {self.a:.4g} <= 1 so many hardly ever drop out that the mean of 1 / p does not exist"
        return "who has bought hardly anything may buy so rarely that 1 / lambda has no mean (r + x <= 1)"

    def _log_probability(self, x: IntArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        shape, clock, b = self.r + x, self.alpha + T, self.b + self._chances(x)
        share = t / (clock + t)
        with np.errstate(divide="ignore", invalid="ignore"):
            both = log_gamma_ratio(self.a + b, n)
            bought = log_gamma_ratio(shape, n) - log_gamma_ratio(1, n) - shape * np.log1p(t / clock)
            bought += np.where(n > 0, n * np.log(share), 0.0)
            stayed = log_gamma_ratio(b, n) - both + bought
            left = np.log(self.a) + log_gamma_ratio(b, np.maximum(n - 1, 0)) - both
            left += np.where(n > 0, _log_at_least(n, np.asarray(shape, dtype=np.float64), share), 0.0)
        return np.asarray(np.where(n > 0, np.logaddexp(stayed, left), stayed))

    def _paths(self, rng: np.random.Generator, x: IntArray, T: FloatArray, horizon: FloatArray) -> AtRandom:
        rate = rng.gamma(self.r + x) / (self.alpha + T)
        dropout = rng.beta(self.a, self.b + self._chances(x))
        would_buy = rng.poisson(rate * horizon)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            last = 1 + np.floor(np.log1p(-rng.random(x.size)) / np.log1p(-dropout))
        leaves = last <= would_buy
        count = np.where(leaves, last, would_buy).astype(np.int64)
        # Of that many uniform times, when the one comes after which he leaves.
        when = rng.beta(np.where(leaves, count, 1), np.where(leaves, would_buy - count + 1, 1))
        return AtRandom(count, np.where(leaves, horizon * when, horizon), leaves)

    def _dropout(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002 - one hook for all models
        return np.asarray(self.a / (self.a + self.b + self._chances(x)))

    def _log_rate_density(self, rate: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        alive, gone = self._log_alive_or_gone(x, t_x, T)
        shape = self.r + x
        stays = alive + log_gamma_density(rate, shape, self.alpha + T)
        return np.logaddexp(stays, gone + log_gamma_density(rate, shape, self.alpha + t_x))

    def _log_dropout_density(self, dropout: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        alive, gone = self._log_alive_or_gone(x, t_x, T)
        chances = self._chances(x)
        stays = alive + log_beta_density(dropout, self.a, self.b + chances)
        return np.logaddexp(stays, gone + log_beta_density(dropout, self.a + 1, self.b + np.maximum(chances - 1, 0)))


def _explain(estimates: Mapping[str, float], untold: Collection[str]) -> str:
    """What it means that the data do not tell these parameters."""
    r, alpha, a, b = estimates.values()
    share, size = a / (a + b), a + b
    said = []
    if "r" in untold or "alpha" in untold:
        difference = "customers hardly differ in it" if r > 1e2 else "not how much they differ"
        said.append(f"the mean purchase rate r/alpha = {r / alpha:.3g} is known, but {difference}")
    if "a" in untold or "b" in untold:
        if share < 1e-3 and a < 1e2:
            said.append("hardly any dropout is to be seen, as if customers never left")
        elif size > 1e2:
            said.append(f"customers do not differ in how readily they drop out (after a purchase with p = {share:.3g})")
        elif size < 1e-2:
            said.append(f"dropout looks all or nothing: {share:.0%} of buyers leave after a purchase, the others never")
        else:
            said.append(f"the mean dropout probability a/(a+b) = {share:.3g} is known better than its spread")
    return "; ".join(said)


def _log_at_least(n: FloatArray, r: FloatArray, share: FloatArray) -> FloatArray:
    """Log probability of n or more for a negative binomial count: the regularized incomplete beta I_share(n, r)."""
    from scipy.special import betainc, betaln

    n = np.maximum(n, 1.0)
    value = betainc(n, r, share)
    log_value = np.array(np.log(value))
    tail = (value < _TINY) & (share > 0)
    if np.any(tail):
        m, w, shape = n[tail], share[tail], r[tail]
        # I_w(m, r) = w^m (1-w)^r / (m B(m, r)) 2F1(m + r, 1; m + 1; w), a series of positive terms.
        term, total, k = np.ones_like(w), np.ones_like(w), 0
        while np.any(term > 1e-17 * total):
            term = term * w * (m + shape + k) / (m + 1 + k)
            total, k = total + term, k + 1
        log_value[tail] = m * np.log(w) + shape * np.log1p(-w) - np.log(m) - betaln(m, shape) + np.log(total)
    return log_value


@dataclass(frozen=True)
class _Data(Histories):
    """A data set, and its likelihood."""

    chances_at_start: int

    @property
    def chances(self) -> IntArray:
        """For each distinct x, how many chances to drop out there were."""
        return self.x + self.chances_at_start

    def starts(self) -> list[FloatArray]:
        """Where to begin: with middling, with little, with late and with frequent dropout."""
        rates = self.rates()
        return [np.array([*rates, a, b]) for a, b in ((1.0, 2.5), (0.01, 0.1), (0.1, 10.0), (5.0, 5.0))]

    def evaluate(self, theta: FloatArray) -> Evaluation:
        """Log-likelihood per customer at log-parameters, with gradient and Hessian."""
        r, alpha, a, b = np.exp(theta)
        value, gradient, hessian = self._counts(r, a, b)
        for terms, size in ((self._lengths, self.lengths.size), (self._dropouts, self.risk_place.size)):
            for start in range(0, size, _BATCH):
                batch = terms(slice(start, start + _BATCH), r, alpha, a, b)
                value, gradient, hessian = value + batch.value, gradient + batch.gradient, hessian + batch.hessian
        n = self.customers
        return Evaluation(float(value) / n, gradient / n, hessian / n)

    def _counts(self, r: float, a: float, b: float) -> Evaluation:
        """The terms of x alone, ln Gamma(r + x) / Gamma(r) and ln B(a, b + chances) / B(a, b)."""
        z = np.array([[r], [b], [a + b]])
        counts, signs = np.stack([self.x, self.chances, self.chances]), np.array([1, 1, -1])
        value = signs @ log_gamma_ratio(z, counts) @ self.x_count
        r_1, b_1, both_1 = signs * (digamma_difference(z, counts) @ self.x_count)
        r_2, b_2, both_2 = signs * (trigamma_difference(z, counts) @ self.x_count)
        gradient = np.array([r * r_1, 0.0, a * both_1, b * (both_1 + b_1)])
        hessian = np.diag(gradient + np.array([r * r * r_2, 0.0, a * a * both_2, b * b * (both_2 + b_2)]))
        hessian[2, 3] = hessian[3, 2] = a * b * both_2
        return Evaluation(float(value), gradient, hessian)

    def _lengths(self, rows: slice, r: float, alpha: float, _a: float, _b: float) -> Evaluation:
        """The terms of T alone: r ln alpha - (r + x) ln(alpha + T)."""
        T, count, purchases = self.lengths[rows], self.length_count[rows], self.length_purchases[rows]
        logs = log1p(T / alpha)
        passed = T / (alpha + T)
        log_1, passed_1 = r * float(count @ logs), r * float(count @ passed)
        bought = float(purchases.sum())
        value = -log_1 - float(purchases @ logs) - bought * np.log(alpha)
        gradient = np.array([-log_1, passed_1 + float(purchases @ passed) - bought, 0.0, 0.0])
        hessian = np.zeros((4, 4))
        hessian[0, 0] = -log_1
        hessian[0, 1] = hessian[1, 0] = passed_1
        hessian[1, 1] = -float((r * count + purchases) @ (passed * (1 - passed)))
        return Evaluation(value, gradient, hessian)

    def _dropouts(self, rows: slice, r: float, alpha: float, a: float, b: float) -> Evaluation:
        """The sum of ln(1 + A4/A3) = ln(1 + exp(u)) over a batch of those who may have dropped out."""
        place, count = self.risk_place[rows], self.risk_count[rows]
        before = b + np.maximum(self.chances - 1, 0)
        k = b / before
        shape = (r + self.x)[place]
        later, sooner = 1 / (alpha + self.risk_length[rows]), 1 / (alpha + self.risk_t_x[rows])
        gap = (self.risk_length[rows] - self.risk_t_x[rows]) * sooner
        silence = log1p(gap)
        u = np.log(a / before)[place] + shape * silence
        small = np.exp(-np.abs(u))
        one_over = 1 / (1 + small)
        value = count @ (np.maximum(u, 0) - np.log(one_over))
        second = small * one_over
        first = count * np.where(u > 0, one_over, second)
        second *= count * one_over
        # Derivatives of u by ln r, ln alpha, ln a, ln b; then what the second derivatives add to their products.
        by = np.empty((7, u.size))
        slope = np.multiply(gap * later, -alpha, out=by[4])
        np.multiply(silence, r, out=by[0])
        np.multiply(shape, slope, out=by[1])
        by[2] = 1.0
        by[3] = (-k)[place]
        np.multiply(by[1], alpha * (later + sooner), out=by[5])
        by[6] = (k * k)[place]
        weights = np.empty((5, u.size))
        np.multiply(by[:4], second, out=weights[:4])
        weights[4] = first
        sums = by @ weights.T
        gradient, hessian = sums[:4, 4], sums[:4, :4]
        cross = r * sums[4, 4]
        hessian += np.diag(gradient * (1, 1, 0, 1) - (0, sums[5, 4], 0, -sums[6, 4]))
        hessian[0, 1] += cross
        hessian[1, 0] += cross
        return Evaluation(float(value), gradient, hessian)
