"""Filling the part of a cohort table that has not happened yet from a fitted model, and testing how well that goes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np

from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.retention._cohort_table import CohortTable
from customervalue.retention._completed import Backtest, CompletedTable
from customervalue.retention._projection import project_contracts, project_purchases
from customervalue.retention.cohorts import cohort_table
from customervalue.transactions import summarize
from customervalue.transactions.periods import period_of, period_starts
from customervalue.units import DAYS

if TYPE_CHECKING:
    from customervalue.retention._projection import ContractLike, PurchaseLike
    from customervalue.summary import CustomerSummary
    from customervalue.transactions import Instant
    from customervalue.transactions.periods import Period
    from customervalue.units import TimeUnit

__all__ = ["Backtest", "CompletedTable", "backtest", "complete"]

_MODELS = "a model of contracts (ShiftedBetaGeometric and the like) or of purchases (BGNBD and the like)"


def complete(
    table: CohortTable,
    model: ContractLike | PurchaseLike,
    *,
    customers: CustomerSummary | None = None,
    through: int | None = None,
    rng: np.random.Generator | int | None = None,
    draws: int = 200,
) -> CompletedTable:
    """Fill the cells of a cohort table that have not happened yet from a fitted model.

    Parameters
    ----------
    table : CohortTable
        What was seen.
    model : model of contracts or of purchases
        Anything with `survival(t)`, such as `ShiftedBetaGeometric`: each cohort goes on from its last cell that was
        seen in full, by the ratio of the survivals at the two ages. Or anything with `expected_purchases` and
        `probability_active`, such as `clv.BGNBD`: expectations given each customer's history, added up over the
        members of each cohort.
    customers : CustomerSummary, optional
        For a model of purchases, the histories: of the same log, with the same `observation_end`.
    through : int, optional
        The last age to fill; by default the last of the table, which makes a rectangle of the triangle.
    rng : numpy.random.Generator or int, optional
        For a model of purchases: simulate the active customers of later periods, as said below; an int seeds one.
    draws : int
        How many futures to simulate, >= 2.

    Returns
    -------
    CompletedTable
        Seen cells as they were, projected ones marked. No new customers are projected: a cohort whose period is not
        over has the customers who have come so far.

    Raises
    ------
    InvalidInputError
        With every problem found: something that is no such model, a model in another unit, `customers` missing or not
        those of the table, cohorts longer than periods for a model of purchases, `through` before the end of the table.

    Notes
    -----
    Expected orders are what the model says of every period, also of the rest of one that was observed in part. So is
    the expected number of active customers, those with at least one purchase, in the first of the periods that are not
    over. For later ones models give no probability of a purchase, and the number is NaN, unless `rng` is given: then it
    is the mean over simulated futures, and `active_error` its standard error.

    The projection of a contract model starts from what is there. Where a cohort has fared better than the model says,
    it stays better.

    References
    ----------
    .. [1] Fader & Hardie (2007), Journal of Interactive Marketing 21(1), 76-90: survival of a cohort, eq. (6).
    .. [2] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, eq. (10): purchases given a history.

    Examples
    --------
    >>> import customervalue as cv
    >>> from customervalue.retention import cohort_table, complete
    >>> log, end = cv.datasets.load_cdnow(), "1997-07-31"
    >>> customers = cv.summarize(log, observation_end=end)
    >>> model = cv.clv.BGNBD.fit(customers)
    >>> complete(cohort_table(log, observation_end=end), model, customers=customers)
    CompletedTable: 3 monthly cohorts, ages 0 to 6 months, 3 of 21 cells projected
    orders; [projected]
      cohort   size  0    1    2    3   4   5       6
      1997-01  781   873  174  129  96  91  91      89
      1997-02  857   981  175  139  97  96  102     [92.2]
      1997-03  719   837  116  99   95  77  [75.2]  [67.2]
    """
    ages = _check(table, model, through, draws)
    contract = _is_contract(model)
    if contract:
        found = project_contracts(table, cast("ContractLike", model), ages)
    else:
        found = project_purchases(table, cast("PurchaseLike", model), customers, ages, rng, draws)
    shape = (len(table), ages + 1)
    seen = np.zeros(shape, np.bool_)
    seen[:, : table.age.size] = table.seen & ~table.partial
    if contract:
        seen[:, 0] = True

    def filled(past: Any, future: Any) -> Any:
        if past is None or future is None:
            return None
        cells = np.array(future)
        cells[seen] = past[seen[:, : table.age.size]]
        return cells

    error = None if found.error is None else np.where(seen, 0.0, found.error)
    return CompletedTable(
        table=table,
        age=np.arange(shape[1]),
        active=filled(table.active, found.active),
        orders=filled(table.orders, found.orders),
        projected=~seen,
        active_error=error,
    )


def _is_contract(model: Any) -> bool:
    return callable(getattr(model, "survival", None))


def _check(table: Any, model: Any, through: Any, draws: Any) -> int:
    """Give the last age to fill, once all is in order."""
    if not isinstance(table, CohortTable):
        rule = f"`table` must be a CohortTable, and is a {type(table).__name__}"
        raise invalid("table", rule, "Make one: cohort_table(log), or CohortTable.from_frame(counts).")
    problems: list[Problem] = []
    last = int(table.age[-1])
    ages = last if through is None else through
    if not _is_whole(ages, last):
        rule = f"`through` must be a whole number, the last age of the table ({last}) or a later one, and is {ages!r}"
        problems.append(Problem("through", rule))
    if not _is_whole(draws, 2):
        problems.append(Problem("draws", f"`draws` must be a whole number >= 2, and is {draws!r}"))
    if isinstance(model, type) or not (_is_contract(model) or callable(getattr(model, "expected_purchases", None))):
        what = f"the class {model.__name__}" if isinstance(model, type) else f"a {type(model).__name__}"
        problems.append(Problem("model", f"`model` must be {_MODELS}, fitted, and is {what}"))
    elif _is_contract(model) and table.unit in DAYS and getattr(model, "time_unit", table.unit) != table.unit:
        rule = f"the model is in time unit {model.time_unit!r} and the table in {table.unit!r}"
        problems.append(Problem("model", rule, f"Fit it with time_unit={table.unit!r}."))
    if problems:
        raise InvalidInputError("the completion of a cohort table", problems)
    return int(ages)


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and bool(value >= least)


def backtest(
    data: Any,
    model: Any,
    k: int,
    *,
    of: Literal["active", "orders"] | None = None,
    customer: str = "customer_id",
    date: str = "date",
    period: Period = "M",
    observation_end: Instant | None = None,
    time_unit: TimeUnit = "W",
    rng: np.random.Generator | int | None = None,
    draws: int = 200,
) -> Backtest:
    """Hide the last k periods, fit to what is left, project, and compare with what happened.

    Parameters
    ----------
    data : CohortTable, or a log as `cohort_table` takes it
        A table will do for a model of contracts; a model of purchases needs the log, from which the customers are
        summarized as they were before the hidden periods.
    model : class or callable
        `ShiftedBetaGeometric` or any class with `fit_survivors`, which is given the active customers by cohort and age;
        `clv.BGNBD` or any class with `fit`, which is given the customers; or a function of the table and the customers
        (None, for a table) that returns a fitted model.
    k : int
        How many periods to hide, >= 1. A last period that was observed in part is left out before.
    of : {"active", "orders"}, optional
        What to compare; by default active customers for contracts and orders for purchases. Active customers of a model
        of purchases need `rng` where k > 1.
    customer, date, period, observation_end
        As in `cohort_table`, for a log.
    time_unit : {"W", "D", "M", "Y"}
        In which customers are summarized.
    rng, draws
        As in `complete`.

    Returns
    -------
    Backtest
        The hidden cells of the cohorts that were there before.

    Raises
    ------
    InvalidInputError
        If there are not more than k periods, cohorts and periods differ, `model` cannot be fitted, or a table is given
        where a log is needed.

    Examples
    --------
    >>> import customervalue as cv
    >>> from customervalue.retention import backtest
    >>> backtest(cv.datasets.load_cdnow(), cv.clv.BGNBD, 3, observation_end="1998-06-30")
    Backtest of orders, 3 periods hidden, 3 cohorts
      ahead  cells  actual  projected  error  error in %
      1      3      159     210.9      51.9   32.6
      2      3      168     212.7      44.7   26.6
      3      3      168     201.2      33.2   19.8
      all    9      495     624.9      129.9  26.2
    """
    if not _is_whole(k, 1):
        raise invalid("k", f"`k` must be a whole number of periods >= 1, and is {k!r}")
    names: dict[str, Any] = {"customer": customer, "date": date}
    table: CohortTable = data
    if not isinstance(data, CohortTable):
        table = cohort_table(data, **names, cohort=period, period=period, observation_end=observation_end)
    if table.cohort_unit != table.unit:
        raise invalid("data", "a backtest needs cohorts and periods of the same unit", "Use cohort=period.")
    full = int(period_of(table.observation_end, table.unit)) - bool(table.partial.any())
    kept = full - int(k)
    first = int(period_of(table.cohort_start[0], table.unit))
    if first > kept:
        rule = f"there must be more than k = {k} periods, and {full + 1 - first} were seen in full"
        raise invalid("k", rule, "Hide fewer, or use shorter periods.")
    shown = _until(table, kept)
    fitted, customers = _fitted(model, shown, None if data is table else data, names, time_unit)
    done = complete(shown, fitted, customers=customers, through=full - first, rng=rng, draws=draws)
    measure = of if of is not None else "active" if done.orders is None else "orders"
    return _compared(table, done, measure, kept, full)


def _until(table: CohortTable, last: int) -> CohortTable:
    """The table as it was at the end of an earlier period."""
    first = period_of(table.cohort_start, table.unit)
    rows = first <= last
    ages = last - int(first[0]) + 1
    hidden = first[rows][:, None] + np.arange(ages) > last

    following: Any = period_starts(last + 1, table.unit)

    def cut(cells: Any) -> Any:
        return None if cells is None else np.where(hidden, np.nan, cells[rows, :ages])

    return CohortTable(
        cohort=table.cohort[rows],
        cohort_start=table.cohort_start[rows],
        age=table.age[:ages],
        size=table.size[rows],
        active=cut(table.active),
        orders=cut(table.orders),
        spend=cut(table.spend),
        partial=np.zeros(hidden.shape, np.bool_),
        cohort_unit=table.cohort_unit,
        unit=table.unit,
        observation_end=following.astype("datetime64[us]")[()] - np.timedelta64(1, "us"),
        backend=table.backend,
    )


def _fitted(
    model: Any, shown: CohortTable, log: Any, names: dict[str, Any], time_unit: TimeUnit
) -> tuple[Any, CustomerSummary | None]:
    """Fit to what is shown."""
    if isinstance(model, type) and hasattr(model, "fit_survivors"):
        unit = {"time_unit": shown.unit} if shown.unit in DAYS else {}
        return cast("Any", model).fit_survivors(shown.active, **unit), None
    customers = None
    if log is not None:
        customers = summarize(log, **names, time_unit=time_unit, observation_end=shown.observation_end)
    if isinstance(model, type):
        if not hasattr(model, "fit"):
            raise invalid("model", f"`model` must be a class with `fit`, or a function, and is {model.__name__}")
        if customers is None:
            rule = f"{model.__name__} is fitted to customers, and a table has none"
            raise invalid("data", rule, "Pass the log instead of the table.")
        return model.fit(customers), customers
    if not callable(model):
        rule = f"`model` must be a class that can be fitted, or a function that fits, and is a {type(model).__name__}"
        raise invalid("model", rule, "It is fitted to what is left when the last periods are hidden.")
    return model(shown, customers), customers


def _compared(table: CohortTable, done: CompletedTable, of: str, kept: int, full: int) -> Backtest:
    if of not in ("active", "orders"):
        raise invalid("of", f"`of` must be 'active' or 'orders', and is {of!r}")
    projected, actual = getattr(done, of), getattr(table, of)
    if projected is None or actual is None:
        raise invalid("of", f"this model or table says nothing of {of}", "Compare the other.")
    rows, ages = projected.shape
    period = period_of(table.cohort_start[:rows], table.unit)[:, None] + np.arange(ages)
    ahead = np.where((period > kept) & (period <= full), period - kept, 0)
    if np.isnan(projected[ahead > 0]).any():
        raise invalid("rng", "active customers of later periods are simulated", "Pass `rng=`, or hide one period only.")
    return Backtest(
        of=of,
        cohort=done.table.cohort,
        age=done.age,
        ahead=ahead,
        actual=np.where(ahead > 0, actual[:rows, :ages], np.nan),
        projected=np.where(ahead > 0, projected, np.nan),
    )
