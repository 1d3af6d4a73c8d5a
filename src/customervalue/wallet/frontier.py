"""The wallet within reach, from our own sales: what the best of comparable customers spend with us."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from customervalue._checks import Checker, check_whole
from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.wallet import _frontier_fits as fits
from customervalue.wallet import _frontier_warnings as warn
from customervalue.wallet._frontier_checks import (
    Sample,
    check_apply,
    check_fit,
    check_quantiles,
    check_sample,
    logarithm,
)
from customervalue.wallet._frontier_model import FrontierModel
from customervalue.wallet._frontier_results import FrontierFit, coverage, is_under, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import FloatArray, Many
    from customervalue.wallet._frontier_results import FrontierCoverage, FrontierScore

__all__ = ["WalletFrontier"]

_SUBJECT = "the customers to learn the frontier from"
#: Rows whose intervals are found at once: their refits stay in memory.
_BATCH = 8_192


@dataclass(frozen=True, eq=False, repr=False)
class WalletFrontier(FrontierModel):
    """A high quantile of what comparable customers spend with us: the realistic wallet.

    It is what we could sell, going by what we do sell to customers alike in their features. It is not what they spend:
    what they all buy elsewhere, nobody sees here. Total wallet >= wallet served by the industry >= this.

    Parameters
    ----------
    coefficients : array of shape (q, 1 + k), or None
        For each quantile the intercept and one coefficient per feature, in money (or its logarithm) per unit of the
        feature; None with `regressors`.
    names : sequence of str
        Of the k features, in order.
    quantile : float, or sequence of q floats
        In (0, 1), rising. A single number makes predictions one-dimensional.
    scale : {"money", "log"}
        Whether the functions give money or its natural logarithm.
    regressors : sequence of q fitted regressors, optional
        In place of linear functions.
    fitted : FrontierFit, optional
        What the fit knows of its customers.
    resampled : array of shape (b, q, 1 + k), or b sequences of q regressors, optional
        The same fitted to resampled customers, for intervals.

    Raises
    ------
    InvalidInputError
        If the parts do not fit together, or a quantile is outside (0, 1).

    References
    ----------
    .. [1] Rosset, Perlich, Zadrozny, Merugu, Weiss & Lawrence (2005), "Wallet estimation models", International
       Workshop on Customer Relationship Management: Data Mining Meets Marketing.
    .. [2] Koenker & Bassett (1978), Econometrica 46(1), 33-50.

    Examples
    --------
    >>> frontier = WalletFrontier([[1000, 50]], ["employees"], quantile=0.9)
    >>> frontier.wallet({"employees": [10, 40]}), frontier.headroom({"employees": [10, 40]}, [600, 3500])
    (array([1500., 3000.]), array([900.,   0.]))
    """

    @classmethod
    def fit(
        cls,
        features: Any,
        own_spend: Any,
        quantile: float | Many = 0.9,
        regressor: Any = None,
        *,
        weights: Any = None,
        names: Sequence[str] | None = None,
        scale: str = "money",
        bootstrap: int = 0,
        rng: np.random.Generator | int | None = None,
    ) -> Self:
        """Learn how much the best of comparable customers spend with us.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
            What makes customers comparable: size, trade, region, tenure. Numbers; not our own sales in any disguise.
        own_spend : array of n amounts
            What each spends with us, in money per period; >= 0.
        quantile : float, or sequence of rising floats
            0.9 is the spend that one in ten comparable customers exceeds; usual are 0.8 to 0.95.
        regressor : object with `fit` and `predict`, or function of a quantile that returns one, optional
            Any quantile regressor in the manner of scikit-learn; it is copied. Linear in the features by default.
        weights : array of n whole numbers, optional
            How many identical customers each row stands for.
        names : sequence of str, optional
            Which columns of a mapping or dataframe to use, all by default; or what to call those of an array.
        scale : {"money", "log"}
            "log" fits the logarithm of spend: features multiply, and the frontier is always positive. Spend of zero
            is set to the smallest positive spend, which is no matter where the frontier is above that. Where so many
            comparable customers buy nothing that the quantile itself is no spend, the frontier is 0 with "money", and
            the smallest positive spend with "log"; neither means anything, and there is a warning.
        bootstrap : int
            Refits to resampled customers, for intervals; 200 is usual.
        rng : numpy.random.Generator or int, optional
            Source of randomness for these.

        Returns
        -------
        WalletFrontier
            With `.fitted`.

        Raises
        ------
        InvalidInputError
            With all that is wrong: amounts negative or missing, a quantile outside (0, 1), features that are constant,
            collinear, text or own spend itself or its logarithm, too few customers, a regressor that is none.

        Warns
        -----
        AssumptionWarning
            If so few customers lie beyond a quantile that single ones decide it, more than 5 % would have a frontier
            below zero or of no spend at all, a feature puts customers nearly in the order of their own spend, or a
            regressor has a share of customers under it that is 0.1 or more off its quantile.

        Notes
        -----
        The linear fit is the exact minimum of the pinball loss. Its refits give each customer a random weight, Gamma
        distributed around his own; those of a regressor draw customers with replacement.

        References
        ----------
        .. [1] Rosset et al. (2005), "Wallet estimation models".
        .. [2] Jin, Ying & Wei (2001), "A simple resampling method by perturbing the minimand", Biometrika 88(2),
           381-390.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> employees = rng.integers(1, 50, 500)
        >>> spend = rng.uniform(0, 100 * employees)
        >>> frontier = WalletFrontier.fit({"employees": employees}, spend, 0.9, bootstrap=200, rng=1)
        >>> frontier.wallet({"employees": [20]}).round()
        array([1782.])
        >>> [bound.round() for bound in frontier.interval({"employees": [20]})]
        [array([1741.]), array([1832.])]
        """
        checker = Checker(_SUBJECT)
        quantiles = check_quantiles(checker, quantile)
        refits = checker.attempt(lambda value: check_whole("bootstrap", value, 0), bootstrap) or 0
        made = None
        if regressor is not None and quantiles:
            made = checker.attempt(lambda one: fits.check_regressor(one, quantiles), regressor)
        sample = check_fit(checker, features, own_spend, weights, names, scale)
        warn.few(sample, quantiles)
        warn.copies(sample)
        model = cls._learned(sample, quantiles if np.ndim(quantile) else quantiles[0], made, scale, refits, rng)
        warn.nothing(sample, cls._raw(model, sample.matrix).min(axis=1), scale)
        if model.fitted is not None:
            warn.below_zero(model.fitted)
            if made is not None:
                warn.off(model.fitted, model.quantiles)
        return model

    @classmethod
    def _learned(
        cls, sample: Sample, quantile: float | tuple[float, ...], made: Any, scale: str, refits: int, rng: Any
    ) -> Self:
        quantiles = quantile if isinstance(quantile, tuple) else (quantile,)
        values = sample.own
        if scale == "log":
            values = logarithm(values)
        if made is None:
            coefficients, drawn = fits.fit_linear(sample, values, quantiles, refits, rng)
            model = cls(coefficients, sample.names, quantile, scale, resampled=drawn)
        else:
            again = fits.refit_regressors(made, sample, values, refits, rng) if refits else None
            model = cls(None, sample.names, quantile, scale, fits.fit_regressors(made, sample, values), resampled=again)
        raw, w = model._raw(sample.matrix), sample.counts
        known = FrontierFit(
            n_customers=sample.size,
            constant=np.quantile(sample.own, quantiles, method="inverted_cdf", weights=w),
            share_under=np.asarray(w @ is_under(sample.own[:, None], model._money(raw)) / w.sum()),
            least=sample.matrix.min(axis=0),
            greatest=sample.matrix.max(axis=0),
            diagnostics=model._diagnosed(raw, sample.matrix, w),
        )
        return replace(model, fitted=known)

    def wallet(self, features: Any, own_spend: Any = None) -> FloatArray:
        """Realistic wallet of each customer: the frontier, and never less than he spends already.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
            Columns are found by name, whatever else there is; an array has them in the order of the fit.
        own_spend : array of n amounts, optional
            Of these customers, in the money and period of the fit.

        Returns
        -------
        ndarray of float64, shape (n,), or (n, q) for several quantiles
            In money per period; >= 0, >= `own_spend`, and rising from one quantile to the next.

        Raises
        ------
        InvalidInputError
            If a column is missing or holds anything but finite numbers, lengths differ, or spend is negative.

        Warns
        -----
        AssumptionWarning
            If customers lie beyond the range of a feature at the fit by more than that range is wide.

        Notes
        -----
        Several quantiles are fitted apart and may cross where there are few customers; they are put in order for each
        customer, which never makes them worse. `diagnostics` counts where that happened.

        References
        ----------
        .. [1] Chernozhukov, Fernandez-Val & Galichon (2010), "Quantile and probability curves without crossing",
           Econometrica 78(3), 1093-1125.

        Examples
        --------
        >>> frontier = WalletFrontier([[1000, 50]], ["employees"], quantile=0.9)
        >>> frontier.wallet([[10], [40]], own_spend=[600, 3500])
        array([1500., 3500.])
        """
        matrix, own, _ = check_apply(features, own_spend, None, self.names)
        warn.far(matrix, self.names, self.fitted)
        return self._shaped(np.maximum(self._frontier(matrix), own[:, None]))

    def headroom(self, features: Any, own_spend: Any) -> FloatArray:
        """What each customer could spend with us beyond what he does.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
        own_spend : array of n amounts

        Returns
        -------
        ndarray of float64, shape (n,), or (n, q) for several quantiles
            `wallet` less `own_spend`, in money per period; 0 for those at or above the frontier.

        Raises
        ------
        InvalidInputError
            As `wallet` does.

        Warns
        -----
        AssumptionWarning
            As `wallet` does.

        Examples
        --------
        >>> frontier = WalletFrontier([[1000, 50]], ["employees"], quantile=0.9)
        >>> frontier.headroom([[10], [40]], own_spend=[600, 3500])
        array([900.,   0.])
        """
        matrix, own, _ = check_apply(features, own_spend, None, self.names)
        warn.far(matrix, self.names, self.fitted)
        money = self._frontier(matrix)
        return self._shaped(np.maximum(money - own[:, None], 0.0))

    def interval(self, features: Any, own_spend: Any = None, level: float = 0.9) -> tuple[FloatArray, FloatArray]:
        """How far the frontier itself may be off, as it was learned from so many customers.

        It is an interval of the quantile among comparable customers, not of what one customer might spend.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
        own_spend : array of n amounts, optional
            Raises both bounds to what the customer spends already.
        level : float
            Between 0 and 1.

        Returns
        -------
        lower, upper : ndarray of float64, shape (n,), or (n, q) for several quantiles
            In money per period: percentiles of the refits.

        Raises
        ------
        InvalidInputError
            If the model was not fitted with `bootstrap`, or with too few refits for `level`; and as `wallet` does.

        Warns
        -----
        AssumptionWarning
            As `wallet` does.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> size = rng.uniform(1, 50, 300)
        >>> frontier = WalletFrontier.fit(size[:, None], rng.uniform(0, 100 * size), bootstrap=100, rng=1)
        >>> lower, upper = frontier.interval([[20]])
        >>> bool(lower[0] < frontier.wallet([[20]])[0] < upper[0])
        True
        """
        tail = 0.5 * (1 - check_level(level))
        if self.resampled is None:
            raise invalid("bootstrap", "this frontier was fitted without refits", "Fit it with `bootstrap=200`.")
        if len(self.resampled) * tail < 1 - 1e-9:
            rule = f"{len(self.resampled):,} refits are too few for an interval of {level:g}"
            raise invalid("level", rule, f"Fit with `bootstrap={math.ceil(5 / tail)}`.")
        matrix, own, _ = check_apply(features, own_spend, None, self.names)
        warn.far(matrix, self.names, self.fitted)
        low, high = (np.empty((len(matrix), len(self.quantiles))) for _ in range(2))
        for first in range(0, len(matrix), _BATCH):
            rows = slice(first, first + _BATCH)
            drawn = self._money(self._refits(matrix[rows]))
            low[rows], high[rows] = np.quantile(drawn, [tail, 1 - tail], axis=1)
        return self._shaped(np.maximum(low, own[:, None])), self._shaped(np.maximum(high, own[:, None]))

    @classmethod
    def cross_validate(
        cls,
        features: Any,
        own_spend: Any,
        quantile: float | Many = 0.9,
        regressor: Any = None,
        *,
        folds: int = 5,
        rng: np.random.Generator | int | None = None,
        weights: Any = None,
        names: Sequence[str] | None = None,
        scale: str = "money",
    ) -> tuple[FrontierScore, FrontierCoverage]:
        """Score and coverage where each customer is judged by a frontier that was learned from the others.

        Parameters
        ----------
        features, own_spend, quantile, regressor, weights, names, scale
            As in `fit`.
        folds : int
            Into how many parts the customers are divided at random; each is left out once.
        rng : numpy.random.Generator or int, optional
            Source of randomness for that.

        Returns
        -------
        score : FrontierScore
        coverage : FrontierCoverage

        Raises
        ------
        InvalidInputError
            If there are more `folds` than customers; and as `fit` does, also where one of the parts alone is the cause:
            a feature that only its customers vary in.

        Examples
        --------
        >>> rng = np.random.default_rng(1)
        >>> size = rng.uniform(1, 50, 600)
        >>> spend = rng.uniform(0, 100 * size)
        >>> for scale in ("money", "log"):
        ...     score, _ = WalletFrontier.cross_validate(size[:, None], spend, scale=scale, rng=1)
        ...     print(scale, score.loss.round())
        money [110.]
        log [128.]
        """
        checker = Checker(_SUBJECT)
        quantiles = check_quantiles(checker, quantile)
        parts = checker.attempt(lambda value: check_whole("folds", value, 2), folds) or 2
        sample = check_fit(checker, features, own_spend, weights, names, scale)
        if parts > len(sample.own):
            raise invalid("folds", f"`folds` must not exceed the {len(sample.own):,} customers, and is {parts:,}")
        part = np.random.default_rng(rng).permutation(np.arange(len(sample.own)) % parts)
        frontier, constant = (np.empty((len(sample.own), len(quantiles))) for _ in range(2))
        for i in range(parts):
            others, left_out = sample.at(part != i), part == i
            check_sample(Checker(f"the customers outside part {i + 1} of {parts}"), others)
            made = None if regressor is None else fits.check_regressor(regressor, quantiles)
            model = cls._learned(others, quantiles, made, scale, 0, None)
            frontier[left_out] = cls._frontier(model, sample.matrix[left_out])
            constant[left_out] = np.nan if model.fitted is None else model.fitted.constant
        values = np.array(quantiles)
        judged = score(sample.own, frontier, constant, values, sample.weights)
        return judged, coverage(sample.own, frontier, values, sample.weights, 10)
