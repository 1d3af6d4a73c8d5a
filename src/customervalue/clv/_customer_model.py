"""What the purchase models and the spend models have in common: they are fitted to customers."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Self

from customervalue.errors import AssumptionWarning
from customervalue.estimation.draws import draw, why_rough
from customervalue.estimation.model import ParametricModel
from customervalue.summary import check_summary

if TYPE_CHECKING:
    import numpy as np

    from customervalue.estimation.draws import Draws
    from customervalue.summary import CustomerSummary

__all__ = ["CustomerModel"]


class CustomerModel(ParametricModel):
    """Base of the models that are fitted to a `CustomerSummary`."""

    def draws(
        self, n: int, rng: np.random.Generator | int | None, *, customers: CustomerSummary | None = None
    ) -> Draws[Self]:
        """Draw sets of parameters that the data leave possible.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        customers : CustomerSummary, optional
            Those the model was fitted to. With them the draws are those of the exact posterior: proposals from a
            Student distribution around the estimate, resampled by importance weights. Without them, those of the
            normal distribution of the log-parameters that the fit suggests.

        Returns
        -------
        Draws
            With `.effective_sample_size`. Each draw is a model that predicts.

        Raises
        ------
        InvalidInputError
            If the model has no inference, its data left a parameter open, or `customers` are not those of the fit.
        ConvergenceError
            If the importance weights collapse.

        Warns
        -----
        AssumptionWarning
            If the fit had a prior or few customers and `customers` are not given.

        Notes
        -----
        The prior of the exact posterior is that of the fit. A parameter without one has the weak prior: with a flat
        one there is no posterior, as the likelihood does not go to zero where parameters go to infinity together.

        Examples
        --------
        >>> import customervalue as cv
        >>> customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
        >>> draws = cv.clv.BGNBD.fit(customers).draws(200, rng=1)
        >>> len(draws), draws[0]
        (200, BGNBD(r=0.2393, alpha=4.233, a=0.5695, b=1.71, time_unit='W'))
        """
        if customers is None:
            drawn = draw(self, n, rng)
            if why := why_rough(self):
                warnings.warn(
                    f"a fit {why}: the draws are those of a normal distribution of the log-parameters, which is rough "
                    "here. Pass `customers=`, those of the fit, to correct them to the exact posterior under the prior "
                    "of the fit (the weak one where it had none).",
                    AssumptionWarning,
                    stacklevel=2,
                )
            return drawn
        self._check_customers(customers)
        return draw(self, n, rng, self._rows(customers))

    def _check_customers(self, customers: CustomerSummary) -> None:
        """Raise unless these are customers this model can take."""
        check_summary(customers)
