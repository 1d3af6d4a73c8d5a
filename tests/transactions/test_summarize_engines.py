"""PySpark and Dask give the same summary as plain Python, on a smaller log; run with `pytest -m engines`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

import customervalue as cv
from customervalue.errors import InvalidInputError
from transactions.logs import assert_same, columns_of, make_log, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.engines
ROWS = 4000

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "whole-number ids": ({}, {}, {}),
    "text ids in months": ({"ids": "text"}, {"time_unit": "M"}, {"unit": "M"}),
    "an end that is a day": ({"times": True}, {"observation_end": "1970-12-31"}, {"end": "1970-12-31"}),
    "from a time to a time": (
        {"times": True},
        {"observation_start": "1968-02-29T06:00", "observation_end": "1971-03-01T17:30"},
        {"start": "1968-02-29T06:00:00", "end": "1971-03-01T17:30:00"},
    ),
    "hours": ({"times": True}, {"grain": "h"}, {"grain": "h"}),
    "net": ({"negative": True}, {"on_negative": "net"}, {"on_negative": "net"}),
    "drop": ({"negative": True, "ids": "text"}, {"on_negative": "drop"}, {"on_negative": "drop"}),
    "with the first": ({}, {"include_first": True}, {"include_first": True}),
}


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    sql = pytest.importorskip("pyspark.sql")
    builder = sql.SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
    # A zone in which an hour of the log does not exist: no date may pass through it.
    builder = builder.config("spark.sql.session.timeZone", "America/New_York")
    session = builder.config("spark.sql.shuffle.partitions", "2").getOrCreate()
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


def to_spark(session: Any, log: dict[str, Any], *, zoned: bool = False) -> Any:
    rows = {name: column.tolist() for name, column in log.items()}
    rows["date"] = [str(moment) for moment in log["date"]]
    frame = session.createDataFrame(list(zip(*rows.values(), strict=True)), list(rows))
    kind = "timestamp" if zoned else "timestamp_ntz"
    return frame.selectExpr("customer_id", f"cast(date as {kind}) as date", "value")


def to_dask(log: dict[str, Any]) -> Any:
    return pytest.importorskip("dask.dataframe").from_pandas(pd.DataFrame(log), npartitions=3)


@pytest.mark.parametrize("case", CASES)
def test_spark_equals_the_reference(case: str, spark: Any) -> None:
    made, arguments, expected = CASES[case]
    log = make_log(ROWS, **made)
    customers = cv.summarize(to_spark(spark, log), value="value", **arguments)
    assert_same(columns_of(customers), reference(log, **expected))
    assert customers.backend == "pyspark"


def test_spark_dates(spark: Any) -> None:
    log = make_log(ROWS)
    frame = to_spark(spark, log).selectExpr("customer_id", "cast(date as date) as date", "value")
    assert_same(columns_of(cv.summarize(frame, value="value")), reference(log))


def test_spark_hour_that_the_session_does_not_have(spark: Any) -> None:
    date = np.array(["1997-04-06T02:30", "1997-04-06T03:30"], "datetime64[ms]")  # clocks went from 2 to 3
    log = {"customer_id": np.array([1, 1]), "date": date, "value": np.ones(2)}
    customers = cv.summarize(to_spark(spark, log), grain="h", time_unit="D")
    assert customers.frequency.tolist() == [1]
    assert customers.recency.tolist() == [1 / 24]


def test_spark_lazy_table_is_sorted_and_not_collected(spark: Any) -> None:
    log = make_log(ROWS, ids="text")
    table = cv.summarize_lazy(to_spark(spark, log), value="value")
    assert type(table).__module__.startswith("pyspark")
    assert table.columns == ["customer_id", "frequency", "recency", "T", "monetary_value"]
    found = zip(*table.collect(), strict=True)
    assert_same({name: np.array(column) for name, column in zip(table.columns, found, strict=True)}, reference(log))


def test_spark_reports_all_problems(spark: Any) -> None:
    frame = to_spark(spark, make_log(50, negative=True))
    value = "if(value < 0, value, double('nan')) as value"
    bad = frame.selectExpr("nullif(customer_id, -40) as customer_id", "date", value)
    with pytest.raises(InvalidInputError, match="negative") as caught:
        cv.summarize(bad, value="value")
    assert {problem.argument for problem in caught.value.problems} == {"customer_id", "value"}
    assert caught.value.rows == 50


def test_spark_zoned_dates(spark: Any) -> None:
    with pytest.raises(InvalidInputError, match=r"must not carry a time zone.*\n.*timestamp_ntz"):
        cv.summarize(to_spark(spark, make_log(20), zoned=True), value="value")


@pytest.mark.parametrize("case", CASES)
def test_dask_equals_the_reference(case: str) -> None:
    made, arguments, expected = CASES[case]
    log = make_log(ROWS, **made)
    customers = cv.summarize(to_dask(log), value="value", **arguments)
    assert_same(columns_of(customers), reference(log, **expected))
    assert customers.backend == "dask"


def test_dask_dates_without_a_time() -> None:
    pa = pytest.importorskip("pyarrow")
    log = make_log(ROWS)
    frame = to_dask(log)
    frame["date"] = frame["date"].astype(pd.ArrowDtype(pa.date32()))
    assert_same(columns_of(cv.summarize(frame, value="value")), reference(log))


def test_dask_lazy_table_is_not_collected() -> None:
    log = make_log(ROWS)
    table = cv.summarize_lazy(to_dask(log), value="value")
    assert type(table).__module__.startswith("dask")
    found = table.compute().sort_values("customer_id")
    assert list(found.columns) == ["customer_id", "frequency", "recency", "T", "monetary_value"]
    assert_same({name: found[name].to_numpy() for name in found.columns}, reference(log))


def test_dask_reports_all_problems() -> None:
    log = pd.DataFrame(make_log(50, negative=True, ids="text"))
    log.loc[3, "date"] = pd.NaT
    log.loc[4, "customer_id"] = None
    log.loc[5, "value"] = np.inf
    frame = pytest.importorskip("dask.dataframe").from_pandas(log, npartitions=2)
    with pytest.raises(InvalidInputError, match="must not be missing") as caught:
        cv.summarize(frame, value="value")
    assert [problem.argument for problem in caught.value.problems] == ["customer_id", "date", "value", "value"]
