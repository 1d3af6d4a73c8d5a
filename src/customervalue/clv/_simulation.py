"""Customers made up by a model: histories, transaction logs, and the future of customers we have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.clv._repeat_buying import RepeatBuying
from customervalue.clv.gamma_gamma import checked_spend, draw_scales, draw_values
from customervalue.errors import invalid
from customervalue.summary import CustomerSummary
from customervalue.units import DAYS, check_number, check_times

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.clv._paths import Paths
    from customervalue.clv.gamma_gamma import GammaGamma

__all__ = ["Future", "Simulation"]

_MICROSECONDS_PER_DAY = 86_400_000_000
#: A refund comes after so many days, on average.
_DAYS_TO_REFUND = 7.0


@dataclass(frozen=True, eq=False)
class Future:
    """What some customers do next, drawn at random: one possible future.

    Attributes
    ----------
    purchases : ndarray of int64, shape (n,)
        Purchases of each customer within the horizon.
    customer : ndarray of int64, shape (m,)
        For every purchase, the row of the customer who makes it; ascending.
    time : ndarray of float64, shape (m,)
        When, counted from T in time units; ascending for each customer.
    value : ndarray of float64, shape (m,), or None
        For how much, in money.

    Examples
    --------
    >>> from customervalue import CustomerSummary, clv
    >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> customers = CustomerSummary(frequency=[9, 0], recency=[36.0, 0.0], T=[38.86, 38.86])
    >>> future = model.simulate_future(customers, 4, rng=1)
    >>> future.purchases, future.customer, future.time.round(2)
    (array([0, 0]), array([], dtype=int64), array([], dtype=float64))
    """

    purchases: IntArray
    customer: IntArray
    time: FloatArray
    value: FloatArray | None = None

    @property
    def spend(self) -> FloatArray:
        """Total spend of each customer, shape (n,), in money.

        Raises
        ------
        InvalidInputError
            If no spend model was given.
        """
        if self.value is None:
            raise invalid("spending", "this future was simulated without spend", "Pass `spending=` a GammaGamma model.")
        return np.bincount(self.customer, self.value, minlength=self.purchases.size).astype(np.float64)

    def to_dict(self) -> dict[str, Any]:
        """As plain lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> import numpy as np
        >>> Future(np.array([1]), np.array([0]), np.array([2.5])).to_dict()
        {'purchases': [1], 'customer': [0], 'time': [2.5], 'value': None}
        """
        columns = {"purchases": self.purchases, "customer": self.customer, "time": self.time, "value": self.value}
        return {name: None if column is None else column.tolist() for name, column in columns.items()}

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per purchase.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer, time and, if there is spend, value.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> import numpy as np
        >>> Future(np.array([1]), np.array([0]), np.array([2.5])).to_frame()
        {'customer': array([0]), 'time': array([2.5])}
        """
        columns: dict[str, AnyArray] = {"customer": self.customer, "time": self.time}
        if self.value is not None:
            columns["value"] = self.value
        return _columns.to_frame(columns, backend)


class Simulation(RepeatBuying):
    """Drawing customers at random; the calls of every purchase model."""

    def simulate(
        self,
        n: int,
        T: Any,
        rng: np.random.Generator | int | None,
        *,
        observation_end: Any = None,
        spending: GammaGamma | None = None,
    ) -> CustomerSummary:
        """Draw histories of customers just acquired.

        Parameters
        ----------
        n : int
            How many customers.
        T : float, array_like of float or array_like of dates, shape (n,)
            How long each is observed, in time units, or when each was acquired.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        observation_end : date, optional
            Needed where `T` holds dates.
        spending : GammaGamma, optional
            Draws `monetary_value` as well.

        Returns
        -------
        CustomerSummary
            Times are exact, not to the day.

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number > 0, or `T` does not fit it.

        Examples
        --------
        >>> from customervalue import clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.simulate(1000, 39.0, rng=1)
        CustomerSummary: 1,000 customers, 394 with repeat transactions
          frequency  mean 1.06, largest 29
          T          39 to 39 weeks
          spend      not given
        """
        source = np.random.default_rng(rng)
        length, _ = self._lengths(n, T, observation_end)
        paths = self._draw_new(source, length)
        mean = None
        if spending is not None:
            mean = spending.simulate(paths.count, source)
        last = np.minimum(paths.last(source), length)
        return CustomerSummary(paths.count, last, length, mean, time_unit=self.time_unit)

    def simulate_log(
        self,
        n: int,
        T: Any,
        rng: np.random.Generator | int | None,
        *,
        observation_end: Any,
        spending: GammaGamma | None = None,
        refund_probability: float = 0.0,
        backend: str | None = None,
    ) -> Any:
        """Draw a log of transactions of customers just acquired, their first purchases included.

        Parameters
        ----------
        n : int
            How many customers.
        T : float, array_like of float or array_like of dates, shape (n,)
            How long each is observed, in time units, or when each was acquired.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        observation_end : date
            The last moment of the log.
        spending : GammaGamma, optional
            Draws a value for each transaction.
        refund_probability : float
            Each transaction is refunded in full, a week later on average, with this probability; needs `spending`.
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id (0 to n - 1), date (to the microsecond) and, with `spending`, value; sorted by the first
            two.

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number > 0, `T` does not fit it, `refund_probability` is not in [0, 1] or has no
            `spending`, or `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue import clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> spending = clv.GammaGamma(p=6.25, q=3.74, v=15.44)
        >>> log = model.simulate_log(3, 39, rng=4, observation_end="2025-12-31", spending=spending)
        >>> log["customer_id"], log["value"].round(2)
        (array([0, 1, 2]), array([37.89, 20.1 , 10.45]))
        """
        source = np.random.default_rng(rng)
        share = check_number("refund_probability", refund_probability)
        if not 0 <= share <= 1 or (share > 0 and spending is None):
            rule = f"`refund_probability` must lie between 0 and 1, and needs `spending`; it is {share:g}"
            raise invalid("refund_probability", rule)
        if observation_end is None:
            raise invalid("observation_end", "a log needs an `observation_end`, a date", "For example '2025-12-31'.")
        length, end = self._lengths(n, T, observation_end)
        paths = self._draw_new(source, length)
        drawn = paths.events(source)
        # The first purchase of each customer, at time 0, comes before the others.
        customer = np.repeat(np.arange(length.size), 1 + paths.count)
        time = np.zeros(customer.size)
        first = np.cumsum(1 + paths.count) - 1 - paths.count
        again = np.ones(customer.size, dtype=np.bool_)
        again[first] = False
        time[again] = drawn.time
        before = length[customer] - time
        log: dict[str, AnyArray] = {"customer_id": customer, "date": self._dates(end, before)}
        if spending is not None:
            none = np.zeros(length.size, dtype=np.int64)
            scale = draw_scales(spending, source, none, np.zeros(length.size))
            log["value"] = draw_values(spending, source, scale[customer], 1)
            if share > 0:
                log = self._with_refunds(source, log, before, end, share)
        return _columns.to_frame(log, backend)

    def simulate_future(
        self,
        customers: CustomerSummary,
        horizon: float,
        rng: np.random.Generator | int | None,
        *,
        spending: GammaGamma | None = None,
    ) -> Future:
        """Draw one possible future of customers we have, given their histories.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model; each row is one customer, whatever its weight.
        horizon : float
            Length of the window (T, T + horizon], in time units; >= 0.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        spending : GammaGamma, optional
            Draws values as well, given each customer's `monetary_value`.

        Returns
        -------
        Future
            Whether each is still alive, his own rates and what he then does are drawn together.

        Raises
        ------
        InvalidInputError
            If `horizon` is negative or not finite, `customers` is in another time unit, or has no `monetary_value`
            where `spending` needs it.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> customers = CustomerSummary(frequency=[9, 0], recency=[36.0, 0.0], T=[38.86, 38.86])
        >>> model.simulate_future(customers, 39, rng=1).purchases
        array([7, 0])
        """
        source = np.random.default_rng(rng)
        self._check_customers(customers)
        window = np.full(len(customers), self._check_window("horizon", horizon))
        paths = self._draw(source, customers.frequency, customers.recency, customers.T, window)
        drawn = paths.events(source)
        value = None
        if spending is not None:
            mean, count = checked_spend(customers)
            scale = draw_scales(spending, source, count, mean)
            value = draw_values(spending, source, scale[drawn.customer], 1)
        return Future(paths.count, drawn.customer, drawn.time, value)

    def _draw(
        self, rng: np.random.Generator, x: IntArray, t_x: FloatArray, T: FloatArray, horizon: FloatArray
    ) -> Paths:
        """What customers with these histories buy in (T, T + horizon], alive or not."""
        going = np.log1p(-rng.random(x.size)) <= self._log_alive(x, t_x, T)
        return self._paths(rng, x, T, horizon).keep(going)

    def _draw_new(self, rng: np.random.Generator, length: FloatArray) -> Paths:
        nothing = np.zeros(length.size)
        return self._draw(rng, nothing.astype(np.int64), nothing, nothing, length)

    def _lengths(self, n: int, T: Any, observation_end: Any) -> tuple[FloatArray, np.datetime64]:
        """How long each of n customers is observed, in time units, and until when."""
        size = check_number("n", n)
        if not (size >= 1 and size == np.floor(size) and np.isfinite(size)):
            raise invalid("n", f"`n` must be a whole number of customers, 1 or more, and is {n!r}")
        end = np.datetime64("NaT", "us") if observation_end is None else _date("observation_end", observation_end)
        given = np.asarray(T)
        if given.dtype.kind in "MOUS":
            if np.isnat(end):
                raise invalid("observation_end", "with dates of acquisition, `observation_end` must be given")
            days = (end - _date("T", T)) / np.timedelta64(1, "D")
            given = days / DAYS[self.time_unit]
        length = check_times("T", given)
        if length.ndim > 1 or (length.ndim == 1 and length.size != size):
            raise invalid(
                "T", f"`T` must be one length or one per customer ({int(size):,}), and has shape {length.shape}"
            )
        if self.whole_time:
            length = np.floor(length)
        return np.broadcast_to(length, (int(size),)).astype(np.float64), end

    def _dates(self, end: np.datetime64, before: FloatArray) -> AnyArray:
        gaps = np.rint(before * (DAYS[self.time_unit] * _MICROSECONDS_PER_DAY)).astype("timedelta64[us]")
        return np.asarray(end - gaps)

    def _with_refunds(
        self, rng: np.random.Generator, log: dict[str, AnyArray], before: FloatArray, end: np.datetime64, share: float
    ) -> dict[str, AnyArray]:
        left = before - rng.exponential(_DAYS_TO_REFUND / DAYS[self.time_unit], before.size)
        back: BoolArray = (rng.random(before.size) < share) & (left >= 0)
        both = {
            "customer_id": np.concatenate([log["customer_id"], log["customer_id"][back]]),
            "date": np.concatenate([log["date"], self._dates(end, left[back])]),
            "value": np.concatenate([log["value"], -log["value"][back]]),
        }
        order = np.lexsort((both["date"], both["customer_id"]))
        return {name: column[order] for name, column in both.items()}


def _date(argument: str, value: Any) -> Any:
    if getattr(value, "tzinfo", None) is not None:
        raise invalid(argument, f"`{argument}` must be a local date without a time zone, and is {value!r}")
    try:
        dates = np.asarray(value, dtype="datetime64[us]")
    except (TypeError, ValueError):
        raise invalid(argument, f"`{argument}` must be a date, for example '2025-12-31', and is {value!r}") from None
    if np.any(np.isnat(dates)):
        raise invalid(argument, f"`{argument}` must not hold missing dates")
    return dates[()]
