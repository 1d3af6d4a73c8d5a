"""The likelihoods once more, straight from the papers with scipy.special: slow, plain and not the library's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import beta, betaln, gammaln, hyp2f1

if TYPE_CHECKING:
    from collections.abc import Callable

Array = NDArray[Any]
Vector = NDArray[np.float64]


def bg_nbd_log_likelihood(parameters: Any, x: Array, t_x: Array, T: Array) -> Vector:
    """Fader, Hardie & Lee (2005), eq. (6): ln of B/B G/G [(al+T)^-(r+x) + a/(b+x-1) (al+t_x)^-(r+x)]."""
    r, alpha, a, b = parameters
    common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
    alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + T)
    died = betaln(a + 1, b + np.maximum(x, 1) - 1) - betaln(a, b) - (r + x) * np.log(alpha + t_x)
    return np.asarray(common + np.where(x > 0, np.logaddexp(alive, died), alive))


def gamma_gamma_log_likelihood(parameters: Any, x: Array, m: Array) -> Vector:
    """Fader & Hardie (2013), note 025, eq. (1a)."""
    p, q, v = parameters
    value = gammaln(p * x + q) - gammaln(p * x) - gammaln(q) + q * np.log(v)
    return np.asarray(value + (p * x - 1) * np.log(m) + p * x * np.log(x) - (p * x + q) * np.log(v + m * x))


def conditional_expectation(parameters: Any, x: Array, t_x: Array, T: Array, t: float) -> Vector:
    """Eq. (10) of the paper, with its hypergeometric function."""
    r, alpha, a, b = parameters
    z = t / (alpha + T + t)
    bracket = 1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * hyp2f1(r + x, b + x, a + b + x - 1, z)
    odds = np.where(x > 0, a / (b + np.maximum(x, 1) - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x), 0)
    return np.asarray((a + b + x - 1) / (a - 1) * bracket / (1 + odds))


def probability_of_purchases(parameters: Any, n: int, t: float) -> float:
    """Eq. (8) of the paper."""
    r, alpha, a, b = parameters
    j = np.arange(n)
    share = t / (alpha + t)
    counts = np.exp(gammaln(r + np.arange(n + 1)) - gammaln(r) - gammaln(np.arange(n + 1) + 1)) * (1 - share) ** r
    exact = beta(a, b + n) / beta(a, b) * counts[n] * share**n
    if n == 0:
        return float(exact)
    return float(exact + beta(a + 1, b + n - 1) / beta(a, b) * (1 - np.sum(counts[j] * share**j)))


def hessian(function: Callable[[Vector], float], at: Vector, step: float = 1e-3) -> Vector:
    """Second derivatives by central differences of fourth order, steps relative to each parameter."""
    k = at.size
    result = np.empty((k, k))
    offsets, weights = np.array([-2, -1, 1, 2]), np.array([1, -8, 8, -1]) / 12
    for i in range(k):
        for j in range(k):
            total = 0.0
            for offset_i, weight_i in zip(offsets, weights, strict=True):
                for offset_j, weight_j in zip(offsets, weights, strict=True):
                    point = at.copy()
                    point[i] += offset_i * step * at[i]
                    point[j] += offset_j * step * at[j]
                    total += weight_i * weight_j * function(point)
            result[i, j] = total / (step * step * at[i] * at[j])
    return result


def best(function: Callable[[Vector], float], starts: list[list[float]]) -> tuple[float, Vector]:
    """Largest value of a function of positive parameters over several Nelder-Mead searches, and where.

    Between exp(-12) and exp(12): beyond that, differences of gammaln are rounding noise.
    """
    found = []
    for start in starts:
        options: Any = {"maxfev": 2000, "xatol": 1e-8, "fatol": 1e-9}
        bounds = [(-12, 12)] * len(start)
        result = minimize(
            lambda u: -function(np.exp(u)), np.log(start), method="Nelder-Mead", bounds=bounds, options=options
        )
        found.append((-float(result.fun), np.exp(result.x)))
    return max(found, key=lambda pair: pair[0])
