"""The calls that every purchase model answers, given what is particular to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import partial
from typing import TYPE_CHECKING, Any, Self, overload

import numpy as np

from customervalue.clv._model import ParametricModel, check_times
from customervalue.errors import ConvergenceError, invalid
from customervalue.estimation.fit import fit
from customervalue.estimation.priors import check_prior
from customervalue.numerics.along_time import by_frequency
from customervalue.summary import check_summary
from customervalue.units import check_horizon, check_time_unit, force_of_interest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from customervalue._typing import FloatArray, IntArray, Many
    from customervalue.estimation.fit import Likelihood
    from customervalue.estimation.priors import LogNormal
    from customervalue.summary import CustomerSummary

__all__ = ["PurchaseModel"]


class PurchaseModel(ParametricModel, ABC):
    """Base of the models of repeat buying.

    A model states its likelihood, whether a customer is still alive, and what a customer who is alive will do as a
    function of his frequency and of `clock`, the model's own time scale plus T. A customer just acquired is a customer
    with the empty history (0, 0, 0). The rest is here.
    """

    time_unit: str

    def __post_init__(self) -> None:
        self._check_parameters()
        check_time_unit(self.time_unit)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({values}, time_unit={self.time_unit!r})"

    @classmethod
    @abstractmethod
    def _likelihood(cls, customers: CustomerSummary) -> Likelihood:
        """The likelihood of these customers, ready to be maximized."""

    @property
    @abstractmethod
    def _clock(self) -> float:
        """What to add to T to get `clock`."""

    @abstractmethod
    def _log_likelihood(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log-likelihood of each row."""

    @abstractmethod
    def _log_alive(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log probability that each row is alive at T."""

    @abstractmethod
    def _purchases_if_alive(self, x: int, clock: FloatArray, horizon: float) -> FloatArray:
        """Expected purchases in (T, T + horizon] of a customer alive at T; horizon > 0."""

    @abstractmethod
    def _discounted_purchases_if_alive(
        self, x: int, clock: FloatArray, horizon: float | None, delta: float
    ) -> FloatArray:
        """Expected purchases of a customer alive at T, each discounted by exp(-delta t); horizon > 0 or None."""

    @abstractmethod
    def _discounted_lifetime_if_alive(
        self, x: int, clock: FloatArray, horizon: float | None, delta: float
    ) -> FloatArray:
        """Expected time alive of a customer alive at T, discounted by exp(-delta t); horizon > 0 or None."""

    @abstractmethod
    def _log_probability_new(self, n: FloatArray, t: FloatArray) -> FloatArray:
        """Log probability of n purchases in (0, t]."""

    @classmethod
    def fit(
        cls,
        customers: CustomerSummary,
        *,
        prior: Mapping[str, LogNormal] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories; one-time buyers belong to them.
        prior : mapping of str to LogNormal, optional
            Prior knowledge of some or all parameters; the estimates are then posterior modes (on the log scale).
        start : mapping of str to float, optional
            Where to begin the search, for every parameter; found from the data by default.

        Returns
        -------
        the model
            With `.inference`: covariance, log-likelihood, and how the search ended.

        Raises
        ------
        ConvergenceError
            If the likelihood has no maximum, as when nobody ever bought twice.
        InvalidInputError
            If there are fewer customers than parameters, or `prior` or `start` do not fit the model.

        Warns
        -----
        WeaklyIdentifiedWarning
            If the likelihood is flat in some direction; the message says which and what it means.

        Notes
        -----
        Newton's method on the log-parameters with exact gradient and Hessian, on the distinct (x, t_x, T).

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue import clv
        >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
        >>> model = clv.BGNBD.fit(customers)
        >>> model
        BGNBD(r=0.2426, alpha=4.414, a=0.7929, b=2.426, time_unit='W')
        >>> round(model.inference.log_likelihood, 3)
        -9582.429
        """
        check_summary(customers)
        told = set(check_prior(prior, cls.parameter_names)) == set(cls.parameter_names)
        if customers.n_customers < len(cls.parameter_names) and not told:
            need = f"{len(cls.parameter_names)} parameters need at least as many customers"
            raise invalid("customers", f"{need}, and there are {customers.n_customers}")
        weights = 1 if customers.weights is None else customers.weights
        if not np.any(customers.frequency * weights) and not told:
            raise ConvergenceError(
                f"nobody among these {customers.n_customers:,} customers bought twice: the likelihood rises for ever "
                "as the purchase rate goes to zero, and has no maximum. Observe them for longer, check that "
                "`frequency` is the number of purchases less the first, or give a `prior` for every parameter."
            )
        if not np.any(customers.T > 0):
            raise ConvergenceError(
                "no time has passed, T is 0 for everyone: the likelihood rises for ever as the purchase rate grows. "
                "Check `observation_end` and the time unit."
            )
        inference = fit(cls._likelihood(customers), prior=prior, start=start)
        extras: dict[str, Any] = {"time_unit": customers.time_unit, "inference": inference}
        return cls(**inference.parameters, **extras)

    def log_likelihood(self, customers: CustomerSummary) -> FloatArray:
        """Log-likelihood of each customer's history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.

        Returns
        -------
        ndarray of float64, shape (n,)
            Of one customer, whatever the weight of the row.

        Raises
        ------
        InvalidInputError
            If `customers` is in another time unit.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.log_likelihood(CustomerSummary(frequency=2, recency=30.43, T=38.86)).round(4)
        array([-9.4586])
        """
        check_summary(customers, self.time_unit)
        rows = customers.unique
        return rows.expand(self._log_likelihood(rows.frequency, rows.recency, rows.T))

    def probability_alive(self, customers: CustomerSummary, *, log: bool = False) -> FloatArray:
        """Probability that each customer is still alive at the end of observation, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        log : bool
            Return the natural logarithm, which does not underflow.

        Returns
        -------
        ndarray of float64, shape (n,)
            In [0, 1].

        Raises
        ------
        InvalidInputError
            If `customers` is in another time unit.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.probability_alive(CustomerSummary(frequency=2, recency=30.43, T=38.86)).round(4)
        array([0.7266])
        """
        check_summary(customers, self.time_unit)
        rows = customers.unique
        values = self._log_alive(rows.frequency, rows.recency, rows.T)
        return rows.expand(values if log else np.exp(values))

    def expected_purchases(self, customers: CustomerSummary, horizon: float) -> FloatArray:
        """Expected number of purchases in the next `horizon`, given each customer's history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        horizon : float
            Length of the forecast window (T, T + horizon], in time units; >= 0.

        Returns
        -------
        ndarray of float64, shape (n,)
            A count of transactions, not money; 0 where `horizon` is 0.

        Raises
        ------
        InvalidInputError
            If `horizon` is negative or not finite, or `customers` is in another time unit.

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
        length = check_horizon(horizon)
        if length == 0:
            check_summary(customers, self.time_unit)
            return np.zeros(len(customers))
        return self._given_history(customers, partial(self._purchases_if_alive, horizon=length))

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
        ask = self._purchases_if_alive
        values = [self._new(partial(ask, horizon=t)) if t > 0 else 0.0 for t in times.ravel().tolist()]
        return values[0] if times.ndim == 0 else np.reshape(values, times.shape)

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
        return self._present_value(customers, discount_rate, horizon, self._discounted_purchases_if_alive)

    def discounted_expected_lifetime(
        self, customers: CustomerSummary, *, discount_rate: float, horizon: float | None = None
    ) -> FloatArray:
        """Present value of one unit of money per period for as long as the customer is alive.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        discount_rate : float
            Annual effective rate; >= 0. The money flows continuously.
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
        return self._present_value(customers, discount_rate, horizon, self._discounted_lifetime_if_alive)

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
        return self._new(partial(self._discounted_purchases_if_alive, horizon=length, delta=delta))

    @overload
    def probability_of_purchases(self, n: int, t: float, *, log: bool = False) -> float: ...
    @overload
    def probability_of_purchases(self, n: Many, t: float | Many, *, log: bool = False) -> FloatArray: ...
    @overload
    def probability_of_purchases(self, n: int, t: Many, *, log: bool = False) -> FloatArray: ...
    def probability_of_purchases(self, n: int | Many, t: float | Many, *, log: bool = False) -> float | FloatArray:
        """Probability that a customer just acquired makes n repeat purchases in (0, t].

        Parameters
        ----------
        n : int or array_like of int
            Number of purchases; >= 0.
        t : float or array_like of float
            Length of time, in time units; >= 0. Broadcast against `n`.
        log : bool
            Return the natural logarithm, which does not underflow.

        Returns
        -------
        float or ndarray of float64

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number, or `n` or `t` is negative or not finite.

        References
        ----------
        .. [1] Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, eq. (8), for BG/NBD.

        Examples
        --------
        >>> from customervalue import clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.probability_of_purchases([0, 1, 2], 39).round(4)
        array([0.5738, 0.1994, 0.0854])
        """
        counts, times = check_times("n", n), check_times("t", t)
        try:
            counts, times = np.broadcast_arrays(counts, times)
        except ValueError:
            raise invalid(
                "n", f"`n` and `t` must fit together, and have shapes {counts.shape}, {times.shape}"
            ) from None
        if np.any(counts != np.floor(counts)):
            raise invalid("n", "`n` must be a whole number of purchases")
        values = self._log_probability_new(counts, times)
        values = values if log else np.exp(values)
        return float(values) if values.ndim == 0 else values

    def _given_history(
        self, customers: CustomerSummary, if_alive: Callable[[int, FloatArray], FloatArray]
    ) -> FloatArray:
        """P(alive) times what a customer who is alive will do."""
        check_summary(customers, self.time_unit)
        rows = customers.unique
        alive = np.exp(self._log_alive(rows.frequency, rows.recency, rows.T))
        return rows.expand(alive * by_frequency(if_alive, rows.frequency, rows.T + self._clock))

    def _new(self, if_alive: Callable[[int, FloatArray], FloatArray]) -> float:
        """The same for a customer just acquired: the empty history."""
        nothing = np.zeros(1)
        alive = np.exp(self._log_alive(np.zeros(1, dtype=np.int64), nothing, nothing))
        return float((alive * if_alive(0, nothing + self._clock))[0])

    def _present_value(
        self, customers: CustomerSummary, discount_rate: float, horizon: float | None, flow: Callable[..., FloatArray]
    ) -> FloatArray:
        length, delta = self._window(discount_rate, horizon)
        if length == 0:
            check_summary(customers, self.time_unit)
            return np.zeros(len(customers))
        return self._given_history(customers, partial(flow, horizon=length, delta=delta))

    def _window(self, discount_rate: float, horizon: float | None) -> tuple[float | None, float]:
        """The checked horizon, and the continuous rate per time unit."""
        delta = force_of_interest(discount_rate, self.time_unit)
        if horizon is not None:
            return check_horizon(horizon), delta
        if delta == 0:
            rule = "the whole future without discounting need not have a finite value"
            raise invalid("discount_rate", rule, "Give a discount_rate > 0, or a finite horizon.")
        return None, delta
