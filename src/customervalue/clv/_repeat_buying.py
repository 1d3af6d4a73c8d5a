"""What is particular to a model of repeat buying: the hooks that it fills, and that every prediction is made of."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from customervalue.clv._customer_model import CustomerModel
from customervalue.errors import invalid
from customervalue.summary import check_summary
from customervalue.units import check_number, force_of_interest

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray, IntArray
    from customervalue.clv._paths import Paths
    from customervalue.summary import CustomerSummary

__all__ = ["RepeatBuying"]


class RepeatBuying(CustomerModel, ABC):
    """Hooks of the models of repeat buying.

    A customer is alive at T or gone. Once we know which, his future depends on x and T alone: a customer who is gone
    buys nothing, and one who is alive is like a customer just acquired with parameters brought up to date. So a model
    states how likely he is to be alive, and what he will do if he is. All arrays have one entry per row.

    Attributes
    ----------
    rate_parameter, dropout_parameter : str
        The parameters that count purchases, and departures: the first shape of the gamma or beta distribution of the
        customers' own rates. One more of them stands for one event more, which gives posterior means. Empty for a model
        in which nobody leaves.
    whole_time : bool
        Whether time is counted in opportunities to buy, so that only whole numbers make sense.
    limits : tuple of str
        Names of the models that this one becomes at the edge of its parameters.
    """

    rate_parameter: ClassVar[str]
    dropout_parameter: ClassVar[str]
    whole_time: ClassVar[bool] = False
    limits: ClassVar[tuple[str, ...]] = ()

    time_unit: str

    @abstractmethod
    def _log_likelihood(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log-likelihood of each row."""

    @abstractmethod
    def _log_alive(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log probability that each row is alive at T; in discrete time, that it is there for the next opportunity."""

    @abstractmethod
    def _log_silence(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log probability that a customer who made x purchases by t_x and stays alive does not buy until T."""

    # Of a customer who is alive at T:

    @abstractmethod
    def _survival(self, x: IntArray, T: FloatArray, time: float) -> FloatArray:
        """Probability of being alive at T + time; time > 0."""

    @abstractmethod
    def _purchases(self, x: IntArray, T: FloatArray, start: float, length: float) -> FloatArray:
        """Expected purchases in (T + start, T + start + length]; start >= 0, length > 0."""

    @abstractmethod
    def _discounted_purchases(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        """Expected purchases, each discounted by exp(-delta t); horizon > 0 or None."""

    @abstractmethod
    def _discounted_lifetime(self, x: IntArray, T: FloatArray, horizon: float | None, delta: float) -> FloatArray:
        """Expected time alive, discounted by exp(-delta t); horizon > 0 or None."""

    @abstractmethod
    def _mean_lifetime(self, x: IntArray, T: FloatArray) -> FloatArray:
        """Expected time alive, undiscounted; may be infinite."""

    @abstractmethod
    def _log_probability(self, x: IntArray, T: FloatArray, n: FloatArray, t: FloatArray) -> FloatArray:
        """Log probability of n purchases in (T, T + t]."""

    @abstractmethod
    def _paths(self, rng: np.random.Generator, x: IntArray, T: FloatArray, horizon: FloatArray) -> Paths:
        """Purchases in (T, T + horizon], drawn at random."""

    @abstractmethod
    def _rate(self, x: IntArray, T: FloatArray) -> FloatArray:
        """Expected purchase rate of his own."""

    @abstractmethod
    def _dropout(self, x: IntArray, T: FloatArray) -> FloatArray:
        """Expected dropout rate or probability of his own."""

    # Of a customer of whom we do not know it:

    @abstractmethod
    def _log_rate_density(self, rate: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log density of his own purchase rate, at `rate`."""

    @abstractmethod
    def _log_dropout_density(self, dropout: FloatArray, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        """Log density of his own dropout rate or probability, at `dropout`."""

    def _check_customers(self, customers: CustomerSummary) -> None:
        """Raise unless these are customers this model can take."""
        check_summary(customers, self.time_unit)

    def _check_window(self, argument: str, length: float) -> float:
        """The checked length of time."""
        value = check_number(argument, length)
        if not (value >= 0 and math.isfinite(value)):
            raise invalid(argument, f"`{argument}` must be finite and not negative, and is {value:g}")
        return value

    def _endless(self) -> str:
        """Why an expected lifetime is infinite, in words."""
        return "nobody leaves in this model"

    def _log_alive_or_gone(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Log probability of being alive at T, and of not being so."""
        alive = self._log_alive(x, t_x, T)
        with np.errstate(divide="ignore"):
            return alive, np.log(-np.expm1(alive))

    def _given_history(
        self, customers: CustomerSummary, if_alive: Callable[[IntArray, FloatArray], FloatArray]
    ) -> FloatArray:
        """P(alive) times what a customer who is alive will do; shape (n,)."""
        self._check_customers(customers)
        rows = customers.unique
        alive, future = np.exp(self._log_alive(rows.frequency, rows.recency, rows.T)), if_alive(rows.frequency, rows.T)
        # Nothing is to come from a customer who is gone for certain, be it infinite for the others.
        return rows.expand(alive * np.where(alive > 0, future, 0.0))

    def _new(self, if_alive: Callable[[IntArray, FloatArray], FloatArray]) -> float:
        """The same for a customer just acquired: the empty history."""
        none, nothing = np.zeros(1, dtype=np.int64), np.zeros(1)
        return float((np.exp(self._log_alive(none, nothing, nothing)) * if_alive(none, nothing))[0])

    def _force(self, discount_rate: float) -> float:
        """The continuous discount rate per time unit."""
        return force_of_interest(discount_rate, self.time_unit)
