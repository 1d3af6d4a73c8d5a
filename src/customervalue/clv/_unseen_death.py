"""Lifetimes that nobody sees end: the integrals at the heart of Pareto/NBD."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.numerics.along_time import legendre_panels
from customervalue.numerics.elementary import log1p

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import FloatArray, IntArray

__all__ = ["Silence", "log_discounted_time", "time_alive"]

#: Numbers in one array of a batch, nodes times rows: they stay in the second-level cache, and products of such arrays
#: are too small to wake BLAS threads.
_BATCH = 8_192
#: The integrand is followed down to exp(-_DEPTH) of where it begins.
_DEPTH = 45.0
#: Sixteen Gauss-Legendre nodes are exact to 1e-13 over so long a stretch of ln(time), and so deep a fall.
_PANEL_LENGTH, _PANEL_DEPTH = 3.2, 14.0
#: Powers beyond this ask for the exponential less 1 and the logarithm of 1 + z to the last digit, at twice the price.
_SHARP = 100.0


@lru_cache(maxsize=32)
def _rule(level: int) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre on [0, 1]: 8 nodes, 12, 16, and from there on 2, 4, 8, ... panels of 16."""
    if level < 2:
        nodes, weights = np.polynomial.legendre.leggauss((8, 12)[level])
        return 0.5 * (1 + nodes), 0.5 * weights
    panels = 2 ** (level - 2)
    nodes, weights = legendre_panels(panels)
    return nodes / panels, weights / panels


@dataclass(frozen=True)
class Silence:
    """The odds D that a customer died unseen.

    exp(log_factor) times the integral of exp(-steady u - bent l) over w in [0, 1], where u = span w =
    ln((m + tau) / (m + t_x)) and l = ln((M + tau) / (M + t_x)) = ln(1 + share (e^u - 1)); m is the smaller of alpha and
    beta, M the larger.
    """

    parameters: tuple[float, float, float, float]
    steady: FloatArray
    bent: FloatArray
    share: FloatArray
    near: FloatArray
    span: FloatArray
    log_factor: FloatArray
    whole: tuple[FloatArray, FloatArray]
    level: IntArray

    @classmethod
    def of(
        cls, parameters: tuple[float, float, float, float], x: IntArray, t_x: FloatArray, gap: FloatArray
    ) -> Silence:
        """What the integral is made of; `gap` is the silence since t_x, and `whole` that on both logarithmic clocks."""
        r, alpha, s, beta = parameters
        shape = np.asarray(r + x, dtype=np.float64)
        near, far = min(alpha, beta) + t_x, max(alpha, beta) + t_x
        share = near / far
        short, long = log1p(gap / near), log1p(gap / far)
        if alpha < beta:
            steady, bent, factor = shape - 1, np.full_like(gap, s + 1), shape * short + s * long + np.log(share)
        else:
            steady, bent, factor = np.full_like(gap, s), shape, shape * long + s * short
        depth = np.abs(steady) * short + bent * long
        span = short.copy()
        deep = np.flatnonzero(depth > _DEPTH)
        if deep.size:
            span[deep] = np.minimum(short[deep], _reach(steady[deep], bent[deep], shape[deep] + s, share[deep]))
            fall = np.log1p(share[deep] * np.expm1(span[deep]))
            depth[deep] = np.abs(steady[deep]) * span[deep] + bent[deep] * fall
        with np.errstate(divide="ignore"):
            log_factor = np.log(s * span) + factor
        effort = np.maximum(span / _PANEL_LENGTH, depth / _PANEL_DEPTH)
        level = np.ceil(np.log2(np.maximum(effort, 0.25))).astype(np.int64) + 2
        return cls(parameters, steady, bent, share, near, span, log_factor, (short, long), level)

    def batches(self) -> Iterator[tuple[IntArray, FloatArray, FloatArray]]:
        """Rows that need equally many nodes, a few at a time, with nodes and weights."""
        for level in np.flatnonzero(np.bincount(self.level)).tolist():
            nodes, weights = _rule(level)
            alike = np.flatnonzero(self.level == level)
            step = max(_BATCH // nodes.size, 1)
            for start in range(0, alike.size, step):
                yield alike[start : start + step], nodes, weights

    def integrand(self, rows: IntArray, nodes: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """u, e^u - 1, l and the integrand; each (nodes, rows)."""
        u = np.multiply.outer(nodes, self.span[rows])
        bent = self.bent[rows]
        if bent.max() > _SHARP:
            grown = np.expm1(u)
            bend = log1p(self.share[rows] * grown)
        else:
            grown = np.exp(u)
            grown -= 1
            bend = self.share[rows] * grown
            bend += 1
            np.log(bend, out=bend)
        values = u * -self.steady[rows]
        values -= bent * bend
        return u, grown, bend, np.exp(values, out=values)


def _reach(steady: FloatArray, bent: FloatArray, both: FloatArray, share: FloatArray) -> FloatArray:
    """Where steady u + bent ln(1 + share (e^u - 1)) has grown to _DEPTH: the least of three upper bounds.

    `both` is steady + bent; steady may be negative, and then exp(u) <= exp(l) / share bounds it.
    """
    log_share, rising = np.log(share), np.maximum(-steady, 0)
    tail = (_DEPTH - bent * log_share) / both
    with np.errstate(divide="ignore", over="ignore"):
        first = np.where(steady > 0, _DEPTH / steady, np.inf)
        fall = (_DEPTH - rising * log_share) / np.where(steady < 0, both, bent)
        second = np.log1p(np.expm1(np.minimum(fall, 300.0)) / share)
    return np.minimum(tail, np.minimum(first, np.where(fall < 300.0, second, np.inf)))


def time_alive(power: float, clock: FloatArray, horizon: float) -> FloatArray:
    """The integral of (1 + t / clock)**-power over (0, horizon]."""
    span = np.log1p(horizon / clock)
    excess = 1 - power
    return np.asarray(clock * (np.expm1(excess * span) / excess if excess else span))


def log_discounted_time(power: Any, clock: FloatArray, horizon: FloatArray, delta: FloatArray) -> FloatArray:
    """Logarithm of the integral of exp(-delta t) (1 + t / clock)**-power over (0, horizon]; one value per row.

    Parameters
    ----------
    power : float or ndarray of float64, shape (n,)
        > 0.
    clock : ndarray of float64, shape (n,)
        > 0.
    horizon, delta : ndarray of float64, shape (n,)
        >= 0; the horizon may be infinite where delta > 0.

    Returns
    -------
    ndarray of float64, shape (n,)

    Examples
    --------
    >>> log_discounted_time(2.0, np.ones(1), np.full(1, np.inf), np.full(1, 0.1)).round(6)
    array([-0.224976])
    """
    # With t = clock expm1(v) the integrand is exp(-pace expm1(v) - (power - 1) v): smooth, and its end in sight.
    excess = np.broadcast_to(np.asarray(power - 1, dtype=np.float64), clock.shape)
    pace = np.maximum(delta * clock, np.finfo(np.float64).tiny)
    span = np.log(_DEPTH + pace) - np.log(pace)
    span = np.minimum(span, _DEPTH / np.maximum(excess, 1e-3))
    span = np.minimum(span, np.log1p(horizon / clock))
    depth = pace * np.expm1(span) + np.abs(excess) * span
    # Of so short panels, as exp(-e^v) falls by all of its depth in the last three units of v.
    panels = max(float(span.max()) / 1.6, float(depth.max()) / 14.0, 1.0)
    v, weights = legendre_panels(panels)
    total = np.empty(clock.size)
    step = max(_BATCH // v.size, 1)
    for rows in (slice(start, start + step) for start in range(0, clock.size, step)):
        u = np.multiply.outer(span[rows], v / panels)
        values = np.exp(-pace[rows, None] * np.expm1(u) - excess[rows, None] * u)
        total[rows] = clock[rows] * span[rows] * (values @ (weights / panels))
    with np.errstate(divide="ignore"):
        return np.log(total)
