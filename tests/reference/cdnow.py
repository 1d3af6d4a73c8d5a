"""The CDNOW sample and small published tables, read without the library's own loaders.

`exact()` has times to the day (days / 7); `rounded()` is lifetimes' file, rounded to two decimals, whose maximum and
log-likelihood differ from the exact ones in the fourth to sixth digit.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from datetime import date
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from customervalue import CustomerSummary

HERE = Path(__file__).parent
CALIBRATION_END = date(1997, 9, 30)
HOLDOUT_END = date(1998, 6, 30)

# Maximum likelihood on exact times, as recomputed for the published .243, 4.414, .793, 2.426.
EXACT_FIT = {"r": 0.24259452, "alpha": 4.41360204, "a": 0.79292217, "b": 2.42590735}
ROUNDED_FIT = {"r": 0.2425929, "alpha": 4.41353, "a": 0.792886, "b": 2.425753}


def lifetimes_file(name: str) -> Path:
    """A data file of lifetimes; its loaders are not imported, they need packages that are gone."""
    spec = find_spec("lifetimes")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "datasets" / name


@cache
def baskets() -> dict[int, dict[date, float]]:
    """Customer -> day -> money spent that day."""
    found: dict[int, dict[date, float]] = defaultdict(lambda: defaultdict(float))
    for line in lifetimes_file("CDNOW_sample.txt").read_text(encoding="ascii").splitlines():
        _, customer, day, _, value = line.split()
        found[int(customer)][date(int(day[:4]), int(day[4:6]), int(day[6:]))] += float(value)
    return found


@cache
def exact(unit: str = "W") -> CustomerSummary:
    """Calibration to 1997-09-30, one customer at a time: x, t_x, T and the mean repeat spend."""
    per_period = {"W": 7.0, "D": 1.0}[unit]
    rows = []
    for customer, days in sorted(baskets().items()):
        seen = sorted(day for day in days if day <= CALIBRATION_END)
        repeats = [days[day] for day in seen[1:]]
        spend = sum(repeats) / len(repeats) if repeats else 0.0
        rows.append(
            (
                customer,
                len(repeats),
                (seen[-1] - seen[0]).days / per_period,
                (CALIBRATION_END - seen[0]).days / per_period,
                spend,
            )
        )
    customer_id, x, t_x, length, money = zip(*rows, strict=True)
    return CustomerSummary(x, t_x, length, monetary_value=money, customer_id=customer_id, time_unit=unit)


@cache
def holdout() -> np.ndarray[Any, np.dtype[np.int64]]:
    """Purchases of each customer in the 39 weeks after calibration."""
    window = (CALIBRATION_END, HOLDOUT_END)
    return np.array([sum(window[0] < day <= window[1] for day in days) for _, days in sorted(baskets().items())])


@cache
def rounded() -> CustomerSummary:
    """lifetimes' summary, times rounded to two decimals, spend of repeat transactions."""
    with lifetimes_file("cdnow_customers_summary_with_transactions.csv").open(encoding="ascii") as file:
        rows = list(csv.DictReader(file))
    x, t_x, length, spend = ([float(row[name]) for row in rows] for name in ("x", "t_x", "T", "zbar"))
    return CustomerSummary(x, t_x, length, monetary_value=spend)


def table(name: str) -> list[dict[str, str]]:
    """A small published table beside this file."""
    with (HERE / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@cache
def entries(name: str) -> Any:
    """A JSON file beside this file."""
    return json.loads((HERE / name).read_text(encoding="utf-8"))
