"""The arguments of `summarize`, checked and in one piece."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.units import DAYS, check_time_unit

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import IntArray

__all__ = ["SUBJECT", "TICKS_PER_DAY", "Options", "check_end", "show_time", "to_ticks"]

SUBJECT = "the transaction log"

#: Grains of time that divide a day, and how many of them it has.
TICKS_PER_DAY = {"D": 1, "h": 24, "min": 1440, "s": 86400}
_NUMPY_UNIT = {"D": "D", "h": "h", "min": "m", "s": "s"}
_CHOICES = ("raise", "net", "drop")
_DATE_ADVICE = "Pass '1997-09-30', '1997-09-30T18:00', or a date, datetime, np.datetime64 or pandas Timestamp."


@dataclass(frozen=True)
class Options:
    """What to read, and how to count it.

    Attributes
    ----------
    names : dict
        Role (customer_id, date, value, segment) -> column of the log; no value or segment where none was asked for.
    time_unit, grain, on_negative, include_first
        As in `summarize`.
    start, end : datetime64[us] or None
        First and last instant that count; a day that ends the observation counts to its last microsecond.
    """

    names: dict[str, str]
    time_unit: str
    grain: str
    on_negative: str
    include_first: bool
    start: np.datetime64 | None
    end: np.datetime64 | None

    @property
    def ticks_per_unit(self) -> float:
        """Grains in one `time_unit`."""
        return DAYS[self.time_unit] * TICKS_PER_DAY[self.grain]

    @classmethod
    def check(cls, problems: list[Problem], **arguments: Any) -> Options:
        """Check the arguments of `summarize`; add what is wrong to `problems`."""

        def checked(argument: str, check: Callable[[Any], Any]) -> Any:
            try:
                return check(arguments[argument])
            except InvalidInputError as error:
                problems.extend(error.problems)
                return None

        roles = {"customer_id": arguments["customer"], "date": arguments["date"], "value": arguments["value"]}
        roles["segment"] = arguments.get("segment")
        start = checked("observation_start", lambda value: _instant("observation_start", value))
        end = checked("observation_end", lambda value: _instant("observation_end", value))
        end = None if end is None else _closing(end)
        if start is not None and end is not None and start > end:
            rule = f"`observation_start` ({show_time(start)}) must not be after `observation_end` ({show_time(end)})"
            problems.append(Problem("observation_start", rule))
        return cls(
            names={role: name for role, name in roles.items() if name is not None},
            time_unit=checked("time_unit", check_time_unit),
            grain=checked("grain", lambda value: _one_of("grain", value, tuple(TICKS_PER_DAY))),
            on_negative=checked("on_negative", lambda value: _one_of("on_negative", value, _CHOICES)),
            include_first=bool(arguments["include_first"]),
            start=start,
            end=end,
        )


def check_end(argument: str, value: Any) -> np.datetime64:
    """Read the last moment of an observation; a day, or a time at midnight, means that whole day.

    Examples
    --------
    >>> print(check_end("observation_end", "1997-09-30"))
    1997-09-30T23:59:59.999999
    """
    moment = _instant(argument, value)
    if moment is None:
        raise invalid(argument, f"`{argument}` must be given", _DATE_ADVICE)
    return _closing(moment)


def _closing(moment: np.datetime64) -> np.datetime64:
    if moment != moment.astype("datetime64[D]"):
        return moment
    last: np.datetime64 = moment + np.timedelta64(1, "D") - np.timedelta64(1, "us")
    return last


def to_ticks(times: Any, grain: str) -> IntArray:
    """Whole grains since 1970, of datetime64 in any unit; shape as given."""
    ticks: IntArray = np.asarray(times).astype(f"datetime64[{_NUMPY_UNIT[grain]}]").astype(np.int64)
    return ticks


def show_time(time: Any) -> str:
    """A day as a day, a time as a time."""
    instant = np.datetime64(time, "us")
    day = instant.astype("datetime64[D]")
    return str(
        day
        if (instant + np.timedelta64(1, "us")).astype("datetime64[D]") != day or instant == day
        else instant.astype("datetime64[ms]")
    )


def _one_of(argument: str, value: Any, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise invalid(argument, f"`{argument}` must be one of {', '.join(map(repr, choices))}, and is {value!r}")
    return str(value)


def _instant(argument: str, value: Any) -> np.datetime64 | None:
    """Read a date or time of any common kind."""
    if value is None:
        return None
    instant: Any = value
    if isinstance(value, str):
        try:
            instant = dt.datetime.fromisoformat(value)
        except ValueError:
            raise invalid(argument, f"`{argument}` must be an ISO date, and is {value!r}", _DATE_ADVICE) from None
    if not isinstance(instant, (dt.date, np.datetime64)):
        raise invalid(argument, f"`{argument}` must be a date or a time, and is {value!r}", _DATE_ADVICE)
    if isinstance(instant, np.datetime64) and np.datetime_data(instant.dtype)[0] in ("Y", "M", "W"):
        raise invalid(argument, f"`{argument}` must be a day or a time, and is {value!r}", _DATE_ADVICE)
    if bool(instant != instant):  # NumPy's and pandas' missing times
        raise invalid(argument, f"`{argument}` must be a date or a time, and is missing (NaT)", _DATE_ADVICE)
    if isinstance(instant, dt.datetime) and instant.tzinfo is not None:
        rule = f"`{argument}` must not carry a time zone, and is {value}"
        raise invalid(argument, rule, "Give it in the same local time as the dates of the log.")
    return _microseconds(instant)


def _microseconds(instant: Any) -> np.datetime64:
    time: np.datetime64 = np.datetime64(instant, "us")
    return time
