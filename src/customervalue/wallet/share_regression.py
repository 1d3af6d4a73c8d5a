"""Share of wallet from a survey: a fractional logit, applied to the customers who were not asked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from customervalue.errors import ConvergenceError
from customervalue.estimation.draws import check_level
from customervalue.wallet._features import with_intercept
from customervalue.wallet._regression_beta import Edges, beta_interval, beta_shapes, find_edges, places
from customervalue.wallet._regression_effects import PartialEffects, partial_effects
from customervalue.wallet._regression_linear import Linear, student_quantile
from customervalue.wallet._regression_logit import NoMaximumError, fit_logit
from customervalue.wallet._regression_model import SurveyRegression, check_kind
from customervalue.wallet._regression_space import read_like, remember, warn_beyond
from customervalue.wallet._regression_spread import Spread
from customervalue.wallet._regression_survey import read_survey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._checks import Checker
    from customervalue._typing import BoolArray, FloatArray
    from customervalue.wallet._regression_logit import Logit
    from customervalue.wallet._regression_model import Kind
    from customervalue.wallet._regression_space import Surveyed

__all__ = ["PartialEffects", "ShareRegression"]

#: Surveyed customers whose deviations are kept, at most.
_ENOUGH = 20_000
#: Coefficients smaller than this part of the largest are not named as running away.
_SMALL_PART = 0.05


@dataclass(frozen=True, eq=False, repr=False)
class ShareRegression(SurveyRegression):
    """Fractional logit of the share of wallet on features: E[share | x] = 1 / (1 + exp(-x'b)).

    Made by `fit` from a survey; it holds no customer's features, only what predictions need.

    Attributes
    ----------
    linear : Linear
        Coefficients and their robust covariance; read them in `inference`.
    dispersion : float
        Variance of the share around its mean m, as a part of m (1 - m), the largest possible: between 0 and 1.
    spread : Spread
        Where the surveyed shares lie in the distributions that the model gives them, in [0, 1].
    zero_edge, one_edge : float
        Beta values below the first, or nearer to 1 than the second, stand for shares of exactly 0 or 1; as many as
        were surveyed.
    evaluations : int
        Of the quasi-likelihood, in the search.

    Notes
    -----
    The coefficients need the mean to be right and nothing else: not the distribution, and shares of exactly 0 and 1
    are as welcome as others. The robust covariance is White's without a correction for small samples ("HC0"), as in
    [1]_; intervals use Student's t.

    References
    ----------
    .. [1] Papke & Wooldridge (1996), "Econometric methods for fractional response variables with an application to
       401(k) plan participation rates", Journal of Applied Econometrics 11(6), 619-632.

    Examples
    --------
    >>> from customervalue.wallet import ShareRegression
    >>> visits = np.repeat([1.0, 2.0, 3.0, 4.0], 10)
    >>> model = ShareRegression.fit({"visits": visits}, np.tile([0.1, 0.3], 20) + 0.1 * visits)
    >>> model
    ShareRegression on visits: 40 surveyed customers, dispersion 0.0448
    >>> model.share({"visits": [1.5, 3.5]}).round(3)
    array([0.348, 0.551])
    """

    dispersion: float
    zero_edge: float
    one_edge: float
    evaluations: int

    @classmethod
    def fit(cls, features: Any, share: Any, *, weights: Any = None, names: Sequence[str] | None = None) -> Self:
        """Learn from surveyed customers.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
            Of the surveyed customers; an intercept is added. No missing values, no text.
        share : array_like of float, shape (n,)
            Their share of wallet, in [0, 1].
        weights : array_like of float, shape (n,), optional
            Sampling weights: how many customers each stands for; only their ratios matter. The errors are right for
            such weights (and so not those of a sample in which every row stood there so often).
        names : sequence of str, optional
            Columns to use, of a mapping or dataframe; or what to call the columns of an array.

        Returns
        -------
        ShareRegression

        Raises
        ------
        InvalidInputError
            If a share lies outside [0, 1], features are constant or combinations of others, there are fewer than
            k + 2 customers, or numbers are missing.
        ConvergenceError
            If the quasi-likelihood has no maximum: a feature separates shares of exactly 0 or 1 from the others.

        Warns
        -----
        AssumptionWarning
            If there are fewer than 10 customers for each coefficient.

        Examples
        --------
        >>> features = [[1, 0], [2, 1], [3, 0], [4, 1]] * 10
        >>> share = [0.2, 0.5, 0.4, 0.7, 0.3, 0.4, 0.4, 0.8] * 5
        >>> ShareRegression.fit(features, share, names=["visits", "branch"]).inference
        Coefficients, 40 surveyed customers
          name       estimate  standard error  low     high
          intercept  -1.781    0.1231          -2.03   -1.531
          visits     0.5026    0.04205         0.4174  0.5878
          branch     0.7043    0.07337         0.5556  0.8529
        """
        survey = read_survey(features, "share", share, weights, names, _check_shares)
        surveyed, white = remember(survey.features)
        design = with_intercept(white)
        try:
            found = fit_logit(design, survey.target, survey.weights)
        except NoMaximumError as error:
            raise _in_words(error, surveyed, survey.target) from None
        linear = Linear(surveyed, found.point, found.covariance)
        dispersion = _dispersion(survey.target, found.mean, survey.weights, linear.freedom)
        # From the smallest share to the largest, so that the order of the rows says nothing; and some of very many
        # surveyed, at equal distances, say as much of the spread as all of them.
        order = np.lexsort((survey.weights, found.mean, survey.target))
        some = order[:: -(-order.size // _ENOUGH)]
        share, weights = survey.target[some], survey.weights[some] / survey.weights[some].mean()
        variance = linear.variance(survey.features.matrix[some])
        shapes = beta_shapes(_without_himself(survey.target, found)[some], dispersion, variance)
        edges = find_edges(share, weights, shapes)
        spread = Spread.of(places(share, shapes, edges), weights)
        return cls(linear, spread, dispersion, edges.zero, edges.one, found.evaluations)

    def share(self, features: Any) -> FloatArray:
        """Mean share of customers with these features.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
            The same as at the fit, of any customers.

        Returns
        -------
        ndarray of float64, shape (m,)
            Between 0 and 1.

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers.

        Warns
        -----
        AssumptionWarning
            If customers lie where nobody was surveyed, so that the answer is extrapolation.

        Examples
        --------
        >>> visits = np.repeat([1.0, 2.0, 3.0, 4.0], 10)
        >>> model = ShareRegression.fit({"visits": visits}, np.tile([0.1, 0.3], 20) + 0.1 * visits)
        >>> model.share({"visits": [1, 4]}).round(3)
        array([0.303, 0.602])
        """
        return self._mean(self._read(features))

    def interval(self, features: Any, level: float = 0.9, kind: Kind = "new customer") -> tuple[FloatArray, FloatArray]:
        """Interval of the share of each customer, or of the mean share of customers like him.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
        level : float
            How often such intervals hold what they are for, between 0 and 1.
        kind : {"new customer", "mean"}
            "new customer": where the share of one more customer with these features lies; as wide as customers
            differ. "mean": where the mean share of all customers with these features lies; it narrows with the sample.

        Returns
        -------
        low, high : ndarray of float64, shape (m,)
            In [0, 1].

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers, `level` is not between 0 and 1, or `kind` is none
            of the two.

        Warns
        -----
        AssumptionWarning
            If customers lie where nobody was surveyed, so that the answer is extrapolation.

        Notes
        -----
        Means: normal on the scale of log-odds (the delta method), with Student's t. Customers: a beta distribution
        whose variance is `dispersion` m (1 - m), and that of the estimated mean besides. Its quantiles are not taken
        at the tails but where the tails of the surveyed shares were in theirs, so that the interval holds as many
        customers as it says though shares are not beta; and its ends stand for 0 and 1 so often as these were
        surveyed. It holds more than it says where many shares are exactly 0 or 1, as an interval that has 0 in it has
        all of them. All this is right on average over customers, not for every kind of customer.

        Examples
        --------
        >>> visits = np.repeat([1.0, 2.0, 3.0, 4.0], 10)
        >>> model = ShareRegression.fit({"visits": visits}, np.tile([0.1, 0.3], 20) + 0.1 * visits)
        >>> low, high = model.interval({"visits": [1.5, 3.5]})
        >>> low.round(3), high.round(3)
        (array([0.236, 0.432]), array([0.456, 0.663]))
        >>> low, high = model.interval({"visits": [1.5, 3.5]}, kind="mean")
        >>> low.round(3), high.round(3)
        (array([0.312, 0.514]), array([0.386, 0.587]))
        """
        check_kind(kind)
        part = check_level(level)
        matrix = self._read(features)
        return self._of_mean(matrix, part) if kind == "mean" else self._of_customer(matrix, part)

    def average_partial_effects(self, features: Any, *, level: float = 0.9) -> PartialEffects:
        """How much the mean share changes with each feature, averaged over these customers.

        Parameters
        ----------
        features : array of shape (m, k), mapping of columns, or dataframe
            Of the customers to average over.
        level : float
            Of the intervals, between 0 and 1.

        Returns
        -------
        PartialEffects
            Derivatives; for a feature that holds only 0 and 1, the difference between the two.

        Raises
        ------
        InvalidInputError
            If a feature is missing or does not hold finite numbers, or `level` is not between 0 and 1.

        Warns
        -----
        AssumptionWarning
            If customers lie where nobody was surveyed, so that the answer is extrapolation.

        References
        ----------
        .. [1] Wooldridge (2010), Econometric Analysis of Cross Section and Panel Data, 2nd ed., sections 15.6 and 18.6.

        Examples
        --------
        >>> visits = np.repeat([1.0, 2.0, 3.0, 4.0], 10)
        >>> model = ShareRegression.fit({"visits": visits}, np.tile([0.1, 0.3], 20) + 0.1 * visits)
        >>> model.average_partial_effects({"visits": visits}).effect.round(4)
        array([0.0977])
        """
        part = check_level(level)
        return partial_effects(self.linear, self._read(features), part)

    def _remark(self) -> str:
        return f"dispersion {self.dispersion:.3g}"

    @property
    def _edges(self) -> Edges:
        return Edges(self.zero_edge, self.one_edge)

    def _read(self, features: Any) -> FloatArray:
        matrix = read_like(self.linear.surveyed, features)
        warn_beyond(self.linear.surveyed, matrix)
        return matrix

    def _mean(self, matrix: FloatArray) -> FloatArray:
        from scipy.special import expit

        return np.asarray(expit(self.linear.predictor(matrix)))

    def _of_mean(self, matrix: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        from scipy.special import expit

        centre = self.linear.predictor(matrix)
        half = student_quantile(level, self.linear.freedom) * np.sqrt(self.linear.variance(matrix))
        return np.asarray(expit(centre - half)), np.asarray(expit(centre + half))

    def _of_customer(self, matrix: FloatArray, level: float) -> tuple[FloatArray, FloatArray]:
        shapes = beta_shapes(self._mean(matrix), self.dispersion, self.linear.variance(matrix))
        low, high = (float(np.clip(end, 0, 1)) for end in self.spread.ends(level))
        return beta_interval(shapes, self._edges, low, high)


def _check_shares(checker: Checker, share: FloatArray, _: FloatArray | None) -> None:
    bad: BoolArray = (share < 0) | (share > 1)
    percent = bool(np.any(share > 1)) and not np.any(share < 0) and float(share.max()) <= 100
    advice = "Did you pass percent? Divide by 100." if percent else "A share is own spend divided by the wallet."
    checker.rows("share", bad, "`share` must lie between 0 and 1", {"share": share}, advice)


def _in_words(error: NoMaximumError, surveyed: Surveyed, share: FloatArray) -> ConvergenceError:
    if np.ptp(share) == 0:
        return ConvergenceError(
            f"all {share.size:,} surveyed customers have a share of {share[0]:g}: the quasi-likelihood has no maximum, "
            "and there is nothing to learn from the features."
        )
    slopes = surveyed.whitener @ error.direction[1:]
    pull = np.abs(slopes) * surveyed.deviation
    named = [
        f"{surveyed.names[place]!r} to {'plus' if slopes[place] > 0 else 'minus'} infinity"
        for place in np.argsort(-pull)
        if pull[place] >= _SMALL_PART * pull.max()
    ]
    edges = int(np.count_nonzero((share == 0) | (share == 1)))
    return ConvergenceError(
        f"the quasi-likelihood has no maximum: the features separate some of the {edges:,} customers whose share is "
        f"exactly 0 or 1 from all others. Coefficients that run away: {', '.join(named)}. "
        "Leave such a feature out, merge it with another, or survey more customers of that kind."
    )


def _dispersion(share: FloatArray, mean: FloatArray, weights: FloatArray, freedom: int) -> float:
    """Moment estimate: mean squared deviation, as a part of the mean of m (1 - m)."""
    ratio = float(weights @ (share - mean) ** 2) / float(weights @ (mean * (1 - mean)))
    return min(ratio * share.size / freedom, 1.0)


def _without_himself(share: FloatArray, found: Logit) -> FloatArray:
    """Mean share of each customer as the others alone would have it, by one Newton step from all of them.

    Pregibon (1981), Annals of Statistics 9(4), 705-724.
    """
    from scipy.special import expit, logit

    tiny = math.ulp(1.0)
    mean = np.clip(found.mean, tiny, 1 - tiny)
    leverage = np.minimum(found.leverage, 1 - 1e-9)
    return np.asarray(expit(logit(mean) - leverage / (1 - leverage) * (share - mean) / (mean * (1 - mean))))
