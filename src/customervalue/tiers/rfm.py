"""Recency, frequency and monetary value as scores, and segments that are named by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._checks import Checker
from customervalue._tables import Table
from customervalue.errors import invalid
from customervalue.summary import CustomerSummary
from customervalue.tiers._rfm_cuts import DIMENSIONS, RFMCuts, check_cuts, learn, score
from customervalue.tiers._rfm_rules import RuleCells, cells, check_bins, check_partition, check_rules, memberships
from customervalue.tiers._rfm_rules import rule_cells as rfm_rule_cells

if TYPE_CHECKING:
    from collections.abc import Mapping

    from customervalue._typing import AnyArray, FloatArray

__all__ = [
    "RFMCells",
    "RFMCuts",
    "RFMScores",
    "RFMSegments",
    "RuleCells",
    "rfm_rule_cells",
    "rfm_scores",
    "rfm_segments",
]

_NO_MONEY = "RFM scores need money: summarize(log, value=...), or give a column."


@dataclass(frozen=True, eq=False, repr=False)
class RFMCells(Table):
    """The cells that have customers in them.

    Attributes
    ----------
    cell : ndarray of int64, shape (c,)
        Recency, frequency and monetary score as three digits, ascending.
    customers : ndarray of int64, shape (c,)
    mean, lowest, highest : ndarray of float64, shape (c,)
        Of the values given, over the customers of the cell; NaN where none were given.

    Examples
    --------
    >>> scores = rfm_scores({"recency": [1, 9, 9], "frequency": [5, 1, 1], "monetary": [9, 2, 2]}, bins=2)
    >>> scores.by_cell([100.0, 10.0, 20.0]).to_frame()["mean"]
    array([ 15., 100.])
    """

    cell: AnyArray
    customers: AnyArray
    mean: FloatArray
    lowest: FloatArray
    highest: FloatArray

    def _title(self) -> str:
        return f"RFM cells: {self.cell.size:,} with {int(self.customers.sum()):,} customers"

    def _table(self) -> Mapping[str, AnyArray]:
        return dict(self.__dict__)


@dataclass(frozen=True, eq=False, repr=False)
class RFMScores(Table):
    """Each customer's three scores, and the cuts behind them.

    Attributes
    ----------
    recency, frequency, monetary : ndarray of int8, shape (n,)
        1 to `bins`, the highest is best.
    cuts : RFMCuts
        What it takes to get each score; `rfm_scores(others, cuts=scores.cuts)` applies them to another base.
    bins : int
    customer_id : ndarray, shape (n,), or None
    weights : ndarray of int64, shape (n,), or None
        Customers per row.

    Examples
    --------
    >>> rfm_scores({"recency": [1, 9, 30], "frequency": [5, 1, 0], "monetary": [9, 2, 0]}, bins=3)
    RFM scores: 3 customers, scores 1 to 3
      recency  frequency  monetary
      3        3          3
      2        2          2
      1        1          1
    """

    recency: AnyArray
    frequency: AnyArray
    monetary: AnyArray
    cuts: RFMCuts
    bins: int
    customer_id: AnyArray | None = None
    weights: AnyArray | None = None

    @property
    def n_customers(self) -> int:
        """Number of customers: the rows, or the sum of their weights."""
        return self.recency.size if self.weights is None else int(self.weights.sum())

    @property
    def cell(self) -> AnyArray:
        """The three scores as one number of three digits, shape (n,)."""
        return np.asarray(100 * self.recency.astype(np.int64) + 10 * self.frequency + self.monetary)

    def by_cell(self, value: Any = None) -> RFMCells:
        """Count the customers of each cell, and average a value over them.

        Parameters
        ----------
        value : array_like of float, shape (n,), optional
            For example what each customer bought later, or a model's expectation.

        Returns
        -------
        RFMCells

        Raises
        ------
        InvalidInputError
            If `value` does not have one finite number per row.

        Examples
        --------
        >>> scores = rfm_scores({"recency": [1, 9, 9], "frequency": [5, 1, 1], "monetary": [9, 2, 2]}, bins=2)
        >>> scores.by_cell().customers
        array([2, 1])
        """
        place = _places(self)
        weights = np.ones(place.size) if self.weights is None else self.weights.astype(np.float64)
        size = self.bins**3
        held = np.bincount(place, weights, size)
        there = np.flatnonzero(held)
        if value is None:
            nothing = np.full(there.size, np.nan)
            return RFMCells(cells(self.bins)[there], held[there].astype(np.int64), nothing, nothing, nothing)
        checker = Checker("the values")
        values = checker.numbers("value", value)
        checker.sizes["scores"] = place.size
        checker.same_length()
        checker.done()
        assert values is not None
        ends = np.full((2, size), np.inf)
        counted = weights > 0
        np.minimum.at(ends[0], place[counted], values[counted])
        np.minimum.at(ends[1], place[counted], -values[counted])
        mean = np.bincount(place, weights * values, size)[there] / held[there]
        names, counts = cells(self.bins)[there], held[there].astype(np.int64)
        return RFMCells(names, counts, mean, ends[0, there], -ends[1, there])

    def _title(self) -> str:
        return f"RFM scores: {self.n_customers:,} customers, scores 1 to {self.bins}"

    def _table(self) -> Mapping[str, AnyArray]:
        columns = {name: getattr(self, name) for name in DIMENSIONS}
        if self.customer_id is not None:
            columns = {"customer_id": self.customer_id, **columns}
        return columns if self.weights is None else {**columns, "weights": self.weights}


def _places(scores: RFMScores) -> AnyArray:
    """Place of each customer's cell in the order of all cells."""
    place = scores.recency.astype(np.int64) - 1
    for other in (scores.frequency, scores.monetary):
        place *= scores.bins
        place += other
        place -= 1
    return place


def rfm_scores(
    customers: CustomerSummary | Any,
    *,
    bins: int | None = None,
    cuts: Any = None,
    recency: str = "recency",
    frequency: str = "frequency",
    monetary: str = "monetary",
    customer_id: str | None = None,
    weights: str | None = None,
) -> RFMScores:
    """Score customers by recency, frequency and monetary value.

    Parameters
    ----------
    customers : CustomerSummary, or any dataframe or mapping of columns, n rows
        Of a summary, recency is the time since the last purchase (T - recency), frequency the number of repeat
        purchases, and monetary the mean value of a purchase. Of columns, each is what you put into it.
    bins : int, optional
        Scores run from 1 to this, 2 to 9; 5 by default, or what `cuts` say.
    cuts : RFMCuts or mapping of "recency", "frequency" and "monetary" to array_like, optional
        Ascending cut points, one fewer than scores: a recency of at most, and a frequency and a monetary value of at
        least a cut gets the better score. Learned from these customers if they are not given.
    recency, frequency, monetary : str
        Names of the columns, if `customers` is no summary; recency is the time since the last purchase.
    customer_id, weights : str, optional
        Names of these columns; weights are counts of identical customers. Taken under their own names if they exist.

    Returns
    -------
    RFMScores

    Raises
    ------
    InvalidInputError
        If a column is missing or holds something else than finite numbers, recency or frequency is negative, the
        summary has no monetary value, or cuts do not ascend or match `bins`.

    Notes
    -----
    Customers with equal values get equal scores, whatever that does to the size of the groups: a customer gets score s
    if at least the share (s - 1) / bins of the base is strictly worse. Where many are alike, as are those without a
    repeat purchase, some scores stay empty.

    Without `includes_first` a summary knows no spend of customers without a repeat purchase; they count as 0.

    References
    ----------
    .. [1] Hughes (1996), "Boosting response with RFM", Marketing Tools 3(3), 4-10.
    .. [2] Fader, Hardie & Lee (2005), "RFM and CLV: using iso-value curves for customer base analysis", Journal of
       Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), value="value", observation_end="1997-09-30")
    >>> scores = rfm_scores(customers)
    >>> scores.cuts
    RFM cut points
      score  recency  frequency  monetary
      2      34.43    1          2.99
      3      31.29    1          2.99
      4      28.14    2          5.96
      5      14.14    3          27.63
    """
    checker = Checker("the customers")
    columns = _read(
        customers,
        {"recency": recency, "frequency": frequency, "monetary": monetary},
        {"customer_id": customer_id, "weights": weights},
    )
    values = {
        "recency": checker.amounts("recency", columns["recency"], "It is the time since the last purchase."),
        "frequency": checker.amounts("frequency", columns["frequency"]),
        "monetary": checker.numbers("monetary", columns["monetary"]),
    }
    counts = columns.get("weights")
    weight = None if counts is None else checker.counts("weights", counts, "Weights count identical customers.")
    identity = columns.get("customer_id")
    names = None if identity is None else checker.column("customer_id", identity)
    if weight is not None and not np.any(weight):
        checker.add("weights", "`weights` must not all be zero")
    size = None if bins is None else checker.attempt(check_bins, bins)
    given = None if cuts is None else check_cuts(checker, cuts, size)
    checker.same_length()
    checker.done()
    good = {name: np.asarray(column) for name, column in values.items()}
    if given is None:
        parts = 5 if size is None else size
        learned = {name: learn(good[name], parts, weight, low_is_good=name == "recency") for name in DIMENSIONS}
        given = RFMCuts(**learned)
    scored = {name: score(good[name], getattr(given, name), low_is_good=name == "recency") for name in DIMENSIONS}
    whole = None if weight is None else weight.astype(np.int64)
    return RFMScores(
        **scored, cuts=given, bins=given.bins, customer_id=None if names is None else names.copy(), weights=whole
    )


def _read(customers: Any, names: Mapping[str, str], optional: Mapping[str, str | None]) -> dict[str, Any]:
    """The columns of a summary or of a frame."""
    if not isinstance(customers, CustomerSummary):
        if isinstance(customers, (list, tuple, np.ndarray)):
            kind = type(customers).__name__
            rule = f"`customers` must be a CustomerSummary, a dataframe or columns, and is a {kind}"
            raise invalid("customers", rule, "From a log of purchases: summarize(log, value=...) makes a summary.")
        found = _columns.read(customers, names, {**optional, "T": None})[0]
        if "T" in found and names["recency"] == "recency":
            rule = "recency beside T counts from the first purchase, and here it has to be time since the last"
            advice = "Make it a summary: CustomerSummary.from_frame(frame). Or name the column: recency=..."
            raise invalid("customers", rule, advice)
        return found
    if customers.monetary_value is None:
        raise invalid("customers", "the summary has no monetary value", _NO_MONEY)
    known = {
        "recency": customers.T - customers.recency,
        "frequency": customers.frequency,
        "monetary": customers.monetary_value,
    }
    rest = {"customer_id": customers.customer_id, "weights": customers.weights}
    return known | {name: column for name, column in rest.items() if column is not None}


@dataclass(frozen=True, eq=False, repr=False)
class RFMSegments(Table):
    """Customers in named segments. As a table, one row per segment.

    Attributes
    ----------
    names : tuple of str, s segments
        In the order of the rules.
    code : ndarray of int8 or int16, shape (n,)
        Place of each customer's segment in `names`.
    customers : ndarray of int64, shape (s,)
    share : ndarray of float64, shape (s,)
        Of the customers.

    Examples
    --------
    >>> scores = rfm_scores({"recency": [1, 9, 30], "frequency": [5, 1, 0], "monetary": [9, 2, 0]}, bins=3)
    >>> rfm_segments(scores, {"recent": {"recency": (2, 3)}, "gone": {"recency": 1}})
    RFM segments: 3 customers
      segment  customers  share
      recent   2          0.6667
      gone     1          0.3333
    """

    names: tuple[str, ...]
    code: AnyArray
    customers: AnyArray
    share: FloatArray

    @property
    def segment(self) -> AnyArray:
        """Name of each customer's segment, shape (n,)."""
        return np.array(self.names, dtype=object)[self.code]

    def _title(self) -> str:
        return f"RFM segments: {int(self.customers.sum()):,} customers"

    def _table(self) -> Mapping[str, AnyArray]:
        return {
            "segment": np.array(self.names, dtype=object),
            "customers": self.customers,
            "share": self.share,
        }


def rfm_segments(scores: RFMScores, rules: Any) -> RFMSegments:
    """Name segments by their scores.

    Parameters
    ----------
    scores : RFMScores, n rows
    rules : mapping of str to rule, or "standard"
        A rule says which scores belong to the segment: ``{"recency": (4, 5), "frequency": 5}``, a score or a pair
        (lowest, highest) for each dimension; a dimension that is not named may have any score. A list of such rules
        makes a segment of several blocks. Every cell has to be in exactly one segment, whether or not it has customers
        today. "standard" is a set of eight segments for five scores, by recency and frequency: champions (recency 5,
        frequency 4-5), loyal (3-4, 4-5), promising (4-5, 2-3), new (4-5, 1), needs attention (3, 1-3), cannot lose
        (1-2, 5), at risk (1-2, 3-4) and dormant (1-2, 1-2). It is a convention, as good as any other.

    Returns
    -------
    RFMSegments

    Raises
    ------
    InvalidInputError
        If a rule cannot be read, rules overlap, or a cell is in no segment; the cells are named.

    Examples
    --------
    >>> import customervalue as cv
    >>> customers = cv.summarize(cv.datasets.load_cdnow(), value="value", observation_end="1997-09-30")
    >>> rfm_segments(rfm_scores(customers), "standard").customers.sum()
    np.int64(2357)
    """
    if not isinstance(scores, RFMScores):
        rule = f"`scores` must be RFMScores, and is a {type(scores).__name__}"
        raise invalid("scores", rule, "rfm_scores(customers) makes them.")
    checker = Checker("the rules")
    boxes = check_rules(checker, rules, scores.bins)
    checker.done()
    inside, place = memberships(boxes, scores.bins), _places(scores)
    held = np.bincount(place, scores.weights, scores.bins**3)
    check_partition(checker, boxes, inside, scores.bins, held)
    checker.done()
    segment = inside.argmax(axis=0)
    kind = np.int8 if len(boxes) <= np.iinfo(np.int8).max else np.int16
    customers = np.bincount(segment, held, len(boxes)).astype(np.int64)
    return RFMSegments(tuple(boxes), segment.astype(kind)[place], customers, customers / customers.sum())
