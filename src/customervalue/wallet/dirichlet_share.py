"""Dirichlet-multinomial: the shares of all brands in what each customer buys, drawn towards those of the market."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.estimation.draws import draw
from customervalue.estimation.priors import check_prior
from customervalue.wallet._dirichlet_fit import ShareRows, likelihood_of_rows, row_log_likelihood, share_rows
from customervalue.wallet._share_checks import check_sum, check_variation, check_weights, table_evidence
from customervalue.wallet._share_columns import brand_columns, check_brands
from customervalue.wallet._share_fit import bought, fit_shares
from customervalue.wallet._share_tables import BrandPredictions
from customervalue.wallet.beta_binomial import BetaBinomialShare

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue._typing import FloatArray
    from customervalue.estimation.draws import Draws
    from customervalue.estimation.fit import Likelihood
    from customervalue.estimation.inference import Inference
    from customervalue.estimation.priors import LogNormal

__all__ = ["DirichletShare"]


@dataclass(frozen=True)
class DirichletShare(BrandPredictions):
    """Shares of customers have a Dirichlet distribution, and purchases are multinomial given the shares.

    `BetaBinomialShare` for all brands of a category at once: each customer's shares add up to 1.

    Parameters
    ----------
    alpha : sequence of float, length k
        One for each brand; alpha_j over their sum S is the mean share of brand j. What all customers say weighs as much
        as S purchases of one's own.
    brands : sequence of str, length k
        Their names.
    variation : float
        Of a model of spend: standard deviation of the values of one customer's purchases over their mean. 0 for
        purchases of equal value.
    inference : Inference, optional
        What the fit knows of alpha, one parameter for each brand, under its name; None for a model made from its
        parameters.

    Raises
    ------
    InvalidInputError
        If an alpha is not positive and finite, there are fewer than two brands, or two have the same name.

    Notes
    -----
    One number, S, says how much customers differ in all brands alike: brands do not compete in groups, and a customer
    who buys one brand is as likely as any other to buy a second one, but for its size. Predictions are at these
    parameters, as if they were known exactly.

    References
    ----------
    .. [1] Goodhardt, Ehrenberg & Chatfield (1984), Journal of the Royal Statistical Society A 147(5), 621-655.
    .. [2] Mosimann (1962), Biometrika 49(1/2), 65-82: the compound multinomial distribution.

    Examples
    --------
    >>> model = DirichletShare(alpha=(0.5, 0.3, 0.2), brands=("ours", "theirs", "other"))
    >>> model.share([[1, 0, 0], [0, 6, 3]]).round(3)
    array([[0.75, 0.15, 0.1 ],
           [0.05, 0.63, 0.32]])
    """

    alpha: tuple[float, ...]
    brands: tuple[str, ...]
    variation: float = 0.0
    inference: Inference | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "brands", check_brands(self.brands))
        object.__setattr__(self, "variation", check_variation(self.variation))
        # Of this model and not of its class: each category has brands of its own.
        object.__setattr__(self, "parameter_names", self.brands)
        self._check_parameters()

    def __repr__(self) -> str:
        values = ", ".join(f"{brand}={value:.4g}" for brand, value in self.parameters.items())
        return f"DirichletShare({values}{f', variation={self.variation:.4g}' if self.variation else ''})"

    @property
    def parameters(self) -> dict[str, float]:
        """Brand -> alpha."""
        return dict(zip(self.brands, self.alpha, strict=True))

    def _check_parameters(self) -> None:
        try:
            alpha = np.array(self.alpha, dtype=np.float64)
        except (TypeError, ValueError):
            alpha = np.empty(0)
        if alpha.shape != (len(self.brands),):
            rule = f"`alpha` must hold one number for each of the {len(self.brands)} brands, and is {self.alpha!r}"
            raise invalid("alpha", rule)
        wrong = [name for name, a in zip(self.brands, alpha.tolist(), strict=True) if not 0 < a < np.inf]
        problems = [Problem("alpha", f"`alpha` of {name!r} must be a positive number") for name in wrong]
        if problems:
            raise InvalidInputError("the parameters of DirichletShare", problems)
        check_sum("alpha", alpha)
        object.__setattr__(self, "alpha", tuple(alpha.tolist()))

    def _with_parameters(self, values: FloatArray) -> Self:
        return replace(self, alpha=tuple(values.tolist()), inference=None)

    @classmethod
    def fit(
        cls,
        purchases: Any,
        brands: Sequence[str] | None = None,
        *,
        weights: Any = None,
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the parameters by maximum likelihood.

        Parameters
        ----------
        purchases : array_like of int, shape (n, k), or mapping of k columns, or dataframe
            Purchases of each customer (row) of each brand (column). The brands are the whole category: put what is left
            of it into a column of its own. Customers without any purchase say nothing.
        brands : sequence of str, length k, optional
            Names of the columns; of a mapping or dataframe, the columns to take. By default its own names, or "brand 1"
            and so on.
        weights : array_like of int, shape (n,), optional
            How many identical customers each row stands for.
        prior : mapping of str to LogNormal, or "weak", optional
            Prior knowledge of the alpha of some or all brands; the estimates are then posterior modes (on the log
            scale). "weak" is `LogNormal(1.5 m, 1.5)` for each, m being its share of all purchases.
        start : mapping of str to float, optional
            Where to begin the search, for every brand; found from the data by default.

        Returns
        -------
        DirichletShare
            With `.inference`: covariance, log-likelihood, and how the search ended.

        Raises
        ------
        InvalidInputError
            If counts are negative or not whole, or nobody bought some brand; with every problem found.
        ConvergenceError
            If the likelihood has no maximum: nobody bought more than once. A prior makes one.

        Warns
        -----
        WeaklyIdentifiedWarning
            If customers hardly differ in their shares (S runs to infinity), or each buys only one brand (S runs to
            zero).

        Examples
        --------
        >>> import customervalue as cv
        >>> panel = cv.datasets.load_catsup()
        >>> model = DirichletShare.fit(panel, brands=["heinz28", "heinz32", "heinz41", "hunts32"])
        >>> model, round(model.polarization, 3)
        (DirichletShare(heinz28=1.094, heinz32=1.499, heinz41=0.296, hunts32=0.3598), 0.235)
        """
        return cls._fitted(purchases, None, brands, 0.0, weights, prior, start)

    @classmethod
    def fit_spend(
        cls,
        spend: Any,
        category_purchases: Any,
        brands: Sequence[str] | None = None,
        *,
        variation: float = 0.0,
        weights: Any = None,
        prior: Mapping[str, LogNormal] | Literal["weak"] | None = None,
        start: Mapping[str, float] | None = None,
    ) -> Self:
        """Estimate the distribution of shares of spend, each as sure as the number of purchases behind it.

        Parameters
        ----------
        spend : array_like of float, shape (n, k), or mapping of k columns, or dataframe
            What each customer spent on each brand, in money; >= 0.
        category_purchases : array_like of int, shape (n,)
            In how many purchases he spent it.
        brands, weights, prior, start
            As `fit` takes them.
        variation : float
            Standard deviation of the values of one customer's purchases over their mean; 0 if they are of equal value.

        Returns
        -------
        DirichletShare
            Of shares of money. Pass `purchases` to its predictions.

        Raises
        ------
        InvalidInputError
            If amounts are negative, there is spend without a purchase, or nobody bought some brand; with every problem
            found.
        ConvergenceError
            As `fit` does.

        Warns
        -----
        WeaklyIdentifiedWarning
            As `fit` does.

        Notes
        -----
        The working likelihood of `BetaBinomialShare.fit_spend`, which says how far it can be trusted.

        Examples
        --------
        >>> spend = [[12.0, 3.5], [0.0, 8.0], [7.0, 7.0], [20.0, 2.0]]
        >>> model = DirichletShare.fit_spend(spend, [5, 2, 4, 7], ["ours", "theirs"], variation=0.5, prior="weak")
        >>> model.share([[10.0, 0.0]], purchases=[1]).round(2)
        array([[0.71, 0.29]])
        """
        return cls._fitted(spend, category_purchases, brands, check_variation(variation), weights, prior, start)

    @classmethod
    def _fitted(
        cls, amounts: Any, purchases: Any, brands: Any, variation: float, weights: Any, prior: Any, start: Any
    ) -> Self:
        subject, name = ("the purchases", "purchases") if purchases is None else ("the spend", "spend")
        table, names = brand_columns(amounts, brands)
        x, total = table_evidence(subject, table, purchases, variation, (name, "category_purchases"))
        brands = check_brands(names, x.shape[1])
        rows = share_rows(list(x.T), total, check_weights(weights, total.size))
        if not (prior == "weak" or check_prior(prior, brands)):
            advice = "Leave it out, or put it together with another brand, or fit with a prior."
            none = [brand for brand, some in zip(brands, bought(rows), strict=True) if not some]
            problems = [Problem("brands", f"nobody bought {brand!r}", advice) for brand in none]
            if problems:
                raise InvalidInputError(subject, problems)
        inference = fit_shares(rows, brands, prior, start, brands)
        alpha = tuple(inference.parameters[brand] for brand in brands)
        return cls(alpha=alpha, brands=brands, variation=variation, inference=inference)

    @classmethod
    def _likelihood(cls, rows: ShareRows) -> Likelihood:
        return likelihood_of_rows(rows, tuple(f"brand {j}" for j in range(1, len(rows.columns) + 1)))

    def _row_log_likelihood(self, rows: ShareRows) -> FloatArray:
        return row_log_likelihood(np.array(self.alpha), rows)

    def log_likelihood(self, amounts: Any, *, purchases: Any = None) -> FloatArray:
        """Log-probability of each customer's purchases, given how many they are in all.

        Parameters
        ----------
        amounts, purchases
            As `share` takes them; with `purchases` it is the working likelihood of `fit_spend`.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InvalidInputError
            If the table is not as described.

        Examples
        --------
        >>> model = DirichletShare(alpha=(1.0, 1.0), brands=("ours", "theirs"))
        >>> model.log_likelihood([[0, 2], [1, 1]]).round(4)
        array([-1.0986, -1.0986])
        """
        x, total = self._evidence(amounts, purchases)
        return self._row_log_likelihood(share_rows(list(x.T), total, None))

    def draws(
        self,
        n: int,
        rng: np.random.Generator | int | None,
        *,
        amounts: Any = None,
        purchases: Any = None,
        weights: Any = None,
    ) -> Draws[Self]:
        """Draw sets of parameters that the data leave possible.

        Parameters
        ----------
        n : int
            How many.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.
        amounts, purchases, weights : optional
            The customers the model was fitted to, as `share` takes them. With them the draws are those of the exact
            posterior; without, those of the normal distribution of the log-parameters that the fit suggests.

        Returns
        -------
        Draws
            Each draw is a model that predicts.

        Raises
        ------
        InvalidInputError
            If the model has no inference, its data left a parameter open, or the data are not those of the fit.
        ConvergenceError
            If the importance weights collapse.

        Examples
        --------
        >>> model = DirichletShare.fit([[3, 0], [1, 4], [0, 2], [2, 2], [5, 1]], prior="weak")
        >>> len(model.draws(100, rng=1))
        100
        """
        if amounts is None:
            return draw(self, n, rng)
        x, total = self._evidence(amounts, purchases)
        return draw(self, n, rng, share_rows(list(x.T), total, check_weights(weights, total.size)))

    def brand(self, name: str) -> BetaBinomialShare:
        """Model of one brand against all others: its share is beta distributed.

        Parameters
        ----------
        name : str
            One of `brands`.

        Returns
        -------
        BetaBinomialShare
            With calls for (own, category), and without inference.

        Raises
        ------
        InvalidInputError
            If there is no such brand.

        Examples
        --------
        >>> DirichletShare(alpha=(0.5, 0.3, 0.2), brands=("ours", "theirs", "other")).brand("ours")
        BetaBinomialShare(alpha=0.5, beta=0.5)
        """
        if name not in self.brands:
            raise invalid("name", f"there is no brand {name!r}", f"The brands are {', '.join(self.brands)}.")
        j = self.brands.index(name)
        rest = sum(self.alpha[:j] + self.alpha[j + 1 :])
        return BetaBinomialShare(alpha=self.alpha[j], beta=rest, variation=self.variation)

    def simulate(self, category_purchases: Any, rng: np.random.Generator | int | None) -> FloatArray:
        """Draw how many purchases of each brand customers with so many in the category make.

        Parameters
        ----------
        category_purchases : array_like of int, shape (n,)
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        ndarray of float64, shape (n, k)
            Whole numbers.

        Raises
        ------
        InvalidInputError
            If `category_purchases` does not hold whole numbers >= 0.

        Examples
        --------
        >>> DirichletShare(alpha=(0.5, 0.5), brands=("ours", "theirs")).simulate([0, 5, 5], rng=1)
        array([[0., 0.],
               [2., 3.],
               [0., 5.]])
        """
        checker = Checker("the purchases")
        total = checker.counts("category_purchases", category_purchases)
        checker.same_length()
        checker.done()
        source, number = np.random.default_rng(rng), np.asarray(total, dtype=np.int64)
        shares = np.stack([source.standard_gamma(a, number.size) for a in self.alpha], axis=1)
        # All gamma variables of a customer can underflow where S is tiny: he then buys one brand only.
        lost = shares.sum(axis=1) == 0
        shares[lost] = source.multinomial(1, self.mean, int(lost.sum()))
        return source.multinomial(number, shares / shares.sum(axis=1, keepdims=True)).astype(np.float64)
