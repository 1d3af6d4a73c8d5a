"""Customer lifetime value: expected purchases times expected spend times margin, discounted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from customervalue.errors import invalid
from customervalue.summary import check_summary

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.summary import CustomerSummary

__all__ = ["check_cost", "check_margins", "customer_lifetime_value", "new_customer_lifetime_value"]


class Purchases(Protocol):
    """What lifetime value asks of a purchase model."""

    def discounted_expected_purchases(
        self, customers: CustomerSummary, *, discount_rate: float, horizon: float | None = None
    ) -> FloatArray:
        """Present value of the expected future purchases, at one unit of money each."""

    def discounted_expected_lifetime(
        self, customers: CustomerSummary, *, discount_rate: float, horizon: float | None = None
    ) -> FloatArray:
        """Present value of one unit of money per period while the customer is alive."""

    def discounted_expected_purchases_new(self, *, discount_rate: float, horizon: float | None = None) -> float:
        """Present value of the expected repeat purchases of a customer just acquired."""


class Spending(Protocol):
    """What lifetime value asks of a spend model."""

    @property
    def population_mean(self) -> float:
        """Mean spend per transaction over all customers."""

    def expected_spend(self, customers: CustomerSummary) -> FloatArray:
        """Expected spend per transaction of each customer."""


def customer_lifetime_value(
    purchases: Purchases,
    spending: Spending,
    customers: CustomerSummary,
    *,
    horizon: float | None,
    discount_rate: float,
    margin: Any = 1.0,
    cost_per_period: float = 0.0,
) -> FloatArray:
    """Residual lifetime value of each customer: what the expected future purchases are worth today.

    The past is not in it: neither what the customer has spent so far nor what it cost to acquire him.

    Parameters
    ----------
    purchases : purchase model
        For example `BGNBD`.
    spending : spend model
        For example `GammaGamma`.
    customers : CustomerSummary, n customers
        Histories with `monetary_value`, in the time unit of `purchases`.
    horizon : float or None
        Length of the window (T, T + horizon], in time units; None for the whole future.
    discount_rate : float
        Annual effective rate, >= 0: 0.15 is 15 % a year, whatever the time unit.
    margin : float or array_like of float, shape (n,)
        Contribution margin as a share of spend.
    cost_per_period : float
        Money it costs per time unit to serve a customer for as long as he is alive; >= 0.

    Returns
    -------
    ndarray of float64, shape (n,)
        In the money of `monetary_value`. Below zero where serving a customer costs more than he will return.

    Raises
    ------
    InvalidInputError
        If `horizon`, `discount_rate` or `cost_per_period` is negative or not finite, `margin` is not finite or of
        another length than `customers`, and as the two models do.

    Notes
    -----
    The value is margin E[M | x, m] D - cost_per_period L. D are the discounted expected purchases, each discounted
    continuously from the moment it happens, and L is the discounted time for which the customer stays alive.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Journal of Marketing Research 42(4), 415-430, p. 417.

    Examples
    --------
    >>> from customervalue import CustomerSummary, clv
    >>> purchases = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> spending = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> customers = CustomerSummary(frequency=[2, 0], recency=[30.43, 0], T=[38.86, 38.86], monetary_value=[22.35, 0])
    >>> clv.customer_lifetime_value(
    ...     purchases, spending, customers, horizon=52, discount_rate=0.15, margin=0.3
    ... ).round(2)
    array([10.82,  2.49])
    """
    check_summary(customers)
    share = check_margins(margin, len(customers))
    cost = check_cost(cost_per_period)
    bought = purchases.discounted_expected_purchases(customers, discount_rate=discount_rate, horizon=horizon)
    value = share * spending.expected_spend(customers) * bought
    if cost > 0:
        alive = purchases.discounted_expected_lifetime(customers, discount_rate=discount_rate, horizon=horizon)
        value -= cost * alive
    return value


def new_customer_lifetime_value(
    purchases: Purchases,
    spending: Spending,
    *,
    horizon: float | None,
    discount_rate: float,
    margin: float = 1.0,
    acquisition_cost: float = 0.0,
) -> float:
    """Lifetime value of a customer about to be acquired, first purchase included.

    Parameters
    ----------
    purchases : purchase model
        For example `BGNBD`.
    spending : spend model
        For example `GammaGamma`.
    horizon : float or None
        Time from the first purchase, in the time unit of `purchases`; None for the whole future.
    discount_rate : float
        Annual effective rate, >= 0.
    margin : float
        Contribution margin as a share of spend.
    acquisition_cost : float
        Money it takes to acquire a customer; the value is net of it. With 0, the value is what acquiring him may cost.

    Returns
    -------
    float
        In the money of the spend model.

    Raises
    ------
    InvalidInputError
        If `horizon` or `discount_rate` is negative or not finite, `margin` or `acquisition_cost` is not a finite
        number, or the mean spend does not exist.

    Notes
    -----
    The first purchase is worth the population mean, like the others, and happens now.

    References
    ----------
    .. [1] Fader, Hardie & Lee (2005), Journal of Marketing Research 42(4), 415-430, p. 427.

    Examples
    --------
    >>> from customervalue import clv
    >>> purchases = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> spending = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
    >>> round(clv.new_customer_lifetime_value(purchases, spending, horizon=52, discount_rate=0.15, margin=0.3), 2)
    25.0
    """
    share, cost = _number("margin", margin), _number("acquisition_cost", acquisition_cost)
    repeats = purchases.discounted_expected_purchases_new(discount_rate=discount_rate, horizon=horizon)
    return share * spending.population_mean * (1 + repeats) - cost


def _number(name: str, value: Any) -> float:
    array = _numbers(name, value)
    if array.ndim:
        raise invalid(name, f"`{name}` must be one number, and has shape {array.shape}")
    return float(array)


def check_cost(cost_per_period: Any) -> float:
    """Return the cost as a float if it is a finite number >= 0, raise otherwise."""
    cost = _number("cost_per_period", cost_per_period)
    if cost < 0:
        raise invalid("cost_per_period", f"`cost_per_period` must not be negative, and is {cost:g}")
    return cost


def check_margins(margin: Any, n: int) -> FloatArray:
    """Return the margin as an array of no dimension or shape (n,), raise if it is of another shape."""
    share = _numbers("margin", margin)
    if share.ndim and share.shape != (n,):
        raise invalid("margin", f"`margin` must be one number or one per customer ({n:,}), and has shape {share.shape}")
    return share


def _numbers(name: str, value: Any) -> FloatArray:
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(name, f"`{name}` must be a number") from None
    if not np.all(np.isfinite(array)):
        raise invalid(name, f"`{name}` must be finite")
    return array
