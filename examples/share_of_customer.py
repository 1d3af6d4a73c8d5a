"""What share of each customer is ours? Four brands of catsup, 300 households, every purchase seen.

Run it with `python examples/share_of_customer.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue import wallet

panel = cv.datasets.load_catsup()
names = ["heinz28", "heinz32", "heinz41", "hunts32"]
purchases = np.column_stack([panel[name] for name in names])
own, category = panel["heinz28"], purchases.sum(axis=1)

print("Observed: one household gives us little of its wallet, another nearly all of it.\n")
share = wallet.share_of_wallet(own, category)
for household in (3, 1):
    row = household - 1
    print(f"  household {household}: {own[row]} of {category[row]} purchases, a share of {share[row]:.2f}")

print("\nAll brands side by side.\n")
summary = wallet.category_summary(panel, brands=names)
print(summary)

print("\nWhy the market share of our brand is what it is.\n")
print(summary["heinz28"].identity())

print("\nIf only ranks were known: shares by the Wallet Allocation Rule, from which brand each buys most.\n")
ratings = np.where(purchases > 0, purchases, np.nan)
print(wallet.allocation_score(ratings, of="ratings", names=names))
ranked = wallet.wallet_allocation(ratings, of="ratings")[:, 0]
buys = own > 0
print(f"\n  our buyers' mean share: {share[buys].mean():.3f} observed, {ranked[buys].mean():.3f} from ranks")

print("\nWhat is at stake, up to a share that a quarter of our buyers exceed; 0.60 earned per purchase.\n")
target = summary["heinz28"].quantile(0.75)
found = wallet.opportunity(own, category, share_target=target, margin=0.6, customer_id=panel["household"])
print(found.top(10))
print(
    f"\n  These ten make {found.top(10).total / found.total:.0%} of the value at stake with all {own.size} households."
)
