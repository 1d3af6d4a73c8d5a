"""Arguments of the measures of concentration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from customervalue.errors import invalid
from customervalue.units import check_number

if TYPE_CHECKING:
    from customervalue._typing import FloatArray

__all__ = ["check_resamples", "check_shares", "generator", "like"]

#: Fewer resamples do not make an interval.
FEWEST = 100


def check_shares(name: str, share: Any) -> FloatArray:
    """Return shares of the customers as an array if all are in [0, 1], raise otherwise."""
    try:
        values = np.asarray(share, dtype=np.float64)
    except (TypeError, ValueError):
        raise invalid(name, f"`{name}` must be a number or an array of numbers") from None
    if not np.all((values >= 0) & (values <= 1)):
        raise invalid(name, f"`{name}` is a share of the customers, in [0, 1]", "20 % is 0.2.")
    return values


def check_resamples(n: int, name: str = "n") -> int:
    """Return a number of draws if it is 0 or a whole number that makes an interval, raise otherwise."""
    value = float("nan") if isinstance(n, (bool, np.bool_)) else check_number(name, n)
    if value != 0 and not (FEWEST <= value < float("inf") and value == np.floor(value)):
        raise invalid(name, f"`{name}` must be a whole number of draws, 0 or at least {FEWEST}, and is {n!r}")
    return int(value)


def generator(rng: Any) -> np.random.Generator:
    """Return a source of randomness, raise if it cannot be made of this."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        rule = f"`rng` must be a numpy.random.Generator or a whole number >= 0, and is {rng!r}"
        raise invalid("rng", rule, "rng=1 gives the same numbers every time.") from None


def like(asked: Any, values: Any) -> Any:
    """A float where one number was asked for, an array where several were."""
    return float(values) if np.ndim(asked) == 0 else np.asarray(values)
