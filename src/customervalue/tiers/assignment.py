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
from customervalue.tiers._tier_columns import ABSENT, check_ids, check_scheme, find_ids, read_codes
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
    have left it by plain assignment; `outside` is the money by which their values lie outside of it.

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
        Money by which the value lies outside the interval of the tier he is kept in; 0 for everybody else.
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
        """How many stayed who would have moved by plain assignment: `plain_flips` - `flips`."""
        return int(np.count_nonzero(self.kept))

    @property
    def cost(self) -> float:
        """What stability costs, in money: the sum of `outside`."""
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
            how = f"probability of {as_cell(self.hysteresis)} to be beyond the boundary"
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
) -> Assignment:
    """Put customers into tiers, moving those who were in one only when the evidence is there.

    Whoever leaves his tier goes to the tier of his value, however far that is. A customer who was in none is put there
    straight away.

    Parameters
    ----------
    previous : array_like, shape (n,), or Assignment or another result with `codes`
        The tier each was in: names, or codes (0 is the best); None, "" or -1 for a customer who was in none.
    value : array_like of float, shape (n,)
        Money, now.
    scheme : Scheme
        The tiers and the thresholds between them.
    hysteresis : float
        Without `probabilities`, money: a customer moves up when his value is at least this far above the upper boundary
        of his tier, and down when it is further than this below the lower one. With `probabilities`, a probability: he
        moves to the tier of his value when that of lying beyond the boundary, on that side, is at least so large.
        With 0 everybody is put into the tier of his value.
    probabilities : TierProbabilities of n customers, optional
        As `tier_probabilities` gives them, of the same scheme.
    customer_id : array_like, shape (n,), optional
        Whose values these are.
    previous_id : array_like, shape (m,), optional
        Whose tiers `previous` are, if not row by row those of `value`; needs `customer_id`. A customer who is not among
        them is new. By default those of `previous`, if it is a result that has ids, and `customer_id` is given.

    Returns
    -------
    Assignment
        With the number of flips avoided, and what that cost.

    Raises
    ------
    InvalidInputError
        If a previous tier is not of the scheme, a previous customer has no value, ids are there twice, a value is not
        finite, `hysteresis` is negative or not a probability, or columns do not fit; with every problem found.

    Notes
    -----
    The cost of a customer who is kept is at most the margin, if that is in money.

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
    tiers = check_scheme(scheme)
    margin = _check_hysteresis(hysteresis, probabilities is not None)
    checker = Checker("the assignment")
    values = checker.numbers("value", value)
    ids = None if customer_id is None else check_ids(checker, "customer_id", customer_id)
    if probabilities is not None:
        _check_probabilities(checker, probabilities, tiers)
    old = _previous(checker, previous, tiers, ids, previous_id)
    checker.same_length()
    checker.done()
    worth, was = np.asarray(values), np.asarray(old)
    plain = tier_codes(worth, tiers.thresholds)
    if probabilities is None:
        codes = np.where(_beyond_margin(worth, was, tiers, margin), plain, was)
    else:
        chance = _chance_beyond(probabilities.probability, was, plain)
        codes = np.where((was == ABSENT) | (chance >= margin - _ROUNDING), plain, was)
    codes = codes.astype(np.int8)
    outside = np.maximum(np.maximum(tiers.lower[codes] - worth, worth - tiers.upper[codes]), 0.0)
    rule = "money" if probabilities is None else "probability"
    kept_ids = None if ids is None else ids.copy()
    return Assignment(tiers, codes, was.astype(np.int8), plain, worth, outside, margin, rule, kept_ids)


def _check_hysteresis(hysteresis: float, probability: bool) -> float:
    margin = check_number("hysteresis", hysteresis)
    if not 0 <= margin < np.inf:
        raise invalid("hysteresis", f"`hysteresis` must be finite and not negative, and is {margin:g}")
    if probability and margin > 1:
        advice = "With `probabilities` it is the probability that a customer is beyond the boundary, such as 0.8."
        raise invalid("hysteresis", f"`hysteresis` must be a probability, and is {margin:g}", advice)
    return margin


def _check_probabilities(checker: Checker, probabilities: Any, scheme: Scheme) -> None:
    if not isinstance(probabilities, TierProbabilities):
        rule = f"`probabilities` must be TierProbabilities, and is a {type(probabilities).__name__}"
        checker.add("probabilities", rule, "Make them with `tier_probabilities`.")
        return
    other = probabilities.scheme
    if (other.names, other.thresholds) != (scheme.names, scheme.thresholds):
        checker.add("probabilities", "`probabilities` must be of the same scheme", f"They are of {other}.")
    checker.sizes["probabilities"] = len(probabilities)


def _previous(
    checker: Checker, previous: Any, scheme: Scheme, ids: AnyArray | None, previous_id: Any
) -> IntArray | None:
    """The tier each customer was in, in the order of their values; -1 for who was in none."""
    given = previous
    result = hasattr(previous, "codes")
    if result:
        names = getattr(getattr(previous, "scheme", None), "names", scheme.names)
        given = np.array([*names, None], dtype=object)[np.asarray(previous.codes)]
        if previous_id is None and ids is not None:
            previous_id = getattr(previous, "customer_id", None)
    if previous_id is None:
        return read_codes(checker, "previous", given, scheme.names)
    sizes = checker.sizes
    checker.sizes = {}
    codes = read_codes(checker, "previous", given, scheme.names)
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
    try:
        place = find_ids(known, ids)
        lost = find_ids(ids, known) < 0
    except TypeError:
        rule = f"`previous_id` ({known.dtype}) and `customer_id` ({ids.dtype}) must be of one type"
        checker.add("previous_id", rule)
        return None
    rule = "every customer of `previous_id` must be among those of `customer_id`"
    advice = "Give them a value (0 for one who has left), or leave them out of `previous`."
    checker.rows("previous_id", lost, rule, {"previous_id": known}, advice)
    return np.where(place < 0, ABSENT, codes[place])


def _beyond_margin(value: FloatArray, was: IntArray, scheme: Scheme, margin: float) -> BoolArray:
    """Who is past a boundary of his tier by the margin, or was in none."""
    up, down = scheme.upper[was] + margin, scheme.lower[was] - margin
    return np.asarray((was == ABSENT) | (value >= up) | (value < down))


def _chance_beyond(probability: FloatArray, was: IntArray, plain: AnyArray) -> FloatArray:
    """Probability of a tier better than the old one where the value is in a better one, else of a worse one."""
    rows, old = np.arange(was.size), np.maximum(was, 0)
    up_to = np.concatenate([np.zeros((was.size, 1)), np.cumsum(probability, axis=1)], axis=1)
    better, worse = up_to[rows, old], 1 - up_to[rows, old + 1]
    return np.asarray(np.where(plain < was, better, worse))
