"""From a log of purchases to tiers by value and potential, how sure they are, and how they move: CDNOW.

Run it with `python examples/tiers.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue import clv, tiers

log = cv.datasets.load_cdnow()
customers = cv.summarize(log, customer="customer_id", date="date", value="value", observation_end="1997-09-30")

purchases = clv.BGNBD.fit(customers)
spending = clv.GammaGamma.fit(customers)
terms = {"horizon": 52, "discount_rate": 0.15, "margin": 0.3}
value = clv.customer_lifetime_value(purchases, spending, customers, **terms)

# Where to cut is a decision, so it stands here and not in the library.
print("The best 5 %, the next 15 %, the next 30 %, and the rest")
base = tiers.value_tiers(
    value, by="customers", cuts=[0.05, 0.2, 0.5], currency="USD", customer_id=customers.customer_id
)
print(base)

# Peers: customers whose first order was about as large. What they bought afterwards is what differs.
first_day = np.full(customers.customer_id.max() + 1, np.datetime64("2000-01-01"))
np.minimum.at(first_day, log["customer_id"], log["date"])
on_first_day = log["date"] == first_day[log["customer_id"]]
first_order = np.bincount(log["customer_id"][on_first_day], log["value"][on_first_day])[customers.customer_id]
segment = np.searchsorted(np.quantile(first_order, [0.25, 0.5, 0.75]), first_order)
potential = tiers.potential_from_peers(value, segment=segment, quantile=0.9)

print("\nValue and potential: what the best tenth of the peers are worth is what a customer could be worth")
groups = tiers.differentiate(
    value,
    potential,
    cut_actual=tiers.Cut.top_share(0.2),
    cut_potential=tiers.Cut.quantile(0.6),
    currency="USD",
    customer_id=customers.customer_id,
)
print(groups)

# How sure: parameters drawn from what the data leave possible, and the value of everybody with each.
print("\nHow sure each customer's tier is, as far as the model's parameters are known")
draws = clv.prediction_draws(purchases, customers, "customer_lifetime_value", spending=spending, n=100, rng=1, **terms)
sure = tiers.tier_probabilities(draws, base.scheme, value=value, customer_id=customers.customer_id)
print(sure)

# Half a year later: new values, and a move only for those whose value has passed the boundary by a dollar.
print("\nHalf a year later")
later = cv.summarize(log, customer="customer_id", date="date", value="value", observation_end="1998-03-31")
new_value = clv.customer_lifetime_value(clv.BGNBD.fit(later), clv.GammaGamma.fit(later), later, **terms)
now = tiers.assign(base, new_value, base.scheme, hysteresis=1.0, customer_id=later.customer_id)
print(now)

print("\nWho moved between the two dates, and what that was worth")
moves = tiers.migration(base, now, value_before=value, value_after=new_value)
print(moves)
print(moves.movements())
