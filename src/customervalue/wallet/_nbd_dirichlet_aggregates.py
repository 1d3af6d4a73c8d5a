"""M, K and S from what is printed of a category: its penetration and purchase rate, and those of its brands."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias, get_args

import numpy as np

from customervalue._checks import Checker
from customervalue.errors import InvalidInputError, Problem, invalid
from customervalue.units import check_number
from customervalue.wallet._nbd_dirichlet_brands import brand_penetration

if TYPE_CHECKING:
    from collections.abc import Callable

    from customervalue._typing import FloatArray

__all__ = [
    "Aggregates",
    "Estimator",
    "combined_size",
    "limits",
    "positive",
    "read_aggregates",
    "shape_from_zeros",
    "size_from_penetration",
]

Estimator: TypeAlias = Literal["share_weighted", "notched"]

#: K and S are looked for within exp(+-_REACH).
_REACH = 60.0
#: What the shares may lack to 1 and still be all there is.
_ROUNDING = 1e-9


class Aggregates(NamedTuple):
    """A category in numbers: M, K, S, the shares of its brands, shape (k,), and what they lack to 1."""

    mean: float
    shape: float
    size: float
    shares: FloatArray
    other: float


def read_aggregates(
    penetration: Any,
    purchase_rate: Any,
    shares: Any,
    brand_penetration: Any,
    brand_rate: Any,
    size: Any,
    estimator: Any,
) -> Aggregates:
    """Check what `NBDDirichlet.from_aggregates` was given, and find M, K and S.

    Examples
    --------
    >>> found = read_aggregates(0.56, 2.6, [0.25], [0.20], None, None, "share_weighted")
    >>> round(found.shape, 4), round(found.size, 4), found.other
    (0.7788, 1.2977, 0.75)
    """
    mean, shape = _category(penetration, purchase_rate)
    checker = Checker("the aggregates")
    parts = checker.numbers("shares", shares)
    given = [name for name, v in _WAYS.items() if (brand_penetration, brand_rate, size)[v] is not None]
    if estimator not in get_args(Estimator):
        checker.add("estimator", f"`estimator` must be one of {', '.join(get_args(Estimator))}, and is {estimator!r}")
    if parts is not None:
        _check_shares(checker, parts)
    checker.done()
    if parts is None:
        raise AssertionError  # reported above
    other = 1 - math.fsum(parts)
    alone = parts.size == 1 and abs(other) <= _ROUNDING
    ways = ", ".join(f"`{name}`" for name in _WAYS)
    if alone and given:
        raise invalid(given[0], f"a category alone needs none of {ways}", "Give the shares of its brands in `shares`.")
    if len(given) > 1 or (not given and not alone):
        count = f"{len(given)} are" if given else "none is"
        raise invalid("S", f"one of {ways} must be given, and {count}")
    parts, other = (parts, other) if other > _ROUNDING else (parts / parts.sum(), 0.0)
    if alone:
        found = 1.0
    elif size is not None:
        found = positive("S", size)
    else:
        bought = _brand_penetrations(parts, mean, shape, brand_penetration, brand_rate)
        found = _size(bought, parts, mean, shape, estimator)
    return Aggregates(mean, shape, found, parts, other)


_WAYS = {"brand_penetration": 0, "brand_purchase_rate": 1, "S": 2}


def _category(penetration: Any, purchase_rate: Any) -> tuple[float, float]:
    """M and K, if there are any."""
    share, rate = check_number("penetration", penetration), check_number("purchase_rate", purchase_rate)
    problems = []
    if not 0 < share < 1:
        advice = "It is the share of customers who bought in the category: 0.56 is 56 %."
        problems.append(
            Problem("penetration", f"`penetration` must lie between 0 and 1, and is {penetration!r}", advice)
        )
    if not (math.isfinite(rate) and rate > 1):
        advice = "Who buys, buys once or more."
        problems.append(Problem("purchase_rate", f"`purchase_rate` must be more than 1, and is {rate:g}", advice))
    if not problems and share * rate <= -math.log1p(-share):
        least = -math.log1p(-share) / share
        rule = f"`purchase_rate` must exceed {least:.4g} where {share:.4g} of all customers buy, and is {rate:g}"
        advice = "That is the rate if all customers were alike; it cannot be less if they buy at random."
        problems.append(Problem("purchase_rate", rule, advice))
    if problems:
        raise InvalidInputError("the category", problems)
    return share * rate, shape_from_zeros(share, share * rate)


def _check_shares(checker: Checker, shares: FloatArray) -> None:
    advice = "They are fractions: 0.25 is 25 %."
    checker.rows("shares", (shares <= 0) | (shares > 1), "`shares` must lie between 0 and 1", {"share": shares}, advice)
    if math.fsum(shares) > 1 + _ROUNDING:
        advice = "Divide them by their sum if rounding is all there is to it."
        checker.add("shares", f"`shares` must not sum to more than 1, and sum to {math.fsum(shares):.6g}", advice)


def positive(name: str, value: Any) -> float:
    """Return a parameter if it is a positive number, raise otherwise."""
    number = check_number(name, value)
    if not (math.isfinite(number) and number > 0):
        raise invalid(name, f"`{name}` must be a positive number, and is {value!r}")
    return number


def _brand_penetrations(parts: FloatArray, mean: float, shape: float, penetration: Any, rate: Any) -> FloatArray:
    """Penetration of each brand, NaN where it is not known, each within what an S can reproduce."""
    name = "brand_purchase_rate" if penetration is None else "brand_penetration"
    checker = Checker("the aggregates")
    values = checker.column(name, rate if penetration is None else penetration)
    if values is None or values.dtype.kind not in "iuf" or values.size != parts.size:
        raise invalid(name, f"`{name}` must hold one number for each of the {parts.size} brands")
    known = ~np.isnan(values)
    if not known.any():
        raise invalid(name, f"`{name}` must be known of one brand or more")
    checker.rows(name, known & ~(values > 0), f"`{name}` must be positive", {name: values})
    checker.done()
    bought = np.asarray(mean * parts / values if penetration is None else values, dtype=np.float64)
    low, high = np.array([limits(share, mean, shape) for share in parts.tolist()]).T
    advice = (
        "Below the first, buyers of one brand would buy it more often than customers buy in the category; above the "
        "second, less often than if all customers chose alike. Give NaN to leave a brand out, or give `S`."
    )
    rule = "no S reproduces a penetration outside the limits of a brand's market share"
    shown = {"penetration": bought, "least": low, "most": high}
    checker.rows(name, known & ~((bought > low) & (bought < high)), rule, shown, advice)
    checker.done()
    return bought


def _size(bought: FloatArray, shares: FloatArray, mean: float, shape: float, estimator: Estimator) -> float:
    known = ~np.isnan(bought)
    pairs = zip(bought[known].tolist(), shares[known].tolist(), strict=True)
    sizes = np.array([size_from_penetration(b, share, mean, shape) for b, share in pairs])
    return combined_size(sizes, shares[known], estimator)


def shape_from_zeros(penetration: float, mean: float) -> float:
    """K such that the share of customers who buy is right: 1 - (1 + M / K) ** -K = penetration.

    Parameters
    ----------
    penetration : float
        In (0, 1), below 1 - exp(-mean), which is that of a Poisson distribution.
    mean : float
        M, purchases per customer.

    Returns
    -------
    float

    References
    ----------
    .. [1] Ehrenberg (1959), Applied Statistics 8(1), 26-41: fitting the NBD by mean and zeros.

    Examples
    --------
    >>> round(shape_from_zeros(0.56, 1.456), 4)
    0.7788
    """
    target = -math.log1p(-penetration)

    def gap(log_shape: float) -> float:
        shape = math.exp(log_shape)
        return shape * math.log1p(mean / shape) - target

    return math.exp(_root(gap))


def limits(share: float, mean: float, shape: float) -> tuple[float, float]:
    """Penetrations of a brand of this share where each customer buys one brand only (S = 0), and where all are alike.

    Examples
    --------
    >>> limits(0.25, 1.0, 1.0)
    (0.125, 0.2)
    """
    sole = share * -math.expm1(-shape * math.log1p(mean / shape))
    return sole, -math.expm1(-shape * math.log1p(mean * share / shape))


def size_from_penetration(penetration: float, share: float, mean: float, shape: float) -> float:
    """S such that a brand of this share has this penetration, which lies between its `limits`.

    Examples
    --------
    >>> round(size_from_penetration(0.20, 0.25, 1.456, 0.7788159), 4)
    1.2977
    """

    def gap(log_size: float) -> float:
        size = math.exp(log_size)
        return brand_penetration(size * share, size * (1 - share), mean, shape) - penetration

    return math.exp(_root(gap))


def _root(gap: Callable[[float], float]) -> float:
    """Where a rising function is 0, as far out as it has to be looked for."""
    from scipy.optimize import brentq

    low, high = -1.0, 1.0
    while gap(low) > 0 and low > -_REACH:
        low *= 1.5
    while gap(high) < 0 and high < _REACH:
        high *= 1.5
    if gap(low) >= 0:
        return low
    return high if gap(high) <= 0 else float(brentq(gap, low, high, xtol=1e-14, rtol=1e-14))


def combined_size(sizes: FloatArray, shares: FloatArray, estimator: Estimator) -> float:
    """One S from those of the brands: their mean weighted by market share, over all brands or without the outlying.

    The notch of a box plot spans the median +- 1.58 (interquartile range) / sqrt(brands), with Tukey's hinges as
    quartiles; brands with an S above it are left out.

    References
    ----------
    .. [1] McGill, Tukey & Larsen (1978), The American Statistician 32(1), 12-16: the notch.

    Examples
    --------
    >>> combined_size(np.array([1.0, 1.2, 5.0]), np.array([0.5, 0.2, 0.3]), "share_weighted")
    2.24
    """
    kept = np.ones(sizes.size, dtype=np.bool_)
    if estimator == "notched":
        ordered = np.sort(sizes)
        half = (ordered.size + 1) // 2  # with the median, if it is one of the values
        spread = np.median(ordered[-half:]) - np.median(ordered[:half])
        kept = sizes <= np.median(ordered) + 1.58 * spread / math.sqrt(ordered.size)
    return float(np.average(sizes[kept], weights=shares[kept]))
