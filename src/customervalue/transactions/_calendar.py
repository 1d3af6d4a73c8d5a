"""Calendar periods as whole numbers: ISO weeks, months, quarters and years, their labels and their first days.

The numbers count periods since the one that holds 1970-01-01: the ISO week that begins on Monday 1969-12-29, January
1970, the first quarter of 1970, the year 1970. Earlier periods are negative.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np

from customervalue.errors import invalid

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, IntArray

__all__ = ["PERIODS", "Period", "check_period_unit", "period_labels", "period_of", "period_starts"]

Period: TypeAlias = Literal["W", "M", "Q", "Y"]

#: From the shortest to the longest.
PERIODS: tuple[Period, ...] = ("W", "M", "Q", "Y")
MONTHS = {"M": 1, "Q": 3, "Y": 12}
_DAYS_IN_WEEK = 7
_FIRST_MONDAY = -3  # 1969-12-29, in days since 1970-01-01
_EPOCH_YEAR = 1970


def check_period_unit(unit: Any, argument: str = "period") -> Period:
    """Return `unit` if it names a calendar period, raise otherwise.

    Parameters
    ----------
    unit : str
        "W", "M", "Q" or "Y".
    argument : str
        What it is called, for the message.

    Returns
    -------
    str

    Raises
    ------
    InvalidInputError
        If it is none of these.

    Examples
    --------
    >>> check_period_unit("Q")
    'Q'
    """
    for known in PERIODS:
        if isinstance(unit, str) and unit == known:
            return known
    rule = f"`{argument}` must be one of {', '.join(map(repr, PERIODS))}, and is {unit!r}"
    raise invalid(argument, rule, "ISO weeks, calendar months, quarters or years.")


def period_of(days: Any, period: Period) -> IntArray:
    """The calendar period that each day lies in.

    Parameters
    ----------
    days : array_like of datetime64, or of int
        Dates, or days since 1970-01-01; of any shape.
    period : {"W", "M", "Q", "Y"}
        ISO weeks (from Monday to Sunday), months, quarters or years.

    Returns
    -------
    ndarray of int64
        Periods since the one that holds 1970-01-01, of the shape of `days`.

    References
    ----------
    .. [1] ISO 8601-1:2019, section 4.3.8: the weeks of a year.

    Examples
    --------
    >>> period_of(np.array(["1969-12-31", "1970-01-05"], dtype="datetime64[D]"), "W")
    array([0, 1])
    >>> period_of(np.array(["1969-12-31", "1997-03-09"], dtype="datetime64[D]"), "M")
    array([ -1, 326])
    """
    given = np.asarray(days)
    dates = given.astype("datetime64[D]") if given.dtype.kind == "M" else given.astype(np.int64).view("datetime64[D]")
    if period == "W":
        weeks: IntArray = (dates.astype(np.int64) - _FIRST_MONDAY) // _DAYS_IN_WEEK
        return weeks
    months: IntArray = dates.astype("datetime64[M]").astype(np.int64) // MONTHS[period]
    return months


def period_starts(ordinals: Any, period: Period) -> AnyArray:
    """The first day of each calendar period.

    Parameters
    ----------
    ordinals : array_like of int
        Periods as `period_of` counts them.
    period : {"W", "M", "Q", "Y"}

    Returns
    -------
    ndarray of datetime64[D], of the shape of `ordinals`

    Examples
    --------
    >>> period_starts([0, 1], "W")
    array(['1969-12-29', '1970-01-05'], dtype='datetime64[D]')
    """
    places = np.asarray(ordinals, dtype=np.int64)
    if period == "W":
        return np.asarray((places * _DAYS_IN_WEEK + _FIRST_MONDAY).astype("datetime64[D]"))
    return np.asarray((places * MONTHS[period]).astype("datetime64[M]").astype("datetime64[D]"))


def period_labels(ordinals: Any, period: Period) -> AnyArray:
    """Names of calendar periods: "1997-W05", "1997-03", "1997Q1", "1997".

    Parameters
    ----------
    ordinals : array_like of int
        Periods as `period_of` counts them.
    period : {"W", "M", "Q", "Y"}

    Returns
    -------
    ndarray of str, of the shape of `ordinals`
        As objects. An ISO week belongs to the year in which its Thursday lies.

    References
    ----------
    .. [1] ISO 8601-1:2019, section 4.3.8: the weeks of a year.

    Examples
    --------
    >>> period_labels([326], "M"), period_labels([108], "Q"), period_labels([0], "W")
    (array(['1997-03'], dtype=object), array(['1997Q1'], dtype=object), array(['1970-W01'], dtype=object))
    """
    starts = period_starts(ordinals, period)
    middle = starts + np.timedelta64(3, "D") if period == "W" else starts
    year = middle.astype("datetime64[Y]")
    years = year.astype(np.int64) + _EPOCH_YEAR
    if period == "W":
        within, form = (middle - year.astype("datetime64[D]")).astype(np.int64) // _DAYS_IN_WEEK, "{:04d}-W{:02d}"
    else:
        months = (middle.astype("datetime64[M]") - year.astype("datetime64[M]")).astype(np.int64)
        within, form = months // MONTHS[period], {"M": "{:04d}-{:02d}", "Q": "{:04d}Q{:d}", "Y": "{:04d}"}[period]
    labels = np.empty(starts.shape, object)
    names = [form.format(y, w + 1) for y, w in zip(years.ravel().tolist(), within.ravel().tolist(), strict=True)]
    labels[...] = np.array(names, object).reshape(starts.shape)
    return labels
