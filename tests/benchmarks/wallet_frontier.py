"""Linear quantile regression and the wallet frontier, against statsmodels' QuantReg and SciPy's linear program.

    python tests/benchmarks/wallet_frontier.py                 # 100,000 customers, 10 features; about a minute
    python tests/benchmarks/wallet_frontier.py --customers 2e4

Prints Markdown tables. "loss above the best" is how much larger the mean pinball loss is than the smallest found, which
tells how exact each is; the ratios of times are what counts, as machines differ and are shared. statsmodels is left out
where it is not installed.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from customervalue.numerics.quantile_regression import linear_program, pinball, quantile_regression
from customervalue.wallet import WalletFrontier

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray


def timed(call: Callable[[], FloatArray], repeats: int) -> tuple[float, FloatArray]:
    """Median wall time of a call, in seconds, and what it gave."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = call()
        times.append(time.perf_counter() - start)
    return statistics.median(times), result


def spend_of(n: int, k: int, seed: int) -> tuple[FloatArray, FloatArray]:
    """Features and what customers spend, a random share of a wallet that grows with them; one in ten spends nothing."""
    rng = np.random.default_rng(seed)
    x = rng.gamma(2, 1, (n, k))
    wallet = (20 + x @ rng.uniform(5, 20, k)) * rng.lognormal(0, 0.3, n)
    return x, wallet * rng.beta(1, 2, n) * (rng.random(n) < 0.9)


def methods(design: FloatArray, y: FloatArray, q: float) -> dict[str, tuple[Callable[[], FloatArray], int]]:
    """Name -> call and how often to time it."""
    found: dict[str, tuple[Callable[[], FloatArray], int]] = {
        "customervalue": (lambda: quantile_regression(design, y, q), 5),
        "SciPy, dual linear program": (lambda: linear_program(design, y, q), 1),
    }
    try:
        from statsmodels.regression.quantile_regression import QuantReg
    except ImportError:
        return found
    model = QuantReg(y, design)
    found["statsmodels QuantReg, as it comes"] = (lambda: model.fit(q=q).params, 1)
    found["statsmodels QuantReg, p_tol=1e-10"] = (lambda: model.fit(q=q, p_tol=1e-10, max_iter=5000).params, 1)
    return found


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e5)
    parser.add_argument("--features", type=int, default=10)
    options = parser.parse_args()
    n, k = int(options.customers), options.features
    x, y = spend_of(n, k, 1)
    design = np.column_stack([np.ones(n), x])
    warnings.simplefilter("ignore")  # statsmodels says that it stopped at its limit of iterations
    for q in (0.5, 0.9):
        results = {name: timed(*call) for name, call in methods(design, y, q).items()}
        losses = {name: float(pinball(y, design @ beta, q).mean()) for name, (_, beta) in results.items()}
        best, ours = min(losses.values()), results["customervalue"][0]
        print(f"\n{n:,} customers, {k} features, the {q:g} quantile\n")
        print("| method | seconds | ours / its | loss above the best, relative |\n|---|---|---|---|")
        for name, (seconds, _) in results.items():
            print(f"| {name} | {seconds:.2f} | {ours / seconds:.3f} | {losses[name] / best - 1:.1e} |")
    warnings.simplefilter("default")
    fit, _ = timed(lambda: np.ones(1) * bool(WalletFrontier.fit(x, y, 0.9)), 3)
    several, _ = timed(lambda: np.ones(1) * bool(WalletFrontier.fit(x, y, (0.8, 0.9, 0.95))), 1)
    start = time.perf_counter()
    frontier = WalletFrontier.fit(x, y, 0.9, bootstrap=200, rng=1)
    boot = time.perf_counter() - start
    apply, _ = timed(lambda: frontier.wallet(x, y), 3)
    interval, _ = timed(lambda: frontier.interval(x, y)[0], 1)
    print("\n| WalletFrontier, with its checks | seconds |\n|---|---|")
    print(f"| fit | {fit:.2f} |\n| fit of three quantiles | {several:.2f} |\n| fit with 200 refits | {boot:.1f} |")
    print(f"| wallet of all | {apply:.3f} |\n| intervals of all from 200 refits | {interval:.1f} |")


if __name__ == "__main__":
    main()
