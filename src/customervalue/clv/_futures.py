"""What will happen to customers, drawn at random from parameters drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.clv.gamma_gamma import checked_spend, draw_scales, draw_values
from customervalue.clv.lifetime_value import check_cost, check_margins
from customervalue.errors import invalid

if TYPE_CHECKING:
    from customervalue._typing import FloatArray
    from customervalue.clv._purchase_model import PurchaseModel
    from customervalue.clv.gamma_gamma import GammaGamma
    from customervalue.summary import CustomerSummary

__all__ = ["OUTCOMES", "Futures"]

#: The predictions that are means of something that happens.
OUTCOMES = ("expected_purchases", "discounted_expected_purchases", "customer_lifetime_value")
#: A purchase discounted by more than exp(-_FAR) is worth nothing.
_FAR = 20.0


@dataclass(frozen=True)
class Futures:
    """Customers, and what counts of their future: purchases after `wait`, discounted at `delta`, or their margin."""

    customers: CustomerSummary
    wait: float
    length: float
    delta: float
    margin: FloatArray | None
    cost: float

    @classmethod
    def of(cls, outcome: str, model: PurchaseModel, customers: CustomerSummary, arguments: dict[str, Any]) -> Futures:
        """Check the arguments of a prediction, and bring them into one form."""
        given = {
            "after": 0.0,
            "discount_rate": 0.0,
            "margin": 1.0,
            "cost_per_period": 0.0,
            "horizon": None,
            **arguments,
        }
        length, delta = model._window(given["discount_rate"], given["horizon"])
        wait = model._check_window("after", given["after"])
        margin = None
        if outcome == "customer_lifetime_value":
            margin = np.broadcast_to(check_margins(given["margin"], len(customers)), len(customers))
            checked_spend(customers)
        if length is None:
            length = float(np.ceil(_FAR / delta))
        return cls(customers, wait, length, delta, margin, check_cost(given["cost_per_period"]))

    def draw(
        self, rng: np.random.Generator, purchases: PurchaseModel, spending: GammaGamma | None, rows: Any
    ) -> FloatArray:
        """One future of the customers in these rows."""
        some = self.customers
        x, t_x, T = some.frequency[rows], some.recency[rows], some.T[rows]
        paths = purchases._draw(rng, x, t_x, T, np.full(x.size, self.wait + self.length))
        if self.margin is None and self.delta == 0 and self.wait == 0:
            return paths.count.astype(np.float64)
        scale = None
        if self.margin is not None:
            if spending is None:
                raise invalid("spending", "a lifetime value needs a spend model")
            mean, count = checked_spend(some)
            scale = draw_scales(spending, rng, count[rows], mean[rows])
        events = paths.events(rng)
        worth = np.exp(-self.delta * events.time) * (events.time > self.wait)
        if spending is None or scale is None or self.margin is None:
            return np.asarray(np.bincount(events.customer, worth, minlength=x.size), dtype=np.float64)
        worth *= draw_values(spending, rng, scale[events.customer], 1)
        total = self.margin[rows] * np.bincount(events.customer, worth, minlength=x.size)
        return np.asarray(total - self.cost * paths.time_alive(self.delta)) if self.cost > 0 else total
