"""Bad columns: every problem at once, with the row, the rule and the way out."""

from __future__ import annotations

import pickle
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from customervalue import CustomerSummary
from customervalue.errors import InvalidInputError

GOOD: dict[str, Any] = {"frequency": [2, 0], "recency": [30.0, 0.0], "T": [39.0, 39.0]}


def test_the_message_of_the_style_guide() -> None:
    x, t_x, T = np.full(100, 3), np.full(100, 30.0), np.full(100, 39.0)
    t_x[[17, 50, 99]] = 41.0
    x[2:12] = 0
    with pytest.raises(InvalidInputError, match=r"^2 problems in the customer summary \(100 rows\):") as caught:
        CustomerSummary(x, t_x, T)
    late, repeats = caught.value.problems
    assert (late.argument, late.count, late.first) == ("recency", 3, "row 17, recency=41, T=39")
    assert "check `observation_end`" in late.advice
    assert (repeats.count, repeats.first) == (10, "row 2, frequency=0, recency=30")
    assert "frequency = purchases - 1" in repeats.advice


def test_all_problems_at_once() -> None:
    columns = ([-1, 1.5, 0, 2, np.nan], [1, 2, 3, 9, 0], [5, 5, 5, 5, -1])
    with pytest.raises(InvalidInputError, match="8 problems") as caught:
        CustomerSummary(*columns, monetary_value=[1, np.inf, 1, 1, 1], weights=[1, 1, 1, 1, 0.5])
    found = [(problem.argument, problem.count) for problem in caught.value.problems]
    assert sorted(found) == sorted(
        [
            ("frequency", 1),
            ("frequency", 1),
            ("frequency", 1),
            ("monetary_value", 1),
            ("weights", 1),
            ("T", 1),
            ("recency", 2),
            ("recency", 1),
        ]
    )
    assert caught.value.rows == 5


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"frequency": [-1, 0]}, r"`frequency` must not be negative: 1 row breaks this \(first: row 0, frequency=-1\)"),
        ({"frequency": [1.5, 0]}, "`frequency` must be whole: 1 row breaks this"),
        ({"frequency": [np.nan, 0]}, "`frequency` must be a finite number"),
        ({"frequency": [np.inf, 0]}, "`frequency` must be a finite number"),
        ({"frequency": [1e300, 0]}, "`frequency`"),
        ({"frequency": [2.0**63, 0]}, "`frequency`"),
        ({"frequency": ["2", "0"]}, "`frequency` must hold numbers, and holds <U1"),
        ({"frequency": [2, None]}, "`frequency` must be a finite number: 1 row"),
        ({"frequency": [[2, 0]]}, r"`frequency` must be one-dimensional, and has shape \(1, 2\)"),
        ({"frequency": [[2], [0, 1]]}, "`frequency`"),
        ({"recency": [-1.0, 0.0]}, "`recency` must not be negative"),
        ({"recency": [40.0, 0.0]}, "`recency` must not exceed `T`"),
        ({"recency": [30.0, 1.0]}, "`recency` must be 0 where `frequency` is 0"),
        ({"recency": np.array([1, 0], "m8[D]")}, "`recency` must hold numbers, and holds timedelta64"),
        ({"T": [39.0, -1.0]}, "`T` must not be negative"),
        ({"T": [39j, 39]}, "`T` must hold numbers, and holds complex128"),
        ({"T": [39.0]}, "all columns must have the same length, and have frequency 2, recency 2, T 1"),
        ({"monetary_value": [np.nan, 0]}, "`monetary_value` must be a finite number"),
        ({"monetary_value": [1, 2, 3]}, "all columns must have the same length"),
        ({"weights": [1, -1]}, "`weights` must be whole numbers >= 0"),
        ({"weights": [1, 0.5]}, "(?s)`weights` must be whole numbers >= 0.*not sampling weights"),
        ({"weights": [0, 0]}, "`weights` must not all be zero"),
        ({"weights": [1]}, "all columns must have the same length"),
        ({"customer_id": ["Ann"]}, "all columns must have the same length"),
        ({"customer_id": [["Ann", 1], ["Bob", 2]]}, "`customer_id` must be one-dimensional"),
        ({"time_unit": "week"}, "`time_unit` must be one of D, W, M, Y, and is 'week'"),
        ({"time_unit": ["W"]}, "`time_unit` must be one of D, W, M, Y"),
        ({"frequency": [], "recency": [], "T": []}, "there must be at least one customer, and there is none"),
    ],
)
def test_column(columns: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CustomerSummary(**(GOOD | columns))


@pytest.mark.parametrize(
    "missing",
    [
        np.ma.array([2, 0], mask=[False, True]),
        pd.array([2, pd.NA], dtype="Int64"),
        pl.Series([2, None]),
        pa.array([2, None]),
        [Decimal(2), None],
    ],
    ids=["masked", "pandas", "polars", "pyarrow", "Decimal"],
)
def test_a_missing_value_is_not_a_number(missing: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=r"`frequency` must be a finite number: 1 row breaks this \(first: row 1"
    ):
        CustomerSummary(**(GOOD | {"frequency": missing}))


def test_spend_of_those_without_repeat_purchases_is_not_looked_at() -> None:
    for nothing in (np.nan, None, -5.0):
        customers = CustomerSummary(**GOOD, monetary_value=[22.0, nothing])
        np.testing.assert_array_equal(customers.monetary_value, [22, 0])
    with pytest.raises(InvalidInputError, match="`monetary_value` must be a finite number"):
        CustomerSummary(**GOOD, monetary_value=[22.0, np.nan], includes_first=True)


# ---- frames


def test_misspelled_column_offers_the_nearest() -> None:
    frame = pd.DataFrame({"frequncy": [2], "recency": [30.0], "T": [39.0]})
    message = (
        r"(?s)there is no column 'frequency'.*Did you mean 'frequncy'\? The columns are 'frequncy', 'recency', 'T'"
    )
    with pytest.raises(InvalidInputError, match=message):
        CustomerSummary.from_frame(frame)


def test_all_missing_columns_at_once() -> None:
    with pytest.raises(InvalidInputError, match="3 problems in the columns of the frame") as caught:
        CustomerSummary.from_frame({"x": [2], "T": [39.0]}, monetary_value="spend")
    assert [problem.argument for problem in caught.value.problems] == ["frequency", "recency", "spend"]


@pytest.mark.parametrize("frame", [None, [1, 2], 3.0, np.ones((2, 3))], ids=lambda frame: type(frame).__name__)
def test_not_a_frame(frame: Any) -> None:
    with pytest.raises(InvalidInputError, match="must be a mapping of columns or a dataframe, and is a"):
        CustomerSummary.from_frame(frame)


def test_unknown_backend() -> None:
    with pytest.raises(InvalidInputError, match="`backend` must be one of pandas, polars, pyarrow, and is 'spam'"):
        CustomerSummary(**GOOD).to_frame("spam")


# ---- selecting


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (np.array([False, False]), "must select at least one customer, and selects none"),
        ([], "must select at least one customer, and selects none"),
        (slice(5, 9), "must select at least one customer, and selects none"),
        ([True], r"a mask must have one entry per customer, shape \(2,\), and has \(1,\)"),
        (True, "`rows`"),
        ([[0, 1]], r"customers are selected by one dimension, not by shape \(1, 2\)"),
        ("Ann", "customers are selected by"),
        (["Ann"], "selected by a mask, a slice or positions, not by <U3"),
        ([0.0, 1.0], "selected by a mask, a slice or positions, not by float64"),
    ],
)
def test_selection(rows: Any, message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CustomerSummary(**GOOD)[rows]


@pytest.mark.parametrize("rows", [2, -3, [2]])
def test_selection_out_of_bounds(rows: Any) -> None:
    # An IndexError, as Python's own sequences give: without it `for` would not end.
    with pytest.raises(IndexError, match="out of bounds"):
        CustomerSummary(**GOOD)[rows]


def test_an_error_crosses_processes() -> None:
    with pytest.raises(InvalidInputError, match="negative") as caught:
        CustomerSummary(-1, 0, 39)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.problems, again.rows) == (str(caught.value), caught.value.problems, 1)
