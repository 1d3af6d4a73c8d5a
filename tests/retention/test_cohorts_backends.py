"""Every library gives the same cohort table of the same large log as NumPy does."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from customervalue.errors import InvalidInputError
from customervalue.retention import CohortTable, cohort_table
from customervalue.transactions import _engine
from transactions.logs import IN_PROCESS, make_log, to_library

if TYPE_CHECKING:
    from collections.abc import Iterator

ROWS = 300_000
ROWS_OF_ENGINES = 4000

CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "months": ({}, {}),
    "weeks of sparse ids": ({"ids": "sparse"}, {"cohort": "W", "period": "W"}),
    "quarters of text ids, in months": ({"ids": "text"}, {"cohort": "Q", "period": "M"}),
    "months, in weeks": ({"times": True, "ids": "text"}, {"cohort": "M", "period": "W"}),
    "years to a day": ({"times": True}, {"cohort": "Y", "period": "Q", "observation_end": "1970-11-10"}),
    "net": ({"negative": True, "ids": "text"}, {"on_negative": "net"}),
    "drop": ({"negative": True}, {"on_negative": "drop", "observation_end": "1971-01-31"}),
}


@cache
def log_of(case: str, rows: int = ROWS) -> dict[str, Any]:
    log = make_log(rows, **CASES[case][0])
    # A segment that hangs on the customer alone.
    names = np.array(["north", "south", "wéstern"], object)
    _, code = np.unique(log["customer_id"], return_inverse=True)
    return log | {"region": names[code % 3]}


def start_of(days: Any, unit: str) -> Any:
    """First days of calendar periods, as pandas has them."""
    frequency = {"W": "W-SUN", "M": "M", "Q": "Q-DEC", "Y": "Y-DEC"}[unit]
    return pd.PeriodIndex(pd.DatetimeIndex(days), freq=frequency)


@cache
def expected_of(case: str, rows: int = ROWS) -> dict[str, Any]:
    """By NumPy and the calendar of pandas: one pass over the whole log, with sets of customers."""
    log, arguments = log_of(case, rows), CASES[case][1]
    cohort, unit = arguments.get("cohort", "M"), arguments.get("period", "M")
    keep = np.ones(rows, bool)
    end = log["date"].max().astype("datetime64[D]")
    if "observation_end" in arguments:
        end = np.datetime64(arguments["observation_end"])
        keep &= log["date"].astype("datetime64[D]") <= end
    if arguments.get("on_negative") == "drop":
        keep &= log["value"] >= 0
    ids, who = np.unique(log["customer_id"][keep], return_inverse=True)
    day, value = log["date"][keep].astype("datetime64[D]").astype(np.int64), log["value"][keep]
    first = np.full(ids.size, np.iinfo(np.int64).max)
    np.minimum.at(first, who, day)
    epoch = np.datetime64("1970-01-01")
    period, own = (start_of(epoch + d, unit).asi8 for d in (day, first))
    group = start_of(epoch + first, cohort)
    groups, place = np.unique(group.asi8, return_inverse=True)
    last = start_of([end], unit).asi8[0]
    latest = start_of(pd.PeriodIndex.from_ordinals(groups, freq=group.freq).end_time, unit).asi8
    reach = last - np.minimum(latest, last)
    age = period - own[who]
    shape = (groups.size, int(reach.max()) + 1)
    inside = age <= reach[place[who]]
    cells = {name: np.zeros(shape) for name in ("active", "orders", "spend")}
    np.add.at(cells["spend"], (place[who][inside], age[inside]), value[inside])
    for name, key in {"active": [who, age], "orders": [who, day, age]}.items():
        pairs = np.unique(np.stack(key)[:, inside], axis=1)
        np.add.at(cells[name], (place[pairs[0]], pairs[-1]), 1)
    for column in cells.values():
        column[np.arange(shape[1]) > reach[:, None]] = np.nan
    return cells | {"size": np.bincount(place)}


def assert_same(table: CohortTable, expected: dict[str, Any]) -> None:
    for name in ("size", "active", "orders"):
        np.testing.assert_array_equal(getattr(table, name), expected[name], err_msg=name)
    np.testing.assert_allclose(table.spend, expected["spend"], rtol=1e-10)


def assert_adds_up(table: CohortTable) -> None:
    assert table.segments == ("north", "south", "wéstern")
    for name in ("size", "active", "orders", "spend"):
        total = sum(getattr(part, name) for part in table.parts)
        np.testing.assert_allclose(total, getattr(table, name), rtol=1e-12, err_msg=name)
    assert [part.size.sum() for part in table.parts] != [0, 0, 0]


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("case", CASES)
def test_table_equals_the_reference(case: str, library: str) -> None:
    table = cohort_table(to_library(log_of(case), library), value="value", segment="region", **CASES[case][1])
    assert_same(table, expected_of(case))
    assert_adds_up(table)
    assert table.backend == {"mapping": None, "polars lazy": "polars"}.get(library, library)


@pytest.mark.parametrize("library", ["polars lazy", "duckdb"])
@pytest.mark.parametrize("case", CASES)
def test_the_engine_groups_alike(case: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = cohort_table(log_of(case), value="value", segment="region", **CASES[case][1])
    monkeypatch.setattr(_engine, "FETCHED_ROWS", 0)
    log = to_library(log_of(case), library)
    table = cohort_table(log, value="value", segment="region", **CASES[case][1])
    assert_same(table, expected_of(case))
    assert_adds_up(table)
    for name in ("cohort", "age", "partial", "observation_end"):
        np.testing.assert_array_equal(getattr(table, name), getattr(expected, name), err_msg=name)
    for part, other in zip(table.parts, expected.parts, strict=True):
        np.testing.assert_array_equal(part.active, other.active)
    plain = cohort_table(log, **CASES[case][1])
    assert plain.spend is None
    if case != "drop":  # without values nothing is dropped
        np.testing.assert_array_equal(plain.orders, table.orders)


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("fetched", [0, ROWS])
def test_a_customer_in_two_segments(library: str, fetched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "FETCHED_ROWS", fetched)
    log = make_log(500) | {"region": np.where(np.arange(500) == 77, "b", "a").astype(object)}
    with pytest.raises(InvalidInputError, match="`region` must be the same in all rows of a customer, and 1 cust"):
        cohort_table(to_library(log, library), segment="region", on_negative="net")


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("fetched", [0, ROWS])
def test_segments_of_other_types(library: str, fetched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "FETCHED_ROWS", fetched)
    log = make_log(5000)
    for segment in (log["customer_id"] % 2 * 5 - 1, log["customer_id"] % 2 == 0):
        table = cohort_table(to_library(log | {"kind": segment}, library), segment="kind")
        assert list(table.segments) == sorted(set(segment.tolist()))
        assert table[segment[0].item()].size.sum() + table.parts[0].size.sum() > 0
        np.testing.assert_array_equal(sum(part.size for part in table.parts), table.size)


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_the_log_is_not_changed_and_its_kind_comes_back(library: str) -> None:
    columns = make_log(500, negative=True)
    before = {name: column.copy() for name, column in columns.items()}
    table = cohort_table(to_library(columns, library), value="value", on_negative="drop")
    for name, column in before.items():
        np.testing.assert_array_equal(columns[name], column)
    assert type(table.to_frame()).__module__.split(".")[0] == library


# --- engines outside this process


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    builder = builder.config("spark.sql.session.timeZone", "America/New_York")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


@pytest.mark.engines
@pytest.mark.parametrize("case", CASES)
def test_spark_equals_the_reference(case: str, spark: Any) -> None:
    log = log_of(case, ROWS_OF_ENGINES)
    rows = {name: column.tolist() for name, column in log.items()}
    rows["date"] = [str(moment) for moment in log["date"]]
    frame = spark.createDataFrame(list(zip(*rows.values(), strict=True)), list(rows))
    frame = frame.selectExpr("customer_id", "cast(date as timestamp_ntz) as date", "value", "region")
    table = cohort_table(frame, value="value", segment="region", **CASES[case][1])
    assert_same(table, expected_of(case, ROWS_OF_ENGINES))
    assert_adds_up(table)
    assert table.backend == "pyspark"


@pytest.mark.engines
@pytest.mark.parametrize("case", CASES)
def test_dask_equals_the_reference(case: str) -> None:
    frame = pd.DataFrame(log_of(case, ROWS_OF_ENGINES))
    log = pytest.importorskip("dask.dataframe").from_pandas(frame, npartitions=3)
    table = cohort_table(log, value="value", segment="region", **CASES[case][1])
    assert_same(table, expected_of(case, ROWS_OF_ENGINES))
    assert_adds_up(table)
