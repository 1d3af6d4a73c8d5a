"""What a history says of a customer's own purchase rate, and of his own readiness to leave."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.clv._repeat_buying import RepeatBuying
from customervalue.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray, Many
    from customervalue.summary import CustomerSummary

__all__ = ["OwnRates"]


class OwnRates(RepeatBuying):
    """Posterior means and densities of a customer's own rates; the calls of every purchase model."""

    def expected_purchase_rate(self, customers: CustomerSummary) -> FloatArray:
        """Expected purchase rate of each customer, while he is or was alive, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.

        Returns
        -------
        ndarray of float64, shape (n,)
            Purchases per time unit; in BG/BB, the probability of a purchase at an opportunity.

        Raises
        ------
        InvalidInputError
            If `customers` is in another time unit.

        References
        ----------
        .. [1] Fader & Hardie (2005), "A note on deriving the Pareto/NBD model and related expressions", note 009 at
           brucehardie.com, for Pareto/NBD: the posterior mean is the mean of the prior times the likelihood with r + 1
           in the place of r, over the likelihood. It holds for r or alpha of any of these models.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.expected_purchase_rate(CustomerSummary(frequency=2, recency=30.43, T=38.86)).round(4)
        array([0.0553])
        """
        return self._posterior_mean(customers, self.rate_parameter, self._rate)

    def expected_dropout(self, customers: CustomerSummary) -> FloatArray:
        """Expected readiness of each customer to leave, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.

        Returns
        -------
        ndarray of float64, shape (n,)
            The probability of dropping out, at a purchase in BG/NBD and MBG/NBD and at an opportunity in BG/BB; in
            Pareto/NBD, the rate of dropping out per time unit; 0 in NBD.

        Raises
        ------
        InvalidInputError
            If `customers` is in another time unit.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.expected_dropout(CustomerSummary(frequency=2, recency=30.43, T=38.86)).round(4)
        array([0.2043])
        """
        if not self.dropout_parameter:
            self._check_customers(customers)
            return np.zeros(len(customers))
        return self._posterior_mean(customers, self.dropout_parameter, self._dropout)

    def purchase_rate_density(self, customers: CustomerSummary, rate: float | Many) -> FloatArray:
        """Density of each customer's own purchase rate, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        rate : float or array_like of float, shape (k,)
            Where to evaluate it, in purchases per time unit; > 0. In BG/BB a probability between 0 and 1.

        Returns
        -------
        ndarray of float64, shape (n,) or (n, k)

        Raises
        ------
        InvalidInputError
            If `rate` is out of range, or `customers` is in another time unit.

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.purchase_rate_density(CustomerSummary(frequency=2, recency=30.43, T=38.86), [0.05, 0.5]).round(4)
        array([[11.3036,  0.    ]])
        """
        largest = 1.0 if self.whole_time else np.inf
        return self._density(customers, "rate", rate, largest, self._log_rate_density)

    def dropout_density(self, customers: CustomerSummary, dropout: float | Many) -> FloatArray:
        """Density of each customer's own readiness to leave, given his history.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories, in the time unit of this model.
        dropout : float or array_like of float, shape (k,)
            Where to evaluate it: a probability between 0 and 1; in Pareto/NBD a rate > 0 per time unit.

        Returns
        -------
        ndarray of float64, shape (n,) or (n, k)

        Raises
        ------
        InvalidInputError
            If `dropout` is out of range, `customers` is in another time unit, or nobody leaves in this model (NBD).

        Examples
        --------
        >>> from customervalue import CustomerSummary, clv
        >>> model = clv.BGNBD(r=0.243, alpha=4.414, a=0.793, b=2.426)
        >>> model.dropout_density(CustomerSummary(frequency=2, recency=30.43, T=38.86), 0.1).round(3)
        array([2.625])
        """
        if not self.dropout_parameter:
            rule = f"nobody leaves in {type(self).__name__}: there is no dropout whose density could be given"
            raise invalid("dropout", rule, "Fit a model with dropout, for example BGNBD.")
        largest = np.inf if self.dropout_parameter == "s" else 1.0
        return self._density(customers, "dropout", dropout, largest, self._log_dropout_density)

    def _posterior_mean(
        self, customers: CustomerSummary, parameter: str, if_alive: Callable[..., FloatArray]
    ) -> FloatArray:
        """The mean if alive, times P(alive) over P(alive) with one more event in the prior."""
        self._check_customers(customers)
        rows = customers.unique
        one_more = replace(self, **{parameter: getattr(self, parameter) + 1})  # type: ignore[type-var]
        alive = self._log_alive(rows.frequency, rows.recency, rows.T)
        ratio = np.exp(alive - one_more._log_alive(rows.frequency, rows.recency, rows.T))
        return rows.expand(ratio * if_alive(rows.frequency, rows.T))

    def _density(
        self, customers: CustomerSummary, name: str, at: Any, largest: float, log_density: Callable[..., FloatArray]
    ) -> FloatArray:
        self._check_customers(customers)
        try:
            points = np.asarray(at, dtype=np.float64)
        except (TypeError, ValueError):
            raise invalid(name, f"`{name}` must be a number or an array of numbers") from None
        if points.ndim > 1 or not np.all((points > 0) & (points < largest)):
            bound = "positive and finite" if largest == np.inf else "between 0 and 1"
            raise invalid(name, f"`{name}` must be {bound}, as one number or several")
        rows = customers.unique
        columns = [
            log_density(np.full(len(rows), point), rows.frequency, rows.recency, rows.T)
            for point in points.ravel().tolist()
        ]
        values = rows.expand(np.exp(np.stack(columns, axis=1)))
        return values[:, 0] if points.ndim == 0 else values
