"""Who stays? Cohorts and money of CDNOW, where nobody says that he leaves, and contracts, where it is known.

Run it with `python examples/retention.py`; it needs nothing but customervalue.
"""

import customervalue as cv
from customervalue import clv, retention

END = "1998-06-30"
log = cv.datasets.load_cdnow()

print("Observed: the share of each monthly cohort that buys again.\n")
print(retention.cohort_table(log, observation_end=END))

print("\nIn money: what became of the revenue of one quarter in the next.\n")
print(
    retention.revenue_bridges(log, customer="customer_id", date="date", value="value", period="Q", observation_end=END)
)

print("\nWithout contracts: how many are still there, as far as a model can tell.\n")
customers = cv.summarize(log, observation_end=END)
print(retention.expected_active(clv.ParetoNBD.fit(customers), customers, level=0.9, n=200, rng=1))

print("\nIn contracts: fitted to seven years, looked at in the twelfth, when 39.4 % were left (Fader & Hardie 2007).\n")
survivors = [1000, 869, 743, 653, 593, 551, 517, 491]
for kind in (retention.ShiftedBetaGeometric, retention.Geometric):
    model = kind.fit_survivors(survivors)
    worth = model.residual_value(100.0, [0, 2, 5], 0.1)
    print(f"{model}")
    print(f"  after 12 years {model.survival(12):.1%}; 100 a year is worth {worth.round()} after 0, 2 and 5 renewals")
