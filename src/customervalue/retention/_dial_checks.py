"""What `volume_dial` is given, checked: purchases, exposures and spend in two windows, and how to measure."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.estimation.draws import check_level
from customervalue.units import check_number

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from customervalue._typing import AnyArray, BoolArray, FloatArray, IntArray

__all__ = ["SUBJECT", "Columns", "Settings", "check_columns", "check_money"]

SUBJECT = "the volume dials"
_LARGEST = 2**53
_WHOLE = "Purchases in that window, a whole number >= 0."


class Columns(NamedTuple):
    """What is known of the customers, checked; all of shape (n,)."""

    reference: IntArray
    recent: IntArray
    exposure_reference: FloatArray
    exposure_recent: FloatArray
    spend_reference: FloatArray | None
    spend_recent: FloatArray | None
    customer_id: AnyArray | None
    ever: BoolArray | None = None


class Settings(NamedTuple):
    """How to measure, checked; `fixed` is the prior if it was given."""

    factor: float
    level: float
    confidence: float
    fixed: tuple[float, float] | None

    @classmethod
    def check(
        cls, problems: list[Problem], factor: Any, level: Any, confidence: Any, ratio: Any, concentration: Any
    ) -> Settings:
        """Check the settings of `volume_dial`; add what is wrong to `problems`."""

        def checked(check: Callable[[Any], float], value: Any) -> float:
            try:
                return check(value)
            except InvalidInputError as error:
                problems.extend(error.problems)
                return math.nan

        fixed = None
        if (ratio is None) != (concentration is None):
            rule = "`common_ratio` and `concentration` must be given both, or neither"
            problems.append(Problem("common_ratio", rule, "Without them the prior is fitted to the customers."))
        elif ratio is not None:
            fixed = (
                checked(lambda value: _check_positive("common_ratio", value), ratio),
                checked(lambda value: _check_positive("concentration", value), concentration),
            )
        values = checked(_check_factor, factor), checked(check_level, level), checked(_check_confidence, confidence)
        return cls(*values, fixed)


def _check_factor(factor: Any) -> float:
    value = check_number("factor", factor)
    if not (value > 1 and math.isfinite(value)):
        advice = "1.25 means: up by a quarter, or down by a fifth."
        raise invalid("factor", f"`factor` must be finite and above 1, and is {value:g}", advice)
    return value


def _check_confidence(confidence: Any) -> float:
    value = check_number("confidence", confidence)
    if not 0.5 < value < 1:
        rule = f"`confidence` must lie between 0.5 and 1, and is {value:g}"
        raise invalid("confidence", rule, "At one half or below, two labels could claim the same customer.")
    return value


def _check_positive(name: str, value: Any) -> float:
    number = check_number(name, value)
    if not (number > 0 and math.isfinite(number)):
        raise invalid(name, f"`{name}` must be positive and finite, and is {number:g}")
    return number


def check_columns(
    problems: list[Problem],
    counts: Mapping[str, Any],
    exposures: Mapping[str, Any],
    spend: Mapping[str, Any],
    customer_id: Any,
    ever_customer: Any,
) -> Columns:
    """Check the columns against their rules and one another; raise everything that was found.

    Parameters
    ----------
    problems : list of Problem
        What was found before.
    counts, exposures, spend : mapping
        Of the reference window and the recent one, in this order.
    customer_id, ever_customer
        As in `volume_dial`.

    Returns
    -------
    Columns
        New arrays.
    """
    checker = Checker(SUBJECT)
    checker.problems = problems
    bought = {name: checker.numbers(name, values) for name, values in counts.items()}
    lengths = {name: _exposure(checker, name, values) for name, values in exposures.items()}
    money = {name: None if values is None else checker.numbers(name, values) for name, values in spend.items()}
    identity = None if customer_id is None else checker.column("customer_id", customer_id)
    advice = "True for whoever was a customer before the recent window."
    ever = None if ever_customer is None else checker.flags("ever_customer", ever_customer, advice)
    checker.same_length()
    if len([values for values in spend.values() if values is not None]) == 1:
        rule = "`spend_reference` and `spend_recent` must be given both, or neither"
        problems.append(Problem("spend_reference", rule))
    _check_rules(checker, bought, lengths, money)
    if problems:
        raise InvalidInputError(SUBJECT, problems, max(checker.sizes.values(), default=None))
    whole = [np.asarray(bought[name]).astype(np.int64) for name in counts]
    size = whole[0].size
    filled = [np.array(np.broadcast_to(np.asarray(lengths[name]), size)) for name in exposures]
    identity = None if identity is None else identity.copy()
    return Columns(
        whole[0], whole[1], filled[0], filled[1], money["spend_reference"], money["spend_recent"], identity, ever
    )


def _exposure(checker: Checker, name: str, values: Any) -> FloatArray | None:
    """A column of lengths of time; one for all has no size to compare with the others."""
    column = checker.numbers(name, values)
    if column is not None and np.ndim(values) == 0:
        del checker.sizes[name]
    return column


def _check_rules(
    checker: Checker,
    bought: Mapping[str, FloatArray | None],
    lengths: Mapping[str, FloatArray | None],
    money: Mapping[str, FloatArray | None],
) -> None:
    for name, x in bought.items():
        if x is not None:
            finite = np.isfinite(x)
            checker.rows(name, finite & (x < 0), f"`{name}` must not be negative", {name: x}, _WHOLE)
            checker.rows(name, finite & (x != np.floor(x)), f"`{name}` must be whole", {name: x}, _WHOLE)
            checker.rows(name, finite & (x > _LARGEST), f"`{name}` must be a possible count", {name: x}, _WHOLE)
    early, late = lengths["exposure_reference"], lengths["exposure_recent"]
    if early is not None:
        _check_early(checker, early, bought["reference"])
    if late is not None:
        advice = "How long the customer could be seen buying in the recent window; leave out those acquired after it."
        rule = "`exposure_recent` must be positive"
        checker.rows("exposure_recent", np.isfinite(late) & (late <= 0), rule, {"exposure_recent": late}, advice)
    for name, values in money.items():
        check_money(checker, name, values)


def _check_early(checker: Checker, early: FloatArray, bought: FloatArray | None) -> None:
    name = "exposure_reference"
    advice = "0 is for customers acquired after the reference window; a window is as long as it is for everyone else."
    checker.rows(name, np.isfinite(early) & (early < 0), f"`{name}` must not be negative", {name: early}, advice)
    if early.size == 1 and early[0] == 0:
        checker.problems.append(Problem(name, f"`{name}` must be positive for someone, and is 0 for all", advice))
    elif bought is not None and early.size in (1, bought.size):
        everyone = np.broadcast_to(early, bought.shape)
        rule = "there must be exposure where there are purchases"
        broken = np.isfinite(bought) & (bought > 0) & (everyone == 0)
        checker.rows(name, broken, rule, {"reference": bought, name: everyone}, advice)


def check_money(checker: Checker, name: str, values: FloatArray | None) -> None:
    """Report spend that is negative."""
    if values is not None:
        advice = "Book a refund in the window of the purchase it takes back, or leave it out, and say which."
        rule = f"`{name}` must not be negative"
        checker.rows(name, np.isfinite(values) & (values < 0), rule, {name: values}, advice)
