"""The parts of a wallet frontier and what they say of customers; `frontier` says how one is learned and used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from customervalue._checks import Checker, check_whole
from customervalue._tables import Table, plain
from customervalue.errors import invalid
from customervalue.wallet import _frontier_fits as fits
from customervalue.wallet._features import INTERCEPT, check_names, exponential
from customervalue.wallet._frontier_checks import SCALES, check_apply, check_quantiles
from customervalue.wallet._frontier_results import (
    FrontierCoverage,
    FrontierDiagnostics,
    FrontierFit,
    FrontierScore,
    coverage,
    score,
)
from customervalue.wallet._stored import labelled, rebuilt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, BoolArray, FloatArray

__all__ = ["FrontierModel"]


@dataclass(frozen=True, eq=False, repr=False)
class FrontierModel(Table):
    """A frontier without `fit`: its parts, its checks, how it is judged, and how it travels."""

    coefficients: FloatArray | None
    names: tuple[str, ...]
    quantile: float | tuple[float, ...] = 0.9
    scale: str = "money"
    regressors: tuple[Any, ...] | None = None
    fitted: FrontierFit | None = None
    resampled: Any = None

    def __post_init__(self) -> None:
        checker = Checker("the parameters of WalletFrontier")
        quantiles = check_quantiles(checker, self.quantile)
        names = check_names(checker, self.names)
        coefficients = None if self.coefficients is None else checker.matrix("coefficients", self.coefficients)
        if (coefficients is None) != (self.regressors is not None) and not checker.problems:
            checker.add("coefficients", "either `coefficients` or `regressors` must be given, and not both")
        wanted = (len(quantiles), 1 + len(names or ()))
        if coefficients is not None and quantiles and names is not None and coefficients.shape != wanted:
            rule = f"`coefficients` must have a row per quantile, of the intercept and each feature: shape {wanted}"
            checker.add("coefficients", f"{rule}, and has {coefficients.shape}")
        if self.scale not in SCALES:
            checker.add("scale", f"`scale` must be 'money' or 'log', and is {self.scale!r}")
        checker.done()
        object.__setattr__(self, "coefficients", coefficients)
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "quantile", quantiles if np.ndim(self.quantile) else quantiles[0])
        super().__post_init__()

    @property
    def quantiles(self) -> tuple[float, ...]:
        """The quantiles, also where there is one."""
        return self.quantile if isinstance(self.quantile, tuple) else (self.quantile,)

    def diagnostics(self, features: Any) -> FrontierDiagnostics:
        """Count the customers whose frontier was put right, or is extrapolated.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe

        Returns
        -------
        FrontierDiagnostics

        Raises
        ------
        InvalidInputError
            If a column is missing or holds anything but finite numbers.

        Examples
        --------
        >>> from customervalue.wallet import WalletFrontier
        >>> WalletFrontier([[-100, 50]], ["employees"]).diagnostics({"employees": [1, 5]}).below_zero
        1
        """
        matrix, _, _ = check_apply(features, None, None, self.names)
        return self._diagnosed(self._raw(matrix), matrix, None)

    def score(self, features: Any, own_spend: Any, *, weights: Any = None) -> FrontierScore:
        """Pinball loss, beside that of one number for all: of customers that were held out, if it is to mean much.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
        own_spend : array of n amounts
        weights : array of n whole numbers, optional

        Returns
        -------
        FrontierScore
            With NaN for the loss of one number where the model was made from its coefficients.

        Raises
        ------
        InvalidInputError
            As `wallet` does.

        Examples
        --------
        >>> from customervalue.wallet import WalletFrontier
        >>> rng = np.random.default_rng(1)
        >>> size = rng.uniform(1, 50, 600)
        >>> spend = rng.uniform(0, 100 * size)
        >>> frontier = WalletFrontier.fit(size[:400, None], spend[:400], 0.9)
        >>> frontier.score(size[400:, None], spend[400:])
        Frontier of 200 customers: pinball loss
          quantile  loss    constant loss  skill   share under
          0.9       112.21  222.12         0.4948  0.905
        """
        matrix, own, weight = check_apply(features, own_spend, weights, self.names)
        constant = np.full(len(self.quantiles), np.nan) if self.fitted is None else self.fitted.constant
        return score(own, self._frontier(matrix), constant, np.array(self.quantiles), weight)

    def coverage(self, features: Any, own_spend: Any, *, groups: int = 10, weights: Any = None) -> FrontierCoverage:
        """Share of customers under the frontier, for those with a low one to those with a high one.

        Near the quantile in every group if the frontier is right; too many under it in some and too few in others means
        that the features act otherwise than the model says.

        Parameters
        ----------
        features : array of shape (n, k), mapping of columns, or dataframe
        own_spend : array of n amounts
        groups : int
            10 gives tenths.
        weights : array of n whole numbers, optional

        Returns
        -------
        FrontierCoverage

        Raises
        ------
        InvalidInputError
            As `wallet` does, or if `groups` is not a whole number >= 1.

        Examples
        --------
        >>> from customervalue.wallet import WalletFrontier
        >>> rng = np.random.default_rng(1)
        >>> size = rng.uniform(1, 50, 600)
        >>> spend = rng.uniform(0, 100 * size)
        >>> frontier = WalletFrontier.fit(size[:400, None], spend[:400], 0.9)
        >>> frontier.coverage(size[400:, None], spend[400:], groups=2).share_under
        array([0.88, 0.93])
        """
        parts = check_whole("groups", groups, 1)
        matrix, own, weight = check_apply(features, own_spend, weights, self.names)
        return coverage(own, self._frontier(matrix), np.array(self.quantiles), weight, parts)

    def to_dict(self) -> dict[str, Any]:
        """Return a linear frontier as plain numbers, texts and lists, ready for JSON.

        Returns
        -------
        dict
            With a "version", so that a later release can read it.

        Raises
        ------
        InvalidInputError
            If the frontier has regressors: they are stored by their own means.

        Examples
        --------
        >>> from customervalue.wallet import WalletFrontier
        >>> WalletFrontier([[1000, 50]], ["employees"], quantile=0.9).to_dict()["coefficients"]
        [[1000.0, 50.0]]
        """
        if self.regressors is not None:
            advice = "Store the regressors by their own means, and make the frontier of them again."
            raise invalid("regressors", "a frontier of regressors cannot be written as numbers", advice)
        parts = {
            "coefficients": plain(self.coefficients),
            "names": list(self.names),
            "quantile": plain(self.quantile),
            "scale": self.scale,
            "fitted": None if self.fitted is None else self.fitted.to_dict(),
            "resampled": None if self.resampled is None else plain(self.resampled),
        }
        return labelled(type(self), parts)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Rebuild the frontier that `to_dict` was called on.

        Parameters
        ----------
        data : mapping
            What `to_dict` gave, as it is or after a journey through JSON.

        Returns
        -------
        WalletFrontier

        Raises
        ------
        InvalidInputError
            If `data` is of something else, of an unknown version, or incomplete.

        Examples
        --------
        >>> import json
        >>> from customervalue.wallet import WalletFrontier
        >>> frontier = WalletFrontier([[1000, 50]], ["employees"], quantile=0.9)
        >>> WalletFrontier.from_dict(json.loads(json.dumps(frontier.to_dict()))) == frontier
        True
        """

        def build(parts: dict[str, Any]) -> Any:
            quantile, drawn, fitted = parts["quantile"], parts["resampled"], parts["fitted"]
            return cls(
                coefficients=parts["coefficients"],
                names=parts["names"],
                quantile=tuple(quantile) if isinstance(quantile, list) else quantile,
                scale=parts["scale"],
                fitted=None if fitted is None else FrontierFit.from_dict(fitted),
                resampled=None if drawn is None else np.array(drawn, dtype=np.float64),
            )

        model: Self = rebuilt(cls, data, build)
        return model

    def __eq__(self, other: object) -> bool:
        """Whether predictions are the same: the same functions of the same features."""
        if not isinstance(other, FrontierModel):
            return NotImplemented
        mine, its = ((m.names, m.quantile, m.scale, m.regressors) for m in (self, other))
        if mine != its or self.coefficients is None or other.coefficients is None:
            return mine == its and self.coefficients is other.coefficients
        return bool(np.array_equal(self.coefficients, other.coefficients))

    def __hash__(self) -> int:
        return hash((self.names, self.quantile, self.scale))

    def _title(self) -> str:
        unit = "money" if self.scale == "money" else "logarithm of money"
        size = "" if self.fitted is None else f", from {self.fitted.n_customers:,} customers"
        kind = "Linear wallet frontier" if self.regressors is None else "Wallet frontier"
        return f"{kind}{size} ({unit})"

    def _table(self) -> Mapping[str, AnyArray]:
        if self.coefficients is None:
            made = np.array([type(one).__name__ for one in self.regressors or ()], dtype=object)
            return {"quantile": np.array(self.quantiles), "regressor": made}
        columns: dict[str, AnyArray] = {"feature": np.array([INTERCEPT, *self.names], dtype=object)}
        for i, q in enumerate(self.quantiles):
            columns[f"{q:g} quantile"] = self.coefficients[i]
            if self.resampled is not None:
                columns[f"{q:g} standard error"] = np.std(self.resampled[:, i], axis=0, ddof=1)
        return columns

    def _raw(self, matrix: FloatArray) -> FloatArray:
        """The fitted functions as they are, on their scale; shape (n, q)."""
        if self.coefficients is None:
            return fits.predict_regressors(self.regressors or (), matrix)
        return fits.predict_linear(self.coefficients, matrix)

    def _frontier(self, matrix: FloatArray) -> FloatArray:
        """In money, quantiles in order; shape (n, q)."""
        return self._money(self._raw(matrix))

    def _refits(self, matrix: FloatArray) -> FloatArray:
        """The same of the refits, shape (n, b, q)."""
        if self.coefficients is None:
            return np.stack([fits.predict_regressors(one, matrix) for one in self.resampled], axis=1)
        return fits.predict_linear(self.resampled, matrix)

    def _money(self, raw: FloatArray) -> FloatArray:
        """In money, quantiles (last axis) in order, none below zero."""
        ordered = np.sort(raw, axis=-1)
        if self.scale == "money":
            return np.maximum(ordered, 0.0)
        return exponential(ordered, "the frontier")

    def _shaped(self, result: FloatArray) -> FloatArray:
        """One column alone where one quantile was asked for."""
        return result if isinstance(self.quantile, tuple) else result[:, 0]

    def _diagnosed(self, raw: FloatArray, matrix: FloatArray, weights: FloatArray | None) -> FrontierDiagnostics:
        """Count customers, each as often as his weight says."""
        w = np.ones(len(matrix)) if weights is None else weights

        def count(rows: BoolArray) -> int:
            return round(float(w[rows].sum()))

        outside = np.zeros(len(matrix), dtype=bool)
        if self.fitted is not None:
            outside = np.any((matrix < self.fitted.least) | (matrix > self.fitted.greatest), axis=1)
        below = np.any(raw < 0, axis=1) if self.scale == "money" else np.zeros(len(matrix), dtype=bool)
        crossing = np.any(np.diff(raw, axis=1) < 0, axis=1)
        return FrontierDiagnostics(round(float(w.sum())), count(below), count(crossing), count(outside))
