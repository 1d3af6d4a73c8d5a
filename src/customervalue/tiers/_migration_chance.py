"""How customers would move between tiers by chance alone: regression to the mean, and whether there is more to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import InvalidInputError, invalid
from customervalue.estimation.draws import check_count
from customervalue.tiers._tier_columns import ABSENT, check_scheme
from customervalue.tiers.scheme import Scheme, tier_codes
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from customervalue._typing import AnyArray, FloatArray

__all__ = ["ExpectedMigration", "chance_migration", "expected_migration"]

#: Values of the same customers in two periods, drawn at random; NaN where one is not there.
Simulate: TypeAlias = "Callable[[np.random.Generator], tuple[Any, Any]]"
#: Purchases in a period are added up until the rest is less likely than this, and no further than a computer likes.
_REST, _LONGEST = 1e-16, 1_000_000
#: What is left of the whole for a tier that is less likely than this is mostly rounding.
_EMPTY = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class ExpectedMigration(Table):
    """How customers move between tiers if nothing about them changes; as a table, the rates, one row per tier before.

    The last row is of those who are not there before, the last column of those who are not there after.

    Attributes
    ----------
    names : tuple of str, k names
        Best tier first.
    joint : ndarray of float64, shape (k + 1, k + 1)
        Probability of each pair of tiers before (row) and after (column); they add up to 1.
    n_simulated : int
        Customers simulated; 0 where the probabilities are exact.

    Examples
    --------
    >>> from customervalue.tiers import Scheme
    >>> chance_migration(0.5, 10.0, Scheme(("often", "seldom"), (3,)), before=26)
    Tiers in two periods by chance alone, as rates (exact)
      from      share   to often  to seldom  left
      often     0.1795  0.618     0.382      0
      seldom    0.8205  0.08359   0.9164     0
      (absent)  0       -         -          -
    """

    names: tuple[str, ...]
    joint: FloatArray
    n_simulated: int

    @property
    def before(self) -> FloatArray:
        """Share of the customers in each tier before, shape (k + 1,); the last are not there."""
        return np.asarray(self.joint.sum(axis=1))

    @property
    def rates(self) -> FloatArray:
        """Share of each row that goes to each column, shape (k + 1, k + 1); rows add up to 1.

        NaN in rows of tiers that are empty, or as good as: less likely than 1e-12.
        """
        total = self.before[:, None]
        none = np.full(self.joint.shape, np.nan)
        return np.asarray(np.divide(self.joint, total, out=none, where=total > _EMPTY))

    @property
    def stay(self) -> FloatArray:
        """Share of each tier that is in it again, shape (k,); NaN if it is empty."""
        return np.asarray(np.diag(self.rates)[:-1])

    def _title(self) -> str:
        how = f"{self.n_simulated:,} customers simulated" if self.n_simulated else "exact"
        return f"Tiers in two periods by chance alone, as rates ({how})"

    def _table(self) -> Mapping[str, AnyArray]:
        columns: dict[str, AnyArray] = {"from": np.array([*self.names, "(absent)"], dtype=object)}
        columns["share"] = self.before
        columns |= {f"to {name}": self.rates[:, place] for place, name in enumerate(self.names)}
        return {**columns, "left": self.rates[:, -1]}


def chance_migration(
    r: float,
    alpha: float,
    scheme: Scheme,
    *,
    before: float,
    after: float | None = None,
    zero_is_absent: bool = False,
) -> ExpectedMigration:
    """How customers move between tiers of purchase counts if each buys at random, at a rate that does not change.

    Rates differ between customers by a gamma distribution, as in the NBD model. Who bought much in one period did so in
    part by luck, and luck does not last: the expected movement is not nothing, but regression to the mean.

    Parameters
    ----------
    r, alpha : float
        Shape and rate parameter of the distribution of purchase rates, as a fitted `clv.NBD` has them.
    scheme : Scheme
        Tiers of the number of purchases in a period, the same in both.
    before, after : float
        Lengths of the two periods, in the time unit of `alpha`; the same by default.
    zero_is_absent : bool
        Whether customers who buy nothing in a period count as not there, and not as members of the last tier.

    Returns
    -------
    ExpectedMigration
        Exact: sums over the bivariate negative binomial distribution.

    Raises
    ------
    InvalidInputError
        If a parameter or a length is not positive and finite.

    References
    ----------
    .. [1] Goodhardt & Ehrenberg (1967), Journal of Marketing Research 4(2), 155-161: given the purchases of the first
       period, those of the second are again negative binomial.

    Examples
    --------
    >>> from customervalue.tiers import Scheme
    >>> scheme = Scheme(("often", "sometimes", "seldom"), (5, 2))
    >>> chance_migration(0.5, 10.0, scheme, before=26, zero_is_absent=True).stay.round(3)
    array([0.546, 0.437, 0.278])
    """
    tiers = check_scheme(scheme)
    first = _positive("before", before)
    shape, clock, second = (
        _positive("r", r),
        _positive("alpha", alpha),
        first if after is None else _positive("after", after),
    )
    cuts = np.maximum(np.ceil(tiers.thresholds), 0.0)
    if zero_is_absent:  # one tier more, of those below one purchase
        cuts = np.append(np.maximum(cuts, 1.0), 1.0)
    joint = _joint(shape, clock, first, second, cuts)
    k = len(tiers)
    table = np.zeros((k + 1, k + 1))
    table[: len(joint), : len(joint)] = joint
    return ExpectedMigration(tiers.names, table, 0)


def _joint(r: float, alpha: float, first: float, second: float, cuts: FloatArray) -> FloatArray:
    """Probability of each pair of tiers, those of counts between descending cuts."""
    from scipy.stats import nbinom

    start = nbinom(r, alpha / (alpha + first))
    end = nbinom(r, alpha / (alpha + second))
    top = cuts[0] if cuts.size else 0.0
    largest = int(min(top, float(start.isf(_REST)) + 1, _LONGEST))
    if largest >= _LONGEST:
        raise invalid("scheme", f"tiers begin at {top:g} purchases in a period, too many to add up")
    x = np.arange(largest, dtype=np.float64)
    then = nbinom(r + x, (alpha + first) / (alpha + first + second))
    below = np.array([then.cdf(cut - 1) for cut in cuts]).reshape(cuts.size, x.size)
    edges = np.concatenate([np.ones((1, x.size)), below, np.zeros((1, x.size))])
    chances = start.pmf(x) * (edges[:-1] - edges[1:])
    k = cuts.size + 1
    table = np.zeros((k, k))
    codes = tier_codes(x, cuts.tolist())
    for code in range(1, k):
        table[code] = chances[:, codes == code].sum(axis=1)
    marginal = np.concatenate([[1.0], end.cdf(cuts - 1), [0.0]])
    # The first tier has no upper end: what the others leave of the second period.
    table[0] = np.maximum(marginal[:-1] - marginal[1:] - table[1:].sum(axis=0), 0.0)
    return table


def expected_migration(
    simulate: Simulate,
    scheme: Scheme | Callable[[FloatArray], Any],
    *,
    n: int = 100,
    rng: np.random.Generator | int | None = None,
) -> ExpectedMigration:
    """How customers move between tiers when two periods are drawn from a model.

    Parameters
    ----------
    simulate : callable
        Given a numpy.random.Generator, returns the values of the same customers in the two periods, (m,) and (m,), in
        money or whatever the scheme divides; NaN for one who is not there.
    scheme : Scheme or callable
        The tiers, the same in both periods; or a function that makes a scheme (or a result with one) from the values of
        a period, for tiers that are cut anew in each, such as the best tenth of each year.
    n : int
        How often `simulate` is called.
    rng : numpy.random.Generator or int, optional
        Source of randomness; an int seeds one.

    Returns
    -------
    ExpectedMigration

    Raises
    ------
    InvalidInputError
        If `simulate` does not give two columns of one length, or nobody is there.

    Examples
    --------
    >>> from customervalue.tiers import Scheme
    >>> def two_years(rng):
    ...     rate = rng.gamma(0.5, 4.0, 1000)
    ...     return 20.0 * rng.poisson(rate), 20.0 * rng.poisson(rate)
    >>> expected_migration(two_years, Scheme(("gold", "lead"), (100,)), n=20, rng=1).stay.round(2)
    array([0.66, 0.94])
    """
    source, times = np.random.default_rng(rng), check_count(n)
    names: tuple[str, ...] | None = None
    total: AnyArray = np.zeros(0)
    for _ in range(times):
        pair = _simulated(simulate(source))
        found, codes = zip(*(_codes(values, scheme) for values in pair), strict=True)
        names = found[0] if names is None else names
        if set(found) != {names}:
            raise invalid("scheme", "the tiers of both periods, and of every draw, must have the same names")
        k = len(names)
        size = (k + 1) ** 2
        cells = np.bincount(np.where(codes[0] < 0, k, codes[0]) * (k + 1) + np.where(codes[1] < 0, k, codes[1]))
        total = np.zeros(size) if total.size == 0 else total
        total[: cells.size] += cells
    if names is None or not total[:-1].any():
        raise invalid("simulate", "`simulate` drew no customers, or none who is there in either period")
    side = len(names) + 1
    return ExpectedMigration(names, (total / total.sum()).reshape(side, side), int(total.sum()))


def _simulated(pair: Any) -> tuple[FloatArray, FloatArray]:
    advice = "It takes a random generator, and returns the values before and after, each of shape (m,)."
    if not isinstance(pair, (tuple, list)) or len(pair) != 2:
        raise invalid(
            "simulate", f"`simulate` must return a pair of columns, and returned a {type(pair).__name__}", advice
        )
    checker = Checker("what `simulate` returned")
    columns = [checker.column(name, values) for name, values in zip(("before", "after"), pair, strict=True)]
    checker.same_length()
    checker.done()
    try:
        before, after = (np.asarray(column, dtype=np.float64) for column in columns)
    except (TypeError, ValueError):
        raise InvalidInputError(
            "what `simulate` returned", invalid("simulate", "both columns must hold numbers", advice).problems
        ) from None
    return before, after


def _codes(values: FloatArray, scheme: Any) -> tuple[tuple[str, ...], AnyArray]:
    here = ~np.isnan(values)
    found = check_scheme(scheme(values[here]) if callable(scheme) else scheme)
    codes = np.full(values.size, ABSENT)
    codes[here] = found.assign(values[here])
    return found.names, codes


def _positive(argument: str, value: float) -> float:
    number = check_number(argument, value)
    if not 0 < number < np.inf:
        raise invalid(argument, f"`{argument}` must be positive and finite, and is {number:g}")
    return number
