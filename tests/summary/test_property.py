"""A summary keeps what it was given, shares it with nobody, and compresses without loss."""

from __future__ import annotations

import copy
import math
import pickle
from dataclasses import FrozenInstanceError
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from customervalue import CustomerSummary
from customervalue.errors import InvalidInputError
from customervalue.units import DAYS, check_discount_rate, force_of_interest
from reference import cdnow

BACKENDS = ["pandas", "polars", "pyarrow"]
ARRAYS = ("frequency", "recency", "T", "monetary_value", "customer_id", "weights")


def columns(n: int = 6, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, n)
    T = rng.integers(1, 300, n) / 7
    return {
        "frequency": x,
        "recency": np.where(x > 0, np.floor(T * 7 * rng.random(n)) / 7, 0.0),
        "T": T,
        "monetary_value": np.where(x > 0, rng.gamma(3.0, 10.0, n), 0.0),
        "customer_id": np.array([f"C{i}" for i in range(n)]),
        "weights": rng.integers(1, 4, n),
    }


@st.composite
def tables(draw: st.DrawFn) -> dict[str, Any]:
    """Columns on a grid of days in some unit, or on none."""
    n = draw(st.integers(1, 60))
    unit = draw(st.sampled_from(list(DAYS)))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    T = rng.integers(0, draw(st.sampled_from([1, 5, 400, 100_000])), n).astype(float)
    if draw(st.booleans()):
        T = T * rng.random(n)
    x = rng.integers(0, draw(st.sampled_from([1, 3, 10**6])) + 1, n)
    t_x = np.where(x > 0, np.floor(T * rng.random(n)), 0.0)
    weights = rng.integers(0, 5, n) if draw(st.booleans()) else None
    if weights is not None:
        weights[0] = 2
    return {"frequency": x, "recency": t_x / DAYS[unit], "T": T / DAYS[unit], "weights": weights, "time_unit": unit}


# ---- compression


@given(tables())
def test_unique_rows_expand_back_exactly(table: dict[str, Any]) -> None:
    customers = CustomerSummary(**table)
    rows = customers.unique
    np.testing.assert_array_equal(rows.expand(rows.frequency.astype(float)), customers.frequency)
    np.testing.assert_array_equal(rows.expand(rows.recency), customers.recency)
    np.testing.assert_array_equal(rows.expand(rows.T), customers.T)
    assert rows.counts.sum() == customers.n_customers
    counts: dict[Any, float] = {}
    weights = np.ones(len(customers)) if table["weights"] is None else table["weights"]
    for key, weight in zip(zip(customers.frequency, customers.recency, customers.T, strict=True), weights, strict=True):
        counts[key] = counts.get(key, 0) + weight
    found: dict[Any, float] = {}
    for key, count in zip(zip(rows.frequency, rows.recency, rows.T, strict=True), rows.counts, strict=True):
        found[key] = found.get(key, 0) + count
    assert found == counts


@pytest.mark.parametrize("unit", DAYS)
def test_whole_days_are_grouped_in_every_unit(unit: str) -> None:
    rng = np.random.default_rng(1)
    T = rng.integers(1, 40, 5000)
    x = rng.integers(0, 3, 5000)
    t_x = np.where(x > 0, rng.integers(0, T), 0)
    rows = CustomerSummary(x, t_x / DAYS[unit], T / DAYS[unit], time_unit=unit).unique
    assert len(rows) == len({*zip(x.tolist(), t_x.tolist(), T.tolist(), strict=True)}) < 5000


def test_compression_of_cdnow() -> None:
    # 2,357 customers, counted with a dictionary.
    customers = cdnow.exact()
    distinct = {*zip(customers.frequency.tolist(), customers.recency.tolist(), customers.T.tolist(), strict=True)}
    assert len(customers.unique) == len(distinct)
    assert customers.unique is customers.unique  # found once


# ---- frozen, and the caller's arrays are the caller's


def test_arrays_are_copies_and_read_only() -> None:
    given_columns = columns()
    kept = {name: column.copy() for name, column in given_columns.items()}
    customers = CustomerSummary(**given_columns)
    for name in ARRAYS:
        array = getattr(customers, name)
        assert not np.shares_memory(array, given_columns[name])
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[1]
        given_columns[name][0] = given_columns[name][1]
        np.testing.assert_array_equal(array, kept[name])
        assert given_columns[name].flags.writeable


def test_fields_are_frozen() -> None:
    customers = CustomerSummary(**columns())
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'T'"):
        customers.T = np.ones(6)  # type: ignore[misc]


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))])
def test_copies_are_equal_and_frozen(again: Any) -> None:
    customers = CustomerSummary(**columns())
    twin = again(customers)
    assert twin == customers
    assert not any(getattr(twin, name).flags.writeable for name in ARRAYS)


def test_equality() -> None:
    customers = CustomerSummary(**columns())
    assert customers == CustomerSummary(**columns())
    assert customers == CustomerSummary(**columns(), backend="polars")
    assert customers != CustomerSummary(**columns(), time_unit="D")
    assert customers != CustomerSummary(**columns(seed=1))
    assert customers != CustomerSummary(**{**columns(), "weights": None})
    assert customers != CustomerSummary(**columns(), includes_first=True)
    assert customers != "a summary"
    with pytest.raises(TypeError, match="unhashable"):
        hash(customers)


# ---- what goes in


def test_scalars_make_one_customer() -> None:
    customer = CustomerSummary(frequency=2, recency=30.43, T=38.86, monetary_value=22.35, customer_id="Ann")
    assert len(customer) == customer.n_customers == 1
    assert {getattr(customer, name).shape for name in ARRAYS[:5]} == {(1,)}


@pytest.mark.parametrize(
    "column",
    [
        list,
        tuple,
        pd.Series,
        lambda values: pd.Series(values, index=[9, 8, 7, 6, 5, 4]),
        pd.Index,
        pl.Series,
        pa.array,
        lambda values: pa.chunked_array([values[:2], values[2:]]),
        lambda values: [Decimal(str(value)) for value in values.tolist()],
        lambda values: np.ma.array(values),
        lambda values: pd.array(values, dtype="Float64"),
    ],
)
def test_columns_of_any_library(column: Any) -> None:
    plain = columns()
    names = ("frequency", "recency", "T", "monetary_value")
    customers = CustomerSummary(**{name: column(plain[name]) for name in names})
    for name in names:
        np.testing.assert_allclose(getattr(customers, name), plain[name], rtol=1e-15)  # Decimal goes through text


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.uint64, np.float32, np.float64, bool])
def test_numbers_of_any_type(dtype: Any) -> None:
    customers = CustomerSummary(np.array([1, 0], dtype), np.array([1, 0], dtype), np.array([1, 1], dtype))
    assert customers.frequency.dtype == np.int64
    assert customers.recency.dtype == customers.T.dtype == np.float64


@pytest.mark.parametrize(
    "ids",
    [[1, 2], ["Ann", "Bob"], [2**70, "x"], [date(2024, 1, 1), None], [1.5, 2.5], np.array(["a", "b"], dtype=object)],
    ids=str,
)
def test_ids_of_any_type(ids: Any) -> None:
    customers = CustomerSummary([1, 0], [1, 0], [2, 2], customer_id=ids)
    assert customers.customer_id is not None
    assert customers.customer_id.tolist() == list(ids)
    assert customers[1].customer_id is not None
    assert customers[1].customer_id.tolist() == [ids[1]]


def test_weights_count_customers() -> None:
    table = columns()
    customers = CustomerSummary(**table)
    assert customers.n_customers == table["weights"].sum()
    assert len(customers) == 6
    np.testing.assert_array_equal(customers.spend_count, table["frequency"])
    np.testing.assert_array_equal(CustomerSummary(**table, includes_first=True).spend_count, table["frequency"] + 1)


# ---- what comes out


@given(st.integers(0, 100), st.data())
def test_selection_is_that_of_numpy(seed: int, data: st.DataObject) -> None:
    table = columns(8, seed)
    customers = CustomerSummary(**table, time_unit="D", backend="polars")
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=8, max_size=8)))
    places = data.draw(st.lists(st.integers(-8, 7), min_size=1))
    chosen = [places, np.array(places), slice(*sorted(data.draw(st.tuples(st.integers(0, 3), st.integers(4, 8)))))]
    chosen += [slice(None, None, -1), data.draw(st.integers(-8, 7)), mask, mask.tolist(), pd.Series(mask)]
    for rows in chosen:
        positions = np.atleast_1d(np.arange(8)[rows])
        if positions.size == 0:
            continue
        part = customers[rows]
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(part, name), table[name][positions])
            assert not getattr(part, name).flags.writeable
        assert (part.time_unit, part.backend, part.includes_first) == ("D", "polars", False)


def test_a_loop_ends() -> None:
    assert [part.T[0] for part in CustomerSummary(**columns())] == columns()["T"].tolist()


@pytest.mark.parametrize("backend", BACKENDS)
def test_round_trip_through_a_frame(backend: str) -> None:
    customers = CustomerSummary(**columns(50), backend=backend)
    frame = customers.to_frame()
    assert type(frame).__module__.partition(".")[0] == backend
    again = CustomerSummary.from_frame(frame, weights="weights")
    assert again == customers
    assert again.backend == backend
    for other in BACKENDS:
        there = customers.to_frame(other)
        assert CustomerSummary.from_frame(there, weights="weights") == customers


def test_round_trip_through_a_mapping() -> None:
    customers = CustomerSummary(**columns())
    frame = customers.to_frame()
    assert list(frame) == ["customer_id", "frequency", "recency", "T", "monetary_value", "weights"]
    assert CustomerSummary.from_frame(frame, weights="weights") == customers
    assert list(CustomerSummary(1, 1, 2).to_frame()) == ["frequency", "recency", "T"]


def test_frames_that_are_queries() -> None:
    customers = CustomerSummary(**columns(50))
    table = customers.to_frame("pyarrow")
    lazy = CustomerSummary.from_frame(pl.from_arrow(table).lazy(), weights="weights")
    assert lazy == customers
    assert type(lazy.to_frame()) is pl.DataFrame
    relation = duckdb.from_arrow(table)
    queried = CustomerSummary.from_frame(relation, weights="weights")
    assert queried == customers
    assert type(queried.to_frame()) is pa.Table


def test_columns_under_other_names() -> None:
    table = columns()
    frame = pl.DataFrame({f"my {name}": column for name, column in table.items()})
    names = {name: f"my {name}" for name in table}
    assert CustomerSummary.from_frame(frame, **names) == CustomerSummary(**table)


def test_a_frame_is_not_changed() -> None:
    frame = pd.DataFrame(columns())
    kept = frame.copy(deep=True)
    summary = CustomerSummary.from_frame(frame)
    frame.loc[0, "T"] = 9999.0
    assert summary.T[0] == kept.loc[0, "T"]
    returned = summary.to_frame("pandas")
    returned.loc[0, "T"] = -1.0
    assert summary.T[0] == kept.loc[0, "T"]


# ---- in words


def test_repr() -> None:
    customers = CustomerSummary([2, 0], [30.43, 0], [38.86, 38.86], monetary_value=[22.35, 0])
    lines = repr(customers).splitlines()
    assert lines[0] == "CustomerSummary: 2 customers, 1 with repeat transactions"
    assert [line.split()[0] for line in lines[1:]] == ["frequency", "T", "spend"]
    assert "mean 22.35 per repeat transaction" in lines[3]


def test_notebook_table_is_escaped() -> None:
    html = CustomerSummary(**columns())._repr_html_()
    assert html.startswith("<table>")
    assert html.count("<tr>") == 3


def test_repr_weighs() -> None:
    customers = CustomerSummary([2, 0], [3, 0], [4, 4], weights=[30, 70])
    assert repr(customers).startswith("CustomerSummary: 100 customers, 30 with repeat transactions")
    assert "mean 0.60" in repr(customers)


def test_repr_of_the_edge_cases() -> None:
    assert "1 customer, 0 with" in repr(CustomerSummary(0, 0, 0))
    assert "no repeat transactions" in repr(CustomerSummary(0, 0, 0, monetary_value=0))
    assert "per transaction" in repr(CustomerSummary(0, 0, 0, monetary_value=5, includes_first=True))


# ---- units


def test_a_year_is_a_year_in_every_unit() -> None:
    for unit, days in DAYS.items():
        assert math.expm1(force_of_interest(0.15, unit) * 365.25 / days) == pytest.approx(0.15, rel=1e-14)
    assert DAYS == {"D": 1, "W": 7, "M": 365.25 / 12, "Y": 365.25}


@pytest.mark.parametrize("rate", [-0.01, np.nan, np.inf])
def test_discount_rate(rate: float) -> None:
    with pytest.raises(
        InvalidInputError, match=r"(?s)`discount_rate` must be finite and not negative.*annual effective"
    ):
        check_discount_rate(rate)
