"""Tables of two brands or more, and their names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from customervalue.errors import invalid
from customervalue.wallet._category_names import brand_columns

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["brand_columns", "check_brands"]


def check_brands(brands: Sequence[str] | None, size: int | None = None) -> tuple[str, ...]:
    """Names of two brands or more, all different; made up if there are none.

    Examples
    --------
    >>> check_brands(None, 2)
    ('brand 1', 'brand 2')
    """
    if brands is None:
        return tuple(f"brand {j}" for j in range(1, (size or 0) + 1))
    names = () if isinstance(brands, str) else tuple(brands)
    if len(names) < 2 or not all(isinstance(name, str) for name in names):
        raise invalid("brands", f"`brands` must be the names of two brands or more, and is {brands!r}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise invalid("brands", f"`brands` must all have different names, and {twice[0]!r} occurs more than once")
    if size is not None and len(names) != size:
        raise invalid("brands", f"`brands` must name each column: there are {size} columns and {len(names)} names")
    return names
