"""Whose share is changing: customers who move purchases elsewhere, though they still buy."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import WeaklyIdentifiedWarning, invalid
from customervalue.estimation.draws import check_level
from customervalue.units import check_number
from customervalue.wallet._dirichlet_fit import share_rows
from customervalue.wallet._share_change_integrals import Change
from customervalue.wallet._share_change_model import Memory, fit_memory, one_memory, posterior_change, windows
from customervalue.wallet._share_change_results import ShareChange, ShareChangeCounts
from customervalue.wallet._share_checks import pair_evidence
from customervalue.wallet._share_fit import fit_shares
from customervalue.wallet.beta_binomial import BetaBinomialShare

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray
    from customervalue.wallet._share_change_model import Windows

__all__ = ["ShareChange", "ShareChangeCounts", "share_change"]

#: Data tell something of persistence if the log-likelihoods of no and full persistence, or others, lie so far apart.
_TOLD = 1.0
#: Longer memories than this are not computed.
_LONGEST = 1000


def share_change(
    before: Any,
    after: Any,
    *,
    purchases: tuple[Any, Any] | None = None,
    model: BetaBinomialShare | None = None,
    persistence: float | None = None,
    tolerance: float = 0.05,
    level: float = 0.9,
    confidence: float = 0.8,
) -> ShareChange:
    """Find whose share fell or rose between two windows of time, and how probable it is that this is no accident.

    A customer who splits his purchases anew still buys, from us and in the category, and no churn flag sees him. And
    most differences between two observed shares are chance: who bought twice and once from us has a share of one half
    in one window and 0 or 1 in the next without having changed his mind.

    Parameters
    ----------
    before, after : (own, category), or array_like of shape (n, 2)
        Purchases of each customer from us, and in the category from everybody, in two windows of time that follow one
        another; whole numbers. A tuple or list of two columns, or a table with these two columns. The same customers in
        the same order. For money, give `purchases` too.
    purchases : (before, after), optional
        For money: in how many purchases each customer spent it, in either window.
    model : BetaBinomialShare, optional
        Distribution of shares, instead of one fitted to both windows together. For money with values that vary, one
        with `variation`.
    persistence : float, optional
        Correlation of the shares in the two windows over customers, >= 0 and < 1, instead of the fitted one.
    tolerance : float
        A share has fallen or risen if it has changed by more than this; 0.05 is five percentage points. With 0, the
        probabilities are those of any change in this direction.
    level : float
        Of the intervals, between 0 and 1.
    confidence : float
        Probability that it takes to call a share falling, gone, rising or steady; between 0.5 and 1.

    Returns
    -------
    ShareChange

    Raises
    ------
    InvalidInputError
        If purchases are not as described, or a setting is out of its range; with every problem found.
    ConvergenceError
        If no distribution of shares can be fitted: nobody bought from us, or from anybody else, or more than once.

    Warns
    -----
    WeaklyIdentifiedWarning
        If the customers do not tell how persistent shares are, or do not tell the distribution of shares.

    Notes
    -----
    *Labels*, the first that applies:

    - absent: no purchase in the category in the second window. What became of him is a question of retention.
    - new: none in the first window.
    - falling: P(fell by more than `tolerance`) is at least `confidence`; gone if, moreover, none of the purchases of
      the second window is ours.
    - rising: P(rose by more than `tolerance`) is at least `confidence`.
    - steady: P(changed by no more than `tolerance`) is at least `confidence`.
    - unsure: none of these.

    *Model.* In each window shares have the same beta distribution over customers, `model`, and purchases are binomial.
    The two shares of a customer are correlated: the second one is as if drawn anew for somebody of whom nothing is
    known but c purchases at the first share, which correlates the two by c / (S + c). This memory c differs between
    customers: 0, 1, 2, 4, ... or 32 purchases, or infinite, which is no change at all. How many customers have which
    is estimated, without assuming a form (with one customer more for each memory, so that none is ruled out). Both
    shares of a customer are then judged by his purchases in both windows. That is what regression to the mean asks for:
    a high share that was seen in few purchases is expected to come down without any change, and where most customers
    go on as before, it takes more to believe in a change. (To compare two shares that were shrunk one by one says that
    all customers begin anew, and finds changes everywhere.)

    The distribution of shares and of memories count as known, and the mean of all shares as unchanged: if the market as
    a whole moved, too few of those who went with it are called so, and too many of those who went against it. In
    simulations (20,000 customers, 12 purchases a window on average) of those called falling, gone or rising with a
    confidence of 0.8 or more, 85 to 96 of 100 had changed that way, as the probabilities said, both in markets where
    everybody changes a little and in markets where one in ten begins anew and the others do not change; in a market
    that had lost a sixth of its mean share, 92 of 100 called falling and 76 of 100 called rising.

    Of changes that are small beside the chance in the purchases nothing can be known but that they are small. So the
    sums of the probabilities over all customers (not those over the labelled ones) depend on the model where
    `tolerance` is small: in these simulations they were up to a fifth too large where most customers do not change at
    all, and as much too small where all change a little.

    Probabilities are sums over cells of a rule with end corrections, exact to about 1e-4; the ends of intervals come
    from a lattice of 1/256 or finer, and are exact to about a fifth of it.

    References
    ----------
    .. [1] Pitt, Chatfield & Walker (2002), Scandinavian Journal of Statistics 29(4), 657-663: stationary models with a
       given marginal distribution, made by way of a second variable.
    .. [2] Skellam (1948), Journal of the Royal Statistical Society B 10(2), 257-261: the beta-binomial.

    Examples
    --------
    >>> changes = share_change(([8, 9, 1], [10, 10, 1]), ([1, 9, 0], [10, 10, 1]), persistence=0.5)
    >>> changes.label, changes.probability_fell.round(2)
    (array(['falling', 'unsure', 'unsure'], dtype=object), array([0.99, 0.32, 0.72]))
    """
    _check_settings(model, persistence, tolerance, level, confidence)
    first, second = _read(before, after, purchases, 0.0 if model is None else model.variation)
    shares = _fit_both(first, second) if model is None else model
    rows = windows(first.own, first.category, second.own, second.category)
    prior = _memory(rows, shares, persistence)
    distinct = posterior_change(rows, prior, float(tolerance), float(level))
    found = Change(*(column[rows.inverse] for column in distinct))
    change = found.after - found.before
    return ShareChange(
        share_before=found.before,
        share_after=found.after,
        change=change,
        low=found.low,
        high=found.high,
        probability_fell=found.fell,
        probability_rose=found.rose,
        label=_labels(found, first, second, float(confidence)),
        category_after=second.bought,
        moved_elsewhere=(found.before - found.after) * second.bought,
        model=shares,
        persistence=prior.persistence,
        tolerance=float(tolerance),
        level=float(level),
        confidence=float(confidence),
    )


class _Window(NamedTuple):
    """Evidence of one window, in purchases, and what was bought in the category, as given; shape (n,) each."""

    own: FloatArray
    category: FloatArray
    bought: FloatArray


def _check_settings(model: Any, persistence: Any, tolerance: Any, level: Any, confidence: Any) -> None:
    checker = Checker("the settings")
    if model is not None and not isinstance(model, BetaBinomialShare):
        checker.add("model", f"`model` must be a BetaBinomialShare, and is a {type(model).__name__}")
    checker.attempt(check_level, level)
    ranges = [("tolerance", tolerance, 0.0, 1.0), ("confidence", confidence, 0.5, 1.0)]
    if persistence is not None:
        ranges.append(("persistence", persistence, 0.0, 1.0))
    for name, given, low, high in ranges:
        value = checker.attempt(partial(check_number, name), given)
        if value is not None and not low <= value < high:
            checker.add(name, f"`{name}` must be at least {low:g} and less than {high:g}, and is {given!r}")
    checker.done()


def _read(before: Any, after: Any, purchases: Any, variation: float) -> tuple[_Window, _Window]:
    """Check both windows; report the problems of both at once."""
    behind = (None, None) if purchases is None else purchases
    if not (isinstance(behind, (tuple, list)) and len(behind) == 2):
        rule = "`purchases` must be a pair: the number of category purchases before, and after"
        raise invalid("purchases", rule)
    checker = Checker("the two windows")
    found = []
    for name, given, money in (("before", before, behind[0]), ("after", after, behind[1])):
        found.append(checker.attempt(partial(_window, name, money, variation), given))
    first, second = found
    if first is not None and second is not None and first.own.size != second.own.size:
        rule = f"both windows must be of the same customers, and have {first.own.size:,} and {second.own.size:,} rows"
        checker.add("after", rule, "Give customers who bought nothing in a window a row of zeros.")
    checker.done()
    if first is None or second is None:
        raise AssertionError  # reported above
    return first, second


def _window(name: str, purchases: Any, variation: float, given: Any) -> _Window:
    if isinstance(given, (tuple, list)) and len(given) == 2:
        own, category = given
    else:
        table = np.asarray(given)
        if table.ndim != 2 or table.shape[1] != 2:
            rule = f"`{name}` must be a pair (own, category), or a table with these two columns"
            raise invalid(name, rule)
        own, category = table.T
    names = (f"own_{name}", f"category_{name}")
    x, n = pair_evidence("the two windows", own, category, purchases, variation, names)
    return _Window(x, n, np.array(np.atleast_1d(category), dtype=np.float64))


def _fit_both(first: _Window, second: _Window) -> BetaBinomialShare:
    """The distribution of shares, from both windows together.

    The two rows of a customer are not independent. That makes no difference to where the maximum tends to, but standard
    errors would be too small, so there are none.
    """
    own, category = (np.concatenate(columns) for columns in zip(first[:2], second[:2], strict=True))
    rows = share_rows([own, np.maximum(category - own, 0.0)], category, None)
    inference = fit_shares(rows, BetaBinomialShare.parameter_names, None, None, ("us", "anybody else"))
    return BetaBinomialShare(alpha=inference.parameters["alpha"], beta=inference.parameters["beta"])


def _memory(rows: Windows, shares: BetaBinomialShare, persistence: float | None) -> Memory:
    if persistence is not None:
        prior = one_memory(shares.alpha, shares.beta, persistence)
        if prior.memories[0] > _LONGEST:
            rule = f"a persistence of {persistence:g} is a memory of {prior.memories[0]:,.0f} purchases"
            raise invalid("persistence", rule, f"At most {_LONGEST:,} can be computed: shares hardly change then.")
        return prior
    prior, values = fit_memory(rows, shares.alpha, shares.beta)
    if np.ptp(values) < _TOLD:
        warnings.warn(
            "these customers do not tell how persistent shares are: too few bought more than once in both windows. "
            f"The correlation {prior.persistence:.2f} of their shares is hardly more than a guess. Pass "
            "`persistence=`, or pool with more customers or longer windows.",
            WeaklyIdentifiedWarning,
            stacklevel=3,
        )
    return prior


def _labels(found: Change, first: _Window, second: _Window, confidence: float) -> AnyArray:
    fell, rose = found.fell >= confidence, found.rose >= confidence
    steady = 1 - found.fell - found.rose >= confidence
    rules = {
        "absent": second.bought == 0,
        "new": first.bought == 0,
        "gone": fell & (second.own == 0),
        "falling": fell,
        "rising": rose,
        "steady": steady,
    }
    return np.select(list(rules.values()), np.array(list(rules), dtype=object), "unsure").astype(object)
