"""Activity by calendar period: the calendar, every library against NumPy and pandas, properties and input checks."""

from __future__ import annotations

import datetime as dt
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import customervalue as cv
from customervalue.errors import InvalidInputError
from customervalue.transactions import _engine
from customervalue.transactions.periods import PERIODS, by_period, period_labels, period_of, period_starts
from transactions.logs import IN_PROCESS, make_log, to_library

ROWS = 300_000
LARGEST = {"frames": 300_000, "engines": 4000}


def days() -> Any:
    return np.arange(np.datetime64("1899-12-25"), np.datetime64("2105-01-10"))


# --- the calendar: pandas and the standard library know it too


@pytest.mark.parametrize("unit", PERIODS)
def test_periods_are_those_of_pandas(unit: str) -> None:
    frequency = {"W": "W-SUN", "M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}[unit]
    theirs = pd.DatetimeIndex(days()).to_period(frequency)
    ours = period_of(days(), unit)
    epoch = pd.Period("1970-01-01", frequency).ordinal
    np.testing.assert_array_equal(ours, theirs.asi8 - epoch)
    starts = theirs.start_time.to_numpy().astype("datetime64[D]")
    np.testing.assert_array_equal(period_starts(ours, unit), starts)


def test_week_labels_are_those_of_the_standard_library() -> None:
    expected = ["{}-W{:02d}".format(*day.isocalendar()[:2]) for day in days().tolist()]
    assert period_labels(period_of(days(), "W"), "W").tolist() == expected


@pytest.mark.parametrize(("unit", "form"), [("M", "%Y-%m"), ("Y", "%Y")])
def test_labels_are_the_dates_written_short(unit: str, form: str) -> None:
    expected = [day.strftime(form) for day in days().tolist()]
    assert period_labels(period_of(days(), unit), unit).tolist() == expected


def test_quarter_labels() -> None:
    expected = [f"{day.year}Q{(day.month - 1) // 3 + 1}" for day in days().tolist()]
    assert period_labels(period_of(days(), "Q"), "Q").tolist() == expected


def test_days_may_be_numbers_and_shapes_are_kept() -> None:
    assert period_of([[0, 31], [59, -1]], "M").tolist() == [[0, 1], [2, -1]]
    assert period_labels([[0, 1]], "Q").shape == (1, 2)
    assert period_labels(5, "Y").item() == "1975"


# --- every library, against pandas


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "months": ({}, {}),
    "weeks": ({}, {"period": "W"}),
    "weeks of sparse ids": ({"ids": "sparse"}, {"period": "W"}),
    "quarters of text ids": ({"ids": "text"}, {"period": "Q"}),
    "years": ({}, {"period": "Y"}),
    "hours": ({"times": True}, {"grain": "h"}),
    "seconds of text ids in weeks": ({"times": True, "ids": "text"}, {"grain": "s", "period": "W"}),
    "an end that is a day": ({"times": True}, {"observation_end": "1970-12-31"}),
    "an end that is a time": ({"times": True, "ids": "text"}, {"observation_end": "1971-03-01T17:30"}),
    "net": ({"negative": True}, {"on_negative": "net"}),
    "drop": ({"negative": True, "ids": "text"}, {"on_negative": "drop", "period": "W"}),
}


@cache
def log_of(case: str, rows: int = ROWS) -> dict[str, Any]:
    return make_log(rows, **CASES[case][0])


def reference(log: dict[str, Any], arguments: dict[str, Any]) -> pd.DataFrame:
    """By pandas: calendar periods, distinct grains counted, values added."""
    frame = pd.DataFrame(log)
    end = arguments.get("observation_end")
    if end is not None:
        limit = pd.Timestamp(end)
        limit += pd.Timedelta(days=1, microseconds=-1) if len(end) == len("1997-09-30") else pd.Timedelta(0)
        frame = frame[frame["date"] <= limit]
    if arguments.get("on_negative") == "drop":
        frame = frame[frame["value"] >= 0]
    frequency = {"W": "W-SUN", "M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}[arguments.get("period", "M")]
    frame = frame.assign(
        period=frame["date"].dt.to_period(frequency).dt.start_time,
        grain=frame["date"].dt.floor(arguments.get("grain", "D")),
    )
    grouped = frame.groupby(["customer_id", "period"])
    return grouped.agg(orders=("grain", "nunique"), value=("value", "sum")).reset_index()


@cache
def expected_of(case: str, rows: int = ROWS) -> pd.DataFrame:
    return reference(log_of(case, rows), CASES[case][1])


def assert_same(table: Any, expected: pd.DataFrame) -> None:
    assert table.customer_id[table.customer].tolist() == expected["customer_id"].tolist()
    starts = expected["period"].to_numpy().astype("datetime64[D]")
    np.testing.assert_array_equal(period_starts(table.period, table.unit), starts)
    np.testing.assert_array_equal(table.orders, expected["orders"])
    np.testing.assert_allclose(table.value, expected["value"], rtol=1e-12, atol=1e-10)


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("case", CASES)
def test_equals_pandas(case: str, library: str) -> None:
    table = by_period(to_library(log_of(case), library), value="value", **CASES[case][1])
    assert_same(table, expected_of(case))
    assert table.backend == {"mapping": None, "polars lazy": "polars"}.get(library, library)


@pytest.mark.parametrize("library", ["polars lazy", "duckdb"])
@pytest.mark.parametrize("case", CASES)
def test_the_engine_groups_alike(case: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "FETCHED_ROWS", 0)
    table = by_period(to_library(log_of(case), library), value="value", **CASES[case][1])
    assert_same(table, expected_of(case))
    mapped = by_period(log_of(case), value="value", **CASES[case][1])
    np.testing.assert_array_equal(table.first_date, mapped.first_date)
    np.testing.assert_array_equal(table.customer_id, mapped.customer_id)
    assert (table.last_period, table.last_period_complete) == (mapped.last_period, mapped.last_period_complete)
    assert table.observation_end == mapped.observation_end


@pytest.mark.engines
@pytest.mark.parametrize("case", CASES)
def test_dask_groups_alike(case: str) -> None:
    rows = LARGEST["engines"]
    frame = pytest.importorskip("dask.dataframe").from_pandas(pd.DataFrame(log_of(case, rows)), npartitions=3)
    assert_same(by_period(frame, value="value", **CASES[case][1]), expected_of(case, rows))


@pytest.mark.engines
@pytest.mark.parametrize("case", CASES)
def test_spark_groups_alike(case: str) -> None:
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "America/New_York")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    log = log_of(case, LARGEST["engines"])
    rows = {name: column.tolist() for name, column in log.items()}
    rows["date"] = [str(moment) for moment in log["date"]]
    frame = session.createDataFrame(list(zip(*rows.values(), strict=True)), list(rows))
    frame = frame.selectExpr("customer_id", "cast(date as timestamp_ntz) as date", "value")
    assert_same(by_period(frame, value="value", **CASES[case][1]), expected_of(case, LARGEST["engines"]))


@pytest.mark.parametrize("fetched", [0, ROWS])
@pytest.mark.parametrize("library", IN_PROCESS)
def test_without_values(library: str, fetched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "FETCHED_ROWS", fetched)
    table = by_period(to_library(log_of("net"), library))
    assert table.value is None
    np.testing.assert_array_equal(table.orders, expected_of("net")["orders"])


# --- properties


def test_orders_of_a_customer_are_his_frequency_plus_one() -> None:
    log = make_log(20_000)
    table, customers = by_period(log, period="W"), cv.summarize(log)
    np.testing.assert_array_equal(np.bincount(table.customer, weights=table.orders), customers.frequency + 1)
    np.testing.assert_array_equal(table.customer_id, customers.customer_id)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-900, 900)), min_size=1), st.sampled_from(PERIODS))
def test_row_order_is_irrelevant_and_periods_nest(rows: list[tuple[int, int]], unit: str) -> None:
    def log(listed: list[tuple[int, int]]) -> dict[str, Any]:
        ids, dates = np.array(listed).T
        return {"customer_id": ids, "date": dates.astype("datetime64[D]"), "value": np.abs(dates).astype(float)}

    table, other = (by_period(log(listed), value="value", period=unit) for listed in (rows, rows[::-1]))
    for name in ("customer_id", "customer", "period", "orders", "value", "first_date"):
        np.testing.assert_array_equal(getattr(table, name), getattr(other, name))
    assert table.orders.sum() == len(set(rows))
    keys = list(zip(table.customer.tolist(), table.period.tolist(), strict=True))
    assert keys == sorted(set(keys))
    years = by_period(log(rows), value="value", period="Y")
    assert years.orders.sum() == table.orders.sum()
    assert years.value is not None
    assert table.value is not None
    np.testing.assert_allclose(years.value.sum(), table.value.sum())


def test_times_far_apart_do_not_overflow() -> None:
    date = np.array(["0002-01-01T00:00:01", "9999-12-31T23:59:59"], "datetime64[s]")
    log = {"customer_id": np.array([-(2**62), 2**62]), "date": date, "value": np.ones(2)}
    table = by_period(log, value="value", period="Y", grain="s")
    assert table.to_frame()["period"].tolist() == ["0002", "9999"]


# --- the last period, and what a table says


@pytest.mark.parametrize(
    ("end", "unit", "complete"),
    [
        ("1997-03-31", "M", True),
        ("1997-03-31", "Q", True),
        ("1997-03-30", "M", False),
        ("1997-03-30", "W", True),
        ("1997-12-31", "Y", True),
        ("1997-03-31T12:00", "M", False),
        ("1997-03-31T23:59:59", "M", True),
        (dt.date(1997, 3, 31), "Y", False),
    ],
)
def test_last_period(end: Any, unit: str, complete: bool) -> None:
    log = {"customer_id": [1], "date": np.array(["1997-01-05"], "datetime64[D]")}
    table = by_period(log, period=unit, observation_end=end)
    assert table.last_period_complete is complete
    assert table.last_period == period_of(np.datetime64(end, "D"), unit)


def test_last_date_of_the_log_stands_for_its_day() -> None:
    log = {"customer_id": [1], "date": np.array(["1997-01-31T09:00"], "datetime64[m]")}
    assert by_period(log).last_period_complete
    assert not by_period(log, period="W").last_period_complete


@pytest.mark.parametrize("backend", ["pandas", "polars", "pyarrow"])
def test_to_frame(backend: str) -> None:
    log = {
        "customer_id": ["b", "a", "b"],
        "date": np.array(["1997-01-05", "1997-02-05", "1997-02-06"], "datetime64[D]"),
    }
    frame = by_period(to_library({"customer_id": np.array(log["customer_id"], object), "date": log["date"]}, backend))
    native = frame.to_frame()
    assert type(native).__module__.split(".")[0] == backend
    listed = {"pandas": lambda f: f.to_dict("list"), "polars": lambda f: f.to_dict(as_series=False)}
    columns = listed.get(backend, lambda f: f.to_pydict())(native)
    assert columns["customer_id"] == ["a", "b", "b"]
    assert columns["period"] == ["1997-02", "1997-01", "1997-02"]


def test_table_speaks() -> None:
    table = by_period(make_log(50), value="value")
    assert "customers in" in repr(table)
    assert "observed in part" in repr(table)
    assert table._repr_html_().startswith("<table>")
    assert table.to_dict()["orders"] == table.orders.tolist()
    assert len(table) == table.orders.size
    with pytest.raises(ValueError, match="read-only"):
        table.orders[0] = 5


# --- input checks


def test_all_problems_at_once() -> None:
    log = pl.DataFrame({"customer_id": [1, None], "date": [None, dt.date(1997, 1, 1)], "value": [1.0, float("nan")]})
    for frame in (log, log.lazy()):
        with pytest.raises(InvalidInputError, match="`period` must be one of 'W', 'M', 'Q', 'Y'") as caught:
            by_period(frame, value="value", period="D", grain="week")  # type: ignore[arg-type]
        arguments = [problem.argument for problem in caught.value.problems]
        assert arguments == ["grain", "period", "customer_id", "date", "value"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"date": np.array(["1997"], object)}, "`date` must hold dates or times, and holds text"),
        ({"value": np.array(["9"], object)}, "`value` must hold numbers, and holds text"),
        ({"value": np.array([-1.0])}, "`value` must not be negative"),
        ({"customer_id": np.array([], np.int64)}, "all columns must have the same length"),
    ],
)
def test_columns(change: dict[str, Any], message: str) -> None:
    log = {"customer_id": np.array([1]), "date": np.array(["1997-01-01"], "datetime64[D]"), "value": np.ones(1)}
    with pytest.raises(InvalidInputError, match=message):
        by_period(log | change, value="value")


def test_end_before_the_first_transaction() -> None:
    with pytest.raises(InvalidInputError, match="must not be before the first transaction"):
        by_period(make_log(10), observation_end="1950-01-01")


def test_not_a_log() -> None:
    with pytest.raises(InvalidInputError, match="a log must be a mapping of columns or a dataframe"):
        by_period([1, 2, 3])
