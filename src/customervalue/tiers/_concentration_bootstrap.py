"""How sure a measure of concentration is: its influence function, resampled customers, and what follows from both."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import invalid
from customervalue.tiers import _concentration_ranked as kernels
from customervalue.tiers._concentration_checks import check_resamples, check_shares, generator
from customervalue.tiers._concentration_results import ConcentrationComparison, ConcentrationInterval
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import AnyArray, FloatArray
    from customervalue.tiers._concentration_ranked import Ranked

__all__ = ["MEASURES", "bounds", "check_measure", "difference_of", "intervals_of", "measure_of"]

#: So many cells of resampled counts are in memory at once.
_CELLS = 1 << 18
#: Resamples if nothing is said: so many up to so many distinct values, none beyond.
_RESAMPLES, _DISTINCT = 1000, 100_000
#: Up to so many customers per distinct value they are drawn one by one; beyond, the counts of the values are.
_ONE_BY_ONE = 4

MEASURES: dict[str, Callable[[FloatArray, AnyArray, float], FloatArray]] = {
    "gini": kernels.gini,
    "gini_unbiased": kernels.gini_unbiased,
    "gini_normalised": kernels.gini_normalised,
    "top_share": kernels.top_share,
    "peak": kernels.peak,
}


@dataclass(frozen=True)
class Measure:
    """One measure of one base, and what single customers do to it.

    Attributes
    ----------
    name : str
        One of `MEASURES`.
    q : float
        Share of the customers, for "top_share".
    estimate : float
    variance : float
        Sum over the customers of the squared influence of each; of the estimate, to first order.
    skewness : float
        Sum of the third powers.
    """

    name: str
    q: float
    estimate: float
    variance: float
    skewness: float


def measure_of(ranked: Ranked, name: str, q: float) -> Measure:
    """Estimate one measure and its variance.

    Parameters
    ----------
    ranked : Ranked
        Two customers or more.
    name : str
        One of `MEASURES`.
    q : float
        Share of the customers, for "top_share".

    Returns
    -------
    Measure

    References
    ----------
    .. [1] Davidson (2009), "Reliable inference for the Gini index", Journal of Econometrics 150(1), 30-40, section 2.

    Examples
    --------
    >>> found = measure_of(kernels.rank(np.array([1.0, 2.0, 6.0])), "peak", 0.2)
    >>> found.estimate, found.variance
    (1.0, 0.0)
    """
    estimate = float(MEASURES[name](ranked.value, ranked.counts, q))
    influence = _influence(ranked, name, q, estimate) / ranked.n
    square = influence * influence
    return Measure(name, q, estimate, float(ranked.counts @ square), float(ranked.counts @ (square * influence)))


def _influence(ranked: Ranked, name: str, q: float, estimate: float) -> FloatArray:
    """Influence function at each value: every measure is a ratio of two means, or nearly one."""
    value, share = ranked.value, ranked.counts / ranked.n
    below = value if name != "gini_normalised" else np.abs(value)
    if name == "peak":
        above = np.maximum(value, 0.0)
    elif name == "top_share":
        place = min(int(np.searchsorted(ranked.customers, (1 - q) * ranked.n)), value.size - 1)
        above = np.maximum(value - value[place], 0.0)
    else:
        # Mean distance to the others: customers of the same value lie half below and half above.
        middle = (ranked.customers - 0.5 * ranked.counts) / ranked.n
        mean = (ranked.money - 0.5 * ranked.counts * value) / ranked.n
        above = 2 * (value * middle - mean) - value
    result = above - estimate * below
    return np.asarray((result - share @ result) / (share @ below))


def resample(ranked: Ranked, asked: list[Measure], n: int, rng: np.random.Generator) -> FloatArray:
    """Measures of resampled customers; they are drawn as counts of the sorted values, so nothing is sorted again.

    Parameters
    ----------
    ranked : Ranked
    asked : list of Measure
    n : int
        How many resamples.
    rng : numpy.random.Generator

    Returns
    -------
    ndarray of float64, shape (len(asked), m)
        m is n less the resamples in which nobody has any value.

    Raises
    ------
    InvalidInputError
        If gains and losses of a resample have no positive total, and a measure needs one.
    """
    found = np.empty((len(asked), n))
    batch = max(1, _CELLS // ranked.value.size)
    undefined, empty = 0, np.zeros(n, dtype=np.bool_)
    for start in range(0, n, batch):
        counts = _drawn(ranked, min(batch, n - start), rng)
        total = counts @ ranked.value
        none = (total == 0) & (counts @ np.abs(ranked.value) == 0)
        empty[start : start + batch] = none
        undefined += int(np.count_nonzero((total <= 0) & ~none))
        with np.errstate(divide="ignore", invalid="ignore"):
            for row, one in zip(found, asked, strict=True):
                row[start : start + batch] = MEASURES[one.name](ranked.value, counts, one.q)
    if undefined and any(one.name != "gini_normalised" for one in asked):
        rule = (
            f"the total is not above zero in {undefined:,} of {n:,} resamples: shares of it have no bootstrap interval"
        )
        advice = 'Take "gini_normalised", which does not divide by the total, or the normal distribution: '
        raise invalid("value", rule, advice + "interval(..., n=0).")
    return found[:, ~empty]


def _drawn(ranked: Ranked, n: int, rng: np.random.Generator) -> FloatArray:
    """How many customers of each value are in each of `n` resamples."""
    size, customers = ranked.value.size, round(ranked.n)
    if customers > _ONE_BY_ONE * size:
        return rng.multinomial(customers, ranked.counts / ranked.n, size=n).astype(np.float64)
    owner = np.repeat(np.arange(size), ranked.counts.astype(np.int64))
    counts = (np.bincount(owner[rng.integers(0, customers, customers)], minlength=size) for _ in range(n))
    return np.array(list(counts), dtype=np.float64)


def possible(ranked: Ranked, measure: Measure) -> tuple[float, float]:
    """Between which values a measure can lie, of any population."""
    bounded = measure.name == "gini_normalised" or (ranked.losses == 0 and measure.name != "peak")
    least = {"top_share": measure.q, "peak": 1.0}.get(measure.name, 0.0)
    return least, 1.0 if bounded else math.inf


def resamples_of(n: int | None, *ranked: Ranked) -> int:
    """How many resamples to take; by default none where they would take long."""
    if n is None:
        return _RESAMPLES if max(base.value.size for base in ranked) <= _DISTINCT else 0
    return check_resamples(n)


def bounds(
    estimate: float, variance: float, skewness: float, drawn: FloatArray | None, level: float
) -> tuple[float, float]:
    """Interval: bias-corrected and accelerated from resamples, by the normal distribution without them.

    Parameters
    ----------
    estimate, variance, skewness : float
        As in `Measure`.
    drawn : ndarray of float64, shape (n,), or None
        Resampled estimates.
    level : float
        Between 0 and 1.

    Returns
    -------
    low, high : float

    References
    ----------
    .. [1] Efron (1987), "Better bootstrap confidence intervals", Journal of the American Statistical Association
       82(397), 171-185, eq. (2.3); the acceleration is that of eq. (6.6).

    Examples
    --------
    >>> low, high = bounds(0.5, 0.01, 0.0, None, 0.95)
    >>> round(low, 4), round(high, 4)
    (0.304, 0.696)
    """
    normal = NormalDist()
    z = normal.inv_cdf(0.5 + 0.5 * level)
    if drawn is None:
        half = z * math.sqrt(variance)
        return estimate - half, estimate + half
    less = np.count_nonzero(drawn < estimate) + 0.5 * np.count_nonzero(drawn == estimate)
    bias = normal.inv_cdf(min(max(less, 0.5), drawn.size - 0.5) / drawn.size)
    acceleration = skewness / (6 * variance**1.5) if variance > 0 else 0.0

    def corrected(end: float) -> float:
        room = 1 - acceleration * (bias + end)
        return normal.cdf(bias + (bias + end) / room) if room > 0 else float(end > 0)

    low, high = np.quantile(drawn, [corrected(-z), corrected(z)]).tolist()
    return low, high


def check_measure(ranked: Ranked, name: str) -> None:
    """Raise unless there is such a measure and this base has it."""
    if name not in MEASURES:
        raise invalid("measure", f"`measure` must be one of {', '.join(MEASURES)}, and is {name!r}")
    words = name.replace("_", " ")
    if name != "gini_normalised":
        ranked.check_shares(f"the {words}")
    elif ranked.gains == ranked.losses == 0:
        raise invalid("value", f"the {words} does not exist, since all values are zero")
    if ranked.n == 1 and name in ("gini_unbiased", "gini_normalised"):
        raise invalid("value", f"the {words} takes two customers or more, and there is one")


def _measured(ranked: Ranked, name: str, q: float) -> Measure:
    check_measure(ranked, name)
    if ranked.n == 1:
        raise invalid("value", "an interval takes two customers or more, and there is one")
    return measure_of(ranked, name, float(check_shares("q", check_number("q", q))))


def intervals_of(
    ranked: Ranked, names: list[str], q: float, level: float, n: int | None, rng: np.random.Generator | int | None
) -> tuple[ConcentrationInterval, ...]:
    """Intervals of several measures from the same resamples; from the normal distribution if `n` is 0."""
    asked, size = [_measured(ranked, name, q) for name in names], resamples_of(n, ranked)
    drawn = list(resample(ranked, asked, size, generator(rng))) if size else [None] * len(asked)
    made = []
    for one, row in zip(asked, drawn, strict=True):
        least, most = possible(ranked, one)
        low, high = np.clip(bounds(one.estimate, one.variance, one.skewness, row, level), least, most).tolist()
        error, kept = math.sqrt(one.variance), 0 if row is None else row.size
        made.append(
            ConcentrationInterval(one.name, one.q, one.estimate, low, high, error, level, kept, left_out=size - kept)
        )
    return tuple(made)


def difference_of(
    first: Ranked,
    second: Ranked,
    name: str,
    q: float,
    level: float,
    n: int | None,
    rng: np.random.Generator | int | None,
) -> ConcentrationComparison:
    """Difference of one measure between two bases, with interval and p-value."""
    one, other = _measured(first, name, q), _measured(second, name, q)
    size, source, drawn = resamples_of(n, first, second), generator(rng), None
    if size:
        rows = [resample(base, [measure], size, source)[0] for base, measure in ((first, one), (second, other))]
        kept = min(row.size for row in rows)
        drawn = rows[0][:kept] - rows[1][:kept]
    estimate, variance = one.estimate - other.estimate, one.variance + other.variance
    ends = bounds(estimate, variance, one.skewness - other.skewness, drawn, level)
    (least, most), (smallest, largest) = possible(first, one), possible(second, other)
    low, high = np.clip(ends, least - largest, most - smallest).tolist()
    error = math.sqrt(variance)
    p_value = math.erfc(abs(estimate) / error / math.sqrt(2)) if error else float(estimate == 0)
    used = 0 if drawn is None else drawn.size
    return ConcentrationComparison(
        *(name, one.q, one.estimate, other.estimate, estimate, low, high, error, p_value, level, used),
        left_out=size - used,
    )
