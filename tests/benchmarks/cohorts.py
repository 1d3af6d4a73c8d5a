"""How fast a log becomes a cohort table, against a plain query of each engine written by hand.

The plain queries give cohort month, age, active customers, rows and spend; they check nothing, and count rows instead
of days with a purchase.

python tests/benchmarks/cohorts.py [--rows 10000000] [--customers 1000000] [--days 546] [--repeats 3] [--text-ids]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.retention import cohort_table

if TYPE_CHECKING:
    from collections.abc import Callable

PLAIN_SQL = """
    WITH activity AS (
        SELECT customer_id, date_trunc('month', date) AS month, count(*) AS orders, sum(value) AS spend
        FROM log GROUP BY ALL),
    cohorts AS (SELECT customer_id, min(month) AS cohort FROM activity GROUP BY ALL)
    SELECT cohort, datediff('month', cohort, month) AS age, count(*) AS active,
           sum(orders) AS orders, sum(spend) AS spend
    FROM activity JOIN cohorts USING (customer_id) GROUP BY ALL
"""


def make_log(rows: int, customers: int, days: int, *, text: bool = False) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    ids: Any = rng.integers(0, customers, rows)
    if text:
        ids = np.char.add("C", np.char.zfill(ids.astype(str), 8)).astype(object)
    date = np.datetime64("1997-01-01", "D") + rng.integers(0, days, rows)
    return {"customer_id": ids, "date": date, "value": np.round(rng.gamma(2.0, 15.0, rows), 2)}


def plain_polars(frame: Any) -> Any:
    import polars as pl

    date = pl.col("date")
    rows = frame.lazy().with_columns(month=date.dt.year() * 12 + date.dt.month())
    activity = rows.group_by("customer_id", "month").agg(orders=pl.len(), spend=pl.col("value").sum())
    cohorts = activity.group_by("customer_id").agg(cohort=pl.col("month").min())
    cells = activity.join(cohorts, on="customer_id").with_columns(age=pl.col("month") - pl.col("cohort"))
    query = cells.group_by("cohort", "age").agg(pl.len(), pl.col("orders").sum(), pl.col("spend").sum())
    return query.collect(engine="streaming")


def plain_pandas(frame: Any) -> Any:
    month = frame["date"].dt.year * 12 + frame["date"].dt.month
    cohort = month.groupby(frame["customer_id"]).transform("min")
    cells = frame.assign(cohort=cohort, age=month - cohort)
    return cells.pivot_table(
        index="cohort",
        columns="age",
        values=["customer_id", "value"],
        aggfunc={"customer_id": ["nunique", "size"], "value": "sum"},
    )


def seconds(work: Callable[[], Any], repeats: int) -> float:
    taken = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def main() -> None:
    import duckdb
    import pandas as pd
    import polars as pl

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=546)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--text-ids", action="store_true")
    options = parser.parse_args()
    columns = make_log(options.rows, options.customers, options.days, text=options.text_ids)
    frame = pl.DataFrame({name: c if c.dtype.kind != "O" else c.tolist() for name, c in columns.items()})
    database = duckdb.connect()
    database.execute("CREATE TABLE log AS SELECT * FROM frame")
    relation, panda = database.table("log"), pd.DataFrame(columns)
    plain: dict[str, Callable[[], Any]] = {
        "polars": lambda: plain_polars(frame),
        "duckdb": lambda: database.sql(PLAIN_SQL).to_arrow_table(),
        "pandas": lambda: plain_pandas(panda),
    }
    logs = {"polars": frame, "polars lazy": frame.lazy(), "duckdb": relation, "pandas": panda, "mapping": columns}
    print(f"{options.rows:,} transactions of {options.customers:,} customers; median of {options.repeats}, in seconds")
    print(f"{'log':<12} {'plain query':>12} {'cohort_table':>13} {'ratio':>6}")
    taken = {name: seconds(work, options.repeats) for name, work in plain.items()}
    for name, log in logs.items():
        ours = seconds(lambda log=log: cohort_table(log, value="value"), options.repeats)  # type: ignore[misc]
        by_hand = taken.get(name.split()[0])
        compared = f"{'':>12} {ours:>13.2f}" if by_hand is None else f"{by_hand:>12.2f} {ours:>13.2f}"
        print(f"{name:<12} {compared} {'' if by_hand is None else f'{ours / by_hand:.2f}':>6}", flush=True)


if __name__ == "__main__":
    main()
