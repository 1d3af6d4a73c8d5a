"""Every library in this process gives the same summary of the same large log as plain Python does."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import customervalue as cv
from customervalue.transactions import _engine
from transactions.logs import IN_PROCESS, assert_same, columns_of, make_log, reference, to_library

ROWS = 300_000

CASES = {
    "whole-number ids": ({}, {}, {}),
    "sparse ids": ({"ids": "sparse"}, {}, {}),
    "text ids": ({"ids": "text"}, {}, {}),
    "an end that is a day": ({"times": True}, {"observation_end": "1970-12-31"}, {"end": "1970-12-31"}),
    "an end that is a time": ({"times": True}, {"observation_end": "1971-03-01T17:30"}, {"end": "1971-03-01T17:30:00"}),
    "a start that is a day": ({}, {"observation_start": "1968-02-29"}, {"start": "1968-02-29"}),
    "a start that is a time": (
        {"times": True, "ids": "text"},
        {"observation_start": "1968-02-29T06:00:00"},
        {"start": "1968-02-29T06:00:00"},
    ),
    "both, in days": (
        {},
        {"observation_start": "1968-02-29", "observation_end": "1970-12-31", "time_unit": "D"},
        {"start": "1968-02-29", "end": "1970-12-31", "unit": "D"},
    ),
    "months": ({}, {"time_unit": "M"}, {"unit": "M"}),
    "years": ({}, {"time_unit": "Y"}, {"unit": "Y"}),
    "hours": ({"times": True}, {"grain": "h"}, {"grain": "h"}),
    "minutes to an end": (
        {"times": True, "ids": "text"},
        {"grain": "min", "observation_end": "1970-12-31"},
        {"grain": "min", "end": "1970-12-31"},
    ),
    "seconds": ({"times": True, "ids": "sparse"}, {"grain": "s"}, {"grain": "s"}),
    "net": ({"negative": True}, {"on_negative": "net"}, {"on_negative": "net"}),
    "net of text ids": ({"negative": True, "ids": "text"}, {"on_negative": "net"}, {"on_negative": "net"}),
    "drop": ({"negative": True}, {"on_negative": "drop"}, {"on_negative": "drop"}),
    "with the first": ({}, {"include_first": True}, {"include_first": True}),
}


@cache
def log_of(case: str) -> dict[str, Any]:
    return make_log(ROWS, **CASES[case][0])


@cache
def expected_of(case: str) -> dict[str, Any]:
    return reference(log_of(case), **CASES[case][2])


@cache
def expected_without_values() -> dict[str, Any]:
    return reference(log_of("net"))


@pytest.mark.parametrize("library", IN_PROCESS)
@pytest.mark.parametrize("case", CASES)
def test_summary_equals_the_reference(case: str, library: str) -> None:
    log = to_library(log_of(case), library)
    assert_same(columns_of(cv.summarize(log, value="value", **CASES[case][1])), expected_of(case))


@pytest.mark.parametrize("library", ["polars lazy", "duckdb"])
@pytest.mark.parametrize("case", CASES)
def test_the_engine_groups_alike(case: str, library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "FETCHED_ROWS", 0)
    log = to_library(log_of(case), library)
    assert_same(columns_of(cv.summarize(log, value="value", **CASES[case][1])), expected_of(case))


@pytest.mark.parametrize("fetched", [0, ROWS])
@pytest.mark.parametrize("library", IN_PROCESS)
def test_without_values(library: str, fetched: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_engine, "FETCHED_ROWS", fetched)
    log = to_library(log_of("net"), library)
    assert_same(columns_of(cv.summarize(log)), expected_without_values(), value=False)


@pytest.mark.parametrize("case", ["a start that is a time", "seconds"])
@pytest.mark.parametrize("library", IN_PROCESS)
def test_lazy_table_equals_the_summary(library: str, case: str) -> None:
    log = to_library(log_of(case), library)
    table = cv.summarize_lazy(log, value="value", **CASES[case][1])
    if library == "mapping":
        assert isinstance(table, dict)
        assert_same(table, expected_of(case))
        return
    assert type(table) is type(log)
    if library == "polars lazy":
        table = table.collect()
    elif library == "duckdb":
        table = table.to_arrow_table()
    names = table.column_names if library in ("pyarrow", "duckdb") else list(table.columns)
    assert names == ["customer_id", "frequency", "recency", "T", "monetary_value"]
    assert_same({name: table[name].to_numpy() for name in names}, expected_of(case))


@pytest.mark.parametrize(
    ("library", "backend"),
    [("mapping", None), ("pandas", "pandas"), ("polars", "polars"), ("polars lazy", "polars"), ("pyarrow", "pyarrow"),
     ("duckdb", "duckdb")],
)  # fmt: skip
def test_summary_remembers_the_library(library: str, backend: str | None) -> None:
    customers = cv.summarize(to_library(make_log(50), library), value="value")
    assert customers.backend == backend
    assert customers.customer_id is not None
    assert customers.customer_id.dtype == np.int64


@pytest.mark.parametrize("library", IN_PROCESS)
def test_text_ids_come_back_as_text(library: str) -> None:
    customers = cv.summarize(to_library(make_log(50, ids="text"), library))
    assert customers.customer_id is not None
    assert customers.customer_id.dtype == object
    assert {type(label) for label in customers.customer_id} == {str}


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow", "mapping"])
def test_the_log_is_not_changed(library: str) -> None:
    columns = make_log(500, ids="text", negative=True)
    before = {name: column.copy() for name, column in columns.items()}
    log = to_library(columns, library)
    copy = log.copy() if library == "pandas" else log
    cv.summarize(log, value="value", on_negative="drop", observation_end="1970-06-30")
    for name, column in before.items():
        np.testing.assert_array_equal(columns[name], column)
    if library == "pandas":
        pd.testing.assert_frame_equal(log, copy)


def test_a_lazy_log_at_the_limit_is_fetched_and_one_above_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    log = pl.DataFrame(make_log(100)).lazy()
    calls = []
    plan = _engine.plan
    monkeypatch.setattr(_engine, "plan", lambda *args: calls.append(1) or plan(*args))
    monkeypatch.setattr(_engine, "FETCHED_ROWS", 100)
    fetched = cv.summarize(log, value="value")
    assert not calls
    monkeypatch.setattr(_engine, "FETCHED_ROWS", 99)
    grouped = cv.summarize(log, value="value")
    assert calls
    assert_same(columns_of(grouped), columns_of(fetched) | {"customer_id": list(fetched.customer_id)})
