"""Whose share is changing: customers who move purchases elsewhere, though they still buy."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from customervalue.errors import WeaklyIdentifiedWarning, invalid
from customervalue.wallet._dirichlet_fit import share_rows
from customervalue.wallet._share_change_input import check_settings, read_windows, variation_of
from customervalue.wallet._share_change_integrals import Change
from customervalue.wallet._share_change_model import Memory, fit_memory, one_memory, posterior_change, windows
from customervalue.wallet._share_change_results import ShareChange, ShareChangeCounts
from customervalue.wallet._share_fit import fit_shares
from customervalue.wallet.beta_binomial import BetaBinomialShare

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray
    from customervalue.estimation.priors import LogNormal
    from customervalue.wallet._share_change_input import Window
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
    variation: float | None = None,
    model: BetaBinomialShare | None = None,
    prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
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
    before, after : (own, category), or mapping or dataframe with these columns, or array of shape (n, 2)
        Purchases of each customer from us, and in the category from everybody, in two windows of time that follow one
        another; whole numbers. The same customers in the same order. Columns called "own" and "category" are taken by
        name; otherwise ours is the first of two columns. For money, give `purchases` too.
    purchases : (before, after), optional
        For money: in how many purchases each customer spent it, in either window. Say also how much their values vary:
        with `variation` left at 0 and a true one of 0.8, 105 of 3,000 simulated customers who had not changed were
        called falling, gone or rising, and with 0.8 none.
    variation : float, optional
        Of money: standard deviation of the values of one customer's purchases over their mean. By default that of
        `model`, and 0 without one.
    model : BetaBinomialShare, optional
        Distribution of shares, instead of one fitted to both windows together.
    prior : mapping of str to LogNormal, or "weak", optional
        For the fit, as `BetaBinomialShare.fit` takes it.
    persistence : float, optional
        Correlation of the shares in the two windows over customers, >= 0 and < 1, instead of the fitted one. All
        customers then have the same memory (see Notes); where it is not a whole number c, some have the whole number
        below and the others the one above, so that the correlation is the one asked for.
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
    all, and as much too small where all change a little. Sums of `moved_elsewhere` leave out most of a loss of the
    whole market, since the model takes the mean of all shares as unchanged: where one customer in ten (of 6,000) lost
    70 % of his share and nobody gained, they came to 625 purchases, and the truth was 1,490. For the total, compare
    the purchases of both windows.

    Probabilities are sums over cells of a rule with end corrections, exact to about 1e-4; the ends of intervals come
    from a lattice of 1/256 or finer, and are exact to about a fifth of a cell, or to two cells where a share is next to
    0 or 1. Cells are the finer, the more is known of a share, up to what 250,000 purchases tell (those of the customer,
    S and c together). Beyond that, probabilities of changes of less than about 0.001 are rough, and, with more than 100
    customers, those of less than about 0.01 where S is above 3,000 (customers hardly differ).

    The work is done once for customers with equal counts. Where hardly two are alike it takes about 0.3 milliseconds of
    processor time for each, and for money, whose evidence is no whole number, about 35: take a sample of large bases.

    References
    ----------
    .. [1] Pitt, Chatfield & Walker (2002), Scandinavian Journal of Statistics 29(4), 657-663: stationary models with a
       given marginal distribution, made by way of a second variable.
    .. [2] Skellam (1948), Journal of the Royal Statistical Society B 10(2), 257-261: the beta-binomial.

    Examples
    --------
    >>> changes = share_change(([8, 9, 1], [10, 10, 1]), ([1, 9, 0], [10, 10, 1]), persistence=0.5)
    >>> changes.label, changes.probability_fell.round(2)
    (array(['falling', 'unsure', 'unsure'], dtype=object), array([1.  , 0.33, 0.72]))
    """
    check_settings(
        model=model, prior=prior, persistence=persistence, tolerance=tolerance, level=level, confidence=confidence
    )
    spread = variation_of(variation, model, purchases)
    first, second = read_windows(before, after, purchases, spread)
    shares = _fit_both(first, second, spread, prior) if model is None else model
    rows = windows(first.own, first.category, second.own, second.category)
    memory = _memory(rows, shares, persistence)
    distinct = posterior_change(rows, memory, float(tolerance), float(level))
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
        persistence=memory.persistence,
        tolerance=float(tolerance),
        level=float(level),
        confidence=float(confidence),
    )


def _fit_both(first: Window, second: Window, variation: float, prior: Any) -> BetaBinomialShare:
    """The distribution of shares, from both windows together.

    The two rows of a customer are not independent. That makes no difference to where the maximum tends to, but standard
    errors would be too small, so there are none.
    """
    own, category = (np.concatenate(columns) for columns in zip(first[:2], second[:2], strict=True))
    rows = share_rows([own, np.maximum(category - own, 0.0)], category, None)
    customers = int(np.count_nonzero(first.category + second.category > 0))
    kinds = ("us", "anybody else")
    fitted = fit_shares(replace(rows, customers=customers), BetaBinomialShare.parameter_names, prior, None, kinds)
    alpha, beta = (fitted.parameters[name] for name in BetaBinomialShare.parameter_names)
    return BetaBinomialShare(alpha=alpha, beta=beta, variation=variation)


def _memory(rows: Windows, shares: BetaBinomialShare, persistence: float | None) -> Memory:
    if persistence is not None:
        prior = one_memory(shares.alpha, shares.beta, persistence)
        if prior.memories[-1] > _LONGEST:
            rule = f"a persistence of {persistence:g} is a memory of {prior.memories[-1]:,.0f} purchases"
            raise invalid(
                "persistence",
                rule,
                f"At most {_LONGEST:,} can be computed: shares hardly change then, or customers hardly differ.",
            )
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


def _labels(found: Change, first: Window, second: Window, confidence: float) -> AnyArray:
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
