"""What is each household's share of its catsup that is ours? Few purchases say little; all households together help.

Run it with `python examples/shrunken_shares.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue import wallet

BRANDS = ["heinz28", "heinz32", "heinz41", "hunts32"]
panel = cv.datasets.load_catsup()
category = sum(panel[brand] for brand in BRANDS)
ours = panel["heinz28"]

model = wallet.BetaBinomialShare.fit(ours, category)
print(f"{model}: mean share {model.mean:.1%}, polarization {model.polarization:.2f}\n")
print(model.inference)

print("\nThree households that buy nothing else, and one that never buys it:\n")
own, total = np.array([1, 5, 20, 0]), np.array([1, 5, 20, 20])
lower, upper = model.interval(own, total, level=0.9)
for row in zip(own, total, own / total, model.share(own, total), lower, upper, strict=True):
    print("  {} of {}: raw share {:.0%}, expected {:.0%} (90 % between {:.0%} and {:.0%})".format(*row))

loyal = model.probability_above(0.5, ours, category)
print(f"\n{(ours == category).sum()} households bought nothing else; {loyal.sum():.0f} are expected to give us more")
print(f"than half of their purchases, and of {(loyal > 0.9).sum()} that is more than 90 % sure.")

print("\nAll brands at once:\n")
brands = wallet.DirichletShare.fit(panel, brands=BRANDS)
print(brands)
print(brands.share([[1, 0, 0, 0], [0, 8, 0, 2]]).round(2))
