"""Tables of brands: an array, a mapping of columns or a dataframe, and the names of the brands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue._tables import as_cell
from customervalue.errors import InvalidInputError, Problem, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._checks import Checker
    from customervalue._typing import AnyArray

__all__ = ["brand_columns", "brand_names", "how_many"]

#: Fewer rows may well hold ascending numbers by chance.
_ROWS = 10


def brand_columns(
    table: Any, brands: str | Sequence[str] | None, argument: str = "brands"
) -> tuple[Any, Sequence[str] | None]:
    """The table, and the names of its columns if they are known; `brands` chooses columns that have names.

    Raises
    ------
    InvalidInputError
        If a column is not there, holds text, or looks like an identifier and was not asked for by name.

    Examples
    --------
    >>> brand_columns({"household": [1, 2], "ours": [3, 0], "theirs": [1, 1]}, ["ours", "theirs"])
    (array([[3, 1],
           [0, 1]]), ['ours', 'theirs'])
    """
    own = _column_names(table)
    chosen = [brands] if isinstance(brands, str) else brands
    if own is None:
        return table, chosen
    names = list(own if chosen is None else chosen)
    if not names or not all(isinstance(name, str) for name in names):
        return np.asarray(table), chosen
    found, _ = _columns.read(table, {name: name for name in names}, {})
    columns = {name: np.asarray(values) for name, values in found.items()}
    if len({len(column) for column in columns.values()}) > 1:
        rule = "all columns must have the same length"
        raise invalid("purchases", f"{rule}, and have {', '.join(f'{n} {len(c)}' for n, c in columns.items())}")
    _check_kinds(columns, argument, asked=brands is not None)
    return np.column_stack([columns[name] for name in names]), names


def _column_names(table: Any) -> list[Any] | None:
    """What a mapping or a dataframe calls its columns; None of anything else."""
    if isinstance(table, Mapping):
        return list(table)
    # A pyarrow table has its columns themselves under the name that others have theirs under.
    names = getattr(table, "column_names", None) or getattr(table, "columns", None)
    return None if names is None else list(names)


def _check_kinds(columns: Mapping[str, AnyArray], argument: str, *, asked: bool) -> None:
    advice = f"Choose the columns that are brands by their names, with `{argument}`."
    problems = []
    for name, column in columns.items():
        if column.dtype.kind in "USMm" or (column.dtype.kind == "O" and any(isinstance(v, str) for v in column.flat)):
            problems.append(Problem(name, f"column {name!r} must hold numbers, and holds text or dates", advice))
        elif not asked and _identifies(column):
            rule = f"column {name!r} looks like a number of the customer: it rises from each row to the next"
            problems.append(Problem(name, rule, advice))
    if problems:
        raise InvalidInputError("the columns of the frame", problems)


def _identifies(column: AnyArray) -> bool:
    """Whether whole numbers rise from row to row, as those of customers do and purchases do not."""
    if column.ndim != 1 or column.size < _ROWS or column.dtype.kind not in "iuf":
        return False
    return bool(np.all(column[1:] > column[:-1]) and np.all(column == np.floor(column)))


def brand_names(checker: Checker, argument: str, names: str | Sequence[str] | None, size: int) -> tuple[str, ...]:
    """A name for each of `size` brands: those given, or "own" or "brand 1", ..."""
    if names is None:
        return ("own",) if size == 1 else tuple(f"brand {i}" for i in range(1, size + 1))
    given = (names,) if isinstance(names, str) else tuple(map(str, names))
    if len(given) != size:
        checker.add(argument, f"`{argument}` must name each brand: there are {size} brands and {len(given)} names")
    elif len(set(given)) < size:
        checker.add(argument, f"`{argument}` must not name two brands alike, and holds {', '.join(given)}")
    return given


def how_many(customers: float) -> str:
    """Their number in words for a title.

    Examples
    --------
    >>> how_many(1.0), how_many(1234.4)
    ('1 customer', '1,234 customers')
    """
    number = round(customers)
    return f"{as_cell(number)} customer{'' if number == 1 else 's'}"
