"""What a fitted model says about the cells of a cohort table that have not happened yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from customervalue.errors import InvalidInputError, Problem
from customervalue.summary import CustomerSummary
from customervalue.transactions.periods import period_of, period_starts
from customervalue.units import DAYS

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.retention._cohort_table import CohortTable

__all__ = ["ContractLike", "Projection", "PurchaseLike", "project_contracts", "project_purchases"]

_SUBJECT = "the completion of a cohort table"


class ContractLike(Protocol):
    """A model of contracts, as far as this module needs it."""

    def survival(self, t: Any) -> Any:
        """Share of customers who are still there after t renewals."""


class PurchaseLike(Protocol):
    """A model of purchases, as far as this module needs it."""

    time_unit: str

    def expected_purchases(self, customers: CustomerSummary, horizon: float, *, after: float = 0.0) -> Any:
        """Expected purchases of each in (T + after, T + after + horizon]."""

    def probability_active(self, customers: CustomerSummary, horizon: float) -> Any:
        """Probability of at least one purchase of each in (T, T + horizon]."""

    def simulate_future(self, customers: CustomerSummary, horizon: float, rng: Any) -> Any:
        """One possible future: purchases with their `customer` and `time`."""


class Projection(NamedTuple):
    """Cells of all ages; NaN where a model says nothing."""

    active: FloatArray
    orders: FloatArray | None
    error: FloatArray | None


def project_contracts(table: CohortTable, model: ContractLike, through: int) -> Projection:
    """Cells of size by survival, from the last cell that was seen in full on.

    Parameters
    ----------
    table : CohortTable
    model : a model of contracts
    through : int
        The last age.

    Returns
    -------
    Projection
        Cells of shape (cohorts, through + 1), those that were seen included.
    """
    ages = np.arange(through + 1)
    survival = np.asarray(model.survival(ages), dtype=np.float64)
    full = table.seen & ~table.partial
    full[:, 0] = True  # all customers who came so far, also where more may come
    last = full.shape[1] - 1 - np.argmax(full[:, ::-1], axis=1)
    known = table.active[np.arange(last.size), last]
    with np.errstate(invalid="ignore", divide="ignore"):
        share = survival[None, :] / survival[last][:, None]
    share = np.where(survival[last][:, None] > 0, share, 0.0)
    return Projection(known[:, None] * share, None, None)


@dataclass(frozen=True)
class _Windows:
    """The future periods, as times after the end of observation in a model's unit.

    Attributes
    ----------
    ordinal : ndarray of int64, shape (k,)
        The periods; the first is the last one of the table, if that was observed in part.
    after, horizon : ndarray of float64, shape (k,)
        Where each begins, and how long it is.
    begun : bool
        Whether the first is observed in part.
    """

    ordinal: IntArray
    after: FloatArray
    horizon: FloatArray
    begun: bool

    @classmethod
    def of(cls, table: CohortTable, unit: str, through: int) -> _Windows:
        end = table.observation_end.astype("datetime64[D]")
        last, youngest = int(period_of(end, table.unit)), int(period_of(table.cohort_start[-1], table.unit))
        begun = bool(table.partial.any())
        ordinal = np.arange(last + (not begun), youngest + through + 1)
        starts, stops = (
            (period_starts(ordinal + i, table.unit) - end - np.timedelta64(1, "D")).astype(np.int64) for i in (0, 1)
        )
        starts = np.maximum(starts, 0)
        return cls(ordinal, starts / DAYS[unit], (stops - starts) / DAYS[unit], begun)


class _Members(NamedTuple):
    """Which cohort each customer is in, how many he stands for, and whether he was active in the last period."""

    row: IntArray
    weight: FloatArray
    active: BoolArray


def project_purchases(
    table: CohortTable, model: PurchaseLike, customers: CustomerSummary | None, through: int, rng: Any, draws: int
) -> Projection:
    """Expected orders and active customers, added up over the members of each cohort.

    Parameters
    ----------
    table : CohortTable
    model : a model of purchases
    customers : CustomerSummary
        The histories of the customers of the table.
    through : int
        The last age.
    rng : numpy.random.Generator, int or None
        Simulate active customers of periods after the next one, where it is given.
    draws : int
        Simulated futures.

    Returns
    -------
    Projection
        Cells of shape (cohorts, through + 1); what was seen of a period that is not over is included.
    """
    members = _members(table, model, customers)
    assert customers is not None
    windows = _Windows.of(table, model.time_unit, through)
    shape = (len(table), through + 1)
    orders, active = np.full(shape, np.nan), np.full(shape, np.nan)
    error = None if rng is None else np.zeros(shape)
    first = period_of(table.cohort_start, table.unit)
    simulated = None if rng is None else _simulate(model, customers, windows, members, (len(table), rng, draws))
    for k, ordinal in enumerate(windows.ordinal.tolist()):
        age = ordinal - first
        cells = np.flatnonzero((age >= 0) & (age <= through))
        place = (cells, age[cells])
        expected = model.expected_purchases(customers, float(windows.horizon[k]), after=float(windows.after[k]))
        orders[place] = _by_cohort(members, expected, shape[0])[cells]
        if k == 0:
            chance = np.asarray(model.probability_active(customers, float(windows.horizon[k])))
            active[place] = _by_cohort(members, np.where(members.active & windows.begun, 0, chance), shape[0])[cells]
        elif simulated is not None and error is not None:
            active[place], error[place] = simulated[0][k, cells], simulated[1][k, cells]
    begun = table.partial
    active[:, : begun.shape[1]][begun] += table.active[begun]
    if table.orders is not None:
        orders[:, : begun.shape[1]][begun] += table.orders[begun]
    return Projection(active, orders, error)


def _by_cohort(members: _Members, values: Any, size: int) -> FloatArray:
    weights: FloatArray = np.asarray(values, dtype=np.float64) * members.weight
    return np.asarray(np.bincount(members.row, weights=weights, minlength=size), dtype=np.float64)


def _members(table: CohortTable, model: PurchaseLike, customers: Any) -> _Members:
    """Find each customer's cohort by his T, and check that these are the customers of the table."""
    problems: list[Problem] = []
    if table.cohort_unit != table.unit:
        rule = f"cohorts and periods must have the same unit, and have {table.cohort_unit!r} and {table.unit!r}"
        problems.append(Problem("table", rule, "A purchase model completes tables with cohort=period only."))
    if not isinstance(customers, CustomerSummary):
        rule = "a purchase model needs the histories of the customers"
        advice = "Pass customers=summarize(log, ...) with the same log and the same `observation_end`."
        problems.append(Problem("customers", rule, advice))
    elif customers.time_unit != model.time_unit:
        rule = f"the model is in time unit {model.time_unit!r} and the summary in {customers.time_unit!r}"
        problems.append(Problem("customers", rule, "Summarize in the model's unit, or fit a model in the summary's."))
    if problems:
        raise InvalidInputError(_SUBJECT, problems)
    end = table.observation_end.astype("datetime64[D]").astype(np.int64)
    days = DAYS[customers.time_unit]
    first = end - np.rint(customers.T * days).astype(np.int64)
    last = first + np.rint(customers.recency * days).astype(np.int64)
    cohort = period_of(first, table.unit)
    own = period_of(table.cohort_start, table.unit)
    row = np.minimum(np.searchsorted(own, cohort), own.size - 1)
    weight = np.ones(len(customers)) if customers.weights is None else customers.weights.astype(np.float64)
    now = period_of(last, table.unit) == period_of(end, table.unit)
    members = _Members(row, weight, now)
    reach = int(period_of(end, table.unit)) - own
    seen = table.active[np.arange(own.size), reach]
    size, active = (_by_cohort(members, values, own.size) for values in (np.ones(row.size), now))
    if (own[row] != cohort).any() or (size != table.size).any() or (active != seen).any():
        mine, theirs = (f"{n.sum():,.0f} with {a.sum():,.0f} active" for n, a in ((size, active), (table.size, seen)))
        rule = f"the customers must be those of the table, and are not: {mine} in the last period, against {theirs}"
        advice = "Summarize the same log with the same `observation_end` (and `grain`)."
        raise InvalidInputError(_SUBJECT, [Problem("customers", rule, advice)])
    return members


def _simulate(
    model: PurchaseLike, customers: CustomerSummary, windows: _Windows, members: _Members, how: tuple[int, Any, int]
) -> tuple[AnyArray, AnyArray]:
    """Active customers by period and cohort: their mean over simulated futures, and its standard error."""
    size, rng, draws = how
    if not windows.ordinal.size:
        return np.zeros((0, size)), np.zeros((0, size))
    source = np.random.default_rng(rng)
    each = np.repeat(np.arange(len(customers)), members.weight.astype(np.int64))
    people = customers[each]
    ends = windows.after + windows.horizon
    row, active = members.row[each], members.active[each] & windows.begun
    counts = np.zeros((draws, ends.size, size))
    for counted in counts:
        future = model.simulate_future(people, float(ends[-1]), source)
        # A customer is counted once in each period; his purchases are together, in the order of time.
        key = np.asarray(future.customer) * (ends.size + 1) + np.searchsorted(ends, future.time)
        key = np.unique(key)
        who, when = np.divmod(key, ends.size + 1)
        kept = (when < ends.size) & ~((when == 0) & active[who])
        cells = np.bincount(when[kept] * size + row[who[kept]], minlength=ends.size * size)
        counted[:] = cells.reshape(ends.size, size)
    return counts.mean(axis=0), counts.std(axis=0, ddof=1) / np.sqrt(draws)
