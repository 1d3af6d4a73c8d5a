"""How unequal the customers of CDNOW are: as observed, with costs, and in truth.

Run it with `python examples/whale_curve.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue import clv, tiers

log = cv.datasets.load_cdnow()
_, place = np.unique(log["customer_id"], return_inverse=True)
spend, orders = np.bincount(place, weights=log["value"]), np.bincount(place)

print("Spend in 78 weeks.\n")
print(tiers.concentration(spend, bootstrap=500, rng=1, currency="USD"))

print("\nProfit, if the margin is 40 % and every order costs 8 to handle.\n")
print(tiers.concentration(0.4 * spend - 8 * orders, currency="USD").whale)

print("\nRepeat purchases in 39 weeks, and the rates beneath them.\n")
customers = cv.summarize(log, observation_end="1997-09-30")
seen = tiers.concentration(customers.frequency)
print(f"observed        Gini {seen.gini:.3f}, the best 20 % make {seen.top_share(0.2):.1%} of the purchases")
for kind in (clv.NBD, clv.BGNBD):
    truth = tiers.true_concentration(kind.fit(customers), n=500, rng=1)
    print(f"true, by {kind.__name__:<6} Gini {truth.gini:.3f}, the best 20 % make {truth.top_share(0.2):.1%}")
    print(f"                {truth.interval('top_share')}")
print(
    "\nNBD: everybody stays, and some of the difference is luck. BG/NBD: rates while active; those who buy often also\n"
    "leave sooner, so the counts are more even than the rates."
)
