"""What the arguments of a wallet frontier must be."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import AssumptionWarning, InvalidInputError, invalid
from customervalue.units import check_number
from customervalue.wallet._features import Features, check_independent, read_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import BoolArray, FloatArray

__all__ = ["SCALES", "Sample", "check_apply", "check_fit", "check_quantiles", "check_sample", "check_whole", "warn_few"]

SCALES = ("money", "log")
#: So many customers, at least, should lie beyond a quantile.
_BEYOND = 5


@dataclass(frozen=True)
class Sample:
    """Customers to fit to; those with weight 0 are gone.

    Attributes
    ----------
    matrix : ndarray of float64, shape (n, k)
    own : ndarray of float64, shape (n,)
    weights : ndarray of float64, shape (n,), or None
    names : tuple of str
    """

    matrix: FloatArray
    own: FloatArray
    weights: FloatArray | None
    names: tuple[str, ...]

    @property
    def counts(self) -> FloatArray:
        """How many customers each row stands for."""
        return np.ones(len(self.own)) if self.weights is None else self.weights

    @property
    def size(self) -> int:
        """How many customers they are."""
        return round(float(self.counts.sum()))

    def at(self, rows: BoolArray) -> Sample:
        """Some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return Sample(self.matrix[rows], self.own[rows], weights, self.names)


def check_quantiles(checker: Checker, quantile: Any) -> tuple[float, ...]:
    """One quantile or several, each in (0, 1), rising; empty if anything is wrong with them."""
    several = isinstance(quantile, (list, tuple, np.ndarray)) and np.ndim(quantile) == 1
    try:
        values = tuple(check_number("quantile", value) for value in (quantile if several else [quantile]))
    except InvalidInputError as error:
        checker.problems.extend(error.problems)
        return ()
    outside = [value for value in values if not 0 < value < 1]
    if outside:
        advice = "0.9 is the spend that one in ten comparable customers exceeds."
        checker.add("quantile", f"`quantile` must lie between 0 and 1, and is {outside[0]:g}", advice)
    elif not values:
        checker.add("quantile", "`quantile` must be at least one number, and is empty")
    elif any(a >= b for a, b in itertools.pairwise(values)):
        checker.add("quantile", f"several quantiles must rise, and are {', '.join(f'{v:g}' for v in values)}")
    else:
        return values
    return ()


def check_fit(
    checker: Checker, features: Any, own_spend: Any, weights: Any, names: Sequence[str] | None, scale: Any
) -> Sample:
    """Check everything that a fit is given beside its quantiles; raise with all that is wrong."""
    read = read_features(checker, features, names=names)
    own = checker.amounts("own_spend", own_spend, "Net returns and refunds off the purchases they belong to before.")
    weight = None
    if weights is not None:
        weight = checker.counts("weights", weights, "Weights count identical customers; they are not sampling weights.")
    checker.same_length()
    if scale not in SCALES:
        checker.add("scale", f"`scale` must be 'money' or 'log', and is {scale!r}")
    if read is None or own is None or checker.problems:
        checker.done()
        raise AssertionError
    every = Sample(read.matrix, own, weight, read.names)
    sample = every if weight is None else every.at(weight > 0)
    if not np.any(sample.own > 0):
        checker.add("own_spend", "somebody must have spent something, and nobody did")
    check_sample(checker, sample)
    return sample


def check_sample(checker: Checker, sample: Sample) -> None:
    """Raise unless there are enough customers for the features, and the features are of use."""
    n, k = sample.matrix.shape
    if n < k + 2:
        checker.add(
            "features",
            f"{k + 2} customers or more are needed for {k} features and an intercept, and there are {n}",
            "Give fewer features, or more customers.",
        )
    else:
        check_independent(checker, Features(sample.matrix, sample.names))
        _check_no_copy(checker, sample)
    checker.done()


def _check_no_copy(checker: Checker, sample: Sample) -> None:
    """Own spend among the features would be its own frontier, and nobody would have headroom."""
    own, matrix = sample.own - sample.own.mean(), sample.matrix - sample.matrix.mean(axis=0)
    sizes = np.linalg.norm(own) * np.linalg.norm(matrix, axis=0)
    for place in np.flatnonzero((sizes > 0) & (np.abs(own @ matrix) >= (1 - 1e-12) * sizes)):
        rule = f"feature {sample.names[place]!r} is `own_spend` itself, or a linear function of it"
        checker.add("features", rule, "Leave it out: comparable means alike in what is not our sales.")


def check_whole(argument: str, value: Any, least: int) -> int:
    """Return `value` if it is a whole number and not less than `least`, raise otherwise."""
    number = check_number(argument, value)
    if not (math.isfinite(number) and number == math.floor(number) and number >= least):
        raise invalid(argument, f"`{argument}` must be a whole number, {least} or more, and is {value!r}")
    return int(number)


def check_apply(
    features: Any, own_spend: Any, weights: Any, names: tuple[str, ...]
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    """Features in the order of the fit, own spend (0 where it is not given), and weights if they are."""
    checker = Checker("the customers")
    read = read_features(checker, features, names=names)
    rows = checker.sizes.get("features", 0)
    own = np.zeros(rows) if own_spend is None else checker.amounts("own_spend", own_spend)
    weight = None if weights is None else checker.counts("weights", weights)
    checker.same_length()
    if weight is not None and not np.any(weight > 0):
        checker.add("weights", "`weights` must not all be zero")
    checker.done()
    if read is None or own is None:
        raise AssertionError
    return read.matrix, own, weight


def warn_few(sample: Sample, quantiles: tuple[float, ...]) -> None:
    """Warn where a quantile lies so far out that single customers decide it."""
    k = sample.matrix.shape[1] + 1
    for q in quantiles:
        beyond = sample.size * min(q, 1 - q)
        if beyond < max(_BEYOND, k) and not math.isclose(beyond, max(_BEYOND, k)):
            side = "above" if q > 0.5 else "below"
            warnings.warn(
                f"only about {beyond:.3g} of {sample.size:,} customers lie {side} the {q:g} quantile, which has {k} "
                "coefficients: it follows single customers. Take a quantile nearer to the middle, fewer features or "
                "more customers.",
                AssumptionWarning,
                stacklevel=3,
            )
