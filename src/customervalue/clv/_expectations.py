"""What customers will do on average: purchases, discounted or not, and time alive."""

from __future__ import annotations

import warnings
from functools import partial
from typing import TYPE_CHECKING, overload

import numpy as np

from customervalue.clv._repeat_buying import RepeatBuying
from customervalue.errors import InfiniteMeanWarning, invalid
from customervalue.units import check_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray, Many
    from customervalue.summary import CustomerSummary

__all__ = ["Expectations"]


class Expectations(RepeatBuying):
    """Expectations of what customers will do; the calls of every purchase model."""

    def expected_purchases(self, customers: CustomerSummary, horizon: float, *, after: float = 0.0) -> FloatArray:
        """Expected number of purchases in the next `horizon`, given each customer's history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        horizon : float
            Length of the forecast window, in time units; >= 0.
        after : float
            Time from T until the window begins; the window is (T + after, T + after + horizon].

        Returns
        -------
        ndarray of float64, shape (n,)
            A count of transactions, not money; 0 where `horizon` is 0.

        Raises
        ------
        InvalidInputError
            If `horizon` or `after` is negative or not finite, or `customers` is in another time unit.

        References
        ----------
        .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, eq. (10), for BG/NBD.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.expected_purchases(CustomerSummary(frequency=2, recency=30.43, T=38.86), horizon=39).round(3)
        array([1.226])
        """
        length, wait = self._check_window("horizon", horizon), self._check_window("after", after)
        if length == 0:
            self._check_customers(customers)
            return np.zeros(len(customers))
        return self._given_history(customers, partial(self._purchases, start=wait, length=length))

    @overload
    def expected_purchases_new(self, horizon: float) -> float: ...
    @overload
    def expected_purchases_new(self, horizon: Many) -> FloatArray: ...
    def expected_purchases_new(self, horizon: float | Many) -> float | FloatArray:
        """Expected number of repeat purchases of a customer just acquired.

        Parameters
        ----------
        horizon : float or array_like of float
            Time since the first purchase, in time units; >= 0.

        Returns
        -------
        float or ndarray of float64, of the shape of `horizon`
            The first purchase itself is not counted.

        Raises
        ------
        InvalidInputError
            If `horizon` is negative or not finite.

        References
        ----------
        .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, eq. (9), for BG/NBD.

        Examples
        --------
        >>> from customervalue import clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(model.expected_purchases_new(52), 4)
        1.4461
        """
        times = check_times("horizon", horizon)
        values = [self._expected_new(self._check_window("horizon", t)) for t in times.ravel().tolist()]
        return values[0] if times.ndim == 0 else np.reshape(values, times.shape)

    def _expected_new(self, length: float) -> float:
        return self._new(partial(self._purchases, start=0.0, length=length)) if length > 0 else 0.0

    def discounted_expected_purchases(
        self, customers: CustomerSummary, *, discount_rate: float, horizon: float | None = None
    ) -> FloatArray:
        """Present value of the expected future purchases, at one unit of money each.

        Discounted expected residual transactions (DERT) where `horizon` is None.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        discount_rate : float
            Annual effective rate; >= 0. A purchase is discounted continuously from the moment it happens.
        horizon : float, optional
            Length of the window (T, T + horizon], in time units; the whole future by default.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InvalidInputError
            If `horizon` or `discount_rate` is negative or not finite, if the whole future is asked for without
            discounting, or `customers` is in another time unit.

        References
        ----------
        .. [1] Fader, Hardie & Lee (2005), Journal of Marketing Research 42(4), 415-430, p. 418 (DERT).

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> customer = CustomerSummary(frequency=2, recency=30.43, T=38.86)
        >>> model.discounted_expected_purchases(customer, discount_rate=0.15).round(3)
        array([5.179])
        """
        return self._present_value(customers, discount_rate, horizon, self._discounted_purchases)

    def discounted_expected_lifetime(
        self, customers: CustomerSummary, *, discount_rate: float, horizon: float | None = None
    ) -> FloatArray:
        """Present value of one unit of money per period for as long as the customer is alive.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        discount_rate : float
            Annual effective rate; >= 0. The money flows continuously; in BG/BB, at each opportunity.
        horizon : float, optional
            Length of the window (T, T + horizon], in time units; the whole future by default.

        Returns
        -------
        ndarray of float64, shape (n,)
            In time units.

        Raises
        ------
        InvalidInputError
            As `discounted_expected_purchases` does.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> customer = CustomerSummary(frequency=2, recency=30.43, T=38.86)
        >>> model.discounted_expected_lifetime(customer, discount_rate=0.15, horizon=26).round(2)
        array([16.68])
        """
        return self._present_value(customers, discount_rate, horizon, self._discounted_lifetime)

    def discounted_expected_purchases_new(self, *, discount_rate: float, horizon: float | None = None) -> float:
        """Present value of the expected repeat purchases of a customer just acquired, at one unit of money each.

        Parameters
        ----------
        discount_rate : float
            Annual effective rate; >= 0.
        horizon : float, optional
            Time since the first purchase, in time units; the whole future by default.

        Returns
        -------
        float
            The first purchase itself is not counted.

        Raises
        ------
        InvalidInputError
            If `horizon` or `discount_rate` is negative or not finite, or the whole future is asked for without
            discounting.

        Examples
        --------
        >>> from customervalue import clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> round(model.discounted_expected_purchases_new(discount_rate=0.15), 3)
        3.662
        """
        length, delta = self._window(discount_rate, horizon)
        if length == 0:
            return 0.0
        return self._new(partial(self._discounted_purchases, horizon=length, delta=delta))

    def expected_lifetime(self, customers: CustomerSummary, horizon: float | None = None) -> FloatArray:
        """Expected time that each customer will still be alive, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        horizon : float, optional
            Count only time within (T, T + horizon], in time units; the whole future by default.

        Returns
        -------
        ndarray of float64, shape (n,)
            In time units, 0 for a customer who is gone for certain. Infinite where so many customers are slow to leave
            that the mean over them has no bound.

        Raises
        ------
        InvalidInputError
            If `horizon` is negative or not finite, or `customers` is in another time unit.

        Warns
        -----
        InfiniteMeanWarning
            If the mean is infinite for some customers; it says why, and what to ask for instead.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> customer = CustomerSummary(frequency=2, recency=30.43, T=38.86)
        >>> clv.ParetoNBD(r=0.553, alpha=10.578, s=1.606, beta=11.669).expected_lifetime(customer).round(1)
        array([57.8])
        >>> clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426).expected_lifetime(customer, horizon=52).round(1)
        array([32.])
        """
        if horizon is not None:
            return self.discounted_expected_lifetime(customers, discount_rate=0.0, horizon=horizon)
        values = self._given_history(customers, self._mean_lifetime)
        endless = int(np.count_nonzero(np.isinf(values)))
        if endless:
            warnings.warn(
                f"the expected lifetime is infinite for {endless:,} of {values.size:,} customers: {self._endless()}. "
                "Ask for the time alive within a `horizon`, for `discounted_expected_lifetime`, or for "
                "`probability_alive(after=...)`.",
                InfiniteMeanWarning,
                stacklevel=2,
            )
        return values

    def _present_value(
        self,
        customers: CustomerSummary,
        discount_rate: float,
        horizon: float | None,
        flow: Callable[..., FloatArray],
    ) -> FloatArray:
        length, delta = self._window(discount_rate, horizon)
        if length == 0:
            self._check_customers(customers)
            return np.zeros(len(customers))
        return self._given_history(customers, partial(flow, horizon=length, delta=delta))

    def _window(self, discount_rate: float, horizon: float | None) -> tuple[float | None, float]:
        """The checked horizon, and the continuous rate per time unit."""
        delta = self._force(discount_rate)
        if horizon is not None:
            return self._check_window("horizon", horizon), delta
        if delta == 0:
            rule = "the whole future without discounting need not have a finite value"
            raise invalid("discount_rate", rule, "Give a discount_rate > 0, or a finite horizon.")
        return None, delta
