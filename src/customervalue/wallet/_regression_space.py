"""Where the surveyed customers lie: what is remembered of their features, and who lies beyond."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import freeze, plain
from customervalue.errors import AssumptionWarning
from customervalue.wallet._features import far_beyond, read_features

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import BoolArray, FloatArray, IntArray
    from customervalue.wallet._features import Features

__all__ = [
    "Beyond",
    "Surveyed",
    "beyond",
    "describe",
    "more_than_chance",
    "read_like",
    "remember",
    "too_many",
    "warn_beyond",
]

#: Customers beyond the surveyed are worth a warning if a random sample left so many there less often than this.
_CHANCE = 0.001
#: Or if any of them is farther from the middle than the farthest surveyed by this factor, or far beyond the range of a
#: feature.
_FAR = 2.0
#: Features named in a warning.
_NAMED = 4


@dataclass(frozen=True, eq=False)
class Surveyed:
    """What is remembered of the features of surveyed customers, in place of the features.

    Attributes
    ----------
    names : tuple of str
        Of the k features.
    size : int
        Surveyed customers, n.
    mean, deviation, low, high : ndarray of float64, shape (k,)
        Mean, standard deviation (of n, not n - 1), smallest and largest value of each feature.
    whitener : ndarray of float64, shape (k, k)
        (x - mean) @ whitener has mean 0, variance 1 and no correlation among the surveyed.
    largest_leverage : float
        Of a surveyed customer with respect to the others; infinite if he alone carries a feature.
    """

    names: tuple[str, ...]
    size: int
    mean: FloatArray
    deviation: FloatArray
    low: FloatArray
    high: FloatArray
    whitener: FloatArray
    largest_leverage: float

    def __post_init__(self) -> None:
        freeze(self)

    def whitened(self, matrix: FloatArray) -> FloatArray:
        """The features without correlation, shape (m, k)."""
        return np.asarray((matrix - self.mean) @ self.whitener)

    def leverage(self, white: FloatArray) -> FloatArray:
        """Leverage of customers who were not surveyed, from whitened features; shape (m,)."""
        return np.asarray((1 + np.einsum("ij,ij->i", white, white)) / self.size)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists."""
        return {name: plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Surveyed:
        """Rebuild what `to_dict` gave."""
        columns = ("mean", "deviation", "low", "high", "whitener")
        largest = data["largest_leverage"]
        return cls(
            names=tuple(data["names"]),
            size=int(data["size"]),
            largest_leverage=math.inf if largest is None else float(largest),
            **{name: np.array(data[name], dtype=np.float64) for name in columns},
        )


@dataclass(frozen=True, eq=False)
class Beyond:
    """Customers who lie where nobody was surveyed.

    Attributes
    ----------
    leverage : ndarray of float64, shape (m,)
    below, above : ndarray of int64, shape (k,)
        Customers below the smallest and above the largest value surveyed of each feature.
    any : ndarray of bool, shape (m,)
        Outside the range of a feature, or of larger leverage than any surveyed customer.
    far : bool
        Whether one of them is far beyond.
    """

    leverage: FloatArray
    below: IntArray
    above: IntArray
    any: BoolArray
    far: bool


def remember(features: Features) -> tuple[Surveyed, FloatArray]:
    """What to remember of features that are neither constant nor collinear, and the whitened features.

    Examples
    --------
    >>> from customervalue.wallet._features import Features
    >>> surveyed, white = remember(Features(np.array([[1.0], [2.0], [3.0]]), ("age",)))
    >>> surveyed.mean, round(surveyed.largest_leverage, 6), white.round(3).ravel()
    (array([2.]), 5.0, array([-1.225,  0.   ,  1.225]))
    """
    matrix = features.matrix
    size = len(matrix)
    mean, deviation = matrix.mean(axis=0), matrix.std(axis=0)
    standard = (matrix - mean) / deviation
    factor: FloatArray = np.asarray(np.linalg.qr(standard, mode="r"), dtype=np.float64)
    # A sign for each row, so that the same data give the same basis whatever the linear algebra library.
    triangle = factor * (np.sign(np.diag(factor)) / math.sqrt(size))[:, None]
    whitener = np.linalg.inv(triangle) / deviation[:, None]
    white = (matrix - mean) @ whitener
    own = float(np.max(1 + np.einsum("ij,ij->i", white, white))) / size
    largest = own / (1 - own) if own < 1 - 1e-12 else math.inf
    low, high = matrix.min(axis=0), matrix.max(axis=0)
    return Surveyed(features.names, size, mean, deviation, low, high, whitener, largest), white


def read_like(surveyed: Surveyed, features: Any, checker: Checker | None = None) -> FloatArray:
    """The same features of other customers, shape (m, k); raises for them and whatever else the checker has found."""
    own = Checker("the features") if checker is None else checker
    found = read_features(own, features, names=surveyed.names)
    own.same_length()
    own.done()
    assert found is not None  # the checker has raised otherwise
    return found.matrix


def beyond(surveyed: Surveyed, matrix: FloatArray) -> Beyond:
    """Who of other customers lies where nobody was surveyed.

    Examples
    --------
    >>> from customervalue.wallet._features import Features
    >>> surveyed, _ = remember(Features(np.array([[1.0], [2.0], [3.0]]), ("age",)))
    >>> beyond(surveyed, np.array([[2.5], [9.0]])).any
    array([False,  True])
    """
    leverage = surveyed.leverage(surveyed.whitened(matrix))
    below, above = matrix < surveyed.low, matrix > surveyed.high
    far = bool(
        np.any(leverage * surveyed.size - 1 > _FAR**2 * (surveyed.largest_leverage * surveyed.size - 1))
        or np.any(far_beyond(matrix, surveyed.low, surveyed.high))
    )
    outside = below.any(axis=1) | above.any(axis=1) | (leverage > surveyed.largest_leverage)
    return Beyond(leverage, below.sum(axis=0), above.sum(axis=0), outside, far)


def more_than_chance(count: int, others: int, size: int, ways: int = 1) -> bool:
    """Whether so many of the others beyond the most extreme of a sample are too many for a random sample.

    The chance that the `count` largest of all are among the others is C(others, count) / C(others + size, count),
    whatever the distribution; `ways` is how many such counts are looked at together.

    Examples
    --------
    >>> more_than_chance(11, 4_600, 400), more_than_chance(100, 4_600, 400)
    (False, True)
    """
    if not count:
        return False
    log = math.lgamma
    chance = log(others + 1) - log(others - count + 1) - log(others + size + 1) + log(others + size - count + 1)
    return chance < math.log(_CHANCE / ways)


def too_many(surveyed: Surveyed, found: Beyond) -> bool:
    """Whether those beyond are far out, or more than a random sample would leave there."""
    others, ways = found.any.size, 2 * len(surveyed.names) + 1
    unusual = int(np.count_nonzero(found.leverage > surveyed.largest_leverage))
    counts = [*found.below.tolist(), *found.above.tolist(), unusual]
    return found.far or any(more_than_chance(count, others, surveyed.size, ways) for count in counts)


def describe(surveyed: Surveyed, found: Beyond) -> str:
    """Which features put them there, the most frequent first."""
    parts = [
        (int(count), f"{name!r} {side} {edge:g} ({count:,})")
        for side, counts, edges in (("below", found.below, surveyed.low), ("above", found.above, surveyed.high))
        for name, count, edge in zip(surveyed.names, counts.tolist(), edges.tolist(), strict=True)
        if count
    ]
    listed = [text for _, text in sorted(parts, key=lambda part: -part[0])[:_NAMED]]
    inside = int(np.count_nonzero(found.any)) if not parts else 0
    return ", ".join(listed) if listed else f"values that do not occur together among the surveyed ({inside:,})"


def warn_beyond(surveyed: Surveyed, matrix: FloatArray) -> None:
    """Warn the caller of a public call, who is three frames up, if what is asked is extrapolation."""
    found = beyond(surveyed, matrix)
    if not too_many(surveyed, found):
        return
    count = int(np.count_nonzero(found.any))
    verb = "lies" if count == 1 else "lie"
    warnings.warn(
        f"{count:,} of {found.any.size:,} customers {verb} where nobody was surveyed: {describe(surveyed, found)}. "
        "What is said of them is extrapolation: survey customers like them, or leave them out; "
        "`overlap(features)` of the model says who they are.",
        AssumptionWarning,
        stacklevel=4,
    )
