"""The category model: fits on 100,000 customers x 10 brands, and the wallets of a million.

    python tests/benchmarks/wallet_category.py            # about half a minute
    python tests/benchmarks/wallet_category.py --scale 0.1

Prints a Markdown table of medians; machines differ and are shared.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from customervalue.wallet import NBDDirichlet

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
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the customers")
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    truth = NBDDirichlet(M=6.0, K=0.8, alpha=tuple(np.linspace(0.05, 0.3, 10)))
    heavy = NBDDirichlet(M=50.0, K=0.3, alpha=(0.1, 0.2))
    heaviest = NBDDirichlet(M=500.0, K=0.3, alpha=(0.3, 0.7))
    panel, base = (round(size * options.scale) for size in (100_000, 1_000_000))
    counts = truth.simulate(panel, 1)
    own, much, most = truth.simulate(base, 2)[:, 9], heavy.simulate(base, 2)[:, 0], heaviest.simulate(base, 2)[:, 0]
    model = NBDDirichlet.fit(counts)
    wallets = model.expected_wallet(own, 9)
    calls: list[tuple[str, Callable[[], object]]] = [
        (f"fit, {panel:,} customers x 10 brands", lambda: NBDDirichlet.fit(counts)),
        (f"compare, {panel:,} customers x 10 brands", lambda: model.compare(counts)),
        ("brand_table, 10 brands", model.brand_table),
        ("duplication, 10 brands", model.duplication),
        (f"expected_wallet, {base:,} customers, x up to {own.max():,.0f}", lambda: model.expected_wallet(own, 9)),
        (f"expected_wallet, {base:,} customers, x up to {much.max():,.0f}", lambda: heavy.expected_wallet(much, 0)),
        (f"expected_wallet, {base:,} customers, x up to {most.max():,.0f}", lambda: heaviest.expected_wallet(most, 0)),
        (f"  .probability, {base:,} customers", lambda: wallets.probability(5)),
        (f"  .draws(10), {base:,} customers", lambda: wallets.draws(10, 1)),
    ]
    print("| call | seconds |\n|---|---|")
    for name, call in calls:
        print(f"| {name} | {median_time(call, options.repeats):.3f} |")


if __name__ == "__main__":
    main()
