"""What `share_change` is told: settings, and the purchases of two windows of time, by name or by position."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue import _columns
from customervalue._checks import Checker
from customervalue.errors import invalid
from customervalue.estimation.draws import check_level
from customervalue.units import check_number
from customervalue.wallet._share_checks import PairNames, check_variation, pair_evidence
from customervalue.wallet.beta_binomial import BetaBinomialShare

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["Window", "check_settings", "read_windows", "variation_of"]

_NOT_WHOLE = (
    "These are numbers of purchases. For money give `purchases=(before, after)`: in how many purchases each customer "
    "spent it."
)
_PAIR = ("own", "category")


class Window(NamedTuple):
    """Evidence of one window, in purchases, and what was bought in the category, as given; shape (n,) each."""

    own: FloatArray
    category: FloatArray
    bought: FloatArray


def check_settings(*, model: Any, prior: Any, persistence: Any, tolerance: Any, level: Any, confidence: Any) -> None:
    """Raise unless the settings of the answer can be used; with every problem found."""
    checker = Checker("the settings")
    if model is not None and not isinstance(model, BetaBinomialShare):
        checker.add("model", f"`model` must be a BetaBinomialShare, and is a {type(model).__name__}")
    elif model is not None and prior is not None:
        checker.add("prior", "`prior` is for the fit, and with a `model` there is none", "Give one of the two.")
    checker.attempt(check_level, level)
    ranges = [("tolerance", tolerance, 0.0, 1.0), ("confidence", confidence, 0.5, 1.0)]
    if persistence is not None:
        ranges.append(("persistence", persistence, 0.0, 1.0))
    for name, given, low, high in ranges:
        value = checker.attempt(partial(check_number, name), given)
        if value is not None and not low <= value < high:
            checker.add(name, f"`{name}` must be at least {low:g} and less than {high:g}, and is {given!r}")
    checker.done()


def variation_of(variation: Any, model: BetaBinomialShare | None, purchases: Any) -> float:
    """How much the values of one customer's purchases vary: as said, or as the model has it."""
    if variation is None:
        return 0.0 if model is None else model.variation
    value = check_variation(variation)
    if purchases is None and value > 0:
        rule = "`variation` is of money, and without `purchases` these are counts"
        raise invalid("variation", rule, "Give `purchases=(before, after)`.")
    if model is not None and value != model.variation:
        rule = f"`variation` is {value:g}, and that of the model {model.variation:g}"
        raise invalid("variation", rule, "With a `model` it is not needed.")
    return value


def read_windows(before: Any, after: Any, purchases: Any, variation: float) -> tuple[Window, Window]:
    """Check both windows; report the problems of both at once."""
    behind = (None, None) if purchases is None else purchases
    if not (isinstance(behind, (tuple, list)) and len(behind) == 2):
        rule = "`purchases` must be a pair: the number of category purchases before, and after"
        raise invalid("purchases", rule)
    checker = Checker("the two windows")
    found = []
    for name, given, money in (("before", before, behind[0]), ("after", after, behind[1])):
        found.append(checker.attempt(partial(_window, name, money, variation), given))
    first, second = found
    if first is not None and second is not None and first.own.size != second.own.size:
        rule = f"both windows must be of the same customers, and have {first.own.size:,} and {second.own.size:,} rows"
        checker.add("after", rule, "Give customers who bought nothing in a window a row of zeros.")
    checker.done()
    if first is None or second is None:
        raise AssertionError  # reported above
    return first, second


def _window(name: str, purchases: Any, variation: float, given: Any) -> Window:
    own, category = _columns_of(name, given)
    names = PairNames(f"own_{name}", f"category_{name}", f"purchases_{name}", _NOT_WHOLE)
    x, n = pair_evidence("the two windows", own, category, purchases, variation, names)
    return Window(x, n, np.array(np.atleast_1d(category), dtype=np.float64))


def _columns_of(name: str, given: Any) -> tuple[Any, Any]:
    """Ours and the category: by name where there are names, and by position otherwise."""
    labels = _labels(given)
    if labels is not None:
        return _named(name, given, labels)
    if isinstance(given, (tuple, list)) and len(given) == 2:
        if isinstance(given, list) and all(np.size(part) == 2 for part in given):
            rule = f"`{name}` is a list of two lists of two, which may be two columns or two rows"
            raise invalid(name, rule, "Give two columns as a tuple (own, category), and rows as an array.")
        return given[0], given[1]
    table = np.asarray(given)
    if table.ndim != 2 or table.shape[1] != 2:
        rule = f"`{name}` must be a pair (own, category), or a table with these two columns"
        raise invalid(name, rule)
    return table[:, 0], table[:, 1]


def _labels(given: Any) -> list[Any] | None:
    """What a mapping or a dataframe calls its columns; None of anything else."""
    if isinstance(given, Mapping):
        return list(given)
    # A pyarrow table has its columns themselves under the name that others have theirs under.
    labels = getattr(given, "column_names", None)
    labels = getattr(given, "columns", None) if labels is None else labels
    return None if labels is None or callable(labels) else list(labels)


def _named(name: str, given: Any, labels: list[Any]) -> tuple[Any, Any]:
    if set(_PAIR) <= set(labels):
        columns, _ = _columns.read(given, dict(zip(_PAIR, _PAIR, strict=True)), {})
        return columns["own"], columns["category"]
    if isinstance(given, Mapping) or len(labels) != 2 or set(_PAIR) & set(labels):
        shown = ", ".join(map(repr, labels))
        rule = f"`{name}` must have the columns 'own' and 'category', and has {shown}"
        raise invalid(name, rule, "Rename them, or give a tuple (own, category) of two columns.")
    table = np.asarray(given)
    return table[:, 0], table[:, 1]
