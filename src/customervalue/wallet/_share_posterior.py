"""What a beta distribution of shares and a customer's own purchases say of his share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.gamma import log_gamma_ratio

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["beta_binomial", "beta_interval", "beta_tail"]


def beta_interval(a: FloatArray, b: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
    """Equal-tailed interval of p ~ Beta(a, b).

    Examples
    --------
    >>> low, high = beta_interval(np.array([1.0]), np.array([1.0]), 0.9)
    >>> low.round(3), high.round(3)
    (array([0.05]), array([0.95]))
    """
    from scipy.special import betainccinv, betaincinv

    tail = 0.5 - 0.5 * level
    return np.asarray(betaincinv(a, b, tail), np.float64), np.asarray(betainccinv(a, b, tail), np.float64)


def beta_tail(a: FloatArray, b: FloatArray, threshold: FloatArray) -> FloatArray:
    """P(p > threshold) for p ~ Beta(a, b).

    Examples
    --------
    >>> beta_tail(np.array([1.0]), np.array([1.0]), np.array(0.25))
    array([0.75])
    """
    from scipy.special import betaincc

    return np.asarray(betaincc(a, b, threshold), dtype=np.float64)


def beta_binomial(a: FloatArray, b: FloatArray, m: int) -> FloatArray:
    """P(k of m) for k = 0, ..., m, given p ~ Beta(a, b); shape (n, m + 1).

    Examples
    --------
    >>> beta_binomial(np.array([1.0]), np.array([1.0]), 3)
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    k = np.arange(m + 1.0)
    # P(0), and the ratio of each probability to the one before.
    start = log_gamma_ratio(b, float(m)) - log_gamma_ratio(a + b, float(m))
    steps = np.log((m - k[:-1]) / (k[:-1] + 1)) + np.log((a[:, None] + k[:-1]) / (b[:, None] + m - 1 - k[:-1]))
    logs = np.concatenate([start[:, None], start[:, None] + np.cumsum(steps, axis=1)], axis=1)
    return np.asarray(np.exp(logs), dtype=np.float64)
