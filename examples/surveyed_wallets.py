"""Wallets of 5,000 customers from a survey of 400: what each buys elsewhere, how sure that is, and whom to visit.

The customers are simulated, so that what the survey says can be compared with what is so: offices that buy supplies,
from us and from others. Run it with `python examples/surveyed_wallets.py`; it needs nothing but customervalue.
"""

import numpy as np

from customervalue import wallet

rng = np.random.default_rng(8)
n, asked = 5_000, 400

staff = np.ceil(rng.lognormal(2.5, 0.9, n))
years = rng.gamma(2, 3, n)
visited = rng.random(n) < 0.3
truth = 180 * staff**0.9 * rng.lognormal(0, 0.45, n)
loyalty = 1 / (1 + np.exp(-(-0.9 + 0.08 * years + 0.7 * visited - 0.2 * np.log(staff / 12))))
own = np.round(truth * rng.beta(3 * loyalty, 3 * (1 - loyalty)), 2) + 5
truth = np.maximum(np.round(truth, 2), own)

features = {
    "log staff": np.log(staff),
    "years": years,
    "visited": visited,
    "log own spend": np.log(own),
}
survey = rng.permutation(n) < asked
answered, rest = ({name: column[rows] for name, column in features.items()} for rows in (survey, ~survey))

print("Are the surveyed like the rest?\n")
print(wallet.overlap(answered, rest))

print("\nThe logarithm of the wallet on what is known of everybody.\n")
model = wallet.WalletRegression.fit(answered, truth[survey], own_spend=own[survey])
print(model.inference)

print("\nWithin the survey: each customer predicted from the others.\n")


def fit(x: dict, y: np.ndarray):  # noqa: ANN201
    """A fit, as a function of features that gives the mean wallet and its interval."""
    fitted = wallet.WalletRegression.fit(x, y, own_spend=x["own"], names=list(features))
    return lambda new: (fitted.wallet(new, new["own"]), *fitted.interval(new, new["own"], level=0.9))


columns = answered | {"own": own[survey]}
predicted, low, high = wallet.cross_validate(fit, columns, truth[survey], folds=10, rng=1)
print(wallet.calibration_table(predicted, truth[survey], bins=5, low=low, high=high))

print("\nThe rest, who were not asked, and what is so.\n")
draws = model.draws(rest, n=500, rng=2, own_spend=own[~survey])
total = draws.sum(axis=1)
low, high = np.quantile(total, (0.05, 0.95))
print(f"all their wallets  {total.mean():12,.0f}  ({low:,.0f} to {high:,.0f} at 90 %)")
print(f"in truth           {truth[~survey].sum():12,.0f}")
low, high = model.interval(rest, own[~survey], level=0.9)
print(f"90 % intervals of one customer held {np.mean((low <= truth[~survey]) & (truth[~survey] <= high)):.1%}")

print("\nWhat drives the share, in points of share.\n")
drivers = {name: features[name] for name in ("log staff", "years", "visited")}
surveyed_drivers = {name: column[survey] for name, column in drivers.items()}
shares = wallet.ShareRegression.fit(surveyed_drivers, own[survey] / truth[survey])
print(shares.average_partial_effects(surveyed_drivers))

print("\nWhom to visit: value at stake if each came up to 60 % of his wallet, at a margin of 25 %.\n")
print(wallet.opportunity(own[~survey], draws, share_target=0.6, margin=0.25, customer_id=np.flatnonzero(~survey)))
