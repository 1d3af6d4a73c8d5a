"""NBD-Dirichlet: how often customers buy in a category, which brands, and what else those buy who buy from us."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError
from customervalue.estimation.draws import check_level, draw
from customervalue.numerics.nbd import nbd_log_probability
from customervalue.wallet._category_names import brand_columns
from customervalue.wallet._dirichlet_fit import row_log_likelihood, share_rows
from customervalue.wallet._nbd_dirichlet_aggregates import Estimator, positive, read_aggregates
from customervalue.wallet._nbd_dirichlet_fit import fit_category
from customervalue.wallet._nbd_dirichlet_predictions import CategoryPredictions, check_duration, counts_of_brands
from customervalue.wallet._nbd_dirichlet_results import BrandComparison, BrandTable, CategoryTable, Duplication
from customervalue.wallet._nbd_dirichlet_wallet import ExpectedWallet, make_wallet

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue._typing import FloatArray
    from customervalue.estimation.draws import Draws
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.priors import LogNormal

__all__ = ["BrandComparison", "BrandTable", "CategoryTable", "Duplication", "ExpectedWallet", "NBDDirichlet"]

#: A brand that is any smaller is lost in the arithmetic.
_TINY = 1e-100
_MORE = "A brand that is hardly ever bought is better left out."


@dataclass(frozen=True, repr=False)
class NBDDirichlet(CategoryPredictions):
    """NBD-Dirichlet model of buying in a category.

    A customer buys in the category at random at his own rate, which has a gamma distribution over customers, and
    chooses brands with shares of his own, which have a Dirichlet distribution. How often he buys says nothing of what
    he chooses.

    Parameters
    ----------
    M : float
        Mean number of category purchases of all customers, those who buy nothing included, in one period.
    K : float
        Shape of the purchase rates: the smaller, the more customers differ in how often they buy.
    alpha : sequence of float, length k
        One for each brand; alpha_j over their sum S is the market share of brand j, and the smaller S, the more
        customers differ in what they choose. The brands are the whole category. By default there is one brand, the
        category itself.
    brands : sequence of str, length k, optional
        Their names; "brand 1" and so on by default.
    inference : Inference, optional
        What the fit knows of M, K and the alpha of each brand, under its name; None for a model made otherwise.

    Raises
    ------
    InvalidInputError
        If a parameter is not positive and finite, or names of brands are missing, equal, or "M" or "K".

    Notes
    -----
    Predictions are at these parameters, as if they were known exactly. `draws` gives models that the data leave
    possible.

    References
    ----------
    .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.

    Examples
    --------
    >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
    >>> model.brand_table().penetration.round(2)
    array([0.46, 0.24, 0.2 ])
    """

    parameter_names: ClassVar[tuple[str, ...]] = ()

    M: float
    K: float
    alpha: tuple[float, ...] = (1.0,)
    brands: tuple[str, ...] = ()
    inference: Inference | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        self._check_parameters()
        # Of this model and not of its class: each category has brands of its own.
        object.__setattr__(self, "parameter_names", ("M", "K", *self.brands))

    def __repr__(self) -> str:
        return f"NBDDirichlet({', '.join(f'{name}={value:.4g}' for name, value in self.parameters.items())})"

    @property
    def parameters(self) -> dict[str, float]:
        """M, K, and brand -> alpha."""
        return {"M": self.M, "K": self.K, **dict(zip(self.brands, self.alpha, strict=True))}

    def _check_parameters(self) -> None:
        checker = Checker(f"the parameters of {type(self).__name__}")
        alpha = checker.numbers("alpha", self.alpha)
        for name in ("M", "K"):
            value = checker.attempt(partial(positive, name), getattr(self, name))
            if value is not None:
                object.__setattr__(self, name, value)
        brands = () if alpha is None or not alpha.size else _names(checker, self.brands, alpha.size)
        if alpha is not None:
            checker.rows("alpha", alpha < _TINY, "`alpha` must be positive", {"alpha": alpha}, _MORE)
            if not alpha.size:
                checker.add("alpha", "`alpha` must hold a number for each brand, and is empty")
        if checker.problems:
            raise InvalidInputError(checker.subject, checker.problems)
        object.__setattr__(self, "brands", brands)
        object.__setattr__(self, "alpha", tuple([] if alpha is None else alpha.tolist()))

    def _with_parameters(self, values: FloatArray) -> Self:
        mean, shape, *alpha = values.tolist()
        return replace(self, M=mean, K=shape, alpha=tuple(alpha), inference=None)

    @classmethod
    def fit(
        cls,
        counts: Any,
        *,
        brands: Sequence[str] | None = None,
        weights: Any = None,
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood from the purchases of each customer.

        Parameters
        ----------
        counts : array_like of int, shape (n, k), or mapping of k columns, or dataframe
            Purchases of each customer (row) of each brand (column) in one period. The brands are the whole category:
            put what is left of it into a column of its own. Rows of zeros are customers who bought nothing, and count.
        brands : sequence of str, length k, optional
            Names of the columns; of a mapping or dataframe, the columns to take. By default its own names, or "brand 1"
            and so on.
        weights : array_like of int, shape (n,), optional
            How many identical customers each row stands for.
        prior : mapping of str to LogNormal, or "weak", optional
            Prior knowledge of M, K and the alpha of brands, by their names; the estimates are then posterior modes (on
            the log scale).

        Returns
        -------
        NBDDirichlet
            With `.inference`: covariance, log-likelihood (that of all counts) and how the search ended.

        Raises
        ------
        InvalidInputError
            If counts are negative or not whole, or nobody bought some brand; with every problem found.
        ConvergenceError
            If the likelihood has no maximum: nobody bought more than once.

        Warns
        -----
        WeaklyIdentifiedWarning
            If customers hardly differ in how often they buy (K runs to infinity) or in what they choose (S runs to
            infinity), or each buys only one brand (S runs to zero).
        AssumptionWarning
            If there is no row of zeros though the model expects some: customers who bought nothing were left out.

        Notes
        -----
        The likelihood is the product of that of M and K, given how many purchases each customer made, and that of
        alpha, given what they were; the covariance is therefore block-diagonal.

        References
        ----------
        .. [1] Rungie & Goodhardt (2004), Marketing Bulletin 15, technical note 2.

        Examples
        --------
        >>> import customervalue as cv
        >>> panel = cv.datasets.load_yogurt()
        >>> model = NBDDirichlet.fit(panel, brands=["dannon", "hiland", "weight", "yoplait"])
        >>> model
        NBDDirichlet(M=24.12, K=1.497, dannon=0.406, hiland=0.0823, weight=0.1588, yoplait=0.3611)
        >>> round(model.inference.standard_errors["dannon"], 3)
        0.06
        """
        columns, names = brand_columns(counts, brands)
        table, size = counts_of_brands(columns, weights)
        checker = Checker("the counts")
        named = _names(checker, names, table.shape[1])
        checker.done()
        rows = share_rows(list(table.T), table.sum(axis=1), size)
        inference = fit_category(rows, named, prior)
        mean, shape, *alpha = inference.parameters.values()
        return cls(M=mean, K=shape, alpha=tuple(alpha), brands=named, inference=inference)

    @classmethod
    def from_aggregates(
        cls,
        penetration: float,
        purchase_rate: float,
        shares: Any = (1.0,),
        *,
        brands: Sequence[str] | None = None,
        brand_penetration: Any = None,
        brand_purchase_rate: Any = None,
        S: float | None = None,
        estimator: Estimator = "share_weighted",
    ) -> Self:
        """Make the model from what is printed of a category and its brands, as the field has always done it.

        Parameters
        ----------
        penetration : float
            Share of customers who bought in the category, between 0 and 1.
        purchase_rate : float
            How often those bought, on average, > 1.
        shares : array_like of float, shape (k,)
            Market shares of the brands, between 0 and 1. What they lack to 1 becomes one more brand, "other". By
            default the category alone.
        brands : sequence of str, length k, optional
            Their names.
        brand_penetration : array_like of float, shape (k,), optional
            Share of customers who bought each brand; NaN for a brand that is not to be used.
        brand_purchase_rate : array_like of float, shape (k,), optional
            Instead of it: how often the buyers of each brand bought it.
        S : float, optional
            Instead of both.
        estimator : {"share_weighted", "notched"}
            How the S that reproduce the penetration of one brand each become one: their mean, weighted by market share,
            over all brands; or over those whose S lies not above the notch of a box plot, median + 1.58 (interquartile
            range) / sqrt(brands).

        Returns
        -------
        NBDDirichlet
            Without inference.

        Raises
        ------
        InvalidInputError
            If an argument is outside its range; the purchase rate is too small for the penetration, below that of a
            Poisson distribution; or no S reproduces the penetration of some brand.

        Notes
        -----
        M = penetration x purchase rate; K is such that the penetration is right ("mean and zeros").

        References
        ----------
        .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.

        Examples
        --------
        >>> model = NBDDirichlet.from_aggregates(
        ...     0.56, 2.6, [0.25, 0.19], brands=["Colgate", "Macleans"], brand_penetration=[0.20, 0.17]
        ... )
        >>> model
        NBDDirichlet(M=1.456, K=0.7788, Colgate=0.4233, Macleans=0.3217, other=0.9481)
        """
        found = read_aggregates(
            penetration, purchase_rate, shares, brand_penetration, brand_purchase_rate, S, estimator
        )
        checker = Checker("the aggregates")
        names = _names(checker, brands, found.shares.size)
        checker.done()
        alpha = (found.size * found.shares).tolist()
        if found.other > 0:
            names, alpha = (*names, "other"), [*alpha, found.size * found.other]
        return cls(M=found.mean, K=found.shape, alpha=tuple(alpha), brands=names)

    def log_likelihood(self, counts: Any) -> FloatArray:
        """Log-probability of the purchases of each customer.

        Parameters
        ----------
        counts : array_like of int, shape (n, k), or mapping of columns, or dataframe
            As `compare` takes them.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InvalidInputError
            If counts are negative or not whole, or there is not one column for each brand.

        Examples
        --------
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4))
        >>> model.log_likelihood([[0, 0, 0], [2, 0, 1]]).round(4)
        array([-1.1143, -4.4421])
        """
        table, _ = counts_of_brands(brand_columns(counts, self.brands)[0], None, len(self.brands))
        rows = share_rows(list(table.T), table.sum(axis=1), None)
        often = rows.total.expand(nbd_log_probability(rows.total.margin.values, self.M, self.K))
        return often + row_log_likelihood(np.array(self.alpha), rows)

    def expected_wallet(
        self, own_purchases: Any, brand: str | int, *, duration: float = 1.0, level: float = 0.9
    ) -> ExpectedWallet:
        """Each customer's purchases in the category, given only what he buys from us.

        Parameters
        ----------
        own_purchases : array_like of int, shape (n,)
            What each customer bought of `brand`; 0 for who bought nothing.
        brand : str or int
            Our name, or place among the brands.
        duration : float
            Length of the period of these purchases, > 0; 1 is the period that the model was made from.
        level : float
            Of the intervals, between 0 and 1.

        Returns
        -------
        ExpectedWallet
            Expected category purchases with an interval, our share in them, and the headroom.

        Raises
        ------
        InvalidInputError
            If purchases are negative or not whole, there is no such brand, `duration` is not positive and finite, or
            `level` not between 0 and 1.
        ConvergenceError
            If customers differ so much that the distribution reaches beyond 4 million purchases.

        Notes
        -----
        Who buys much from us buys much in the category, and likes us: the first raises what he is expected to buy from
        others, the second lowers it. Where K = S the two cancel, and purchases from others have the same distribution
        whatever he buys from us; where K < S those who buy more from us also buy more from others, where K > S less.

        Pass customers who bought nothing from us only if they belong to the population that the model was made from.

        The time it takes grows with the number of distinct values of `own_purchases`, times the number of purchases
        from others that are possible at all, some 40 M / K: a million customers take a tenth of a second where some buy
        1,500 times (M = 100, K = 0.5), a second or two at 15,000 times (M = 500, K = 0.3), and some 15 seconds at
        60,000 times (M = 2,000, K = 0.3).

        Examples
        --------
        >>> model = NBDDirichlet(M=1.47, K=2.1, alpha=(1.1, 0.5, 0.4), brands=("A", "B", "C"))
        >>> result = model.expected_wallet([0, 1, 4], "A")
        >>> result.wallet.round(2), result.high, result.share.round(2)
        (array([0.67, 1.66, 4.65]), array([3., 4., 7.]), array([0.  , 0.77, 0.89]))
        """
        checker = Checker("the own purchases")
        own = checker.counts("own_purchases", own_purchases, "They are numbers of purchases, not money.")
        checker.same_length()
        checker.done()
        if own is None:
            raise AssertionError  # reported above
        length, confidence = check_duration(duration), check_level(level)
        place = self._place(brand)
        return make_wallet(own, self.brands[place], self._brand(place, length), length, confidence)

    def draws(self, n: int, rng: np.random.Generator | int | None) -> Draws[Self]:
        """Draw sets of parameters that the data leave possible, from the normal distribution of their logarithms.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        Draws
            Each draw is a model that predicts.

        Raises
        ------
        InvalidInputError
            If the model has no inference, or its data left a parameter open.

        Examples
        --------
        >>> import customervalue as cv
        >>> model = NBDDirichlet.fit(cv.datasets.load_yogurt(), brands=["dannon", "hiland", "weight", "yoplait"])
        >>> penetration = [each.brand_table().penetration[0] for each in model.draws(200, rng=1)]
        >>> np.quantile(penetration, [0.05, 0.95]).round(2)
        array([0.69, 0.82])
        """
        return draw(self, n, rng)


def _names(checker: Checker, brands: Sequence[str] | None, size: int) -> tuple[str, ...]:
    """A different name for each brand, and none that is a parameter's."""
    names = (brands,) if isinstance(brands, str) else tuple(() if brands is None else brands)
    if not names:
        return tuple(f"brand {j}" for j in range(1, size + 1))
    if len(names) != size or not all(isinstance(name, str) for name in names):
        checker.add("brands", f"`brands` must hold one name for each of the {size} brands, and is {brands!r}")
    elif len({*names, "M", "K"}) < size + 2:
        checker.add("brands", f"`brands` must be different names, none of them M or K, and are {', '.join(names)}")
    return names
