"""Buying at random moments, at a rate that is gamma distributed over the customers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from customervalue.clv._purchase_model import PurchaseModel
from customervalue.numerics.elementary import log1p

if TYPE_CHECKING:
    from customervalue._typing import FloatArray, IntArray

__all__ = ["GammaRates", "time_of_silence"]


class GammaRates(PurchaseModel):
    """Base of the models in continuous time: while alive, purchases at rate lambda ~ Gamma(r, alpha).

    After x purchases in a time of T alive, lambda ~ Gamma(r + x, alpha + T).
    """

    rate_parameter: ClassVar[str] = "r"

    r: float
    alpha: float

    def _log_silence(self, x: IntArray, t_x: FloatArray, T: FloatArray) -> FloatArray:
        return -(self.r + x) * log1p((T - t_x) / (self.alpha + t_x))

    def _rate(self, x: IntArray, T: FloatArray) -> FloatArray:
        return np.asarray((self.r + x) / (self.alpha + T))


def time_of_silence(shape: Any, clock: FloatArray, target: FloatArray) -> FloatArray:
    """The time in which the log probability of no purchase, at a rate ~ Gamma(shape, clock), falls to `target`."""
    return np.asarray(clock * np.expm1(-target / shape))
