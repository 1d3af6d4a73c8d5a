"""What a model of contracts predicts: who is still there, for how long, and what that is worth."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, overload

import numpy as np

from customervalue.errors import InfiniteMeanWarning, invalid
from customervalue.estimation.model import ParametricModel
from customervalue.retention._contract_arguments import as_given, by_age, check_margins, check_periods, whole
from customervalue.units import check_number, force_of_interest

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, IntArray, Many

__all__ = ["ContractPredictions"]


class ContractPredictions(ParametricModel):
    """Predictions of every model of contracts, from three hooks: survival, hazard, and sums over the future.

    Attributes
    ----------
    time_unit : {"D", "W", "M", "Y"}
        The renewal period.
    """

    time_unit: str

    # ---- hooks

    def _log_survival(self, t: FloatArray) -> FloatArray:
        """Logarithm of S(t), t whole and >= 0."""
        raise NotImplementedError

    def _log_retention(self, t: FloatArray) -> FloatArray:
        """Logarithm of S(t) / S(t-1), t whole and >= 1."""
        raise NotImplementedError

    def _log_hazard(self, t: FloatArray) -> FloatArray:
        """Logarithm of P(T = t | T >= t), t whole and >= 1."""
        return np.asarray(np.log(-np.expm1(self._log_retention(t))))

    def _sums(self, tenure: IntArray, force: float, horizon: int | None) -> tuple[FloatArray, FloatArray]:
        """Sums over k = 1, 2, ... of exp(-force (k-1)) S(t+k) / S(t), and the mean k with these weights.

        Infinite where a sum does not converge.
        """
        raise NotImplementedError

    def _endless(self) -> str:
        """Why a mean without discounting has no bound."""
        raise NotImplementedError

    # ---- by age

    @overload
    def survival(self, t: float, *, log: bool = False) -> float: ...
    @overload
    def survival(self, t: Many, *, log: bool = False) -> FloatArray: ...
    def survival(self, t: float | Many, *, log: bool = False) -> float | FloatArray:
        """Share of a cohort that is still there after the t-th renewal: S(t) = P(T > t).

        Parameters
        ----------
        t : int or array_like of int
            Renewals, whole and >= 0. In between there is nothing to model: nobody can leave before his contract ends.
        log : bool
            Its logarithm instead, which does not underflow.

        Returns
        -------
        float or ndarray of float64, of the shape of `t`
            1 at t = 0.

        Raises
        ------
        InvalidInputError
            If `t` does not hold whole numbers >= 0.

        References
        ----------
        .. [1] Fader & Hardie (2007), Journal of Interactive Marketing 21(1), 76-90, eq. (6).

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> ShiftedBetaGeometric(alpha=0.668, beta=3.806).survival([0, 1, 12]).round(3)
        array([1.   , 0.851, 0.378])
        """
        values = by_age(self._log_survival, whole("t", t, 0))
        return as_given(values if log else np.exp(values))

    @overload
    def retention_rate(self, t: float) -> float: ...
    @overload
    def retention_rate(self, t: Many) -> FloatArray: ...
    def retention_rate(self, t: float | Many) -> float | FloatArray:
        """Share that makes the t-th renewal, of those who could: r_t = S(t) / S(t-1).

        Parameters
        ----------
        t : int or array_like of int
            Which renewal, whole and >= 1.

        Returns
        -------
        float or ndarray of float64, of the shape of `t`

        Raises
        ------
        InvalidInputError
            If `t` does not hold whole numbers >= 1.

        References
        ----------
        .. [1] Fader & Hardie (2007), Journal of Interactive Marketing 21(1), 76-90, eq. (8).

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> ShiftedBetaGeometric(alpha=0.668, beta=3.806).retention_rate([1, 2, 12]).round(3)
        array([0.851, 0.878, 0.957])
        """
        return as_given(np.exp(by_age(self._log_retention, whole("t", t, 1))))

    @overload
    def hazard(self, t: float) -> float: ...
    @overload
    def hazard(self, t: Many) -> FloatArray: ...
    def hazard(self, t: float | Many) -> float | FloatArray:
        """Share that leaves at the t-th renewal, of those who are there to decide: the churn rate 1 - r_t.

        Parameters
        ----------
        t : int or array_like of int
            Which renewal, whole and >= 1.

        Returns
        -------
        float or ndarray of float64, of the shape of `t`

        Raises
        ------
        InvalidInputError
            If `t` does not hold whole numbers >= 1.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> ShiftedBetaGeometric(alpha=0.668, beta=3.806).hazard([1, 2, 12]).round(3)
        array([0.149, 0.122, 0.043])
        """
        return as_given(np.exp(by_age(self._log_hazard, whole("t", t, 1))))

    @overload
    def probability_churn(self, t: float) -> float: ...
    @overload
    def probability_churn(self, t: Many) -> FloatArray: ...
    def probability_churn(self, t: float | Many) -> float | FloatArray:
        """Share of a cohort that leaves at the t-th renewal: P(T = t) = S(t-1) - S(t).

        Parameters
        ----------
        t : int or array_like of int
            Which renewal, whole and >= 1.

        Returns
        -------
        float or ndarray of float64, of the shape of `t`

        Raises
        ------
        InvalidInputError
            If `t` does not hold whole numbers >= 1.

        References
        ----------
        .. [1] Fader & Hardie (2007), Journal of Interactive Marketing 21(1), 76-90, eq. (5).

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> ShiftedBetaGeometric(alpha=1.0, beta=1.0).probability_churn([1, 2, 3]).round(4)
        array([0.5   , 0.1667, 0.0833])
        """

        def log_probability(ages: FloatArray) -> FloatArray:
            return self._log_survival(ages - 1) + self._log_hazard(ages)

        return as_given(np.exp(by_age(log_probability, whole("t", t, 1))))

    # ---- over the future

    def expected_lifetime(self, discount_rate: float = 0.0, *, horizon: int | None = None) -> float:
        """Expected number of periods that a customer just acquired will be with us, the first included.

        With a `discount_rate` this is the discounted expected lifetime (DEL): the value of a customer who is about to
        sign, at one unit of money paid at the beginning of each period.

        Parameters
        ----------
        discount_rate : float
            Annual effective rate; >= 0. 0 counts all periods alike: the mean of T.
        horizon : int, optional
            Count only the first so many periods; all of them by default.

        Returns
        -------
        float
            In periods, 1 or more. Infinite where so many customers hardly ever leave that the mean has no bound.

        Raises
        ------
        InvalidInputError
            If `discount_rate` is negative or not finite, or `horizon` is not a whole number >= 0.

        Warns
        -----
        InfiniteMeanWarning
            If the mean is infinite; it says why, and what to ask for instead.

        References
        ----------
        .. [1] Fader & Hardie (2010), Marketing Science 29(1), 85-93, for DEL.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(alpha=3.8, beta=15.2)
        >>> round(model.expected_lifetime(), 2), round(model.expected_lifetime(0.1), 2)
        (6.43, 4.01)
        """
        force, periods = force_of_interest(discount_rate, self.time_unit), check_periods(horizon)
        if periods == 0:
            return 0.0
        later, _ = self._future(0, discount_rate, None if periods is None else periods - 1)
        value = 1.0 + math.exp(-force) * float(later)
        self._warn_if_endless("the expected lifetime", np.array([value]))
        return value

    @overload
    def expected_residual_lifetime(
        self, tenure: float, discount_rate: float, *, horizon: int | None = None
    ) -> float: ...
    @overload
    def expected_residual_lifetime(
        self, tenure: Many, discount_rate: float, *, horizon: int | None = None
    ) -> FloatArray: ...
    def expected_residual_lifetime(
        self, tenure: float | Many, discount_rate: float, *, horizon: int | None = None
    ) -> float | FloatArray:
        """Discounted expected residual lifetime (DERL): expected future periods, on the eve of the next renewal.

        The sum over k = 1, 2, ... of (1 + d)**-(k-1) S(tenure + k) / S(tenure), where d is the rate per period. The
        next renewal is about to be decided; if it is made, it is paid now and not discounted. What was paid before
        does not count.

        Parameters
        ----------
        tenure : int or array_like of int
            Renewals that the customer has made, whole and >= 0: his `duration` in `fit`. 0 is a customer at the end of
            his first period. The papers count the next renewal, n = `tenure` + 1.
        discount_rate : float
            Annual effective rate; >= 0.
        horizon : int, optional
            Count only the next so many renewals; the whole future by default.

        Returns
        -------
        float or ndarray of float64, of the shape of `tenure`
            In periods. Infinite without discounting where the mean has no bound.

        Raises
        ------
        InvalidInputError
            If `tenure` does not hold whole numbers >= 0, `discount_rate` is negative or not finite, or `horizon` is
            not a whole number >= 0.

        Warns
        -----
        InfiniteMeanWarning
            If it is infinite; it says why, and what to ask for instead.

        References
        ----------
        .. [1] Fader & Hardie (2010), Marketing Science 29(1), 85-93, for DERL.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(alpha=0.764, beta=1.296)
        >>> model.expected_residual_lifetime([0, 1, 4], discount_rate=0.1).round(2)
        array([2.88, 3.94, 5.68])
        """
        values, _ = self._future(tenure, discount_rate, horizon)
        self._warn_if_endless("the expected residual lifetime", values)
        return as_given(values)

    @overload
    def residual_value(
        self, margin: float, tenure: float, discount_rate: float, *, horizon: int | None = None, wait: float = 0.0
    ) -> float: ...
    @overload
    def residual_value(
        self, margin: Many, tenure: float, discount_rate: float, *, horizon: int | None = None, wait: float = 0.0
    ) -> FloatArray: ...
    @overload
    def residual_value(
        self, margin: float | Many, tenure: Many, discount_rate: float, *, horizon: int | None = None, wait: float = 0.0
    ) -> FloatArray: ...
    def residual_value(
        self,
        margin: float | Many,
        tenure: float | Many,
        discount_rate: float,
        *,
        horizon: int | None = None,
        wait: float = 0.0,
    ) -> float | FloatArray:
        """Expected present value of what a customer will still pay, in money.

        The margin times `expected_residual_lifetime`, discounted for the time until the next renewal.

        Parameters
        ----------
        margin : float or array_like of float
            What a period brings in, in money, at its beginning; of each customer, or of all alike.
        tenure : int or array_like of int
            Renewals that the customer has made, whole and >= 0; broadcast against `margin`.
        discount_rate : float
            Annual effective rate; >= 0.
        horizon : int, optional
            Count only the next so many renewals; the whole future by default.
        wait : float
            Time from now until the next renewal, in periods, between 0 and 1. 0, the default, values the base on the
            eve of the renewal; 1, just after the last one was paid.

        Returns
        -------
        float or ndarray of float64, of the shape of `margin` and `tenure` together

        Raises
        ------
        InvalidInputError
            If `margin` is not finite, `wait` is not between 0 and 1, or as `expected_residual_lifetime` does.

        Warns
        -----
        InfiniteMeanWarning
            If it is infinite; it says why, and what to ask for instead.

        References
        ----------
        .. [1] Fader & Hardie (2010), Marketing Science 29(1), 85-93.
        .. [2] Fader & Hardie, brucehardie.com/notes/024, on the timing of payments.

        Examples
        --------
        >>> from customervalue.retention import ShiftedBetaGeometric
        >>> model = ShiftedBetaGeometric(alpha=0.764, beta=1.296)
        >>> model.residual_value(margin=100, tenure=[0, 1, 4], discount_rate=0.1).round()
        array([288., 394., 568.])
        """
        money = check_margins(margin)
        until = check_number("wait", wait)
        if not 0 <= until <= 1:
            raise invalid("wait", f"`wait` must lie between 0 and 1 period, and is {until:g}")
        values, _ = self._future(tenure, discount_rate, horizon)
        try:
            shape = np.broadcast_shapes(money.shape, values.shape)
        except ValueError:
            rule = f"`margin` and `tenure` must go together, and have shapes {money.shape} and {values.shape}"
            raise invalid("margin", rule) from None
        self._warn_if_endless("the residual value", values)
        discount = math.exp(-until * force_of_interest(discount_rate, self.time_unit))
        with np.errstate(invalid="ignore"):
            worth = np.where(money == 0, 0.0, money * values)
        return as_given(np.broadcast_to(worth * discount, shape).copy())

    @overload
    def retention_elasticity(self, tenure: float, discount_rate: float, *, horizon: int | None = None) -> float: ...
    @overload
    def retention_elasticity(self, tenure: Many, discount_rate: float, *, horizon: int | None = None) -> FloatArray: ...
    def retention_elasticity(
        self, tenure: float | Many, discount_rate: float, *, horizon: int | None = None
    ) -> float | FloatArray:
        """By how many per cent the residual value rises if all future retention rates rise by one per cent.

        The derivative of ln V(x) at x = 0, where V(x) is the residual value with every future retention rate r_j
        replaced by (1 + x) r_j. The value of the k-th renewal from now grows by (1 + x)**k, so the elasticity is the
        mean k, weighted with discounted survival: the further ahead the value lies, the more retention matters. For
        a constant rate r it is (1 + d) / (1 + d - r).

        Parameters
        ----------
        tenure : int or array_like of int
            Renewals that the customer has made, whole and >= 0.
        discount_rate : float
            Annual effective rate; >= 0.
        horizon : int, optional
            Count only the next so many renewals, 1 or more; the whole future by default.

        Returns
        -------
        float or ndarray of float64, of the shape of `tenure`
            1 or more.

        Raises
        ------
        InvalidInputError
            As `expected_residual_lifetime` does, or if `horizon` is 0.

        Warns
        -----
        InfiniteMeanWarning
            If it is infinite; it says why, and what to ask for instead.

        References
        ----------
        .. [1] Gupta, Lehmann & Stuart (2004), Journal of Marketing Research 41(1), 7-18: elasticities of value.

        Examples
        --------
        >>> from customervalue.retention import Geometric
        >>> round(Geometric(theta=0.2).retention_elasticity(0, discount_rate=0.12), 3)  # 1.12 / (1.12 - 0.8)
        3.5
        """
        if horizon is not None and check_periods(horizon) == 0:
            raise invalid("horizon", "`horizon` must be 1 or more: nothing has no elasticity")
        _, values = self._future(tenure, discount_rate, horizon)
        self._warn_if_endless("the elasticity", values)
        return as_given(values)

    def _future(self, tenure: float | Many, discount_rate: float, horizon: int | None) -> tuple[FloatArray, FloatArray]:
        """Discounted future renewals and their mean distance, for each tenure; equal ones are computed once."""
        ages = whole("tenure", tenure, 0)
        force, periods = force_of_interest(discount_rate, self.time_unit), check_periods(horizon)
        distinct, place = np.unique(ages.astype(np.int64), return_inverse=True)
        place = place.reshape(ages.shape)
        if periods == 0 or ages.size == 0:
            return np.zeros(ages.shape), np.zeros(ages.shape)
        values, distance = self._sums(distinct, force, periods)
        return np.asarray(values[place]), np.asarray(distance[place])

    def _warn_if_endless(self, what: str, values: FloatArray) -> None:
        if np.any(np.isinf(values)):
            warnings.warn(
                f"{what} is infinite: {self._endless()}. Give a discount_rate > 0, or a finite horizon.",
                InfiniteMeanWarning,
                stacklevel=3,
            )
