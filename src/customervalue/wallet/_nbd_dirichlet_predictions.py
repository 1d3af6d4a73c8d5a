"""What the category model predicts of the category and its brands; how it is fitted is in the model itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.estimation.draws import check_count
from customervalue.estimation.model import ParametricModel
from customervalue.numerics.nbd import nbd_log_probability
from customervalue.units import check_number
from customervalue.wallet._category_names import brand_columns
from customervalue.wallet._category_sums import Purchases
from customervalue.wallet._nbd_dirichlet_brands import brand_measures, buying, joint_penetration, rest
from customervalue.wallet._nbd_dirichlet_results import (
    BrandComparison,
    BrandTable,
    CategoryTable,
    Duplication,
    observed_brands,
    observed_duplication,
)
from customervalue.wallet._nbd_dirichlet_unseen import Brand, log_own_probability
from customervalue.wallet._share_checks import check_weights

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["CategoryPredictions", "check_duration", "counts_of_brands"]


class CategoryPredictions(ParametricModel):
    """Base of `NBDDirichlet`: what it says of the category and its brands."""

    M: float
    K: float
    alpha: tuple[float, ...]
    brands: tuple[str, ...]

    @property
    def S(self) -> float:  # noqa: N802 - the field's name
        """Sum of the alpha of all brands: the larger, the more customers are alike in what they choose."""
        return math.fsum(self.alpha)

    @property
    def shares(self) -> FloatArray:
        """Market share of each brand, alpha / S; shape (k,), sums to 1."""
        return np.array(self.alpha) / self.S

    @property
    def polarization(self) -> float:
        """1 / (1 + S): 0 if all customers give a brand the same share, 1 if each buys only one brand."""
        return 1 / (1 + self.S)

    def category_table(self, duration: Any = 1.0) -> CategoryTable:
        """Who buys in the category, how often, and who comes back, in periods of any length.

        Parameters
        ----------
        duration : float or array_like of float, shape (d,)
            Lengths of periods, > 0; 1 is the period that the model was made from.

        Returns
        -------
        CategoryTable
            One row for each length.

        Raises
        ------
        InvalidInputError
            If a length is not positive and finite.

        References
        ----------
        .. [1] Ehrenberg (1988), Repeat-Buying: Facts, Theory and Applications, 2nd ed., chapter 4.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> NBDDirichlet(M=0.42, K=0.1932).category_table([1, 2, 4])
        Category
          duration  penetration  purchases per buyer  repeat buyers
          1         0.2          2.1                  0.6165
          2         0.2767       3.036                0.7161
          4         0.3552       4.729                0.7888
        """
        checker = Checker("the lengths of periods")
        lengths = checker.numbers("duration", duration)
        if lengths is not None:
            checker.rows("duration", lengths <= 0, "`duration` must be positive", {"duration": lengths})
        checker.done()
        if lengths is None:
            raise AssertionError  # reported above
        rows = np.array([buying(self.M * length, self.K) for length in lengths.tolist()]).reshape(-1, 3)
        return CategoryTable(lengths, *np.ascontiguousarray(rows.T))

    def brand_table(self, duration: float = 1.0) -> BrandTable:
        """Penetration, purchase rates, share of requirements, sole and repeat buyers of each brand.

        Parameters
        ----------
        duration : float
            Length of the period, > 0; 1 is the period that the model was made from.

        Returns
        -------
        BrandTable

        Raises
        ------
        InvalidInputError
            If `duration` is not positive and finite.

        References
        ----------
        .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.
        .. [2] Rungie & Goodhardt (2004), Marketing Bulletin 15, technical note 2: `repeat_purchases`.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
        >>> table = model.brand_table()
        >>> table.purchases_per_buyer.round(2), table.sole_buyers.round(2), table.repeat_purchases.round(2)
        (array([1.77, 1.52, 1.48]), array([0.61, 0.44, 0.42]), array([0.7 , 0.5 , 0.47]))
        """
        length = check_duration(duration)
        mean = self.M * length
        found = [brand_measures(a, rest(self.alpha, j), mean, self.K) for j, a in enumerate(self.alpha)]
        penetration, own, category, sole, repeat = (np.array(column) for column in zip(*found, strict=True))
        whole = buying(mean, self.K)
        return BrandTable(
            brands=self.brands,
            market_share=self.shares,
            penetration=penetration,
            purchases_per_buyer=own,
            category_purchases_per_brand_buyer=category,
            share_of_requirements=own / category,
            sole_buyers=sole,
            repeat_buyers=repeat,
            repeat_purchases=(np.array(self.alpha) + 1) / (self.S + 1),
            duration=length,
            category_penetration=whole.penetration,
            category_purchases_per_buyer=whole.purchases_per_buyer,
        )

    def duplication(self, duration: float = 1.0) -> Duplication:
        """Who buys two brands, for each pair of brands.

        Parameters
        ----------
        duration : float
            Length of the period, > 0; 1 is the period that the model was made from.

        Returns
        -------
        Duplication
            With `.coefficient`, D of the law of duplication of purchase.

        Raises
        ------
        InvalidInputError
            If `duration` is not positive and finite.

        References
        ----------
        .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
        >>> model.duplication().also_buy.round(2)
        array([[1.  , 0.24, 0.2 ],
               [0.45, 1.  , 0.2 ],
               [0.45, 0.24, 1.  ]])
        """
        joint = joint_penetration(self.alpha, self.M * check_duration(duration), self.K)
        single = np.diag(joint).copy()
        return Duplication(self.brands, joint / single[:, None], single)

    def compare(self, counts: Any, *, weights: Any = None, duration: float = 1.0) -> BrandComparison:
        """Put what customers bought beside what the model says of a period of that length.

        Parameters
        ----------
        counts : array_like of int, shape (n, k), or mapping of columns, or dataframe
            Purchases of each customer (row) of each brand (column, in the order of `brands`; a mapping or dataframe
            must have columns of these names). Rows of zeros count.
        weights : array_like of float, shape (n,), optional
            How many customers each row stands for: counts of identical rows, or projection weights of a panel; >= 0.
        duration : float
            Length of the period of the counts, > 0; 1 is the period that the model was made from.

        Returns
        -------
        BrandComparison

        Raises
        ------
        InvalidInputError
            If counts are negative or not whole, there is not one column for each brand, or nobody bought some brand.

        Examples
        --------
        >>> import customervalue as cv
        >>> from customervalue.wallet import NBDDirichlet
        >>> panel = cv.datasets.load_yogurt()
        >>> model = NBDDirichlet.fit(panel, brands=["dannon", "hiland", "weight", "yoplait"])
        >>> comparison = model.compare(panel)
        >>> comparison.observed.share_of_requirements.round(2), comparison.theoretical.share_of_requirements.round(2)
        (array([0.53, 0.15, 0.49, 0.48]), array([0.48, 0.28, 0.32, 0.45]))
        """
        length = check_duration(duration)
        known = brand_columns(counts, self.brands)[0]
        table, _ = counts_of_brands(known, None, len(self.brands))
        size = _projection(weights, len(table))
        none = [name for name, some in zip(self.brands, (size @ table).tolist(), strict=True) if not some]
        problems = [Problem("counts", f"nobody bought {name!r}", "There is nothing to compare.") for name in none]
        if problems:
            raise InvalidInputError("the counts", problems, len(table))
        return BrandComparison(
            observed=observed_brands(Purchases(np.asfortranarray(table), table.sum(axis=1), size), self.brands, length),
            theoretical=self.brand_table(length),
            observed_duplication=observed_duplication(table, size, self.brands),
            theoretical_duplication=self.duplication(length),
        )

    def probability_of_purchases(self, n: Any, duration: float = 1.0, brand: str | int | None = None) -> FloatArray:
        """Share of all customers who make exactly `n` purchases, in the category or of a brand.

        Parameters
        ----------
        n : int or array_like of int, shape (m,)
        duration : float
            Length of the period, > 0; 1 is the period that the model was made from.
        brand : str or int, optional
            Its name or place; the category by default.

        Returns
        -------
        ndarray of float64, shape (m,)

        Raises
        ------
        InvalidInputError
            If `n` does not hold whole numbers >= 0, `duration` is not positive and finite, or there is no such brand.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
        >>> model.probability_of_purchases([0, 1, 2], brand="A").round(3)
        array([0.543, 0.256, 0.114])
        """
        checker = Checker("the numbers of purchases")
        count = checker.counts("n", n)
        checker.done()
        if count is None:
            raise AssertionError  # reported above
        length = check_duration(duration)
        if brand is None:
            return np.exp(nbd_log_probability(count, self.M * length, self.K))
        return np.exp(log_own_probability(count, self._brand(brand, length)))

    def simulate(self, n: int, rng: np.random.Generator | int | None, *, duration: float = 1.0) -> FloatArray:
        """Draw the purchases of new customers.

        Parameters
        ----------
        n : int
            How many customers.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        duration : float
            Length of the period, > 0; 1 is the period that the model was made from.

        Returns
        -------
        ndarray of float64, shape (n, k)
            Whole numbers of purchases of each brand; rows of zeros are customers who buy nothing.

        Raises
        ------
        InvalidInputError
            If `n` is not a whole number >= 1, or `duration` is not positive and finite.

        Examples
        --------
        >>> from customervalue.wallet import NBDDirichlet
        >>> NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4)).simulate(2, rng=1)
        array([[0., 0., 1.],
               [2., 0., 0.]])
        """
        source, size = np.random.default_rng(rng), check_count(n)
        mean = self.M * check_duration(duration)
        total = source.poisson(source.gamma(self.K, mean / self.K, size))
        shares = np.stack([source.standard_gamma(a, size) for a in self.alpha], axis=1)
        lost = shares.sum(axis=1) == 0  # all of them underflow where S is tiny: one brand is all he buys
        shares[lost] = source.multinomial(1, self.shares, int(lost.sum()))
        return source.multinomial(total, shares / shares.sum(axis=1, keepdims=True)).astype(np.float64)

    def _brand(self, brand: str | int, duration: float) -> Brand:
        return Brand(self.alpha[j := self._place(brand)], rest(self.alpha, j), self.M * duration, self.K)

    def _place(self, brand: str | int) -> int:
        if isinstance(brand, str) and brand in self.brands:
            return self.brands.index(brand)
        is_place = isinstance(brand, (int, np.integer)) and not isinstance(brand, bool)
        if is_place and 0 <= int(brand) < len(self.brands):
            return int(brand)
        raise invalid("brand", f"there is no brand {brand!r}", f"The brands are {', '.join(self.brands)}.")


def check_duration(duration: float) -> float:
    """Return the length of a period if it is positive and finite, raise otherwise."""
    value = check_number("duration", duration)
    if not (math.isfinite(value) and value > 0):
        advice = "It is in units of the period that the model was made from: 4 is a year for a model of a quarter."
        raise invalid("duration", f"`duration` must be positive and finite, and is {duration!r}", advice)
    return value


def _projection(weights: Any, size: int) -> FloatArray:
    """How many customers each row stands for, whole or not."""
    if weights is None:
        return np.ones(size)
    checker = Checker("the weights")
    values = checker.amounts("weights", weights)
    if values is not None and values.size != size:
        checker.add("weights", f"`weights` must have one entry for each of the {size:,} rows, and has {values.size:,}")
    checker.done()
    if values is None:
        raise AssertionError  # reported above
    return values


def counts_of_brands(counts: Any, weights: Any, width: int | None = None) -> tuple[FloatArray, FloatArray]:
    """Counts (n, k) and how many customers each row stands for (n,), checked."""
    checker = Checker("the counts")
    table = checker.count_matrix("counts", counts, "They are numbers of purchases, not money.")
    checker.same_length()
    if table is not None and width is not None and table.shape[1] != width:
        checker.add("counts", f"`counts` must have a column for each of the {width} brands, and has {table.shape[1]}")
    elif table is not None and table.shape[1] < 2:
        advice = "Put what is bought of all other brands into a column of its own."
        checker.add("counts", f"`counts` must have two columns or more, and has {table.shape[1]}", advice)
    checker.done()
    if table is None:
        raise AssertionError  # reported above
    size = check_weights(weights, len(table))
    if size is None:
        return table, np.ones(len(table))
    if not np.any(size):
        raise invalid("weights", "`weights` must not all be zero")
    return table, size
