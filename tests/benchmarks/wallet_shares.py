"""Shares of a million customers: fit, share, interval and probability, for purchases and for money.

    python tests/benchmarks/wallet_shares.py                  # about a minute
    python tests/benchmarks/wallet_shares.py --customers 1e5

Prints a Markdown table of medians, and the same work with scipy.stats.betabinom where it can do it.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy import optimize, stats

from customervalue.wallet import BetaBinomialShare, DirichletShare, share_change

if TYPE_CHECKING:
    from collections.abc import Callable


def median_time(call: Callable[[], object], repeats: int) -> float:
    """Median wall time of a call, in seconds."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def naive_fit(own: np.ndarray, category: np.ndarray) -> object:
    """The same maximum with scipy.stats.betabinom, row by row."""
    start = np.zeros(2)
    return optimize.minimize(
        lambda t: -stats.betabinom(category, *np.exp(t)).logpmf(own).mean(), start, method="Nelder-Mead"
    )


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e6)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    n, rng = int(options.customers), np.random.default_rng(1)
    category = rng.poisson(rng.gamma(1.0, 8.0, n))
    own = rng.binomial(category, rng.beta(0.5, 1.5, n))
    brands = DirichletShare(alpha=[0.5, 0.4, 0.3, 0.2, 0.2, 0.1, 0.1, 0.1, 0.05, 0.05], brands=list("abcdefghij"))
    table = brands.simulate(category, rng)
    value = rng.gamma(4.0, 2.5, n)
    one, money = BetaBinomialShare.fit(own, category), (own * value, category * value)
    some = slice(None, 20_000)
    first, second = (own[some], category[some]), (own[20_000:40_000], category[20_000:40_000])
    rows: list[tuple[str, Callable[[], object], int]] = [
        ("BetaBinomialShare.fit", lambda: BetaBinomialShare.fit(own, category), options.repeats),
        ("share", lambda: one.share(own, category), options.repeats),
        ("interval", lambda: one.interval(own, category), options.repeats),
        ("probability_above", lambda: one.probability_above(0.5, own, category), options.repeats),
        ("fit_spend", lambda: BetaBinomialShare.fit_spend(*money, category, variation=0.5), 1),
        ("DirichletShare.fit, 10 brands", lambda: DirichletShare.fit(table), options.repeats),
        ("DirichletShare.share, 10 brands", lambda: brands.share(table), options.repeats),
        ("DirichletShare.interval, 10 brands", lambda: brands.interval(table), options.repeats),
        ("scipy.stats.betabinom, first 1 %", lambda: naive_fit(own[: n // 100], category[: n // 100]), 1),
    ]
    if n >= 40_000:
        rows.append(("share_change, 20,000 customers", lambda: share_change(first, second), 1))
        some = slice(0, 300)
        spent = [(money[0][part], money[1][part]) for part in (some, slice(300, 600))]
        bought = (category[some], category[300:600])
        rows.append(("share_change of money, 300", lambda: share_change(*spent, purchases=bought, variation=0.5), 1))
    print(f"\n{n:,} customers\n\n| work | seconds |\n|---|---|")
    for name, call, repeats in rows:
        print(f"| {name} | {median_time(call, repeats):.3f} |")


if __name__ == "__main__":
    main()
