"""What customers did between two periods: stayed, moved up or down, left or entered, and their value with them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.numerics.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["Movements", "movements"]

_MOVEMENTS = ("stayed", "up", "down", "left", "entered")


@dataclass(frozen=True, eq=False, repr=False)
class Movements(Table):
    """Customers by what they did, with rates, intervals and the value they carried along.

    Attributes
    ----------
    tier : str or None
        The tier they were in before (those who entered: are in after); None for all tiers.
    movement : tuple of str
        "stayed", "up", "down", "left" and "entered".
    customers : ndarray of int64, shape (5,)
    rate : ndarray of float64, shape (5,)
        Share of the customers there were before; for those who entered, share of the customers there are after. NaN
        where there is nobody.
    low, high : ndarray of float64, shape (5,)
        Wilson's score interval of the rate.
    value_before, change, value_after : ndarray of float64, shape (5,), or None
        Money; the first two add up to the third exactly.
    level : float
        Of the intervals.

    Examples
    --------
    >>> from customervalue.tiers import migration
    >>> migration(["gold", "gold", "lead"], ["gold", "lead", None], names=("gold", "lead")).movements()
    Movements between tiers, intervals 95 %
      movement  customers  rate    low      high
      stayed    1          0.3333  0.06149  0.7923
      up        0          0       0        0.5615
      down      1          0.3333  0.06149  0.7923
      left      1          0.3333  0.06149  0.7923
      entered   0          0       0        0.6576
    """

    tier: str | None
    movement: tuple[str, ...]
    customers: IntArray
    rate: FloatArray
    low: FloatArray
    high: FloatArray
    value_before: FloatArray | None
    change: FloatArray | None
    value_after: FloatArray | None
    level: float

    def _title(self) -> str:
        where = "between tiers" if self.tier is None else f"of {self.tier}"
        return f"Movements {where}, intervals {100 * self.level:.4g} %"

    def _table(self) -> Mapping[str, AnyArray]:
        columns: dict[str, AnyArray] = {"movement": np.array(self.movement, dtype=object)}
        columns |= {"customers": self.customers, "rate": self.rate, "low": self.low, "high": self.high}
        if self.value_before is not None and self.change is not None and self.value_after is not None:
            columns |= {"value_before": self.value_before, "change": self.change, "value_after": self.value_after}
        return columns


def movements(
    names: tuple[str, ...],
    counts: IntArray,
    value_before: FloatArray | None,
    change: FloatArray | None,
    tier: str | None,
    level: float,
) -> Movements:
    """Add up the cells of a migration by movement.

    Parameters
    ----------
    names : tuple of str, k names
    counts : ndarray of int64, shape (k + 1, k + 1)
    value_before, change : ndarray of float64, shape (k + 1, k + 1), or None
    tier : str or None
    level : float

    Returns
    -------
    Movements

    Examples
    --------
    >>> movements(("gold", "lead"), np.array([[3, 1, 0], [1, 3, 2], [0, 2, 0]]), None, None, "lead", 0.9).customers
    array([3, 1, 0, 2, 2])
    """
    if tier is not None and tier not in names:
        raise invalid("tier", f"there is no tier {tier!r}", f"There are {', '.join(names)}.")
    rows = list(range(len(names))) if tier is None else [names.index(tier)]
    cells = _cells(rows, len(names))
    customers = np.array([sum(int(counts[cell]) for cell in group) for group in cells])
    there, then = int(counts[rows].sum()), int(counts[:, rows].sum())
    total = np.array([there, there, there, there, then])
    rate = np.asarray(np.divide(customers, total, out=np.full(len(cells), np.nan), where=total > 0))
    low, high = wilson(customers, total, level)
    was, changed = _added(value_before, cells), _added(change, cells)
    worth = None if was is None or changed is None else was + changed
    return Movements(tier, _MOVEMENTS, customers, rate, low, high, was, changed, worth, level)


def _cells(rows: list[int], k: int) -> list[list[tuple[int, int]]]:
    """The cells of each movement of customers from (or, if they entered, into) these tiers."""
    return [
        [(i, i) for i in rows],
        [(i, j) for i in rows for j in range(i)],
        [(i, j) for i in rows for j in range(i + 1, k)],
        [(i, k) for i in rows],
        [(k, j) for j in rows],
    ]


def _added(amounts: FloatArray | None, cells: Sequence[Sequence[tuple[int, int]]]) -> FloatArray | None:
    if amounts is None:
        return None
    return np.array([sum(float(amounts[cell]) for cell in group) for group in cells], dtype=np.float64)
