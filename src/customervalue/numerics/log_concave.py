"""Integrals of log-concave functions, however narrow, wide or small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.along_time import legendre_panels

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray

__all__ = ["log_integral"]

#: The function is followed down to exp(-_DEPTH) of its peak.
_DEPTH = 45.0
#: Panels of sixteen nodes on either side of the peak: that many for the depth, and one for so much of the length.
_PANELS = 8
_PANEL_LENGTH = 3.0
#: Where the search for the width begins, and by how much it grows at a time.
_NARROWEST = 1e-9
_GROWTH = 1.5
_HALVINGS = 60


def log_integral(
    log_function: Callable[[FloatArray], FloatArray], slope: Callable[[FloatArray], FloatArray], upper: FloatArray
) -> FloatArray:
    """Logarithm of the integral of exp(g) from minus infinity to `upper`, for many concave g at once.

    Parameters
    ----------
    log_function, slope : callable
        g and its derivative; take points (k, n), k for each of n functions, and give values (k, n). The slope falls,
        and is positive far enough to the left. exp(g) is taken to be smooth on the scale of 1, or of its own width.
    upper : ndarray of float64, shape (n,)
        Ends of integration, finite.

    Returns
    -------
    ndarray of float64, shape (n,)

    References
    ----------
    .. [1] Davis & Rabinowitz (1984), Methods of Numerical Integration, 2nd ed., sections 2.7 and 3.2.

    Examples
    --------
    >>> log_integral(lambda y: -0.5 * y * y, lambda y: -y, np.array([0.0, 50.0])).round(8)
    array([0.22579135, 0.91893853])
    """
    peak = _peak(slope, upper)
    top = log_function(peak[None])[0]
    total = np.zeros(upper.size)
    for side in (-1.0, 1.0):
        room = np.full_like(peak, np.inf) if side < 0 else upper - peak
        width = _width(log_function, peak, side, room)
        panels = max(_PANELS, float(width.max()) / _PANEL_LENGTH)
        nodes, weights = legendre_panels(panels)
        values = np.exp(log_function(peak + side * width * (nodes / panels)[:, None]) - top)
        total += width * ((weights / panels) @ values)
    return np.asarray(top + np.log(total))


def _peak(slope: Callable[[FloatArray], FloatArray], upper: FloatArray) -> FloatArray:
    """Where the slope is zero, or the upper end if it is still positive there."""
    step = np.ones(upper.size)
    while np.any(falls := slope((upper - step)[None])[0] < 0):
        step = np.where(falls, 2 * step, step)
    low, high = upper - step, upper.copy()
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        rises = slope(middle[None])[0] > 0
        low, high = np.where(rises, middle, low), np.where(rises, high, middle)
    return np.where(slope(upper[None])[0] > 0, upper, low)


def _width(
    log_function: Callable[[FloatArray], FloatArray], peak: FloatArray, side: float, room: FloatArray
) -> FloatArray:
    """A distance from the peak at which the function has fallen by _DEPTH, or a little more; at most `room`."""
    floor = log_function(peak[None])[0] - _DEPTH
    width = np.full_like(peak, _NARROWEST)
    while np.any(short := (log_function((peak + side * width)[None])[0] > floor) & (width < room)):
        width = np.where(short, _GROWTH * width, width)
    return np.minimum(width, room)
