"""The CDNOW sample is the published one, in every library alike, and needs none."""

from __future__ import annotations

import gzip
import runpy
import subprocess
import sys
import time
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import narwhals.stable.v2 as nw
import numpy as np
import pytest

import customervalue as cv

if TYPE_CHECKING:
    from customervalue._typing import AnyArray

    Log: TypeAlias = dict[str, AnyArray]

BACKENDS = ["pandas", "polars", "pyarrow"]
MAKE = runpy.run_path(str(Path(__file__).with_name("make_cdnow.py")))


def test_counts_and_dates(cdnow_log: Log) -> None:
    # Fader, Hardie & Lee (2005), p. 281: 2,357 customers; the log runs from January 1997 to June 1998.
    assert list(cdnow_log) == ["customer_id", "date", "value"]
    assert {column.size for column in cdnow_log.values()} == {6919}
    np.testing.assert_array_equal(np.unique(cdnow_log["customer_id"]), np.arange(1, 2358))
    assert cdnow_log["date"].min() == np.datetime64("1997-01-01")
    assert cdnow_log["date"].max() == np.datetime64("1998-06-30")


def test_everyone_starts_in_the_first_quarter(cdnow_log: Log) -> None:
    # The cohort is defined by it: first purchase in January to March 1997.
    _, first = np.unique(cdnow_log["customer_id"], return_index=True)
    assert cdnow_log["date"][first].max() <= np.datetime64("1997-03-31")


def test_types(cdnow_log: Log) -> None:
    kinds = {name: column.dtype for name, column in cdnow_log.items()}
    assert kinds == {"customer_id": np.int64, "date": np.dtype("datetime64[D]"), "value": np.float64}
    assert all(column.flags.c_contiguous and column.flags.writeable for column in cdnow_log.values())


def test_equals_the_original(cdnow_log: Log) -> None:
    master, customer, day, discs, dollars = np.loadtxt(MAKE["lifetimes_file"](), dtype=str).T
    assert master.size == discs.size == 6919
    np.testing.assert_array_equal(cdnow_log["customer_id"], customer.astype(np.int64))
    np.testing.assert_array_equal(np.datetime_as_string(cdnow_log["date"]), [f"{d[:4]}-{d[4:6]}-{d[6:]}" for d in day])
    np.testing.assert_array_equal(cdnow_log["value"], dollars.astype(np.float64))


def test_the_file_is_what_the_script_makes() -> None:
    shipped = (resources.files("customervalue.datasets") / "cdnow_sample.csv.gz").read_bytes()
    assert gzip.decompress(shipped).decode("ascii") == MAKE["csv_text"](MAKE["lifetimes_file"]())


def test_in_order_of_customer_and_date(cdnow_log: Log) -> None:
    order = np.lexsort((cdnow_log["date"], cdnow_log["customer_id"]))
    np.testing.assert_array_equal(order, np.arange(order.size))


def test_each_call_gives_new_columns() -> None:
    cv.datasets.load_cdnow()["value"][:] = -1.0
    assert cv.datasets.load_cdnow()["value"].min() == 0.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_frames_hold_the_same(cdnow_log: Log, backend: str) -> None:
    native = cv.datasets.load_cdnow(backend)
    assert type(native).__module__.partition(".")[0] == backend
    frame = nw.from_native(native, eager_only=True)
    assert frame.columns == list(cdnow_log)
    assert isinstance(frame.schema["date"], (nw.Date, nw.Datetime))
    assert (frame.schema["customer_id"], frame.schema["value"]) == (nw.Int64, nw.Float64)
    for name, column in cdnow_log.items():
        np.testing.assert_array_equal(frame[name].to_numpy().astype(column.dtype), column)


@pytest.mark.parametrize("backend", ["Pandas", "duckdb", "arrow", "", 3])
def test_unknown_backend_names_the_choices(backend: object) -> None:
    message = f"must be one of 'pandas', 'polars', 'pyarrow', or None for arrays, and is {backend!r}"
    with pytest.raises(cv.errors.InvalidInputError, match=message):
        cv.datasets.load_cdnow(backend)


def test_needs_no_dataframe_library() -> None:
    code = "import sys, customervalue as cv; cv.datasets.load_cdnow(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"pandas", "polars", "pyarrow", "duckdb", "narwhals", "lifetimes", "scipy"} & set(loaded)


def test_loads_in_milliseconds() -> None:
    cv.datasets.load_cdnow()
    start = time.perf_counter()
    cv.datasets.load_cdnow()
    assert time.perf_counter() - start < 0.1  # 6 ms on the machine where this was written
