"""What comes of differentiating: the tier of each customer, and a table of the tiers."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import Table
from customervalue.tiers._currency import in_words

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from customervalue._typing import AnyArray, FloatArray, IntArray

__all__ = ["OBJECTIVES", "Differentiation"]

#: What to do with the customers of each tier, best tier first.
OBJECTIVES = {
    "most valuable": "keep",
    "super-growth": "keep and grow",
    "most growable": "grow",
    "low-maintenance": "serve cheaply",
    "below zero": "mend or let go",
}


@dataclass(frozen=True, eq=False, repr=False)
class Differentiation(Table):
    """Customers in five tiers by actual value and unrealised potential; read as a table with one row per tier.

    The rows are "most valuable", "super-growth", "most growable", "low-maintenance" and "below zero".

    Attributes
    ----------
    codes : ndarray of int8, shape (n,)
        Tier of each customer: its place in ``names``.
    unrealised_potential : ndarray of float64, shape (n,)
        Money: potential less actual value; >= 0.
    share_of_customer : ndarray of float64, shape (n,)
        Actual over potential value where both are positive, in (0, 1]; NaN elsewhere. `notes` says how many.
    customers : ndarray of int64, shape (5,)
        Customers in each tier; the sum of their weights if there are any.
    value, potential, unrealised : ndarray of float64, shape (5,)
        Money: actual value, potential value and unrealised potential, summed over the customers of each tier.
    average_share : ndarray of float64, shape (5,)
        Value over potential of each tier, of the customers who have a share of customer; NaN where nobody has one.
    mean_share : ndarray of float64, shape (5,)
        Mean of the shares of the same customers, each counting alike.
    cut_actual, cut_potential : float
        Money: where high actual value and high unrealised potential begin.
    floor : float
        Money.
    lifted : int
        Customers whose potential was below their actual value, and was lifted to it.
    notes : tuple of str
        What a reader of the table should know.
    currency : str or None
    customer_id : ndarray, shape (n,), or None

    Examples
    --------
    >>> from customervalue.tiers import differentiate
    >>> tiers = differentiate([900, 800, 50, 40, -20], [950, 3000, 600, 60, -5], cut_actual=500, cut_potential=300)
    >>> tiers.tier.tolist()
    ['most valuable', 'super-growth', 'most growable', 'low-maintenance', 'below zero']
    >>> tiers.unrealised_potential
    array([  50., 2200.,  550.,   20.,   15.])
    """

    codes: NDArray[np.int8]
    unrealised_potential: FloatArray
    share_of_customer: FloatArray
    customers: IntArray
    value: FloatArray
    potential: FloatArray
    unrealised: FloatArray
    average_share: FloatArray
    mean_share: FloatArray
    cut_actual: float
    cut_potential: float
    floor: float
    lifted: int
    notes: tuple[str, ...]
    currency: str | None
    customer_id: AnyArray | None
    _actual: FloatArray = field(repr=False)
    _potential: FloatArray = field(repr=False)
    _weights: FloatArray | None = field(repr=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the tiers.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> from customervalue.tiers import differentiate
        >>> differentiate([900], [950], cut_actual=500, cut_potential=300).names[0]
        'most valuable'
        """
        return tuple(OBJECTIVES)

    @property
    def objectives(self) -> tuple[str, ...]:
        """What to do with the customers of each tier.

        Returns
        -------
        tuple of str

        Examples
        --------
        >>> from customervalue.tiers import differentiate
        >>> differentiate([900], [950], cut_actual=500, cut_potential=300).objectives
        ('keep', 'keep and grow', 'grow', 'serve cheaply', 'mend or let go')
        """
        return tuple(OBJECTIVES.values())

    @property
    def tier(self) -> AnyArray:
        """Name of the tier of each customer.

        Returns
        -------
        ndarray of object, shape (n,)

        Examples
        --------
        >>> from customervalue.tiers import differentiate
        >>> differentiate([900, 50], [950, 600], cut_actual=500, cut_potential=300).tier
        array(['most valuable', 'most growable'], dtype=object)
        """
        named: AnyArray = np.array(self.names, dtype=object)[self.codes]
        return named

    @property
    def share_of_value(self) -> FloatArray:
        """Share of the actual value of all customers in each tier.

        Returns
        -------
        ndarray of float64, shape (5,)
            They add up to 1; below 0 for loss-makers; NaN if the total is not positive.

        Examples
        --------
        >>> from customervalue.tiers import differentiate
        >>> differentiate([900, 100], [950, 600], cut_actual=500, cut_potential=300).share_of_value
        array([0.9, 0. , 0.1, 0. , 0. ])
        """
        return _shares(self.value)

    @property
    def share_of_potential(self) -> FloatArray:
        """Share of the potential value of all customers in each tier.

        Returns
        -------
        ndarray of float64, shape (5,)
            They add up to 1; below 0 for loss-makers; NaN if the total is not positive.

        Examples
        --------
        >>> from customervalue.tiers import differentiate
        >>> differentiate([900, 100], [900, 600], cut_actual=500, cut_potential=300).share_of_potential
        array([0.6, 0. , 0.4, 0. , 0. ])
        """
        return _shares(self.potential)

    def customer_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            `customer_id` if there is one, `tier`, `actual`, `potential`, `unrealised_potential`, `share_of_customer`.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.tiers import differentiate
        >>> tiers = differentiate([50], [500], cut_actual=500, cut_potential=300, customer_id=["Ann"])
        >>> tiers.customer_frame("polars").rows()
        [('Ann', 'most growable', 50.0, 500.0, 450.0, 0.1)]
        """
        known = {} if self.customer_id is None else {"customer_id": self.customer_id}
        columns = {
            "tier": self.tier,
            "actual": self._actual,
            "potential": self._potential,
            "unrealised_potential": self.unrealised_potential,
            "share_of_customer": self.share_of_customer,
        }
        return _columns.to_frame(known | columns, backend)

    def _title(self) -> str:
        unit = in_words(self.currency)
        head = f"{int(self.customers.sum()):,} customers: high value from {self.cut_actual:,.2f}{unit}, "
        head += f"high unrealised potential from {self.cut_potential:,.2f}{unit}"
        return "\n".join([head, *(f"  {note}" for note in self.notes)])

    def _table(self) -> dict[str, AnyArray]:
        return {
            "tier": np.array(self.names, dtype=object),
            "customers": self.customers,
            "value": self.value,
            "share_of_value": self.share_of_value,
            "potential": self.potential,
            "share_of_potential": self.share_of_potential,
            "unrealised": self.unrealised,
            "average_share": self.average_share,
            "mean_share": self.mean_share,
            "objective": np.array(self.objectives, dtype=object),
        }


def _shares(money: FloatArray) -> FloatArray:
    total = float(money.sum())
    return money / total if total > 0 else np.full(money.size, np.nan)
