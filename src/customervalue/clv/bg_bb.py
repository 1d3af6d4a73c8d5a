"""BG/BB: at each opportunity a customer buys or does not, until before one of them, unseen, he is gone for good."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from customervalue.clv._opportunities import (
    Opportunities,
    log_chance,
    log_series,
    log_total,
    opportunities_alive,
)
from customervalue.clv._paths import AtOpportunities
from customervalue.clv._purchase_model import PurchaseModel
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.estimation.fit import Likelihood
from customervalue.numerics.beta_ratio import log_beta_ratio
from customervalue.numerics.densities import log_beta_density
from customervalue.numerics.elementary import softplus
from customervalue.numerics.gamma import log_gamma_ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from customervalue._typing import BoolArray, FloatArray, IntArray
    from customervalue.estimation.inference import Inference
    from customervalue.numerics.compress import UniqueRows
    from customervalue.summary import CustomerSummary

__all__ = ["BGBB"]

#: A next purchase is looked for among so many opportunities one by one, and then as far as this.
_ONE_BY_ONE, _FARTHEST = 1_024, 1e15
#: Customers of a batch of such searches.
_BATCH = 256
_COUNTED = "BG/BB counts time in opportunities to buy: T of them since the first purchase, the last used one `recency`."


@dataclass(frozen=True, repr=False)
class BGBB(PurchaseModel):
    """Beta-geometric / beta-Bernoulli model of repeat buying, in discrete time.

    For purchases that can only happen at certain opportunities, at most one at each: a donation a year, a ticket for an
    annual event, a bill of the month. Before each opportunity a customer drops out with his own probability, theta ~
    Beta(gamma, delta), for good and unseen; at each one he is there for, he buys with his own probability, p ~
    Beta(alpha, beta).

    Parameters
    ----------
    alpha, beta : float
        Shapes of the purchase probabilities: the mean is alpha / (alpha + beta), and the smaller their sum, the more
        customers differ.
    gamma, delta : float
        Shapes of the dropout probabilities: the mean is gamma / (gamma + delta), and the smaller their sum, the more
        customers differ.
    time_unit : {"W", "D", "M", "Y"}
        Time from one opportunity to the next: "Y" for annual donations. It only matters to discounting.
    inference : Inference, optional
        What the fit knows of the parameters; None for a model made from its parameters.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or the time unit is unknown. By every call that takes customers, if
        their recency or T is not whole, or frequency exceeds recency; by every call that takes a length of time, if it
        is not whole.

    Notes
    -----
    Customers come as a `CustomerSummary`: frequency is the number x of opportunities at which he bought, recency the
    number t_x of the last of these, and T the number n of opportunities he has had; the purchase that made him a
    customer, at time 0, is not counted. These are the same three columns as in continuous time, and they are sufficient
    here too, so there is no summary of another kind.

    To be alive means to be there for the next opportunity. `probability_alive` is the probability of being alive at
    opportunity n + 1, as in [1]_, and `after=t` moves it to n + 1 + t; a customer just acquired is alive with
    probability delta / (gamma + delta). If he is, p ~ Beta(alpha + x, beta + n - x) and theta ~ Beta(gamma, delta + n +
    1); if he dropped out before opportunity j + 1, j = t_x, ..., n, p ~ Beta(alpha + x, beta + j - x) and theta ~
    Beta(gamma + 1, delta + j). The likelihood is the sum of the probabilities of these cases, and expectations of what
    follows are integrals over theta, regular at gamma = 1.

    A purchase at opportunity n + j is discounted by j periods. Times alive are numbers of opportunities a customer is
    there for.

    References
    ----------
    .. [1] Fader, Hardie & Shang (2010), "Customer-base analysis in a discrete-time noncontractual setting", Marketing
       Science 29(6), 1086-1108.

    Examples
    --------
    >>> from customervalue import CustomerSummary
    >>> model = BGBB(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783, time_unit="Y")
    >>> donors = CustomerSummary(frequency=[0, 2, 6], recency=[0, 4, 6], T=[6, 6, 6], time_unit="Y")
    >>> model.probability_alive(donors).round(2)
    array([0.11, 0.59, 0.93])
    >>> model.expected_purchases(donors, horizon=5).round(2)
    array([0.07, 1.06, 3.75])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ("alpha", "beta", "gamma", "delta")
    rate_parameter: ClassVar[str] = "alpha"
    dropout_parameter: ClassVar[str] = "gamma"
    whole_time: ClassVar[bool] = True

    alpha: float
    beta: float
    gamma: float
    delta: float
    time_unit: str = "W"
    inference: Inference | None = field(default=None, compare=False, repr=False)

    @classmethod
    def _rows(cls, data: CustomerSummary) -> UniqueRows:
        rows = super()._rows(data)
        _check_opportunities(data)
        return rows

    def _check_customers(self, customers: CustomerSummary) -> None:
        super()._check_customers(customers)
        _check_opportunities(customers)

    def _check_window(self, argument: str, length: float) -> float:
        value = super()._check_window(argument, length)
        if value != np.floor(value):
            rule = f"`{argument}` must be a whole number of opportunities, and is {value:g}"
            raise invalid(argument, rule, "BG/BB counts time in opportunities to buy.")
        return value

    @classmethod
    def _likelihood(cls, rows: UniqueRows) -> Likelihood:
        data = Opportunities.of(rows)
        return Likelihood(
            names=cls.parameter_names,
            objective=data.evaluate,
            starts=_starts(data),
            units=np.ones(4),
            n_customers=round(data.customers),
            explain=partial(_explain, opportunities=int(data.n.max())),
        )

    def _log_likelihood(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        bought = log_gamma_ratio(self.alpha, x) - log_gamma_ratio(self.alpha + self.beta + (T - x), x)
        bought += log_beta_ratio(self.alpha, self.beta, T - x)
        return bought + log_beta_ratio(self.gamma, self.delta, T + 1) - self._log_alive(x, t_x, T)

    def _log_alive(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        left, silent = self._log_left(T), self._log_silent(x, T)
        return -softplus(_over_dropouts(t_x, T, lambda row, j: left(row, j) + silent(row, j)))

    def _log_left(self, T: FloatArray) -> Callable[[IntArray, IntArray], FloatArray]:
        """Log odds, of rows and j, of having left before opportunity j + 1 against being alive at T + 1."""
        last = np.rint(T).astype(np.int64) + 1
        k = np.arange(int(last.max()) + 1)
        alive = log_beta_ratio(self.gamma, self.delta, k)
        left = np.log(self.gamma / (self.gamma + self.delta)) + log_beta_ratio(self.gamma + 1, self.delta, k)
        return lambda row, j: np.asarray(left[j] - alive[last[row]])

    def _log_silent(self, x: IntArray, T: FloatArray) -> Callable[[IntArray, IntArray], FloatArray]:
        """Log ratio, of rows and j, of the chances of x purchases at given opportunities out of j, and out of T."""
        n = np.rint(T).astype(np.int64)
        k = np.arange(int(n.max()) + 1)
        not_bought, all_of_them = log_gamma_ratio(self.beta, k), log_gamma_ratio(self.alpha + self.beta, k)

        def ratio(row: IntArray, j: IntArray) -> FloatArray:
            purchases, length = x[row], n[row]
            fewer = not_bought[length - purchases] - not_bought[j - purchases]
            return np.asarray((all_of_them[length] - all_of_them[j]) - fewer)

        return ratio

    def _log_silence(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        return log_beta_ratio(self.alpha + x, self.beta + t_x - x, T - t_x)

    def _survival(self, x: IntArray, T: FloatArray, time: float) -> FloatArray:  # noqa: ARG002 - one hook for all
        return np.exp(log_beta_ratio(self.gamma, self.delta + T + 1, time))

    def _purchases(self, x: IntArray, T: FloatArray, start: float, length: float) -> FloatArray:
        # Having survived until `start`, he is like one who has had so many more opportunities.
        still = self._survival(x, T, start)
        return self._rate(x, T) * still * self._discounted_lifetime(x, T + start, length, 0.0)

    def _discounted_purchases(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        return self._rate(x, T) * self._discounted_lifetime(x, T, horizon, delta)

    def _discounted_lifetime(
        self,
        x: IntArray,  # noqa: ARG002
        T: FloatArray,
        horizon: float | None,
        delta: float,
    ) -> FloatArray:
        lengths, place = np.unique(T, return_inverse=True)
        values = [opportunities_alive(self.gamma, self.delta + n + 1, horizon, delta) for n in lengths.tolist()]
        return np.array(values)[place]

    def _mean_lifetime(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002
        if self.gamma <= 1:
            return np.full(T.size, np.inf)
        return np.asarray((self.gamma + self.delta + T) / (self.gamma - 1))

    def _endless(self) -> str:
        return f"with gamma = {self.gamma:.4g} <= 1 so many are slow to leave that the mean of 1 / theta does not exist"

    def _log_probability(self, x: IntArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        values = np.where(n > 0, -np.inf, 0.0)
        nothing = np.flatnonzero((n == 0) & (t > 0))
        values[nothing] = self._log_no_purchase(x[nothing], T[nothing], t[nothing])
        some = np.flatnonzero((n > 0) & (n <= t))
        a, b, delta = self._if_alive(x[some], T[some])
        k, stop = n[some], t[some]
        if k.size:
            # Alive to the end, or gone after i < t opportunities.
            alive = log_chance(k, stop, a, b) + log_beta_ratio(self.gamma, delta, stop - 1)
            gone = log_series(k, a, b, np.full(k.size, self.gamma + 1), delta - 1, stop)
            values[some] = np.logaddexp(alive, np.log(self.gamma / (delta - 1)) + gone)
        return values

    def _log_no_purchase(self, x: IntArray, T: FloatArray, t: FloatArray) -> FloatArray:
        a, b, delta = self._if_alive(x, T)
        gamma, none = np.full(a.size, self.gamma), np.zeros(a.size)
        buys = np.exp(self._log_buys(x, T, t))
        values = -np.zeros(a.size)
        may = np.flatnonzero((buys < 0.5) & (t > 0))
        values[may] = np.log1p(-buys[may])
        # Where a purchase is likely, from the other side: silent and alive to the end, or gone after 1, 2, ... of them.
        sure = np.flatnonzero(buys >= 0.5)
        if sure.size:
            a, b, gamma, delta, stop = a[sure], b[sure], gamma[sure], delta[sure], t[sure]
            alive = log_beta_ratio(a, b, stop) + log_beta_ratio(gamma, delta, stop - 1)
            gone = log_series(none[sure], a, b + 1, gamma + 1, delta, stop - 1)
            gone += np.log(b / (a + b)) + np.log(gamma / (gamma + delta))
            values[sure] = np.logaddexp(alive, gone)
        return values

    def _log_buys(self, x: IntArray, T: FloatArray, t: FloatArray) -> FloatArray:
        """Log probability that a customer who is alive at T + 1 buys in (T, T + t]: first at 1, at 2, ..."""
        a, b, delta = self._if_alive(x, T)
        first = log_series(np.zeros(a.size), a + 1, b, np.full(a.size, self.gamma), delta, t)
        return np.asarray(np.log(a / (a + b)) + first)

    def _if_alive(self, x: IntArray, T: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Of a customer who is alive at T + 1: p ~ Beta(a, b), theta ~ Beta(gamma, delta); here a, b and delta."""
        return np.asarray(self.alpha + x), self.beta + (T - x), self.delta + T + 1

    def _silence_until(self, x: IntArray, T: FloatArray, target: FloatArray) -> FloatArray:
        needed = -np.expm1(target)
        times = np.full(T.size, np.inf)
        a, b, delta = self._if_alive(x, T)
        step = np.arange(_ONE_BY_ONE)
        for rows in (slice(start, start + _BATCH) for start in range(0, T.size, _BATCH)):
            silent, both, alive = b[rows, None] + step, (a + b)[rows, None] + step, delta[rows, None] + step
            # The chance of a first purchase at 1, 2, ..., each from the one before.
            chance = silent / (both + 1) * (alive / (self.gamma + alive))
            chance = np.cumprod(np.concatenate([(a / (a + b))[rows, None], chance[:, :-1]], axis=1), axis=1)
            by_then = np.cumsum(chance, axis=1) >= needed[rows, None]
            times[rows] = np.where(by_then[:, -1], 1 + np.argmax(by_then, axis=1), np.inf)
        later = np.flatnonzero(np.isinf(times))
        if later.size:
            times[later] = self._far_purchase(x[later], T[later], np.log(needed[later]))
        return times

    def _far_purchase(self, x: IntArray, T: FloatArray, log_needed: FloatArray) -> FloatArray:
        """The opportunity, beyond those looked at one by one, by which a purchase has become so likely."""
        low, high = np.full(T.size, float(_ONE_BY_ONE)), np.full(T.size, _FARTHEST)
        ever = self._log_buys(x, T, high) >= log_needed
        low, high, x, T, log_needed = low[ever], high[ever], x[ever], T[ever], log_needed[ever]
        while np.any(high - low > 1):
            middle = np.clip(np.floor(np.sqrt(low * high)), low + 1, np.maximum(high - 1, low + 1))
            by_then = self._log_buys(x, T, middle) >= log_needed
            low, high = np.where(by_then, low, middle), np.where(by_then, middle, high)
        times = np.full(ever.size, np.inf)
        times[ever] = high
        return times

    def _paths(self, rng: np.random.Generator, x: IntArray, T: FloatArray, horizon: FloatArray) -> AtOpportunities:
        a, b, delta = self._if_alive(x, T)
        p, theta = rng.beta(a, b), rng.beta(self.gamma, delta)
        with np.errstate(divide="ignore", invalid="ignore"):
            there = 1 + np.floor(np.log1p(-rng.random(x.size)) / np.log1p(-theta))
        span = np.fmin(there, horizon).astype(np.int64)
        return AtOpportunities(rng.binomial(span, p), span)

    def _rate(self, x: IntArray, T: FloatArray) -> FloatArray:
        return np.asarray((self.alpha + x) / (self.alpha + self.beta + T))

    def _dropout(self, x: IntArray, T: FloatArray) -> FloatArray:  # noqa: ARG002
        return np.asarray(self.gamma / (self.gamma + self.delta + T + 1))

    def _log_rate_density(self, rate: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        alive = self._log_alive(x, t_x, T) + log_beta_density(rate, self.alpha + x, self.beta + (T - x))
        left, silence = self._log_left(T), np.log1p(-rate)
        # If he left before opportunity j + 1, he was silent at T - j opportunities fewer.
        odds = _over_dropouts(t_x, T, lambda row, j: left(row, j) - (T[row] - j) * silence[row])
        return alive + softplus(odds)

    def _log_dropout_density(self, dropout: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        alive = self._log_alive(x, t_x, T) + log_beta_density(dropout, self.gamma, self.delta + T + 1)
        silent, survived = self._log_silent(x, T), np.log1p(-dropout)
        odds = _over_dropouts(t_x, T, lambda row, j: silent(row, j) - (T[row] + 1 - j) * survived[row])
        return alive + softplus(odds + np.log(dropout))


def _over_dropouts(t_x: FloatArray, T: FloatArray, log_term: Callable[[IntArray, IntArray], FloatArray]) -> FloatArray:
    """Logarithm of the sum over j = t_x, ..., T: he dropped out before opportunity j + 1."""
    return log_total(np.rint(t_x).astype(np.int64), np.rint(T).astype(np.int64), log_term)


def _check_opportunities(customers: CustomerSummary) -> None:
    """Raise unless all times are whole, and nobody bought more often than he could."""
    x, t_x, T = customers.frequency, customers.recency, customers.T
    problems: list[Problem] = []

    def report(argument: str, broken: BoolArray, rule: str, advice: str, **shown: Any) -> None:
        count = int(np.count_nonzero(broken))
        if count:
            row = int(np.argmax(broken))
            first = ", ".join([f"row {row}", *(f"{name}={values[row]:g}" for name, values in shown.items())])
            problems.append(Problem(argument, rule, advice, count, first))

    report("T", np.floor(T) != T, "`T` must be whole", _COUNTED, T=T)
    report("recency", t_x != np.floor(t_x), "`recency` must be whole", _COUNTED, recency=t_x)
    more = "there is at most one purchase at an opportunity: `frequency` must not exceed `recency`"
    advice = "Count the opportunities at which a customer bought, not his purchases; the first purchase is not counted."
    report("frequency", x > t_x, more, advice, frequency=x, recency=t_x)
    if problems:
        raise InvalidInputError("the customers of BG/BB", problems, len(customers))


def _starts(data: Opportunities) -> list[FloatArray]:
    """Where to begin: with middling, little, late and frequent dropout."""
    chances = max(float(data.count @ data.n), 1.0)
    share = float(np.clip(data.count @ data.x / chances, 0.01, 0.99))
    pairs = ((0.5, 2.5), (0.05, 2.0), (5.0, 50.0), (1.0, 1.0), (0.02, 0.02))
    # The more drop out, the more often those who are still there must have bought.
    bought = [share ** (delta / (gamma + delta)) for gamma, delta in pairs]
    return [np.array([2 * p, 2 * (1 - p), *pair]) for p, pair in zip(bought, pairs, strict=True)]


def _explain(estimates: Mapping[str, float], untold: Collection[str], *, opportunities: int) -> str:
    """What it means that the data, with so many opportunities at most, do not tell these parameters."""
    alpha, beta, gamma, delta = estimates.values()
    if opportunities == 1:
        both = alpha / (alpha + beta) * delta / (gamma + delta)
        return f"from one opportunity we learn that {both:.3g} buy, not whether the others left or did not feel like it"
    said = []
    if "alpha" in untold or "beta" in untold:
        said.append(_explain_purchases(alpha / (alpha + beta), alpha + beta, alpha, beta))
    if "gamma" in untold or "delta" in untold:
        said.append(_explain_dropout(gamma / (gamma + delta), gamma + delta, gamma))
    return "; ".join(said)


def _explain_purchases(share: float, size: float, alpha: float, beta: float) -> str:
    if size < 1e-2:
        return f"buying looks all or nothing: {share:.0%} buy at every opportunity they are there for, the others never"
    if share > 1 - 1e-3 and beta < 1e2:
        return "everybody seems to buy at every opportunity he is there for"
    if share < 1e-3 and alpha < 1e2:
        return "hardly anybody buys at all"
    mean = f"the mean purchase probability alpha/(alpha+beta) = {share:.3g} is known"
    return f"{mean}, but customers hardly differ in it" if size > 1e2 else f"{mean} better than how customers differ"


def _explain_dropout(share: float, size: float, gamma: float) -> str:
    if share < 1e-3 and gamma < 1e2:
        return "hardly any dropout is to be seen, as if customers never left"
    if size < 1e-2:
        return f"dropout looks all or nothing: {share:.0%} leave before the first opportunity, the others never"
    mean = f"the mean dropout probability gamma/(gamma+delta) = {share:.3g} is known"
    return f"{mean}, but not how customers differ in it" if size > 1e2 else f"{mean} better than how customers differ"
