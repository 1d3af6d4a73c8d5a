"""Write `prediction_points.json`: predictions of BG/NBD, MBG/NBD, Pareto/NBD and NBD, by brute force.

    python tests/reference/make_prediction_points.py

Nothing is solved. A customer has a rate lambda of his own, and a dropout probability p (or rate mu) of his own; the
history has a likelihood given these two, the future has an expectation given these two and that he is alive, and all of
it is summed over a grid of both: the trapezoidal rule in ln(lambda), logit(p) and ln(mu). Nodes, weights and sums over
one of them have 50 digits; sums over both are of positive terms in extended precision (18 digits). Every sum is done
with two steps, which must agree to 14. Parameters and histories are doubles; the values are those of exactly these
doubles. `delta` is the continuous discount rate in the unit of time. Takes a few minutes.

Points: one entry for each customer, with what he is asked for and all of the values.
"""

from __future__ import annotations

import json
import math
import multiprocessing
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import mpmath as mp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Number = Any
Point = dict[str, Any]

DIGITS = 50  # working precision; where 1 - exp(-z) cancels, half of them are left
LONG = np.longdouble  # of sums over two variables
AGREEMENT = 1e-14  # of two steps
KEPT = 20  # significant digits in the file
DEPTH = 55.0  # tails are followed down to exp(-DEPTH)
COUNTS = (0, 1, 6)
OUT = Path(__file__).with_name("prediction_points.json")


class Nodes(NamedTuple):
    """Places and the logarithms of what dx has become there, step included."""

    at: list[Number]
    log_step: list[Number]


def half_width(shape: float) -> float:
    """How far from its peak exp(shape (s - e^s)) has fallen by DEPTH, on the slow side."""
    u = 0.1 / math.sqrt(shape)
    while shape * (math.expm1(-u) + u) < DEPTH:
        u *= 1.1
    return u


def other_half_width(shape: float) -> float:
    """The same on the fast side."""
    u = 0.1 / math.sqrt(shape)
    while shape * (math.expm1(u) - u) < DEPTH:
        u *= 1.1
    return u


def gamma_nodes(shape: float, most: float, slowest: float, fastest: float, fine: float) -> Nodes:
    """For integrals of x^(k - 1) exp(-c x) f(x), k from `shape` to `most`, c from `slowest` to `fastest`.

    f is constant to 1e-21 where x is below 1e-21 / fastest; what lies below is summed as a geometric series.
    """
    step = fine * min(0.2, 0.35 / math.sqrt(most + 1))
    low = math.log(shape / fastest) - half_width(shape)
    lowest = -math.log(fastest) - 50
    lumped = low < lowest
    low = max(low, lowest)
    high = math.log(most / slowest) + 2 + min(half_width(most), 4.5)
    s = [low + mp.mpf(step) * i for i in range(int((high - low) / step) + 2)]
    weight = [mp.log(step)] * len(s)
    if lumped:
        weight[0] -= mp.log(-mp.expm1(-shape * mp.mpf(step)))
    return Nodes([mp.exp(v) for v in s], weight)


def beta_nodes(a: float, b: float, most_a: float, most_b: float, change: float, fine: float) -> Nodes:
    """For integrals of p^(a - 1) (1 - p)^(b - 1) f(p), with f smooth on the scale of p = 1 / change."""
    step = fine * min(0.2, 0.35 * math.sqrt(1 / (most_a + 1) + 1 / (most_b + 1)))
    low = math.log(a / (most_b + change)) - half_width(a) - other_half_width(b)
    high = math.log(most_a / b) + half_width(b) + other_half_width(a)
    lowest, highest = -math.log(1 + change + most_b) - 50, math.log(1 + change + most_a) + 50
    lump_low, lump_high = low < lowest, high > highest
    low, high = max(low, lowest), min(high, highest)
    s = [low + mp.mpf(step) * i for i in range(int((high - low) / step) + 2)]
    weight = [mp.log(step)] * len(s)
    if lump_low:
        weight[0] -= mp.log(-mp.expm1(-a * mp.mpf(step)))
    if lump_high:
        weight[-1] -= mp.log(-mp.expm1(-b * mp.mpf(step)))
    return Nodes([1 / (1 + mp.exp(-v)) for v in s], weight)


def poisson(n: int, z: Number) -> Number:
    return mp.exp(-z) * z**n / mp.factorial(n)


def at_least(n: int, z: Number, none: Number) -> Number:
    """Probability that a Poisson count of mean z is n or more, exp(-z) being `none`: by the side that is small."""
    if z >= n:
        term, total = none, mp.mpf(0)
        for j in range(n):
            total += term
            term *= z / (j + 1)
        return 1 - total
    term, total = none * z**n / math.factorial(n), mp.mpf(0)
    for j in count(n + 1):
        total += term
        term *= z / j
        if term <= total * mp.mpf(10) ** -40:
            return total
    raise AssertionError


def long(values: list[Number]) -> Any:
    # Weights below exp(-9000) are nothing, and would not fit.
    return np.array([LONG(mp.nstr(value, 24)) if abs(value) > mp.mpf("1e-4000") else LONG(0) for value in values])


def short(value: Any) -> Number:
    return mp.mpf(np.format_float_scientific(value, precision=21))


def at_least_of_each(n: int, z: Any) -> Any:
    """The same of many, in extended precision."""
    less, term = np.zeros_like(z), np.exp(-z)
    for j in range(n):
        less += term
        term = term * z / (j + 1)
    more = np.zeros_like(z)
    term = np.where(z < n, term, 0)
    for j in range(n + 1, n + 101):
        more += term
        term = term * z / j
    return np.where(z < n, more, 1 - less)


def normalized(weights: list[Number]) -> tuple[Number, list[Number]]:
    total = mp.fsum(weights)
    return total, [w / total for w in weights]


class Customer:
    """One customer, what he is asked for, and the grid."""

    def __init__(self, point: Point, fine: float) -> None:
        self.point = point
        self.x = point["x"]
        numbers = {name: mp.mpf(value) for name, value in point.items() if isinstance(value, float)}
        self.t_x, self.T, self.t, self.after = (numbers[name] for name in ("t_x", "T", "horizon", "after"))
        self.delta = numbers["delta"]
        self.r, self.alpha = numbers["r"], numbers["alpha"]
        shape = float(self.r + self.x)
        slowest = float(self.alpha + self.t_x)
        fastest = float(self.alpha + self.T + self.t + self.after)
        # A time to the next purchase may be as long as this.
        fastest += float(self.alpha + self.T) * min(8 ** (1 / shape), 1e12)
        self.rates = gamma_nodes(shape, shape + max(COUNTS) + 1, slowest, fastest, fine)
        self.second(numbers, fastest, fine)

    def second(self, numbers: dict[str, Number], fastest: float, fine: float) -> None:
        """Nodes of the other thing that customers differ in."""

    def log_rate_weight(self, rate: Number, time: Number) -> Number:
        """Log of prior times likelihood of x purchases in `time`, without constants; per d ln(rate)."""
        return (self.r + self.x) * mp.log(rate) - (self.alpha + time) * rate

    def rate_weights(self, time: Number) -> list[Number]:
        return [mp.exp(self.log_rate_weight(v, time) + w) for v, w in zip(*self.rates, strict=True)]

    def overdue(self) -> Number:
        """Among customers who bought x by t_x: those who would have bought again until T."""
        _, weights = normalized(self.rate_weights(self.t_x))
        gap = self.T - self.t_x
        return mp.fsum(-w * mp.expm1(-v * gap) for v, w in zip(self.rates.at, weights, strict=True))

    def next_time(self, silent: Callable[[Number], Number]) -> tuple[float, Number]:
        """Half of the chance that he ever buys again, as a double, and when it is reached."""
        alive = mp.exp(self.values["log_alive"])
        quantile = float(alive * (1 - silent(mp.inf)) / 2)
        target = 1 - mp.mpf(quantile) / alive

        def excess(log_time: Number) -> Number:
            return mp.log(silent(mp.exp(log_time)) / target)

        start = mp.log((self.alpha + self.T) / (self.r + self.x)) + min(1 / (self.r + self.x), 10) / 2
        low, high = start - 3, start + 3
        while (at_low := excess(low)) < 0:
            low -= 4
        while (at_high := excess(high)) > 0:
            high += 4
        # False position; an end that stays twice counts half.
        while True:
            root = (low * at_high - high * at_low) / (at_high - at_low)
            at_root = excess(root)
            if abs(at_root) < mp.mpf(10) ** -16 or high - low < mp.mpf(10) ** -17:
                break
            if at_root > 0:
                low, at_low, at_high = root, at_root, at_high / 2
            else:
                high, at_high, at_low = root, at_root, at_low / 2
        return quantile, mp.exp(root)

    values: dict[str, Number]


class Buyer(Customer):
    """NBD: nobody leaves."""

    def solve(self) -> dict[str, Number]:
        values = self.values = {"log_alive": mp.mpf(0)}
        _, weights = normalized(self.rate_weights(self.T))
        rates = self.rates.at

        def mean(f: Callable[[Number], Number]) -> Number:
            return mp.fsum(w * f(v) for v, w in zip(rates, weights, strict=True))

        t, delta = self.t, self.delta
        values["rate"] = mean(lambda v: v)
        values["purchases"] = values["rate"] * t
        values["purchases_discounted"] = values["rate"] * (1 - mp.exp(-delta * t)) / delta
        values["lifetime"] = t
        values["active"] = mean(lambda v: -mp.expm1(-v * t))
        for n in COUNTS:
            values[f"log_pmf_{n}"] = mp.log(mean(lambda v, n=n: poisson(n, v * t)))
        at = mp.mpf(self.point["rate_at"])
        total = mp.fsum(self.rate_weights(self.T))
        values["log_rate_density"] = self.log_rate_weight(at, self.T) - mp.log(at) - mp.log(total)
        values["overdue"] = self.overdue()
        self.point["quantile"], values["next"] = self.next_time(
            lambda time: mp.mpf(0) if time == mp.inf else mean(lambda v: mp.exp(-v * time))
        )
        return values


class AtPurchases(Customer):
    """BG/NBD and MBG/NBD: dropout with probability p at each purchase, the first of all not counted or counted."""

    start: int

    def second(self, numbers: dict[str, Number], fastest: float, fine: float) -> None:  # noqa: ARG002
        self.start = int(self.point["model"] == "MBGNBD")
        self.a, self.b = numbers["a"], numbers["b"]
        self.chances = self.x + self.start
        most = float(self.b + self.chances + max(COUNTS))
        change = float(self.rates.at[-1] * (self.t + self.after))
        a, b = float(self.a), float(self.b + max(self.chances - 1, 0))
        self.dropouts = beta_nodes(a, b, a + 1, most, change, fine)

    def log_chance_weight(self, p: Number, left: int, stayed: int) -> Number:
        return (self.a + left) * mp.log(p) + (self.b + stayed) * mp.log1p(-p)

    def chance_weights(self, left: int, stayed: int) -> list[Number]:
        return [mp.exp(self.log_chance_weight(p, left, stayed) + w) for p, w in zip(*self.dropouts, strict=True)]

    def solve(self) -> dict[str, Number]:
        values = self.values = {}
        rates, dropouts = self.rates.at, self.dropouts.at
        # Alive: lambda^x e^(-lambda T) (1 - p)^chances. Gone: he left after the last purchase.
        rates_alive, chances_alive = self.rate_weights(self.T), self.chance_weights(0, self.chances)
        alive = mp.fsum(rates_alive) * mp.fsum(chances_alive)
        gone = mp.mpf(0)
        if self.chances > 0:
            rates_gone, chances_gone = self.rate_weights(self.t_x), self.chance_weights(1, self.chances - 1)
            gone = mp.fsum(rates_gone) * mp.fsum(chances_gone)
        else:
            rates_gone, chances_gone = [mp.mpf(0)] * len(rates), [mp.mpf(0)] * len(dropouts)
        both = alive + gone
        values["log_alive"] = mp.log(alive / both)
        values["gone"] = gone / both
        all_alive, all_chances, all_gone, all_chances_gone = map(
            mp.fsum, (rates_alive, chances_alive, rates_gone, chances_gone)
        )
        rate = mp.fdot(rates, rates_alive) * all_chances + mp.fdot(rates, rates_gone) * all_chances_gone
        values["rate"] = rate / both
        dropout = mp.fdot(dropouts, chances_alive) * all_alive + mp.fdot(dropouts, chances_gone) * all_gone
        values["dropout"] = dropout / both
        self.densities(values, both, (all_alive, all_gone), (all_chances, all_chances_gone))
        share = alive / both
        u, v = normalized(rates_alive)[1], normalized(chances_alive)[1]
        self.with_both(values, share, u, v)
        self.counts(values, share, u, v)
        del values["gone"]
        values["overdue"] = self.overdue()

        def silent(time: Number) -> Number:
            return (
                mp.mpf(0) if time == mp.inf else mp.fsum(w * mp.exp(-k * time) for k, w in zip(rates, u, strict=True))
            )

        values["active"] = share * mp.fsum(-w * mp.expm1(-k * self.t) for k, w in zip(rates, u, strict=True))
        self.point["quantile"], values["next"] = self.next_time(silent)
        if self.a >= 2 and self.r + self.x >= 2:
            slow = mp.fsum(w / k for k, w in zip(rates, u, strict=True))
            values["lifetime_whole"] = share * slow * mp.fsum(w / p for p, w in zip(dropouts, v, strict=True))
        return values

    def densities(self, values: dict[str, Number], both: Number, u: tuple[Any, Any], v: tuple[Any, Any]) -> None:
        at = mp.mpf(self.point["rate_at"])
        density = v[0] * mp.exp(self.log_rate_weight(at, self.T)) + v[1] * mp.exp(self.log_rate_weight(at, self.t_x))
        values["log_rate_density"] = mp.log(density / at / both)
        p = mp.mpf(self.point["dropout_at"])
        density = u[0] * mp.exp(self.log_chance_weight(p, 0, self.chances))
        if self.chances > 0:
            density += u[1] * mp.exp(self.log_chance_weight(p, 1, self.chances - 1))
        values["log_dropout_density"] = mp.log(density / p / (1 - p) / both)

    def with_both(self, values: dict[str, Number], share: Number, u: list[Number], v: list[Number]) -> None:
        """Alive and buying, he leaves at the rate lambda p."""
        rates, weights, chances = long(self.rates.at), long(u), long(v)
        t, after, delta = long([self.t, self.after, self.delta])
        hazard = np.multiply.outer(rates, long(self.dropouts.at))
        waits, fades = np.exp(-hazard * after), -np.expm1(-(hazard + delta) * t) / (hazard + delta)
        lasts = -np.expm1(-hazard * t) / hazard
        sums = {
            "leaves_before": weights @ -np.expm1(-hazard * after) @ chances,
            "purchases": (weights * rates) @ (waits * lasts) @ chances,
            "lifetime": weights @ lasts @ chances,
            "purchases_discounted": (weights * rates) @ fades @ chances,
            "lifetime_discounted": weights @ fades @ chances,
            "dert": (weights * rates) @ (1 / (hazard + delta)) @ chances,
        }
        values |= {name: share * short(total) for name, total in sums.items()}
        values["log_alive_after"] = mp.log(share) + mp.log1p(-values.pop("leaves_before") / share)
        if values["log_alive_after"] < -10:
            values["log_alive_after"] = mp.log(share * short(weights @ waits @ chances))

    def counts(self, values: dict[str, Number], share: Number, u: list[Number], v: list[Number]) -> None:
        """All n survived; or the last of n was the last of all, and n or more would have come."""
        for n in COUNTS:
            exact = mp.fsum(w * poisson(n, rate * self.t) for rate, w in zip(self.rates.at, u, strict=True))
            stayed = mp.fsum(w * (1 - p) ** n for p, w in zip(self.dropouts.at, v, strict=True))
            total = share * exact * stayed
            if n > 0:
                more = mp.fsum(
                    w * at_least(n, rate * self.t, mp.exp(-rate * self.t))
                    for rate, w in zip(self.rates.at, u, strict=True)
                )
                total += (
                    share * more * mp.fsum(w * p * (1 - p) ** (n - 1) for p, w in zip(self.dropouts.at, v, strict=True))
                )
            else:
                total += self.values["gone"]
            values[f"log_pmf_{n}"] = mp.log(total)


class AnyMoment(Customer):
    """Pareto/NBD: dropout at any moment, at a rate mu of his own."""

    def second(self, numbers: dict[str, Number], fastest: float, fine: float) -> None:  # noqa: ARG002
        self.s, self.beta = numbers["s"], numbers["beta"]
        shape, slowest = float(self.s), float(self.beta + self.t_x)
        quickest = float(self.beta + self.T + self.t + self.after + 1e3 * (self.alpha + self.T))
        self.deaths = gamma_nodes(shape, shape + 1, slowest, quickest, fine)

    def log_death_weight(self, mu: Number, time: Number) -> Number:
        return self.s * mp.log(mu) - (self.beta + time) * mu

    def death_weights(self, time: Number) -> list[Number]:
        return [mp.exp(self.log_death_weight(v, time) + w) for v, w in zip(*self.deaths, strict=True)]

    def solve(self) -> dict[str, Number]:
        values = self.values = {}
        rates, deaths = self.rates.at, self.deaths.at
        u, v = self.rate_weights(self.T), self.death_weights(self.T)
        u_0, v_0 = self.rate_weights(self.t_x), self.death_weights(self.t_x)
        # Alive: lambda^x e^(-(lambda + mu) T). Gone: mu lambda^x times the integral of e^(-(lambda + mu) tau).
        long_rates, long_deaths = long(rates), long(deaths)
        self.hazard = np.add.outer(long_rates, long_deaths)
        all_u_0, all_v_0 = mp.fsum(u_0), mp.fsum(v_0)
        dies = -np.expm1(-self.hazard * long([self.T - self.t_x])) / self.hazard * long_deaths
        long_u, long_v = long([w / all_u_0 for w in u_0]), long([w / all_v_0 for w in v_0])
        gone, gone_rate, gone_dropout = (
            short(first @ dies @ second) * all_u_0 * all_v_0
            for first, second in ((long_u, long_v), (long_u * long_rates, long_v), (long_u, long_v * long_deaths))
        )
        all_u, all_v = mp.fsum(u), mp.fsum(v)
        alive = all_u * all_v
        both = alive + gone
        share = alive / both
        values["log_alive"] = mp.log(share)
        values["rate"] = (mp.fdot(rates, u) * all_v + gone_rate) / both
        values["dropout"] = (mp.fdot(deaths, v) * all_u + gone_dropout) / both
        self.densities(values, both, (u, u_0, all_u), (v, v_0, all_v))
        values["overdue"] = self.overdue()
        u, v = [w / all_u for w in u], [w / all_v for w in v]
        t, delta = self.t, self.delta
        mean_rate = mp.fdot(rates, u)
        survives = mp.fsum(w * mp.exp(-mu * self.after) for mu, w in zip(deaths, v, strict=True))
        values["log_alive_after"] = mp.log(share * survives)
        for name, discount, wait, end in (
            ("purchases", 0, self.after, t),
            ("purchases_discounted", delta, 0, t),
            ("dert", delta, 0, mp.inf),
        ):
            lasts = mp.fsum(
                w * mp.exp(-mu * wait) * (1 - mp.exp(-(mu + discount) * end)) / (mu + discount)
                for mu, w in zip(deaths, v, strict=True)
            )
            values[name] = share * mean_rate * lasts
        values["lifetime_discounted"] = values["purchases_discounted"] / mean_rate
        values["lifetime"] = share * mp.fsum(w * (1 - mp.exp(-mu * t)) / mu for mu, w in zip(deaths, v, strict=True))
        if self.s >= 2:
            values["lifetime_whole"] = share * mp.fsum(w / mu for mu, w in zip(deaths, v, strict=True))
        buys = (long(rates)[:, None] / self.hazard, long_deaths / self.hazard)
        long_u, long_v = long(u), long(v)

        def silent(time: Number) -> Number:
            """No purchase: none while he lives, and he lives through it or not."""
            if time == mp.inf:
                return short(long_u @ buys[1] @ long_v)
            none = -self.hazard * long([time])
            return short(long_u @ (np.exp(none) - buys[1] * np.expm1(none)) @ long_v)

        values["active"] = share * short(long_u @ (-buys[0] * np.expm1(-self.hazard * long([t]))) @ long_v)
        few = values["active"] < 0.5
        values["log_pmf_0"] = mp.log1p(-values["active"]) if few else mp.log(share * silent(t) + gone / both)
        for n in COUNTS[1:]:
            exact = long([poisson(n, rate * t) for rate in rates])
            lives = long([mp.exp(-mu * t) for mu in deaths])
            died = buys[1] * buys[0] ** n * at_least_of_each(n + 1, self.hazard * long([t]))
            values[f"log_pmf_{n}"] = mp.log(share * short(long_u @ (np.multiply.outer(exact, lives) + died) @ long_v))
        self.point["quantile"], values["next"] = self.next_time(silent)
        return values

    def densities(self, values: dict[str, Number], both: Number, u: tuple[Any, ...], v: tuple[Any, ...]) -> None:
        at, mu_at = mp.mpf(self.point["rate_at"]), mp.mpf(self.point["dropout_at"])
        w, w_0 = (mp.exp(self.log_rate_weight(at, time)) for time in (self.T, self.t_x))
        cells = zip(self.deaths.at, v[0], v[1], strict=True)
        density = w * v[2] + mp.fsum(mu * (w_0 * m_0 - w * m) / (at + mu) for mu, m, m_0 in cells)
        values["log_rate_density"] = mp.log(density / at / both)
        m, m_0 = (mp.exp(self.log_death_weight(mu_at, time)) for time in (self.T, self.t_x))
        cells = zip(self.rates.at, u[0], u[1], strict=True)
        density = m * u[2] + mp.fsum(mu_at * (w_0 * m_0 - w * m) / (rate + mu_at) for rate, w, w_0 in cells)
        values["log_dropout_density"] = mp.log(density / mu_at / both)


KINDS = {"BGNBD": AtPurchases, "MBGNBD": AtPurchases, "ParetoNBD": AnyMoment, "NBD": Buyer}

PARAMETERS = {
    "NBD": {
        "CDNOW": {"r": 0.385, "alpha": 12.07},
        "tiny r": {"r": 0.05, "alpha": 1.0},
        "large r": {"r": 20.0, "alpha": 4.0},
    },
    "BGNBD": {
        "CDNOW": {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426},
        "a = 1": {"r": 2.0, "alpha": 6.0, "a": 1.0, "b": 2.5},
        "a + b < 1": {"r": 0.5, "alpha": 3.0, "a": 0.2, "b": 0.3},
        "a + b = 1": {"r": 1.0, "alpha": 0.1, "a": 0.25, "b": 0.75},
        "b of thousands": {"r": 0.8, "alpha": 5.0, "a": 30.0, "b": 5000.0},
        "tiny r and a": {"r": 0.05, "alpha": 1.0, "a": 0.05, "b": 0.5},
        "large": {"r": 20.0, "alpha": 40.0, "a": 5.0, "b": 8.0},
    },
    "ParetoNBD": {
        "CDNOW": {"r": 0.553, "alpha": 10.578, "s": 0.606, "beta": 11.669},
        "s = 1": {"r": 2.0, "alpha": 6.0, "s": 1.0, "beta": 20.0},
        "alpha = beta": {"r": 0.8, "alpha": 10.0, "s": 0.4, "beta": 10.0},
        "alpha << beta": {"r": 0.6, "alpha": 0.01, "s": 2.5, "beta": 1e4},
        "alpha >> beta": {"r": 3.0, "alpha": 1e3, "s": 0.3, "beta": 0.01},
        "tiny r and s": {"r": 0.05, "alpha": 1.0, "s": 0.05, "beta": 3.0},
        "large": {"r": 20.0, "alpha": 40.0, "s": 30.0, "beta": 900.0},
    },
}
PARAMETERS["MBGNBD"] = PARAMETERS["BGNBD"]

HISTORIES = {
    "ordinary": {"x": 2, "t_x": 30.43, "T": 38.86},
    "x = 0": {"x": 0, "t_x": 0.0, "T": 39.0},
    "t_x = T": {"x": 3, "t_x": 27.5, "T": 27.5},
    "just acquired": {"x": 0, "t_x": 0.0, "T": 0.0},
    "x = 1000": {"x": 1000, "t_x": 996.5, "T": 1e3},
    "T = 1e4": {"x": 7, "t_x": 9.25, "T": 1e4},
    "a moment": {"x": 1, "t_x": 2e-4, "T": 1e-3},
}
ASKED = (
    {"horizon": 39.0, "after": 13.0, "delta": 0.0027},
    {"horizon": 1e-7, "after": 1e-3, "delta": 0.2},
    {"horizon": 1e5, "after": 2e3, "delta": 1e-5},
    {"horizon": 2.5, "after": 0.125, "delta": 0.01},
)


def asked() -> Iterator[Point]:
    """Every history at the CDNOW-like parameters, and two or three of them at each of the others."""
    number = count()
    for model, settings in PARAMETERS.items():
        for i, (name, parameters) in enumerate(settings.items()):
            for j, (past, history) in enumerate(HISTORIES.items()):
                if name != "CDNOW" and (i + j) % 3 != 1:
                    continue
                question = ASKED[next(number) % len(ASKED)]
                r, alpha = parameters["r"], parameters["alpha"]
                point = {"model": model, "tag": f"{name}, {past}", **parameters, **history, **question}
                point["rate_at"] = 0.75 * (r + history["x"] + 1) / (alpha + history["T"])
                if "s" in parameters:
                    point["dropout_at"] = 0.75 * (parameters["s"] + 1) / (parameters["beta"] + history["t_x"])
                elif "a" in parameters:
                    a, b = parameters["a"], parameters["b"] + history["x"]
                    point["dropout_at"] = 0.75 * (a + 1) / (a + b + 2)
                yield point


def solved(point: Point) -> Point:
    mp.mp.dps = DIGITS
    first, second = (KINDS[point["model"]](point, fine).solve() for fine in (1.0, 0.83))
    for name, value in first.items():
        # Of a large logarithm, what it is the logarithm of.
        scale = min(abs(value), 1) if name.startswith("log_") else abs(value)
        if abs(value - second[name]) > AGREEMENT * scale:
            raise ArithmeticError(f"{point}, {name}: {mp.nstr(value, 20)} and {mp.nstr(second[name], 20)}")
    return point | {
        "values": {name: str(mp.nstr(value, KEPT, min_fixed=1, max_fixed=0)) for name, value in second.items()}
    }


def main() -> None:
    todo = list(asked())
    with multiprocessing.Pool() as pool:
        points = list(pool.imap(solved, todo, chunksize=1))
    OUT.write_text(json.dumps(points).replace("}}, {", "}},\n{") + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(points)} points, {sum(len(p['values']) for p in points)} values in {OUT.name}\n")


if __name__ == "__main__":
    main()
