"""How customers move between tiers from one period to the next, with those who come and those who go."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import Table
from customervalue.estimation.draws import check_level
from customervalue.numerics.proportions import wilson
from customervalue.tiers._migration_forecast import MixForecast, forecast_mix, stationary_mix
from customervalue.tiers._migration_inputs import check_moves
from customervalue.tiers._migration_movements import Movements, movements

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from customervalue._typing import AnyArray, FloatArray, IntArray, Many
    from customervalue.tiers._migration_inputs import Moves
    from customervalue.tiers.scheme import Scheme

__all__ = ["Migration", "migration"]


@dataclass(frozen=True, eq=False, repr=False)
class Migration(Table):
    """How many went from each tier to each; as a table, the rates, one row per tier before.

    The last row is of those who were not there before, the last column of those who are not there after.

    Attributes
    ----------
    names : tuple of str, k names
        Best tier first.
    counts : ndarray of int64, shape (k + 1, k + 1)
        Customers from each tier (row) to each (column).
    value_before : ndarray of float64, shape (k + 1, k + 1), or None
        Money of the customers in each cell before.
    change : ndarray of float64, shape (k + 1, k + 1), or None
        By how much it changed.
    absent : int
        Customers given who are in no tier in either period; they are in no cell.
    level : float
        Of the intervals.
    currency : str or None

    Examples
    --------
    >>> before = ["gold"] * 4 + ["lead"] * 6 + [None] * 2
    >>> after = ["gold", "gold", "gold", "lead", "gold", "lead", "lead", "lead", None, None, "lead", "lead"]
    >>> moves = migration(before, after, names=("gold", "lead"))
    >>> moves
    Migration of 10 customers between tiers, as rates, and 2 who entered; intervals 95 %
      up 0.1 (0.01788 to 0.4042), down 0.1 (0.01788 to 0.4042), left 0.2 (0.05668 to 0.5098)
      from       customers  to gold  to lead  left
      gold       4          0.75     0.25     0
      lead       6          0.1667   0.5      0.3333
      (entered)  2          0        1        0
    >>> moves.counts
    array([[3, 1, 0],
           [1, 3, 2],
           [0, 2, 0]])
    """

    names: tuple[str, ...]
    counts: IntArray
    value_before: FloatArray | None
    change: FloatArray | None
    absent: int
    level: float
    currency: str | None = None

    @property
    def before(self) -> IntArray:
        """Customers in each tier before, shape (k,)."""
        return np.asarray(self.counts[:-1].sum(axis=1))

    @property
    def after(self) -> IntArray:
        """Customers in each tier after, shape (k,)."""
        return np.asarray(self.counts[:, :-1].sum(axis=0))

    @property
    def value_after(self) -> FloatArray | None:
        """Money of the customers in each cell after, shape (k + 1, k + 1): `value_before` + `change`."""
        return None if self.value_before is None or self.change is None else self.value_before + self.change

    @property
    def rates(self) -> FloatArray:
        """Share of each row that went to each column, shape (k + 1, k + 1); rows add up to 1, or are NaN if empty."""
        total = self.counts.sum(axis=1, keepdims=True)
        none = np.full(self.counts.shape, np.nan)
        return np.asarray(np.divide(self.counts, total, out=none, where=total > 0))

    @property
    def intervals(self) -> tuple[FloatArray, FloatArray]:
        """Lower and upper ends of the Wilson intervals of `rates`, each of shape (k + 1, k + 1); NaN in empty rows."""
        return wilson(
            self.counts, np.broadcast_to(self.counts.sum(axis=1, keepdims=True), self.counts.shape), self.level
        )

    @property
    def upgrade_rate(self) -> float:
        """Share of the customers there were before who are in a better tier after; NaN if there were none."""
        return float(self.movements().rate[1])

    @property
    def downgrade_rate(self) -> float:
        """Share of the customers there were before who are in a worse tier after; NaN if there were none."""
        return float(self.movements().rate[2])

    def movements(self, tier: str | None = None) -> Movements:
        """Stayed, up, down, left and entered: customers, rates with intervals, and the value they carried along.

        Parameters
        ----------
        tier : str, optional
            Only those who were in this tier, and those who entered into it.

        Returns
        -------
        Movements

        Raises
        ------
        InvalidInputError
            If there is no such tier.

        Examples
        --------
        >>> values = {"value_before": [9, 8, 2], "value_after": [9, 3, 1]}
        >>> migration([0, 0, 1], [0, 1, 1], names=("gold", "lead"), **values).movements("gold").change
        array([ 0.,  0., -5.,  0.,  0.])
        """
        return movements(self.names, self.counts, self.value_before, self.change, tier, self.level)

    def cells(self, backend: str | None = None) -> Any:
        """Return a table with one row per cell of the matrix.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns from, to, customers, rate, low, high and, if there are values, value_before, change and value_after.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> migration(["gold"], ["lead"], names=("gold", "lead")).cells()["customers"]
        array([0, 1, 0, 0, 0, 0, 0, 0])
        """
        here = np.ones(self.counts.shape, dtype=np.bool_)
        here[-1, -1] = False
        low, high = self.intervals
        places = np.indices(self.counts.shape)
        table: dict[str, AnyArray] = {
            "from": np.array([*self.names, "(entered)"], dtype=object)[places[0][here]],
            "to": np.array([*self.names, "(left)"], dtype=object)[places[1][here]],
            "customers": self.counts[here],
            "rate": self.rates[here],
            "low": low[here],
            "high": high[here],
        }
        for name in ("value_before", "change", "value_after"):
            matrix = getattr(self, name)
            if matrix is not None:
                table[name] = matrix[here]
        return _columns.to_frame(table, backend)

    def forecast(
        self,
        periods: int,
        entries: float | Many | None = None,
        *,
        n: int = 1000,
        rng: np.random.Generator | int | None = None,
        level: float | None = None,
    ) -> MixForecast:
        """Customers in each tier some periods on, if the rates stay what they were.

        Parameters
        ----------
        periods : int
            How many periods of the length of this one.
        entries : float or array_like of float, shape (k,), optional
            Customers who enter in each period: in all, divided like those who entered in this one, or tier by tier. By
            default as many as in this one; 0 for a closed group.
        n : int
            Futures that are simulated for the interval.
        rng : numpy.random.Generator or int, optional
            Source of randomness; an int seeds one.
        level : float, optional
            How often an interval holds the truth; that of the migration by default.

        Returns
        -------
        MixForecast

        Raises
        ------
        InvalidInputError
            If `periods` or `n` is not a whole number > 0, `entries` are negative or cannot be divided, or nobody was in
            a tier before, so that its rates are not known.

        Notes
        -----
        A Markov chain: what a customer does next depends on his present tier alone, not on how long he has been in it
        or where he was before, and the rates of one pair of periods are those of all to come. Neither is quite true of
        customers: who was a heavy buyer two periods ago comes back more often than his present tier says. Within a
        period or two that matters little; later the forecast drifts to a mix that forgets too much.

        The interval has in it what is unknown of the rates (each row a Dirichlet distribution around the observed one,
        with a prior worth one customer) and the chance of so many customers. Entries are Poisson numbers. Where their
        rates are those of this one period, the interval has in it that one count does not tell a rate exactly; where
        only their total is given, the same for how it is divided. Rates given tier by tier are taken as known.

        Examples
        --------
        >>> moves = migration(["gold"] * 40 + ["lead"] * 60, ["gold"] * 25 + ["lead"] * 75, names=("gold", "lead"))
        >>> moves.forecast(2).expected.round(1)
        array([[25. , 75. ],
               [15.6, 84.4],
               [ 9.8, 90.2]])
        """
        sure = self.level if level is None else check_level(level)
        return forecast_mix(self.names, self.counts, periods, entries, n, np.random.default_rng(rng), sure)

    def stationary_mix(self, entries: float | Many | None = None) -> FloatArray:
        """Share of each tier in the long run (on average, if the mix goes round in circles), at unchanged rates.

        Parameters
        ----------
        entries : float or array_like of float, shape (k,), optional
            As `forecast` takes them.

        Returns
        -------
        ndarray of float64, shape (k,)
            They add up to 1.

        Raises
        ------
        InvalidInputError
            If there is no such mix: customers leave and none enter, or some are caught in tiers that nobody leaves.

        Examples
        --------
        >>> moves = migration([0] * 10 + [1] * 10, [0] * 8 + [1] * 2 + [0] * 1 + [1] * 9, names=("gold", "lead"))
        >>> moves.stationary_mix().round(4)
        array([0.3333, 0.6667])
        """
        return stationary_mix(self.names, self.counts, entries)

    def _title(self) -> str:
        moved = self.movements()
        rates = (
            f"{m} {r:.4g} ({a:.4g} to {b:.4g})"
            for m, r, a, b in zip(moved.movement[1:4], moved.rate[1:4], moved.low[1:4], moved.high[1:4], strict=True)
        )
        entered = f"and {int(self.counts[-1].sum()):,} who entered; intervals {100 * self.level:.4g} %"
        head = f"Migration of {int(self.before.sum()):,} customers between tiers, as rates, {entered}"
        return f"{head}\n  {', '.join(rates)}"

    def _table(self) -> Mapping[str, AnyArray]:
        rates = self.rates
        columns: dict[str, AnyArray] = {"from": np.array([*self.names, "(entered)"], dtype=object)}
        columns["customers"] = self.counts.sum(axis=1)
        columns |= {f"to {name}": rates[:, place] for place, name in enumerate(self.names)}
        return {**columns, "left": rates[:, -1]}


def migration(
    before: Any,
    after: Any,
    *,
    names: Sequence[str] | Scheme | None = None,
    value_before: Many | None = None,
    value_after: Many | None = None,
    before_id: AnyArray | None = None,
    after_id: AnyArray | None = None,
    weights: Many | None = None,
    level: float = 0.95,
    currency: str | None = None,
) -> Migration:
    """Count how customers moved between tiers from one period to the next.

    Parameters
    ----------
    before, after : array_like, shape (n,), or a result with tiers
        Tier of each customer: names, or codes (0 is the best); None, "" or -1 for one who is not there. Row by row the
        same customer, unless there are ids. Or what `value_tiers`, `tier_probabilities`, `assign` and `differentiate`
        give, with their names, and with their ids if both have them.
    names : sequence of str or Scheme, optional
        The tiers, best first; needed unless `before` or `after` is a result. Codes alone are named by their numbers.
    value_before, value_after : array_like of float, shape (n,), optional
        Money of each customer in the two periods; 0 or NaN where he is not there.
    before_id, after_id : array_like, shape (n,) and (m,), optional
        Whose tiers these are. Then `before` and `after` may be of different customers, in any order.
    weights : array_like of int, shape (n,), optional
        How many identical customers each row stands for, where there are no ids. By default those of the results, if
        both were made with the same.
    level : float
        Of the intervals, between 0 and 1.
    currency : str, optional
        Of the values; a label.

    Returns
    -------
    Migration

    Raises
    ------
    InvalidInputError
        If a tier is unknown, ids are there twice, a value is not finite or belongs to nobody, currencies differ, or
        columns do not fit; with every problem found.

    References
    ----------
    .. [1] Wilson (1927), Journal of the American Statistical Association 22(158), 209-212, for the intervals.
    .. [2] Fader, Hardie & Ross (2022), The Customer-Base Audit, Wharton School Press, lens 2.

    Examples
    --------
    >>> moves = migration(
    ...     ["gold", "lead", "lead"], ["gold", "gold", "lead"], names=("gold", "lead"),
    ...     before_id=["Ann", "Bob", "Cyd"], after_id=["Bob", "Dan", "Ann"],
    ... )
    >>> moves.counts
    array([[0, 1, 0],
           [1, 0, 1],
           [1, 0, 0]])
    """
    sure = check_level(level)
    moves = check_moves(before, after, names, value_before, value_after, before_id, after_id, weights, currency)
    k = len(moves.names)
    cell = np.where(moves.before < 0, k, moves.before) * (k + 1) + np.where(moves.after < 0, k, moves.after)
    counts = _totals(cell, moves.weights, k).round().astype(np.int64)
    absent = int(counts[-1, -1])
    counts[-1, -1] = 0
    value_was, change = _carried(moves, cell, k)
    return Migration(moves.names, counts, value_was, change, absent, sure, moves.currency)


def _totals(cell: IntArray, amounts: FloatArray | None, k: int) -> FloatArray:
    return np.bincount(cell, amounts, minlength=(k + 1) ** 2).reshape(k + 1, k + 1).astype(np.float64)


def _carried(moves: Moves, cell: IntArray, k: int) -> tuple[FloatArray | None, FloatArray | None]:
    """Money of each cell before, and by how much it changed."""
    if moves.value_before is None or moves.value_after is None:
        return None, None
    many = 1.0 if moves.weights is None else moves.weights
    was = _totals(cell, moves.value_before * many, k)
    return was, _totals(cell, moves.value_after * many, k) - was
