"""How much more could each customer spend with us? Only our own sales are known, and some features of the customers.

Run it with `python examples/wallet_frontier.py`; it needs nothing but customervalue. The companies are made up: each
spends with us a random share of a budget that grows with its size and is larger in the city.
"""

import numpy as np

from customervalue import wallet

rng = np.random.default_rng(3)
n = 5_000
features = {"employees": np.ceil(rng.lognormal(3, 0.8, n)), "city": rng.integers(0, 2, n)}
spend = (2_000 + 150 * features["employees"] + 1_500 * features["city"]) * rng.beta(1.5, 2, n)

print("What one in ten comparable customers exceeds, and one in five.\n")
frontier = wallet.WalletFrontier.fit(features, spend, quantile=(0.8, 0.9), bootstrap=100, rng=1)
print(frontier)

print("\nJudged by customers that it has not seen.\n")
score, coverage = wallet.WalletFrontier.cross_validate(features, spend, quantile=(0.8, 0.9), rng=1)
print(score)
print(coverage)

print("\nThe customers with the most headroom at the 0.9 quantile. This is what we could sell, not what they spend.\n")
headroom = frontier.headroom(features, spend)[:, 1]
low, high = frontier.interval(features, spend, level=0.9)
for i in np.argsort(-headroom)[:5]:
    print(
        f"customer {i:>4}, {features['employees'][i]:>3.0f} employees: spends {spend[i]:>7,.0f},"
        f" could spend {spend[i] + headroom[i]:>7,.0f} ({low[i, 1]:,.0f} to {high[i, 1]:,.0f})"
    )
