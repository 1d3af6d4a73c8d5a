"""What the surveyed customers' deviations from a regression say of the deviations of others."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._tables import freeze, plain

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import FloatArray

__all__ = ["Spread"]

#: Products of levels and counts that should be whole are a hair off.
_HAIR = 1e-12


@dataclass(frozen=True, eq=False)
class Spread:
    """Deviations of n surveyed customers in ascending order, and the cumulated weights of those up to each.

    Attributes
    ----------
    values : ndarray of float64, shape (n,)
    cumulated : ndarray of float64, shape (n + 1,)
        0 first; the mean weight is 1, so that the last is n.
    """

    values: FloatArray
    cumulated: FloatArray

    def __post_init__(self) -> None:
        freeze(self)

    @classmethod
    def of(cls, values: FloatArray, weights: FloatArray) -> Spread:
        """Sort deviations with weights of mean 1."""
        order = np.argsort(values, kind="stable")
        return cls(values[order], np.concatenate([[0.0], np.cumsum(weights[order])]))

    def ends(self, level: float) -> tuple[float, float]:
        """Quantiles between which the deviation of one more customer lies with a chance of `level`.

        Of n deviations, one more is as likely to fall into any of the n + 1 gaps between them; -inf or inf where the
        gap at an end is as likely as the tail. With weights, one more weighs 1, the mean.

        Examples
        --------
        >>> spread = Spread.of(np.arange(1.0, 100.0), np.ones(99))
        >>> spread.ends(0.9), spread.ends(0.99)
        ((5.0, 95.0), (-inf, inf))
        """
        room = self.cumulated[-1] + 1
        part = 0.5 - 0.5 * level
        low = int(np.searchsorted(self.cumulated, part * room * (1 + _HAIR) - 1, side="right")) - 1
        high = int(np.searchsorted(self.cumulated, (1 - part) * room * (1 - _HAIR), side="left"))
        return (
            float(self.values[low]) if low >= 0 else -math.inf,
            float(self.values[high - 1]) if high <= self.values.size else math.inf,
        )

    def sample(self, uniform: FloatArray) -> FloatArray:
        """Deviations drawn by uniform numbers in [0, 1).

        Examples
        --------
        >>> Spread.of(np.array([1.0, 2.0, 3.0]), np.ones(3)).sample(np.array([0.1, 0.9]))
        array([1., 3.])
        """
        size = self.values.size
        if np.array_equal(self.cumulated, np.arange(size + 1)):  # no search is needed where all count alike
            place = (uniform * size).astype(np.int64)
        else:
            place = np.searchsorted(self.cumulated, uniform * self.cumulated[-1], side="right") - 1
        return np.asarray(self.values[np.minimum(place, size - 1)])

    def mean_exp(self) -> float:
        """Mean of exp(deviation).

        Examples
        --------
        >>> round(Spread.of(np.log([1.0, 2.0, 6.0]), np.ones(3)).mean_exp(), 6)
        3.0
        """
        return float(np.diff(self.cumulated) @ np.exp(self.values)) / float(self.cumulated[-1])

    def mean_exp_above(self, least: FloatArray) -> FloatArray:
        """Mean of exp(deviation) - exp(least) where that is positive, and of 0 where it is not.

        Examples
        --------
        >>> spread = Spread.of(np.log([1.0, 2.0, 6.0]), np.ones(3))
        >>> spread.mean_exp_above(np.log([1.0, 3.0, 9.0])).round(6)
        array([2., 1., 0.])
        """
        weights = np.diff(self.cumulated)
        # Sums from the top: those of few large deviations are not differences of large sums.
        above = np.concatenate([np.cumsum((weights * np.exp(self.values))[::-1])[::-1], [0.0]])
        count = np.concatenate([np.cumsum(weights[::-1])[::-1], [0.0]])
        first = np.searchsorted(self.values, least, side="left")
        # Where none is above, both sums are 0, and exp(least) need not be a number.
        excess = above[first] - count[first] * np.exp(np.minimum(least, self.values[-1]))
        return np.asarray(np.maximum(excess, 0.0) / self.cumulated[-1])

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists."""
        return {name: plain(value) for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Spread:
        """Rebuild what `to_dict` gave."""
        return cls(np.array(data["values"]), np.array(data["cumulated"]))
