"""A survey as it comes in: features, what was answered, and sampling weights, checked together."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import AssumptionWarning
from customervalue.wallet._features import check_independent, read_features

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from customervalue._typing import FloatArray
    from customervalue.wallet._features import Features

__all__ = ["Survey", "read_survey"]

#: Customers per coefficient below which estimates and intervals are shaky.
_FEW = 10


class Survey(NamedTuple):
    """Checked answers of n customers with k features; weights have mean 1."""

    features: Features
    target: FloatArray
    weights: FloatArray
    own_spend: FloatArray | None


def read_survey(
    features: Any,
    name: str,
    target: Any,
    weights: Any,
    names: Sequence[str] | None,
    check: Callable[[Checker, FloatArray, FloatArray | None], None],
    own_spend: Any = None,
) -> Survey:
    """Check a survey; `check` looks at the finite numbers of the target, and at own spend.

    Raises
    ------
    InvalidInputError
        With every problem found.

    Warns
    -----
    AssumptionWarning
        If there are fewer than 10 customers per coefficient.
    """
    checker = Checker("the survey")
    read = read_features(checker, features, names=names)
    answers = checker.numbers(name, target)
    weight = None if weights is None else checker.numbers("weights", weights)
    own = None if own_spend is None else checker.amounts("own_spend", own_spend)
    checker.same_length()
    if answers is not None and not _reported(checker, name):
        check(checker, answers, own if len(set(checker.sizes.values())) == 1 else None)
    if weight is not None and not _reported(checker, "weights"):
        advice = "They say how many customers each surveyed one stands for. Leave out those who stand for nobody."
        checker.rows("weights", weight <= 0, "`weights` must be positive", {"weights": weight}, advice)
    if read is not None and answers is not None and len(set(checker.sizes.values())) == 1:
        _check_size(checker, read)
    checker.done()
    assert read is not None and answers is not None  # noqa: PT018  # the checker has raised otherwise
    _warn_few(read)
    return Survey(read, answers, np.ones(answers.size) if weight is None else weight / weight.mean(), own)


def _reported(checker: Checker, name: str) -> bool:
    return any(problem.argument == name for problem in checker.problems)


def _check_size(checker: Checker, features: Features) -> None:
    rows, columns = features.matrix.shape
    if rows < columns + 2:
        rule = f"{rows:,} customers are too few for {columns + 1} coefficients ({columns} features and the intercept)"
        checker.add("features", rule, f"There must be {columns + 2} at least, and ten for each coefficient are wise.")
    elif rows:
        check_independent(checker, features)


def _warn_few(features: Features) -> None:
    rows, columns = features.matrix.shape
    if rows < _FEW * (columns + 1):
        warnings.warn(
            f"{rows:,} surveyed customers for {columns + 1} coefficients are fewer than {_FEW} for each: estimates "
            "and their intervals are shaky. Survey more customers, or use fewer features.",
            AssumptionWarning,
            stacklevel=4,
        )
