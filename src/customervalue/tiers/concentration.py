"""How unequal customers are: Lorenz curve, Gini coefficient, shares of the best, deciles and the whale curve."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue.estimation.draws import check_level
from customervalue.tiers._concentration_base import TOP, Concentration
from customervalue.tiers._concentration_bootstrap import intervals_of
from customervalue.tiers._concentration_checks import check_resamples
from customervalue.tiers._concentration_ranked import rank
from customervalue.tiers._concentration_results import (
    ConcentrationComparison,
    ConcentrationInterval,
    Deciles,
    LorenzCurve,
    WhaleCurve,
)
from customervalue.tiers._concentration_truth import (
    DrawnConcentration,
    TrueConcentration,
    concentration_of_draws,
    true_concentration,
)
from customervalue.tiers._currency import check_currency

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = [
    "Concentration",
    "ConcentrationComparison",
    "ConcentrationInterval",
    "Deciles",
    "DrawnConcentration",
    "LorenzCurve",
    "TrueConcentration",
    "WhaleCurve",
    "concentration",
    "concentration_of_draws",
    "true_concentration",
]


def concentration(
    value: Any,
    *,
    weights: Any = None,
    level: float = 0.95,
    bootstrap: int = 0,
    rng: np.random.Generator | int | None = None,
    currency: str | None = None,
) -> Concentration:
    """Measure how unequal customers are in what they are worth.

    Parameters
    ----------
    value : array_like of float, shape (n,)
        What each customer is worth: spend, profit (losses negative), purchases, lifetime value.
    weights : array_like of int, shape (n,), optional
        How many identical customers each row stands for; 1 by default.
    level : float
        Of the intervals, between 0 and 1.
    bootstrap : int
        Resamples for intervals that are shown with the result, 100 or more; 0 for none. `interval` gives any of them
        later.
    rng : numpy.random.Generator or int, optional
        Source of randomness for them; an int seeds one.
    currency : str, optional
        A label such as "EUR", which results carry and never mix with another.

    Returns
    -------
    Concentration

    Raises
    ------
    InvalidInputError
        If a value is not a finite number, weights are not counts, or there is no customer.

    Notes
    -----
    One sort, and sums. Customers of equal value are put together, so that none of the numbers depends on the order of
    equals; a fraction of a customer counts for its part.

    References
    ----------
    .. [1] Lorenz (1905), Publications of the American Statistical Association 9(70), 209-219.
    .. [2] Gastwirth (1972), "The estimation of the Lorenz curve and Gini index", Review of Economics and Statistics
       54(3), 306-316.

    Examples
    --------
    >>> base = concentration([60, 50, 30, 0, -40], currency="EUR")
    >>> base.gini, base.top_share(0.2), base.whale.peak
    (1.0, 0.6, 1.4)
    >>> base.remarks
    ('customers of negative value, 1: the Gini coefficient is not bounded by 1 then, gini_normalised is',)
    """
    checker = Checker("the values")
    values = checker.numbers("value", value)
    counts = None if weights is None else checker.counts("weights", weights, "Weights count identical customers.")
    sure = checker.attempt(check_level, level)
    resamples = checker.attempt(lambda n: check_resamples(n, "bootstrap"), bootstrap)
    checker.attempt(check_currency, currency)
    checker.same_length()
    if counts is not None and counts.size and not np.any(counts):
        checker.add("weights", "`weights` must not all be zero")
    if not checker.problems and values is not None and not _possible(values, counts):
        checker.add("value", "`value` is too large to be added up", "Give it in a larger unit of money.")
    checker.done()
    assert values is not None
    assert sure is not None
    ranked = rank(values, counts)
    negative, zero = np.searchsorted(ranked.value, 0.0), np.searchsorted(ranked.value, 0.0, side="right")
    result = Concentration(
        n_customers=round(ranked.n),
        total=ranked.total,
        n_negative=round(float(ranked.counts[:negative].sum())),
        n_zero=round(float(ranked.counts[negative:zero].sum())),
        level=sure,
        intervals=(),
        currency=currency,
        _ranked=ranked,
    )
    if not resamples:
        return result
    names = ["gini", "top_share", *(["peak"] if result.n_negative else [])]
    return replace(result, intervals=intervals_of(ranked, names, TOP, sure, resamples, rng))


def _possible(values: FloatArray, counts: FloatArray | None) -> bool:
    """Whether sums of these values, and of their products with ranks, are numbers."""
    n = values.size if counts is None else float(counts.sum())
    largest = max(abs(float(values.max())), abs(float(values.min())))
    return math.isfinite(n * n * largest)
