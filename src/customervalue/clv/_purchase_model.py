"""Every purchase model: how it is fitted, and, from the files beside this one, the calls it answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from customervalue.clv._chances import Chances
from customervalue.clv._expectations import Expectations
from customervalue.clv._own_rates import OwnRates
from customervalue.clv._simulation import Simulation
from customervalue.errors import ConvergenceError, invalid
from customervalue.estimation.fit import fit
from customervalue.estimation.priors import check_prior
from customervalue.summary import check_summary
from customervalue.units import check_time_unit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import FloatArray
    from customervalue.estimation.priors import LogNormal
    from customervalue.numerics.compress import UniqueRows
    from customervalue.summary import CustomerSummary

__all__ = ["PurchaseModel"]


class PurchaseModel(Expectations, Chances, OwnRates, Simulation):
    """Base of the models of repeat buying: parameters, fit and likelihood.

    A model fills the hooks of `RepeatBuying`; the calls are in `Expectations`, `Chances`, `OwnRates` and `Simulation`.
    """

    def __post_init__(self) -> None:
        self._check_parameters()
        check_time_unit(self.time_unit)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({values}, time_unit={self.time_unit!r})"

    @classmethod
    def _rows(cls, data: CustomerSummary) -> UniqueRows:
        check_summary(data)
        return data.unique

    def _row_log_likelihood(self, rows: UniqueRows) -> FloatArray:
        return self._log_likelihood(rows.frequency, rows.recency, rows.T)

    @classmethod
    def fit(
        cls,
        customers: CustomerSummary,
        *,
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        customers : CustomerSummary, n customers
            Histories; one-time buyers belong to them.
        prior : mapping of str to LogNormal, or "weak", optional
            Prior knowledge of some or all parameters; the estimates are then posterior modes (on the log scale).
            "weak" is `LogNormal(unit, 1.5)` for every parameter, where the unit is 1, or the mean T for alpha and beta
            of the models in continuous time: 95 % within a factor of 19, whatever the time unit.
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
        rows = cls._rows(customers)
        told = prior == "weak" or set(check_prior(prior, cls.parameter_names)) == set(cls.parameter_names)
        _check_told(customers, len(cls.parameter_names), told=told)
        inference = fit(cls._likelihood(rows), prior=prior, start=start)
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
        self._check_customers(customers)
        return customers.unique.expand(self._row_log_likelihood(customers.unique))


def _check_told(customers: CustomerSummary, parameters: int, *, told: bool) -> None:
    """Raise where there cannot be a maximum; with priors for all parameters (`told`) only time has to have passed."""
    if customers.n_customers < parameters and not told:
        need = f"{parameters} parameters need at least as many customers"
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
