"""More products for the customers one has: which needs are met, and which customers like them have met elsewhere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.tiers._currency import check_currency, in_words
from customervalue.tiers._needs_likeness import Likeness, likeness, moved, suggest
from customervalue.tiers._needs_log import Purchases, read
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["CategoryNeeds", "NeedSuggestions", "NeedsMet", "needs_met"]


@dataclass(frozen=True, eq=False, repr=False)
class CategoryNeeds(Table):
    """The categories, and how many customers buy each.

    Attributes
    ----------
    category : ndarray, shape (k,)
    buyers : ndarray of int64, shape (k,)
        Customers.
    share : ndarray of float64, shape (k,)
        Of all customers.
    purchases : ndarray of int64, shape (k,)
        Rows of the log.
    value_per_buyer : ndarray of float64, shape (k,)
        Money; NaN if no value was given.

    Examples
    --------
    >>> log = {"customer": [1, 1, 2], "category": ["tea", "tea", "milk"]}
    >>> needs_met(log, customer="customer", category="category").categories.to_frame()["purchases"]
    array([1, 2])
    """

    category: AnyArray
    buyers: IntArray
    share: FloatArray
    purchases: IntArray
    value_per_buyer: FloatArray

    def _title(self) -> str:
        return f"Categories: {self.category.size:,}"

    def _table(self) -> Mapping[str, AnyArray]:
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False, repr=False)
class NeedSuggestions(Table):
    """What customers like him buy and he does not, the best first for each customer.

    Attributes
    ----------
    customer, category : ndarray, shape (s,)
    because : ndarray, shape (s,)
        The customer's own category whose buyers make this one most likely: those are "customers like him".
    probability, low, high : ndarray of float64, shape (s,)
        Share of those among them who buy as many other categories as he does, drawn towards `expected`; its interval.
    expected : ndarray of float64, shape (s,)
        Share of all customers who buy as many other categories as he does, whichever these are.
    lift : ndarray of float64, shape (s,)
        The probability over the expected share.
    support : ndarray of int64, shape (s,)
        Customers who buy both.
    of : ndarray of int64, shape (s,)
        Customers like him: those who buy `because`.
    value : ndarray of float64, shape (s,)
        The probability times what a buyer of it spends, in money; NaN if no value was given.

    Examples
    --------
    >>> log = {"customer": [1, 1, 2, 2, 3, 4, 5], "category": ["tea", "milk", "tea", "milk", "tea", "nuts", "nuts"]}
    >>> found = needs_met(log, customer="customer", category="category", min_support=2, prior_strength=2.0)
    >>> found.suggestions
    Suggestions: 1
      customer  category  because  probability  low     high    expected  lift  support  of  value
      3         milk      tea      0.56         0.1636  0.9122  0.4       1.4   2        3   -
    """

    customer: AnyArray
    category: AnyArray
    because: AnyArray
    probability: FloatArray
    low: FloatArray
    high: FloatArray
    expected: FloatArray
    lift: FloatArray
    support: IntArray
    of: IntArray
    value: FloatArray

    def _title(self) -> str:
        return f"Suggestions: {self.customer.size:,}"

    def _table(self) -> Mapping[str, AnyArray]:
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False, repr=False)
class NeedsMet(Table):
    """How many needs of each customer are met here. As a table, one row per customer.

    Attributes
    ----------
    customer : ndarray, shape (n,)
        Ascending.
    breadth : ndarray of int64, shape (n,)
        Categories bought.
    depth : ndarray of float64, shape (n,)
        Purchases per category bought.
    purchases : ndarray of int64, shape (n,)
        Rows of the log.
    categories : CategoryNeeds
    suggestions : NeedSuggestions
    prior_strength : float
        How many customers the prior of each probability is worth.
    level : float
        Of the intervals.
    min_support : int
    currency : str or None

    Examples
    --------
    >>> log = {"customer": [1, 1, 1, 2], "category": ["tea", "tea", "milk", "milk"]}
    >>> needs_met(log, customer="customer", category="category")
    Needs met: 2 customers, 2 categories; mean breadth 1.50, 50.0% buy one category only; 0 suggestions
      customer  breadth  depth  purchases
      1         2        1.5    3
      2         1        1      1
    """

    customer: AnyArray
    breadth: IntArray
    depth: FloatArray
    purchases: IntArray
    categories: CategoryNeeds
    suggestions: NeedSuggestions
    prior_strength: float
    level: float
    min_support: int
    currency: str | None

    def _title(self) -> str:
        title = f"Needs met: {self.customer.size:,} customers, {self.categories.category.size:,} categories"
        title += f"; mean breadth {self.breadth.mean():.2f}, {np.mean(self.breadth == 1):.1%} buy one category only"
        title += f"; {self.suggestions.customer.size:,} suggestions"
        if np.isnan(self.categories.value_per_buyer).all():
            return title
        return f"{title}, of {self.suggestions.value.sum():,.2f}{in_words(self.currency)} if all were taken up"

    def _table(self) -> Mapping[str, AnyArray]:
        return {name: getattr(self, name) for name in ("customer", "breadth", "depth", "purchases")}


def needs_met(
    log: Any,
    *,
    customer: str = "customer_id",
    category: str = "category",
    value: str | None = None,
    k: int = 3,
    min_support: int = 5,
    prior_strength: float | None = None,
    level: float = 0.95,
    currency: str | None = None,
) -> NeedsMet:
    """Say which needs of each customer are met, and which needs customers like him have met and he has not.

    Parameters
    ----------
    log : any dataframe, or mapping of columns
        One row per purchase: who, and a product of which category.
    customer, category : str
        Names of these columns.
    value : str, optional
        Name of the column of money, by row. With it suggestions are ranked by what they are worth, without it by their
        probability.
    k : int
        Suggestions for each customer, at most.
    min_support : int
        Two categories are held to go together only if so many customers buy both, 1 or more.
    prior_strength : float, optional
        How many customers the prior of each probability is worth, > 0; learned from all pairs of categories if it is
        not given.
    level : float
        Of the intervals, between 0 and 1.
    currency : str, optional
        A label such as "EUR".

    Returns
    -------
    NeedsMet

    Raises
    ------
    InvalidInputError
        If a column is missing, an id or a category is, a value is no finite number, or an argument is out of range.

    Notes
    -----
    Who buys much buys more of everything, so any two categories have more customers in common than chance would give
    them. That is not a common need. A customer is therefore compared with customers of like breadth: of those who buy b
    categories beside j, a share q_j(b) buys j. If needs had nothing to do with one another and customers differed in
    activity only, b would say all there is to know (exactly so in the Rasch model [2]_), and of the c_i customers who
    buy category i, the sum of their q_j(b) would buy j as well. Over c_i this is the expected share e_ij.

    The share among the buyers of i has a beta prior with this mean and strength m; its posterior has mean
    (c_ij + m e_ij) / (c_i + m), with c_ij the customers of both. Few customers behind a pair leave it near the expected
    share, and with it the lift near 1. The strength that is learned is the one for which the counts c_ij vary as much
    as they do (moments of beta-binomial counts, all pairs together). For a customer of breadth b the odds of q_j(b) are
    multiplied by the ratio of the odds of this mean to those of e_ij. A category is suggested if that ratio is above 1;
    of the customer's own categories the one that makes it most likely speaks for it, which flatters the best of many a
    little. Breadths that fewer than 30 customers have or exceed are put together with the next lower one.

    The probability is that of customers like him, of whom some have been asked already. What a customer who has not
    bought it so far would do is for a test to say; take the value as an upper bound and as a way to rank.

    Co-occurrences are counted by a sparse product, so memory grows with the pairs of customer and category and with
    those of categories that are bought together.

    References
    ----------
    .. [1] DuMouchel (1999), "Bayesian data mining in large frequency tables", The American Statistician 53(3),
       177-190: why counts of pairs are drawn towards independence, there with a gamma prior.
    .. [2] Tjur (1982), "A connection between Rasch's item analysis model and a multiplicative Poisson model",
       Scandinavian Journal of Statistics 9(1), 23-30: the Rasch model given each total.

    Examples
    --------
    >>> log = {"customer_id": [1, 1, 2, 2, 3, 4, 5], "category": ["tea", "milk", "tea", "milk", "tea", "nuts", "nuts"]}
    >>> met = needs_met(log, min_support=2, prior_strength=2.0)
    >>> met.breadth, met.suggestions.category.tolist()
    (array([2, 2, 1, 1, 1]), ['milk'])
    """
    checker = Checker("the arguments")
    sure = checker.attempt(check_level, level)
    checker.attempt(check_currency, currency)
    most = checker.attempt(lambda n: _whole("k", n), k)
    support = checker.attempt(lambda n: _whole("min_support", n), min_support)
    strength = None if prior_strength is None else checker.attempt(_positive, prior_strength)
    checker.done()
    assert sure is not None
    assert most is not None
    assert support is not None
    bought = read(log, customer, category, value)
    like = likeness(bought, strength)
    kinds = _categories(bought, like)
    breadth = np.bincount(bought.customer)
    times = np.bincount(bought.customer, bought.times)
    return NeedsMet(
        customer=bought.customers,
        breadth=breadth,
        depth=times / breadth,
        purchases=times.astype(np.int64),
        categories=kinds,
        suggestions=_suggestions(bought, like, kinds, most, support, sure),
        prior_strength=like.strength,
        level=sure,
        min_support=support,
        currency=currency,
    )


def _categories(bought: Purchases, like: Likeness) -> CategoryNeeds:
    size = bought.categories.size
    nothing = np.full(size, np.nan)
    spend = nothing if bought.spend is None else np.bincount(bought.category, bought.spend, size) / like.buyers
    return CategoryNeeds(
        category=bought.categories,
        buyers=like.buyers.astype(np.int64),
        share=like.buyers / bought.customers.size,
        purchases=np.bincount(bought.category, bought.times, size).astype(np.int64),
        value_per_buyer=spend,
    )


def _suggestions(
    bought: Purchases, like: Likeness, kinds: CategoryNeeds, k: int, support: int, level: float
) -> NeedSuggestions:
    from scipy.special import betaincinv

    found = suggest(bought, like, None if bought.spend is None else kinds.value_per_buyer, k, support)
    because, chosen = found["because"], found["category"]
    # Many customers have the same pair of categories: each is looked at once.
    size = bought.categories.size
    pairs = np.repeat(np.arange(size), np.diff(like.both.indptr)) * size + like.both.indices
    asked, place = np.unique(because * size + chosen, return_inverse=True)
    behind = np.searchsorted(pairs, asked)
    alpha, beta, usual = like.posterior(behind)
    own = like.usual[chosen, like.stratum[found["customer"]]]
    tail = 0.5 - 0.5 * level
    shares = (alpha / (alpha + beta), betaincinv(alpha, beta, tail), betaincinv(alpha, beta, 1 - tail))
    chance, low, high = (moved(share[place], usual[place], own) for share in shares)
    return NeedSuggestions(
        customer=bought.customers[found["customer"]],
        category=bought.categories[chosen],
        because=bought.categories[because],
        probability=chance,
        low=low,
        high=high,
        expected=own,
        lift=chance / own,
        support=like.both.data[behind].astype(np.int64)[place],
        of=like.buyers[because].astype(np.int64),
        value=chance * kinds.value_per_buyer[chosen],
    )


def _whole(name: str, n: Any) -> int:
    value = math.nan if isinstance(n, (bool, np.bool_)) else check_number(name, n)
    if not (math.isfinite(value) and value >= 1 and value == math.floor(value)):
        raise invalid(name, f"`{name}` must be a whole number, 1 or more, and is {n!r}")
    return int(value)


def _positive(strength: Any) -> float:
    value = check_number("prior_strength", strength)
    if not (math.isfinite(value) and value > 0):
        raise invalid("prior_strength", f"`prior_strength` must be above 0 and finite, and is {strength!r}")
    return value
