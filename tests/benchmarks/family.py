"""MBG/NBD, Pareto/NBD, BG/BB and resampling against lifetimes, on the same simulated customers in the same run.

    python tests/benchmarks/family.py                       # a million customers; lifetimes takes most of the time
    python tests/benchmarks/family.py --customers 1e5
    python tests/benchmarks/family.py --memory              # peak memory of a fit to ten million customers

Prints Markdown tables of medians and ratios; the ratios are what counts, as machines differ and are shared. lifetimes
begins its fit of Pareto/NBD at random; here it is given a fixed beginning.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import pandas as pd
from lifetimes import BetaGeoFitter, ModifiedBetaGeoFitter, ParetoNBDFitter
from models import median_time, report, simulate

import customervalue as cv
from customervalue import CustomerSummary, clv


def fits_and_predictions(customers: int, repeats: int, *, pareto_fit: bool) -> list[tuple[str, float, float]]:
    """Time MBG/NBD and Pareto/NBD in both libraries."""
    data = simulate(customers)
    frame = pd.DataFrame({"x": data.x, "t_x": data.t_x, "T": data.T})
    x, t_x, T = (frame[name] for name in frame.columns)
    summary = CustomerSummary(data.x, data.t_x, data.T)
    _ = summary.unique.inverse
    rows = []
    theirs_mbg, theirs_pareto = ModifiedBetaGeoFitter(), ParetoNBDFitter()
    slow = median_time(lambda: theirs_mbg.fit(x, t_x, T), 1)
    rows.append(("MBG/NBD fit", slow, median_time(lambda: clv.MBGNBD.fit(summary), repeats)))
    if pareto_fit:
        slow = median_time(lambda: theirs_pareto.fit(x, t_x, T, initial_params=np.zeros(4)), 1)
        rows.append(("Pareto/NBD fit", slow, median_time(lambda: clv.ParetoNBD.fit(summary), repeats)))
    else:
        few = frame.iloc[:2_000]
        theirs_pareto.fit(few.x, few.t_x, few["T"], initial_params=np.zeros(4))
        ours = median_time(lambda: clv.ParetoNBD.fit(summary), repeats)
        print(f"Pareto/NBD fit: {ours:.3f} s; lifetimes, at 80 s for 100,000 customers, is not waited for.\n")
    pareto = clv.ParetoNBD(**{name: float(theirs_pareto.params_[name]) for name in ("r", "alpha", "s", "beta")})
    rows.append(
        (
            "Pareto/NBD P(alive)",
            median_time(lambda: theirs_pareto.conditional_probability_alive(x, t_x, T), repeats),
            median_time(lambda: pareto.probability_alive(summary), repeats),
        )
    )
    rows.append(
        (
            "Pareto/NBD expected purchases, 39 weeks",
            median_time(
                lambda: theirs_pareto.conditional_expected_number_of_purchases_up_to_time(39, x, t_x, T), repeats
            ),
            median_time(lambda: pareto.expected_purchases(summary, 39), repeats),
        )
    )
    return rows


def resampling(repeats: int) -> None:
    """A hundred refits to CDNOW, and a thousand draws and intervals, in units of one fit of lifetimes."""
    customers = cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30")
    x, t_x, T = (pd.Series(column) for column in (customers.frequency, customers.recency, customers.T))
    one = median_time(lambda: BetaGeoFitter().fit(x, t_x, T), repeats)
    model = clv.BGNBD.fit(customers)
    pareto = clv.ParetoNBD.fit(customers)
    work = {
        "BG/NBD: one fit": lambda: clv.BGNBD.fit(customers),
        "BG/NBD: 100 bootstrap refits": lambda: clv.bootstrap(model, customers, 100, 1),
        "Pareto/NBD: 100 bootstrap refits": lambda: clv.bootstrap(pareto, customers, 100, 1),
        "BG/NBD: 1,000 draws, asymptotic": lambda: model.draws(1000, 1),
        "BG/NBD: 1,000 draws, exact": lambda: model.draws(1000, 1, customers=customers),
        "BG/NBD: interval of expected purchases, each customer": lambda: clv.interval(
            model, customers, "expected_purchases", horizon=39, rng=1
        ),
        "BG/NBD: predictive interval of purchases, each customer": lambda: clv.interval(
            model, customers, "expected_purchases", horizon=39, kind="predictive", rng=1
        ),
        "BG/NBD: predictive interval of purchases, total": lambda: clv.interval(
            model, customers, "expected_purchases", horizon=39, kind="predictive", by="total", rng=1
        ),
    }
    print("\n| work on CDNOW, 2,357 customers | median | in fits of lifetimes |")
    print("|---|---|---|")
    print(f"| lifetimes: one BG/NBD fit | {one:.3f} s | 1.0 |")
    for name, call in work.items():
        seconds = median_time(call, repeats)
        print(f"| {name} | {seconds:.3f} s | {seconds / one:.1f} |")


FIT = r"""
import re, sys
import numpy as np
from customervalue import CustomerSummary, clv
x, t_x, T = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("x", "t_x", "T"))
clv.ParetoNBD.fit(clv.ParetoNBD(0.5, 10.0, 0.6, 12.0).simulate(200, 39.0, 1), prior="weak")  # loads what it needs

def peak():
    return int(re.search(r"VmHWM:\s*(\d+)", open("/proc/self/status").read())[1]) / 1024

before = peak()
summary = CustomerSummary(x, t_x, T)
clv.BGNBD.fit(summary)
clv.ParetoNBD.fit(summary)
print(sum(column.nbytes for column in (x, t_x, T)) / 2**20, len(summary.unique), before, peak())
"""


def memory(customers: int) -> None:
    """Peak memory of checks, compression and fits in a process of their own, beside the arrays that came in."""
    for days in (True, False):
        data = simulate(customers, days=days)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("x", "t_x", "T"):
                np.save(f"{folder}/{name}.npy", getattr(data, name))
            done = subprocess.run([sys.executable, "-c", FIT, folder], check=True, capture_output=True, text=True)
        arrays, rows, before, after = (float(number) for number in done.stdout.split())
        grid = "dated to the day" if days else "on no grid"
        print(f"{customers:,} customers, {grid}: input arrays {arrays:,.0f} MiB, distinct rows {rows:,.0f}")
        print(f"  peak before {before:,.0f} MiB, after the fits of BG/NBD and Pareto/NBD {after:,.0f} MiB")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e6)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pareto", action="store_true", help="fit Pareto/NBD with lifetimes at any size (minutes)")
    parser.add_argument("--memory", action="store_true", help="only the peak memory, of ten times as many customers")
    options = parser.parse_args()
    n = int(options.customers)
    warnings.simplefilter("ignore")
    if options.memory:
        memory(10 * n)
        return
    print(f"{n:,} customers, purchases dated to the day\n")
    report(fits_and_predictions(n, options.repeats, pareto_fit=options.pareto or n <= 100_000))
    resampling(options.repeats)


if __name__ == "__main__":
    main()
