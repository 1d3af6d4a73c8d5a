"""Headroom: what a customer buys elsewhere, and what it would be worth to win a realistic part of it."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table, as_cell
from customervalue.errors import AssumptionWarning, invalid
from customervalue.estimation.draws import check_level
from customervalue.units import check_number
from customervalue.wallet._category_names import how_many
from customervalue.wallet._headroom_values import Intervals, Situation, Stakes, contradicted, estimated, known
from customervalue.wallet.share import amounts_of_wallet, dimensions, found, undefined_shares

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["Opportunity", "headroom", "opportunity"]

_TARGET = "A share of wallet: 0.4 is 40 % of what the customer buys in the category."
_MARGIN = "Money earned per unit of the wallet: a rate if the wallet is money, money per purchase if it is purchases."
_ALIVE = "The chance that he is still a customer, such as `probability_alive` of a purchase model."


@dataclass(frozen=True, eq=False, repr=False)
class Opportunity(Table):
    """What is at stake with each customer: the money in raising his share of wallet to a realistic one.

    Attributes are in the order in which the customers were given; the table shows them by value at stake, the highest
    first.

    Attributes
    ----------
    customer_id : ndarray, shape (n,)
    own : ndarray of float64, shape (n,)
        What he buys from us.
    wallet : ndarray of float64, shape (n,)
        What he buys in the category; the mean of the draws if there are any, as are the next three.
    share : ndarray of float64, shape (n,)
        Present share of wallet; NaN where the wallet is 0.
    share_target : ndarray of float64, shape (n,)
    headroom : ndarray of float64, shape (n,)
        What he would buy more from us at that share: max(0, share_target x wallet - own), in the unit of the wallet.
    value_at_stake : ndarray of float64, shape (n,)
        Headroom x margin x probability alive, in money.
    share_low, share_high : ndarray of float64, shape (n,), or None
        Interval of the present share; None without draws, as are the following.
    low, high : ndarray of float64, shape (n,), or None
        Interval of the value at stake.
    probability_of_headroom : ndarray of float64, shape (n,), or None
        Share of the draws with any headroom up to the target.
    level : float
        Of the intervals.
    order : ndarray of int64, shape (n,)
        Rows by value at stake, the highest first.

    Examples
    --------
    >>> opportunity([20, 60, 5], [100, 80, 5], share_target=0.5, margin=0.3, customer_id=["Ann", "Bob", "Cy"])
    Opportunity: 3 customers, 1 below the target share, value at stake 9
      customer  own  wallet  share  share target  headroom  value at stake
      Ann       20   100.00  0.2    0.5           30        9
      Bob       60   80      0.75   0.5           0         0
      Cy        5    5       1      0.5           0         0
    """

    customer_id: AnyArray
    own: FloatArray
    wallet: FloatArray
    share: FloatArray
    share_target: FloatArray
    headroom: FloatArray
    value_at_stake: FloatArray
    share_low: FloatArray | None
    share_high: FloatArray | None
    low: FloatArray | None
    high: FloatArray | None
    probability_of_headroom: FloatArray | None
    level: float
    order: IntArray
    _total_draws: FloatArray | None = field(repr=False)

    @property
    def total(self) -> float:
        """Value at stake with all customers, in money."""
        return float(self.value_at_stake.sum())

    @property
    def total_interval(self) -> tuple[float, float] | None:
        """Interval of the total, from the totals of the draws; None without draws, and for the `top` customers.

        If the draws of a customer know nothing of those of another, chance evens out over the customers and the
        interval is narrow. Draws that share their parameters (a row of draws is one set of parameters for everybody)
        say more of how wrong all of them may be together.
        """
        if self._total_draws is None:
            return None
        low, high = np.quantile(self._total_draws, (0.5 - 0.5 * self.level, 0.5 + 0.5 * self.level)).tolist()
        return low, high

    def top(self, k: int) -> Opportunity:
        """Keep the k customers with the highest value at stake, in this order.

        Parameters
        ----------
        k : int
            How many, 1 or more; all if there are fewer.

        Returns
        -------
        Opportunity

        Raises
        ------
        InvalidInputError
            If `k` is not whole, or less than 1.

        Examples
        --------
        >>> found = opportunity([20, 60, 5], [100, 80, 40], share_target=0.5, customer_id=["Ann", "Bob", "Cy"])
        >>> found.top(2).customer_id
        array(['Ann', 'Cy'], dtype='<U3')
        """
        size = check_number("k", k)
        if not (size >= 1 and math.isfinite(size) and size == math.floor(size)):
            raise invalid("k", f"`k` must be a whole number of customers, 1 or more, and is {k!r}")
        rows = self.order[: int(size)]
        kept: dict[str, Any] = {"order": np.arange(rows.size), "_total_draws": None}
        for f in fields(self):
            column = getattr(self, f.name)
            if f.name not in kept and isinstance(column, np.ndarray):
                kept[f.name] = column[rows]
        return replace(self, **kept)

    def _title(self) -> str:
        chance = self.headroom > 0 if self.probability_of_headroom is None else self.probability_of_headroom
        below = f"{as_cell(round(float(chance.sum())))} below the target share"
        title = f"Opportunity: {how_many(self.own.size)}, {below}, value at stake"
        ends = self.total_interval
        between = "" if ends is None else f" ({as_cell(ends[0])} to {as_cell(ends[1])} at {100 * self.level:g} %)"
        return f"{title} {as_cell(self.total)}{between}"

    def _table(self) -> dict[str, AnyArray]:
        names = ("own", "wallet", "share", "share_target", "headroom", "value_at_stake", "low", "high")
        columns = {"customer": self.customer_id} | {name: getattr(self, name) for name in names}
        columns["probability_of_headroom"] = self.probability_of_headroom
        return {name: column[self.order] for name, column in columns.items() if column is not None}


def headroom(own: Any, wallet: Any, *, share_target: Any = None) -> FloatArray:
    """What each customer buys elsewhere; or how much of it we would win at a target share.

    Parameters
    ----------
    own : array_like of float, shape (n,)
        What each customer buys from us, in money or in purchases; >= 0.
    wallet : array_like of float, shape (n,)
        What he buys in the category from everybody, us included, in the same unit and over the same time.
    share_target : float or array_like of float, shape (n,), optional
        A share of wallet that is within reach, between 0 and 1.

    Returns
    -------
    ndarray of float64, shape (n,)
        wallet - own, or max(0, share_target x wallet - own), in the unit of the wallet; >= 0.

    Raises
    ------
    InvalidInputError
        If an amount is missing, not finite or negative, `own` exceeds `wallet` (by more than rounding), or a target is
        no share.

    References
    ----------
    .. [1] Glady & Croux (2009), "Predicting customer wallet without survey data", Journal of Service Research 11(3),
       219-234: the potential of a wallet is its size less what is spent with us.

    Examples
    --------
    >>> headroom(own=[30, 60], wallet=[120, 80])
    array([90., 20.])
    >>> headroom(own=[30, 60], wallet=[120, 80], share_target=0.5)
    array([30.,  0.])
    """
    checker = Checker("the headroom")
    x, w = amounts_of_wallet(checker, own, wallet)
    target = np.ones(x.size) if share_target is None else _column(checker, "share_target", share_target, x.size, 1.0)
    checker.same_length()
    checker.done()
    return np.maximum(target * w - x, 0.0)


def opportunity(
    own: Any,
    wallet: Any,
    *,
    share_target: Any,
    margin: Any = 1.0,
    probability_alive: Any = 1.0,
    level: float = 0.9,
    customer_id: Any = None,
) -> Opportunity:
    """Rank customers by the value at stake: (realistic share - present share) x wallet x margin x P(alive).

    Parameters
    ----------
    own : array_like of float, shape (n,)
        What each customer buys from us, in money or in purchases; >= 0.
    wallet : array_like of float, shape (n,) or (draws, n)
        What he buys in the category from everybody, us included; or draws of it, where it is estimated.
    share_target : float or array_like of float, shape (n,)
        The share of wallet that is realistic, between 0 and 1; for example a high quantile of the shares that
        customers like him do give us. Nothing is at stake with customers who give us more already.
    margin : float or array_like of float, shape (n,)
        Money earned per unit of the wallet, >= 0.
    probability_alive : float or array_like of float, shape (n,) or (draws, n)
        The chance that he is still a customer.
    level : float
        Share of the draws within the intervals, between 0 and 1.
    customer_id : array_like, shape (n,), optional
        Rows are numbered by default.

    Returns
    -------
    Opportunity
        With intervals if there are draws.

    Raises
    ------
    InvalidInputError
        If an amount is missing, not finite or negative, `own` exceeds a `wallet` of one number, a target or chance is
        not between 0 and 1, or columns or draws do not fit.

    Warns
    -----
    AssumptionWarning
        If some wallets are 0, where no present share exists, or 95 % or more of the draws of some wallets are below
        what the customer buys from us; with the number of customers. Nothing is at stake there.

    Notes
    -----
    A draw of a wallet below what the customer buys from us is raised to it: he has at least bought that. Estimates are
    means over draws and not values at the mean wallet, because headroom is cut at 0. The intervals say how little is
    known of wallets and chances; they do not say whether an offer will move the customer, and whether he is alive in
    the end is a coin toss that they leave out.

    References
    ----------
    .. [1] Peppers & Rogers (2016), Managing Customer Experience and Relationships, 3rd ed., Wiley: unrealized
       potential is potential value less actual value.

    Examples
    --------
    >>> draws = np.random.default_rng(1).gamma(4, 25, (1000, 3))
    >>> opportunity([20, 60, 5], draws, share_target=0.5, margin=0.3, probability_alive=[1, 1, 0.2])
    Opportunity: 3 customers, 2 below the target share, value at stake 13.32 (2.76 to 28.51 at 90 %)
      customer  own  wallet  share    share target  headroom  value at stake  low     high   probability of headroom
      0         20   98.96   0.2642   0.5           29.85     8.956           0       21.9   0.921
      2         5    100.92  0.06769  0.5           45.46     2.728           0.7281  5.393  0.998
      1         60   101.40  0.687    0.5           5.451     1.635           0       10.17  0.281
    """
    checker = Checker("the opportunity")
    data = _situation(checker, own, wallet, share_target, margin, probability_alive)
    names = None if customer_id is None else checker.column("customer_id", customer_id)
    checker.attempt(check_level, level)
    checker.same_length()
    checker.done()
    stakes, intervals = (known(data), None) if data.wallet.ndim == data.alive.ndim == 1 else estimated(data, level)
    if data.wallet.ndim > 1:
        _warn_of_small_wallets(contradicted(data))
    undefined_shares(np.isnan(stakes.share), "the present share is NaN there and nothing is at stake")
    return _opportunity(data, stakes, intervals, float(level), np.arange(data.own.size) if names is None else names)


def _warn_of_small_wallets(contradicted: BoolArray) -> None:
    count = int(np.count_nonzero(contradicted))
    if count:
        warnings.warn(
            f"nearly all draws of the wallet are below `own` for {count:,} of {contradicted.size:,} customers, and are "
            "raised to it: nothing is at stake there. Are own purchases and wallets of the same unit and period?",
            AssumptionWarning,
            stacklevel=3,
        )


def _opportunity(
    data: Situation, stakes: Stakes, intervals: Intervals | None, level: float, customer_id: AnyArray
) -> Opportunity:
    ends = (None,) * 6 if intervals is None else intervals
    return Opportunity(
        customer_id=customer_id.copy(),
        own=data.own,
        wallet=stakes.wallet,
        share=stakes.share,
        share_target=data.target,
        headroom=stakes.headroom,
        value_at_stake=stakes.value,
        share_low=ends[0],
        share_high=ends[1],
        low=ends[2],
        high=ends[3],
        probability_of_headroom=ends[4],
        level=level,
        order=np.argsort(-stakes.value, kind="stable"),
        _total_draws=ends[5],
    )


def _situation(checker: Checker, own: Any, wallet: Any, target: Any, margin: Any, alive: Any) -> Situation:
    """The columns of `opportunity`, checked."""
    if dimensions(wallet) == 2:
        x, w = found(checker.amounts("own", own)), _draws(checker, "wallet", wallet)
    else:
        x, w = amounts_of_wallet(checker, own, wallet)
    n = x.size
    if dimensions(alive) == 2:
        p = _draws(checker, "probability_alive", alive)
        above = np.any(p > 1, axis=0)
        checker.rows("probability_alive", above, "`probability_alive` must be between 0 and 1", {}, _ALIVE)
    else:
        p = _column(checker, "probability_alive", alive, n, 1.0, _ALIVE)
    if w.ndim == p.ndim == 2 and len(w) != len(p):
        rule = f"`wallet` and `probability_alive` must have as many draws, and have {len(w):,} and {len(p):,}"
        checker.add("probability_alive", rule)
    return Situation(
        x,
        w,
        _column(checker, "share_target", target, n, 1.0, _TARGET),
        _column(checker, "margin", margin, n, math.inf, _MARGIN),
        p,
    )


def _draws(checker: Checker, name: str, values: Any) -> FloatArray:
    """Amounts of shape (draws, n); read as a row per customer, so that problems name customers."""
    try:
        by_customer = np.asarray(values).T
    except ValueError:  # lists of different lengths
        by_customer = values
    table = checker.amount_matrix(name, by_customer, "Rows are customers and columns draws here.")
    if table is None:
        return np.empty((1, 0))
    if table.shape[1] == 0:
        checker.add(name, f"`{name}` must have at least one draw")
    return table.T


def _column(checker: Checker, name: str, values: Any, size: int, most: float, advice: str = _TARGET) -> FloatArray:
    """A number for everybody or one per customer, between 0 and `most`."""
    span = f"between 0 and {most:g}" if math.isfinite(most) else "finite and not negative"
    rule = f"`{name}` must be {span}"
    if dimensions(values) != 0:
        column = found(checker.amounts(name, values, advice))
        checker.rows(name, column > most, rule, {name: column}, advice)
        return column
    number = checker.attempt(lambda value: check_number(name, value), values)
    if number is not None and not (0 <= number <= most and math.isfinite(number)):
        checker.add(name, f"{rule}, and is {number:g}", advice)
    return np.full(size, math.nan if number is None else number)
