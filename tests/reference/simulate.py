"""Customers made up by the stories the models tell, purchase by purchase: independent of any formula."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


class Base(NamedTuple):
    """Histories to T, with what nobody sees: the rate, the dropout probability and whether still alive."""

    x: Array
    t_x: Array
    T: Array
    rate: Array
    dropout: Array
    alive: Array


def bg_nbd(
    rng: np.random.Generator, n: int, r: float, alpha: float, a: float, b: float, T: Any, *, modified: bool = False
) -> Base:
    """Gamma rates, beta dropout after each repeat purchase; after the first purchase too if `modified`."""
    length = np.broadcast_to(np.asarray(T, dtype=np.float64), n).copy()
    rate, dropout = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    x, t_x, alive = np.zeros(n, dtype=np.int64), np.zeros(n), np.ones(n, dtype=bool)
    if modified:
        alive = rng.random(n) >= dropout
    going = np.flatnonzero(alive)
    while going.size:
        with np.errstate(divide="ignore", over="ignore"):
            then = t_x[going] + rng.exponential(size=going.size) / rate[going]
        bought = then <= length[going]
        going, then = going[bought], then[bought]
        x[going] += 1
        t_x[going] = then
        lost = rng.random(going.size) < dropout[going]
        alive[going[lost]] = False
        going = going[~lost]
    return Base(x, t_x, length, rate, dropout, alive)


def mean_spend(rng: np.random.Generator, x: Array, p: float, q: float, v: float) -> Array:
    """Mean value of x transactions of each customer; 0 where x = 0. Gamma values, each customer with his own scale."""
    scale = rng.gamma(q, 1 / v, x.size)
    total = rng.gamma(np.where(x > 0, p * x, 1.0)) / scale
    return np.where(x > 0, total / np.maximum(x, 1), 0.0)
