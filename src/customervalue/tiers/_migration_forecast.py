"""The mix of tiers some periods on, and in the long run, if customers move as a Markov chain."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.estimation.draws import check_count
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["MixForecast", "forecast_mix", "stationary_mix"]

_ASSUMPTION = (
    "Assumes that what customers do next depends on their present tier alone (no memory), at the rates observed once"
)
#: Where an eigenvalue is closer to one than this, customers are caught.
_CAUGHT = 1e-9


@dataclass(frozen=True, eq=False, repr=False)
class MixForecast(Table):
    """Customers in each tier in the periods to come; as a table, one row per period.

    Attributes
    ----------
    names : tuple of str, k names
        Best tier first.
    expected : ndarray of float64, shape (periods + 1, k)
        Customers expected in each tier; the first row are those there are now.
    low, high : ndarray of float64, shape (periods + 1, k)
        Ends of the interval for how many there will be.
    entries : ndarray of float64, shape (k,)
        Customers who enter each tier in each period.
    level : float
        How often an interval holds the truth, if the assumption does.
    assumption : str
        In words.

    Examples
    --------
    >>> from customervalue.tiers import migration
    >>> moves = migration(["gold"] * 40 + ["lead"] * 60, ["gold"] * 25 + ["lead"] * 75, names=("gold", "lead"))
    >>> moves.forecast(1, rng=1)
    Customers in each tier, 1 period on, intervals 95 %
      Assumes that what customers do next depends on their present tier alone (no memory), at the rates observed once
      periods on  customers  gold   gold low  gold high  lead   lead low  lead high
      0           100.00     25     25        25         75     75        75
      1           100.00     15.62  9         22         84.38  77        90
    """

    names: tuple[str, ...]
    expected: FloatArray
    low: FloatArray
    high: FloatArray
    entries: FloatArray
    level: float
    assumption: str = _ASSUMPTION

    @property
    def share(self) -> FloatArray:
        """Expected share of each tier, shape (periods + 1, k); NaN where nobody is left."""
        total = self.expected.sum(axis=1, keepdims=True)
        none = np.full(self.expected.shape, np.nan)
        return np.asarray(np.divide(self.expected, total, out=none, where=total > 0))

    def _title(self) -> str:
        periods = len(self.expected) - 1
        on = "1 period" if periods == 1 else f"{periods:,} periods"
        return f"Customers in each tier, {on} on, intervals {100 * self.level:.4g} %\n  {self.assumption}"

    def _table(self) -> Mapping[str, AnyArray]:
        columns: dict[str, AnyArray] = {"periods_on": np.arange(len(self.expected))}
        columns["customers"] = self.expected.sum(axis=1)
        for place, name in enumerate(self.names):
            columns[name] = self.expected[:, place]
            columns[f"{name}_low"], columns[f"{name}_high"] = self.low[:, place], self.high[:, place]
        return columns


def forecast_mix(
    names: tuple[str, ...],
    counts: IntArray,
    periods: int,
    entries: Any,
    n: int,
    rng: np.random.Generator,
    level: float,
) -> MixForecast:
    """Expected numbers at the observed rates, and quantiles of simulated futures.

    Parameters
    ----------
    names : tuple of str, k names
    counts : ndarray of int64, shape (k + 1, k + 1)
        From each tier (row) to each (column); entries in the last row, exits in the last column.
    periods, entries, n, rng, level
        As `Migration.forecast` takes them.

    Returns
    -------
    MixForecast

    Examples
    --------
    >>> counts = np.array([[5, 5, 0], [0, 10, 0], [0, 0, 0]])
    >>> forecast_mix(("gold", "lead"), counts, 1, None, 10, np.random.default_rng(1), 0.9).expected
    array([[ 5. , 15. ],
           [ 2.5, 17.5]])
    """
    steps, futures = _periods(periods), check_count(n)
    new = _entries(names, counts, entries)
    rates = _rates(names, counts)
    start = counts[:, :-1].sum(axis=0)
    expected = [start.astype(np.float64)]
    for _ in range(steps):
        expected.append(expected[-1] @ rates[:, :-1] + new)
    each = np.broadcast_to(new, (futures, new.size))
    if np.ndim(entries) == 0 and new.any():
        each = _drawn_entries(counts[-1, :-1], None if entries is None else float(new.sum()), futures, rng)
    drawn = _futures(counts[:-1], start, each, steps, rng)
    tail = 0.5 - 0.5 * level
    low, high = np.quantile(drawn, (tail, 1 - tail), axis=1, method="inverted_cdf")
    return MixForecast(names, np.array(expected), low, high, new, level)


def _drawn_entries(observed: IntArray, total: float | None, n: int, rng: np.random.Generator) -> FloatArray:
    """Rates of entry that may lie behind those counted, shape (n, k); of a given total if there is one.

    A count has a gamma distribution of the rate behind it; where nobody entered it is zero, as in the expectation.
    """
    rates = rng.standard_gamma(observed, size=(n, observed.size))
    return rates if total is None else rates * (total / rates.sum(axis=1, keepdims=True))


def _futures(counts: IntArray, start: IntArray, entries: FloatArray, steps: int, rng: np.random.Generator) -> IntArray:
    """Customers in each tier in each period of n futures with these rates of entry, shape (steps + 1, n, k)."""
    n, k = entries.shape
    # The prior of each row is worth one customer, divided evenly.
    weights = rng.standard_gamma(counts + 1 / (k + 1), size=(n, *counts.shape))
    rates = weights / weights.sum(axis=2, keepdims=True)
    now = np.broadcast_to(start, (n, k)).astype(np.int64)
    path = [now]
    for _ in range(steps):
        moved = rng.multinomial(now, rates).sum(axis=1)[:, :k]
        now = moved + rng.poisson(entries)
        path.append(now)
    return np.array(path)


def stationary_mix(names: tuple[str, ...], counts: IntArray, entries: Any) -> FloatArray:
    """Shares to which the mix converges, or around which it circles if customers go round in step.

    Parameters
    ----------
    names, counts, entries
        As `forecast_mix` takes them.

    Returns
    -------
    ndarray of float64, shape (k,)

    Examples
    --------
    >>> stationary_mix(("gold", "lead"), np.array([[5, 5, 0], [0, 5, 5], [10, 0, 0]]), None)
    array([0.5, 0.5])
    """
    new = _entries(names, counts, entries)
    stay = _rates(names, counts)[:, :-1]
    k = len(names)
    closed = bool(np.all(counts[:-1, -1] == 0))
    if closed:
        system = np.concatenate([np.eye(k) - stay.T, np.ones((1, k))])
        if np.linalg.matrix_rank(np.eye(k) - stay) == k - 1:
            mix = np.linalg.lstsq(system, np.append(np.zeros(k), 1.0))[0]
            return np.asarray(np.maximum(mix, 0.0) / np.maximum(mix, 0.0).sum())
        raise invalid("counts", "there is no single mix in the long run: some tiers are never reached from others")
    if np.max(np.abs(np.linalg.eigvals(stay))) > 1 - _CAUGHT:
        rule = "there is no mix in the long run: some tiers are never left, while customers leave from others"
        raise invalid("counts", rule, "Merge tiers, or take a longer period.")
    if not np.any(new > 0):
        advice = "Pass `entries=`, the number of customers who enter."
        raise invalid("entries", "in the long run nobody is left: customers leave and none enter", advice)
    mix = np.linalg.solve(np.eye(k) - stay.T, new)
    return np.asarray(mix / mix.sum())


def _rates(names: tuple[str, ...], counts: IntArray) -> FloatArray:
    """Observed rates of the tiers, shape (k, k + 1)."""
    total = counts[:-1].sum(axis=1, keepdims=True)
    empty = [name for name, number in zip(names, total[:, 0], strict=True) if number == 0]
    if empty:
        rule = f"nobody was in {', '.join(empty)} before, so what becomes of its customers is not known"
        raise invalid("before", rule, "Merge it with its neighbour, or look at a period in which it had customers.")
    return np.asarray(counts[:-1] / total)


def _periods(periods: int) -> int:
    number = check_number("periods", periods)
    if not (number >= 1 and number == np.floor(number) and number < np.inf):
        raise invalid("periods", f"`periods` must be a whole number, 1 or more, and is {periods!r}")
    return int(number)


def _entries(names: tuple[str, ...], counts: IntArray, entries: Any) -> FloatArray:
    """Customers who enter each tier in a period, shape (k,)."""
    observed = counts[-1, :-1].astype(np.float64)
    if entries is None:
        return observed
    if np.ndim(entries) == 0:
        number = check_number("entries", entries)
        if not 0 <= number < np.inf:
            raise invalid("entries", f"`entries` must be finite and not negative, and is {number:g}")
        if number > 0 and not observed.any():
            advice = f"Pass one number for each of {', '.join(names)}."
            raise invalid("entries", "nobody entered in this period, so new customers cannot be divided", advice)
        return observed * (number / observed.sum()) if number > 0 else np.zeros(len(names))
    checker = Checker("the entries")
    listed = checker.amounts("entries", entries)
    if listed is not None and listed.size != len(names):
        checker.add("entries", f"`entries` must have one number for each of the {len(names)} tiers, not {listed.size}")
    checker.done()
    return np.asarray(listed)
