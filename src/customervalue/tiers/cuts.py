"""Where high begins: as money, as a quantile, or as a share of the customers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import invalid
from customervalue.tiers import _ordered
from customervalue.units import check_number

if TYPE_CHECKING:
    from customervalue._typing import Many

__all__ = ["Cut", "as_cut"]

_ADVICE = "Use Cut.money(500), Cut.quantile(0.9) or Cut.top_share(0.1); a bare number is money."


@dataclass(frozen=True)
class Cut:
    """Where high begins. Make one with `Cut.money`, `Cut.quantile` or `Cut.top_share`.

    Attributes
    ----------
    kind : {"money", "quantile", "top_share"}
    amount : float
        Money, or a number between 0 and 1.

    Raises
    ------
    InvalidInputError
        If `amount` is not finite, or is not between 0 and 1 where it has to be.

    Examples
    --------
    >>> Cut.top_share(0.25).threshold([10.0, 20.0, 30.0, 90.0])
    90.0
    """

    kind: Literal["money", "quantile", "top_share"]
    amount: float

    def __post_init__(self) -> None:
        if self.kind not in ("money", "quantile", "top_share"):
            raise invalid("kind", f"a cut is of money, a quantile or a top_share, and not {self.kind!r}", _ADVICE)
        amount = check_number("cut", self.amount)
        if not np.isfinite(amount):
            raise invalid("cut", f"a cut must be finite, and is {amount}", _ADVICE)
        if self.kind != "money" and not 0 < amount < 1:
            raise invalid("cut", f"a cut at a {self.kind} must be above 0 and below 1, and is {amount:g}", _ADVICE)
        object.__setattr__(self, "amount", amount)

    @classmethod
    def money(cls, amount: float) -> Cut:
        """High begins at this amount.

        Parameters
        ----------
        amount : float
            Money.

        Returns
        -------
        Cut

        Examples
        --------
        >>> Cut.money(500)
        Cut(kind='money', amount=500.0)
        """
        return cls("money", amount)

    @classmethod
    def quantile(cls, quantile: float) -> Cut:
        """High begins at this quantile of all customers.

        Parameters
        ----------
        quantile : float
            In (0, 1). It lies between the two nearest customers, as that of `numpy.quantile` does.

        Returns
        -------
        Cut

        Examples
        --------
        >>> Cut.quantile(0.9).threshold(list(range(11)))
        9.0
        """
        return cls("quantile", quantile)

    @classmethod
    def top_share(cls, share: float) -> Cut:
        """High are the best customers, so many that they are this share of all.

        Parameters
        ----------
        share : float
            In (0, 1). As near to it as can be without parting customers of equal value, as in `value_tiers`.

        Returns
        -------
        Cut

        Examples
        --------
        >>> Cut.top_share(0.2).threshold([9.0, 5.0, 5.0, 5.0, 1.0])
        9.0
        """
        return cls("top_share", share)

    def threshold(self, values: Many, *, weights: Many | None = None) -> float:
        """Amount of money at which high begins among these values.

        Parameters
        ----------
        values : array_like of float, shape (n,)
            Money.
        weights : array_like of int, shape (n,), optional
            How many identical customers each row stands for.

        Returns
        -------
        float
            Money.

        Raises
        ------
        InvalidInputError
            If a value is missing or infinite, or weights are not counts.

        Examples
        --------
        >>> Cut.top_share(0.1).threshold([10.0, 20.0], weights=[9, 1])
        20.0
        """
        if self.kind == "money":
            return self.amount
        checker = Checker("the values to cut")
        checked = checker.numbers("values", values)
        counts = None if weights is None else checker.counts("weights", weights)
        checker.same_length()
        if counts is not None and counts.size and not counts.any():
            checker.add("weights", "`weights` must not all be zero")
        checker.done()
        if not _ordered.adds_up(np.asarray(checked), counts):
            raise invalid("values", "`values` must not be so large that their sum may have no place in a float")
        base = _ordered.ordered(np.asarray(checked), counts)
        if self.kind == "quantile":
            return base.quantile(self.amount)
        return _ordered.thresholds_at_shares(base, base.customers(), [self.amount])[0]

    def __str__(self) -> str:
        if self.kind == "money":
            return f"{self.amount:,.12g}"
        return f"the {self.amount:g} quantile" if self.kind == "quantile" else f"the top {self.amount:.4g}"


def as_cut(checker: Checker, name: str, cut: Any) -> Cut | None:
    """A cut as it is, a number as money; None, and a problem, for anything else."""
    if isinstance(cut, Cut):
        return cut
    if isinstance(cut, (int, float, np.number)) and not isinstance(cut, bool) and np.isfinite(cut):
        return Cut.money(float(cut))
    checker.add(name, f"`{name}` must be a Cut or an amount of money, and is {cut!r}", _ADVICE)
    return None
