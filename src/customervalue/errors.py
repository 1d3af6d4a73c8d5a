"""What can go wrong, in words for people (`str(error)`) and as data for programs (`error.problems`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "AssumptionWarning",
    "ConvergenceError",
    "CustomerValueError",
    "CustomerValueWarning",
    "InfiniteMeanWarning",
    "InvalidInputError",
    "Problem",
    "WeaklyIdentifiedWarning",
]


class CustomerValueError(Exception):
    """Root of all errors this library raises on purpose."""


class ConvergenceError(CustomerValueError, RuntimeError):
    """The likelihood has no maximum for these data, or the optimiser could not reach it."""


class CustomerValueWarning(UserWarning):
    """Root of all warnings this library gives."""


class WeaklyIdentifiedWarning(CustomerValueWarning):
    """The likelihood is flat in some direction: the message says what the data cannot tell."""


class InfiniteMeanWarning(CustomerValueWarning):
    """An expectation does not exist as a finite number: the message says why, and what to ask for instead."""


class AssumptionWarning(CustomerValueWarning):
    """The data contradict an assumption of the model they were given to."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One rule that the input breaks.

    Attributes
    ----------
    argument : str
        The argument or column at fault.
    rule : str
        The rule it breaks, as a sentence without its full stop.
    advice : str
        The way out.
    count : int or None
        How many rows break the rule; None where the rule is not about rows.
    first : str
        The first offending row, in words; empty where there is none.

    Examples
    --------
    >>> print(Problem("T", "`T` must not be negative", "Check `observation_end`.", count=3, first="row 17, T=-1"))
    `T` must not be negative: 3 rows break this (first: row 17, T=-1).
         Check `observation_end`.
    """

    argument: str
    rule: str
    advice: str = ""
    count: int | None = None
    first: str = ""

    def __str__(self) -> str:
        text = self.rule
        if self.count is not None:
            text += f": {self.count:,} {'row breaks' if self.count == 1 else 'rows break'} this"
        if self.first:
            text += f" (first: {self.first})"
        return f"{text}.\n     {self.advice}" if self.advice else f"{text}."


class InvalidInputError(CustomerValueError, ValueError):
    """The input breaks one or more rules; all of them are listed, and kept as data.

    Parameters
    ----------
    subject : str
        What was checked, for example ``"the customer summary"``.
    problems : sequence of Problem
        Everything found, not just the first.
    rows : int or None
        How many rows were checked.

    Attributes
    ----------
    problems : tuple of Problem
        The same as data, so that an application need not parse text.

    Examples
    --------
    >>> error = InvalidInputError("the horizon", [Problem("horizon", "`horizon` must not be negative, and is -1")])
    >>> print(error)
    1 problem in the horizon:
      1. `horizon` must not be negative, and is -1.
    >>> error.problems[0].argument
    'horizon'
    """

    def __init__(self, subject: str, problems: Sequence[Problem], rows: int | None = None) -> None:
        self.subject = subject
        self.problems = tuple(problems)
        self.rows = rows
        noun = "problem" if len(self.problems) == 1 else "problems"
        size = "" if rows is None else f" ({rows:,} {'row' if rows == 1 else 'rows'})"
        listed = (f"  {i}. {problem}" for i, problem in enumerate(self.problems, start=1))
        super().__init__("\n".join([f"{len(self.problems)} {noun} in {subject}{size}:", *listed]))

    def __reduce__(self) -> tuple[type[InvalidInputError], tuple[str, tuple[Problem, ...], int | None]]:
        # An exception that crosses a process boundary is rebuilt from these arguments.
        return type(self), (self.subject, self.problems, self.rows)


def invalid(argument: str, rule: str, advice: str = "") -> InvalidInputError:
    """Make the error for one argument that breaks one rule."""
    return InvalidInputError(f"`{argument}`", [Problem(argument, rule, advice)])
