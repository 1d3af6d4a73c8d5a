"""How much the terms and ratios of a revenue bridge owe to who happens to be among the customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text
from customervalue.errors import invalid
from customervalue.retention._revenue_terms import TERMS

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.retention._revenue_terms import Amounts

__all__ = ["RevenueIntervals", "resampled_intervals"]

#: Distinct rows are drawn by their counts instead of one by one if there are this many times fewer of them.
_FEWER = 8


@dataclass(frozen=True, eq=False, repr=False)
class RevenueIntervals:
    """Intervals of the terms and ratios of a revenue bridge; `intervals["churned"]` is one of them.

    Attributes
    ----------
    name : tuple of str, length m
        Terms, and those of the ratios that exist.
    estimate, low, high : ndarray of float64, shape (m,)
        Of each. An upper end of the quick ratio is infinite where nothing is lost in too many of the resamples.
    level : float
        How often such intervals hold the truth.
    n : int
        How many times customers were resampled.
    failed : int
        Resamples without any revenue in the period before: they have no retention rates, and count only in the rest.

    Examples
    --------
    >>> from customervalue.retention import revenue_bridge
    >>> revenue_bridge([50, 30, 20, 40, 0] * 40, [65, 27, 0, 40, 8] * 40).interval(rng=1)["churned"]
    (600.0, 1020.0)
    """

    name: tuple[str, ...]
    estimate: FloatArray
    low: FloatArray
    high: FloatArray
    level: float
    n: int
    failed: int

    def __getitem__(self, name: str) -> tuple[float, float]:
        if name not in self.name:
            raise invalid("name", f"there is no interval of {name!r}", f"There are {', '.join(self.name)}.")
        place = self.name.index(name)
        return float(self.low[place]), float(self.high[place])

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per term and ratio.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns name, estimate, low and high.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import revenue_bridge
        >>> revenue_bridge([50, 30] * 9, [65, 0] * 9).interval(n=9, rng=1).to_frame()["estimate"][:2]
        array([720.,   0.])
        """
        columns: dict[str, AnyArray] = {"name": np.array(self.name, dtype=object)}
        columns |= {"estimate": self.estimate, "low": self.low, "high": self.high}
        return _columns.to_frame(columns, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and lists that JSON knows; None for an end that is infinite.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue.retention import revenue_bridge
        >>> revenue_bridge([50, 30] * 9, [65, 0] * 9).interval(n=9, rng=1).to_dict()["level"]
        0.95
        """
        ends = {
            side: [value if np.isfinite(value) else None for value in getattr(self, side).tolist()]
            for side in ("estimate", "low", "high")
        }
        return {"name": list(self.name), **ends, "level": self.level, "n": self.n, "failed": self.failed}

    def _rows(self) -> tuple[str, list[list[str]]]:
        title = f"{self.level * 100:g} % intervals of a revenue bridge, from {self.n:,} resamples of its customers"
        if self.failed:
            title += f" ({self.failed:,} of them without revenue before)"
        rows = [["", "estimate", "interval"]]
        for name, *numbers in zip(self.name, self.estimate, self.low, self.high, strict=True):
            digits = ".2f" if name in TERMS else ".4f"
            middle, low, high = (format(number, f",{digits}") for number in numbers)
            rows.append([name, middle, f"{low} to {high if np.isfinite(numbers[2]) else 'no limit'}"])
        return title, rows

    def __repr__(self) -> str:
        return as_text(*self._rows())

    def _repr_html_(self) -> str:
        return as_html(*self._rows())


def resampled_intervals(
    amounts: Amounts,
    columns: dict[str, tuple[FloatArray, BoolArray]],
    estimates: dict[str, float],
    level: float,
    n: int,
    rng: np.random.Generator,
) -> RevenueIntervals:
    """Percentile intervals from resampled rows.

    Parameters
    ----------
    amounts : Amounts
        The rows.
    columns : dict
        Term -> money and membership of each row.
    estimates : dict
        Term or ratio -> number.
    level : float
    n : int
        Resamples.
    rng : numpy.random.Generator

    Returns
    -------
    RevenueIntervals
    """
    first, place = _distinct(amounts)
    money = np.stack([columns[term][0][first] for term in TERMS])
    heads = np.stack([columns[term][1][first] for term in ("start", "churned")])
    totals = np.empty((n, len(TERMS) + 2))
    sides = np.concatenate([money, heads])
    size = amounts.before.size
    share = None if place is None else np.bincount(place, minlength=first.size) / size
    for i in range(n):
        if share is None:
            counts: IntArray = np.bincount(rng.integers(0, size, size), minlength=size)
        else:
            counts = rng.multinomial(size, share)
        totals[i] = np.einsum("ij,j->i", sides, counts.astype(np.float64))
    values, failed = _statistics(totals)
    tail = 0.5 - 0.5 * level
    low, high = np.array([_quantiles(values[name], tail) for name in estimates]).T
    return RevenueIntervals(tuple(estimates), np.array(list(estimates.values())), low, high, level, n, failed)


def _distinct(amounts: Amounts) -> tuple[IntArray, IntArray | None]:
    """The first row of each distinct one, and for each row the place of its like; None where few rows are alike."""
    size = amounts.before.size
    code = np.zeros(size, np.int64)
    for column in amounts:
        if column is not None:
            labels, place = np.unique(column, return_inverse=True)
            seen, code = np.unique(code * labels.size + place, return_inverse=True)
            if seen.size * _FEWER > size:
                return np.arange(size), None
    _, first = np.unique(code, return_index=True)
    return first, code


def _statistics(totals: FloatArray) -> tuple[dict[str, FloatArray], int]:
    """Terms and ratios of each resample; retention rates of those only that have any revenue before."""
    sums = dict(zip((*TERMS, "heads", "gone"), totals.T, strict=True))
    won = sums["new"] + sums["reactivated"] + sums["expansion"]
    lost = sums["contraction"] + sums["churned"]
    based = sums["start"] > 0
    start, heads = sums["start"][based], sums["heads"][based]
    kept = np.maximum(start - lost[based], 0.0)
    churn = sums["gone"][based] / heads
    moved = (lost > 0) | (won > 0)
    with np.errstate(divide="ignore"):
        quick = won[moved] / lost[moved]
    sums |= {"gross_revenue_retention": kept / start, "logo_retention": 1 - churn, "logo_churn": churn}
    sums |= {"net_revenue_retention": (kept + sums["expansion"][based]) / start, "quick_ratio": quick}
    return sums, int(np.count_nonzero(~based))


def _quantiles(values: FloatArray, tail: float) -> tuple[float, float]:
    if not values.size:
        raise invalid("n", "no resample has any revenue in the period before", "Ask for more resamples.")
    # Between finite and infinite values there is nothing to interpolate.
    finite = bool(np.all(np.isfinite(values)))
    low, high = np.quantile(values, (tail, 1 - tail), method="linear" if finite else "inverted_cdf").tolist()
    return low, high
