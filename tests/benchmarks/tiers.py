"""How fast values become tiers, ranks and a table, against one numpy.argsort of the same values in the same run.

python tests/benchmarks/tiers.py [--customers 10000000] [--repeats 3] [--ties]
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.tiers import Cut, differentiate, potential_from_peers, value_tiers

if TYPE_CHECKING:
    from collections.abc import Callable


def seconds(work: Callable[[], Any]) -> tuple[float, float]:
    """By the clock, and of the processor: the second is less disturbed by what else the machine does."""
    start, busy = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - start, time.process_time() - busy


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=10_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--ties", action="store_true", help="whole numbers, so that many values are equal")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    value = rng.gamma(0.5, 100.0, options.customers) - 5
    if options.ties:
        value = np.round(value)
    segment = rng.integers(0, 1000, options.customers)
    potential = value + rng.gamma(0.5, 50.0, options.customers)
    cuts = {"customers": [0.01, 0.05, 0.2], "value": [0.5, 0.8, 0.95], "threshold": [300.0, 100.0, 10.0]}
    work: dict[str, Callable[[], Any]] = {"numpy.argsort": lambda: np.argsort(value)}
    for by, where in cuts.items():
        work[f"tiers and table, by {by}"] = lambda by=by, where=where: repr(value_tiers(value, by=by, cuts=where))  # type: ignore[misc]
    for by, where in cuts.items():
        work[f"the same and ranks, by {by}"] = lambda by=by, where=where: value_tiers(value, by=by, cuts=where).rank  # type: ignore[misc]
    work["differentiate, two cuts in money"] = lambda: differentiate(value, potential, cut_actual=100, cut_potential=60)
    work["differentiate, two quantiles"] = lambda: differentiate(
        value, potential, cut_actual=Cut.quantile(0.8), cut_potential=Cut.quantile(0.6)
    )
    work["potential from 1,000 segments"] = lambda: potential_from_peers(value, segment=segment, quantile=0.9)
    # In turns, so that a busy minute of the machine falls on all of them alike.
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in work}
    for _ in range(options.repeats):
        for name, run in work.items():
            taken[name].append(seconds(run))
    middle = {name: [statistics.median(t) for t in zip(*times, strict=True)] for name, times in taken.items()}
    one = middle["numpy.argsort"]
    print(f"{options.customers:,} customers; median of {options.repeats}, in seconds and beside argsort")
    print(f"{'':<34} {'clock':>14} {'processor':>14}")
    for name, (clock, busy) in middle.items():
        print(f"{name:<34} {clock:7.2f} {clock / one[0]:5.2f}x {busy:7.2f} {busy / one[1]:5.2f}x")


if __name__ == "__main__":
    main()
