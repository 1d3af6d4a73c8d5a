"""What is said of a category: its brands side by side, why their market shares are what they are, and their buyers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._tables import Table, as_cell
from customervalue.errors import invalid
from customervalue.wallet._category_names import how_many
from customervalue.wallet._category_sums import Purchases, brand_sums, count_shares, share_quantiles

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray

__all__ = ["CategorySummary", "MarketShareIdentity", "ShareDistribution", "make_summary"]

#: Ten classes of shares. These quotients are the nearest floats of .1, .2, ..., as shares like 3/10 are.
_TENTHS = np.arange(11) / 10
#: Measures of brands that the table of a category shows.
_SHOWN = (
    "market_share",
    "penetration",
    "purchases_per_buyer",
    "category_purchases_per_brand_buyer",
    "share_of_requirements",
    "mean_share",
    "usage_index",
    "sole_buyers",
)


def _names(brand: tuple[str, ...]) -> AnyArray:
    return np.array(brand, dtype=object)


@dataclass(frozen=True, eq=False, repr=False)
class MarketShareIdentity(Table):
    """Market share taken apart: how many buy the brand, how much of their needs, and how heavy buyers they are.

    Market share = penetration x share of requirements x usage index, exactly, up to rounding.

    Attributes
    ----------
    brands : tuple of str, length b
    penetration : float, or ndarray of float64, shape (b,)
        Relative: the buyers of the brand as a share of the buyers of the category. With shares of all customers
        instead, the product is market share x category penetration.
    share_of_requirements : float, or ndarray of float64, shape (b,)
        Ratio of sums, over the buyers of the brand.
    usage_index : float, or ndarray of float64, shape (b,)
        Category purchases of a buyer of the brand, relative to those of a buyer of the category.
    product : float, or ndarray of float64, shape (b,)
        Of the three.
    market_share : float, or ndarray of float64, shape (b,)
        Summed up on its own.

    Examples
    --------
    >>> from customervalue.wallet import category_summary
    >>> category_summary([[3, 1], [2, 0], [0, 4], [0, 0]], brands=["ours", "theirs"]).identity()
    Market share = penetration (among category buyers) x share of requirements x usage index
      brand   penetration  share of requirements  usage index  product  market share
      ours    0.6667       0.8333                 0.9          0.5      0.5
      theirs  0.6667       0.625                  1.2          0.5      0.5
    """

    brands: tuple[str, ...]
    penetration: FloatArray
    share_of_requirements: FloatArray
    usage_index: FloatArray
    product: FloatArray
    market_share: FloatArray

    def _title(self) -> str:
        return "Market share = penetration (among category buyers) x share of requirements x usage index"

    def _table(self) -> dict[str, AnyArray]:
        names = ("penetration", "share_of_requirements", "usage_index", "product", "market_share")
        return {"brand": _names(self.brands)} | {name: np.atleast_1d(getattr(self, name)) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class ShareDistribution(Table):
    """How the buyers of a brand spread over shares of wallet, from a few per cent to all they buy.

    Attributes
    ----------
    brands : tuple of str, length b
    edges : ndarray of float64, shape (k + 1,)
        Of the classes; each holds its lower edge, and the last its upper one too.
    buyers : ndarray of float64, shape (k,), or (b, k) for many brands
        Number of buyers in each class, or their weight.
    fraction : ndarray of float64, shape (k,), or (b, k) for many brands
        The same as a part of the buyers of the brand whose share lies within the edges. This is what the table shows.

    Examples
    --------
    >>> from customervalue.wallet import category_summary
    >>> category_summary([3, 1, 2, 0], [4, 3, 2, 5]).distribution([0, 0.5, 1]).fraction.round(2)
    array([0.33, 0.67])
    """

    brands: tuple[str, ...]
    edges: FloatArray
    buyers: FloatArray
    fraction: FloatArray

    def _title(self) -> str:
        return "Buyers by share of wallet, as a part of the brand's buyers"

    def _table(self) -> dict[str, AnyArray]:
        rows = zip(self.brands, np.atleast_2d(self.fraction), strict=True)
        return {"from": self.edges[:-1], "to": self.edges[1:]} | dict(rows)


@dataclass(frozen=True, eq=False, repr=False)
class CategorySummary(Table):
    """A category and its brands: how many buy, how much, and how much of it of each brand.

    Measures of brands are numbers where one column of own purchases was given, and otherwise arrays with an entry per
    brand; ``summary["name"]`` is the summary of one of them. "Purchases" are whatever was given: occasions, units or
    money.

    Attributes
    ----------
    brands : tuple of str, length b
    customers : float
        Their number, or the sum of their weights.
    category_penetration : float
        Share of the customers who buy in the category at all.
    category_purchases_per_buyer : float
        Mean category purchases of those who do (W).
    market_share : float, or ndarray of float64, shape (b,)
        The brand's purchases as a share of all purchases in the category.
    penetration : float, or ndarray of float64, shape (b,)
        Share of all customers who buy the brand.
    relative_penetration : float, or ndarray of float64, shape (b,)
        Share of the category's buyers who buy the brand.
    purchases_per_buyer : float, or ndarray of float64, shape (b,)
        Mean purchases of the brand by those who buy it (w).
    category_purchases_per_brand_buyer : float, or ndarray of float64, shape (b,)
        Mean category purchases by those who buy the brand (wp).
    share_of_requirements : float, or ndarray of float64, shape (b,)
        What the brand's buyers buy of it, as a share of all they buy in the category (SCR): a ratio of sums, where a
        customer counts by what he buys.
    mean_share : float, or ndarray of float64, shape (b,)
        Mean share of wallet of the brand's buyers, where each counts the same.
    usage_index : float, or ndarray of float64, shape (b,)
        Heaviness of the brand's buyers: their mean category purchases, relative to those of all category buyers.
    sole_buyers : float, or ndarray of float64, shape (b,)
        Share of the brand's buyers who buy no other ("100 % loyal").

    Examples
    --------
    >>> from customervalue.wallet import category_summary
    >>> ours = category_summary(own=[3, 1, 2, 0, 0], category=[4, 5, 2, 3, 0])
    >>> print(f"{ours.share_of_requirements:.3f} {ours.mean_share:.3f} {ours.usage_index:.3f}")
    0.545 0.650 1.048
    """

    brands: tuple[str, ...]
    customers: float
    category_penetration: float
    category_purchases_per_buyer: float
    market_share: FloatArray
    penetration: FloatArray
    relative_penetration: FloatArray
    purchases_per_buyer: FloatArray
    category_purchases_per_brand_buyer: FloatArray
    share_of_requirements: FloatArray
    mean_share: FloatArray
    usage_index: FloatArray
    sole_buyers: FloatArray
    _purchases: Purchases = field(repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        for column in self._purchases:
            column.setflags(write=False)

    def __getitem__(self, brand: str) -> CategorySummary:
        if brand not in self.brands:
            raise invalid("brand", f"there is no brand {brand!r}", f"There are {', '.join(map(repr, self.brands))}.")
        place = self.brands.index(brand)
        own = self._purchases.own[:, place : place + 1].copy()
        return make_summary((brand,), self._purchases._replace(own=own), one=True)

    def identity(self) -> MarketShareIdentity:
        """Take market share apart into penetration, share of requirements and usage index.

        Returns
        -------
        MarketShareIdentity

        References
        ----------
        .. [1] Farris, Bendle, Pfeifer & Reibstein (2010), Marketing Metrics, 2nd ed., Pearson, chapter 2: market share
           = penetration share x share of requirements x heavy usage index.

        Examples
        --------
        >>> from customervalue.wallet import category_summary
        >>> parts = category_summary([3, 1, 2, 0, 0], [4, 5, 2, 3, 0]).identity()
        >>> print(f"{parts.product:.4f} {parts.market_share:.4f}")
        0.4286 0.4286
        """
        factors = self.relative_penetration, self.share_of_requirements, self.usage_index
        product = np.asarray(factors[0] * factors[1] * factors[2])[()]
        return MarketShareIdentity(self.brands, *factors, product, self.market_share)

    def distribution(self, edges: Any = _TENTHS) -> ShareDistribution:
        """Count the buyers of each brand by their share of wallet.

        Parameters
        ----------
        edges : array_like of float, shape (k + 1,)
            Of the classes of shares, increasing, between 0 and 1; tenths by default.

        Returns
        -------
        ShareDistribution

        Raises
        ------
        InvalidInputError
            If `edges` are no increasing numbers between 0 and 1, or no buyer has a share within them.

        Examples
        --------
        >>> from customervalue.wallet import category_summary
        >>> category_summary([3, 1, 2, 0, 0], [4, 5, 2, 3, 0]).distribution([0, 0.25, 0.5, 0.75, 1])
        Buyers by share of wallet, as a part of the brand's buyers
          from  to    own
          0     0.25  0.3333
          0.25  0.5   0
          0.5   0.75  0
          0.75  1     0.6667
        """
        limits = _between("edges", edges)
        if limits.ndim != 1 or limits.size < 2 or not np.all(np.diff(limits) > 0):
            raise invalid("edges", "`edges` must be two or more increasing numbers between 0 and 1")
        buyers = count_shares(self._purchases, limits)
        within = buyers.sum(axis=1, keepdims=True)
        if not np.all(within > 0):
            nobody = ", ".join(name for name, n in zip(self.brands, within, strict=True) if n == 0)
            raise invalid("edges", f"no buyer of {nobody} has a share within `edges`")
        return ShareDistribution(self.brands, limits, self._shaped(buyers), self._shaped(buyers / within))

    def quantile(self, q: Any) -> FloatArray:
        """Quantiles of the shares of wallet of each brand's buyers.

        Parameters
        ----------
        q : float or array_like of float, shape (k,)
            Between 0 and 1.

        Returns
        -------
        float, or ndarray of float64, shape (k,); with many brands (b,) or (k, b)
            The smallest share that at least a part `q` of the brand's buyers do not exceed. A high quantile is a share
            that some of the buyers do give us, and so a realistic target for those like them.

        Raises
        ------
        InvalidInputError
            If `q` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import category_summary
        >>> category_summary([3, 1, 2, 0, 0], [4, 5, 2, 3, 0]).quantile([0.25, 0.5])
        array([0.2 , 0.75])
        """
        levels = _between("q", q)
        values = share_quantiles(self._purchases, levels.ravel())
        return np.asarray(self._shaped(values).T.reshape((*levels.shape, *np.shape(self.market_share))))[()]

    def _shaped(self, values: FloatArray) -> FloatArray:
        """A table with a row per brand, or its only row where one column of own purchases was given."""
        return values[0] if np.ndim(self.market_share) == 0 else values

    def _title(self) -> str:
        return (
            f"Category of {how_many(self.customers)}: {self.category_penetration:.1%} buy, "
            f"{as_cell(self.category_purchases_per_buyer)} per buyer"
        )

    def _table(self) -> dict[str, AnyArray]:
        return {"brand": _names(self.brands)} | {name: np.atleast_1d(getattr(self, name)) for name in _SHOWN}


def make_summary(brands: tuple[str, ...], data: Purchases, *, one: bool) -> CategorySummary:
    """Summarize checked purchases; measures are numbers where there is but `one` brand."""
    sums = brand_sums(data)
    per_category_buyer = sums.category_volume / sums.category_buyers
    measures = {
        "market_share": sums.volume / sums.category_volume,
        "penetration": sums.buyers / sums.customers,
        "relative_penetration": sums.buyers / sums.category_buyers,
        "purchases_per_buyer": sums.volume / sums.buyers,
        "category_purchases_per_brand_buyer": sums.buyers_category_volume / sums.buyers,
        "share_of_requirements": sums.volume / sums.buyers_category_volume,
        "mean_share": sums.sum_of_shares / sums.buyers,
        "usage_index": sums.buyers_category_volume / sums.buyers / per_category_buyer,
        "sole_buyers": sums.sole_buyers / sums.buyers,
    }
    return CategorySummary(
        brands=brands,
        customers=sums.customers,
        category_penetration=sums.category_buyers / sums.customers,
        category_purchases_per_buyer=per_category_buyer,
        **{name: values[0] if one else values for name, values in measures.items()},
        _purchases=data,
    )


def _between(argument: str, values: Any) -> FloatArray:
    try:
        numbers = np.array(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(argument, f"`{argument}` must be numbers between 0 and 1") from None
    if not np.all((numbers >= 0) & (numbers <= 1)):
        raise invalid(argument, f"`{argument}` must be between 0 and 1")
    return numbers
