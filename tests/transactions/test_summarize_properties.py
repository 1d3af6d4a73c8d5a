"""What holds for any log: the order of rows does not matter, nor how a purchase is split, nor the unit of time."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import customervalue as cv
from customervalue.transactions import _kernel
from transactions.logs import assert_same, columns_of, reference

ROW = st.tuples(
    st.integers(-3, 3),
    st.integers(-(10**6), 10**6),
    st.floats(-100, 100, allow_nan=False).map(lambda value: round(value, 2)),
)
LOGS = st.lists(ROW, min_size=1, max_size=40)


def as_log(rows: list[Any], scale: int = 1) -> dict[str, Any]:
    ids, seconds, values = (np.array(column) for column in zip(*rows, strict=True))
    date = (seconds * 1000).astype("datetime64[ms]")
    return {"customer_id": ids * scale, "date": date, "value": values.astype(float)}


@given(rows=LOGS, data=st.data(), grain=st.sampled_from(["D", "h", "min", "s"]))
def test_the_order_of_rows_does_not_matter(rows: list[Any], data: st.DataObject, grain: Any) -> None:
    shuffled = data.draw(st.permutations(rows))
    ours = columns_of(cv.summarize(as_log(shuffled), value="value", on_negative="net", grain=grain))
    assert_same(ours, reference(as_log(rows), on_negative="net", grain=grain))


@given(rows=LOGS, scale=st.sampled_from([1, 10**6, 2**40 + 1, 2**60 + 1]))
def test_any_spread_of_ids(rows: list[Any], scale: int) -> None:
    log = as_log(rows, scale)
    customers = cv.summarize(log, value="value", on_negative="net", include_first=True)
    assert customers.includes_first
    assert_same(columns_of(customers), reference(log, on_negative="net", include_first=True))


@given(rows=LOGS)
def test_a_purchase_split_in_two_rows_is_one(rows: list[Any]) -> None:
    halves = [(customer, seconds, value / 2) for customer, seconds, value in rows for _ in range(2)]
    whole = cv.summarize(as_log(rows), value="value", on_negative="net")
    split = columns_of(cv.summarize(as_log(halves), value="value", on_negative="net"))
    assert_same(split, columns_of(whole) | {"customer_id": list(whole.customer_id)})


@given(rows=LOGS)
def test_weeks_are_days_divided_by_seven(rows: list[Any]) -> None:
    in_days, in_weeks = (cv.summarize(as_log(rows), time_unit=unit) for unit in ("D", "W"))
    np.testing.assert_array_equal(in_days.recency / 7, in_weeks.recency)
    np.testing.assert_array_equal(in_days.T / 7, in_weeks.T)
    assert (in_days.recency <= in_days.T).all()


@given(ids=st.lists(st.integers(-(2**63), 2**63 - 1), min_size=1))
def test_whole_numbers_are_coded_in_order(ids: list[int]) -> None:
    codes, labels = _kernel.code_integers(np.array(ids, np.int64))
    assert labels[codes].tolist() == ids
    assert (np.diff(labels.astype(object)) > 0).all()


@pytest.mark.parametrize("longest", [0, 32])
def test_sparse_ids_are_coded_alike_with_and_without_the_hash_table(
    longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_kernel, "_LONGEST_CHAIN", longest)
    ids = np.random.default_rng(5).integers(0, 2**62, 1000).repeat(3)
    codes, labels = _kernel.code_integers(ids)
    np.testing.assert_array_equal(labels[codes], ids)


def test_ids_beyond_signed_numbers_keep_their_type() -> None:
    ids = np.array([2**64 - 1, 5, 5], np.uint64)
    date = np.array(["1997-01-01", "1997-01-01", "1997-01-08"], "datetime64[D]")
    customers = cv.summarize({"customer_id": ids, "date": date})
    assert customers.customer_id is not None
    assert customers.customer_id.tolist() == [5, 2**64 - 1]


def test_times_too_far_apart_to_pack() -> None:
    ticks = np.array([2**62, -(2**61), 2**62, 5])
    done = _kernel.collapse(np.array([0, 0, 0, 7]), ticks, np.array([1.0, 2.0, 3.0, 4.0]), include_first=False)
    assert done.codes.tolist() == [0, 7]
    assert done.transactions.tolist() == [2, 1]
    assert done.first.tolist() == [-(2**61), 5]
    assert done.last.tolist() == [2**62, 5]
    assert done.total is not None
    assert done.total.tolist() == [4.0, 0.0]


def test_repeat_values_do_not_cancel_against_a_huge_first_one() -> None:
    date = np.array(["1997-01-01", "1997-01-08", "1997-01-15"], "datetime64[D]")
    log = {"customer_id": ["a", "a", "a"], "date": date, "value": np.array([1e15, 0.1, 0.2])}
    for frame in (log, pl.DataFrame(log).lazy()):
        assert cv.summarize(frame, value="value").monetary_value == pytest.approx([0.15], rel=1e-14)


def test_a_net_grain_that_is_not_positive_still_counts() -> None:
    date = np.array(["1997-01-01", "1997-01-08", "1997-01-15"], "datetime64[D]")
    log = {"customer_id": [1, 1, 1], "date": date, "value": [10.0, 20.0, -20.0]}
    customers = cv.summarize(log, value="value", on_negative="net")
    assert customers.frequency.tolist() == [2]
    assert customers.monetary_value is not None
    assert customers.monetary_value.tolist() == [0.0]


@pytest.mark.parametrize("module", ["customervalue", "customervalue.transactions"])
def test_importing_imports_no_dataframe_library(module: str) -> None:
    heavy = "{'pandas', 'polars', 'pyarrow', 'duckdb', 'narwhals', 'dask', 'pyspark', 'lifetimes'}"
    code = f"import sys, {module}; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_mapping_needs_no_dataframe_library() -> None:
    code = (
        "import sys, numpy as np, customervalue as cv\n"
        "cv.summarize({'customer_id': ['a'], 'date': np.array(['1997-01-01'], 'M8[D]'), 'value': [1]}, value='value')\n"
        "print('narwhals' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
