"""Time units: how long a period is, and what an annual discount rate is per period."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from customervalue.errors import invalid

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = [
    "DAYS",
    "TimeUnit",
    "check_discount_rate",
    "check_horizon",
    "check_number",
    "check_time_unit",
    "check_times",
    "force_of_interest",
]

TimeUnit = Literal["D", "W", "M", "Y"]

#: Days in one period. Months and years are mean Julian ones, so that elapsed time is exact and not calendar-bound.
DAYS: dict[str, float] = {"D": 1.0, "W": 7.0, "M": 365.25 / 12, "Y": 365.25}


def check_time_unit(unit: str) -> str:
    """Return `unit` if it names a period, raise otherwise."""
    if not isinstance(unit, str) or unit not in DAYS:
        raise invalid("time_unit", f"`time_unit` must be one of {', '.join(DAYS)}, and is {unit!r}")
    return unit


def check_horizon(horizon: float) -> float:
    """Return `horizon` as a float if it is a finite length of time >= 0, raise otherwise."""
    value = check_number("horizon", horizon)
    if not (value >= 0 and math.isfinite(value)):
        raise invalid("horizon", f"`horizon` must be finite and not negative, and is {value:g}")
    return value


def check_discount_rate(discount_rate: float) -> float:
    """Return `discount_rate` as a float if it is a finite annual rate >= 0, raise otherwise."""
    value = check_number("discount_rate", discount_rate)
    if not (value >= 0 and math.isfinite(value)):
        advice = "It is an annual effective rate: 0.15 is 15 % a year."
        raise invalid("discount_rate", f"`discount_rate` must be finite and not negative, and is {value:g}", advice)
    return value


def force_of_interest(discount_rate: float, unit: str) -> float:
    """Continuous discount rate per `unit` that is equivalent to an annual effective rate.

    Parameters
    ----------
    discount_rate : float
        Annual effective rate, for example 0.15.
    unit : {"D", "W", "M", "Y"}
        The period.

    Returns
    -------
    float
        delta, such that a payment one period away is worth ``exp(-delta)`` today.

    Examples
    --------
    >>> round(force_of_interest(0.15, "Y"), 6)
    0.139762
    """
    return math.log1p(check_discount_rate(discount_rate)) * DAYS[check_time_unit(unit)] / DAYS["Y"]


def check_number(argument: str, value: float) -> float:
    """Return `value` as a float if it can be one, raise otherwise."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise invalid(argument, f"`{argument}` must be a number, and is {value!r}") from None


def check_times(argument: str, times: Any) -> FloatArray:
    """Return times as an array if all are finite and not negative, raise otherwise."""
    try:
        values = np.asarray(times, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(argument, f"`{argument}` must be a number or an array of numbers") from None
    if not np.all(np.isfinite(values) & (values >= 0)):
        raise invalid(argument, f"`{argument}` must be finite and not negative")
    return values
