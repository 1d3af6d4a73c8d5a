"""Tables of brands: an array, a mapping of columns or a dataframe, and the names of the brands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue import _columns
from customervalue.errors import invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["brand_columns", "check_brands"]


def brand_columns(amounts: Any, brands: Sequence[str] | None) -> tuple[Any, Sequence[str] | None]:
    """The table, and the names of its columns if they are known.

    Examples
    --------
    >>> brand_columns({"household": [1, 2], "ours": [3, 0], "theirs": [1, 1]}, ["ours", "theirs"])
    (array([[3, 1],
           [0, 1]]), ['ours', 'theirs'])
    """
    own = list(amounts) if isinstance(amounts, Mapping) else getattr(amounts, "columns", None)
    if own is None or hasattr(amounts, "column_names"):  # a pyarrow table has its columns themselves under that name
        own = getattr(amounts, "column_names", None)
    if own is None:
        return amounts, brands
    names = list(own) if brands is None else list(brands)
    if all(isinstance(name, str) for name in names):
        found, _ = _columns.read(amounts, {name: name for name in names}, {})
        if len({len(column) for column in found.values()}) > 1:
            rule = "all columns must have the same length"
            raise invalid("purchases", f"{rule}, and have {', '.join(f'{n} {len(c)}' for n, c in found.items())}")
        return np.column_stack([np.asarray(found[name]) for name in names]), names
    return np.asarray(amounts), brands


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
