"""How long customers stay: Kaplan-Meier curves with late entries, and groups compared by the log-rank test."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text
from customervalue.errors import InvalidInputError, Problem, WeaklyIdentifiedWarning, invalid
from customervalue.estimation.draws import check_level
from customervalue.retention._risk_sets import SUBJECT, Spans, check_spans, risk_sets
from customervalue.retention._survival_curve import SurvivalCurve

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["SurvivalComparison", "compare_survival", "survival_curve"]

#: Ages are worked through in blocks of so many cells (ages times groups).
_CELLS = 2_000_000
#: A covariance with a smaller share of its largest direction in any other has no inverse worth the name.
_SINGULAR = 1e-10


def survival_curve(
    duration: Any, churned: Any, *, entry: Any = None, weights: Any = None, level: float = 0.95
) -> SurvivalCurve:
    """Estimate how long customers stay from those who left and those who are still there (Kaplan-Meier).

    Leaving the customers out who are still there, or taking them for gone, makes customers look less loyal than they
    are. Here each counts among those at risk for as long as he was watched.

    Parameters
    ----------
    duration : array_like, shape (n,)
        Age at which each customer churned or was last seen, in any unit of time; >= 0.
    churned : array_like of bool, or of 0 and 1, shape (n,)
        Whether the end was seen. False where the customer was still there when last seen (censored).
    entry : array_like, shape (n,), optional
        Age at which each customer came under observation, where that is later than his start: a customer of three
        years in data that begin today has entry 3. He tells nothing of the first three years, as he would not be in
        the data had he left in them. 0 (the default) is from the start.
    weights : array_like of whole numbers, shape (n,), optional
        How many customers each row stands for.
    level : float
        How often the intervals hold the truth, between 0 and 1.

    Returns
    -------
    SurvivalCurve

    Raises
    ------
    InvalidInputError
        With every problem found: columns of different lengths, missing values, negative durations, `churned` that is
        neither true nor false, an entry that is not before the end, weights that are not counts.

    Warns
    -----
    WeaklyIdentifiedWarning
        If late entries leave ages at which nobody is under observation between others at which somebody is.

    Notes
    -----
    At one and the same age, churners are counted before those who are lost from sight, and a customer who comes under
    observation at that age is at risk from the next moment on. What ends the watching must have nothing to do with
    how likely a customer is to leave; the end of the data never has.

    References
    ----------
    .. [1] Kaplan & Meier (1958), Journal of the American Statistical Association 53(282), 457-481: the product-limit
       estimate.
    .. [2] Greenwood (1926), "The Natural Duration of Cancer", Reports on Public Health and Medical Subjects 33, 1-26.
    .. [3] Kalbfleisch & Prentice (2002), The Statistical Analysis of Failure Time Data, 2nd ed., section 1.4.
    .. [4] Klein & Moeschberger (2003), Survival Analysis, 2nd ed., section 4.6: late entry (left truncation).

    Examples
    --------
    >>> curve = survival_curve(duration=[6, 6, 7, 9, 10], churned=[1, 0, 1, 0, 1])
    >>> curve.estimate.round(4), curve.standard_errors.round(4), curve.median
    (array([0.8   , 0.5333, 0.5333, 0.    ]), array([0.1789, 0.2483, 0.2483, 0.    ]), 10.0)

    The same customers, of whom the last two were three units old when the data began:

    >>> survival_curve([6, 6, 7, 9, 10], [1, 0, 1, 0, 1], entry=[0, 0, 0, 3, 3]).at_risk
    array([3, 5, 3, 2, 1])
    """
    share = check_level(level)
    spans = check_spans(duration, churned, entry, weights)
    sets = risk_sets(spans)
    at_risk = np.maximum(sets.at_risk, 1)
    estimate = np.cumprod((at_risk - sets.churned) / at_risk, dtype=np.float64)
    curve = SurvivalCurve(*sets, estimate, share, spans.n_customers)
    if spans.entry is not None:
        _warn_of_gaps(curve)
    return curve


def _warn_of_gaps(curve: SurvivalCurve) -> None:
    first = 0 if curve.at_risk[0] > 0 else 1
    empty = np.flatnonzero(curve.at_risk[first:] == 0) + first
    if not empty.size:
        return
    row = int(empty[0])
    start, end = curve.ages[row - 1], curve.ages[row]
    text = f"nobody is under observation between the ages {start:g} and {end:g}: the data say nothing of them. "
    if curve.estimate[row] == 0:
        text += "All who were watched before had churned, so that the curve is 0 from there on. "
    else:
        text += "The curve is drawn as if nobody churned there. "
    text += f"Look at customers who reach the age {end:g}: `entry=np.maximum(entry, {end:g})`, for durations above it."
    warnings.warn(text, WeaklyIdentifiedWarning, stacklevel=3)


@dataclass(frozen=True, eq=False, repr=False)
class SurvivalComparison:
    """Log-rank test of whether groups of customers leave at the same rate at every age.

    Attributes
    ----------
    group : ndarray, shape (g,)
        Names of the groups, ascending.
    n : ndarray of int64, shape (g,)
        Customers of each.
    observed : ndarray of int64, shape (g,)
        How many of each churned.
    expected : ndarray of float64, shape (g,)
        How many of each would have, had every group left at the rate of all together; adds up to the observed.
    covariance : ndarray of float64, shape (g, g)
        Of observed - expected, if the groups do not differ.
    statistic : float
        Chi-square.
    df : int
        Degrees of freedom: g - 1.
    p_value : float
        Chance of a statistic as large if the groups do not differ.

    Examples
    --------
    >>> compare_survival([5, 8, 12, 3, 4, 6], [1, 0, 1, 1, 1, 1], ["yearly"] * 3 + ["monthly"] * 3)
    Log-rank test: chi-square 2.557, 1 degree of freedom, p = 0.11
      group    customers  churned  expected  churned / expected
      monthly  3          3        1.48      2.02
      yearly   3          2        3.52      0.57
    """

    group: AnyArray
    n: IntArray
    observed: IntArray
    expected: FloatArray
    covariance: FloatArray
    statistic: float
    df: int
    p_value: float

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per group.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns group, n, observed and expected.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> compare_survival([5, 8, 3, 4], [1, 0, 1, 1], [0, 0, 1, 1]).to_frame()["observed"]
        array([1, 2])
        """
        return _columns.to_frame(
            {name: getattr(self, name) for name in ("group", "n", "observed", "expected")}, backend
        )

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows.

        Returns
        -------
        dict

        Examples
        --------
        >>> compare_survival([5, 8, 3, 4], [1, 0, 1, 1], [0, 0, 1, 1]).to_dict()["df"]
        1
        """
        facts = {"statistic": self.statistic, "df": self.df, "p_value": self.p_value}
        return facts | {name: column.tolist() for name, column in self.to_frame().items()}

    def _rows(self) -> tuple[str, list[list[str]]]:
        noun = "degree" if self.df == 1 else "degrees"
        title = f"Log-rank test: chi-square {self.statistic:.3f}, {self.df} {noun} of freedom, p = {self.p_value:.3g}"
        rows = [["group", "customers", "churned", "expected", "churned / expected"]]
        for name, n, seen, due in zip(self.group, self.n, self.observed, self.expected, strict=True):
            rows.append([str(name), f"{n:,}", f"{seen:,}", f"{due:,.2f}", f"{seen / due:.2f}"])
        return title, rows

    def __repr__(self) -> str:
        return as_text(*self._rows())

    def _repr_html_(self) -> str:
        return as_html(*self._rows())


def compare_survival(
    duration: Any, churned: Any, group: Any, *, entry: Any = None, weights: Any = None
) -> SurvivalComparison:
    """Test whether two or more groups of customers stay equally long.

    At every age at which somebody churns, the churners are compared with those due to each group by its share of the
    customers at risk. The test sees best differences that have the same sign at all ages; where the curves cross,
    it may see none.

    Parameters
    ----------
    duration, churned, entry, weights : array_like, shape (n,)
        As in `survival_curve`.
    group : array_like, shape (n,)
        Name of each customer's group: texts or numbers, at least two different ones.

    Returns
    -------
    SurvivalComparison

    Raises
    ------
    InvalidInputError
        As `survival_curve` does; if names of groups are missing or cannot be sorted, there are fewer than two, nobody
        churned, or groups are never at risk at the same age.

    References
    ----------
    .. [1] Mantel (1966), Cancer Chemotherapy Reports 50(3), 163-170.
    .. [2] Klein & Moeschberger (2003), Survival Analysis, 2nd ed., section 7.3.

    Examples
    --------
    >>> test = compare_survival([5, 8, 12, 3, 4, 6], [1, 0, 1, 1, 1, 1], ["yearly"] * 3 + ["monthly"] * 3)
    >>> round(test.statistic, 3), test.df, round(test.p_value, 3)
    (2.557, 1, 0.11)
    """
    from scipy.special import gammaincc

    spans = check_spans(duration, churned, entry, weights, group)
    names, place = _groups(spans)
    if not spans.churned.any():
        raise invalid("churned", "nobody churned: there is nothing to compare", "Wait longer, or look at the curves.")
    parts = [spans.of(place == i) for i in range(names.size)]
    observed, expected, covariance = _log_rank(spans, parts)
    _check_comparable(names, expected, covariance)
    gap = (observed - expected)[:-1]
    statistic = float(gap @ np.linalg.solve(covariance[:-1, :-1], gap))
    df = names.size - 1
    p_value = float(gammaincc(df / 2, statistic / 2))
    n = np.array([part.n_customers for part in parts])
    return SurvivalComparison(names, n, observed, expected, covariance, statistic, df, p_value)


def _groups(spans: Spans) -> tuple[AnyArray, IntArray]:
    labels: Any = spans.group
    try:
        names, place = np.unique(labels, return_inverse=True)
        missing = bool(np.any(names != names)) or any(name is None for name in names.tolist())
    except TypeError:
        missing = True
    if missing:
        raise invalid("group", "`group` must hold names that can be sorted: texts or numbers, none missing")
    if names.size < 2:
        rule = f"`group` must name two groups or more, and names {names.size} ({names[0]})"
        raise InvalidInputError(SUBJECT, [Problem("group", rule)], labels.size)
    return names, place.reshape(-1)


def _log_rank(spans: Spans, parts: list[Spans]) -> tuple[IntArray, FloatArray, FloatArray]:
    """Observed and expected churners of each group, and the covariance of their differences."""
    whole = risk_sets(spans)
    rows = np.flatnonzero(whole.churned)
    ages = whole.ages[rows]
    d, n = whole.churned[rows].astype(np.float64), whole.at_risk[rows].astype(np.float64)
    # Hypergeometric; the last customer at risk of all has no choice of group.
    factor = d * (n - d) / np.maximum(n - 1, 1)
    sets = [risk_sets(part) for part in parts]
    observed = np.array([part.churned.sum() for part in sets])
    expected, covariance = np.zeros(len(sets)), np.zeros((len(sets), len(sets)))
    step = max(_CELLS // len(sets), 1)
    for i in range(0, ages.size, step):
        block = slice(i, i + step)
        share = np.array([part.at_risk_at(ages[block]) for part in sets]) / n[block]
        expected += share @ d[block]
        weighted = share * factor[block]
        covariance += np.diag(weighted.sum(axis=1)) - weighted @ share.T
    return observed, expected, covariance


def _check_comparable(names: AnyArray, expected: FloatArray, covariance: FloatArray) -> None:
    idle = names[expected == 0]
    if idle.size:
        rule = f"of the group {idle[0]!s} nobody is at risk at any age at which anybody churns"
        raise invalid("group", rule, "The data say nothing of how long these customers stay: leave the group out.")
    spectrum = np.linalg.eigvalsh(covariance[:-1, :-1])
    if spectrum[0] <= _SINGULAR * max(spectrum[-1], np.finfo(np.float64).tiny):
        rule = "some groups are never at risk at the same age as the others, or only when all at risk churn"
        raise invalid("group", rule, "Compare groups that were watched at the same ages.")
