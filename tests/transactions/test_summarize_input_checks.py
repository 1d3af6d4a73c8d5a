"""What bad logs and arguments get: every problem at once, counted, shown, and with the way out."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import customervalue as cv
from customervalue.errors import InvalidInputError
from transactions.logs import IN_PROCESS, to_library

LAZY = ("polars lazy", "duckdb")


def days(*dates: str) -> Any:
    return np.array(dates, dtype="datetime64[D]")


def good_log() -> dict[str, Any]:
    return {
        "customer_id": np.array(["Ann", "Bob", "Ann", "Cyd"], object),
        "date": days("1997-01-01", "1997-01-08", "1997-01-22", "1997-02-01"),
        "value": np.array([20.0, 15.0, 30.0, 5.0]),
    }


def problems_of(log: Any, **arguments: Any) -> tuple[Any, str]:
    with pytest.raises(InvalidInputError, match="in the transaction log") as caught:
        cv.summarize(log, **{"value": "value"} | arguments)
    return caught.value.problems, str(caught.value)


@pytest.mark.parametrize("library", IN_PROCESS)
def test_misspelled_columns_name_the_nearest(library: str) -> None:
    log = to_library(good_log(), library)
    problems, text = problems_of(log, customer="customerid", value="valeu")
    assert [problem.argument for problem in problems] == ["customerid", "valeu"]
    assert "Did you mean 'customer_id'?" in text
    assert "Did you mean 'value'?" in text


@pytest.mark.parametrize("library", IN_PROCESS)
def test_negative_values_are_counted_and_the_choices_named(library: str) -> None:
    log = good_log()
    log["value"][[1, 3]] = [-15.0, -0.5]
    (problem,), text = problems_of(to_library(log, library))
    assert (problem.argument, problem.count) == ("value", 2)
    assert "customer_id='Bob', date=1997-01-08, value=-15; " in problem.first
    assert ("row 1, " in problem.first) == (library not in LAZY)
    assert all(choice in text for choice in ('"net"', '"drop"', '"raise"'))


@pytest.mark.parametrize("library", IN_PROCESS)
def test_every_problem_is_reported_at_once(library: str) -> None:
    log = good_log()
    log["customer_id"][0] = None
    log["date"][1] = "NaT"
    log["value"][2:] = [np.inf, -1.0]
    problems, text = problems_of(to_library(log, library), observation_end="1996-12-31", time_unit="fortnight")
    found = [(problem.argument, problem.count) for problem in problems]
    assert found == [
        ("time_unit", None), ("customer_id", 1), ("date", 1), ("value", 1), ("value", 1), ("observation_end", None),
    ]  # fmt: skip
    assert "6 problems in the transaction log (4 rows)" in text


@pytest.mark.parametrize("library", ["mapping", "pandas", "polars", "polars lazy", "pyarrow", "duckdb"])
def test_missing_whole_number_ids(library: str) -> None:
    log = good_log()
    numbers = [1, None, 3, None]
    if library == "mapping":
        frame: Any = log | {"customer_id": numbers}
    elif library == "pandas":
        frame = pd.DataFrame(log).assign(customer_id=pd.array(numbers, "Int64"))
    else:
        frame = to_library(log, "pyarrow").set_column(0, "customer_id", pa.array(numbers, pa.int64()))
        if library.startswith("polars"):
            frame = pl.DataFrame(frame).lazy() if library == "polars lazy" else pl.DataFrame(frame)
        elif library == "duckdb":
            frame = __import__("duckdb").from_arrow(frame)
    (problem,), _ = problems_of(frame)
    assert (problem.argument, problem.count) == ("customer_id", 2)
    assert problem.rule == "`customer_id` must not be missing"


@pytest.mark.parametrize("library", IN_PROCESS)
def test_float_ids_that_are_not_a_number_are_missing(library: str) -> None:
    log = good_log() | {"customer_id": np.array([1.0, np.nan, 2.0, 1.0])}
    (problem,), _ = problems_of(to_library(log, library))
    assert (problem.argument, problem.count) == ("customer_id", 1)


@pytest.mark.parametrize("library", IN_PROCESS)
def test_float_ids_keep_their_type(library: str) -> None:
    log = good_log() | {"customer_id": np.array([1.5, 1.0, 2.0, 1.0])}
    customers = cv.summarize(to_library(log, library))
    assert customers.customer_id is not None
    assert customers.customer_id.dtype == np.float64
    assert customers.customer_id.tolist() == [1.0, 1.5, 2.0]


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite(library: str, bad: float) -> None:
    log = good_log()
    log["value"][2] = bad
    problems, _ = problems_of(to_library(log, library), on_negative="drop")
    assert [(p.argument, p.count, p.rule) for p in problems] == [("value", 1, "`value` must be a finite number")]


@pytest.mark.parametrize("library", ["pandas", "polars", "polars lazy", "pyarrow", "duckdb"])
def test_null_values(library: str) -> None:
    table = to_library(good_log(), "pyarrow").set_column(2, "value", pa.array([1, None, 3, None], pa.int32()))
    log: Any = {
        "pandas": lambda: table.to_pandas(),
        "polars": lambda: pl.DataFrame(table),
        "polars lazy": lambda: pl.DataFrame(table).lazy(),
        "pyarrow": lambda: table,
        "duckdb": lambda: __import__("duckdb").from_arrow(table),
    }[library]()
    (problem,), _ = problems_of(log)
    assert (problem.argument, problem.count) == ("value", 2)


@pytest.mark.parametrize("library", IN_PROCESS)
def test_text_for_dates_and_values(library: str) -> None:
    log = good_log()
    log |= {"date": np.array([str(d) for d in log["date"]], object), "value": np.array(["1", "2", "3", "4"], object)}
    problems, text = problems_of(to_library(log, library))
    assert [problem.argument for problem in problems] == ["date", "value"]
    assert "`date` must hold dates or times, and holds text" in text
    assert "`value` must hold numbers, and holds text" in text
    way_out = {"mapping": "np.asarray", "pandas": "to_datetime", "polars": "str.to_date", "pyarrow": "strptime"}
    assert way_out.get(library.split()[0], "CAST(date AS DATE)") in text


@pytest.mark.parametrize("library", IN_PROCESS)
def test_whole_numbers_for_dates_and_flags_for_values(library: str) -> None:
    log = good_log() | {"date": np.arange(19970101, 19970105), "value": np.array([True, False, True, True])}
    problems, text = problems_of(to_library(log, library))
    assert [problem.argument for problem in problems] == ["date", "value"]
    assert "int64" in text.lower()


def zoned_logs() -> dict[str, Any]:
    frame = pd.DataFrame(good_log())
    frame["date"] = frame["date"].astype("datetime64[us]").dt.tz_localize("Europe/Paris")
    table = pa.Table.from_pandas(frame)
    moments = [moment.to_pydatetime() for moment in frame["date"]]
    return {
        "mapping": good_log() | {"date": moments},
        "pandas": frame,
        "polars": pl.DataFrame(table),
        "polars lazy": pl.DataFrame(table).lazy(),
        "pyarrow": table,
        "duckdb": __import__("duckdb").from_arrow(table),
    }


@pytest.mark.parametrize("library", IN_PROCESS)
def test_dates_with_a_time_zone(library: str) -> None:
    (problem,), text = problems_of(zoned_logs()[library])
    assert "`date` must not carry a time zone" in problem.rule
    way_out = {"mapping": "astimezone", "pandas": "tz_localize(None)", "polars": "replace_time_zone(None)"}
    assert way_out.get(library.split()[0], {"pyarrow": "local_timestamp"}.get(library, "AT TIME ZONE")) in text


@pytest.mark.parametrize("library", IN_PROCESS)
def test_an_end_before_the_first_transaction(library: str) -> None:
    (problem,), text = problems_of(to_library(good_log(), library), observation_end="1996-12-31")
    assert problem.argument == "observation_end"
    assert "The log runs from 1997-01-01 to 1997-02-01" in text


@pytest.mark.parametrize("library", IN_PROCESS)
def test_a_start_after_the_last_transaction(library: str) -> None:
    (problem,), _ = problems_of(to_library(good_log(), library), observation_start="1997-02-02")
    assert problem.rule == "`observation_start` (1997-02-02) must not be after the last transaction"


@pytest.mark.parametrize("library", IN_PROCESS)
def test_a_start_that_leaves_nobody(library: str) -> None:
    log = good_log() | {"customer_id": np.array([1, 1, 1, 1])}
    (problem,), _ = problems_of(to_library(log, library), observation_start="1997-01-02")
    assert problem.rule.startswith("no transaction is left")


@pytest.mark.parametrize("library", IN_PROCESS)
def test_dropping_every_row(library: str) -> None:
    log = good_log()
    log["value"] *= -1
    (problem,), _ = problems_of(to_library(log, library), on_negative="drop")
    assert problem.rule.startswith("no transaction without the negative rows is left")


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("ids", ["text", "numbers"])
def test_an_empty_log(library: str, ids: str) -> None:
    number = np.array([], np.int64)
    empty = {"customer_id": number, "date": days(), "value": np.array([])}
    log: Any = to_library(empty, library)
    if ids == "text":
        text = {"customer_id": pa.array([], pa.string()), "date": days(), "value": np.array([])}
        log = to_library(text, library) if library in ("pyarrow", "duckdb") else log
    (problem,), _ = problems_of(log)
    assert problem.rule == "there must be at least one transaction, and there is none"


@pytest.mark.parametrize(
    ("argument", "value", "rule"),
    [
        ("time_unit", "week", "`time_unit` must be one of D, W, M, Y"),
        ("grain", "W", "`grain` must be one of 'D', 'h', 'min', 's'"),
        ("on_negative", "ignore", "`on_negative` must be one of 'raise', 'net', 'drop'"),
        ("observation_end", "30/09/1997", "`observation_end` must be an ISO date"),
        ("observation_end", 19970930, "`observation_end` must be a date or a time"),
        ("observation_end", "1997-09-30T00:00+02:00", "`observation_end` must not carry a time zone"),
        ("observation_end", pd.NaT, "`observation_end` must be a date or a time, and is missing"),
        ("observation_end", np.datetime64("NaT", "D"), "`observation_end` must be a date or a time, and is missing"),
        ("observation_end", np.datetime64("1997-09"), "`observation_end` must be a day or a time"),
        ("observation_start", "soon", "`observation_start` must be an ISO date"),
    ],
)
@pytest.mark.parametrize("library", ["mapping", "duckdb"])
def test_arguments(library: str, argument: str, value: Any, rule: str) -> None:
    (problem,), _ = problems_of(to_library(good_log(), library), **{argument: value})
    assert problem.argument == argument
    assert problem.rule.startswith(rule)


def test_a_start_after_the_end() -> None:
    problems, _ = problems_of(good_log(), observation_start="1997-01-20", observation_end="1997-01-19")
    assert problems[0].rule.endswith("must not be after `observation_end` (1997-01-19)")


def test_columns_of_different_length() -> None:
    (problem,), _ = problems_of(good_log() | {"value": [1.0]})
    assert problem.rule == "all columns must have the same length, and have customer_id 4, date 4, value 1"


def test_a_column_of_two_dimensions() -> None:
    (problem,), _ = problems_of(good_log() | {"value": np.ones((4, 2))})
    assert problem.rule == "`value` must be one-dimensional, and has shape (4, 2)"


@pytest.mark.parametrize("log", [[1, 2], None, "log.csv"])
def test_things_that_are_not_a_log(log: Any) -> None:
    (problem,), _ = problems_of(log)
    assert problem.rule.startswith("a log must be a mapping of columns or a dataframe")


def test_ids_that_cannot_be_put_in_order() -> None:
    (problem,), text = problems_of(good_log() | {"customer_id": ["Ann", 7, "Ann", "Cyd"]})
    assert problem.rule == "`customer_id` must hold ids that can be put in order"
    assert "Make them all text" in text


def test_lazy_table_checks_at_once() -> None:
    log = good_log()
    log["value"][0] = np.nan
    with pytest.raises(InvalidInputError, match="must be a finite number: 1 row"):
        cv.summarize_lazy(to_library(log, "polars lazy"), value="value")


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("values", ["decimal", "whole"])
def test_values_of_other_number_types(library: str, values: str) -> None:
    amounts = [Decimal("20.10"), Decimal("15.20"), Decimal("30.30"), Decimal("5.40")]
    log = good_log() | {"value": np.array(amounts, object) if values == "decimal" else np.array([20, 15, 30, 5])}
    customers = cv.summarize(to_library(log, library), value="value")
    assert customers.monetary_value is not None
    assert customers.monetary_value.tolist() == [30.3 if values == "decimal" else 30.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "dates",
    [
        [dt.date(1997, 1, 1), dt.date(1997, 1, 8), dt.date(1997, 1, 22), dt.date(1997, 2, 1)],
        [dt.datetime(1997, 1, 1, 9), dt.datetime(1997, 1, 8), dt.datetime(1997, 1, 22, 23), dt.datetime(1997, 2, 1)],
        [pd.Timestamp(d) for d in ("1997-01-01", "1997-01-08", "1997-01-22", "1997-02-01")],
    ],
)
def test_lists_and_object_columns_of_dates(dates: list[Any]) -> None:
    log = good_log() | {"date": dates, "customer_id": good_log()["customer_id"].tolist()}
    expected = cv.summarize(good_log())
    assert cv.summarize(log) == expected
    assert cv.summarize(pd.DataFrame(good_log()).assign(date=np.array(dates, object))) == expected


def test_masked_ids_are_missing() -> None:
    masked = np.ma.array([1, 2, 1, 3], mask=[False, True, False, False])
    (problem,), _ = problems_of(good_log() | {"customer_id": masked})
    assert (problem.argument, problem.count) == ("customer_id", 1)


@pytest.mark.parametrize("kind", ["category", "string", "string[pyarrow]", "object"])
def test_text_ids_of_every_pandas_type(kind: str) -> None:
    frame = pd.DataFrame(good_log())
    frame["customer_id"] = frame["customer_id"].astype(kind)
    assert cv.summarize(frame, value="value") == cv.summarize(good_log(), value="value")


@pytest.mark.parametrize("lazy", [False, True])
@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["Cyd", "Bob", "Ann"])])
def test_text_ids_of_every_polars_type(kind: Any, lazy: bool) -> None:
    frame = pl.DataFrame(good_log() | {"customer_id": good_log()["customer_id"].tolist()})
    frame = frame.with_columns(pl.col("customer_id").cast(kind))
    assert cv.summarize(frame.lazy() if lazy else frame, value="value") == cv.summarize(good_log(), value="value")
