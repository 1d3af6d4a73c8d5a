"""A panel of yogurt buyers: a model of the category, held against the panel, and the wallets behind one brand's sales.

Run it with `python examples/category_model.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue.wallet import NBDDirichlet

BRAND = "dannon"
panel = cv.datasets.load_yogurt()
model = NBDDirichlet.fit(panel, brands=["dannon", "hiland", "weight", "yoplait"])

print("How often households buy (M, K), and what they choose (one alpha for each brand).\n")
print(model.inference)

print("\nWhat the 100 households did, beside what the model says they should have done.\n")
print(model.compare(panel))

print("\nThe buyers of a brand: what else do they buy?\n")
print(model.duplication())

own = panel[BRAND][panel[BRAND] > 0]
print(f"\nThe buyers of {BRAND}, of whom only their purchases of {BRAND} are told.\n")
wallets = model.expected_wallet(own, BRAND)
print(wallets)

truth = sum(panel[name] for name in model.brands)[panel[BRAND] > 0]
inside = np.mean((wallets.low <= truth) & (truth <= wallets.high))
print(f"\nThe panel knows their category purchases: {inside:.0%} lie in the 90 % interval;")
print(f"{wallets.wallet.sum():,.0f} purchases were expected in all, and {truth.sum():,} were made.")
some = model.expected_wallet([1, 5, 20, 60], BRAND)
pairs = zip(some.own_purchases, some.headroom, strict=True)
print("Headroom: " + "; ".join(f"{more:.1f} beside {ours:.0f} of ours" for ours, more in pairs))
