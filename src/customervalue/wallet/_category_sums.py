"""Sums over the customers of a category, brand by brand, and the shares of their buyers."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from customervalue.wallet.share import exceeds

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["BrandSums", "Purchases", "brand_sums", "count_shares", "share_quantiles"]


class Purchases(NamedTuple):
    """What n customers bought of b brands, and of the category in all; checked.

    `own` has shape (n, b), `category` and `weights` (n,).
    """

    own: FloatArray
    category: FloatArray
    weights: FloatArray

    def buyers(self, brand: int) -> tuple[FloatArray, FloatArray]:
        """Shares of the buyers of one brand, and their weights."""
        x = self.own[:, brand]
        buys = (x > 0) & (self.weights > 0)
        return np.minimum(x[buys] / self.category[buys], 1.0), self.weights[buys]


class BrandSums(NamedTuple):
    """Weighted sums over customers; those of brands have shape (b,)."""

    customers: float
    category_buyers: float
    category_volume: float
    buyers: FloatArray
    volume: FloatArray
    #: What the buyers of each brand buy in the category, whatever the brand.
    buyers_category_volume: FloatArray
    sum_of_shares: FloatArray
    sole_buyers: FloatArray


def brand_sums(data: Purchases) -> BrandSums:
    """Add up the customers of each brand."""
    weights, category = data.weights, data.category
    of_category = weights * category
    columns = []
    for brand in range(data.own.shape[1]):
        x = data.own[:, brand]
        buys = x > 0
        shares, each = data.buyers(brand)
        sole = buys & ~exceeds(category, x)
        columns.append(
            (each.sum(), weights @ x, of_category[buys].sum(), each @ shares, weights[sole].sum()),
        )
    return BrandSums(
        float(weights.sum()), float(weights[category > 0].sum()), float(of_category.sum()), *np.array(columns).T
    )


def count_shares(data: Purchases, edges: FloatArray) -> FloatArray:
    """Weighted number of buyers whose share lies between each two edges, shape (b, k); the last edge is included."""
    each = (data.buyers(brand) for brand in range(data.own.shape[1]))
    return np.array([np.histogram(shares, edges, weights=weights)[0] for shares, weights in each])


def share_quantiles(data: Purchases, q: FloatArray) -> FloatArray:
    """Of each brand, the smallest share that at least a part q of its buyers do not exceed; shape (b, k)."""
    result = np.empty((data.own.shape[1], q.size))
    for brand, row in enumerate(result):
        shares, weights = data.buyers(brand)
        order = np.argsort(shares)
        up_to = np.cumsum(weights[order])
        place = np.searchsorted(up_to, q * up_to[-1] * (1 - 1e-12))
        row[:] = shares[order][place]
    return result
