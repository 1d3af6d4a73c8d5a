"""What a beta distribution of shares says: of all customers, and of one whose purchases are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.estimation.model import ParametricModel
from customervalue.units import check_number
from customervalue.wallet._share_checks import PairNames, check_share, pair_evidence, unique_pairs
from customervalue.wallet._share_posterior import beta_binomial, beta_interval, beta_tail

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["SharePredictions"]

_PAIR = PairNames("own", "category")
#: A table of so many cells is as much as a prediction may fill.
_CELLS = 2**27


class SharePredictions(ParametricModel):
    """Base of `BetaBinomialShare`: its predictions; how it is fitted is in the model itself."""

    alpha: float
    beta: float
    variation: float

    @property
    def mean(self) -> float:
        """Mean share of all customers, each counting once, alpha / (alpha + beta)."""
        return self.alpha / (self.alpha + self.beta)

    @property
    def concentration(self) -> float:
        """S = alpha + beta: as many purchases of his own a customer's share is worth before he has bought."""
        return self.alpha + self.beta

    @property
    def polarization(self) -> float:
        """1 / (1 + S): 0 if all customers have the same share, 1 if each buys only from us or never."""
        return 1 / (1 + self.concentration)

    def population_density(self, share: Any) -> FloatArray:
        """Density of the shares of all customers.

        Parameters
        ----------
        share : array_like of float
            Between 0 and 1, without the ends (where it is infinite if alpha or beta is below 1).

        Returns
        -------
        ndarray of float64, of the shape of `share`

        Raises
        ------
        InvalidInputError
            If a share does not lie between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import BetaBinomialShare
        >>> BetaBinomialShare(alpha=2.0, beta=1.0).population_density([0.25, 0.5])
        array([0.5, 1. ])
        """
        from scipy.special import betaln

        s = check_share("share", share, closed=False)
        logs = (self.alpha - 1) * np.log(s) + (self.beta - 1) * np.log1p(-s)
        return np.asarray(np.exp(logs - betaln(self.alpha, self.beta)), dtype=np.float64)

    def population_quantile(self, probability: Any) -> FloatArray:
        """Share that this part of all customers stays below.

        Parameters
        ----------
        probability : array_like of float
            Between 0 and 1.

        Returns
        -------
        ndarray of float64, of the shape of `probability`

        Raises
        ------
        InvalidInputError
            If a probability does not lie between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import BetaBinomialShare
        >>> BetaBinomialShare(alpha=2.0, beta=1.0).population_quantile([0.25, 0.81]).round(3)
        array([0.5, 0.9])
        """
        from scipy.special import betaincinv

        q = check_share("probability", probability)
        return np.asarray(betaincinv(self.alpha, self.beta, q), dtype=np.float64)

    def share(self, own: Any, category: Any, *, purchases: Any = None) -> FloatArray:
        """Expected share of each customer, given his purchases.

        Parameters
        ----------
        own, category : array_like, shape (n,)
            Purchases from us, and in the category from everybody, us included, in whole numbers; or money, if
            `purchases` is given.
        purchases : array_like of int, shape (n,), optional
            For money: in how many purchases each customer spent it.

        Returns
        -------
        ndarray of float64, shape (n,)
            (alpha + own) / (alpha + beta + category), between the customer's own share and the mean of all.

        Raises
        ------
        InvalidInputError
            If the columns are not as described, or `own` exceeds `category`; with every problem found.

        Examples
        --------
        >>> from customervalue.wallet import BetaBinomialShare
        >>> model = BetaBinomialShare(alpha=0.5, beta=1.5)
        >>> model.share([1, 2], [1, 8]), model.share([5.0], [8.0], purchases=[1])
        (array([0.5 , 0.25]), array([0.375]))
        """
        x, n = self._evidence(own, category, purchases)
        return (self.alpha + x) / (self.concentration + n)

    def interval(
        self, own: Any, category: Any, level: float = 0.9, *, purchases: Any = None
    ) -> tuple[FloatArray, FloatArray]:
        """Interval that holds each customer's share with this probability.

        Parameters
        ----------
        own, category, purchases : array_like, shape (n,)
            As `share` takes them.
        level : float
            Between 0 and 1.

        Returns
        -------
        lower, upper : ndarray of float64, shape (n,)
            Quantiles of the posterior distribution, with the same probability on either side.

        Raises
        ------
        InvalidInputError
            If the columns are not as described, or `level` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import BetaBinomialShare
        >>> lower, upper = BetaBinomialShare(alpha=0.5, beta=1.5).interval([1, 10], [1, 10])
        >>> lower.round(2), upper.round(2)
        (array([0.1 , 0.69]), array([0.9 , 0.98]))
        """
        check_level(level)
        pairs = unique_pairs(*self._evidence(own, category, purchases))
        low, high = beta_interval(self.alpha + pairs.own, self.beta + pairs.category - pairs.own, level)
        return low[pairs.inverse], high[pairs.inverse]

    def probability_above(self, threshold: Any, own: Any, category: Any, *, purchases: Any = None) -> FloatArray:
        """Probability that each customer's share exceeds a threshold.

        Parameters
        ----------
        threshold : float, or array_like of float, shape (n,)
            Between 0 and 1.
        own, category, purchases : array_like, shape (n,)
            As `share` takes them.

        Returns
        -------
        ndarray of float64, shape (n,)

        Raises
        ------
        InvalidInputError
            If the columns are not as described, or a threshold is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import BetaBinomialShare
        >>> BetaBinomialShare(alpha=1.0, beta=1.0).probability_above(0.5, [0, 3], [0, 3])
        array([0.5   , 0.9375])
        """
        limit = check_share("threshold", threshold)
        x, n = self._evidence(own, category, purchases)
        if limit.ndim == 0:
            pairs = unique_pairs(x, n)
            return beta_tail(self.alpha + pairs.own, self.beta + pairs.category - pairs.own, limit)[pairs.inverse]
        if limit.shape != x.shape:
            raise invalid("threshold", f"`threshold` must be one number or one for each of the {x.size:,} customers")
        pairs, (limits, which) = unique_pairs(x, n), np.unique(limit, return_inverse=True)
        # Customers with the same counts and the same threshold are alike.
        codes, inverse = np.unique(pairs.inverse * limits.size + which, return_inverse=True)
        i, j = np.divmod(codes, limits.size)
        own, category = pairs.own[i], pairs.category[i]
        return beta_tail(self.alpha + own, self.beta + category - own, limits[j])[inverse]

    def probability_of_purchases(self, m: int, own: Any, category: Any) -> FloatArray:
        """Probability that 0, 1, ..., m of a customer's next m purchases in the category will be ours.

        Parameters
        ----------
        m : int
            Purchases to come.
        own, category : array_like of int, shape (n,)
            Purchases so far; both 0 for a customer of whom nothing is known.

        Returns
        -------
        ndarray of float64, shape (n, m + 1)
            Each row sums to 1.

        Raises
        ------
        InvalidInputError
            If the columns are not as described, `m` is not a whole number >= 0, or the table would not fit into
            memory.

        Examples
        --------
        >>> from customervalue.wallet import BetaBinomialShare
        >>> BetaBinomialShare(alpha=1.0, beta=1.0).probability_of_purchases(2, [0, 2], [0, 2]).round(3)
        array([[0.333, 0.333, 0.333],
               [0.1  , 0.3  , 0.6  ]])
        """
        x, n = self._evidence(own, category, None)
        value = check_number("m", m)
        if not (value >= 0 and value == np.floor(value) and (value + 1) * x.size <= _CELLS):
            rule = f"`m` must be a whole number, 0 or more, with a table of at most {_CELLS:,} cells, and is {m!r}"
            raise invalid("m", rule, "Ask for fewer customers, or fewer purchases, at a time.")
        pairs = unique_pairs(x, n)
        chances = beta_binomial(self.alpha + pairs.own, self.beta + pairs.category - pairs.own, int(value))
        return np.asarray(chances[pairs.inverse])

    def _evidence(self, own: Any, category: Any, purchases: Any) -> tuple[FloatArray, FloatArray]:
        subject = "the purchases" if purchases is None else "the spend"
        return pair_evidence(subject, own, category, purchases, self.variation, _PAIR)
