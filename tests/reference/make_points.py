"""Write `points.json`: BG/NBD and Gamma-Gamma values at random places, by two mpmath routes that must agree.

    python tests/reference/make_points.py

Parameters and histories are doubles, drawn over wide ranges with a fixed seed; the values are those of exactly these
doubles. Everything is given for a customer, in a time unit in which `delta` is the continuous discount rate.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mpmath as mp

if TYPE_CHECKING:
    from collections.abc import Callable

Number = Any
Point = dict[str, Any]

DIGITS = 30  # working precision of a route
AGREEMENT = 1e-13  # of the two routes
KEPT = 20  # significant digits in the file
OUT = Path(__file__).with_name("points.json")


def over_line(f: Callable[[Number], Number], breaks: list[Number]) -> Number:
    """Integral over the breaks, by tanh-sinh, until two levels agree to 20 digits."""
    return mp.quad(f, sorted(set(breaks)), method="tanh-sinh", maxdegree=9)


def beta_expectation(f: Callable[[Number], Number], a: Number, b: Number, scale: Number) -> Number:
    """E f(p), p ~ Beta(a, b), over logit(p) with breaks where f or the density bends."""
    log_beta = mp.log(mp.beta(a, b))

    def integrand(s: Number) -> Number:
        p, q = 1 / (1 + mp.exp(-s)), 1 / (1 + mp.exp(s))
        return mp.exp(a * mp.log(p) + b * mp.log(q) - log_beta) * f(p)

    mode, bend = mp.log(a / b), -mp.log(scale + 1)
    spread = mp.sqrt(1 / a + 1 / b)
    low = min(mode, bend) - 75 / a - 10
    high = max(mode, bend) + 75 / b + 10
    places = [low, mode - 8 * spread, mode, mode + 8 * spread, bend - 4, bend, bend + 4, mp.mpf(0), high]
    return over_line(integrand, [s for s in places if low <= s <= high])


def agreed(name: str, first: Number, second: Number) -> str:
    """The value in text; an exception unless the routes agree."""
    if abs(first - second) > AGREEMENT * abs(first):
        raise ArithmeticError(f"{name}: {mp.nstr(first, 20)} and {mp.nstr(second, 20)}")
    return str(mp.nstr(first, KEPT, min_fixed=1, max_fixed=0))


def purchases_if_alive(R: Number, A: Number, a: Number, B: Number, t: Number) -> tuple[Number, Number]:
    """E[Y(t)] of a customer alive: a 3F2, and an expectation over the dropout probability."""
    closed = R * t / A * mp.hyp3f2(R + 1, a, 1, a + B, 2, -t / A)
    return closed, beta_expectation(lambda p: -mp.expm1(-R * mp.log1p(p * t / A)) / p, a, B, R * t / A)


def discounted(f: Callable[[Number], Number], delta: Number, end: Number, scale: Number) -> Number:
    """Integral of exp(-delta s) f(s) over (0, end): trapezoidal rule in logit(s / end), f changing at `scale`."""
    step = mp.mpf("0.2")
    start, stop = min(mp.log(scale / end), 0) - 45, mp.mpf(45)
    total = mp.mpf(0)
    for k in range(int((stop - start) / step) + 1):
        w = start + k * step
        s, rest = end / (1 + mp.exp(-w)), 1 / (1 + mp.exp(w))
        weight = mp.exp(-delta * s) * s * rest
        total += weight * f(s) if weight > 0 else 0
    return total * step


def discounted_lifetime(
    R: Number, A: Number, a: Number, B: Number, t: Number | None, delta: Number
) -> tuple[Number, Number]:
    """Integral of exp(-delta s) E(1 + p s / A)^-R: a 2F1, and its Pfaff transformation."""
    end = 80 / delta if t is None else min(t, 80 / delta)
    scale = min(A / (R + 1), 1 / delta)
    plain = discounted(lambda s: mp.hyp2f1(R, a, a + B, -s / A), delta, end, scale)
    other = discounted(lambda s: mp.exp(-R * mp.log1p(s / A)) * mp.hyp2f1(R, B, a + B, s / (A + s)), delta, end, scale)
    return plain, other


def discounted_purchases(
    R: Number, A: Number, a: Number, B: Number, t: Number | None, delta: Number
) -> tuple[Number, Number]:
    """The rate of buying, discounted; and by parts, with the expected purchases of the paper's eq. (10)."""
    end = 80 / delta if t is None else min(t, 80 / delta)
    scale = min(A / (R + 1), 1 / delta)

    def pace(s: Number) -> Number:
        if R < 100:
            return R / A * mp.hyp2f1(R + 1, a, a + B, -s / A)
        return R / A * mp.exp(-(R + 1) * mp.log1p(s / A)) * mp.hyp2f1(R + 1, B, a + B, s / (A + s))

    rate = discounted(pace, delta, end, scale)
    with mp.workdps(3 * DIGITS):
        off = a + mp.mpf(10) ** (-2 * DIGITS)  # beside a = 1 and a + b = 1, where eq. (10) is 0 / 0

        def expected(s: Number) -> Number:
            grown = mp.exp(-R * mp.log1p(s / A)) * mp.hyp2f1(R, B, off + B - 1, s / (A + s))
            return (off + B - 1) / (off - 1) * (1 - grown)

        parts = mp.exp(-delta * end) * expected(end) + delta * discounted(expected, delta, end, scale)
    return rate, parts


def log_odds_dead(point: Point) -> Number:
    r, alpha, a, b, x, t_x, T = numbers(point, "r", "alpha", "a", "b", "x", "t_x", "T")
    return mp.log(a / (b + x - 1)) + (r + x) * mp.log((alpha + T) / (alpha + t_x))


def log_likelihood(point: Point) -> tuple[Number, Number]:
    """Eq. (6) of the paper, and the mixture integrals that it solves."""
    r, alpha, a, b, x, t_x, T = numbers(point, "r", "alpha", "a", "b", "x", "t_x", "T")
    value = mp.loggamma(r + x) - mp.loggamma(r) - r * mp.log1p(T / alpha) - x * mp.log(alpha + T)
    value += mp.log(mp.beta(a, b + x) / mp.beta(a, b))
    value += mp.log1p(mp.exp(log_odds_dead(point))) if x > 0 else 0
    kept = log_integral(lambda s: a * log_logistic(s) + (b + x) * log_logistic(-s), mp.log(a / (b + x)))
    total = kept + log_rates(r, alpha, x, T) - mp.log(mp.beta(a, b))
    if x > 0:
        chance = (a + 1) / (b + x - 1)
        lost = log_integral(lambda s: (a + 1) * log_logistic(s) + (b + x - 1) * log_logistic(-s), mp.log(chance))
        total += mp.log1p(mp.exp(lost - kept + log_rates(r, alpha, x, t_x) - log_rates(r, alpha, x, T)))
    return value, total


def log_logistic(s: Number) -> Number:
    return -mp.log1p(mp.exp(-s))


def log_rates(r: Number, alpha: Number, x: Number, t: Number) -> Number:
    """Log E[lambda^x exp(-lambda t)], lambda ~ Gamma(r, alpha)."""
    value = log_integral(lambda s: (r + x) * s - (alpha + t) * mp.exp(s), mp.log((r + x) / (alpha + t)))
    return value + r * mp.log(alpha) - mp.loggamma(r)


def log_integral(exponent: Callable[[Number], Number], peak: Number) -> Number:
    """Log of the integral over the line of exp(exponent), which is concave with its top at `peak`."""
    top = exponent(peak)

    def edge(direction: int) -> Number:
        width = mp.mpf("1e-4")
        while top - exponent(peak + direction * width) < 80:
            width *= mp.mpf("1.5")
        return width

    low, high = edge(-1), edge(1)
    breaks = [peak - low, peak - low / 8, peak, peak + high / 8, peak + high]
    return top + mp.log(over_line(lambda s: mp.exp(exponent(s) - top), breaks))


def log_probability(point: Point) -> tuple[Number, Number]:
    """Log P(X(t) = n): eq. (8) with its sum, and with an incomplete beta function in the sum's place."""
    r, alpha, a, b, n, t = numbers(point, "r", "alpha", "a", "b", "n", "t")
    w = t / (alpha + t)
    with mp.workdps(3 * DIGITS + int(abs(n * mp.log10(w)) + 10)):
        exact = mp.exp(mp.loggamma(r + n) - mp.loggamma(r) - mp.loggamma(n + 1)) * (1 - w) ** r * w**n
        kept = mp.beta(a, b + n) / mp.beta(a, b) * exact
        if n == 0:
            return mp.log(kept), r * mp.log1p(-w)
        lost = mp.beta(a + 1, b + n - 1) / mp.beta(a, b)
        fewer, term = mp.mpf(0), (1 - w) ** r
        for j in range(int(n)):
            fewer += term
            term *= w * (r + j) / (j + 1)
        first = mp.log(kept + lost * (1 - fewer))
        second = mp.log(kept + lost * exact * mp.hyp2f1(n + r, 1, n + 1, w) * mp.mpf(1))
    return first, second


def numbers(point: Point, *names: str) -> list[Number]:
    return [mp.mpf(point[name]) for name in names]


def draw(rng: random.Random, low: float, high: float) -> float:
    """Log-uniform."""
    return float(10 ** rng.uniform(low, high))


def parameters(rng: random.Random, kind: int) -> Point:
    point = {"r": draw(rng, -2.5, 1.5), "alpha": draw(rng, -2, 3), "a": draw(rng, -3, 2), "b": draw(rng, -3, 3)}
    if kind == 0:
        point |= {"a": 1.0}
    elif kind == 1:
        a = rng.randint(1, 63) / 64
        point |= {"a": a, "b": 1 - a}
    elif kind == 2:
        point |= {"a": rng.uniform(0.05, 0.45), "b": rng.uniform(0.05, 0.45)}
    return point


def history(rng: random.Random, kind: int) -> Point:
    T = draw(rng, -5, 5)
    highest = {3: 4.0, 6: 2.5}.get(kind, 1.7)
    x = 0 if kind in (2, 5) else int(draw(rng, 0, highest))
    t_x = 0.0 if x == 0 else T * rng.choice([1.0, rng.random(), 1 - draw(rng, -4, -1)])
    return {"x": x, "t_x": t_x, "T": T}


def bg_nbd_point(i: int) -> Point:
    rng, kind = random.Random(i), i % 8
    point = parameters(rng, kind) | history(rng, kind)
    point["horizon"] = draw(rng, -9, 3.7) * point["T"]
    point["delta"] = draw(rng, -4, -1) if i % 3 and kind != 3 else 0.0
    r, alpha, a, b, x, T, t = numbers(point, "r", "alpha", "a", "b", "x", "T", "horizon")
    R, A, B = r + x, alpha + T, b + x
    alive = 1 / (1 + mp.exp(log_odds_dead(point))) if x > 0 else mp.mpf(1)
    point["log_alive"] = mp.nstr(mp.log(alive), KEPT)
    point["log_likelihood"] = agreed("log-likelihood", *log_likelihood(point))
    expected = purchases_if_alive(R, A, a, B, t)
    point["purchases"] = agreed("purchases", *(alive * value for value in expected))
    new = purchases_if_alive(r, alpha, a, b, t)
    point["purchases_new"] = agreed("purchases of a new customer", *new)
    if point["delta"] > 0:
        delta = mp.mpf(point["delta"])
        for name, end in (("finite", t), ("infinite", None)):
            bought = discounted_purchases(R, A, a, B, end, delta)
            point[f"discounted_{name}"] = agreed("discounted purchases", *(alive * value for value in bought))
            lived = discounted_lifetime(R, A, a, B, end, delta)
            point[f"lifetime_{name}"] = agreed("lifetime", *(alive * value for value in lived))
    return point


def count_point(i: int) -> Point:
    rng = random.Random(1000 + i)
    point = parameters(rng, i % 8)
    point |= {"n": int(draw(rng, 0, 3)) - 1 if i % 4 else i // 4, "t": point["alpha"] * draw(rng, -4, 4)}
    point["log_probability"] = agreed("probability", *log_probability(point))
    return point


def spend_point(i: int) -> Point:
    """Eqs. (1a) and (5) of note 025, and the integrals over nu that they solve."""
    rng = random.Random(2000 + i)
    point: Point = {"p": draw(rng, -2, 3), "q": draw(rng, -1, 3), "v": draw(rng, -2, 3)}
    point |= {"x": int(draw(rng, 0, 4)), "m": draw(rng, -2, 4)}
    p, q, v, x, m = numbers(point, "p", "q", "v", "x", "m")
    density = mp.loggamma(p * x + q) - mp.loggamma(p * x) - mp.loggamma(q) + q * mp.log(v / (v + m * x))
    density += p * x * mp.log(m * x / (v + m * x)) - mp.log(m)
    peak = mp.log((p * x + q) / (v + m * x))
    mixed = log_integral(lambda s: (p * x + q) * s - (v + m * x) * mp.exp(s), peak)
    shifted = log_integral(lambda s: (p * x + q - 1) * s - (v + m * x) * mp.exp(s), peak) if p * x + q > 1 else None
    constant = q * mp.log(v) - mp.loggamma(q) + p * x * mp.log(x) - mp.loggamma(p * x) + (p * x - 1) * mp.log(m)
    point["log_likelihood"] = agreed("density of spend", density, constant + mixed)
    if shifted is not None:
        mean = p * (v + m * x) / (p * x + q - 1)
        point["expected_spend"] = agreed("expected spend", mean, p * mp.exp(shifted - mixed))
    return point


def main() -> None:
    with multiprocessing.Pool(initializer=start) as pool:
        points = {
            "bg_nbd": pool.map(bg_nbd_point, range(128), chunksize=1),
            "bg_nbd_counts": pool.map(count_point, range(80)),
            "gamma_gamma": pool.map(spend_point, range(60)),
        }
    OUT.write_text(json.dumps(points).replace("}, {", "},\n{") + "\n", encoding="utf-8")
    sys.stdout.write(f"{sum(map(len, points.values()))} points in {OUT.name}\n")


def start() -> None:
    """Of each process, whose precision is its own."""
    mp.mp.dps = DIGITS


if __name__ == "__main__":
    main()
