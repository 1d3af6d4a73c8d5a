"""Logs to summarize, the same in every library, and a reference that works row by row in plain Python."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

#: Libraries whose frames live in this process.
IN_PROCESS = ("mapping", "pandas", "polars", "polars lazy", "pyarrow", "duckdb")
_DAYS = {"D": 1.0, "W": 7.0, "M": 30.4375, "Y": 365.25}
_SECONDS = {"D": 86_400, "h": 3600, "min": 60, "s": 1}
_EPOCH = dt.datetime(1970, 1, 1)


def make_log(rows: int, seed: int = 1, *, ids: str = "int", times: bool = False, negative: bool = False) -> Any:
    """A log as NumPy columns: days on both sides of 1970, several rows of a customer on a day, zero values."""
    rng = np.random.default_rng(seed)
    number = rng.integers(0, max(1, rows // 8), rows) * 3 - 40
    seconds = rng.integers(-800 * 86_400, 1000 * 86_400, rows)
    date = (
        (seconds * 1000).astype("datetime64[ms]") if times else seconds.astype("datetime64[s]").astype("datetime64[D]")
    )
    value = np.round(rng.gamma(2.0, 15.0, rows), 2)
    value[rng.random(rows) < 0.01] = 0.0
    if negative:
        value[rng.random(rows) < 0.05] *= -1
    names = {"int": number, "sparse": number * 7_919_000_003}
    column = names[ids] if ids in names else np.array([f"é{n}" if n % 5 == 0 else f"C{n}" for n in number], object)
    return {"customer_id": column, "date": date, "value": value}


def to_library(log: dict[str, Any], library: str) -> Any:
    """The same log in another library."""
    if library == "mapping":
        return log
    if library == "pandas":
        import pandas as pd

        return pd.DataFrame(log)
    if library in ("polars", "polars lazy"):
        import polars as pl

        columns = {name: list(c) if c.dtype.kind == "O" else c for name, c in log.items()}
        frame = pl.DataFrame(columns)
        return frame.lazy() if library == "polars lazy" else frame
    import pyarrow as pa

    table = pa.table(log)
    if library == "pyarrow":
        return table
    import duckdb

    return duckdb.from_arrow(table)


def reference(
    log: dict[str, Any],
    *,
    end: str | None = None,
    start: str | None = None,
    unit: str = "W",
    grain: str = "D",
    on_negative: str = "raise",
    include_first: bool = False,
) -> dict[str, Any]:
    """Summarize the way one would by hand: a dictionary of grains for each customer."""
    moments = log["date"].astype("datetime64[us]").astype(np.int64).tolist()
    limit = max(moments) if end is None else _moment(end)
    if end is not None and len(end) == len("1997-09-30"):
        limit += 86_400_000_000 - 1
    length = _SECONDS[grain] * 1_000_000
    purchases: dict[Any, dict[int, float]] = {}
    earliest: dict[Any, int] = {}
    for customer, moment, value in zip(log["customer_id"].tolist(), moments, log["value"].tolist(), strict=True):
        if moment > limit or (on_negative == "drop" and value < 0):
            continue
        if customer not in purchases:
            purchases[customer], earliest[customer] = {}, moment
        grains = purchases[customer]
        grains[moment // length] = grains.get(moment // length, 0.0) + value
        if moment < earliest[customer]:
            earliest[customer] = moment
    kept = sorted(customer for customer in purchases if start is None or earliest[customer] >= _moment(start))
    per_unit = _DAYS[unit] * 86_400 / _SECONDS[grain]
    out: dict[str, list[Any]] = {name: [] for name in ("frequency", "recency", "T", "monetary_value")}
    for customer in kept:
        days = sorted(purchases[customer])
        spent = [purchases[customer][day] for day in (days if include_first else days[1:])]
        out["frequency"].append(len(days) - 1)
        out["recency"].append((days[-1] - days[0]) / per_unit)
        out["T"].append((limit // length - days[0]) / per_unit)
        out["monetary_value"].append(sum(spent) / len(spent) if spent else 0.0)
    return {"customer_id": kept} | {name: np.array(column) for name, column in out.items()}


def _moment(text: str) -> int:
    """Microseconds since 1970."""
    return (dt.datetime.fromisoformat(text) - _EPOCH) // dt.timedelta(microseconds=1)


def assert_same(found: dict[str, Any], expected: dict[str, Any], *, value: bool = True) -> None:
    """Ids, counts and times to the last bit; money up to the order of summation."""
    assert list(found["customer_id"]) == expected["customer_id"]
    for name in ("frequency", "recency", "T"):
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    if value:
        np.testing.assert_allclose(found["monetary_value"], expected["monetary_value"], rtol=1e-12, atol=1e-10)
    else:
        assert found.get("monetary_value") is None


def columns_of(customers: Any) -> dict[str, Any]:
    """The arrays of a summary, by name."""
    names = ("customer_id", "frequency", "recency", "T", "monetary_value")
    return {name: getattr(customers, name) for name in names}
