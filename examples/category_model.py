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

print(f"\nHalf of the households make the model; of the others it is told only what they buy of {BRAND}.\n")
counts = np.column_stack([panel[name] for name in model.brands])
half = np.random.default_rng(1).permutation(len(counts)) % 2 == 0
learned = NBDDirichlet.fit(counts[half], brands=model.brands)
own = counts[~half, model.brands.index(BRAND)]
wallets = learned.expected_wallet(own, BRAND)
print(wallets)

truth = counts[~half].sum(axis=1)
inside = np.mean((wallets.low <= truth) & (truth <= wallets.high))
print(f"\nThe panel knows their category purchases: {inside:.0%} lie in the 90 % interval;")
print(f"{wallets.wallet.sum():,.0f} purchases were expected in all, and {truth.sum():,} were made.")
some = learned.expected_wallet([1, 5, 20, 60], BRAND)
pairs = zip(some.own_purchases, some.headroom, strict=True)
print("Headroom: " + "; ".join(f"{more:.1f} beside {ours:.0f} of ours" for ours, more in pairs))
