"""Observed moves between tiers against those that chance alone would give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from customervalue._tables import Table, as_cell
from customervalue.errors import InvalidInputError, Problem
from customervalue.numerics.proportions import wilson
from customervalue.tiers._migration_chance import ExpectedMigration
from customervalue.tiers.migration import Migration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["RegressionToTheMean", "regression_to_the_mean"]

#: Cells of which fewer customers are expected are put together for the test.
_FEWEST = 5.0
#: Where so many customers are expected to leave, nobody does with a probability of 2e-9.
_SOME = 20.0


@dataclass(frozen=True, eq=False, repr=False)
class RegressionToTheMean(Table):
    """How many of each tier stay, against what chance alone would give; as a table, one row per tier.

    Attributes
    ----------
    names : tuple of str, k names
        Best tier first.
    customers, stayed : ndarray of int64, shape (k,)
        In the tier before, and of them still or again in it after.
    share : ndarray of float64, shape (k,)
        Of them who stayed; NaN where nobody was.
    low, high : ndarray of float64, shape (k,)
        Wilson's score interval of the share.
    by_chance : ndarray of float64, shape (k,)
        Share that would stay if nothing about the customers changed; NaN where the model has nobody.
    p_value : ndarray of float64, shape (k,)
        Of the exact binomial test that it is the share by chance; NaN where there is nothing to test.
    statistic, degrees, overall_p_value : float, int, float
        Pearson's chi-square of all moves against those by chance, over cells with five expected customers or more
        (others are put together); a test of whether there is movement, or rest, beyond chance. NaN without cells.
    level : float

    Examples
    --------
    >>> from customervalue.tiers import Scheme, chance_migration, migration
    >>> chance = chance_migration(0.5, 10.0, Scheme(("often", "seldom"), (3,)), before=26)
    >>> moves = migration([0] * 170 + [1] * 830, [0] * 85 + [1] * 85 + [0] * 50 + [1] * 780, names=("often", "seldom"))
    >>> regression_to_the_mean(moves, chance)
    Who stays in his tier, against regression to the mean alone; intervals 95 %
      all moves: chi-square 15.94, 2 degrees of freedom, p = 0.00035
      tier    customers  stayed  share   low     high    by chance  p value
      often   170        85      0.5     0.4257  0.5743  0.618      0.001998
      seldom  830        780     0.9398  0.9215  0.954   0.9164     0.01427
    """

    names: tuple[str, ...]
    customers: IntArray
    stayed: IntArray
    share: FloatArray
    low: FloatArray
    high: FloatArray
    by_chance: FloatArray
    p_value: FloatArray
    statistic: float
    degrees: int
    overall_p_value: float
    level: float

    def _title(self) -> str:
        test = (
            f"chi-square {as_cell(self.statistic)}, {self.degrees} degrees of freedom, p = {self.overall_p_value:.2g}"
        )
        head = f"Who stays in his tier, against regression to the mean alone; intervals {100 * self.level:.4g} %"
        return f"{head}\n  all moves: {test}"

    def _table(self) -> Mapping[str, AnyArray]:
        return {
            "tier": np.array(self.names, dtype=object),
            "customers": self.customers,
            "stayed": self.stayed,
            "share": self.share,
            "low": self.low,
            "high": self.high,
            "by_chance": self.by_chance,
            "p_value": self.p_value,
        }


def regression_to_the_mean(observed: Migration, chance: ExpectedMigration) -> RegressionToTheMean:
    """Whether customers moved between tiers more, or less, than chance alone would have moved them.

    A best tier is in part a list of the lucky: it shrinks in the next period even if no customer changes. So that half
    of last year's best stay says little until it is known how many would have stayed anyway.

    Parameters
    ----------
    observed : Migration
        Between the same tiers.
    chance : ExpectedMigration
        From `chance_migration` or `expected_migration`, for customers of this kind.

    Returns
    -------
    RegressionToTheMean

    Raises
    ------
    InvalidInputError
        If the tiers differ, customers left although by chance nobody can, or many would by chance and nobody did.

    Notes
    -----
    The share by chance is that of a model, taken as known: the test has no room for what is unknown of its parameters,
    or for a model that does not fit, nor for the chance of a simulation: let `expected_migration` draw many times as
    many customers as there are. Those who entered are left out, as nobody knows of how many.

    Examples
    --------
    >>> from customervalue.tiers import Scheme, chance_migration, migration
    >>> chance = chance_migration(0.5, 10.0, Scheme(("often", "seldom"), (3,)), before=26)
    >>> moves = migration([0] * 170 + [1] * 830, [0] * 85 + [1] * 85 + [0] * 50 + [1] * 780, names=("often", "seldom"))
    >>> regression_to_the_mean(moves, chance).by_chance.round(3)
    array([0.618, 0.916])
    """
    _check(observed, chance)
    rates = chance.rates[:-1]
    counts = observed.counts[:-1]
    customers, stayed = counts.sum(axis=1), np.diag(counts).copy()
    share = np.divide(stayed, customers, out=np.full(stayed.size, np.nan), where=customers > 0)
    low, high = wilson(stayed, customers, observed.level)
    p_value = np.array(
        [_binomial(int(s), int(n), float(p)) for s, n, p in zip(stayed, customers, chance.stay, strict=True)]
    )
    statistic, degrees, overall = _chi_square(counts, rates)
    return RegressionToTheMean(
        observed.names,
        customers,
        stayed,
        share,
        low,
        high,
        chance.stay,
        p_value,
        statistic,
        degrees,
        overall,
        observed.level,
    )


def _check(observed: Migration, chance: ExpectedMigration) -> None:
    problems: list[Problem] = []
    if not isinstance(observed, Migration):
        rule = f"`observed` must be a Migration, and is a {type(observed).__name__}"
        problems.append(Problem("observed", rule, "Make it with `migration`."))
    if not isinstance(chance, ExpectedMigration):
        rule = f"`chance` must be an ExpectedMigration, and is a {type(chance).__name__}"
        problems.append(Problem("chance", rule, "Make it with `chance_migration` or `expected_migration`."))
    if not problems:
        if observed.names != chance.names:
            rule = f"both must have the same tiers, and have {', '.join(observed.names)} and {', '.join(chance.names)}"
            problems.append(Problem("chance", rule))
        elif observed.counts[:-1, -1].any() and not chance.joint[:-1, -1].any():
            rule = f"{int(observed.counts[:-1, -1].sum()):,} customers left, and by chance nobody does"
            advice = "Put those who buy nothing into the last tier in both, or set `zero_is_absent=True`."
            problems.append(Problem("chance", rule, advice))
        elif not observed.counts[:, -1].any() and not observed.counts[-1].any():
            leavers = float(observed.before @ np.nan_to_num(chance.rates[:-1, -1]))
            if leavers > _SOME:
                rule = f"nobody left or entered, and by chance about {leavers:,.0f} leave"
                advice = "Mark those who buy nothing as absent in both, or leave out `zero_is_absent=True`."
                problems.append(Problem("chance", rule, advice))
    if problems:
        raise InvalidInputError("the comparison with chance", problems)


def _binomial(stayed: int, customers: int, chance: float) -> float:
    from scipy.stats import binomtest

    if customers == 0 or np.isnan(chance):
        return float("nan")
    return float(binomtest(stayed, customers, min(chance, 1.0)).pvalue)


def _chi_square(counts: IntArray, rates: FloatArray) -> tuple[float, int, float]:
    """Pearson's statistic of rows of counts against given rates, its degrees of freedom, and the p-value."""
    from scipy.stats import chi2

    statistic, degrees = 0.0, 0
    for row, chances in zip(counts, rates, strict=True):
        if row.sum() == 0 or np.isnan(chances).any():
            continue
        seen, expected = _together(row.astype(np.float64), row.sum() * chances)
        if seen.size > 1:
            statistic += float(((seen - expected) ** 2 / expected).sum())
            degrees += seen.size - 1
    return (statistic, degrees, float(chi2.sf(statistic, degrees))) if degrees else (float("nan"), 0, float("nan"))


def _together(seen: FloatArray, expected: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The cells of a row, those with the fewest expected customers put together until there are enough."""
    order = np.argsort(expected, kind="stable")
    seen, expected = seen[order], expected[order]
    few = int(np.searchsorted(np.cumsum(expected), _FEWEST)) + 1
    return np.append(seen[:few].sum(), seen[few:]), np.append(expected[:few].sum(), expected[few:])
