"""What the predictions of contract models are asked with: ages, periods and margins, checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray, Many

__all__ = ["as_given", "by_age", "check_margins", "check_periods", "whole"]

#: No contract has been renewed more often than this.
_OLDEST = 1_000_000
#: So many ages are worth looking for equal ones.
_MANY = 5_000


def as_given(values: FloatArray) -> float | FloatArray:
    """A float for a number, an array for an array."""
    return float(values) if np.ndim(values) == 0 else values


def by_age(function: Callable[[FloatArray], FloatArray], ages: FloatArray) -> FloatArray:
    """Values at each age; of many ages, equal ones are computed once."""
    if ages.size <= _MANY:
        return function(ages)
    distinct, place = np.unique(ages, return_inverse=True)
    return np.asarray(function(distinct)[place.reshape(ages.shape)])


def whole(argument: str, values: float | Many, lowest: int) -> FloatArray:
    """Whole numbers from `lowest` on, as floats."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(argument, f"`{argument}` must be a whole number or an array of whole numbers") from None
    with np.errstate(invalid="ignore"):
        broken = ~((array >= lowest) & (array <= _OLDEST) & (array == np.floor(array)))
    if np.any(broken):
        rule = f"`{argument}` counts renewals: whole numbers from {lowest} to {_OLDEST:,}"
        row = int(np.argmax(broken.ravel()))
        first = f"row {row}, {argument}={array.ravel()[row]:g}"
        raise InvalidInputError(f"`{argument}`", [Problem(argument, rule, "", int(broken.sum()), first)], array.size)
    return array


def check_periods(horizon: int | None) -> int | None:
    """A number of periods, or None for the whole future."""
    if horizon is None:
        return None
    value = check_number("horizon", horizon)
    if not (0 <= value <= _OLDEST and value == math.floor(value)):
        rule = f"`horizon` must be a whole number of periods from 0 to {_OLDEST:,}, and is {value:g}"
        raise invalid("horizon", rule, "Leave it out for the whole future.")
    return int(value)


def check_margins(margin: float | Many) -> FloatArray:
    """Amounts of money, finite."""
    try:
        money = np.asarray(margin, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid("margin", "`margin` must be a number or an array of numbers") from None
    if not np.all(np.isfinite(money)):
        raise invalid("margin", "`margin` must be finite")
    return money
