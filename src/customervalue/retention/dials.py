"""Customers as volume dials: how far each has turned his, how sure that is, and what it is called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem
from customervalue.retention._dial_checks import SUBJECT, Columns, Settings, check_columns, check_money
from customervalue.retention._dial_prior import estimates, exact_interval, fit_prior, group_counts, posterior
from customervalue.retention._dial_results import DialCounts, VolumeDial, rate_ratio
from customervalue.retention._dial_windows import count_windows
from customervalue.summary import CustomerSummary, check_summary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.priors import LogNormal
    from customervalue.transactions import Grain, Instant, OnNegative
    from customervalue.units import TimeUnit

__all__ = ["DialCounts", "VolumeDial", "volume_dial", "volume_dial_between", "volume_dials"]

#: What rounding may leave of the difference of two sums.
_ROUNDING = 1e-9


def volume_dial(
    reference: Any,
    recent: Any,
    *,
    exposure_reference: Any,
    exposure_recent: Any,
    spend_reference: Any = None,
    spend_recent: Any = None,
    customer_id: Any = None,
    ever_customer: Any = None,
    factor: float = 1.25,
    level: float = 0.9,
    confidence: float = 0.8,
    prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
    common_ratio: float | None = None,
    concentration: float | None = None,
) -> VolumeDial:
    """Measure how far each customer has turned his volume dial, from his purchases in two windows of time.

    A customer who used to buy every week and now buys every month has not churned, and no churn flag sees him; yet most
    of his volume is gone. For each customer this gives the ratio of his two purchase rates, with an exact interval;
    the same shrunk towards what is usual in the base; the probability that he has really turned it; and a label.

    Parameters
    ----------
    reference, recent : array_like of int, shape (n,)
        Purchases of each customer in the reference window, and in the recent one, which comes later.
    exposure_reference, exposure_recent : float or array_like of float
        How long each customer could be seen buying in either window, in the same unit of time; one length for all or
        shape (n,). Of a customer acquired in the reference window it is the time since then, and the purchase that made
        him a customer is not counted (it would make every acquisition look like a dial that is then turned down). 0 in
        the reference window for those acquired later.
    spend_reference, spend_recent : array_like of float, shape (n,), optional
        Spend in either window, in money; both or neither.
    customer_id : array_like, shape (n,), optional
        Identifiers of any type.
    ever_customer : array_like of bool, shape (n,), optional
        Who was a customer before the recent window. By default whoever has exposure in the reference window. It is
        looked at only for customers who bought in the recent window alone.
    factor : float
        A dial has moved if the ratio is above this, or below 1 / `factor`; > 1.
    level : float
        How often the intervals hold the truth, between 0 and 1.
    confidence : float
        Probability that it takes to call a dial growing, fading, silent or steady; between 0.5 and 1.
    prior : mapping of str to LogNormal, or "weak", optional
        Prior knowledge of common_ratio or concentration, for bases that do not tell them.
    common_ratio, concentration : float, optional
        The prior of the dials itself, instead of one fitted to these customers; both or neither. For example those of
        the same months a year ago.

    Returns
    -------
    VolumeDial

    Raises
    ------
    InvalidInputError
        With every problem found: counts that are negative or fractional, exposures that are not positive, purchases
        without exposure, columns of different lengths, `factor` <= 1.
    ConvergenceError
        If the prior cannot be fitted: nobody bought in one of the windows, or nobody more than once.

    Warns
    -----
    WeaklyIdentifiedWarning
        If customers hardly differ in their change beyond chance (everyone's ratio is then about that of the base), or
        the prior is open for another reason; the message says which.

    Notes
    -----
    *Labels*, the first that applies:

    - new: no exposure in the reference window; or purchases in the recent window alone, and not `ever_customer`.
    - returned: a customer before, without purchases in the reference window, and with some in the recent one. This is
      a fact, not an inference: whether he buys more than he used to is said by `probability_up`.
    - absent: no purchases in either window. He has a ratio only by what is usual in the base.
    - growing: P(ratio > factor) is at least `confidence`.
    - silent, fading: P(ratio < 1 / factor) is at least `confidence`, and he had purchases in the reference window.
      Silent if he had none since, fading if he still buys.
    - steady: P(1 / factor <= ratio <= factor) is at least `confidence`.
    - unsure: none of these. Few purchases say little; "steady" would claim to know that nothing has changed.

    *Model.* Purchases come at random moments (Poisson), at a rate of the customer's own in each window; the ratio of
    the two is rho. Given his purchases in both windows together, the recent ones are binomial with share
    p = rho k / (1 + rho k), k being the ratio of the exposures, whatever his rate. The exact interval is that of this
    share: at least `level` of such intervals hold the truth, often more. The prior of the share is
    Beta(c m, c (1 - m)), m = rho0 k / (1 + rho0 k): rho0 is `common_ratio`, c is `concentration`, and both are fitted
    by maximum likelihood to all customers who are not new. So the posterior is Beta(c m + recent, c (1 - m) +
    reference), and exact. With k = 1 the prior of rho is the ratio of two gamma variables. `shrunk` is the posterior
    median: unlike the mean, it always exists, and it inverts if the windows are swapped. The uncertainty of rho0 and c
    themselves is not in the posterior: with a few dozen customers its intervals are somewhat too narrow.

    The prior is that of the customers given: pass the whole base, not only those who bought in the reference window,
    or silence will look more usual than it is. A base ratio far from 1 is a season, a trend, or customers who left; to
    judge each customer against the season, multiply `exposure_recent` by its index.

    References
    ----------
    .. [1] Przyborowski & Wilenski (1940), Biometrika 31(3/4), 313-323: two Poisson rates, given the total.
    .. [2] Clopper & Pearson (1934), Biometrika 26(4), 404-413: the exact binomial interval.
    .. [3] Skellam (1948), Journal of the Royal Statistical Society B 10(2), 257-261: the beta-binomial.
    .. [4] Prentice (1986), Journal of the American Statistical Association 81(394), 321-327: its regression.

    Examples
    --------
    >>> dials = volume_dial(
    ...     reference=[20, 22, 5, 0], recent=[6, 21, 0, 1], exposure_reference=26, exposure_recent=26,
    ...     common_ratio=1.0, concentration=4.0,
    ... )
    >>> dials.label
    array(['fading', 'unsure', 'silent', 'returned'], dtype=object)
    >>> dials.shrunk.round(2), dials.probability_down.round(2)
    (array([0.35, 0.96, 0.25, 1.59]), array([0.98, 0.27, 0.93, 0.23]))
    """
    problems: list[Problem] = []
    settings = Settings.check(problems, factor, level, confidence, common_ratio, concentration)
    columns = check_columns(
        problems,
        {"reference": reference, "recent": recent},
        {"exposure_reference": exposure_reference, "exposure_recent": exposure_recent},
        {"spend_reference": spend_reference, "spend_recent": spend_recent},
        customer_id,
        ever_customer,
    )
    there = columns.exposure_reference > 0
    only = (columns.reference == 0) & (columns.recent > 0)
    ever = there if columns.ever is None else columns.ever & there
    return _measure(columns, new=~there | (only & ~ever), returned=only & ever, settings=settings, prior=prior)


def volume_dials(
    log: Any,
    *,
    recent: Any,
    reference: Any,
    customer: str = "customer_id",
    date: str = "date",
    value: str | None = None,
    observation_end: Instant | None = None,
    grain: Grain = "D",
    time_unit: TimeUnit = "W",
    on_negative: OnNegative = "raise",
    factor: float = 1.25,
    level: float = 0.9,
    confidence: float = 0.8,
    prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
    common_ratio: float | None = None,
    concentration: float | None = None,
) -> VolumeDial:
    """Measure how far each customer has turned his volume dial, from a log of transactions.

    Parameters
    ----------
    log : mapping of columns, or pandas, polars, pyarrow, DuckDB, PySpark or Dask frame
        One row per transaction, in any order. Of a log in an engine the columns named here are read into memory.
    recent, reference : (date, date), or float
        The two windows: first and last day, both inclusive, the reference window before the recent one. Or their
        lengths in `time_unit`: the recent window then ends with the observation, and the reference window just before
        the recent one begins.
    customer, date : str
        Names of the columns of customer ids, and of dates or times.
    value : str, optional
        Name of the column of values, in money.
    observation_end : str, date, datetime, datetime64 or Timestamp, optional
        The last moment that the log covers; a date means that whole day. By default the last date in the log.
    grain, on_negative
        As in `summarize`; with ``"net"``, no customer may have negative spend in a window.
    time_unit : {"W", "D", "M", "Y"}
        Unit of the exposures, and of windows given by their length.
    factor, level, confidence, prior, common_ratio, concentration
        As in `volume_dial`.

    Returns
    -------
    VolumeDial
        One row per customer with a transaction up to the end of the recent window, by ascending id.

    Raises
    ------
    InvalidInputError
        With every problem of the log, as `summarize` does; if the windows overlap, or the recent one ends after the
        observation.
    ConvergenceError
        As `volume_dial` does.

    Warns
    -----
    WeaklyIdentifiedWarning
        As `volume_dial` does.

    Notes
    -----
    The first transaction of each customer makes him one, and is no turn of his dial: it is counted nowhere, neither
    among the purchases nor in the spend, and his exposure begins the day (grain) after it. Customers whose exposure
    begins only after the reference window are new. Returned are those who bought before the reference window, not in
    it, and again in the recent one. If the log begins later than the business, old customers who show up in the recent
    window for the first time pass for new.

    References
    ----------
    .. [1] As for `volume_dial`.

    Examples
    --------
    >>> import customervalue as cv
    >>> dials = volume_dials(
    ...     cv.datasets.load_cdnow(), value="value", observation_end="1998-06-30",
    ...     reference=("1997-07-01", "1997-12-31"), recent=("1998-01-01", "1998-06-30"),
    ... )
    >>> dials
    Volume dials: 2,357 customers, ratio of the base 0.799, concentration 9.59
      label     customers  expected up  expected down  spend at reference rate  recent
      new       0          0.0          0.0            0.0                      0.0
      returned  193        80.7         60.4           0.0                      10,516.8
      growing   0          0.0          0.0            0.0                      0.0
      steady    0          0.0          0.0            0.0                      0.0
      fading    13         0.2          11.7           4,989.4                  1,423.9
      silent    24         0.7          20.8           4,187.3                  0.0
      unsure    582        114.5        322.6          45,021.5                 30,926.4
      absent    1,545      0.0          0.0            0.0                      0.0
    """
    counted = count_windows(
        log,
        recent=recent,
        reference=reference,
        customer=customer,
        date=date,
        value=value,
        observation_end=observation_end,
        grain=grain,
        time_unit=time_unit,
        on_negative=on_negative,
    )
    problems: list[Problem] = []
    settings = Settings.check(problems, factor, level, confidence, common_ratio, concentration)
    checker = Checker(SUBJECT)
    checker.problems = problems
    for name in ("spend_reference", "spend_recent"):
        check_money(checker, name, getattr(counted, name))
    if problems:
        raise InvalidInputError(SUBJECT, problems, counted.customer_id.size)
    columns = Columns(**{name: column for name, column in counted._asdict().items() if name in Columns._fields})
    returned = counted.earlier & (counted.reference == 0) & (counted.recent > 0)
    new = counted.exposure_reference == 0
    return _measure(columns, new=new, returned=returned, settings=settings, prior=prior, backend=counted.backend)


def volume_dial_between(
    before: CustomerSummary,
    after: CustomerSummary,
    *,
    factor: float = 1.25,
    level: float = 0.9,
    confidence: float = 0.8,
    prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
    common_ratio: float | None = None,
    concentration: float | None = None,
) -> VolumeDial:
    """Measure how far each customer has turned his volume dial, from two summaries of the same base.

    The reference window of a customer is from his first purchase to the end of the first summary, the recent window
    from there to the end of the second.

    Parameters
    ----------
    before, after : CustomerSummary
        Summaries of one log, with `customer_id`: `after` has a later `observation_end` and knows all customers of
        `before`. With `monetary_value` in both, spend is compared as well.
    factor, level, confidence, prior, common_ratio, concentration
        As in `volume_dial`.

    Returns
    -------
    VolumeDial
        One row per customer of `after`; those whom `before` does not know are new. Nobody is called returned, as all
        others became customers in their reference window.

    Raises
    ------
    InvalidInputError
        If the two are no such summaries (other units, no ids, weights, a customer who is missing or has fewer purchases
        later than before), and as `volume_dial` does.

    Examples
    --------
    >>> import customervalue as cv
    >>> log = cv.datasets.load_cdnow()
    >>> before, after = (cv.summarize(log, observation_end=day) for day in ("1997-09-30", "1998-06-30"))
    >>> volume_dial_between(before, after)
    Volume dials: 2,357 customers, ratio of the base 0.583, concentration 5.96
      label     customers  expected up  expected down  purchases at reference rate  recent
      new       0          0.0          0.0            0.0                          0.0
      returned  0          0.0          0.0            0.0                          0.0
      growing   8          7.1          0.2            12.2                         97.0
      steady    0          0.0          0.0            0.0                          0.0
      fading    91         2.5          80.4           709.6                        221.0
      silent    173        5.0          156.3          669.8                        0.0
      unsure    867        183.4        513.9          1,538.5                      1,564.0
      absent    1,218      0.0          0.0            0.0                          0.0
    """
    place = _matched(before, after)
    reference, exposure = np.zeros(len(after), dtype=np.int64), np.zeros(len(after))
    reference[place], exposure[place] = before.frequency, before.T
    earlier: FloatArray | None = None
    later: FloatArray | None = None
    if before.monetary_value is not None and after.monetary_value is not None:
        earlier = np.zeros(len(after))
        earlier[place] = before.frequency * before.monetary_value
        # Sums of the same values in another order: what rounding leaves is no refund.
        later = after.frequency * after.monetary_value - earlier
        later[np.abs(later) <= _ROUNDING * earlier] = 0.0
    problems: list[Problem] = []
    settings = Settings.check(problems, factor, level, confidence, common_ratio, concentration)
    columns = check_columns(
        problems,
        {"reference": reference, "recent": after.frequency - reference},
        {"exposure_reference": exposure, "exposure_recent": after.T - exposure},
        {"spend_reference": earlier, "spend_recent": later},
        after.customer_id,
        None,
    )
    nobody = np.zeros(len(after), dtype=np.bool_)
    return _measure(columns, new=exposure == 0, returned=nobody, settings=settings, prior=prior, backend=after.backend)


def _matched(before: CustomerSummary, after: CustomerSummary) -> IntArray:
    """For each customer of `before`, his place in `after`; raise unless the one is an earlier look at the other."""
    problems = []
    for name, summary in (("before", before), ("after", after)):
        check_summary(summary, before.time_unit if isinstance(before, CustomerSummary) else None)
        if summary.customer_id is None or summary.weights is not None or summary.includes_first:
            rule = f"`{name}` needs a `customer_id` for each row, no weights, and spend without the first transaction"
            problems.append(Problem(name, rule, "Summarize the log twice, with two dates of `observation_end`."))
        elif np.unique(summary.customer_id).size < len(summary):
            problems.append(Problem(name, f"`{name}` must have each customer once"))
    if problems or before.customer_id is None or after.customer_id is None:
        raise InvalidInputError(SUBJECT, problems)
    order = np.argsort(after.customer_id, kind="stable")
    ordered = after.customer_id[order]
    at = np.minimum(np.searchsorted(ordered, before.customer_id), len(after) - 1)
    place = np.asarray(order[at])
    missing = ordered[at] != before.customer_id
    fewer = ~missing & ((after.frequency[place] < before.frequency) | (after.T[place] <= before.T))
    rules = {"every customer of `before` must be in `after`": missing}
    rules["`after` must be a later look: a longer T, and no fewer purchases"] = fewer
    for rule, broken in rules.items():
        if np.any(broken):
            first = f"row {int(np.argmax(broken))} of before, customer {before.customer_id[np.argmax(broken)]!r}"
            advice = "Summarize the same log twice, with two dates of `observation_end`."
            problems.append(Problem("after", rule, advice, int(np.count_nonzero(broken)), first))
    if problems:
        raise InvalidInputError(SUBJECT, problems, len(before))
    return place


def _measure(
    columns: Columns,
    *,
    new: BoolArray,
    returned: BoolArray,
    settings: Settings,
    prior: Any,
    backend: str | None = None,
) -> VolumeDial:
    """Fit the prior to the customers who are not new, and say what it and their own purchases tell of them."""
    old = np.flatnonzero(~new)
    k = columns.exposure_recent[old] / columns.exposure_reference[old]
    rows = group_counts(columns.reference[old], columns.recent[old], k)
    inference: Inference | None = None
    if settings.fixed is None:
        inference = fit_prior(rows, prior)
        common_ratio, concentration = estimates(inference)
    else:
        common_ratio, concentration = settings.fixed
    low, high = exact_interval(rows, settings.level)
    after = posterior(rows, common_ratio, concentration, settings.factor, settings.level)
    ratio = rate_ratio(rows.reference, rows.recent, rows.k, np.zeros(rows.k.size, np.bool_))

    def spread(values: FloatArray) -> FloatArray:
        column = np.full(new.size, np.nan)
        column[old] = values[rows.inverse]
        return column

    up, down = spread(after.up), spread(after.down)
    return VolumeDial(
        **{name: value for name, value in columns._asdict().items() if name != "ever"},
        ratio=spread(ratio),
        low=spread(low),
        high=spread(high),
        shrunk=spread(after.median),
        shrunk_low=spread(after.low),
        shrunk_high=spread(after.high),
        probability_up=up,
        probability_down=down,
        label=_label(columns, new, returned, up, down, settings.confidence),
        common_ratio=common_ratio,
        concentration=concentration,
        inference=inference,
        factor=settings.factor,
        level=settings.level,
        confidence=settings.confidence,
        backend=backend,
    )


def _label(
    columns: Columns, new: BoolArray, returned: BoolArray, up: FloatArray, down: FloatArray, confidence: float
) -> AnyArray:
    before, after = columns.reference > 0, columns.recent > 0
    fallen = before & (down >= confidence)
    rules = {
        "new": new,
        "returned": returned,
        "absent": ~before & ~after,
        "growing": after & (up >= confidence),
        "silent": fallen & ~after,
        "fading": fallen,
        "steady": 1 - up - down >= confidence,
    }
    names: AnyArray = np.array([*rules, "unsure"], dtype=object)
    # The place of the first rule that applies; the last one, which always does, is that none of the others did.
    label: AnyArray = names[np.argmax([*rules.values(), np.ones(new.size, np.bool_)], axis=0)]
    return label
