"""Tiers that are stable from month to month: a customer moves when there is evidence that he should."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._checks import Checker
from customervalue._tables import Table, as_cell
from customervalue.errors import invalid
from customervalue.tiers._currency import in_words
from customervalue.tiers._differentiation_results import Differentiation
from customervalue.tiers._tier_columns import (
    ABSENT,
    Tiers,
    check_ids,
    check_scheme,
    find_ids,
    read_codes,
    read_tiers,
)
from customervalue.tiers.certainty import TierProbabilities
from customervalue.tiers.scheme import Scheme, tier_codes
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray, Many

__all__ = ["Assignment", "assign"]

#: Probabilities are compared to this precision.
_ROUNDING = 1e-12


@dataclass(frozen=True, eq=False, repr=False)
class Assignment(Table):
    """Each customer's tier, given the one he was in; as a table, one row per tier.

    In the table, `customers` are now in the tier; of them `moved_in` were in another and `new` in none. `kept` would
    have left it by plain assignment; `outside` is the money by which values lie outside of it.

    Everything is counted for this assignment, against one that puts everybody into the tier of his value today. A
    customer who is held back month after month counts in each of them: such numbers are not to be added up over months.

    Attributes
    ----------
    scheme : Scheme
        The k tiers.
    codes : ndarray of int8, shape (n,)
        Tier of each customer: its place in ``scheme.names``, 0 for the best.
    previous : ndarray of int8, shape (n,)
        The tier he was in; -1 for a customer who was in none.
    plain : ndarray of int8, shape (n,)
        The tier that his value lies in, whatever he was before.
    value : ndarray of float64, shape (n,)
        Money.
    outside : ndarray of float64, shape (n,)
        Money by which the value lies outside the interval of his tier: of those who are kept, and of those who moved
        only part of the way; 0 for everybody else.
    hysteresis : float
        As given: money, or a probability.
    rule : {"money", "probability"}
    customer_id : ndarray, shape (n,), or None

    Examples
    --------
    >>> from customervalue.tiers import Scheme
    >>> scheme = Scheme(("gold", "lead"), (500,))
    >>> now = assign(["gold", "gold", "lead", None], [480.0, 300.0, 530.0, 510.0], scheme, hysteresis=50)
    >>> now.tier, now.moved
    (array(['gold', 'lead', 'lead', 'gold'], dtype=object), array([False,  True, False, False]))
    """

    scheme: Scheme
    codes: NDArray[np.int8]
    previous: NDArray[np.int8]
    plain: NDArray[np.int8]
    value: FloatArray
    outside: FloatArray
    hysteresis: float
    rule: str
    customer_id: AnyArray | None = None

    def __len__(self) -> int:
        """Number of customers."""
        return self.codes.size

    @property
    def tier(self) -> AnyArray:
        """Name of each customer's tier, shape (n,)."""
        return self.scheme.tier_names(self.codes)

    @property
    def new(self) -> BoolArray:
        """Who was in no tier, shape (n,)."""
        return np.asarray(self.previous == ABSENT)

    @property
    def moved(self) -> BoolArray:
        """Who is in another tier than he was, shape (n,); nobody who was in none."""
        return np.asarray(~self.new & (self.codes != self.previous))

    @property
    def kept(self) -> BoolArray:
        """Who stays where he was, and would have moved by plain assignment, shape (n,)."""
        return np.asarray(~self.new & (self.codes == self.previous) & (self.plain != self.previous))

    @property
    def plain_flips(self) -> int:
        """How many would have moved if each were put into the tier of his value."""
        return int(np.count_nonzero(~self.new & (self.plain != self.previous)))

    @property
    def flips(self) -> int:
        """How many moved."""
        return int(np.count_nonzero(self.moved))

    @property
    def flips_avoided(self) -> int:
        """How many are kept today who would move by plain assignment: `plain_flips` - `flips`."""
        return int(np.count_nonzero(self.kept))

    @property
    def cost(self) -> float:
        """What stability costs today, in money: the sum of `outside`."""
        return float(self.outside.sum())

    def customer_frame(self, backend: str | None = None) -> Any:
        """Return a table with one row per customer.

        Parameters
        ----------
        backend : {"pandas", "polars", "pyarrow"}, optional
            A dict of columns by default.

        Returns
        -------
        dataframe or dict of ndarray
            Columns customer_id (if given), value, tier, moved, kept and outside.

        Raises
        ------
        InvalidInputError
            If `backend` names no dataframe library.

        Examples
        --------
        >>> from customervalue.tiers import Scheme
        >>> scheme = Scheme(("gold", "lead"), (500,))
        >>> assign(["gold", "gold"], [480.0, 300.0], scheme, hysteresis=50).customer_frame()["kept"]
        array([ True, False])
        """
        columns: dict[str, AnyArray] = {} if self.customer_id is None else {"customer_id": self.customer_id}
        columns |= {"value": self.value, "tier": self.tier, "moved": self.moved}
        return _columns.to_frame({**columns, "kept": self.kept, "outside": self.outside}, backend)

    def _title(self) -> str:
        if self.rule == "money":
            how = f"margin of {as_cell(self.hysteresis)}{in_words(self.scheme.currency)}"
        else:
            how = f"probability of {as_cell(self.hysteresis)} to be in the new tier or beyond"
        cost = f"{as_cell(self.cost)}{in_words(self.scheme.currency)}"
        return (
            f"Tiers of {len(self):,} customers, moved with a {how}\n"
            f"{self.flips:,} moved; {self.flips_avoided:,} of {self.plain_flips:,} flips avoided, at a cost of {cost}"
        )

    def _table(self) -> Mapping[str, AnyArray]:
        k = len(self.scheme)

        def count(who: BoolArray) -> IntArray:
            return np.bincount(self.codes[who], minlength=k)

        return {
            "tier": np.array(self.scheme.names, dtype=object),
            "customers": np.bincount(self.codes, minlength=k),
            "moved_in": count(self.moved),
            "new": count(self.new),
            "kept": count(self.kept),
            "outside": np.bincount(self.codes, self.outside, minlength=k),
        }


def assign(
    previous: Any,
    value: Many,
    scheme: Scheme,
    *,
    hysteresis: float = 0.0,
    probabilities: TierProbabilities | None = None,
    customer_id: AnyArray | None = None,
    previous_id: AnyArray | None = None,
    currency: str | None = None,
) -> Assignment:
    """Put customers into tiers, moving those who were in one only when the evidence is there, and only as far.

    A customer moves towards the tier of his value, up to the last boundary of which the evidence says that he is past
    it. So of two customers with the same value, the one who was in the better tier is never in the worse one now. A
    customer who was in none is put into the tier of his value straight away.

    Parameters
    ----------
    previous : array_like, shape (n,), or a result
        The tier each was in: names, or codes (0 is the best); None, "" or -1 for a customer who was in none. Or the
        last Assignment, or what `value_tiers` or `tier_probabilities` gave.
    value : array_like of float, shape (n,)
        Money, now.
    scheme : Scheme
        The tiers and the thresholds between them.
    hysteresis : float
        Without `probabilities`, money: a customer moves up past a boundary when his value is at least this far above
        it, and down past one when it is further than this below it. With `probabilities`, a probability: he moves to a
        tier when that of being in it, or in one further on, is at least so large; never further than to the tier of his
        value. With 0 everybody is put into the tier of his value.
    probabilities : TierProbabilities, optional
        As `tier_probabilities` gives them, of the same scheme. If they have ids, they are matched with `customer_id`.
    customer_id : array_like, shape (n,), optional
        Whose values these are. By default the ids of the `probabilities`, if they have any.
    previous_id : array_like, shape (m,), optional
        Whose tiers `previous` are, if not row by row those of `value`; needs `customer_id`. A customer who is not among
        them is new. By default those of `previous`, if it is a result that has ids, and `customer_id` is given.
    currency : str, optional
        What `value` is in; a label.

    Returns
    -------
    Assignment
        With the number of flips avoided, and what that cost.

    Raises
    ------
    InvalidInputError
        If a previous tier is not of the scheme, a previous customer has no value, ids are there twice, a value is not
        finite, `hysteresis` is negative or not a probability, currencies differ, or columns do not fit; with every
        problem found.

    Notes
    -----
    With a margin h in money, a customer with value v may be in any tier from that of v - h to that of v + h; he is in
    the one of these nearest to his previous tier. With a probability p, the worst tier he may be in is the best one
    with P(in it or a better one) >= p, and the best he may be in is the worst one with P(in it or a worse one) >= p, or
    that of his value where that lies further out; again he is in the nearest to his previous tier.

    The cost of a customer is at most the margin, if that is in money.

    Examples
    --------
    >>> from customervalue.tiers import Scheme
    >>> scheme = Scheme(("gold", "lead"), (500,), currency="EUR")
    >>> assign(["gold", "gold", "lead", None], [480.0, 300.0, 530.0, 510.0], scheme, hysteresis=50)
    Tiers of 4 customers, moved with a margin of 50 EUR
    1 moved; 2 of 3 flips avoided, at a cost of 50 EUR
      tier  customers  moved in  new  kept  outside
      gold  2          0         1    1     20
      lead  2          1         0    1     30
    """
    given = read_tiers(previous)
    sure = read_tiers(probabilities)
    tiers = check_scheme(scheme, currency, given.currency, sure.currency)
    margin = _check_hysteresis(hysteresis, probabilities is not None)
    checker = Checker("the assignment")
    values = checker.numbers("value", value)
    known = sure.customer_id if customer_id is None else customer_id
    ids = None if known is None else check_ids(checker, "customer_id", known)
    chances = None if probabilities is None else _check_probabilities(checker, probabilities, tiers, ids)
    _check_previous(checker, previous, given)
    old = _previous(checker, given, tiers, ids, previous_id)
    checker.same_length()
    checker.done()
    worth, was = np.asarray(values), np.asarray(old)
    plain = tier_codes(worth, tiers.thresholds)
    best, worst = _past_margin(worth, tiers, margin) if chances is None else _past_doubt(chances, plain, margin)
    codes = np.where(was == ABSENT, plain, np.clip(was, best, worst)).astype(np.int8)
    outside = np.maximum(np.maximum(tiers.lower[codes] - worth, worth - tiers.upper[codes]), 0.0)
    rule = "money" if probabilities is None else "probability"
    kept_ids = None if ids is None else ids.copy()
    return Assignment(tiers, codes, was.astype(np.int8), plain, worth, outside, margin, rule, kept_ids)


def _check_hysteresis(hysteresis: float, probability: bool) -> float:
    margin = check_number("hysteresis", hysteresis)
    if not 0 <= margin < np.inf:
        raise invalid("hysteresis", f"`hysteresis` must be finite and not negative, and is {margin:g}")
    if probability and margin > 1:
        advice = "With `probabilities` it is the probability that a move needs, such as 0.8."
        raise invalid("hysteresis", f"`hysteresis` must be a probability, and is {margin:g}", advice)
    return margin


def _check_probabilities(
    checker: Checker, probabilities: Any, scheme: Scheme, ids: AnyArray | None
) -> FloatArray | None:
    """The probabilities of these customers, shape (n, k)."""
    if not isinstance(probabilities, TierProbabilities):
        rule = f"`probabilities` must be TierProbabilities, and is a {type(probabilities).__name__}"
        checker.add("probabilities", rule, "Make them with `tier_probabilities`.")
        return None
    other = probabilities.scheme
    if (other.names, other.thresholds) != (scheme.names, scheme.thresholds):
        checker.add("probabilities", "`probabilities` must be of the same scheme", f"They are of {other}.")
    if ids is None or probabilities.customer_id is None:
        checker.sizes["probabilities"] = len(probabilities)
        return probabilities.probability
    known = check_ids(Checker("the ids"), "probabilities", probabilities.customer_id)
    if known is None:
        checker.add("probabilities", "the ids of the `probabilities` must name each customer once, none missing")
        return None
    place = _find(checker, "probabilities", known, ids)
    if place is None:
        return None
    checker.rows("customer_id", place < 0, "every customer must be among the `probabilities`", {"customer_id": ids})
    return probabilities.probability[place]


def _find(checker: Checker, argument: str, known: AnyArray, ids: AnyArray) -> IntArray | None:
    """The row of each customer among the known ones, -1 without; None, and a problem, if ids cannot be compared."""
    try:
        return find_ids(known, ids)
    except TypeError:
        rule = f"the ids of `{argument}` ({known.dtype}) and `customer_id` ({ids.dtype}) must be of one type"
        checker.add(argument, rule)
        return None


def _check_previous(checker: Checker, previous: Any, given: Tiers) -> None:
    if isinstance(previous, Differentiation):
        advice = "They move as value and potential do; look at them with `migration`."
        checker.add("previous", "the tiers of a Differentiation are not those of one value", advice)
    elif given.weights is not None:
        advice = "Pass its `tier`, to have rows counted."
        checker.add("previous", "`previous` was made with weights, and here each row is one customer", advice)


def _previous(
    checker: Checker, given: Tiers, scheme: Scheme, ids: AnyArray | None, previous_id: Any
) -> IntArray | None:
    """The tier each customer was in, in the order of their values; -1 for who was in none."""
    column = given.column
    if given.names is not None:
        column = np.array([*given.names, None], dtype=object)[np.asarray(column)]
        if previous_id is None and ids is not None:
            previous_id = given.customer_id
    if previous_id is None:
        return read_codes(checker, "previous", column, scheme.names)
    sizes = checker.sizes
    checker.sizes = {}
    codes = read_codes(checker, "previous", column, scheme.names)
    known = check_ids(checker, "previous_id", previous_id)
    checker.same_length()
    checker.sizes = sizes
    if ids is None and "customer_id" not in sizes:
        checker.add("customer_id", "`previous_id` needs `customer_id`", "Both name the customers, so they can match.")
    if codes is None or known is None or ids is None or codes.size != known.size:
        return None
    return _matched(checker, codes, known, ids)


def _matched(checker: Checker, codes: IntArray, known: AnyArray, ids: AnyArray) -> IntArray | None:
    """The codes of these customers, those of others reported."""
    place = _find(checker, "previous", known, ids)
    if place is None:
        return None
    lost = find_ids(ids, known) < 0
    rule = "every customer of `previous_id` must be among those of `customer_id`"
    advice = "Give them a value (0 for one who has left), or leave them out of `previous`."
    checker.rows("previous_id", lost, rule, {"previous_id": known}, advice)
    return np.where(place < 0, ABSENT, codes[place])


def _past_margin(value: FloatArray, scheme: Scheme, margin: float) -> tuple[AnyArray, AnyArray]:
    """The best and the worst tier that each may be in: those of his value with the margin added, and taken off."""
    lowered, raised = ([cut + shift for cut in scheme.thresholds] for shift in (-margin, margin))
    return tier_codes(value, lowered), tier_codes(value, raised)


def _past_doubt(probability: FloatArray, plain: AnyArray, needed: float) -> tuple[AnyArray, AnyArray]:
    """The best and the worst tier that each may be in: sure to be no better, and no worse, or that of his value."""
    no_worse = np.cumsum(probability, axis=1)[:, :-1]
    no_better = 1 - no_worse
    worst = np.count_nonzero(no_worse < needed - _ROUNDING, axis=1)
    best = np.count_nonzero(no_better >= needed - _ROUNDING, axis=1)
    return np.minimum(plain, best), np.maximum(plain, worst)
