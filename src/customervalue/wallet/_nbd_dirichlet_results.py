"""What the category model says, as tables: of the category, its brands, their duplication, and beside what was seen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._tables import Table
from customervalue.wallet._category_results import make_summary

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray
    from customervalue.wallet._category_sums import Purchases

__all__ = ["BrandComparison", "BrandTable", "CategoryTable", "Duplication", "observed_brands", "observed_duplication"]

#: What can be seen in the purchases of one period, and how it is called where there is little room.
_SHORT = {
    "market_share": "share",
    "penetration": "penetration",
    "purchases_per_buyer": "per buyer",
    "category_purchases_per_brand_buyer": "category per buyer",
    "share_of_requirements": "requirements",
    "sole_buyers": "sole",
}
_MEASURES = tuple(_SHORT)


@dataclass(frozen=True, eq=False, repr=False)
class CategoryTable(Table):
    """The category in periods of different lengths.

    Attributes
    ----------
    duration : ndarray of float64, shape (d,)
        Length of the period; 1 is the one the model was made from.
    penetration : ndarray of float64, shape (d,)
        Share of customers who buy in the category, between 0 and 1.
    purchases_per_buyer : ndarray of float64, shape (d,)
        Mean number of purchases of those who buy.
    repeat_buyers : ndarray of float64, shape (d,)
        Share of the buyers who buy again in the next period of this length.

    Examples
    --------
    >>> from customervalue.wallet import NBDDirichlet
    >>> NBDDirichlet(M=0.42, K=0.1932).category_table([1 / 12, 1, 2])
    Category
      duration  penetration  purchases per buyer  repeat buyers
      0.08333   0.03166      1.106                0.1682
      1         0.2          2.1                  0.6165
      2         0.2767       3.036                0.7161
    """

    duration: FloatArray
    penetration: FloatArray
    purchases_per_buyer: FloatArray
    repeat_buyers: FloatArray

    def _title(self) -> str:
        return "Category"

    def _table(self) -> dict[str, AnyArray]:
        names = ("duration", "penetration", "purchases_per_buyer", "repeat_buyers")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class BrandTable(Table):
    """The brands of a category in one period.

    Attributes
    ----------
    brands : tuple of str, length k
    market_share : ndarray of float64, shape (k,)
        Share of all purchases in the category.
    penetration : ndarray of float64, shape (k,)
        Share of all customers who buy the brand, between 0 and 1.
    purchases_per_buyer : ndarray of float64, shape (k,)
        Mean purchases of the brand by those who buy it (w).
    category_purchases_per_brand_buyer : ndarray of float64, shape (k,)
        Mean category purchases by those who buy the brand (wp).
    share_of_requirements : ndarray of float64, shape (k,)
        Share of the brand in the category purchases of its buyers.
    sole_buyers : ndarray of float64, shape (k,)
        Share of the buyers of the brand who buy no other.
    repeat_buyers : ndarray of float64, shape (k,)
        Share of the buyers who buy the brand again in the next period of the same length; NaN where one period was
        observed and not modelled.
    repeat_purchases : ndarray of float64, shape (k,)
        Chance that the next category purchase of who just bought the brand is of it again, (alpha + 1) / (S + 1); NaN
        where purchases were observed without their order.
    duration : float
        Length of the period; 1 is the one the model was made from.
    category_penetration : float
        Share of all customers who buy in the category.
    category_purchases_per_buyer : float
        Mean category purchases of those who do (W).

    Examples
    --------
    >>> from customervalue.wallet import NBDDirichlet
    >>> table = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C")).brand_table()
    >>> table.penetration.round(2), table.share_of_requirements.round(2), round(table.portfolio, 2)
    (array([0.46, 0.24, 0.2 ]), array([0.73, 0.58, 0.56]), 1.34)
    """

    brands: tuple[str, ...]
    market_share: FloatArray
    penetration: FloatArray
    purchases_per_buyer: FloatArray
    category_purchases_per_brand_buyer: FloatArray
    share_of_requirements: FloatArray
    sole_buyers: FloatArray
    repeat_buyers: FloatArray
    repeat_purchases: FloatArray
    duration: float
    category_penetration: float
    category_purchases_per_buyer: float

    @property
    def double_jeopardy(self) -> FloatArray:
        """Of each brand w (1 - b), purchases per buyer times the share of customers who do not buy; shape (k,).

        Small brands suffer twice: they have fewer buyers, who buy them less often. Where that is all there is to it,
        this number is about the same for all brands of the category.
        """
        return self.purchases_per_buyer * (1 - self.penetration)

    @property
    def portfolio(self) -> float:
        """How many of the brands a buyer in the category buys on average."""
        return float(self.penetration.sum() / self.category_penetration)

    def _title(self) -> str:
        period = f"Brands in a period of length {self.duration:g}: {self.category_penetration:.1%} buy in the category"
        return f"{period}, {self.category_purchases_per_buyer:.4g} times"

    def _table(self) -> dict[str, AnyArray]:
        columns: dict[str, AnyArray] = {"brand": np.array(self.brands, dtype=object)}
        names = (*_MEASURES, "repeat_buyers", "repeat_purchases", "double_jeopardy")
        columns |= {name: getattr(self, name) for name in names}
        return {name: column for name, column in columns.items() if name == "brand" or not np.isnan(column).all()}

    def _rows(self) -> list[list[str]]:
        """Head and rows as they are shown, under short names."""
        _, *body = super()._rows()
        return [[_SHORT.get(name, name.replace("_", " ")) for name in self._table()], *body]


@dataclass(frozen=True, eq=False, repr=False)
class Duplication(Table):
    """Who buys two brands.

    Attributes
    ----------
    brands : tuple of str, length k
    also_buy : ndarray of float64, shape (k, k)
        Of the buyers of the brand of the row, the share who also buy that of the column; 1 on the diagonal.
    penetration : ndarray of float64, shape (k,)
        Share of all customers who buy each brand.

    Examples
    --------
    >>> from customervalue.wallet import NBDDirichlet
    >>> NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C")).duplication()
    Duplication of purchase: of the buyers of a brand, who also buy another; D = 0.9902
      buyers of  A       B       C
      A          1       0.2395  0.1967
      B          0.4526  1       0.1965
      C          0.4525  0.2393  1
    """

    brands: tuple[str, ...]
    also_buy: FloatArray
    penetration: FloatArray

    @property
    def coefficient(self) -> float:
        """D, the duplication of all pairs over the penetration of the brand that is also bought.

        The law of duplication says that the buyers of any brand are D times as likely as others to buy a certain
        second one, whichever the two are. NaN for one brand.
        """
        off = ~np.eye(len(self.brands), dtype=np.bool_)
        expected = np.broadcast_to(self.penetration, off.shape)[off].sum()
        return float(self.also_buy[off].sum() / expected) if off.any() else float("nan")

    def _title(self) -> str:
        return f"Duplication of purchase: of the buyers of a brand, who also buy another; D = {self.coefficient:.4g}"

    def _table(self) -> dict[str, AnyArray]:
        columns: dict[str, AnyArray] = {"buyers of": np.array(self.brands, dtype=object)}
        return columns | dict(zip(self.brands, self.also_buy.T, strict=True))


@dataclass(frozen=True, eq=False, repr=False)
class BrandComparison(Table):
    """What customers bought, beside what the model says they should have.

    Attributes
    ----------
    observed, theoretical : BrandTable
    observed_duplication, theoretical_duplication : Duplication

    Examples
    --------
    >>> from customervalue.wallet import NBDDirichlet
    >>> counts = [[2, 0], [1, 1], [0, 3], [0, 0], [4, 0], [1, 0]]
    >>> model = NBDDirichlet(M=2.0, K=1.0, alpha=(0.4, 0.3), brands=("ours", "theirs"))
    >>> comparison = model.compare(counts)
    >>> comparison.observed.penetration.round(2), comparison.theoretical.penetration.round(2)
    (array([0.67, 0.33]), array([0.45, 0.36]))
    """

    observed: BrandTable
    theoretical: BrandTable
    observed_duplication: Duplication
    theoretical_duplication: Duplication

    def _title(self) -> str:
        seen, said = self.observed, self.theoretical
        rates = (each.category_purchases_per_buyer for each in (seen, said))
        return (
            f"Observed against theoretical, in a period of length {said.duration:g}\n"
            f"  buy in the category: {seen.category_penetration:.1%}, model {said.category_penetration:.1%}\n"
            "  how often those buy: {:.4g}, model {:.4g}".format(*rates)
        )

    def _table(self) -> dict[str, AnyArray]:
        columns: dict[str, AnyArray] = {"brand": np.array(self.observed.brands, dtype=object)}
        for name in _MEASURES:
            columns[name] = getattr(self.observed, name)
            columns[f"{name}_model"] = getattr(self.theoretical, name)
        return columns

    def _rows(self) -> list[list[str]]:
        """Head and rows as they are shown: short names, since there are two columns for each measure."""
        head, *body = super()._rows()
        return [[head[0], *(name for title in _SHORT.values() for name in (title, "model"))], *body]


def observed_brands(data: Purchases, brands: tuple[str, ...], duration: float) -> BrandTable:
    """The same measures of what was bought; each brand has a buyer.

    Examples
    --------
    >>> from customervalue.wallet._category_sums import Purchases
    >>> bought = Purchases(own=np.array([[2.0, 0.0], [1.0, 1.0]]), category=np.array([2.0, 2.0]), weights=np.ones(2))
    >>> observed_brands(bought, ("ours", "theirs"), 1.0).sole_buyers
    array([0.5, 0. ])
    """
    summary = make_summary(brands, data, one=False)
    unseen = np.full(len(brands), np.nan)
    return BrandTable(
        **{name: getattr(summary, name) for name in _MEASURES},
        brands=brands,
        repeat_buyers=unseen,
        repeat_purchases=unseen.copy(),
        duration=duration,
        category_penetration=summary.category_penetration,
        category_purchases_per_buyer=summary.category_purchases_per_buyer,
    )


def observed_duplication(counts: FloatArray, weights: FloatArray, brands: tuple[str, ...]) -> Duplication:
    """Who bought two brands, of counts (n, k).

    Examples
    --------
    >>> observed_duplication(np.array([[2.0, 0.0], [1.0, 1.0]]), np.ones(2), ("ours", "theirs")).also_buy
    array([[1. , 0.5],
           [1. , 1. ]])
    """
    buys: Any = (counts > 0).astype(np.float64)
    both = buys.T @ (buys * weights[:, None])
    buyers = np.diag(both).copy()
    return Duplication(brands, both / buyers[:, None], buyers / weights.sum())
