"""The logarithm of B(a, b + n) / B(a, b), formed without cancellation whatever the sizes of a, b and n."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from customervalue._typing import FloatArray

__all__ = ["log_beta_ratio"]

#: Arguments are raised by this many steps; from here on six terms of Stirling's series are exact to rounding.
_STEPS = 14
_FEW = 1_000
#: Coefficients of z**-3, z**-5, ... in Stirling's series; that of 1/z, which is 1/12, is dealt with by itself.
_STIRLING = (-1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360)


def log_beta_ratio(a: ArrayLike, b: ArrayLike, n: ArrayLike) -> FloatArray:
    """Logarithm of B(a, b + n) / B(a, b), the mean of (1 - p)**n for p ~ Beta(a, b).

    It is the double difference ln G(b+n) - ln G(b) - ln G(a+b+n) + ln G(a+b) of the log-gamma function G. All
    subtractions are done on paper: small `a` (nobody leaves), large `a` and `b` (all alike) and large `n` keep their
    digits.

    Parameters
    ----------
    a, b : array_like of float
        > 0.
    n : array_like of float
        >= 0; all three are broadcast.

    Returns
    -------
    ndarray of float64
        Not positive.

    References
    ----------
    .. [1] NIST Digital Library of Mathematical Functions, 5.5.1 (recurrence) and 5.11.1 (Stirling's series).

    Examples
    --------
    >>> np.exp(log_beta_ratio(1.0, 1.0, [0, 1, 3]))
    array([1.  , 0.5 , 0.25])
    """
    a, b, n = (np.asarray(value, dtype=np.float64) for value in (a, b, n))
    small, large = np.minimum(a, n), np.maximum(a, n)
    total = np.zeros(np.broadcast_shapes(a.shape, b.shape, n.shape))
    steps = np.arange(float(_STEPS)).reshape(-1, *[1] * total.ndim)
    # Few numbers take all steps at once, many one after the other.
    for some in [steps] if total.size <= _FEW else steps[:, None]:
        x = b + some
        lost = (small / (x + small)) * (large / (x + large))
        if np.all(lost < 0.5):
            total += np.log1p(-lost).sum(axis=0)
        else:
            kept = (x / (x + small)) * ((x + small + large) / (x + large))  # 1 - lost
            total += np.where(lost < 0.5, np.log1p(-np.minimum(lost, 0.5)), np.log(kept)).sum(axis=0)
    w = b + _STEPS
    both = np.log1p(small / w * (large / (w + small + large)))
    total += (w + small - 0.5) * both - small * np.log1p(large / w) - large * np.log1p(small / (w + large))
    top = w + small + large
    total -= (small / (w * (w + small))) * (large / (w + large)) * ((w + top) / top) / 12
    for k, coefficient in enumerate(_STIRLING, start=1):
        power = -1.0 - 2 * k
        total += coefficient * (((w + n) ** power - w**power) - (top**power - (w + a) ** power))
    return np.asarray(np.minimum(total, 0.0))
