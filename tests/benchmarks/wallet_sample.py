"""Fractional logit at 100,000 customers x 10 features against statsmodels' GLM, in the same run.

    pip install statsmodels
    python tests/benchmarks/wallet_sample.py             # about a minute
    python tests/benchmarks/wallet_sample.py --customers 1e4

statsmodels is needed for the comparison only; without it our own times are printed. Prints a Markdown table of medians;
the ratios are what counts, as machines differ and are shared.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from typing import TYPE_CHECKING

import numpy as np

from customervalue.wallet import ShareRegression, WalletRegression, overlap

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


def compare(features: np.ndarray, share: np.ndarray, repeats: int) -> None:
    """Print the times of both, and how far their coefficients and covariances lie apart."""
    ours = median_time(lambda: ShareRegression.fit(features, share), repeats)
    if importlib.util.find_spec("statsmodels") is None:
        print(f"fractional logit: {ours:.2f} s (pip install statsmodels to compare)")
        return
    import statsmodels.api as sm

    def theirs() -> object:
        return sm.GLM(share, sm.add_constant(features), family=sm.families.Binomial()).fit(cov_type="HC0")

    inference, other = ShareRegression.fit(features, share).inference, theirs()
    apart = np.abs(inference.coefficients - other.params).max()
    spread = np.abs(inference.covariance / other.cov_params() - 1).max()
    print(f"largest difference of coefficients {apart:.1e}, relative of covariances {spread:.1e}\n")
    base = median_time(theirs, repeats)
    print("| work | statsmodels | customervalue | ours / theirs |\n|---|---|---|---|")
    print(f"| fractional logit, robust errors | {base:.2f} s | {ours:.2f} s | {ours / base:.2f} |\n")


def main() -> None:
    """Run everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--customers", type=float, default=1e5)
    parser.add_argument("--features", type=int, default=10)
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    rng, n = np.random.default_rng(1), int(options.customers)
    features = rng.normal(size=(n, options.features))
    mean = 1 / (1 + np.exp(-features @ np.linspace(-0.5, 0.5, options.features)))
    share = rng.beta(3 * mean, 3 * (1 - mean))
    wallet = np.exp(4 + features[:, 0] + 0.5 * rng.normal(size=n))
    print(f"{n:,} customers, {options.features} features\n")
    compare(features, share, options.repeats)
    shares = ShareRegression.fit(features[:1_000], share[:1_000])
    wallets = WalletRegression.fit(features[:1_000], wallet[:1_000])
    calls = {
        "fit of log wallets": lambda: WalletRegression.fit(features, wallet),
        "share of the rest": lambda: shares.share(features),
        "interval of shares": lambda: shares.interval(features),
        "wallet of the rest": lambda: wallets.wallet(features, share * wallet),
        "interval of wallets": lambda: wallets.interval(features, share * wallet),
        "100 draws of wallets": lambda: wallets.draws(features, 100, 1),
        "overlap": lambda: overlap(features[:1_000], features),
    }
    print("| work | time |\n|---|---|")
    for name, call in calls.items():
        print(f"| {name} | {median_time(call, options.repeats):.2f} s |")


if __name__ == "__main__":
    main()
