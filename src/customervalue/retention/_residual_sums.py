"""Discounted sums over the future renewals of a contract, for the models whose sums have no closed form."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.along_time import legendre_panels
from customervalue.numerics.beta_ratio import log_beta_ratio
from customervalue.numerics.gamma import digamma_difference

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, IntArray

__all__ = ["backward", "between", "geometric_sums", "log_retention", "sums_of_weibull"]

#: exp(-_FOREVER) is nothing.
_FOREVER = 45.0
#: So many renewals are added one by one before an integral stands for the rest.
_TERMS = 1_000
#: Panels of the integral that are taken at a time, until one adds nothing.
_PANELS = 8
_NOTHING = 1e-17
#: An age of exp(_LARGEST) is still a number.
_LARGEST = 670.0


def between(later: FloatArray, c: float) -> FloatArray:
    """t**c - (t-1)**c for whole t >= 1."""
    with np.errstate(divide="ignore"):
        return np.asarray(-(later**c) * np.expm1(c * np.log1p(-1 / later)))


def geometric_sums(theta: FloatArray, force: float, horizon: int | None) -> tuple[FloatArray, FloatArray]:
    """Sum over k = 1 ... `horizon` of x**(k-1), x = (1 - theta) exp(-force), and the mean k with these weights.

    Parameters
    ----------
    theta : ndarray of float64
        In [0, 1]; above 0 if neither `force` nor `horizon` makes the sum finite.
    force : float
        Continuous discount rate per period, >= 0.
    horizon : int, optional
        >= 1; without end by default.

    Returns
    -------
    ndarray of float64, of the shape of `theta`, twice

    Examples
    --------
    >>> geometric_sums(np.array([0.5]), 0.0, 3)  # 1 + 1/2 + 1/4
    (array([1.75]), array([1.57142857]))
    """
    lost = theta * math.exp(-force) - math.expm1(-force)  # 1 - x
    if horizon is None:
        return 1 / lost, 1 / lost
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        fall = force - np.log1p(-theta)  # -ln x
        total = -np.expm1(-horizon * fall) / lost
        distance = 1 / lost - horizon / np.expm1(horizon * fall)
    # Near x = 1 the two terms cancel.
    square = float(horizon) * horizon
    series = (horizon + 1) / 2 - (square - 1) * fall / 12 + (square * square - 1) * fall**3 / 720
    return np.where(lost > 0, total, horizon), np.where(horizon * fall < 1e-2, series, distance)


def sums_of_weibull(
    parameters: tuple[float, float, float], tenure: IntArray, force: float, horizon: int | None
) -> tuple[FloatArray, FloatArray]:
    """Sums over k = 1, 2, ... of exp(-force (k-1)) S(t+k) / S(t), and of k times that, for the beta-discrete-Weibull.

    Some 1,000 renewals beyond the longest tenure are added up one by one, from the last to the first: R(t) = r(t+1)
    (1 + v R(t+1)). What is left is exp(-45) of the whole where discounting is brisk; otherwise it is an integral, by
    Euler and Maclaurin, whose next term is below 1e-14 of the sum. The integral is taken in the logarithm of age, in
    which the integrand is smooth, until a stretch of it adds less than 1e-17 of what is there; without discounting,
    from where survival is a pure power of age it is known in closed form.

    Parameters
    ----------
    parameters : (alpha, beta, c)
    tenure : ndarray of int64, shape (u,)
        t.
    force : float
        Continuous discount rate per period, >= 0.
    horizon : int, optional
        Last k; without end by default.

    Returns
    -------
    ndarray of float64, shape (u,), twice
        Infinite where a sum does not converge: without discounting for c alpha <= 1, or 2 for the second.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 2.10.1 (Euler-Maclaurin).

    Examples
    --------
    >>> values, moments = sums_of_weibull((3.0, 1.0, 1.0), np.array([0, 5]), 0.0, None)
    >>> values.round(10), moments.round(10)  # the means of a shifted-beta-geometric: (beta + t) / (alpha - 1), ...
    (array([0.5, 3. ]), array([ 1.5, 24. ]))
    """
    longest = int(tenure.max(initial=0))
    if horizon is not None and force * horizon <= _FOREVER:
        return _finite(log_retention(parameters, np.arange(1.0, longest + horizon + 1)), tenure, force, horizon)
    terms = math.ceil(min(_FOREVER / force, _TERMS)) if force > 0 else _TERMS
    end = longest + terms
    value, moment = _tail(parameters, float(end), force) if force * terms < _FOREVER else (0.0, 0.0)
    return backward(np.exp(log_retention(parameters, np.arange(1.0, end + 1))), force, value, moment, tenure)


def backward(
    rates: FloatArray, force: float, value: float, moment: float, places: IntArray
) -> tuple[FloatArray, FloatArray]:
    """From both sums of one tenure to those of all shorter ones, R(t) = r(t+1) (1 + v R(t+1)): nothing cancels.

    Parameters
    ----------
    rates : ndarray of float64, shape (k,)
        The retention rates of the last k renewals before that tenure.
    force : float
        Continuous discount rate per period.
    value, moment : float
        The sums at that tenure.
    places : ndarray of int64, shape (u,)
        Tenures wanted, counted from the first of the k: 0 ... k.

    Returns
    -------
    ndarray of float64, shape (u,), twice

    Examples
    --------
    >>> backward(np.array([0.5, 0.8]), 0.0, 3.0, 9.0, np.array([0, 2]))
    (array([2.1, 3. ]), array([7.3, 9. ]))
    """
    v = math.exp(-force)
    values, moments = [value], [moment]
    for r in rates[::-1].tolist():
        moment = r * (1 + v * (value + moment))
        value = r * (1 + v * value)
        values.append(value)
        moments.append(moment)
    back = rates.size - places
    return np.array(values)[back], np.array(moments)[back]


def log_retention(parameters: tuple[float, float, float], ages: FloatArray) -> FloatArray:
    """Logarithm of r_t of the beta-discrete-Weibull for t = `ages`, whole and >= 1."""
    alpha, beta, c = parameters
    return log_beta_ratio(alpha, beta + (ages - 1) ** c, between(ages, c))


def _finite(rates: FloatArray, tenure: IntArray, force: float, horizon: int) -> tuple[FloatArray, FloatArray]:
    """The same for a finite horizon, all of it one by one."""
    survival = np.concatenate([[0.0], np.cumsum(rates)])
    k = np.arange(1.0, horizon + 1)
    values, moments = np.empty(tenure.size), np.empty(tenure.size)
    for i, t in enumerate(tenure.tolist()):
        worth = np.exp(survival[t + 1 : t + horizon + 1] - survival[t] - force * (k - 1))
        values[i], moments[i] = worth.sum(), k @ worth
    return values, moments


def _tail(parameters: tuple[float, float, float], age: float, force: float) -> tuple[float, float]:
    """Both sums for one tenure beyond which discounted survival changes slowly."""
    alpha, beta, c = parameters
    if force == 0 and c * alpha <= 1:
        return math.inf, math.inf
    flow, moment = _integrals(parameters, age, force)
    fall = -force - float(digamma_difference(beta + age**c, alpha)) * c * age ** (c - 1)
    discount = math.exp(force)
    return discount * (flow - 0.5 - fall / 12), discount * (moment - 1 / 12)


def _integrals(parameters: tuple[float, float, float], age: float, force: float) -> tuple[float, float]:
    """Integrals of f(y) = exp(-force y) S(age + y) / S(age) and of y f(y) over y from 0 without end."""
    alpha, beta, c = parameters
    base = age**c
    if force > 0:
        end = math.log1p(_FOREVER / (force * age))
    else:  # from here on 1 / t**c is nothing, and survival a pure power
        end = min(max((_FOREVER + math.log1p((alpha + beta) ** 2)) / c - math.log(age), 1.0), _LARGEST)
    scale = max(1.0, c, 0.25 * c * alpha)
    nodes, weights = legendre_panels(_PANELS)
    flow = moment = start = 0.0
    while start < end:
        length = min(_PANELS / scale, end - start)
        u, measure = start + nodes * (length / _PANELS), weights * (length / _PANELS)
        y = age * np.expm1(u)
        log_f = log_beta_ratio(alpha, beta + base, base * np.expm1(c * u)) - force * y
        worth = measure * age * np.exp(log_f + u)
        flow, moment = flow + float(worth.sum()), moment + float(y @ worth)
        start += length
        if float(y @ worth) < _NOTHING * moment:
            return flow, moment
    if force == 0:
        last = float(log_beta_ratio(alpha, beta + base, base * math.expm1(c * end)))
        rest = age * math.exp(last + end) / (c * alpha - 1)
        twice = age * age * math.exp(last + 2 * end) / (c * alpha - 2) if c * alpha > 2 else math.inf
        flow, moment = flow + rest, moment + twice - age * rest
    return flow, moment
