"""BG/NBD, Gamma-Gamma and lifetime value against lifetimes, on the same simulated customers in the same run.

    python tests/benchmarks/models.py                  # a million customers, a few minutes (lifetimes takes most of it)
    python tests/benchmarks/models.py --customers 1e5

Prints a Markdown table of medians and ratios; the ratios are what counts, as machines differ and are shared.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
import warnings
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, GammaGammaFitter

from customervalue import CustomerSummary, clv

if TYPE_CHECKING:
    from collections.abc import Callable


class Customers(NamedTuple):
    """Histories in weeks, on a grid of days unless asked otherwise, with mean spend."""

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    m: np.ndarray


def simulate(n: int, *, days: bool = True, seed: int = 1) -> Customers:
    """Draw customers from BG/NBD and Gamma-Gamma with the parameters of CDNOW, acquired over twelve weeks."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b, p, q, v = 0.243, 4.414, 0.793, 2.426, 6.25, 3.74, 15.44
    T = rng.integers(27 * 7, 39 * 7, n) / 7 if days else rng.uniform(27, 39, n)
    rate, dropout = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    x, t_x, clock = np.zeros(n, dtype=np.int64), np.zeros(n), np.zeros(n)
    active = np.flatnonzero(rate > 1e-12)
    while active.size:
        clock[active] += rng.exponential(1 / rate[active])
        active = active[clock[active] <= T[active]]
        now = np.floor(clock[active] * 7) / 7 if days else clock[active]
        counted = active[now > t_x[active]]
        x[counted] += 1
        t_x[active] = now
        active = active[rng.random(active.size) >= dropout[active]]
    spend = rng.gamma(p * np.maximum(x, 1)) / rng.gamma(q, 1 / v, n) / np.maximum(x, 1)
    return Customers(x, t_x, T, np.where(x > 0, spend, 0.0))


def median_time(call: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def report(rows: list[tuple[str, float, float]]) -> None:
    """Print the table."""
    print("| work | lifetimes | customervalue | times faster |")
    print("|---|---|---|---|")
    for name, theirs, ours in rows:
        print(f"| {name} | {theirs:.3f} s | {ours:.4f} s | {theirs / ours:.0f} |")


def compare(customers: Customers, repeats: int) -> list[tuple[str, float, float]]:
    """Time every call of both libraries."""
    frame = pd.DataFrame(customers._asdict())
    x, t_x, T, m = (frame[name] for name in frame.columns)
    repeat = frame[frame.x > 0]

    def fit_from_columns() -> clv.BGNBD:
        return clv.BGNBD.fit(CustomerSummary(x, t_x, T, m))

    summary = CustomerSummary(x, t_x, T, m)
    purchases, spending = fit_from_columns(), clv.GammaGamma.fit(summary)
    _ = summary.unique.inverse
    theirs, their_spend = BetaGeoFitter(), GammaGammaFitter()
    few = max(1, repeats // 3)
    fit_theirs = median_time(lambda: theirs.fit(x, t_x, T), few)
    clv.BGNBD.fit(summary)
    return [
        ("BG/NBD fit", fit_theirs, median_time(lambda: clv.BGNBD.fit(summary), repeats)),
        ("BG/NBD fit, with checks and compression", fit_theirs, median_time(fit_from_columns, repeats)),
        (
            "Gamma-Gamma fit",
            median_time(lambda: their_spend.fit(repeat.x, repeat.m), few),
            median_time(lambda: clv.GammaGamma.fit(summary), repeats),
        ),
        (
            "expected purchases, 39 weeks",
            median_time(lambda: theirs.conditional_expected_number_of_purchases_up_to_time(39, x, t_x, T), repeats),
            median_time(lambda: purchases.expected_purchases(summary, 39), repeats),
        ),
        (
            "P(alive)",
            median_time(lambda: theirs.conditional_probability_alive(x, t_x, T), repeats),
            median_time(lambda: purchases.probability_alive(summary), repeats),
        ),
        (
            "lifetime value, 12 months",
            median_time(
                lambda: their_spend.customer_lifetime_value(
                    theirs, x, t_x, T, m, time=12, discount_rate=0.01, freq="W"
                ),
                few,
            ),
            median_time(
                lambda: clv.customer_lifetime_value(purchases, spending, summary, horizon=52, discount_rate=0.127),
                repeats,
            ),
        ),
    ]


def single_customer(repeats: int) -> None:
    """Time one customer, and the import."""
    purchases, spending = clv.BGNBD(0.243, 4.414, 0.793, 2.426), clv.GammaGamma(6.25, 3.74, 15.44)

    def score() -> None:
        one = CustomerSummary(frequency=2, recency=30.43, T=38.86, monetary_value=22.35)
        purchases.probability_alive(one)
        purchases.expected_purchases(one, 39)
        clv.customer_lifetime_value(purchases, spending, one, horizon=52, discount_rate=0.15)

    milliseconds = 1e3 * median_time(score, 200)
    print(f"\none customer, from numbers to P(alive), expected purchases and lifetime value: {milliseconds:.2f} ms")
    for module in ("numpy", "customervalue"):
        command = [
            sys.executable,
            "-c",
            f"import time; t = time.perf_counter(); import {module}; print(time.perf_counter() - t)",
        ]
        seconds = [float(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(repeats)]
        print(f"import {module}: {1e3 * statistics.median(seconds):.0f} ms")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e6)
    parser.add_argument("--repeats", type=int, default=9)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    for days in (True, False):
        customers = simulate(int(options.customers), days=days)
        where = "times on a grid of days" if days else "times off any grid"
        print(f"\n{customers.x.size:,} customers, {where}\n")
        report(compare(customers, options.repeats))
    single_customer(options.repeats)


if __name__ == "__main__":
    main()
