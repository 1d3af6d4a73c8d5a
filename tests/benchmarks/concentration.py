"""How long ten million customers take: concentration and RFM scores against one numpy.argsort, in the same run.

    python tests/benchmarks/concentration.py                  # about two minutes
    python tests/benchmarks/concentration.py --customers 1e6

Prints a Markdown table of medians and ratios; the ratios are what counts, as machines differ and are shared.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from customervalue.tiers import concentration, rfm_scores, rfm_segments

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


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e7)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    n = int(options.customers)
    rng = np.random.default_rng(1)
    profit = rng.lognormal(3, 1.5, n) - 5
    counts = rng.poisson(rng.gamma(0.4, 5, n)).astype(np.float64)
    since = rng.integers(0, 365, n) / 7

    def everything() -> object:
        base = concentration(profit)
        return base.gini, base.top_share(0.2), base.deciles, base.whale

    base = concentration(profit)
    columns = {"recency": since, "frequency": counts, "monetary": profit}
    scores = rfm_scores(columns)
    work: list[tuple[str, Callable[[], object]]] = [
        ("numpy.argsort", lambda: np.argsort(profit)),
        ("concentration: Gini, shares, deciles, whale curve", everything),
        ("the same of purchase counts", lambda: concentration(counts).gini),
        ("the same with weights", lambda: concentration(profit, weights=np.ones(n)).gini),
        ("interval of the Gini by the normal distribution", lambda: base.interval(n=0)),
        ("RFM scores, cuts learned", lambda: rfm_scores(columns)),
        ("RFM scores, cuts given", lambda: rfm_scores(columns, cuts=scores.cuts)),
        ("RFM segments", lambda: rfm_segments(scores, "standard")),
    ]
    sort = median_time(work[0][1], options.repeats)
    print(f"{n:,} customers\n")
    print("| work | seconds | of one argsort |")
    print("|---|---|---|")
    for name, call in work:
        seconds = median_time(call, options.repeats)
        print(f"| {name} | {seconds:.2f} | {seconds / sort:.2f} |")
    small = concentration(profit[: min(n, 10_000)])
    each = median_time(lambda: small.interval(n=200, rng=1), 3) / 200
    print(f"\none resample of {small.n_customers:,} customers: {1e3 * each:.2f} ms")
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.1f} GiB")


if __name__ == "__main__":
    main()
