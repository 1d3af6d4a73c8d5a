"""What a Dirichlet distribution of shares says: of all customers, and of one whose purchases are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.estimation.model import ParametricModel
from customervalue.wallet._share_checks import check_share, table_evidence, unique_pairs
from customervalue.wallet._share_columns import brand_columns
from customervalue.wallet._share_posterior import beta_interval, beta_tail

if TYPE_CHECKING:
    from collections.abc import Iterator

    from customervalue._typing import FloatArray, IntArray

__all__ = ["BrandPredictions"]


class BrandPredictions(ParametricModel):
    """Base of `DirichletShare`: its predictions; how it is fitted is in the model itself."""

    alpha: tuple[float, ...]
    brands: tuple[str, ...]
    variation: float

    @property
    def mean(self) -> FloatArray:
        """Mean share of each brand over all customers, each counting once; shape (k,)."""
        return np.array(self.alpha) / self.concentration

    @property
    def concentration(self) -> float:
        """S, the sum of alpha: as many purchases of his own a customer's shares are worth before he has bought."""
        return float(sum(self.alpha))

    @property
    def polarization(self) -> float:
        """1 / (1 + S): 0 if all customers have the same shares, 1 if each buys only one brand."""
        return 1 / (1 + self.concentration)

    def share(self, amounts: Any, *, purchases: Any = None) -> FloatArray:
        """Expected shares of each customer, given his purchases.

        Parameters
        ----------
        amounts : array_like of int, shape (n, k), or mapping of columns, or dataframe
            Purchases of each brand, in the order of `brands` (by name from a mapping or dataframe); or money, if
            `purchases` is given.
        purchases : array_like of int, shape (n,), optional
            For money: in how many purchases each customer spent it.

        Returns
        -------
        ndarray of float64, shape (n, k)
            Each row sums to 1.

        Raises
        ------
        InvalidInputError
            If the table is not as described; with every problem found.

        Examples
        --------
        >>> from customervalue.wallet import DirichletShare
        >>> model = DirichletShare(alpha=(0.5, 0.5), brands=("ours", "theirs"))
        >>> model.share([[1, 0], [9, 0]])
        array([[0.75, 0.25],
               [0.95, 0.05]])
        """
        x, total = self._evidence(amounts, purchases)
        return (np.array(self.alpha) + x) / (self.concentration + total)[:, None]

    def interval(self, amounts: Any, level: float = 0.9, *, purchases: Any = None) -> tuple[FloatArray, FloatArray]:
        """Interval that holds each share of each customer with this probability, one share at a time.

        Parameters
        ----------
        amounts, purchases
            As `share` takes them.
        level : float
            Between 0 and 1.

        Returns
        -------
        lower, upper : ndarray of float64, shape (n, k)

        Raises
        ------
        InvalidInputError
            If the table is not as described, or `level` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import DirichletShare
        >>> model = DirichletShare(alpha=(0.5, 0.5), brands=("ours", "theirs"))
        >>> lower, upper = model.interval([[9, 0]])
        >>> lower.round(2), upper.round(2)
        (array([[0.81, 0.  ]]), array([[1.  , 0.19]]))
        """
        check_level(level)
        x, total = self._evidence(amounts, purchases)
        low, high = np.empty(x.shape), np.empty(x.shape)
        for j, (a, b, inverse) in enumerate(self._posteriors(x, total)):
            lower, upper = beta_interval(a, b, level)
            low[:, j], high[:, j] = lower[inverse], upper[inverse]
        return low, high

    def probability_above(self, threshold: float, amounts: Any, *, purchases: Any = None) -> FloatArray:
        """Probability that each share of each customer exceeds a threshold.

        Parameters
        ----------
        threshold : float
            Between 0 and 1.
        amounts, purchases
            As `share` takes them.

        Returns
        -------
        ndarray of float64, shape (n, k)

        Raises
        ------
        InvalidInputError
            If the table is not as described, or `threshold` is not between 0 and 1.

        Examples
        --------
        >>> from customervalue.wallet import DirichletShare
        >>> model = DirichletShare(alpha=(1.0, 1.0), brands=("ours", "theirs"))
        >>> model.probability_above(0.5, [[0, 0], [3, 0]])
        array([[0.5   , 0.5   ],
               [0.9375, 0.0625]])
        """
        limit = check_share("threshold", threshold)
        if limit.ndim:
            raise invalid("threshold", f"`threshold` must be one number, and has shape {limit.shape}")
        x, total = self._evidence(amounts, purchases)
        tails = (beta_tail(a, b, limit)[inverse] for a, b, inverse in self._posteriors(x, total))
        return np.stack(list(tails), axis=1)

    def _posteriors(self, x: FloatArray, total: FloatArray) -> Iterator[tuple[FloatArray, FloatArray, IntArray]]:
        """Of each brand: the distinct posterior beta distributions, and which one each customer has."""
        for j, alpha in enumerate(self.alpha):
            pairs = unique_pairs(x[:, j], total)
            rest = sum(self.alpha[:j] + self.alpha[j + 1 :])
            yield alpha + pairs.own, rest + np.maximum(pairs.category - pairs.own, 0.0), pairs.inverse

    def _evidence(self, amounts: Any, purchases: Any) -> tuple[FloatArray, FloatArray]:
        subject, name = ("the purchases", "purchases") if purchases is None else ("the spend", "amounts")
        table, _ = brand_columns(amounts, self.brands)
        return table_evidence(subject, table, purchases, self.variation, (name, "purchases"), len(self.brands))
