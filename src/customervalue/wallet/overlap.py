"""Are the surveyed like the rest? Where they are not, what a regression says of the rest is extrapolation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.wallet._features import check_independent, read_features
from customervalue.wallet._regression_space import beyond, describe, read_like, remember, too_many

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.wallet._regression_space import Surveyed

__all__ = ["Overlap", "overlap", "overlap_with"]

#: Means that lie this many standard deviations apart make a linear adjustment sensitive to its form (Imbens & Rubin).
_APART = 0.25
#: Fewer of the rest have no mean to speak of.
_FEW = 10


@dataclass(frozen=True, eq=False, repr=False)
class Overlap(Table):
    """How like the surveyed the rest are, one row per feature.

    Attributes
    ----------
    names : tuple of str, k features
    surveyed_mean, rest_mean : ndarray of float64, shape (k,)
    standardized_difference : ndarray of float64, shape (k,)
        Mean of the rest minus mean of the surveyed, in standard deviations (root of the mean of both variances).
    surveyed_low, surveyed_high : ndarray of float64, shape (k,)
        Smallest and largest value surveyed.
    below, above : ndarray of int64, shape (k,)
        Customers of the rest beyond these.
    n_surveyed, n_rest : int
    leverage : ndarray of float64, shape (m,)
        Of each customer of the rest: 1 / n in the middle of the surveyed, and growing with the square of the distance
        from it (Mahalanobis), which sees combinations of features that do not occur.
    largest_leverage : float
        Of a surveyed customer with respect to the others.
    extrapolated : ndarray of bool, shape (m,)
        Customers of the rest outside the range of a feature, or of larger leverage than any surveyed.
    effective_sample_size : float
        What the survey is worth once weighted so that its means are those of the rest; between 0 and `n_surveyed`.
    extrapolation : bool
        Whether more of the rest lie outside than a random sample would leave there, or some lie far outside.
    verdict : str
        In words.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> overlap(rng.normal(50, 10, (300, 1)), rng.normal(52, 10, (2_000, 1)), names=["age"])
    Overlap of 2,000 customers with 300 surveyed: 6 lie where nobody was surveyed
    The rest differ from the surveyed, most in 'age', but lie among them: a regression of the right form adjusts.
      name  surveyed mean  rest mean  standardized difference  surveyed low  surveyed high  below  above
      age   48.97          52.06      0.3178                   22.89         81             2      4
    """

    names: tuple[str, ...]
    surveyed_mean: FloatArray
    rest_mean: FloatArray
    standardized_difference: FloatArray
    surveyed_low: FloatArray
    surveyed_high: FloatArray
    below: IntArray
    above: IntArray
    n_surveyed: int
    n_rest: int
    leverage: FloatArray
    largest_leverage: float
    extrapolated: BoolArray
    effective_sample_size: float
    extrapolation: bool
    verdict: str

    def _title(self) -> str:
        outside = int(np.count_nonzero(self.extrapolated))
        size = f"Overlap of {self.n_rest:,} customers with {self.n_surveyed:,} surveyed"
        return f"{size}: {outside:,} lie where nobody was surveyed\n{self.verdict}"

    def _table(self) -> Mapping[str, AnyArray]:
        shown = (
            "surveyed_mean",
            "rest_mean",
            "standardized_difference",
            "surveyed_low",
            "surveyed_high",
            "below",
            "above",
        )
        return {"name": np.array(self.names, dtype=object)} | {name: getattr(self, name) for name in shown}


def overlap(surveyed_features: Any, rest_features: Any, *, names: Sequence[str] | None = None) -> Overlap:
    """Compare surveyed customers with the rest, before a regression is learnt from the first and applied to the others.

    Parameters
    ----------
    surveyed_features, rest_features : array of shape (n, k) or (m, k), mapping of columns, or dataframe
        The same features of both.
    names : sequence of str, optional
        Columns to use, of mappings or dataframes; or what to call the columns of arrays.

    Returns
    -------
    Overlap

    Raises
    ------
    InvalidInputError
        If the features differ, numbers are missing, or among the surveyed a feature is constant or a combination of
        others.

    Notes
    -----
    That the rest are like the surveyed in these features does not say that they answer alike: those who took part may
    differ in what was asked about. The effective sample size is n / (1 + D^2), with D^2 the squared Mahalanobis
    distance between the means: what is left of n under the linear weights that move the one to the other [2]_.

    References
    ----------
    .. [1] Imbens & Rubin (2015), Causal Inference for Statistics, Social, and Biomedical Sciences, chapter 14.
    .. [2] Deville & Särndal (1992), Journal of the American Statistical Association 87(418), 376-382.

    Examples
    --------
    >>> surveyed, rest = {"age": [30, 40, 50, 60, 45]}, {"age": [20, 35, 48]}
    >>> found = overlap(surveyed, rest)
    >>> found.extrapolated, found.below
    (array([ True, False, False]), array([1]))
    """
    checker = Checker("the features of the surveyed")
    read = read_features(checker, surveyed_features, names=names)
    checker.same_length()
    if read is not None and len(read.matrix) >= 1:
        rows, columns = read.matrix.shape
        if rows < columns + 2:
            checker.add("surveyed_features", f"{rows:,} surveyed customers are too few for {columns} features")
        else:
            check_independent(checker, read)
    checker.done()
    assert read is not None  # the checker has raised otherwise
    surveyed, _ = remember(read)
    return overlap_with(surveyed, read_like(surveyed, rest_features))


def overlap_with(surveyed: Surveyed, rest: FloatArray) -> Overlap:
    """The same from what is remembered of the surveyed."""
    found = beyond(surveyed, rest)
    mean, deviation = rest.mean(axis=0), rest.std(axis=0)
    apart = (mean - surveyed.mean) / np.sqrt((deviation**2 + surveyed.deviation**2) / 2)
    distance = float(np.sum(surveyed.whitened(mean) ** 2))
    count = int(np.count_nonzero(found.any))
    outside = too_many(surveyed, found)
    place = int(np.argmax(np.abs(apart)))
    if outside:
        share = f"{count:,} of {len(rest):,} lie where nobody was surveyed ({describe(surveyed, found)})"
        verdict = f"{share}: what a regression says of them is extrapolation."
    elif len(rest) < _FEW:
        verdict = f"None lies far from the surveyed; {len(rest):,} of the rest are too few to compare means."
    elif abs(apart[place]) > _APART:
        verdict = (
            f"The rest differ from the surveyed, most in {surveyed.names[place]!r}, but lie among them: "
            "a regression of the right form adjusts."
        )
    else:
        verdict = "The rest are much like the surveyed in these features."
    return Overlap(
        names=surveyed.names,
        surveyed_mean=surveyed.mean,
        rest_mean=mean,
        standardized_difference=apart,
        surveyed_low=surveyed.low,
        surveyed_high=surveyed.high,
        below=found.below,
        above=found.above,
        n_surveyed=surveyed.size,
        n_rest=len(rest),
        leverage=found.leverage,
        largest_leverage=surveyed.largest_leverage,
        extrapolated=found.any,
        effective_sample_size=surveyed.size / (1 + distance),
        extrapolation=outside,
        verdict=verdict,
    )
