"""What attrition asks of a purchase model, and how it asks: groups of customers, a cohort just acquired, and draws."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from customervalue.errors import ConvergenceError, invalid
from customervalue.estimation.draws import Draws
from customervalue.numerics.gamma import log_gamma_ratio
from customervalue.summary import CustomerSummary

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Groups", "NewCustomers", "PurchaseModel", "batches_of_draws", "check_model", "quantiles"]

#: Purchases of a customer just acquired are counted up to this many at first, and no further than to the last.
_FIRST, _MOST = 64, 1 << 17
#: What the histories that were not counted may be worth.
_NEGLIGIBLE = 1e-9


class PurchaseModel(Protocol):
    """What is asked of a purchase model; those of `clv` answer it, and so may any other.

    Attributes
    ----------
    time_unit : {"W", "D", "M", "Y"}
        Unit of its times.

    Examples
    --------
    >>> from customervalue import clv
    >>> model: PurchaseModel = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> model.time_unit
    'W'
    """

    @property
    def time_unit(self) -> str:
        """Unit of its times."""

    def probability_alive(self, customers: CustomerSummary, *, after: float = 0.0) -> FloatArray:
        """Probability that each customer is alive, at this time after the end of observation; shape (n,)."""

    def probability_active(self, customers: CustomerSummary, horizon: float) -> FloatArray:
        """Probability that each customer buys within this time; shape (n,)."""

    def expected_purchases(self, customers: CustomerSummary, horizon: float, *, after: float = 0.0) -> FloatArray:
        """Expected purchases within this time, from `after` on; shape (n,)."""

    def log_likelihood(self, customers: CustomerSummary) -> FloatArray:
        """Log density of each history, of all its purchase times; shape (n,)."""

    def overdue(self, customers: CustomerSummary) -> FloatArray:
        """Probability that he would have bought by now, were he alive; shape (n,)."""

    def draws(self, n: int, rng: np.random.Generator | int | None) -> Iterable[Any]:
        """Draw models that the data leave possible."""


def check_model(model: Any, calls: Sequence[str], *, drawn: bool = True) -> Any:
    """Return the model itself, of draws the one they lie around; raise if it cannot answer these calls."""
    estimate = model.model if isinstance(model, Draws) and drawn else model
    absent = [name for name in ("time_unit", *calls) if not hasattr(estimate, name)]
    if absent:
        kind = type(estimate).__name__
        rule = f"`model` must be a purchase model, and is a {kind}, without {', '.join(absent)}"
        raise invalid("model", rule, "Pass a fitted model, such as clv.BGNBD.fit(customers).")
    return estimate


def batches_of_draws(model: Any, n: int, rng: np.random.Generator) -> Iterable[Any]:
    """Models that the data leave possible; of draws themselves, all of them."""
    if isinstance(model, Draws):
        return model
    if not hasattr(model, "draws"):
        rule = f"an interval needs a model that can draw its parameters, and {type(model).__name__} cannot"
        raise invalid("model", rule, "Leave out `level`.")
    drawn: Iterable[Any] = model.draws(n, rng)
    return drawn


def quantiles(values: FloatArray, tail: float, *, whole: bool) -> tuple[FloatArray, FloatArray]:
    """Ends of an interval over the first axis; whole numbers stay whole."""
    low, high = np.quantile(values, (tail, 1 - tail), axis=0, method="inverted_cdf" if whole else "linear")
    return low, high


@dataclass(frozen=True)
class Groups:
    """Customers by group, equal histories of a group put together.

    Attributes
    ----------
    distinct : CustomerSummary, u histories
        The distinct ones.
    history, place : ndarray of int64, shape (c,)
        For each combination that occurs, the history and the group.
    count : ndarray of int64, shape (c,)
        Customers with this history in this group.
    names : ndarray, shape (g,)
        Of the groups, ascending.
    """

    distinct: CustomerSummary
    history: IntArray
    place: IntArray
    count: IntArray
    names: AnyArray

    @classmethod
    def of(cls, by: Any, customers: CustomerSummary) -> Groups:
        """Group customers; without `by`, all into one."""
        rows = customers.unique
        distinct = CustomerSummary(rows.frequency, rows.recency, rows.T, time_unit=customers.time_unit)
        names, place = np.array(["total"], dtype=object), np.zeros(len(customers), dtype=np.int64)
        if by is not None:
            names, place = _named(by, len(customers))
        weights = np.ones(len(customers), dtype=np.int64) if customers.weights is None else customers.weights
        code, inverse = np.unique(rows.inverse * names.size + place, return_inverse=True)
        count = np.zeros(code.size, dtype=np.int64)
        np.add.at(count, inverse, weights)
        return cls(distinct, code // names.size, code % names.size, count, names)

    @property
    def customers(self) -> IntArray:
        """Customers of each group, shape (g,)."""
        return self._sum(self.count).astype(np.int64)

    def total(self, values: FloatArray) -> FloatArray:
        """Sums over each group of one number per history."""
        return self._sum(values[self.history] * self.count)

    def happened(self, chances: FloatArray, rng: np.random.Generator) -> FloatArray:
        """How many customers of each group it happens to, with these chances per history."""
        return self._sum(rng.binomial(self.count, np.clip(chances[self.history], 0.0, 1.0)))

    def _sum(self, values: AnyArray) -> FloatArray:
        return np.bincount(self.place, values, minlength=self.names.size).astype(np.float64)


def _named(by: Any, size: int) -> tuple[AnyArray, IntArray]:
    labels = np.asarray(by)
    if labels.shape != (size,):
        rule = f"`by` must name a group for each of the {size:,} customers, and has shape {labels.shape}"
        raise invalid("by", rule)
    try:
        names, place = np.unique(labels, return_inverse=True)
        missing = bool(np.any(names != names))
    except TypeError:
        missing = True
    if missing:
        raise invalid("by", "`by` must hold names that can be sorted: texts or numbers, none missing")
    return names, place.reshape(-1).astype(np.int64)


class NewCustomers:
    """A cohort just acquired, in periods: the empty history, and all histories by the begin of each later period."""

    def __init__(self, model: Any, ends: FloatArray) -> None:
        self._starts, self._lengths = np.concatenate([[0.0], ends[:-1]]), np.diff(ends, prepend=0.0)
        self._ends, self._unit = ends, model.time_unit
        self._whole = bool(getattr(model, "whole_time", False))
        self._empty = CustomerSummary(0, 0.0, 0.0, time_unit=self._unit)
        self._most = _FIRST
        self._set_histories()

    def _set_histories(self) -> None:
        """Histories with 0, 1, 2, ... purchases by the begin of each period, the last one right then."""
        starts = self._starts
        limit = np.minimum(starts, self._most) if self._whole else np.where(starts > 0, self._most, 0)
        x = np.concatenate([np.arange(int(top) + 1) for top in limit])
        self._period = np.repeat(np.arange(starts.size), (limit + 1).astype(np.int64))
        s = starts[self._period]
        self._histories = CustomerSummary(x, np.where(x > 0, s, 0.0), s, time_unit=self._unit)
        ways = -log_gamma_ratio(1.0, x)
        if self._whole:
            ways = ways + log_gamma_ratio(s - x + 1.0, x.astype(np.float64))
        else:
            ways = ways + x * np.log(np.where(x > 0, s, 1.0))
        self._ways = ways

    def curves(self, model: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Alive at the end of each period, buying in it, and purchases in it; shape (h,) each."""
        alive = [model.probability_alive(self._empty, after=t)[0] for t in self._ends.tolist()]
        pairs = zip(self._starts.tolist(), self._lengths.tolist(), strict=True)
        purchases = [model.expected_purchases(self._empty, length, after=start)[0] for start, length in pairs]
        at_start = np.concatenate([model.probability_alive(self._empty), alive[:-1]])
        return np.array(alive), self._buying(model, at_start), np.array(purchases)

    def _buying(self, model: Any, alive: FloatArray) -> FloatArray:
        """Share that buys in each period, given the share that is alive at its begin."""
        while True:
            chance = np.exp(model.log_likelihood(self._histories) + self._ways)
            counted = self._sum(chance * model.probability_alive(self._histories))
            if self._whole or np.all(alive - counted <= _NEGLIGIBLE):
                break
            if self._most >= _MOST:
                raise ConvergenceError(
                    f"customers just acquired make more than {_MOST:,} purchases within these horizons, too many to "
                    "sum over. Shorten the horizons."
                )
            self._most *= 4
            self._set_histories()
        active = np.empty(len(self._histories))
        for length in np.unique(self._lengths):
            those = np.flatnonzero(self._lengths[self._period] == length)
            active[those] = model.probability_active(self._histories[those], float(length))
        return self._sum(chance * active)

    def _sum(self, values: FloatArray) -> FloatArray:
        return np.bincount(self._period, values, minlength=self._starts.size).astype(np.float64)
