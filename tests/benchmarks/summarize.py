"""How fast a log is summarized, against lifetimes and against the plain query of each engine.

python tests/benchmarks/summarize.py [--rows 10000000] [--customers 1000000] [--days 546] [--repeats 3] [--text-ids]
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

import customervalue as cv

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN_SQL = """
    SELECT customer_id, count(*) - 1 AS frequency, (max(date) - min(date)) / 7 AS recency,
           (DATE '1998-07-01' - min(date)) / 7 AS T,
           coalesce((sum(value) - arg_min(value, date)) / nullif(count(*) - 1, 0), 0) AS monetary_value
    FROM (SELECT customer_id, date, sum(value) AS value FROM log GROUP BY ALL) GROUP BY ALL
"""


def make_log(rows: int, customers: int, days: int, *, sparse: bool = False, text: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    ids: Any = rng.integers(0, customers, rows)
    if sparse:
        ids = ids * 7_919_003
    if text:
        ids = np.char.add("C", np.char.zfill(ids.astype(str), 8)).astype(object)
    date = np.datetime64("1997-01-01", "D") + rng.integers(0, days, rows)
    return {"customer_id": ids, "date": date, "value": np.round(rng.gamma(2.0, 15.0, rows), 2)}


def plain_polars(frame: Any) -> Any:
    import polars as pl

    date, value = pl.col("date"), pl.col("value")
    grains = frame.lazy().group_by("customer_id", "date").agg(value.sum())
    first = value.get(date.arg_min())
    query = grains.group_by("customer_id").agg(
        frequency=pl.len() - 1,
        recency=(date.max() - date.min()).dt.total_days() / 7,
        T=(pl.date(1998, 7, 1) - date.min()).dt.total_days() / 7,
        monetary_value=(value.sum() - first) / (pl.len() - 1),
    )
    return query.collect(engine="streaming")


def plain_pandas(frame: Any) -> Any:
    grains = frame.groupby(["customer_id", "date"], as_index=False)["value"].sum()
    return grains.groupby("customer_id").agg(
        frequency=("date", "count"), first=("date", "min"), last=("date", "max"), total=("value", "sum")
    )


def lifetimes_summary(frame: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes.utils import summary_data_from_transaction_data

        return summary_data_from_transaction_data(frame, "customer_id", "date", monetary_value_col="value", freq="D")


def seconds(work: Callable[[], Any], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def jobs(columns: dict[str, Any], sparse: dict[str, Any] | None) -> dict[str, tuple[str, Callable[[], Any]]]:
    """Name -> which plain query it stands against, and the work."""
    import duckdb
    import pandas as pd
    import polars as pl

    frame = pl.DataFrame({name: c if c.dtype.kind != "O" else c.tolist() for name, c in columns.items()})
    database = duckdb.connect()
    database.execute("CREATE TABLE log AS SELECT * FROM frame")
    relation = database.table("log")
    panda = pd.DataFrame(columns)
    ours: dict[str, Any] = {"polars": frame, "polars lazy": frame.lazy(), "duckdb": relation, "pandas": panda}
    ours |= {"mapping": columns} if sparse is None else {"mapping": columns, "mapping, sparse ids": sparse}
    out: dict[str, tuple[str, Callable[[], Any]]] = {
        "lifetimes (pandas)": ("", lambda: lifetimes_summary(panda)),
        "plain query: polars": ("", lambda: plain_polars(frame)),
        "plain query: duckdb": ("", lambda: database.sql(PLAIN_SQL).to_arrow_table()),
        "plain query: pandas": ("", lambda: plain_pandas(panda)),
    }
    for name, log in ours.items():
        plain = f"plain query: {name.split()[0]}" if name.split()[0] in ("polars", "duckdb", "pandas") else ""
        out[f"summarize: {name}"] = (plain, lambda log=log: cv.summarize(log, value="value"))
    lazy: dict[str, Callable[[], Any]] = {
        "polars": lambda: cv.summarize_lazy(frame.lazy(), value="value").collect(engine="streaming"),
        "duckdb": lambda: cv.summarize_lazy(relation, value="value").to_arrow_table(),
    }
    return out | {f"summarize_lazy, collected: {name}": (f"plain query: {name}", work) for name, work in lazy.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=546)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--text-ids", action="store_true")
    options = parser.parse_args()
    size = (options.rows, options.customers, options.days)
    columns = make_log(*size, text=options.text_ids)
    work = jobs(columns, None if options.text_ids else make_log(*size, sparse=True))
    print(f"{options.rows:,} transactions of {options.customers:,} customers; median of {options.repeats}")
    print(f"{'':<36} {'seconds':>8} {'lifetimes / this':>17} {'this / plain query':>19}")
    medians: dict[str, float] = {}
    for name, (plain, job) in work.items():
        medians[name] = seconds(job, options.repeats)
        faster = medians["lifetimes (pandas)"] / medians[name]
        ratio = f"{medians[name] / medians[plain]:.2f}" if plain else ""
        print(f"{name:<36} {medians[name]:>8.2f} {faster:>16.1f}x {ratio:>19}", flush=True)


if __name__ == "__main__":
    main()
