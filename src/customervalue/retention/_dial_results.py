"""Volume dials as they are read: per customer, and by label."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_html, as_text
from customervalue.errors import invalid

if TYPE_CHECKING:
    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray
    from customervalue.estimation.inference import Inference

__all__ = ["LABELS", "DialCounts", "VolumeDial"]

LABELS = ("new", "returned", "growing", "steady", "fading", "silent", "unsure", "absent")
#: Per customer, in the order of the table.
_COLUMNS = (
    "reference",
    "recent",
    "exposure_reference",
    "exposure_recent",
    "ratio",
    "low",
    "high",
    "shrunk",
    "shrunk_low",
    "shrunk_high",
    "probability_up",
    "probability_down",
    "spend_reference",
    "spend_recent",
)


@dataclass(frozen=True, eq=False, repr=False)
class DialCounts:
    """Customers and what is at stake, by label.

    Attributes
    ----------
    label : tuple of str, length 8
        new, returned, growing, steady, fading, silent, unsure, absent.
    customers : ndarray of int64, shape (8,)
        Customers with each label.
    expected_up, expected_down : ndarray of float64, shape (8,)
        Sums of the probabilities that the dial has moved up, and down: how many of them are expected to have moved,
        whoever they are. Most of those who moved are among the unsure where customers buy seldom. 0 for the absent, of
        whom only the base speaks.
    of : {"spend", "purchases"}
        What the next two count: money if spend was given, else purchases.
    at_reference_rate : ndarray of float64, shape (8,)
        What these customers would have bought in the recent window at their rate of the reference window: for fading
        and silent customers, what is at stake.
    recent : ndarray of float64, shape (8,)
        What they did buy in the recent window.

    Examples
    --------
    >>> from customervalue.retention import volume_dial
    >>> dials = volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
    >>> dials.counts().customers.sum()
    np.int64(3)
    """

    label: tuple[str, ...]
    customers: IntArray
    expected_up: FloatArray
    expected_down: FloatArray
    of: str
    at_reference_rate: FloatArray
    recent: FloatArray

    def __post_init__(self) -> None:
        for column in vars(self).values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    @property
    def change(self) -> FloatArray:
        """`recent` less `at_reference_rate`: won or lost in the recent window; shape (8,)."""
        return self.recent - self.at_reference_rate

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per label.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns label, customers, expected_up, expected_down, at_reference_rate, recent and change.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import volume_dial
        >>> dials = volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
        >>> dials.counts().to_frame()["label"]
        array(['new', 'returned', 'growing', 'steady', 'fading', 'silent',
               'unsure', 'absent'], dtype=object)
        """
        columns: dict[str, AnyArray] = {"label": np.array(self.label, dtype=object)}
        names = ("customers", "expected_up", "expected_down", "at_reference_rate", "recent", "change")
        return _columns.to_frame(columns | {name: getattr(self, name) for name in names}, backend)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers and texts that JSON knows.

        Returns
        -------
        dict
            "of", and under each label its numbers.

        Examples
        --------
        >>> from customervalue.retention import volume_dial
        >>> dials = volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
        >>> dials.counts().to_dict()["fading"]["recent"]
        6.0
        """
        table = {name: column.tolist() for name, column in self.to_frame().items()}
        names = [name for name in table if name != "label"]
        rows = {label: {name: table[name][i] for name in names} for i, label in enumerate(self.label)}
        return {"of": self.of, **rows}

    def rows(self) -> list[list[str]]:
        """Return the table as texts, the head first.

        Returns
        -------
        list of list of str

        Examples
        --------
        >>> from customervalue.retention import volume_dial
        >>> dials = volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
        >>> dials.counts().rows()[0][:2]
        ['label', 'customers']
        """
        head = ["label", "customers", "expected up", "expected down", f"{self.of} at reference rate", "recent"]
        columns = (self.expected_up, self.expected_down, self.at_reference_rate, self.recent)
        body = ([f"{column[i]:,.1f}" for column in columns] for i in range(len(self.label)))
        rows = zip(self.label, self.customers.tolist(), body, strict=True)
        return [head, *([label, f"{count:,}", *cells] for label, count, cells in rows)]

    def __repr__(self) -> str:
        return as_text("Volume dials by label", self.rows())

    def _repr_html_(self) -> str:
        return as_html("Volume dials by label", self.rows())


@dataclass(frozen=True, eq=False, repr=False)
class VolumeDial:
    """How far each customer has turned his volume dial, and how sure that is.

    Attributes
    ----------
    reference, recent : ndarray of int64, shape (n,)
        Purchases in each window.
    exposure_reference, exposure_recent : ndarray of float64, shape (n,)
        How long each customer could be seen buying in it, in a unit of time that is the same for both.
    ratio : ndarray of float64, shape (n,)
        Purchases per time in the recent window over those in the reference window. Infinite without reference
        purchases, and NaN without any.
    low, high : ndarray of float64, shape (n,)
        Its exact interval, from the customer's own purchases alone; 0 to infinity where there are none.
    shrunk : ndarray of float64, shape (n,)
        Posterior median of the ratio: the customer's own purchases and what is usual in the base.
    shrunk_low, shrunk_high : ndarray of float64, shape (n,)
        Posterior interval.
    probability_up, probability_down : ndarray of float64, shape (n,)
        Posterior probability that the ratio exceeds `factor`, and that it is below 1 / `factor`.
    label : ndarray of str, shape (n,)
        See `volume_dial`. Of a new customer all numbers on the ratio are NaN: there is nothing to compare with.
    spend_reference, spend_recent : ndarray of float64, shape (n,), or None
        Spend in each window, in money.
    customer_id : ndarray, shape (n,), or None
        Identifiers.
    common_ratio : float
        Ratio of the base: where a customer without purchases of his own is put.
    concentration : float
        How much alike the customers' changes are; each weighs what is usual in the base as much as so many purchases
        of his own.
    inference : Inference or None
        Of these two; None if they were given.
    factor, level, confidence : float
        As asked for.
    backend : str or None
        Dataframe library the log came in.

    Examples
    --------
    >>> from customervalue.retention import volume_dial
    >>> volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
    Volume dials: 3 customers, ratio of the base 0.428, concentration 6.48
      label     customers  expected up  expected down  purchases at reference rate  recent
      new       0          0.0          0.0            0.0                          0.0
      returned  0          0.0          0.0            0.0                          0.0
      growing   0          0.0          0.0            0.0                          0.0
      steady    0          0.0          0.0            0.0                          0.0
      fading    1          0.0          1.0            20.0                         6.0
      silent    1          0.0          1.0            5.0                          0.0
      unsure    1          0.1          0.4            22.0                         21.0
      absent    0          0.0          0.0            0.0                          0.0
    """

    reference: IntArray
    recent: IntArray
    exposure_reference: FloatArray
    exposure_recent: FloatArray
    ratio: FloatArray
    low: FloatArray
    high: FloatArray
    shrunk: FloatArray
    shrunk_low: FloatArray
    shrunk_high: FloatArray
    probability_up: FloatArray
    probability_down: FloatArray
    label: AnyArray
    spend_reference: FloatArray | None
    spend_recent: FloatArray | None
    customer_id: AnyArray | None
    common_ratio: float
    concentration: float
    inference: Inference | None
    factor: float
    level: float
    confidence: float
    backend: str | None = field(default=None)

    def __post_init__(self) -> None:
        for column in vars(self).values():
            if isinstance(column, np.ndarray):
                column.setflags(write=False)

    def __len__(self) -> int:
        return int(self.reference.size)

    @property
    def spend_ratio(self) -> FloatArray:
        """Spend per time in the recent window over that in the reference window; shape (n,).

        The evidence behind it is the number of purchases, `reference` + `recent`: amounts differ from purchase to
        purchase, so it is less sure than `ratio`. Infinite without reference spend, NaN without any or for a new
        customer.

        Raises
        ------
        InvalidInputError
            If no spend was given.
        """
        if self.spend_reference is None or self.spend_recent is None:
            raise invalid("spend_reference", "there is no spend in these dials", "Pass the spend of both windows.")
        return rate_ratio(self.spend_reference, self.spend_recent, self._k(), self.label == "new")

    def _k(self) -> FloatArray:
        """Ratio of the exposures, shape (n,); any number where there was none in the reference window."""
        here = self.exposure_reference > 0
        return np.where(here, self.exposure_recent, 1.0) / np.where(here, self.exposure_reference, 1.0)

    def counts(self) -> DialCounts:
        """Count customers, and what is at stake, by label.

        Returns
        -------
        DialCounts

        Examples
        --------
        >>> from customervalue.retention import volume_dial
        >>> dials = volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
        >>> dials.counts().at_reference_rate.sum()
        np.float64(47.0)
        """
        place = np.array([LABELS.index(label) for label in self.label.tolist()], dtype=np.int64)

        def total(values: FloatArray) -> FloatArray:
            return np.bincount(place, values, minlength=len(LABELS)).astype(np.float64)

        told = (self.label != "new") & (self.label != "absent")
        before, after = self.spend_reference, self.spend_recent
        of = "purchases" if before is None or after is None else "spend"
        if before is None or after is None:
            before, after = self.reference.astype(np.float64), self.recent.astype(np.float64)
        return DialCounts(
            label=LABELS,
            customers=np.bincount(place, minlength=len(LABELS)).astype(np.int64),
            expected_up=total(np.where(told, self.probability_up, 0.0)),
            expected_down=total(np.where(told, self.probability_down, 0.0)),
            of=of,
            at_reference_rate=total(before * self._k()),
            recent=total(after),
        )

    def to_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            By default the library the log came in; a dict of columns if it came in none.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id (if known), label, and the other attributes that are arrays.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.retention import volume_dial
        >>> dials = volume_dial([20, 22, 5], [6, 21, 0], exposure_reference=26, exposure_recent=26, prior="weak")
        >>> dials.to_frame()["ratio"].round(3)
        array([0.3  , 0.955, 0.   ])
        """
        return _columns.to_frame(self._columns(), backend or self.backend)

    def _columns(self) -> dict[str, AnyArray]:
        columns: dict[str, AnyArray] = {} if self.customer_id is None else {"customer_id": self.customer_id}
        columns["label"] = self.label
        numbers = {name: getattr(self, name) for name in _COLUMNS}
        return columns | {name: column for name, column in numbers.items() if column is not None}

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, texts and lists that JSON knows; what is not finite as None.

        Returns
        -------
        dict

        Examples
        --------
        >>> from customervalue.retention import volume_dial
        >>> dials = volume_dial([20, 22, 0], [6, 21, 3], exposure_reference=26, exposure_recent=26, prior="weak")
        >>> dials.to_dict()["ratio"]
        [0.3, 0.9545454545454546, None]
        """
        facts: dict[str, Any] = {}
        for name, column in self._columns().items():
            plain = column if column.dtype.kind in "biufUO" else column.astype(str)
            facts[name] = [None if isinstance(v, float) and not math.isfinite(v) else v for v in plain.tolist()]
        names = ("common_ratio", "concentration", "factor", "level", "confidence")
        inference = None if self.inference is None else self.inference.to_dict()
        return facts | {name: getattr(self, name) for name in names} | {"inference": inference}

    def _title(self) -> str:
        noun = "customer" if len(self) == 1 else "customers"
        alike = "all alike" if self.concentration > 1e6 else f"concentration {self.concentration:.3g}"
        return f"Volume dials: {len(self):,} {noun}, ratio of the base {self.common_ratio:.3f}, {alike}"

    def __repr__(self) -> str:
        return as_text(self._title(), self.counts().rows())

    def _repr_html_(self) -> str:
        return as_html(self._title(), self.counts().rows())


def rate_ratio(before: AnyArray, after: AnyArray, k: FloatArray, new: BoolArray) -> FloatArray:
    """What was bought per time in the recent window over the same in the reference window; NaN for the new."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.asarray(after / k / before, dtype=np.float64)
    return np.where(new, np.nan, ratio)
