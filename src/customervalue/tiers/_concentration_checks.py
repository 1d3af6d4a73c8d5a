"""Arguments of the measures of concentration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import invalid
from customervalue.estimation.draws import check_count

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["check_resamples", "check_shares", "like"]


def check_shares(name: str, share: Any) -> FloatArray:
    """Return shares of the customers as an array if all are in [0, 1], raise otherwise."""
    try:
        values = np.asarray(share, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(name, f"`{name}` must be a number or an array of numbers") from None
    if not np.all((values >= 0) & (values <= 1)):
        raise invalid(name, f"`{name}` is a share of the customers, in [0, 1]", "20 % is 0.2.")
    return values


def check_resamples(n: int) -> int:
    """Return a number of resamples if it is a whole number >= 0, raise otherwise."""
    return 0 if isinstance(n, (int, float, np.number)) and n == 0 else check_count(n)


def like(asked: Any, values: Any) -> Any:
    """A float where one number was asked for, an array where several were."""
    return float(values) if np.ndim(asked) == 0 else np.asarray(values)
