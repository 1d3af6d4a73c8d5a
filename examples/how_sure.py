"""How sure can one be? 39 weeks of CDNOW seen, intervals for the next 39, and what then happened.

Run it with `python examples/how_sure.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue import clv

END, WEEKS, LEVEL = np.datetime64("1997-09-30"), 39, 0.9

log = cv.datasets.load_cdnow()
customers = cv.summarize(log, customer="customer_id", date="date", value="value", observation_end=END)

comparison = clv.compare(customers, [clv.BGNBD, clv.MBGNBD, clv.ParetoNBD])
print(comparison)
print("\nThe first two fit alike. We go on with BG/NBD, and with Gamma-Gamma for spend.")

# Parameters as often as the data make them probable, and not only the likeliest ones.
purchases = clv.BGNBD.fit(customers).draws(500, rng=1, customers=customers)
spending = clv.GammaGamma.fit(customers).draws(500, rng=2, customers=customers)
worth = [draws.effective_sample_size for draws in (purchases, spending)]
print(f"Draws are worth {worth[0]:,.0f} and {worth[1]:,.0f} independent ones.")

# Spend of the next 39 weeks as it is: no discount, no margin.
terms = {"horizon": WEEKS, "discount_rate": 0.0}
value = clv.customer_lifetime_value(purchases.model, spending.model, customers, **terms)
three = np.argsort(-value, kind="stable")[:3]

# What happened then; purchases on one day are one purchase, as in the summary.
later = log["date"] > END
who, days = np.unique(np.stack([log["customer_id"][later], log["date"][later].astype(np.int64)]), axis=1)
bought = np.bincount(who, minlength=log["customer_id"].max() + 1)[customers.customer_id]
spent = np.bincount(log["customer_id"][later], log["value"][later], minlength=bought.size + 1)[customers.customer_id]

print(f"\nThe next {WEEKS} weeks: expected, {LEVEL:.0%} interval of what will happen, and what happened")
print(f"{'':<16}{'purchases':^34}{'spend':^36}")
for group, rows in [(f"customer {customers.customer_id[i]}", [i]) for i in three] + [("all customers", slice(None))]:
    some = customers[rows]
    options = {"by": "total", "kind": "predictive", "level": LEVEL}
    n = clv.interval(purchases, some, horizon=WEEKS, rng=3, **options)
    v = clv.interval(purchases, some, "customer_lifetime_value", spending=spending, rng=4, **terms, **options)
    print(
        f"{group:<14}{n.estimate[0]:8,.1f}{n.low[0]:8,.0f} to {n.high[0]:5,.0f}{bought[rows].sum():7,d}"
        f"{v.estimate[0]:12,.0f}{v.low[0]:8,.0f} to {v.high[0]:6,.0f}{spent[rows].sum():9,.0f}"
    )

print("\nAn interval holds what chance does and what the data leave open of the parameters.")
print("It does not hold that the weeks to come may be unlike those seen.")
