"""How likely: alive, buying again, so and so many purchases, and when the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, overload

import numpy as np

from customervalue.clv._repeat_buying import RepeatBuying
from customervalue.errors import invalid
from customervalue.units import check_number, check_times

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, Many
    from customervalue.summary import CustomerSummary

__all__ = ["Chances"]

#: Rows of a batch of probabilities of purchases.
_BATCH = 65_536
#: A time to the next purchase is looked for within this factor of the length of observation, up and down.
_REACH = 1e15
_HALVINGS = 70


class Chances(RepeatBuying):
    """Probabilities of what customers will do; the calls of every purchase model."""

    def probability_alive(self, customers: CustomerSummary, *, after: float = 0.0, log: bool = False) -> FloatArray:
        """Probability that each customer is still alive, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        after : float
            Time after the end of observation, in time units; >= 0. By default it is the end of observation itself.
        log : bool
            Return the natural logarithm, which does not underflow.

        Returns
        -------
        ndarray of float64, shape (n,)
            In [0, 1].

        Raises
        ------
        InvalidInputError
            If `after` is negative or not finite, or `customers` is in another time unit.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.probability_alive(CustomerSummary(frequency=2, recency=30.43, T=38.86)).round(4)
        array([0.7266])
        """
        self._check_customers(customers)
        wait, rows = self._check_window("after", after), customers.unique
        values = self._log_alive(rows.frequency, rows.recency, rows.T)
        if wait > 0:
            with np.errstate(divide="ignore"):
                values = values + np.log(self._survival(rows.frequency, rows.T, wait))
        return rows.expand(values if log else np.exp(values))

    def probability_active(self, customers: CustomerSummary, horizon: float) -> FloatArray:
        """Probability that each customer buys at least once in the next `horizon`, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        horizon : float
            Length of the window (T, T + horizon], in time units; >= 0.

        Returns
        -------
        ndarray of float64, shape (n,)
            In [0, 1]; as a function of `horizon`, the distribution of the time to the next purchase.

        Raises
        ------
        InvalidInputError
            If `horizon` is negative or not finite, or `customers` is in another time unit.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.probability_active(CustomerSummary(frequency=2, recency=30.43, T=38.86), horizon=39).round(3)
        array([0.555])
        """
        self._check_customers(customers)
        length, rows = self._check_window("horizon", horizon), customers.unique
        alive = np.exp(self._log_alive(rows.frequency, rows.recency, rows.T))
        silent = self._log_no_purchase(rows.frequency, rows.T, np.full(len(rows), length))
        return rows.expand(alive * (0.0 - np.expm1(silent)))

    def _log_no_purchase(self, x: Any, T: FloatArray, t: FloatArray) -> FloatArray:
        return self._log_probability(x, T, np.zeros(T.size), t)

    @overload
    def probability_of_purchases(self, n: int, t: float, *, customers: None = None, log: bool = False) -> float: ...
    @overload
    def probability_of_purchases(
        self, n: Many, t: float | Many, *, customers: None = None, log: bool = False
    ) -> FloatArray: ...
    @overload
    def probability_of_purchases(self, n: int, t: Many, *, customers: None = None, log: bool = False) -> FloatArray: ...
    @overload
    def probability_of_purchases(
        self, n: int | Many, t: float | Many, *, customers: CustomerSummary, log: bool = False
    ) -> FloatArray: ...
    def probability_of_purchases(
        self, n: int | Many, t: float | Many, *, customers: CustomerSummary | None = None, log: bool = False
    ) -> float | FloatArray:
        """Probability of n repeat purchases in a time of length t.

        Of a customer just acquired, in (0, t]; or, given `customers`, of each of them in (T, T + t]: the whole
        distribution of what he will buy.

        Parameters
        ----------
        n : int or array_like of int
            Number of purchases; >= 0.
        t : float or array_like of float
            Length of time, in time units; >= 0. Broadcast against `n`.
        customers : CustomerSummary, m customers, optional
            Histories, in the time unit of this model.
        log : bool
            Return the natural logarithm, which does not underflow.

        Returns
        -------
        float or ndarray of float64
            Of the shape of `n` and `t`; with `customers`, of one more dimension before these, of size m.

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number, `n` or `t` is negative or not finite, or `customers` is in another time unit.

        References
        ----------
        .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, eq. (8), for BG/NBD.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.probability_of_purchases([0, 1, 2], 39).round(4)
        array([0.5738, 0.1994, 0.0854])
        >>> customers = CustomerSummary(frequency=[2, 0], recency=[30.43, 0], T=[38.86, 38.86])
        >>> model.probability_of_purchases([0, 1, 2], 39, customers=customers).round(3)
        array([[0.445, 0.239, 0.144],
               [0.855, 0.11 , 0.024]])
        """
        counts, times = _counts_and_times(n, t)
        for time in np.unique(times).tolist():
            self._check_window("t", time)
        if customers is not None:
            self._check_customers(customers)
            rows = customers.unique
            shape = (len(customers), *counts.shape)
            values = self._log_distribution(rows.frequency, rows.recency, rows.T, counts.ravel(), times.ravel())
            return rows.expand(values if log else np.exp(values)).reshape(shape)
        none, nothing = np.zeros(1, dtype=np.int64), np.zeros(1)
        values = self._log_distribution(none, nothing, nothing, counts.ravel(), times.ravel()).reshape(counts.shape)
        values = values if log else np.exp(values)
        return float(values) if values.ndim == 0 else values

    def _log_distribution(self, x: Any, t_x: FloatArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        """Log probability of n purchases in t, for every row and every n; shape (rows, n.size)."""
        log_alive, log_gone = self._log_alive_or_gone(x, t_x, T)
        values = np.empty((x.size, n.size))
        step = max(_BATCH // max(n.size, 1), 1)
        for rows in (slice(start, start + step) for start in range(0, x.size, step)):
            size = x[rows].size
            if_alive = self._log_probability(
                np.repeat(x[rows], n.size), np.repeat(T[rows], n.size), np.tile(n, size), np.tile(t, size)
            )
            values[rows] = log_alive[rows, None] + if_alive.reshape(size, n.size)
        silent = n == 0
        values[:, silent] = np.logaddexp(values[:, silent], log_gone[:, None])
        return values

    def time_to_next_purchase(self, customers: CustomerSummary, quantile: float = 0.5) -> FloatArray:
        """How long until each customer's next purchase, as a quantile of what his history lets one expect.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        quantile : float
            Between 0 and 1: the purchase comes by then with this probability.

        Returns
        -------
        ndarray of float64, shape (n,)
            Time from T, in time units. Infinite where the customer will never buy again with a probability of more than
            1 - quantile, since he may be gone.

        Raises
        ------
        InvalidInputError
            If `quantile` is not between 0 and 1, or `customers` is in another time unit.

        See Also
        --------
        probability_active : the distribution of which these are the quantiles.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> customers = CustomerSummary(frequency=[2, 2], recency=[30.43, 5.0], T=[38.86, 38.86])
        >>> model.time_to_next_purchase(customers).round(1)
        array([29.5,  inf])
        """
        level = check_number("quantile", quantile)
        if not 0 < level < 1:
            raise invalid("quantile", f"`quantile` must lie between 0 and 1, and is {level:g}")
        self._check_customers(customers)
        rows = customers.unique
        alive = np.exp(self._log_alive(rows.frequency, rows.recency, rows.T))
        values = np.full(len(rows), np.inf)
        may = np.flatnonzero(alive > level)
        if may.size:
            values[may] = self._silence_until(rows.frequency[may], rows.T[may], np.log1p(-level / alive[may]))
        return rows.expand(values)

    def _silence_until(self, x: Any, T: FloatArray, target: FloatArray) -> FloatArray:
        """The time at which the log probability of no purchase has fallen to `target`; infinite if it never does."""
        scale = max(float(T.max()), 1.0)
        low, high = np.full(T.size, np.log(scale / _REACH)), np.full(T.size, np.log(scale * _REACH))

        def bought(log_time: FloatArray) -> Any:
            time = np.exp(log_time)
            return self._log_no_purchase(x, T, np.floor(time) if self.whole_time else time) <= target

        ever = bought(high)
        for _ in range(_HALVINGS):
            middle = 0.5 * (low + high)
            by_then = bought(middle)
            low, high = np.where(by_then, low, middle), np.where(by_then, middle, high)
        times = np.exp(high)
        return np.where(ever, np.rint(times) if self.whole_time else times, np.inf)

    def overdue(self, customers: CustomerSummary) -> FloatArray:
        """How unusual each customer's present silence is, against his own rhythm.

        The probability that he would have bought again by now, were he still a customer: the place of his silence,
        T - t_x, in the distribution of the times between purchases that the x he made by t_x let one expect.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.

        Returns
        -------
        ndarray of float64, shape (n,)
            In [0, 1): 0 for a customer who has just bought, 0.95 for a silence that only one in twenty of his waiting
            times would exceed.

        Raises
        ------
        InvalidInputError
            If `customers` is in another time unit.

        Notes
        -----
        With purchases at random moments, 1 - ((alpha + t_x) / (alpha + T))^(r + x). A silence of ten weeks is nothing
        much for someone who buys twice a year, and alarming for someone who bought every week.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.overdue(CustomerSummary(frequency=[1, 15], recency=[28.86, 28.86], T=[38.86, 38.86])).round(3)
        array([0.279, 0.982])
        """
        self._check_customers(customers)
        rows = customers.unique
        return rows.expand(0.0 - np.expm1(self._log_silence(rows.frequency, rows.recency, rows.T)))


def _counts_and_times(n: int | Many, t: float | Many) -> tuple[FloatArray, FloatArray]:
    """Both of one shape, once the counts are whole."""
    counts, times = check_times("n", n), check_times("t", t)
    try:
        counts, times = np.broadcast_arrays(counts, times)
    except ValueError:
        raise invalid("n", f"`n` and `t` must fit together, and have shapes {counts.shape}, {times.shape}") from None
    if np.any(counts != np.floor(counts)):
        raise invalid("n", "`n` must be a whole number of purchases")
    return counts, times
