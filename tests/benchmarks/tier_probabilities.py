"""How long the tiers of many customers take, from draws of their value that are never all in memory.

Draws are made beforehand and given again and again, so that making them does not count: a handful of draws of all
customers, each given as a block of its own. Memory is the largest resident size of the process, less that before.

python tests/benchmarks/tier_probabilities.py [--customers 1000000] [--draws 1000] [--tiers 4] [--block 1]
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from customervalue.tiers import Scheme, tier_probabilities

DISTINCT = 8


def peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--tiers", type=int, default=4)
    parser.add_argument("--block", type=int, default=1, help="draws per block")
    options = parser.parse_args()
    rng = np.random.default_rng(1)
    made = rng.gamma(0.5, 100.0, (max(DISTINCT, options.block), options.customers))
    blocks = len(made) // options.block
    stream = (
        made[(i % blocks) * options.block : (i % blocks + 1) * options.block]
        for i in range(options.draws // options.block)
    )
    names = tuple(f"tier {i}" for i in range(options.tiers))
    scheme = Scheme(names, tuple(np.geomspace(200, 20, options.tiers - 1).tolist()) if options.tiers > 2 else (100,))
    before, wall, cpu = peak(), time.perf_counter(), time.process_time()
    found = tier_probabilities(stream, scheme)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(
        f"{options.customers:,} customers x {found.n_draws:,} draws, {options.tiers} tiers, blocks of {options.block}"
    )
    print(f"{wall:.1f} s ({cpu:.1f} s of processor time), {1e3 * cpu / found.n_draws:.1f} ms per draw of all customers")
    size = options.customers * options.draws * 8 / 2**20
    print(f"memory {peak() - before:,.0f} MB above the {before:,.0f} MB before; all draws would be {size:,.0f} MB")


if __name__ == "__main__":
    main()
