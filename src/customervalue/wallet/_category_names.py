"""Names of brands, given or made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from customervalue._checks import Checker

__all__ = ["brand_names"]


def brand_names(
    checker: Checker, argument: str, names: str | Sequence[str] | None, table: Any, size: int
) -> tuple[str, ...]:
    """A name for each of `size` brands: those given, those of a dataframe's columns, or "own" or "brand 1", ..."""
    if names is None:
        names = _column_names(table)
    if names is None:
        return ("own",) if size == 1 else tuple(f"brand {i}" for i in range(1, size + 1))
    given = (names,) if isinstance(names, str) else tuple(map(str, names))
    if len(given) != size:
        checker.add(argument, f"`{argument}` must name each brand: there are {size} brands and {len(given)} names")
    elif len(set(given)) < size:
        checker.add(argument, f"`{argument}` must not name two brands alike, and holds {', '.join(given)}")
    return given


def _column_names(table: Any) -> list[str] | None:
    """What a dataframe of pandas, Polars or pyarrow calls its columns; None of anything else."""
    columns = getattr(table, "column_names", None) or getattr(table, "columns", None)
    return None if columns is None else [str(name) for name in columns]
