"""What the likelihoods of the purchase models need of the customers: a few totals, and those who may be gone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from customervalue.numerics.compress import group_codes, totals

if TYPE_CHECKING:
    from customervalue._typing import BoolArray, FloatArray, IntArray
    from customervalue.numerics.compress import UniqueRows

__all__ = ["Histories"]


@dataclass(frozen=True)
class Histories:
    """Totals by x and by T, and the rows of those who may have dropped out unseen.

    Attributes
    ----------
    x, x_count : ndarray
        The distinct frequencies, and the customers with each.
    lengths, length_count, length_purchases : ndarray
        The distinct T, and the customers and their repeat purchases with each.
    risk_place, risk_t_x, risk_length, risk_count : ndarray
        Of those who may have dropped out: the place of their frequency in `x`, t_x, T and the number of customers.
    """

    x: IntArray
    x_count: FloatArray
    lengths: FloatArray
    length_count: FloatArray
    length_purchases: FloatArray
    risk_place: IntArray
    risk_t_x: FloatArray
    risk_length: FloatArray
    risk_count: FloatArray

    @classmethod
    def of(cls, rows: UniqueRows, at_risk: BoolArray, **particular: Any) -> Self:
        """Take the totals over the distinct rows; `particular` are the fields a subclass adds."""
        by_x = group_codes(rows.frequency, int(rows.frequency.max()) + 1)
        lengths, place = rows.distinct_lengths()
        at_risk = at_risk & (rows.counts > 0)
        return cls(
            x=by_x.codes,
            x_count=totals(by_x.inverse, rows.counts, by_x.codes.size),
            lengths=lengths,
            length_count=totals(place, rows.counts, lengths.size),
            length_purchases=totals(place, rows.counts * rows.frequency, lengths.size),
            risk_place=by_x.inverse[at_risk],
            risk_t_x=rows.recency[at_risk],
            risk_length=rows.T[at_risk],
            risk_count=rows.counts[at_risk],
            **particular,
        )

    @property
    def customers(self) -> float:
        """Number of customers."""
        return float(self.x_count.sum())

    @property
    def mean_length(self) -> float:
        """Mean T, the natural unit of time of these data."""
        return float(np.average(self.lengths, weights=self.length_count))

    def rates(self) -> tuple[float, float]:
        """A first guess of r and alpha: the moments of a negative binomial, as if nobody had dropped out."""
        mean = max(float(self.x_count @ self.x), 0.5) / self.customers
        variance = float(self.x_count @ (self.x - mean) ** 2) / self.customers
        r = float(np.clip(mean**2 / max(variance - mean, 1e-9), 0.05, 20.0))
        return r, r * self.mean_length / mean
