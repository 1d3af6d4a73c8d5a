"""Changes of share as they are read: one row per customer, and one per label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from customervalue._tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray, IntArray
    from customervalue.wallet.beta_binomial import BetaBinomialShare

__all__ = ["LABELS", "ShareChange", "ShareChangeCounts"]

LABELS = ("falling", "gone", "rising", "steady", "unsure", "new", "absent")


@dataclass(frozen=True, eq=False, repr=False)
class ShareChangeCounts(Table):
    """Customers and what they moved, by label.

    Attributes
    ----------
    label : tuple of str, length 7
        falling, gone, rising, steady, unsure, new, absent.
    customers : ndarray of int64, shape (7,)
        Customers with each label.
    expected_fell, expected_rose : ndarray of float64, shape (7,)
        Sums of the probabilities that the share fell, and rose: of so many the model expects it.
    category : ndarray of float64, shape (7,)
        What they bought in the category in the second window, from everybody.
    moved_elsewhere : ndarray of float64, shape (7,)
        Sum of what they are expected to have moved to others in the second window, less what they moved to us. Over
        all labels it is near 0 by the model, whose mean share does not change: no measure of what the market lost.

    Examples
    --------
    >>> from customervalue.wallet import share_change
    >>> share_change(([8, 9], [10, 10]), ([1, 9], [10, 10]), persistence=0.5).counts().customers
    array([1, 0, 0, 0, 1, 0, 0])
    """

    label: tuple[str, ...]
    customers: IntArray
    expected_fell: FloatArray
    expected_rose: FloatArray
    category: FloatArray
    moved_elsewhere: FloatArray

    def _title(self) -> str:
        return "Changes of share by label"

    def _table(self) -> Mapping[str, AnyArray]:
        names = ("customers", "expected_fell", "expected_rose", "category", "moved_elsewhere")
        columns: dict[str, AnyArray] = {"label": np.array(self.label, dtype=object)}
        return columns | {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False, repr=False)
class ShareChange(Table):
    """How each customer's share changed from one window of time to the next, and how sure that is.

    Attributes
    ----------
    share_before, share_after : ndarray of float64, shape (n,)
        Expected share in either window, given the purchases in both.
    change : ndarray of float64, shape (n,)
        `share_after` less `share_before`.
    low, high : ndarray of float64, shape (n,)
        Interval that holds the change with probability `level`.
    probability_fell, probability_rose : ndarray of float64, shape (n,)
        Probability that the share fell, or rose, by more than `tolerance`.
    label : ndarray of str, shape (n,)
        See `share_change`.
    category_after : ndarray of float64, shape (n,)
        What the customer bought in the category in the second window, as given.
    moved_elsewhere : ndarray of float64, shape (n,)
        -`change` times `category_after`: purchases (or money) of the second window that at the old share would have
        been ours; negative where they came to us. An expectation of each customer, drawn towards no change; where the
        market as a whole leaves us, the sum is too small by half or more.
    model : BetaBinomialShare
        Distribution of the shares of all customers, the same in both windows.
    persistence : float
        Correlation over customers of the shares in the two windows, between 0 and 1.
    tolerance, level, confidence : float
        As asked for.

    Examples
    --------
    >>> from customervalue.wallet import share_change
    >>> changes = share_change(([8, 9, 1], [10, 10, 1]), ([1, 9, 0], [10, 10, 1]), persistence=0.5)
    >>> changes.change.round(2), changes.label
    (array([-0.5,  0. , -0.2]), array(['falling', 'unsure', 'unsure'], dtype=object))
    """

    share_before: FloatArray
    share_after: FloatArray
    change: FloatArray
    low: FloatArray
    high: FloatArray
    probability_fell: FloatArray
    probability_rose: FloatArray
    label: AnyArray
    category_after: FloatArray
    moved_elsewhere: FloatArray
    model: BetaBinomialShare
    persistence: float
    tolerance: float
    level: float
    confidence: float

    def __len__(self) -> int:
        return int(self.change.size)

    def counts(self) -> ShareChangeCounts:
        """Count customers, and what they moved elsewhere, by label.

        Returns
        -------
        ShareChangeCounts

        Examples
        --------
        >>> from customervalue.wallet import share_change
        >>> changes = share_change(([8, 9], [10, 10]), ([1, 9], [10, 10]), persistence=0.5)
        >>> changes.counts().moved_elsewhere.sum().round(1)
        np.float64(5.0)
        """
        place = np.array([LABELS.index(label) for label in self.label.tolist()], dtype=np.int64)

        def total(values: FloatArray) -> FloatArray:
            return np.bincount(place, values, minlength=len(LABELS)).astype(np.float64)

        return ShareChangeCounts(
            label=LABELS,
            customers=np.bincount(place, minlength=len(LABELS)).astype(np.int64),
            expected_fell=total(self.probability_fell),
            expected_rose=total(self.probability_rose),
            category=total(self.category_after),
            moved_elsewhere=total(self.moved_elsewhere),
        )

    def _title(self) -> str:
        found = [f"{n:,} {label}" for label, n in zip(LABELS, self.counts().customers.tolist(), strict=True) if n]
        noun = "customer" if len(self) == 1 else "customers"
        return f"Changes of share: {len(self):,} {noun} ({', '.join(found)}), persistence {self.persistence:.2f}"

    def _table(self) -> Mapping[str, AnyArray]:
        names = ("label", "share_before", "share_after", "change", "low", "high", "probability_fell")
        return {name: getattr(self, name) for name in (*names, "probability_rose", "moved_elsewhere")}
