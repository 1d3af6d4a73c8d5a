"""Retention where nobody gives notice: what a purchase model says of who is still a customer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.retention._attrition_models import (
    Groups,
    NewCustomers,
    PurchaseModel,
    batches_of_draws,
    check_model,
    quantiles,
)
from customervalue.retention._attrition_results import ActiveCustomers, OverdueCustomers, RetentionCurve
from customervalue.summary import CustomerSummary, check_summary
from customervalue.units import DAYS, check_horizon, check_number, check_times

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, Many
    from customervalue.estimation.draws import Draws

__all__ = [
    "ActiveCustomers",
    "OverdueCustomers",
    "PurchaseModel",
    "RetentionCurve",
    "expected_active",
    "overdue_customers",
    "retention_curve",
]


def expected_active(
    model: PurchaseModel | Draws[Any],
    customers: CustomerSummary,
    *,
    by: Any = None,
    level: float | None = None,
    kind: Literal["expectation", "predictive"] = "predictive",
    n: int = 1000,
    rng: np.random.Generator | int | None = None,
) -> ActiveCustomers:
    """Count the customers who are still there, where nobody says that he left.

    Each customer counts with his probability of being alive. That is not the number of customers who bought recently:
    some of these have left since, and some who have not bought for long are only slow.

    Parameters
    ----------
    model : purchase model, or Draws of one
        Such as `clv.BGNBD` or `clv.ParetoNBD`, fitted if an interval is wanted. A model draws its parameters itself;
        pass `model.draws(n, rng, customers=...)` or `clv.bootstrap(...)` for better ones.
    customers : CustomerSummary, m customers
        Histories, in the time unit of the model.
    by : array_like, shape (m,), optional
        Group of each customer, such as the month he was acquired in; the total of all by default.
    level : float, optional
        Of an interval, between 0 and 1; none by default.
    kind : {"predictive", "expectation"}
        What the interval is of: how many of these very customers are alive (the parameters are uncertain, and each
        customer is alive or not by chance), or of its expectation (the parameters alone).
    n : int
        How many draws, where `model` is a model.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.

    Returns
    -------
    ActiveCustomers

    Raises
    ------
    InvalidInputError
        If `model` is no purchase model, has no inference while an interval is asked for, or is in another time unit
        than `customers`; if `by` does not fit them, or `level` or `kind` is out of range.

    Warns
    -----
    AssumptionWarning
        As `model.draws` does.

    Notes
    -----
    What "alive" means is the model's. In BG/NBD nobody leaves before his first repeat purchase, so that everyone who
    never came back counts in full; Pareto/NBD and MBG/NBD let them leave as well.

    References
    ----------
    .. [1] Schmittlein, Morrison & Colombo (1987), Management Science 33(1), 1-24: who are your customers, and how many.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> model = cv.clv.ParetoNBD.fit(customers)
    >>> expected_active(model, customers, level=0.9, n=200, rng=1)
    Customers still there, 90 % predictive
      group  customers  active   share   interval
      total  2,357      1,051.9  44.6 %  964.0 to 1,153.0
    """
    check_summary(customers)
    estimate = check_model(model, ("probability_alive",))
    if kind not in ("expectation", "predictive"):
        raise invalid("kind", f"`kind` must be 'expectation' or 'predictive', and is {kind!r}")
    groups = Groups.of(by, customers)
    active = groups.total(estimate.probability_alive(groups.distinct))
    low, high = None, None
    if level is not None:
        tail = 0.5 - 0.5 * check_level(level)
        source = np.random.default_rng(rng)
        totals = []
        for draw in batches_of_draws(model, n, source):
            alive = draw.probability_alive(groups.distinct)
            totals.append(groups.total(alive) if kind == "expectation" else groups.happened(alive, source))
        low, high = quantiles(np.array(totals), tail, whole=kind == "predictive")
    return ActiveCustomers(groups.names, groups.customers, active, low, high, level, None if level is None else kind)


def retention_curve(
    model: PurchaseModel | Draws[Any],
    horizons: Many,
    *,
    level: float | None = None,
    n: int = 1000,
    rng: np.random.Generator | int | None = None,
) -> RetentionCurve:
    """Say how a cohort just acquired will melt away, as a purchase model has it.

    Parameters
    ----------
    model : purchase model, or Draws of one
        As in `expected_active`.
    horizons : array_like of float, shape (h,)
        Times since acquisition, in time units; ascending, > 0. They are the ends of the periods; the first one begins
        with the acquisition.
    level : float, optional
        Of intervals, between 0 and 1; none by default.
    n : int
        How many draws, where `model` is a model.
    rng : numpy.random.Generator or int
        Source of randomness; an int seeds one.

    Returns
    -------
    RetentionCurve

    Raises
    ------
    InvalidInputError
        If `horizons` do not ascend or are not positive, and as `expected_active` does.

    Notes
    -----
    Three curves, which are often taken for one another. *Alive*: the share that has not left; nobody can see it.
    *Buying*: the share that will buy at least once within each period; it is what a cohort table shows, and lower, as
    whoever is alive need not buy in every period. *Purchases*: how many purchases the cohort will make in each
    period, per customer acquired.

    The interval is that of the expectation: it holds the uncertainty of the parameters. A cohort of a few hundred
    customers varies around it by chance besides.

    Buying is exact. With s the begin of a period, x purchases by then, and the customer alive, it does not matter when
    he bought. So P(x purchases by s, alive at s) is the likelihood of one such history, x purchases until exactly s,
    times the number of ways in which x purchases spread over the time: s^x / x!, or the binomial coefficient (s, x)
    where time is counted in opportunities. The sum over x of this times what such a customer will do is the answer.

    References
    ----------
    .. [1] Fader & Hardie (2010), Marketing Science 29(1), 85-93: what heterogeneity does to retention.
    .. [2] Schmittlein, Morrison & Colombo (1987), Management Science 33(1), 1-24, Pareto/NBD.

    Examples
    --------
    >>> from customervalue import clv
    >>> model = clv.ParetoNBD(r=0.553, alpha=10.578, s=0.606, beta=11.669)
    >>> curve = retention_curve(model, [13, 26, 39, 52])
    >>> curve
    Retention curve of new customers, in weeks
      until  alive   kept    buying  purchases
      13     63.5 %  63.5 %  29.3 %  0.531
      26     49.2 %  77.4 %  20.4 %  0.377
      39     41.1 %  83.6 %  16.3 %  0.304
      52     35.8 %  87.1 %  13.9 %  0.260
    """
    times = _check_horizons(horizons)
    estimate = check_model(model, ("probability_alive", "probability_active", "expected_purchases", "log_likelihood"))
    cohort = NewCustomers(estimate, times)
    curves = cohort.curves(estimate)
    ends: list[tuple[FloatArray | None, FloatArray | None]] = [(None, None)] * 3
    if level is not None:
        tail = 0.5 - 0.5 * check_level(level)
        drawn = [cohort.curves(draw) for draw in batches_of_draws(model, n, np.random.default_rng(rng))]
        ends = [quantiles(np.array([d[i] for d in drawn]), tail, whole=False) for i in range(3)]
    (alive_low, alive_high), (buying_low, buying_high), (purchases_low, purchases_high) = ends
    return RetentionCurve(
        times, *curves, alive_low, alive_high, buying_low, buying_high, purchases_low, purchases_high, level,
        estimate.time_unit,
    )  # fmt: skip


def _check_horizons(horizons: Many) -> FloatArray:
    times = np.atleast_1d(check_times("horizons", horizons))
    if times.ndim != 1 or times.size == 0:
        raise invalid("horizons", f"`horizons` must be a list of times, and has shape {times.shape}")
    if times[0] <= 0 or np.any(np.diff(times) <= 0):
        rule = "`horizons` must be positive and ascend"
        raise invalid("horizons", rule, "They are times since acquisition, such as range(13, 105, 13).")
    return times.copy()


def overdue_customers(
    model: PurchaseModel,
    customers: CustomerSummary,
    *,
    threshold: float = 0.95,
    least_alive: float = 0.2,
    horizon: float | None = None,
) -> OverdueCustomers:
    """Find the customers who are overdue by their own rhythm, and may yet be won back.

    Ten weeks of silence are nothing for someone who buys twice a year, and alarming for someone who bought every week.

    Parameters
    ----------
    model : purchase model
        Such as `clv.BGNBD` or `clv.ParetoNBD`.
    customers : CustomerSummary, n customers
        Histories, in the time unit of the model.
    threshold : float
        How unusual his silence must be: 0.95 means that only one in twenty of his waiting times would be longer, were
        he still a customer. Between 0 and 1.
    least_alive : float
        Leave out whoever is alive with a smaller probability: he is gone, rather than late. Between 0 and 1.
    horizon : float, optional
        What is at stake is counted over this time, in time units; a year by default.

    Returns
    -------
    OverdueCustomers
        Those with most expected purchases at stake first. May be empty.

    Raises
    ------
    InvalidInputError
        If `threshold`, `least_alive` or `horizon` is out of range, and as `expected_active` does.

    Notes
    -----
    A customer who never came back is not overdue by a rhythm of his own: what the model then says is the rhythm of the
    base. He is listed like anyone else if it is unusual; `frequency` tells.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284: purchase rates given a history, BG/NBD.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    >>> overdue_customers(cv.clv.BGNBD.fit(customers), customers, threshold=0.9)
    Overdue: 71 of 2,357 customers, purchases at stake in 52.18 weeks
      customer  repeat purchases  silent for  overdue  alive  at stake
      1887      15                5.4         0.931    0.587  9.55
      1234      8                 9.3         0.910    0.518  4.36
      167       13                9.7         0.969    0.364  4.36
      86        7                 11.9        0.905    0.502  3.33
      1433      6                 11.9        0.919    0.433  2.85
      1435      6                 13.3        0.944    0.342  2.25
      ...       ...               ...         ...      ...    ...
      1154      1                 32.3        0.918    0.201  0.28
      197       1                 36.1        0.912    0.213  0.27
      2         1                 37.1        0.912    0.212  0.26
      49        1                 37.0        0.914    0.209  0.26
      298       1                 35.9        0.918    0.201  0.26
      26        1                 37.1        0.914    0.208  0.26
    """
    check_summary(customers)
    check_model(model, ("probability_alive", "expected_purchases", "overdue"), drawn=False)
    most, least = _check_share("threshold", threshold), _check_share("least_alive", least_alive)
    late, alive = model.overdue(customers), model.probability_alive(customers)
    length = _a_year(model) if horizon is None else check_horizon(horizon)
    place = np.flatnonzero((late >= most) & (alive >= least))
    stake = np.zeros(0)
    if place.size:
        stake = model.expected_purchases(customers[place], length)
        # By what is at stake; equals in their own order.
        order = np.argsort(-stake, kind="stable")
        place, stake = place[order], stake[order]
    silence = customers.T - customers.recency
    return OverdueCustomers(
        position=place,
        customer_id=None if customers.customer_id is None else customers.customer_id[place],
        frequency=customers.frequency[place],
        silence=silence[place],
        overdue=late[place],
        probability_alive=alive[place],
        expected_purchases=stake,
        weights=None if customers.weights is None else customers.weights[place],
        threshold=most,
        least_alive=least,
        horizon=length,
        time_unit=customers.time_unit,
        customers=customers.n_customers,
        backend=customers.backend,
    )


def _check_share(name: str, value: float) -> float:
    share = check_number(name, value)
    if not 0 <= share < 1:
        raise invalid(name, f"`{name}` must be at least 0 and below 1, and is {share:g}")
    return share


def _a_year(model: PurchaseModel) -> float:
    year = DAYS["Y"] / DAYS[model.time_unit]
    return float(round(year)) if getattr(model, "whole_time", False) else year
