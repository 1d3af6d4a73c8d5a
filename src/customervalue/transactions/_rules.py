"""What a transaction log must satisfy, in words: the same for arrays in memory and for queries in an engine."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue.errors import Problem
from customervalue.transactions._options import show_time

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue.transactions._options import Options

__all__ = ["SHOWN", "Rule", "check_period", "dates_problem", "describe", "no_rows_left", "rules", "values_problem"]

#: How many offending rows a message shows.
SHOWN = 3

_PARSE = {
    None: "np.asarray(log[{0!r}], dtype='datetime64[D]')",
    "pandas": "log[{0!r}] = pandas.to_datetime(log[{0!r}])",
    "dask": "log[{0!r}] = dask.dataframe.to_datetime(log[{0!r}])",
    "polars": "log.with_columns(pl.col({0!r}).str.to_date())",
    "pyarrow": "pyarrow.compute.strptime(log[{0!r}], format='%Y-%m-%d', unit='s')",
    "duckdb": "log.project('* REPLACE (CAST({0} AS DATE) AS {0})')",
    "pyspark": "log.withColumn({0!r}, F.to_date({0!r}))",
}
_LOCAL = {
    None: "[t.astimezone(zone).replace(tzinfo=None) for t in log[{0!r}]]",
    "pandas": "log[{0!r}].dt.tz_convert(zone).dt.tz_localize(None)",
    "dask": "log[{0!r}].dt.tz_convert(zone).dt.tz_localize(None)",
    "polars": "pl.col({0!r}).dt.convert_time_zone(zone).dt.replace_time_zone(None)",
    "pyarrow": "pyarrow.compute.local_timestamp(log[{0!r}])",
    "duckdb": "log.project('* REPLACE ({0} AT TIME ZONE zone AS {0})')",
    "pyspark": "log.withColumn({0!r}, F.col({0!r}).cast('timestamp_ntz'))",
}


class Rule(NamedTuple):
    """A rule about rows, and the way out where it is broken."""

    argument: str
    text: str
    advice: str

    def problem(self, count: int, first: str) -> Problem:
        """State that `count` rows break this."""
        return Problem(self.argument, self.text, self.advice, count, first)


def rules(options: Options) -> dict[str, Rule]:
    """The rules about rows that apply, by name; those on values and segments only if there are any."""
    customer, date, value, segment = (options.names.get(r, "") for r in ("customer_id", "date", "value", "segment"))
    out = {
        "missing_id": Rule(
            customer,
            f"`{customer}` must not be missing",
            "Leave out purchases without a customer (and say how many), or find out whose they are.",
        ),
        "missing_date": Rule(
            date,
            f"`{date}` must not be missing",
            "Leave out purchases without a date (and say how many), or find out when they were.",
        ),
        "not_finite": Rule(
            value,
            f"`{value}` must be a finite number",
            "Missing and infinite values must be dealt with before: leave these rows out, or put in what was paid.",
        ),
    }
    if not value:
        del out["not_finite"]
    elif options.on_negative == "raise":
        out["negative"] = Rule(
            value,
            f"`{value}` must not be negative",
            'Choose: on_negative="net" adds them to the same customer\'s purchases of that time, "drop" leaves these '
            'rows out, "raise" is this error.',
        )
    if segment:
        advice = "Give these rows a segment, of their own if need be, or leave them out."
        out["missing_segment"] = Rule(segment, f"`{segment}` must not be missing", advice)
    return out


def describe(names: Mapping[str, str], values: Mapping[str, Any], row: int | None = None) -> str:
    """One row of the log in words."""
    cells = ", ".join(f"{name}={_shown(values[role])}" for role, name in names.items())
    return cells if row is None else f"row {row}, {cells}"


def _shown(value: Any) -> str:
    if isinstance(value, (np.datetime64, dt.date)):
        return show_time(value)
    if isinstance(value, float):
        return f"{value:.15g}"
    return repr(str(value)) if isinstance(value, str) else str(value)


def dates_problem(name: str, found: str, backend: str | None, *, zoned: bool = False) -> Problem:
    """State that the date column is not one of dates without a time zone."""
    how = (_LOCAL if zoned else _PARSE).get(backend, _PARSE["pandas"]).format(name)
    if zoned:
        rule = f"`{name}` must not carry a time zone, and does ({found})"
        return Problem(name, rule, f"A day begins at local midnight: say where. Convert it: {how}")
    return Problem(name, f"`{name}` must hold dates or times, and holds {found}", f"Convert it: {how}")


def values_problem(name: str, found: str) -> Problem:
    """State that the value column is not one of numbers."""
    return Problem(name, f"`{name}` must hold numbers, and holds {found}", "Convert text and flags to amounts first.")


def check_period(options: Options, earliest: np.datetime64, latest: np.datetime64, problems: list[Problem]) -> None:
    """Compare the observation with the first and last date of the log."""
    period = f"The log runs from {show_time(earliest)} to {show_time(latest)}"
    if options.end is not None and options.end < earliest:
        rule = f"`observation_end` ({show_time(options.end)}) must not be before the first transaction"
        advice = f"{period}; leave `observation_end` out to observe until its end."
        problems.append(Problem("observation_end", rule, advice))
    if options.start is not None and options.start > latest:
        rule = f"`observation_start` ({show_time(options.start)}) must not be after the last transaction"
        problems.append(
            Problem("observation_start", rule, f"The log runs from {show_time(earliest)} to {show_time(latest)}.")
        )


def no_rows_left(options: Options) -> Problem:
    """State that no customer is left after the choices the caller made."""
    dropped = "without the negative rows " if options.on_negative == "drop" else ""
    start = (
        "" if options.start is None else f", after customers who bought before {show_time(options.start)} were left out"
    )
    rule = f"no transaction {dropped}is left up to `observation_end`{start}"
    return Problem("log", rule, "Widen the observation, or choose another `on_negative`.")
