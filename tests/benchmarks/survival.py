"""Kaplan-Meier on a million customers against scipy.stats.ecdf, in the same run.

    python tests/benchmarks/survival.py                  # about a minute
    python tests/benchmarks/survival.py --customers 1e5

Prints a Markdown table of medians and ratios; the ratios are what counts, as machines differ and are shared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import CensoredData, ecdf

from customervalue.retention import compare_survival, revenue_bridge, survival_curve

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


def compare(n: int, repeats: int, *, days: bool) -> list[tuple[str, float, float]]:
    """Time SciPy's curve and ours; ours with its checks, and also with its intervals."""
    rng = np.random.default_rng(1)
    life, watch = rng.exponential(60, n), rng.uniform(0, 150, n)
    duration, churned = np.minimum(life, watch), life <= watch
    if days:
        duration = np.floor(duration * 7) / 7
    entry = np.where(rng.random(n) < 0.5, duration * rng.random(n), 0.0)
    group = rng.integers(0, 3, n)

    def theirs() -> object:
        return ecdf(CensoredData.right_censored(duration, ~churned))

    def intervals() -> object:
        curve = survival_curve(duration, churned)
        return curve.low, curve.high

    difference = np.abs(survival_curve(duration, churned).estimate - theirs().sf.probabilities).max()
    print(f"largest difference of the curves: {difference:.1e}\n")
    base, wide = median_time(theirs, repeats), median_time(lambda: theirs().sf.confidence_interval(), repeats)
    return [
        ("curve", base, median_time(lambda: survival_curve(duration, churned), repeats)),
        ("curve with intervals", wide, median_time(intervals, repeats)),
        ("curve with late entry", base, median_time(lambda: survival_curve(duration, churned, entry=entry), repeats)),
        ("log-rank test, 3 groups", base, median_time(lambda: compare_survival(duration, churned, group), repeats)),
    ]


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e6)
    parser.add_argument("--repeats", type=int, default=7)
    options = parser.parse_args()
    n = int(options.customers)
    for days in (True, False):
        print(f"\n{n:,} customers, {'durations in whole days' if days else 'all durations different'}\n")
        rows = compare(n, options.repeats, days=days)
        print("| work | scipy.stats.ecdf | customervalue | ours / SciPy's |")
        print("|---|---|---|---|")
        for name, theirs, ours in rows:
            print(f"| {name} | {theirs:.3f} s | {ours:.3f} s | {ours / theirs:.2f} |")
    rng = np.random.default_rng(2)
    before, after = (rng.gamma(2, 30, n) * (rng.random(n) < 0.7) for _ in range(2))
    bridge = revenue_bridge(before, after)
    seconds = median_time(lambda: revenue_bridge(before, after), options.repeats)
    each = median_time(lambda: bridge.interval(n=50, rng=1), 3) / 50
    print(f"\nrevenue bridge: {seconds:.2f} s; each resample for its intervals: {1e3 * each:.1f} ms")


if __name__ == "__main__":
    main()
