"""What the models of contracts have in common: how they are fitted, and how sure they are."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from customervalue.errors import AssumptionWarning, ConvergenceError, invalid
from customervalue.estimation.draws import draw, why_rough
from customervalue.estimation.fit import fit
from customervalue.estimation.priors import check_prior
from customervalue.retention._contract_data import ContractRows, from_individuals, from_survivors, individual_rows
from customervalue.retention._contract_intervals import ContractInterval, check_draws, prediction_interval
from customervalue.retention._contract_predictions import ContractPredictions
from customervalue.units import check_time_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from customervalue._typing import AnyArray, FloatArray
    from customervalue.estimation.draws import Draws
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.priors import LogNormal

__all__ = ["ContractModel"]


class ContractModel(ContractPredictions):
    """Base of the models of contracts: parameters, fit, draws and intervals; the predictions are in its own base.

    A model fills the hooks of `ParametricModel` and of `ContractPredictions`.
    """

    def __post_init__(self) -> None:
        self._check_parameters()
        check_time_unit(self.time_unit)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={value:.4g}" for name, value in self.parameters.items())
        return f"{type(self).__name__}({values}, time_unit={self.time_unit!r})"

    @classmethod
    def fit(
        cls,
        duration: AnyArray,
        churned: AnyArray,
        *,
        entry: AnyArray | None = None,
        weights: AnyArray | None = None,
        time_unit: str = "Y",
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood, from one row per customer.

        Parameters
        ----------
        duration : array_like of int, shape (n,)
            In whole renewal periods. Of a customer who has left: the renewal at which he did, 1, 2, ...; 1 for one who
            paid for his first period and did not renew. Of a customer who is still there: the renewals he has made,
            0, 1, 2, ...; 0 for one in his first period, who tells nothing yet.
        churned : array_like of bool, shape (n,)
            Whether he has left.
        entry : array_like of int, shape (n,), optional
            Renewals he had made when he was first seen, for data that begin later than their customers: those who left
            before cannot be in them, and to count the others from their acquisition as if all had been seen would make
            customers look too loyal. 0 by default.
        weights : array_like of int, shape (n,), optional
            How many identical customers each row stands for.
        time_unit : {"D", "W", "M", "Y"}
            The renewal period.
        prior : mapping of str to LogNormal, or "weak", optional
            Prior knowledge of some or all parameters; the estimates are then posterior modes (on the log scale). "weak"
            is `LogNormal(1, 1.5)` for every parameter: 95 % within a factor of 19. (For `Geometric`, about 0.2.)
        start : mapping of str to float, optional
            Where to begin the search, for every parameter; found from the data by default.

        Returns
        -------
        the model
            With `.inference`: covariance, log-likelihood, and how the search ended.

        Raises
        ------
        InvalidInputError
            If the columns are not as described; with every problem found.
        ConvergenceError
            If the likelihood has no maximum: nobody was seen to leave, or nobody to renew. A prior makes one.

        Warns
        -----
        WeaklyIdentifiedWarning
            If the likelihood is flat in some direction; the message says which and what it means.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric.fit([1, 2, 3, 4, 4], [1, 1, 1, 1, 0], weights=[369, 163, 86, 56, 326])
        >>> model
        ShiftedBetaGeometric(alpha=0.7637, beta=1.296, time_unit='Y')
        """
        rows = from_individuals(duration, churned, entry, weights)
        unit = check_time_unit(time_unit)
        cls._check_maximum(rows, prior)
        inference = fit(cls._likelihood(rows), prior=prior, start=start)
        return cls._of(inference, unit)

    @classmethod
    def fit_survivors(
        cls,
        survivors: AnyArray,
        *,
        time_unit: str = "Y",
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood, from counts of the customers still there.

        Parameters
        ----------
        survivors : array_like, shape (k,) or (cohorts, k)
            Customers of a cohort who are still there at ages 0, 1, 2, ...: all of them, after the first renewal, after
            the second, and so on; whole numbers. Several cohorts have a row each, with NaN where an age has not been
            reached. NaN at the beginning of a row stands for ages before the data begin: such a cohort tells what
            became of those who were left.
        time_unit : {"D", "W", "M", "Y"}
            The renewal period.
        prior, start
            As `fit` takes them.

        Returns
        -------
        the model
            The same as `fit` finds for these customers one by one.

        Raises
        ------
        InvalidInputError
            If counts are not whole, negative, increase with age or have a gap; with every problem found.
        ConvergenceError
            If the likelihood has no maximum: nobody was seen to leave, or nobody to renew. A prior makes one.

        Warns
        -----
        WeaklyIdentifiedWarning
            If the likelihood is flat in some direction; the message says which and what it means.

        References
        ----------
        .. [1] Fader & Hardie (2007), Journal of Interactive Marketing 21(1), 76-90, appendix B.
        .. [2] Fader & Hardie, brucehardie.com/notes/017, for several cohorts.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> ShiftedBetaGeometric.fit_survivors([1000, 869, 743, 653, 593, 551, 517, 491])
        ShiftedBetaGeometric(alpha=0.6681, beta=3.806, time_unit='Y')
        >>> nan = float("nan")
        >>> ShiftedBetaGeometric.fit_survivors([[1000, 631, 468, 382], [500, 320, 230, nan]], time_unit="M")
        ShiftedBetaGeometric(alpha=0.8498, beta=1.461, time_unit='M')
        """
        rows = from_survivors(survivors)
        unit = check_time_unit(time_unit)
        cls._check_maximum(rows, prior)
        inference = fit(cls._likelihood(rows), prior=prior, start=start)
        return cls._of(inference, unit)

    @classmethod
    def _of(cls, inference: Inference, unit: str) -> Self:
        """The model of these estimates."""
        return cls(**inference.parameters, time_unit=unit, inference=inference)  # type: ignore[call-arg]

    @classmethod
    def _check_maximum(cls, rows: ContractRows, prior: Mapping[str, LogNormal] | Literal["weak"] | None) -> None:
        """Raise where the likelihood has no maximum, unless there is a prior to make one."""
        if prior == "weak" or check_prior(prior, cls.parameter_names):
            return
        remedy = 'Observe them for longer, or fit with a prior (`prior="weak"`).'
        if rows.losses == 0:
            rule = f"none of the {rows.n_customers:,} customers was seen to leave"
            raise ConvergenceError(f"{rule}: the likelihood rises for ever as churn goes to zero. {remedy}")
        if rows.renewals == 0:
            rule = f"none of the {rows.n_customers:,} customers was seen to renew"
            raise ConvergenceError(f"{rule}: the likelihood rises for ever as retention goes to zero. {remedy}")

    def log_likelihood(self, duration: AnyArray, churned: AnyArray, *, entry: AnyArray | None = None) -> FloatArray:
        """Log-likelihood of each customer: ln P(T = t) of one who has left, ln S(t) of one who is still there.

        Parameters
        ----------
        duration, churned, entry : array_like, shape (n,)
            As `fit` takes them.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InvalidInputError
            If the columns are not as described.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> ShiftedBetaGeometric(alpha=1.0, beta=1.0).log_likelihood([1, 2], [True, False]).round(4)
        array([-0.6931, -1.0986])
        """
        rows, place = individual_rows(duration, churned, entry)
        return np.asarray(self._row_log_likelihood(rows)[place])

    def draws(
        self,
        n: int,
        rng: np.random.Generator | int | None,
        *,
        duration: AnyArray | None = None,
        churned: AnyArray | None = None,
        entry: AnyArray | None = None,
        weights: AnyArray | None = None,
        survivors: AnyArray | None = None,
    ) -> Draws[Self]:
        """Draw sets of parameters that the data leave possible.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        duration, churned, entry, weights : array_like, shape (n,), optional
            The customers the model was fitted to. With them the draws are those of the exact posterior: proposals from
            a Student distribution around the estimate, resampled by importance weights. Without them, those of the
            normal distribution of the log-parameters that the fit suggests.
        survivors : array_like, optional
            The same for a model made by `fit_survivors`.

        Returns
        -------
        Draws
            With `.effective_sample_size`. Each draw is a model that predicts.

        Raises
        ------
        InvalidInputError
            If the model has no inference, its data left a parameter open, or the data are not those of the fit.
        ConvergenceError
            If the importance weights collapse.

        Warns
        -----
        AssumptionWarning
            If the fit had a prior, few customers or wide standard errors, and no data are given.

        Notes
        -----
        The prior is that of the fit; a parameter without one has a flat prior on the log scale.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric.fit_survivors([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> draws = model.draws(200, rng=1)
        >>> len(draws), draws[0]
        (200, ShiftedBetaGeometric(alpha=0.7492, beta=4.54, time_unit='Y'))
        """
        individuals = any(given is not None for given in (duration, churned, entry, weights))
        if individuals and survivors is not None:
            raise invalid("survivors", "give either `survivors`, or `duration` and `churned`, not both")
        if individuals:
            return self._draw(n, rng, from_individuals(duration, churned, entry, weights))
        if survivors is not None:
            return self._draw(n, rng, from_survivors(survivors))
        drawn = self._draw(n, rng, None)
        self._warn_if_rough()
        return drawn

    def _draw(self, n: int, rng: np.random.Generator | int | None, rows: ContractRows | None) -> Draws[Self]:
        return draw(self, n, rng, rows)

    def _warn_if_rough(self) -> None:
        """Warn where the normal distribution is a rough guess of the posterior, and data would correct it."""
        if why := why_rough(self):
            warnings.warn(
                f"a fit {why}: the draws are those of a normal distribution, which is rough here. Pass `survivors=`, "
                "or `duration=` and `churned=`, those of the fit, to correct them to the exact posterior.",
                AssumptionWarning,
                stacklevel=3,
            )

    def interval(
        self,
        of: str | Callable[[Self], Any],
        *,
        n: int = 1000,
        rng: np.random.Generator | int | None = None,
        level: float = 0.95,
        draws: Draws[Self] | None = None,
        **arguments: Any,
    ) -> ContractInterval:
        """Interval of a prediction, from what the data leave possible of the parameters.

        Parameters
        ----------
        of : str or callable
            "survival", "retention_rate", "hazard", "probability_churn", "expected_lifetime",
            "expected_residual_lifetime", "residual_value" or "retention_elasticity"; or a function of a model, as for
            the value of a whole base.
        n : int
            How many draws.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        level : float
            How often such an interval holds the truth, between 0 and 1.
        draws : Draws, optional
            Draws of this model that are there already, as the exact ones that `draws` makes when data are given;
            `n` and `rng` are then not used.
        **arguments
            Of the prediction.

        Returns
        -------
        ContractInterval
            A row for each age, each customer, or each number that the function gives.

        Raises
        ------
        InvalidInputError
            If there is no such prediction or it cannot be called like this, `level` is not between 0 and 1, or the
            model has no inference.

        Warns
        -----
        AssumptionWarning
            As `draws` does.

        Notes
        -----
        It is an interval of the expectation, at parameters that are not known exactly. How many of so many customers
        will be there varies beyond that.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric.fit_survivors([1000, 869, 743, 653, 593, 551, 517, 491])
        >>> model.interval("survival", rng=1, t=[1, 7, 12])
        Interval of survival, 95 %
          t 1             0.8507  0.8305 to 0.8676
          t 7             0.4889  0.4600 to 0.5208
          t 12            0.3780  0.3406 to 0.4190
        """
        sampled = self.draws(n, rng) if draws is None else check_draws(self, draws)
        return prediction_interval(sampled, of, level, arguments)
