"""How unequal customers truly are, beneath the luck of one period: from a model's rates, or from draws of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table, freeze
from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.tiers._concentration_checks import check_resamples, check_shares, generator, like
from customervalue.tiers._concentration_ranked import gini, rank
from customervalue.tiers._concentration_rates import ALIKE, gini_of_rates, observed_of_counts, top_of_rates
from customervalue.tiers._concentration_results import ConcentrationInterval
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from customervalue._typing import AnyArray, FloatArray, Many

__all__ = ["DrawnConcentration", "TrueConcentration", "concentration_of_draws", "true_concentration"]

#: Shares of the customers that are looked at in draws.
_TOPS = (0.01, 0.05, 0.1, 0.2, 0.5)


@dataclass(frozen=True, eq=False)
class TrueConcentration:
    """How unequal purchase rates are that have a gamma distribution.

    Attributes
    ----------
    shape : float
        r of the gamma distribution: the smaller, the more customers differ.
    draws : ndarray of float64, shape (n,)
        Shapes that the fit leaves possible; empty where they were not asked for.

    Examples
    --------
    >>> truth = true_concentration(0.385)
    >>> round(truth.gini, 4), round(truth.top_share(0.2), 6)
    (0.6867, 0.704154)
    """

    shape: float
    draws: FloatArray

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def gini(self) -> float:
        """Gini coefficient of the rates: Gamma(r + 1/2) / (sqrt(pi) Gamma(r + 1)).

        References
        ----------
        .. [1] McDonald & Jensen (1979), Journal of the American Statistical Association 74(368), 856-860.
        """
        return float(gini_of_rates(np.asarray(self.shape)))

    @overload
    def lorenz(self, p: float) -> float: ...
    @overload
    def lorenz(self, p: Many) -> FloatArray: ...
    def lorenz(self, p: Any) -> Any:
        """Share of all purchases, in the long run, of the share `p` of the customers whose rates are lowest.

        Parameters
        ----------
        p : float or array_like of float
            In [0, 1].

        Returns
        -------
        float or ndarray of float64, as `p`

        Raises
        ------
        InvalidInputError
            If `p` is not in [0, 1].

        Examples
        --------
        >>> round(true_concentration(1.0).lorenz(0.8), 6)
        0.478112
        """
        from scipy.special import gammainc, gammaincinv

        share = check_shares("p", p)
        return like(p, gammainc(self.shape + 1, gammaincinv(self.shape, share)))

    @overload
    def top_share(self, q: float) -> float: ...
    @overload
    def top_share(self, q: Many) -> FloatArray: ...
    def top_share(self, q: Any) -> Any:
        """Share of all purchases, in the long run, of the share `q` of the customers whose rates are highest.

        Parameters
        ----------
        q : float or array_like of float
            In [0, 1].

        Returns
        -------
        float or ndarray of float64, as `q`
            1 - F_{r+1}(F_r^{-1}(1 - q)), with F_r the gamma distribution of shape r.

        Raises
        ------
        InvalidInputError
            If `q` is not in [0, 1].

        Examples
        --------
        >>> true_concentration(2.0).top_share([0.2, 1.0]).round(6)
        array([0.424466, 1.      ])
        """
        return like(q, top_of_rates(np.asarray(self.shape), check_shares("q", q)))

    def observed(self, mean_purchases: float, q: float = 0.2) -> tuple[float, float]:
        """What a period of that many purchases per customer would show: the true inequality and luck on top.

        Parameters
        ----------
        mean_purchases : float
            Purchases per customer in the period, > 0.
        q : float
            Share of the customers, in [0, 1].

        Returns
        -------
        gini, top_share : float
            Of the counts, which are negative binomial with this mean. Both fall to the true values as the period, and
            with it the mean, grows.

        Raises
        ------
        InvalidInputError
            If `mean_purchases` is not above 0, `q` is not in [0, 1], or there are too many possible counts to add up:
            with a mean below 1000 and a very small r, or more than about 100,000 purchases of customers who hardly
            differ.

        Notes
        -----
        Sums over the counts up to where 1e-13 of the purchases are left. Where these are more than a million, and mean
        and mean / r are above 1000, the true values and the first order of the luck instead: Gamma(2 r) / (4^r
        Gamma(r)^2 mean) for the Gini coefficient, f(x) x / (2 mean) for the share of the best, with f the gamma
        density of rates of that mean and x its quantile at 1 - q. The error is below 1e-5 there.

        Examples
        --------
        >>> truth = true_concentration(0.385)
        >>> [round(truth.observed(mean)[0], 4) for mean in (1, 10, 100)]
        [0.7694, 0.6987, 0.688]
        """
        mean = check_number("mean_purchases", mean_purchases)
        if not (mean > 0 and math.isfinite(mean)):
            raise invalid("mean_purchases", f"`mean_purchases` must be above 0 and finite, and is {mean:g}")
        share = float(check_shares("q", q))
        gini, top = observed_of_counts(self.shape, mean, share)
        return min(gini, 1.0), min(top, 1.0)

    def interval(self, measure: str = "gini", *, q: float = 0.2, level: float = 0.95) -> ConcentrationInterval:
        """Interval of one measure, between quantiles of the shapes that the fit leaves possible.

        Parameters
        ----------
        measure : {"gini", "top_share"}
        q : float
            Share of the customers, for "top_share".
        level : float
            Between 0 and 1.

        Returns
        -------
        ConcentrationInterval

        Raises
        ------
        InvalidInputError
            If there is no such measure, or there are no draws.

        Examples
        --------
        >>> import customervalue as cv
        >>> model = cv.clv.NBD.fit(cv.summarize(cv.datasets.load_cdnow(), observation_end="1997-09-30"))
        >>> print(true_concentration(model, n=500, rng=1).interval("gini"))
        gini 0.6868 (95 % interval 0.6668 to 0.7067)
        """
        if measure not in ("gini", "top_share"):
            raise invalid("measure", f"`measure` must be 'gini' or 'top_share', and is {measure!r}")
        if not self.draws.size:
            advice = "Ask for some: true_concentration(model, n=1000, rng=1), with a fitted model."
            raise invalid("draws", "an interval takes draws of the shape, and there are none", advice)
        share, sure = check_shares("q", q), check_level(level)
        drawn = gini_of_rates(self.draws) if measure == "gini" else top_of_rates(self.draws, share)
        estimate = self.gini if measure == "gini" else self.top_share(float(share))
        low, high = np.quantile(drawn, [0.5 - 0.5 * sure, 0.5 + 0.5 * sure]).tolist()
        error = float(drawn.std())
        return ConcentrationInterval(measure, float(share), estimate, low, high, error, sure, drawn.size)


def true_concentration(model: Any, *, n: int = 0, rng: np.random.Generator | int | None = None) -> TrueConcentration:
    """Concentration of the customers' underlying purchase rates, as a purchase model sees them.

    The purchases of one period overstate how unequal customers are: some bought more than they usually do, others
    less. The gamma distribution of the rates that a model fits is what is left without that luck.

    Parameters
    ----------
    model : purchase model, or float
        A model of purchases at gamma-distributed rates (NBD, BG/NBD, MBG/NBD, Pareto/NBD), or the shape r itself. The
        rates are those of customers while they are active.
    n : int
        Draws of the shape from what the fit leaves possible, for intervals, 100 or more; 0 for none.
    rng : numpy.random.Generator or int, optional
        Source of randomness for them; an int seeds one.

    Returns
    -------
    TrueConcentration

    Raises
    ------
    InvalidInputError
        If the model has no parameter r, r is not positive, or draws are asked of something without a fit.

    References
    ----------
    .. [1] Schmittlein, Cooper & Morrison (1993), "Truth in concentration in the land of (80/20) laws", Marketing
       Science 12(2), 167-183.

    Examples
    --------
    >>> [round(true_concentration(r).top_share(0.2), 6) for r in (0.385, 1.0, 2.0)]
    [0.704154, 0.521888, 0.424466]
    """
    shape = getattr(model, "r", model)
    if not isinstance(shape, (int, float, np.number)) or isinstance(shape, bool):
        rule = f"`model` must be a number or have a parameter r, and is a {type(model).__name__}"
        raise invalid("model", rule, "For other models draw the customers' values: concentration_of_draws(draws).")
    r = float(shape)
    if not (r > 0 and math.isfinite(r)):
        raise invalid("model", f"the shape of the rates must be positive and finite, and is {r:g}")
    if r > ALIKE:
        rule = f"the shape of the rates must be at most {ALIKE:g}, and is {r:g}: customers are all alike"
        raise invalid("model", rule, "Nobody differs then: the Gini coefficient is 0, and the best 20 % have 20 %.")
    if check_resamples(n) == 0:
        return TrueConcentration(r, np.empty(0))
    if not hasattr(model, "draws"):
        raise invalid("n", "a shape alone knows nothing of its uncertainty: draws need a fitted model")
    return TrueConcentration(r, np.array(model.draws(check_resamples(n), generator(rng)).parameters["r"]))


@dataclass(frozen=True, eq=False, repr=False)
class DrawnConcentration(Table):
    """How unequal customers truly are, from draws of what each is truly worth.

    Attributes
    ----------
    measure : tuple of str
        "gini", then shares of the best customers.
    estimate, low, high : ndarray of float64, shape (m,)
        Mean over the draws, and the interval between their quantiles.
    level : float
    n_draws, n_customers : int

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> concentration_of_draws(rng.gamma(2.0, 1.0, (200, 500))).to_frame()["measure"][:2].tolist()
    ['gini', 'top 1 % share']
    """

    measure: tuple[str, ...]
    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    n_draws: int
    n_customers: int

    def _title(self) -> str:
        return f"True concentration: {self.n_customers:,} customers, {self.n_draws:,} draws"

    def _table(self) -> Mapping[str, AnyArray]:
        return {
            "measure": np.array(self.measure, dtype=object),
            "estimate": self.estimate,
            "low": self.low,
            "high": self.high,
        }


def concentration_of_draws(draws: Iterable[Any], *, level: float = 0.95) -> DrawnConcentration:
    """Concentration of what customers are truly worth, from draws of it.

    Means per customer understate how unequal customers are, as what is unknown of each is averaged out, and observed
    values overstate it. In every single draw the customers differ as much as they do in truth, as far as the model
    knows.

    Parameters
    ----------
    draws : array_like of float, shape (draws, n), or iterable of array_like, shape (n,)
        Each row is one draw of what all customers are worth: purchase rates, expected spend, lifetime values given
        rates drawn from the posterior of each customer. An iterable is read row by row.
    level : float
        Between 0 and 1.

    Returns
    -------
    DrawnConcentration

    Raises
    ------
    InvalidInputError
        If a value is not a finite number, rows differ in length, or the total of a draw is not positive.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> concentration_of_draws(rng.gamma(2.0, 1.0, (200, 500))).estimate[:1].round(2)  # 0.375 for gamma rates
    array([0.37])
    """
    sure = check_level(level)
    found: list[list[float]] = []
    size = 0
    for number, row in enumerate(_rows(draws)):
        checker = Checker(f"draw {number} of the values")
        values = checker.numbers("draws", row)
        checker.same_length()
        if found and values is not None and values.size != size:
            checker.add("draws", f"every draw must have the same customers: {size:,} before, and now {values.size:,}")
        checker.done()
        assert values is not None
        size = values.size
        ranked = rank(values)
        if ranked.no_shares:
            raise invalid("draws", f"the concentration of draw {number} does not exist, since {ranked.no_shares}")
        poorest = ranked.of_poorest((1 - np.array(_TOPS)) * ranked.n)
        found.append([float(gini(ranked.value, ranked.counts, 0.0)), *(1 - poorest / ranked.total).tolist()])
    if not found:
        raise invalid("draws", "there must be at least one draw, and there is none")
    table = np.array(found)
    low, high = np.quantile(table, [0.5 - 0.5 * sure, 0.5 + 0.5 * sure], axis=0)
    names = ("gini", *(f"top {100 * q:g} % share" for q in _TOPS))
    return DrawnConcentration(names, table.mean(axis=0), low, high, sure, len(found), size)


def _rows(draws: Any) -> Iterator[Any]:
    """Draws one by one; refuse what has none, or only one number in each."""
    # A dataframe would give its column names.
    table = np.asarray(draws) if hasattr(draws, "__array__") else draws
    shape = "`draws` must be a table, one row per draw and one column per customer"
    if isinstance(table, str) or not isinstance(table, Iterable) or (isinstance(table, np.ndarray) and table.ndim == 0):
        raise invalid("draws", f"{shape}, and is a {type(draws).__name__}")
    for row in table:
        if np.ndim(row) == 0:
            raise invalid("draws", f"{shape}, and has single numbers", "One draw of many customers is [draw].")
        yield row
