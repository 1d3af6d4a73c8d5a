"""The wallet from a survey: a regression of its logarithm, applied to the customers who were not asked."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import AssumptionWarning, invalid
from customervalue.estimation.draws import check_count, check_level
from customervalue.wallet._features import exponential, with_intercept
from customervalue.wallet._regression_elsewhere import WHAT, elsewhere, factor_of, influences
from customervalue.wallet._regression_linear import Linear, student_quantile
from customervalue.wallet._regression_model import SurveyRegression, check_kind
from customervalue.wallet._regression_space import more_than_chance, read_like, remember, warn_beyond
from customervalue.wallet._regression_spread import Spread
from customervalue.wallet._regression_survey import read_survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import BoolArray, FloatArray
    from customervalue.wallet._regression_model import Kind

__all__ = ["WalletRegression"]


@dataclass(frozen=True, eq=False, repr=False)
class WalletRegression(SurveyRegression):
    """Linear regression of the logarithm of the wallet on features.

    Made by `fit` from a survey; it holds no customer's features, only what predictions need.

    Attributes
    ----------
    linear : Linear
        Coefficients and their robust covariance, on the scale of log money; read them in `inference`.
    spread : Spread
        The residuals of the surveyed customers, in log money.
    elsewhere_factor : float
        What the surveyed spend elsewhere in all, as a multiple of what the predictions with their own spend say; 1 if
        `own_spend` was not given at the fit.

    Notes
    -----
    Least squares on log(wallet); the mean on the scale of money is exp(x'b) times the mean of exp(residual), Duan's
    smearing estimate [1]_, which supposes no distribution of the residuals, but one that is the same for all customers.
    The robust covariance is White's times n / (n - k - 1) ("HC1").

    Where own spend is given, a wallet that would come out smaller is own spend: the customer buys everything from us.
    To cut the distribution of wallets off at own spend instead would overstate wallets, above all where own spend is
    not among the features: that he spends so much with us says more about his wallet than that it is no smaller.
    So put the logarithm of own spend among the features, and give `own_spend` at the fit besides, so that what is
    spent elsewhere adds up among the surveyed.

    References
    ----------
    .. [1] Duan (1983), "Smearing estimate: a nonparametric retransformation method", Journal of the American
       Statistical Association 78(383), 605-610.

    Examples
    --------
    >>> from customervalue.wallet import WalletRegression
    >>> staff = np.repeat([1.0, 2.0, 4.0, 8.0], 10)
    >>> model = WalletRegression.fit({"log staff": np.log(staff)}, 100 * staff * np.tile([0.5, 1.5], 20))
    >>> model
    WalletRegression on log staff: 40 surveyed customers, residual standard deviation 0.564 (log money)
    >>> model.wallet({"log staff": np.log([1, 3])}).round(1)
    array([100., 300.])
    """

    elsewhere_factor: float = 1.0

    @classmethod
    def fit(
        cls,
        features: Any,
        wallet: Any,
        *,
        own_spend: Any = None,
        weights: Any = None,
        names: Sequence[str] | None = None,
    ) -> Self:
        """Learn from surveyed customers.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
            Of the surveyed customers; an intercept is added. No missing values, no text. The logarithm of what they
            spend with us is as a rule the best of them.
        wallet : array_like of float, shape (n,)
            What they spend in the category in all, in money; positive.
        own_spend : array_like of float, shape (n,), optional
            What they spend with us, in money; no wallet may be smaller. Predictions that are given own spend are then
            such that what is spent elsewhere adds up among the surveyed.
        weights : array_like of float, shape (n,), optional
            Sampling weights: how many customers each stands for; only their ratios matter. The errors are right for
            such weights (and so not those of a sample in which every row stood there so often).
        names : sequence of str, optional
            Columns to use, of a mapping or dataframe; or what to call the columns of an array.

        Returns
        -------
        WalletRegression

        Raises
        ------
        InvalidInputError
            If a wallet is not positive or smaller than `own_spend`, features are constant or combinations of others,
            there are fewer than k + 2 customers, or numbers are missing.

        Warns
        -----
        AssumptionWarning
            If there are fewer than 10 customers for each coefficient.

        Examples
        --------
        >>> staff = np.repeat([1.0, 2.0, 4.0, 8.0], 10)
        >>> WalletRegression.fit({"log staff": np.log(staff)}, 100 * staff * np.tile([0.5, 1.5], 20)).inference
        Coefficients, 40 surveyed customers
          name       estimate  standard error  low     high
          intercept  4.461     0.1491          4.159   4.763
          log staff  1         0.115           0.7672  1.233
        """
        survey = read_survey(features, "wallet", wallet, weights, names, _check_wallets, own_spend)
        surveyed, white = remember(survey.features)
        design, logs = with_intercept(white), np.log(survey.target)
        scaled = design * survey.weights[:, None]
        point: FloatArray = np.linalg.solve(scaled.T @ design, scaled.T @ logs).astype(np.float64)
        residual = logs - design @ point
        factor, influence = 1.0, influences(design, residual, survey.weights)
        if survey.own_spend is not None:
            factor, on_factor = factor_of(design, point, survey, survey.own_spend, influence[:, : point.size])
            influence = np.column_stack([influence, on_factor])
        covariance = influence.T @ influence * (len(design) / (len(design) - point.size))
        return cls(Linear(surveyed, point, covariance), Spread.of(residual, survey.weights), factor)

    @property
    def residual_deviation(self) -> float:
        """Standard deviation of log wallets around the regression."""
        squares = float(np.diff(self.spread.cumulated) @ self.spread.values**2)
        return math.sqrt(squares / self.linear.freedom)

    @property
    def smearing(self) -> float:
        """Mean of exp(residual): what the mean wallet is of the typical one, exp(x'b)."""
        return self.spread.mean_exp()

    def wallet(self, features: Any, own_spend: Any = None) -> FloatArray:
        """Mean wallet of customers with these features.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
            The same as at the fit, of any customers.
        own_spend : array_like of float, shape (m,), optional
            What they spend with us, in money: a wallet that would come out smaller is own spend.

        Returns
        -------
        ndarray of float64, shape (m,)
            In money; never below `own_spend`.

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers, or `own_spend` is negative.

        Warns
        -----
        AssumptionWarning
            If customers lie where nobody was surveyed, so that the answer is extrapolation; or if more of them than
            chance explains spend more with us than anybody surveyed in all, for his features.

        Notes
        -----
        Without `own_spend`, exp(x'b) times the mean of exp(residual). With it, own spend plus the mean of what
        exp(x'b + residual) exceeds it by, times `elsewhere_factor`.

        Examples
        --------
        >>> staff = np.repeat([1.0, 2.0, 4.0, 8.0], 10)
        >>> model = WalletRegression.fit({"log staff": np.log(staff)}, 100 * staff * np.tile([0.5, 1.5], 20))
        >>> model.wallet({"log staff": np.log([1, 3])}, own_spend=[20, 200]).round(1)
        array([100., 325.])
        """
        matrix, own = self._read(features, own_spend)
        return self._mean(self.linear.predictor(matrix), own)

    def interval(
        self, features: Any, own_spend: Any = None, *, level: float = 0.9, kind: Kind = "new customer"
    ) -> tuple[FloatArray, FloatArray]:
        """Interval of the wallet of each customer, or of the mean wallet of customers like him.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
        own_spend : array_like of float, shape (m,), optional
            What they spend with us, in money: their wallets are not smaller.
        level : float
            How often such intervals hold what they are for, between 0 and 1.
        kind : {"new customer", "mean"}
            "new customer": where the wallet of one more customer with these features lies; as wide as customers
            differ. "mean": where the mean wallet of all customers with these features lies; it narrows with the sample.

        Returns
        -------
        low, high : ndarray of float64, shape (m,)
            In money; never below `own_spend`.

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers, `own_spend` is negative, `kind` is none of the
            two, or `level` is not between 0 and 1 or more than so few surveyed customers can show.

        Warns
        -----
        AssumptionWarning
            As `wallet` does.

        Notes
        -----
        Customers: between quantiles of the residuals that one more residual lies between as often as `level` says,
        widened by what is uncertain in x'b, and moved up to own spend. This is right on average over customers, not
        for every kind of customer if some are harder to predict than others. Means: normal on the scale of log money,
        with the uncertainty of the smearing factor and its correlation with x'b (the sandwich of both estimating
        equations together), then as `wallet` has it.

        Examples
        --------
        >>> staff = np.repeat([1.0, 2.0, 4.0, 8.0], 10)
        >>> model = WalletRegression.fit({"log staff": np.log(staff)}, 100 * staff * np.tile([0.5, 1.5], 20))
        >>> low, high = model.interval({"log staff": np.log([1, 3])}, own_spend=[20, 200])
        >>> low.round(), high.round()
        (array([ 48., 200.]), array([155., 460.]))
        >>> low, high = model.interval({"log staff": np.log([1, 3])}, kind="mean")
        >>> low.round(), high.round()
        (array([ 78., 262.]), array([128., 344.]))
        """
        check_kind(kind)
        share = check_level(level)
        if kind == "new customer" and not np.all(np.isfinite(self.spread.ends(share))):
            size = self.linear.surveyed.size
            most = f"`level` must not exceed {1 - 2 / (size + 1):.4g} with {size:,} surveyed customers"
            rule = f"{most}, and is {share:g}"
            raise invalid("level", rule, "A wallet beyond all that were surveyed is likelier than the rest allows.")
        matrix, own = self._read(features, own_spend)
        return self._of_mean(matrix, own, share) if kind == "mean" else self._of_customer(matrix, own, share)

    def draws(self, features: Any, n: int, rng: np.random.Generator | int | None, own_spend: Any = None) -> FloatArray:
        """Draw wallets that the survey leaves possible for each customer.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
        n : int
            How many draws.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        own_spend : array_like of float, shape (m,), optional
            What they spend with us, in money: their wallets are not smaller.

        Returns
        -------
        ndarray of float64, shape (n, m)
            In money; never below `own_spend`. What was estimated is drawn once for all customers of a row, so that
            it does not average out in totals over customers.

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers, `own_spend` is negative, or `n` is not a whole
            number >= 1.

        Warns
        -----
        AssumptionWarning
            As `wallet` does.

        Notes
        -----
        Each draw has its own coefficients, smearing factor and `elsewhere_factor`, jointly normal with the covariance
        of their estimating equations, and for each customer a residual of the surveyed. In
        simulations with normal residuals of standard deviation 0.8, 90 % intervals of the total of 2,000 others held
        86 to 88 % of the time with 120 surveyed customers, and 88 to 90 % with 400; with fewer customers or wilder
        wallets they hold less, as few wallets then decide the total.

        Examples
        --------
        >>> staff = np.repeat([1.0, 2.0, 4.0, 8.0], 10)
        >>> model = WalletRegression.fit({"log staff": np.log(staff)}, 100 * staff * np.tile([0.5, 1.5], 20))
        >>> model.draws({"log staff": np.log([1, 3])}, 1000, rng=1, own_spend=[0, 200]).mean(axis=0).round(-2)
        array([100., 300.])
        """
        size, source = check_count(n), np.random.default_rng(rng)
        matrix, own = self._read(features, own_spend)
        wallets = np.empty((size, len(matrix)))
        for row, (typical, rest) in zip(wallets, self.linear.draw_predictors(matrix, size, source), strict=True):
            row[:] = exponential(typical + rest[0] + self.spread.sample(source.random(row.size)), WHAT)
            if own is not None:
                factor = self.elsewhere_factor * np.exp(rest[1]) if rest.size > 1 else 1.0
                row[:] = own + factor * np.maximum(row - own, 0.0)
        return wallets

    def _remark(self) -> str:
        return f"residual standard deviation {self.residual_deviation:.3g} (log money)"

    def _read(self, features: Any, own_spend: Any) -> tuple[FloatArray, FloatArray | None]:
        checker = Checker("the customers")
        own = None if own_spend is None else checker.amounts("own_spend", own_spend)
        matrix = read_like(self.linear.surveyed, features, checker)
        warn_beyond(self.linear.surveyed, matrix)
        if own is not None:
            self._warn_large(matrix, own)
        return matrix, own

    def _warn_large(self, matrix: FloatArray, own: FloatArray) -> None:
        largest = exponential(self.linear.predictor(matrix) + self.spread.values[-1], WHAT)
        beyond: BoolArray = own > largest
        count = int(np.count_nonzero(beyond))
        if more_than_chance(count, own.size, self.linear.surveyed.size):
            row = int(np.argmax(beyond))
            warnings.warn(
                f"{count:,} of {own.size:,} customers spend more with us than any wallet that the survey knows for "
                f"features like theirs (first: row {row}, own_spend={own[row]:g}, largest wallet {largest[row]:g}). "
                "Their wallets rest on their own spend alone. Is the logarithm of own spend among the features, and "
                "is it of the same period as the wallets?",
                AssumptionWarning,
                stacklevel=4,
            )

    def _mean(self, typical: FloatArray, own: FloatArray | None) -> FloatArray:
        if own is None:
            return np.asarray(exponential(typical, WHAT) * self.smearing)
        return own + self.elsewhere_factor * elsewhere(self.spread, typical, own)

    def _of_mean(self, matrix: FloatArray, own: FloatArray | None, level: float) -> tuple[FloatArray, FloatArray]:
        typical = self.linear.predictor(matrix)
        variance = self.linear.variance(matrix, np.ones(1))
        half = student_quantile(level, self.linear.freedom) * np.sqrt(variance)
        return self._mean(typical - half, own), self._mean(typical + half, own)

    def _of_customer(self, matrix: FloatArray, own: FloatArray | None, level: float) -> tuple[FloatArray, FloatArray]:
        typical = self.linear.predictor(matrix)
        size, squares = self.linear.surveyed.size, self.residual_deviation**2
        scale = np.ones(typical.size)
        if squares > 0:
            scale = np.sqrt(size / self.linear.freedom + self.linear.variance(matrix) / squares)
        least = 0.0 if own is None else own
        low, high = (np.maximum(exponential(typical + scale * end, WHAT), least) for end in self.spread.ends(level))
        return low, high


def _check_wallets(checker: Checker, wallet: FloatArray, own: FloatArray | None) -> None:
    advice = "A wallet of nothing has no logarithm."
    if np.any(wallet == 0):
        advice += (
            " Leave these customers out, and learn apart who has a wallet at all: "
            "ShareRegression.fit(features, wallet > 0) is a logit of it."
        )
    checker.rows("wallet", wallet <= 0, "`wallet` must be positive", {"wallet": wallet}, advice)
    if own is not None:
        advice = (
            "What they say they spend in all is less than what they spend with us. Compare the periods and the "
            "categories; then take the larger of the two, or leave these customers out."
        )
        columns = {"own_spend": own, "wallet": wallet}
        checker.rows("wallet", own > wallet, "`wallet` must not be below `own_spend`", columns, advice)
