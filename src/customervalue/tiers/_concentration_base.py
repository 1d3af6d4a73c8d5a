"""One base and how unequal it is: the result that `concentration` gives."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from customervalue._tables import Table, as_cell
from customervalue.errors import InvalidInputError, invalid
from customervalue.estimation.draws import check_level
from customervalue.tiers import _concentration_ranked as kernels
from customervalue.tiers._concentration_bootstrap import MEASURES, check_measure, difference_of, intervals_of
from customervalue.tiers._concentration_checks import check_shares, like
from customervalue.tiers._concentration_results import (
    ConcentrationComparison,
    ConcentrationInterval,
    Deciles,
    LorenzCurve,
    WhaleCurve,
    deciles_of,
    whale_of,
)
from customervalue.tiers._currency import in_words, one_currency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray, Many
    from customervalue.tiers._concentration_ranked import Ranked

__all__ = ["TOP", "Concentration"]

#: The share of the customers that is asked for most.
TOP = 0.2


@dataclass(frozen=True, eq=False, repr=False)
class Concentration(Table):
    """How unequal a base is in what its customers are worth. As a table, its deciles.

    Attributes
    ----------
    n_customers : int
    total : float
        What they are worth together, in money (or in purchases, or whatever was given).
    n_negative, n_zero : int
        Customers of negative value, and of none.
    level : float
        Of the intervals, unless asked otherwise.
    intervals : tuple of ConcentrationInterval
        Of the Gini coefficient, the share of the best 20 %, and, where there are loss-makers, the peak of the whale
        curve; empty unless `bootstrap` was asked for.
    currency : str or None

    Notes
    -----
    Shares of a total that is zero or negative do not exist: `gini`, `lorenz`, `top_share` and `whale.peak` raise then,
    and `to_dict` has None. What is money exists all the same: `deciles`, `whale`, `mean_difference`; and so does
    `gini_normalised`, which does not divide by the total.

    Examples
    --------
    >>> from customervalue.tiers import concentration
    >>> base = concentration([0, 1, 2, 3, 4, 5], weights=[70, 45, 25, 15, 10, 5])
    >>> round(base.gini, 6), round(base.top_share(0.2), 4)
    (0.593257, 0.5756)
    """

    n_customers: int
    total: float
    n_negative: int
    n_zero: int
    level: float
    intervals: tuple[ConcentrationInterval, ...]
    currency: str | None
    _ranked: Ranked

    @property
    def mean(self) -> float:
        """Mean value per customer."""
        return self.total / self.n_customers

    @property
    def gini(self) -> float:
        """Gini coefficient: 0 where all are equal, (n - 1) / n where one has everything.

        Customers of negative value can raise it above 1: their losses are spread over the diagonal as well.

        Raises
        ------
        InvalidInputError
            If the total is not positive.
        """
        return self._estimate("gini")

    @property
    def gini_unbiased(self) -> float:
        """The same times n / (n - 1): 1 where one has everything, and nearly unbiased for the population.

        Raises
        ------
        InvalidInputError
            If the total is not positive, or there is only one customer.
        """
        return self._estimate("gini_unbiased")

    @property
    def gini_normalised(self) -> float:
        """Differences between customers, over the largest that the same gains and losses could make: in [0, 1].

        They are largest where one customer has all the gains and another all the losses. Without negative values it
        is `gini_unbiased`; with them it stays comparable, whatever the total is.

        Raises
        ------
        InvalidInputError
            If all values are zero, or there is only one customer.

        References
        ----------
        .. [1] Raffinetti, Siletti & Vernizzi (2015), "On the Gini coefficient normalization when attributes with
           negative values are considered", Statistical Methods & Applications 24(3), 507-521.
        """
        return self._estimate("gini_normalised")

    @property
    def mean_difference(self) -> float:
        """Gini's mean difference: by how much two customers taken at random differ, in money.

        Raises
        ------
        InvalidInputError
            If there is only one customer.
        """
        if self.n_customers == 1:
            raise invalid("value", "a difference takes two customers or more, and there is one")
        pairs = 0.5 * self.n_customers * (self.n_customers - 1.0)
        return float(kernels.spread(self._ranked.value, self._ranked.counts)) / pairs

    @overload
    def lorenz(self, p: float) -> float: ...
    @overload
    def lorenz(self, p: Many) -> FloatArray: ...
    def lorenz(self, p: Any) -> Any:
        """Share of the total that the share `p` of the customers has whose values are lowest.

        Parameters
        ----------
        p : float or array_like of float
            In [0, 1]. Fractions of a customer count for their part.

        Returns
        -------
        float or ndarray of float64, as `p`
            0 at 0 and 1 at 1; convex; below 0 where negative values come first.

        Raises
        ------
        InvalidInputError
            If the total is not positive, or `p` is not in [0, 1].

        Examples
        --------
        >>> from customervalue.tiers import concentration
        >>> buyers = concentration([1, 2, 3, 4, 5], weights=[45, 25, 15, 10, 5])
        >>> round(buyers.lorenz(0.8), 6)
        0.609756
        """
        self._ranked.check_shares("the Lorenz curve")
        share = check_shares("p", p)
        return like(p, self._ranked.of_poorest(share * self._ranked.n) / self.total)

    @overload
    def top_share(self, q: float) -> float: ...
    @overload
    def top_share(self, q: Many) -> FloatArray: ...
    def top_share(self, q: Any) -> Any:
        """Share of the total that the best `q` of the customers have: the whale curve at `q`.

        Parameters
        ----------
        q : float or array_like of float
            Share of the customers, in [0, 1]. Fractions of a customer count for their part.

        Returns
        -------
        float or ndarray of float64, as `q`
            1 - lorenz(1 - q); above 1 where others cost money.

        Raises
        ------
        InvalidInputError
            If the total is not positive, or `q` is not in [0, 1].

        Examples
        --------
        >>> from customervalue.tiers import concentration
        >>> concentration([10, 5, 3, 2]).top_share(0.25)
        0.5
        """
        self._ranked.check_shares("a share of the total")
        share = check_shares("q", q)
        return like(q, 1 - self._ranked.of_poorest((1 - share) * self._ranked.n) / self.total)

    @cached_property
    def lorenz_curve(self) -> LorenzCurve:
        """Every corner of the curve, one per distinct value; for a drawing.

        Raises
        ------
        InvalidInputError
            If the total is not positive.
        """
        self._ranked.check_shares("the Lorenz curve")
        customers, money = (np.append(0.0, x / x[-1]) for x in (self._ranked.customers, self._ranked.money))
        return LorenzCurve(customers, money)

    @cached_property
    def deciles(self) -> Deciles:
        """Ten parts of equal number, the best first."""
        return deciles_of(self._ranked)

    @cached_property
    def whale(self) -> WhaleCurve:
        """Cumulated value from the best customer to the worst: its peak, where it is, and what loss-makers cost."""
        return whale_of(self._ranked, self.currency)

    @property
    def remarks(self) -> tuple[str, ...]:
        """What to know before reading the numbers, in words."""
        said = []
        if self._ranked.no_shares:
            said.append(f"no shares of the total: {self._ranked.no_shares}")
        if self.n_negative:
            bound = "the Gini coefficient is not bounded by 1 then, gini_normalised is"
            said.append(f"customers of negative value, {self.n_negative:,}: {bound}")
        return tuple(said)

    def interval(
        self,
        measure: str = "gini",
        *,
        q: float = TOP,
        level: float | None = None,
        n: int | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> ConcentrationInterval:
        """Interval of one measure, for the population that these customers come from.

        Parameters
        ----------
        measure : {"gini", "gini_unbiased", "gini_normalised", "top_share", "peak"}
            "peak" is that of the whale curve.
        q : float
            Share of the customers, for "top_share".
        level : float, optional
            Between 0 and 1; that of the concentration by default.
        n : int, optional
            Bootstrap resamples, 100 or more. 0 takes the normal distribution instead, which costs nothing at millions
            of customers and held the truth as often where it was tried. By default 1000, and 0 if there are more than
            100,000 distinct values.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        ConcentrationInterval
            Bias-corrected and accelerated bootstrap; cut off where the measure cannot be.

        Raises
        ------
        InvalidInputError
            If there is no such measure, it does not exist here, there are fewer than two customers, or losses are so
            large that some resamples have no positive total.

        Notes
        -----
        Where a few customers have much of the value, the sample cannot show how large the next one may be, and every
        such interval is too narrow: of 90 % intervals from 400 customers of lognormal value (sigma = 1) about 85 % held
        the population's Gini, with resamples and without; mostly it lay above them. Of those from purchase counts and
        from normal profits 87 to 92 % did.

        Resamples of a base with few buyers can be without any. There is nothing to measure in them; they are left out
        and counted.

        References
        ----------
        .. [1] Efron (1987), Journal of the American Statistical Association 82(397), 171-185.
        .. [2] Davidson (2009), Journal of Econometrics 150(1), 30-40.

        Examples
        --------
        >>> from customervalue.tiers import concentration
        >>> base = concentration([0, 1, 2, 3, 4, 5], weights=[70, 45, 25, 15, 10, 5])
        >>> print(base.interval("gini", rng=1))
        gini 0.5933 (95 % interval 0.539 to 0.6512)
        """
        sure = self.level if level is None else check_level(level)
        return intervals_of(self._ranked, [measure], q, sure, n, rng)[0]

    def compare(
        self,
        other: Concentration,
        measure: str = "gini",
        *,
        q: float = TOP,
        level: float | None = None,
        n: int | None = None,
        rng: np.random.Generator | int | None = None,
    ) -> ConcentrationComparison:
        """Compare one measure of two bases of different customers.

        Parameters
        ----------
        other : Concentration
            Of other customers. The same customers in two years move together: the interval is then too wide.
        measure : {"gini", "gini_unbiased", "gini_normalised", "top_share", "peak"}
        q : float
            Share of the customers, for "top_share".
        level : float, optional
            Between 0 and 1; that of this concentration by default.
        n : int, optional
            Bootstrap resamples of each, 100 or more; 0 takes the normal distribution instead. By default 1000, and 0
            if one of them has more than 100,000 distinct values.
        rng : numpy.random.Generator or int
            Source of randomness; an int seeds one.

        Returns
        -------
        ConcentrationComparison
            This less the other.

        Raises
        ------
        InvalidInputError
            If there is no such measure, one base does not have it, or they are in two currencies.

        Examples
        --------
        >>> from customervalue.tiers import concentration
        >>> one, two = concentration(range(1, 200)), concentration([k * k for k in range(1, 200)])
        >>> print(two.compare(one, rng=1))
        gini 0.4987 against 0.3317: difference 0.1671 (95 % interval 0.117 to 0.221), p = 5e-10
        """
        if not isinstance(other, Concentration):
            raise invalid("other", f"`other` must be a Concentration, and is a {type(other).__name__}")
        one_currency(self.currency, other.currency)
        sure = self.level if level is None else check_level(level)
        return difference_of(self._ranked, other._ranked, measure, q, sure, n, rng)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows; None for what does not exist, `remarks` say why.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue.tiers import concentration
        >>> concentration([2, 2, 4]).to_dict()["gini"], concentration([1, -2]).to_dict()["gini"]
        (0.16666666666666666, None)
        """
        found = super().to_dict()
        found["intervals"] = [vars(interval) for interval in self.intervals]
        for name in ("mean", "gini", "gini_unbiased", "gini_normalised", "mean_difference"):
            try:
                found[name] = getattr(self, name)
            except InvalidInputError:
                found[name] = None
        shares = not self._ranked.no_shares
        return found | {
            "top_20_percent_share": self.top_share(TOP) if shares else None,
            "deciles": self.deciles.to_dict(),
            "whale": self.whale.to_dict(),
            "remarks": list(self.remarks),
        }

    def _estimate(self, name: str) -> float:
        check_measure(self._ranked, name)
        return float(MEASURES[name](self._ranked.value, self._ranked.counts, TOP))

    def _title(self) -> str:
        money = in_words(self.currency)
        title = f"Concentration: {self.n_customers:,} customers, total {as_cell(self.total)}{money}"
        title += f", mean {as_cell(self.mean)}{money}"
        if not self._ranked.no_shares:
            title += f"\n  Gini {self.gini:.4f}; the best 20 % have {self.top_share(TOP):.1%}"
            if self.n_negative:
                title += f"; the whale curve peaks at {self.whale.peak:.1%}, after {self.whale.peak_at:.1%} of them"
        said = [str(interval) for interval in self.intervals] + list(self.remarks)
        return "\n  ".join([title, *said])

    def _table(self) -> Mapping[str, AnyArray]:
        return self.deciles._table()  # noqa: SLF001 - of the same family
