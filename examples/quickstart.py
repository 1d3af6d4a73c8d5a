"""From a log of purchases to what each customer is worth: 39 weeks of CDNOW seen, the next 39 and 52 foretold.

Run it with `python examples/quickstart.py`; it needs nothing but customervalue.
"""

import numpy as np

import customervalue as cv
from customervalue import clv

log = cv.datasets.load_cdnow()
customers = cv.summarize(log, customer="customer_id", date="date", value="value", observation_end="1997-09-30")
print(customers)

purchases = clv.BGNBD.fit(customers)
spending = clv.GammaGamma.fit(customers)
for model in (purchases, spending):
    fit = model.inference
    print(f"\n{type(model).__name__}: {fit.n_customers:,} customers, log-likelihood {fit.log_likelihood:,.2f}")
    for name, (low, high) in fit.confidence_intervals(0.95).items():
        print(f"  {name:<6}{fit.parameters[name]:8.4f}   95 % interval {low:.4f} to {high:.4f}")

alive = purchases.probability_alive(customers)
expected = purchases.expected_purchases(customers, horizon=39)
spend = spending.expected_spend(customers)
terms = {"horizon": 52, "discount_rate": 0.15, "margin": 0.3}
value = clv.customer_lifetime_value(purchases, spending, customers, **terms)

print("\nThe ten customers worth most from here on")
print("customer  bought again  P(alive)  purchases, 39 weeks  spend per purchase  CLV, 52 weeks")
for i in np.argsort(-value, kind="stable")[:10]:
    print(
        f"{customers.customer_id[i]:8d}{customers.frequency[i]:14d}{alive[i]:10.3f}"
        f"{expected[i]:21.2f}{spend[i]:20.2f}{value[i]:15.2f}"
    )

newcomer = clv.new_customer_lifetime_value(purchases, spending, **terms)
print(f"\nOne more customer like these, from the first purchase on: {newcomer:.2f}")
print(f"Expected of all {len(customers):,} in the next 39 weeks: {expected.sum():,.0f} purchases")
print(f"The base is worth, over 52 weeks at 15 % a year and a margin of 30 %: {value.sum():,.2f}")
