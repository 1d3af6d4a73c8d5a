"""What the arguments of a wallet frontier must be."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError
from customervalue.units import check_number
from customervalue.wallet._features import Features, check_independent, read_features

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._typing import BoolArray, FloatArray

__all__ = [
    "NO_COPY",
    "SCALES",
    "Sample",
    "check_apply",
    "check_fit",
    "check_quantiles",
    "check_sample",
    "correlations",
    "logarithm",
]

SCALES = ("money", "log")
#: A feature is a copy where its correlation with own spend falls short of 1 by no more than this.
_COPY = 1e-12
NO_COPY = "Leave it out: comparable means alike in what is not our sales."


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
    several = not isinstance(quantile, str) and np.ndim(quantile) == 1
    try:
        values = tuple(check_number("quantile", value) for value in (np.asarray(quantile) if several else [quantile]))
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
    if read is None or own is None or len(set(checker.sizes.values())) > 1:
        checker.done()
        raise AssertionError
    every = Sample(read.matrix, own, weight, read.names)
    sample = every if weight is None else every.at(~(weight == 0))
    if not np.any(sample.own):
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
        if np.any(sample.own > 0) and not np.any(sample.own < 0) and bool(np.all(np.isfinite(sample.own))):
            _check_no_copy(checker, sample)
    checker.done()


def logarithm(own: FloatArray) -> FloatArray:
    """Logarithm of spend, with no spend set to the smallest positive one.

    Examples
    --------
    >>> logarithm(np.array([1.0, 0.0, 2.0])).round(3)
    array([0.   , 0.   , 0.693])
    """
    return np.asarray(np.log(np.maximum(own, own[own > 0].min())))


def _check_no_copy(checker: Checker, sample: Sample) -> None:
    """Own spend among the features would be its own frontier, and nobody would have headroom."""
    for form, values in (("`own_spend` itself", sample.own), ("the logarithm of `own_spend`", logarithm(sample.own))):
        for place in np.flatnonzero(np.abs(correlations(sample.matrix, values)) >= 1 - _COPY):
            rule = f"feature {sample.names[place]!r} is {form}, or a linear function of it"
            checker.add("features", rule, NO_COPY)


def correlations(matrix: FloatArray, values: FloatArray) -> FloatArray:
    """Of each column with the values, shape (k,); 0 for constant ones."""
    centred, own = matrix - matrix.mean(axis=0), values - values.mean()
    sizes = np.linalg.norm(own) * np.linalg.norm(centred, axis=0)
    return np.asarray(np.divide(own @ centred, sizes, out=np.zeros(len(sizes)), where=sizes > 0))


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
